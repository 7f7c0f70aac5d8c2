/** PodTopologySpread's queueing hints (podtopologyspread/plugin.go, isSchedulableAfterPodChange and ...NodeChange). */
import type { Taint } from "../../api/objects.js";
import type { NodeInfo, PodInfo, QueueEvent } from "../framework/types.js";
import type { CountedConstraint } from "./spread-constraints.js";

/** May the event help a pod that these hard constraints kept away? */
export function mayRebalance(hard: readonly CountedConstraint[], pod: PodInfo, event: QueueEvent): boolean {
  switch (event.kind) {
    case "AssignedPodAdd":
    case "AssignedPodDelete": {
      const { namespace, labels } = event.pod.shape;
      return namespace === pod.shape.namespace && hard.some(({ matches }) => matches(labels));
    }
    case "NodeAdd":
      return hasAllKeys(hard, event.node.info);
    case "NodeDelete":
      return hasAllKeys(hard, event.before.info);
    case "NodeLabelUpdate":
    case "NodeTaintUpdate":
      return mayMatter(hard, event.before.info, event.node.info);
    default:
      return false;
  }
}

function mayMatter(hard: readonly CountedConstraint[], before: NodeInfo, now: NodeInfo): boolean {
  const has = hasAllKeys(hard, now);
  if (has !== hasAllKeys(hard, before)) return true;
  if (!has) return false;
  return (
    hard.some(({ topologyKey }) => before.labels[topologyKey] !== now.labels[topologyKey]) ||
    !sameTaints(before.taints, now.taints)
  );
}

function hasAllKeys(hard: readonly CountedConstraint[], { labels }: NodeInfo): boolean {
  return hard.every(({ topologyKey }) => topologyKey in labels);
}

function sameTaints(a: readonly Taint[], b: readonly Taint[]): boolean {
  return (
    a.length === b.length &&
    a.every((taint, i) => {
      const other = b[i];
      return taint.key === other?.key && taint.value === other.value && taint.effect === other.effect;
    })
  );
}
