/**
 * Counts, while the search goes on, of the answers left that show a value and of the requests left that may put it: a value
 * that is still to be shown must not be overwritten if nobody is left to put it again.
 */
import { type KvRequest, type Operation, shownKvs } from "./history.js";
import type { StoreState } from "./store.js";

/** What an operation shows or may put: slots of key and value. */
interface Stake {
  readonly shows: readonly number[];
  readonly puts: readonly number[];
}

export class ValueSupply {
  readonly #stakes: readonly Stake[];
  /** By key and value: the slot. */
  readonly #slots = new Map<string, Map<string, number>>();
  /** By slot. */
  readonly #showsLeft: number[] = [];
  readonly #putsLeft: number[] = [];

  /** `requests` are what the search applies for the operations. */
  constructor(operations: readonly Operation[], requests: readonly KvRequest[]) {
    this.#stakes = operations.map(({ answer }, number) => ({
      shows: answer === undefined ? [] : shownKvs(answer.outcome).map((kv) => this.#slot(kv.key, kv.value)),
      puts: this.#putsOf(requests[number] as KvRequest),
    }));
    for (const number of operations.keys()) this.placed(number, 1);
  }

  /** The operation was placed (-1) or is left (again) (+1). */
  placed(operation: number, by: -1 | 1): void {
    const { shows, puts } = this.#stakes[operation] as Stake;
    for (const slot of shows) this.#showsLeft[slot] = (this.#showsLeft[slot] as number) + by;
    for (const slot of puts) this.#putsLeft[slot] = (this.#putsLeft[slot] as number) + by;
  }

  /** Whether the operation, not yet placed, takes away a value for good that others still show. */
  losesShown(before: StoreState, after: StoreState, operation: number): boolean {
    for (const [number, kv] of before.kvs.entries()) {
      const next = after.kvs[number];
      if (kv === undefined || next === kv || next?.value === kv.value) continue;
      const slot = this.#slots.get(kv.key)?.get(kv.value);
      if (slot === undefined) continue;
      const { shows, puts } = this.#stakes[operation] as Stake;
      const own = (slots: readonly number[]) => slots.filter((one) => one === slot).length;
      if ((this.#showsLeft[slot] as number) > own(shows) && this.#putsLeft[slot] === own(puts)) return true;
    }
    return false;
  }

  #putsOf(request: KvRequest): readonly number[] {
    if (request.type === "put") return [this.#slot(request.key, request.value)];
    if (request.type !== "txn") return [];
    return [...request.success, ...request.failure].flatMap((part) => this.#putsOf(part));
  }

  #slot(key: string, value: string): number {
    const values = this.#slots.get(key) ?? new Map<string, number>();
    this.#slots.set(key, values);
    let slot = values.get(value);
    if (slot === undefined) {
      slot = this.#showsLeft.length;
      values.set(value, slot);
      this.#showsLeft.push(0);
      this.#putsLeft.push(0);
    }
    return slot;
  }
}
