/** Changes in words. */
import type { PodAffinityTerm, Taint, Toleration } from "../api/objects.js";
import type { Change } from "./changes.js";

/** One change as an imperative: `increase allocatable cpu of node n1 by 200m`. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case "increaseAllocatable":
      return `${change.by} more ${change.resource} on node ${change.node}`;
    case "setNodeLabel":
      return `the label ${change.key}=${change.value} on node ${change.node}`;
    case "removeNodeLabel":
      return `node ${change.node} without its label ${change.key}`;
    case "removeTaint":
      return isCondition(change.taint)
        ? `node ${change.node} healthy again (taint ${taintText(change.taint)} gone)`
        : `node ${change.node} without its taint ${taintText(change.taint)}`;
    case "uncordon":
      return `node ${change.node} uncordoned`;
    case "addNode":
      return `one more node like ${change.like}`;
    case "removePod":
      return `pod ${change.pod} gone from node ${change.node}`;
    case "addToleration":
      return `a toleration for ${tolerationText(change.toleration)}`;
    case "reduceRequest":
      return `a request of at most ${change.to} ${change.resource} in place of ${change.from}`;
    case "changeHostPort":
      return `host port ${change.to} in place of ${change.from} (${change.protocol})`;
    case "removeNodeSelector":
      return `no nodeSelector for ${change.key}`;
    case "removeRequiredNodeAffinity":
      return "no required node affinity";
    case "removeAffinityTerm": {
      const rule = change.rule === "podAffinity" ? "pod affinity" : "pod anti-affinity";
      return `no required ${rule} to ${termText(change.term)}`;
    }
    case "setMaxSkew":
      return `maxSkew ${change.maxSkew} in the spread constraint over ${change.topologyKey}`;
    case "softenSpreadConstraint":
      return `ScheduleAnyway in the spread constraint over ${change.topologyKey}`;
    case "removeSchedulingGates":
      return `its scheduling ${change.gates.length === 1 ? "gate" : "gates"} removed (${change.gates.join(", ")})`;
  }
}

/** Written by a controller while the node is in trouble: it goes when the trouble does. */
function isCondition({ key }: Taint): boolean {
  return key.startsWith("node.kubernetes.io/");
}

function taintText({ key, value, effect }: Taint): string {
  return `${key}${value === "" ? "" : `=${value}`}:${effect}`;
}

function tolerationText({ key, value, effect }: Toleration): string {
  return `${key}${value === "" ? "" : `=${value}`}${effect === "" ? "" : `:${effect}`}`;
}

function termText({ labelSelector, topologyKey }: PodAffinityTerm): string {
  const labels = Object.entries(labelSelector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const others = (labelSelector?.matchExpressions ?? []).map(
    ({ key, operator, values }) =>
      `${key} ${operator}${values.length === 0 ? "" : ` (${values.join(", ")})`}`,
  );
  const what = [...labels, ...others].join(", ");
  return `pods ${what === "" ? "of any labels" : `with ${what}`} over ${topologyKey}`;
}
