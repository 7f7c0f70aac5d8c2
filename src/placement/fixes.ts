/**
 * For one refusal of one node: the changes that would take it away, on either side. They are proposals; whoever uses
 * them asks the scheduler again.
 */
import type { NodeSelectorRequirement, NodeSelectorTerm, Taint, Toleration } from "../api/objects.js";
import { labelOf } from "../api/selectors.js";
import { isTolerated } from "../api/tolerations.js";
import type { HostPort, NodeInfo, ProfileSpec, Rejection } from "../policies/framework/types.js";
import { type Change, UNSCHEDULABLE_TAINT_KEY } from "./changes.js";
import { podKey } from "./cluster.js";
import { resourceFixes } from "./fixes-resources.js";
import { affinityFixes, spreadFixes } from "./fixes-topology.js";
import { isDaemonPod } from "./nodes.js";
import type { Sandbox } from "./sandbox.js";

/** Who would have to change: the author of the pod, the owner of the node, or the pods that are in the way. */
export type Side = "pod" | "node" | "evict";

export interface Fix {
  readonly side: Side;
  readonly changes: readonly Change[];
}

/**
 * One side's proposals for the refusal that `sandbox` has just met on `node`. Empty: nothing that Seatrial knows of
 * would help there.
 */
export function fixesFor(sandbox: Sandbox, node: string, refusal: Rejection, side: Side): Fix[] {
  return proposals(sandbox, node, refusal, side).filter((fix) => fix.side === side);
}

/** Of all sides where that costs nothing; only of `side` where the scheduler has to be asked. */
function proposals(sandbox: Sandbox, node: string, { plugin, reasons }: Rejection, side: Side): Fix[] {
  switch (plugin) {
    case "NodeUnschedulable":
      return cordonFixes(sandbox, node);
    case "TaintToleration":
      return taintFixes(sandbox, node);
    case "NodeAffinity":
    case "PreFilterResult":
      return nodeAffinityFixes(sandbox, node);
    case "NodePorts":
      return portFixes(sandbox, node);
    case "NodeResourcesFit":
      return resourceFixes(sandbox, node);
    case "PodTopologySpread":
      return spreadFixes(sandbox, node, side);
    case "InterPodAffinity":
      return affinityFixes(sandbox, node, reasons, side);
    default:
      return [];
  }
}

const CORDON: Taint = { key: UNSCHEDULABLE_TAINT_KEY, value: "", effect: "NoSchedule" };

function cordonFixes(sandbox: Sandbox, node: string): Fix[] {
  return [
    { side: "pod", changes: [tolerationChange(sandbox, CORDON)] },
    { side: "node", changes: [{ kind: "uncordon", node }] },
  ];
}

/** All taints in the way at once: the plugin names only the first. */
function taintFixes(sandbox: Sandbox, node: string): Fix[] {
  const { tolerations } = sandbox.pod.spec;
  const taints = (sandbox.cluster.node(node)?.taints ?? []).filter(
    (taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(tolerations, taint),
  );
  return [
    { side: "pod", changes: taints.map((taint) => tolerationChange(sandbox, taint)) },
    { side: "node", changes: taints.map((taint) => ({ kind: "removeTaint", node, taint })) },
  ];
}

function tolerationChange(sandbox: Sandbox, { key, value, effect }: Taint): Change {
  const toleration: Toleration =
    value === "" ? { key, operator: "Exists", value, effect } : { key, operator: "Equal", value, effect };
  return { kind: "addToleration", pod: podKey(sandbox.pod), toleration };
}

/** Of the pod's own terms and of those that its profile adds. */
function nodeAffinityFixes(sandbox: Sandbox, node: string): Fix[] {
  const { pod } = sandbox;
  const info = sandbox.cluster.cache.node(sandbox.cluster.nodeId(node));
  const fixes: Fix[] = [];
  const own = ownAffinityChanges(sandbox, info);
  if (own.length > 0 && !isDaemonPod(pod)) fixes.push({ side: "pod", changes: own });
  const labels = labelChanges(sandbox, info);
  if (labels !== undefined && labels.length > 0) fixes.push({ side: "node", changes: labels });
  return fixes;
}

/** What the pod would have to give up. */
function ownAffinityChanges({ pod }: Sandbox, info: NodeInfo): Change[] {
  const changes: Change[] = [];
  for (const [key, value] of Object.entries(pod.spec.nodeSelector)) {
    if (labelOf(info.labels, key) !== value) {
      changes.push({ kind: "removeNodeSelector", pod: podKey(pod), key });
    }
  }
  const required = pod.spec.affinity?.nodeAffinity?.required;
  if (required !== undefined && !required.some((term) => termHolds(term, info))) {
    changes.push({ kind: "removeRequiredNodeAffinity", pod: podKey(pod) });
  }
  return changes;
}

/** The labels that the node would need; undefined where no label makes it match. */
function labelChanges({ pod, cluster }: Sandbox, info: NodeInfo): Change[] | undefined {
  const changes: Change[] = [];
  for (const [key, value] of Object.entries(pod.spec.nodeSelector)) {
    if (labelOf(info.labels, key) !== value) {
      changes.push({ kind: "setNodeLabel", node: info.name, key, value });
    }
  }
  const added = addedAffinityOf(cluster.profiles.find((p) => p.schedulerName === pod.spec.schedulerName));
  for (const terms of [pod.spec.affinity?.nodeAffinity?.required, added]) {
    if (terms === undefined || terms.some((term) => termHolds(term, info))) continue;
    const ways = terms.map((term) => labelsForTerm(term, info)).filter((way) => way !== undefined);
    const shortest = ways.sort((a, b) => a.length - b.length)[0];
    if (shortest === undefined) return undefined;
    changes.push(...shortest);
  }
  // A hostname is not a label to give away, and one label cannot be two.
  const keys = changes.map((change) => ("key" in change ? change.key : ""));
  return keys.includes("kubernetes.io/hostname") || new Set(keys).size < keys.length ? undefined : changes;
}

function addedAffinityOf(profile: ProfileSpec | undefined): readonly NodeSelectorTerm[] | undefined {
  const args = profile?.args.NodeAffinity;
  if (typeof args !== "object" || args === null || !("addedAffinity" in args)) return undefined;
  const { addedAffinity } = args as {
    readonly addedAffinity?: { readonly required?: readonly NodeSelectorTerm[] };
  };
  return addedAffinity?.required;
}

function termHolds({ matchExpressions, matchFields }: NodeSelectorTerm, info: NodeInfo): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => holds(requirement, labelOf(info.labels, requirement.key))) &&
    matchFields.every((requirement) => holds(requirement, info.name))
  );
}

function holds({ operator, values }: NodeSelectorRequirement, value: string | undefined): boolean {
  const [bound = ""] = values;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return isWhole(value) && isWhole(bound) && BigInt(value) > BigInt(bound);
    case "Lt":
      return isWhole(value) && isWhole(bound) && BigInt(value) < BigInt(bound);
  }
}

function isWhole(text: string | undefined): text is string {
  return text !== undefined && /^-?[0-9]+$/.test(text);
}

function labelsForTerm(term: NodeSelectorTerm, info: NodeInfo): Change[] | undefined {
  if (term.matchExpressions.length === 0) return undefined;
  if (!term.matchFields.every((requirement) => holds(requirement, info.name))) return undefined;
  const changes: Change[] = [];
  for (const requirement of term.matchExpressions) {
    if (holds(requirement, labelOf(info.labels, requirement.key))) continue;
    const change = labelFor(requirement, info.name);
    if (change === undefined) return undefined;
    changes.push(change);
  }
  return changes;
}

function labelFor({ key, operator, values }: NodeSelectorRequirement, node: string): Change | undefined {
  const [first = ""] = values;
  switch (operator) {
    case "In":
      return values.length === 0 ? undefined : { kind: "setNodeLabel", node, key, value: first };
    case "Exists":
      return { kind: "setNodeLabel", node, key, value: "true" };
    case "NotIn":
    case "DoesNotExist":
      return { kind: "removeNodeLabel", node, key };
    case "Gt":
    case "Lt": {
      if (!isWhole(first)) return undefined;
      const value = String(BigInt(first) + (operator === "Gt" ? 1n : -1n));
      // A label's value cannot begin with a dash.
      return value.startsWith("-") ? undefined : { kind: "setNodeLabel", node, key, value };
    }
  }
}

const PORT_MAX = 65_535;

function portFixes(sandbox: Sandbox, node: string): Fix[] {
  const pod = podKey(sandbox.pod);
  const others = sandbox.cluster.podsOn(node);
  const nominated = sandbox.cluster.nominatedOn(sandbox.cluster.nodeId(node));
  const taken = [...others.map(({ info }) => info), ...nominated].flatMap(({ shape }) => shape.hostPorts);
  const wanted = sandbox.info.shape.hostPorts;
  const evictions = others
    .filter(({ info }) => info.shape.hostPorts.some((held) => wanted.some((port) => clash(port, held))))
    .map(({ key }): Change => ({ kind: "removePod", pod: key, node }));
  const moves: Change[] = [];
  const used = new Set([...taken, ...wanted].map(({ port }) => port));
  for (const port of wanted) {
    if (!taken.some((held) => clash(port, held))) continue;
    if (moves.some((move) => "from" in move && move.from === port.port)) continue;
    let to = port.port + 1;
    while (to <= PORT_MAX && used.has(to)) to++;
    if (to > PORT_MAX) continue;
    used.add(to);
    moves.push({ kind: "changeHostPort", pod, protocol: port.protocol, from: port.port, to });
  }
  const fixes: Fix[] = [];
  if (moves.length > 0) fixes.push({ side: "pod", changes: moves });
  if (evictions.length > 0) fixes.push({ side: "evict", changes: evictions });
  return fixes;
}

function clash(a: HostPort, b: HostPort): boolean {
  if (a.protocol !== b.protocol || a.port !== b.port) return false;
  return a.ip === "0.0.0.0" || b.ip === "0.0.0.0" || a.ip === b.ip;
}
