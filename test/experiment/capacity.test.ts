import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CapacityResult, findCapacity } from "../../src/experiment/capacity.js";

/** A search over a known answer for each count; also how often each was asked. */
async function search(
  min: number,
  max: number,
  met: (count: number) => boolean,
): Promise<CapacityResult & { asked: number[] }> {
  const asked: number[] = [];
  const result = await findCapacity({
    min,
    max,
    evaluate: async (count) => {
      asked.push(count);
      return { met: met(count), detail: `${count} nodes` };
    },
  });
  return { ...result, asked };
}

describe("the capacity search", () => {
  it("finds what trying every count finds, with the proof on both sides", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: -5, max: 120 }),
        async (min, width, threshold) => {
          const max = min + width;
          const met = (count: number): boolean => count >= threshold;
          const counts = Array.from({ length: width + 1 }, (_, i) => min + i);
          const expected = counts.find(met) ?? null;
          const result = await search(min, max, met);
          expect(result.count).toBe(expected);
          expect(result.nonMonotone).toEqual([]);
          expect(new Set(result.asked).size).toBe(result.asked.length);
          if (expected === null) return;
          expect(result.enough).toEqual({ count: expected, met: true, detail: `${expected} nodes` });
          if (expected > min) expect(result.tooFew).toMatchObject({ count: expected - 1, met: false });
          else expect(result.tooFew).toBeNull();
        },
      ),
    );
  });

  it("asks a handful of counts out of a thousand, and lists them ascending", async () => {
    const { count, asked, evaluations } = await search(1, 1_000, (n) => n >= 618);
    expect(count).toBe(618);
    expect(asked.length).toBeLessThanOrEqual(17);
    expect(evaluations.map((one) => one.count)).toEqual([...asked].sort((a, b) => a - b));
  });

  it("says so when no count will do", async () => {
    const result = await search(3, 20, () => false);
    expect(result).toMatchObject({ count: null, enough: null, tooFew: null, nonMonotone: [] });
    expect(result.evaluations.map((one) => one.count)).toEqual([3, 11, 20]);
  });

  it("reports that more was worse, and takes the smaller count it came across", async () => {
    // Kept from 50 on, but also at 48 (tried as the count two below the answer).
    const result = await search(1, 100, (n) => n >= 50 || n === 48);
    expect(result.count).toBe(48);
    expect(result.tooFew).toMatchObject({ count: 47, met: false });
    expect(result.nonMonotone).toEqual([{ kept: 48, broken: 49 }]);
  });

  it("reports a larger count that breaks the promise", async () => {
    const result = await search(1, 100, (n) => n >= 50 && n !== 51);
    expect(result.count).toBe(50);
    expect(result.nonMonotone).toContainEqual({ kept: 50, broken: 51 });
  });

  it("looks further when the largest count does not do, and reports it", async () => {
    const result = await search(1, 9, (n) => n >= 4 && n <= 6);
    expect(result.count).toBe(4);
    expect(result.nonMonotone).toContainEqual({ kept: 6, broken: 9 });
  });

  it("tells of every evaluation as it comes, and passes on an evaluation's error", async () => {
    const told: number[] = [];
    await findCapacity({
      min: 1,
      max: 4,
      evaluate: async (count) => ({ met: count >= 3, detail: "" }),
      onEvaluated: ({ count }) => told.push(count),
    });
    expect(told.slice(0, 2)).toEqual([4, 1]);
    const broken = findCapacity({
      min: 1,
      max: 2,
      evaluate: () => Promise.reject(new Error("no such pool")),
    });
    await expect(broken).rejects.toThrow("no such pool");
    await expect(
      findCapacity({ min: 2, max: 1, evaluate: async () => ({ met: true, detail: "" }) }),
    ).rejects.toThrow();
  });
});
