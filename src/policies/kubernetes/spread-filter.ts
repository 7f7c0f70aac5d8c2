import { assert } from "../../assert.js";
import type { PodInfo, Rejection, SchedulerView } from "../framework/types.js";
import { type CountedConstraint, countPods, countsPod, hasAllKeys, includesNode } from "./spread-constraints.js";

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

/** A domain in which no node takes part in counting. It counts as 0, but not towards the minimum. */
const UNREGISTERED = -1;

/**
 * Matching pods by domain of one constraint, with the smallest count. Copies share the column until one of them
 * changes it: preemption clones the state for each node, and most victims do not match.
 */
export class DomainCounts {
  /** By domain id; {@link UNREGISTERED} for the others. */
  counts: Int32Array;
  readonly registered: number;
  /** Smallest count over registered domains, 0 if there are none. */
  minimum: number;
  /** How many registered domains have a count. Derived from `counts` when first needed. */
  #domainsByCount: Map<number, number> | undefined;
  #shared = false;

  constructor(counts: Int32Array) {
    let registered = 0;
    let minimum = Number.POSITIVE_INFINITY;
    for (const count of counts) {
      if (count === UNREGISTERED) continue;
      registered++;
      if (count < minimum) minimum = count;
    }
    this.counts = counts;
    this.registered = registered;
    this.minimum = registered === 0 ? 0 : minimum;
  }

  at(domain: number): number {
    const count = this.counts[domain];
    return count === undefined || count === UNREGISTERED ? 0 : count;
  }

  add(domain: number, delta: 1 | -1): void {
    const before = this.counts[domain] ?? UNREGISTERED;
    const after = before + delta;
    assert(before !== UNREGISTERED && after >= 0, "a spread count changes only in a registered domain, above 0");
    const histogram = this.#histogram();
    const left = (histogram.get(before) ?? 0) - 1;
    if (left === 0) histogram.delete(before);
    else histogram.set(before, left);
    histogram.set(after, (histogram.get(after) ?? 0) + 1);
    // The step is one: where the minimum has lost its last domain, that domain is now the next smallest.
    if (after < this.minimum || (left === 0 && before === this.minimum)) this.minimum = after;
    if (this.#shared) {
      this.counts = this.counts.slice();
      this.#shared = false;
    }
    this.counts[domain] = after;
  }

  clone(): DomainCounts {
    const copy = new DomainCounts(NO_COUNTS);
    return this.#copyTo(copy);
  }

  #copyTo(copy: DomainCounts): DomainCounts {
    this.#shared = true;
    const same: { -readonly [K in "counts" | "registered" | "minimum"]: DomainCounts[K] } = copy;
    same.counts = this.counts;
    same.registered = this.registered;
    same.minimum = this.minimum;
    copy.#shared = true;
    copy.#domainsByCount = new Map(this.#histogram());
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

const NO_COUNTS = new Int32Array(0);
