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
import type { ExistingTerm, PodRecord, PodRecords } from "./affinity-records.js";
import type { DomainColumn } from "./topology-domains.js";

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
  records: PodRecords,
): AffinityScoreState | undefined {
  const { preferredAffinity, preferredAntiAffinity } = pod.shape;
  const hasPreferences = preferredAffinity.length > 0 || preferredAntiAffinity.length > 0;
  // This drops the weight of existing pods' required affinity too, as upstream does.
  if (args.ignorePreferredTermsOfExistingPods && !hasPreferences) return undefined;
  const weighing = new Weighing(view, pod.shape, records);
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

/** What own preferred terms say of one group of existing pods: a weight for each key with a matching term. */
type OwnWeights = readonly { readonly key: KeyWeights; readonly weight: number }[];

const NO_WEIGHTS: OwnWeights = [];

/** Adds up what is said in one attempt. */
class Weighing {
  readonly keys: KeyWeights[] = [];
  readonly #view: SchedulerView;
  readonly #records: PodRecords;
  readonly #incoming: PodRecord;
  readonly #keyByName = new Map<string, KeyWeights>();
  /** By group of the existing pod. */
  readonly #own: (OwnWeights | undefined)[];

  constructor(view: SchedulerView, incoming: PodShape, records: PodRecords) {
    this.#view = view;
    this.#records = records;
    this.#incoming = records.of(incoming, view);
    this.#own = new Array<OwnWeights | undefined>(records.groupCount).fill(undefined);
  }

  add(shape: PodShape, info: NodeInfo): void {
    const existing = this.#records.of(shape, this.#view);
    for (const { key, weight } of this.#own[existing.group] ?? this.#ownWeights(existing))
      key.add(info, weight);
    const { scoring } = existing;
    for (let i = 0; i < scoring.length; i++) {
      const term = scoring[i] as ExistingTerm;
      if (term.matches(this.#incoming)) this.#key(term.term.topologyKey).add(info, term.weight);
    }
  }

  #ownWeights(existing: PodRecord): OwnWeights {
    const { preferredAffinity, preferredAntiAffinity } = this.#incoming.shape;
    const sums = new Map<KeyWeights, number>();
    const weigh = (term: AffinityTerm, weight: number) => {
      if (!selectsForIncoming(term, existing.shape, existing.namespaceLabels)) return;
      const key = this.#key(term.topologyKey);
      sums.set(key, (sums.get(key) ?? 0) + weight);
    };
    for (const term of preferredAffinity) weigh(term, term.weight);
    for (const term of preferredAntiAffinity) weigh(term, -term.weight);
    const weights = sums.size === 0 ? NO_WEIGHTS : Array.from(sums, ([key, weight]) => ({ key, weight }));
    for (let group = this.#own.length; group < existing.group; group++) this.#own[group] = undefined;
    this.#own[existing.group] = weights;
    return weights;
  }

  #key(topologyKey: string): KeyWeights {
    let key = this.#keyByName.get(topologyKey);
    if (key === undefined) {
      key = new KeyWeights(this.#records.columns.column(topologyKey));
      this.#keyByName.set(topologyKey, key);
      this.keys.push(key);
    }
    return key;
  }
}
