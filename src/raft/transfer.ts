/** Leadership transfer (dissertation §3.10): the leader lets a chosen follower catch up, then has it campaign at once. */
import { isVoter } from "./configuration.js";
import type { RaftCore } from "./core.js";
import { sendAppend } from "./replication.js";
import type { MemberId } from "./types.js";
import { NONE } from "./types.js";

/**
 * The lead shall go to `transferee`. A leader takes no proposals until it is relieved or E ticks have passed; a follower
 * passes the wish on. A wish for another member replaces the one before it.
 */
export function handleTransferLeadership(core: RaftCore, transferee: MemberId): void {
  if (core.role !== "leader") {
    if (core.role !== "follower" || core.leader === NONE) return;
    const { id: from, term, leader: to } = core;
    core.send({ type: "TransferLeadership", from, to, term, transferee });
    return;
  }
  const progress = core.progressOf(transferee);
  if (
    progress === undefined ||
    !isVoter(core.configuration, transferee) ||
    core.leadTransferee === transferee
  )
    return;
  core.leadTransferee = NONE;
  if (transferee === core.id) return;
  // It has one election timeout from now.
  core.electionElapsed = 0;
  core.leadTransferee = transferee;
  if (progress.matchIndex === core.log.lastIndex) sendTimeoutNow(core, transferee);
  else sendAppend(core, progress, true);
}

/** The transferee answered: once it has the whole log it may start. */
export function continueTransfer(core: RaftCore, from: MemberId): void {
  if (core.leadTransferee !== from) return;
  if (core.progressOf(from)?.matchIndex === core.log.lastIndex) sendTimeoutNow(core, from);
}

function sendTimeoutNow(core: RaftCore, to: MemberId): void {
  core.send({ type: "TimeoutNow", from: core.id, to, term: core.term });
}
