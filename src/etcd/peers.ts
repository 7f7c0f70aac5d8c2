/**
 * A member's transport to its peers: etcd 3.5's rafthttp. Between two members stand four streams, two each way, each
 * dialled by the one who reads it; without a stream messages go by requests of their own (peer.go, stream.go, pipeline.go,
 * snapshot_sender.go at v3.5.30).
 */
import { assert, unreachable } from "../assert.js";
import type { InstallSnapshot, Message } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import { ETCD_LIMITS, type EtcdModel, type HostId, type MemberNumber } from "./model.js";
import { Pipeline, POST_KEPT_US, PostServer, SnapshotPost } from "./peer-pipeline.js";
import { StreamReader, StreamWriter } from "./peer-stream.js";
import type { PeerTimers } from "./peer-timers.js";
import type { PeerTransport, PeerUpcalls } from "./peer-types.js";
import {
  ANSWER_HEAD_BYTES,
  type PeerContext,
  PeerPurpose,
  PeerStatus,
  STREAM_ACCEPTED,
  STREAM_GONE,
  STREAM_REFUSED,
  type StreamChannel,
} from "./peer-words.js";
import type { Beat, Network, Socket, SocketOwner } from "./tcp-types.js";

/** What a process' transport is made with. */
export interface HttpPeersSetup {
  readonly network: Network;
  /** One for the whole group. */
  readonly timers: PeerTimers;
  readonly model: Pick<EtcdModel, "electionUs">;
  readonly self: MemberNumber;
  readonly host: HostId;
  readonly upcalls: PeerUpcalls;
}

/** Whether a connection was dialled by a peer's transport: such are for {@link HttpPeers.accept}. */
export function isPeerPurpose(purpose: NonNullable<unknown>): purpose is PeerPurpose {
  return purpose instanceof PeerPurpose;
}

/**
 * One process' transport. The process listens on its host itself and hands to `accept` what peers dial. It draws
 * nothing: delays are the network's.
 */
export class HttpPeers implements PeerTransport {
  readonly #network: Network;
  readonly #context: PeerContext;
  readonly #peers = new Map<MemberNumber, Peer>();
  /** Members that are no peers (yet): they asked for a stream before this member knew them, and are answered by requests. */
  readonly #remotes = new Map<MemberNumber, Remote>();
  readonly #removed = new Set<MemberNumber>();
  #isStarted = false;
  #isStopped = false;

  constructor(setup: HttpPeersSetup) {
    const { network, timers, model, self, host, upcalls } = setup;
    this.#network = network;
    const dialUs = ETCD_LIMITS.dialBaseUs + model.electionUs;
    this.#context = {
      get nowUs() {
        return timers.nowUs;
      },
      self,
      upcalls,
      after: (delayUs, action) =>
        timers.after(delayUs, self, () => {
          if (!this.#isStopped) action();
        }),
      dial: (to, purpose, owner, beat) => this.#network.dial(host, to, purpose, dialUs, owner, beat),
      redial: (to, purpose, owner, firstUs) =>
        this.#network.redial(host, to, purpose, dialUs, owner, firstUs, ETCD_LIMITS.redialUs),
    };
  }

  start(): void {
    this.#isStarted = true;
    for (const peer of this.#peers.values()) peer.start();
  }

  stop(): void {
    this.#isStopped = true;
  }

  addPeer(member: MemberNumber, host: HostId): void {
    if (this.#peers.has(member)) return;
    assert(member !== this.#context.self, "a member is no peer of itself");
    this.#removed.delete(member);
    const peer = new Peer(this.#context, member, host);
    this.#peers.set(member, peer);
    if (this.#isStarted) peer.start();
  }

  /** A member that this one does not count as a peer yet: messages to it go by requests, no streams are read. */
  addRemote(member: MemberNumber, host: HostId): void {
    if (this.#peers.has(member) || this.#remotes.has(member)) return;
    this.#remotes.set(member, new Remote(this.#context, member, host));
  }

  removePeer(member: MemberNumber): void {
    this.#removed.add(member);
    this.#peers.get(member)?.stop();
    this.#peers.delete(member);
    this.#remotes.get(member)?.stop();
    this.#remotes.delete(member);
  }

  send(message: Message, bytes: number, beat?: Beat): void {
    const member = message.to - 1;
    const peer = this.#peers.get(member);
    if (peer !== undefined) peer.send(message, bytes, beat);
    else this.#remotes.get(member)?.send(message, bytes, beat);
  }

  get activePeers(): number {
    let active = 0;
    for (const peer of this.#peers.values()) if (peer.status.sinceUs !== undefined) active++;
    return active;
  }

  activeSinceUs(member: MemberNumber): Micros | undefined {
    return this.#peers.get(member)?.status.sinceUs;
  }

  isClean(member: MemberNumber): boolean {
    return this.#peers.get(member)?.isClean === true;
  }

  canPassBeats(member: MemberNumber, everyUs: Micros, spreadUs: Micros): boolean {
    return this.#peers.get(member)?.writer("message").canPass(everyUs, spreadUs) === true;
  }

  passedBeats(member: MemberNumber, beats: number, everyUs: Micros, lastUs: Micros): void {
    this.#peers.get(member)?.writer("message").passed(beats, everyUs, lastUs);
  }

  isSilent(member: MemberNumber): boolean {
    return this.#peers.get(member)?.isSilent === true;
  }

  /** A peer has dialled this process: who hears of the connection. */
  accept(socket: Socket, purpose: NonNullable<unknown>): SocketOwner {
    assert(isPeerPurpose(purpose), "a connection dialled by a peer's transport");
    const { channel, from } = purpose;
    switch (channel) {
      case "append":
      case "message":
        return this.#streamOwner(channel, from);
      case "post":
      case "snapshot": {
        // A database is on its way for as long as it takes: only what is idle is closed.
        const keptUs = channel === "post" ? POST_KEPT_US : Number.POSITIVE_INFINITY;
        return new PostServer(this.#context, socket, keptUs, () => !this.#removed.has(from));
      }
      default:
        return unreachable(channel);
    }
  }

  /** The one item that a stream's reader sends is its request. */
  #streamOwner(channel: StreamChannel, from: MemberNumber): SocketOwner {
    return {
      received: (socket) => {
        const peer = this.#peers.get(from);
        if (peer === undefined) {
          const isRemoved = this.#removed.has(from);
          if (!isRemoved) this.addRemote(from, socket.remote);
          socket.send(isRemoved ? STREAM_GONE : STREAM_REFUSED, ANSWER_HEAD_BYTES);
          return;
        }
        socket.send(STREAM_ACCEPTED, ANSWER_HEAD_BYTES);
        peer.writer(channel).attach(socket);
      },
      closed: (socket) => this.#peers.get(from)?.writer(channel).closed(socket),
    };
  }
}

/** Everything to and from one other member. */
class Peer {
  readonly status: PeerStatus;
  readonly #context: PeerContext;
  readonly #member: MemberNumber;
  readonly #host: HostId;
  readonly #appends: StreamWriter;
  readonly #messages: StreamWriter;
  readonly #readers: readonly StreamReader[];
  readonly #pipeline: Pipeline;
  readonly #snapshots = new Set<SnapshotPost>();

  constructor(context: PeerContext, member: MemberNumber, host: HostId) {
    const status = new PeerStatus(context);
    this.status = status;
    this.#context = context;
    this.#member = member;
    this.#host = host;
    this.#appends = new StreamWriter(context, member, status);
    this.#messages = new StreamWriter(context, member, status);
    this.#pipeline = new Pipeline(context, member, host, status);
    this.#readers = (["append", "message"] as const).map(
      (channel) => new StreamReader(context, channel, host, status),
    );
  }

  get isSilent(): boolean {
    return (
      !this.#appends.isWorking &&
      !this.#messages.isWorking &&
      this.#pipeline.isIdle &&
      this.#snapshots.size === 0 &&
      this.status.sinceUs === undefined
    );
  }

  get isClean(): boolean {
    return this.#appends.isClean && this.#messages.isClean;
  }

  start(): void {
    for (const reader of this.#readers) reader.start();
  }

  stop(): void {
    for (const reader of this.#readers) reader.stop();
    this.#appends.stop();
    this.#messages.stop();
    this.#pipeline.stop();
    for (const snapshot of this.#snapshots) snapshot.stop();
    this.#snapshots.clear();
  }

  writer(channel: StreamChannel): StreamWriter {
    return channel === "append" ? this.#appends : this.#messages;
  }

  /** Appends go by their own stream if it stands; everything by the other one if that stands; else by a request. */
  send(message: Message, bytes: number, beat: Beat | undefined): void {
    // What goes with a beat is a heartbeat or its answer, and need not be asked for its type.
    if (beat === undefined && message.type === "InstallSnapshot") {
      this.#sendSnapshot(message, bytes);
      return;
    }
    let isTaken: boolean;
    if (beat === undefined && message.type === "AppendEntries" && this.#appends.isWorking)
      isTaken = this.#appends.send(message, bytes, beat);
    else if (this.#messages.isWorking) isTaken = this.#messages.send(message, bytes, beat);
    else isTaken = this.#pipeline.send({ message, bytes, beat });
    if (!isTaken) this.#context.after(0, () => this.#context.upcalls.unreachable(this.#member));
  }

  #sendSnapshot(message: InstallSnapshot, bytes: number): void {
    const post = new SnapshotPost(this.#context, this.#member, this.status, message, bytes, (done) =>
      this.#snapshots.delete(done),
    );
    this.#snapshots.add(post);
    post.start(this.#host);
  }
}

class Remote {
  readonly #pipeline: Pipeline;

  constructor(context: PeerContext, member: MemberNumber, host: HostId) {
    this.#pipeline = new Pipeline(context, member, host, new PeerStatus(context));
  }

  /** What finds no room is dropped without a word. */
  send(message: Message, bytes: number, beat: Beat | undefined): void {
    this.#pipeline.send({ message, bytes, beat });
  }

  stop(): void {
    this.#pipeline.stop();
  }
}
