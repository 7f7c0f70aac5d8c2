/** What a member makes of an arriving message: terms first ("rules for all servers", figure 2), then each kind by its handler. */
import { AssertionError, unreachable } from "../assert.js";
import type { RaftCore } from "./core.js";
import { handleTimeoutNow, handleVoteRequest, handleVoteResponse, isInLease } from "./election.js";
import { handleHeartbeat } from "./heartbeat.js";
import { handleProposeChange } from "./membership.js";
import { handleReadIndex } from "./reads.js";
import {
  answerStaleLeader,
  handleAppendEntries,
  handleAppendEntriesResponse,
  handleHeartbeatResponse,
  handlePropose,
} from "./replication.js";
import { handleInstallSnapshot } from "./snapshots.js";
import { continueTransfer, handleTransferLeadership } from "./transfer.js";
import type { AppendEntries, Heartbeat, InstallSnapshot, Message } from "./types.js";
import { NONE } from "./types.js";

/** Messages that belong to a term. */
type TermMessage = Exclude<Message, { type: "Propose" | "ProposeChange" | "ReadIndex" }>;

export function receiveMessage(core: RaftCore, message: Message): void {
  switch (message.type) {
    case "Propose":
      handlePropose(core, message.data, true);
      return;
    case "ProposeChange":
      handleProposeChange(core, message.change, message.data, true);
      return;
    case "ReadIndex":
      handleReadIndex(core, message.from, message.context);
      return;
    default:
      if (settleTerm(core, message)) dispatch(core, message);
  }
}

/** "Rules for all servers" (figure 2) with the exceptions of PreVote and CheckQuorum. Returns whether to go on with the message. */
function settleTerm(core: RaftCore, message: TermMessage): boolean {
  if (message.term === core.term) return true;
  if (message.term < core.term) {
    refuseOldTerm(core, message);
    return false;
  }
  switch (message.type) {
    case "PreVote":
      // Asking changes no term; and whoever hears from a leader does not listen.
      return !isInLease(core);
    case "RequestVote":
      if (!message.isTransfer && isInLease(core)) return false;
      core.becomeFollower(message.term, NONE);
      return true;
    case "PreVoteResponse":
      // A grant names the term asked for, which nobody is in yet.
      if (!message.voteGranted) core.becomeFollower(message.term, NONE);
      return true;
    case "AppendEntries":
    case "Heartbeat":
    case "InstallSnapshot":
      core.becomeFollower(message.term, message.from);
      return true;
    default:
      core.becomeFollower(message.term, NONE);
      return true;
  }
}

function refuseOldTerm(core: RaftCore, message: Message): void {
  const { preVote, checkQuorum } = core.config;
  switch (message.type) {
    case "AppendEntries":
    case "Heartbeat":
    case "InstallSnapshot":
      // Under these two a member of a higher term cannot make itself heard by campaigning, so it answers: the old
      // leader then takes the term over. Without them its campaign does that.
      if (preVote || checkQuorum) answerStaleLeader(core, message.from);
      return;
    case "PreVote":
      // A pre-candidate of an old term would ask for ever if nobody told it.
      core.sendAfterHardState({
        type: "PreVoteResponse",
        from: core.id,
        to: message.from,
        term: core.term,
        voteGranted: false,
      });
      return;
    default:
      return;
  }
}

function dispatch(core: RaftCore, message: TermMessage): void {
  switch (message.type) {
    case "PreVote":
    case "RequestVote":
      handleVoteRequest(core, message);
      return;
    case "PreVoteResponse":
      if (core.role === "pre-candidate") handleVoteResponse(core, message.from, message.voteGranted);
      return;
    case "RequestVoteResponse":
      if (core.role === "candidate") handleVoteResponse(core, message.from, message.voteGranted);
      return;
    case "AppendEntries":
      followLeader(core, message);
      handleAppendEntries(core, message);
      return;
    case "Heartbeat":
      followLeader(core, message);
      handleHeartbeat(core, message);
      return;
    case "InstallSnapshot":
      followLeader(core, message);
      handleInstallSnapshot(core, message);
      return;
    case "AppendEntriesResponse":
      if (core.role === "leader" && handleAppendEntriesResponse(core, message))
        continueTransfer(core, message.from);
      return;
    case "HeartbeatResponse":
      if (core.role === "leader") handleHeartbeatResponse(core, message);
      return;
    case "ReadIndexResponse":
      if (core.role === "follower")
        core.effects.readStates.push({ context: message.context, index: message.index });
      return;
    case "TransferLeadership":
      handleTransferLeadership(core, message.transferee);
      return;
    case "TimeoutNow":
      handleTimeoutNow(core);
      return;
    default:
      unreachable(message);
  }
}

/** The sender is the leader of this term: heard. */
function followLeader(core: RaftCore, message: AppendEntries | Heartbeat | InstallSnapshot): void {
  if (core.role === "leader")
    throw new AssertionError(`members ${core.id} and ${message.from} both lead in term ${core.term}`);
  if (core.role !== "follower") core.becomeFollower(core.term, message.from);
  core.electionElapsed = 0;
  core.leader = message.from;
}
