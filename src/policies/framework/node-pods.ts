import { assert } from "../../assert.js";
import { UsedPorts } from "./ports.js";
import type { HostPort, PodInfo, PodShape } from "./types.js";

const NONE: readonly PodInfo[] = [];

/** The pods on one node in order of arrival, with the lists and ports that the scheduler asks for. */
export class NodePods {
  #all: PodInfo[] | undefined;
  #withAffinity: PodInfo[] | undefined;
  #withRequiredAntiAffinity: PodInfo[] | undefined;
  #ports: UsedPorts | undefined;

  get all(): readonly PodInfo[] {
    return this.#all ?? NONE;
  }

  get withAffinity(): readonly PodInfo[] {
    return this.#withAffinity ?? NONE;
  }

  get withRequiredAntiAffinity(): readonly PodInfo[] {
    return this.#withRequiredAntiAffinity ?? NONE;
  }

  get count(): number {
    return this.#all === undefined ? 0 : this.#all.length;
  }

  add(pod: PodInfo): void {
    this.#all ??= [];
    this.#all.push(pod);
    if (hasAffinity(pod.shape)) {
      this.#withAffinity ??= [];
      this.#withAffinity.push(pod);
    }
    if (hasRequiredAntiAffinity(pod.shape)) {
      this.#withRequiredAntiAffinity ??= [];
      this.#withRequiredAntiAffinity.push(pod);
    }
    if (pod.shape.hostPorts.length > 0) {
      this.#ports ??= new UsedPorts();
      this.#ports.add(pod.shape.hostPorts);
    }
  }

  remove(pod: PodInfo): void {
    assert(takeOut(this.#all, pod), "a pod is on the node that it is removed from");
    if (hasAffinity(pod.shape)) takeOut(this.#withAffinity, pod);
    if (hasRequiredAntiAffinity(pod.shape)) takeOut(this.#withRequiredAntiAffinity, pod);
    if (pod.shape.hostPorts.length > 0) this.#ports?.remove(pod.shape.hostPorts);
  }

  portsConflict(ports: readonly HostPort[]): boolean {
    return this.#ports?.conflicts(ports) ?? false;
  }

  clone(): NodePods {
    const copy = new NodePods();
    copy.#all = this.#all?.slice();
    copy.#withAffinity = this.#withAffinity?.slice();
    copy.#withRequiredAntiAffinity = this.#withRequiredAntiAffinity?.slice();
    copy.#ports = this.#ports?.clone();
    return copy;
  }
}

/** Has the pod any pod affinity or anti-affinity term? */
export function hasAffinity(shape: PodShape): boolean {
  return (
    shape.requiredAffinity.length > 0 ||
    shape.requiredAntiAffinity.length > 0 ||
    shape.preferredAffinity.length > 0 ||
    shape.preferredAntiAffinity.length > 0
  );
}

export function hasRequiredAntiAffinity(shape: PodShape): boolean {
  return shape.requiredAntiAffinity.length > 0;
}

/** Keeps the order of the rest. Pods are found by identity from the end: the youngest go most often. */
function takeOut(pods: PodInfo[] | undefined, pod: PodInfo): boolean {
  const at = pods?.lastIndexOf(pod) ?? -1;
  if (at < 0) return false;
  pods?.splice(at, 1);
  return true;
}
