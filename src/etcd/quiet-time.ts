/**
 * Leaving out a group's quiet time. While nothing but ticks, heartbeats and their answers happens, the state at any later
 * tick of the leader can be computed: counters by arithmetic, and how long ago each follower heard its leader from the
 * delay of one heartbeat, which is drawn by number.
 *
 * How a host adopts it. In the handler of a member's tick, before the node is told, a host whose member leads calls
 * {@link passQuietTime} with all other members that are up. If rounds were passed, it adds as many to each member's
 * count of ticks, puts the tick of every member off by as many ticks (the leader's, which was due now, too), and
 * returns: the tick is not yet. What it puts on the event list anew must keep its order: the leader's first, the others'
 * in the order in which they were last put there, since events of one time come in that order. The old ones are made
 * stale, by a generation for instance.
 *
 * What it promises:
 * 1. `quietUntilUs`: before that time, nothing touches these members or looks at them but their own ticks, heartbeats and
 *    answers. Where everything that could is an event, `Simulation.nothingBefore` says so if it ignores exactly the ticks
 *    of this group's members. Messages under way, disks that write and clients' timers are events, so that they need
 *    not be thought of; what a host does inside its tick handler besides (a check every n-th tick) it has to think of.
 * 2. `slowestAnswerUs`: a bound, or Infinity where there is none: delays without bound, loss, a cut between the leader and
 *    anybody.
 * 3. Delays (and whatever else is drawn) of heartbeats and their answers are functions of who, to whom, the leader's
 *    incarnation and the number of its tick. No sequence of draws is used up by them.
 * 4. A tick that is due at the moment at which a message arrives comes before it, as it does when each tick puts the next
 *    one on the list and messages take less than a tick.
 * 5. Heartbeats and answers leave nothing behind but what the nodes make of them and what one more round renews (when a
 *    kernel last heard of its peer): see `playedRounds`. What else the host counts or times, it has to bring forward by itself.
 * 6. A heartbeat to a member that is down changes nothing; if the transport reports it unreachable, it has done so before.
 *
 * Nothing is lost by asking too often: whatever is not certain counts as not quiet.
 */
import type { RaftNode } from "../raft/node.js";
import type { MemberId } from "../raft/types.js";
import type { Micros } from "../units/time.js";

/** With fewer rounds, passing them costs more than playing them. */
const ROUNDS_MIN = 2;

/** A member that is up and does not lead. */
export interface QuietFollower {
  readonly node: RaftNode;
  /** Its next tick, still on the event list. */
  readonly nextTickUs: Micros;
}

/** What there is to know about a group, at a tick of its leader that has not been handled yet. */
export interface QuietGroup {
  readonly nowUs: Micros;
  /** The same at all members. */
  readonly tickUs: Micros;
  /** So many quiet rounds are played before whatever comes next, to renew what depends on the last round alone; mostly 0 or 1. */
  readonly playedRounds: number;
  /** Until then nothing else happens, µs. See above. */
  quietUntilUs(): Micros;
  /** From a heartbeat of `leader` until its answer has been dealt with, at most, µs, over all members: who is down now hears heartbeats as late. */
  slowestAnswerUs(leader: MemberId): Micros;
  /** From the `tick`-th tick of `leader` from now (1: the one due now) until `follower` has dealt with its heartbeat, µs. */
  heartbeatDelayUs(leader: MemberId, follower: MemberId, tick: number): Micros;
}

/** Passes as many rounds (a tick of each member) as are certain to be quiet. Returns how many; 0: handle the tick as usual. */
export function passQuietTime(
  group: QuietGroup,
  leader: RaftNode,
  followers: readonly QuietFollower[],
): number {
  const { nowUs, tickUs } = group;
  const rounds = roundsBefore(group.quietUntilUs() - nowUs, tickUs) - group.playedRounds;
  if (rounds < ROUNDS_MIN || !(group.slowestAnswerUs(leader.id) < tickUs)) return 0;
  // The first tick of a process may be further off.
  if (!followers.every((one) => one.nextTickUs <= nowUs + tickUs)) return 0;
  const nodes = followers.map((one) => one.node);
  if (!leader.isQuietWith(nodes)) return 0;
  const heartbeat = leader.lastHeartbeatWithin(rounds);
  leader.passTicksAsLeader(nodes, rounds);
  for (const { node, nextTickUs } of followers) {
    const lastTickUs = nextTickUs + (rounds - 1) * tickUs;
    if (heartbeat === 0) node.passTicksAsFollower(rounds, undefined);
    else {
      const heardUs =
        nowUs + (heartbeat - 1) * tickUs + group.heartbeatDelayUs(leader.id, node.id, heartbeat);
      node.passTicksAsFollower(rounds, ticksAfter(heardUs, lastTickUs, tickUs));
    }
  }
  return rounds;
}

/** Rounds after which the leader's tick still comes before the span is over: at its very end somebody may already look. */
function roundsBefore(spanUs: Micros, tickUs: Micros): number {
  return Math.ceil(spanUs / tickUs) - 1;
}

/** How many of the ticks through `lastTickUs` come after `heardUs`. One at the same moment came before. */
function ticksAfter(heardUs: Micros, lastTickUs: Micros, tickUs: Micros): number {
  return Math.max(0, Math.ceil((lastTickUs - heardUs) / tickUs));
}
