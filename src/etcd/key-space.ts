/**
 * The multi-version key space (etcd 3.5: server/mvcc). A revision is one request that changed something; within it the
 * changes have an order, and each key changes at most once. Every change since the last compaction is kept, so that the
 * past can be read and watched. A deletion leaves a tombstone: a {@link KeyValue} of version 0.
 */
import { assert } from "../assert.js";
import { type BackendSize, revisionBytes } from "./backend-size.js";
import type { Key, KeyValue, WatchEvent } from "./requests.js";
import { COMPACTED, FUTURE_REVISION, type Refusal } from "./store-errors.js";

/** Who keeps track of the keys that a lease holds. */
export interface LeaseHolder {
  attach(lease: number, key: Key): void;
  detach(lease: number, key: Key): void;
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  /** Of all keys in the range, the limit notwithstanding. */
  readonly count: number;
}

/** The changes kept, in order, with the bytes of each, and where they stand. Never altered. */
export interface KeySpaceSnapshot {
  readonly revision: number;
  readonly compactRevision: number;
  readonly changes: readonly KeyValue[];
  readonly changeBytes: readonly number[];
}

/** One key: its last change, and those before it as far as they are kept, oldest first. */
interface KeyHistory {
  readonly key: Key;
  latest: KeyValue;
  past: KeyValue[] | undefined;
}

/** So few new keys are moved into their places one at a time; more are merged in one pass over all keys. */
const INSERTED_ONE_BY_ONE = 8;

const NOTHING: RangeResult = Object.freeze({ kvs: Object.freeze([]), count: 0 });
const NO_EVENTS: readonly WatchEvent[] = Object.freeze([]);

export class KeySpace {
  #revision = 1;
  #compactRevision = -1;
  readonly #histories = new Map<Key, KeyHistory>();
  /** By (revision, order within it). */
  #changes: KeyValue[] = [];
  /** Of each of the changes. */
  #changeBytes: number[] = [];
  /** Changes of finished revisions. */
  #committed = 0;
  /** By key; lacks those in `#unsorted`. */
  #sorted: KeyHistory[] = [];
  #unsorted: KeyHistory[] = [];
  readonly #leases: LeaseHolder;
  readonly #size: BackendSize;

  constructor(leases: LeaseHolder, size: BackendSize) {
    this.#leases = leases;
    this.#size = size;
  }

  /** Of the last change; a new store has 1. */
  get revision(): number {
    return this.#revision;
  }

  /** Nothing before it can be read; -1: nothing was ever compacted. */
  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** The key as it is now, what is being written included; undefined: there is no such key. */
  get(key: Key): KeyValue | undefined {
    const latest = this.#histories.get(key)?.latest;
    return latest === undefined || latest.version === 0 ? undefined : latest;
  }

  /** `revision` 0: now. `limit` 0: all. */
  range(key: Key, rangeEnd: Key | undefined, revision: number, limit: number): RangeResult | Refusal {
    const now = this.#writingRevision();
    if (revision > now) return FUTURE_REVISION;
    const at = revision <= 0 ? now : revision;
    if (at < this.#compactRevision) return COMPACTED;
    if (rangeEnd === undefined || rangeEnd === "") {
      const kv = valueAt(this.#histories.get(key), at);
      return kv === undefined ? NOTHING : { kvs: [kv], count: 1 };
    }
    const kvs: KeyValue[] = [];
    let count = 0;
    const sorted = this.#sortedHistories();
    const end = endOf(sorted, rangeEnd);
    for (let i = lowerBound(sorted, key); i < end; i++) {
      const kv = valueAt(sorted[i], at);
      if (kv === undefined) continue;
      if (limit <= 0 || count < limit) kvs.push(kv);
      count++;
    }
    return { kvs, count };
  }

  /** Part of the revision being written. `bytes` of the value. */
  put(key: Key, value: string, bytes: number, lease: number): void {
    const revision = this.#revision + 1;
    const history = this.#histories.get(key);
    const latest = history?.latest;
    const isAlive = latest !== undefined && latest.version !== 0;
    const kv: KeyValue = {
      key,
      value,
      createRevision: isAlive ? latest.createRevision : revision,
      modRevision: revision,
      version: isAlive ? latest.version + 1 : 1,
      lease,
    };
    if (isAlive && latest.lease !== 0) this.#leases.detach(latest.lease, key);
    if (lease !== 0) this.#leases.attach(lease, key);
    this.#record(history, kv, revisionBytes(key.length, bytes));
  }

  /** Part of the revision being written. Returns how many keys it deleted. */
  deleteRange(key: Key, rangeEnd: Key | undefined): number {
    if (rangeEnd === undefined || rangeEnd === "") {
      return this.#delete(this.#histories.get(key)) ? 1 : 0;
    }
    let deleted = 0;
    const sorted = this.#sortedHistories();
    const end = endOf(sorted, rangeEnd);
    for (let i = lowerBound(sorted, key); i < end; i++) if (this.#delete(sorted[i])) deleted++;
    return deleted;
  }

  /** The request is done: if it changed something, that is the next revision. Returns what watches see of it. */
  commit(): readonly WatchEvent[] {
    if (this.#committed === this.#changes.length) return NO_EVENTS;
    this.#revision++;
    const events: WatchEvent[] = [];
    for (; this.#committed < this.#changes.length; this.#committed++)
      events.push(toEvent(this.#changes[this.#committed] as KeyValue));
    return events;
  }

  /**
   * Forgets what was overwritten or deleted before `revision`; what could be read at it stays, and so does a deletion of
   * that very revision (etcd from 3.5.16 on), so that a watch may start there.
   */
  compact(revision: number): Refusal | undefined {
    assert(this.#committed === this.#changes.length, "nothing is compacted in the midst of a request");
    if (revision <= this.#compactRevision) return COMPACTED;
    if (revision > this.#revision) return FUTURE_REVISION;
    this.#compactRevision = revision;
    const end = firstChangeFrom(this.#changes, revision + 1);
    const changes: KeyValue[] = [];
    const changeBytes: number[] = [];
    for (let i = 0; i < end; i++) {
      const kv = this.#changes[i] as KeyValue;
      const bytes = this.#changeBytes[i] as number;
      if (this.#isKept(kv, revision)) {
        changes.push(kv);
        changeBytes.push(bytes);
      } else this.#size.free(bytes);
    }
    for (let i = end; i < this.#changes.length; i++) {
      changes.push(this.#changes[i] as KeyValue);
      changeBytes.push(this.#changeBytes[i] as number);
    }
    this.#changes = changes;
    this.#changeBytes = changeBytes;
    this.#committed = changes.length;
    this.#sorted = this.#sortedHistories().filter((history) => this.#histories.has(history.key));
    return undefined;
  }

  /** Every change kept from a revision on, in order. */
  eventsFrom(revision: number): readonly WatchEvent[] {
    const events: WatchEvent[] = [];
    for (let i = firstChangeFrom(this.#changes, revision); i < this.#committed; i++)
      events.push(toEvent(this.#changes[i] as KeyValue));
    return events;
  }

  /** Every change kept up to a revision, in order. */
  *changesThrough(revision: number): Generator<KeyValue> {
    for (const kv of this.#changes) {
      if (kv.modRevision > revision) return;
      yield kv;
    }
  }

  snapshot(): KeySpaceSnapshot {
    assert(this.#committed === this.#changes.length, "no snapshot in the midst of a request");
    return {
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      changes: this.#changes.slice(),
      changeBytes: this.#changeBytes.slice(),
    };
  }

  /** Into an empty key space whose leases are already there. */
  restore(snapshot: KeySpaceSnapshot): void {
    assert(this.#changes.length === 0, "a snapshot is restored into an empty key space");
    snapshot.changes.forEach((kv, i) => {
      this.#record(this.#histories.get(kv.key), kv, snapshot.changeBytes[i] as number);
    });
    this.#committed = this.#changes.length;
    this.#revision = snapshot.revision;
    this.#compactRevision = snapshot.compactRevision;
    for (const { latest } of this.#histories.values())
      if (latest.lease !== 0) this.#leases.attach(latest.lease, latest.key);
  }

  /** The revision that a read sees: within a request that has written, its own. */
  #writingRevision(): number {
    return this.#committed === this.#changes.length ? this.#revision : this.#revision + 1;
  }

  #delete(history: KeyHistory | undefined): boolean {
    if (history === undefined || history.latest.version === 0) return false;
    const { key, latest } = history;
    const modRevision = this.#revision + 1;
    if (latest.lease !== 0) this.#leases.detach(latest.lease, key);
    const tombstone = { key, value: "", createRevision: 0, modRevision, version: 0, lease: 0 };
    this.#record(history, tombstone, revisionBytes(key.length, 0));
    return true;
  }

  #record(history: KeyHistory | undefined, kv: KeyValue, bytes: number): void {
    if (history === undefined) {
      const made: KeyHistory = { key: kv.key, latest: kv, past: undefined };
      this.#histories.set(kv.key, made);
      this.#unsorted.push(made);
    } else {
      assert(history.latest.modRevision < kv.modRevision, "a request changes a key at most once");
      if (history.past === undefined) history.past = [history.latest];
      else history.past.push(history.latest);
      history.latest = kv;
    }
    this.#changes.push(kv);
    this.#changeBytes.push(bytes);
    this.#size.add(bytes);
  }

  /** Whether a change at or before the compacted revision stays; brings the key's own history up to date with it. */
  #isKept(kv: KeyValue, revision: number): boolean {
    const history = this.#histories.get(kv.key);
    if (history === undefined) return false;
    const { past } = history;
    if (past !== undefined && past[0] === kv) {
      let last = 0;
      while (last + 1 < past.length && (past[last + 1] as KeyValue).modRevision <= revision) last++;
      if (last + 1 === past.length && history.latest.modRevision <= revision) history.past = undefined;
      else if (isForgotten(past[last] as KeyValue, revision)) last++;
      if (last === past.length) history.past = undefined;
      else if (last > 0 && history.past !== undefined) history.past = past.slice(last);
    }
    if (history.past !== undefined) return history.past[0] === kv;
    if (history.latest !== kv) return false;
    if (!isForgotten(kv, revision)) return true;
    this.#histories.delete(kv.key);
    return false;
  }

  #sortedHistories(): readonly KeyHistory[] {
    if (this.#unsorted.length === 0) return this.#sorted;
    const added = this.#unsorted.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#unsorted = [];
    const last = this.#sorted.at(-1);
    const first = added[0] as KeyHistory;
    if (last === undefined || last.key < first.key) {
      for (const history of added) this.#sorted.push(history);
    } else if (added.length <= INSERTED_ONE_BY_ONE) {
      for (const history of added) this.#sorted.splice(lowerBound(this.#sorted, history.key), 0, history);
    } else this.#sorted = merge(this.#sorted, added);
    return this.#sorted;
  }
}

/** A key's value at a revision. */
function valueAt(history: KeyHistory | undefined, revision: number): KeyValue | undefined {
  if (history === undefined) return undefined;
  const { latest, past } = history;
  if (latest.modRevision <= revision) return latest.version === 0 ? undefined : latest;
  if (past === undefined) return undefined;
  const kv = past[firstChangeFrom(past, revision + 1) - 1];
  return kv === undefined || kv.version === 0 ? undefined : kv;
}

/** A deletion before the compacted revision leaves nothing that could be read. */
function isForgotten(kv: KeyValue, revision: number): boolean {
  return kv.version === 0 && kv.modRevision < revision;
}

/** The place of the first change at or after a revision. */
function firstChangeFrom(changes: readonly KeyValue[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle] as KeyValue).modRevision < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lowerBound(sorted: readonly KeyHistory[], key: Key): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as KeyHistory).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function endOf(sorted: readonly KeyHistory[], rangeEnd: Key): number {
  return rangeEnd === "\0" ? sorted.length : lowerBound(sorted, rangeEnd);
}

/** Two sorted lists without a key in common. */
function merge(a: readonly KeyHistory[], b: readonly KeyHistory[]): KeyHistory[] {
  const merged: KeyHistory[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const inA = a[i] as KeyHistory;
    const inB = b[j] as KeyHistory;
    if (inA.key < inB.key) {
      merged.push(inA);
      i++;
    } else {
      merged.push(inB);
      j++;
    }
  }
  for (; i < a.length; i++) merged.push(a[i] as KeyHistory);
  for (; j < b.length; j++) merged.push(b[j] as KeyHistory);
  return merged;
}

function toEvent(kv: KeyValue): WatchEvent {
  return { type: kv.version === 0 ? "delete" : "put", kv };
}
