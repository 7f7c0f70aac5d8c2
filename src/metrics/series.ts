/** Time series on a fixed grid: of each level its time-weighted mean in each interval. */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";
import type { SeriesTable } from "./replication.js";

/**
 * Levels by column, from time 0. A change costs one addition unless the level stayed the same over whole intervals;
 * nothing happens when an interval ends.
 */
export class SeriesRecorder {
  readonly #intervalUs: Micros;
  readonly #columns: readonly string[];
  readonly #values: Float64Array;
  readonly #changedUs: Float64Array;
  /** Level × µs, by column, then interval. */
  readonly #integrals: number[][];

  constructor(intervalUs: Micros, columns: readonly string[]) {
    assert(Number.isSafeInteger(intervalUs) && intervalUs > 0, "a series needs an interval of whole µs");
    assert(new Set(columns).size === columns.length, "a series' columns have names of their own");
    this.#intervalUs = intervalUs;
    this.#columns = columns;
    this.#values = new Float64Array(columns.length);
    this.#changedUs = new Float64Array(columns.length);
    this.#integrals = columns.map(() => []);
  }

  /** The column's level is `value` from `atUs` on. Times of one column must not go back. */
  set(column: number, atUs: Micros, value: number): void {
    assert(column >= 0 && column < this.#values.length, `no column ${column} in the series`);
    this.#advance(column, atUs);
    this.#values[column] = value;
  }

  /** The column's level changes by `delta` at `atUs`. */
  add(column: number, atUs: Micros, delta: number): void {
    this.set(column, atUs, (this.#values[column] as number) + delta);
  }

  /** The table up to `endUs`; the last interval may be shorter, its mean is over what there is of it. */
  table(endUs: Micros): SeriesTable {
    for (let column = 0; column < this.#columns.length; column++) this.#advance(column, endUs);
    const rows: number[][] = [];
    for (let start = 0; start < endUs; start += this.#intervalUs) {
      const length = Math.min(this.#intervalUs, endUs - start);
      rows.push(this.#integrals.map((integrals) => (integrals[rows.length] ?? 0) / length));
    }
    return { intervalUs: this.#intervalUs, columns: this.#columns, rows };
  }

  /** Adds the column's level up to `atUs` to the intervals it lasted in. */
  #advance(column: number, atUs: Micros): void {
    let from = this.#changedUs[column] as number;
    assert(atUs >= from, "a series changed in the past");
    const value = this.#values[column] as number;
    const integrals = this.#integrals[column] as number[];
    while (from < atUs) {
      const interval = Math.floor(from / this.#intervalUs);
      const to = Math.min(atUs, (interval + 1) * this.#intervalUs);
      while (integrals.length <= interval) integrals.push(0);
      integrals[interval] = (integrals[interval] as number) + value * (to - from);
      from = to;
    }
    this.#changedUs[column] = atUs;
  }
}
