import { assert } from "../assert.js";
import type { DurableImage, Entry, MemberId, Snapshot } from "./types.js";

const NO_ENTRIES: readonly Entry[] = [];

/** One change of the durable state. */
interface WalRecord {
  readonly term: number;
  readonly votedFor: MemberId;
  readonly commitIndex: number;
  /** Entries beyond this index are cut off before `entries` are written; -1 leaves the log alone. */
  readonly lastKept: number;
  readonly entries: readonly Entry[];
  /** Entries through its index are gone; with `lastKept` equal to that index, those beyond it, too. */
  readonly snapshot: Snapshot | undefined;
}

/** The disk's content while records are applied to it. */
interface Disk {
  term: number;
  votedFor: MemberId;
  commitIndex: number;
  snapshot: Snapshot | undefined;
  /** Those after the snapshot. */
  entries: Entry[];
}

/**
 * What the node has asked its disk to write, in order. Each record has a sequence, counted from 1; a crash leaves some
 * prefix of the records, at least through the one last reported durable. The records beyond that are kept aside, so
 * that a crash can be played with exactly what the disk had.
 */
export class WriteAheadLog {
  readonly #disk: Disk;
  readonly #pending: WalRecord[] = [];
  /** Sequence of the latest record. */
  writeSequence = 0;
  /** Sequence of the latest record known to be on disk. */
  durableSequence = 0;

  constructor(image: DurableImage) {
    const { hardState, snapshot, entries } = image;
    this.#disk = { ...hardState, snapshot, entries: entries.slice() };
  }

  /** The term on disk, as far as reported. */
  get durableTerm(): number {
    return this.#disk.term;
  }

  /** The vote on disk, as far as reported. */
  get durableVotedFor(): MemberId {
    return this.#disk.votedFor;
  }

  /** Appends a record of a changed term or vote. Returns its sequence. */
  writeHardState(term: number, votedFor: MemberId, commitIndex: number): number {
    return this.#write({
      term,
      votedFor,
      commitIndex,
      lastKept: -1,
      entries: NO_ENTRIES,
      snapshot: undefined,
    });
  }

  /** Appends a record that replaces everything beyond `lastKept` by `entries`. Returns its sequence. */
  writeEntries(
    term: number,
    votedFor: MemberId,
    commitIndex: number,
    lastKept: number,
    entries: readonly Entry[],
  ): number {
    return this.#write({ term, votedFor, commitIndex, lastKept, entries, snapshot: undefined });
  }

  /** Appends a record of a snapshot, one that `replaces` the whole log or one that stands for its beginning. Returns its sequence. */
  writeSnapshot(
    term: number,
    votedFor: MemberId,
    commitIndex: number,
    snapshot: Snapshot,
    replaces: boolean,
  ): number {
    const lastKept = replaces ? snapshot.index : -1;
    return this.#write({ term, votedFor, commitIndex, lastKept, entries: NO_ENTRIES, snapshot });
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
    for (let i = 0; i < count; i++) apply(this.#pending[i] as WalRecord, this.#disk);
    this.#pending.splice(0, count);
    this.durableSequence = sequence;
  }

  /**
   * The disk's content if it got as far as `sequence`, which is neither below the durable nor above the last write. Of
   * the write after that, the first `tornEntries` entries survived, too, with what was committed of them: a write is
   * torn between entries, as those have checksums of their own. A copy.
   */
  imageAt(sequence: number, tornEntries = 0): DurableImage {
    assert(
      sequence >= this.durableSequence && sequence <= this.writeSequence,
      `no image at write ${sequence}: the disk is between ${this.durableSequence} and ${this.writeSequence}`,
    );
    const disk: Disk = { ...this.#disk, entries: this.#disk.entries.slice() };
    const count = sequence - this.durableSequence;
    for (let i = 0; i < count; i++) apply(this.#pending[i] as WalRecord, disk);
    const torn = this.#pending[count];
    if (torn !== undefined && tornEntries > 0) tear(torn, tornEntries, disk);
    const { term, votedFor, commitIndex, snapshot, entries } = disk;
    const hardState = { term, votedFor, commitIndex };
    return snapshot === undefined ? { hardState, entries } : { hardState, snapshot, entries };
  }

  #write(record: WalRecord): number {
    this.#pending.push(record);
    this.writeSequence += 1;
    return this.writeSequence;
  }
}

function apply(record: WalRecord, disk: Disk): void {
  disk.term = record.term;
  disk.votedFor = record.votedFor;
  disk.commitIndex = record.commitIndex;
  if (record.snapshot !== undefined) applySnapshot(record.snapshot, record.lastKept >= 0, disk);
  else if (record.lastKept >= 0) applyEntries(record.lastKept, record.entries, disk);
}

/** Snapshots are files of their own and survive whole or not at all. */
function tear(record: WalRecord, entryCount: number, disk: Disk): void {
  if (record.snapshot !== undefined || record.lastKept < 0) return;
  const survivors = record.entries.slice(0, entryCount);
  applyEntries(record.lastKept, survivors, disk);
  const committed = Math.min(record.commitIndex, record.lastKept + survivors.length);
  disk.commitIndex = Math.max(disk.commitIndex, committed);
}

function applySnapshot(snapshot: Snapshot, replaces: boolean, disk: Disk): void {
  const compacted = snapshot.index - (disk.snapshot?.index ?? 0);
  disk.snapshot = snapshot;
  disk.entries = replaces ? [] : disk.entries.slice(compacted);
}

function applyEntries(lastKept: number, added: readonly Entry[], disk: Disk): void {
  const { entries } = disk;
  const kept = lastKept - (disk.snapshot?.index ?? 0);
  assert(
    kept >= 0 && kept <= entries.length,
    `a write begins after entry ${kept} of the ${entries.length} on disk`,
  );
  if (entries.length > kept) entries.length = kept;
  for (const entry of added) entries.push(entry);
}
