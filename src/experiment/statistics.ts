/**
 * Statistics over replications. A censored value (the run ended before the thing happened) is a lower bound; it is
 * never averaged: where there is one, there is no mean, and quantiles take it as larger than every observed value.
 */
import { deviation, max, mean, min } from "d3-array";
import { assert } from "../assert.js";
import { incompleteBeta, normalQuantile } from "../engine/special-functions.js";
import { quantileSorted } from "../metrics/quantiles.js";

/** Level of all intervals. */
export const CONFIDENCE = 0.95;

/** One replication's value. */
export interface Observation {
  readonly value: number;
  readonly censored: boolean;
}

/** Figures of one metric over replications; null where a figure is not defined. */
export interface Figures {
  /** Observed values. */
  readonly n: number;
  /** Censored values, not among `n`. */
  readonly censored: number;
  readonly mean: number | null;
  /** Of the sample (n − 1 below). */
  readonly sd: number | null;
  readonly ci95Low: number | null;
  readonly ci95High: number | null;
  readonly min: number | null;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

/** Figures of a metric's values. With censored ones, only quantiles that lie among the observed are defined. */
export function figuresOf(observations: readonly Observation[]): Figures {
  const observed = observations.filter((one) => !one.censored).map((one) => one.value);
  const censored = observations.length - observed.length;
  const sorted = Float64Array.from(observations, (one) =>
    one.censored ? Number.POSITIVE_INFINITY : one.value,
  ).sort();
  const whole = censored === 0 ? observed : [];
  const interval = meanInterval(whole);
  return {
    n: observed.length,
    censored,
    mean: mean(whole) ?? null,
    sd: deviation(whole) ?? null,
    ci95Low: interval?.low ?? null,
    ci95High: interval?.high ?? null,
    min: min(observed) ?? null,
    p50: finiteQuantile(sorted, 0.5),
    p95: finiteQuantile(sorted, 0.95),
    max: max(whole) ?? null,
  };
}

/** Null where a censored value has a say in it. */
function finiteQuantile(sorted: Float64Array, p: number): number | null {
  const value = quantileSorted(sorted, p);
  return value !== undefined && Number.isFinite(value) ? value : null;
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Student's interval for the mean, at {@link CONFIDENCE}; undefined with fewer than two values. */
export function meanInterval(values: readonly number[]): Interval | undefined {
  const n = values.length;
  const middle = mean(values);
  const spread = deviation(values);
  if (middle === undefined || spread === undefined) return undefined;
  const half = studentQuantile(n - 1, (1 + CONFIDENCE) / 2) * (spread / Math.sqrt(n));
  return { low: middle - half, high: middle + half };
}

/** Differences between two policies on the same replications. */
export interface Difference {
  /** Pairs of observed values. */
  readonly n: number;
  /** Pairs in which either value is censored. */
  readonly censored: number;
  /** Other minus baseline; null where a pair is censored, or there is none. */
  readonly mean: number | null;
  readonly ci95Low: number | null;
  readonly ci95High: number | null;
  /** Whether the interval leaves out 0; null without an interval. */
  readonly significant: boolean | null;
}

/** The paired-t comparison (Law, ch. 10.2.1) of two policies' values by replication; unpaired values are left out. */
export function pairedDifference(
  baseline: ReadonlyMap<number, Observation>,
  other: ReadonlyMap<number, Observation>,
): Difference {
  const differences: number[] = [];
  let censored = 0;
  for (const [replication, value] of other) {
    const base = baseline.get(replication);
    if (base === undefined) continue;
    if (base.censored || value.censored) censored++;
    else differences.push(value.value - base.value);
  }
  const whole = censored === 0 ? differences : [];
  const interval = meanInterval(whole);
  return {
    n: differences.length,
    censored,
    mean: mean(whole) ?? null,
    ci95Low: interval?.low ?? null,
    ci95High: interval?.high ?? null,
    significant: interval === undefined ? null : interval.low > 0 || interval.high < 0,
  };
}

/**
 * Upper end of the one-sided 95 % interval for the probability of what did not happen in n independent trials: the p
 * with (1 − p)^n = 0.05 (Clopper and Pearson, Biometrika 26, 1934). About 3/n: the rule of three.
 */
export function zeroFailureUpper95(n: number): number {
  assert(Number.isInteger(n) && n > 0, "the zero-failure bound needs at least one trial");
  return -Math.expm1(Math.log(1 - CONFIDENCE) / n);
}

/** Student's t: the probability of a value below `t`, by the incomplete beta function (Abramowitz, Stegun 26.7.1). */
export function studentProbability(degrees: number, t: number): number {
  const tail = incompleteBeta(degrees / 2, 0.5, degrees / (degrees + t * t)) / 2;
  return t < 0 ? tail : 1 - tail;
}

/**
 * Inverse of {@link studentProbability} for 0 < p < 1: Cornish and Fisher's expansion about the normal quantile
 * (Abramowitz, Stegun 26.7.5) as a first guess, then bisection on the probability, to the last bits.
 */
export function studentQuantile(degrees: number, p: number): number {
  assert(degrees >= 1 && p > 0 && p < 1, "Student's t needs at least one degree of freedom and 0 < p < 1");
  if (p === 0.5) return 0;
  if (p < 0.5) return -studentQuantile(degrees, 1 - p);
  const z = normalQuantile(p);
  let low = 0;
  let high = 2 * (z + (z * z * z + z) / (4 * degrees)) + 1;
  while (studentProbability(degrees, high) < p) {
    low = high;
    high *= 2;
  }
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (studentProbability(degrees, middle) < p) low = middle;
    else high = middle;
  }
  return high;
}
