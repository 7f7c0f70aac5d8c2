import { describe, expect, it } from "vitest";
import { mean, quantile } from "../../src/engine/variates.js";
import {
  type DistributionSpec,
  distribution,
  duration,
  durationUs,
  positiveDuration,
  quantity,
  rate,
  ratePerSecond,
  share,
  shareOf,
  variateUs,
} from "../../src/scenario/scalars.js";
import { SECOND } from "../../src/units/time.js";

describe("distributions", () => {
  const SPECS: readonly (readonly [string, DistributionSpec, median: number, mean: number])[] = [
    ["a duration is a constant", "15ms", 15_000, 15_000],
    ["uniform", { uniform: { min: "1s", max: "3s" } }, 2 * SECOND, 2 * SECOND],
    ["exponential by its mean", { exponential: { mean: "10s" } }, 10 * SECOND * Math.LN2, 10 * SECOND],
    // Mean of a log-normal: median × exp(sigma²/2).
    [
      "log-normal by sigma",
      { logNormal: { median: "2s", sigma: 1 } },
      2 * SECOND,
      2 * SECOND * Math.exp(0.5),
    ],
    ["log-normal by mean and sd", { logNormal: { mean: "2s", sd: "0s" } }, 2 * SECOND, 2 * SECOND],
    // Weibull: median = scale × ln(2)^(1/shape); shape 1 is the exponential.
    ["Weibull", { weibull: { shape: 1, scale: "10s" } }, 10 * SECOND * Math.LN2, 10 * SECOND],
    // Shape 1 is the exponential, too.
    ["gamma by scale", { gamma: { shape: 1, scale: "10s" } }, 10 * SECOND * Math.LN2, 10 * SECOND],
    ["gamma by mean", { gamma: { shape: 4, mean: "10s" } }, 9.18015 * SECOND, 10 * SECOND],
    // Bounded Pareto with shape 1 on [1, 2]: F(x) = 2 (1 − 1/x), mean = 2 ln 2.
    ["Pareto", { pareto: { shape: 1, min: "1s", max: "2s" } }, (4 / 3) * SECOND, 2 * Math.LN2 * SECOND],
    ["empirical, in any order", { empirical: ["9s", "1s", "2s"] }, 2 * SECOND, 4 * SECOND],
  ];

  it.each(SPECS)("%s: median and mean are what was written, in µs", (_name, spec, median, average) => {
    const variate = variateUs(distribution.parse(spec));
    expect(quantile(variate, 0.5) / median).toBeCloseTo(1, 5);
    expect(mean(variate) / average).toBeCloseTo(1, 5);
  });

  it.each([
    ["p90", 0.9],
    ["p99", 0.99],
  ] as const)("a log-normal by its median and %s has both", (percentile, at) => {
    const variate = variateUs(distribution.parse({ logNormal: { median: "5m", [percentile]: "15m" } }));
    expect(quantile(variate, 0.5) / SECOND).toBeCloseTo(300, 3);
    expect(quantile(variate, at) / SECOND).toBeCloseTo(900, 3);
  });

  it.each([
    ["no form", {}],
    ["two forms", { exponential: { mean: "1s" }, uniform: { min: "1s", max: "2s" } }],
    ["a number", 5],
    ["a negative duration", "-5s"],
    ["min above max", { uniform: { min: "2s", max: "1s" } }],
    ["a mean of 0", { exponential: { mean: "0s" } }],
    ["a median alone", { logNormal: { median: "1s" } }],
    ["a median and two percentiles", { logNormal: { median: "1s", p90: "2s", p99: "3s" } }],
    ["gamma with scale and mean", { gamma: { shape: 2, scale: "1s", mean: "2s" } }],
    ["a Pareto without room", { pareto: { shape: 2, min: "1s", max: "1s" } }],
    ["nothing to choose from", { empirical: [] }],
    ["a parameter that does not exist", { weibull: { shape: 1, scale: "1s", k: 2 } }],
  ])("%s is none", (_name, spec) => {
    expect(distribution.safeParse(spec).success).toBe(false);
  });
});

describe("scalars", () => {
  it.each([
    ["300/s", 300],
    ["6/min", 0.1],
    ["6/m", 0.1],
    ["1.5/h", 1.5 / 3600],
    ["864/d", 0.01],
    ["0/s", 0],
  ])("the rate %s is %d a second", (written, perSecond) => {
    expect(ratePerSecond(rate.parse(written))).toBeCloseTo(perSecond, 12);
  });

  it.each(["300", "6/minute", "/s", "-1/s", "1e3/s"])("%s is no rate", (written) => {
    expect(rate.safeParse(written).success).toBe(false);
  });

  it.each([
    [0.5, 0.5],
    ["99.5%", 0.995],
    ["100%", 1],
    ["0%", 0],
  ] as const)("the share %s is %d", (written, expected) => {
    expect(shareOf(share.parse(written))).toBeCloseTo(expected, 12);
  });

  it.each([1.5, -0.1, "101%", "5", "half"])("%s is no share", (written) => {
    expect(share.safeParse(written).success).toBe(false);
  });

  it.each([
    ["1h30m", 5400 * SECOND],
    ["250ms", 250_000],
    ["1.5s", 1_500_000],
    ["2d", 172_800 * SECOND],
    ["0", 0],
    ["0s", 0],
  ])("the duration %s is %d µs", (written, expected) => {
    expect(durationUs(duration.parse(written))).toBe(expected);
  });

  it.each(["5", "5 s", "5sec", "-5s", "", "1h 5m", "10ns"])("%j is no duration", (written) => {
    expect(duration.safeParse(written).success).toBe(false);
  });

  it.each(["0s", "0", "0.0001us"])("%s is not above 0", (written) => {
    expect(positiveDuration.safeParse(written).success).toBe(false);
  });

  it.each(["500m", "1Gi", "1e3", "100M", 2, 0.5, "+1"])("%s is a quantity", (written) => {
    expect(quantity.safeParse(written).success).toBe(true);
  });

  it.each(["-1", "1GiB", "1 Gi", "", -2])("%j is no quantity", (written) => {
    expect(quantity.safeParse(written).success).toBe(false);
  });
});
