import { assert } from "../assert.js";
import type { Entry, Snapshot } from "./types.js";

/** The part of a log that others may look at. */
export interface LogView {
  /** Index of the first entry that is kept; those before it were compacted away (§7). */
  readonly firstIndex: number;
  /** Index of the last entry; of the snapshot in a log that has none, 0 in a new one. */
  readonly lastIndex: number;
  /** Entries through this index are on this member's disk. */
  readonly stableIndex: number;
  /** Index of the highest entry known to be committed. */
  readonly commitIndex: number;
  /** The entry at `index`, which must be in the log. */
  entry(index: number): Entry;
  /** Term of the entry at `index`, also of the last one compacted; 0 at index 0 of an uncompacted log, else -1. */
  termAt(index: number): number;
}

/**
 * A member's log in memory. Of its entries a prefix is stable (fsynced) and a prefix is committed; either may be the
 * longer, since a leader may commit on the disks of others before its own has answered.
 * *Invariant:* terms never fall with the index; committed entries are never cut off.
 */
export class RaftLog implements LogView {
  /** Entry i is at i - offset - 1. All arithmetic on that is in this file. */
  readonly #entries: Entry[];
  /** Index and term of the last entry compacted away; 0 and 0 if none is. */
  #offset = 0;
  #offsetTerm = 0;
  #stableIndex: number;
  #commitIndex: number;
  /** Writes under way, oldest first: once write `#unstableSequence[k]` is durable, the log is through `#unstableLast[k]`. */
  readonly #unstableSequence: number[] = [];
  readonly #unstableLast: number[] = [];

  /** `entries` are what the disk held, starting after the snapshot. */
  constructor(entries: readonly Entry[], commitIndex: number, snapshot?: Snapshot) {
    if (snapshot !== undefined) {
      this.#offset = snapshot.index;
      this.#offsetTerm = snapshot.term;
    }
    const lastIndex = this.#offset + entries.length;
    assert(commitIndex <= lastIndex, `commit index ${commitIndex} beyond the log's end ${lastIndex}`);
    assert(commitIndex >= this.#offset, `commit index ${commitIndex} before the snapshot's ${this.#offset}`);
    this.#entries = entries.slice();
    this.#stableIndex = lastIndex;
    this.#commitIndex = commitIndex;
  }

  get firstIndex(): number {
    return this.#offset + 1;
  }

  get lastIndex(): number {
    return this.#offset + this.#entries.length;
  }

  get lastTerm(): number {
    return this.termAt(this.lastIndex);
  }

  get stableIndex(): number {
    return this.#stableIndex;
  }

  get commitIndex(): number {
    return this.#commitIndex;
  }

  termAt(index: number): number {
    if (index <= this.#offset) return index === this.#offset ? this.#offsetTerm : -1;
    const entry = this.#entries[index - this.#offset - 1];
    return entry === undefined ? -1 : entry.term;
  }

  entry(index: number): Entry {
    const entry = this.#entries[index - this.#offset - 1];
    assert(entry !== undefined, `no entry ${index} in a log of ${this.firstIndex}..${this.lastIndex}`);
    return entry;
  }

  /** Up to `countMax` entries from `from` on. A copy. */
  slice(from: number, countMax: number): readonly Entry[] {
    const start = from - this.#offset - 1;
    return this.#entries.slice(start, start + countMax);
  }

  /** Whether a log that ends in (`term`, `index`) is at least as new as this one (§5.4.1). */
  isUpToDate(term: number, index: number): boolean {
    const lastTerm = this.lastTerm;
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex);
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
   * returned as it is. What is compacted stops the search: it is committed, so nobody differs there.
   */
  lastIndexWithin(index: number, term: number): number {
    if (index > this.lastIndex) return index;
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
    this.#entries.length = index - this.#offset;
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
    assert(entry.index === this.lastIndex + 1, `entry ${entry.index} after ${this.lastIndex}`);
    assert(entry.term >= this.lastTerm, `an entry of term ${entry.term} after one of term ${this.lastTerm}`);
    this.#entries.push(entry);
  }

  /** The log as it is now is written under `sequence`. */
  writing(sequence: number): void {
    if (this.lastIndex === this.#stableIndex) return;
    this.#unstableSequence.push(sequence);
    this.#unstableLast.push(this.lastIndex);
  }

  /** Forgets the entries through `index`, which are committed and in a snapshot. */
  compact(index: number): void {
    assert(index >= this.firstIndex && index <= this.#commitIndex, `no compaction through ${index}`);
    const term = this.termAt(index);
    this.#entries.splice(0, index - this.#offset);
    this.#offset = index;
    this.#offsetTerm = term;
  }

  /** Becomes the log that ends with `snapshot`, which goes beyond what is committed here. Its write must be announced with {@link RaftLog.writing}. */
  restore(snapshot: Snapshot): void {
    assert(snapshot.index > this.#commitIndex, `a snapshot at ${snapshot.index} would take commits back`);
    // Of the old log only what was committed is certain to be part of the new one.
    if (this.#stableIndex > this.#commitIndex) this.#stableIndex = this.#commitIndex;
    this.#unstableSequence.length = 0;
    this.#unstableLast.length = 0;
    this.#entries.length = 0;
    this.#offset = snapshot.index;
    this.#offsetTerm = snapshot.term;
    this.#commitIndex = snapshot.index;
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
    assert(index <= this.lastIndex, `commit index ${index} beyond the log's end ${this.lastIndex}`);
    this.#commitIndex = index;
  }
}
