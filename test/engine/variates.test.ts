import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunDigest } from "../../src/engine/digest.js";
import { RandomStreams } from "../../src/engine/random.js";
import {
  incompleteBeta,
  incompleteGamma,
  inverseLowerGamma,
  logGamma,
  normalQuantile,
} from "../../src/engine/special-functions.js";
import {
  logNormalOf,
  mean,
  quantile,
  sample,
  upperBound,
  type Variate,
  type VariateKind,
  variance,
} from "../../src/engine/variates.js";

/** Each variate with mean and variance worked out by hand from the closed form. */
const TABLE: readonly (readonly [Variate, number, number])[] = [
  [{ kind: "constant", value: 42 }, 42, 0],
  [{ kind: "uniform", min: 2, max: 8 }, 5, 3], // 6² / 12
  [{ kind: "exponential", mean: 4 }, 4, 16],
  [{ kind: "weibull", shape: 1, scale: 4 }, 4, 16], // the exponential
  [{ kind: "weibull", shape: 2, scale: 2 }, Math.sqrt(Math.PI), 4 - Math.PI], // Rayleigh: 2 Γ(3/2) = √π
  [{ kind: "weibull", shape: 0.5, scale: 1 }, 2, 20], // Γ(3) = 2, Γ(5) − 4
  [{ kind: "logNormal", mu: 1, sigma: 0.5 }, Math.exp(1.125), (Math.exp(0.25) - 1) * Math.exp(2.25)],
  [{ kind: "logNormal", mu: 0, sigma: 0 }, 1, 0],
  // α = 1 on [1, e]: mean e/(e−1); E[X²] = (e/(e−1)) (e−1) = e
  [
    { kind: "boundedPareto", shape: 1, min: 1, max: Math.E },
    Math.E / (Math.E - 1),
    Math.E - (Math.E / (Math.E - 1)) ** 2,
  ],
  // α = 2 on [1, 2]: c = 2/(1 − 1/4) = 8/3; mean c (1 − 1/2) = 4/3; E[X²] = c ln 2
  [{ kind: "boundedPareto", shape: 2, min: 1, max: 2 }, 4 / 3, (8 / 3) * Math.LN2 - 16 / 9],
  // α = 3 on [2, 4]: c = 3·8/(7/8) = 192/7; mean c (1/2² − 1/4²)/2 = 18/7; E[X²] = c (1/2 − 1/4) = 48/7
  [{ kind: "boundedPareto", shape: 3, min: 2, max: 4 }, 18 / 7, 48 / 7 - (18 / 7) ** 2],
  [{ kind: "gamma", shape: 3, scale: 2 }, 6, 12],
  [{ kind: "gamma", shape: 0.4, scale: 5 }, 2, 10],
  [{ kind: "empirical", values: [1, 2, 6] }, 3, 14 / 3], // (4 + 1 + 9) / 3
  [{ kind: "empirical", values: [0, 10], weights: [3, 1] }, 2.5, 18.75], // (3·6.25 + 56.25) / 4
];

/** A kind more does not compile until it stands here. */
const KINDS: Readonly<Record<VariateKind, true>> = {
  constant: true,
  uniform: true,
  exponential: true,
  weibull: true,
  logNormal: true,
  boundedPareto: true,
  gamma: true,
  empirical: true,
};

const named = TABLE.map(([variate, m, v]) => [JSON.stringify(variate), variate, m, v] as const);

describe("variates", () => {
  it("of every kind stand in the table below", () => {
    expect([...new Set(TABLE.map(([variate]) => variate.kind))].sort()).toEqual(Object.keys(KINDS).sort());
  });

  it.each(named)("%s has the mean and variance of its closed form", (_name, variate, m, v) => {
    expect(mean(variate)).toBeCloseTo(m, 12);
    expect(variance(variate)).toBeCloseTo(v, 10);
  });

  it.each(named)("%s is drawn with that mean and variance", (name, variate, m, v) => {
    const n = 40_000;
    const stream = new RandomStreams("moments").stream(name);
    const draws = Array.from({ length: n }, () => sample(variate, stream));
    const sampleMean = draws.reduce((sum, x) => sum + x, 0) / n;
    const squares = draws.map((x) => (x - m) ** 2);
    const sampleVariance = squares.reduce((sum, x) => sum + x, 0) / n;
    const fourth = squares.reduce((sum, x) => sum + (x - v) ** 2, 0) / n;
    // Four standard errors: chance alone exceeds them once in 16,000 times; heavy tails get one more.
    expect(Math.abs(sampleMean - m)).toBeLessThanOrEqual(4 * Math.sqrt(v / n));
    expect(Math.abs(sampleVariance - v)).toBeLessThanOrEqual(5 * Math.sqrt(fourth / n));
  });

  it.each(named)("%s: the mean of its quantiles is its mean (midpoint rule)", (_name, variate, m, v) => {
    const cells = 50_000;
    let sum = 0;
    for (let i = 0; i < cells; i++) sum += quantile(variate, (i + 0.5) / cells);
    // What the midpoint rule loses lies in the last cell of an unbounded tail.
    expect(Math.abs(sum / cells - m)).toBeLessThanOrEqual(0.002 * Math.sqrt(v) + 1e-9);
  });

  it.each(named)("%s is never smaller for a larger uniform, and finite at both ends", (_name, variate) => {
    const uniform = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((k) => k / 2 ** 32);
    fc.assert(
      fc.property(uniform, uniform, (a, b) => {
        expect(quantile(variate, Math.min(a, b))).toBeLessThanOrEqual(quantile(variate, Math.max(a, b)));
      }),
    );
    for (const u of [0, 1 - 2 ** -32]) expect(Number.isFinite(quantile(variate, u))).toBe(true);
    expect(quantile(variate, 0)).toBeLessThanOrEqual(mean(variate));
  });

  it.each(
    named,
  )("%s: no draw is above its bound, which some draw comes near if there is one", (_name, variate) => {
    const bound = upperBound(variate);
    const highest = quantile(variate, 1 - 2 ** -32);
    expect(highest).toBeLessThanOrEqual(bound);
    if (Number.isFinite(bound)) expect(highest).toBeGreaterThan(0.999 * bound);
  });

  it("are pinned to the bit: the same on every version of Node and every machine", () => {
    const stream = new RandomStreams("pinned").stream("variates");
    const digest = new RunDigest();
    for (let i = 0; i < 2_000; i++) for (const [variate] of TABLE) digest.add(sample(variate, stream));
    expect(digest.hex()).toBe("3f59054875328b21");
  });

  it("need one uniform a draw", () => {
    for (const [variate] of TABLE) {
      let draws = 0;
      const uniform = (): number => {
        draws++;
        return 0.3;
      };
      sample(variate, { uniform });
      expect(draws, variate.kind).toBe(1);
    }
  });

  it("have the medians of their closed forms", () => {
    expect(quantile({ kind: "exponential", mean: 3 }, 0.5)).toBeCloseTo(3 * Math.LN2, 14);
    expect(quantile({ kind: "weibull", shape: 2, scale: 5 }, 0.5)).toBeCloseTo(5 * Math.sqrt(Math.LN2), 13);
    expect(quantile({ kind: "logNormal", mu: 2, sigma: 1.3 }, 0.5)).toBeCloseTo(Math.exp(2), 13);
    // 1 − 1/x² over 3/4 is a half at x = √(8/5)
    expect(quantile({ kind: "boundedPareto", shape: 2, min: 1, max: 2 }, 0.5)).toBeCloseTo(
      Math.sqrt(1.6),
      14,
    );
    expect(quantile({ kind: "gamma", shape: 1, scale: 7 }, 0.5)).toBeCloseTo(7 * Math.LN2, 12);
  });

  it("draw an empirical value as often as its weight says, and never one of weight 0", () => {
    const variate: Variate = { kind: "empirical", values: [1, 2, 3, 4], weights: [0, 1, 0, 3] };
    expect([0, 0.1, 0.2499, 0.25, 0.6, 1 - 2 ** -32].map((u) => quantile(variate, u))).toEqual([
      2, 2, 2, 4, 4, 4,
    ]);
    expect([0, 0.49, 0.5, 0.99].map((u) => quantile({ kind: "empirical", values: [7, 9] }, u))).toEqual([
      7, 7, 9, 9,
    ]);
  });

  it("stay exact where a bounded Pareto's shape comes close to the power of the moment", () => {
    const at = mean({ kind: "boundedPareto", shape: 1, min: 10, max: 1000 });
    for (const shape of [1 - 1e-9, 1 + 1e-9]) {
      expect(mean({ kind: "boundedPareto", shape, min: 10, max: 1000 })).toBeCloseTo(at, 5);
    }
  });
});

describe("a log-normal by what people know of it", () => {
  it("has the median and the percentile asked for", () => {
    const p99 = logNormalOf({ median: 40, p99: 400 });
    expect(quantile(p99, 0.5)).toBeCloseTo(40, 10);
    expect(quantile(p99, 0.99)).toBeCloseTo(400, 9);
    expect(quantile(logNormalOf({ median: 2, p90: 3 }), 0.9)).toBeCloseTo(3, 12);
  });

  it("has the mean and standard deviation asked for", () => {
    const variate = logNormalOf({ mean: 12, sd: 5 });
    expect(mean(variate)).toBeCloseTo(12, 12);
    expect(Math.sqrt(variance(variate))).toBeCloseTo(5, 12);
    expect(quantile(logNormalOf({ mean: 12, sd: 0 }), 0.7)).toBeCloseTo(12, 12);
  });

  it("refuses what no log-normal has", () => {
    expect(() => logNormalOf({ median: 5, p99: 4 })).toThrow("log-normal");
    expect(() => logNormalOf({ mean: 0, sd: 1 })).toThrow("log-normal");
  });
});

describe("special functions", () => {
  it("agree with known values of ln Γ", () => {
    for (let n = 1, factorial = 1; n <= 20; factorial *= n++)
      expect(logGamma(n)).toBeCloseTo(Math.log(factorial), 12);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 14);
    // Stirling's series at 1e6: x ln x − x − ln(x)/2 + ln(2π)/2 + 1/(12x)
    const stirling = 1e6 * Math.log(1e6) - 1e6 - Math.log(1e6) / 2 + Math.log(2 * Math.PI) / 2 + 1 / 12e6;
    expect(Math.abs(logGamma(1e6) / stirling - 1)).toBeLessThan(1e-14);
  });

  it("agree with closed forms of the incomplete gamma function", () => {
    for (const x of [0.01, 0.5, 1, 3, 10, 40]) {
      expect(incompleteGamma(1, x).lower).toBeCloseTo(-Math.expm1(-x), 14);
      // Erlang-3: 1 − e^−x (1 + x + x²/2)
      expect(incompleteGamma(3, x).upper).toBeCloseTo(Math.exp(-x) * (1 + x + (x * x) / 2), 13);
    }
    expect(incompleteGamma(2, 0)).toEqual({ lower: 0, upper: 1 });
  });

  it("invert the incomplete gamma function to 1e-10 (1e-12 below 100) for shapes from 0.05 to 10,000", () => {
    for (const shape of [0.05, 0.1, 0.5, 1, 1.5, 2, 5, 20, 100, 1_000, 10_000]) {
      for (const u of [1e-6, 0.001, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1 - 2 ** -32]) {
        const { lower } = incompleteGamma(shape, inverseLowerGamma(shape, u));
        expect(Math.abs(lower - u), `shape ${shape}, u ${u}`).toBeLessThan(shape <= 100 ? 1e-12 : 1e-10);
      }
    }
  });

  it("agree with the normal table", () => {
    // Abramowitz and Stegun, table 26.5, and its reflection
    const known = [
      [0.9, 1.2815515655446004],
      [0.975, 1.959963984540054],
      [0.99, 2.3263478740408408],
      [0.9999, 3.719016485455709],
      [1e-10, -6.361340902404056],
      [0.5, 0],
    ] as const;
    for (const [u, z] of known) expect(Math.abs(normalQuantile(u) - z)).toBeLessThan(1e-13 * 8);
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
  });

  it("agree with closed forms of the incomplete beta function", () => {
    for (const x of [0.001, 0.2, 0.5, 0.8, 0.999]) {
      expect(incompleteBeta(1, 1, x)).toBeCloseTo(x, 14);
      expect(incompleteBeta(3, 1, x)).toBeCloseTo(x ** 3, 14);
      expect(incompleteBeta(2, 2, x)).toBeCloseTo(x * x * (3 - 2 * x), 13);
      // The arcsine law
      expect(incompleteBeta(0.5, 0.5, x)).toBeCloseTo((2 / Math.PI) * Math.asin(Math.sqrt(x)), 13);
    }
  });
});
