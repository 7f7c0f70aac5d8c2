import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  figuresOf,
  meanInterval,
  type Observation,
  pairedDifference,
  studentProbability,
  studentQuantile,
  zeroFailureUpper95,
} from "../../src/experiment/statistics.js";

const seen = (...values: number[]): Observation[] => values.map((value) => ({ value, censored: false }));
const cut = (value: number): Observation => ({ value, censored: true });
const byReplication = (values: readonly Observation[]): Map<number, Observation> => new Map(values.entries());

describe("Student's t", () => {
  it("has the quantiles of the printed tables", () => {
    // Two-sided 95 % and 99 % (NIST/SEMATECH e-Handbook, 1.3.6.7.2)
    const table = [
      [1, 12.706, 63.657],
      [2, 4.303, 9.925],
      [3, 3.182, 5.841],
      [5, 2.571, 4.032],
      [7, 2.365, 3.499],
      [9, 2.262, 3.25],
      [20, 2.086, 2.845],
      [30, 2.042, 2.75],
      [100, 1.984, 2.626],
    ] as const;
    for (const [degrees, p975, p995] of table) {
      expect(studentQuantile(degrees, 0.975)).toBeCloseTo(p975, 3);
      expect(studentQuantile(degrees, 0.995)).toBeCloseTo(p995, 3);
    }
  });

  it("has the closed forms of one and two degrees of freedom, to twelve digits", () => {
    expect(studentQuantile(1, 0.5)).toBe(0);
    for (const p of [0.6, 0.9, 0.975, 0.9995]) {
      expect(studentQuantile(1, p) / Math.tan(Math.PI * (p - 0.5))).toBeCloseTo(1, 12);
      const a = 2 * p - 1;
      expect(Math.abs(studentQuantile(2, p) - a * Math.sqrt(2 / (1 - a * a)))).toBeLessThan(
        1e-11 * (1 + 100 * a),
      );
    }
  });

  it("comes close to the normal with many degrees of freedom, and is its own mirror image", () => {
    expect(studentQuantile(1e6, 0.975)).toBeCloseTo(1.959966, 5);
    expect(studentQuantile(8, 0.1)).toBe(-studentQuantile(8, 0.9));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (degrees, p) => {
          expect(studentProbability(degrees, studentQuantile(degrees, p))).toBeCloseTo(p, 11);
        },
      ),
    );
  });
});

describe("figures over replications", () => {
  it("are those worked out by hand", () => {
    const figures = figuresOf(seen(12, 10, 14, 8));
    // mean 11; squares 1 + 1 + 9 + 9 = 20; sd √(20/3); t(3) = 3.182446
    const half = 3.182446305284263 * Math.sqrt(20 / 3 / 4);
    expect(figures).toMatchObject({ n: 4, censored: 0, mean: 11, min: 8, max: 14, p50: 11 });
    expect(figures.sd).toBeCloseTo(Math.sqrt(20 / 3), 14);
    expect(figures.ci95Low).toBeCloseTo(11 - half, 10);
    expect(figures.ci95High).toBeCloseTo(11 + half, 10);
    expect(figures.p95).toBeCloseTo(13.7, 12); // position 2.85: 12 + 0.85 × 2
  });

  it("give no spread and no interval for one value, and nothing for none", () => {
    expect(figuresOf(seen(3))).toEqual({
      ...{ n: 1, censored: 0, mean: 3, sd: null, ci95Low: null, ci95High: null },
      ...{ min: 3, p50: 3, p95: 3, max: 3 },
    });
    expect(Object.values(figuresOf([]))).toEqual([0, 0, ...Array(8).fill(null)]);
    expect(meanInterval([3])).toBeUndefined();
  });

  it("never average a censored value, and give the quantiles that it cannot move", () => {
    const figures = figuresOf([...seen(10, 20, 30, 40), cut(5)]);
    expect(figures).toMatchObject({ n: 4, censored: 1, mean: null, sd: null, ci95Low: null, ci95High: null });
    // ascending: 10 20 30 40 ∞
    expect(figures).toMatchObject({ min: 10, p50: 30, p95: null, max: null });
    expect(figuresOf([cut(9), cut(9)])).toMatchObject({
      n: 0,
      censored: 2,
      mean: null,
      min: null,
      p50: null,
    });
    expect(figuresOf([...seen(1, 2), cut(9)]).p50).toBe(2); // exactly on the last observed
    expect(figuresOf([...seen(1, 2), cut(9), cut(9)]).p50).toBeNull(); // between 2 and ∞
  });

  it("hold the true mean in 95 of 100 samples", () => {
    // Normal-ish sums of twelve uniforms from a fixed congruential sequence (Numerical Recipes' constants).
    let state = 1;
    const uniform = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    let covered = 0;
    for (let trial = 0; trial < 2_000; trial++) {
      const values = Array.from({ length: 6 }, () =>
        Array.from({ length: 12 }, uniform).reduce((a, b) => a + b, 0),
      );
      const interval = meanInterval(values);
      if (interval !== undefined && interval.low <= 6 && 6 <= interval.high) covered++;
    }
    // Four standard errors of a share of 0.95 over 2,000
    expect(Math.abs(covered / 2_000 - 0.95)).toBeLessThan(4 * Math.sqrt((0.95 * 0.05) / 2_000));
  });
});

describe("paired differences", () => {
  it("see what unpaired intervals cannot: a small difference in every pair", () => {
    const baseline = byReplication(seen(100, 200, 300, 400));
    const other = byReplication(seen(101, 202, 301, 402));
    const difference = pairedDifference(baseline, other);
    // differences 1 2 1 2: mean 1.5, sd √(1/3), half-width 3.182446 √(1/12)
    expect(difference).toMatchObject({ n: 4, censored: 0, mean: 1.5, significant: true });
    expect(difference.ci95Low).toBeCloseTo(1.5 - 3.182446305284263 * Math.sqrt(1 / 12), 10);
    expect(difference.ci95High).toBeCloseTo(1.5 + 3.182446305284263 * Math.sqrt(1 / 12), 10);
  });

  it("are not significant where the interval holds 0", () => {
    const difference = pairedDifference(byReplication(seen(1, 2, 3)), byReplication(seen(2, 1, 3)));
    expect(difference).toMatchObject({ mean: 0, significant: false });
  });

  it("pair by replication, and leave out what has no partner", () => {
    const baseline = new Map([
      [0, { value: 1, censored: false }],
      [2, { value: 5, censored: false }],
    ]);
    const other = byReplication(seen(4, 9, 6));
    expect(pairedDifference(baseline, other)).toMatchObject({ n: 2, mean: 2 });
    expect(pairedDifference(new Map(), other)).toMatchObject({ n: 0, mean: null, significant: null });
  });

  it("give no mean where one value of a pair is censored", () => {
    const difference = pairedDifference(byReplication([...seen(1, 2), cut(9)]), byReplication(seen(2, 3, 4)));
    expect(difference).toEqual({
      n: 2,
      censored: 1,
      mean: null,
      ci95Low: null,
      ci95High: null,
      significant: null,
    });
  });
});

describe("the zero-failure bound", () => {
  it("is exact, and near three over n", () => {
    expect(zeroFailureUpper95(1)).toBeCloseTo(0.95, 14);
    expect(zeroFailureUpper95(8)).toBeCloseTo(1 - 0.05 ** (1 / 8), 14);
    expect(zeroFailureUpper95(100)).toBeCloseTo(0.0295, 4);
    expect(zeroFailureUpper95(1e6) / 3e-6).toBeCloseTo(0.9986, 3);
    expect(() => zeroFailureUpper95(0)).toThrow("at least one trial");
  });
});
