/**
 * Eight workers that keep the NoSchedule taints of nodes at what their conditions say (doNodeProcessingPassWorker):
 * at once after a change is seen, and not limited but by the controller's client.
 */
import type { Taint } from "../api/objects.js";
import { noScheduleDifference } from "./node-taints.js";
import type { NodeReady } from "./store.js";
import type { TaintPatcher } from "./taint-patcher.js";

const WORKERS = 8;

export interface SeenNode {
  readonly ready: NodeReady;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
}

export class NoScheduleWorkers {
  readonly #patcher: TaintPatcher;
  readonly #see: (node: number) => SeenNode;
  /** Waiting, first come first served, each once. */
  readonly #queue = new Set<number>();
  /** Being written: a change in the meantime waits. */
  readonly #busy = new Set<number>();

  constructor(patcher: TaintPatcher, see: (node: number) => SeenNode) {
    this.#patcher = patcher;
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

  /** Adds and removals are a patch each; a failure is left to the next change of the node. */
  #reconcile(node: number): void {
    const { ready, taints, unschedulable } = this.#see(node);
    const { add, remove } = noScheduleDifference(taints, ready, unschedulable);
    if (add.length === 0 && remove.length === 0) return;
    this.#busy.add(node);
    const finish = (): void => {
      this.#busy.delete(node);
      this.#next();
    };
    const removeRest = (ok: boolean): void => {
      if (ok && remove.length > 0) this.#patcher.patch(node, { remove }, finish);
      else finish();
    };
    if (add.length > 0) this.#patcher.patch(node, { add }, removeRest);
    else removeRest(true);
  }
}
