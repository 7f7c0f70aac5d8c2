import type { KubernetesObject } from "../../src/api/objects.js";
import { type ClusterOptions, PlacementCluster } from "../../src/placement/cluster.js";
import { defaultProfile } from "../../src/policies/profiles.js";
import { readManifests } from "../../src/workload/manifests.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";

export type Json = Readonly<Record<string, unknown>>;

/** Objects as Seatrial reads them. `forgiven`: paths whose mistakes do not count. */
export function objectsOf(items: readonly Json[], forgiven?: RegExp): KubernetesObject[] {
  const problems = new Problems();
  const data = { apiVersion: "v1", kind: "List", items };
  const document = { file: "snapshot.json", data, positionOf: () => ({ line: 1, column: 1 }) };
  const objects = readManifests([document], problems);
  const errors = problems
    .list()
    .filter(({ severity, path }) => severity === "error" && forgiven?.test(path) !== true);
  if (errors.length > 0) throw new Error(errors.slice(0, 10).map(formatProblem).join("\n"));
  return objects;
}

export function clusterOf(
  objects: readonly KubernetesObject[],
  options: Partial<ClusterOptions> = {},
): PlacementCluster {
  return PlacementCluster.of(objects, { profiles: [{ ...defaultProfile(), tieBreak: "name" }], ...options });
}

export interface NodeJson {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly zone?: string;
  readonly labels?: Json;
  readonly taints?: readonly Json[];
  readonly unschedulable?: boolean;
  readonly more?: Json;
}

export function nodeJson(name: string, node: NodeJson = {}): Json {
  const { cpu = "4", memory = "16Gi", pods = "110", zone, labels = {}, taints = [], more = {} } = node;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        ...(zone === undefined ? {} : { "topology.kubernetes.io/zone": zone }),
        ...labels,
      },
    },
    spec: { taints, unschedulable: node.unschedulable ?? false },
    status: { allocatable: { cpu, memory, pods, ...more } },
  };
}

export interface PodJson {
  readonly namespace?: string;
  readonly node?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly requests?: Json;
  readonly labels?: Json;
  readonly priority?: number;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly spec?: Json;
  readonly created?: string;
}

export function podJson(name: string, pod: PodJson = {}): Json {
  const { namespace = "default", node, cpu, memory, requests = {}, labels = {}, owner, spec = {} } = pod;
  const amounts = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...requests,
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels,
      ...(pod.created === undefined ? {} : { creationTimestamp: pod.created }),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: "apps/v1", uid: owner.name, controller: true, ...owner }] }),
    },
    spec: {
      containers: [{ name: "main", image: "app:1", resources: { requests: amounts } }],
      ...(pod.priority === undefined ? {} : { priority: pod.priority }),
      ...(node === undefined ? {} : { nodeName: node }),
      ...spec,
    },
    status: { phase: node === undefined ? "Pending" : "Running" },
  };
}
