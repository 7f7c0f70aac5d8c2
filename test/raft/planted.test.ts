/** A leader with a bug planted in it: it commits what it has itself, without asking for a majority. */
import { expect, it, vi } from "vitest";
import { RaftViolation } from "../../src/raft/checkers.js";
import { swarm } from "./swarm.js";

vi.mock("../../src/raft/quorum.js", async (importOriginal) => ({
  ...(await importOriginal<typeof import("../../src/raft/quorum.js")>()),
  majorityIndex: (matchIndexes: number[]) => Math.max(...matchIndexes),
}));

it("the swarm catches commits without a majority", () => {
  let caught = 0;
  for (let seed = 1; seed <= 20; seed++) {
    try {
      swarm({ seed, steps: 1000 });
    } catch (error) {
      if (!(error instanceof RaftViolation)) throw error;
      expect(error.property).toBe("Committed Is Durable");
      caught += 1;
    }
  }
  // Groups of one, in which one is a majority, are about a sixth of all; some never elect anybody in so short a time.
  expect(caught).toBeGreaterThan(10);
});
