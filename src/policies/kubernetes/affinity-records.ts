import type { Labels } from "../../api/objects.js";
import type { AffinityTerm, PodShape, SchedulerView } from "../framework/types.js";
import type { TopologyDomains } from "./topology-domains.js";

/** A term of an existing pod that may concern the incoming one, and what it has said of pods so far. */
export class ExistingTerm {
  readonly term: AffinityTerm;
  /** What a match adds to the score. */
  readonly weight: number;
  /** By group of the incoming pod: 1 no, 2 yes; 0 or missing: not asked yet. */
  readonly #verdicts: number[] = [];

  constructor(term: AffinityTerm, weight: number) {
    this.term = term;
    this.weight = weight;
  }

  matches(incoming: PodRecord): boolean {
    const known = this.#verdicts[incoming.group] ?? 0;
    if (known !== 0) return known === 2;
    const verdict = this.term.matches(incoming.shape, incoming.namespaceLabels);
    for (let group = this.#verdicts.length; group < incoming.group; group++) this.#verdicts[group] = 0;
    this.#verdicts[incoming.group] = verdict ? 2 : 1;
    return verdict;
  }
}

/** What affinity terms can tell apart about the pods of one shape, while their namespace keeps its labels. */
export interface PodRecord {
  readonly shape: PodShape;
  readonly namespaceLabels: Labels;
  /** Dense id, equal for pods of equal namespace and labels: no term tells them apart. */
  readonly group: number;
  /** The terms that weigh: required affinity by the hard weight, then preferred affinity and anti-affinity. */
  readonly scoring: readonly ExistingTerm[];
}

/**
 * Records of one plugin instance, so that a term is asked once for each group of pods and not once for each pair in
 * every attempt: pods' labels are few even where every pod has a shape of its own.
 */
export class PodRecords {
  readonly columns: TopologyDomains;
  readonly #hardPodAffinityWeight: number;
  /** *Invariant:* `#records[n]`, where present, is of the shape object it names; ids alone prove nothing. */
  readonly #records: (PodRecord | undefined)[] = [];
  /** Groups by the namespace's labels (as an object), then by namespace and labels. */
  readonly #groups = new WeakMap<Labels, Map<string, number>>();
  #groupCount = 0;

  constructor(columns: TopologyDomains, hardPodAffinityWeight: number) {
    this.columns = columns;
    this.#hardPodAffinityWeight = hardPodAffinityWeight;
  }

  /** Groups given so far: every group is below it. */
  get groupCount(): number {
    return this.#groupCount;
  }

  of(shape: PodShape, view: SchedulerView): PodRecord {
    const namespaceLabels = view.namespaceLabels(shape.namespace);
    const known = this.#records[shape.id];
    if (known !== undefined && known.shape === shape && known.namespaceLabels === namespaceLabels)
      return known;
    const record = {
      shape,
      namespaceLabels,
      group: this.#groupOf(shape, namespaceLabels),
      scoring: scoringTerms(shape, this.#hardPodAffinityWeight),
    };
    for (let id = this.#records.length; id < shape.id; id++) this.#records[id] = undefined;
    this.#records[shape.id] = record;
    return record;
  }

  #groupOf(shape: PodShape, namespaceLabels: Labels): number {
    let groups = this.#groups.get(namespaceLabels);
    if (groups === undefined) {
      groups = new Map();
      this.#groups.set(namespaceLabels, groups);
    }
    const labels = Object.entries(shape.labels).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([shape.namespace, labels]);
    let group = groups.get(key);
    if (group === undefined) {
      group = this.#groupCount++;
      groups.set(key, group);
    }
    return group;
  }
}

function scoringTerms(shape: PodShape, hardWeight: number): ExistingTerm[] {
  return [
    ...(hardWeight > 0 ? shape.requiredAffinity.map((term) => new ExistingTerm(term, hardWeight)) : []),
    ...shape.preferredAffinity.map((term) => new ExistingTerm(term, term.weight)),
    ...shape.preferredAntiAffinity.map((term) => new ExistingTerm(term, -term.weight)),
  ];
}
