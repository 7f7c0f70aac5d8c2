/** The EndpointSlice controller (pkg/controller/endpointslice): which pods stand behind each Service. */
import { isTerminal } from "../../api/pods.js";
import { SECOND } from "../../units/time.js";
import type { ClusterCore, Controller } from "../core.js";
import type { Change, PodRecord } from "../store.js";
import { ControllerLoop } from "./controller-loop.js";
import { isTerminating } from "./pods.js";
import type { WorkQueues } from "./work-queue.js";

/** First delay after a failed sync (endpointslice.defaultSyncBackOff). */
const SYNC_BACKOFF_US = SECOND;

export class EndpointSliceController implements Controller {
  readonly name = "endpointslice-controller";
  readonly #core: ClusterCore;
  readonly #loop: ControllerLoop;
  /** Pods that may be endpoints, by service and id. */
  readonly #pods: Set<PodRecord>[] = [];
  /** What was last written, by service: endpoints with their conditions. */
  readonly #written = new Map<number, string>();
  /** Services whose next sync comes from a retry and is not put off again. */
  readonly #late = new Set<number>();

  constructor(core: ClusterCore, queues: WorkQueues) {
    this.#core = core;
    this.#loop = new ControllerLoop(
      core,
      queues,
      this.name,
      (id, done) => this.#sync(id, done),
      SYNC_BACKOFF_US,
    );
  }

  start(centre: number): void {
    const { services, livePods } = this.#core.store;
    this.#written.clear();
    this.#late.clear();
    for (const { id } of services) this.#pods[id] = new Set();
    for (const pod of livePods) for (const service of pod.services) this.#pods[service]?.add(pod);
    this.#loop.start(centre, services.length);
  }

  stop(): void {
    this.#loop.stop();
  }

  onChange(change: Change): void {
    switch (change.type) {
      case "podAdded":
        for (const service of change.pod.services) this.#pods[service]?.add(change.pod);
        return;
      case "podRemoved":
        for (const service of change.pod.services) {
          this.#pods[service]?.delete(change.pod);
          this.#loop.queue.add(service);
        }
        return;
      case "podStatus":
      case "podDeleting":
        for (const service of change.pod.services) this.#loop.queue.add(service);
        return;
      default:
        return;
    }
  }

  #sync(id: number, done: (ok: boolean) => void): void {
    const service = this.#core.store.service(id);
    if (service.matches === undefined) {
      done(true);
      return;
    }
    const { ready, conditions } = this.#endpointsOf(id);
    const readyChanged = !sameNumbers(ready, service.endpoints);
    if (!readyChanged && this.#written.get(id) === conditions) {
      this.#late.delete(id);
      done(true);
      return;
    }
    if (this.#putOff(id)) {
      done(true);
      return;
    }
    const answered = (ok: boolean): void => {
      if (ok) this.#written.set(id, conditions);
      done(ok);
    };
    // A change of the other endpoints' conditions is a write too, but nobody here looks at them.
    if (readyChanged) {
      this.#loop.client.submit({ type: "endpoints", service: id, pods: ready }, (outcome) =>
        answered(outcome === "ok"),
      );
    } else this.#loop.client.submitNoop((outcome) => answered(outcome === "ok"));
  }

  /** Some syncs find the controller's own cache of slices behind and come again later (measured: one in ten, 1 s). */
  #putOff(id: number): boolean {
    if (this.#late.delete(id)) return false;
    const { endpointRetryShare, endpointRetryUs } = this.#core.model.controlPlane.controllerManager;
    if (endpointRetryShare === 0 || this.#core.noise.uniform("endpoint-retry") >= endpointRetryShare)
      return false;
    this.#late.add(id);
    this.#loop.queue.addAfter(id, endpointRetryUs);
    return true;
  }

  /** Ready pod ids, ascending, and all endpoints (pods with an address) with their conditions. */
  #endpointsOf(id: number): { ready: number[]; conditions: string } {
    const ready: number[] = [];
    const others: number[] = [];
    for (const pod of this.#pods[id] ?? []) {
      // removed: the watch of the removal is still to come, the lister here shows the newest state
      if (pod.removed || pod.node < 0 || isTerminal(pod) || pod.phase === "Pending") continue;
      if (pod.ready && !isTerminating(pod)) ready.push(pod.id);
      else others.push(isTerminating(pod) ? -pod.id - 1 : pod.id);
    }
    ready.sort((a, b) => a - b);
    others.sort((a, b) => a - b);
    return { ready, conditions: `${ready.join()};${others.join()}` };
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
