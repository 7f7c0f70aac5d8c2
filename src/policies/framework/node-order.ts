import type { Labels } from "../../api/objects.js";
import { labelOf } from "../../api/selectors.js";
import { assert } from "../../assert.js";
import { LABEL_REGION, LABEL_ZONE } from "../../topology/topology.js";

/**
 * The scheduler's node tree: nodes by zone, zones in order of first appearance, each zone in order of addition; the
 * list takes one node a zone round robin and skips exhausted zones (pkg/scheduler/backend/cache/node_tree.go).
 */
export class NodeTree {
  /** A zone that loses its last node is forgotten, and comes back last. */
  readonly #zones = new Map<string, number[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(node: number, zone: string): void {
    const nodes = this.#zones.get(zone);
    if (nodes === undefined) this.#zones.set(zone, [node]);
    else nodes.push(node);
    this.#size++;
  }

  remove(node: number, zone: string): void {
    const nodes = this.#zones.get(zone);
    const at = nodes?.indexOf(node) ?? -1;
    assert(nodes !== undefined && at >= 0, `node ${node} is in zone ${zone}`);
    nodes.splice(at, 1);
    if (nodes.length === 0) this.#zones.delete(zone);
    this.#size--;
  }

  /** A fresh list. */
  list(): Int32Array {
    const order = new Int32Array(this.#size);
    const zones = [...this.#zones.values()];
    let filled = 0;
    for (let round = 0; filled < order.length; round++) {
      for (const nodes of zones) {
        const node = nodes[round];
        if (node !== undefined) order[filled++] = node;
      }
    }
    return order;
  }
}

/** Region and zone as one key; missing labels read as empty strings. */
export function zoneKeyOf(labels: Labels): string {
  return `${labelOf(labels, LABEL_REGION) ?? ""}\u0000${labelOf(labels, LABEL_ZONE) ?? ""}`;
}
