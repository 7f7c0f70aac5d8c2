import { describe, expect, it } from "vitest";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { readSnapshot, renderSnapshot, type Snapshot, topologyOf } from "../../src/workload/snapshot.js";
import { readYaml } from "../../src/workload/yaml.js";
import { objectsOf } from "./helpers.js";

/** As `kubectl get nodes,pods,deployments,replicasets,configmaps,namespaces -A -o yaml` prints it, shortened. */
const SNAPSHOT = `apiVersion: v1
items:
- apiVersion: v1
  kind: Node
  metadata:
    creationTimestamp: "2025-01-01T00:00:00Z"
    labels:
      kubernetes.io/hostname: n1
      topology.kubernetes.io/region: metro
      topology.kubernetes.io/zone: production
    managedFields:
    - apiVersion: v1
      fieldsType: FieldsV1
      fieldsV1:
        f:metadata:
          f:labels:
            .: {}
            k:{"type":"Ready"}: {}
      manager: kubelet
      operation: Update
    name: n1
    resourceVersion: "17"
    uid: 7f3c
  spec:
    podCIDR: 10.0.0.0/24
  status:
    allocatable:
      cpu: "16"
      memory: 64Gi
      pods: "110"
    conditions:
    - status: "True"
      type: Ready
    nodeInfo:
      kubeletVersion: v1.34.1
- apiVersion: v1
  kind: Node
  metadata:
    name: n2
    uid: 8a
  status:
    capacity:
      cpu: "8"
      memory: 32Gi
    conditions:
    - status: Unknown
      type: Ready
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    annotations:
      deployment.kubernetes.io/revision: "3"
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"apps/v1","kind":"Deployment"}
    name: web
    namespace: shop
    uid: d1
  spec:
    replicas: 1
    selector:
      matchLabels:
        app: web
    template:
      metadata:
        creationTimestamp: null
        labels:
          app: web
      spec:
        containers:
        - image: web:1
          name: web
          resources:
            requests:
              cpu: 250m
        restartPolicy: Always
  status:
    replicas: 1
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-1
    namespace: shop
    ownerReferences:
    - apiVersion: apps/v1
      controller: true
      kind: Deployment
      name: web
      uid: d1
  spec:
    replicas: 1
    selector:
      matchLabels:
        app: web
    template:
      metadata:
        labels:
          app: web
      spec:
        containers:
        - name: web
- apiVersion: v1
  kind: Pod
  metadata:
    generateName: web-1-
    labels:
      app: web
    name: web-1-abc
    namespace: shop
    ownerReferences:
    - apiVersion: apps/v1
      controller: true
      kind: ReplicaSet
      name: web-1
      uid: r1
  spec:
    containers:
    - name: web
    nodeName: n1
    priority: 0
  status:
    conditions:
    - status: "True"
      type: Ready
    phase: Running
- apiVersion: v1
  kind: Pod
  metadata:
    name: alone
    namespace: shop
  spec:
    containers:
    - name: web
    nodeName: n1
  status:
    phase: Running
- apiVersion: v1
  kind: Pod
  metadata:
    name: ended
    namespace: shop
  spec:
    containers:
    - name: web
  status:
    phase: Succeeded
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: a
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: b
- apiVersion: v1
  kind: Secret
  metadata:
    name: c
kind: List
metadata:
  resourceVersion: ""
`;

function read(text: string): { snapshot: Snapshot; told: string[] } {
  const problems = new Problems();
  const snapshot = readSnapshot(text, "cluster.yaml", problems);
  return { snapshot, told: problems.list().map(formatProblem) };
}

describe("A snapshot", () => {
  const { snapshot, told } = read(SNAPSHOT);

  it("gives its objects and bound pods, and names what is left out once a kind", () => {
    expect(snapshot.objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "Node n1",
      "Node n2",
      "Deployment web",
      "ReplicaSet web-1",
      "Pod web-1-abc",
      "Pod alone",
      "Pod ended",
    ]);
    expect(snapshot.objects[4]).toMatchObject({
      spec: { nodeName: "n1" },
      status: { phase: "Running", ready: true },
    });
    expect(snapshot.objects[1]).toMatchObject({ ready: false });
    expect(told).toEqual([
      expect.stringMatching(
        /^cluster.yaml:\d+:\d+: warning: items\[7\].kind: 2 objects of kind ConfigMap are left out/,
      ),
      expect.stringMatching(
        /^cluster.yaml:\d+:\d+: warning: items\[9\].kind: 1 object of kind Secret is left out/,
      ),
    ]);
  });

  it("is the same from JSON", () => {
    const [document] = readYaml(SNAPSHOT, "f", new Problems());
    expect(read(JSON.stringify(document?.data, null, 4)).snapshot).toEqual(snapshot);
  });

  it("knows regions and zones from the nodes' labels", () => {
    expect(topologyOf(snapshot.objects)).toEqual({
      regions: [
        { name: "metro", zones: ["production"] },
        { name: "region-1", zones: ["zone-1"] },
      ],
      unlabelled: ["n2"],
    });
  });

  it("becomes manifests that controllers can start from: no owned pods, no server's fields", () => {
    const files = renderSnapshot(snapshot);
    expect(files.map(({ path }) => path)).toEqual(["nodes.yaml", "deployments.yaml", "pods.yaml"]);
    const text = files.map((file) => file.text).join("---\n");
    expect(text).not.toMatch(
      /managedFields|resourceVersion|last-applied|revision|nodeInfo|replicas: 1\n.*status/,
    );
    const again = objectsOf(text);
    expect(again.map(({ metadata }) => metadata.name)).toEqual(["n1", "n2", "web", "alone"]);
    expect(again[1]).toMatchObject({
      ready: false,
      metadata: {
        labels: { "topology.kubernetes.io/zone": "zone-1", "topology.kubernetes.io/region": "region-1" },
      },
    });
    expect(again[2]).toMatchObject({ ...snapshot.objects[2], metadata: { annotations: {} } });
    expect(again[3]).toMatchObject({ spec: { nodeName: "n1" }, status: { phase: "Running" } });
  });

  it("keeps owned pods where they are on request", () => {
    const text = renderSnapshot(snapshot, { owned: true })
      .map((file) => file.text)
      .join("---\n");
    const again = objectsOf(text);
    expect(again.map(({ metadata }) => metadata.name)).toEqual([
      "n1",
      "n2",
      "web",
      "web-1",
      "web-1-abc",
      "alone",
    ]);
    expect(again[4]).toMatchObject({
      metadata: { ownerReferences: [{ kind: "ReplicaSet", name: "web-1", controller: true }] },
      status: { phase: "Running", ready: true },
    });
  });

  it("is told from a file that holds none", () => {
    expect(read("").told).toEqual([
      "cluster.yaml: expected the output of kubectl get -o yaml or -o json, found no object",
    ]);
  });
});
