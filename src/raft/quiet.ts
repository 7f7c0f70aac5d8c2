/**
 * Quiet time: a leader whose followers have all it has, and members that hear it. Ticks, heartbeats and their answers
 * then change counters and nothing else, so any number of them can be passed at once, by arithmetic. What comes out is
 * equal, field by field, to what the ticks and messages themselves would have left (test/raft/quiet.test.ts).
 *
 * The host promises, for the ticks that it passes: each member ticks once in one tick of the leader; a heartbeat and its
 * answer arrive within less than a tick; nothing else happens to anybody. At the beginning and at the end the leader
 * is about to tick, and no message is under way.
 */
import { assert } from "../assert.js";
import { isVoter } from "./configuration.js";
import type { RaftCore } from "./core.js";
import type { Progress } from "./progress.js";
import { NONE } from "./types.js";

/**
 * Whether `leader`, about to tick, and `followers` are so at rest that heartbeats keep them so. The followers are the
 * members that are up: they hear the leader and it hears them. Whoever else is in the configuration is silent.
 */
export function isQuiet(leader: RaftCore, followers: readonly RaftCore[]): boolean {
  return (
    isLeaderQuiet(leader) && followers.every((one) => isFed(leader, one)) && keepsQuorum(leader, followers)
  );
}

/** Of the leader's next `count` ticks the last one, from 1, that sends heartbeats; 0 if none does. */
export function lastHeartbeatWithin(leader: RaftCore, count: number): number {
  return Math.max(0, count - ((leader.heartbeatElapsed + count) % leader.config.heartbeatTicks));
}

/** The leader's part of `count` ticks in which `followers` answer each heartbeat. */
export function passTicksAsLeader(leader: RaftCore, followers: readonly RaftCore[], count: number): void {
  assert(Number.isSafeInteger(count) && count > 0, `${count} quiet ticks`);
  assert(isQuiet(leader, followers), `member ${leader.id} leads no quiet group`);
  const { electionTicks, heartbeatTicks, checkQuorum } = leader.config;
  const lastHeartbeat = lastHeartbeatWithin(leader, count);
  leader.heartbeatElapsed = (leader.heartbeatElapsed + count) % heartbeatTicks;
  leader.electionElapsed = (leader.electionElapsed + count) % electionTicks;
  // The quorum is counted in the tick in which the count of ticks comes round, before that tick's heartbeats.
  const lastCheck = checkQuorum ? count - leader.electionElapsed : 0;
  for (const progress of leader.progress) {
    if (lastCheck > 0) progress.recentActive = false;
    if (lastHeartbeat > 0 && lastHeartbeat >= lastCheck && hasCore(followers, progress))
      progress.recentActive = true;
  }
}

/**
 * A follower's part of as many of its own ticks. `sinceHeard`: those after the last heartbeat's arrival; undefined where
 * no heartbeat came.
 */
export function passTicksAsFollower(follower: RaftCore, count: number, sinceHeard: number | undefined): void {
  assert(follower.role === "follower" && follower.leader !== NONE, `member ${follower.id} follows nobody`);
  follower.electionElapsed = sinceHeard ?? follower.electionElapsed + count;
  assert(
    follower.electionElapsed < follower.config.electionTicks || !isVoter(follower.configuration, follower.id),
    `member ${follower.id} would have campaigned in its quiet time`,
  );
}

/** Nothing waits at the leader: no write, no read, no entry to apply, no change, no succession. */
function isLeaderQuiet(leader: RaftCore): boolean {
  return (
    leader.role === "leader" &&
    leader.leadTransferee === NONE &&
    leader.reads.isEmpty &&
    !leader.configuration.autoLeave &&
    hasNothingToDo(leader)
  );
}

function hasNothingToDo(core: RaftCore): boolean {
  const { log, wal } = core;
  return wal.durableSequence === wal.writeSequence && core.deliveredIndex === log.commitIndex;
}

/** Whether a heartbeat tells the follower nothing, its answer tells the leader nothing, and it never waits long for the next one. */
function isFed(leader: RaftCore, follower: RaftCore): boolean {
  const { electionTicks, heartbeatTicks } = leader.config;
  const progress = leader.progressOf(follower.id);
  // Arrivals are less than a tick off their heartbeats, which puts one tick more at most between two of them.
  const ticksToFirst = heartbeatTicks - leader.heartbeatElapsed;
  return (
    follower.role === "follower" &&
    follower.term === leader.term &&
    follower.leader === leader.id &&
    hasNothingToDo(follower) &&
    progress?.state === "replicate" &&
    progress.matchIndex === leader.log.lastIndex &&
    progress.inflights.count === 0 &&
    follower.log.commitIndex === leader.log.commitIndex &&
    follower.electionElapsed + ticksToFirst < follower.config.electionTicks &&
    heartbeatTicks + 1 < electionTicks &&
    electionTicks === follower.config.electionTicks
  );
}

/** Whether each count of the quorum finds one: the first may rest on answers of before, the later ones on these followers. */
function keepsQuorum(leader: RaftCore, followers: readonly RaftCore[]): boolean {
  if (!leader.config.checkQuorum) return true;
  const { progress } = leader;
  const isWon = (isActive: (one: Progress) => boolean) =>
    leader.quorumVote((i) => {
      const one = progress[i] as Progress;
      return one.id === leader.id || isActive(one) ? "granted" : "refused";
    }) === "won";
  return isWon((one) => one.recentActive) && isWon((one) => hasCore(followers, one));
}

function hasCore(cores: readonly RaftCore[], progress: Progress): boolean {
  for (const core of cores) if (core.id === progress.id) return true;
  return false;
}
