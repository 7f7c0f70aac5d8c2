/**
 * Who leads, seen from above: a leader counts while it lives and is connected, both ways, with a quorum of those whom it
 * takes for voters. Told of every change that could matter; the group itself never asks it.
 */
import { assert, present } from "../assert.js";
import type { EtcdModel, MemberNumber } from "../etcd/model.js";
import type { EtcdWorld } from "../etcd/world.js";
import type { Role } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { ElectionCause, ElectionRow } from "./results.js";

interface Campaign {
  readonly isUnnecessary: boolean;
}

export class Leadership {
  readonly elections: ElectionRow[] = [];
  readonly #model: EtcdModel;
  readonly #warmUpUs: Micros;
  /** Told when somebody leads with a quorum. */
  readonly #hasLeader: () => void;
  #world: EtcdWorld | undefined;
  /** Who leads with a quorum around it. */
  #leader: MemberNumber | undefined;
  #leaderlessSinceUs: Micros = 0;
  #leaderlessUs: Micros = 0;
  /** The last to have been elected, whether or not it still leads, and the process it was. */
  #former: MemberNumber | undefined;
  #formerIncarnation = 0;
  /** When the former leader was last without a quorum, or dead. */
  #formerBadUs: Micros = 0;
  #isFormerBad = true;
  readonly #campaignOf: (Campaign | undefined)[] = [];
  #campaigns = 0;
  #campaignsSinceElection = 0;
  #transferTo: MemberNumber | undefined;
  #hasQuorum = false;
  #quorumLostUs: Micros | undefined;
  #termAtWarmUp = 0;
  #term = 0;

  constructor(model: EtcdModel, warmUpUs: Micros, hasLeader: () => void) {
    this.#model = model;
    this.#warmUpUs = warmUpUs;
    this.#hasLeader = hasLeader;
  }

  /** Before the group starts. */
  attach(world: EtcdWorld): void {
    this.#world = world;
  }

  /** Undefined: nobody leads with a quorum around it. */
  get leader(): MemberNumber | undefined {
    return this.#leader;
  }

  /** When the last quorum was lost. */
  get quorumLostUs(): Micros | undefined {
    return this.#quorumLostUs;
  }

  /** After the warm-up, by now. */
  get leaderlessUs(): Micros {
    return this.#leaderlessUs + (this.#leader === undefined ? this.#leaderlessSoFarUs() : 0);
  }

  /** Campaigns after the warm-up, those of pre-candidates included. */
  get campaigns(): number {
    return this.#campaigns;
  }

  /** By how many terms the group went on after the warm-up. */
  get terms(): number {
    return this.#term - this.#termAtWarmUp;
  }

  /** The leader has been asked to hand over to this member; undefined: that is over. */
  transferTo(member: MemberNumber | undefined): void {
    this.#transferTo = member;
  }

  /** A member's part has changed. */
  role(member: MemberNumber, role: Role, before: Role, term: number): void {
    const { now } = this.#there;
    this.#term = Math.max(this.#term, term);
    if (now < this.#warmUpUs) this.#termAtWarmUp = this.#term;
    const leaderlessUs = this.#leader === undefined ? now - this.#leaderlessSinceUs : 0;
    this.look();
    if (role === "pre-candidate" || (role === "candidate" && before !== "pre-candidate")) {
      if (now >= this.#warmUpUs) this.#campaigns++;
      this.#campaignsSinceElection++;
      this.#campaignOf[member] = { isUnnecessary: this.#isFormerWell(now) };
    }
    if (role === "leader") this.#elected(member, term, leaderlessUs);
  }

  /** Something has changed: a part, a process, a line, the members. */
  look(): void {
    const world = this.#there;
    const { now } = world;
    const former = this.#former;
    if (former !== undefined) {
      const member = world.group.member(former);
      const isBad = member.incarnation !== this.#formerIncarnation || !this.#isConnected(former);
      if (isBad || this.#isFormerBad) this.#formerBadUs = now;
      this.#isFormerBad = isBad;
    }
    this.#lookForQuorum(now);
    const leader = this.#findLeader();
    if (leader === this.#leader) return;
    if (leader === undefined) this.#leaderlessSinceUs = now;
    else if (this.#leader === undefined) this.#leaderlessUs += this.#leaderlessSoFarUs();
    this.#leader = leader;
    if (leader !== undefined) this.#hasLeader();
  }

  get #there(): EtcdWorld {
    return present(this.#world, "attached before the group starts");
  }

  #elected(member: MemberNumber, term: number, leaderlessUs: Micros): void {
    const { now, group } = this.#there;
    const before = this.#former;
    this.elections.push({
      atUs: now,
      term,
      leader: this.#nameOf(member),
      centre: this.#centreOf(member),
      before: before === undefined ? null : this.#nameOf(before),
      cause: this.#causeOf(member),
      campaigns: this.#campaignsSinceElection,
      leaderlessUs,
    });
    this.#former = member;
    this.#formerIncarnation = group.member(member).incarnation;
    this.#isFormerBad = false;
    this.#formerBadUs = Number.NEGATIVE_INFINITY;
    this.#campaignsSinceElection = 0;
    this.#transferTo = undefined;
    this.#campaignOf.length = 0;
    this.look();
  }

  #causeOf(member: MemberNumber): ElectionCause {
    if (this.#former === undefined) return "first";
    if (this.#transferTo === member) return "transfer";
    return this.#campaignOf[member]?.isUnnecessary === true ? "unnecessary" : "needed";
  }

  /** Whether it has lived and been connected for as long as any timer that could have run out by now. */
  #isFormerWell(now: Micros): boolean {
    if (this.#former === undefined || this.#isFormerBad) return false;
    return now - this.#formerBadUs >= 2 * this.#model.electionUs;
  }

  #lookForQuorum(now: Micros): void {
    const hasQuorum = this.#model.members.some((_, member) => this.#isConnected(member));
    if (this.#hasQuorum && !hasQuorum) this.#quorumLostUs = now;
    this.#hasQuorum = hasQuorum;
  }

  #findLeader(): MemberNumber | undefined {
    const { group } = this.#there;
    let leader: MemberNumber | undefined;
    let term = -1;
    for (const member of group.members) {
      if (member.role !== "leader" || member.term <= term || !this.#isConnected(member.number)) continue;
      leader = member.number;
      term = member.term;
    }
    return leader;
  }

  /** It runs, and so does a majority (of each half of a joint configuration) that it reaches and that reaches it. */
  #isConnected(member: MemberNumber): boolean {
    const configuration = this.#there.group.member(member).server?.configuration;
    if (configuration === undefined) return false;
    const { voters, votersOutgoing } = configuration;
    return (
      this.#isMajority(member, voters) &&
      (votersOutgoing.length === 0 || this.#isMajority(member, votersOutgoing))
    );
  }

  #isMajority(member: MemberNumber, voters: readonly number[]): boolean {
    const { group, network } = this.#there;
    let count = 0;
    for (const id of voters) {
      const other = id - 1;
      if (group.member(other).server === undefined) continue;
      const [from, to] = [group.hostOf(member), group.hostOf(other)];
      if (from === to || (network.carries(from, to) && network.carries(to, from))) count++;
    }
    return 2 * count > voters.length;
  }

  #leaderlessSoFarUs(): Micros {
    return Math.max(0, this.#there.now - Math.max(this.#leaderlessSinceUs, this.#warmUpUs));
  }

  #nameOf(member: MemberNumber): string {
    return this.#there.group.member(member).name;
  }

  #centreOf(member: MemberNumber): string {
    const host = this.#there.group.hostOf(member);
    const centre = this.#model.hosts[host]?.centre;
    assert(centre !== undefined, `host ${host} stands in a centre`);
    return centre;
  }
}
