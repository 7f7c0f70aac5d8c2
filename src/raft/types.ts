/**
 * The words of the protocol: entries, messages, inputs, effects. Names are the Raft paper's (Ongaro and Ousterhout, "In
 * Search of an Understandable Consensus Algorithm", extended version; figures and sections are cited as §n); where the
 * paper has none, etcd's raft library has.
 */

/** A member's identity: a positive integer. 0 stands for "none" ({@link NONE}). */
export type MemberId = number;

/** No member: no leader known, no vote cast. */
export const NONE: MemberId = 0;

/** One slot of the replicated log. *Invariant:* never changed once made; members share the object. */
export interface Entry {
  readonly term: number;
  /** Position in the log, from 1. */
  readonly index: number;
  /** What the host proposed, an opaque number of its choosing; {@link EMPTY_DATA} for the entry a new leader appends. */
  readonly data: number;
  /** In force once the entry is committed. Absent in most entries. */
  readonly change?: ConfigurationChange;
}

/** One member's part in a change. "update" changes nothing here; hosts tell members' addresses by it. */
export interface MemberChange {
  readonly type: "add-voter" | "add-learner" | "remove" | "update";
  readonly member: MemberId;
}

/**
 * A change of who takes part (§6; dissertation §4). "auto" makes it in one step if it has one part, else by a joint
 * configuration that the leader leaves by itself; "implicit" always takes the joint one and leaves it; "explicit" takes
 * it and waits to be told: by a change "auto" without parts, {@link LEAVE_JOINT}.
 */
export interface ConfigurationChange {
  readonly transition: "auto" | "implicit" | "explicit";
  readonly changes: readonly MemberChange[];
}

/** Out of a joint configuration into its new half. */
export const LEAVE_JOINT: ConfigurationChange = Object.freeze({ transition: "auto", changes: [] });

/** The data of the empty entry with which a leader opens its term (§8). */
export const EMPTY_DATA = 0;

/** A server's part (§5.1), with the pre-candidate of PreVote (Ongaro's dissertation, §9.6). */
export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/** What must survive a crash beside the log (figure 2, "persistent state"). */
export interface HardState {
  readonly term: number;
  /** The member voted for in `term`, or {@link NONE}. */
  readonly votedFor: MemberId;
  /** Needed by nobody for safety; it spares a restarted member the wait before it may apply again. */
  readonly commitIndex: number;
}

/**
 * Who takes part (§6). Each list is in the order of identities. *Invariant:* a learner is in neither set of voters; who
 * is in `learnersNext` is in `votersOutgoing`; without outgoing voters there are no next learners and no `autoLeave`.
 */
export interface Configuration {
  /** The voters; in a joint configuration those of the new one (C_new). */
  readonly voters: readonly MemberId[];
  /** In a joint configuration the voters of the old one (C_old), else nobody. */
  readonly votersOutgoing: readonly MemberId[];
  /** They are sent the log and have no vote (dissertation §4.2.1). */
  readonly learners: readonly MemberId[];
  /** Outgoing voters that will be learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  /** The leader leaves the joint configuration by itself once it is committed. */
  readonly autoLeave: boolean;
}

/** Stands for the log through `index` (§7). The state machine's content at that index is the host's. */
export interface Snapshot {
  readonly index: number;
  /** Of the entry at `index`. */
  readonly term: number;
  /** As of `index`. */
  readonly configuration: Configuration;
}

/** What a member finds on its disk: the way to start it again. Entries are in order, the first follows the snapshot (index 1 without one). */
export interface DurableImage {
  readonly hardState: HardState;
  readonly snapshot?: Snapshot;
  readonly entries: readonly Entry[];
}

interface Addressed {
  readonly from: MemberId;
  readonly to: MemberId;
}

/** "Would you vote for me?" `term` is the one the sender would campaign in, one above its own. */
export interface PreVote extends Addressed {
  readonly type: "PreVote";
  readonly term: number;
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
}

/** A grant carries the term asked for, a refusal the term of the one who refuses. */
export interface PreVoteResponse extends Addressed {
  readonly type: "PreVoteResponse";
  readonly term: number;
  readonly voteGranted: boolean;
}

/** RequestVote of figure 2. */
export interface RequestVote extends Addressed {
  readonly type: "RequestVote";
  readonly term: number;
  readonly lastLogIndex: number;
  readonly lastLogTerm: number;
  /** The leader itself asked for this campaign, so no lease speaks against it (dissertation §4.2.3). */
  readonly isTransfer: boolean;
}

export interface RequestVoteResponse extends Addressed {
  readonly type: "RequestVoteResponse";
  readonly term: number;
  readonly voteGranted: boolean;
}

/** AppendEntries of figure 2; without entries it carries only the commit index and the consistency check. */
export interface AppendEntries extends Addressed {
  readonly type: "AppendEntries";
  readonly term: number;
  readonly prevLogIndex: number;
  readonly prevLogTerm: number;
  readonly entries: readonly Entry[];
  readonly leaderCommit: number;
}

export interface AppendEntriesResponse extends Addressed {
  readonly type: "AppendEntriesResponse";
  readonly term: number;
  readonly success: boolean;
  /** On success: the sender's log equals the leader's through this index. On refusal: the `prevLogIndex` refused. */
  readonly index: number;
  /** On refusal: the sender's log may equal the leader's through this index, not beyond (§5.3, "optimized to reduce the number of rejected AppendEntries"). Else 0. */
  readonly hintIndex: number;
  /** The term of the sender's entry at `hintIndex`. */
  readonly hintTerm: number;
}

/** Keeps followers from campaigning and tells what is committed of the log they are known to have. */
export interface Heartbeat extends Addressed {
  readonly type: "Heartbeat";
  readonly term: number;
  readonly leaderCommit: number;
  /** The leader's latest round of reads that waits for a quorum (dissertation §6.4), counted from 1 in its term; 0 for none. */
  readonly context: number;
}

export interface HeartbeatResponse extends Addressed {
  readonly type: "HeartbeatResponse";
  readonly term: number;
  /** That of the heartbeat. */
  readonly context: number;
}

/** Replaces a log that ends before the leader's begins (§7). In one piece, like etcd's. */
export interface InstallSnapshot extends Addressed {
  readonly type: "InstallSnapshot";
  readonly term: number;
  readonly snapshot: Snapshot;
}

/** Proposals handed on by a follower to the member it believes to be leader. Belongs to no term: `term` is 0. */
export interface Propose extends Addressed {
  readonly type: "Propose";
  readonly term: 0;
  readonly data: readonly number[];
}

/** A configuration change handed on like a proposal. */
export interface ProposeChange extends Addressed {
  readonly type: "ProposeChange";
  readonly term: 0;
  readonly change: ConfigurationChange;
  readonly data: number;
}

/** A read handed on by a follower to the member it believes to be leader. Belongs to no term: `term` is 0. */
export interface ReadIndex extends Addressed {
  readonly type: "ReadIndex";
  readonly term: 0;
  /** What the asking host knows the read by. */
  readonly context: number;
}

/** The leader's answer: the read may be served from a state machine that has applied `index`. */
export interface ReadIndexResponse extends Addressed {
  readonly type: "ReadIndexResponse";
  readonly term: number;
  readonly context: number;
  readonly index: number;
}

/** "Lead on": the leader has `transferee` take over (dissertation §3.10). Sent by a follower that was asked to pass it on. */
export interface TransferLeadership extends Addressed {
  readonly type: "TransferLeadership";
  readonly term: number;
  readonly transferee: MemberId;
}

/** The leader's word to its successor: campaign now (dissertation §3.10). */
export interface TimeoutNow extends Addressed {
  readonly type: "TimeoutNow";
  readonly term: number;
}

/** What travels between members. A message is immutable and belongs to whoever received it. */
export type Message =
  | PreVote
  | PreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | Propose
  | ProposeChange
  | ReadIndex
  | ReadIndexResponse
  | TransferLeadership
  | TimeoutNow;

/** What can happen to a node. Each has a method of the same name on RaftNode, which saves the wrapping. */
export type Input =
  | { readonly type: "tick" }
  | { readonly type: "receive"; readonly message: Message }
  | { readonly type: "propose"; readonly data: readonly number[] }
  | { readonly type: "proposeChange"; readonly change: ConfigurationChange; readonly data: number }
  | { readonly type: "persisted"; readonly writeSequence: number }
  | { readonly type: "campaign" }
  | { readonly type: "reportUnreachable"; readonly member: MemberId }
  | { readonly type: "reportSnapshot"; readonly member: MemberId; readonly isDelivered: boolean }
  | { readonly type: "takeSnapshot"; readonly index: number; readonly compactThrough: number }
  | { readonly type: "readIndex"; readonly context: number }
  | { readonly type: "transferLeadership"; readonly transferee: MemberId }
  | { readonly type: "forgetLeader" };

/** A read's answer: linearizable once the state machine has applied `index` (§8, dissertation §6.4). */
export interface ReadState {
  /** What the host called the read when it asked. */
  readonly context: number;
  readonly index: number;
}

/**
 * What the host has to do after a step. One object per node, emptied and filled again at each step: read it, copy what
 * must stay (messages and entries themselves may be kept), and let go of it before the next step of the same node.
 */
export interface Effects {
  /** To be sent, in this order, each no earlier than {@link Effects.sendAfter} allows. */
  readonly messages: readonly Message[];
  /** Beside each message: the write sequence that must be durable before it may leave; 0 for at once. */
  readonly sendAfter: readonly number[];
  /** Installed from the leader: the state machine becomes that of its index, before `committed` is applied. Mostly undefined. */
  readonly snapshot: Snapshot | undefined;
  /** Newly committed, in log order, each once in a node's life (§5.3): to be applied. */
  readonly committed: readonly Entry[];
  /** Proposals of this host refused because no leader is known, or because this leader is handing over: the host may hold them and propose them again. */
  readonly dropped: readonly number[];
  /** Reads of this host that may be served, in the order of their answers. */
  readonly readStates: readonly ReadState[];
  /** Whether the node's role or the leader it knows is another than before the step. */
  readonly softStateChanged: boolean;
  /** The sequence of the node's latest write. Above what was reported `persisted`: something waits for the disk. */
  readonly writeSequence: number;
}

/** How a member is set up. */
export interface RaftConfig {
  readonly id: MemberId;
  /** The voters at the log's beginning, the same at every member of the group. Who comes later learns of the rest from the log, or from a snapshot. */
  readonly voters: readonly MemberId[];
  /** The learners at the log's beginning. */
  readonly learners?: readonly MemberId[];
  /** E: the election timeout in ticks; the randomised one is drawn from E..2E-1. */
  readonly electionTicks: number;
  /** A leader sends heartbeats every so many ticks. */
  readonly heartbeatTicks: number;
  /** Ask around before campaigning (dissertation §9.6). */
  readonly preVote: boolean;
  /** A leader steps down when it hears from no majority for E ticks; followers of a live leader ignore vote requests (dissertation §6.2, §4.2.3). */
  readonly checkQuorum: boolean;
  /**
   * How a leader makes sure that it still leads before it answers a read (dissertation §6.4): "safe", by a round of
   * heartbeats; "lease-based", by trusting that its quorum would not elect another so soon, which takes check-quorum
   * and clocks that run alike.
   */
  readonly readOnlyOption: "safe" | "lease-based";
  /**
   * Entries are handed out to be applied only once this member's own disk has them, as in etcd's raft library when its
   * storage writes are asynchronous. Sending never waits for more than it must either way; see {@link Effects.sendAfter}.
   */
  readonly appliesStableOnly: boolean;
  /** A leader that a committed change removes or makes a learner steps down at once. Else it leads on, without a vote of its own, until somebody campaigns. */
  readonly stepDownOnRemoval: boolean;
  /**
   * A leader puts no change into the log while another may wait in it, nor one that does not fit the configuration in
   * force (dissertation §4.1 takes the first; joint changes need both). Off, that is the host's to know.
   */
  readonly checksConfigurationChanges: boolean;
  /** AppendEntries with entries that may be under way to one follower. */
  readonly inflightMessagesMax: number;
  /** Entries in one AppendEntries: the host's 1 MiB, divided by its entry size. */
  readonly entriesPerMessageMax: number;
  /**
   * The randomised election timeout, whole ticks in E..2E-1: the n-th draw (from 0) of this member in `term` since
   * the node was made. Must be a function of its arguments, so that a run can be repeated.
   */
  readonly drawElectionTicks: (id: MemberId, term: number, nth: number) => number;
}

/**
 * etcd 3.5's own numbers: 1000 ms election over 100 ms ticks, 4096/8 messages in flight, pre-vote and check-quorum on;
 * reads by heartbeat round; its 1 MiB a message taken as 1024 entries of 1 KiB.
 */
export const ETCD_DEFAULTS = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  readOnlyOption: "safe",
  appliesStableOnly: false,
  stepDownOnRemoval: false,
  checksConfigurationChanges: true,
  inflightMessagesMax: 512,
  entriesPerMessageMax: 1024,
} as const;
