import type { ProfileSpec } from "./framework/types.js";

/** schedulerName of pods that name none. */
export const DEFAULT_SCHEDULER_NAME = "default-scheduler";

/** Plugins of the default profile in MultiPoint order with their score weights (default_plugins.go of v1.34). */
export const DEFAULT_PLUGINS: readonly { readonly name: string; readonly scoreWeight: number }[] = [
  { name: "SchedulingGates", scoreWeight: 0 },
  { name: "PrioritySort", scoreWeight: 0 },
  { name: "NodeUnschedulable", scoreWeight: 0 },
  { name: "NodeName", scoreWeight: 0 },
  { name: "TaintToleration", scoreWeight: 3 },
  { name: "NodeAffinity", scoreWeight: 2 },
  { name: "NodePorts", scoreWeight: 0 },
  { name: "NodeResourcesFit", scoreWeight: 1 },
  { name: "VolumeRestrictions", scoreWeight: 0 },
  { name: "NodeVolumeLimits", scoreWeight: 0 },
  // Its score is behind a feature gate that is off; the weight stands there all the same.
  { name: "VolumeBinding", scoreWeight: 1 },
  { name: "VolumeZone", scoreWeight: 0 },
  { name: "PodTopologySpread", scoreWeight: 2 },
  { name: "InterPodAffinity", scoreWeight: 2 },
  { name: "DefaultPreemption", scoreWeight: 0 },
  { name: "NodeResourcesBalancedAllocation", scoreWeight: 1 },
  { name: "ImageLocality", scoreWeight: 1 },
];

/** kube-scheduler's other default plugins: a configuration may name them, here they have nothing to do. */
export const UNMODELLED_PLUGINS: readonly string[] = ["DynamicResources", "DefaultBinder"];

/** The profile of a kube-scheduler without configuration. */
export function defaultProfile(schedulerName = DEFAULT_SCHEDULER_NAME): ProfileSpec {
  return {
    schedulerName,
    plugins: DEFAULT_PLUGINS.map(({ name, scoreWeight }) => ({
      name,
      scoreWeight,
      filter: true,
      postFilter: true,
    })),
    args: {},
    percentageOfNodesToScore: 0,
    tieBreak: "random",
  };
}

/**
 * The default filters and preemption, and only this policy scoring, over all nodes. Of kube-scheduler's own scoring
 * plugins the same is made: that plugin alone scores.
 */
export function profileOf(policy: string, schedulerName = DEFAULT_SCHEDULER_NAME): ProfileSpec {
  const base = defaultProfile(schedulerName);
  const plugins = base.plugins.map((entry) => ({ ...entry, scoreWeight: entry.name === policy ? 1 : 0 }));
  if (!plugins.some((entry) => entry.name === policy)) {
    plugins.push({ name: policy, scoreWeight: 1, filter: true, postFilter: true });
  }
  return { ...base, plugins, percentageOfNodesToScore: 100 };
}
