/** Samples in milliseconds: medians, quantiles, and how far two distributions lie apart. */

export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

/** Linear between ranks; NaN for no values. */
export function quantileOf(ascending: readonly number[], share: number): number {
  const at = share * (ascending.length - 1);
  const low = ascending[Math.floor(at)] ?? Number.NaN;
  const high = ascending[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantileOf(sorted(values), 0.5);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Instead of chosen shares of a distribution: each measured value's own. */
export const EVERY_RANK = "every rank";

/**
 * The largest distance between a measured quantile and the same one of the simulations (median over them). Infinity
 * where most simulations have nothing to compare.
 */
export function ranksApart(
  measured: readonly number[],
  simulated: readonly (readonly number[])[],
  ranks: readonly number[] | typeof EVERY_RANK,
): number {
  const own = sorted(measured);
  const found = simulated.map(sorted).filter((values) => values.length > 0);
  if (found.length * 2 < simulated.length) return Number.POSITIVE_INFINITY;
  const every = own.map((_, rank) => (own.length === 1 ? 0.5 : rank / (own.length - 1)));
  let worst = 0;
  for (const share of ranks === EVERY_RANK ? every : ranks) {
    const there = median(found.map((values) => quantileOf(values, share)));
    worst = Math.max(worst, Math.abs(there - quantileOf(own, share)));
  }
  return worst;
}

/** `min / median / max s (n)`. */
export function spread(values: readonly number[]): string {
  if (values.length === 0) return "none";
  const ascending = sorted(values);
  const figures = [0, 0.5, 1].map((share) => (quantileOf(ascending, share) / 1000).toFixed(2));
  return `${figures.join(" / ")} s (${values.length})`;
}
