/** The long-lived streams between two members: the writer at the one who sends, the reader, who dials, at the other. */
import type { Message } from "../raft/types.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import { ETCD_LIMITS, type HostId, type MemberNumber } from "./model.js";
import {
  type Outgoing,
  type PeerContext,
  PeerPurpose,
  type PeerStatus,
  REQUEST_HEAD_BYTES,
  STREAM_ACCEPTED,
  STREAM_GONE,
  STREAM_REFUSED,
  STREAM_REQUEST,
  type StreamChannel,
} from "./peer-words.js";
import type { Beat, CloseReason, Redialler, Socket } from "./tcp-types.js";

/** Messages that wait for a writer whose connection takes no more (rafthttp, streamBufSize). */
const STREAM_BUFFER = 4096;
/** A link's keep-alive with its frame. */
const LINK_HEARTBEAT_BYTES = 20;
/** Frame of a message in a chunked answer. */
const FRAME_BYTES = 16;
/**
 * What a kernel takes of a connection from which nothing comes back: Linux' first send buffer (87,040 bytes) less its
 * bookkeeping. Beyond it a write blocks.
 */
const SEND_BUFFER_BYTES = 55_000;
/** A write that blocks so long fails: the deadline of connections that a peer's listener accepted (rafthttp, ConnWriteTimeout). */
const WRITE_LIMIT_US: Micros = 5 * SECOND;
/** With the second refusal whatever the process that has ended sent last has arrived. */
const REFUSALS_SURE = 2;
/** How often a blocked writer looks. */
const BLOCKED_LOOK_US: Micros = 50 * MILLISECOND;

/** The sending side of one stream. */
export class StreamWriter {
  readonly #context: PeerContext;
  readonly #member: MemberNumber;
  readonly #status: PeerStatus;
  /** First keep-alive of the writer's own ticker, which runs from its start whatever is attached. */
  readonly #firstPulseUs: Micros;
  #socket: Socket | undefined;
  #blocked: Outgoing[] = [];
  #blockedSinceUs: Micros = 0;

  constructor(context: PeerContext, member: MemberNumber, status: PeerStatus) {
    this.#context = context;
    this.#member = member;
    this.#status = status;
    this.#firstPulseUs = context.nowUs + ETCD_LIMITS.streamHeartbeatUs;
  }

  get isWorking(): boolean {
    return this.#socket !== undefined;
  }

  /** Whether what is sent now arrives without anything to wait for. */
  get isClean(): boolean {
    return this.#socket?.isClean === true && this.#blocked.length === 0;
  }

  canPass(everyUs: Micros, spreadUs: Micros): boolean {
    return this.#socket?.canPass(everyUs, spreadUs) === true;
  }

  passed(messages: number, everyUs: Micros, lastUs: Micros): void {
    this.#socket?.passed(messages, everyUs, lastUs);
  }

  /** A peer's reader is there; it takes the place of the one before. */
  attach(socket: Socket): void {
    this.#socket?.close();
    if (this.#blocked.length > 0) this.#drop();
    this.#socket = socket;
    this.#status.activate();
    socket.pulse(ETCD_LIMITS.streamHeartbeatUs, this.#firstPulseUs, LINK_HEARTBEAT_BYTES);
  }

  /** False: there is no room. Only while it is working. */
  send(message: Message, bytes: number, beat: Beat | undefined): boolean {
    if (this.#blocked.length === 0 && !this.#isFull()) {
      this.#socket?.send(message, bytes + FRAME_BYTES, beat);
      return true;
    }
    if (this.#blocked.length >= STREAM_BUFFER) return false;
    this.#blocked.push({ message, bytes, beat });
    if (this.#blocked.length === 1) {
      this.#blockedSinceUs = this.#context.nowUs;
      this.#lookLater(this.#socket);
    }
    return true;
  }

  /** The connection is over, as its kernel says. */
  closed(socket: Socket): void {
    if (socket === this.#socket) this.#break();
  }

  stop(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#blocked = [];
  }

  #isFull(): boolean {
    const socket = this.#socket;
    return socket?.isStalled === true && socket.unacknowledgedBytes > SEND_BUFFER_BYTES;
  }

  #lookLater(socket: Socket | undefined): void {
    this.#context.after(BLOCKED_LOOK_US, () => {
      if (socket === undefined || socket !== this.#socket || this.#blocked.length === 0) return;
      let sent = 0;
      for (; sent < this.#blocked.length && !this.#isFull(); sent++) {
        const { message, bytes, beat } = this.#blocked[sent] as Outgoing;
        socket.send(message, bytes + FRAME_BYTES, beat);
      }
      if (sent > 0) {
        this.#blocked.splice(0, sent);
        this.#blockedSinceUs = this.#context.nowUs;
      }
      if (this.#blocked.length === 0) return;
      if (this.#context.nowUs - this.#blockedSinceUs < WRITE_LIMIT_US) {
        this.#lookLater(socket);
        return;
      }
      socket.close();
      this.#break();
    });
  }

  #break(): void {
    this.#socket = undefined;
    this.#blocked = [];
    this.#status.deactivate();
    this.#context.upcalls.unreachable(this.#member);
  }

  #drop(): void {
    this.#blocked = [];
    this.#context.after(0, () => this.#context.upcalls.unreachable(this.#member));
  }
}

/**
 * The receiving side: dials, asks for the stream, and dials again whenever it breaks. It has no deadline for reading: a
 * connection that is silent is noticed by TCP's keep-alive alone.
 */
export class StreamReader implements Redialler {
  readonly #context: PeerContext;
  readonly #purpose: PeerPurpose;
  readonly #host: HostId;
  readonly #status: PeerStatus;
  #socket: Socket | undefined;
  /** Of the last try after the first: they are at least {@link ETCD_LIMITS.redialUs} apart. */
  #lastRetryUs: Micros = Number.NEGATIVE_INFINITY;
  /** Dials that were refused one after the other. */
  #refusals = 0;
  /** Ends the dials that are known to be refused, while it is among them. */
  #endRefused: (() => void) | undefined;
  #isStopped = false;

  constructor(context: PeerContext, channel: StreamChannel, host: HostId, status: PeerStatus) {
    this.#context = context;
    this.#purpose = new PeerPurpose(channel, context.self);
    this.#host = host;
    this.#status = status;
  }

  start(): void {
    this.#socket = this.#context.dial(this.#host, this.#purpose, this);
  }

  stop(): void {
    this.#isStopped = true;
    this.#endRefused?.();
    this.#socket?.close();
    this.#socket = undefined;
  }

  dialled(socket: Socket, sinceUs: Micros): void {
    this.#endRefused = undefined;
    this.#socket = socket;
    this.#lastRetryUs = sinceUs;
  }

  resumed(nextUs: Micros): void {
    this.#endRefused = undefined;
    this.#startAt(nextUs);
  }

  connected(socket: Socket): void {
    this.#refusals = 0;
    socket.send(STREAM_REQUEST, REQUEST_HEAD_BYTES);
  }

  received(socket: Socket, item: NonNullable<unknown>, beat?: Beat): void {
    if (item === STREAM_ACCEPTED) this.#status.activate();
    else if (item === STREAM_REFUSED || item === STREAM_GONE) {
      socket.close();
      this.#again();
      if (item === STREAM_GONE) this.#context.upcalls.removed?.();
    } else this.#context.upcalls.received(item as Message, beat);
  }

  closed(_socket: Socket, reason: CloseReason): void {
    this.#refusals = reason === "refused" ? this.#refusals + 1 : 0;
    this.#again();
  }

  #again(): void {
    this.#socket = undefined;
    this.#status.deactivate();
    const atUs = Math.max(this.#context.nowUs, this.#lastRetryUs + ETCD_LIMITS.redialUs);
    if (this.#refusals >= REFUSALS_SURE && !this.#isStopped)
      this.#endRefused = this.#context.redial(this.#host, this.#purpose, this, atUs);
    if (this.#endRefused === undefined) this.#startAt(atUs);
  }

  #startAt(atUs: Micros): void {
    this.#lastRetryUs = atUs;
    this.#context.after(atUs - this.#context.nowUs, () => {
      if (!this.#isStopped) this.start();
    });
  }
}
