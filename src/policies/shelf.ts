/** The one shelf: every plugin and policy there is. Help texts, the schema, tests and tables read it. */
import type { PluginFactory } from "./framework/types.js";
import { defaultPreemption } from "./kubernetes/default-preemption.js";
import { imageLocality } from "./kubernetes/image-locality.js";
import { interPodAffinity } from "./kubernetes/inter-pod-affinity.js";
import { nodeAffinity } from "./kubernetes/node-affinity.js";
import { nodeName } from "./kubernetes/node-name.js";
import { nodePorts } from "./kubernetes/node-ports.js";
import { nodeResourcesBalancedAllocation } from "./kubernetes/node-resources-balanced-allocation.js";
import { nodeResourcesFit } from "./kubernetes/node-resources-fit.js";
import { nodeUnschedulable } from "./kubernetes/node-unschedulable.js";
import { nodeVolumeLimits } from "./kubernetes/node-volume-limits.js";
import { podTopologySpread } from "./kubernetes/pod-topology-spread.js";
import { prioritySort } from "./kubernetes/priority-sort.js";
import { schedulingGates } from "./kubernetes/scheduling-gates.js";
import { taintToleration } from "./kubernetes/taint-toleration.js";
import { volumeBinding } from "./kubernetes/volume-binding.js";
import { volumeRestrictions } from "./kubernetes/volume-restrictions.js";
import { volumeZone } from "./kubernetes/volume-zone.js";
import { bestFit } from "./research/best-fit.js";
import { dotProduct } from "./research/dot-product.js";
import { firstFit } from "./research/first-fit.js";
import { random } from "./research/random.js";
import { roundRobin } from "./research/round-robin.js";
import { worstFit } from "./research/worst-fit.js";

/** kube-scheduler's plugins in its own (MultiPoint) order, then the policies for comparison. */
export const SHELF: readonly PluginFactory[] = [
  schedulingGates,
  prioritySort,
  nodeUnschedulable,
  nodeName,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  volumeRestrictions,
  nodeVolumeLimits,
  volumeBinding,
  volumeZone,
  podTopologySpread,
  interPodAffinity,
  defaultPreemption,
  nodeResourcesBalancedAllocation,
  imageLocality,
  firstFit,
  bestFit,
  worstFit,
  random,
  roundRobin,
  dotProduct,
];

/** The shelf by name, with a user's own policies added. Throws when two have the same name. */
export function shelfWith(own: readonly PluginFactory[] = []): ReadonlyMap<string, PluginFactory> {
  const byName = new Map<string, PluginFactory>();
  for (const factory of [...SHELF, ...own]) {
    if (byName.has(factory.name)) {
      throw new Error(`policy ${factory.name} is on the shelf already; give yours another name`);
    }
    byName.set(factory.name, factory);
  }
  return byName;
}
