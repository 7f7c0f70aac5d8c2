import type { PodInfo } from "./types.js";

/** Which pods are nominated to run on which node (status.nominatedNodeName), in order of nomination. */
export class Nominator {
  readonly #podsByNode = new Map<number, PodInfo[]>();

  /** Records the nomination on the pod and here; an older one of the same pod is replaced. */
  nominate(pod: PodInfo, node: number): void {
    this.denominate(pod);
    pod.nominatedNode = node;
    const pods = this.#podsByNode.get(node);
    if (pods === undefined) this.#podsByNode.set(node, [pod]);
    else pods.push(pod);
  }

  /** Clears the pod's nomination, if it has one. Assuming or deleting a pod does this too. */
  denominate(pod: PodInfo): void {
    const pods = this.#podsByNode.get(pod.nominatedNode);
    const at = pods?.indexOf(pod) ?? -1;
    if (pods !== undefined && at >= 0) {
      pods.splice(at, 1);
      if (pods.length === 0) this.#podsByNode.delete(pod.nominatedNode);
    }
    pod.nominatedNode = -1;
  }

  /** undefined where there is none, which is nearly everywhere. */
  podsOn(node: number): readonly PodInfo[] | undefined {
    return this.#podsByNode.get(node);
  }

  /** Pods nominated on the node with a lower priority: a new nomination there clears theirs. */
  lowerPriorityOn(node: number, priority: number): readonly PodInfo[] {
    return (this.#podsByNode.get(node) ?? []).filter((pod) => pod.shape.priority < priority);
  }
}
