import { describe, expect, it } from "vitest";
import type { PodRecord } from "../../src/cluster/store.js";
import { SECOND } from "../../src/units/time.js";
import { NodeHarness } from "./node-harness.js";

/** Times at which a pod began and ceased to serve. */
function serving(harness: NodeHarness): (readonly [seconds: number, pod: string, serving: boolean])[] {
  const rows: (readonly [number, string, boolean])[] = [];
  harness.kubelets.onServing((pod, is) => rows.push([harness.sim.now / SECOND, pod.name, is]));
  return rows;
}

describe("a pod bound to a node", () => {
  it("passes through its stages and is Running and Ready after their sum", () => {
    const harness = new NodeHarness({ zones: [2] });
    const rows = serving(harness);
    let pod: PodRecord | undefined;
    harness.at(10, () => {
      pod = harness.pod(1);
    });
    harness.run(11.9);
    expect(pod && harness.kubelets.isServing(pod)).toBe(false);
    harness.run(20);
    // 3 ms of watch, four stages of 0.5 s, then 8 ms for the status.
    expect(rows).toEqual([[12.003, "p0", true]]);
    expect(harness.when("podStatus p0 on 1 Running ready")).toEqual([12.011]);
  });

  it("waits for its readiness probe's initial delay besides", () => {
    const harness = new NodeHarness({ zones: [1] });
    const probe = { initialDelaySeconds: 7, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
    const container = { name: "c", image: "i", resources: { requests: {}, limits: {} }, ports: [] };
    harness.pod(0, { containers: [{ ...container, readinessProbe: probe }, container] });
    harness.run(20);
    expect(harness.when("Running ready")).toEqual([9.011]);
  });

  it("is stopped in its own time, or at the end of its grace period, and then its object goes", () => {
    const harness = new NodeHarness({ zones: [1] });
    harness.pod(0, {}, { name: "patient" });
    harness.pod(0, { terminationGracePeriodSeconds: 0.5 }, { name: "hurried" });
    harness.at(10, () => {
      harness.apply({ type: "deletePod", pod: 0, gracePeriodUs: 30 * SECOND });
      harness.apply({ type: "deletePod", pod: 1, gracePeriodUs: 0.5 * SECOND });
    });
    harness.run(20);
    expect(harness.when("podStatus patient on 0 Succeeded")).toEqual([11.011]);
    expect(harness.when("podRemoved patient")).toEqual([11.019]);
    expect(harness.when("podRemoved hurried")).toEqual([10.519]);
  });

  it("that is deleted before its containers run goes at once", () => {
    const harness = new NodeHarness({ zones: [1] });
    harness.pod(0);
    harness.at(0.5, () => harness.apply({ type: "deletePod", pod: 0, gracePeriodUs: 30 * SECOND }));
    harness.run(5);
    expect(harness.when("podRemoved")).toEqual([0.519]);
    expect(harness.when("ready")).toEqual([]);
  });

  it("ends when its work is done: Succeeded, or started again where it must always run", () => {
    const harness = new NodeHarness({ zones: [1] });
    harness.pod(0, { restartPolicy: "Never" }, { name: "job", durationUs: 60 * SECOND });
    harness.pod(0, {}, { name: "loop", durationUs: 60 * SECOND });
    const rows = serving(harness);
    harness.run(300);
    expect(harness.when("podStatus job on 0 Succeeded")).toEqual([61.511]);
    const starts = rows.filter(([, pod, is]) => pod === "loop" && is).map(([at]) => at);
    // Runs of 60 s; the first restart is at once, then 10 s and 20 s of CrashLoopBackOff; container and readiness 1 s.
    expect(starts).toEqual([2.003, 62.503, 133.003, 213.503]);
  });
});

describe("a node without power", () => {
  it("serves nothing and says nothing; when it is back its pods start anew", () => {
    const harness = new NodeHarness({ zones: [2] });
    const pod = harness.pod(0);
    const rows = serving(harness);
    harness.at(30, () => harness.powerOff(0));
    harness.at(50, () => harness.powerOn(0));
    harness.run(45);
    expect(harness.kubelets.isServing(pod)).toBe(false);
    expect(pod.ready).toBe(true);
    harness.run(100);
    expect(rows.map(([at, , is]) => [at, is])).toEqual([
      [2.003, true],
      [30, false],
      [52, true],
    ]);
  });

  it("finds pods deleted and bound meanwhile", () => {
    const harness = new NodeHarness({ zones: [2] });
    harness.pod(0, {}, { name: "old" });
    harness.at(30, () => harness.powerOff(0));
    harness.at(35, () => harness.apply({ type: "deletePod", pod: 0, gracePeriodUs: 30 * SECOND }));
    harness.at(36, () => harness.pod(0, {}, { name: "new" }));
    harness.at(60, () => harness.powerOn(0));
    harness.run(59);
    expect(harness.when("podRemoved")).toEqual([]);
    harness.run(70);
    expect(harness.when("podRemoved old")).toHaveLength(1);
    expect(harness.when("podStatus new on 0 Running ready")[0]).toBeCloseTo(62.008, 3);
  });

  it("renews its lease and posts its status as soon as it runs", () => {
    const harness = new NodeHarness({ zones: [1] });
    harness.at(30, () => harness.powerOff(0));
    harness.at(40, () => harness.apply({ type: "nodeReady", node: 0, ready: "Unknown" }));
    harness.at(90, () => harness.powerOn(0));
    harness.run(95);
    expect(harness.leases.lastLeaseRenewal(0, harness.sim.now)).toBe(90 * SECOND);
    expect(harness.when("node 0 True")).toEqual([90.008]);
  });
});

describe("an isolated node", () => {
  it("goes on inside, and corrects pod statuses at once when it is back, the Node at its next status loop", () => {
    const harness = new NodeHarness({ zones: [2] });
    const pod = harness.pod(0);
    const rows = serving(harness);
    harness.at(30, () => harness.isolate(0));
    harness.at(60, () => {
      harness.apply({ type: "nodeReady", node: 0, ready: "Unknown" });
      harness.apply({ type: "podStatus", pod: pod.id, ready: false });
    });
    harness.at(90, () => harness.reconnect(0));
    harness.run(120);
    expect(rows).toEqual([[2.003, "p0", true]]);
    expect(harness.when("podStatus p0 on 0 Running ready").at(-1)).toBeCloseTo(90.008, 3);
    const ready = harness.when("node 0 True")[0] as number;
    expect(ready).toBeGreaterThan(90);
    expect(ready).toBeLessThan(90 + 10.42);
  });

  it("runs a deleted pod until it hears of the deletion", () => {
    const harness = new NodeHarness({ zones: [2] });
    const pod = harness.pod(0);
    harness.at(30, () => harness.isolate(0));
    harness.at(40, () => harness.apply({ type: "deletePod", pod: pod.id, gracePeriodUs: 30 * SECOND }));
    harness.at(90, () => harness.reconnect(0));
    harness.run(89);
    expect(harness.kubelets.isServing(pod)).toBe(true);
    harness.run(100);
    expect(harness.kubelets.isServing(pod)).toBe(false);
    expect(harness.when("podRemoved")[0]).toBeCloseTo(91.016, 3);
  });
});

describe("writes while the API is away", () => {
  it("are repeated until they succeed", () => {
    const harness = new NodeHarness({ zones: [1] });
    harness.pod(0);
    harness.at(1, () => harness.setWritable(0, false));
    harness.at(31, () => harness.setWritable(0, true));
    harness.run(31);
    expect(harness.when("Running ready")).toEqual([]);
    harness.run(40);
    const [ready] = harness.when("Running ready");
    expect(ready).toBeGreaterThan(31);
    expect(ready).toBeLessThan(31 + 7.1);
  });
});
