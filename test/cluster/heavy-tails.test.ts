/** Drawn times without bound: a repair or a run of centuries is one that does not end in sight. */
import { describe, expect, it } from "vitest";
import { clusterOf, studyOf } from "./scenarios.js";

describe("a heavy tail", () => {
  it("may draw repairs and durations that no clock can show", () => {
    const heavy = "{ weibull: { scale: 100000h, shape: 0.15 } }";
    const study = studyOf(
      `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: tails }
spec:
  seed: "tails"
  horizon: 5m
  topology:
    sites:
      - name: metro
        centres:
          - { name: alpha, nodePools: [{ name: web, count: 2, allocatable: { cpu: "8", memory: 32Gi, pods: 110 } }] }
  workload:
    arrivals: [{ name: long, pods: pod.yaml, process: { poisson: 30/min }, duration: ${heavy} }]
  failures:
    - { kind: power, scope: { node: alpha-web-0 }, at: 1m, for: ${heavy} }
`,
      {
        "pod.yaml": `
apiVersion: v1
kind: Pod
metadata: { name: small }
spec: { restartPolicy: Never, containers: [{ name: small, image: small, resources: { requests: { cpu: 10m } } }] }
`,
      },
    );
    let longest = 0;
    for (let replication = 0; replication < 8; replication++) {
      const { cluster } = clusterOf(study, replication, false);
      cluster.sim.run(study.model.horizonUs);
      const { failures } = cluster.recorder.finish("default", replication, "tails", 0, []);
      for (const row of failures) if (row.endedUs === null) longest++;
    }
    expect(longest).toBeGreaterThan(0);
  });
});
