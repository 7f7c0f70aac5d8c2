/**
 * Plugin arguments as typed plain data, with Kubernetes' defaults (kubescheduler.config.k8s.io/v1, v1.34). The reader
 * of a KubeSchedulerConfiguration validates and defaults them; a plugin that is created without any uses the
 * defaults below.
 */
import type { NodeAffinity, TopologySpreadConstraint } from "../api/objects.js";

/** A resource and its weight in a score. Weights are integers 1..100. */
export interface ResourceSpec {
  readonly name: string;
  readonly weight: number;
}

/** A point of RequestedToCapacityRatio's broken line: utilization in percent 0..100, score 0..10. */
export interface UtilizationShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export type ScoringStrategy =
  | { readonly type: "LeastAllocated" | "MostAllocated"; readonly resources: readonly ResourceSpec[] }
  | {
      readonly type: "RequestedToCapacityRatio";
      readonly resources: readonly ResourceSpec[];
      /** *Invariant:* at least one point, utilization strictly growing. */
      readonly shape: readonly UtilizationShapePoint[];
    };

export interface NodeResourcesFitArgs {
  /** Extended resources that the Filter does not look at. */
  readonly ignoredResources: readonly string[];
  /** Their groups: the part before the slash. */
  readonly ignoredResourceGroups: readonly string[];
  readonly scoringStrategy: ScoringStrategy;
}

export interface NodeResourcesBalancedAllocationArgs {
  /** Weights are not used by the rule; the order is. */
  readonly resources: readonly ResourceSpec[];
}

export interface NodeAffinityArgs {
  /** Applied to every pod on top of its own. */
  readonly addedAffinity?: NodeAffinity;
}

export interface PodTopologySpreadArgs {
  /** Used for pods that have none, when `defaultingType` is List. Their selectors are deduced from the pod's owners. */
  readonly defaultConstraints: readonly TopologySpreadConstraint[];
  readonly defaultingType: "System" | "List";
}

export interface InterPodAffinityArgs {
  /** 0..100. */
  readonly hardPodAffinityWeight: number;
  readonly ignorePreferredTermsOfExistingPods: boolean;
}

export interface DefaultPreemptionArgs {
  /** 0..100. */
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

/** `defaultResourceSpec` of pkg/scheduler/apis/config/v1/defaults.go. */
export const DEFAULT_RESOURCES: readonly ResourceSpec[] = [
  { name: "cpu", weight: 1 },
  { name: "memory", weight: 1 },
];

export const DEFAULT_NODE_RESOURCES_FIT_ARGS: NodeResourcesFitArgs = {
  ignoredResources: [],
  ignoredResourceGroups: [],
  scoringStrategy: { type: "LeastAllocated", resources: DEFAULT_RESOURCES },
};

export const DEFAULT_BALANCED_ALLOCATION_ARGS: NodeResourcesBalancedAllocationArgs = {
  resources: DEFAULT_RESOURCES,
};

export const DEFAULT_NODE_AFFINITY_ARGS: NodeAffinityArgs = {};

export const DEFAULT_POD_TOPOLOGY_SPREAD_ARGS: PodTopologySpreadArgs = {
  defaultConstraints: [],
  defaultingType: "System",
};

export const DEFAULT_INTER_POD_AFFINITY_ARGS: InterPodAffinityArgs = {
  hardPodAffinityWeight: 1,
  ignorePreferredTermsOfExistingPods: false,
};

export const DEFAULT_PREEMPTION_ARGS: DefaultPreemptionArgs = {
  minCandidateNodesPercentage: 10,
  minCandidateNodesAbsolute: 100,
};

/** The arguments a factory was given, or the defaults where it was given none. */
export function argsOr<T>(args: unknown, defaults: T): T {
  return args === undefined ? defaults : (args as T);
}
