import { describe, expect, it } from "vitest";
import type { KubernetesObject } from "../../src/api/objects.js";
import { disruptionBudgets } from "../../src/cluster/controllers/pod-disruption-budget.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import { deployment, Harness, metadata, service, statefulSet } from "./workload-harness.js";

const OBJECTS = [service("web"), deployment("web", 3), deployment("other", 2)];

describe("the EndpointSlice controller", () => {
  it("writes the ready pods of a service, ascending, some milliseconds after they change", () => {
    const harness = new Harness({ objects: OBJECTS }).start();
    harness.runFor(10 * SECOND);
    const pods = harness.store.pods.filter(({ template }) => template.labels.app === "web");
    expect(harness.store.service(0).endpoints).toEqual(pods.map(({ id }) => id));
    const lost = pods[1];
    if (lost === undefined) throw new Error("three pods were made");
    harness.write({ type: "podStatus", pod: lost.id, ready: false });
    harness.runFor(100 * MILLISECOND);
    expect(harness.store.service(0).endpoints).toEqual([pods[0]?.id, pods[2]?.id]);
  });

  it("takes a pod out when its deletion begins", () => {
    const harness = new Harness({ objects: OBJECTS, terminationUs: 20 * SECOND }).start();
    harness.runFor(10 * SECOND);
    const [first] = harness.store.service(0).endpoints;
    harness.write({ type: "deletePod", pod: first ?? -1, gracePeriodUs: 30 * SECOND });
    harness.runFor(SECOND);
    expect(harness.store.service(0).endpoints).not.toContain(first);
    expect(harness.store.pod(first ?? -1).ready).toBe(true);
  });

  it("comes 1 s late in the share of syncs that finds its cache behind", () => {
    const latencies: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const harness = new Harness({ objects: OBJECTS, endpointRetryShare: 0.1, seed: String(seed) }).start();
      harness.runFor(20 * SECOND);
      const [first] = harness.store.service(0).endpoints;
      const changedUs = harness.sim.now;
      harness.store.listen((change) => {
        if (change.type === "endpoints") latencies.push((harness.sim.now - changedUs) / SECOND);
      });
      harness.write({ type: "podStatus", pod: first ?? -1, ready: false });
      harness.runFor(10 * SECOND);
    }
    const late = latencies.filter((latency) => latency > 0.5);
    expect(latencies).toHaveLength(60);
    expect(late.every((latency) => latency > 1 && latency < 1.1)).toBe(true);
    // Binomial(60, 0.1): 1 to 14 covers all but two in a thousand.
    expect(late.length).toBeGreaterThanOrEqual(1);
    expect(late.length).toBeLessThanOrEqual(14);
  });

  it("brings the endpoints up to date under a new leader", () => {
    const harness = new Harness({ objects: OBJECTS }).start();
    harness.runFor(10 * SECOND);
    harness.lead(-1);
    harness.write({ type: "podStatus", pod: harness.store.service(0).endpoints[0] ?? -1, ready: false });
    harness.runFor(10 * SECOND);
    expect(harness.store.service(0).endpoints).toHaveLength(3);
    harness.lead(0);
    harness.runFor(SECOND);
    expect(harness.store.service(0).endpoints).toHaveLength(2);
  });
});

describe("disruption budgets", () => {
  const budget = (more: object): KubernetesObject => ({
    kind: "PodDisruptionBudget",
    metadata: metadata("web"),
    selector: { matchLabels: { app: "web" }, matchExpressions: [] },
    disruptedPods: [],
    ...more,
  });

  function allowed(more: object, unready: number): number | undefined {
    const harness = new Harness({
      objects: [deployment("web", 7), statefulSet("db", 1), budget(more)],
    }).start();
    harness.runFor(10 * SECOND);
    const pods = harness.store.pods.filter(({ template }) => template.labels.app === "web");
    for (const { id } of pods.slice(0, unready)) harness.write({ type: "podStatus", pod: id, ready: false });
    return disruptionBudgets(harness.store)[0]?.disruptionsAllowed;
  }

  it("allow what is healthy beyond minAvailable, or beyond the replicas less maxUnavailable", () => {
    expect(allowed({ minAvailable: { absolute: 5 } }, 0)).toBe(2);
    expect(allowed({ minAvailable: { absolute: 5 } }, 1)).toBe(1);
    expect(allowed({ minAvailable: { absolute: 5 } }, 4)).toBe(0);
    // Percentages of 7 replicas are rounded up: 50 % are 4.
    expect(allowed({ minAvailable: { percent: 50 } }, 0)).toBe(3);
    expect(allowed({ maxUnavailable: { percent: 50 } }, 0)).toBe(4);
    expect(allowed({ maxUnavailable: { absolute: 1 } }, 1)).toBe(0);
  });

  it("select nothing without a selector, and everything of their namespace with an empty one", () => {
    expect(allowed({ selector: undefined, maxUnavailable: { absolute: 1 } }, 0)).toBe(0);
    const everything = { matchLabels: {}, matchExpressions: [] };
    expect(allowed({ selector: everything, minAvailable: { absolute: 5 } }, 0)).toBe(3);
  });
});
