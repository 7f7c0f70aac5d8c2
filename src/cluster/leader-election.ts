/**
 * Leader election of kube-controller-manager and kube-scheduler (client-go tools/leaderelection): a Lease renewed by
 * its holder and watched by the others, each by its own clock.
 *
 * A candidate looks each 2 to 4.4 s and counts the lease's age from when it itself last saw it change; a leader
 * renews each 2 s and gives up 10 s after the first renewal that fails. A foreign holder is a failed renewal too.
 */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";
import { SECOND } from "../units/time.js";
import type { ClusterCore } from "./core.js";
import type { LeaderElectionModel } from "./model.js";
import type { LeaderOf } from "./observer.js";

/** client-go JitterFactor of the candidates' polls. */
const JITTER_FACTOR = 1.2;
/** Processes of one component are started one after the other; the first listed has the lease by then. */
const START_GAP_US = 10 * SECOND;
/** A process that lost its lease while requests hang lives on so long, trying to give the lease back. */
const RELEASE_HANG_US = 5 * SECOND;

/** Somebody who works only while leading. */
export interface LeaderCallbacks {
  onStartedLeading(centre: number): void;
  onStoppedLeading(centre: number): void;
}

interface Candidate {
  readonly index: number;
  readonly centre: number;
  running: boolean;
  leading: boolean;
  /** Stale ticks carry an older generation. */
  generation: number;
  observedVersion: number;
  observedUs: Micros;
  /** As leader: moment of the last renewal that succeeded. */
  renewedUs: Micros;
}

/** The Lease object of one component. */
interface Lease {
  holder: number;
  /** Grows with each renewal. */
  version: number;
  transitions: number;
}

export class LeaderElection {
  readonly #core: ClusterCore;
  readonly #of: LeaderOf;
  readonly #model: LeaderElectionModel;
  readonly #callbacks: LeaderCallbacks;
  readonly #candidates: Candidate[];
  readonly #lease: Lease = { holder: -1, version: 0, transitions: 0 };
  /** Added to a candidate's index in events, since all elections share two kinds of event. */
  readonly #base: number;

  constructor(
    core: ClusterCore,
    of: LeaderOf,
    instances: readonly number[],
    model: LeaderElectionModel,
    base: number,
    callbacks: LeaderCallbacks,
  ) {
    this.#core = core;
    this.#of = of;
    this.#model = model;
    this.#base = base;
    this.#callbacks = callbacks;
    this.#candidates = instances.map((centre, index) => ({
      index,
      centre,
      running: false,
      leading: false,
      generation: 0,
      observedVersion: -1,
      observedUs: 0,
      renewedUs: 0,
    }));
  }

  /** Before the run. In ideal mode the first instance leads for good. */
  start(): void {
    if (this.#core.model.controlPlane.mode === "ideal") {
      const first = this.#candidates[0];
      this.#callbacks.onStartedLeading(first?.centre ?? 0);
      return;
    }
    for (const candidate of this.#candidates) {
      candidate.running = true;
      this.#tickAfter(candidate, candidate.index * START_GAP_US);
    }
  }

  /** Candidates as they stand, for invariants: centre and whether it acts as leader. */
  leaders(): number[] {
    return this.#candidates.filter((candidate) => candidate.leading).map((candidate) => candidate.centre);
  }

  /** The process in this centre is killed. */
  crash(centre: number): void {
    for (const candidate of this.#candidates) if (candidate.centre === centre) this.#exit(candidate);
  }

  /** Power or process is back. */
  restart(centre: number): void {
    for (const candidate of this.#candidates) {
      if (candidate.centre === centre && !candidate.running) this.#restartLater(candidate);
    }
  }

  /** Handler of `elector-tick`; `subject` already reduced by this election's base. */
  tick(index: number, generation: number): void {
    const candidate = this.#candidate(index);
    if (candidate.generation !== generation || !candidate.running) return;
    if (candidate.leading) this.#renew(candidate);
    else this.#tryToAcquire(candidate);
  }

  /** Handler of `elector-restart`. */
  restarted(index: number, generation: number): void {
    const candidate = this.#candidate(index);
    if (candidate.generation !== generation || candidate.running) return;
    candidate.running = true;
    candidate.observedVersion = -1;
    this.#core.observer.process(this.#name(candidate), "start");
    this.#tickAfter(candidate, 0);
  }

  #tryToAcquire(candidate: Candidate): void {
    const { sim, api } = this.#core;
    const next = this.#model.retryPeriodUs * (1 + JITTER_FACTOR * this.#core.noise.uniform("elector-poll"));
    if (api.writable(candidate.centre)) {
      if (candidate.observedVersion !== this.#lease.version) {
        candidate.observedVersion = this.#lease.version;
        candidate.observedUs = sim.now;
      }
      const free = this.#lease.holder < 0;
      if (free || sim.now - candidate.observedUs > this.#model.leaseDurationUs) {
        this.#becomeLeader(candidate);
        return;
      }
    }
    this.#tickAfter(candidate, Math.round(next));
  }

  #becomeLeader(candidate: Candidate): void {
    const { sim, observer } = this.#core;
    this.#lease.holder = candidate.index;
    this.#lease.version++;
    this.#lease.transitions++;
    candidate.leading = true;
    candidate.renewedUs = sim.now;
    observer.leader(this.#of, candidate.centre, this.#lease.transitions);
    this.#callbacks.onStartedLeading(candidate.centre);
    this.#tickAfter(candidate, this.#model.retryPeriodUs);
  }

  #renew(candidate: Candidate): void {
    const { sim, api } = this.#core;
    if (this.#lease.holder === candidate.index && api.writable(candidate.centre)) {
      this.#lease.version++;
      candidate.renewedUs = sim.now;
    } else if (sim.now >= candidate.renewedUs + this.#model.retryPeriodUs + this.#model.renewDeadlineUs) {
      this.#loseLease(candidate);
      return;
    }
    const deadline = candidate.renewedUs + this.#model.retryPeriodUs + this.#model.renewDeadlineUs;
    this.#tickAfter(candidate, Math.min(this.#model.retryPeriodUs, Math.max(0, deadline - sim.now)));
  }

  #loseLease(candidate: Candidate): void {
    this.#stopLeading(candidate);
    // The scheduler tries to release its lease first, and that request hangs too (measured, docs/MODEL.md §5).
    const delay = this.#model.releaseOnCancel ? RELEASE_HANG_US : 0;
    candidate.running = false;
    this.#core.observer.process(this.#name(candidate), "exit");
    this.#restartLater(candidate, delay);
  }

  #exit(candidate: Candidate): void {
    candidate.generation++;
    if (!candidate.running) return;
    candidate.running = false;
    this.#core.observer.process(this.#name(candidate), "exit");
    if (candidate.leading) this.#stopLeading(candidate);
  }

  #stopLeading(candidate: Candidate): void {
    candidate.leading = false;
    this.#callbacks.onStoppedLeading(candidate.centre);
  }

  #restartLater(candidate: Candidate, extra: Micros = 0): void {
    const { sim, noise } = this.#core;
    candidate.generation++;
    const delay = extra + noise.us("elector-restart", this.#model.restartUs);
    sim.after(delay, sim.kinds["elector-restart"], this.#base + candidate.index, candidate.generation);
  }

  #tickAfter(candidate: Candidate, delay: Micros): void {
    const { sim } = this.#core;
    candidate.generation++;
    sim.after(delay, sim.kinds["elector-tick"], this.#base + candidate.index, candidate.generation);
  }

  #name(candidate: Candidate): string {
    return `${this.#of}/${this.#core.model.topology.centres[candidate.centre]?.name ?? candidate.centre}`;
  }

  #candidate(index: number): Candidate {
    const candidate = this.#candidates[index];
    assert(candidate !== undefined, `candidate ${index} exists`);
    return candidate;
  }
}
