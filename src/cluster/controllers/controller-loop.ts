/** What every controller has: a queue, a client with its own limit at the leading centre, Events, expectations. */
import { gracePeriodUs } from "../../api/pods.js";
import type { Micros } from "../../units/time.js";
import type { ApiClient, ClusterCore, RequestOutcome } from "../core.js";
import type { NewPod, Operation, PodRecord } from "../store.js";
import { EventRecorder } from "./event-recorder.js";
import { Expectations } from "./expectations.js";
import type { Sync, WorkQueue, WorkQueues } from "./work-queue.js";

/** Creations of one sync go out in batches of 1, 2, 4 ... (pkg/controller: SlowStartInitialBatchSize). */
const SLOW_START_INITIAL_BATCH = 1;

export class ControllerLoop {
  readonly core: ClusterCore;
  readonly queue: WorkQueue;
  readonly client: ApiClient;
  readonly events: EventRecorder;
  readonly expectations: Expectations;
  #centre = -1;

  constructor(core: ClusterCore, queues: WorkQueues, name: string, sync: Sync, backoffBaseUs?: Micros) {
    const { clientQps, clientBurst } = core.model.controlPlane.controllerManager;
    this.core = core;
    this.queue = queues.create(name, sync, backoffBaseUs);
    this.client = core.api.client(name, () => this.#centre, clientQps, clientBurst);
    this.events = new EventRecorder(this.client);
    this.expectations = new Expectations(() => core.sim.now);
  }

  /** A new process leads in `centre`: nothing is remembered, the records of all ids below `keys` are looked at. */
  start(centre: number, keys: number): void {
    this.stop();
    this.#centre = centre;
    this.queue.start();
    for (let key = 0; key < keys; key++) this.queue.add(key);
  }

  stop(): void {
    this.#centre = -1;
    this.queue.stop();
    this.client.reset();
    this.events.reset();
    this.expectations.reset();
  }

  /** A watcher's view of one of the owner's pods, for expectations. */
  saw(owner: number, type: "podAdded" | "podDeleting" | "podRemoved", pod: PodRecord): void {
    if (type === "podAdded") this.expectations.creationObserved(owner);
    else this.expectations.deletionObserved(owner, pod.id);
  }

  /**
   * Creates `count` pods in batches of 1, 2, 4 ..., each sent when the one before it is answered; after a batch with
   * an error the rest is left to the next sync. One Event a pod created.
   */
  createPods(
    owner: number,
    count: number,
    make: (index: number) => NewPod,
    then: (ok: boolean) => void,
  ): void {
    this.expectations.expectCreations(owner, count);
    const batch = (from: number, size: number): void => {
      const to = Math.min(count, from + size);
      let waiting = to - from;
      let ok = true;
      const answered = (outcome: RequestOutcome): void => {
        if (outcome === "ok") this.events.event(owner);
        else {
          ok = false;
          this.expectations.creationObserved(owner);
        }
        if (--waiting > 0) return;
        if (ok && to < count) {
          batch(to, size * 2);
          return;
        }
        for (let skipped = to; skipped < count; skipped++) this.expectations.creationObserved(owner);
        then(ok);
      };
      for (let index = from; index < to; index++) {
        this.client.submit({ type: "createPod", pod: make(index) }, answered);
      }
    };
    if (count === 0) then(true);
    else batch(0, SLOW_START_INITIAL_BATCH);
  }

  /** Begins the deletion of all pods at once, each with its grace period; a pod that is gone already is no error. */
  deletePods(owner: number, pods: readonly PodRecord[], then: (ok: boolean) => void): void {
    this.expectations.expectDeletions(
      owner,
      pods.map((pod) => pod.id),
    );
    let waiting = pods.length;
    let ok = true;
    if (waiting === 0) then(true);
    for (const pod of pods) {
      this.client.submit(deletionOf(pod), (outcome) => {
        if (outcome === "ok") this.events.event(owner);
        else {
          this.expectations.deletionObserved(owner, pod.id);
          if (outcome !== "notFound") ok = false;
        }
        if (--waiting === 0) then(ok);
      });
    }
  }
}

/** A deletion with the pod's own grace period. */
function deletionOf(pod: PodRecord): Operation {
  return { type: "deletePod", pod: pod.id, gracePeriodUs: gracePeriodUs(pod.template.spec) };
}
