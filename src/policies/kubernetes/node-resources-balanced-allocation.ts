import { argsOr, DEFAULT_BALANCED_ALLOCATION_ARGS } from "../args.js";
import type { Plugin, PluginFactory, SchedulerView } from "../framework/types.js";
import { MAX_NODE_SCORE } from "../framework/types.js";
import { type ScoredResource, scoredResources } from "./allocation.js";

const NAME = "NodeResourcesBalancedAllocation";

/** NodeResourcesBalancedAllocation: prefers nodes whose resources would be used in equal shares. */
export const nodeResourcesBalancedAllocation: PluginFactory = {
  name: NAME,
  description: "Prefers nodes whose resources would be used in equal shares (small standard deviation).",
  origin: "kubernetes",
  create: (args) => {
    const { resources } = argsOr(args, DEFAULT_BALANCED_ALLOCATION_ARGS);
    const plugin: Plugin<unknown, readonly ScoredResource[]> = {
      name: NAME,
      dependsOn: "node",
      preScore(view, pod) {
        const state = scoredResources(resources, view, (resource) => pod.shape.requestOf(resource));
        return state.some(({ request }) => request > 0) ? { kind: "state", state } : { kind: "skip" };
      },
      score: (view, _pod, node, state) => Math.trunc((1 - deviation(view, node, state)) * MAX_NODE_SCORE),
      normalizer: "none",
    };
    return plugin;
  },
};

/**
 * Standard deviation of the used shares after placing the pod. With two resources it is half their difference, as
 * the original computes it; the order of floating-point operations is the original's too.
 */
function deviation(view: SchedulerView, node: number, resources: readonly ScoredResource[]): number {
  let count = 0;
  let total = 0;
  let first = 0;
  let second = 0;
  for (const { resource, request } of resources) {
    const allocatable = view.allocatable(node, resource);
    if (allocatable === 0) continue;
    const share = shareOf(view.requested(node, resource) + request, allocatable);
    if (count === 0) first = share;
    else if (count === 1) second = share;
    total += share;
    count++;
  }
  if (count < 2) return 0;
  if (count === 2) return Math.abs((first - second) / 2);
  const mean = total / count;
  let squares = 0;
  for (const { resource, request } of resources) {
    const allocatable = view.allocatable(node, resource);
    if (allocatable === 0) continue;
    const distance = shareOf(view.requested(node, resource) + request, allocatable) - mean;
    squares += distance * distance;
  }
  return Math.sqrt(squares / count);
}

function shareOf(requested: number, allocatable: number): number {
  return Math.min(1, requested / allocatable);
}
