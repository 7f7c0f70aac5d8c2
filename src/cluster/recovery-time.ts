/** How long users were without service after a fault, from the share of their requests that was answered. */
import { type FailureRow, type MetricValue, STAGES } from "../metrics/replication.js";
import { type Micros, SECOND } from "../units/time.js";
import type { MetricsModel } from "./model.js";

/** A workload's level before a fault is its mean over so long. */
const PRE_FAULT_US = 30 * SECOND;

/** A success share over time: `shares[i]` holds from `atUs[i]` until the next; requests come at `ratePerSecond`. */
export interface ShareHistory {
  readonly atUs: readonly Micros[];
  readonly shares: readonly number[];
  readonly ratePerSecond: number;
}

/** The recovery of one success share from a fault at `faultUs`. */
export interface Recovery {
  /** null: not recovered by the horizon (censored), or nothing was answered before the fault that could come back. */
  readonly rtoUs: Micros | null;
  /** Where it is censored, the RTO is at least this: the last moment below the level, after the fault; else null. */
  readonly censoredAtUs: Micros | null;
  readonly preShare: number;
  readonly minShare: number;
  /** Requests that would have been answered at the pre-fault level and were not, until recovery or horizon. */
  readonly lostRequests: number;
}

/**
 * RTO: from the fault until the share stays at or above `recoveryShare` of its pre-fault level for `recoveryHoldUs`.
 * A hold that the horizon interrupts is no recovery. A workload of which nothing was answered before the fault has no
 * level to return to, and no RTO.
 */
export function recoveryOf(
  history: ShareHistory,
  faultUs: Micros,
  horizonUs: Micros,
  metrics: MetricsModel,
): Recovery {
  const preShare = meanShare(history, Math.max(0, faultUs - PRE_FAULT_US), faultUs);
  const needed = metrics.recoveryShare * preShare;
  let since: Micros | null = faultUs;
  let rtoUs: Micros | null = null;
  let minShare = Number.POSITIVE_INFINITY;
  let missing = 0;
  for (const { fromUs, toUs, share } of piecesOf(history, faultUs, horizonUs)) {
    if (share + 1e-12 < needed) since = null;
    else {
      since ??= fromUs;
      if (toUs - since >= metrics.recoveryHoldUs) {
        rtoUs = since - faultUs;
        break;
      }
    }
    minShare = Math.min(minShare, share);
    missing += Math.max(0, preShare - share) * (toUs - fromUs);
  }
  const atLeastUs = since === null ? horizonUs - faultUs : since - faultUs;
  return {
    rtoUs: preShare > 0 ? rtoUs : null,
    censoredAtUs: rtoUs === null && preShare > 0 ? atLeastUs : null,
    preShare,
    minShare: Number.isFinite(minShare) ? minShare : preShare,
    lostRequests: (missing / SECOND) * history.ratePerSecond,
  };
}

function* piecesOf(
  { atUs, shares }: ShareHistory,
  fromUs: Micros,
  toUs: Micros,
): Generator<{ fromUs: Micros; toUs: Micros; share: number }> {
  for (let i = Math.max(0, firstAfter(atUs, fromUs) - 1); i < atUs.length; i++) {
    if ((atUs[i] as number) >= toUs) return;
    const from = Math.max(fromUs, atUs[i] as number);
    const to = Math.min(toUs, atUs[i + 1] ?? toUs);
    if (to > from) yield { fromUs: from, toUs: to, share: shares[i] as number };
  }
}

/** Index of the first time after `at` in an ascending list. */
function firstAfter(times: readonly Micros[], at: Micros): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function meanShare(history: ShareHistory, fromUs: Micros, toUs: Micros): number {
  let integral = 0;
  let length = 0;
  for (const piece of piecesOf(history, fromUs, toUs)) {
    integral += piece.share * (piece.toUs - piece.fromUs);
    length += piece.toUs - piece.fromUs;
  }
  return length === 0 ? 0 : integral / length;
}

/** Rate-weighted over several services. */
export function mergeHistories(histories: readonly ShareHistory[]): ShareHistory {
  const times = [...new Set(histories.flatMap((history) => history.atUs))].sort((a, b) => a - b);
  const ratePerSecond = histories.reduce((sum, history) => sum + history.ratePerSecond, 0);
  const cursors = histories.map(() => -1);
  const shares = times.map((at) => {
    let answered = 0;
    histories.forEach((history, i) => {
      let cursor = cursors[i] as number;
      while (cursor + 1 < history.atUs.length && (history.atUs[cursor + 1] as number) <= at) cursor++;
      cursors[i] = cursor;
      answered += (history.shares[cursor] ?? 0) * history.ratePerSecond;
    });
    return ratePerSecond === 0 ? 0 : answered / ratePerSecond;
  });
  return { atUs: times, shares, ratePerSecond };
}

/**
 * Each workload's worst RTO of the run, and when its failure reached each stage. A censored one is a lower bound, so
 * the worst is the longest of all, and itself a lower bound where any was still below its level in sight of the horizon.
 */
export function recoveryMetrics(failures: readonly FailureRow[]): MetricValue[] {
  const byWorkload = new Map<string, FailureRow[]>();
  for (const row of failures) {
    if (!row.censored && row.rtoUs === null) continue; // nobody asks for this workload, or it was down already
    const rows = byWorkload.get(row.workload);
    if (rows === undefined) byWorkload.set(row.workload, [row]);
    else rows.push(row);
  }
  const lengthOf = (row: FailureRow): number => row.rtoUs ?? row.rtoAtLeastUs ?? 0;
  return [...byWorkload].flatMap(([workload, rows]) => {
    const row = rows.reduce((worst, other) => (lengthOf(other) > lengthOf(worst) ? other : worst));
    // A fault that cost nothing until the horizon, however near that is, says nothing against the others.
    const telling = rows.filter((one) => one.rtoUs !== null || lengthOf(one) > 0);
    const rto: MetricValue = {
      metric: "rto",
      of: workload,
      value: lengthOf(row) / SECOND,
      unit: "s",
      ...((telling.length === 0 ? rows : telling).some((one) => one.censored) ? { censored: true } : {}),
    };
    const stages = STAGES.flatMap((stage): MetricValue[] => {
      const at = row.stages[stage];
      if (at === null || stage === "recovered") return [];
      return [{ metric: `rto.${stage}`, of: workload, value: at / SECOND, unit: "s" }];
    });
    return [rto, ...stages];
  });
}
