/**
 * kube-scheduler's queue (pkg/scheduler/backend/queue): active, back-off, unschedulable and gated pods.
 *
 * Active pods wait in order of priority, then of the time of their last refusal or their arrival. A pod that was
 * refused waits in the unschedulable pool until something happens that one of the plugins which refused it hopes
 * for, then in back-off for what is left of 1 s × 2^(refusals−1), at most 10 s. While the active queue is empty a pod
 * in back-off is taken at once (SchedulerPopFromBackoffQ), but never one that waits after an error.
 */
import { assert } from "../assert.js";
import type { ClusterEvent, PodInfo, QueuedPod, QueueEvent } from "../policies/framework/types.js";
import { type Micros, SECOND } from "../units/time.js";
import { Heap } from "./heap.js";
import type { PodRecord } from "./store.js";

export interface QueueLimits {
  readonly backoffInitialUs: Micros;
  readonly backoffMaxUs: Micros;
  readonly unschedulableTimeoutUs: Micros;
  readonly popFromBackoff: boolean;
}

export type Place = "active" | "backoff" | "errorBackoff" | "unschedulable" | "gated" | "inFlight" | "gone";

/** A pod that wants a node. */
export interface WaitingPod extends QueuedPod {
  readonly record: PodRecord;
  /** When it arrived or, later, when it was last refused: what the active queue sorts by and back-off counts from. */
  timestampUs: Micros;
  place: Place;
  /** Entries of an earlier stamp in a heap are stale. */
  stamp: number;
  /** Attempts that found no node (UnschedulableCount). */
  refusals: number;
  /** Attempts in a row that failed by an error (ConsecutiveErrorsCount). */
  errors: number;
  /** Plugins of the last refusal; none: it failed by an error. */
  refusedBy: ReadonlySet<string>;
  /** Its victims are being told: it is not tried before that is over (DefaultPreemption's PreEnqueue). */
  preempting: boolean;
  backoffUntilUs: Micros;
}

interface Entry {
  readonly pod: WaitingPod;
  readonly stamp: number;
}

/** What the queue asks of the pod's profile. */
export interface QueueRules {
  /** Negative when `a` goes first (PrioritySort). */
  compare(a: QueuedPod, b: QueuedPod): number;
  /** Could an event of this kind help a pod that these plugins refused? */
  listens(pod: PodInfo, refusedBy: ReadonlySet<string>, kind: ClusterEvent): boolean;
  /** May this very event help it? */
  mayRequeue(pod: PodInfo, refusedBy: ReadonlySet<string>, event: QueueEvent): boolean;
}

const NOBODY: ReadonlySet<string> = new Set();

export class SchedulingQueue {
  readonly #limits: QueueLimits;
  readonly #rules: QueueRules;
  readonly #active: Heap<Entry>;
  readonly #backoff: Heap<Entry>;
  readonly #errorBackoff: Heap<Entry>;
  /** By who refused them, so that an event that none of these plugins listens to costs nothing. */
  readonly #unschedulable = new Map<string, Set<WaitingPod>>();
  readonly #pods = new Map<number, WaitingPod>();
  readonly #counts: Record<Place, number> = {
    active: 0,
    backoff: 0,
    errorBackoff: 0,
    unschedulable: 0,
    gated: 0,
    inFlight: 0,
    gone: 0,
  };
  /** Events since the last pod was popped; they are replayed if it is refused. */
  readonly #sincePop: QueueEvent[] = [];
  #nextSequence = 0;

  constructor(limits: QueueLimits, rules: QueueRules) {
    this.#limits = limits;
    this.#rules = rules;
    const activeFirst = (a: Entry, b: Entry): boolean => rules.compare(a.pod, b.pod) < 0;
    const expiresFirst = (a: Entry, b: Entry): boolean =>
      a.pod.backoffUntilUs < b.pod.backoffUntilUs ||
      (a.pod.backoffUntilUs === b.pod.backoffUntilUs && activeFirst(a, b));
    this.#active = new Heap(activeFirst);
    this.#backoff = new Heap(expiresFirst);
    this.#errorBackoff = new Heap(expiresFirst);
  }

  get activeCount(): number {
    return this.#counts.active;
  }
  /** Pods in back-off after a refusal or an error. */
  get backoffCount(): number {
    return this.#counts.backoff + this.#counts.errorBackoff;
  }
  get unschedulableCount(): number {
    return this.#counts.unschedulable;
  }
  get gatedCount(): number {
    return this.#counts.gated;
  }

  /** Would `pop` give a pod? */
  get canPop(): boolean {
    return this.#counts.active > 0 || (this.#limits.popFromBackoff && this.#counts.backoff > 0);
  }

  find(podId: number): WaitingPod | undefined {
    return this.#pods.get(podId);
  }

  /** A new pod without a node; `gated`: it may not be tried before {@link ungate}. */
  add(record: PodRecord, info: PodInfo, now: Micros, gated = false): void {
    if (this.#pods.has(record.id)) return;
    const pod: WaitingPod = {
      record,
      pod: info,
      sequence: this.#nextSequence++,
      timestampUs: now,
      place: "gone",
      stamp: 0,
      refusals: 0,
      errors: 0,
      refusedBy: NOBODY,
      preempting: false,
      backoffUntilUs: 0,
    };
    this.#pods.set(record.id, pod);
    if (gated) this.#put(pod, "gated");
    else this.#toActive(pod);
  }

  /** The pod's gates are gone: it is looked at as `info` from now on. */
  ungate(podId: number, info: PodInfo): void {
    const gated = this.#pods.get(podId);
    if (gated?.place !== "gated") return;
    this.#put(gated, "gone");
    const pod = { ...gated, pod: info };
    this.#pods.set(podId, pod);
    this.#toActive(pod);
  }

  /** The pod has a node, or is gone. */
  delete(podId: number): void {
    const pod = this.#pods.get(podId);
    if (pod === undefined) return;
    this.#put(pod, "gone");
    this.#pods.delete(podId);
  }

  /** The next pod to try, or undefined. It is in flight until `refused`, `failed` or `delete`. */
  pop(): WaitingPod | undefined {
    let pod = this.#take(this.#active, "active");
    if (pod === undefined && this.#limits.popFromBackoff) pod = this.#take(this.#backoff, "backoff");
    if (pod === undefined) return undefined;
    this.#put(pod, "inFlight");
    pod.refusedBy = NOBODY;
    this.#sincePop.length = 0;
    return pod;
  }

  /**
   * The pod in flight found no node. Where no plugin refused it (there are no nodes) it waits as after an error.
   * Events since it was popped are looked at now.
   */
  refused(pod: WaitingPod, plugins: ReadonlySet<string>, now: Micros): void {
    if (plugins.size === 0) {
      this.failed(pod, now);
      return;
    }
    if (pod.place !== "inFlight") return;
    pod.refusals++;
    pod.errors = 0;
    pod.refusedBy = plugins;
    this.#restamp(pod, now);
    if (this.#sincePop.some((event) => this.#rules.mayRequeue(pod.pod, plugins, event))) {
      this.#requeue(pod, now);
    } else this.#toUnschedulable(pod);
  }

  /** The pod in flight had a node but could not be bound: it backs off, whatever happens meanwhile. */
  failed(pod: WaitingPod, now: Micros): void {
    if (pod.place !== "inFlight") return;
    pod.errors++;
    this.#restamp(pod, now);
    this.#requeue(pod, now);
  }

  /** Something happened in the cluster: pods that may fit now leave the unschedulable pool. */
  moveOn(event: QueueEvent, now: Micros): void {
    this.#sincePop.push(event);
    for (const group of [...this.#unschedulable.values()]) {
      const [first] = group;
      if (first === undefined || !this.#rules.listens(first.pod, first.refusedBy, event.kind)) continue;
      for (const pod of [...group]) {
        if (this.#rules.mayRequeue(pod.pod, pod.refusedBy, event)) this.#requeue(pod, now);
      }
    }
  }

  /** Moves pods whose back-off is over (called at each whole second). */
  flushBackoff(now: Micros): void {
    this.#flush(this.#backoff, "backoff", now);
    this.#flush(this.#errorBackoff, "errorBackoff", now);
  }

  /** Moves pods that have been unschedulable for too long (called each 30 s). */
  flushUnschedulable(now: Micros): void {
    for (const group of [...this.#unschedulable.values()]) {
      for (const pod of [...group]) {
        if (now - pod.timestampUs > this.#limits.unschedulableTimeoutUs) this.#requeue(pod, now);
      }
    }
  }

  #flush(heap: Heap<Entry>, place: "backoff" | "errorBackoff", now: Micros): void {
    for (;;) {
      const top = heap.peek();
      if (top === undefined) return;
      if (isFresh(top, place) && this.#backsOff(top.pod, now)) return;
      heap.pop();
      if (isFresh(top, place)) this.#toActive(top.pod);
    }
  }

  #restamp(pod: WaitingPod, now: Micros): void {
    const count = pod.errors > 0 ? pod.errors : pod.refusals;
    const doubled = this.#limits.backoffInitialUs * 2 ** Math.min(30, count - 1);
    pod.timestampUs = now;
    pod.backoffUntilUs = this.#window(now + Math.min(this.#limits.backoffMaxUs, doubled));
  }

  /** A back-off lasts until its second is over (backoff_queue.go, isPodBackingoff). */
  #backsOff(pod: WaitingPod, now: Micros): boolean {
    return pod.backoffUntilUs >= this.#window(now);
  }

  /** Back-off is counted in whole seconds where pods may leave it early (alignToWindow). */
  #window(at: Micros): Micros {
    return this.#limits.popFromBackoff ? Math.floor(at / SECOND) * SECOND : at;
  }

  #requeue(pod: WaitingPod, now: Micros): void {
    if (pod.preempting) {
      // A refused pod waits where it is until its victims have been told.
      if (pod.place !== "unschedulable") this.#toUnschedulable(pod);
      return;
    }
    if (!this.#backsOff(pod, now)) {
      this.#toActive(pod);
      return;
    }
    const place = pod.refusedBy.size === 0 ? "errorBackoff" : "backoff";
    this.#put(pod, place);
    (place === "backoff" ? this.#backoff : this.#errorBackoff).push({ pod, stamp: pod.stamp });
  }

  #toActive(pod: WaitingPod): void {
    this.#put(pod, "active");
    this.#active.push({ pod, stamp: pod.stamp });
  }

  #toUnschedulable(pod: WaitingPod): void {
    this.#put(pod, "unschedulable");
    const key = groupOf(pod);
    const group = this.#unschedulable.get(key);
    if (group === undefined) this.#unschedulable.set(key, new Set([pod]));
    else group.add(pod);
  }

  /** Leaves the place where the pod was for another; heaps and the pool are filled by the caller. */
  #put(pod: WaitingPod, place: Place): void {
    if (pod.place === "unschedulable") {
      const key = groupOf(pod);
      const group = this.#unschedulable.get(key);
      group?.delete(pod);
      if (group?.size === 0) this.#unschedulable.delete(key);
    }
    this.#counts[pod.place]--;
    this.#counts[place]++;
    assert(pod.place === "gone" || this.#counts[pod.place] >= 0, "each place counts its pods");
    pod.place = place;
    pod.stamp++;
  }

  #take(heap: Heap<Entry>, place: Place): WaitingPod | undefined {
    for (;;) {
      const entry = heap.pop();
      if (entry === undefined || isFresh(entry, place)) return entry?.pod;
    }
  }
}

function isFresh({ pod, stamp }: Entry, place: Place): boolean {
  return pod.stamp === stamp && pod.place === place;
}

/** Pods of one profile that the same plugins refused. */
function groupOf({ pod, refusedBy }: WaitingPod): string {
  return `${pod.shape.schedulerName}:${[...refusedBy].sort().join(",")}`;
}
