import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Level } from "../../src/metrics/level.js";
import { Quantiles, quantileSorted } from "../../src/metrics/quantiles.js";
import { SeriesRecorder } from "../../src/metrics/series.js";
import { Tally } from "../../src/metrics/tally.js";

describe("a tally", () => {
  it("has the textbook's mean and sample variance", () => {
    const tally = new Tally();
    for (const value of [2, 4, 4, 4, 5, 5, 7, 9]) tally.add(value);
    // mean 40/8; squares 9+1+1+1+0+0+4+16 = 32, over 7
    expect(tally).toMatchObject({ count: 8, mean: 5, min: 2, max: 9 });
    expect(tally.variance).toBeCloseTo(32 / 7, 14);
  });

  it("says nothing about nothing, and no variance of one value", () => {
    const tally = new Tally();
    expect([tally.count, tally.mean, tally.variance, tally.min, tally.max]).toEqual([
      0,
      ...Array(4).fill(undefined),
    ]);
    tally.add(3);
    expect([tally.mean, tally.variance]).toEqual([3, undefined]);
  });

  it("does not cancel where the values are large and close together", () => {
    const tally = new Tally();
    for (const value of [1e15 + 4, 1e15 + 7, 1e15 + 13, 1e15 + 16]) tally.add(value);
    expect(tally.variance).toBe(30); // 36 + 9 + 9 + 36 over 3
  });
});

describe("a level", () => {
  it("is weighted by the time it lasted", () => {
    const level = new Level();
    level.set(10, 4); // 0 for 10 µs
    level.add(30, -1); // 4 for 20 µs, then 3
    expect(level.value).toBe(3);
    expect(level.integral(40)).toBe(4 * 20 + 3 * 10);
    expect(level.mean(40)).toBe(110 / 40);
    expect(level.max).toBe(4);
  });

  it("counts from the warm-up's end, where it takes the level as it stands", () => {
    const level = new Level(100, 7);
    level.set(50, 9);
    level.set(90, 2);
    expect(level.mean(100)).toBeUndefined();
    level.set(150, 6);
    expect(level.integral(160)).toBe(2 * 50 + 6 * 10);
    expect(level.mean(200)).toBe((2 * 50 + 6 * 50) / 100);
    expect(level.max).toBe(6);
  });

  it("takes no notice of a value that lasted no time", () => {
    const level = new Level();
    level.set(5, 1_000);
    level.set(5, 1);
    expect(level.max).toBe(1);
    expect(level.integral(10)).toBe(5);
  });

  it("does not go back in time", () => {
    const level = new Level();
    level.set(5, 1);
    expect(() => level.set(4, 2)).toThrow("past");
    expect(() => level.integral(4)).toThrow("past");
  });
});

describe("quantiles", () => {
  it("are linear between the nearest values", () => {
    const quantiles = new Quantiles();
    for (const value of [40, 10, 30, 20]) quantiles.add(value);
    // positions 0, 0.75, 1.5, 2.7, 3
    expect([0, 0.25, 0.5, 0.9, 1].map((p) => quantiles.quantile(p))).toEqual([10, 17.5, 25, 37, 40]);
    quantiles.add(0);
    expect(quantiles.quantile(0.5)).toBe(20);
  });

  it("hold for any number of values in any order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 300 }),
        (values) => {
          const quantiles = new Quantiles();
          for (const value of values) quantiles.add(value);
          const sorted = [...values].sort((a, b) => a - b);
          expect(quantiles.quantile(0)).toBe(sorted[0]);
          expect(quantiles.quantile(1)).toBe(sorted.at(-1));
          const median = quantiles.quantile(0.5) ?? Number.NaN;
          expect(sorted.filter((value) => value < median).length).toBeLessThanOrEqual(values.length / 2);
          expect(sorted.filter((value) => value > median).length).toBeLessThanOrEqual(values.length / 2);
        },
      ),
    );
  });

  it("of nothing are undefined, and shares beyond 0 to 1 refused", () => {
    expect(new Quantiles().quantile(0.5)).toBeUndefined();
    expect(() => quantileSorted([1], 1.1)).toThrow("between 0 and 1");
    expect(() => new Quantiles().add(Number.NaN)).toThrow("NaN");
  });
});

describe("a series", () => {
  it("has each level's time-weighted mean in each interval", () => {
    const series = new SeriesRecorder(10, ["a", "b"]);
    series.set(0, 5, 8); // a: 0 for 5, then 8
    series.add(0, 27, -6); // … until 27, then 2
    series.set(1, 0, 1);
    series.set(1, 20, 3);
    expect(series.table(34)).toEqual({
      intervalUs: 10,
      columns: ["a", "b"],
      rows: [
        [4, 1],
        [8, 1],
        [(8 * 7 + 2 * 3) / 10, 3],
        [2, 3], // four µs of it
      ],
    });
  });

  it("agrees with a level over the whole span, however the changes fall", () => {
    const changes = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.integer({ min: -5, max: 9 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 60 }), (steps, interval) => {
        const level = new Level();
        const series = new SeriesRecorder(interval, ["x"]);
        let now = 0;
        for (const [gap, value] of steps) {
          now += gap;
          level.set(now, value);
          series.set(0, now, value);
        }
        const end = now + 7;
        const { rows } = series.table(end);
        expect(rows).toHaveLength(Math.ceil(end / interval));
        const total = rows.reduce(
          (sum, [mean], i) => sum + (mean ?? 0) * Math.min(interval, end - i * interval),
          0,
        );
        expect(total).toBeCloseTo(level.integral(end), 6);
      }),
    );
  });

  it("refuses columns it does not have, names used twice, and times that go back", () => {
    expect(() => new SeriesRecorder(10, ["a"]).set(1, 0, 1)).toThrow("no column 1");
    expect(() => new SeriesRecorder(10, ["a", "a"])).toThrow("names");
    expect(() => new SeriesRecorder(0, [])).toThrow("interval");
    const series = new SeriesRecorder(10, ["a"]);
    series.set(0, 7, 1);
    expect(() => series.set(0, 6, 1)).toThrow("past");
  });
});
