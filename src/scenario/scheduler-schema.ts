/**
 * KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1) as it is written: strict, as kube-scheduler decodes it.
 * Fields that decide nothing in a simulation (profiling, kubeconfig, extenders' addresses) are accepted.
 */
import { z } from "zod";
import { duration, positiveDuration, wholeNumber } from "./scalars.js";

const text = z.string();
const flag = z.boolean({ error: "expected true or false" });

export const EXTENSION_POINTS = [
  "preEnqueue",
  "queueSort",
  "preFilter",
  "filter",
  "postFilter",
  "preScore",
  "score",
  "reserve",
  "permit",
  "preBind",
  "bind",
  "postBind",
] as const;

export type ExtensionPoint = (typeof EXTENSION_POINTS)[number];

const pluginSet = z.strictObject({
  enabled: z.array(z.strictObject({ name: text, weight: wholeNumber(0).optional() })).optional(),
  disabled: z.array(z.strictObject({ name: text, weight: wholeNumber(0).optional() })).optional(),
});

const profile = z.strictObject({
  schedulerName: text.optional(),
  percentageOfNodesToScore: wholeNumber(0, 100).optional(),
  plugins: z
    .strictObject({
      multiPoint: pluginSet.optional(),
      preEnqueue: pluginSet.optional(),
      queueSort: pluginSet.optional(),
      preFilter: pluginSet.optional(),
      filter: pluginSet.optional(),
      postFilter: pluginSet.optional(),
      preScore: pluginSet.optional(),
      score: pluginSet.optional(),
      reserve: pluginSet.optional(),
      permit: pluginSet.optional(),
      preBind: pluginSet.optional(),
      bind: pluginSet.optional(),
      postBind: pluginSet.optional(),
    })
    .optional(),
  pluginConfig: z
    .array(z.strictObject({ name: text, args: z.record(text, z.unknown()).optional() }))
    .optional(),
});

export const schedulerConfigurationSchema = z.strictObject({
  apiVersion: z.literal("kubescheduler.config.k8s.io/v1", {
    error: "expected kubescheduler.config.k8s.io/v1",
  }),
  kind: z.literal("KubeSchedulerConfiguration", { error: "expected KubeSchedulerConfiguration" }),
  parallelism: wholeNumber(1).optional(),
  leaderElection: z
    .strictObject({
      leaderElect: flag.optional(),
      leaseDuration: positiveDuration.optional(),
      renewDeadline: positiveDuration.optional(),
      retryPeriod: positiveDuration.optional(),
      resourceLock: text.optional(),
      resourceName: text.optional(),
      resourceNamespace: text.optional(),
    })
    .optional(),
  clientConnection: z
    .strictObject({
      kubeconfig: text.optional(),
      acceptContentTypes: text.optional(),
      contentType: text.optional(),
      qps: z.number().optional(),
      burst: wholeNumber(0).optional(),
    })
    .optional(),
  enableProfiling: flag.optional(),
  enableContentionProfiling: flag.optional(),
  percentageOfNodesToScore: wholeNumber(0, 100).optional(),
  podInitialBackoffSeconds: wholeNumber(1).optional(),
  podMaxBackoffSeconds: wholeNumber(1).optional(),
  profiles: z.array(profile).optional(),
  extenders: z.array(z.record(text, z.unknown())).optional(),
  delayCacheUntilActive: flag.optional(),
});

export type SchedulerConfigurationWritten = z.infer<typeof schedulerConfigurationSchema>;
export type ProfileWritten = z.infer<typeof profile>;
export type PluginSetWritten = z.infer<typeof pluginSet>;

/** Arguments may carry their type, as in `kind: NodeResourcesFitArgs`. */
const typed = { apiVersion: text.optional(), kind: text.optional() };

const resource = z.strictObject({ name: text.min(1), weight: wholeNumber(0, 100).optional() });

const nodeResourcesFit = z.strictObject({
  ...typed,
  ignoredResources: z.array(text).optional(),
  ignoredResourceGroups: z
    .array(text.regex(/^[^/]+$/, { error: "expected the part of a resource's name before the slash" }))
    .optional(),
  scoringStrategy: z
    .strictObject({
      type: z
        .enum(["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"], {
          error: "expected LeastAllocated, MostAllocated or RequestedToCapacityRatio",
        })
        .optional(),
      resources: z.array(resource).optional(),
      requestedToCapacityRatio: z
        .strictObject({
          shape: z
            .array(z.strictObject({ utilization: wholeNumber(0, 100), score: wholeNumber(0, 10).default(0) }))
            .min(1)
            .refine(
              (points) =>
                points.every(
                  (point, at) => at === 0 || point.utilization > (points[at - 1]?.utilization ?? 0),
                ),
              {
                error: "expected every utilization to be above the one before it",
              },
            ),
        })
        .optional(),
    })
    .refine(
      (strategy) =>
        strategy.type !== "RequestedToCapacityRatio" || strategy.requestedToCapacityRatio !== undefined,
      {
        error: "expected requestedToCapacityRatio with a shape",
        path: ["requestedToCapacityRatio"],
      },
    )
    .optional(),
});

const balancedAllocation = z.strictObject({
  ...typed,
  resources: z
    .array(
      z.strictObject({
        name: text.min(1),
        weight: z.literal([0, 1], { error: "expected 1: the rule knows no weights" }).optional(),
      }),
    )
    .optional(),
});

/** Names of fields only: what they hold is read as a pod's affinity is. */
const nodeSelectorTerm = z.strictObject({
  matchExpressions: z.array(nodeSelectorRequirement()).optional(),
  matchFields: z.array(nodeSelectorRequirement()).optional(),
});

const nodeAffinity = z.strictObject({
  ...typed,
  addedAffinity: z
    .strictObject({
      requiredDuringSchedulingIgnoredDuringExecution: z
        .strictObject({ nodeSelectorTerms: z.array(nodeSelectorTerm).optional() })
        .optional(),
      preferredDuringSchedulingIgnoredDuringExecution: z
        .array(z.strictObject({ weight: z.unknown().optional(), preference: nodeSelectorTerm.optional() }))
        .optional(),
    })
    .optional(),
});

function nodeSelectorRequirement() {
  const anything = z.unknown().optional();
  return z.strictObject({ key: anything, operator: anything, values: anything });
}

const inclusionPolicy = z.enum(["Honor", "Ignore"], { error: "expected Honor or Ignore" });

const podTopologySpread = z
  .strictObject({
    ...typed,
    defaultConstraints: z
      .array(
        z.strictObject({
          maxSkew: wholeNumber(1),
          topologyKey: text.min(1),
          whenUnsatisfiable: z.enum(["DoNotSchedule", "ScheduleAnyway"], {
            error: "expected DoNotSchedule or ScheduleAnyway",
          }),
          minDomains: wholeNumber(1).optional(),
          nodeAffinityPolicy: inclusionPolicy.optional(),
          nodeTaintsPolicy: inclusionPolicy.optional(),
          // Accepted as by kube-scheduler, which puts the selector of services and owners in the place of all this.
          matchLabelKeys: z.array(text).optional(),
        }),
      )
      .refine(
        (constraints) =>
          new Set(constraints.map((one) => `${one.whenUnsatisfiable} ${one.topologyKey}`)).size ===
          constraints.length,
        { error: "expected each pair of topologyKey and whenUnsatisfiable once" },
      )
      .optional(),
    defaultingType: z.enum(["System", "List"], { error: "expected System or List" }).optional(),
  })
  .refine((args) => args.defaultingType === "List" || (args.defaultConstraints ?? []).length === 0, {
    error: "expected no defaultConstraints with defaultingType System",
    path: ["defaultConstraints"],
  });

const interPodAffinity = z.strictObject({
  ...typed,
  hardPodAffinityWeight: wholeNumber(0, 100).optional(),
  ignorePreferredTermsOfExistingPods: flag.optional(),
});

const defaultPreemption = z
  .strictObject({
    ...typed,
    minCandidateNodesPercentage: wholeNumber(0, 100).optional(),
    minCandidateNodesAbsolute: wholeNumber(0).optional(),
  })
  .refine((args) => args.minCandidateNodesPercentage !== 0 || args.minCandidateNodesAbsolute !== 0, {
    error: "expected minCandidateNodesPercentage or minCandidateNodesAbsolute above 0",
  });

const volumeBinding = z.strictObject({
  ...typed,
  bindTimeoutSeconds: z.int().min(0).optional(),
  shape: z.array(z.record(text, z.unknown())).optional(),
});

const dynamicResources = z.strictObject({ ...typed, filterTimeout: duration.optional() });

/** Arguments by plugin; Kubernetes' plugins that are not here take none. */
export const ARGS_SCHEMAS = {
  NodeResourcesFit: nodeResourcesFit,
  NodeResourcesBalancedAllocation: balancedAllocation,
  NodeAffinity: nodeAffinity,
  PodTopologySpread: podTopologySpread,
  InterPodAffinity: interPodAffinity,
  DefaultPreemption: defaultPreemption,
  VolumeBinding: volumeBinding,
  DynamicResources: dynamicResources,
} as const;
