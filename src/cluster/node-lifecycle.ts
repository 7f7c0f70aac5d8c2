/**
 * The node lifecycle controller (pkg/controller/nodelifecycle, release 1.36): notices silent nodes, says so on the
 * Node, its taints and its pods, and lets go of nodes no faster than its zone's state allows.
 *
 * A monitor pass visits every node in a new order, eight at a time; the next pass begins `nodeMonitorPeriod` after
 * the last one's end. Whatever it writes waits in this controller's own client, with its Events between.
 */
import type { Taint } from "../api/objects.js";
import { MILLISECOND, type Micros } from "../units/time.js";
import { EventRecorder } from "./controllers/event-recorder.js";
import type { ApiClient, ClusterCore, Controller } from "./core.js";
import type { LeaseBook } from "./leases.js";
import { NoExecuteWorker } from "./no-execute-worker.js";
import { NoScheduleWorkers } from "./no-schedule-workers.js";
import { hasTaint, NOT_READY_NO_EXECUTE, UNREACHABLE_NO_EXECUTE } from "./node-taints.js";
import type { Change, NodeReady, PodRecord } from "./store.js";
import { TaintPatcher } from "./taint-patcher.js";
import { type ZoneCounts, type ZoneState, Zones } from "./zone-disruption.js";

/** scheduler.UpdateWorkerSize. */
const WORKERS = 8;
/** retrySleepTime and NodeHealthUpdateRetry: a status write is tried five times, 20 ms apart. */
const STATUS_RETRY_US = 20 * MILLISECOND;
const STATUS_TRIES = 5;

/** One link of a chain: a pod's status, or a change of a node's taints; `answered` hears whether it succeeded. */
type Step =
  | { readonly pod: number; readonly answered: (ok: boolean) => void }
  | {
      readonly node: number;
      readonly add?: readonly Taint[];
      readonly remove?: readonly Taint[];
      readonly answered?: (ok: boolean) => void;
    };

/** A pass under way: nodes as listed at its beginning. */
interface Pass {
  readonly order: readonly number[];
  readonly ready: readonly NodeReady[];
  readonly taints: readonly (readonly Taint[])[];
  next: number;
  workersBusy: number;
  /** The time that looking takes is over, too. */
  looked: boolean;
  ended: boolean;
  readonly counts: ZoneCounts;
  /** Tries of a status write under way, by node. */
  readonly tries: Map<number, number>;
}

export class NodeLifecycle implements Controller {
  readonly name = "node-lifecycle-controller";
  readonly #core: ClusterCore;
  readonly #leases: LeaseBook;
  readonly #literal: boolean;
  readonly #client: ApiClient;
  readonly #events: EventRecorder;
  readonly #patcher: TaintPatcher;
  readonly #noSchedule: NoScheduleWorkers;
  readonly #noExecute: NoExecuteWorker;
  readonly #zones: Zones;
  readonly #graceUs: Micros;
  #centre = -1;
  #generation = 0;
  /** Nodes as this controller's watch last showed them. */
  #exists: boolean[] = [];
  #ready: NodeReady[] = [];
  #taints: (readonly Taint[])[] = [];
  /** Last renewal seen and when it was first seen, by node; -1: never looked. */
  #seenUs: number[] = [];
  #probeUs: number[] = [];
  #marksToRepeat = new Set<number>();
  #pass: Pass | undefined;
  #passes = 0;
  /** Moves the beginning of the next pass from where it would be, so that passes fall as in a recorded run. */
  passRhythm: ((naturalUs: Micros) => Micros) | undefined;

  /** `literal`: every pass visits every node and every tick of the NoExecute worker is an event; slower, and equal. */
  constructor(core: ClusterCore, leases: LeaseBook, literal = false) {
    const { controllerManager } = core.model.controlPlane;
    this.#core = core;
    this.#leases = leases;
    this.#literal = literal;
    this.#client = core.api.client(
      this.name,
      () => this.#centre,
      controllerManager.clientQps,
      controllerManager.clientBurst,
    );
    this.#events = new EventRecorder(this.#client);
    this.#graceUs = controllerManager.nodeMonitorGracePeriodUs;
    this.#zones = new Zones(core.model.topology.nodes, controllerManager);
    this.#patcher = new TaintPatcher(core, this.#client);
    this.#noSchedule = new NoScheduleWorkers(this.#patcher, (node) => ({
      ready: this.#readyOf(node),
      taints: this.#taintsOf(node),
      unschedulable: core.store.node(node).unschedulable,
    }));
    this.#noExecute = new NoExecuteWorker(core, this.#patcher, (node) => this.#readyOf(node), literal);
  }

  readonly handlers = {
    "monitor-pass": (_: number, generation: number) => {
      if (generation === this.#generation) this.#beginPass();
    },
    "monitor-mark": (node: number, generation: number) => {
      if (generation === this.#generation && this.#pass !== undefined) this.#writeUnknown(this.#pass, node);
    },
    "monitor-pass-end": (_: number, generation: number) => {
      if (generation !== this.#generation || this.#pass === undefined) return;
      this.#pass.looked = true;
      this.#maybeEndPass(this.#pass);
    },
    "eviction-worker": (_: number, generation: number) => this.#noExecute.tick(generation),
    "taint-retry": (slot: number, generation: number) => this.#patcher.retry(slot, generation),
  };

  /** How the controller sees its zones, in the order in which the topology first names them; for tests and tables. */
  get zoneStates(): readonly ZoneState[] {
    return this.#zones.states;
  }

  start(centre: number): void {
    const { store, sim } = this.#core;
    this.stop();
    this.#centre = centre;
    this.#exists = store.nodes.map((node) => node.exists);
    this.#ready = store.nodes.map((node) => node.ready);
    this.#taints = store.nodes.map((node) => node.taints);
    this.#seenUs = store.nodes.map(() => Number.NEGATIVE_INFINITY);
    this.#probeUs = store.nodes.map(() => -1);
    this.#zones.start(this.#exists);
    this.#passes = 0;
    this.#noExecute.start(this.#zones.queues);
    for (const node of this.#nodes()) this.#noSchedule.add(node);
    this.#passAt(sim.now);
  }

  stop(): void {
    this.#generation++;
    this.#centre = -1;
    this.#pass = undefined;
    this.#marksToRepeat = new Set();
    this.#client.reset();
    this.#events.reset();
    this.#patcher.stop();
    this.#noSchedule.stop();
    this.#noExecute.stop();
  }

  onChange(change: Change): void {
    if (change.type === "nodeAdded") this.#nodeAdded(change.node);
    if (change.type === "nodeReady") {
      this.#ready[change.node] = change.ready;
      this.#noSchedule.add(change.node);
    } else if (change.type === "nodeTaints") {
      this.#taints[change.node] = this.#core.store.node(change.node).taints;
      this.#noSchedule.add(change.node);
    }
  }

  #nodeAdded(node: number): void {
    if (this.#exists[node] === true) return; // listed when this leader began
    const { ready, taints } = this.#core.store.node(node);
    this.#exists[node] = true;
    this.#ready[node] = ready;
    this.#taints[node] = taints;
    this.#zones.join(node);
    this.#noSchedule.add(node);
  }

  /** Ids of the nodes that there are. */
  #nodes(): number[] {
    return this.#exists.flatMap((exists, node) => (exists ? [node] : []));
  }

  #beginPass(): void {
    const first = this.#passes++ === 0;
    const pass = this.#newPass(first ? this.#shuffled(this.#nodes()) : this.#agenda());
    this.#pass = pass;
    const { sim, noise, model } = this.#core;
    const perNode = noise.us("monitor-pass", model.controlPlane.controllerManager.monitorPassPerNodeUs);
    sim.after(perNode * this.#ready.length, sim.kinds["monitor-pass-end"], 0, this.#generation);
    if (first) this.#welcome(pass);
    else this.#startWorkers(pass);
  }

  /**
   * Nodes to visit one by one. In a pass that writes, all of them: a visit may have to wait until a worker is free.
   * Without writes only those that are not well, since visits to the others are over at once and change nothing else.
   */
  #agenda(): number[] {
    const unwell: number[] = [];
    let writes = this.#marksToRepeat.size > 0;
    for (const node of this.#nodes()) {
      const ready = this.#readyOf(node);
      const taints = this.#taintsOf(node);
      const tainted = hasTaint(taints, UNREACHABLE_NO_EXECUTE) || hasTaint(taints, NOT_READY_NO_EXECUTE);
      const mark = ready !== "Unknown" && this.#wouldBeSilent(node);
      if (ready === "True" && !tainted && !mark) continue;
      unwell.push(node);
      writes ||= mark || (ready === "True" && tainted);
    }
    return this.#shuffled(writes || this.#literal ? this.#nodes() : unwell);
  }

  /** The list of nodes comes out of a hash map: another order each time. */
  #shuffled(nodes: readonly number[]): number[] {
    const draws = this.#core.streams.counted("node-lifecycle/order");
    const { now } = this.#core.sim;
    const keys = new Map(nodes.map((node) => [node, draws.uniform(node, now)]));
    return [...nodes].sort((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0) || a - b);
  }

  /** A pass over `order`; every other node is well and has been looked at. */
  #newPass(order: readonly number[]): Pass {
    const pass: Pass = {
      order,
      ready: [...this.#ready],
      taints: [...this.#taints],
      next: 0,
      workersBusy: 0,
      looked: false,
      ended: false,
      counts: this.#zones.counts(),
      tries: new Map(),
    };
    if (order.length < this.#ready.length) {
      const visits = new Set(order);
      for (let node = 0; node < this.#ready.length; node++) {
        if (visits.has(node) || this.#exists[node] !== true) continue;
        this.#silent(node);
        this.#zones.queueOf(node).remove(node);
        this.#zones.count(pass.counts, node, "True");
      }
    }
    return pass;
  }

  /** A new leader frees every node of its NoExecute taints, one by one, before it looks at anything. */
  #welcome(pass: Pass): void {
    const steps: Step[] = [];
    for (const node of pass.order) {
      this.#events.event(eventObject(node));
      steps.push(...this.#reachable(node, this.#taintsOf(node)));
    }
    pass.workersBusy++;
    this.#chain(steps, 0, () => {
      pass.workersBusy--;
      this.#startWorkers(pass);
    });
  }

  #startWorkers(pass: Pass): void {
    const workers = Math.min(WORKERS, pass.order.length);
    pass.workersBusy += workers;
    for (let worker = 0; worker < workers; worker++) this.#work(pass);
  }

  /** One worker: node after node until one of them keeps it busy; it goes on from there. */
  #work(pass: Pass): void {
    while (pass.next < pass.order.length) {
      const node = pass.order[pass.next++] as number;
      if (!this.#visit(pass, node)) return;
    }
    pass.workersBusy--;
    this.#maybeEndPass(pass);
  }

  /** True if the visit is over already. */
  #visit(pass: Pass, node: number): boolean {
    const ready = pass.ready[node] as NodeReady;
    if (this.#silent(node) && ready !== "Unknown") {
      this.#writeUnknown(pass, node);
      return false;
    }
    return this.#afterHealth(pass, node, ready, ready);
  }

  /** Takes in renewals; has the node been silent for longer than the grace period? */
  #silent(node: number): boolean {
    const { now } = this.#core.sim;
    const renewedUs = this.#leases.lastRenewal(node, now);
    if (renewedUs > (this.#seenUs[node] as number)) {
      this.#seenUs[node] = renewedUs;
      this.#probeUs[node] = now;
    }
    return now > (this.#probeUs[node] as number) + this.#graceUs;
  }

  /** As {@link #silent} would say now, without taking anything in. */
  #wouldBeSilent(node: number): boolean {
    const { now } = this.#core.sim;
    if (this.#leases.lastRenewal(node, now) > (this.#seenUs[node] as number)) return false;
    return now > (this.#probeUs[node] as number) + this.#graceUs;
  }

  #writeUnknown(pass: Pass, node: number): void {
    this.#client.submit({ type: "nodeReady", node, ready: "Unknown" }, (outcome) => {
      if (outcome === "ok") {
        // The lister shows it within a millisecond or two, long before the eviction worker's tick.
        this.#ready[node] = "Unknown";
        if (this.#afterHealth(pass, node, pass.ready[node] as NodeReady, "Unknown")) this.#work(pass);
        return;
      }
      const tries = (pass.tries.get(node) ?? 0) + 1;
      pass.tries.set(node, tries);
      const { sim } = this.#core;
      if (tries < STATUS_TRIES) sim.after(STATUS_RETRY_US, sim.kinds["monitor-mark"], node, this.#generation);
      else this.#work(pass); // skipped in this pass: neither counted nor evicted
    });
  }

  /** Taints, the eviction queue and the pods, once the node's condition is settled. True if nothing is to be written. */
  #afterHealth(pass: Pass, node: number, observed: NodeReady, current: NodeReady): boolean {
    this.#zones.count(pass.counts, node, current);
    const steps = this.#taintSteps(node, pass.taints[node] as readonly Taint[], current);
    if (current !== observed && current !== "True") this.#events.event(eventObject(node));
    const becameBad = current !== "True" && observed === "True";
    const becameUnreachable = current === "Unknown" && observed === "False";
    if (becameBad || becameUnreachable || (this.#marksToRepeat.has(node) && observed !== "True")) {
      this.#marksToRepeat.delete(node);
      for (const pod of this.#core.store.node(node).pods) {
        if (pod.ready) steps.push(this.#notReady(node, pod));
      }
    } else if (current === "True") {
      this.#marksToRepeat.delete(node);
    }
    if (steps.length === 0) return true;
    this.#chain(steps, 0, () => this.#work(pass));
    return false;
  }

  #notReady(node: number, pod: PodRecord): Step {
    return {
      pod: pod.id,
      answered: (ok) => {
        if (ok) this.#events.event(pod.id);
        else this.#marksToRepeat.add(node);
      },
    };
  }

  #taintSteps(node: number, taints: readonly Taint[], current: NodeReady): Step[] {
    if (current === "True") return this.#reachable(node, taints);
    const [own, opposite] =
      current === "Unknown"
        ? [UNREACHABLE_NO_EXECUTE, NOT_READY_NO_EXECUTE]
        : [NOT_READY_NO_EXECUTE, UNREACHABLE_NO_EXECUTE];
    if (hasTaint(taints, opposite)) {
      return [
        { node, add: [own] },
        { node, remove: [opposite] },
      ];
    }
    // An untainted node queues anew in every pass, so that the order of the queue is the last pass's.
    if (!hasTaint(taints, own)) this.#zones.queueOf(node).remove(node);
    this.#zones.queueOf(node).add(node);
    this.#noExecute.wake();
    return [];
  }

  /** markNodeAsReachable: both NoExecute taints off, out of the queue. */
  #reachable(node: number, taints: readonly Taint[]): Step[] {
    const steps: Step[] = [];
    let failed = false;
    for (const taint of [UNREACHABLE_NO_EXECUTE, NOT_READY_NO_EXECUTE]) {
      if (!hasTaint(taints, taint)) continue;
      const answered = (ok: boolean): void => {
        failed ||= !ok;
        if (!failed) this.#zones.queueOf(node).remove(node);
      };
      steps.push({ node, remove: [taint], answered });
    }
    if (steps.length === 0) this.#zones.queueOf(node).remove(node);
    return steps;
  }

  #chain(steps: readonly Step[], from: number, done: () => void): void {
    const step = steps[from];
    if (step === undefined) {
      done();
      return;
    }
    const next = (ok: boolean): void => {
      step.answered?.(ok);
      this.#chain(steps, from + 1, done);
    };
    if ("node" in step) this.#patcher.patch(step.node, step, next);
    else {
      this.#client.submit({ type: "podStatus", pod: step.pod, ready: false }, (outcome) =>
        next(outcome === "ok" || outcome === "notFound"),
      );
    }
  }

  #maybeEndPass(pass: Pass): void {
    if (pass !== this.#pass || !pass.looked || pass.ended || pass.workersBusy > 0) return;
    pass.ended = true;
    this.#handleDisruption(pass, () => {
      this.#pass = undefined;
      const { sim, model } = this.#core;
      this.#passAt(sim.now + model.controlPlane.controllerManager.nodeMonitorPeriodUs);
    });
  }

  #passAt(naturalUs: Micros): void {
    const { sim } = this.#core;
    const at = this.passRhythm?.(naturalUs) ?? naturalUs;
    sim.schedule(Math.max(sim.now, at), sim.kinds["monitor-pass"], 0, this.#generation);
  }

  /** The new states and rates, which hold from the end of the pass. */
  #handleDisruption(pass: Pass, done: () => void): void {
    const change = this.#zones.change(pass.counts);
    const settle = (): void => {
      this.#zones.settle(pass.counts, this.#core.sim.now);
      this.#noExecute.wake();
      done();
    };
    if (change.kind === "enterMasterDisruption") {
      const steps = pass.ready.flatMap((_, node) => this.#reachable(node, this.#taintsOf(node)));
      this.#chain(steps, 0, settle);
      return;
    }
    if (change.kind === "leaveMasterDisruption") this.#probeUs.fill(this.#core.sim.now);
    settle();
  }

  #readyOf(node: number): NodeReady {
    return this.#ready[node] as NodeReady;
  }

  #taintsOf(node: number): readonly Taint[] {
    return this.#taints[node] as readonly Taint[];
  }
}

/** Events about nodes, beside those about pods, which have numbers from 0. */
function eventObject(node: number): number {
  return -1 - node;
}
