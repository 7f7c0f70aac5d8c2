/** Questions that policies ask of a view, in shares of a node's allocatable. All resources of the node count alike. */
import type { PodInfo, SchedulerView } from "./framework/types.js";

/** Share of one resource that would be free after placing the pod, 0..1; 0 where the node has none of it. */
export function freeShareOf(view: SchedulerView, pod: PodInfo, node: number, resource: number): number {
  const allocatable = view.allocatable(node, resource);
  if (allocatable === 0) return 0;
  const free = allocatable - view.requested(node, resource) - pod.shape.requestOf(resource);
  return Math.max(0, free / allocatable);
}

/** Mean, over the resources that the node has, of the share that would be free after placing the pod, 0..1. */
export function freeShareAfter(view: SchedulerView, pod: PodInfo, node: number): number {
  let sum = 0;
  let resources = 0;
  const { count } = view.resources;
  for (let resource = 0; resource < count; resource++) {
    if (view.allocatable(node, resource) === 0) continue;
    sum += freeShareOf(view, pod, node, resource);
    resources++;
  }
  return resources === 0 ? 0 : sum / resources;
}

/**
 * Mean, over the resources that the node has, of (share free before placing the pod) times (the pod's request as a
 * share of the node), 0..1.
 */
export function demandTimesFree(view: SchedulerView, pod: PodInfo, node: number): number {
  let sum = 0;
  let resources = 0;
  const { count } = view.resources;
  for (let resource = 0; resource < count; resource++) {
    const allocatable = view.allocatable(node, resource);
    if (allocatable === 0) continue;
    const free = Math.max(0, allocatable - view.requested(node, resource)) / allocatable;
    sum += (pod.shape.requestOf(resource) / allocatable) * free;
    resources++;
  }
  return resources === 0 ? 0 : sum / resources;
}
