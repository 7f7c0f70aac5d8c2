/** The author's changes of workloads while the run goes on: scaling and new template revisions. */
import { assert } from "../assert.js";
import { SECOND } from "../units/time.js";
import type { ApiClient, ClusterCore } from "./core.js";
import type { RolloutModel } from "./model.js";
import type { ClusterStore, Operation } from "./store.js";
import { firstCentreWithApi } from "./users.js";

/** A change that the API did not take is sent again after this. */
const RETRY_US = SECOND;

export class Rollouts {
  readonly #core: ClusterCore;
  readonly #client: ApiClient;
  /** By rollout: the revision it leads to, once known, so that an unanswered change is not made twice. */
  readonly #operations: readonly Operation[];
  readonly #goals: (number | undefined)[] = [];

  /** After the initial objects are in the store. */
  constructor(core: ClusterCore) {
    this.#core = core;
    this.#client = core.api.client("kubectl", () => firstCentreWithApi(core), 0, 0);
    this.#operations = core.model.rollouts.map((rollout) => operationOf(core.store, rollout));
  }

  start(): void {
    const { sim, model } = this.#core;
    model.rollouts.forEach(({ atUs }, index) => {
      if (atUs <= model.horizonUs) sim.schedule(atUs, sim.kinds.rollout, index);
    });
  }

  readonly handlers = {
    rollout: (index: number) => this.#change(index),
  };

  #change(index: number): void {
    const { sim } = this.#core;
    const operation = this.#operations[index];
    assert(operation !== undefined, `rollout ${index} exists`);
    if (this.#isDone(index, operation)) return;
    this.#client.submit(operation, (outcome) => {
      if (outcome === "unavailable" || outcome === "timeout") sim.after(RETRY_US, sim.kinds.rollout, index);
    });
  }

  /** An unanswered new revision may have been made all the same. */
  #isDone(index: number, operation: Operation): boolean {
    if (operation.type !== "newRevision") return false;
    const revision = revisionOf(this.#core.store, operation.kind, operation.id);
    this.#goals[index] ??= revision + 1;
    return revision >= (this.#goals[index] ?? 0);
  }
}

function operationOf(store: ClusterStore, { kind, namespace, name, change }: RolloutModel): Operation {
  const record = recordsOf(store, kind).find((one) => one.namespace === namespace && one.name === name);
  assert(record !== undefined, `a roll-out names ${kind} ${namespace}/${name}, which exists`);
  return change.kind === "scale"
    ? { type: "scale", kind, id: record.id, replicas: change.replicas }
    : { type: "newRevision", kind, id: record.id };
}

function recordsOf(
  store: ClusterStore,
  kind: RolloutModel["kind"],
): readonly {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}[] {
  switch (kind) {
    case "Deployment":
      return store.deployments;
    case "StatefulSet":
      return store.statefulSets;
    case "DaemonSet":
      return store.daemonSets;
    case "ReplicaSet":
      return store.replicaSets;
  }
}

function revisionOf(store: ClusterStore, kind: RolloutModel["kind"], id: number): number {
  return recordsOf(store, kind)[id]?.revision ?? 0;
}
