/**
 * kube-scheduler's queue (pkg/scheduler/backend/queue): active, back-off and unschedulable pods.
 *
 * Active pods wait in order of priority, then of the time they were queued. A pod that was refused waits in the
 * unschedulable pool until an event happens that one of the plugins which refused it listens to, then in back-off
 * for what is left of 1 s × 2^(attempts−1), at most 10 s. While the active queue is empty a pod in back-off is
 * taken at once (SchedulerPopFromBackoffQ).
 */
import { assert } from "../assert.js";
import type { ClusterEvent, PodInfo, QueuedPod } from "../policies/framework/types.js";
import { type Micros, SECOND } from "../units/time.js";
import type { PodRecord } from "./store.js";

export interface QueueLimits {
  readonly backoffInitialUs: Micros;
  readonly backoffMaxUs: Micros;
  readonly unschedulableTimeoutUs: Micros;
  readonly popFromBackoff: boolean;
}

/** A pod that wants a node. */
export interface WaitingPod extends QueuedPod {
  readonly record: PodRecord;
  timestampUs: Micros;
  place: "active" | "backoff" | "unschedulable" | "inFlight" | "gone";
  /** Entries of an earlier stamp in a heap are stale. */
  stamp: number;
  /** Attempts that found no node. */
  refusals: number;
  lastAttemptUs: Micros;
  refusedBy: ReadonlySet<string>;
}

interface Entry {
  readonly pod: WaitingPod;
  readonly stamp: number;
  readonly key: Micros;
}

/** What the queue asks of the pod's profile. */
export interface QueueRules {
  /** Negative when `a` goes first (PrioritySort). */
  compare(a: QueuedPod, b: QueuedPod): number;
  /** May the event help a pod that these plugins refused? */
  mayRequeue(pod: PodInfo, refusedBy: ReadonlySet<string>, event: ClusterEvent): boolean;
}

export class SchedulingQueue {
  readonly #limits: QueueLimits;
  readonly #rules: QueueRules;
  readonly #active: Entry[] = [];
  readonly #backoff: Entry[] = [];
  readonly #unschedulable = new Set<WaitingPod>();
  readonly #pods = new Map<number, WaitingPod>();
  /** Events since the pod in flight was popped; they are replayed if it is refused. */
  readonly #sincePop: ClusterEvent[] = [];
  #nextSequence = 0;
  #activeCount = 0;
  #backoffCount = 0;

  constructor(limits: QueueLimits, rules: QueueRules) {
    this.#limits = limits;
    this.#rules = rules;
  }

  get activeCount(): number {
    return this.#activeCount;
  }
  get backoffCount(): number {
    return this.#backoffCount;
  }
  get unschedulableCount(): number {
    return this.#unschedulable.size;
  }

  find(podId: number): WaitingPod | undefined {
    return this.#pods.get(podId);
  }

  /** A new pod without a node. */
  add(record: PodRecord, info: PodInfo, now: Micros): void {
    if (this.#pods.has(record.id)) return;
    const pod: WaitingPod = {
      record,
      pod: info,
      sequence: this.#nextSequence++,
      timestampUs: now,
      place: "gone",
      stamp: 0,
      refusals: 0,
      lastAttemptUs: now,
      refusedBy: new Set(),
    };
    this.#pods.set(record.id, pod);
    this.#toActive(pod);
  }

  /** The pod has a node, or is gone. */
  delete(podId: number): void {
    const pod = this.#pods.get(podId);
    if (pod === undefined) return;
    this.#leave(pod);
    pod.place = "gone";
    this.#pods.delete(podId);
  }

  /** The next pod to try, or undefined. It is in flight until `refused`, `failed` or `delete`. */
  pop(now: Micros): WaitingPod | undefined {
    const pod = this.#popActive() ?? (this.#limits.popFromBackoff ? this.#popBackoff() : undefined);
    if (pod === undefined) return undefined;
    pod.place = "inFlight";
    pod.stamp++;
    pod.lastAttemptUs = now;
    this.#sincePop.length = 0;
    return pod;
  }

  /** The pod in flight found no node. */
  refused(pod: WaitingPod, plugins: ReadonlySet<string>, now: Micros): void {
    if (pod.place !== "inFlight") return;
    pod.refusals++;
    pod.refusedBy = plugins;
    pod.lastAttemptUs = now;
    if (this.#sincePop.some((event) => this.#listens(pod, event))) this.#requeue(pod, now);
    else {
      pod.place = "unschedulable";
      this.#unschedulable.add(pod);
    }
  }

  /** The pod in flight had a node but could not be bound: it backs off. */
  failed(pod: WaitingPod, now: Micros): void {
    if (pod.place !== "inFlight") return;
    pod.refusals++;
    pod.lastAttemptUs = now;
    this.#requeue(pod, now);
  }

  /** Something happened in the cluster: pods that may fit now leave the unschedulable pool. */
  moveOn(event: ClusterEvent, now: Micros): void {
    this.#sincePop.push(event);
    if (this.#unschedulable.size === 0) return;
    for (const pod of [...this.#unschedulable]) if (this.#listens(pod, event)) this.#requeue(pod, now);
  }

  /** Moves pods whose back-off is over (called each second). */
  flushBackoff(now: Micros): void {
    for (;;) {
      const top = this.#backoff[0];
      if (top === undefined) return;
      if (top.pod.stamp !== top.stamp || top.pod.place !== "backoff") {
        heapPop(this.#backoff, this.#backoffBefore);
        continue;
      }
      if (top.key > now) return;
      heapPop(this.#backoff, this.#backoffBefore);
      this.#backoffCount--;
      this.#toActive(top.pod);
    }
  }

  /** Moves pods that have been unschedulable for too long (called each 30 s). */
  flushUnschedulable(now: Micros): void {
    for (const pod of [...this.#unschedulable]) {
      if (now - pod.lastAttemptUs > this.#limits.unschedulableTimeoutUs) this.#requeue(pod, now);
    }
  }

  #listens(waiting: WaitingPod, event: ClusterEvent): boolean {
    return waiting.refusedBy.size === 0 || this.#rules.mayRequeue(waiting.pod, waiting.refusedBy, event);
  }

  #requeue(pod: WaitingPod, now: Micros): void {
    this.#leave(pod);
    pod.timestampUs = now;
    const doubled = this.#limits.backoffInitialUs * 2 ** Math.min(30, Math.max(0, pod.refusals - 1));
    const until = pod.lastAttemptUs + Math.min(this.#limits.backoffMaxUs, doubled);
    // Expirations are truncated to whole seconds (backoff_queue.go).
    const expiry = Math.floor(until / SECOND) * SECOND;
    if (expiry <= now) {
      this.#toActive(pod);
      return;
    }
    pod.place = "backoff";
    pod.stamp++;
    this.#backoffCount++;
    heapPush(this.#backoff, { pod, stamp: pod.stamp, key: expiry }, this.#backoffBefore);
  }

  #toActive(pod: WaitingPod): void {
    pod.place = "active";
    pod.stamp++;
    this.#activeCount++;
    heapPush(this.#active, { pod, stamp: pod.stamp, key: pod.timestampUs }, this.#activeBefore);
  }

  #leave(pod: WaitingPod): void {
    if (pod.place === "active") this.#activeCount--;
    else if (pod.place === "backoff") this.#backoffCount--;
    else if (pod.place === "unschedulable") this.#unschedulable.delete(pod);
    pod.stamp++;
  }

  readonly #activeBefore = (a: Entry, b: Entry): boolean => this.#rules.compare(a.pod, b.pod) < 0;

  /** By expiry; within one second as the active queue. */
  readonly #backoffBefore = (a: Entry, b: Entry): boolean =>
    a.key < b.key || (a.key === b.key && this.#activeBefore(a, b));

  #popActive(): WaitingPod | undefined {
    for (;;) {
      const entry = heapPop(this.#active, this.#activeBefore);
      if (entry === undefined) return undefined;
      if (entry.pod.stamp !== entry.stamp || entry.pod.place !== "active") continue;
      this.#activeCount--;
      assert(this.#activeCount >= 0, "the active queue counts its pods");
      return entry.pod;
    }
  }

  #popBackoff(): WaitingPod | undefined {
    for (;;) {
      const entry = heapPop(this.#backoff, this.#backoffBefore);
      if (entry === undefined) return undefined;
      if (entry.pod.stamp !== entry.stamp || entry.pod.place !== "backoff") continue;
      this.#backoffCount--;
      return entry.pod;
    }
  }
}

function heapPush(heap: Entry[], entry: Entry, before: (a: Entry, b: Entry) => boolean): void {
  let hole = heap.length;
  heap.push(entry);
  while (hole > 0) {
    const parent = (hole - 1) >> 1;
    const above = heap[parent] as Entry;
    if (!before(entry, above)) break;
    heap[hole] = above;
    hole = parent;
  }
  heap[hole] = entry;
}

function heapPop(heap: Entry[], before: (a: Entry, b: Entry) => boolean): Entry | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let hole = 0;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child++;
    if (!before(heap[child] as Entry, last)) break;
    heap[hole] = heap[child] as Entry;
    hole = child;
  }
  heap[hole] = last;
  return top;
}
