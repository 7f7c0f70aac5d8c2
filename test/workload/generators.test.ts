import { describe, expect, it } from "vitest";
import type { PodTemplate } from "../../src/api/objects.js";
import { RandomStreams } from "../../src/engine/random.js";
import { HOUR, SECOND } from "../../src/units/time.js";
import { type ArrivalSpec, generateArrivals } from "../../src/workload/generators.js";
import { objectOf } from "./helpers.js";

const { spec } = objectOf("Pod", "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}]}\n");
const template: PodTemplate = { labels: {}, annotations: {}, spec };

function arrivals(change: Partial<ArrivalSpec> = {}): ArrivalSpec {
  return {
    name: "batch",
    process: { kind: "poisson", ratePerSecond: 2 },
    startUs: 0,
    endUs: Number.MAX_SAFE_INTEGER,
    order: "weighted",
    classes: [
      {
        name: "small",
        weight: 3,
        namespace: "default",
        template,
        durationUs: { kind: "exponential", mean: 60 * SECOND },
      },
      { name: "large", weight: 1, namespace: "default", template },
    ],
    ...change,
  };
}

const streams = (root = "seed/0"): RandomStreams => new RandomStreams(root);

describe("Poisson arrivals", () => {
  const list = generateArrivals(arrivals(), streams(), 2 * HOUR);

  it("come at their rate, with gaps as scattered as exponential ones", () => {
    // 2/s over 7200 s: 14400 expected, standard deviation 120; four of them.
    expect(Math.abs(list.length - 14_400)).toBeLessThan(480);
    const gaps = list.slice(1).map(({ atUs }, i) => atUs - (list[i]?.atUs ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    // The coefficient of variation of an exponential is 1; its standard error here is about 1/120.
    expect(Math.abs(Math.sqrt(variance) / mean - 1)).toBeLessThan(0.04);
  });

  it("choose classes by weight and draw durations", () => {
    const small = list.filter(({ template: index }) => index === 0);
    // A share of 3/4 of 14400: standard deviation 0.0036; four of them.
    expect(Math.abs(small.length / list.length - 0.75)).toBeLessThan(0.0145);
    const mean = small.reduce((sum, { durationUs = 0 }) => sum + durationUs, 0) / small.length;
    expect(Math.abs(mean / (60 * SECOND) - 1)).toBeLessThan(0.04);
    expect(
      list.every(({ template: index, durationUs }) => (durationUs === undefined) === (index === 1)),
    ).toBe(true);
    expect(
      list.every(({ durationUs = 0, atUs }) => Number.isInteger(durationUs) && Number.isInteger(atUs)),
    ).toBe(true);
  });

  it("are the same for the same seed, others for another seed or name", () => {
    expect(generateArrivals(arrivals(), streams(), 2 * HOUR)).toEqual(list);
    expect(generateArrivals(arrivals(), streams("seed/1"), 2 * HOUR)).not.toEqual(list);
    expect(generateArrivals(arrivals({ name: "other" }), streams(), 2 * HOUR)).not.toEqual(list);
  });

  it("are not moved by draws of others, nor by a shorter horizon", () => {
    const shared = streams();
    generateArrivals(arrivals({ name: "other" }), shared, HOUR);
    shared.counted("elsewhere").uniform(3);
    expect(generateArrivals(arrivals(), shared, 2 * HOUR)).toEqual(list);
    expect(generateArrivals(arrivals(), shared, HOUR)).toEqual(list.filter(({ atUs }) => atUs < HOUR));
  });

  it("keep their times when classes change", () => {
    const changed = generateArrivals(
      arrivals({ classes: [{ name: "one", weight: 1, namespace: "x", template }] }),
      streams(),
      HOUR,
    );
    expect(changed.map(({ atUs }) => atUs)).toEqual(
      list.filter(({ atUs }) => atUs < HOUR).map(({ atUs }) => atUs),
    );
  });
});

describe("Other arrivals", () => {
  it("come at fixed intervals from the start to before the end", () => {
    const process = { kind: "deterministic", intervalUs: 10 * SECOND } as const;
    const times = (change: Partial<ArrivalSpec>): number[] =>
      generateArrivals(arrivals({ process, startUs: 5 * SECOND, ...change }), streams(), 35 * SECOND).map(
        ({ atUs }) => atUs / SECOND,
      );
    expect(times({})).toEqual([5, 15, 25]);
    expect(times({ endUs: 25 * SECOND })).toEqual([5, 15]);
    expect(times({ count: 1 })).toEqual([5]);
  });

  it("follow a trace, each time keeping its class when a window cuts the first ones off", () => {
    const process = { kind: "times", atUs: [1, 2, 2, 9] } as const;
    const spec = arrivals({ process, order: "sequence" });
    const short = (list: ReturnType<typeof generateArrivals>): number[][] =>
      list.map(({ atUs, template: index, ordinal }) => [atUs, index, ordinal]);
    expect(short(generateArrivals(spec, streams(), 9))).toEqual([
      [1, 0, 0],
      [2, 1, 1],
      [2, 0, 2],
    ]);
    expect(short(generateArrivals({ ...spec, startUs: 2 }, streams(), 100))).toEqual([
      [2, 1, 1],
      [2, 0, 2],
      [9, 1, 3],
    ]);
    expect(short(generateArrivals({ ...spec, count: 2 }, streams(), 100))).toHaveLength(2);
  });
});
