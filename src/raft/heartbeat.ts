import type { RaftCore } from "./core.js";
import type { Heartbeat } from "./types.js";

/** A leader's heartbeats to everybody, each with the latest round of reads that waits for an answer. */
export function broadcastHeartbeat(core: RaftCore): void {
  const { commitIndex } = core.log;
  const context = core.reads.latestRound;
  for (const progress of core.progress) {
    const { id: to, matchIndex } = progress;
    if (to === core.id) continue;
    // A follower must not be told of commits beyond what its log is known to share.
    const leaderCommit = Math.min(matchIndex, commitIndex);
    core.send({ type: "Heartbeat", from: core.id, to, term: core.term, leaderCommit, context });
  }
}

export function handleHeartbeat(core: RaftCore, message: Heartbeat): void {
  core.log.commitTo(message.leaderCommit);
  core.sendAfterHardState({
    type: "HeartbeatResponse",
    from: core.id,
    to: message.from,
    term: core.term,
    context: message.context,
  });
}
