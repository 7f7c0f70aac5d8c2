/** The invariants on runs that begin with pods, bound and overcommitted as a snapshot may bring them. */
import { describe, expect, it } from "vitest";
import { clusterOf, studyOf } from "./scenarios.js";

const POD = (name: string, cpu: string, more = "") => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: web } }
spec: { ${more}containers: [{ name: c, image: c, resources: { requests: { cpu: ${cpu} } } }] }
`;

describe("the invariants", () => {
  it("hold from the first event of a run that begins with pods, even on a node that its pods overcommit", () => {
    const study = studyOf(
      `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: pods }
spec:
  seed: "pods"
  horizon: 4m
  topology: { sites: [{ name: m, centres: [{ name: alpha, nodePools: [{ name: web, count: 2, allocatable: { cpu: "2", memory: 8Gi, pods: 10 } }] }] }] }
  workload: { manifests: [pods.yaml] }
  failures: [{ kind: power, scope: { node: alpha-web-0 }, at: 1m }]
`,
      {
        "pods.yaml": [
          POD("big-0", "1500m", "nodeName: alpha-web-0, "),
          POD("big-1", "1500m", "nodeName: alpha-web-0, "),
          POD("free", "1"),
        ].join("---"),
      },
    );
    const { cluster, invariants } = clusterOf(study);
    cluster.sim.run(study.model.horizonUs);
    expect(invariants.checks).toBe(cluster.sim.steps);
    expect(cluster.store.pods.map(({ name, node }) => [name, node])).toEqual([
      ["big-0", 0],
      ["big-1", 0],
      ["free", 1],
    ]);
    expect(cluster.store.node(0).ready).toBe("Unknown");
  });
});
