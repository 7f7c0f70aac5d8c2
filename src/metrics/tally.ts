/** Count, mean, variance and extremes of single observations, without keeping them. */

/** Mean and variance by B. P. Welford's recurrence (Technometrics 4, 1962), which does not cancel. */
export class Tally {
  #count = 0;
  #mean = 0;
  #squares = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  /** Takes one observation. */
  add(value: number): void {
    this.#count++;
    const distance = value - this.#mean;
    this.#mean += distance / this.#count;
    this.#squares += distance * (value - this.#mean);
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  get count(): number {
    return this.#count;
  }

  /** Undefined without observations. */
  get mean(): number | undefined {
    return this.#count === 0 ? undefined : this.#mean;
  }

  /** Of the sample (n − 1 below); undefined with fewer than two observations. */
  get variance(): number | undefined {
    return this.#count < 2 ? undefined : this.#squares / (this.#count - 1);
  }

  /** Undefined without observations. */
  get min(): number | undefined {
    return this.#count === 0 ? undefined : this.#min;
  }

  /** Undefined without observations. */
  get max(): number | undefined {
    return this.#count === 0 ? undefined : this.#max;
  }
}
