import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { IntOrPercent } from "../../src/api/objects.js";
import { scaledSizes, shrinkOld } from "../../src/cluster/controllers/deployment-sizes.js";
import { isActive } from "../../src/cluster/controllers/pods.js";
import type { DeploymentRecord, ReplicaSetRecord } from "../../src/cluster/store.js";
import { MILLISECOND, MINUTE, SECOND } from "../../src/units/time.js";
import { deployment, Harness, podTemplate } from "./workload-harness.js";

function record(change: Partial<DeploymentRecord>): DeploymentRecord {
  return {
    id: 0,
    namespace: "shop",
    name: "web",
    workload: "deployment/shop/web",
    template: podTemplate("web"),
    revision: 2,
    replicas: 10,
    recreate: false,
    maxSurge: { absolute: 3 },
    maxUnavailable: { absolute: 2 },
    minReadySeconds: 0,
    replicaSets: [],
    ...change,
  };
}

function sized(revision: number, replicas: number, available: number, desired: number): ReplicaSetRecord {
  return {
    id: revision,
    namespace: "shop",
    name: `web-${revision}`,
    workload: "deployment/shop/web",
    deployment: 0,
    template: podTemplate("web"),
    revision,
    minReadySeconds: 0,
    replicas,
    desiredReplicas: desired,
    status: { replicas, readyReplicas: available, availableReplicas: available, observedReplicas: replicas },
    pods: new Set(),
    made: replicas,
  };
}

describe("a Deployment's sizes", () => {
  it("grow in proportion when it is scaled in the middle of a roll-out (Kubernetes' documented example)", () => {
    // kubernetes.io, Deployments, proportional scaling: 10 replicas, surge 3, unavailable 2; old 8, new 5; scaled to
    // 15: of the 5 replicas to add 3 go to the old ReplicaSet and 2 to the new one.
    const sizes = scaledSizes(record({ replicas: 15 }), sized(2, 5, 0, 10), [sized(1, 8, 8, 10)]);
    expect(sizes.map(({ replicaSet, replicas }) => [replicaSet.revision, replicas])).toEqual([
      [1, 11],
      [2, 7],
    ]);
  });

  it("go to the one active ReplicaSet where there is one", () => {
    const sizes = scaledSizes(record({ replicas: 4 }), sized(2, 0, 0, 10), [sized(1, 10, 10, 10)]);
    expect(sizes.map(({ replicaSet, replicas }) => [replicaSet.revision, replicas])).toEqual([[1, 4]]);
  });

  it("shrink the unhealthy old pods first, however few new ones are available", () => {
    // 10 wanted, at least 8 available; old: 10, of which 4 are unhealthy; new: 3, none available yet.
    const sizes = shrinkOld(record({}), sized(2, 3, 0, 10), [sized(1, 10, 6, 10)]);
    // 10 + 3 − 8 − 3 = 2 may go, and both are unhealthy ones; 6 available are below 8, so nothing more.
    expect(sizes === "stale" ? sizes : sizes.map(({ replicas }) => replicas)).toEqual([8]);
  });

  it("wait while an old ReplicaSet reports more available pods than it should have", () => {
    expect(shrinkOld(record({}), sized(2, 5, 5, 10), [sized(1, 5, 8, 10)])).toBe("stale");
  });
});

describe("a Recreate Deployment", () => {
  it("starts the new pods when the last old one is gone", () => {
    const object = deployment("web", 3, { strategy: { type: "Recreate" } });
    const harness = new Harness({ objects: [object], terminationUs: 5 * SECOND }).start();
    harness.runFor(10 * SECOND);
    harness.write({ type: "newRevision", kind: "Deployment", id: 0 });
    harness.store.listen((change) => {
      if (change.type !== "podAdded") return;
      const old = [...harness.store.livePods].filter(({ revision }) => revision === 1);
      expect(old).toHaveLength(0);
    });
    harness.runFor(20 * SECOND);
    expect([...harness.store.livePods].map(({ revision, ready }) => [revision, ready])).toEqual(
      Array.from({ length: 3 }, () => [2, true]),
    );
  });
});

describe("a Deployment of 4 with 25 %/25 % whose new pods never get ready", () => {
  it("stops with two new pods (one of surge) and three old ones", () => {
    const harness = new Harness({ objects: [deployment("web", 4)] }).start();
    harness.runFor(10 * SECOND);
    for (const { id } of harness.store.nodes) harness.silentNodes.add(id);
    harness.write({ type: "newRevision", kind: "Deployment", id: 0 });
    harness.runFor(5 * MINUTE);
    const pods = [...harness.store.livePods].filter(isActive);
    expect(pods.filter(({ revision }) => revision === 1)).toHaveLength(3);
    expect(pods.filter(({ revision }) => revision === 2)).toHaveLength(2);
  });
});

describe("rolling updates of any size, one after another, with API errors and slow syncs", () => {
  const limit: fc.Arbitrary<IntOrPercent> = fc.oneof(
    fc.record({ absolute: fc.nat(4) }),
    fc.record({ percent: fc.nat(100) }),
  );

  it("never want more than replicas + surge pods nor have fewer than replicas − unavailable ready ones", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        limit,
        limit,
        fc.array(fc.nat(6_000), { minLength: 1, maxLength: 3 }),
        fc.nat(1_000),
        (replicas, maxSurge, maxUnavailable, pauses, seed) => {
          const harness = new Harness({
            objects: [
              deployment("web", replicas, { strategy: { type: "RollingUpdate", maxSurge, maxUnavailable } }),
            ],
            seed: String(seed),
            errorShare: 0.05,
            syncUs: { kind: "exponential", mean: 20 * MILLISECOND },
          }).start();
          harness.runFor(MINUTE);
          const scaled = (value: IntOrPercent, round: (x: number) => number): number =>
            "absolute" in value ? value.absolute : round((value.percent * replicas) / 100);
          const surge = scaled(maxSurge, Math.ceil);
          const down = scaled(maxUnavailable, Math.floor);
          const unavailable = surge === 0 && down === 0 ? 1 : Math.min(down, replicas);
          harness.store.listen(() => {
            const wanted = harness.store.replicaSets.reduce((sum, one) => sum + one.replicas, 0);
            expect(wanted).toBeLessThanOrEqual(replicas + surge);
            const ready = [...harness.store.livePods].filter((pod) => pod.ready && isActive(pod)).length;
            expect(ready).toBeGreaterThanOrEqual(replicas - unavailable);
          });
          for (const pause of pauses) {
            harness.write({ type: "newRevision", kind: "Deployment", id: 0 });
            harness.runFor(pause * MILLISECOND);
          }
          harness.runFor(6 * MINUTE);
          const pods = [...harness.store.livePods];
          expect(pods).toHaveLength(replicas);
          expect(pods.every(({ ready, revision }) => ready && revision === 1 + pauses.length)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});
