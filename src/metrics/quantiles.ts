/** Exact quantiles: every observation is kept. */
import { assert } from "../assert.js";

const INITIAL_CAPACITY = 64;

/** Eight bytes an observation; sorted when asked, not while filled. */
export class Quantiles {
  #values = new Float64Array(INITIAL_CAPACITY);
  #count = 0;
  /** Invariant: the first `#count` values are ascending where this is true. */
  #sorted = true;

  /** Takes one observation (any number but NaN). */
  add(value: number): void {
    assert(!Number.isNaN(value), "NaN observed");
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = value;
    this.#sorted = false;
  }

  get count(): number {
    return this.#count;
  }

  /** The value below which a share `p` lies, 0 ≤ p ≤ 1, by {@link quantileSorted}; undefined without observations. */
  quantile(p: number): number | undefined {
    const values = this.#values.subarray(0, this.#count);
    if (!this.#sorted) values.sort();
    this.#sorted = true;
    return quantileSorted(values, p);
  }
}

/**
 * Quantile of ascending values, linear between the two nearest: definition 7 of Hyndman and Fan (The American
 * Statistician 50, 1996), that of R and of spreadsheets. Undefined without values.
 */
export function quantileSorted(values: ArrayLike<number>, p: number): number | undefined {
  assert(p >= 0 && p <= 1, "a quantile's share lies between 0 and 1");
  if (values.length === 0) return undefined;
  const position = p * (values.length - 1);
  const index = Math.floor(position);
  const below = values[index] as number;
  const share = position - index;
  return share === 0 ? below : below + share * ((values[index + 1] as number) - below);
}
