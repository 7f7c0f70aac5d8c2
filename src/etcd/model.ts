/**
 * The wall of this room: what a group of etcd members, its network and its disks are set up with, as plain data, and the
 * numbers that etcd 3.5 itself fixes. Everything that has a time is whole µs.
 */
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { Variate } from "../units/variate.js";

/** A host's number: its place in {@link EtcdModel.hosts}. */
export type HostId = number;

/** A member's number: its place in {@link EtcdModel.members}. Its Raft identity is one more ({@link raftId}). */
export type MemberNumber = number;

/** Where a process runs: each member and each group of clients has one of its own. */
export interface HostModel {
  readonly name: string;
  /** The centre's name. */
  readonly centre: string;
}

/** One direction between two hosts. */
export interface PathModel {
  /** Of a packet, µs. Order within a connection is kept whatever is drawn. */
  readonly oneWayUs: Variate;
  /** The chance that a packet is lost, 0 to 1. */
  readonly loss: number;
}

export interface MemberModel {
  readonly name: string;
  readonly host: HostId;
  /** Not a founder: it is empty and down until it was added and started. */
  readonly joinsLater?: boolean;
  /** A founder without a vote. */
  readonly isLearner?: boolean;
  /**
   * Where the phase is known: the first process of this founder ticks so long after the multiples of a tick counted
   * from the group's start. Absent: as {@link EtcdModel.tickPhase} says, as for all later processes.
   */
  readonly firstTickOffsetUs?: Micros;
}

/** What takes time at a member besides the network. */
export interface EtcdCosts {
  /** Handling of one client request at the member, gateway and client process included, µs; half of it before, half after. */
  readonly requestUs: Variate;
  /** One write-ahead log fsync, µs. */
  readonly fsyncUs: Variate;
  /** Applying one entry, µs. */
  readonly applyUs: number;
  /** From the start of the process until it dials its peers, µs: opening database and log. */
  readonly bootUs: Variate;
}

export interface EtcdModel {
  readonly hosts: readonly HostModel[];
  /** By host from, host to. */
  readonly paths: readonly (readonly PathModel[])[];
  readonly members: readonly MemberModel[];
  /** One tick (--heartbeat-interval). */
  readonly heartbeatUs: Micros;
  /** --election-timeout; divided by the tick, rounded down. */
  readonly electionUs: Micros;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** "safe" is etcd's; "lease-based" is for comparison. */
  readonly readOnlyOption: "safe" | "lease-based";
  /**
   * The tick's phase at each start of a process: "together": founders start within {@link TOGETHER_SPREAD_US} of each
   * other; "drawn": uniform in a tick.
   */
  readonly tickPhase: "together" | "drawn";
  readonly costs: EtcdCosts;
  /** Entries applied between snapshots (--snapshot-count). */
  readonly snapshotCount: number;
  /** Entries kept behind a snapshot for slow followers. */
  readonly snapshotCatchUpEntries: number;
  /** Of the backend, bytes (--quota-backend-bytes). */
  readonly quotaBytes: number;
  readonly strictReconfigCheck: boolean;
  /** Learners at a time (--max-learners). */
  readonly maxLearners: number;
  /** Absent: etcd's own {@link ETCD_LIMITS}.applyGapMax; less makes a member that applies slowly refuse sooner. */
  readonly applyGapMax?: number;
  /** Leave quiet time out; changes nothing that can be observed, but for messages between members. */
  readonly skips?: boolean;
}

/** Members started together tick within so much of each other (reference measurements: 1 to 13 ms for a whole run). */
export const TOGETHER_SPREAD_US: Micros = 13 * MILLISECOND;

/** etcd 3.5.30's own numbers, from its source. */
export const ETCD_LIMITS = {
  /** Between two peers' dials of one stream, at least. */
  redialUs: 100 * MILLISECOND,
  /** Dial of a peer: this and the election timeout. */
  dialBaseUs: SECOND,
  /** Keep-alive message on an idle stream. */
  streamHeartbeatUs: Math.round((5 * SECOND) / 3),
  /** Request timeout: this and twice the election timeout. */
  requestBaseUs: 5 * SECOND,
  /** A ReadIndex that has no answer is sent again. */
  readIndexRetryUs: 500 * MILLISECOND,
  /** Committed entries that wait to be applied; with more, proposals are refused. */
  applyGapMax: 5000,
  /** The backend's transaction is committed so often. */
  backendIntervalUs: 100 * MILLISECOND,
  /** Bytes of one client request. */
  requestBytesMax: 1.5 * 1024 * 1024,
  /** Bytes of one append message. */
  appendBytesMax: 1024 * 1024,
  /** Expired leases are looked for so often. */
  leaseCheckUs: 500 * MILLISECOND,
  /** A change of members wants the quorum connected for so long ("healthy"). */
  healthyUs: 5 * SECOND,
  /** After a snapshot has been sent, the log is not compacted for so long. */
  releaseDelayUs: 30 * SECOND,
  /** A learner may be promoted when it has this share of the leader's log. */
  learnerReadyShare: 0.9,
} as const;

/** Defaults of etcd 3.5. */
export const ETCD_MODEL_DEFAULTS = {
  heartbeatUs: 100 * MILLISECOND,
  electionUs: 1000 * MILLISECOND,
  preVote: true,
  checkQuorum: true,
  readOnlyOption: "safe",
  tickPhase: "drawn",
  snapshotCount: 100_000,
  snapshotCatchUpEntries: 5000,
  quotaBytes: 2 * 1024 * 1024 * 1024,
  strictReconfigCheck: true,
  maxLearners: 1,
} as const;

/** Raft's identity of a member: a positive integer. */
export function raftId(member: MemberNumber): number {
  return member + 1;
}

/** etcd's own limit on a request (server/config: 5 s + 2 × election timeout). */
export function requestTimeoutUs(model: Pick<EtcdModel, "electionUs">): Micros {
  return ETCD_LIMITS.requestBaseUs + 2 * model.electionUs;
}
