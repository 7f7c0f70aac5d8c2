/** What a crash leaves of writes that were under way, and what may be applied before its own write is durable. */
import { describe, expect, it } from "vitest";
import { Group } from "./group.js";

function led(options: ConstructorParameters<typeof Group>[1] = {}): Group {
  const group = new Group([1, 2, 3], options);
  group.campaign(1);
  group.settle();
  group.tick(1);
  group.settle();
  return group;
}

describe("a crash amid writes", () => {
  /** Member 2 has two writes under way: entries 2 to 4, then 5. */
  function writing(): Group {
    const group = led();
    group.heldDisks.add(2);
    group.propose(1, 2, 3, 4);
    group.settle();
    group.propose(1, 5);
    group.settle();
    expect(group.node(2).log).toMatchObject({ lastIndex: 5, stableIndex: 1 });
    return group;
  }

  it.each([
    [0, 0, "1"],
    [0, 1, "1 1"],
    [0, 2, "1 1 1"],
    [0, 3, "1 1 1 1"],
    [0, 9, "1 1 1 1"],
    [1, 0, "1 1 1 1"],
    [1, 1, "1 1 1 1 1"],
    [2, 0, "1 1 1 1 1"],
  ])("of which %d survived, and %d entries of the next, leaves entries of terms %s", (writes, torn, terms) => {
    const group = writing();
    group.crash(2, group.node(2).durableSequence + writes, torn);
    group.restart(2);
    expect(group.terms(2)).toBe(terms);
    group.tick(1);
    group.settle();
    group.tick(1);
    group.settle();
    expect(group.applied.get(2)).toEqual([0, 2, 3, 4, 5]);
  });

  it("leaves no write that is beyond the last, and takes none back that was reported", () => {
    const { durableSequence, writeSequence } = writing().node(2);
    const node = writing().node(2);
    expect(() => node.durableImage(writeSequence + 1)).toThrow(/no image/);
    expect(() => node.durableImage(durableSequence - 1)).toThrow(/no image/);
  });

  it("torn in the middle of what replaced other entries leaves a part of the leader's log, not of both", () => {
    const group = led();
    group.isolate(1);
    group.propose(1, 91, 92, 93);
    group.settle();
    group.tick(1, 20);
    for (const id of [2, 3]) group.forgetLeader(id);
    group.campaign(2);
    group.settle();
    group.propose(2, 3, 4);
    group.settle();
    group.heal();
    group.tick(2);
    const repairs = () =>
      group.network.some((m) => m.type === "AppendEntries" && m.to === 1 && m.prevLogIndex === 1);
    while (!repairs()) group.deliver(group.network.shift() ?? expect.fail("no repair"));
    group.heldDisks.add(1);
    group.settle();
    expect(group.terms(1)).toBe("1 2 2 2");
    group.crash(1, group.node(1).durableSequence, 1);
    group.restart(1);
    expect(group.terms(1)).toBe("1 2");
  });

  it("a snapshot survives whole or not at all", () => {
    const group = led();
    group.heldDisks.add(2);
    group.takeSnapshot(2, 1);
    group.crash(2, group.node(2).durableSequence, 3);
    group.restart(2);
    expect(group.node(2).snapshot).toBeUndefined();
  });
});

describe("applying", () => {
  it("a leader may apply what the others' disks hold before its own does", () => {
    const group = led();
    group.heldDisks.add(1);
    group.propose(1, 42);
    group.settle();
    expect(group.applied.get(1)).toEqual([0, 42]);
  });

  it("waits for the member's own disk where it was told to", () => {
    const group = led({ appliesStableOnly: true });
    group.heldDisks.add(1);
    group.propose(1, 42);
    group.settle();
    expect(group.node(1).commitIndex).toBe(2);
    expect(group.applied.get(1)).toEqual([0]);
    expect(group.applied.get(2)).toEqual([0, 42]);
    group.sync(1);
    expect(group.applied.get(1)).toEqual([0, 42]);
  });
});
