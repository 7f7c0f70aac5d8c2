import { labelOf } from "../../api/selectors.js";
import type { NodeInfo } from "../framework/types.js";

/**
 * Topology domains as small integers: for one topology key, each label value that a node has ever had gets the next
 * id. Ids are never reused, so that they may be kept as long as the owner lives.
 */
export class DomainColumn {
  readonly topologyKey: string;
  readonly #idByValue = new Map<string, number>();
  /** *Invariant:* `#domains[n]` is the domain of the very object `#nodes[n]`; a replaced node is looked up anew. */
  readonly #nodes: (NodeInfo | undefined)[] = [];
  readonly #domains: number[] = [];

  constructor(topologyKey: string) {
    this.topologyKey = topologyKey;
  }

  /** Ids given so far: every id is below it. */
  get size(): number {
    return this.#idByValue.size;
  }

  /** The node's domain, -1 where it lacks the key. */
  of(node: NodeInfo): number {
    const id = node.id;
    return this.#nodes[id] === node ? (this.#domains[id] as number) : this.#lookUp(node);
  }

  /** The domain of a label value, made if need be. */
  ofValue(value: string): number {
    let domain = this.#idByValue.get(value);
    if (domain === undefined) {
      domain = this.#idByValue.size;
      this.#idByValue.set(value, domain);
    }
    return domain;
  }

  #lookUp(node: NodeInfo): number {
    const value = labelOf(node.labels, this.topologyKey);
    const domain = value === undefined ? -1 : this.ofValue(value);
    for (let n = this.#nodes.length; n < node.id; n++) {
      this.#nodes[n] = undefined;
      this.#domains[n] = -1;
    }
    this.#nodes[node.id] = node;
    this.#domains[node.id] = domain;
    return domain;
  }
}

/** The columns of one plugin instance, by topology key. */
export class TopologyDomains {
  readonly #columns = new Map<string, DomainColumn>();

  column(topologyKey: string): DomainColumn {
    let column = this.#columns.get(topologyKey);
    if (column === undefined) {
      column = new DomainColumn(topologyKey);
      this.#columns.set(topologyKey, column);
    }
    return column;
  }
}
