import type { Labels } from "../../api/objects.js";
import type { InterPodAffinityArgs } from "../args.js";
import {
  type AffinityTerm,
  MAX_NODE_SCORE,
  type NodeInfo,
  type PodInfo,
  type PodShape,
  type SchedulerView,
} from "../framework/types.js";
import { selectsForIncoming } from "./affinity-filter.js";
import type { DomainColumn, TopologyDomains } from "./topology-domains.js";

/** The weights accumulated for each topology key that any matching term names. */
export interface AffinityScoreState {
  readonly keys: readonly KeyWeights[];
}

/**
 * Adds up what own preferred terms say of existing pods, and what existing pods' preferred and required terms say of
 * the incoming one. Undefined where nobody says anything.
 */
export function weighAffinity(
  view: SchedulerView,
  pod: PodInfo,
  args: InterPodAffinityArgs,
  columns: TopologyDomains,
): AffinityScoreState | undefined {
  const { preferredAffinity, preferredAntiAffinity } = pod.shape;
  const hasPreferences = preferredAffinity.length > 0 || preferredAntiAffinity.length > 0;
  // This drops the weight of existing pods' required affinity too, as upstream does.
  if (args.ignorePreferredTermsOfExistingPods && !hasPreferences) return undefined;
  const weighing = new Weighing(view, pod.shape, args.hardPodAffinityWeight, columns);
  const nodes = hasPreferences ? view.nodeOrder : view.nodesWithAffinityPods();
  for (const node of nodes) {
    const info = view.node(node);
    const pods = hasPreferences ? view.podsOn(node) : view.podsWithAffinityOn(node);
    for (const existing of pods) weighing.add(existing.shape, info);
  }
  const keys = weighing.keys.filter((key) => key.isTouched);
  return keys.length === 0 ? undefined : { keys };
}

/** Raw score: the sum over the topology keys that the node has. May be negative. */
export function scoreAffinity(state: AffinityScoreState, view: SchedulerView, node: number): number {
  const info = view.node(node);
  const { keys } = state;
  let score = 0;
  for (let i = 0; i < keys.length; i++) score += (keys[i] as KeyWeights).on(info);
  return score;
}

/** Maps [min, max] to [0, 100] in floating point and truncates, in upstream's order of operations; all equal: 0. */
export function normalizeAffinity(scores: Float64Array): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const score of scores) {
    min = Math.min(min, score);
    max = Math.max(max, score);
  }
  const range = max - min;
  for (let i = 0; i < scores.length; i++) {
    scores[i] = range > 0 ? Math.trunc(MAX_NODE_SCORE * (((scores[i] as number) - min) / range)) : 0;
  }
}

/** Weights by domain of one topology key. */
class KeyWeights {
  readonly #domains: DomainColumn;
  #weights = new Float64Array(16);
  isTouched = false;

  constructor(domains: DomainColumn) {
    this.#domains = domains;
  }

  /** The weight of the node's domain, 0 where it lacks the key. */
  on(info: NodeInfo): number {
    return this.#weights[this.#domains.of(info)] ?? 0;
  }

  /** A node without the key changes nothing. */
  add(info: NodeInfo, weight: number): void {
    const domain = this.#domains.of(info);
    if (domain < 0) return;
    if (domain >= this.#weights.length) {
      const longer = new Float64Array(2 * Math.max(domain, this.#domains.size));
      longer.set(this.#weights);
      this.#weights = longer;
    }
    this.#weights[domain] = (this.#weights[domain] as number) + weight;
    this.isTouched = true;
  }
}

/** What one existing pod of some shape adds on its node: a weight for each topology key with a matching term. */
type Effect = readonly { readonly key: KeyWeights; readonly weight: number }[];

/** Asks the terms once for each shape: shapes are few, pods many. */
class Weighing {
  readonly keys: KeyWeights[] = [];
  readonly #view: SchedulerView;
  readonly #incoming: PodShape;
  readonly #incomingNamespaceLabels: Labels;
  readonly #hardPodAffinityWeight: number;
  readonly #columns: TopologyDomains;
  readonly #keyByName = new Map<string, KeyWeights>();
  readonly #effects = new Map<PodShape, Effect>();

  constructor(
    view: SchedulerView,
    incoming: PodShape,
    hardPodAffinityWeight: number,
    columns: TopologyDomains,
  ) {
    this.#view = view;
    this.#incoming = incoming;
    this.#incomingNamespaceLabels = view.namespaceLabels(incoming.namespace);
    this.#hardPodAffinityWeight = hardPodAffinityWeight;
    this.#columns = columns;
  }

  add(existing: PodShape, info: NodeInfo): void {
    let effect = this.#effects.get(existing);
    if (effect === undefined) {
      effect = this.#effectOf(existing);
      this.#effects.set(existing, effect);
    }
    for (const { key, weight } of effect) key.add(info, weight);
  }

  #effectOf(existing: PodShape): Effect {
    const incoming = this.#incoming;
    const existingNamespaceLabels = this.#view.namespaceLabels(existing.namespace);
    const matchesExisting = (term: AffinityTerm) =>
      selectsForIncoming(term, existing, existingNamespaceLabels);
    const matchesIncoming = (term: AffinityTerm) => term.matches(incoming, this.#incomingNamespaceLabels);
    const sums = new Map<KeyWeights, number>();
    const add = (term: AffinityTerm, weight: number) => {
      const key = this.#key(term.topologyKey);
      sums.set(key, (sums.get(key) ?? 0) + weight);
    };
    for (const term of incoming.preferredAffinity) if (matchesExisting(term)) add(term, term.weight);
    for (const term of incoming.preferredAntiAffinity) if (matchesExisting(term)) add(term, -term.weight);
    const hardWeight = this.#hardPodAffinityWeight;
    if (hardWeight > 0)
      for (const term of existing.requiredAffinity) if (matchesIncoming(term)) add(term, hardWeight);
    for (const term of existing.preferredAffinity) if (matchesIncoming(term)) add(term, term.weight);
    for (const term of existing.preferredAntiAffinity) if (matchesIncoming(term)) add(term, -term.weight);
    return Array.from(sums, ([key, weight]) => ({ key, weight }));
  }

  #key(topologyKey: string): KeyWeights {
    let key = this.#keyByName.get(topologyKey);
    if (key === undefined) {
      key = new KeyWeights(this.#columns.column(topologyKey));
      this.#keyByName.set(topologyKey, key);
      this.keys.push(key);
    }
    return key;
  }
}
