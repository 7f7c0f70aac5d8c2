/** A level that stays as it is between changes (pods pending, replicas ready), weighted by time. */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";

/** Counts from `fromUs` on; earlier changes (the warm-up's) only say where the level stands then. */
export class Level {
  readonly #fromUs: Micros;
  #value: number;
  #changedUs: Micros = 0;
  #integral = 0;
  /** Highest value held for a while from `fromUs` on, the present one not yet included. */
  #max = Number.NEGATIVE_INFINITY;

  constructor(fromUs: Micros = 0, value = 0) {
    this.#fromUs = fromUs;
    this.#value = value;
  }

  /** Where the level stands. */
  get value(): number {
    return this.#value;
  }

  /** The level is `value` from `atUs` on. Times must not go back. */
  set(atUs: Micros, value: number): void {
    assert(atUs >= this.#changedUs, "a level changed in the past");
    this.#integral += this.#since(atUs);
    // A value held for no time at all is bookkeeping between two events of one instant, not a level.
    if (atUs > this.#changedUs && atUs > this.#fromUs) this.#max = Math.max(this.#max, this.#value);
    this.#changedUs = atUs;
    this.#value = value;
  }

  /** The level changes by `delta` at `atUs`. */
  add(atUs: Micros, delta: number): void {
    this.set(atUs, this.#value + delta);
  }

  /** Level × µs from `fromUs` to `endUs`, which is not before the last change. */
  integral(endUs: Micros): number {
    assert(endUs >= this.#changedUs, "a level read in the past");
    return this.#integral + this.#since(endUs);
  }

  /** Time-weighted mean from `fromUs` to `endUs`; undefined for an empty span. */
  mean(endUs: Micros): number | undefined {
    return endUs > this.#fromUs ? this.integral(endUs) / (endUs - this.#fromUs) : undefined;
  }

  /** Highest value held at any time from `fromUs` to now. */
  get max(): number {
    return Math.max(this.#max, this.#value);
  }

  /** The present value's part of the integral up to `atUs`. */
  #since(atUs: Micros): number {
    const start = Math.max(this.#changedUs, this.#fromUs);
    return atUs > start ? this.#value * (atUs - start) : 0;
  }
}
