import { expect, it } from "vitest";
import { RaftViolation } from "../../src/raft/checkers.js";
import type { SwarmTally } from "./swarm.js";
import { swarm } from "./swarm.js";

const RUNS = 300;
const STEPS = 3000;

/** Runs a swarm; a failure names its seed. */
function seeded(seed: number): SwarmTally {
  try {
    return swarm({ seed, steps: STEPS });
  } catch (error) {
    throw new Error(`swarm seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

it("no random schedule breaks a property, and every group makes progress once it is left alone", () => {
  const total = new Map<string, number>();
  for (let seed = 1; seed <= RUNS; seed++) {
    for (const [kind, count] of Object.entries(seeded(seed))) total.set(kind, (total.get(kind) ?? 0) + count);
  }
  // A swarm in which some trouble never happens tests less than it claims.
  const { stranded, ...kinds } = Object.fromEntries(total);
  for (const [kind, count] of Object.entries(kinds)) expect(count, kind).toBeGreaterThan(RUNS / 8);
  expect(stranded).toBeLessThan(RUNS / 50);
});

it("the same seed gives the same run", () => {
  expect(seeded(7)).toEqual(seeded(7));
});

/** The properties that the first `runs` seeds violate, with their counts. */
function violations(runs: number, bug: Omit<Parameters<typeof swarm>[0], "seed" | "steps">): string[] {
  const found = new Set<string>();
  for (let seed = 1; seed <= runs; seed++) {
    try {
      swarm({ seed, steps: STEPS, ...bug });
    } catch (error) {
      if (error instanceof RaftViolation) found.add(error.property);
      else found.add((error as Error).message);
    }
  }
  return [...found];
}

it("a host that sends before its disk has answered is caught", () => {
  expect(violations(40, { ignoresSendAfter: true })).toContain("Committed Is Durable");
});

it("a disk that forgets the vote is caught", () => {
  const forgetful = {
    tamper: (hardState: { term: number; votedFor: number; commitIndex: number }) => ({
      ...hardState,
      votedFor: 0,
    }),
  };
  expect(violations(40, forgetful)).toContain("One Vote per Term");
});
