/** As measured of a real control plane (docs/MODEL.md §9): waves, the controllers' 20 requests a second, roll-outs of 30 replicas. */
import { describe, expect, it } from "vitest";
import { isActive } from "../../src/cluster/controllers/pods.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import { deployment, Harness, type HarnessOptions } from "./workload-harness.js";

// About what was measured of single steps (10 to 35 ms a request in pairs; reactions of 20 to 50 ms).
const MEASURED: HarnessOptions = {
  nodes: [20],
  syncUs: { kind: "uniform", min: 10 * MILLISECOND, max: 30 * MILLISECOND },
  requestUs: { kind: "uniform", min: 4 * MILLISECOND, max: 20 * MILLISECOND },
};

function createdAt(harness: Harness): number[] {
  return harness.store.pods.map(({ createdUs }) => createdUs / SECOND);
}

describe("scaling a Deployment", () => {
  const harness = new Harness({ ...MEASURED, objects: [deployment("web", 1)] }).start();
  harness.runFor(10 * SECOND);
  const from = harness.store.pods.length;
  harness.write({ type: "scale", kind: "Deployment", id: 0, replicas: 200 });
  harness.runFor(20 * SECOND);
  const created = createdAt(harness)
    .slice(from)
    .map((at) => at - 10);

  it("creates waves of 1, 2, 4, 8 and 16 pods, then 20 a second, as measured from 1 to 200", () => {
    expect(created).toHaveLength(199);
    // Measured: 29 pods within 0.24 s, the 60th at 1.82 s, the last at 8.87 s.
    const burst = created.filter((at) => at < 0.6).length;
    expect(burst).toBeGreaterThanOrEqual(26);
    expect(burst).toBeLessThanOrEqual(38);
    const between = created.filter((at) => at >= 2 && at < 8).length;
    expect(between).toBeGreaterThanOrEqual(108);
    expect(between).toBeLessThanOrEqual(121);
    expect(created.at(-1)).toBeGreaterThan(8.87 * 0.8);
    expect(created.at(-1)).toBeLessThan(8.87 * 1.2);
  });

  it("deletes 160 of 200 pods at 20 a second after the burst, in 6.6 s", () => {
    const startUs = harness.sim.now;
    harness.write({ type: "scale", kind: "Deployment", id: 0, replicas: 40 });
    harness.runFor(20 * SECOND);
    const deletions = harness.writes
      .filter(({ atUs, operation }) => atUs > startUs && operation.type === "deletePod")
      .map(({ atUs }) => (atUs - startUs) / SECOND);
    expect(deletions).toHaveLength(160);
    expect(deletions.filter((at) => at < 0.3).length).toBeGreaterThanOrEqual(28);
    expect(deletions.at(-1)).toBeGreaterThan(6.6 * 0.8);
    expect(deletions.at(-1)).toBeLessThan(6.6 * 1.2);
  });
});

describe("a rolling update of 30 replicas with 25 %/25 % and a start of 2 s", () => {
  function rollOut(seed: string) {
    const harness = new Harness({ ...MEASURED, seed, objects: [deployment("web", 30)] }).start();
    harness.runFor(20 * SECOND);
    const startUs = harness.sim.now;
    let active = 0;
    let readyMin = 30;
    let firstWave = 0;
    let doneUs = 0;
    harness.store.listen(() => {
      const pods = [...harness.store.livePods];
      active = Math.max(active, pods.filter(isActive).length);
      readyMin = Math.min(readyMin, pods.filter((pod) => pod.ready && isActive(pod)).length);
      const fresh = pods.filter(({ revision }) => revision === 2);
      if (harness.sim.now < startUs + SECOND) firstWave = fresh.length;
      if (doneUs === 0 && pods.length === 30 && fresh.filter(({ ready }) => ready).length === 30)
        doneUs = harness.sim.now - startUs;
    });
    harness.write({ type: "newRevision", kind: "Deployment", id: 0 });
    harness.runFor(20 * SECOND);
    return { active, readyMin, firstWave, seconds: doneUs / SECOND };
  }
  const runs = ["1", "2", "3", "4"].map(rollOut);

  it("takes 6.3 to 6.8 s, give or take 20 %", () => {
    for (const { seconds } of runs) {
      expect(seconds).toBeGreaterThan(6.3 * 0.8);
      expect(seconds).toBeLessThan(6.8 * 1.2);
    }
  });

  it("goes never above 38 pods that are not terminating, never below 23 ready ones", () => {
    for (const { active, readyMin } of runs) {
      expect(active).toBeLessThanOrEqual(38);
      expect(readyMin).toBeGreaterThanOrEqual(23);
    }
  });

  it("begins with 15 new pods: 8 of surge and 7 for the old ones deleted", () => {
    for (const { firstWave } of runs) expect(Math.abs(firstWave - 15)).toBeLessThanOrEqual(1);
  });
});
