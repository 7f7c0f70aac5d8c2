import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { podsToDelete } from "../../src/cluster/controllers/pod-ranking.js";
import { isActive } from "../../src/cluster/controllers/pods.js";
import type { PodRecord } from "../../src/cluster/store.js";
import { MILLISECOND, MINUTE, SECOND } from "../../src/units/time.js";
import { Harness, replicaSet } from "./workload-harness.js";

function active(harness: Harness): PodRecord[] {
  return [...harness.store.replicaSet(0).pods].filter(isActive);
}

describe("the ReplicaSet controller", () => {
  it("makes the replacement as soon as a pod's deletion begins, while the old pod still terminates", () => {
    const harness = new Harness({ objects: [replicaSet("web", 2)], terminationUs: 20 * SECOND }).start();
    harness.runFor(10 * SECOND);
    const deletedUs = harness.sim.now;
    harness.write({ type: "deletePod", pod: 0, gracePeriodUs: 30 * SECOND });
    harness.runFor(5 * SECOND);
    const replacement = harness.store.pods[2];
    expect(replacement?.createdUs).toBeLessThan(deletedUs + 100 * MILLISECOND);
    expect(harness.store.pod(0).removed).toBe(false);
    expect(active(harness)).toHaveLength(2);
  });

  it("replaces pods that failed and leaves the failed objects", () => {
    const harness = new Harness({ objects: [replicaSet("web", 2)] }).start();
    harness.runFor(10 * SECOND);
    harness.write({ type: "podStatus", pod: 1, phase: "Failed" });
    harness.runFor(10 * SECOND);
    expect(active(harness)).toHaveLength(2);
    expect(harness.store.replicaSet(0).pods.size).toBe(3);
  });

  it("waits between the batches of a slow start: after an error the rest of the sync is left out", () => {
    const harness = new Harness({ objects: [replicaSet("web", 20)] }).start();
    harness.apiUp = false;
    harness.runFor(100 * MILLISECOND);
    const tries = harness.store.replicaSet(0).made;
    // Each sync sent one creation only, and syncs are 5, 10, 20 ... ms apart.
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(8);
    harness.apiUp = true;
    harness.runFor(30 * SECOND);
    expect(active(harness)).toHaveLength(20);
  });

  it("reports how many pods are available only after minReadySeconds", () => {
    const harness = new Harness({ objects: [replicaSet("web", 3, { minReadySeconds: 10 })] }).start();
    harness.runFor(8 * SECOND);
    expect(harness.store.replicaSet(0).status).toMatchObject({ readyReplicas: 3, availableReplicas: 0 });
    harness.runFor(5 * SECOND);
    expect(harness.store.replicaSet(0).status).toMatchObject({ readyReplicas: 3, availableReplicas: 3 });
  });

  it("starts anew under a new leader, without what the old one had in flight", () => {
    const harness = new Harness({ objects: [replicaSet("web", 60)] }).start();
    harness.runFor(500 * MILLISECOND);
    harness.lead(-1);
    const left = harness.store.pods.length;
    harness.runFor(10 * SECOND);
    expect(harness.store.pods).toHaveLength(left);
    harness.lead(0);
    harness.runFor(10 * SECOND);
    expect(active(harness)).toHaveLength(60);
    expect(harness.store.pods).toHaveLength(60);
  });
});

describe("the ranking of pods to delete", () => {
  function pods(): PodRecord[] {
    const harness = new Harness({ objects: [replicaSet("web", 6)], nodes: [3] }).start();
    harness.runFor(10 * SECOND);
    return [...harness.store.replicaSet(0).pods];
  }

  it("takes unassigned, then pending, then not ready, then doubled-up pods, then the newest", () => {
    const harness = new Harness().start();
    harness.runFor(2_000 * SECOND);
    const make = (id: number, change: Partial<PodRecord>): PodRecord => {
      const [first] = pods();
      if (first === undefined) throw new Error("a pod was made");
      const base = { ...first, id, ordinal: id, node: id, phase: "Running" as const, ready: true };
      return Object.assign(base, { readyChangedUs: 10 * SECOND, createdUs: 8 * SECOND }, change);
    };
    const ranked = [
      make(1, { node: -1, phase: "Pending", ready: false }),
      make(2, { phase: "Pending", ready: false }),
      make(3, { ready: false }),
      make(4, { node: 20 }),
      make(5, { readyChangedUs: 1_900 * SECOND }),
      make(6, { createdUs: 7 * SECOND, readyChangedUs: 9 * SECOND }),
    ];
    const twin = make(7, { node: 20 });
    const shuffled = [5, 2, 0, 4, 1, 3].flatMap((index) => ranked[index] ?? []);
    for (let count = 1; count < ranked.length; count++) {
      const chosen = podsToDelete(harness, shuffled, [...shuffled, twin], count);
      expect(chosen.map(({ id }) => id)).toEqual(ranked.slice(0, count).map(({ id }) => id));
    }
  });

  it("takes pods of about the same age in an order that is no age's, but the same each time", () => {
    const harness = new Harness({ objects: [replicaSet("web", 16)], nodes: [16] }).start();
    harness.runFor(60 * MINUTE);
    const all = active(harness);
    const chosen = podsToDelete(harness, all, all, 15).map(({ id }) => id);
    expect(podsToDelete(harness, [...all].reverse(), all, 15).map(({ id }) => id)).toEqual(chosen);
    expect(chosen).not.toEqual([...chosen].sort((a, b) => a - b));
    expect(chosen).not.toEqual([...chosen].sort((a, b) => b - a));
  });
});

describe("a ReplicaSet under random scaling, deletions, failures and API errors", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("scale" as const), replicas: fc.nat(25) }),
    fc.record({ kind: fc.constant("delete" as const), nth: fc.nat(40) }),
    fc.record({ kind: fc.constant("fail" as const), nth: fc.nat(40) }),
    fc.record({ kind: fc.constant("newLeader" as const) }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(5_000) }),
  );

  it("converges to its replicas, all ready", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.nat(1_000), (steps, seed) => {
        const harness = new Harness({
          objects: [replicaSet("web", 5)],
          seed: String(seed),
          errorShare: 0.1,
          syncUs: { kind: "exponential", mean: 20 * MILLISECOND },
        }).start();
        let wanted = 5;
        for (const one of steps) {
          const pods = active(harness);
          if (one.kind === "scale") {
            wanted = one.replicas;
            harness.write({ type: "scale", kind: "ReplicaSet", id: 0, replicas: wanted });
          } else if (one.kind === "wait") harness.runFor(one.ms * MILLISECOND);
          else if (one.kind === "newLeader") {
            harness.lead(-1);
            harness.lead(0);
          } else {
            const pod = pods[one.nth % Math.max(1, pods.length)];
            if (pod === undefined) continue;
            if (one.kind === "fail") harness.write({ type: "podStatus", pod: pod.id, phase: "Failed" });
            else harness.write({ type: "deletePod", pod: pod.id, gracePeriodUs: 30 * SECOND });
          }
        }
        harness.runFor(6 * MINUTE);
        expect(active(harness)).toHaveLength(wanted);
        expect(active(harness).every(({ ready }) => ready)).toBe(true);
        expect(harness.store.replicaSet(0).status).toMatchObject({ replicas: wanted, readyReplicas: wanted });
      }),
      { numRuns: 60 },
    );
  });
});
