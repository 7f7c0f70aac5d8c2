/** Log compaction (§7): taking snapshots, and sending them to who is behind the compacted log. */
import { assert } from "../assert.js";
import { membersOf } from "./configuration.js";
import type { RaftCore } from "./core.js";
import type { Progress } from "./progress.js";
import type { InstallSnapshot, MemberId, Snapshot } from "./types.js";

/**
 * The host has its state machine's state as of `index` in a file; entries through `compactThrough` are not kept any
 * longer. The latter may be lower, so that followers a little behind are still fed from the log.
 */
export function takeSnapshot(core: RaftCore, index: number, compactThrough: number): void {
  const { log } = core;
  const before = core.snapshot?.index ?? 0;
  assert(
    index > before && index <= core.deliveredIndex,
    `no snapshot at ${index}: the last was at ${before}, applied is ${core.deliveredIndex}`,
  );
  assert(compactThrough <= index, `compaction through ${compactThrough}, beyond the snapshot at ${index}`);
  const snapshot: Snapshot = {
    index,
    term: log.termAt(index),
    configuration: core.configurationAt(index),
  };
  core.snapshot = snapshot;
  core.wal.writeSnapshot(core.term, core.votedFor, log.commitIndex, snapshot, false);
  if (compactThrough >= log.firstIndex) log.compact(compactThrough);
}

/**
 * Sends a snapshot to a follower that the log cannot serve, if it is there to take it: of what is applied now, as etcd's
 * server does, not the one that the log was compacted by. Returns whether it did.
 */
export function sendSnapshot(core: RaftCore, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const { deliveredIndex: index, log } = core;
  const configuration = core.configurationAt(index);
  // It would ignore a snapshot in which it has no part.
  if (!membersOf(configuration).includes(progress.id)) return false;
  const snapshot: Snapshot = { index, term: log.termAt(index), configuration };
  progress.becomeSnapshot(index);
  core.send({ type: "InstallSnapshot", from: core.id, to: progress.id, term: core.term, snapshot });
  return true;
}

/** A follower takes the leader's snapshot for its log, unless its own reaches as far. */
export function handleInstallSnapshot(core: RaftCore, message: InstallSnapshot): void {
  const { log } = core;
  const { snapshot } = message;
  if (snapshot.index > log.commitIndex && membersOf(snapshot.configuration).includes(core.id)) {
    if (log.termAt(snapshot.index) === snapshot.term) log.commitTo(snapshot.index);
    else {
      core.install(snapshot);
      core.acknowledge(message.from, log.lastIndex);
      return;
    }
  }
  core.acknowledge(message.from, log.commitIndex);
}

/** The host's transport has brought a snapshot to the follower, or failed to: either way the leader goes on by probing, at the next heartbeat. */
export function handleSnapshotReport(core: RaftCore, member: MemberId, isDelivered: boolean): void {
  const progress = core.progressOf(member);
  if (progress?.state !== "snapshot") return;
  if (!isDelivered) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  progress.probeSent = true;
}
