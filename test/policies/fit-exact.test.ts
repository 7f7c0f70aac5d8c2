/** Scores of sizes whose products pass 2^53 (nodes above about 90 TB): Go divides 64-bit integers exactly. */
import { describe, expect, it } from "vitest";
import { leastAllocatedScore, mostAllocatedScore } from "../../src/policies/kubernetes/fit-scorers.js";

const ALLOCATABLE = 2 ** 53 - 1;

describe("NodeResourcesFit's scores of very large amounts", () => {
  it("truncate the exact quotient where doubles would round up to the next whole point", () => {
    let differing = 0;
    for (let point = 1; point < 100; point++) {
      const edge = (BigInt(ALLOCATABLE) * BigInt(point)) / 100n;
      for (const free of [edge - 1n, edge, edge + 1n]) {
        const exact = Number((free * 100n) / BigInt(ALLOCATABLE));
        const used = ALLOCATABLE - Number(free);
        expect(leastAllocatedScore(used, ALLOCATABLE)).toBe(exact);
        expect(mostAllocatedScore(Number(free), ALLOCATABLE)).toBe(exact);
        if (Math.trunc((Number(free) * 100) / ALLOCATABLE) !== exact) differing++;
      }
    }
    expect(differing, "amounts at which plain arithmetic is wrong").toBeGreaterThan(0);
  });
});
