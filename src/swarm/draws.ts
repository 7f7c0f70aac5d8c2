/** Choices out of one stream of draws, in sequence: for making plans, whose order is fixed. */
import { assert } from "../assert.js";
import type { RandomStream } from "../engine/random.js";

export class Draws {
  readonly #stream: RandomStream;

  constructor(stream: RandomStream) {
    this.#stream = stream;
  }

  /** 0 to `bound` - 1. */
  below(bound: number): number {
    return this.#stream.below(bound);
  }

  /** 0 to `most`, both included. */
  upTo(most: number): number {
    return this.#stream.below(most + 1);
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.upTo(most - least);
  }

  chance(share: number): boolean {
    return this.#stream.uniform() < share;
  }

  pick<T>(values: readonly T[]): T {
    assert(values.length > 0, "something to choose from");
    return values[this.below(values.length)] as T;
  }

  /** One of the values, in proportion to the weight beside it. */
  weighted<T>(values: readonly (readonly [value: T, weight: number])[]): T {
    const sum = values.reduce((total, [, weight]) => total + weight, 0);
    let left = this.#stream.uniform() * sum;
    for (const [value, weight] of values) {
      left -= weight;
      if (left < 0) return value;
    }
    return (values[values.length - 1] as readonly [T, number])[0];
  }

  shuffled<T>(values: readonly T[]): T[] {
    const list = values.slice();
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j] as T, list[i] as T];
    }
    return list;
  }
}
