/**
 * The scenario's scalars and distributions: how they are written (schemas), and what they mean (readers). Written
 * as Kubernetes writes them; read into whole µs, requests a second, shares of 1 and exact quantities.
 */
import { z } from "zod";
import { assert, present } from "../assert.js";
import { logNormalOf } from "../engine/variates.js";
import { parseQuantity, QUANTITY_EXPECTED, type Quantity } from "../units/quantity.js";
import { DURATION_EXPECTED, type Micros, parseDuration } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import { exactlyOne, keysGiven } from "./fields.js";

const DURATION_PATTERN = /^(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(us|µs|μs|ms|s|m|h|d))+)$/;
const POSITIVE_DURATION_PATTERN = /^(?=.*[1-9])(([0-9]+(\.[0-9]*)?|\.[0-9]+)(us|µs|μs|ms|s|m|h|d))+$/;
const POSITIVE_RATE_PATTERN = /^(?=.*[1-9])([0-9]+(\.[0-9]+)?|\.[0-9]+)\/(s|m|min|h|d)$/;
const RATE_PATTERN = /^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\/(s|m|min|h|d)$/;
const PERCENT_PATTERN = /^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$/;
const QUANTITY_PATTERN = /^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]+|[numkMGTPE]?)$/;
const NAME_PATTERN = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const REFERENCE_PATTERN = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

const SHARE_EXPECTED = 'expected a share between 0 and 1, or a percentage such as "99.5%"';
const NAME_EXPECTED = 'expected a name of lower-case letters, digits, "-" and "."';

/** A string that matches, with one message for everything that does not. */
function text(pattern: RegExp, error: string) {
  return z.string({ error }).regex(pattern, { error, abort: true });
}

/** The clock counts µs in a double: exact for 285 years. */
function onTheClock(written: string): boolean {
  return parseDuration(written) !== undefined;
}
const TOO_LONG = { error: "expected a duration of at most 285 years (2501999h)", abort: true };

/** A span of time of at least 0. */
export const duration = text(DURATION_PATTERN, `expected ${DURATION_EXPECTED}`)
  .refine(onTheClock, TOO_LONG)
  .meta({ title: "duration" });

/** A span of time above 0 (of at least one µs). */
export const positiveDuration = text(POSITIVE_DURATION_PATTERN, `expected ${DURATION_EXPECTED}, above 0`)
  .refine(onTheClock, TOO_LONG)
  .refine((written) => durationUs(written) > 0, { error: "expected a duration of at least 1us" })
  .meta({ title: "duration above 0" });

/** Things per time. */
export const rate = text(RATE_PATTERN, 'expected a rate such as "300/s", "6/min" or "20/h"').meta({
  title: "rate",
});

/** Things per time, above 0. */
export const positiveRate = text(
  POSITIVE_RATE_PATTERN,
  'expected a rate above 0 such as "300/s", "6/min" or "20/h"',
).meta({ title: "rate above 0" });

/** A share of 1, as a number or a percentage. */
export const share = z
  .union(
    [
      z.number().min(0, { error: SHARE_EXPECTED }).max(1, { error: SHARE_EXPECTED }),
      text(PERCENT_PATTERN, SHARE_EXPECTED),
    ],
    { error: SHARE_EXPECTED },
  )
  .meta({ title: "share" });

/** A Kubernetes quantity of at least 0. */
export const quantity = z
  .union(
    [
      z.number().min(0, { error: `expected ${QUANTITY_EXPECTED}` }),
      text(QUANTITY_PATTERN, `expected ${QUANTITY_EXPECTED}`),
    ],
    { error: `expected ${QUANTITY_EXPECTED}` },
  )
  .meta({ title: "quantity" });

/** A Kubernetes-style name: lower case, digits, "-" and ".". */
export const name = text(NAME_PATTERN, NAME_EXPECTED).meta({ title: "name" });

/** `namespace/name`, or a name in the namespace `default`. */
export const namespacedName = text(REFERENCE_PATTERN, 'expected "namespace/name"').meta({
  title: "namespace/name",
});

/** A path, relative to the scenario file. */
export const path = z
  .string({ error: "expected a path, relative to this file" })
  .min(1, { error: "expected a path, relative to this file" })
  .meta({ title: "path" });

export function wholeNumber(min: number, max?: number) {
  const error = `expected a whole number ${max === undefined ? `of at least ${min}` : `from ${min} to ${max}`}`;
  const schema = z.int({ error }).min(min, { error });
  return max === undefined ? schema : schema.max(max, { error });
}

export function positiveNumber() {
  const error = "expected a number above 0";
  return z.number({ error }).gt(0, { error });
}

const uniform = z
  .strictObject({ min: duration, max: duration })
  .refine((value) => durationUs(value.min) <= durationUs(value.max), {
    error: "expected min to be at most max",
  });

const logNormal = z
  .strictObject({
    median: positiveDuration.optional(),
    p90: positiveDuration.optional(),
    p99: positiveDuration.optional(),
    sigma: z.number().min(0).optional(),
    mean: positiveDuration.optional(),
    sd: duration.optional(),
  })
  .refine((value) => LOG_NORMAL_FORMS.includes(keysGiven(value).sort().join("+")), {
    error: "expected median with one of p90, p99 and sigma, or mean with sd",
  })
  .refine((value) => highPercentileUs(value) >= durationUs(value.median ?? "0"), {
    error: "expected the percentile to be at least the median",
  });

const LOG_NORMAL_FORMS = ["median+p90", "median+p99", "median+sigma", "mean+sd"];

function highPercentileUs(value: {
  readonly p90?: string | undefined;
  readonly p99?: string | undefined;
}): number {
  const written = value.p99 ?? value.p90;
  return written === undefined ? Number.POSITIVE_INFINITY : durationUs(written);
}

const pareto = z
  .strictObject({ shape: positiveNumber(), min: positiveDuration, max: positiveDuration })
  .refine((value) => durationUs(value.min) < durationUs(value.max), {
    error: "expected min to be below max",
  });

const gamma = z
  .strictObject({
    shape: positiveNumber().max(10_000),
    scale: positiveDuration.optional(),
    mean: positiveDuration.optional(),
  })
  .refine((value) => (value.scale === undefined) !== (value.mean === undefined), {
    error: "expected shape with one of scale and mean",
  });

const distributionObject = exactlyOne({
  uniform: uniform.describe("Between min and max, all equally likely.").optional(),
  exponential: z.strictObject({ mean: positiveDuration }).describe("Memoryless, with this mean.").optional(),
  logNormal: logNormal
    .describe("By median and p90, p99 or sigma (of the logarithm), or by mean and sd (standard deviation).")
    .optional(),
  weibull: z
    .strictObject({ shape: positiveNumber(), scale: positiveDuration })
    .describe("Shape below 1: failures early in life; above 1: wear.")
    .optional(),
  pareto: pareto.describe("Bounded Pareto: a heavy tail cut at max.").optional(),
  gamma: gamma.describe("By shape and scale or mean; a whole shape is Erlang's.").optional(),
  empirical: z.array(duration).min(1).describe("One of these durations, each equally likely.").optional(),
});

/** A duration, or a distribution of durations. */
export const distribution = z
  .union([duration, distributionObject], {
    error: `expected ${DURATION_EXPECTED}, or a distribution such as {uniform: {min: 1s, max: 3s}}`,
  })
  .meta({ id: "Distribution" });

export type DistributionSpec = z.infer<typeof distribution>;

/** Whole µs of a duration that the schema has accepted. */
export function durationUs(written: string): Micros {
  return present(parseDuration(written), `the schema accepted ${written} as a duration`);
}

const SECONDS_PER: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };

/** Things a second, of a rate that the schema has accepted. */
export function ratePerSecond(written: string): number {
  const found = present(RATE_PATTERN.exec(written), `the schema accepted ${written} as a rate`);
  return Number(found[1]) / present(SECONDS_PER[found[2] ?? ""], "a rate's unit is known");
}

/** A share of 1. */
export function shareOf(written: number | string): number {
  return typeof written === "number" ? written : Number(written.slice(0, -1)) / 100;
}

/** An exact quantity in nano-units. */
export function quantityOf(written: number | string): Quantity {
  return present(parseQuantity(String(written)), `the schema accepted ${written} as a quantity`);
}

/** The variate, in µs, of a duration or distribution that the schema has accepted. */
export function variateUs(written: DistributionSpec): Variate {
  if (typeof written === "string") return { kind: "constant", value: durationUs(written) };
  const { uniform, exponential, logNormal, weibull, pareto, gamma, empirical } = written;
  if (uniform !== undefined)
    return { kind: "uniform", min: durationUs(uniform.min), max: durationUs(uniform.max) };
  if (exponential !== undefined) return { kind: "exponential", mean: durationUs(exponential.mean) };
  if (logNormal !== undefined) return logNormalUs(logNormal);
  if (weibull !== undefined)
    return { kind: "weibull", shape: weibull.shape, scale: durationUs(weibull.scale) };
  if (pareto !== undefined) {
    return {
      kind: "boundedPareto",
      shape: pareto.shape,
      min: durationUs(pareto.min),
      max: durationUs(pareto.max),
    };
  }
  if (gamma !== undefined) {
    const scale =
      gamma.scale === undefined ? durationUs(gamma.mean ?? "0") / gamma.shape : durationUs(gamma.scale);
    return { kind: "gamma", shape: gamma.shape, scale };
  }
  assert(empirical !== undefined, "a distribution has exactly one form");
  return { kind: "empirical", values: empirical.map(durationUs).sort((a, b) => a - b) };
}

function logNormalUs(facts: z.infer<typeof logNormal>): Variate {
  const { median, p90, p99, sigma, mean, sd } = facts;
  if (mean !== undefined) return logNormalOf({ mean: durationUs(mean), sd: durationUs(sd ?? "0") });
  const medianUs = durationUs(median ?? "0");
  if (sigma !== undefined) return { kind: "logNormal", mu: Math.log(medianUs), sigma };
  if (p99 !== undefined) return logNormalOf({ median: medianUs, p99: durationUs(p99) });
  return logNormalOf({ median: medianUs, p90: durationUs(p90 ?? "0") });
}
