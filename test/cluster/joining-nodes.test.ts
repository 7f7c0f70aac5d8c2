/** Nodes that join while the run goes on, and pods whose gates go: the whole cluster, invariants after every event. */
import { describe, expect, it } from "vitest";
import type { Model, StudyModel } from "../../src/cluster/model.js";
import { MINUTE, SECOND } from "../../src/units/time.js";
import { clusterOf, studyOf } from "./scenarios.js";

const JOINS_US = 2 * MINUTE;

/** Three nodes of 2 CPUs, of which the last joins after two minutes; a DaemonSet, a pod for each of two nodes, a gated one. */
function study(failures = "[]"): StudyModel {
  const found = studyOf(
    `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: joining }
spec:
  seed: "joining"
  horizon: 10m
  topology:
    sites:
      - name: metro
        centres:
          - { name: alpha, nodePools: [{ name: web, count: 3, allocatable: { cpu: "2", memory: 8Gi, pods: 20 } }] }
  workload:
    manifests: [objects.yaml]
  failures: ${failures}
`,
    {
      "objects.yaml": `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec: { containers: [{ name: c, image: c, resources: { requests: { cpu: 100m } } }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: c, image: c, resources: { requests: { cpu: 1500m } } }] }
---
apiVersion: v1
kind: Pod
metadata: { name: held }
spec:
  schedulingGates: [{ name: example.com/quota }]
  containers: [{ name: c, image: c, resources: { requests: { cpu: 100m } } }]
`,
    },
  );
  const nodes = found.model.topology.nodes.map((node) =>
    node.id === 2 ? { ...node, joinsAtUs: JOINS_US } : node,
  );
  const model: Model = { ...found.model, topology: { ...found.model.topology, nodes } };
  return { ...found, model };
}

function podsOn(store: ReturnType<typeof clusterOf>["cluster"]["store"], workload: string): number[] {
  return [...store.livePods]
    .filter((pod) => pod.workload === workload)
    .map(({ node }) => node)
    .sort((a, b) => a - b);
}

describe("a node that joins", () => {
  it("is nowhere before: no taint, no Unknown, no DaemonSet pod, no place for anybody", () => {
    const { cluster } = clusterOf(study());
    cluster.sim.run(JOINS_US - SECOND);
    expect(cluster.store.node(2)).toMatchObject({ exists: false, taints: [] });
    expect(podsOn(cluster.store, "daemonset/default/agent")).toEqual([0, 1]);
    expect(podsOn(cluster.store, "deployment/default/web")).toEqual([-1, 0, 1]);
    expect(cluster.nodeLifecycle.zoneStates).toEqual(["Normal"]);
  });

  it("loses its not-ready taint within a second, gets its DaemonSet pod, and takes who waited", () => {
    const { cluster } = clusterOf(study());
    cluster.sim.run(JOINS_US + 2 * SECOND);
    expect(cluster.store.node(2)).toMatchObject({ exists: true, ready: "True", taints: [] });
    expect(podsOn(cluster.store, "daemonset/default/agent")).toEqual([0, 1, 2]);
    expect(podsOn(cluster.store, "deployment/default/web")).toEqual([0, 1, 2]);
    cluster.sim.run(10 * MINUTE);
    // Its lease is renewed like anybody's.
    expect(cluster.store.node(2)).toMatchObject({ ready: "True", taints: [] });
  });

  it("registers after a power cut that it met before it had joined, and not before its time", () => {
    const { cluster } = clusterOf(study());
    cluster.sim.run(MINUTE);
    cluster.kubelets.powerOff(2);
    cluster.kubelets.powerOn(2);
    cluster.sim.run(JOINS_US - SECOND);
    expect(cluster.store.node(2).exists).toBe(false);
    cluster.sim.run(JOINS_US + 3 * MINUTE);
    expect(cluster.store.node(2)).toMatchObject({ exists: true, ready: "True", taints: [] });
  });
});

describe("a gated pod", () => {
  it("waits however long, and is bound as soon as its gates go", () => {
    const { cluster } = clusterOf(study());
    cluster.sim.run(8 * MINUTE);
    const held = [...cluster.store.livePods].find(({ name }) => name === "held");
    expect(held).toMatchObject({ node: -1, attempts: 0 });
    const client = cluster.api.client("test", () => 0, 0, 0);
    client.submit({ type: "removeGates", pod: held?.id ?? -1 });
    cluster.sim.run(8 * MINUTE + SECOND);
    expect(held).toMatchObject({ attempts: 1 });
    expect(held?.node).toBeGreaterThanOrEqual(0);
  });
});
