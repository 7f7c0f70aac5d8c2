/** A group of etcd members on a network: what can be done to it, and where its events go. */
import { present } from "../assert.js";
import type { RandomStreams } from "../engine/random.js";
import { SlotTable } from "../engine/slots.js";
import type { Snapshot } from "../raft/types.js";
import type { Variate } from "../units/variate.js";
import { CLIENT_PURPOSE } from "./client.js";
import type { EtcdClock, EtcdHandlers } from "./events.js";
import { Member } from "./member.js";
import { type BeatNetwork, MemberTicks } from "./member-ticks.js";
import { type EtcdModel, type HostId, type MemberNumber, TOGETHER_SPREAD_US } from "./model.js";
import { PeerTimers } from "./peer-timers.js";
import type { PeerUpcalls } from "./peer-types.js";
import { HttpPeers } from "./peers.js";
import type { GroupContext, Proposal } from "./process-types.js";
import type { StoreSnapshot } from "./store.js";
import type { Socket, SocketOwner } from "./tcp-types.js";
import type { Backup, EtcdGroupFace, EtcdObserver, StartOptions } from "./world-types.js";

interface Timer {
  readonly incarnation: number;
  readonly action: () => void;
}

export class EtcdGroup implements EtcdGroupFace, GroupContext {
  readonly clock: EtcdClock;
  readonly network: BeatNetwork;
  readonly ticks: MemberTicks;
  readonly model: EtcdModel;
  readonly streams: RandomStreams;
  readonly observer: EtcdObserver;
  readonly members: readonly Member[];
  readonly handlers: EtcdHandlers<"member-tick" | "member-saved" | "member-timer" | "peer-timer">;
  readonly #proposals: Proposal[] = [];
  readonly #timers = new SlotTable<Timer>();
  readonly #peerTimers: PeerTimers;
  /** Of snapshots on their way; gone with them. */
  readonly #contents = new WeakMap<Snapshot, StoreSnapshot>();
  #numbers = 0;
  /** By member, where it is not the model's. */
  readonly #fsyncs: (Variate | undefined)[] = [];

  constructor(
    clock: EtcdClock,
    network: BeatNetwork,
    model: EtcdModel,
    streams: RandomStreams,
    observer: EtcdObserver = {},
  ) {
    this.clock = clock;
    this.network = network;
    this.model = model;
    this.streams = streams;
    this.observer = observer;
    this.#peerTimers = new PeerTimers(clock);
    this.handlers = {
      "member-tick": (member, incarnation) => this.ticks.due(member, incarnation),
      "member-saved": (member, incarnation) => {
        const one = this.#member(member);
        if (one.incarnation === incarnation) one.server?.loop.saved();
      },
      "member-timer": (member, slot) => {
        const { incarnation, action } = this.#timers.take(slot);
        if (this.#member(member).incarnation === incarnation) action();
      },
      ...this.#peerTimers.handlers,
    };
    this.members = model.members.map(
      (_, number) => new Member(this, number, (member, upcalls) => this.#makePeers(member, upcalls)),
    );
    // Who listens to every message is told of every message.
    const isOverheard = observer.sent !== undefined || observer.received !== undefined;
    const skips = model.skips === true && !isOverheard;
    this.ticks = new MemberTicks(clock, network, this.members, model.heartbeatUs, skips);
  }

  start(): void {
    const draws = this.streams.counted("etcd/start");
    for (const member of this.members) {
      if (member.model.joinsLater === true) continue;
      const spread = this.model.tickPhase === "together" ? TOGETHER_SPREAD_US : this.model.heartbeatUs;
      const drawn = Math.floor(draws.uniform(member.number) * spread);
      this.#start(member, {}, member.model.firstTickOffsetUs ?? drawn);
    }
  }

  kill(member: MemberNumber): void {
    this.#member(member).kill();
  }

  powerOff(member: MemberNumber): void {
    this.#member(member).powerOff();
  }

  powerOn(member: MemberNumber): void {
    this.#member(member).powerOn();
  }

  startMember(number: MemberNumber, options: StartOptions = {}): void {
    const member = this.#member(number);
    this.#start(member, options, undefined);
  }

  leader(): MemberNumber | undefined {
    let leader: Member | undefined;
    for (const member of this.members) {
      if (member.role === "leader" && (leader === undefined || member.term > leader.term)) leader = member;
    }
    return leader?.number;
  }

  member(member: MemberNumber): Member {
    return this.#member(member);
  }

  /** The member's disk is another one from now on, as to its fsyncs; undefined: the model's. One under way ends as it began. */
  setFsync(member: MemberNumber, fsyncUs: Variate | undefined): void {
    this.#fsyncs[this.#member(member).number] = fsyncUs;
  }

  databaseFile(member: MemberNumber): Backup {
    return this.#member(member).databaseFile();
  }

  // What the processes ask for.

  fsyncOf(member: MemberNumber): Variate {
    return this.#fsyncs[member] ?? this.model.costs.fsyncUs;
  }

  hostOf(member: MemberNumber): HostId {
    return this.#member(member).model.host;
  }

  propose(proposal: Proposal): number {
    return this.#proposals.push(proposal);
  }

  proposal(data: number): Proposal | undefined {
    return this.#proposals[data - 1];
  }

  keepContent(snapshot: Snapshot, content: StoreSnapshot): void {
    this.#contents.set(snapshot, content);
  }

  contentOf(snapshot: Snapshot): StoreSnapshot {
    return present(this.#contents.get(snapshot), "what was sent has a content");
  }

  nextNumber(): number {
    return ++this.#numbers;
  }

  after(member: MemberNumber, incarnation: number, delayUs: number, action: () => void): void {
    const slot = this.#timers.put({ incarnation, action });
    this.clock.after(delayUs, this.clock.kinds["member-timer"], member, slot);
  }

  saveAfter(member: MemberNumber, incarnation: number, delayUs: number): void {
    this.clock.after(delayUs, this.clock.kinds["member-saved"], member, incarnation);
  }

  exitRemoved(member: MemberNumber, incarnation: number): void {
    if (this.#member(member).incarnation === incarnation) this.kill(member);
  }

  /** `bootUs`: undefined for as long as such a start takes. */
  #start(member: Member, options: StartOptions, bootUs: number | undefined): void {
    const delay = member.start(options, bootUs);
    const { incarnation } = member;
    this.after(member.number, incarnation, delay, () => {
      const server = member.boot(options);
      this.network.listen(member.model.host, {
        accept: (socket, purpose) => this.#accept(member, socket, purpose),
      });
      server.start();
      this.ticks.start(member.number);
    });
  }

  #makePeers(self: MemberNumber, upcalls: PeerUpcalls): HttpPeers {
    const { network, model } = this;
    return new HttpPeers({
      network,
      timers: this.#peerTimers,
      model,
      self,
      host: this.hostOf(self),
      upcalls,
    });
  }

  #accept(member: Member, socket: Socket, purpose: NonNullable<unknown>): SocketOwner {
    const server = present(member.server, "who listens has a process");
    if (purpose === CLIENT_PURPOSE) return server.api.accept(socket);
    return (server.peers as HttpPeers).accept(socket, purpose);
  }

  #member(number: MemberNumber): Member {
    return present(this.members[number], "a member of this group");
  }
}
