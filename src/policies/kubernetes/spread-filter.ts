import { assert } from "../../assert.js";
import type { PodInfo, Rejection, SchedulerView } from "../framework/types.js";
import {
  type CountedConstraint,
  countPods,
  countsPod,
  hasAllKeys,
  includesNode,
} from "./spread-constraints.js";

const REASON = "node(s) didn't match pod topology spread constraints";

const SKEW_TOO_LARGE: Rejection = {
  plugin: "PodTopologySpread",
  code: "Unschedulable",
  reasons: [REASON],
};

const MISSING_KEY: Rejection = {
  plugin: "PodTopologySpread",
  code: "UnschedulableAndUnresolvable",
  reasons: [`${REASON} (missing required label)`],
};

/** The hard constraints of the incoming pod with their counts; `counts[i]` belongs to `constraints[i]`. */
export interface SpreadState {
  readonly constraints: readonly CountedConstraint[];
  readonly counts: readonly DomainCounts[];
}

/** Counts over all nodes, as a fresh PreFilter does. */
export function countHard(
  view: SchedulerView,
  pod: PodInfo,
  constraints: readonly CountedConstraint[],
): SpreadState {
  const nodes = view.nodeOrder;
  // All labels first: then the columns have room for every domain.
  for (const constraint of constraints) {
    for (const node of nodes) constraint.domains.of(view.node(node));
  }
  const columns = constraints.map((constraint) => new Int32Array(constraint.domains.size).fill(UNREGISTERED));
  for (const node of nodes) {
    const info = view.node(node);
    if (!hasAllKeys(constraints, info)) continue;
    const pods = view.podsOn(node);
    for (const [i, constraint] of constraints.entries()) {
      if (!includesNode(constraint, pod.shape, info)) continue;
      const column = columns[i] as Int32Array;
      const domain = constraint.domains.of(info);
      const before = Math.max(0, column[domain] as number);
      column[domain] = before + countPods(constraint, pod.shape.namespace, pods);
    }
  }
  return { constraints, counts: columns.map(DomainCounts.of) };
}

/** The state after `changed` joined (+1) or left (-1) the node. */
export function updateHard(
  state: SpreadState,
  view: SchedulerView,
  pod: PodInfo,
  changed: PodInfo,
  node: number,
  delta: 1 | -1,
): void {
  const info = view.node(node);
  if (!hasAllKeys(state.constraints, info)) return;
  for (const [i, constraint] of state.constraints.entries()) {
    if (!countsPod(constraint, pod.shape.namespace, changed)) continue;
    if (!includesNode(constraint, pod.shape, info)) continue;
    (state.counts[i] as DomainCounts).add(constraint.domains.of(info), delta);
  }
}

export function cloneHard(state: SpreadState): SpreadState {
  return { constraints: state.constraints, counts: state.counts.map((counts) => counts.clone()) };
}

/** The first constraint, in order, that this node would break. */
export function filterHard(state: SpreadState, view: SchedulerView, node: number): Rejection | undefined {
  const info = view.node(node);
  const { constraints, counts } = state;
  for (let i = 0; i < constraints.length; i++) {
    const constraint = constraints[i] as CountedConstraint;
    const domain = constraint.domains.of(info);
    if (domain < 0) return MISSING_KEY;
    const domainCounts = counts[i] as DomainCounts;
    const minimum = domainCounts.registered < constraint.minDomains ? 0 : domainCounts.minimum;
    if (domainCounts.at(domain) + constraint.selfMatch - minimum > constraint.maxSkew) return SKEW_TOO_LARGE;
  }
  return undefined;
}

/** A domain in which no node takes part in counting. It counts as 0, but not towards the minimum. */
const UNREGISTERED = -1;

/**
 * Matching pods by domain of one constraint, and the smallest count. Copies share the column until one of them
 * changes it: preemption clones the state for each node, and most victims do not match. What is public is equal
 * between an updated and a fresh one; only {@link add} writes.
 */
export class DomainCounts {
  /** By domain id; {@link UNREGISTERED} where no node takes part. */
  counts: Int32Array;
  readonly registered: number;
  /** Smallest count over registered domains, 0 if there are none. */
  minimum: number;
  /** How many registered domains have a count; derived from the counts when first needed. */
  #domainsByCount: Map<number, number> | undefined;
  #shared = false;

  private constructor(counts: Int32Array, registered: number, minimum: number) {
    this.counts = counts;
    this.registered = registered;
    this.minimum = minimum;
  }

  /** Takes the array over. */
  static of(this: void, counts: Int32Array): DomainCounts {
    let registered = 0;
    let minimum = Number.POSITIVE_INFINITY;
    for (const count of counts) {
      if (count === UNREGISTERED) continue;
      registered++;
      if (count < minimum) minimum = count;
    }
    return new DomainCounts(counts, registered, registered === 0 ? 0 : minimum);
  }

  at(domain: number): number {
    const count = this.counts[domain];
    return count === undefined || count === UNREGISTERED ? 0 : count;
  }

  add(domain: number, delta: 1 | -1): void {
    const before = this.counts[domain] ?? UNREGISTERED;
    const after = before + delta;
    assert(
      before !== UNREGISTERED && after >= 0,
      "a spread count changes in a registered domain and stays >= 0",
    );
    const histogram = this.#histogram();
    const left = (histogram.get(before) ?? 0) - 1;
    if (left === 0) histogram.delete(before);
    else histogram.set(before, left);
    histogram.set(after, (histogram.get(after) ?? 0) + 1);
    // A step is one: if the smallest count has lost its last domain, that domain's new count is the smallest.
    if (after < this.minimum || (left === 0 && before === this.minimum)) this.minimum = after;
    if (this.#shared) {
      this.counts = this.counts.slice();
      this.#shared = false;
    }
    this.counts[domain] = after;
  }

  clone(): DomainCounts {
    const copy = new DomainCounts(this.counts, this.registered, this.minimum);
    copy.#domainsByCount = new Map(this.#histogram());
    copy.#shared = true;
    this.#shared = true;
    return copy;
  }

  #histogram(): Map<number, number> {
    if (this.#domainsByCount === undefined) {
      const histogram = new Map<number, number>();
      for (const count of this.counts) {
        if (count !== UNREGISTERED) histogram.set(count, (histogram.get(count) ?? 0) + 1);
      }
      this.#domainsByCount = histogram;
    }
    return this.#domainsByCount;
  }
}
