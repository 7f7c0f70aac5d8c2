/**
 * The watches of one process (etcd 3.5: server/mvcc/watchable_store.go, watcher_group.go). A watch is in sync, and then
 * hears of every change as it is applied, or it is behind, and is brought up from history by {@link WatchHub.sync}, which
 * the process calls every 100 ms while some are. They die with the process. A client that reads too slowly is not
 * modelled: what is delivered is taken.
 *
 * Deliveries to different watches come in the order in which the watches were made, where etcd's order is a map's.
 */
import { assert } from "../assert.js";
import { MILLISECOND, MINUTE, type Micros } from "../units/time.js";
import { isInRange } from "./request-checks.js";
import type { Key, Outcome, WatchEvent, WatchRequest } from "./requests.js";

/** Watches behind are looked after so often. */
export const WATCH_SYNC_US: Micros = 100 * MILLISECOND;

/** Progress is told so often, and up to a tenth of it later, drawn for each stream of watches (v3rpc/watch.go). */
export const WATCH_PROGRESS_US: Micros = 10 * MINUTE;

/** Watches brought up at a time, and revisions for one of them at a time. */
const SYNC_WATCHES_MAX = 512;
const SYNC_REVISIONS_MAX = 1000;

/** Something for one watch. */
export interface WatchDelivery {
  readonly watch: number;
  /** Whole revisions, in order. Empty: it tells of progress, or that the watch is over. */
  readonly events: readonly WatchEvent[];
  /** The store's, for the response's header. */
  readonly revision: number;
  /** Above 0: the watch wanted revisions that are compacted, and is over. */
  readonly compactRevision: number;
}

/** What a watch may have missed: a {@link import("./store.js").Store}. */
export interface WatchHistory {
  readonly revision: number;
  readonly compactRevision: number;
  eventsFrom(revision: number): readonly WatchEvent[];
}

interface Watcher {
  readonly watch: number;
  /** Its place in the order of deliveries. */
  readonly order: number;
  readonly key: Key;
  readonly rangeEnd: Key | undefined;
  /** Where it was asked to begin; 0: when it was made. */
  readonly startRevision: number;
  /** Revisions below are not for it (any more). */
  nextRevision: number;
  isSynced: boolean;
  readonly wantsProgress: boolean;
  /** No event went to it since progress was last told. */
  isQuiet: boolean;
}

const CREATED: Outcome = Object.freeze({ type: "watchCreated" });
const REFUSED: Outcome = Object.freeze({ type: "watchCanceled", compactRevision: 0 });
const NO_EVENTS: readonly WatchEvent[] = Object.freeze([]);
const NO_DELIVERIES: readonly WatchDelivery[] = Object.freeze([]);

export class WatchHub {
  readonly #watchers = new Map<number, Watcher>();
  /** Those of one key in sync, and those of a range, each in the order in which they came into sync. */
  readonly #byKey = new Map<Key, Watcher[]>();
  readonly #ranges: Watcher[] = [];
  #unsynced: Watcher[] = [];
  #made = 0;
  #history: WatchHistory;

  constructor(history: WatchHistory) {
    this.#history = history;
  }

  get count(): number {
    return this.#watchers.size;
  }

  /** Watches that {@link sync} has to look after. */
  get unsyncedCount(): number {
    return this.#unsynced.length;
  }

  has(watch: number): boolean {
    return this.#watchers.has(watch);
  }

  /** A new watch; `watch` is a number of the caller's, used for no other one. */
  create(watch: number, request: WatchRequest): Outcome {
    assert(!this.#watchers.has(watch), "watches have numbers of their own");
    const { rangeEnd, startRevision } = request;
    const { revision } = this.#history;
    // The smallest key stands for none.
    const key = request.key === "" ? "\0" : request.key;
    if (startRevision < 0 || isEmptyRange(key, rangeEnd)) return REFUSED;
    const watcher: Watcher = {
      watch,
      order: this.#made++,
      key,
      rangeEnd,
      startRevision,
      nextRevision: startRevision === 0 ? revision + 1 : startRevision,
      isSynced: false,
      wantsProgress: request.progressNotify === true,
      isQuiet: true,
    };
    this.#watchers.set(watch, watcher);
    if (watcher.nextRevision > revision) this.#enterSynced(watcher);
    else this.#unsynced.push(watcher);
    return CREATED;
  }

  /** Whether there was such a watch. */
  cancel(watch: number): boolean {
    const watcher = this.#watchers.get(watch);
    if (watcher === undefined) return false;
    this.#watchers.delete(watch);
    if (watcher.isSynced) this.#leaveSynced(watcher);
    else remove(this.#unsynced, watcher);
    return true;
  }

  /** A revision was applied: its changes, all of them, go to every watch in sync that wants some. */
  notify(events: readonly WatchEvent[]): readonly WatchDelivery[] {
    const revision = events[0]?.kv.modRevision;
    if (revision === undefined || (this.#byKey.size === 0 && this.#ranges.length === 0)) return NO_DELIVERIES;
    const batches = new Map<Watcher, WatchEvent[]>();
    for (const event of events) {
      for (const watcher of this.#byKey.get(event.kv.key) ?? []) addTo(batches, watcher, event);
      for (const watcher of this.#ranges)
        if (isInRange(event.kv.key, watcher.key, watcher.rangeEnd)) addTo(batches, watcher, event);
    }
    if (batches.size === 0) return NO_DELIVERIES;
    const deliveries: WatchDelivery[] = [];
    for (const [watcher, batch] of inOrder(batches)) {
      watcher.nextRevision = revision + 1;
      watcher.isQuiet = false;
      deliveries.push({ watch: watcher.watch, events: batch, revision, compactRevision: 0 });
    }
    return deliveries;
  }

  /**
   * Brings watches that are behind up to the store, a thousand revisions each at a time, and ends those whose revisions
   * are compacted.
   */
  sync(): readonly WatchDelivery[] {
    if (this.#unsynced.length === 0) return NO_DELIVERIES;
    const chosen = this.#unsynced.slice(0, SYNC_WATCHES_MAX);
    this.#unsynced = this.#unsynced.slice(SYNC_WATCHES_MAX);
    const { revision, compactRevision } = this.#history;
    let from = Number.POSITIVE_INFINITY;
    for (const { nextRevision } of chosen)
      if (nextRevision >= compactRevision) from = Math.min(from, nextRevision);
    const events = from <= revision ? this.#history.eventsFrom(from) : NO_EVENTS;
    const deliveries: WatchDelivery[] = [];
    for (const watcher of chosen) {
      if (watcher.nextRevision < compactRevision) {
        this.#watchers.delete(watcher.watch);
        deliveries.push({ watch: watcher.watch, events: NO_EVENTS, revision, compactRevision });
        continue;
      }
      const batch = eventsFor(watcher, events);
      const more = batch.moreRevision;
      watcher.nextRevision = more > 0 ? more : Math.max(revision + 1, watcher.nextRevision);
      if (batch.events.length > 0) {
        watcher.isQuiet = false;
        deliveries.push({ watch: watcher.watch, events: batch.events, revision, compactRevision: 0 });
      }
      if (more > 0) this.#unsynced.push(watcher);
      else this.#enterSynced(watcher);
    }
    return deliveries;
  }

  /** The store was replaced by another member's snapshot: every watch has to look again for what it missed. */
  moveTo(history: WatchHistory): void {
    this.#history = history;
    const behind = [...this.#watchers.values()].filter((watcher) => watcher.isSynced);
    for (const watcher of behind) {
      watcher.isSynced = false;
      this.#unsynced.push(watcher);
    }
    this.#byKey.clear();
    this.#ranges.length = 0;
  }

  /**
   * Tells those watches that asked for it, are in sync and were told of nothing since the last time how far the store is.
   * `watches`: those of one stream; absent: all.
   */
  progress(watches: Iterable<number> = this.#watchers.keys()): readonly WatchDelivery[] {
    const { revision } = this.#history;
    const deliveries: WatchDelivery[] = [];
    for (const watch of watches) {
      const watcher = this.#watchers.get(watch);
      if (watcher === undefined || !watcher.wantsProgress) continue;
      if (watcher.isQuiet && watcher.isSynced && watcher.startRevision <= revision)
        deliveries.push({ watch, events: NO_EVENTS, revision, compactRevision: 0 });
      watcher.isQuiet = true;
    }
    return deliveries;
  }

  #enterSynced(watcher: Watcher): void {
    watcher.isSynced = true;
    if (isOfRange(watcher)) {
      this.#ranges.push(watcher);
      return;
    }
    const others = this.#byKey.get(watcher.key);
    if (others === undefined) this.#byKey.set(watcher.key, [watcher]);
    else others.push(watcher);
  }

  #leaveSynced(watcher: Watcher): void {
    if (isOfRange(watcher)) {
      remove(this.#ranges, watcher);
      return;
    }
    const others = this.#byKey.get(watcher.key) ?? [];
    remove(others, watcher);
    if (others.length === 0) this.#byKey.delete(watcher.key);
  }
}

function isOfRange(watcher: Watcher): boolean {
  return watcher.rangeEnd !== undefined && watcher.rangeEnd !== "";
}

function isEmptyRange(key: Key, rangeEnd: Key | undefined): boolean {
  return rangeEnd !== undefined && rangeEnd !== "" && rangeEnd !== "\0" && key >= rangeEnd;
}

function addTo(batches: Map<Watcher, WatchEvent[]>, watcher: Watcher, event: WatchEvent): void {
  if (event.kv.modRevision < watcher.nextRevision) return;
  const batch = batches.get(watcher);
  if (batch === undefined) batches.set(watcher, [event]);
  else batch.push(event);
}

function inOrder(batches: Map<Watcher, WatchEvent[]>): Iterable<[Watcher, WatchEvent[]]> {
  return batches.size === 1 ? batches : [...batches].sort(([a], [b]) => a.order - b.order);
}

/** What a watch has missed, and the revision from which there is more than fits; 0: that was all. */
function eventsFor(
  watcher: Watcher,
  events: readonly WatchEvent[],
): { readonly events: readonly WatchEvent[]; readonly moreRevision: number } {
  const batch: WatchEvent[] = [];
  let revisions = 0;
  let last = -1;
  for (const event of events) {
    const { key, modRevision } = event.kv;
    if (modRevision < watcher.nextRevision || !isInRange(key, watcher.key, watcher.rangeEnd)) continue;
    if (modRevision !== last) {
      if (revisions === SYNC_REVISIONS_MAX) return { events: batch, moreRevision: modRevision };
      revisions++;
      last = modRevision;
    }
    batch.push(event);
  }
  return { events: batch, moreRevision: 0 };
}

function remove(list: Watcher[], watcher: Watcher): void {
  const place = list.indexOf(watcher);
  assert(place >= 0, "a watch is where its state says");
  list.splice(place, 1);
}
