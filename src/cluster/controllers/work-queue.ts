/**
 * client-go's rate-limited work queue: a key is waiting at most once, is worked on by one worker at a time, and comes
 * again later where its sync failed. One host for all controllers owns the events.
 */
import { assert } from "../../assert.js";
import { MILLISECOND, type Micros, SECOND } from "../../units/time.js";
import type { ClusterCore } from "../core.js";

/** workqueue.DefaultControllerRateLimiter: 5 ms doubling to 1000 s. */
const BACKOFF_BASE_US = 5 * MILLISECOND;
const BACKOFF_MAX_US = 1_000 * SECOND;
/** An event's detail is epoch × this + key. */
const KEYS_END = 0x1_0000_0000;

/** Works on one key; calls `done` once, with whether it went well. A key is the id of a store's record. */
export type Sync = (key: number, done: (ok: boolean) => void) => void;

/** The queues of all controllers, and the handlers of their events (subject: queue; detail: epoch and key). */
export class WorkQueues {
  readonly #core: ClusterCore;
  readonly #queues: WorkQueue[] = [];

  constructor(core: ClusterCore) {
    this.#core = core;
  }

  /** A new queue, stopped. `backoffBaseUs`: first delay after a failed sync. */
  create(name: string, sync: Sync, backoffBaseUs: Micros = BACKOFF_BASE_US): WorkQueue {
    const queue = new WorkQueue(this.#core, this.#queues.length, name, sync, backoffBaseUs);
    this.#queues.push(queue);
    return queue;
  }

  readonly handlers = {
    "controller-sync": (queue: number, detail: number) => this.#queue(queue).work(detail),
    "controller-timer": (queue: number, detail: number) => this.#queue(queue).timeUp(detail),
  };

  #queue(id: number): WorkQueue {
    const queue = this.#queues[id];
    assert(queue !== undefined, `work queue ${id} exists`);
    return queue;
  }
}

interface KeyState {
  /** To be worked on (again). */
  dirty: boolean;
  processing: boolean;
  failures: number;
}

export class WorkQueue {
  readonly #core: ClusterCore;
  readonly #id: number;
  readonly #purpose: string;
  readonly #sync: Sync;
  readonly #backoffBaseUs: Micros;
  readonly #keys = new Map<number, KeyState>();
  #running = false;
  /** Events of an earlier epoch belong to a process that died. */
  #epoch = 0;

  constructor(core: ClusterCore, id: number, name: string, sync: Sync, backoffBaseUs: Micros) {
    this.#core = core;
    this.#id = id;
    this.#purpose = `sync/${name}`;
    this.#sync = sync;
    this.#backoffBaseUs = backoffBaseUs;
  }

  /** Empty, and taking keys. */
  start(): void {
    this.stop();
    this.#running = true;
  }

  /** Forgets everything and takes no keys. */
  stop(): void {
    this.#running = false;
    this.#epoch++;
    this.#keys.clear();
  }

  /** Something happened to the key: it is synced soon, once for all that happens until then. */
  add(key: number): void {
    if (!this.#running) return;
    const state = this.#state(key);
    if (state.dirty) return;
    state.dirty = true;
    if (!state.processing) this.#scheduleSync(key);
  }

  /** As {@link add}, so much later. */
  addAfter(key: number, delayUs: Micros): void {
    if (!this.#running) return;
    const { sim } = this.#core;
    sim.after(delayUs, sim.kinds["controller-timer"], this.#id, this.#epoch * KEYS_END + key);
  }

  /** A sync's time has come. */
  work(detail: number): void {
    if (!this.#isCurrent(detail)) return;
    const key = detail % KEYS_END;
    const state = this.#state(key);
    assert(state.dirty && !state.processing, "a key is worked on once at a time, and only when it was added");
    state.dirty = false;
    state.processing = true;
    const epoch = this.#epoch;
    this.#sync(key, (ok) => {
      if (epoch === this.#epoch) this.#done(key, state, ok);
    });
  }

  /** A delayed key's time has come. */
  timeUp(detail: number): void {
    if (this.#isCurrent(detail)) this.add(detail % KEYS_END);
  }

  #done(key: number, state: KeyState, ok: boolean): void {
    assert(state.processing, "a sync ends once");
    state.processing = false;
    if (ok) state.failures = 0;
    else this.addAfter(key, Math.min(BACKOFF_MAX_US, this.#backoffBaseUs * 2 ** state.failures++));
    if (state.dirty) this.#scheduleSync(key);
    else if (ok) this.#keys.delete(key);
  }

  #scheduleSync(key: number): void {
    const { sim, noise, model } = this.#core;
    const delay = noise.us(this.#purpose, model.controlPlane.controllerManager.syncUs);
    sim.after(delay, sim.kinds["controller-sync"], this.#id, this.#epoch * KEYS_END + key);
  }

  #isCurrent(detail: number): boolean {
    return this.#running && Math.floor(detail / KEYS_END) === this.#epoch;
  }

  #state(key: number): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) {
      state = { dirty: false, processing: false, failures: 0 };
      this.#keys.set(key, state);
    }
    return state;
  }
}
