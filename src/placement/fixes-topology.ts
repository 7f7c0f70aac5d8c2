/** What would satisfy spread constraints and pod affinity on a node. */
import type { PodAffinityTerm } from "../api/objects.js";
import { labelOf } from "../api/selectors.js";
import type { AffinityTerm, PodInfo, SpreadConstraint } from "../policies/framework/types.js";
import type { AffinityRule, Change } from "./changes.js";
import { keyOfInfo, type PlacementCluster, podKey } from "./cluster.js";
import type { Fix, Side } from "./fixes.js";
import type { Sandbox } from "./sandbox.js";

/** More pods than this are no longer a proposal. */
const EVICTIONS_MAX = 5;

// ── PodTopologySpread ──

export function spreadFixes(sandbox: Sandbox, node: string, side: Side): Fix[] {
  const violated = violatedConstraints(sandbox, node);
  if (violated.length === 0) return [];
  const missing = violated.filter(({ topologyKey }) => labelAt(sandbox, node, topologyKey) === undefined);
  switch (side) {
    case "pod":
      return relaxations(sandbox, node, violated, missing.length === 0);
    case "node": {
      const labels = missing.flatMap((constraint) => domainLabel(sandbox, node, constraint));
      const all = labels.length > 0 && labels.length === missing.length;
      return all ? [{ side, changes: labels }] : [];
    }
    case "evict": {
      const leaving = spreadEvictions(sandbox, node, violated);
      return leaving.length > 0 ? [{ side, changes: leaving }] : [];
    }
  }
}

/** A greater skew, as little as will do, or a constraint that only prefers. */
function relaxations(
  sandbox: Sandbox,
  node: string,
  violated: readonly SpreadConstraint[],
  bySkew: boolean,
): Fix[] {
  const pod = podKey(sandbox.pod);
  const skews = bySkew ? violated.map((constraint) => skewChange(sandbox, node, constraint)) : [undefined];
  const soft = violated.map(
    ({ topologyKey }): Change => ({ kind: "softenSpreadConstraint", pod, topologyKey }),
  );
  const fixes: Fix[] = [{ side: "pod", changes: soft }];
  if (skews.every((change) => change !== undefined)) fixes.unshift({ side: "pod", changes: skews });
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

export function affinityFixes(sandbox: Sandbox, node: string, reasons: readonly string[], side: Side): Fix[] {
  const [reason = ""] = reasons;
  if (reason.includes("existing pods")) return objectionFixes(sandbox, node);
  if (reason.includes("anti-affinity")) return antiAffinityFixes(sandbox, node);
  return side === "pod" ? farAwayFixes(sandbox, node) : joiningFixes(sandbox, node);
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

/** The incoming pod wants to be beside pods that are not here: it gives up one such wish, or all. */
function farAwayFixes(sandbox: Sandbox, node: string): Fix[] {
  const terms = ownTerms(sandbox, "podAffinity");
  const pod = podKey(sandbox.pod);
  const removal = (term: PodAffinityTerm): Change => ({
    kind: "removeAffinityTerm",
    pod,
    rule: "podAffinity",
    term,
  });
  if (terms.length <= 1) return terms.length === 0 ? [] : [{ side: "pod", changes: terms.map(removal) }];
  const single = terms.find((term) => {
    const mark = sandbox.mark();
    sandbox.apply(removal(term));
    const refusal = sandbox.check(node);
    sandbox.back(mark);
    return refusal === undefined || !refusal.reasons.includes(AFFINITY_REASON);
  });
  return [{ side: "pod", changes: (single === undefined ? terms : [single]).map(removal) }];
}

/** A node outside of the topology could join the domain where the wanted pods are. */
function joiningFixes(sandbox: Sandbox, node: string): Fix[] {
  const { cluster, info } = sandbox;
  const labels: Change[] = [];
  for (const term of info.shape.requiredAffinity) {
    if (labelAt(sandbox, node, term.topologyKey) !== undefined) continue;
    const value = domainWith(cluster, term);
    if (value !== undefined && !labels.some((label) => "key" in label && label.key === term.topologyKey)) {
      labels.push({ kind: "setNodeLabel", node, key: term.topologyKey, value });
    }
  }
  return labels.length > 0 ? [{ side: "node", changes: labels }] : [];
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
