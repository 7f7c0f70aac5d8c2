/** The ReplicaSet controller (pkg/controller/replicaset): as many active pods as the spec says. */

import { SECOND } from "../../units/time.js";
import type { ClusterCore, Controller } from "../core.js";
import type { Change, NewPod, PodRecord, ReplicaSetRecord, ReplicaSetStatus } from "../store.js";
import { ControllerLoop } from "./controller-loop.js";
import { podsToDelete } from "./pod-ranking.js";
import { isActive, isAvailable } from "./pods.js";
import type { WorkQueues } from "./work-queue.js";

/** Creations or deletions of one sync at most (replicaset.BurstReplicas). */
const BURST_REPLICAS = 500;

export class ReplicaSetController implements Controller {
  readonly name = "replicaset-controller";
  readonly #core: ClusterCore;
  readonly #loop: ControllerLoop;

  constructor(core: ClusterCore, queues: WorkQueues) {
    this.#core = core;
    this.#loop = new ControllerLoop(core, queues, this.name, (id, done) => this.#sync(id, done));
  }

  start(centre: number): void {
    this.#loop.start(centre, this.#core.store.replicaSets.length);
  }

  stop(): void {
    this.#loop.stop();
  }

  onChange(change: Change): void {
    switch (change.type) {
      case "replicaSet":
        this.#loop.queue.add(change.replicaSet);
        return;
      case "podAdded":
      case "podDeleting":
      case "podRemoved":
        if (change.pod.owner.kind !== "ReplicaSet") return;
        this.#loop.saw(change.pod.owner.id, change.type, change.pod);
        this.#loop.queue.add(change.pod.owner.id);
        return;
      case "podStatus":
      case "podBound":
        if (change.pod.owner.kind === "ReplicaSet") this.#loop.queue.add(change.pod.owner.id);
        return;
      default:
        return;
    }
  }

  #sync(id: number, done: (ok: boolean) => void): void {
    const replicaSet = this.#core.store.replicaSet(id);
    const active = activePods(replicaSet);
    // The status is that of the pods found at the start, as in syncReplicaSet.
    const status = this.#statusOf(replicaSet, active);
    this.#manage(replicaSet, active, (managed) => {
      this.#writeStatus(replicaSet, status, (written) => done(managed && written));
    });
  }

  #manage(replicaSet: ReplicaSetRecord, active: readonly PodRecord[], then: (ok: boolean) => void): void {
    const { id, replicas } = replicaSet;
    const missing = replicas - active.length;
    if (missing === 0 || !this.#loop.expectations.satisfied(id)) {
      then(true);
      return;
    }
    if (missing > 0) {
      const count = Math.min(missing, BURST_REPLICAS);
      this.#loop.createPods(id, count, () => newPodOf(replicaSet), then);
      return;
    }
    const count = Math.min(-missing, BURST_REPLICAS);
    const surplus = podsToDelete(this.#core, active, this.#relatedPods(replicaSet, active), count);
    this.#loop.deletePods(id, surplus, then);
  }

  /** Active pods of all ReplicaSets of the same Deployment. */
  #relatedPods(replicaSet: ReplicaSetRecord, own: readonly PodRecord[]): readonly PodRecord[] {
    if (replicaSet.deployment < 0) return own;
    const { store } = this.#core;
    const siblings = store.deployment(replicaSet.deployment).replicaSets;
    return siblings.flatMap((id) => activePods(store.replicaSet(id)));
  }

  #statusOf(replicaSet: ReplicaSetRecord, active: readonly PodRecord[]): ReplicaSetStatus {
    const { minReadySeconds } = replicaSet;
    const now = this.#core.sim.now;
    let readyReplicas = 0;
    let availableReplicas = 0;
    let nextUs = Number.POSITIVE_INFINITY;
    for (const pod of active) {
      if (!pod.ready) continue;
      readyReplicas++;
      if (isAvailable(pod, minReadySeconds, now)) availableReplicas++;
      else nextUs = Math.min(nextUs, pod.readyChangedUs + minReadySeconds * SECOND);
    }
    // Looked at again once the next pod has been ready for long enough.
    if (nextUs < Number.POSITIVE_INFINITY) this.#loop.queue.addAfter(replicaSet.id, nextUs - now);
    return {
      replicas: active.length,
      readyReplicas,
      availableReplicas,
      observedReplicas: replicaSet.replicas,
    };
  }

  #writeStatus(replicaSet: ReplicaSetRecord, status: ReplicaSetStatus, then: (ok: boolean) => void): void {
    if (sameStatus(replicaSet.status, status)) {
      then(true);
      return;
    }
    this.#loop.client.submit({ type: "replicaSetStatus", replicaSet: replicaSet.id, status }, (outcome) =>
      then(outcome === "ok"),
    );
  }
}

function activePods(replicaSet: ReplicaSetRecord): PodRecord[] {
  return [...replicaSet.pods].filter(isActive);
}

/** The next pod of a ReplicaSet. Counts it as made, so that no two have one name. */
function newPodOf(replicaSet: ReplicaSetRecord): NewPod {
  const ordinal = replicaSet.made++;
  return {
    namespace: replicaSet.namespace,
    name: `${replicaSet.name}-${ordinal}`,
    workload: replicaSet.workload,
    template: replicaSet.template,
    owner: { kind: "ReplicaSet", id: replicaSet.id },
    ordinal,
    incarnation: 0,
    revision: replicaSet.revision,
    onlyNode: -1,
    durationUs: Number.POSITIVE_INFINITY,
  };
}

function sameStatus(a: ReplicaSetStatus, b: ReplicaSetStatus): boolean {
  return (
    a.replicas === b.replicas &&
    a.readyReplicas === b.readyReplicas &&
    a.availableReplicas === b.availableReplicas &&
    a.observedReplicas === b.observedReplicas
  );
}
