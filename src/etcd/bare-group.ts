/**
 * A group of bare Raft members on a clock: ticks, datagrams, disks, deaths, clients that propose, and nothing of etcd's
 * server. For what Raft alone decides over long times, such as a layout's years of leader crashes; and the place where
 * leaving quiet time out (quiet-time.ts) is held to the run that leaves nothing out.
 *
 * Members are numbered from 0 and have the Raft identity of one more, as everywhere in this room.
 */
import { assert, present } from "../assert.js";
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { Simulation } from "../engine/simulation.js";
import { RaftNode } from "../raft/node.js";
import type { DurableImage, Effects, Entry, MemberId, Message, RaftConfig } from "../raft/types.js";
import { EMPTY_DATA, ETCD_DEFAULTS, NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import { BareLine, LOST } from "./bare-line.js";
import type { BareGroupModel, BareObserver, BareOutcome } from "./bare-model.js";
import { type MemberNumber, raftId } from "./model.js";
import { passQuietTime, type QuietFollower, type QuietGroup } from "./quiet-time.js";
import type { Beat } from "./tcp-types.js";

const BARE_EVENTS = [
  /** (member, generation of its ticks). */
  "tick",
  /** (slot of the message, 0). */
  "arrive",
  /** A snapshot was not sent, as its sender's transport knows: (from, to). */
  "unsent",
  /** (member, incarnation). */
  "saved",
  /** (client, generation of its timers). */
  "client",
  /** (number in the plan, 0). */
  "planned",
  /** (member, incarnation that died). */
  "restart",
  /** (from, to). */
  "heal",
] as const;

/** A message that waits for the disk or is under way. */
interface Waiting {
  readonly message: Message;
  readonly sendAfter: number;
  readonly beat: Beat | undefined;
}

class Member implements QuietFollower {
  readonly number: MemberNumber;
  running: RaftNode | undefined;
  image: DurableImage = { hardState: { term: 0, votedFor: NONE, commitIndex: 0 }, entries: [] };
  /** Starts, counted from 1. */
  incarnation = 0;
  /** Of this incarnation. */
  ticks = 0;
  nextTickUs: Micros = 0;
  /** A tick on the event list with another one is stale. */
  tickGeneration = 0;
  /** When its tick was put on the list, as a count of such moments. */
  tickOrder = 0;
  /** The fsync under way covers the writes through here; 0: none is under way. */
  savingThrough = 0;
  appliedIndex = 0;
  term = 0;
  waiting: Waiting[] = [];

  constructor(number: MemberNumber) {
    this.number = number;
  }

  get node(): RaftNode {
    return present(this.running, "the member is down");
  }
}

/** A client's state. */
interface Asking {
  /** What it has proposed and not heard of; {@link EMPTY_DATA}: nothing. */
  data: number;
  sentUs: Micros;
  generation: number;
  operations: number;
}

export class BareGroup implements QuietGroup {
  readonly tickUs: Micros;
  /** Datagrams leave no traces. */
  readonly playedRounds = 0;
  /** Rounds that were left out. */
  roundsPassed = 0;
  readonly #model: BareGroupModel;
  readonly #observer: BareObserver;
  readonly #simulation = new Simulation(BARE_EVENTS);
  readonly #members: readonly Member[];
  readonly #lines: readonly (readonly BareLine[])[];
  readonly #phases: CountedDraws;
  readonly #timeouts: CountedDraws;
  readonly #clients: readonly Asking[];
  /** Under way, by slot, with the beat that a message belongs to. */
  readonly #messages: (Message | undefined)[] = [];
  readonly #beats: (Beat | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  #tickOrders = 0;

  constructor(model: BareGroupModel, streams: RandomStreams, observer: BareObserver = {}) {
    this.#model = model;
    this.#observer = observer;
    this.tickUs = model.tickUs;
    this.#phases = streams.counted("bare/phase");
    this.#timeouts = streams.counted("bare/timeout");
    this.#members = Array.from({ length: model.members }, (_, number) => new Member(number));
    this.#lines = model.paths.map((row, from) =>
      row.map((path, to) => new BareLine(path, streams, `bare/${from}>${to}`)),
    );
    this.#clients = model.clients.map(() => ({ data: EMPTY_DATA, sentUs: 0, generation: 0, operations: 0 }));
    this.#simulation.handle({
      tick: (member, generation) => this.#tick(this.#member(member), generation),
      arrive: (slot) => this.#arrive(slot),
      unsent: (from, to) => this.#reportSnapshot(this.#member(from), to, false),
      saved: (member, incarnation) => this.#saved(this.#member(member), incarnation),
      client: (client, generation) => this.#clientTimer(client, generation),
      planned: (number) => this.#planned(number),
      restart: (member) => this.#start(this.#member(member)),
      heal: (from, to) => {
        this.#line(raftId(from), raftId(to)).cuts -= 1;
      },
    });
    const { kinds } = this.#simulation;
    model.plan.forEach(({ atUs }, i) => {
      this.#simulation.schedule(atUs, kinds.planned, i);
    });
    model.clients.forEach(({ firstUs }, i) => {
      this.#simulation.schedule(firstUs, kinds.client, i, 0);
    });
    for (const member of this.#members) this.#start(member);
  }

  /** Plays on until then, inclusive. */
  run(untilUs: Micros): void {
    this.#simulation.run(untilUs);
  }

  get nowUs(): Micros {
    return this.#simulation.now;
  }

  /** Events handled. */
  get steps(): number {
    return this.#simulation.steps;
  }

  /** The member's process; undefined while it is down. */
  node(member: MemberNumber): RaftNode | undefined {
    return this.#member(member).running;
  }

  /** Whoever leads in the highest term. */
  get leader(): MemberNumber | undefined {
    let [best, term] = [undefined as MemberNumber | undefined, -1];
    for (const { number, running } of this.#members) {
      if (running?.role === "leader" && running.term > term) [best, term] = [number, running.term];
    }
    return best;
  }

  // What leaving quiet time out asks for. Whatever can happen to this group is an event of its own simulation.

  quietUntilUs(): Micros {
    return this.#simulation.nothingBefore(this.#isIdle);
  }

  slowestAnswerUs(leader: MemberId): Micros {
    let slowest = 0;
    for (const { number } of this.#members) {
      const to = raftId(number);
      if (to === leader) continue;
      slowest = Math.max(slowest, this.#line(leader, to).boundUs + this.#line(to, leader).boundUs);
    }
    return slowest;
  }

  heartbeatDelayUs(leader: MemberId, follower: MemberId, tick: number): Micros {
    const { incarnation, ticks } = this.#member(leader - 1);
    return this.#line(leader, follower).beatDelayUs({ incarnation, tick: ticks + tick }, false);
  }

  /** Events that quiet time may pass: ticks, and clients' timers that nobody waits for any more. */
  readonly #isIdle = (kind: number, subject: number, detail: number): boolean => {
    const { kinds } = this.#simulation;
    return kind === kinds.tick || (kind === kinds.client && this.#clients[subject]?.generation !== detail);
  };

  #tick(member: Member, generation: number): void {
    if (generation !== member.tickGeneration) return;
    const { node } = member;
    if (this.#model.skips && node.role === "leader" && this.#passQuietTime(member)) return;
    member.ticks += 1;
    this.#putTick(member, this.nowUs + this.tickUs);
    const beat = node.role === "leader" ? { incarnation: member.incarnation, tick: member.ticks } : undefined;
    this.#take(member, node.tick(), beat);
  }

  #passQuietTime(leader: Member): boolean {
    const followers = this.#members.filter((one) => one.running !== undefined && one !== leader);
    const rounds = passQuietTime(this, leader.node, followers);
    if (rounds === 0) return false;
    this.roundsPassed += rounds;
    // Events of one time come in the order in which they were put on the list: it must stay what it was.
    const live = [leader, ...followers].sort((a, b) => a.tickOrder - b.tickOrder);
    for (const member of live) {
      member.ticks += rounds;
      member.tickGeneration += 1;
      this.#putTick(member, member.nextTickUs + rounds * this.tickUs);
    }
    return true;
  }

  #putTick(member: Member, atUs: Micros): void {
    member.nextTickUs = atUs;
    member.tickOrder = ++this.#tickOrders;
    this.#simulation.schedule(atUs, this.#simulation.kinds.tick, member.number, member.tickGeneration);
  }

  /** Does what a step of a member's asks for; `beat` is that of the tick or message which led to it. */
  #take(member: Member, effects: Effects, beat?: Beat): void {
    const { messages, sendAfter } = effects;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as Message;
      const after = sendAfter[i] as number;
      if (after === 0) this.#send(message, beat);
      else member.waiting.push({ message, sendAfter: after, beat });
    }
    const { node } = member;
    if (effects.softStateChanged || node.term !== member.term) {
      member.term = node.term;
      this.#observer.changed?.(member.number, node);
    }
    if (effects.snapshot !== undefined) member.appliedIndex = effects.snapshot.index;
    if (effects.dropped.length > 0) this.#refuse(effects.dropped);
    if (effects.writeSequence > node.durableSequence) this.#save(member);
    if (effects.committed.length > 0) this.#applyAll(member, effects.committed);
  }

  #send(message: Message, beat: Beat | undefined): void {
    const line = this.#line(message.from, message.to);
    const isAnswer = message.type === "HeartbeatResponse";
    const isBeat = beat !== undefined && (isAnswer || message.type === "Heartbeat");
    const delayUs = isBeat ? line.beatDelayUs(beat, isAnswer) : line.nextDelayUs();
    if (delayUs === LOST || line.cuts > 0) {
      this.#lose(message);
      return;
    }
    const slot = this.#freeSlots.pop() ?? this.#messages.length;
    this.#messages[slot] = message;
    this.#beats[slot] = isBeat ? beat : undefined;
    this.#simulation.after(delayUs, this.#simulation.kinds.arrive, slot);
  }

  #arrive(slot: number): void {
    const message = this.#messages[slot] as Message;
    const beat = this.#beats[slot];
    this.#messages[slot] = undefined;
    this.#freeSlots.push(slot);
    const member = this.#member(message.to - 1);
    const isHeard = member.running !== undefined && this.#line(message.from, message.to).cuts === 0;
    if (isHeard) this.#take(member, member.node.receive(message), beat);
    if (message.type === "InstallSnapshot")
      this.#reportSnapshot(this.#member(message.from - 1), message.to - 1, isHeard);
  }

  /** Told by an event, not at once: its sender is in the middle of a step. */
  #lose(message: Message): void {
    if (message.type !== "InstallSnapshot") return;
    this.#simulation.after(0, this.#simulation.kinds.unsent, message.from - 1, message.to - 1);
  }

  /** The leader's transport knows what became of a snapshot as soon as that is settled. */
  #reportSnapshot(sender: Member, to: MemberNumber, isDelivered: boolean): void {
    if (sender.running === undefined) return;
    this.#take(sender, sender.running.reportSnapshot(raftId(to), isDelivered));
  }

  #save(member: Member): void {
    if (member.savingThrough > 0) return;
    member.savingThrough = member.node.writeSequence;
    this.#simulation.after(
      this.#model.fsyncUs,
      this.#simulation.kinds.saved,
      member.number,
      member.incarnation,
    );
  }

  #saved(member: Member, incarnation: number): void {
    if (member.running === undefined || member.incarnation !== incarnation) return;
    const through = member.savingThrough;
    member.savingThrough = 0;
    const released = member.waiting.filter((one) => one.sendAfter <= through);
    member.waiting = member.waiting.filter((one) => one.sendAfter > through);
    const effects = member.running.persisted(through);
    for (const { message, beat } of released) this.#send(message, beat);
    this.#take(member, effects);
  }

  #applyAll(member: Member, committed: readonly Entry[]): void {
    for (const { index, term, data } of committed) this.#apply(member, index, term, data);
    this.#takeSnapshot(member);
  }

  #apply(member: Member, index: number, term: number, data: number): void {
    member.appliedIndex = index;
    this.#observer.applied?.(member.number, index, term, data);
    if (data === EMPTY_DATA) return;
    const client = this.#clientOf(data);
    if (this.#clients[client]?.data === data && this.#model.clients[client]?.member === member.number)
      this.#answer(client, "applied");
  }

  #takeSnapshot(member: Member): void {
    const { node, appliedIndex } = member;
    const { snapshotEntries } = this.#model;
    if (appliedIndex - (node.snapshot?.index ?? 0) < snapshotEntries) return;
    this.#take(member, node.takeSnapshot(appliedIndex, appliedIndex - Math.floor(snapshotEntries / 2)));
  }

  #clientTimer(client: number, generation: number): void {
    const asking = present(this.#clients[client], `no client ${client}`);
    const { member: number, timeoutUs } = present(this.#model.clients[client], `no client ${client}`);
    if (asking.generation !== generation) return;
    if (asking.data !== EMPTY_DATA) {
      this.#answer(client, "timeout");
      return;
    }
    asking.operations += 1;
    asking.data = asking.operations * this.#clients.length + client;
    asking.sentUs = this.nowUs;
    asking.generation += 1;
    this.#simulation.after(timeoutUs, this.#simulation.kinds.client, client, asking.generation);
    const member = this.#member(number);
    if (member.running === undefined) this.#answer(client, "refused");
    else this.#take(member, member.running.propose([asking.data]));
  }

  #refuse(dropped: readonly number[]): void {
    for (const data of dropped) {
      const client = this.#clientOf(data);
      if (this.#clients[client]?.data === data) this.#answer(client, "refused");
    }
  }

  #answer(client: number, outcome: BareOutcome): void {
    const asking = present(this.#clients[client], `no client ${client}`);
    const { thinkUs } = present(this.#model.clients[client], `no client ${client}`);
    asking.data = EMPTY_DATA;
    asking.generation += 1;
    this.#simulation.after(thinkUs, this.#simulation.kinds.client, client, asking.generation);
    this.#observer.answered?.(client, asking.sentUs, outcome);
  }

  #planned(number: number): void {
    const fault = present(this.#model.plan[number], `no fault ${number} in the plan`);
    const { kinds } = this.#simulation;
    if (fault.type === "cut") {
      this.#line(raftId(fault.from), raftId(fault.to)).cuts += 1;
      this.#simulation.after(fault.forUs, kinds.heal, fault.from, fault.to);
      return;
    }
    const victim = fault.member === "leader" ? this.leader : fault.member;
    if (victim === undefined) return;
    const member = this.#member(victim);
    if (member.running === undefined) return;
    member.image = member.running.durableImage();
    member.running = undefined;
    member.waiting = [];
    member.savingThrough = 0;
    member.tickGeneration += 1;
    this.#observer.crashed?.(victim);
    this.#simulation.after(fault.downUs, kinds.restart, victim);
  }

  #start(member: Member): void {
    assert(member.running === undefined, `member ${member.number} started twice`);
    const { hardState, snapshot, entries } = member.image;
    const config = this.#config(raftId(member.number));
    const node = RaftNode.restart(config, hardState, entries, 0, snapshot);
    member.running = node;
    member.incarnation += 1;
    member.ticks = 0;
    member.appliedIndex = snapshot?.index ?? 0;
    member.term = node.term;
    this.#observer.changed?.(member.number, node);
    const part = this.#phases.uniform(member.number, member.incarnation);
    this.#putTick(member, this.nowUs + this.tickUs + Math.floor(part * this.#model.phaseSpreadUs));
  }

  #config(id: MemberId): RaftConfig {
    const settings = { ...ETCD_DEFAULTS, ...this.#model.raft };
    const { electionTicks } = settings;
    const timeouts = this.#timeouts;
    return {
      ...settings,
      id,
      voters: this.#members.map((member) => raftId(member.number)),
      drawElectionTicks: (member, term, nth) =>
        electionTicks + Math.floor(timeouts.uniform(member * 0x1_0000_0000 + term, nth) * electionTicks),
    };
  }

  #clientOf(data: number): number {
    return data % this.#clients.length;
  }

  #line(from: MemberId, to: MemberId): BareLine {
    return (this.#lines[from - 1] as readonly BareLine[])[to - 1] as BareLine;
  }

  #member(number: MemberNumber): Member {
    return this.#members[number] as Member;
  }
}
