/** What one run of a study leaves behind: plain data that a worker can send and that the tables are made of. */
import type { MetricValue } from "../metrics/replication.js";
import type { Micros } from "../units/time.js";

/**
 * Why a member was elected. "first": nobody had led before. "needed": the leader before was gone, or had no quorum around
 * it, within the last two election timeouts before the campaign. "unnecessary": it lived and was connected with a quorum.
 * "transfer": it was asked to hand over.
 */
export type ElectionCause = "first" | "needed" | "unnecessary" | "transfer";

export interface ElectionRow {
  readonly atUs: Micros;
  readonly term: number;
  readonly leader: string;
  readonly centre: string;
  /** Who led before; null: nobody. */
  readonly before: string | null;
  readonly cause: ElectionCause;
  /** Campaigns, those of pre-candidates included, since the last election. */
  readonly campaigns: number;
  /** How long nobody led with a quorum around it, until now. */
  readonly leaderlessUs: Micros;
}

export interface OccurrenceRow {
  readonly event: string;
  readonly kind: string;
  /** Who was struck, or asked for. */
  readonly target: string;
  readonly atUs: Micros;
  /** When it ended; null: not before the horizon. */
  readonly endedUs: Micros | null;
  /** µs after it until somebody leads with a quorum around it, 0: the leader was not lost; null: not before the horizon. */
  readonly leaderUs: Micros | null;
  /** µs after it until a write that began after it was acknowledged to any client; null: none was by the horizon. */
  readonly writeUs: Micros | null;
  /** µs after it until what was asked for had been done; null: it was not, or nothing was asked for. */
  readonly doneUs: Micros | null;
  /** Why what was asked for was not done, in the member's words; "": it was, or nothing was asked for. */
  readonly refusal: string;
}

export interface EtcdReplication {
  readonly cell: string;
  readonly replication: number;
  readonly metrics: readonly MetricValue[];
  readonly elections: readonly ElectionRow[];
  readonly occurrences: readonly OccurrenceRow[];
  /** Over roles, processes and the ends of operations, with their times. */
  readonly digest: string;
  /** Events handled. */
  readonly steps: number;
}
