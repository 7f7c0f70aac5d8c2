/** Why no node was found: the rejections by node, and kube-scheduler's text (framework.FitError). */
import type { Rejection } from "./types.js";

/** The text when there is no node at all (scheduler.ErrNoNodesAvailable). */
export const NO_NODES_MESSAGE = "no nodes available to schedule pods";

/** Rejections by node id in the order they were given, without the cost of a hash map unless somebody looks one up. */
export class RejectionMap implements ReadonlyMap<number, Rejection> {
  readonly #nodes: Int32Array;
  readonly #rejections: readonly Rejection[];
  #index: Map<number, Rejection> | undefined;

  /** `rejections[i]` belongs to `nodes[i]`; both become this map's own. No node comes twice. */
  constructor(nodes: Int32Array, rejections: readonly Rejection[]) {
    this.#nodes = nodes;
    this.#rejections = rejections;
  }

  get size(): number {
    return this.#nodes.length;
  }

  get(node: number): Rejection | undefined {
    this.#index ??= new Map(this.entries());
    return this.#index.get(node);
  }

  has(node: number): boolean {
    return this.get(node) !== undefined;
  }

  forEach(visit: (rejection: Rejection, node: number, map: ReadonlyMap<number, Rejection>) => void): void {
    for (const [node, rejection] of this) visit(rejection, node, this);
  }

  *entries(): MapIterator<[number, Rejection]> {
    for (let i = 0; i < this.#nodes.length; i++) {
      yield [this.#nodes[i] as number, this.#rejections[i] as Rejection];
    }
  }

  *keys(): MapIterator<number> {
    yield* this.#nodes;
  }

  *values(): MapIterator<Rejection> {
    yield* this.#rejections;
  }

  [Symbol.iterator](): MapIterator<[number, Rejection]> {
    return this.entries();
  }
}

/** `0/3 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.`: a node counts once for each of its reasons. */
export function failureText(nodes: number, rejections: Iterable<Rejection>): string {
  const byRejection = new Map<Rejection, number>();
  for (const rejection of rejections) byRejection.set(rejection, (byRejection.get(rejection) ?? 0) + 1);
  const byReason = new Map<string, number>();
  for (const [rejection, count] of byRejection) {
    for (const reason of rejection.reasons) byReason.set(reason, (byReason.get(reason) ?? 0) + count);
  }
  const parts = [...byReason].map(([reason, count]) => `${count} ${reason}`).sort();
  return preFilterText(nodes, parts.join(", "));
}

/** The same when PreFilter refused the pod as a whole. */
export function preFilterText(nodes: number, message: string): string {
  return message === "" ? `0/${nodes} nodes are available:` : `0/${nodes} nodes are available: ${message}.`;
}
