/**
 * Linearizable reads without a log entry (§8; dissertation §6.4). The leader notes its commit index, makes sure that it
 * still leads, and lets the read be served once that index is applied. Nothing of this touches a disk.
 */
import type { RaftCore } from "./core.js";
import { broadcastHeartbeat } from "./heartbeat.js";
import type { Progress } from "./progress.js";
import type { MemberId } from "./types.js";
import { NONE } from "./types.js";

/** A read somebody asked for: the member whose host did, and what that host calls it. */
interface Read {
  readonly from: MemberId;
  readonly context: number;
}

interface Round extends Read {
  /** Counted from 1 in the leader's term. */
  readonly round: number;
  readonly index: number;
}

/** A leader's reads under way. */
export class PendingReads {
  /** Waiting for a quorum to answer a heartbeat of their round or a later one, oldest first. */
  #rounds: Round[] = [];
  #lastRound = 0;
  /** Waiting for the first commit of this leader's own term. */
  #early: Read[] = [];

  /** The latest round that waits; 0 for none. */
  get latestRound(): number {
    return this.#rounds.length === 0 ? 0 : this.#lastRound;
  }

  /** No read waits for anything. */
  get isEmpty(): boolean {
    return this.#rounds.length === 0 && this.#early.length === 0;
  }

  clear(): void {
    if (this.#rounds.length > 0) this.#rounds = [];
    if (this.#early.length > 0) this.#early = [];
    this.#lastRound = 0;
  }

  hold(from: MemberId, context: number): void {
    this.#early.push({ from, context });
  }

  begin(from: MemberId, context: number, index: number): number {
    this.#lastRound += 1;
    this.#rounds.push({ from, context, index, round: this.#lastRound });
    return this.#lastRound;
  }

  /** Takes the reads that wait for a commit of this term. */
  takeEarly(): readonly Read[] {
    const early = this.#early;
    if (early.length > 0) this.#early = [];
    return early;
  }

  /** Takes the reads of all rounds through `confirmed`. */
  takeThrough(confirmed: number): readonly Round[] {
    let done = 0;
    while (done < this.#rounds.length && (this.#rounds[done] as Round).round <= confirmed) done++;
    return this.#rounds.splice(0, done);
  }
}

/** A read is asked for, here (`from` is this member) or by the host of another. Where no leader is known it is lost; the host asks again. */
export function handleReadIndex(core: RaftCore, from: MemberId, context: number): void {
  if (core.role === "leader") {
    if (hasCommittedInTerm(core)) startRead(core, from, context);
    // Until then a new leader does not know what is committed (§8).
    else core.reads.hold(from, context);
  } else if (core.role === "follower" && core.leader !== NONE) {
    core.send({ type: "ReadIndex", from, to: core.leader, term: 0, context });
  }
}

/** The leader has committed something: reads that came before the first commit of its term may start. */
export function releaseEarlyReads(core: RaftCore): void {
  if (!hasCommittedInTerm(core)) return;
  for (const { from, context } of core.reads.takeEarly()) startRead(core, from, context);
}

/** A follower answered a heartbeat that carried `round`, so this leader still led when the round began. */
export function acknowledgeReads(core: RaftCore, progress: Progress, round: number): void {
  if (round <= progress.readRound) return;
  progress.readRound = round;
  const confirmed = core.quorumIndex((member) =>
    member.id === core.id ? core.reads.latestRound : member.readRound,
  );
  for (const read of core.reads.takeThrough(confirmed)) answer(core, read.from, read.context, read.index);
}

function startRead(core: RaftCore, from: MemberId, context: number): void {
  const index = core.log.commitIndex;
  if (core.config.readOnlyOption === "lease-based" || core.isOnlyVoter) {
    answer(core, from, context, index);
    return;
  }
  core.reads.begin(from, context, index);
  broadcastHeartbeat(core);
}

function answer(core: RaftCore, to: MemberId, context: number, index: number): void {
  if (to === core.id) core.effects.readStates.push({ context, index });
  else core.send({ type: "ReadIndexResponse", from: core.id, to, term: core.term, context, index });
}

function hasCommittedInTerm(core: RaftCore): boolean {
  return core.log.termAt(core.log.commitIndex) === core.term;
}
