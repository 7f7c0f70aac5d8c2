import type { Labels } from "../../api/objects.js";
import { assert } from "../../assert.js";
import type {
  AffinityTerm,
  NodeInfo,
  PodInfo,
  PodShape,
  Rejection,
  SchedulerView,
} from "../framework/types.js";
import type { DomainColumn, TopologyDomains } from "./topology-domains.js";

const REQUIRED_AFFINITY: Rejection = {
  plugin: "InterPodAffinity",
  code: "UnschedulableAndUnresolvable",
  reasons: ["node(s) didn't match pod affinity rules"],
};

const REQUIRED_ANTI_AFFINITY: Rejection = {
  plugin: "InterPodAffinity",
  code: "Unschedulable",
  reasons: ["node(s) didn't match pod anti-affinity rules"],
};

const EXISTING_ANTI_AFFINITY: Rejection = {
  plugin: "InterPodAffinity",
  code: "Unschedulable",
  reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"],
};

const NO_LABELS: Labels = {};

/**
 * Does a term of the *incoming* pod select this pod? v1.34.1 unrolls the term's namespaceSelector into its list of
 * namespaces but also tests it against no labels at all, so that a selector which accepts those (DoesNotExist,
 * NotIn) accepts every namespace (reference kube-scheduler.md §3).
 */
export function selectsForIncoming(term: AffinityTerm, shape: PodShape, namespaceLabels: Labels): boolean {
  return term.matches(shape, namespaceLabels) || term.matches(shape, NO_LABELS);
}

/**
 * The three count maps of the incoming pod (reference kube-scheduler.md §3, InterPodAffinity a, b, c). Everything
 * but `incoming`'s memory is equal between an updated state and a fresh one.
 */
export interface AffinityState {
  readonly incoming: IncomingPod;
  /** Pods matching all required affinity terms, by topology key in order of first mention. */
  readonly affinity: readonly PairCounts[];
  /** Pods matching a required anti-affinity term, likewise. */
  readonly antiAffinity: readonly PairCounts[];
  /** Required anti-affinity terms of existing pods that match the incoming one, by topology key. None is empty. */
  readonly existingAntiAffinity: Map<string, PairCounts>;
}

/** Counts all pods of the cluster, as a fresh PreFilter does; undefined where no rule concerns the pod. */
export function countAffinity(
  view: SchedulerView,
  pod: PodInfo,
  columns: TopologyDomains,
): AffinityState | undefined {
  const { requiredAffinity, requiredAntiAffinity } = pod.shape;
  const empty = (key: string) => new PairCounts(columns.column(key));
  const state: AffinityState = {
    incoming: new IncomingPod(pod.shape, view.namespaceLabels(pod.shape.namespace), columns),
    affinity: keysOf(requiredAffinity).map(empty),
    antiAffinity: keysOf(requiredAntiAffinity).map(empty),
    existingAntiAffinity: new Map(),
  };
  if (requiredAffinity.length > 0 || requiredAntiAffinity.length > 0) {
    for (const node of view.nodeOrder) {
      const info = view.node(node);
      for (const existing of view.podsOn(node)) update(state, view, existing, info, 1);
    }
    return state;
  }
  // A pod without terms of its own is refused only by others' anti-affinity.
  for (const node of view.nodesWithRequiredAntiAffinityPods()) {
    const info = view.node(node);
    for (const existing of view.podsWithRequiredAntiAffinityOn(node)) update(state, view, existing, info, 1);
  }
  return state.existingAntiAffinity.size === 0 ? undefined : state;
}

/** The state after `changed` joined (+1) or left (-1) the node. */
export function updateAffinity(
  state: AffinityState,
  view: SchedulerView,
  changed: PodInfo,
  node: number,
  delta: 1 | -1,
): void {
  update(state, view, changed, view.node(node), delta);
}

export function cloneAffinity(state: AffinityState): AffinityState {
  const existing = Array.from(state.existingAntiAffinity, ([key, counts]) => [key, counts.clone()] as const);
  return {
    incoming: state.incoming,
    affinity: state.affinity.map((counts) => counts.clone()),
    antiAffinity: state.antiAffinity.map((counts) => counts.clone()),
    existingAntiAffinity: new Map(existing),
  };
}

/** Own affinity is checked first, then own anti-affinity, then that of existing pods. */
export function filterAffinity(
  state: AffinityState,
  view: SchedulerView,
  node: number,
): Rejection | undefined {
  const info = view.node(node);
  if (!holdsAffinity(state, info)) return REQUIRED_AFFINITY;
  const { antiAffinity } = state;
  for (let i = 0; i < antiAffinity.length; i++) {
    if ((antiAffinity[i] as PairCounts).on(info) > 0) return REQUIRED_ANTI_AFFINITY;
  }
  for (const counts of state.existingAntiAffinity.values()) {
    if (counts.on(info) > 0) return EXISTING_ANTI_AFFINITY;
  }
  return undefined;
}

/** The node needs every term's key, and a matching pod in each of those domains. */
function holdsAffinity(state: AffinityState, info: NodeInfo): boolean {
  const { affinity } = state;
  let podsExist = true;
  for (let i = 0; i < affinity.length; i++) {
    const counts = affinity[i] as PairCounts;
    if (counts.domains.of(info) < 0) return false;
    if (counts.on(info) <= 0) podsExist = false;
  }
  // The first of a group that wants to be together with itself may go anywhere.
  return (
    podsExist || (state.incoming.matchesOwnAffinity && affinity.every((counts) => counts.counts.size === 0))
  );
}

function update(
  state: AffinityState,
  view: SchedulerView,
  changed: PodInfo,
  info: NodeInfo,
  delta: 1 | -1,
): void {
  const effect = state.incoming.effectOf(changed.shape, view);
  for (const i of effect.affinity) (state.affinity[i] as PairCounts).add(info, delta);
  for (const i of effect.antiAffinity) (state.antiAffinity[i] as PairCounts).add(info, delta);
  for (const column of effect.objections) {
    const key = column.topologyKey;
    const counts = state.existingAntiAffinity.get(key) ?? new PairCounts(column);
    counts.add(info, delta);
    if (counts.counts.size === 0) state.existingAntiAffinity.delete(key);
    else state.existingAntiAffinity.set(key, counts);
  }
}

/**
 * Pods of one topology key by domain. Pairs that fall to 0 are taken out, so that an updated map equals a fresh one.
 * Copies share the map until one of them changes it.
 */
export class PairCounts {
  readonly domains: DomainColumn;
  /** By domain id. *Invariant:* no count is 0. Only {@link add} writes. */
  counts = new Map<number, number>();
  #shared = false;

  constructor(domains: DomainColumn) {
    this.domains = domains;
  }

  /** The count of the node's domain, 0 where it lacks the key. */
  on(info: NodeInfo): number {
    return this.counts.get(this.domains.of(info)) ?? 0;
  }

  /** A node without the key changes nothing. */
  add(info: NodeInfo, delta: 1 | -1): void {
    const domain = this.domains.of(info);
    if (domain < 0) return;
    if (this.#shared) {
      this.counts = new Map(this.counts);
      this.#shared = false;
    }
    const after = (this.counts.get(domain) ?? 0) + delta;
    assert(after >= 0, "a pod that leaves a topology domain was counted there");
    if (after === 0) this.counts.delete(domain);
    else this.counts.set(domain, after);
  }

  clone(): PairCounts {
    const copy = new PairCounts(this.domains);
    copy.counts = this.counts;
    copy.#shared = true;
    this.#shared = true;
    return copy;
  }
}

/** What one existing pod of some shape adds to the counts, an entry per matching term. */
interface Effect {
  /** Indices into `affinity`; empty unless it matches *all* required affinity terms. */
  readonly affinity: readonly number[];
  /** Indices into `antiAffinity`. */
  readonly antiAffinity: readonly number[];
  /** Keys of its own required anti-affinity terms that match the incoming pod. */
  readonly objections: readonly DomainColumn[];
}

/** The incoming pod's terms against pods of other shapes, asked once a shape: shapes are few, pods many. */
class IncomingPod {
  readonly shape: PodShape;
  readonly namespaceLabels: Labels;
  readonly matchesOwnAffinity: boolean;
  readonly #columns: TopologyDomains;
  readonly #effects = new Map<PodShape, Effect>();

  constructor(shape: PodShape, namespaceLabels: Labels, columns: TopologyDomains) {
    this.shape = shape;
    this.namespaceLabels = namespaceLabels;
    this.matchesOwnAffinity = matchesAll(shape.requiredAffinity, shape, namespaceLabels);
    this.#columns = columns;
  }

  effectOf(existing: PodShape, view: SchedulerView): Effect {
    let effect = this.#effects.get(existing);
    if (effect === undefined) {
      effect = this.#effect(existing, view.namespaceLabels(existing.namespace));
      this.#effects.set(existing, effect);
    }
    return effect;
  }

  #effect(existing: PodShape, existingNamespaceLabels: Labels): Effect {
    const { requiredAffinity, requiredAntiAffinity } = this.shape;
    const affinityKeys = keysOf(requiredAffinity);
    const antiAffinityKeys = keysOf(requiredAntiAffinity);
    return {
      affinity: matchesAll(requiredAffinity, existing, existingNamespaceLabels)
        ? requiredAffinity.map((term) => affinityKeys.indexOf(term.topologyKey))
        : [],
      antiAffinity: requiredAntiAffinity
        .filter((term) => selectsForIncoming(term, existing, existingNamespaceLabels))
        .map((term) => antiAffinityKeys.indexOf(term.topologyKey)),
      objections: existing.requiredAntiAffinity
        .filter((term) => term.matches(this.shape, this.namespaceLabels))
        .map((term) => this.#columns.column(term.topologyKey)),
    };
  }
}

function keysOf(terms: readonly AffinityTerm[]): string[] {
  return [...new Set(terms.map((term) => term.topologyKey))];
}

/** No terms match nothing. */
function matchesAll(terms: readonly AffinityTerm[], shape: PodShape, namespaceLabels: Labels): boolean {
  return terms.length > 0 && terms.every((term) => selectsForIncoming(term, shape, namespaceLabels));
}
