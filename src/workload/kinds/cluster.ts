/** Nodes, namespaces, services, priority classes and disruption budgets. */
import type {
  ContainerImage,
  Namespace,
  Node,
  PodDisruptionBudget,
  PriorityClass,
  ResourceList,
  Service,
  ServicePort,
} from "../../api/objects.js";
import type { Field } from "../field.js";
import { readTaint } from "./affinity.js";
import { readIntOrPercent, readLabelSelector, readMetadata, readResourceList } from "./metadata.js";
import { conditionOf } from "./pod.js";

/** Allocatable is the capacity where only that is given. */
export function readNode(object: Field): Node {
  const status = object.at("status");
  const capacity = readResourceList(status.at("capacity"));
  const allocatable: ResourceList = status.at("allocatable").present
    ? readResourceList(status.at("allocatable"))
    : capacity;
  const ready = conditionOf(status, "Ready");
  return {
    kind: "Node",
    metadata: readMetadata(object, "cluster"),
    unschedulable: object.in("spec", "unschedulable").booleanOr(false),
    taints: object.in("spec", "taints").list().map(readTaint),
    allocatable,
    images: status.at("images").list().map(readImage),
    ready: ready === undefined || ready.at("status").value === "True",
  };
}

function readImage(image: Field): ContainerImage {
  return { names: image.at("names").strings(), sizeBytes: image.at("sizeBytes").integerOr(0, { min: 0 }) };
}

export function readNamespace(object: Field): Namespace {
  return { kind: "Namespace", metadata: readMetadata(object, "cluster") };
}

const SERVICE_TYPES = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] as const;
const PORT = { min: 1, max: 65_535 } as const;

export function readService(object: Field): Service {
  const spec = object.at("spec");
  spec.requireMapping("a spec");
  const selector = spec.at("selector").stringMap();
  return {
    kind: "Service",
    metadata: readMetadata(object, "namespaced"),
    // An empty selector is no selector: endpoints are managed by hand.
    ...(Object.keys(selector).length === 0 ? {} : { selector }),
    type: spec.at("type").oneOf(SERVICE_TYPES, "ClusterIP"),
    ports: spec.at("ports").list().map(readServicePort),
  };
}

function readServicePort(field: Field): ServicePort {
  const nodePort = field.at("nodePort").value === 0 ? undefined : field.at("nodePort").optionalInteger(PORT);
  return {
    port: field.at("port").integer(PORT),
    protocol: field.at("protocol").oneOf(["TCP", "UDP", "SCTP"], "TCP"),
    ...(nodePort === undefined ? {} : { nodePort }),
  };
}

/** The value that user-defined classes may not exceed (scheduling.HighestUserDefinablePriority). */
export const HIGHEST_USER_DEFINABLE_PRIORITY = 1_000_000_000;
const INT32_MIN = -(2 ** 31);

export function readPriorityClass(object: Field): PriorityClass {
  const metadata = readMetadata(object, "cluster");
  const system = metadata.name.startsWith("system-");
  return {
    kind: "PriorityClass",
    metadata,
    // `value` has no default, but Go reads a missing number as 0.
    value: object.at("value").integerOr(0, {
      min: INT32_MIN,
      max: system ? 2 ** 31 - 1 : HIGHEST_USER_DEFINABLE_PRIORITY,
    }),
    globalDefault: object.at("globalDefault").booleanOr(false),
    preemptionPolicy: object
      .at("preemptionPolicy")
      .oneOf(["PreemptLowerPriority", "Never"], "PreemptLowerPriority"),
  };
}

export function readPodDisruptionBudget(object: Field): PodDisruptionBudget {
  const spec = object.at("spec");
  spec.requireMapping("a spec");
  const selector = readLabelSelector(spec.at("selector"));
  const minAvailable = readIntOrPercent(spec.at("minAvailable"));
  const maxUnavailable = readIntOrPercent(spec.at("maxUnavailable"));
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    spec
      .at("maxUnavailable")
      .problem("expected either minAvailable or maxUnavailable, not both", { hideValue: true });
  }
  const disruptionsAllowed = object.in("status", "disruptionsAllowed").optionalInteger({ min: 0 });
  return {
    kind: "PodDisruptionBudget",
    metadata: readMetadata(object, "namespaced"),
    ...(selector === undefined ? {} : { selector }),
    ...(minAvailable === undefined ? {} : { minAvailable }),
    ...(maxUnavailable === undefined ? {} : { maxUnavailable }),
    ...(disruptionsAllowed === undefined ? {} : { disruptionsAllowed }),
    disruptedPods: object
      .in("status", "disruptedPods")
      .entries()
      .map(([name]) => name),
  };
}
