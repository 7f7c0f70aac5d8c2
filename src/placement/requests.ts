/** A pod that asks for less: its containers' requests scaled down until the whole fits. */
import type { Container, PodSpec, ResourceRequirements } from "../api/objects.js";
import type { Quantity } from "../units/quantity.js";

const MILLI = 1_000_000n;
const UNIT = 1_000_000_000n;

/**
 * The spec with requests of one resource lowered so that the pod asks for at most `most` of it. Containers and
 * sidecars shrink in proportion, init steps are cut, overhead stays; where the pod as a whole asks, it asks for less.
 */
export function withRequestAtMost(spec: PodSpec, resource: string, most: Quantity): PodSpec {
  const room = most - (spec.overhead[resource] ?? 0n);
  const long = [...spec.containers, ...spec.initContainers.filter(isSidecar)];
  const sum = long.reduce((total, container) => total + requestOf(container, resource), 0n);
  const grain = resource === "cpu" ? MILLI : UNIT;
  const scaled = (container: Container): Container =>
    sum <= room
      ? container
      : withRequest(container, resource, floorTo((requestOf(container, resource) * room) / sum, grain));
  let sidecars = 0n;
  const initContainers = spec.initContainers.map((container) => {
    if (isSidecar(container)) {
      const sidecar = scaled(container);
      sidecars += requestOf(sidecar, resource);
      return sidecar;
    }
    const step = requestOf(container, resource);
    return step + sidecars <= room ? container : withRequest(container, resource, room - sidecars);
  });
  const ofPod = spec.resources?.requests[resource];
  return {
    ...spec,
    containers: spec.containers.map(scaled),
    initContainers,
    ...(spec.resources === undefined || ofPod === undefined || ofPod <= room
      ? {}
      : { resources: lowered(spec.resources, resource, room) }),
  };
}

function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

function requestOf({ resources }: Container, resource: string): Quantity {
  return resources.requests[resource] ?? 0n;
}

function withRequest(container: Container, resource: string, to: Quantity): Container {
  return { ...container, resources: lowered(container.resources, resource, to) };
}

/** Extended resources and huge pages cannot be promised twice: their limit is their request. */
function lowered({ requests, limits }: ResourceRequirements, resource: string, to: Quantity) {
  const fixed = limits[resource] !== undefined && !["cpu", "memory", "ephemeral-storage"].includes(resource);
  return {
    requests: { ...requests, [resource]: to },
    limits: fixed ? { ...limits, [resource]: to } : limits,
  };
}

function floorTo(amount: Quantity, grain: bigint): Quantity {
  return (amount / grain) * grain;
}
