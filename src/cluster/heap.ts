/** A binary heap over an order given from outside: the least entry on top. */
export class Heap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #entries: T[] = [];

  /** `before(a, b)`: a comes out before b. A strict order that does not change while entries are in. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  peek(): T | undefined {
    return this.#entries[0];
  }

  push(entry: T): void {
    const entries = this.#entries;
    let hole = entries.length;
    entries.push(entry);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = entries[parent] as T;
      if (!this.#before(entry, above)) break;
      entries[hole] = above;
      hole = parent;
    }
    entries[hole] = entry;
  }

  pop(): T | undefined {
    const entries = this.#entries;
    const top = entries[0];
    const last = entries.pop();
    if (top === undefined || last === undefined || entries.length === 0) return top;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && this.#before(entries[child + 1] as T, entries[child] as T)) child++;
      if (!this.#before(entries[child] as T, last)) break;
      entries[hole] = entries[child] as T;
      hole = child;
    }
    entries[hole] = last;
    return top;
  }
}
