import { assert } from "../assert.js";
import type { Entry } from "./types.js";

/** The part of a log that others may look at. */
export interface LogView {
  /** Index of the last entry, 0 in an empty log. */
  readonly lastIndex: number;
  /** Entries through this index are on this member's disk. */
  readonly stableIndex: number;
  /** Index of the highest entry known to be committed. */
  readonly commitIndex: number;
  /** The entry at `index`, which must be in the log. */
  entry(index: number): Entry;
  /** Term of the entry at `index`; 0 at index 0, -1 beyond the log's end. */
  termAt(index: number): number;
}

/**
 * A member's log in memory. Of its entries a prefix is stable (fsynced) and a prefix is committed; either may be the
 * longer, since a leader may commit on the disks of others before its own has answered.
 * *Invariant:* terms never fall with the index; committed entries are never cut off.
 */
export class RaftLog implements LogView {
  /** Entry i is at i-1. All arithmetic on that is in this file, where a compacted log would add its offset. */
  readonly #entries: Entry[];
  #stableIndex: number;
  #commitIndex: number;
  /** Writes under way, oldest first: once write `#unstableSequence[k]` is durable, the log is through `#unstableLast[k]`. */
  readonly #unstableSequence: number[] = [];
  readonly #unstableLast: number[] = [];

  /** `entries` are what the disk held, starting at index 1. */
  constructor(entries: readonly Entry[], commitIndex: number) {
    assert(
      commitIndex <= entries.length,
      `commit index ${commitIndex} beyond the log's end ${entries.length}`,
    );
    this.#entries = entries.slice();
    this.#stableIndex = entries.length;
    this.#commitIndex = commitIndex;
  }

  get lastIndex(): number {
    return this.#entries.length;
  }

  get lastTerm(): number {
    return this.termAt(this.#entries.length);
  }

  get stableIndex(): number {
    return this.#stableIndex;
  }

  get commitIndex(): number {
    return this.#commitIndex;
  }

  termAt(index: number): number {
    if (index === 0) return 0;
    const entry = this.#entries[index - 1];
    return entry === undefined ? -1 : entry.term;
  }

  entry(index: number): Entry {
    const entry = this.#entries[index - 1];
    assert(entry !== undefined, `no entry ${index} in a log of ${this.#entries.length}`);
    return entry;
  }

  /** Up to `countMax` entries from `from` on. A copy. */
  slice(from: number, countMax: number): readonly Entry[] {
    return this.#entries.slice(from - 1, from - 1 + countMax);
  }

  /** Whether a log that ends in (`term`, `index`) is at least as new as this one (§5.4.1). */
  isUpToDate(term: number, index: number): boolean {
    const lastTerm = this.lastTerm;
    return term > lastTerm || (term === lastTerm && index >= this.#entries.length);
  }

  /** The first of `entries` that this log does not have, as a position in `entries`; their count if it has them all. */
  firstNew(entries: readonly Entry[]): number {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      if (this.termAt(entry.index) !== entry.term) return i;
    }
    return entries.length;
  }

  /**
   * The highest index, at most `index`, whose entry has a term of at most `term`: a log with that term there cannot
   * agree with this one any further up (§5.3, skipping a term's entries at once). An index beyond the end is
   * returned as it is.
   */
  lastIndexWithin(index: number, term: number): number {
    if (index > this.#entries.length) return index;
    let i = index;
    while (i > 0 && this.termAt(i) > term) i--;
    return i;
  }

  /** Cuts everything beyond `index` off. The write that follows must begin there. */
  truncateAfter(index: number): void {
    assert(
      index >= this.#commitIndex,
      `cutting off committed entries: ${index} < commit index ${this.#commitIndex}`,
    );
    this.#entries.length = index;
    if (this.#stableIndex > index) this.#stableIndex = index;
    let last = this.#unstableLast.length - 1;
    while (last >= 0 && (this.#unstableLast[last] as number) > index) {
      const before = last === 0 ? this.#stableIndex : (this.#unstableLast[last - 1] as number);
      if (before < index) {
        this.#unstableLast[last] = index;
        break;
      }
      this.#unstableSequence.pop();
      this.#unstableLast.pop();
      last--;
    }
  }

  /** Appends one entry. Its write must be announced with {@link RaftLog.writing}. */
  append(entry: Entry): void {
    assert(entry.index === this.#entries.length + 1, `entry ${entry.index} after ${this.#entries.length}`);
    assert(entry.term >= this.lastTerm, `an entry of term ${entry.term} after one of term ${this.lastTerm}`);
    this.#entries.push(entry);
  }

  /** The log as it is now is written under `sequence`. */
  writing(sequence: number): void {
    if (this.#entries.length === this.#stableIndex) return;
    this.#unstableSequence.push(sequence);
    this.#unstableLast.push(this.#entries.length);
  }

  /** Everything written through `sequence` is durable. */
  persisted(sequence: number): void {
    let done = 0;
    while (done < this.#unstableSequence.length && (this.#unstableSequence[done] as number) <= sequence)
      done++;
    if (done === 0) return;
    this.#stableIndex = this.#unstableLast[done - 1] as number;
    this.#unstableSequence.splice(0, done);
    this.#unstableLast.splice(0, done);
  }

  /** Moves the commit index up to `index`; never down. */
  commitTo(index: number): void {
    if (index <= this.#commitIndex) return;
    assert(
      index <= this.#entries.length,
      `commit index ${index} beyond the log's end ${this.#entries.length}`,
    );
    this.#commitIndex = index;
  }
}
