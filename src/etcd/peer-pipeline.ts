/** Messages by requests of their own: what a member falls back on without a stream, and how it sends a database. */
import type { InstallSnapshot, Message } from "../raft/types.js";
import { type Micros, SECOND } from "../units/time.js";
import type { HostId, MemberNumber } from "./model.js";
import {
  ANSWER_HEAD_BYTES,
  type Outgoing,
  type PeerContext,
  PeerPurpose,
  type PeerStatus,
  POST_REFUSED,
  POST_TAKEN,
  REQUEST_HEAD_BYTES,
} from "./peer-words.js";
import type { Beat, Socket, SocketOwner } from "./tcp-types.js";

/** Requests under way to one peer (rafthttp, connPerPipeline), and messages that wait for one of them (pipelineBufSize). */
const WORKERS = 4;
const BUFFER = 64;
/** A kept connection without a request is closed after so long by the side that answers: its listener's read deadline (rafthttp, ConnReadTimeout). */
export const POST_KEPT_US: Micros = 5 * SECOND;

export class Pipeline {
  readonly #context: PeerContext;
  readonly #member: MemberNumber;
  readonly #host: HostId;
  readonly #status: PeerStatus;
  /** Without a worker. */
  readonly #waiting: Outgoing[] = [];
  /** With a worker, without a connection. */
  readonly #unconnected: Outgoing[] = [];
  readonly #connections = new Set<PostConnection>();
  /** The one used last is used first, as Go's HTTP client does. */
  readonly #kept: PostConnection[] = [];
  #working = 0;

  constructor(context: PeerContext, member: MemberNumber, host: HostId, status: PeerStatus) {
    this.#context = context;
    this.#member = member;
    this.#host = host;
    this.#status = status;
  }

  /** No request is under way, no connection stands. */
  get isIdle(): boolean {
    return this.#working === 0 && this.#connections.size === 0;
  }

  /** False: the buffer is full. */
  send(outgoing: Outgoing): boolean {
    if (this.#working < WORKERS) this.#work(outgoing);
    else if (this.#waiting.length < BUFFER) this.#waiting.push(outgoing);
    else return false;
    return true;
  }

  stop(): void {
    this.#waiting.length = 0;
    this.#unconnected.length = 0;
    this.#kept.length = 0;
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
  }

  #work(outgoing: Outgoing): void {
    this.#working++;
    const kept = this.#kept.pop();
    if (kept !== undefined) {
      kept.post(outgoing);
      return;
    }
    this.#unconnected.push(outgoing);
    const connection = new PostConnection({
      isFree: () => this.#isFree(connection),
      answered: (isTaken) => {
        this.#finished(isTaken);
        if (!isTaken) this.#context.upcalls.removed?.();
      },
      closed: (wasPosting, wasConnected) => this.#closed(connection, wasPosting, wasConnected),
    });
    this.#connections.add(connection);
    connection.dial(this.#context, this.#host, outgoing.beat);
  }

  #isFree(connection: PostConnection): void {
    const next = this.#unconnected.shift();
    if (next === undefined) this.#kept.push(connection);
    else connection.post(next);
  }

  #closed(connection: PostConnection, wasPosting: boolean, wasConnected: boolean): void {
    this.#connections.delete(connection);
    const place = this.#kept.indexOf(connection);
    if (place >= 0) this.#kept.splice(place, 1);
    // A failed dial is told to one of those who wait for a connection.
    if (wasPosting || (!wasConnected && this.#unconnected.shift() !== undefined)) this.#finished(false);
  }

  #finished(isTaken: boolean): void {
    this.#working--;
    if (isTaken) this.#status.activate();
    else {
      this.#status.deactivate();
      this.#context.upcalls.unreachable(this.#member);
    }
    const next = this.#waiting.shift();
    if (next !== undefined) this.#work(next);
  }
}

interface PostOwner {
  /** It is dialled, or its request was answered. */
  isFree(): void;
  answered(isTaken: boolean): void;
  closed(wasPosting: boolean, wasConnected: boolean): void;
}

class PostConnection implements SocketOwner {
  readonly #owner: PostOwner;
  #socket: Socket | undefined;
  #isConnected = false;
  #isPosting = false;

  constructor(owner: PostOwner) {
    this.#owner = owner;
  }

  dial(context: PeerContext, host: HostId, beat: Beat | undefined): void {
    this.#socket = context.dial(host, new PeerPurpose("post", context.self), this, beat);
  }

  post({ message, bytes, beat }: Outgoing): void {
    this.#isPosting = true;
    this.#socket?.send(message, bytes + REQUEST_HEAD_BYTES, beat);
  }

  close(): void {
    this.#socket?.close();
  }

  connected(): void {
    this.#isConnected = true;
    this.#owner.isFree();
  }

  received(_socket: Socket, answer: NonNullable<unknown>): void {
    this.#isPosting = false;
    this.#owner.isFree();
    this.#owner.answered(answer === POST_TAKEN);
  }

  closed(): void {
    this.#owner.closed(this.#isPosting, this.#isConnected);
  }
}

/** The answering side of one connection for posts or for a database. */
export class PostServer implements SocketOwner {
  readonly #context: PeerContext;
  readonly #keptUs: Micros;
  readonly #isWelcome: () => boolean;
  #lastUsedUs: Micros;
  #isClosed = false;

  /** `keptUs`: without a request for so long it is closed; Infinity: never. */
  constructor(context: PeerContext, socket: Socket, keptUs: Micros, isWelcome: () => boolean) {
    this.#context = context;
    this.#keptUs = keptUs;
    this.#isWelcome = isWelcome;
    this.#lastUsedUs = context.nowUs;
    if (keptUs < Number.POSITIVE_INFINITY) this.#closeLater(socket, keptUs);
  }

  received(socket: Socket, item: NonNullable<unknown>, beat?: Beat): void {
    this.#lastUsedUs = this.#context.nowUs;
    const isTaken = this.#isWelcome();
    if (isTaken) this.#context.upcalls.received(item as Message, beat);
    if (socket.isOpen) socket.send(isTaken ? POST_TAKEN : POST_REFUSED, ANSWER_HEAD_BYTES);
  }

  closed(): void {
    this.#isClosed = true;
  }

  #closeLater(socket: Socket, delayUs: Micros): void {
    this.#context.after(delayUs, () => {
      if (this.#isClosed || !socket.isOpen) return;
      const leftUs = this.#lastUsedUs + this.#keptUs - this.#context.nowUs;
      if (leftUs > 0) this.#closeLater(socket, leftUs);
      else socket.close();
    });
  }
}

/** One database on its way to a peer. */
export class SnapshotPost implements SocketOwner {
  readonly #context: PeerContext;
  readonly #member: MemberNumber;
  readonly #status: PeerStatus;
  readonly #message: InstallSnapshot;
  readonly #bytes: number;
  readonly #done: (post: SnapshotPost) => void;
  #socket: Socket | undefined;

  constructor(
    context: PeerContext,
    member: MemberNumber,
    status: PeerStatus,
    message: InstallSnapshot,
    bytes: number,
    done: (post: SnapshotPost) => void,
  ) {
    this.#context = context;
    this.#member = member;
    this.#status = status;
    this.#message = message;
    this.#bytes = bytes;
    this.#done = done;
  }

  start(host: HostId): void {
    this.#socket = this.#context.dial(host, new PeerPurpose("snapshot", this.#context.self), this);
  }

  stop(): void {
    this.#socket?.close();
  }

  connected(socket: Socket): void {
    socket.send(this.#message, this.#bytes + REQUEST_HEAD_BYTES);
  }

  received(socket: Socket, answer: NonNullable<unknown>): void {
    socket.close();
    this.#end(answer === POST_TAKEN);
  }

  closed(): void {
    this.#end(false);
  }

  #end(isDelivered: boolean): void {
    this.#done(this);
    if (isDelivered) this.#status.activate();
    else {
      this.#status.deactivate();
      this.#context.upcalls.unreachable(this.#member);
    }
    this.#context.upcalls.snapshotSent(this.#member, isDelivered);
  }
}
