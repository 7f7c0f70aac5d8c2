/**
 * What one run leaves behind: tables of plain, structured-cloneable data. The cluster writes them, the experiment
 * summarises them and writes them out.
 */
import type { Micros } from "../units/time.js";

/**
 * The stages between a fault and the recovery of a workload, in the order in which they are usually reached:
 *
 * - `etcdLeader`, `kcmLeader`, `schedulerLeader`: etcd, the controller manager, the scheduler have a leader again
 *   (only where the fault took it)
 * - `nodeUnknown`: the first struck node's Ready condition became Unknown
 * - `endpointsOut`: the last lost endpoint left the EndpointSlices
 * - `noExecute`: the first NoExecute taint on a struck node
 * - `evicted`: the first pod of the workload marked for deletion
 * - `replacementCreated`, `scheduled`, `started`: the last replacement pod reached that state
 * - `endpointsIn`: the last replacement is an endpoint that proxies know
 * - `recovered`: the workload's success share is back, for good
 */
export const STAGES = [
  "etcdLeader",
  "kcmLeader",
  "schedulerLeader",
  "nodeUnknown",
  "endpointsOut",
  "noExecute",
  "evicted",
  "replacementCreated",
  "scheduled",
  "started",
  "endpointsIn",
  "recovered",
] as const;

export type StageName = (typeof STAGES)[number];

/** One figure of one run. */
export interface MetricValue {
  readonly metric: string;
  /** What it is a figure of: `cluster`, `service/shop/frontend`, `failure/0`. */
  readonly of: string;
  readonly value: number;
  readonly unit: string;
  /** The run ended before the thing happened: `value` is a lower bound. */
  readonly censored?: boolean;
}

/** One failure as one workload met it. */
export interface FailureRow {
  readonly failure: string;
  readonly kind: string;
  readonly scope: string;
  readonly atUs: Micros;
  /** When it was repaired; null: not before the horizon. */
  readonly endedUs: Micros | null;
  readonly workload: string;
  /** µs after the fault; null: not reached (or not needed). */
  readonly stages: Readonly<Record<StageName, Micros | null>>;
  /** µs after the fault; null where no recovery was seen, nobody asks, or nothing was answered before the fault. */
  readonly rtoUs: Micros | null;
  /** True where the horizon came before the recovery. */
  readonly censored: boolean;
  /** Where it is censored: the RTO is at least so long, µs. */
  readonly rtoAtLeastUs?: Micros;
  readonly lostRequests: number;
  /** Share of requests answered before the fault, 0 to 1. */
  readonly preShare: number;
  /** Lowest share of requests answered between fault and recovery, 0 to 1. */
  readonly minShare: number;
}

/** One pod's life. */
export interface PodRow {
  readonly pod: string;
  readonly workload: string;
  /** Empty where it was never bound. */
  readonly node: string;
  readonly zone: string;
  readonly createdUs: Micros;
  readonly scheduledUs: Micros | null;
  readonly readyUs: Micros | null;
  readonly endedUs: Micros | null;
  readonly outcome: string;
  /** Scheduling attempts. */
  readonly attempts: number;
  /** Why it is pending, or how it ended. */
  readonly message: string;
}

/** Levels sampled on a fixed grid: a row holds each column's time-weighted mean over one interval. */
export interface SeriesTable {
  readonly intervalUs: Micros;
  readonly columns: readonly string[];
  /** Row i covers [i × intervalUs, (i + 1) × intervalUs). */
  readonly rows: readonly (readonly number[])[];
}

/** One line of the timeline. */
export interface EventRow {
  readonly atUs: Micros;
  readonly kind: string;
  readonly subject: string;
  readonly detail: string;
}

/** One run's tables. */
export interface Replication {
  readonly policy: string;
  /** From 0. */
  readonly replication: number;
  readonly seed: string;
  readonly metrics: readonly MetricValue[];
  readonly failures: readonly FailureRow[];
  readonly pods: readonly PodRow[];
  readonly series: SeriesTable;
  /** Empty unless asked for. */
  readonly events: readonly EventRow[];
  /** Digest of the run's observable transitions: 16 hex digits. */
  readonly digest: string;
  /** Events handled. */
  readonly steps: number;
  readonly warnings: readonly string[];
}
