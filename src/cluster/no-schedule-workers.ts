/**
 * Eight workers that keep the NoSchedule taints of nodes at what their conditions say (doNodeProcessingPassWorker):
 * at once after a change is seen, and not limited but by the controller's client.
 */
import type { Taint } from "../api/objects.js";
import type { ApiClient } from "./core.js";
import { noScheduleDifference } from "./node-taints.js";
import type { NodeReady, Operation } from "./store.js";

const WORKERS = 8;

export interface SeenNode {
  readonly ready: NodeReady;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
}

export class NoScheduleWorkers {
  readonly #client: ApiClient;
  readonly #see: (node: number) => SeenNode;
  /** Waiting, first come first served, each once. */
  readonly #queue = new Set<number>();
  /** Being written: a change in the meantime waits. */
  readonly #busy = new Set<number>();

  constructor(client: ApiClient, see: (node: number) => SeenNode) {
    this.#client = client;
    this.#see = see;
  }

  add(node: number): void {
    this.#queue.add(node);
    this.#next();
  }

  /** The process died, its client with it. */
  stop(): void {
    this.#queue.clear();
    this.#busy.clear();
  }

  #next(): void {
    for (const node of this.#queue) {
      if (this.#busy.size >= WORKERS) return;
      if (this.#busy.has(node)) continue;
      this.#queue.delete(node);
      this.#reconcile(node);
    }
  }

  /** Adds and removals are a patch each, after a read each; a failure is left to the next change of the node. */
  #reconcile(node: number): void {
    const { ready, taints, unschedulable } = this.#see(node);
    const { add, remove } = noScheduleDifference(taints, ready, unschedulable);
    const patches: Operation[] = [];
    if (add.length > 0) patches.push({ type: "nodeTaints", node, add, remove: [] });
    if (remove.length > 0) patches.push({ type: "nodeTaints", node, add: [], remove });
    if (patches.length === 0) return;
    this.#busy.add(node);
    this.#patch(patches, 0, () => {
      this.#busy.delete(node);
      this.#next();
    });
  }

  #patch(patches: readonly Operation[], from: number, done: () => void): void {
    const patch = patches[from];
    if (patch === undefined) {
      done();
      return;
    }
    this.#client.submit({ type: "noop", cached: true }, (read) => {
      if (read !== "ok") {
        done();
        return;
      }
      this.#client.submit(patch, (outcome) => {
        if (outcome === "ok") this.#patch(patches, from + 1, done);
        else done();
      });
    });
  }
}
