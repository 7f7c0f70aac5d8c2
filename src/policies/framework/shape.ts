import type { Labels, PodAffinityTerm, PodSpec, WeightedPodAffinityTerm } from "../../api/objects.js";
import { compilePreferredNodeAffinity, compileRequiredNodeAffinity, nodeNamesOf } from "./node-selector.js";
import { podRequestsOf, type Requests, roundedAmount } from "./pod-requests.js";
import { compileAffinityTerm, compileSpreadConstraint } from "./pod-terms.js";
import { hostPortOf } from "./ports.js";
import { isCountedResource, type ResourceTable } from "./resources.js";
import type { AffinityTerm, HostPort, LabelPredicate, PodShape } from "./types.js";
import { EPHEMERAL_STORAGE } from "./types.js";
import { podVolumesOf } from "./volumes.js";

/** What a shape is compiled from. */
export interface ShapeInput {
  readonly namespace: string;
  readonly labels: Labels;
  readonly spec: PodSpec;
  /** See {@link PodShape.defaultSpreadSelector}. */
  readonly defaultSpreadSelector?: LabelPredicate;
}

/**
 * Compiles what the scheduler needs to know of the pods of one template in one namespace. `id` is the caller's dense
 * id. Names that no node has are fine: resources are interned.
 */
export function compileShape(input: ShapeInput, resources: ResourceTable, id: number): PodShape {
  const { namespace, labels, spec } = input;
  const requests = podRequestsOf(spec);
  const amounts = amountsOf(requests.effective, resources);
  const scoreAmounts = amountsOf(requests.score, resources);
  const affinity = spec.affinity;
  return {
    id,
    namespace,
    labels,
    priority: spec.priority ?? 0,
    preemptionPolicy: spec.preemptionPolicy,
    schedulerName: spec.schedulerName,
    schedulingGates: spec.schedulingGates,
    nodeName: spec.nodeName,
    requests: inOrder(amounts, resources),
    requestOf: (resource) => amounts[resource] ?? 0,
    nonZeroCpuMilli: roundedAmount(requests.nonZero, "cpu"),
    nonZeroMemoryBytes: roundedAmount(requests.nonZero, "memory"),
    scoreCpuMilli: roundedAmount(requests.score, "cpu"),
    scoreMemoryBytes: roundedAmount(requests.score, "memory"),
    scoreRequestOf: (resource) => scoreAmounts[resource] ?? 0,
    hostPorts: hostPortsOf(spec),
    tolerations: spec.tolerations,
    images: [...spec.initContainers, ...spec.containers].map((container) =>
      normalizedImageName(container.image),
    ),
    nodeAffinity: compileRequiredNodeAffinity(spec.nodeSelector, affinity?.nodeAffinity),
    nodeAffinityNames: nodeNamesOf(affinity?.nodeAffinity),
    preferredNodeAffinity: compilePreferredNodeAffinity(affinity?.nodeAffinity),
    requiredAffinity: termsOf(affinity?.podAffinity?.required.map(unweighted), input),
    requiredAntiAffinity: termsOf(affinity?.podAntiAffinity?.required.map(unweighted), input),
    preferredAffinity: termsOf(affinity?.podAffinity?.preferred, input),
    preferredAntiAffinity: termsOf(affinity?.podAntiAffinity?.preferred, input),
    spreadConstraints: spec.topologySpreadConstraints.map((c) => compileSpreadConstraint(c, labels)),
    defaultSpreadSelector: input.defaultSpreadSelector,
    volumes: podVolumesOf(spec),
  };
}

/** Appends `:latest` unless the last ":" comes after the last "/" (imagelocality.normalizedImageName). */
export function normalizedImageName(name: string): string {
  return name.lastIndexOf(":") <= name.lastIndexOf("/") ? `${name}:latest` : name;
}

function unweighted(podAffinityTerm: PodAffinityTerm): WeightedPodAffinityTerm {
  return { weight: 1, podAffinityTerm };
}

function termsOf(
  terms: readonly WeightedPodAffinityTerm[] | undefined,
  owner: ShapeInput,
): readonly AffinityTerm[] {
  return (terms ?? []).map(({ weight, podAffinityTerm }) =>
    compileAffinityTerm(podAffinityTerm, weight, owner),
  );
}

/** Rounded amounts by resource id. */
function amountsOf(requests: Requests, resources: ResourceTable): readonly number[] {
  const amounts: number[] = [];
  for (const name of requests.keys()) {
    if (!isCountedResource(name)) continue;
    const resource = resources.intern(name);
    while (amounts.length <= resource) amounts.push(0);
    amounts[resource] = roundedAmount(requests, name);
  }
  return amounts;
}

/** Amounts above 0: cpu, memory, ephemeral-storage, then scalars by name, so that reasons come in a fixed order. */
function inOrder(amounts: readonly number[], resources: ResourceTable): PodShape["requests"] {
  const entries = amounts
    .map((amount, resource) => ({ resource, amount }))
    .filter(({ amount }) => amount > 0);
  const isScalar = (resource: number) => resource > EPHEMERAL_STORAGE;
  return entries.sort((a, b) => {
    if (!isScalar(a.resource) || !isScalar(b.resource)) return a.resource - b.resource;
    return resources.nameOf(a.resource) < resources.nameOf(b.resource) ? -1 : 1;
  });
}

/** Host ports of containers and of restartable init containers. */
function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const sidecars = spec.initContainers.filter((container) => container.restartPolicy === "Always");
  const ports: HostPort[] = [];
  for (const container of [...sidecars, ...spec.containers]) {
    for (const { protocol, hostIP, hostPort } of container.ports) {
      if (hostPort > 0) ports.push(hostPortOf(protocol, hostIP, hostPort));
    }
  }
  return ports;
}
