/** What the two resource scores share (resourceAllocationScorer of pkg/scheduler/framework/plugins/noderesources). */
import type { ResourceSpec } from "../args.js";
import type { SchedulerView } from "../framework/types.js";
import { EPHEMERAL_STORAGE } from "../framework/types.js";

/** A configured resource that counts for one pod, and what the pod adds to it. */
export interface ScoredResource {
  readonly resource: number;
  readonly weight: number;
  readonly request: number;
}

/**
 * The configured resources in order. Left out: those that nobody has ever named (no node can have them) and scalars
 * that the pod does not ask for.
 */
export function scoredResources(
  configured: readonly ResourceSpec[],
  view: SchedulerView,
  requestOf: (resource: number) => number,
): readonly ScoredResource[] {
  const scored: ScoredResource[] = [];
  for (const { name, weight } of configured) {
    const resource = view.resources.idOf(name);
    if (resource < 0) continue;
    const request = requestOf(resource);
    if (request > 0 || resource <= EPHEMERAL_STORAGE) scored.push({ resource, weight, request });
  }
  return scored;
}
