/**
 * Kubernetes' in-tree scheduling plugins: MultiPoint order and extension points of the default profile, v1.34
 * (pkg/scheduler/apis/config/v1/default_plugins.go and the plugins' own interfaces).
 */
import { DEFAULT_PLUGINS } from "../policies/profiles.js";
import type { ExtensionPoint } from "./scheduler-schema.js";

export interface InTreePlugin {
  readonly name: string;
  /** Weight in the default profile; 0: no score. */
  readonly scoreWeight: number;
  readonly points: readonly ExtensionPoint[];
}

const POINTS: readonly Omit<InTreePlugin, "scoreWeight">[] = [
  { name: "SchedulingGates", points: ["preEnqueue"] },
  { name: "PrioritySort", points: ["queueSort"] },
  { name: "NodeUnschedulable", points: ["filter"] },
  { name: "NodeName", points: ["filter"] },
  { name: "TaintToleration", points: ["filter", "preScore", "score"] },
  { name: "NodeAffinity", points: ["preFilter", "filter", "preScore", "score"] },
  { name: "NodePorts", points: ["preFilter", "filter"] },
  { name: "NodeResourcesFit", points: ["preFilter", "filter", "preScore", "score"] },
  { name: "VolumeRestrictions", points: ["preFilter", "filter"] },
  { name: "NodeVolumeLimits", points: ["preFilter", "filter"] },
  {
    name: "VolumeBinding",
    points: ["preFilter", "filter", "preScore", "score", "reserve", "preBind"],
  },
  { name: "VolumeZone", points: ["preFilter", "filter"] },
  { name: "PodTopologySpread", points: ["preFilter", "filter", "preScore", "score"] },
  { name: "InterPodAffinity", points: ["preFilter", "filter", "preScore", "score"] },
  {
    name: "DynamicResources",
    points: ["preEnqueue", "preFilter", "filter", "postFilter", "reserve", "preBind"],
  },
  { name: "DefaultPreemption", points: ["preEnqueue", "postFilter"] },
  { name: "NodeResourcesBalancedAllocation", points: ["preScore", "score"] },
  { name: "ImageLocality", points: ["score"] },
  { name: "DefaultBinder", points: ["bind"] },
];

const WEIGHTS: ReadonlyMap<string, number> = new Map(
  DEFAULT_PLUGINS.map(({ name, scoreWeight }) => [name, scoreWeight]),
);

/** In MultiPoint order. The weights are the default profile's; what is not modelled has none. */
export const IN_TREE_PLUGINS: readonly InTreePlugin[] = POINTS.map((plugin) => ({
  ...plugin,
  scoreWeight: WEIGHTS.get(plugin.name) ?? 0,
}));

const BY_NAME: ReadonlyMap<string, InTreePlugin> = new Map(
  IN_TREE_PLUGINS.map((plugin) => [plugin.name, plugin]),
);

/** Undefined for a plugin that Kubernetes does not ship. */
export function inTreePlugin(name: string): InTreePlugin | undefined {
  return BY_NAME.get(name);
}

/** Does the plugin act at the point? Others' plugins are taken to filter, score and reserve. */
export function actsAt(name: string, point: ExtensionPoint): boolean {
  const plugin = BY_NAME.get(name);
  if (plugin !== undefined) return plugin.points.includes(point);
  return OTHERS_POINTS.includes(point);
}

const OTHERS_POINTS: readonly ExtensionPoint[] = ["preFilter", "filter", "preScore", "score", "reserve"];
