/** A table for what does not fit into an event's numbers (a Raft message, an API request). One owner each. */
import { assert } from "../assert.js";

/**
 * Values by slot number. `put` returns a handle that carries the slot's generation, so that a handle kept past its
 * `take` is found out instead of reading somebody else's value.
 */
export class SlotTable<T extends NonNullable<unknown>> {
  readonly #values: (T | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #free: number[] = [];

  /** Values held. */
  get size(): number {
    return this.#values.length - this.#free.length;
  }

  /** Stores a value; the handle is a non-negative integer below 2^53, fit for an event's detail. */
  put(value: T): number {
    const slot = this.#free.pop() ?? this.#values.length;
    this.#values[slot] = value;
    const generation = ((this.#generations[slot] ?? 0) + 1) % 0x10_0000;
    this.#generations[slot] = generation;
    return generation * 0x1_0000_0000 + slot;
  }

  /** The value of a handle that is still held; it stays held. */
  get(handle: number): T {
    const slot = handle % 0x1_0000_0000;
    const value = this.#values[slot];
    assert(
      value !== undefined && this.#generations[slot] === Math.floor(handle / 0x1_0000_0000),
      "a slot's handle used after its value was taken",
    );
    return value;
  }

  /** Removes and returns the value of a handle that is still held. */
  take(handle: number): T {
    const value = this.get(handle);
    const slot = handle % 0x1_0000_0000;
    this.#values[slot] = undefined;
    this.#free.push(slot);
    return value;
  }
}
