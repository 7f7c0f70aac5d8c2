/** A leader with a bug planted in it: it answers reads from what it knows, without asking whether it still leads. */
import { expect, it, vi } from "vitest";
import { Group } from "./group.js";
import { swarm } from "./swarm.js";

vi.mock("../../src/raft/reads.js", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../src/raft/reads.js")>();
  return {
    ...original,
    handleReadIndex: (...[core, from, context]: Parameters<typeof original.handleReadIndex>) => {
      if (core.role !== "leader" || from !== core.id) original.handleReadIndex(core, from, context);
      else core.effects.readStates.push({ context, index: core.log.commitIndex });
    },
  };
});

it("a read answered by a leader that is one no longer is caught by whoever knows what was committed meanwhile", () => {
  const group = new Group([1, 2, 3]);
  group.campaign(1);
  group.settle();
  group.isolate(1);
  for (const id of [2, 3]) group.forgetLeader(id);
  group.campaign(2);
  group.settle();
  expect(group.node(2).role).toBe("leader");
  expect(() => group.readIndex(1, 7)).toThrow("a read answered with 1, 2 was committed");
});

it("random schedules come upon it, too", () => {
  const found = new Set<string>();
  for (let seed = 1; seed <= 60 && found.size === 0; seed++) {
    try {
      swarm({ seed, steps: 3000 });
    } catch (error) {
      found.add((error as Error).message);
    }
  }
  expect([...found].join()).toMatch(/^a read answered with \d+, \d+ was committed$/);
});
