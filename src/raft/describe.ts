/** A member's whole state in words, for failing tests and for comparing two runs. */
import { describeConfiguration } from "./configuration.js";
import type { RaftCore } from "./core.js";
import type { Progress } from "./progress.js";

/** One line for the member, one for each member that it knows. Of the log the ends and the marks, not the entries. */
export function describeCore(core: RaftCore): string {
  const { id, role, term, votedFor, leader, log, wal, reads } = core;
  const lines = [
    `${id} ${role} term ${term} vote ${votedFor} leader ${leader} handing over to ${core.leadTransferee}`,
    `elapsed ${core.electionElapsed} of ${core.randomizedElectionTicks}, heartbeat ${core.heartbeatElapsed}`,
    `log ${log.firstIndex}..${log.lastIndex} of term ${log.lastTerm}, stable ${log.stableIndex}, commit ${log.commitIndex}, delivered ${core.deliveredIndex}`,
    `writes ${wal.durableSequence} of ${wal.writeSequence}, reads ${reads.isEmpty ? "none" : reads.latestRound}`,
    `configuration at ${core.configuredIndex} (pending ${core.pendingChangeIndex}): ${describeConfiguration(core.configuration)}`,
    ...core.progress.map((progress, i) => `${describeProgress(progress)}, ballot ${core.ballots[i]}`),
  ];
  return lines.join("\n  ");
}

function describeProgress(progress: Progress): string {
  const { id, state, matchIndex, nextIndex, inflights } = progress;
  const flags = [
    progress.recentActive ? "active" : "inactive",
    progress.probeSent ? ", probe sent" : "",
    progress.pendingSnapshot > 0 ? `, snapshot at ${progress.pendingSnapshot}` : "",
  ];
  return `member ${id}: ${state} match ${matchIndex} next ${nextIndex} under way ${inflights.count} round ${progress.readRound} ${flags.join("")}`;
}
