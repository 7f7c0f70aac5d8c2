/**
 * All committed changes of a store by revision: what stale reads, watches and what is left after a failure are held
 * against. They come from whoever knows them (a member's own log) or, by {@link replayChanges}, from the order that the
 * linearizability check found.
 */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";
import { covers, type KeyRange, type KeyValue, type Operation } from "./history.js";
import { applyRequest, KeyTable } from "./store.js";
import { keysOf } from "./store-model.js";

export interface ChangeEvent {
  readonly type: "put" | "delete";
  /** Of a delete: key and modRevision (the delete's own) count, the rest does not. */
  readonly kv: KeyValue;
}

/** All that happened at one revision, in the order in which a watcher is told. */
export interface Change {
  readonly revision: number;
  readonly events: readonly ChangeEvent[];
  /** When the request that made it was called; before it nobody can know. Absent: not known. */
  readonly calledUs?: Micros;
}

/** The store through all its revisions. */
export class StoreHistory {
  readonly changes: readonly Change[];
  readonly firstRevision: number;
  readonly lastRevision: number;
  /** By key, ascending by revision: what is there from then on. */
  readonly #versions = new Map<string, { readonly revision: number; readonly kv: KeyValue | undefined }[]>();
  readonly #keys: readonly string[];
  /** By change: the latest call among it and those before it. */
  readonly #calledUs: number[] = [];

  /** `changes` ascend by one revision each, the first being `initial.revision` + 1 (by default 2, of an empty store at 1). */
  constructor(
    changes: readonly Change[],
    initial: { readonly revision: number; readonly kvs: readonly KeyValue[] } = { revision: 1, kvs: [] },
  ) {
    this.changes = changes;
    this.firstRevision = initial.revision;
    this.lastRevision = initial.revision + changes.length;
    for (const kv of initial.kvs) this.#note(kv.key, initial.revision, kv);
    let calledUs = Number.NEGATIVE_INFINITY;
    for (const [at, change] of changes.entries()) {
      assert(change.revision === initial.revision + 1 + at, "changes come one revision after the other");
      for (const { type, kv } of change.events)
        this.#note(kv.key, change.revision, type === "put" ? kv : undefined);
      calledUs = Math.max(calledUs, change.calledUs ?? calledUs);
      this.#calledUs.push(calledUs);
    }
    this.#keys = [...this.#versions.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** What a read of the range finds at a revision, in the order of keys. `revision` lies in first to last. */
  at(range: KeyRange, revision: number): KeyValue[] {
    assert(revision >= this.firstRevision && revision <= this.lastRevision, "the revision is in the history");
    const found: KeyValue[] = [];
    const keys = range.rangeEnd === undefined ? [range.key] : this.#keys.filter((key) => covers(range, key));
    for (const key of keys) {
      const kv = this.#versionAt(key, revision);
      if (kv !== undefined) found.push(kv);
    }
    return found;
  }

  /** The change that made the revision; undefined before the first and after the last. */
  change(revision: number): Change | undefined {
    return this.changes[revision - this.firstRevision - 1];
  }

  /** The earliest moment at which the store can have been at the revision: all its writes had been called. */
  notBeforeUs(revision: number): Micros {
    return this.#calledUs[revision - this.firstRevision - 1] ?? Number.NEGATIVE_INFINITY;
  }

  #note(key: string, revision: number, kv: KeyValue | undefined): void {
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [{ revision, kv }]);
    else versions.push({ revision, kv });
  }

  #versionAt(key: string, revision: number): KeyValue | undefined {
    const versions = this.#versions.get(key) ?? [];
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((versions[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1]?.kv;
  }
}

/**
 * The changes that operations make, one after the other: for the `order` of a linearization. What an operation of unknown
 * outcome wrote without anybody seeing the value is taken from its request.
 */
export function replayChanges(
  order: readonly Operation[],
  initial: { readonly revision: number; readonly kvs: readonly KeyValue[] } = { revision: 1, kvs: [] },
): StoreHistory {
  const table = new KeyTable([...initial.kvs.map((kv) => kv.key), ...keysOf(order)]);
  let state = table.state(initial.revision, initial.kvs);
  const changes: Change[] = [];
  for (const { request, callUs } of order) {
    const after = applyRequest(table, state, request).state;
    if (after === state) continue;
    const events: ChangeEvent[] = [];
    for (const [number, kv] of after.kvs.entries()) {
      const before = state.kvs[number];
      if (kv === before) continue;
      if (kv !== undefined) events.push({ type: "put", kv });
      else if (before !== undefined)
        events.push({ type: "delete", kv: tombstone(before.key, after.revision) });
    }
    changes.push({ revision: after.revision, events, calledUs: callUs });
    state = after;
  }
  return new StoreHistory(changes, initial);
}

/** What a watcher is told of a deleted key: etcd fills in key and modRevision only. */
export function tombstone(key: string, revision: number): KeyValue {
  return { key, value: "", createRevision: 0, modRevision: revision, version: 0, lease: 0 };
}
