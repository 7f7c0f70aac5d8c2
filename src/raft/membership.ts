/** Configuration changes (§6; dissertation §4): into the log at the leader, into force at everybody who knows them to be committed. */
import { assert } from "../assert.js";
import { changeConfiguration, isJoint } from "./configuration.js";
import type { RaftCore } from "./core.js";
import { appendAsLeader, broadcastAppend, commitAndTell, sendAppend } from "./replication.js";
import type { ConfigurationChange, Entry } from "./types.js";
import { EMPTY_DATA, LEAVE_JOINT, NONE } from "./types.js";

/**
 * Takes a change like a proposal. One that does not fit leaves an empty entry in the log in its place, as in etcd: the
 * host sees by the configuration what became of it.
 */
export function handleProposeChange(
  core: RaftCore,
  change: ConfigurationChange,
  data: number,
  isForwarded: boolean,
): void {
  if (core.role === "leader") {
    if (core.takesProposals) appendChange(core, change, data);
    else if (!isForwarded) core.effects.dropped.push(data);
  } else if (core.leader !== NONE) {
    core.send({ type: "ProposeChange", from: core.id, to: core.leader, term: 0, change, data });
  } else {
    core.effects.dropped.push(data);
  }
}

/**
 * After a step: changes that it committed come into force. At a leader that may commit more, and so on; and it may be
 * time to leave a joint configuration.
 */
export function followConfiguration(core: RaftCore): void {
  const { log } = core;
  while (core.configuredIndex < log.commitIndex) {
    core.configuredIndex += 1;
    const entry = log.entry(core.configuredIndex);
    if (entry.change !== undefined) bringIntoForce(core, entry, entry.change);
  }
  if (core.configuration.autoLeave && core.role === "leader") leaveIfDue(core);
}

function appendChange(core: RaftCore, change: ConfigurationChange, data: number): void {
  if (core.config.checksConfigurationChanges && !fits(core, change)) {
    appendAsLeader(core, [EMPTY_DATA]);
  } else {
    const index = core.log.lastIndex + 1;
    core.pendingChangeIndex = index;
    core.writeEntries(index - 1, [{ term: core.term, index, data, change }]);
  }
  broadcastAppend(core);
}

function fits(core: RaftCore, change: ConfigurationChange): boolean {
  return (
    core.pendingChangeIndex <= core.configuredIndex &&
    changeConfiguration(core.configuration, change).refusal === undefined
  );
}

function bringIntoForce(core: RaftCore, entry: Entry, change: ConfigurationChange): void {
  const { configuration, refusal } = changeConfiguration(core.configuration, change);
  assert(configuration !== undefined, `the change at index ${entry.index} cannot be made: ${refusal}`);
  core.adopt(configuration);
  if (core.role !== "leader") return;
  const own = core.progressOf(core.id);
  if (own === undefined || !(own.isVoter || own.isOutgoing)) {
    if (core.config.stepDownOnRemoval) core.becomeFollower(core.term, NONE);
    return;
  }
  if (!commitAndTell(core)) {
    // Who is new need not wait for the next heartbeat.
    for (const progress of core.progress) if (progress.id !== core.id) sendAppend(core, progress, false);
  }
  const transferee = core.progressOf(core.leadTransferee);
  if (transferee === undefined || !(transferee.isVoter || transferee.isOutgoing)) core.leadTransferee = NONE;
}

/** A leader that may not propose now tries again at its next step. */
function leaveIfDue(core: RaftCore): void {
  if (!isJoint(core.configuration) || core.configuredIndex < core.pendingChangeIndex) return;
  if (core.takesProposals) appendChange(core, LEAVE_JOINT, EMPTY_DATA);
}
