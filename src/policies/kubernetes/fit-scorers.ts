/** The scoring strategies of NodeResourcesFit. All arithmetic is Go's on 64-bit integers. */
import type { ScoringStrategy, UtilizationShapePoint } from "../args.js";
import { multiplyDivide } from "../framework/integers.js";
import type { SchedulerView } from "../framework/types.js";
import { MAX_NODE_SCORE } from "../framework/types.js";
import type { ScoredResource } from "./allocation.js";

/** What is requested on a node already. */
export type RequestedOf = (view: SchedulerView, node: number, resource: number) => number;

export type FitScorer = (
  view: SchedulerView,
  node: number,
  resources: readonly ScoredResource[],
  requestedOf: RequestedOf,
) => number;

/** Highest score of a shape point (config.MaxCustomPriorityScore). */
const MAX_SHAPE_SCORE = 10;

export function scorerOf(strategy: ScoringStrategy): FitScorer {
  switch (strategy.type) {
    case "LeastAllocated":
      return weightedMean(leastAllocatedScore);
    case "MostAllocated":
      return weightedMean(mostAllocatedScore);
    case "RequestedToCapacityRatio":
      return requestedToCapacityRatio(strategy.shape);
  }
}

/** Free share after placing the pod, 0..100. */
export function leastAllocatedScore(requested: number, allocatable: number): number {
  if (requested > allocatable) return 0;
  return multiplyDivide(allocatable - requested, MAX_NODE_SCORE, allocatable);
}

/** Used share after placing the pod, 0..100. */
export function mostAllocatedScore(requested: number, allocatable: number): number {
  return multiplyDivide(Math.min(requested, allocatable), MAX_NODE_SCORE, allocatable);
}

/** The broken line through the points (utilization, 10 * score), flat outside, truncated inside. */
export function shapeScore(shape: readonly UtilizationShapePoint[], utilization: number): number {
  const scale = MAX_NODE_SCORE / MAX_SHAPE_SCORE;
  let before: UtilizationShapePoint | undefined;
  for (const point of shape) {
    if (utilization <= point.utilization) {
      if (before === undefined) return point.score * scale;
      const rise = (point.score - before.score) * scale;
      const run = point.utilization - before.utilization;
      return before.score * scale + Math.trunc((rise * (utilization - before.utilization)) / run);
    }
    before = point;
  }
  return (before?.score ?? 0) * scale;
}

/** Integer division at both stages. Resources that the node does not have are left out. */
function weightedMean(score: (requested: number, allocatable: number) => number): FitScorer {
  return (view, node, resources, requestedOf) => {
    let sum = 0;
    let weights = 0;
    for (const { resource, weight, request } of resources) {
      const allocatable = view.allocatable(node, resource);
      if (allocatable === 0) continue;
      sum += weight * score(requestedOf(view, node, resource) + request, allocatable);
      weights += weight;
    }
    return weights === 0 ? 0 : Math.trunc(sum / weights);
  };
}

/** Resources scoring 0 are left out of the mean altogether, which is rounded half away from zero. */
function requestedToCapacityRatio(shape: readonly UtilizationShapePoint[]): FitScorer {
  return (view, node, resources, requestedOf) => {
    let sum = 0;
    let weights = 0;
    for (const { resource, weight, request } of resources) {
      const allocatable = view.allocatable(node, resource);
      if (allocatable === 0) continue;
      const requested = requestedOf(view, node, resource) + request;
      const utilization = requested > allocatable ? 100 : multiplyDivide(requested, 100, allocatable);
      const score = shapeScore(shape, utilization);
      if (score <= 0) continue;
      sum += weight * score;
      weights += weight;
    }
    return weights === 0 ? 0 : Math.round(sum / weights);
  };
}
