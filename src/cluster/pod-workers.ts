/**
 * What a kubelet does with one pod: starts its containers in stages, watches over them, stops them, and tells the API
 * what became of it. The containers' truth is here; the store knows only what has been written.
 */
import type { PodPhase } from "../api/objects.js";
import { quantile } from "../engine/variates.js";
import { MINUTE, type Micros, SECOND } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { ApiClient, ClusterCore, RequestOutcome } from "./core.js";
import { RetryBackoff } from "./retry-backoff.js";
import type { Operation, PodRecord } from "./store.js";

/** CrashLoopBackOff: first wait, longest wait, and the run that makes it start anew (pkg/kubelet). */
const RESTART_FIRST_US = 10 * SECOND;
const RESTART_MAX_US = 5 * MINUTE;
const RESTART_RESET_US = 10 * MINUTE;

/** starting: sandbox, pull, container; running; waiting: between two runs; ending: told to stop; ended: for good. */
type Stage = "starting" | "running" | "waiting" | "ending" | "ended";

interface Worker {
  readonly pod: PodRecord;
  stage: Stage;
  /** Timers carry it; another one makes them stale. */
  generation: number;
  /** Containers run. */
  running: boolean;
  /** ... and have passed their readiness probes. */
  ready: boolean;
  startedUs: Micros;
  starts: number;
  backoffUs: Micros;
  /** What the kubelet says of the pod. */
  phase: PodPhase;
  /** Containers have ended after a deletion: the object may go. */
  mayGo: boolean;
  writing: boolean;
  readonly retry: RetryBackoff;
}

export class PodWorkers {
  readonly #core: ClusterCore;
  readonly #clientOf: (node: number) => ApiClient;
  readonly #workers = new Map<number, Worker>();
  readonly #byNode: Set<Worker>[];
  readonly #listeners: ((pod: PodRecord, serving: boolean) => void)[] = [];
  #generations = 0;

  constructor(core: ClusterCore, clientOf: (node: number) => ApiClient) {
    this.#core = core;
    this.#clientOf = clientOf;
    this.#byNode = core.model.topology.nodes.map(() => new Set());
  }

  readonly handlers = {
    "kubelet-stage": (pod: number, generation: number) => this.#stageOver(pod, generation),
    "kubelet-terminated": (pod: number, generation: number) => this.#terminated(pod, generation),
    "kubelet-retry": (pod: number, generation: number) => this.#retry(pod, generation),
    "pod-completed": (pod: number, generation: number) => this.#completed(pod, generation),
  };

  isServing(pod: PodRecord): boolean {
    return this.#workers.get(pod.id)?.ready === true;
  }

  onServing(listener: (pod: PodRecord, serving: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** The kubelet has seen the pod on its node, in whatever state; safe to call again. */
  see(pod: PodRecord): void {
    const worker = this.#workers.get(pod.id);
    if (worker !== undefined) {
      if (pod.removed) this.gone(pod);
      else if (pod.deletingUs >= 0) this.#terminate(worker);
      else this.#write(worker);
      return;
    }
    if (pod.removed) return;
    if (pod.deletingUs >= 0) this.#terminate(this.#add(pod));
    else if (pod.phase !== "Succeeded" && pod.phase !== "Failed") this.#start(this.#add(pod));
  }

  /** A pod that already ran before the run began (a snapshot's). */
  adoptRunning(pod: PodRecord): void {
    const worker = this.#add(pod);
    this.#run(worker);
    this.#setReady(worker, pod.ready);
    worker.phase = "Running";
  }

  /** The object is gone; containers that still run are stopped in their own time, and nobody is told. */
  gone(pod: PodRecord): void {
    const worker = this.#workers.get(pod.id);
    if (worker === undefined) return;
    if (worker.running) this.#terminate(worker);
    else this.#drop(worker);
  }

  /** After a time without network: everything is compared again. */
  resync(node: number): void {
    for (const worker of [...this.#on(node)]) this.see(worker.pod);
    for (const pod of [...this.#core.store.node(node).pods]) this.see(pod);
  }

  /** Power is gone: no container runs, nothing is remembered. */
  killAll(node: number): void {
    for (const worker of [...this.#on(node)]) {
      this.#stop(worker);
      this.#drop(worker);
    }
  }

  #add(pod: PodRecord): Worker {
    const worker: Worker = {
      pod,
      stage: "starting",
      generation: ++this.#generations,
      running: false,
      ready: false,
      startedUs: -1,
      starts: 0,
      backoffUs: 0,
      phase: pod.phase,
      mayGo: false,
      writing: false,
      retry: new RetryBackoff(),
    };
    this.#workers.set(pod.id, worker);
    this.#on(pod.node).add(worker);
    return worker;
  }

  #drop(worker: Worker): void {
    worker.generation = -1;
    this.#workers.delete(worker.pod.id);
    this.#on(worker.pod.node).delete(worker);
  }

  #start(worker: Worker): void {
    const { sandboxUs, imagePullUs, containerUs } = this.#core.model.kubelet.start;
    const delay =
      this.#draw(worker, "sandbox", sandboxUs) +
      this.#draw(worker, "image-pull", imagePullUs) +
      this.#draw(worker, "container", containerUs);
    worker.stage = "starting";
    this.#timer(worker, "kubelet-stage", delay);
    // A node that was off for a moment: what the API still calls Ready is not.
    this.#write(worker);
  }

  #stageOver(pod: number, generation: number): void {
    const worker = this.#current(pod, generation);
    if (worker === undefined) return;
    if (worker.stage === "running") {
      this.#setReady(worker, true);
      worker.phase = "Running";
      this.#write(worker);
    } else if (worker.stage === "waiting") {
      const again = this.#draw(worker, "container", this.#core.model.kubelet.start.containerUs);
      worker.stage = "starting";
      this.#timer(worker, "kubelet-stage", again);
    } else {
      this.#run(worker);
      const { readinessUs } = this.#core.model.kubelet.start;
      this.#timer(
        worker,
        "kubelet-stage",
        this.#draw(worker, "readiness", readinessUs) + initialDelayUs(worker.pod),
      );
      if (Number.isFinite(worker.pod.durationUs)) this.#timer(worker, "pod-completed", worker.pod.durationUs);
    }
  }

  #run(worker: Worker): void {
    worker.stage = "running";
    worker.running = true;
    worker.starts++;
    worker.startedUs = this.#core.sim.now;
    this.#core.observer.pod("started", worker.pod);
  }

  #completed(pod: number, generation: number): void {
    const worker = this.#current(pod, generation);
    if (worker === undefined) return;
    this.#stop(worker);
    worker.generation = ++this.#generations;
    if (worker.pod.template.spec.restartPolicy === "Always") {
      const ran = this.#core.sim.now - worker.startedUs;
      if (ran >= RESTART_RESET_US) worker.backoffUs = 0;
      worker.stage = "waiting";
      this.#timer(worker, "kubelet-stage", worker.backoffUs);
      worker.backoffUs = Math.min(RESTART_MAX_US, Math.max(RESTART_FIRST_US, worker.backoffUs * 2));
      worker.phase = "Running";
    } else {
      worker.stage = "ended";
      worker.phase = "Succeeded";
    }
    this.#write(worker);
  }

  /** SIGTERM, and SIGKILL when the grace period is over. */
  #terminate(worker: Worker): void {
    if (worker.stage === "ending") return;
    if (worker.stage === "ended") {
      worker.mayGo = true;
      this.#write(worker);
      return;
    }
    worker.stage = "ending";
    worker.generation = ++this.#generations;
    const grace =
      worker.pod.deletingUs >= 0
        ? worker.pod.gracePeriodUs
        : worker.pod.template.spec.terminationGracePeriodSeconds * SECOND;
    const needs = worker.running
      ? Math.min(grace, this.#draw(worker, "termination", this.#core.model.kubelet.terminationUs))
      : 0;
    this.#timer(worker, "kubelet-terminated", needs);
  }

  #terminated(pod: number, generation: number): void {
    const worker = this.#current(pod, generation);
    if (worker === undefined) return;
    this.#stop(worker);
    worker.stage = "ended";
    worker.mayGo = true;
    if (worker.pod.removed) {
      this.#drop(worker);
      return;
    }
    // A service told to stop ends well (measured); work that was stopped before its end did not.
    worker.phase = worker.pod.template.spec.restartPolicy === "Always" ? "Succeeded" : "Failed";
    this.#write(worker);
  }

  #stop(worker: Worker): void {
    this.#setReady(worker, false);
    if (!worker.running) return;
    worker.running = false;
    this.#core.observer.pod("stopped", worker.pod);
  }

  #setReady(worker: Worker, ready: boolean): void {
    if (worker.ready === ready) return;
    worker.ready = ready;
    for (const listener of this.#listeners) listener(worker.pod, ready);
  }

  /** Brings the API to what is true, one write at a time. */
  #write(worker: Worker): void {
    if (worker.writing) return;
    const operation = wanted(worker);
    if (operation === undefined) return;
    worker.writing = true;
    const { pod } = worker;
    this.#clientOf(pod.node).submit(operation, (outcome) => {
      worker.writing = false;
      if (this.#workers.get(pod.id) === worker) this.#written(worker, outcome);
    });
  }

  #written(worker: Worker, outcome: RequestOutcome): void {
    if (outcome === "unavailable" || outcome === "timeout") {
      const { sim } = this.#core;
      sim.after(worker.retry.next(), sim.kinds["kubelet-retry"], worker.pod.id, worker.retry.stamp);
      return;
    }
    worker.retry.reset();
    if (worker.pod.removed) this.gone(worker.pod);
    else this.#write(worker);
  }

  #retry(pod: number, stamp: number): void {
    const worker = this.#workers.get(pod);
    if (worker !== undefined && worker.retry.stamp === stamp) this.#write(worker);
  }

  #timer(
    worker: Worker,
    kind: "kubelet-stage" | "kubelet-terminated" | "pod-completed",
    delay: Micros,
  ): void {
    const { sim } = this.#core;
    sim.after(Math.round(delay), sim.kinds[kind], worker.pod.id, worker.generation);
  }

  /** A stage's length, the same for every policy: addressed by what the pod is, not by when it starts. */
  #draw(worker: Worker, stage: string, variate: Variate): Micros {
    if (variate.kind === "constant") return Math.max(0, Math.round(variate.value));
    // Each revision of a Deployment counts its pods anew.
    const { workload, revision, ordinal, incarnation } = worker.pod;
    const draws = this.#core.streams.counted(`kubelet/${stage}/${workload}/${revision}`);
    const u = draws.uniform(Math.max(0, ordinal), incarnation * STARTS_MAX + (worker.starts % STARTS_MAX));
    return Math.max(0, Math.round(quantile(variate, u)));
  }

  #current(pod: number, generation: number): Worker | undefined {
    const worker = this.#workers.get(pod);
    return worker?.generation === generation ? worker : undefined;
  }

  #on(node: number): Set<Worker> {
    return this.#byNode[node] as Set<Worker>;
  }
}

/** Container starts of one incarnation that have draws of their own. */
const STARTS_MAX = 1024;

/** The write that would make the API right, if any. */
function wanted(worker: Worker): Operation | undefined {
  const { pod, phase, ready } = worker;
  if (pod.removed) return undefined;
  const terminal = pod.phase === "Succeeded" || pod.phase === "Failed";
  if (!terminal && (pod.phase !== phase || pod.ready !== ready)) {
    return { type: "podStatus", pod: pod.id, phase, ready };
  }
  return worker.mayGo && pod.deletingUs >= 0 ? { type: "removePod", pod: pod.id } : undefined;
}

/** All containers must be ready, so the longest wait decides. */
function initialDelayUs(pod: PodRecord): Micros {
  let longest = 0;
  for (const container of pod.template.spec.containers) {
    longest = Math.max(longest, container.readinessProbe?.initialDelaySeconds ?? 0);
  }
  return longest * SECOND;
}
