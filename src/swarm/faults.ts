/** Does to a group what a plan says, and undoes it: each fault at its own end, all that are left when everything is healed. */
import { unreachable } from "../assert.js";
import type { RecordSink } from "../etcd/client-record.js";
import { targetOf } from "../etcd/client-record.js";
import { type HostId, type MemberNumber, raftId } from "../etcd/model.js";
import type { Outcome, Request } from "../etcd/requests.js";
import { OpenLoopWriter } from "../etcd/workloads.js";
import type { EtcdWorld } from "../etcd/world.js";
import { membersOf } from "../raft/configuration.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { Counter, FaultKind } from "./counts.js";
import type { LifeObserver } from "./observer.js";
import type { Fault, LifePlan, Who } from "./plan.js";
import { Administrator, type Script, type Step } from "./script.js";

/** An administrator tries so often, with rests, until everything is healed. */
const TRIES = 6;
const REST_US: Micros = 700 * MILLISECOND;
/** Value of one large put, bytes. */
const LARGE_BYTES = 1_000_000;
const LARGE_PUTS = 8;
/** A power failure that is to come in the middle of a write waits for one so long, and looks so often. */
const MID_WRITE_WAIT_US: Micros = SECOND;
const MID_WRITE_LOOK_US: Micros = 97;
const NOBODY: MemberNumber = -1;

export class Faults {
  readonly #plan: LifePlan;
  readonly #world: EtcdWorld;
  readonly #observer: LifeObserver;
  readonly #counter: Counter;
  readonly #sink: RecordSink;
  readonly admin: Administrator;
  /** What undoes the faults that last. */
  readonly #undo = new Set<() => void>();
  /** Members that were started once. */
  readonly #started = new Set<MemberNumber>();
  /** Their disks are gone: they must not come back. */
  readonly #lost = new Set<MemberNumber>();
  /** Asked to be removed, once: their identity is used up. */
  readonly #removed = new Set<MemberNumber>();
  readonly #bursts: OpenLoopWriter[] = [];
  #isHealed = false;
  #isOver = false;

  constructor(plan: LifePlan, world: EtcdWorld, observer: LifeObserver, counter: Counter, sink: RecordSink) {
    this.#plan = plan;
    this.#world = world;
    this.#observer = observer;
    this.#counter = counter;
    this.#sink = sink;
    this.admin = new Administrator(world.clientHost(plan.adminHost), plan.model, sink);
    for (const [member, one] of plan.model.members.entries())
      if (one.joinsLater !== true) this.#started.add(member);
    for (const fault of plan.faults) world.at(fault.atUs, () => this.#begin(fault));
  }

  /** Everything that lasts is undone; disks that were lost are replaced by then or never. */
  heal(): void {
    this.#isHealed = true;
    for (const undo of [...this.#undo]) undo();
    for (const burst of this.#bursts) burst.stop();
    this.keepUp();
    if (this.#lost.size > 0) this.admin.run(this.#removeLost());
    this.admin.run(this.#relieve());
  }

  /** All is well: the administrator goes home. */
  end(): void {
    this.#isOver = true;
  }

  /** Members that take part run, others do not: what an operator would see to. */
  keepUp(): void {
    const { group } = this.#world;
    const members = membersOf(this.#observer.configuration);
    for (const [member] of this.#plan.model.members.entries()) {
      if (!members.includes(raftId(member))) group.kill(member);
      else if (!this.#lost.has(member)) this.#revive(member, true);
    }
  }

  /** Members whose progress is to be expected: those that take part. */
  get living(): readonly MemberNumber[] {
    return membersOf(this.#observer.configuration)
      .map((id) => id - 1)
      .filter((member) => !this.#lost.has(member));
  }

  #begin(fault: Fault): void {
    if (this.#isHealed) return;
    switch (fault.type) {
      case "kill":
        this.#kill(fault.member, fault.forUs);
        return;
      case "power-off":
        this.#powerOff(fault);
        return;
      case "cut":
        this.#count("cut of one direction");
        this.#cutFor([[fault.from, fault.to]], fault.forUs);
        return;
      case "isolate": {
        const member = this.#resolve(fault.member);
        if (member === undefined) return;
        const { members, hosts } = this.#plan.model;
        const far = fault.fromClients ? hosts.map((_, host) => host) : members.map(({ host }) => host);
        this.#count(fault.fromClients ? "isolated member, from clients too" : "isolated member");
        this.#cutFor(bothWays([this.#hostOf(member)], far), fault.forUs);
        return;
      }
      case "isolate-centre": {
        const { hosts } = this.#plan.model;
        const inside = hosts.flatMap(({ centre }, host) => (centre === fault.centre ? [host] : []));
        const outside = hosts.flatMap(({ centre }, host) => (centre === fault.centre ? [] : [host]));
        if (outside.length === 0) return;
        this.#count("isolated centre");
        this.#cutFor(bothWays(inside, outside), fault.forUs);
        return;
      }
      case "flap":
        this.#count("flapping line");
        this.#flap(fault);
        return;
      case "line":
        this.#count(
          fault.what === "loss" ? "lossy line" : fault.what === "jitter" ? "line with jitter" : "slow line",
        );
        this.#line(fault);
        return;
      case "slow-disk": {
        const { group } = this.#world;
        const member = this.#resolve(fault.member);
        if (member === undefined) return;
        this.#count("slow disk");
        group.setFsync(member, fault.fsyncUs);
        this.#later(fault.forUs, () => group.setFsync(member, undefined));
        return;
      }
      case "add":
        if (this.#removed.has(fault.member)) return;
        this.#count(fault.isLearner ? "learner to be added" : "voter to be added");
        this.admin.run(this.#add(fault.member, fault.isLearner, fault.startAfterUs));
        return;
      case "promote":
        this.#count("learner to be promoted");
        this.admin.run(this.#promote(fault.member));
        return;
      case "remove":
        this.#remove(fault.member);
        return;
      case "lose-disk":
        this.#loseDisk(fault.member, fault.replacement);
        return;
      case "move-leader":
        this.#count("lead to be moved");
        this.admin.run(this.#moveLeader(fault.target));
        return;
      case "compact":
        this.#count("compaction");
        this.admin.run(this.#compact(fault.keep));
        return;
      case "burst":
        this.#burst(fault);
        return;
      case "fill":
        if (this.#plan.model.quotaBytes > LARGE_PUTS * LARGE_BYTES) return;
        this.#count("quota filled");
        this.#later(fault.forUs, () => this.admin.run(this.#relieve()));
        this.admin.run(this.#fill());
        return;
      case "wipe":
        this.#wipe(fault.member, fault.forUs);
        return;
      default:
        unreachable(fault);
    }
  }

  #count(kind: FaultKind): void {
    this.#counter.fault(kind);
  }

  #resolve(who: Who): MemberNumber | undefined {
    return who === "leader" ? this.#world.group.leader() : who;
  }

  #hostOf(member: MemberNumber): HostId {
    return targetOf(this.#plan.model, member).host;
  }

  /** Undoes something after a while, or when everything is healed. */
  #later(forUs: Micros, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    this.#world.at(this.#world.now + forUs, once);
  }

  // Processes and disks.

  #kill(who: Who, forUs: Micros): void {
    const { group } = this.#world;
    const member = this.#resolve(who);
    if (member === undefined || !group.member(member).isUp) return;
    this.#count("kill -9");
    group.kill(member);
    this.#later(forUs, () => this.#revive(member, false));
  }

  #powerOff({ members, isMidWrite, forUs }: Extract<Fault, { type: "power-off" }>): void {
    const { group } = this.#world;
    const chosen = new Set(members.map((who) => this.#resolve(who) ?? NOBODY));
    const up = [...chosen].filter((member) => member !== NOBODY && group.member(member).isUp);
    if (up.length === 0) return;
    this.#count(up.length > 1 ? "power off of several at once" : "power off");
    const startUs = isMidWrite ? this.#world.now + MID_WRITE_WAIT_US : this.#world.now;
    for (const member of up) this.#cutPowerBy(member, startUs);
    this.#later(forUs + (startUs - this.#world.now), () => {
      for (const member of up) this.#revive(member, false);
    });
  }

  /** As soon as the member has something unsynced, at the latest at the time given. */
  #cutPowerBy(member: MemberNumber, latestUs: Micros): void {
    if (this.#isHealed) return;
    const log = this.#world.group.member(member).server?.loop.node.log;
    if (this.#world.now >= latestUs || (log !== undefined && log.stableIndex < log.lastIndex))
      this.#cutPower(member);
    else this.#world.at(this.#world.now + MID_WRITE_LOOK_US, () => this.#cutPowerBy(member, latestUs));
  }

  /** Counts what the disk did not have. */
  #cutPower(member: MemberNumber): void {
    const { group } = this.#world;
    const log = group.member(member).server?.loop.node.log;
    const written = log?.lastIndex ?? 0;
    const stable = log?.stableIndex ?? 0;
    group.powerOff(member);
    const left = group.member(member).lastLogIndex;
    if (left < written) this.#counter.turn("restart with unsynced entries lost");
    if (left > stable) this.#counter.turn("restart with a torn write");
  }

  /** `isWanted`: it may be one that was never started. */
  #revive(member: MemberNumber, isWanted: boolean): void {
    const { group } = this.#world;
    if (this.#lost.has(member) || !(isWanted || this.#started.has(member))) return;
    if (!group.member(member).hasPower) group.powerOn(member);
    if (group.member(member).isUp) return;
    if (this.#started.has(member)) this.#count("restart");
    this.#started.add(member);
    group.startMember(member);
  }

  #wipe(member: MemberNumber, forUs: Micros): void {
    const { group } = this.#world;
    if (!group.member(member).isUp || !membersOf(this.#observer.configuration).includes(raftId(member)))
      return;
    group.powerOff(member);
    this.#later(forUs, () => {
      if (group.member(member).isUp) return;
      if (!group.member(member).hasPower) group.powerOn(member);
      group.startMember(member, { wiped: true });
    });
  }

  // Lines.

  #cutFor(lines: readonly (readonly [HostId, HostId])[], forUs: Micros): void {
    const { network } = this.#world;
    for (const [from, to] of lines) network.cut(from, to);
    this.#later(forUs, () => {
      for (const [from, to] of lines) network.heal(from, to);
    });
  }

  #flap({ between: [a, b], downUs, upUs, forUs }: Extract<Fault, { type: "flap" }>): void {
    const untilUs = this.#world.now + forUs;
    const again = (): void => {
      if (this.#isHealed || this.#world.now >= untilUs) return;
      this.#cutFor(
        [
          [a, b],
          [b, a],
        ],
        downUs,
      );
      this.#world.at(this.#world.now + downUs + upUs, again);
    };
    again();
  }

  #line({ from, to, oneWayUs, loss, forUs }: Extract<Fault, { type: "line" }>): void {
    const { network } = this.#world;
    const before = this.#plan.model.paths[from]?.[to];
    if (before === undefined) return;
    network.setPath(from, to, { oneWayUs, loss });
    this.#later(forUs, () => network.setPath(from, to, before));
  }

  // What an administrator does.

  /** Asks one member after the other until one says something final, beginning with the one given. */
  *#ask(request: Request, first: MemberNumber, isFinal: (outcome: Outcome) => boolean): Asking {
    const members = this.#plan.model.members
      .map((_, member) => member)
      .filter((member) => this.#started.has(member));
    const at = Math.max(0, members.indexOf(first));
    for (let tries = 0; tries < TRIES && !this.#isHealed; tries++) {
      const member = members[(at + tries) % members.length] ?? first;
      const outcome = yield { type: "ask", member, request };
      this.#noteRefusal(outcome);
      if (outcome !== undefined && isFinal(outcome)) return outcome;
      yield { type: "rest", forUs: REST_US };
    }
    return undefined;
  }

  #noteRefusal(outcome: Outcome | undefined): void {
    if (outcome?.type !== "error") return;
    const { message } = outcome;
    if (message.includes("in sync with leader")) this.#counter.turn("promotion refused, not in sync");
    else if (message.includes("not enough started")) this.#counter.turn("change refused, too few started");
    else if (message.includes("unhealthy")) this.#counter.turn("change refused, unhealthy");
    else if (message.includes("took too long")) this.#counter.turn("transfer of the lead given up");
    else if (message.includes("not leader") || message.includes("bad leader"))
      this.#counter.turn("transfer of the lead refused");
  }

  get #someone(): MemberNumber {
    return this.#world.group.leader() ?? 0;
  }

  *#add(member: MemberNumber, isLearner: boolean, startAfterUs: Micros): Script {
    const request: Request = { type: "memberAdd", member, isLearner };
    const outcome = yield* this.#ask(
      request,
      this.#someone,
      (answer) => answer.type === "members" || isError(answer, "already exist"),
    );
    if (outcome === undefined) return;
    yield { type: "rest", forUs: startAfterUs };
    if (!this.#isHealed && membersOf(this.#observer.configuration).includes(raftId(member)))
      this.#revive(member, true);
  }

  *#promote(member: MemberNumber): Script {
    yield* this.#ask(
      { type: "memberPromote", member },
      this.#someone,
      (answer) =>
        answer.type === "members" ||
        isError(answer, "not found") ||
        isError(answer, "only promote a learner member"),
    );
  }

  #remove(who: Who): void {
    const member = this.#resolve(who);
    if (member === undefined || !this.#maySpare(member)) return;
    this.#count("member to be removed");
    this.#removed.add(member);
    this.admin.run(this.#removal(member, false));
  }

  /**
   * No disk is missing among the voters, and without the member there are two of them, or it is none. Of two voters the
   * one who knows that the other's removal is committed may be the one who goes: then nobody leads for ever, in etcd too.
   */
  #maySpare(member: MemberNumber): boolean {
    const { voters } = this.#observer.configuration;
    const id = raftId(member);
    const left = voters.filter((voter) => voter !== id && !this.#removed.has(voter - 1));
    return this.#lost.size === 0 && (!voters.includes(id) || left.length >= 2);
  }

  *#removal(member: MemberNumber, isUntilDone: boolean): Script {
    const request: Request = { type: "memberRemove", member };
    const isFinal = (answer: Outcome): boolean => answer.type === "members" || isError(answer, "not found");
    const outcome = yield* this.#ask(request, this.#someone, isFinal);
    if (outcome === undefined && isUntilDone && !this.#isHealed) yield* this.#removal(member, true);
  }

  #loseDisk(who: Who, replacement: MemberNumber): void {
    const { voters } = this.#observer.configuration;
    const member = this.#resolve(who);
    if (
      member === undefined ||
      !this.#maySpare(member) ||
      voters.length < 3 ||
      !voters.includes(raftId(member))
    )
      return;
    // Others of them may be on their way out, which leaves fewer for a majority.
    if (voters.some((id) => this.#removed.has(id - 1))) return;
    this.#count("disk lost");
    this.#lost.add(member);
    this.#removed.add(member);
    this.#world.group.powerOff(member);
    this.admin.run(this.#replace(member, replacement));
  }

  *#replace(member: MemberNumber, replacement: MemberNumber): Script {
    yield { type: "rest", forUs: SECOND };
    yield* this.#removal(member, true);
    if (!this.#removed.has(replacement)) yield* this.#add(replacement, false, SECOND);
  }

  /** After all is healed: a member without a disk is to be removed yet. */
  *#removeLost(): Script {
    for (const member of this.#lost) {
      while (membersOf(this.#observer.configuration).includes(raftId(member))) {
        const others = this.living;
        const asked = others[this.#world.now % others.length] ?? 0;
        yield { type: "ask", member: asked, request: { type: "memberRemove", member } };
        yield { type: "rest", forUs: REST_US };
      }
    }
  }

  *#moveLeader(target: MemberNumber): Script {
    const leader = this.#world.group.leader();
    if (leader === undefined) return;
    const outcome = yield { type: "ask", member: leader, request: { type: "moveLeader", target } };
    this.#noteRefusal(outcome);
    if (outcome?.type === "moved") this.#counter.turn("transfer of the lead done");
  }

  *#compact(keep: number): Script {
    const revision = Math.max(1, (this.#world.group.member(this.#someone).store?.revision ?? 1) - keep);
    yield { type: "ask", member: this.#someone, request: { type: "compact", revision } };
  }

  *#fill(): Script {
    for (let i = 0; i < LARGE_PUTS && !this.#isHealed; i++) {
      const value = `large:${i}`;
      const request: Request = { type: "put", key: "large", value, bytes: LARGE_BYTES };
      const outcome = yield { type: "ask", member: this.#someone, request };
      if (outcome !== undefined && isError(outcome, "space exceeded")) return;
    }
  }

  /**
   * Room is made, and the alarm taken back; after all is healed again and again: a member that had not applied the
   * compaction when it gave its free pages back is over its quota still, and raises the alarm once more.
   */
  *#relieve(): Script {
    while (!this.#isOver) {
      const someone = this.#someone;
      const alarms = yield { type: "ask", member: someone, request: alarm("get", 0) };
      const members = alarms?.type === "alarm" ? alarms.members : [];
      if (members.length > 0) yield* this.#makeRoom(someone, members);
      else if (alarms?.type === "alarm" && !this.#isHealed) return;
      yield { type: "rest", forUs: REST_US };
    }
  }

  *#makeRoom(someone: MemberNumber, raisedBy: readonly MemberNumber[]): Script {
    yield { type: "ask", member: someone, request: { type: "deleteRange", key: "large" } };
    const revision = this.#world.group.member(someone).store?.revision ?? 1;
    yield { type: "ask", member: someone, request: { type: "compact", revision } };
    yield { type: "rest", forUs: REST_US };
    for (const member of this.living) yield { type: "ask", member, request: { type: "defragment" } };
    for (const member of raisedBy)
      yield { type: "ask", member: someone, request: alarm("deactivate", member) };
  }

  #burst({ host, member, puts, intervalUs, atUs }: Extract<Fault, { type: "burst" }>): void {
    this.#count("burst of puts");
    const client = `burst@${atUs}`;
    const options = { client, sink: this.#sink, timeoutUs: 3 * SECOND, intervalUs, count: puts };
    const target = targetOf(this.#plan.model, member);
    this.#bursts.push(new OpenLoopWriter(this.#world.clientHost(host), { ...options, target }));
  }

  get areBurstsOver(): boolean {
    return this.#bursts.every((burst) => burst.isFinished);
  }
}

type Asking = Generator<Step, Outcome | undefined, Outcome | undefined>;

function isError(outcome: Outcome, words: string): boolean {
  return outcome.type === "error" && outcome.message.includes(words);
}

function alarm(action: "get" | "deactivate", member: MemberNumber): Request {
  return { type: "alarm", action, alarm: "nospace", member };
}

function bothWays(inside: readonly HostId[], outside: readonly HostId[]): (readonly [HostId, HostId])[] {
  return inside.flatMap((a) =>
    outside.flatMap((b): (readonly [HostId, HostId])[] =>
      a === b
        ? []
        : [
            [a, b],
            [b, a],
          ],
    ),
  );
}
