/** Leader election (§5.2, §5.4.1) with PreVote (dissertation §9.6) and CheckQuorum. */
import { assert } from "../assert.js";
import { isVoter } from "./configuration.js";
import type { RaftCore } from "./core.js";
import { broadcastHeartbeat } from "./heartbeat.js";
import type { VoteResult } from "./quorum.js";
import { appendAsLeader, broadcastAppend } from "./replication.js";
import type { MemberId, PreVote, RequestVote } from "./types.js";
import { EMPTY_DATA, NONE } from "./types.js";

/** One tick at a member that is not leader: its timeout may have come. */
export function tickElection(core: RaftCore): void {
  core.electionElapsed += 1;
  if (core.electionElapsed < core.randomizedElectionTicks || !isVoter(core.configuration, core.id)) return;
  core.electionElapsed = 0;
  campaign(core);
}

/** One tick at a leader: every E ticks count the quorum and give up a transfer of the lead; send heartbeats. */
export function tickHeartbeat(core: RaftCore): void {
  core.heartbeatElapsed += 1;
  core.electionElapsed += 1;
  if (core.electionElapsed >= core.config.electionTicks) {
    core.electionElapsed = 0;
    if (core.config.checkQuorum && !quorumWasActive(core)) {
      core.becomeFollower(core.term, NONE);
      return;
    }
    core.leadTransferee = NONE;
  }
  if (core.heartbeatElapsed >= core.config.heartbeatTicks) {
    core.heartbeatElapsed = 0;
    broadcastHeartbeat(core);
  }
}

/** Starts an election, or the round before it. A leader has no reason to, and who has no vote no right. */
export function campaign(core: RaftCore): void {
  if (core.role === "leader" || !isVoter(core.configuration, core.id)) return;
  if (core.config.preVote) becomePreCandidate(core);
  else becomeCandidate(core);
}

/** The leader's own wish (dissertation §3.10): a campaign without asking around first. A member that is in one already goes on with it. */
export function handleTimeoutNow(core: RaftCore): void {
  if (core.role === "follower" && isVoter(core.configuration, core.id)) becomeCandidate(core, true);
}

/** A follower shall believe in no leader any more, and so be free to vote. Not under leases, which are a promise to the leader. */
export function forgetLeader(core: RaftCore): void {
  if (core.role === "follower" && core.config.readOnlyOption !== "lease-based") core.leader = NONE;
}

/**
 * Whether this member holds itself bound to a leader it has lately heard, and so does not even look at campaigns in
 * higher terms (dissertation §4.2.3). A leader counts its own checks as hearing.
 */
export function isInLease(core: RaftCore): boolean {
  return core.config.checkQuorum && core.leader !== NONE && core.electionElapsed < core.config.electionTicks;
}

/** Answers a request of this member's term, or a PreVote for a later one. */
export function handleVoteRequest(core: RaftCore, request: PreVote | RequestVote): void {
  const { from, term } = request;
  const mayVote =
    core.votedFor === from ||
    (core.votedFor === NONE && core.leader === NONE) ||
    (request.type === "PreVote" && term > core.term);
  const voteGranted = mayVote && core.log.isUpToDate(request.lastLogTerm, request.lastLogIndex);
  if (request.type === "PreVote") {
    // No timer is reset and nothing remembered: a grant in a pre-election binds nobody.
    const answerTerm = voteGranted ? term : core.term;
    core.sendAfterHardState({
      type: "PreVoteResponse",
      from: core.id,
      to: from,
      term: answerTerm,
      voteGranted,
    });
    return;
  }
  if (voteGranted) {
    core.electionElapsed = 0;
    if (core.votedFor !== from) core.setTermAndVote(core.term, from);
  }
  core.sendAfterHardState({
    type: "RequestVoteResponse",
    from: core.id,
    to: from,
    term: core.term,
    voteGranted,
  });
}

/** Counts an answer in the (pre-)election under way. */
export function handleVoteResponse(core: RaftCore, from: MemberId, voteGranted: boolean): void {
  const wasPreCandidate = core.role === "pre-candidate";
  switch (recordBallot(core, from, voteGranted)) {
    case "pending":
      return;
    case "lost":
      core.becomeFollower(core.term, NONE);
      return;
    case "won":
      if (wasPreCandidate) becomeCandidate(core);
      else becomeLeader(core);
  }
}

/**
 * A candidate's own vote counts once it is on its own disk, like anybody's: or a group of one could lead twice in a
 * term, with a crash between.
 */
export function countOwnVote(core: RaftCore): void {
  if (core.role === "candidate" && core.isHardStateDurable) handleVoteResponse(core, core.id, true);
}

function becomePreCandidate(core: RaftCore): void {
  // No reset: term and vote stay, and so does the timeout drawn before, for the next try.
  core.role = "pre-candidate";
  core.leader = NONE;
  core.ballots.fill("none");
  if (recordBallot(core, core.id, true) === "won") becomeCandidate(core);
  else requestVotes(core, false);
}

function becomeCandidate(core: RaftCore, isTransfer = false): void {
  core.reset(core.term + 1);
  core.setTermAndVote(core.term, core.id);
  core.role = "candidate";
  requestVotes(core, isTransfer);
}

function becomeLeader(core: RaftCore): void {
  assert(core.role === "candidate", `${core.role} ${core.id} cannot become leader`);
  core.reset(core.term);
  core.role = "leader";
  core.leader = core.id;
  for (const progress of core.progress) progress.reset(core.log.lastIndex);
  const own = core.progressOf(core.id);
  if (own !== undefined) own.matchIndex = core.log.stableIndex;
  // Any entry that is not known to be committed may be a change.
  core.pendingChangeIndex = core.log.lastIndex;
  // A new leader cannot tell which entries of earlier terms are committed until one of its own is (§5.4.2, §8).
  appendAsLeader(core, [EMPTY_DATA]);
  broadcastAppend(core);
}

function recordBallot(core: RaftCore, from: MemberId, granted: boolean): VoteResult {
  const { ballots } = core;
  const i = core.progress.findIndex((progress) => progress.id === from);
  // The first answer counts, as each voter has one.
  if (ballots[i] === "none") ballots[i] = granted ? "granted" : "refused";
  return core.quorumVote((position) => ballots[position] ?? "none");
}

function requestVotes(core: RaftCore, isTransfer: boolean): void {
  const from = core.id;
  const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = core.log;
  for (const { id: to, isVoter, isOutgoing } of core.progress) {
    if (to === from || !(isVoter || isOutgoing)) continue;
    core.sendAfterHardState(
      core.role === "pre-candidate"
        ? { type: "PreVote", from, to, term: core.term + 1, lastLogIndex, lastLogTerm }
        : { type: "RequestVote", from, to, term: core.term, lastLogIndex, lastLogTerm, isTransfer },
    );
  }
}

/** Whether a majority, this leader included, was heard since the last call; starts a new count. */
function quorumWasActive(core: RaftCore): boolean {
  const { progress, id } = core;
  const result = core.quorumVote((i) =>
    progress[i]?.recentActive || progress[i]?.id === id ? "granted" : "refused",
  );
  for (const one of progress) one.recentActive = false;
  return result === "won";
}
