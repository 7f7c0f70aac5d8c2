import type { NodeInfo, PluginFactory } from "../framework/types.js";
import { MAX_NODE_SCORE } from "../framework/types.js";

const MEBIBYTE = 1024 * 1024;
/** Below this, images do not matter (imagelocality.minThreshold). */
const MIN_BYTES = 23 * MEBIBYTE;
/** From here on, one more byte a container does not matter (imagelocality.maxContainerThreshold). */
const MAX_BYTES_PER_CONTAINER = 1000 * MEBIBYTE;

/** ImageLocality: prefers nodes that have the pod's images, weighted by size and by how widely they are spread. */
export const imageLocality: PluginFactory = {
  name: "ImageLocality",
  description:
    "Prefers nodes that already have the pod's images, by their size and how many nodes have them.",
  origin: "kubernetes",
  create: () => {
    const namesByNode = new WeakMap<NodeInfo, ReadonlySet<string>>();
    const namesOf = (info: NodeInfo) => {
      let names = namesByNode.get(info);
      if (names === undefined) {
        names = new Set(info.images.flatMap((image) => image.names));
        namesByNode.set(info, names);
      }
      return names;
    };
    return {
      name: "ImageLocality",
      // How many nodes have an image changes every node's score.
      dependsOn: "cluster",
      score(view, pod, node) {
        const { images } = pod.shape;
        let bytes = 0;
        for (const name of images) {
          const state = view.image(name);
          if (state === undefined || !namesOf(view.node(node)).has(name)) continue;
          bytes += Math.trunc(state.sizeBytes * (state.nodes / view.nodeOrder.length));
        }
        return scoreOf(bytes, images.length);
      },
      normalizer: "none",
    };
  },
};

function scoreOf(bytes: number, containers: number): number {
  const max = MAX_BYTES_PER_CONTAINER * containers;
  const counted = bytes < MIN_BYTES ? MIN_BYTES : Math.min(bytes, max);
  return Math.trunc((MAX_NODE_SCORE * (counted - MIN_BYTES)) / (max - MIN_BYTES));
}
