/**
 * The author's failures: when each strikes, what it hits, when it is repaired. Overlapping failures are counted, so
 * that a thing is up again only when everything that took it down has been repaired.
 */
import { assert, present, unreachable } from "../assert.js";
import type { CountedDraws } from "../engine/random.js";
import { quantile } from "../engine/variates.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { ClusterCore } from "./core.js";
import { centresOf, nodesOf, processesIn } from "./failure-targets.js";
import type { FailureModel, FailureTarget } from "./model.js";
import type { NetworkState } from "./network.js";

/** Longer than any run; a heavy tail may draw times that the clock has no numbers for. */
const NEVER_US = 2 ** 52;

/** What failures switch off and on, beside the network. */
export interface FailureTargets {
  readonly network: NetworkState;
  readonly etcd: { crash(member: number): void; restart(member: number): void };
  readonly apiServers: { crash(instance: number): void; restart(instance: number): void };
  readonly controllerManager: { crash(centre: number): void; restart(centre: number): void };
  readonly scheduler: { crash(centre: number): void; restart(centre: number): void };
  readonly kubelets: {
    powerOff(node: number): void;
    powerOn(node: number): void;
    isolate(node: number): void;
    reconnect(node: number): void;
  };
  /** The network is another than before. */
  networkChanged(): void;
}

export class Failures {
  readonly #core: ClusterCore;
  readonly #targets: FailureTargets;
  readonly #draws: readonly CountedDraws[];
  /** Processes by name: how many failures hold each down. */
  readonly #down = new Map<string, number>();

  constructor(core: ClusterCore, targets: FailureTargets) {
    this.#core = core;
    this.#targets = targets;
    this.#draws = core.model.failures.map((failure) => core.streams.counted(`failure/${failure.name}`));
  }

  /** Before the run. */
  start(): void {
    const { sim, model } = this.#core;
    model.failures.forEach((failure, index) => {
      if (failure.occurrence.kind === "at") {
        failure.occurrence.timesUs.forEach((at, occurrence) => {
          sim.schedule(at, sim.kinds["failure-begin"], index, occurrence);
        });
      } else {
        this.#scheduleDrawn(index, 0, failure.occurrence.notBeforeUs);
      }
    });
  }

  readonly handlers = {
    "failure-begin": (index: number, occurrence: number) => this.#begin(index, occurrence),
    "failure-end": (index: number, occurrence: number) => this.#end(index, occurrence),
    "link-carries": (link: number) => {
      this.#targets.network.carriesAgain(link);
      this.#changed();
    },
  };

  #begin(index: number, occurrence: number): void {
    const { sim, observer } = this.#core;
    const failure = this.#failure(index);
    observer.failure("begin", index, occurrence);
    for (const target of failure.targets) this.#strike(failure, target);
    this.#changed();
    if (failure.repairUs !== undefined) {
      const repair = this.#draw(index, failure.repairUs, occurrence, 1);
      sim.after(Math.max(1, repair), sim.kinds["failure-end"], index, occurrence);
    }
  }

  #end(index: number, occurrence: number): void {
    const { sim, observer } = this.#core;
    const failure = this.#failure(index);
    for (const target of failure.targets) this.#repair(failure, target);
    observer.failure("end", index, occurrence);
    this.#changed();
    if (failure.occurrence.kind === "drawn") this.#scheduleDrawn(index, occurrence + 1, sim.now);
  }

  #scheduleDrawn(index: number, occurrence: number, from: Micros): void {
    const { sim, model } = this.#core;
    const failure = this.#failure(index);
    assert(failure.occurrence.kind === "drawn", "only a drawn failure is drawn");
    const at = from + Math.max(1, this.#draw(index, failure.occurrence.timeToFailureUs, occurrence, 0));
    if (at <= model.horizonUs) sim.schedule(at, sim.kinds["failure-begin"], index, occurrence);
  }

  #draw(index: number, variate: Variate, occurrence: number, purpose: number): Micros {
    const draws = present(this.#draws[index], "a failure has its draws");
    return Math.min(NEVER_US, Math.round(quantile(variate, draws.uniform(occurrence, purpose))));
  }

  #strike(failure: FailureModel, target: FailureTarget): void {
    switch (failure.kind) {
      case "power":
        this.#powerOff(target);
        break;
      case "isolate":
        this.#isolate(target, true);
        break;
      case "crash":
        this.#process(target, true);
        break;
      case "cut":
        assert(target.kind === "link", "only links are cut");
        this.#targets.network.cut(target.from, target.to);
        break;
      default:
        unreachable(failure.kind);
    }
  }

  #repair(failure: FailureModel, target: FailureTarget): void {
    switch (failure.kind) {
      case "power":
        this.#powerOn(target);
        break;
      case "isolate":
        this.#isolate(target, false);
        break;
      case "crash":
        this.#process(target, false);
        break;
      case "cut":
        assert(target.kind === "link", "only links are cut");
        this.#targets.network.heal(target.from, target.to);
        break;
      default:
        unreachable(failure.kind);
    }
  }

  #powerOff(target: FailureTarget): void {
    const { topology, controlPlane } = this.#core.model;
    const { network, kubelets } = this.#targets;
    for (const centre of centresOf(topology, target)) {
      network.darkenCentre(centre);
      for (const process of processesIn(controlPlane, centre)) this.#process(process, true);
    }
    for (const node of nodesOf(topology, target)) if (network.darkenNode(node)) kubelets.powerOff(node);
  }

  #powerOn(target: FailureTarget): void {
    const { topology, controlPlane } = this.#core.model;
    const { network, kubelets } = this.#targets;
    for (const centre of centresOf(topology, target)) {
      network.lightCentre(centre);
      for (const process of processesIn(controlPlane, centre)) this.#process(process, false);
    }
    for (const node of nodesOf(topology, target)) if (network.lightNode(node)) kubelets.powerOn(node);
  }

  /** A node or rack loses its centre's network; a centre or site loses all lines to the outside. */
  #isolate(target: FailureTarget, begin: boolean): void {
    const { topology } = this.#core.model;
    const { network, kubelets } = this.#targets;
    const inside = new Set(centresOf(topology, target));
    if (inside.size > 0) {
      for (const centre of topology.centres) {
        if (inside.has(centre.id)) continue;
        for (const own of inside) {
          for (const [from, to] of [
            [own, centre.id],
            [centre.id, own],
          ] as const) {
            if (begin) network.cut(from, to);
            else network.heal(from, to);
          }
        }
      }
      return;
    }
    for (const node of nodesOf(topology, target)) {
      if (begin && network.isolateNode(node)) kubelets.isolate(node);
      if (!begin && network.rejoinNode(node)) kubelets.reconnect(node);
    }
  }

  #process(target: FailureTarget, begin: boolean): void {
    const { etcd, apiServers, controllerManager, scheduler } = this.#targets;
    switch (target.kind) {
      case "etcdMember":
        this.#hold(`etcd/${target.member}`, begin, etcd, target.member);
        break;
      case "apiServer":
        this.#hold(`api/${target.instance}`, begin, apiServers, target.instance);
        break;
      case "controllerManager":
        this.#hold(`kcm/${target.centre}`, begin, controllerManager, target.centre);
        break;
      case "scheduler":
        this.#hold(`scheduler/${target.centre}`, begin, scheduler, target.centre);
        break;
      case "node":
        // A node that crashes is a node without power.
        if (begin) this.#powerOff(target);
        else this.#powerOn(target);
        break;
      default:
        assert(false, `a ${target.kind} does not crash`);
    }
  }

  #hold(
    name: string,
    begin: boolean,
    processes: { crash(id: number): void; restart(id: number): void },
    id: number,
  ): void {
    const holders = (this.#down.get(name) ?? 0) + (begin ? 1 : -1);
    assert(holders >= 0, `${name} is repaired after it failed`);
    this.#down.set(name, holders);
    if (begin && holders === 1) processes.crash(id);
    if (!begin && holders === 0) processes.restart(id);
  }

  #changed(): void {
    this.#core.api.availabilityMayHaveChanged();
    this.#targets.networkChanged();
  }

  #failure(index: number): FailureModel {
    return present(this.#core.model.failures[index], `failure ${index} exists`);
  }
}
