/** What a case of the measurements is to this command: what was measured, and how to play it. */
import type { Columns, Statistic } from "./statistic.js";

/** A file that can be compared. `plan` is plain data, sent to worker threads; the case's own `play` knows its shape. */
export interface MeasuredCase<Plan = unknown> {
  /** Which harness plays it. */
  readonly kind: CaseKind;
  readonly plan: Plan;
  readonly statistics: readonly Statistic[];
  /** Trials that one life gives, for the number of lives. */
  readonly trialsPerLife: number;
  /** Lives for a thousand trials, where a life is longer than is worth repeating; absent: by `trialsPerLife`. */
  readonly summary: string;
}

export type CaseKind =
  | "latency"
  | "leader-kill"
  | "leader-isolated"
  | "centre-loss"
  | "quorum-loss"
  | "slow-follower"
  | "catch-up"
  | "move-leader"
  | "flapping";

/** Plays one life and returns the values of its trials by statistic. */
export type Play<Plan> = (plan: Plan, seed: string) => Columns;
