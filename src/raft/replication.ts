/** Log replication (§5.3), commitment (§5.4.2) and the flow control of one leader towards each follower. */
import type { RaftCore } from "./core.js";
import type { Progress } from "./progress.js";
import { acknowledgeReads, releaseEarlyReads } from "./reads.js";
import { sendSnapshot } from "./snapshots.js";
import type { AppendEntries, AppendEntriesResponse, Entry, HeartbeatResponse, MemberId } from "./types.js";
import { NONE } from "./types.js";

const NO_ENTRIES: readonly Entry[] = Object.freeze([]);

/**
 * Takes proposals: appended by a leader, handed on to the leader by a follower, refused where none is known. A leader
 * that is handing over refuses them, too; those that came from another member (`isForwarded`) are lost.
 */
export function handlePropose(core: RaftCore, data: readonly number[], isForwarded: boolean): void {
  if (core.role === "leader") {
    if (!core.takesProposals) {
      if (!isForwarded) for (const item of data) core.effects.dropped.push(item);
      return;
    }
    appendAsLeader(core, data);
    broadcastAppend(core);
  } else if (core.leader !== NONE) {
    core.send({ type: "Propose", from: core.id, to: core.leader, term: 0, data });
  } else {
    for (const item of data) core.effects.dropped.push(item);
  }
}

/** Appends entries of the leader's term to its own log. They count for a majority when its disk has them. */
export function appendAsLeader(core: RaftCore, data: readonly number[]): void {
  const lastKept = core.log.lastIndex;
  const entries = data.map((item, i): Entry => ({ term: core.term, index: lastKept + 1 + i, data: item }));
  core.writeEntries(lastKept, entries);
}

export function broadcastAppend(core: RaftCore): void {
  for (const progress of core.progress) {
    if (progress.id !== core.id) sendAppend(core, progress, true);
  }
}

/** The leader's own disk has caught up: its log counts as one of the majority (§5.3), as far as it is stable. */
export function handleOwnPersisted(core: RaftCore): void {
  const own = core.progressOf(core.id);
  if (own?.maybeUpdate(core.log.stableIndex)) commitAndTell(core);
}

/** A follower takes the leader's entries, or says how far back the leader must go. */
export function handleAppendEntries(core: RaftCore, message: AppendEntries): void {
  const { prevLogIndex, prevLogTerm, entries } = message;
  const { log } = core;
  if (prevLogIndex < log.commitIndex) {
    // An old message: all of it is committed here, perhaps more.
    core.acknowledge(message.from, log.commitIndex);
    return;
  }
  if (log.termAt(prevLogIndex) !== prevLogTerm) {
    refuse(core, message);
    return;
  }
  const lastNew = prevLogIndex + entries.length;
  const commitIndex = Math.max(log.commitIndex, Math.min(message.leaderCommit, lastNew));
  const firstNew = log.firstNew(entries);
  if (firstNew < entries.length) {
    const added = firstNew === 0 ? entries : entries.slice(firstNew);
    core.writeEntries(prevLogIndex + firstNew, added, commitIndex);
  }
  log.commitTo(commitIndex);
  core.acknowledge(message.from, lastNew);
}

/** A leader learns how far a follower is. Returns whether it got further. */
export function handleAppendEntriesResponse(core: RaftCore, message: AppendEntriesResponse): boolean {
  const progress = core.progressOf(message.from);
  if (progress === undefined) return false;
  progress.recentActive = true;
  if (message.success) return handleAcknowledgement(core, progress, message.index);
  handleRefusal(core, progress, message);
  return false;
}

/** A sign of life: a probe may be repeated, and a full window is opened by one, lest a lost message close it for good. */
export function handleHeartbeatResponse(core: RaftCore, message: HeartbeatResponse): void {
  const progress = core.progressOf(message.from);
  if (progress === undefined) return;
  progress.recentActive = true;
  progress.probeSent = false;
  if (progress.state === "replicate" && progress.inflights.isFull) progress.inflights.freeFirst();
  // While replicating this may be an empty message; refused, it shows that something before it was lost.
  if (progress.matchIndex < core.log.lastIndex || progress.state === "probe")
    sendAppend(core, progress, true);
  if (message.context > 0) acknowledgeReads(core, progress, message.context);
}

/** The host's transport could not reach the follower: what was sent optimistically may be lost. */
export function handleUnreachable(core: RaftCore, member: MemberId): void {
  const progress = core.progressOf(member);
  if (progress?.state === "replicate") progress.becomeProbe();
}

/** Tells the sender of a message of an older term what the term is, so that it cannot linger in the old one. */
export function answerStaleLeader(core: RaftCore, to: MemberId): void {
  core.sendAfterHardState({
    type: "AppendEntriesResponse",
    from: core.id,
    to,
    term: core.term,
    success: true,
    index: 0,
    hintIndex: 0,
    hintTerm: 0,
  });
}

function handleAcknowledgement(core: RaftCore, progress: Progress, index: number): boolean {
  const wasPaused = progress.isPaused;
  const isNews = progress.maybeUpdate(index);
  // A probe that confirms what was known already ends the probing as well; index 0 confirms nothing.
  const endsProbe = progress.state === "probe" && index > 0 && index === progress.matchIndex;
  if (!isNews && !endsProbe) return false;
  if (progress.state === "replicate") progress.inflights.freeThrough(index);
  // A snapshot is no longer needed once the log reaches back far enough, whichever snapshot did it.
  else if (progress.state === "probe" || index + 1 >= core.log.firstIndex) progress.becomeReplicate();
  if (!(isNews && commitAndTell(core)) && wasPaused) {
    // While paused it may have missed the latest commit index.
    sendAppend(core, progress, true);
  }
  while (sendAppend(core, progress, false)) {
    // The window may have opened for several messages.
  }
  return true;
}

function handleRefusal(core: RaftCore, progress: Progress, message: AppendEntriesResponse): void {
  // Our own terms may rule out more than the follower could (§5.3).
  const hint =
    message.hintTerm > 0 ? core.log.lastIndexWithin(message.hintIndex, message.hintTerm) : message.hintIndex;
  if (!progress.maybeDecrease(message.index, hint)) return;
  if (progress.state === "replicate") progress.becomeProbe();
  sendAppend(core, progress, true);
}

/** Sends what follows nextIndex, unless flow control forbids or, without `evenIfEmpty`, there is nothing. Returns whether it sent. */
export function sendAppend(core: RaftCore, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.isPaused) return false;
  const { log, id: from, term } = core;
  const prevLogIndex = progress.nextIndex - 1;
  if (prevLogIndex < log.firstIndex - 1) return sendSnapshot(core, progress);
  const isEmpty = prevLogIndex >= log.lastIndex;
  if (isEmpty && !evenIfEmpty) return false;
  const entries = isEmpty ? NO_ENTRIES : log.slice(progress.nextIndex, core.config.entriesPerMessageMax);
  if (!isEmpty) {
    if (progress.state === "replicate") {
      progress.nextIndex += entries.length;
      progress.inflights.add(prevLogIndex + entries.length);
    } else {
      progress.probeSent = true;
    }
  }
  core.send({
    type: "AppendEntries",
    from,
    to: progress.id,
    term,
    prevLogIndex,
    prevLogTerm: log.termAt(prevLogIndex),
    entries,
    leaderCommit: log.commitIndex,
  });
  return true;
}

/** Commits what a majority has on disk and tells everybody. Returns whether there was anything. */
export function commitAndTell(core: RaftCore): boolean {
  if (!maybeCommit(core)) return false;
  releaseEarlyReads(core);
  broadcastAppend(core);
  return true;
}

/** Commits what a majority has on disk, provided it ends in an entry of this term (§5.4.2). Returns whether it did. */
function maybeCommit(core: RaftCore): boolean {
  const index = core.quorumIndex(matchIndexOf);
  if (index <= core.log.commitIndex || core.log.termAt(index) !== core.term) return false;
  core.log.commitTo(index);
  return true;
}

function matchIndexOf(progress: Progress): number {
  return progress.matchIndex;
}

function refuse(core: RaftCore, message: AppendEntries): void {
  const { log } = core;
  const hintIndex = log.lastIndexWithin(Math.min(message.prevLogIndex, log.lastIndex), message.prevLogTerm);
  core.sendAfterHardState({
    type: "AppendEntriesResponse",
    from: core.id,
    to: message.from,
    term: core.term,
    success: false,
    index: message.prevLogIndex,
    hintIndex,
    hintTerm: Math.max(log.termAt(hintIndex), 0),
  });
}
