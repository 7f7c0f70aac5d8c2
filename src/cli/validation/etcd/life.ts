/**
 * One life of a group, as the measuring program led it: members started together, then trial after trial on the same
 * processes, connections and disks. Times of this file are ms unless they say otherwise.
 */

import { type CountedDraws, RandomStreams } from "../../../engine/random.js";
import type { CallResult, ClientHost } from "../../../etcd/client.js";
import { type ClientRecord, type RecordSink, type Target, targetOf } from "../../../etcd/client-record.js";
import type { EtcdModel, MemberNumber } from "../../../etcd/model.js";
import type { Request } from "../../../etcd/requests.js";
import { EtcdWorld } from "../../../etcd/world.js";
import type { EtcdObserver, StartOptions } from "../../../etcd/world-types.js";
import { MILLISECOND, type Micros } from "../../../units/time.js";
import { clientHostOf, modelOf, pathOf, type Setup, toUs } from "./setup.js";

/** A line of a member's own log. "stepped down" only for a leader that lost its quorum. */
export interface LogLine {
  readonly us: Micros;
  readonly member: MemberNumber;
  readonly what: "pre-candidate" | "candidate" | "leader" | "stepped down" | "elected" | "lost";
  /** "elected": whom. */
  readonly leader: MemberNumber | undefined;
  readonly term: number;
}

/** How often the measuring program looked whether something had come about. */
const POLL_MS = 10;
/** Nothing is waited for longer. */
const PATIENCE_MS = 120_000;
const CALL_TIMEOUT_US = 2000 * MILLISECOND;

export class Life {
  readonly world: EtcdWorld;
  readonly model: EtcdModel;
  readonly setup: Setup;
  /** Since it was last cleared. */
  log: LogLine[] = [];
  readonly #draws: CountedDraws;
  readonly #clients = new Map<string, ClientHost>();
  #drawn = 0;

  constructor(setup: Setup, seed: string, observer: Pick<EtcdObserver, "sent"> = {}) {
    this.setup = setup;
    this.model = modelOf(setup);
    this.world = new EtcdWorld(this.model, seed, {
      role: (member, role, before, term) => {
        if (role === "follower" && before !== "leader") return;
        this.#note(member, role === "follower" ? "stepped down" : role, undefined, term);
      },
      ...observer,
      leader: (member, leader, term) =>
        this.#note(member, leader === undefined ? "lost" : "elected", leader, term),
    });
    this.#draws = new RandomStreams(`${seed}/harness`).counted("uniform");
    this.world.group.start();
  }

  get nowUs(): Micros {
    return this.world.simulation.now;
  }

  /** Uniform in [from, to). */
  uniform(from: number, to: number): number {
    return from + (to - from) * this.#draws.uniform(this.#drawn++);
  }

  run(ms: number): void {
    this.world.run(this.nowUs + toUs(ms));
  }

  runUntil(us: Micros): void {
    if (us > this.nowUs) this.world.run(us);
  }

  /** Runs until the condition holds, looking every so often; false: it did not within `patienceMs`. */
  waitFor(condition: () => boolean, patienceMs = PATIENCE_MS, pollMs = POLL_MS): boolean {
    const until = this.nowUs + toUs(patienceMs);
    while (!condition()) {
      if (this.nowUs >= until) return false;
      this.run(pollMs);
    }
    return true;
  }

  /** The client process of a centre. */
  client(centre: string): ClientHost {
    let client = this.#clients.get(centre);
    if (client === undefined) {
      client = this.world.clientHost(clientHostOf(this.setup, centre));
      this.#clients.set(centre, client);
    }
    return client;
  }

  target(member: MemberNumber): Target {
    return targetOf(this.model, member);
  }

  centreOf(member: MemberNumber): string {
    return this.setup.members[member]?.centre ?? "";
  }

  get members(): MemberNumber[] {
    return [...this.setup.members.keys()];
  }

  /** One call from a client, waited for. */
  call(
    centre: string,
    member: MemberNumber,
    request: Request,
    timeoutMs = CALL_TIMEOUT_US / MILLISECOND,
  ): CallResult {
    let result: CallResult | undefined;
    this.client(centre).call(this.target(member).host, request, toUs(timeoutMs), (told) => {
      result = told;
    });
    this.waitFor(() => result !== undefined, 2 * timeoutMs, 1);
    return result ?? { type: "timeout", isSent: true };
  }

  /** All members answer, follow one leader and have applied as much as each other. */
  isHealthy(): boolean {
    const { group } = this.world;
    const leader = group.leader();
    if (leader === undefined) return false;
    const applied = group.member(leader).appliedIndex;
    return this.members.every((number) => {
      const member = group.member(number);
      return member.isReady && member.leader === leader && member.appliedIndex === applied;
    });
  }

  /** All members follow one leader. */
  isAgreed(): boolean {
    const { group } = this.world;
    const leader = group.leader();
    return leader !== undefined && this.members.every((member) => group.member(member).leader === leader);
  }

  /** As before each trial: all members equal, this one leads. */
  settle(leader: MemberNumber): void {
    const { group } = this.world;
    for (let tries = 0; tries < 20; tries++) {
      this.waitFor(() => this.isHealthy());
      const from = group.leader();
      if (from === leader) return;
      if (from !== undefined) this.call(this.centreOf(from), from, { type: "moveLeader", target: leader });
    }
    throw new Error(
      `the group of ${this.setup.members.length} did not settle with member ${leader} as its leader`,
    );
  }

  /** Every member but the leader restarts at a moment of its own, so that ticks have any phase. */
  restartFollowers(leader: MemberNumber): void {
    for (const member of this.members) {
      if (member === leader) continue;
      this.world.group.kill(member);
      this.run(this.uniform(0, (2 * this.setup.heartbeatUs) / MILLISECOND));
      this.start(member);
      this.waitFor(() => this.isHealthy());
    }
  }

  kill(members: readonly MemberNumber[]): void {
    for (const member of members) this.world.group.kill(member);
  }

  start(member: MemberNumber, options?: StartOptions): void {
    if (options === undefined) this.world.group.startMember(member);
    else this.world.group.startMember(member, options);
  }

  /** Cuts or heals directed links between members. */
  cut(links: readonly Link[]): void {
    for (const { from, to } of links) this.world.network.cut(from, to);
  }

  heal(links: readonly Link[]): void {
    for (const { from, to } of links) this.world.network.heal(from, to);
  }

  /** Both directions between these members and all others. */
  linksAround(members: readonly MemberNumber[]): Link[] {
    return [
      ...this.linksFrom(members),
      ...this.linksFrom(members).map(({ from, to }) => ({ from: to, to: from })),
    ];
  }

  /** From these members to all others. */
  linksFrom(members: readonly MemberNumber[]): Link[] {
    const others = this.members.filter((member) => !members.includes(member));
    return members.flatMap((from) => others.map((to) => ({ from, to })));
  }

  setPath(link: Link, oneWayUs: Micros, loss: number): void {
    this.world.network.setPath(link.from, link.to, pathOf(oneWayUs, loss));
  }

  resetPath({ from, to }: Link): void {
    const path = this.model.paths[from]?.[to];
    if (path !== undefined) this.world.network.setPath(from, to, path);
  }

  #note(member: MemberNumber, what: LogLine["what"], leader: MemberNumber | undefined, term: number): void {
    this.log.push({ us: this.nowUs, member, what, leader, term });
  }
}

/** A direction between two members (their hosts have their numbers). */
export interface Link {
  readonly from: MemberNumber;
  readonly to: MemberNumber;
}

/** What a client of the trials saw: its successes, as they came. */
export class Attempts implements RecordSink {
  /** Start, end of each success, µs. */
  readonly successes: { readonly startUs: Micros; readonly endUs: Micros }[] = [];
  begun(): void {
    this.count++;
  }
  count = 0;
  failures = 0;

  ended(record: ClientRecord): void {
    if (record.ok && record.endUs !== undefined)
      this.successes.push({ startUs: record.startUs, endUs: record.endUs });
    else this.failures++;
  }

  /** End of the first success that started at or after `us`, ms after it. */
  firstAfter(us: Micros): number | null {
    for (const { startUs, endUs } of this.successes) if (startUs >= us) return (endUs - us) / MILLISECOND;
    return null;
  }

  /** Successes that started in [from, to). */
  startedWithin(fromUs: Micros, toUs: Micros): number {
    return this.successes.filter(({ startUs }) => startUs >= fromUs && startUs < toUs).length;
  }

  /** Longest time between the ends of two successes in a row, from the last before `fromUs` to the first after `toUs`. */
  longestGap(fromUs: Micros, toUs: Micros): number | null {
    const ends = this.successes.map(({ endUs }) => endUs).sort((a, b) => a - b);
    let longest: number | null = null;
    for (let i = 1; i < ends.length; i++) {
      const [before, after] = [ends[i - 1] as number, ends[i] as number];
      if (after < fromUs || before > toUs) continue;
      longest = Math.max(longest ?? 0, (after - before) / MILLISECOND);
    }
    return longest;
  }

  /** Median latency of successes that started in [from, to), ms. */
  medianLatency(fromUs: Micros, toUs: Micros): number | null {
    const latencies = this.successes
      .filter(({ startUs }) => startUs >= fromUs && startUs < toUs)
      .map(({ startUs, endUs }) => (endUs - startUs) / MILLISECOND)
      .sort((a, b) => a - b);
    if (latencies.length === 0) return null;
    const middle = (latencies.length - 1) / 2;
    return ((latencies[Math.floor(middle)] as number) + (latencies[Math.ceil(middle)] as number)) / 2;
  }
}

/** First line of this kind by one of these members from `fromUs` to `toUs`, ms after `sinceUs`. */
export function firstLine(
  log: readonly LogLine[],
  what: LogLine["what"],
  members: readonly MemberNumber[],
  sinceUs: Micros,
  toUs: Micros = Number.POSITIVE_INFINITY,
): number | null {
  for (const line of log) {
    if (line.what === what && line.us >= sinceUs && line.us <= toUs && members.includes(line.member)) {
      return (line.us - sinceUs) / MILLISECOND;
    }
  }
  return null;
}
