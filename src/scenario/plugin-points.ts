/**
 * Kubernetes' in-tree scheduling plugins: MultiPoint order, score weights and extension points of the default profile,
 * v1.34 (pkg/scheduler/apis/config/v1/default_plugins.go and the plugins' own interfaces).
 */
import type { ExtensionPoint } from "./scheduler-schema.js";

export interface InTreePlugin {
  readonly name: string;
  /** Weight in the default profile; 0: no score. */
  readonly scoreWeight: number;
  readonly points: readonly ExtensionPoint[];
}

export const IN_TREE_PLUGINS: readonly InTreePlugin[] = [
  { name: "SchedulingGates", scoreWeight: 0, points: ["preEnqueue"] },
  { name: "PrioritySort", scoreWeight: 0, points: ["queueSort"] },
  { name: "NodeUnschedulable", scoreWeight: 0, points: ["filter"] },
  { name: "NodeName", scoreWeight: 0, points: ["filter"] },
  { name: "TaintToleration", scoreWeight: 3, points: ["filter", "preScore", "score"] },
  { name: "NodeAffinity", scoreWeight: 2, points: ["preFilter", "filter", "preScore", "score"] },
  { name: "NodePorts", scoreWeight: 0, points: ["preFilter", "filter"] },
  { name: "NodeResourcesFit", scoreWeight: 1, points: ["preFilter", "filter", "preScore", "score"] },
  { name: "VolumeRestrictions", scoreWeight: 0, points: ["preFilter", "filter"] },
  { name: "NodeVolumeLimits", scoreWeight: 0, points: ["preFilter", "filter"] },
  {
    name: "VolumeBinding",
    scoreWeight: 0,
    points: ["preFilter", "filter", "preScore", "score", "reserve", "preBind"],
  },
  { name: "VolumeZone", scoreWeight: 0, points: ["preFilter", "filter"] },
  { name: "PodTopologySpread", scoreWeight: 2, points: ["preFilter", "filter", "preScore", "score"] },
  { name: "InterPodAffinity", scoreWeight: 2, points: ["preFilter", "filter", "preScore", "score"] },
  {
    name: "DynamicResources",
    scoreWeight: 0,
    points: ["preEnqueue", "preFilter", "filter", "postFilter", "reserve", "preBind"],
  },
  { name: "DefaultPreemption", scoreWeight: 0, points: ["preEnqueue", "postFilter"] },
  { name: "NodeResourcesBalancedAllocation", scoreWeight: 1, points: ["preScore", "score"] },
  { name: "ImageLocality", scoreWeight: 1, points: ["score"] },
  { name: "DefaultBinder", scoreWeight: 0, points: ["bind"] },
];

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
