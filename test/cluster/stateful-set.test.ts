import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MILLISECOND, MINUTE, SECOND } from "../../src/units/time.js";
import { Harness, statefulSet } from "./workload-harness.js";

function alive(harness: Harness) {
  return [...harness.store.statefulSet(0).pods];
}

describe("the StatefulSet controller", () => {
  it("starts pods one after another, each when the one before is Ready", () => {
    const harness = new Harness({ objects: [statefulSet("db", 3)] }).start();
    harness.runFor(20 * SECOND);
    const [first, second, third] = harness.store.pods;
    expect([first?.name, second?.name, third?.name]).toEqual(["db-0", "db-1", "db-2"]);
    expect(second?.createdUs).toBeGreaterThan(first?.readyUs ?? Number.POSITIVE_INFINITY);
    expect(third?.createdUs).toBeGreaterThan(second?.readyUs ?? Number.POSITIVE_INFINITY);
  });

  it("starts them together where the set is Parallel", () => {
    const harness = new Harness({
      objects: [statefulSet("db", 3, { podManagementPolicy: "Parallel" })],
    }).start();
    harness.runFor(SECOND);
    expect(alive(harness)).toHaveLength(3);
  });

  it("leaves an ordinal empty while its old object is there, and fills it within 100 ms after that is gone", () => {
    const harness = new Harness({ objects: [statefulSet("db", 2)] }).start();
    harness.runFor(20 * SECOND);
    const pod = harness.store.pod(1);
    harness.silentNodes.add(pod.node);
    harness.write({ type: "deletePod", pod: 1, gracePeriodUs: 30 * SECOND });
    harness.runFor(10 * MINUTE);
    expect(harness.store.pods).toHaveLength(2);
    const goneUs = harness.sim.now;
    harness.write({ type: "removePod", pod: 1 });
    harness.runFor(SECOND);
    expect(harness.store.pods[2]).toMatchObject({ name: "db-1", incarnation: 1 });
    expect(harness.store.pods[2]?.createdUs).toBeLessThan(goneUs + 100 * MILLISECOND);
  });

  it("updates from the highest ordinal down, one at a time, and scales down the same way", () => {
    const harness = new Harness({ objects: [statefulSet("db", 3)] }).start();
    harness.runFor(20 * SECOND);
    const deleted: number[] = [];
    harness.store.listen((change) => {
      if (change.type !== "podDeleting") return;
      deleted.push(change.pod.ordinal);
      expect(alive(harness).filter((pod) => !pod.ready || pod.deletingUs >= 0)).toHaveLength(1);
    });
    harness.write({ type: "newRevision", kind: "StatefulSet", id: 0 });
    harness.runFor(MINUTE);
    expect(alive(harness).every(({ revision, ready }) => revision === 2 && ready)).toBe(true);
    harness.write({ type: "scale", kind: "StatefulSet", id: 0, replicas: 1 });
    harness.runFor(MINUTE);
    expect(deleted).toEqual([2, 1, 0, 2, 1]);
    expect(alive(harness).map(({ ordinal }) => ordinal)).toEqual([0]);
  });

  it("waits for somebody to delete the pods where the update strategy is OnDelete", () => {
    const harness = new Harness({ objects: [statefulSet("db", 2, { updateStrategy: "OnDelete" })] }).start();
    harness.runFor(20 * SECOND);
    harness.write({ type: "newRevision", kind: "StatefulSet", id: 0 });
    harness.runFor(MINUTE);
    expect(alive(harness).map(({ revision }) => revision)).toEqual([1, 1]);
    harness.write({ type: "deletePod", pod: 0, gracePeriodUs: 30 * SECOND });
    harness.runFor(MINUTE);
    expect(new Set(alive(harness).map(({ ordinal, revision }) => `${ordinal}:${revision}`))).toEqual(
      new Set(["0:2", "1:1"]),
    );
  });

  it("never has two pods of one ordinal, and fills every ordinal in the end, whatever happens", () => {
    const step = fc.record({
      kind: fc.constantFrom("scale", "delete", "fail", "update", "leader"),
      number: fc.nat(6),
      pause: fc.nat(4_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.boolean(), fc.nat(1_000), (steps, parallel, seed) => {
        const harness = new Harness({
          objects: [statefulSet("db", 3, { podManagementPolicy: parallel ? "Parallel" : "OrderedReady" })],
          seed: String(seed),
          errorShare: 0.1,
        }).start();
        harness.store.listen(() => {
          const ordinals = alive(harness).map(({ ordinal }) => ordinal);
          expect(new Set(ordinals).size).toBe(ordinals.length);
        });
        let wanted = 3;
        for (const { kind, number, pause } of steps) {
          const pods = alive(harness);
          const pod = pods[number % Math.max(1, pods.length)];
          if (kind === "scale") {
            wanted = number;
            harness.write({ type: "scale", kind: "StatefulSet", id: 0, replicas: number });
          } else if (kind === "update") harness.write({ type: "newRevision", kind: "StatefulSet", id: 0 });
          else if (kind === "leader") harness.lead(0);
          else if (pod !== undefined && kind === "delete") {
            harness.write({ type: "deletePod", pod: pod.id, gracePeriodUs: 30 * SECOND });
          } else if (pod !== undefined) harness.write({ type: "podStatus", pod: pod.id, phase: "Failed" });
          harness.runFor(pause * MILLISECOND);
        }
        harness.runFor(6 * MINUTE);
        const { revision } = harness.store.statefulSet(0);
        const left = alive(harness).sort((a, b) => a.ordinal - b.ordinal);
        expect(left.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: wanted }, (_, i) => i));
        expect(left.every((pod) => pod.ready && pod.revision === revision)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
