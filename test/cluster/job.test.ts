import { describe, expect, it } from "vitest";
import { MINUTE, SECOND } from "../../src/units/time.js";
import { Harness, job, podTemplate } from "./workload-harness.js";

const ENDLESS = podTemplate("report", { restartPolicy: "Never" });

describe("the Job controller", () => {
  it("runs so many pods at once until enough have succeeded, then is Complete", () => {
    const harness = new Harness({ objects: [job("report", { parallelism: 3, completions: 7 })] }).start();
    let runningMax = 0;
    harness.store.listen(() => {
      const running = [...harness.store.job(0).pods].filter(({ phase }) => phase !== "Succeeded");
      runningMax = Math.max(runningMax, running.length);
    });
    harness.runFor(10 * MINUTE);
    expect(harness.store.job(0)).toMatchObject({ succeeded: 7, failed: 0, finished: "Complete" });
    expect(harness.store.pods).toHaveLength(7);
    expect(runningMax).toBe(3);
  });

  it("is Complete as a work queue when one pod has succeeded and none runs any more", () => {
    const { completions: _, ...queue } = job("report", { parallelism: 3 });
    const harness = new Harness({ objects: [queue] }).start();
    harness.runFor(5 * MINUTE);
    expect(harness.store.job(0)).toMatchObject({ succeeded: 3, finished: "Complete" });
  });

  it("waits 10 s, 20 s, 40 s after each failure, and has Failed after backoffLimit + 1 of them", () => {
    const harness = new Harness({ objects: [job("report", { backoffLimit: 3, template: ENDLESS })] }).start();
    const delays: number[] = [];
    for (let failure = 0; failure < 4; failure++) {
      harness.runFor(200 * SECOND);
      const failedUs = harness.sim.now;
      harness.write({ type: "podStatus", pod: failure, phase: "Failed" });
      harness.runFor(100 * SECOND);
      const next = harness.store.pods[failure + 1];
      if (next !== undefined) delays.push((next.createdUs - failedUs) / SECOND);
    }
    expect(delays.map(Math.round)).toEqual([10, 20, 40]);
    expect(harness.store.job(0)).toMatchObject({ failed: 4, finished: "Failed" });
    expect(harness.store.pods).toHaveLength(4);
  });

  it("deletes what still runs when it fails, and says so when that is gone", () => {
    const object = job("report", { parallelism: 2, completions: 2, backoffLimit: 0, template: ENDLESS });
    const harness = new Harness({ objects: [object], terminationUs: 5 * SECOND }).start();
    harness.runFor(MINUTE);
    harness.write({ type: "podStatus", pod: 0, phase: "Failed" });
    harness.runFor(4 * SECOND);
    expect(harness.store.pod(1).deletingUs).toBeGreaterThan(0);
    expect(harness.store.job(0).finished).toBe("");
    harness.runFor(MINUTE);
    expect(harness.store.job(0).finished).toBe("Failed");
  });

  /** As on a lost node: NotReady first, deleted 30 s later, never ended by a kubelet. */
  function lose(harness: Harness): number {
    harness.runFor(MINUTE);
    harness.silentNodes.add(harness.store.pod(0).node);
    harness.write({ type: "podStatus", pod: 0, ready: false });
    harness.runFor(30 * SECOND);
    harness.write({ type: "deletePod", pod: 0, gracePeriodUs: 30 * SECOND });
    return harness.sim.now;
  }

  it("replaces a pod 1.0 s after its deletion began (measured; TerminatingOrFailed)", () => {
    const harness = new Harness({ objects: [job("report", { template: ENDLESS })] }).start();
    const deletedUs = lose(harness);
    harness.runFor(MINUTE);
    expect(((harness.store.pods[1]?.createdUs ?? 0) - deletedUs) / SECOND).toBeCloseTo(1, 0.7);
  });

  it("replaces a pod 1.0 s after its terminal phase and not before, where only failed pods are replaced", () => {
    const object = job("report", { template: ENDLESS, podReplacementPolicy: "Failed" });
    const harness = new Harness({ objects: [object] }).start();
    lose(harness);
    harness.runFor(10 * MINUTE);
    expect(harness.store.pods).toHaveLength(1);
    const failedUs = harness.sim.now;
    harness.write({ type: "podStatus", pod: 0, phase: "Failed" });
    harness.runFor(MINUTE);
    expect(((harness.store.pods[1]?.createdUs ?? 0) - failedUs) / SECOND).toBeCloseTo(1, 0.7);
  });
});
