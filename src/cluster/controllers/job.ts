/** The Job controller (pkg/controller/job): pods until enough have succeeded, or too many failed. */
import { isTerminal } from "../../api/pods.js";
import { MINUTE, type Micros, SECOND } from "../../units/time.js";
import type { ClusterCore, Controller } from "../core.js";
import type { Change, JobRecord, NewPod, PodRecord } from "../store.js";
import { ControllerLoop } from "./controller-loop.js";
import { podsToDelete } from "./pod-ranking.js";
import { isActive, isTerminating } from "./pods.js";
import type { WorkQueues } from "./work-queue.js";

/** Creations or deletions of one sync at most (job.MaxPodCreateDeletePerSync). */
const BURST_PODS = 500;
/** After the n-th failure in a row the next pod waits 10 s × 2^(n−1), at most 10 minutes (job.DefaultJobPodFailureBackOff). */
const BACKOFF_BASE_US = 10 * SECOND;
const BACKOFF_MAX_US = 10 * MINUTE;

type Done = (ok: boolean) => void;

/** What the controller remembers of a Job. */
interface Memory {
  /** Pods whose end was counted (their finalizer is off). */
  readonly counted: Set<number>;
  /** Failures since the last success. */
  failures: number;
  lastFailureUs: Micros;
  /** A batched sync is on its way. */
  waiting: boolean;
  status: string;
}

export class JobController implements Controller {
  readonly name = "job-controller";
  readonly #core: ClusterCore;
  readonly #loop: ControllerLoop;
  readonly #memory = new Map<number, Memory>();

  constructor(core: ClusterCore, queues: WorkQueues) {
    this.#core = core;
    this.#loop = new ControllerLoop(core, queues, this.name, (id, done) => this.#sync(id, done));
  }

  start(centre: number): void {
    this.#memory.clear();
    const { jobs } = this.#core.store;
    // What ended under an earlier leader is in the status already and delays nothing.
    for (const job of jobs) {
      const { counted } = this.#remember(job.id);
      for (const pod of job.pods) if (isTerminal(pod)) counted.add(pod.id);
    }
    this.#loop.start(centre, jobs.length);
  }

  stop(): void {
    this.#loop.stop();
  }

  onChange(change: Change): void {
    switch (change.type) {
      case "workload":
        if (change.kind === "Job") this.#loop.queue.add(change.id);
        return;
      case "podAdded":
      case "podDeleting":
      case "podRemoved":
        if (change.pod.owner.kind !== "Job") return;
        this.#loop.saw(change.pod.owner.id, change.type, change.pod);
        this.#addBatched(change.pod.owner.id);
        return;
      case "podStatus":
        if (change.pod.owner.kind === "Job") this.#addBatched(change.pod.owner.id);
        return;
      default:
        return;
    }
  }

  /** Pod events are gathered; the first one starts the wait. */
  #addBatched(id: number): void {
    const memory = this.#remember(id);
    if (memory.waiting) return;
    memory.waiting = true;
    this.#loop.queue.addAfter(id, this.#core.model.controlPlane.controllerManager.jobSyncDelayUs);
  }

  #sync(id: number, done: Done): void {
    const job = this.#core.store.job(id);
    const memory = this.#remember(id);
    memory.waiting = false;
    if (job.finished !== "") {
      done(true);
      return;
    }
    const ended = this.#countEnded(job, memory);
    const active = [...job.pods].filter(isActive);
    const outcome = outcomeOf(job, active.length);
    const finish = (ok: boolean): void => (ok ? this.#writeStatus(job, memory, ended, done) : done(false));
    if (outcome !== "") this.#finish(job, outcome, active, finish);
    else if (this.#loop.expectations.satisfied(id)) this.#manage(job, memory, active, finish);
    else finish(true);
  }

  /** Pods that ended since the last look, with their part in the back-off. Returns how many. */
  #countEnded(job: JobRecord, memory: Memory): number {
    let ended = 0;
    const fresh = [...job.pods].filter((pod) => !memory.counted.has(pod.id) && hasEnded(job, pod));
    fresh.sort((a, b) => endedAt(a) - endedAt(b) || a.id - b.id);
    for (const pod of fresh) {
      memory.counted.add(pod.id);
      ended++;
      if (pod.phase === "Succeeded") {
        memory.failures = 0;
      } else {
        memory.failures++;
        memory.lastFailureUs = endedAt(pod);
      }
    }
    return ended;
  }

  #manage(job: JobRecord, memory: Memory, active: readonly PodRecord[], done: Done): void {
    const wanted = wantedPods(job, active.length);
    if (active.length > wanted) {
      const count = Math.min(active.length - wanted, BURST_PODS);
      this.#loop.deletePods(job.id, podsToDelete(this.#core, active, active, count), done);
      return;
    }
    const terminating = job.replaceFailedOnly
      ? [...job.pods].filter((pod) => isTerminating(pod) && !isTerminal(pod)).length
      : 0;
    const missing = wanted - active.length - terminating;
    if (missing <= 0) {
      done(true);
      return;
    }
    const waitUs = backoffEndUs(memory) - this.#core.sim.now;
    if (waitUs > 0) {
      this.#loop.queue.addAfter(job.id, waitUs);
      done(true);
      return;
    }
    this.#loop.createPods(job.id, Math.min(missing, BURST_PODS), () => newPodOf(job), done);
  }

  /** The remaining pods go first; the Job has its last word when none runs any more. */
  #finish(job: JobRecord, outcome: "Complete" | "Failed", active: readonly PodRecord[], done: Done): void {
    if (active.length > 0) {
      this.#loop.deletePods(job.id, active, done);
      return;
    }
    for (const pod of job.pods) {
      if (isTerminal(pod)) continue;
      done(true);
      return;
    }
    this.#loop.client.submit({ type: "jobFinished", job: job.id, outcome }, (answer) =>
      done(answer === "ok"),
    );
  }

  /** One request for each ended pod (its finalizer) and one for the counts. */
  #writeStatus(job: JobRecord, memory: Memory, ended: number, done: Done): void {
    let ready = 0;
    let active = 0;
    for (const pod of job.pods) {
      if (pod.ready) ready++;
      if (isActive(pod)) active++;
    }
    const status = [active, ready, job.succeeded, job.failed].join();
    for (let pod = 0; pod < ended; pod++) this.#loop.client.submitNoop();
    if (memory.status === status) {
      done(true);
      return;
    }
    this.#loop.client.submitNoop((outcome) => {
      if (outcome === "ok") memory.status = status;
      done(outcome === "ok");
    });
  }

  #remember(id: number): Memory {
    let memory = this.#memory.get(id);
    if (memory === undefined) {
      memory = { counted: new Set(), failures: 0, lastFailureUs: 0, waiting: false, status: "" };
      this.#memory.set(id, memory);
    }
    return memory;
  }
}

/** Ended, or (unless only failed pods are replaced) about to be: a deleted pod counts as a failure at once. */
function hasEnded(job: JobRecord, pod: PodRecord): boolean {
  return isTerminal(pod) || (isTerminating(pod) && !job.replaceFailedOnly);
}

/** When a pod ended as the back-off counts it: since it was last seen Ready, if it was lost before it was deleted. */
function endedAt(pod: PodRecord): Micros {
  if (!pod.ready && pod.readyChangedUs >= 0) return pod.readyChangedUs;
  return isTerminal(pod) ? pod.endedUs : pod.deletingUs;
}

function backoffEndUs(memory: Memory): Micros {
  if (memory.failures === 0) return 0;
  return memory.lastFailureUs + Math.min(BACKOFF_MAX_US, BACKOFF_BASE_US * 2 ** (memory.failures - 1));
}

function outcomeOf(job: JobRecord, active: number): JobRecord["finished"] {
  let failed = job.failed;
  if (!job.replaceFailedOnly) {
    for (const pod of job.pods) if (isTerminating(pod) && !isTerminal(pod)) failed++;
  }
  if (failed > job.backoffLimit) return "Failed";
  if (job.completions >= 0) return job.succeeded >= job.completions ? "Complete" : "";
  return job.succeeded > 0 && active === 0 ? "Complete" : "";
}

/** How many pods should be active now. A work queue starts no more once one has succeeded. */
function wantedPods(job: JobRecord, active: number): number {
  if (job.completions < 0) return job.succeeded > 0 ? active : job.parallelism;
  return Math.max(0, Math.min(job.completions - job.succeeded, job.parallelism));
}

function newPodOf(job: JobRecord): NewPod {
  const ordinal = job.made++;
  return {
    namespace: job.namespace,
    name: `${job.name}-${ordinal}`,
    workload: job.workload,
    template: job.template,
    owner: { kind: "Job", id: job.id },
    ordinal,
    incarnation: 0,
    revision: 0,
    onlyNode: -1,
    durationUs: job.durationUs,
  };
}
