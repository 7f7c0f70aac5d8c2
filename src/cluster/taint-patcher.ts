/**
 * How the node lifecycle controller changes a Node's taints (pkg/controller: AddOrUpdateTaintOnNode,
 * RemoveTaintOffNode): read the Node, from the cache at first, patch it under the condition that nobody else has
 * changed it since, and on a conflict try again with a fresh read. Its own workers are the ones that get in each
 * other's way: a node's condition, its NoSchedule and its NoExecute taint are written within milliseconds.
 */
import type { Taint } from "../api/objects.js";
import { SlotTable } from "../engine/slots.js";
import { MILLISECOND, type Micros } from "../units/time.js";
import type { ApiClient, ClusterCore } from "./core.js";

/** UpdateTaintBackoff: five tries, 100 ms and up to as much again apart. */
const TRIES = 5;
const BACKOFF_US = 100 * MILLISECOND;

interface Patch {
  readonly node: number;
  readonly add: readonly Taint[];
  readonly remove: readonly Taint[];
  readonly done: (ok: boolean) => void;
  tries: number;
}

export class TaintPatcher {
  readonly #core: ClusterCore;
  readonly #client: ApiClient;
  readonly #waiting = new SlotTable<Patch>();
  #generation = 0;

  constructor(core: ClusterCore, client: ApiClient) {
    this.#core = core;
    this.#client = client;
  }

  /** One patch; `done` hears whether it was written in the end. */
  patch(
    node: number,
    change: { readonly add?: readonly Taint[]; readonly remove?: readonly Taint[] },
    done: (ok: boolean) => void,
  ): void {
    this.#try({ node, add: change.add ?? [], remove: change.remove ?? [], done, tries: 0 });
  }

  /** The process died, its client with it. */
  stop(): void {
    this.#generation++;
  }

  /** Handler of `taint-retry`. */
  retry(slot: number, generation: number): void {
    const patch = this.#waiting.take(slot);
    if (generation === this.#generation) this.#try(patch);
  }

  #try(patch: Patch): void {
    const read =
      patch.tries++ === 0 ? ({ type: "noop", cached: true } as const) : ({ type: "noop" } as const);
    this.#client.submit(read, (outcome) => {
      if (outcome !== "ok") {
        patch.done(false);
        return;
      }
      const { node, add, remove } = patch;
      const ifVersion = this.#core.store.nodeVersion(node);
      this.#client.submit({ type: "nodeTaints", node, add, remove, ifVersion }, (written) => {
        if (written === "conflict" && patch.tries < TRIES) this.#later(patch);
        else patch.done(written === "ok");
      });
    });
  }

  #later(patch: Patch): void {
    const { sim, noise } = this.#core;
    const wait: Micros = BACKOFF_US + Math.floor(noise.uniform("taint-retry") * BACKOFF_US);
    sim.after(wait, sim.kinds["taint-retry"], this.#waiting.put(patch), this.#generation);
  }
}
