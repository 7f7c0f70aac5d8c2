import type { NodeInfo } from "./types.js";

interface ImageState {
  /** As the first node reported it. */
  readonly sizeBytes: number;
  nodes: number;
}

/** Which images live nodes have, by name. The size is the one the first node of the present ones reported. */
export class ImageStates {
  readonly #states = new Map<string, ImageState>();

  get(name: string): { readonly sizeBytes: number; readonly nodes: number } | undefined {
    return this.#states.get(name);
  }

  add(info: NodeInfo): void {
    for (const [name, sizeBytes] of namesOf(info)) {
      const state = this.#states.get(name);
      if (state === undefined) this.#states.set(name, { sizeBytes, nodes: 1 });
      else state.nodes++;
    }
  }

  remove(info: NodeInfo): void {
    for (const name of namesOf(info).keys()) {
      const state = this.#states.get(name);
      if (state === undefined) continue;
      state.nodes--;
      if (state.nodes === 0) this.#states.delete(name);
    }
  }
}

/** Names of the node's images; a name given twice counts once, with its first size. */
function namesOf(info: NodeInfo): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const image of info.images) {
    for (const name of image.names) if (!sizes.has(name)) sizes.set(name, image.sizeBytes);
  }
  return sizes;
}
