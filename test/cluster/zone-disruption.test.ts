import { describe, expect, it } from "vitest";
import { EvictionBucket, EvictionQueue } from "../../src/cluster/eviction-queue.js";
import { disruptionChange, type ZoneState, zoneState } from "../../src/cluster/zone-disruption.js";
import { SECOND } from "../../src/units/time.js";

describe("the state of a zone", () => {
  it.each([
    [20, 0, "Normal"],
    [0, 20, "FullDisruption"],
    [0, 1, "FullDisruption"],
    [9, 11, "PartialDisruption"], // 0.55 exactly
    [10, 10, "Normal"],
    [1, 2, "Normal"], // two are never too many
    [2, 3, "PartialDisruption"],
    [1, 11, "PartialDisruption"],
    [0, 0, "Normal"],
  ] as const)("with %i nodes ready and %i not is %s", (ready, notReady, expected) => {
    expect(zoneState(ready, notReady, 0.55)).toBe(expected);
  });
});

describe("what the end of a pass changes", () => {
  const N: ZoneState = "Normal";
  const P: ZoneState = "PartialDisruption";
  const F: ZoneState = "FullDisruption";
  it.each([
    ["nothing", [N, N], [N, N], { kind: "none" }],
    ["one zone", [N, N, N], [N, P, N], { kind: "zones", changed: [1] }],
    ["the last zone falls", [F, P], [F, F], { kind: "enterMasterDisruption" }],
    ["all fall at once", [N, N], [F, F], { kind: "enterMasterDisruption" }],
    ["all stay lost", [F, F], [F, F], { kind: "none" }],
    ["a first node is back", [F, F], [F, P], { kind: "leaveMasterDisruption" }],
    ["a first pass", ["Initial", "Initial"], [N, F], { kind: "zones", changed: [0, 1] }],
  ] as const)("%s", (_, before, after, expected) => {
    expect(disruptionChange(before, after)).toEqual(expected);
  });
});

describe("a zone's token bucket", () => {
  it("gives its first token at once and the next after the rate's time, and saves up no more than one", () => {
    const bucket = new EvictionBucket(0.1);
    expect(bucket.tryAccept(0)).toBe(true);
    expect(bucket.tryAccept(10 * SECOND - 1)).toBe(false);
    expect(bucket.tryAccept(10 * SECOND)).toBe(true);
    expect(bucket.tryAccept(100 * SECOND)).toBe(true);
    expect(bucket.tryAccept(100 * SECOND)).toBe(false);
  });

  it("starts empty at another rate if it was empty, and full if it was full", () => {
    const empty = new EvictionBucket(0.1);
    empty.tryAccept(0);
    empty.swap(0.01, 4 * SECOND);
    expect(empty.readyUs).toBe(104 * SECOND);
    const full = new EvictionBucket(0.1);
    full.swap(0.01, 4 * SECOND);
    expect(full.tryAccept(4 * SECOND)).toBe(true);
    const stopped = new EvictionBucket(0.1);
    stopped.swap(0, SECOND);
    expect(stopped.tryAccept(1000 * SECOND)).toBe(false);
    stopped.swap(0.1, 1000 * SECOND);
    expect(stopped.readyUs).toBe(1010 * SECOND);
  });

  it("is not touched by a change to the rate it has", () => {
    const bucket = new EvictionBucket(0.1);
    bucket.tryAccept(0);
    bucket.swap(0.1, 5 * SECOND);
    expect(bucket.readyUs).toBe(10 * SECOND);
  });
});

describe("a zone's queue", () => {
  it("is first in, first out; a node queues again only after it was removed", () => {
    const queue = new EvictionQueue(0.1);
    expect([3, 1, 2].map((node) => queue.add(node))).toEqual([true, true, true]);
    expect(queue.add(1)).toBe(false);
    expect(queue.head()).toBe(3);
    queue.done(3);
    expect(queue.add(3)).toBe(false);
    expect(queue.head()).toBe(1);
    queue.remove(1);
    expect(queue.add(1)).toBe(true);
    expect(queue.head()).toBe(2);
    queue.again(2);
    expect(queue.head()).toBe(1);
    expect(queue.size).toBe(2);
  });
});
