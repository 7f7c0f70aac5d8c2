/**
 * The Deployment controller (pkg/controller/deployment): a ReplicaSet for each template, grown and shrunk step by
 * step. It goes by what the ReplicaSet controller reports, so each step waits for two controllers and their clients.
 */
import { isTerminal } from "../../api/pods.js";
import type { ClusterCore, Controller } from "../core.js";
import type { Change, DeploymentRecord, Operation, ReplicaSetRecord } from "../store.js";
import { ControllerLoop } from "./controller-loop.js";
import {
  newReplicaSetSize,
  type Resize,
  scaledSizes,
  shrinkOld,
  totalAvailable,
  totalReplicas,
} from "./deployment-sizes.js";
import type { WorkQueues } from "./work-queue.js";

type Done = (ok: boolean) => void;

export class DeploymentController implements Controller {
  readonly name = "deployment-controller";
  readonly #core: ClusterCore;
  readonly #loop: ControllerLoop;
  /** Last status written, by Deployment. */
  readonly #statuses = new Map<number, string>();

  constructor(core: ClusterCore, queues: WorkQueues) {
    this.#core = core;
    this.#loop = new ControllerLoop(core, queues, this.name, (id, done) => this.#sync(id, done));
  }

  start(centre: number): void {
    this.#statuses.clear();
    this.#loop.start(centre, this.#core.store.deployments.length);
  }

  stop(): void {
    this.#loop.stop();
  }

  onChange(change: Change): void {
    if (change.type === "workload" && change.kind === "Deployment") this.#loop.queue.add(change.id);
    else if (change.type === "replicaSet") this.#add(change.replicaSet);
    // A Recreate roll-out waits for the last old pod.
    else if (change.type === "podRemoved" && change.pod.owner.kind === "ReplicaSet") {
      const { deployment } = this.#core.store.replicaSet(change.pod.owner.id);
      if (deployment >= 0 && this.#core.store.deployment(deployment).recreate)
        this.#loop.queue.add(deployment);
    }
  }

  #add(replicaSet: number): void {
    const { deployment } = this.#core.store.replicaSet(replicaSet);
    if (deployment >= 0) this.#loop.queue.add(deployment);
  }

  #sync(id: number, done: Done): void {
    const { store } = this.#core;
    const deployment = store.deployment(id);
    const replicaSets = deployment.replicaSets.map((replicaSet) => store.replicaSet(replicaSet));
    const newest = replicaSets.find(({ revision }) => revision === deployment.revision);
    const old = replicaSets.filter((replicaSet) => replicaSet !== newest);
    const finish = (ok: boolean): void => (ok ? this.#writeStatus(deployment, done) : done(false));
    if (isScaling(deployment, replicaSets)) {
      this.#resize(deployment, scaledSizes(deployment, newest, old), finish);
    } else if (newest === undefined) {
      if (deployment.recreate && !this.#mayRecreate(deployment, old, finish)) return;
      this.#create(deployment, old, finish);
    } else {
      this.#rollOut(deployment, newest, old, finish);
    }
  }

  #create(deployment: DeploymentRecord, old: readonly ReplicaSetRecord[], done: Done): void {
    const replicas = newReplicaSetSize(deployment, 0, totalReplicas(old));
    this.#submit({ type: "createReplicaSet", deployment: deployment.id, replicas }, deployment, done);
  }

  #rollOut(
    deployment: DeploymentRecord,
    newest: ReplicaSetRecord,
    old: readonly ReplicaSetRecord[],
    done: Done,
  ): void {
    if (deployment.recreate && !this.#mayRecreate(deployment, old, done)) return;
    const all = totalReplicas(old) + newest.replicas;
    const size =
      newest.replicas > deployment.replicas
        ? deployment.replicas
        : newReplicaSetSize(deployment, newest.replicas, all);
    if (size !== newest.replicas) {
      this.#resize(deployment, [{ replicaSet: newest, replicas: size }], done);
      return;
    }
    const shrunk = deployment.recreate ? [] : shrinkOld(deployment, newest, old);
    if (shrunk === "stale") done(false);
    else this.#resize(deployment, shrunk, done);
  }

  /** Recreate: first the old ReplicaSets are emptied, then their last pod has to be gone. Calls `done` if not yet. */
  #mayRecreate(deployment: DeploymentRecord, old: readonly ReplicaSetRecord[], done: Done): boolean {
    const active = old.filter(({ replicas }) => replicas > 0);
    if (active.length > 0) {
      this.#resize(
        deployment,
        active.map((replicaSet) => ({ replicaSet, replicas: 0 })),
        done,
      );
      return false;
    }
    for (const replicaSet of old) {
      for (const pod of replicaSet.pods) {
        if (isTerminal(pod)) continue;
        done(true);
        return false;
      }
    }
    return true;
  }

  /** One ReplicaSet after another, as the controller's loop does. */
  #resize(deployment: DeploymentRecord, sizes: readonly Resize[], done: Done): void {
    const desired = deployment.replicas;
    const due = sizes.filter(
      ({ replicaSet, replicas }) =>
        replicaSet.replicas !== replicas || (replicas > 0 && replicaSet.desiredReplicas !== desired),
    );
    const step = (index: number): void => {
      const resize = due[index];
      if (resize === undefined) {
        done(true);
        return;
      }
      const { replicaSet, replicas } = resize;
      this.#submit(
        { type: "scaleReplicaSet", replicaSet: replicaSet.id, replicas, desired },
        deployment,
        (ok) => (ok ? step(index + 1) : done(false)),
      );
    };
    step(0);
  }

  #submit(operation: Operation, deployment: DeploymentRecord, done: Done): void {
    this.#loop.client.submit(operation, (outcome) => {
      if (outcome === "ok") this.#loop.events.event(deployment.id);
      done(outcome === "ok");
    });
  }

  #writeStatus(deployment: DeploymentRecord, done: Done): void {
    const { store } = this.#core;
    const replicaSets = deployment.replicaSets.map((id) => store.replicaSet(id));
    const pods = replicaSets.reduce((sum, { status }) => sum + status.replicas, 0);
    const ready = replicaSets.reduce((sum, { status }) => sum + status.readyReplicas, 0);
    const newest = replicaSets.find(({ revision }) => revision === deployment.revision);
    const status = [
      deployment.revision,
      deployment.replicas,
      pods,
      ready,
      totalAvailable(replicaSets),
      newest?.status.replicas ?? 0,
    ].join();
    if (this.#statuses.get(deployment.id) === status) {
      done(true);
      return;
    }
    this.#loop.client.submitNoop((outcome) => {
      if (outcome === "ok") this.#statuses.set(deployment.id, status);
      done(outcome === "ok");
    });
  }
}

/** Was the Deployment scaled since it last set the size of an active ReplicaSet (isScalingEvent)? */
function isScaling(deployment: DeploymentRecord, replicaSets: readonly ReplicaSetRecord[]): boolean {
  return replicaSets.some(
    ({ replicas, desiredReplicas }) =>
      replicas > 0 && desiredReplicas >= 0 && desiredReplicas !== deployment.replicas,
  );
}
