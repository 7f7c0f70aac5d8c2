/**
 * Plugin arguments of a KubeSchedulerConfiguration: validated and defaulted as kube-scheduler does
 * (pkg/scheduler/apis/config/v1/defaults.go and validation/validation_pluginargs.go, v1.34), as the types of
 * policies/args.ts.
 */
import type { z } from "zod";
import {
  DEFAULT_BALANCED_ALLOCATION_ARGS,
  DEFAULT_INTER_POD_AFFINITY_ARGS,
  DEFAULT_PREEMPTION_ARGS,
  DEFAULT_RESOURCES,
  type DefaultPreemptionArgs,
  type InterPodAffinityArgs,
  type NodeAffinityArgs,
  type NodeResourcesBalancedAllocationArgs,
  type NodeResourcesFitArgs,
  type PodTopologySpreadArgs,
  type ResourceSpec,
  type ScoringStrategy,
} from "../policies/args.js";
import { readAffinity } from "../workload/kinds/affinity.js";
import type { Problems } from "../workload/problems.js";
import { inTreePlugin } from "./plugin-points.js";
import { ARGS_SCHEMAS } from "./scheduler-schema.js";
import { addProblem, checkShape, type Place, placeBelow, readBelow } from "./shape.js";

/** The plugin's arguments; undefined where there is nothing to hand over or something is wrong. */
export function pluginArgs(plugin: string, written: object, place: Place, problems: Problems): unknown {
  switch (plugin) {
    case "NodeResourcesFit":
      return checked(ARGS_SCHEMAS.NodeResourcesFit, nodeResourcesFit);
    case "NodeResourcesBalancedAllocation":
      return checked(ARGS_SCHEMAS.NodeResourcesBalancedAllocation, balancedAllocation);
    case "NodeAffinity":
      return checked(ARGS_SCHEMAS.NodeAffinity, (args) =>
        nodeAffinity(args, placeBelow(place, "addedAffinity"), problems),
      );
    case "PodTopologySpread":
      return checked(ARGS_SCHEMAS.PodTopologySpread, podTopologySpread);
    case "InterPodAffinity":
      return checked(ARGS_SCHEMAS.InterPodAffinity, interPodAffinity);
    case "DefaultPreemption":
      return checked(ARGS_SCHEMAS.DefaultPreemption, defaultPreemption);
    case "VolumeBinding":
      return checked(ARGS_SCHEMAS.VolumeBinding, () => undefined);
    case "DynamicResources":
      return checked(ARGS_SCHEMAS.DynamicResources, () => undefined);
    default:
      return others(plugin, written, place, problems);
  }

  function checked<Schema extends z.ZodType>(
    schema: Schema,
    make: (args: z.infer<Schema>) => unknown,
  ): unknown {
    const args = checkShape(schema, written, place, problems);
    return args === undefined ? undefined : make(args);
  }
}

/** Kubernetes' other plugins take no arguments; those of others are handed over as they are. */
function others(plugin: string, written: object, place: Place, problems: Problems): unknown {
  if (inTreePlugin(plugin) === undefined) return written;
  const first = Object.keys(written)[0];
  if (first !== undefined) {
    addProblem(place, [first], { message: `expected no arguments: ${plugin} takes none` }, problems);
  }
  return undefined;
}

type Written<Plugin extends keyof typeof ARGS_SCHEMAS> = z.infer<(typeof ARGS_SCHEMAS)[Plugin]>;

function resourceSpecs(
  written: readonly { readonly name: string; readonly weight?: number | undefined }[] | undefined,
): readonly ResourceSpec[] {
  if (written === undefined || written.length === 0) return DEFAULT_RESOURCES;
  return written.map(({ name, weight }) => ({ name, weight: weight || 1 }));
}

function nodeResourcesFit(written: Written<"NodeResourcesFit">): NodeResourcesFitArgs {
  const { type = "LeastAllocated", resources, requestedToCapacityRatio } = written.scoringStrategy ?? {};
  const specs = resourceSpecs(resources);
  const scoringStrategy: ScoringStrategy =
    type === "RequestedToCapacityRatio"
      ? { type, resources: specs, shape: requestedToCapacityRatio?.shape ?? [] }
      : { type, resources: specs };
  return {
    ignoredResources: written.ignoredResources ?? [],
    ignoredResourceGroups: written.ignoredResourceGroups ?? [],
    scoringStrategy,
  };
}

function balancedAllocation(
  written: Written<"NodeResourcesBalancedAllocation">,
): NodeResourcesBalancedAllocationArgs {
  if (written.resources === undefined) return DEFAULT_BALANCED_ALLOCATION_ARGS;
  return { resources: resourceSpecs(written.resources) };
}

function podTopologySpread(written: Written<"PodTopologySpread">): PodTopologySpreadArgs {
  const defaultConstraints = (written.defaultConstraints ?? []).map(
    ({ maxSkew, topologyKey, whenUnsatisfiable, minDomains, nodeAffinityPolicy, nodeTaintsPolicy }) => ({
      maxSkew,
      topologyKey,
      whenUnsatisfiable,
      ...(minDomains === undefined ? {} : { minDomains }),
      nodeAffinityPolicy: nodeAffinityPolicy ?? ("Honor" as const),
      nodeTaintsPolicy: nodeTaintsPolicy ?? ("Ignore" as const),
      matchLabelKeys: [],
    }),
  );
  return { defaultConstraints, defaultingType: written.defaultingType ?? "System" };
}

function interPodAffinity(written: Written<"InterPodAffinity">): InterPodAffinityArgs {
  const defaults = DEFAULT_INTER_POD_AFFINITY_ARGS;
  return {
    hardPodAffinityWeight: written.hardPodAffinityWeight ?? defaults.hardPodAffinityWeight,
    ignorePreferredTermsOfExistingPods:
      written.ignorePreferredTermsOfExistingPods ?? defaults.ignorePreferredTermsOfExistingPods,
  };
}

function defaultPreemption(written: Written<"DefaultPreemption">): DefaultPreemptionArgs {
  const defaults = DEFAULT_PREEMPTION_ARGS;
  return {
    minCandidateNodesPercentage: written.minCandidateNodesPercentage ?? defaults.minCandidateNodesPercentage,
    minCandidateNodesAbsolute: written.minCandidateNodesAbsolute ?? defaults.minCandidateNodesAbsolute,
  };
}

/** Undefined affinity where something is wrong with it, which `problems` then says. */
function nodeAffinity(written: Written<"NodeAffinity">, place: Place, problems: Problems): NodeAffinityArgs {
  const { addedAffinity } = written;
  if (addedAffinity === undefined) return {};
  const affinity = readBelow({ nodeAffinity: addedAffinity }, place, 1, problems, readAffinity)?.nodeAffinity;
  return affinity === undefined ? {} : { addedAffinity: affinity };
}
