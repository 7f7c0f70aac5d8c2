import { assert } from "../assert.js";
import type { DurableImage, Entry, HardState, MemberId } from "./types.js";

const NO_ENTRIES: readonly Entry[] = [];

/** One change of the durable state. */
interface WalRecord {
  readonly term: number;
  readonly votedFor: MemberId;
  readonly commitIndex: number;
  /** Entries beyond this index are cut off before `entries` are written; -1 leaves the log alone. */
  readonly lastKept: number;
  readonly entries: readonly Entry[];
}

/**
 * What the node has asked its disk to write, in order. Each record has a sequence, counted from 1; a crash leaves some
 * prefix of the records, at least through the one last reported durable. The records beyond that are kept aside, so
 * that a crash can be played with exactly what the disk had.
 */
export class WriteAheadLog {
  #term: number;
  #votedFor: MemberId;
  #commitIndex: number;
  readonly #entries: Entry[];
  readonly #pending: WalRecord[] = [];
  /** Sequence of the latest record. */
  writeSequence = 0;
  /** Sequence of the latest record known to be on disk. */
  durableSequence = 0;

  constructor(image: DurableImage) {
    this.#term = image.hardState.term;
    this.#votedFor = image.hardState.votedFor;
    this.#commitIndex = image.hardState.commitIndex;
    this.#entries = image.entries.slice();
  }

  /** The term on disk, as far as reported. */
  get durableTerm(): number {
    return this.#term;
  }

  /** The vote on disk, as far as reported. */
  get durableVotedFor(): MemberId {
    return this.#votedFor;
  }

  /** Appends a record of a changed term or vote. Returns its sequence. */
  writeHardState(term: number, votedFor: MemberId, commitIndex: number): number {
    return this.#write({ term, votedFor, commitIndex, lastKept: -1, entries: NO_ENTRIES });
  }

  /** Appends a record that replaces everything beyond `lastKept` by `entries`. Returns its sequence. */
  writeEntries(
    term: number,
    votedFor: MemberId,
    commitIndex: number,
    lastKept: number,
    entries: readonly Entry[],
  ): number {
    return this.#write({ term, votedFor, commitIndex, lastKept, entries });
  }

  /** The disk has everything through `sequence`. */
  persisted(sequence: number): void {
    assert(
      sequence <= this.writeSequence,
      `fsync of write ${sequence}, but only ${this.writeSequence} were made`,
    );
    assert(
      sequence >= this.durableSequence,
      `fsync of write ${sequence} reported after ${this.durableSequence}`,
    );
    const count = sequence - this.durableSequence;
    for (let i = 0; i < count; i++) {
      const record = this.#pending[i] as WalRecord;
      this.#term = record.term;
      this.#votedFor = record.votedFor;
      this.#commitIndex = record.commitIndex;
      apply(record, this.#entries);
    }
    this.#pending.splice(0, count);
    this.durableSequence = sequence;
  }

  /** The disk's content if it got as far as `sequence`, which is neither below the durable nor above the last write. A copy. */
  imageAt(sequence: number): DurableImage {
    assert(
      sequence >= this.durableSequence && sequence <= this.writeSequence,
      `no image at write ${sequence}: the disk is between ${this.durableSequence} and ${this.writeSequence}`,
    );
    const entries = this.#entries.slice();
    let hardState: HardState = { term: this.#term, votedFor: this.#votedFor, commitIndex: this.#commitIndex };
    for (let i = 0; i < sequence - this.durableSequence; i++) {
      const record = this.#pending[i] as WalRecord;
      hardState = { term: record.term, votedFor: record.votedFor, commitIndex: record.commitIndex };
      apply(record, entries);
    }
    return { hardState, entries };
  }

  #write(record: WalRecord): number {
    this.#pending.push(record);
    this.writeSequence += 1;
    return this.writeSequence;
  }
}

function apply(record: WalRecord, entries: Entry[]): void {
  if (record.lastKept < 0) return;
  assert(
    record.lastKept <= entries.length,
    `a write begins at ${record.lastKept + 1}, the disk ends at ${entries.length}`,
  );
  if (entries.length > record.lastKept) entries.length = record.lastKept;
  for (const entry of record.entries) entries.push(entry);
}
