/** What could be changed so that a pod fits: as data, and applied to objects. */
import type {
  Affinity,
  KubernetesObject,
  Node,
  Pod,
  PodAffinityTerm,
  PodSpec,
  Taint,
  Toleration,
} from "../api/objects.js";
import { fromWhole, parseQuantity, type Quantity } from "../units/quantity.js";
import { podKey } from "./cluster.js";
import { daemonPodsFor, nodeLike } from "./nodes.js";
import { withRequestAtMost } from "./requests.js";

/** The taint that the node lifecycle controller keeps on a cordoned node. */
export const UNSCHEDULABLE_TAINT_KEY = "node.kubernetes.io/unschedulable";

/** One change of one object. Pods are `namespace/name`, amounts are quantities as Kubernetes writes them. */
export type Change =
  // of a node
  | {
      readonly kind: "increaseAllocatable";
      readonly node: string;
      readonly resource: string;
      readonly by: string;
    }
  | { readonly kind: "setNodeLabel"; readonly node: string; readonly key: string; readonly value: string }
  | { readonly kind: "removeNodeLabel"; readonly node: string; readonly key: string }
  | { readonly kind: "removeTaint"; readonly node: string; readonly taint: Taint }
  | { readonly kind: "uncordon"; readonly node: string }
  // of the cluster
  /** A further node with the labels, taints and DaemonSet pods of another. */
  | { readonly kind: "addNode"; readonly name: string; readonly like: string }
  | { readonly kind: "removePod"; readonly pod: string; readonly node: string }
  // of the pod
  | { readonly kind: "addToleration"; readonly pod: string; readonly toleration: Toleration }
  | {
      readonly kind: "reduceRequest";
      readonly pod: string;
      readonly resource: string;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly kind: "changeHostPort";
      readonly pod: string;
      readonly protocol: string;
      readonly from: number;
      readonly to: number;
    }
  | { readonly kind: "removeNodeSelector"; readonly pod: string; readonly key: string }
  | { readonly kind: "removeRequiredNodeAffinity"; readonly pod: string }
  | {
      readonly kind: "removeAffinityTerm";
      readonly pod: string;
      readonly rule: AffinityRule;
      readonly term: PodAffinityTerm;
    }
  | {
      readonly kind: "setMaxSkew";
      readonly pod: string;
      readonly topologyKey: string;
      readonly maxSkew: number;
    }
  /** DoNotSchedule becomes ScheduleAnyway. */
  | { readonly kind: "softenSpreadConstraint"; readonly pod: string; readonly topologyKey: string }
  | { readonly kind: "removeSchedulingGates"; readonly pod: string; readonly gates: readonly string[] };

export type AffinityRule = "podAffinity" | "podAntiAffinity";
type NodeChange = Extract<
  Change,
  { kind: "increaseAllocatable" | "setNodeLabel" | "removeNodeLabel" | "removeTaint" | "uncordon" }
>;
type ClusterChange = Extract<Change, { kind: "addNode" | "removePod" }>;
export type PodChange = Exclude<Change, NodeChange | ClusterChange>;

export function isNodeChange(change: Change): change is NodeChange {
  return "node" in change && change.kind !== "removePod";
}

export function isPodChange(change: Change): change is PodChange {
  return "pod" in change && change.kind !== "removePod";
}

/** The objects after the changes, in order. What a change names must be there. */
export function applyChanges(
  objects: readonly KubernetesObject[],
  changes: readonly Change[],
): KubernetesObject[] {
  return changes.reduce<KubernetesObject[]>(applyChange, [...objects]);
}

function applyChange(objects: KubernetesObject[], change: Change): KubernetesObject[] {
  if (change.kind === "addNode") {
    const like = objects.find((object) => object.kind === "Node" && object.metadata.name === change.like);
    if (like?.kind !== "Node") return objects;
    const pods = objects.filter((object) => object.kind === "Pod" && object.spec.nodeName === change.like);
    return [
      ...objects,
      nodeLike(like, change.name),
      ...daemonPodsFor(change.name, change.like, pods as Pod[]),
    ];
  }
  if (change.kind === "removePod") {
    return objects.filter((object) => object.kind !== "Pod" || podKey(object) !== change.pod);
  }
  return objects.map((object) => {
    if (isNodeChange(change)) {
      return object.kind === "Node" && object.metadata.name === change.node
        ? changeNode(object, change)
        : object;
    }
    return object.kind === "Pod" && podKey(object) === change.pod ? changePod(object, change) : object;
  });
}

export function changeNode(node: Node, change: NodeChange): Node {
  const { metadata } = node;
  switch (change.kind) {
    case "increaseAllocatable": {
      const before = node.allocatable[change.resource] ?? 0n;
      const after = before + (parseQuantity(change.by) ?? 0n);
      return { ...node, allocatable: { ...node.allocatable, [change.resource]: after } };
    }
    case "setNodeLabel":
      return {
        ...node,
        metadata: { ...metadata, labels: { ...metadata.labels, [change.key]: change.value } },
      };
    case "removeNodeLabel": {
      const labels = Object.entries(metadata.labels).filter(([key]) => key !== change.key);
      return { ...node, metadata: { ...metadata, labels: Object.fromEntries(labels) } };
    }
    case "removeTaint":
      return { ...node, taints: node.taints.filter((taint) => !sameTaint(taint, change.taint)) };
    case "uncordon":
      return {
        ...node,
        unschedulable: false,
        taints: node.taints.filter(({ key }) => key !== UNSCHEDULABLE_TAINT_KEY),
      };
  }
}

function sameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.value === b.value && a.effect === b.effect;
}

export function changePod(pod: Pod, change: PodChange): Pod {
  return { ...pod, spec: changeSpec(pod.spec, change) };
}

function changeSpec(spec: PodSpec, change: PodChange): PodSpec {
  switch (change.kind) {
    case "addToleration":
      return { ...spec, tolerations: [...spec.tolerations, change.toleration] };
    case "reduceRequest":
      return withRequestAtMost(spec, change.resource, parseQuantity(change.to) ?? 0n);
    case "changeHostPort":
      return withHostPort(spec, change);
    case "removeNodeSelector": {
      const kept = Object.entries(spec.nodeSelector).filter(([key]) => key !== change.key);
      return { ...spec, nodeSelector: Object.fromEntries(kept) };
    }
    case "removeRequiredNodeAffinity": {
      const { nodeAffinity } = spec.affinity ?? {};
      if (nodeAffinity === undefined) return spec;
      return { ...spec, affinity: { ...spec.affinity, nodeAffinity: { preferred: nodeAffinity.preferred } } };
    }
    case "removeAffinityTerm":
      return { ...spec, affinity: withoutTerm(spec.affinity ?? {}, change.rule, change.term) };
    case "setMaxSkew":
      return withSpread(spec, change.topologyKey, { maxSkew: change.maxSkew });
    case "softenSpreadConstraint":
      return withSpread(spec, change.topologyKey, { whenUnsatisfiable: "ScheduleAnyway" });
    case "removeSchedulingGates":
      return { ...spec, schedulingGates: [] };
  }
}

/** With the host's network the container listens on the port itself. */
function withHostPort(spec: PodSpec, change: Extract<Change, { kind: "changeHostPort" }>): PodSpec {
  const renumbered = (containers: PodSpec["containers"]): PodSpec["containers"] =>
    containers.map((container) => ({
      ...container,
      ports: container.ports.map((port) => {
        if (port.hostPort !== change.from || (port.protocol || "TCP") !== change.protocol) return port;
        const containerPort = spec.hostNetwork ? change.to : port.containerPort;
        return { ...port, hostPort: change.to, containerPort };
      }),
    }));
  return {
    ...spec,
    containers: renumbered(spec.containers),
    initContainers: renumbered(spec.initContainers),
  };
}

function withoutTerm(affinity: Affinity, rule: AffinityRule, term: PodAffinityTerm): Affinity {
  const terms = affinity[rule];
  if (terms === undefined) return affinity;
  const key = JSON.stringify(term);
  const at = terms.required.findIndex((other) => JSON.stringify(other) === key);
  return { ...affinity, [rule]: { ...terms, required: terms.required.filter((_, index) => index !== at) } };
}

/** The API allows a topology key once among the hard constraints; where a file has it twice, all are changed. */
function withSpread(
  spec: PodSpec,
  topologyKey: string,
  to: Partial<PodSpec["topologySpreadConstraints"][number]>,
): PodSpec {
  return {
    ...spec,
    topologySpreadConstraints: spec.topologySpreadConstraints.map((constraint) =>
      constraint.topologyKey === topologyKey && constraint.whenUnsatisfiable === "DoNotSchedule"
        ? { ...constraint, ...to }
        : constraint,
    ),
  };
}

/** Bytes (and the like) rounded up to a figure that people write: whole MiB from 1 MiB on. */
export function roundedUp(units: number): Quantity {
  const mebi = 1024 * 1024;
  return fromWhole(units < mebi ? units : Math.ceil(units / mebi) * mebi);
}
