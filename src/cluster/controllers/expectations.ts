/**
 * UIDTrackingControllerExpectations of pkg/controller: while creations and deletions of an owner have not come back
 * through the watch, its pods are not counted again.
 */
import { MINUTE, type Micros } from "../../units/time.js";

/** ExpectationsTimeout: what was not seen by then is not waited for. */
const TIMEOUT_US = 5 * MINUTE;

interface Expected {
  creations: number;
  readonly deletions: Set<number>;
  sinceUs: Micros;
}

export class Expectations {
  readonly #now: () => Micros;
  readonly #owners = new Map<number, Expected>();

  constructor(now: () => Micros) {
    this.#now = now;
  }

  satisfied(owner: number): boolean {
    const expected = this.#owners.get(owner);
    if (expected === undefined) return true;
    if (expected.creations === 0 && expected.deletions.size === 0) return true;
    return this.#now() - expected.sinceUs > TIMEOUT_US;
  }

  expectCreations(owner: number, count: number): void {
    const expected = this.#of(owner);
    expected.creations += count;
    expected.sinceUs = this.#now();
  }

  expectDeletions(owner: number, pods: readonly number[]): void {
    const expected = this.#of(owner);
    for (const pod of pods) expected.deletions.add(pod);
    expected.sinceUs = this.#now();
  }

  /** Seen, or known never to come. */
  creationObserved(owner: number): void {
    const expected = this.#owners.get(owner);
    if (expected !== undefined && expected.creations > 0) expected.creations--;
  }

  deletionObserved(owner: number, pod: number): void {
    this.#owners.get(owner)?.deletions.delete(pod);
  }

  reset(): void {
    this.#owners.clear();
  }

  #of(owner: number): Expected {
    let expected = this.#owners.get(owner);
    if (expected === undefined || this.satisfied(owner)) {
      expected = { creations: 0, deletions: new Set(), sinceUs: this.#now() };
      this.#owners.set(owner, expected);
    }
    return expected;
  }
}
