/**
 * The pod garbage collector (pkg/controller/podgc): each 20 s it force-deletes terminating pods of nodes that are not
 * ready and marked out of service, and the oldest ended pods beyond a limit. (Pods of nodes whose object is gone do not
 * arise: Node objects are never deleted here. An unbound pod goes at once when it is deleted, see store.ts.)
 */
import { isTerminal } from "../api/pods.js";
import { TAINT_OUT_OF_SERVICE } from "../api/well-known.js";
import type { ApiClient, ClusterCore, Controller } from "./core.js";
import type { Change, Operation, PodRecord } from "./store.js";

/** kube-controller-manager --terminated-pod-gc-threshold. */
const TERMINATED_MAX = 12_500;

export class PodGc implements Controller {
  readonly name = "pod-garbage-collector-controller";
  readonly #core: ClusterCore;
  readonly #client: ApiClient;
  /** Pods under way; forgotten when answered, so that a failure is tried again with the next round. */
  readonly #pending = new Set<number>();
  #centre = -1;
  #generation = 0;

  constructor(core: ClusterCore) {
    const { clientQps, clientBurst } = core.model.controlPlane.controllerManager;
    this.#core = core;
    this.#client = core.api.client(this.name, () => this.#centre, clientQps, clientBurst);
  }

  readonly handlers = {
    "pod-gc": (_: number, generation: number) => {
      if (generation === this.#generation) this.#round();
    },
  };

  start(centre: number): void {
    this.stop();
    this.#centre = centre;
    this.#core.sim.after(0, this.#core.sim.kinds["pod-gc"], 0, this.#generation);
  }

  stop(): void {
    this.#generation++;
    this.#centre = -1;
    this.#pending.clear();
    this.#client.reset();
  }

  /** It only looks at its rounds. */
  onChange(_: Change): void {}

  #round(): void {
    const { sim, model, store } = this.#core;
    for (const node of store.nodes) {
      if (node.ready === "True" || !node.taints.some((taint) => taint.key === TAINT_OUT_OF_SERVICE)) continue;
      for (const pod of node.pods) if (pod.deletingUs >= 0) this.#collect(pod);
    }
    this.#collectTerminated();
    sim.after(model.controlPlane.controllerManager.podGcPeriodUs, sim.kinds["pod-gc"], 0, this.#generation);
  }

  #collectTerminated(): void {
    const { livePods } = this.#core.store;
    if (livePods.size <= TERMINATED_MAX) return;
    const ended: PodRecord[] = [];
    for (const pod of livePods) if (isTerminal(pod)) ended.push(pod);
    // Live pods come by creation, so the oldest are first.
    for (const pod of ended.slice(0, Math.max(0, ended.length - TERMINATED_MAX))) this.#collect(pod);
  }

  /** A pod that did not end by itself is first said to have failed. */
  #collect(pod: PodRecord): void {
    if (this.#pending.has(pod.id)) return;
    this.#pending.add(pod.id);
    const remove: Operation = { type: "removePod", pod: pod.id };
    const finish = (): void => this.#client.submit(remove, () => this.#pending.delete(pod.id));
    if (isTerminal(pod)) {
      finish();
      return;
    }
    this.#client.submit({ type: "podStatus", pod: pod.id, phase: "Failed", ready: false }, (outcome) => {
      if (outcome === "ok") finish();
      else this.#pending.delete(pod.id);
    });
  }
}
