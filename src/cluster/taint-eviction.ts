/**
 * The taint eviction controller (pkg/controller/tainteviction): deletes pods from nodes whose NoExecute taints they do
 * not tolerate, or tolerate only for a while. Time counts from when this controller sees the taint. An eviction is
 * three requests (read, DisruptionTarget, delete) of its own client; it asks no PodDisruptionBudget.
 */
import type { Taint, Toleration } from "../api/objects.js";
import { gracePeriodUs } from "../api/pods.js";
import { toleratesTaint } from "../api/tolerations.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import { EventRecorder } from "./controllers/event-recorder.js";
import type { ApiClient, ClusterCore, Controller } from "./core.js";
import type { Change, PodRecord } from "./store.js";

/** deletePodHandler: tries of one eviction, and the pause between them. */
const TRIES = 5;
const RETRY_US = 10 * MILLISECOND;

interface Eviction {
  /** When its toleration began to run. */
  readonly sinceUs: Micros;
  readonly generation: number;
  /** Its timer runs; afterwards the entry only keeps it from being begun again. */
  waiting: boolean;
  tries: number;
}

export class TaintEviction implements Controller {
  readonly name = "taint-eviction-controller";
  readonly #core: ClusterCore;
  readonly #client: ApiClient;
  readonly #events: EventRecorder;
  readonly #evictions = new Map<number, Eviction>();
  /** NoExecute taints by node, as seen; nodes without any are left out. */
  readonly #tainted = new Map<number, readonly Taint[]>();
  #centre = -1;
  #generations = 0;

  constructor(core: ClusterCore) {
    const { clientQps, clientBurst } = core.model.controlPlane.controllerManager;
    this.#core = core;
    this.#client = core.api.client(this.name, () => this.#centre, clientQps, clientBurst);
    this.#events = new EventRecorder(this.#client);
  }

  readonly handlers = {
    "toleration-end": (pod: number, generation: number) => {
      const eviction = this.#evictions.get(pod);
      if (eviction?.generation === generation) this.#evict(this.#core.store.pod(pod), eviction);
    },
  };

  start(centre: number): void {
    this.stop();
    this.#centre = centre;
    for (const node of this.#core.store.nodes) this.#nodeSeen(node.id);
  }

  stop(): void {
    this.#centre = -1;
    this.#evictions.clear();
    this.#tainted.clear();
    this.#client.reset();
    this.#events.reset();
  }

  onChange(change: Change): void {
    if (change.type === "nodeTaints") this.#nodeSeen(change.node);
    else if (change.type === "podBound") this.#podBound(change.pod);
    else if (change.type === "podRemoved") this.#cancel(change.pod);
  }

  #nodeSeen(node: number): void {
    const record = this.#core.store.node(node);
    const taints = record.taints.filter((taint) => taint.effect === "NoExecute");
    if (sameTaints(taints, this.#tainted.get(node) ?? [])) return;
    if (taints.length === 0) this.#tainted.delete(node);
    else this.#tainted.set(node, taints);
    for (const pod of [...record.pods]) this.#podOn(pod, taints);
  }

  #podBound(pod: PodRecord): void {
    const taints = this.#tainted.get(pod.node);
    if (taints !== undefined && !pod.removed) this.#podOn(pod, taints);
  }

  #podOn(pod: PodRecord, taints: readonly Taint[]): void {
    if (taints.length === 0) {
      this.#cancel(pod);
      return;
    }
    const tolerated = toleratedUs(pod.template.spec.tolerations, taints);
    if (tolerated === 0) {
      this.#cancel(pod);
      this.#begin(pod, 0);
    } else if (tolerated === Number.POSITIVE_INFINITY) {
      this.#cancel(pod);
    } else if (this.#evictions.get(pod.id)?.waiting !== true) {
      // One that waits already keeps its time: it began earlier.
      this.#begin(pod, tolerated);
    }
  }

  #begin(pod: PodRecord, delayUs: Micros): void {
    if (this.#evictions.has(pod.id)) return;
    const { sim } = this.#core;
    const eviction = { sinceUs: sim.now, generation: ++this.#generations, waiting: true, tries: 0 };
    this.#evictions.set(pod.id, eviction);
    if (delayUs === 0) this.#evict(pod, eviction);
    else sim.after(delayUs, sim.kinds["toleration-end"], pod.id, eviction.generation);
  }

  #cancel(pod: PodRecord): void {
    const eviction = this.#evictions.get(pod.id);
    if (eviction === undefined) return;
    this.#evictions.delete(pod.id);
    if (eviction.waiting) this.#events.event(pod.id);
  }

  #evict(pod: PodRecord, eviction: Eviction): void {
    if (eviction.tries === 0) this.#events.event(pod.id);
    eviction.waiting = false;
    eviction.tries++;
    const graceUs = gracePeriodUs(pod.template.spec);
    this.#client.submitNoop((read) => {
      if (read !== "ok" || pod.removed) {
        this.#failed(pod, eviction);
        return;
      }
      const reason = "DeletionByTaintManager";
      this.#client.submit({ type: "disruptionTarget", pod: pod.id, reason }, (patched) => {
        if (patched !== "ok") {
          this.#failed(pod, eviction);
          return;
        }
        this.#client.submit({ type: "deletePod", pod: pod.id, gracePeriodUs: graceUs }, (deleted) => {
          if (deleted !== "ok") this.#failed(pod, eviction);
        });
      });
    });
  }

  /** Tried again at once a few times; then only a new taint or binding brings it up again. */
  #failed(pod: PodRecord, eviction: Eviction): void {
    if (this.#evictions.get(pod.id) !== eviction) return;
    const { sim } = this.#core;
    if (eviction.tries < TRIES && !pod.removed) {
      sim.after(RETRY_US, sim.kinds["toleration-end"], pod.id, eviction.generation);
    } else {
      this.#evictions.delete(pod.id);
    }
  }
}

/**
 * How long a pod with these tolerations may stay under these taints, in µs: 0 if one is not tolerated, Infinity if all
 * are for ever, else the shortest of the tolerations used (GetMatchingTolerations, getMinTolerationTime).
 */
export function toleratedUs(tolerations: readonly Toleration[], taints: readonly Taint[]): Micros {
  let shortest = Number.POSITIVE_INFINITY;
  for (const taint of taints) {
    const used = tolerations.find((toleration) => toleratesTaint(toleration, taint));
    if (used === undefined) return 0;
    if (used.tolerationSeconds !== undefined) shortest = Math.min(shortest, used.tolerationSeconds);
  }
  return shortest === Number.POSITIVE_INFINITY ? shortest : Math.max(0, shortest) * SECOND;
}

function sameTaints(a: readonly Taint[], b: readonly Taint[]): boolean {
  return (
    a.length === b.length && a.every((taint, i) => taint.key === b[i]?.key && taint.value === b[i]?.value)
  );
}
