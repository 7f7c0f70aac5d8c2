/** Defaults of pod-level resources (spec.resources). */
import type { Container, ResourceList, ResourceRequirements } from "../../api/objects.js";
import type { Quantity } from "../../units/quantity.js";
import { withDefaults } from "./metadata.js";

/**
 * Pod-level requests that are missing, where the pod has limits of its own: what the containers together request, else
 * the pod's limit (KEP-2837; defaultPodRequests in pkg/apis/core/v1/defaults.go).
 */
export function podLevelResources(
  resources: ResourceRequirements,
  containers: readonly Container[],
  initContainers: readonly Container[],
): ResourceRequirements {
  if (Object.keys(resources.limits).length === 0) return resources;
  const aggregated = pick(
    aggregateRequests(containers, initContainers),
    (name) => name === "cpu" || name === "memory",
  );
  const limits = pick(
    resources.limits,
    (name) => name === "cpu" || name === "memory" || name.startsWith("hugepages-"),
  );
  return {
    requests: withDefaults(resources.requests, withDefaults(aggregated, limits)),
    limits: resources.limits,
  };
}

/**
 * What all containers request at once: regular ones and sidecars together, or an init container with the sidecars
 * started before it where that is more (component-helpers resource.AggregateContainerRequests).
 */
function aggregateRequests(
  containers: readonly Container[],
  initContainers: readonly Container[],
): ResourceList {
  const running: Record<string, Quantity> = {};
  const sidecars: Record<string, Quantity> = {};
  const initPeak: Record<string, Quantity> = {};
  for (const container of containers) addTo(running, container.resources.requests);
  for (const container of initContainers) {
    const { requests } = container.resources;
    if (container.restartPolicy === "Always") {
      addTo(running, requests);
      addTo(sidecars, requests);
      raiseTo(initPeak, sidecars);
    } else {
      const during = { ...requests };
      addTo(during, sidecars);
      raiseTo(initPeak, during);
    }
  }
  raiseTo(running, initPeak);
  return running;
}

function addTo(sum: Record<string, Quantity>, amounts: ResourceList): void {
  for (const [name, amount] of Object.entries(amounts)) sum[name] = (sum[name] ?? 0n) + amount;
}

function raiseTo(peak: Record<string, Quantity>, amounts: ResourceList): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const now = peak[name];
    if (now === undefined || amount > now) peak[name] = amount;
  }
}

function pick(amounts: ResourceList, wanted: (name: string) => boolean): Record<string, Quantity> {
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => wanted(name)));
}
