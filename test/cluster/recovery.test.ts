/** What the tables say of failures: each consequence beside its cause, and lower bounds never taken for figures. */
import { describe, expect, it } from "vitest";
import { recoveryMetrics, recoveryOf, type ShareHistory } from "../../src/cluster/recovery-time.js";
import { simulate } from "../../src/cluster/simulate.js";
import type { FailureRow, Replication } from "../../src/metrics/replication.js";
import { MINUTE, SECOND } from "../../src/units/time.js";
import { studyOf, threeCentresStudy } from "./scenarios.js";

const METRICS = { seriesIntervalUs: SECOND, recoveryShare: 0.99, recoveryHoldUs: 30 * SECOND };
const WEB = "deployment/shop/web";

function history(...pieces: readonly [seconds: number, share: number][]): ShareHistory {
  return {
    atUs: pieces.map(([at]) => at * SECOND),
    shares: pieces.map(([, share]) => share),
    ratePerSecond: 10,
  };
}

function run(failures: string, horizon: string, tolerationSeconds = 30): Replication {
  const { model, policies } = threeCentresStudy(failures, { horizon, tolerationSeconds });
  const [policy] = policies;
  if (policy === undefined) throw new Error("a study has a policy");
  return simulate(model, policy, 0);
}

function rowOf({ failures }: Replication, failure: string): FailureRow {
  const row = failures.find((one) => one.failure === failure && one.workload === WEB);
  if (row === undefined) throw new Error(`${failure} has a row`);
  return row;
}

describe("the recovery time of a share", () => {
  const recovery = (shares: ShareHistory, faultAt: number, horizon: number) =>
    recoveryOf(shares, faultAt * SECOND, horizon * SECOND, METRICS);

  it("counts from the fault until the share is back for good", () => {
    // Down at 100 s, back at 140 s for 20 s only, then for good from 170 s on.
    const shares = history([0, 1], [100, 0.5], [140, 1], [160, 0.9], [170, 1]);
    const found = recovery(shares, 100, 300);
    expect(found).toMatchObject({ rtoUs: 70 * SECOND, censoredAtUs: null, preShare: 1, minShare: 0.5 });
    expect(found.lostRequests).toBeCloseTo(10 * (40 * 0.5 + 10 * 0.1), 9);
  });

  it("is bounded by the last moment below the level where the horizon comes first", () => {
    const shares = history([0, 1], [100, 0.5], [140, 1]);
    expect(recovery(shares, 100, 130)).toMatchObject({ rtoUs: null, censoredAtUs: 30 * SECOND });
    // Back, but not yet for 30 s: it took 40 s or more.
    expect(recovery(shares, 100, 165)).toMatchObject({ rtoUs: null, censoredAtUs: 40 * SECOND });
    expect(recovery(shares, 100, 170)).toMatchObject({ rtoUs: 40 * SECOND, censoredAtUs: null });
    // Nothing happened, but who knows.
    expect(recovery(shares, 90, 100)).toMatchObject({ rtoUs: null, censoredAtUs: 0 });
  });

  it("does not exist where nothing was answered before the fault", () => {
    const shares = history([0, 1], [50, 0], [200, 1]);
    expect(recovery(shares, 100, 400)).toMatchObject({ rtoUs: null, censoredAtUs: null, preShare: 0 });
  });

  it("looks at the pieces around the fault only, wherever it lies in a long history", () => {
    const pieces = Array.from({ length: 2000 }, (_, i): [number, number] => [i * 40, i % 2 === 0 ? 1 : 0.5]);
    for (const fault of [40, 39_960, 79_880]) {
      expect(recovery(history(...pieces), fault, 80_100).rtoUs, `at ${fault} s`).toBe(40 * SECOND);
    }
  });
});

describe("a workload's worst recovery time of a run", () => {
  const row = (rtoUs: number | null, rtoAtLeastUs?: number): FailureRow => ({
    ...{ failure: "f", kind: "power", scope: "", atUs: 0, endedUs: null, workload: WEB },
    stages: {} as FailureRow["stages"],
    rtoUs,
    censored: rtoAtLeastUs !== undefined,
    ...(rtoAtLeastUs === undefined ? {} : { rtoAtLeastUs }),
    ...{ lostRequests: 0, preShare: 1, minShare: 0 },
  });
  const worst = (...rows: FailureRow[]) => recoveryMetrics(rows).find(({ metric }) => metric === "rto");

  it("is the longest, a lower bound if any recovery is still out", () => {
    expect(worst(row(70 * SECOND), row(20 * SECOND))).toMatchObject({ value: 70 });
    expect(worst(row(70 * SECOND), row(null, 5 * SECOND))).toMatchObject({ value: 70, censored: true });
    expect(worst(row(7 * SECOND), row(null, 50 * SECOND))).toMatchObject({ value: 50, censored: true });
  });

  it("is not put in doubt by a fault shortly before the horizon that cost nothing, nor by one of a dead service", () => {
    expect(worst(row(70 * SECOND), row(null, 0))?.censored).toBeUndefined();
    expect(worst(row(null, 0))).toMatchObject({ value: 0, censored: true });
    expect(worst(row(70 * SECOND), row(null))?.censored).toBeUndefined();
    expect(worst(row(null))).toBeUndefined();
  });
});

describe("the stages of a recovery", () => {
  it("belong to the failure that caused them, not to an earlier one that was over without consequences", () => {
    const replication = run(
      `
    - { name: blip, kind: isolate, scope: { node: production-web-0 }, at: 90s, for: 5s }
    - { name: cut, kind: cut, scope: { between: [production, remote-dr] }, at: 3m, for: 5s }
    - { name: real, kind: power, scope: { centre: production }, at: 8m }`,
      "14m",
    );
    for (const failure of ["blip", "cut"]) {
      const { recovered, ...others } = rowOf(replication, failure).stages;
      expect(recovered, failure).toBeLessThan(10 * SECOND);
      expect(
        Object.values(others).every((at) => at === null),
        failure,
      ).toBe(true);
    }
    const { stages } = rowOf(replication, "real");
    for (const [stage, at] of Object.entries(stages)) {
      expect(at, stage).not.toBeNull();
      expect(at, stage).toBeGreaterThan(SECOND);
      expect(at, stage).toBeLessThan(5 * MINUTE);
    }
  });

  it("come again with each occurrence of a failure that repeats, while pods that come back are not replaced", () => {
    const replication = run(
      "    - { name: again, kind: power, scope: { node: production-web-1 }, at: [2m, 12m, 22m], for: 3m }",
      "32m",
      3600,
    );
    for (const failure of ["again", "again#2", "again#3"]) {
      const { nodeUnknown, endpointsOut, evicted, replacementCreated } = rowOf(replication, failure).stages;
      expect(nodeUnknown, failure).toBeGreaterThan(40 * SECOND);
      expect(nodeUnknown, failure).toBeLessThan(56 * SECOND);
      expect(endpointsOut, failure).toBeLessThan(58 * SECOND);
      expect([evicted, replacementCreated], failure).toEqual([null, null]);
    }
  });

  it("see pods without a grace period evicted too", () => {
    const { model, policies } = threeCentresStudy(
      "    - { name: lost, kind: power, scope: { centre: production }, at: 2m }",
      { horizon: "6m" },
    );
    const objects = model.objects.map((object) =>
      object.kind !== "Deployment"
        ? object
        : {
            ...object,
            template: {
              ...object.template,
              spec: { ...object.template.spec, terminationGracePeriodSeconds: 0 },
            },
          },
    );
    const [policy] = policies;
    if (policy === undefined) throw new Error("a study has a policy");
    const replication = simulate({ ...model, objects }, policy, 0);
    const evictions = replication.metrics.find(({ metric }) => metric === "evictions");
    expect(evictions?.value).toBeGreaterThan(0);
    expect(rowOf(replication, "lost").stages.evicted).not.toBeNull();
    expect(rowOf(replication, "lost").stages.endpointsIn).not.toBeNull();
  });
});

describe("the recovery of a service without a controller behind it", () => {
  it("is reported as that of its pods", () => {
    const { model, policies } = studyOf(
      `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: bare }
spec:
  seed: "bare"
  horizon: 10m
  topology: { sites: [{ name: m, centres: [{ name: alpha, nodePools: [{ name: web, count: 1, allocatable: { cpu: "2", memory: 8Gi, pods: 10 } }] }] }] }
  workload: { manifests: [pod.yaml], traffic: [{ service: default/web, from: { alpha: 10/s } }] }
  failures: [{ name: lost, kind: power, scope: { node: alpha-web-0 }, at: 2m, for: 10s }]
`,
      {
        "pod.yaml": `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec: { containers: [{ name: c, image: c, resources: { requests: { cpu: 100m } } }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`,
      },
    );
    const [policy] = policies;
    if (policy === undefined) throw new Error("a study has a policy");
    const { failures, metrics } = simulate(model, policy, 0);
    expect(failures.map(({ workload, minShare }) => [workload, minShare])).toEqual([["pod/default/web", 0]]);
    expect(failures[0]?.rtoUs).toBeGreaterThan(10 * SECOND);
    expect(metrics.find(({ metric }) => metric === "rto")?.of).toBe("pod/default/web");
  });
});
