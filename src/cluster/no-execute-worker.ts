/**
 * The worker that hands out NoExecute taints (doNoExecuteTaintingPass): each 100 ms it looks through the zones' queues
 * and taints as many nodes as their buckets have tokens. Its ticks are computed, not simulated, while it has nothing
 * to do.
 */
import { MILLISECOND, type Micros } from "../units/time.js";
import type { ClusterCore } from "./core.js";
import type { EvictionQueue } from "./eviction-queue.js";
import { NOT_READY_NO_EXECUTE, UNREACHABLE_NO_EXECUTE } from "./node-taints.js";
import type { NodeReady } from "./store.js";
import type { TaintPatcher } from "./taint-patcher.js";

/** NodeEvictionPeriod, and what waking up costs: gaps of 10.07 s were measured at a token each 10 s. */
const PERIOD_US: Micros = 100 * MILLISECOND + 400;

export class NoExecuteWorker {
  readonly #core: ClusterCore;
  readonly #patcher: TaintPatcher;
  readonly #readyOf: (node: number) => NodeReady;
  readonly #literal: boolean;
  #zones: readonly EvictionQueue[] = [];
  /** End of the last round: ticks follow at whole periods. */
  #restingSinceUs: Micros = 0;
  #busy = false;
  #generation = 0;
  /** When the next tick is due on the event list; Infinity: none. */
  #tickUs: Micros = Number.POSITIVE_INFINITY;

  /** `literal`: every tick is an event, as in the real one; for the test that holds the shortcut. */
  constructor(
    core: ClusterCore,
    patcher: TaintPatcher,
    readyOf: (node: number) => NodeReady,
    literal: boolean,
  ) {
    this.#core = core;
    this.#literal = literal;
    this.#patcher = patcher;
    this.#readyOf = readyOf;
  }

  start(zones: readonly EvictionQueue[]): void {
    this.stop();
    this.#zones = zones;
    const phase = this.#core.noise.uniform("eviction-worker");
    this.#restingSinceUs = this.#core.sim.now - Math.floor(phase * PERIOD_US);
    if (this.#literal) this.wake();
  }

  stop(): void {
    this.#generation++;
    this.#zones = [];
    this.#busy = false;
    this.#tickUs = Number.POSITIVE_INFINITY;
  }

  /** A queue or a bucket changed: is there a tick that will find something to do? */
  wake(): void {
    if (this.#busy) return;
    let readyUs = this.#literal ? 0 : Number.POSITIVE_INFINITY;
    for (const zone of this.#zones) if (zone.size > 0) readyUs = Math.min(readyUs, zone.bucket.readyUs);
    if (readyUs === Number.POSITIVE_INFINITY) return;
    const { sim } = this.#core;
    const from = Math.max(readyUs, sim.now);
    const ticks = Math.max(1, Math.ceil((from - this.#restingSinceUs) / PERIOD_US));
    const at = this.#restingSinceUs + ticks * PERIOD_US;
    if (at >= this.#tickUs) return;
    this.#tickUs = at;
    sim.schedule(at, sim.kinds["eviction-worker"], 0, ++this.#generation);
  }

  /** Handler of `eviction-worker`. */
  tick(generation: number): void {
    if (generation !== this.#generation) return;
    this.#tickUs = Number.POSITIVE_INFINITY;
    this.#busy = true;
    this.#round(0);
  }

  /** Zone after zone; a taint under way keeps the others waiting. */
  #round(zone: number): void {
    const queue = this.#zones[zone];
    if (queue === undefined) {
      this.#busy = false;
      this.#restingSinceUs = this.#core.sim.now;
      this.wake();
      return;
    }
    const node = queue.head();
    if (node === undefined || !queue.bucket.tryAccept(this.#core.sim.now)) {
      this.#round(zone + 1);
      return;
    }
    this.#taint(node, (ok) => {
      if (ok) queue.done(node);
      else queue.again(node);
      this.#round(zone);
    });
  }

  /** The condition as it is now decides: unreachable or not-ready, never both; a node that is Ready again is let go. */
  #taint(node: number, done: (ok: boolean) => void): void {
    const ready = this.#readyOf(node);
    if (ready === "True") {
      done(true);
      return;
    }
    const add = ready === "Unknown" ? UNREACHABLE_NO_EXECUTE : NOT_READY_NO_EXECUTE;
    this.#patcher.patch(node, { add: [add] }, done);
  }
}
