/**
 * The StatefulSet controller (pkg/controller/statefulset): one pod an ordinal, and no second one until the first is
 * gone from the API. A missing pod is made from the newest template, also while an update has not reached its ordinal.
 */
import { isTerminal } from "../../api/pods.js";
import type { ClusterCore, Controller } from "../core.js";
import type { Change, NewPod, PodRecord, StatefulSetRecord } from "../store.js";
import { ControllerLoop } from "./controller-loop.js";
import { isTerminating } from "./pods.js";
import type { WorkQueues } from "./work-queue.js";

/** One sync's deed. */
type Action =
  | { readonly kind: "create"; readonly ordinals: readonly number[] }
  | { readonly kind: "delete"; readonly pods: readonly PodRecord[] }
  | { readonly kind: "wait" };

const WAIT: Action = { kind: "wait" };

export class StatefulSetController implements Controller {
  readonly name = "statefulset-controller";
  readonly #core: ClusterCore;
  readonly #loop: ControllerLoop;
  readonly #statuses = new Map<number, string>();

  constructor(core: ClusterCore, queues: WorkQueues) {
    this.#core = core;
    this.#loop = new ControllerLoop(core, queues, this.name, (id, done) => this.#sync(id, done));
  }

  start(centre: number): void {
    this.#statuses.clear();
    this.#loop.start(centre, this.#core.store.statefulSets.length);
  }

  stop(): void {
    this.#loop.stop();
  }

  onChange(change: Change): void {
    switch (change.type) {
      case "workload":
        if (change.kind === "StatefulSet") this.#loop.queue.add(change.id);
        return;
      case "podAdded":
      case "podDeleting":
      case "podRemoved":
      case "podStatus":
        if (change.pod.owner.kind === "StatefulSet") this.#loop.queue.add(change.pod.owner.id);
        return;
      default:
        return;
    }
  }

  #sync(id: number, done: (ok: boolean) => void): void {
    const set = this.#core.store.statefulSet(id);
    const action = nextAction(set);
    const finish = (ok: boolean): void => (ok ? this.#writeStatus(set, done) : done(false));
    switch (action.kind) {
      case "create": {
        const { ordinals } = action;
        this.#loop.createPods(id, ordinals.length, (index) => newPodOf(set, ordinals[index] ?? 0), finish);
        return;
      }
      case "delete":
        this.#loop.deletePods(id, action.pods, finish);
        return;
      case "wait":
        finish(true);
        return;
    }
  }

  #writeStatus(set: StatefulSetRecord, done: (ok: boolean) => void): void {
    let ready = 0;
    let updated = 0;
    for (const pod of set.pods) {
      if (pod.ready) ready++;
      if (pod.revision === set.revision && !isTerminating(pod)) updated++;
    }
    const status = [set.revision, set.replicas, set.pods.size, ready, updated].join();
    if (this.#statuses.get(set.id) === status) {
      done(true);
      return;
    }
    this.#loop.client.submitNoop((outcome) => {
      if (outcome === "ok") this.#statuses.set(set.id, status);
      done(outcome === "ok");
    });
  }
}

/** What updateStatefulSet does next. OrderedReady takes one step at a time and waits for the pod before. */
function nextAction(set: StatefulSetRecord): Action {
  const byOrdinal = new Map<number, PodRecord>();
  for (const pod of set.pods) byOrdinal.set(pod.ordinal, pod);
  return fill(set, byOrdinal) ?? condemn(set, byOrdinal) ?? update(set, byOrdinal) ?? WAIT;
}

/** From ordinal 0: replace ended pods, create missing ones. */
function fill(set: StatefulSetRecord, byOrdinal: ReadonlyMap<number, PodRecord>): Action | undefined {
  const missing: number[] = [];
  const ended: PodRecord[] = [];
  for (let ordinal = 0; ordinal < set.replicas; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) {
      if (!set.parallel) return { kind: "create", ordinals: [ordinal] };
      missing.push(ordinal);
    } else if (isTerminal(pod) && !isTerminating(pod)) {
      if (!set.parallel) return { kind: "delete", pods: [pod] };
      ended.push(pod);
    } else if (!set.parallel && !isHealthy(pod)) {
      return WAIT;
    }
  }
  if (missing.length > 0) return { kind: "create", ordinals: missing };
  return ended.length > 0 ? { kind: "delete", pods: ended } : undefined;
}

/** From the highest ordinal down: pods beyond `replicas` go. */
function condemn(set: StatefulSetRecord, byOrdinal: ReadonlyMap<number, PodRecord>): Action | undefined {
  const condemned = [...byOrdinal.values()]
    .filter(({ ordinal }) => ordinal >= set.replicas)
    .sort((a, b) => b.ordinal - a.ordinal);
  if (set.parallel) {
    const pods = condemned.filter((pod) => !isTerminating(pod));
    return pods.length > 0 ? { kind: "delete", pods } : undefined;
  }
  const [highest] = condemned;
  if (highest === undefined) return undefined;
  if (isTerminating(highest)) return WAIT;
  // An unhealthy pod is waited for, unless it is the first unhealthy one of all.
  const unhealthyBelow = condemned.some((pod) => pod.ordinal < highest.ordinal && !isHealthy(pod));
  return isHealthy(highest) || !unhealthyBelow ? { kind: "delete", pods: [highest] } : WAIT;
}

/** Rolling update from the highest ordinal, one pod at a time, Parallel sets included. */
function update(set: StatefulSetRecord, byOrdinal: ReadonlyMap<number, PodRecord>): Action | undefined {
  if (set.onDelete) return undefined;
  for (let ordinal = set.replicas - 1; ordinal >= 0; ordinal--) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) return WAIT;
    if (pod.revision !== set.revision && !isTerminating(pod)) return { kind: "delete", pods: [pod] };
    if (!isHealthy(pod)) return WAIT;
  }
  return undefined;
}

/** Running, Ready and not terminating. */
function isHealthy(pod: PodRecord): boolean {
  return pod.phase === "Running" && pod.ready && !isTerminating(pod);
}

function newPodOf(set: StatefulSetRecord, ordinal: number): NewPod {
  const incarnation = set.incarnations[ordinal] ?? 0;
  set.incarnations[ordinal] = incarnation + 1;
  return {
    namespace: set.namespace,
    name: `${set.name}-${ordinal}`,
    workload: set.workload,
    template: set.template,
    owner: { kind: "StatefulSet", id: set.id },
    ordinal,
    incarnation,
    revision: set.revision,
    onlyNode: -1,
    durationUs: Number.POSITIVE_INFINITY,
  };
}
