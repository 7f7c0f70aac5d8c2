/** What would satisfy spread constraints and pod affinity on a node. */
import type { PodAffinityTerm } from "../api/objects.js";
import { labelOf } from "../api/selectors.js";
import type { AffinityTerm, PodInfo, SpreadConstraint } from "../policies/framework/types.js";
import type { AffinityRule, Change } from "./changes.js";
import { keyOfInfo, type PlacementCluster, podKey } from "./cluster.js";
import type { Fix } from "./fixes.js";
import type { Sandbox } from "./sandbox.js";

/** More pods than this are no longer a proposal. */
const EVICTIONS_MAX = 5;

// ── PodTopologySpread ──

export function spreadFixes(sandbox: Sandbox, node: string): Fix[] {
  const fixes: Fix[] = [];
  const violated = violatedConstraints(sandbox, node);
  const pod = podKey(sandbox.pod);
  const key = (constraint: SpreadConstraint): string => constraint.topologyKey;
  const missing = violated.filter((constraint) => labelAt(sandbox, node, key(constraint)) === undefined);
  if (missing.length > 0) {
    const labels = missing.flatMap((constraint) => domainLabel(sandbox, node, constraint));
    if (labels.length === missing.length) fixes.push({ side: "node", changes: labels });
  } else if (violated.length > 0) {
    const skews = violated.map((constraint) => skewChange(sandbox, node, constraint));
    if (skews.every((change) => change !== undefined)) fixes.push({ side: "pod", changes: skews });
  }
  if (violated.length > 0) {
    const changes = violated.map(
      (constraint): Change => ({ kind: "softenSpreadConstraint", pod, topologyKey: key(constraint) }),
    );
    fixes.push({ side: "pod", changes });
  }
  const leaving = spreadEvictions(sandbox, node, violated);
  if (leaving.length > 0) fixes.push({ side: "evict", changes: leaving });
  return fixes;
}

/** Those of the pod's own hard constraints that refuse the node with the others set aside. */
function violatedConstraints(sandbox: Sandbox, node: string): SpreadConstraint[] {
  const hard = sandbox.info.shape.spreadConstraints.filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule",
  );
  if (hard.length <= 1) return hard;
  const pod = podKey(sandbox.pod);
  return hard.filter((constraint) => {
    const mark = sandbox.mark();
    for (const other of hard) {
      if (other.topologyKey !== constraint.topologyKey) {
        sandbox.apply({ kind: "softenSpreadConstraint", pod, topologyKey: other.topologyKey });
      }
    }
    const refused = sandbox.check(node)?.plugin === "PodTopologySpread";
    sandbox.back(mark);
    return refused;
  });
}

/** The least skew under which the node would pass, found by doubling and halving. */
function skewChange(sandbox: Sandbox, node: string, constraint: SpreadConstraint): Change | undefined {
  const pod = podKey(sandbox.pod);
  const { topologyKey, maxSkew } = constraint;
  const change = (skew: number): Change => ({ kind: "setMaxSkew", pod, topologyKey, maxSkew: skew });
  const passes = (skew: number): boolean => {
    const mark = sandbox.mark();
    for (const other of sandbox.info.shape.spreadConstraints) {
      if (other.topologyKey === topologyKey || other.whenUnsatisfiable !== "DoNotSchedule") continue;
      sandbox.apply({ kind: "softenSpreadConstraint", pod, topologyKey: other.topologyKey });
    }
    sandbox.apply(change(skew));
    const passed = sandbox.check(node)?.plugin !== "PodTopologySpread";
    sandbox.back(mark);
    return passed;
  };
  let step = 1;
  while (step <= SKEW_STEP_MAX && !passes(maxSkew + step)) step *= 2;
  if (step > SKEW_STEP_MAX) return undefined;
  let low = maxSkew + Math.floor(step / 2);
  let high = maxSkew + step;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (passes(middle)) high = middle;
    else low = middle;
  }
  return change(high);
}

const SKEW_STEP_MAX = 4096;

/** The label of the domain with the fewest counted pods, which is where one more is welcome. */
function domainLabel(sandbox: Sandbox, node: string, constraint: SpreadConstraint): Change[] {
  const counts = new Map<string, number>();
  const { cache } = sandbox.cluster;
  for (const id of cache.nodeOrder) {
    const value = labelOf(cache.node(id).labels, constraint.topologyKey);
    if (value === undefined) continue;
    const matching = cache.podsOn(id).filter((pod) => isCounted(constraint, sandbox.info, pod)).length;
    counts.set(value, (counts.get(value) ?? 0) + matching);
  }
  const [least] = [...counts].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  if (least === undefined) return [];
  return [{ kind: "setNodeLabel", node, key: constraint.topologyKey, value: least[0] }];
}

function isCounted(constraint: SpreadConstraint, incoming: PodInfo, pod: PodInfo): boolean {
  if (constraint.selectorIsEmpty || pod.terminating) return false;
  return pod.shape.namespace === incoming.shape.namespace && constraint.matches(pod.shape.labels);
}

/** Fewer replicas in the node's domain: one after the other until the node passes. */
function spreadEvictions(sandbox: Sandbox, node: string, violated: readonly SpreadConstraint[]): Change[] {
  const changes: Change[] = [];
  const mark = sandbox.mark();
  for (const constraint of violated) {
    const value = labelAt(sandbox, node, constraint.topologyKey);
    if (value === undefined) continue;
    for (const { pod, on } of podsInDomain(sandbox.cluster, constraint.topologyKey, value)) {
      if (changes.length >= EVICTIONS_MAX || sandbox.check(node)?.plugin !== "PodTopologySpread") break;
      if (!isCounted(constraint, sandbox.info, pod)) continue;
      const change: Change = { kind: "removePod", pod: keyOfInfo(pod), node: on };
      sandbox.apply(change);
      changes.push(change);
    }
  }
  const enough = sandbox.check(node)?.plugin !== "PodTopologySpread";
  sandbox.back(mark);
  return enough ? changes : [];
}

// ── InterPodAffinity ──

export function affinityFixes(sandbox: Sandbox, node: string, reasons: readonly string[]): Fix[] {
  const [reason = ""] = reasons;
  if (reason.includes("existing pods")) return objectionFixes(sandbox, node);
  return reason.includes("anti-affinity") ? antiAffinityFixes(sandbox, node) : nearnessFixes(sandbox, node);
}

/** Pods here that do not want the incoming one beside them. */
function objectionFixes(sandbox: Sandbox, node: string): Fix[] {
  const { cluster, info } = sandbox;
  const namespace = cluster.cache.namespaceLabels(info.shape.namespace);
  const objecting = (pod: PodInfo, on: string): boolean =>
    pod.shape.requiredAntiAffinity.some(
      (term) =>
        term.matches(info.shape, namespace) &&
        labelAt(sandbox, node, term.topologyKey) !== undefined &&
        labelAt(sandbox, node, term.topologyKey) === labelAt(sandbox, on, term.topologyKey),
    );
  const changes: Change[] = [];
  for (const id of cluster.cache.nodesWithRequiredAntiAffinityPods()) {
    const on = cluster.cache.node(id).name;
    for (const pod of cluster.cache.podsWithRequiredAntiAffinityOn(id)) {
      if (objecting(pod, on)) changes.push({ kind: "removePod", pod: keyOfInfo(pod), node: on });
    }
  }
  return fewEvictions(changes);
}

/** The incoming pod does not want to be beside pods here. */
function antiAffinityFixes(sandbox: Sandbox, node: string): Fix[] {
  const matched = matchedTerms(sandbox, node, sandbox.info.shape.requiredAntiAffinity);
  const evictions = new Map<string, Change>();
  for (const { pods } of matched) {
    for (const { pod, on } of pods) {
      const key = keyOfInfo(pod);
      evictions.set(key, { kind: "removePod", pod: key, node: on });
    }
  }
  const terms = ownTerms(sandbox, "podAntiAffinity");
  const changes = matched.flatMap(({ index }): Change[] => {
    const term = terms[index];
    const pod = podKey(sandbox.pod);
    return term === undefined ? [] : [{ kind: "removeAffinityTerm", pod, rule: "podAntiAffinity", term }];
  });
  const fixes = fewEvictions([...evictions.values()]);
  if (changes.length > 0) fixes.push({ side: "pod", changes });
  return fixes;
}

/** The incoming pod wants to be beside pods that are not here. */
function nearnessFixes(sandbox: Sandbox, node: string): Fix[] {
  const { cluster, info } = sandbox;
  const terms = ownTerms(sandbox, "podAffinity");
  const pod = podKey(sandbox.pod);
  const fixes: Fix[] = [];
  const removal = (term: PodAffinityTerm): Change => ({
    kind: "removeAffinityTerm",
    pod,
    rule: "podAffinity",
    term,
  });
  const single = terms.find((term) => {
    const mark = sandbox.mark();
    sandbox.apply(removal(term));
    const refusal = sandbox.check(node);
    sandbox.back(mark);
    return refusal === undefined || !refusal.reasons.includes(AFFINITY_REASON);
  });
  const given = single === undefined ? terms : [single];
  if (given.length > 0) fixes.push({ side: "pod", changes: given.map(removal) });
  // A node outside of the topology could join the domain where such pods are.
  const labels: Change[] = [];
  for (const term of info.shape.requiredAffinity) {
    if (labelAt(sandbox, node, term.topologyKey) !== undefined) continue;
    const value = domainWith(cluster, term);
    if (value !== undefined && !labels.some((label) => "key" in label && label.key === term.topologyKey)) {
      labels.push({ kind: "setNodeLabel", node, key: term.topologyKey, value });
    }
  }
  if (labels.length > 0) fixes.push({ side: "node", changes: labels });
  return fixes;
}

const AFFINITY_REASON = "node(s) didn't match pod affinity rules";

function fewEvictions(changes: readonly Change[]): Fix[] {
  return changes.length > 0 && changes.length <= EVICTIONS_MAX ? [{ side: "evict", changes }] : [];
}

function ownTerms({ pod }: Sandbox, rule: AffinityRule): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.[rule]?.required ?? [];
}

interface PodOn {
  readonly pod: PodInfo;
  readonly on: string;
}

/** Terms with the pods in the node's domain that they select; those without any are left out. */
function matchedTerms(
  { cluster }: Sandbox,
  node: string,
  terms: readonly AffinityTerm[],
): { readonly index: number; readonly pods: readonly PodOn[] }[] {
  const labels = cluster.node(node)?.metadata.labels ?? {};
  return terms
    .map((term, index) => {
      const value = labelOf(labels, term.topologyKey);
      const pods =
        value === undefined
          ? []
          : podsInDomain(cluster, term.topologyKey, value).filter(({ pod }) => selects(cluster, term, pod));
      return { index, pods };
    })
    .filter(({ pods }) => pods.length > 0);
}

/** As kube-scheduler asks of an incoming pod's terms: also with no namespace labels at all. */
function selects({ cache }: PlacementCluster, term: AffinityTerm, { shape }: PodInfo): boolean {
  return term.matches(shape, cache.namespaceLabels(shape.namespace)) || term.matches(shape, {});
}

function domainWith(cluster: PlacementCluster, term: AffinityTerm): string | undefined {
  const { cache } = cluster;
  for (const id of cache.nodeOrder) {
    const value = labelOf(cache.node(id).labels, term.topologyKey);
    if (value !== undefined && cache.podsOn(id).some((pod) => selects(cluster, term, pod))) return value;
  }
  return undefined;
}

/** In node order, the least important of a node first. */
function podsInDomain({ cache }: PlacementCluster, key: string, value: string): PodOn[] {
  const found: PodOn[] = [];
  for (const id of cache.nodeOrder) {
    const { name, labels } = cache.node(id);
    if (labelOf(labels, key) !== value) continue;
    for (const pod of cache.podsOn(id)) found.push({ pod, on: name });
  }
  return found.sort((a, b) => a.pod.shape.priority - b.pod.shape.priority);
}

function labelAt({ cluster }: Sandbox, node: string, key: string): string | undefined {
  return labelOf(cluster.node(node)?.metadata.labels ?? {}, key);
}
