import { describe, expect, it } from "vitest";
import { judge } from "../../src/cli/validation/etcd/judge.js";
import type { Rule, Statistic } from "../../src/cli/validation/etcd/statistic.js";

/** Simulated times: 1000, 1001, …, 1999 ms. */
const SPREAD = Array.from({ length: 1000 }, (_, index) => 1000 + index);

function statistic(rule: Rule, measured: readonly (number | null)[], name = "it"): Statistic {
  return { name, rule, measured };
}

function verdicts(rule: Rule, measured: readonly (number | null)[], simulated: readonly (number | null)[]) {
  const [judged] = judge([statistic(rule, measured)], { it: [...simulated] }, "test");
  return judged?.checks.map(({ figure, pass }) => `${figure} ${pass ? "passes" : "fails"}`) ?? [];
}

describe("a measured statistic", () => {
  it("lies in the band of resamples of its own size", () => {
    // The mean of 25 draws from a uniform spread of 1000 has a deviation of 57.7: 99 % lie within 149 of 1499.5.
    const [judged] = judge(
      [
        statistic(
          "time",
          Array.from({ length: 25 }, (_, index) => 1060 + 40 * index),
        ),
      ],
      { it: SPREAD },
      "test",
    );
    const mean = judged?.checks.find(({ figure }) => figure === "mean");
    expect(mean?.measured).toBe(1540);
    expect(Math.abs((mean?.low ?? 0) - 1351)).toBeLessThan(12);
    expect(Math.abs((mean?.high ?? 0) - 1648)).toBeLessThan(12);
    expect(mean?.pass).toBe(true);
    expect(mean?.p).toBeGreaterThan(0.4);
  });

  it("fails where the same few trials would hardly ever come out so", () => {
    expect(verdicts("time", new Array(25).fill(1800), SPREAD)).toEqual(["mean fails", "median fails"]);
  });

  it("of few trials may lie where one of many may not", () => {
    expect(verdicts("time", [1800], SPREAD)).toEqual(["mean passes", "median passes"]);
  });

  it("is judged by the share of trials in which it happened, where it did not in some", () => {
    const half = SPREAD.map((value, index) => (index % 2 === 0 ? value : null));
    expect(verdicts("time", [1400, 1500, null, 1600, null, 1500], half)).toContain("share passes");
    expect(verdicts("time", new Array(20).fill(null), half)).toEqual(["share fails"]);
    expect(verdicts("time", new Array(20).fill(null), [null, null])).toEqual(["share passes"]);
  });

  it("that nothing was simulated for fails", () => {
    expect(verdicts("time", [1, 2], [])).toEqual(["mean fails"]);
  });

  it("gives the same verdict twice", () => {
    const one = judge([statistic("time", [1100, 1900])], { it: SPREAD }, "test");
    expect(judge([statistic("time", [1100, 1900])], { it: SPREAD }, "test")).toEqual(one);
  });
});

describe("a latency", () => {
  const simulated = Array.from({ length: 200 }, (_, index) => 4 + index / 1000);

  it("may be off by a millisecond or a tenth, and the table says so", () => {
    expect(verdicts("latency", new Array(60).fill(5.05), simulated)).toEqual(["median passes"]);
    expect(verdicts("latency", new Array(60).fill(5.3), simulated)).toEqual(["median fails"]);
    expect(
      verdicts(
        "latency",
        new Array(60).fill(33),
        simulated.map((ms) => ms + 32),
      ),
    ).toEqual(["median passes"]);
    const [judged] = judge([statistic("latency", new Array(60).fill(5.05))], { it: simulated }, "test");
    expect(judged?.checks[0]?.note).toBe("within 10 % or 1 ms");
  });
});

describe("a count", () => {
  const simulated = Array.from({ length: 100 }, (_, index) => 15 + (index % 3));

  it("is held by its mean and by its extremes", () => {
    expect(verdicts("count", [15, 16, 17], simulated)).toEqual(["mean passes", "min passes", "max passes"]);
    expect(verdicts("count", [15, 16, 18], simulated)).toContain("max fails");
    expect(verdicts("count", [1, 1, 1], simulated)).toEqual(["mean fails", "min fails", "max fails"]);
  });
});

describe("a law", () => {
  const law: Rule = { says: "never", min: 0, max: 0 };

  it("holds for every trial, measured and simulated", () => {
    expect(verdicts(law, [0, 0], [0, 0, 0])).toEqual(["law passes"]);
    expect(verdicts(law, [0, 1], [0, 0, 0])).toEqual(["law fails"]);
    expect(verdicts(law, [0, 0], [0, 2, 0])).toEqual(["law fails"]);
  });
});

describe("many statistics of one file", () => {
  /** Of so many figures of the model itself two or three lie outside their own bands; with the correction hardly one does. */
  it("are judged together: a true model fails seldom", () => {
    let failed = 0;
    const files = 20;
    for (let file = 0; file < files; file++) {
      const statistics = Array.from({ length: 6 }, (_, index) => {
        const measured = Array.from(
          { length: 8 },
          (_, k) => SPREAD[(file * 7919 + index * 104_729 + k * k * 31 + k * 613) % 1000] ?? 0,
        );
        return statistic("time", measured, `figure ${index}`);
      });
      const simulated = Object.fromEntries(statistics.map(({ name }) => [name, SPREAD]));
      const checks = judge(statistics, simulated, `file ${file}`).flatMap((one) => one.checks);
      if (checks.some(({ pass }) => !pass)) failed++;
    }
    expect(failed).toBeLessThan(3);
  }, 60_000);

  it("still show one that is wrong", () => {
    const statistics = Array.from({ length: 20 }, (_, index) =>
      statistic(
        "time",
        index === 7 ? new Array(20).fill(1850) : [1300, 1500, 1700, 1400, 1600],
        `figure ${index}`,
      ),
    );
    const simulated = Object.fromEntries(statistics.map(({ name }) => [name, SPREAD]));
    const failed = judge(statistics, simulated, "test").filter(({ checks }) =>
      checks.some(({ pass }) => !pass),
    );
    expect(failed.map(({ name }) => name)).toEqual(["figure 7"]);
  }, 60_000);
});
