import { entityNumber } from "../../engine/random.js";
import type { PodInfo } from "./types.js";

/**
 * A counter for a pod's draws, made from its namespace and name: the same under every policy. Its id is not, since an
 * eviction more under one policy shifts the ids of all pods made later.
 */
export function podNumber(pod: PodInfo): number {
  return entityNumber(`${pod.shape.namespace}/${pod.name}`);
}
