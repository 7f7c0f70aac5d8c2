/**
 * Distributions to draw from. Every draw is an inversion: one uniform gives one variate, monotonically, so that
 * draws stay paired between policies (common random numbers) and can be computed from an address and a counter
 * (`quantile(variate, draws.uniform(n))`).
 *
 * Formulas: A. M. Law, Simulation Modeling and Analysis (5th ed.), chapters 6 and 8; the bounded Pareto's from
 * Harchol-Balter, Crovella and Murta (1998).
 */
import { assert, unreachable } from "../assert.js";
import type { Variate } from "../units/variate.js";
import type { RandomStream } from "./random.js";
import { inverseLowerGamma, logGamma, normalQuantile } from "./special-functions.js";

export type { Variate } from "../units/variate.js";
export type VariateKind = Variate["kind"];

/** Largest shape of a gamma variate whose quantiles are of known accuracy. */
const GAMMA_SHAPE_MAX = 10_000;

/** Draws one value, by one uniform of the stream. */
export function sample(variate: Variate, stream: Pick<RandomStream, "uniform">): number {
  return quantile(variate, stream.uniform());
}

/** The value below which a share `u` of the draws lies, 0 ≤ u < 1; never falls while `u` grows. */
export function quantile(variate: Variate, u: number): number {
  switch (variate.kind) {
    case "constant":
      return variate.value;
    case "uniform":
      return variate.min + u * (variate.max - variate.min);
    case "exponential":
      return -variate.mean * Math.log1p(-u);
    case "weibull":
      return u <= 0 ? 0 : variate.scale * Math.exp(Math.log(-Math.log1p(-u)) / variate.shape);
    case "logNormal":
      return variate.sigma === 0
        ? Math.exp(variate.mu)
        : Math.exp(variate.mu + variate.sigma * normalQuantile(u));
    case "boundedPareto":
      return boundedParetoQuantile(variate.shape, variate.min, variate.max, u);
    case "gamma":
      assert(variate.shape <= GAMMA_SHAPE_MAX, `a gamma shape is at most ${GAMMA_SHAPE_MAX}`);
      return variate.scale * inverseLowerGamma(variate.shape, u);
    case "empirical":
      return empiricalQuantile(variate.values, variate.weights, u);
    default:
      return unreachable(variate);
  }
}

/** Expected value. */
export function mean(variate: Variate): number {
  switch (variate.kind) {
    case "constant":
      return variate.value;
    case "uniform":
      return (variate.min + variate.max) / 2;
    case "exponential":
      return variate.mean;
    case "weibull":
      return variate.scale * Math.exp(logGamma(1 + 1 / variate.shape));
    case "logNormal":
      return Math.exp(variate.mu + (variate.sigma * variate.sigma) / 2);
    case "boundedPareto":
      return boundedParetoMoment(variate.shape, variate.min, variate.max, 1);
    case "gamma":
      return variate.shape * variate.scale;
    case "empirical":
      return empiricalMean(variate.values, variate.weights, (value) => value);
    default:
      return unreachable(variate);
  }
}

/** What no draw is above: Infinity where a draw may be as large as it likes. */
export function upperBound(variate: Variate): number {
  switch (variate.kind) {
    case "constant":
      return variate.value;
    case "uniform":
    case "boundedPareto":
      return variate.max;
    case "empirical":
      return Math.max(...variate.values);
    case "exponential":
    case "weibull":
    case "logNormal":
    case "gamma":
      return Number.POSITIVE_INFINITY;
    default:
      return unreachable(variate);
  }
}

/** Variance: the expected squared distance from the mean. */
export function variance(variate: Variate): number {
  switch (variate.kind) {
    case "constant":
      return 0;
    case "uniform":
      return ((variate.max - variate.min) * (variate.max - variate.min)) / 12;
    case "exponential":
      return variate.mean * variate.mean;
    case "weibull": {
      const first = logGamma(1 + 1 / variate.shape);
      const second = logGamma(1 + 2 / variate.shape);
      return variate.scale * variate.scale * (Math.exp(second) - Math.exp(2 * first));
    }
    case "logNormal": {
      const squared = variate.sigma * variate.sigma;
      return Math.expm1(squared) * Math.exp(2 * variate.mu + squared);
    }
    case "boundedPareto": {
      const { shape, min, max } = variate;
      const first = boundedParetoMoment(shape, min, max, 1);
      return Math.max(0, boundedParetoMoment(shape, min, max, 2) - first * first);
    }
    case "gamma":
      return variate.shape * variate.scale * variate.scale;
    case "empirical": {
      const middle = mean(variate);
      return empiricalMean(variate.values, variate.weights, (value) => (value - middle) * (value - middle));
    }
    default:
      return unreachable(variate);
  }
}

/** How people know a log-normal: by its median and a high percentile, or by its mean and standard deviation. */
export type LogNormalFacts =
  | { readonly median: number; readonly p90: number }
  | { readonly median: number; readonly p99: number }
  | { readonly mean: number; readonly sd: number };

/** The log-normal variate with the given facts (all positive; the percentile at least the median; sd may be 0). */
export function logNormalOf(facts: LogNormalFacts): Extract<Variate, { kind: "logNormal" }> {
  if ("mean" in facts) {
    assert(facts.mean > 0 && facts.sd >= 0, "a log-normal needs a positive mean and an sd of at least 0");
    const ratio = facts.sd / facts.mean;
    const squared = Math.log1p(ratio * ratio);
    return { kind: "logNormal", mu: Math.log(facts.mean) - squared / 2, sigma: Math.sqrt(squared) };
  }
  const [high, share] = "p99" in facts ? [facts.p99, 0.99] : [facts.p90, 0.9];
  assert(facts.median > 0 && high >= facts.median, "a log-normal needs 0 < median ≤ percentile");
  const mu = Math.log(facts.median);
  return { kind: "logNormal", mu, sigma: (Math.log(high) - mu) / normalQuantile(share) };
}

function boundedParetoQuantile(shape: number, min: number, max: number, u: number): number {
  const cut = -Math.expm1(shape * Math.log(min / max));
  return Math.min(max, min * Math.exp(-Math.log1p(-u * cut) / shape));
}

/** E[X^k] = shape min^shape / (1 − (min/max)^shape) × ∫ x^(k−shape−1) dx over [min, max]. */
function boundedParetoMoment(shape: number, min: number, max: number, k: number): number {
  const span = Math.log(max / min);
  const power = k - shape;
  // (max^p − min^p) / p, written so that it stays exact when p is near 0, where it is min^p ln(max/min).
  const integral = power === 0 ? span : Math.expm1(power * span) / power;
  return (shape * Math.exp(k * Math.log(min)) * integral) / -Math.expm1(-shape * span);
}

/** Running sums of a weight list, made once for each list. */
const cumulated = new WeakMap<readonly number[], Float64Array>();

function empiricalQuantile(
  values: readonly number[],
  weights: readonly number[] | undefined,
  u: number,
): number {
  assert(values.length > 0, "an empirical variate has at least one value");
  if (weights === undefined)
    return values[Math.min(values.length - 1, Math.floor(u * values.length))] as number;
  const sums = runningSums(weights);
  const target = u * (sums[sums.length - 1] as number);
  // The first value whose running sum is above the target: values of weight 0 are never drawn.
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > target) high = middle;
    else low = middle + 1;
  }
  return values[low] as number;
}

function runningSums(weights: readonly number[]): Float64Array {
  let sums = cumulated.get(weights);
  if (sums === undefined) {
    sums = new Float64Array(weights.length);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) {
      sum += weights[i] as number;
      sums[i] = sum;
    }
    cumulated.set(weights, sums);
  }
  return sums;
}

function empiricalMean(
  values: readonly number[],
  weights: readonly number[] | undefined,
  of: (value: number) => number,
): number {
  let sum = 0;
  let total = 0;
  for (let i = 0; i < values.length; i++) {
    const weight = weights === undefined ? 1 : (weights[i] as number);
    sum += weight * of(values[i] as number);
    total += weight;
  }
  return sum / total;
}
