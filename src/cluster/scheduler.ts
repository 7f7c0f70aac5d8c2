/**
 * kube-scheduler in motion: one pod after the other from the queue through the framework, binds sent behind its back.
 *
 * A cycle costs simulated time; a bind waits for its turn in the client's limit (50 a second after 100) while further
 * cycles go on. An unschedulable pod's status patch is sent inside the cycle and waits in the same limit, so that
 * one such pod stalls the loop behind the binds queued before it (measured, docs/MODEL.md §11).
 */
import { gracePeriodUs, isTerminal } from "../api/pods.js";
import { compileMatchLabels } from "../api/selectors.js";
import { assert, present } from "../assert.js";
import { SchedulerCache } from "../policies/framework/cache.js";
import { SchedulingFramework } from "../policies/framework/framework.js";
import { type CompiledNode, compileNode } from "../policies/framework/node.js";
import { Nominator } from "../policies/framework/nominator.js";
import { ResourceTable } from "../policies/framework/resources.js";
import { compileShape } from "../policies/framework/shape.js";
import type {
  Decision,
  DisruptionBudget,
  LabelPredicate,
  PluginFactory,
  PodInfo,
  PodShape,
} from "../policies/framework/types.js";
import { ensureClaims, VolumeTable } from "../policies/framework/volumes.js";
import { bindImmediateClaims, bindPodVolumes } from "../policies/kubernetes/volume-controller.js";
import { type Micros, SECOND } from "../units/time.js";
import type { ApiClient, ClusterCore } from "./core.js";
import type { PolicyModel } from "./model.js";
import { attemptCostUs } from "./scheduling-cost.js";
import { SchedulingQueue, type WaitingPod } from "./scheduling-queue.js";
import type { Change, PodRecord } from "./store.js";

/** What a `scheduler-flush` looks at: its subject. */
const BACKOFF = 0;
const UNSCHEDULABLE = 1;

export class Scheduler {
  readonly #core: ClusterCore;
  readonly #policy: PolicyModel;
  readonly #shelf: ReadonlyMap<string, PluginFactory>;
  readonly #budgets: () => readonly DisruptionBudget[];
  readonly #client: ApiClient;
  readonly #shapes = new Map<string, PodShape>();
  readonly #templateIds = new Map<object, number>();
  readonly warnings = new Set<string>();
  /** Told of each attempt as it begins, for whoever compares attempts. */
  onAttempt: ((pod: PodRecord) => void) | undefined;

  /**
   * Claims and volumes. The volume controllers' part is done here, at once: provisioning and binding take no time, and
   * a claim stays bound to where its first pod went, whoever leads.
   */
  readonly #volumes: VolumeTable;

  /** Fresh for each leader. */
  #resources = new ResourceTable();
  #cache = new SchedulerCache(this.#resources);
  #nominator = new Nominator();
  #frameworks = new Map<string, SchedulingFramework>();
  #queue: SchedulingQueue;
  #infos = new Map<number, PodInfo>();
  /** Node by pod in the cache, assumed ones included. */
  #cached = new Map<number, number>();

  #leading = false;
  #centre = -1;
  #generation = 0;
  #busy = false;
  /** A look at back-off, or at the unschedulable pool, is on the event list. */
  #flushing = false;
  #lookingThrough = false;
  /** When this leader's queue began: its looks at the unschedulable pool are whole periods later. */
  #startedUs: Micros = 0;
  /** Node objects as the cache has them, by node. */
  #nodes: (CompiledNode | undefined)[] = [];
  #inFlight: { readonly waiting: WaitingPod; readonly decision: Decision } | undefined;

  constructor(
    core: ClusterCore,
    policy: PolicyModel,
    shelf: ReadonlyMap<string, PluginFactory>,
    budgets: () => readonly DisruptionBudget[],
  ) {
    this.#core = core;
    this.#policy = policy;
    this.#volumes = VolumeTable.of(core.model.objects);
    bindImmediateClaims(this.#volumes);
    this.#shelf = shelf;
    this.#budgets = budgets;
    const { clientQps, clientBurst } = core.model.controlPlane.scheduler;
    this.#client = core.api.client("kube-scheduler", () => this.#centre, clientQps, clientBurst);
    this.#queue = this.#newQueue();
    core.api.onDispatch((centre, change) => {
      if (this.#leading && centre === this.#centre) this.#onChange(change);
    });
  }

  readonly handlers = {
    "scheduler-cycle": (_: number, generation: number) => this.#cycle(generation),
    "scheduler-decided": (_: number, generation: number) => this.#decided(generation),
    "scheduler-flush": (what: number, generation: number) => {
      if (generation !== this.#generation) return;
      if (what === BACKOFF) this.#flushBackoff();
      else this.#flushUnschedulable();
    },
  };

  onStartedLeading(centre: number): void {
    this.#leading = true;
    this.#centre = centre;
    this.#generation++;
    this.#busy = false;
    this.#flushing = false;
    this.#lookingThrough = false;
    this.#startedUs = this.#core.sim.now;
    this.#inFlight = undefined;
    this.#client.reset();
    this.#rebuild();
    this.#wake();
  }

  onStoppedLeading(centre: number): void {
    // A late word from a process that was overtaken changes nothing for its successor.
    if (this.#centre !== centre) return;
    this.#leading = false;
    this.#generation++;
    this.#client.reset();
  }

  /** A new leader's caches: everything that the API holds. */
  #rebuild(): void {
    const { store, model, streams } = this.#core;
    this.#resources = new ResourceTable();
    this.#cache = new SchedulerCache(this.#resources);
    this.#cache.setVolumes(this.#volumes);
    this.#nominator = new Nominator();
    this.#infos = new Map();
    this.#cached = new Map();
    this.#shapes.clear();
    for (const object of model.objects) {
      if (object.kind === "Namespace")
        this.#cache.setNamespaceLabels(object.metadata.name, object.metadata.labels);
    }
    this.#nodes = [];
    for (const node of store.nodes) if (node.exists) this.#addNode(node.id);
    this.#frameworks = new Map(
      this.#policy.profiles.map((profile) => [
        profile.schedulerName,
        new SchedulingFramework(profile, this.#shelf, {
          cache: this.#cache,
          nominator: this.#nominator,
          streams,
          podDisruptionBudgets: this.#budgets,
        }),
      ]),
    );
    this.#queue = this.#newQueue();
    for (const pod of store.livePods) this.#podAdded(pod);
  }

  #newQueue(): SchedulingQueue {
    const anyFramework = (): SchedulingFramework =>
      present(this.#frameworks.values().next().value, "a policy has at least one profile");
    return new SchedulingQueue(this.#core.model.controlPlane.scheduler, {
      compare: (a, b) => anyFramework().compareQueued(a, b),
      listens: (pod, refusedBy, kind) => this.#framework(pod).listens(refusedBy, kind),
      mayRequeue: (pod, refusedBy, event) => this.#framework(pod).mayRequeue(pod, refusedBy, event),
    });
  }

  #onChange(change: Change): void {
    const { sim } = this.#core;
    switch (change.type) {
      case "podAdded":
        this.#podAdded(change.pod);
        break;
      case "podBound":
        this.#podBound(change.pod);
        break;
      case "podStatus":
        if (isTerminal(change.pod)) this.#forget(change.pod);
        break;
      case "podDeleting": {
        const info = this.#infos.get(change.pod.id);
        if (info === undefined) break;
        info.terminating = true;
        info.terminatingByPreemption = change.pod.disruptionReason === "PreemptionByScheduler";
        this.#queue.moveOn({ kind: "AssignedPodUpdate", pod: info }, sim.now);
        break;
      }
      case "podRemoved":
        this.#podRemoved(change.pod);
        break;
      case "podGates":
        this.#podGates(change.pod);
        break;
      case "nodeAdded":
        if (this.#nodes[change.node] !== undefined) break; // listed when this leader began
        this.#queue.moveOn({ kind: "NodeAdd", node: this.#addNode(change.node) }, sim.now);
        break;
      case "nodeTaints":
        this.#nodeTaints(change.node);
        break;
      default:
        break; // nothing that a decision depends on
    }
    this.#wake();
  }

  #podAdded(pod: PodRecord): void {
    if (this.#infos.has(pod.id) || pod.removed || isTerminal(pod)) return;
    const info = this.#infoOf(pod);
    if (pod.node >= 0) {
      this.#cachePod(info, pod.node);
      return;
    }
    const framework = this.#frameworks.get(info.shape.schedulerName);
    if (framework === undefined) {
      this.warnings.add(
        `${pod.workload}: no profile is named "${info.shape.schedulerName}", so no scheduler looks at its pods`,
      );
      return;
    }
    if (pod.nominatedNode >= 0) this.#nominator.nominate(info, pod.nominatedNode);
    this.#queue.add(pod, info, this.#core.sim.now, framework.preEnqueue(info) !== undefined);
  }

  /** Scheduling gates went: the pod may enter the queue now. */
  #podGates(pod: PodRecord): void {
    if (this.#queue.find(pod.id)?.place !== "gated") return;
    const info = this.#infoOf(pod);
    if (this.#framework(info).preEnqueue(info) === undefined) this.#queue.ungate(pod.id, info);
  }

  /** A pod that had been promised a node makes room by going (eventhandlers.go, deletePodFromSchedulingQueue). */
  #podRemoved(pod: PodRecord): void {
    const info = this.#infos.get(pod.id);
    const promised = info !== undefined && info.nominatedNode >= 0 && !this.#cached.has(pod.id);
    this.#queue.delete(pod.id);
    this.#forget(pod);
    this.#infos.delete(pod.id);
    this.#deleteEphemeralClaims(pod);
    if (promised) this.#queue.moveOn({ kind: "AssignedPodDelete", pod: info }, this.#core.sim.now);
  }

  #addNode(id: number): CompiledNode {
    const node = this.#compileNode(id);
    this.#cache.addNode(node);
    this.#nodes[id] = node;
    return node;
  }

  #nodeTaints(id: number): void {
    const before = this.#nodes[id];
    if (before === undefined) return;
    const node = this.#compileNode(id);
    this.#cache.updateNode(node);
    this.#nodes[id] = node;
    this.#queue.moveOn({ kind: "NodeTaintUpdate", before, node }, this.#core.sim.now);
  }

  #podBound(pod: PodRecord): void {
    this.#queue.delete(pod.id);
    if (isTerminal(pod) || pod.removed) return;
    const info = this.#infos.get(pod.id) ?? this.#infoOf(pod);
    info.startTimeUs = this.#core.sim.now;
    // A bind that had been given up may land after all, while the pod is assumed elsewhere (cache.go, AddPod).
    this.#uncachePod(info, (assumed) => assumed !== pod.node);
    if (!this.#cached.has(pod.id)) this.#cachePod(info, pod.node);
    this.#queue.moveOn({ kind: "AssignedPodAdd", pod: info }, this.#core.sim.now);
  }

  #forget(pod: PodRecord): void {
    const info = this.#infos.get(pod.id);
    if (info === undefined) return;
    this.#nominator.denominate(info);
    this.#uncachePod(info, () => true);
  }

  #cachePod(info: PodInfo, node: number): void {
    this.#nominator.denominate(info);
    this.#cached.set(info.id, node);
    this.#cache.addPod(info, node);
  }

  /** Frees the node where the pod counts, if `which` says so; pods that wait for room look again. */
  #uncachePod(info: PodInfo, which: (node: number) => boolean): void {
    const node = this.#cached.get(info.id);
    if (node === undefined || !which(node)) return;
    this.#cached.delete(info.id);
    this.#cache.removePod(info, node);
    this.#queue.moveOn({ kind: "AssignedPodDelete", pod: info }, this.#core.sim.now);
  }

  #wake(): void {
    const { sim } = this.#core;
    if (!this.#leading) return;
    if (!this.#busy && this.#queue.canPop) {
      this.#busy = true;
      sim.after(0, sim.kinds["scheduler-cycle"], 0, this.#generation);
    }
    if (!this.#flushing && this.#queue.backoffCount > 0) {
      this.#flushing = true;
      // Looks fall on whole seconds (waitUntilAlignedWithOrderingWindow).
      const next = (Math.floor(sim.now / SECOND) + 1) * SECOND;
      sim.schedule(next, sim.kinds["scheduler-flush"], BACKOFF, this.#generation);
    }
    if (!this.#lookingThrough && this.#queue.unschedulableCount > 0) {
      this.#lookingThrough = true;
      const { unschedulableFlushUs: period } = this.#core.model.controlPlane.scheduler;
      const next = this.#startedUs + (Math.floor((sim.now - this.#startedUs) / period) + 1) * period;
      sim.schedule(next, sim.kinds["scheduler-flush"], UNSCHEDULABLE, this.#generation);
    }
  }

  #cycle(generation: number): void {
    if (generation !== this.#generation) return;
    const { sim, noise, model } = this.#core;
    const waiting = this.#queue.pop();
    if (waiting === undefined) {
      this.#busy = false;
      return;
    }
    waiting.record.attempts++;
    this.onAttempt?.(waiting.record);
    const decision = this.#framework(waiting.pod).schedule(waiting.pod);
    if (decision.kind === "scheduled") {
      bindPodVolumes(this.#volumes, waiting.pod, this.#cache.node(decision.node));
      this.#cachePod(waiting.pod, decision.node);
    }
    this.#inFlight = { waiting, decision };
    const costs = model.controlPlane.scheduler;
    const cycleUs = noise.us("scheduler-cycle", costs.cycleUs);
    const nodes = this.#cache.nodeOrder.length;
    const cost = attemptCostUs(costs, cycleUs, waiting.pod.shape, decision, nodes);
    sim.after(Math.round(cost), sim.kinds["scheduler-decided"], 0, generation);
  }

  #decided(generation: number): void {
    if (generation !== this.#generation) return;
    const { waiting, decision } = present(this.#inFlight, "a decision is in flight");
    this.#inFlight = undefined;
    if (decision.kind === "scheduled") {
      this.#bind(waiting, decision.node);
      this.#next();
    } else {
      this.#refuse(waiting, decision);
    }
  }

  #next(): void {
    this.#busy = false;
    this.#wake();
  }

  #bind(waiting: WaitingPod, node: number): void {
    const { record, pod } = waiting;
    this.#client.submit({ type: "bindPod", pod: record.id, node }, (outcome) => {
      if (outcome === "ok") return;
      // Forgotten, and tried again unless it went away meanwhile.
      if (record.node < 0) this.#uncachePod(pod, (assumed) => assumed === node);
      if (record.removed) this.#queue.delete(record.id);
      else if (record.node < 0) this.#queue.failed(waiting, this.#core.sim.now);
      this.#wake();
    });
  }

  #refuse(waiting: WaitingPod, decision: Extract<Decision, { kind: "unschedulable" }>): void {
    const { observer, sim } = this.#core;
    const { record, pod } = waiting;
    observer.unschedulable(record, decision.message);
    if (waiting.place === "gone") {
      // Deleted, or bound by an earlier attempt, while this one was under way: nothing is nominated or evicted for it.
      this.#next();
      return;
    }
    let nominatedNode = -1;
    if (decision.preemption?.kind === "nominated") {
      nominatedNode = decision.preemption.node;
      this.#preempt(waiting, nominatedNode, decision.preemption.victims);
    } else if (decision.preemption?.kind === "notEligible") {
      nominatedNode = pod.nominatedNode;
    } else {
      this.#nominator.denominate(pod);
    }
    this.#queue.refused(waiting, decision.plugins, sim.now);
    // client-go sends no patch that would change nothing.
    if (record.message === decision.message && record.nominatedNode === nominatedNode) {
      this.#next();
      return;
    }
    this.#client.submit(
      { type: "podUnschedulable", pod: record.id, message: decision.message, nominatedNode },
      () => this.#next(),
    );
  }

  /**
   * Weaker nominations there end; victims get the DisruptionTarget condition and are deleted, asynchronously: all but
   * one side by side, then the last, whose end is what the preemptor waits for (preemption.go, prepareCandidateAsync).
   */
  #preempt(waiting: WaitingPod, node: number, victims: readonly PodInfo[]): void {
    const { store } = this.#core;
    const { pod } = waiting;
    for (const weaker of this.#nominator.lowerPriorityOn(node, pod.shape.priority)) {
      this.#nominator.denominate(weaker);
      const { message } = store.pod(weaker.id);
      this.#client.submit({ type: "podUnschedulable", pod: weaker.id, message, nominatedNode: -1 });
    }
    this.#nominator.nominate(pod, node);
    const last = victims.at(-1);
    let left = victims.length - 1;
    waiting.preempting = left > 0;
    const evictLast = (): void => {
      waiting.preempting = false;
      if (last !== undefined) this.#evict(last, () => {});
    };
    if (left <= 0) {
      evictLast();
      return;
    }
    for (const victim of victims.slice(0, -1)) {
      this.#evict(victim, () => {
        if (--left === 0) evictLast();
      });
    }
  }

  #evict(victim: PodInfo, done: () => void): void {
    const record = this.#core.store.pod(victim.id);
    const graceUs = gracePeriodUs(record.template.spec);
    this.#client.submit({ type: "disruptionTarget", pod: victim.id, reason: "PreemptionByScheduler" }, () => {
      this.#client.submit({ type: "deletePod", pod: victim.id, gracePeriodUs: graceUs }, done);
    });
  }

  #flushBackoff(): void {
    this.#flushing = false;
    this.#queue.flushBackoff(this.#core.sim.now);
    this.#wake();
  }

  #flushUnschedulable(): void {
    this.#lookingThrough = false;
    this.#queue.flushUnschedulable(this.#core.sim.now);
    this.#wake();
  }

  /** A claim of a generic ephemeral volume belongs to its pod and goes with it. */
  #deleteEphemeralClaims({ namespace, name, template }: PodRecord): void {
    for (const volume of template.spec.volumes) {
      if (volume.ephemeral !== undefined) this.#volumes.deleteClaim(namespace, `${name}-${volume.name}`);
    }
  }

  #infoOf(pod: PodRecord): PodInfo {
    if (pod.template.spec.volumes.length > 0) {
      const { namespace, name, template } = pod;
      ensureClaims(this.#volumes, { namespace, name, uid: String(pod.id) }, template.spec);
      bindImmediateClaims(this.#volumes);
    }
    const info: PodInfo = {
      id: pod.id,
      name: pod.name,
      shape: this.#shapeOf(pod),
      startTimeUs: pod.boundUs >= 0 ? pod.boundUs : Number.POSITIVE_INFINITY,
      terminating: pod.deletingUs >= 0,
      terminatingByPreemption: pod.deletingUs >= 0 && pod.disruptionReason === "PreemptionByScheduler",
      nominatedNode: -1,
    };
    this.#infos.set(pod.id, info);
    return info;
  }

  #shapeOf(pod: PodRecord): PodShape {
    let templateId = this.#templateIds.get(pod.template);
    if (templateId === undefined) {
      templateId = this.#templateIds.size;
      this.#templateIds.set(pod.template, templateId);
    }
    const key = `${templateId}/${pod.namespace}/${pod.onlyNode}`;
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      const selector = this.#defaultSpreadSelector(pod);
      shape = compileShape(
        {
          namespace: pod.namespace,
          labels: pod.template.labels,
          spec: pod.onlyNode < 0 ? pod.template.spec : this.#pinned(pod),
          ...(selector === undefined ? {} : { defaultSpreadSelector: selector }),
        },
        this.#resources,
        this.#shapes.size,
      );
      this.#shapes.set(key, shape);
    }
    return shape;
  }

  /** The DaemonSet controller pins a pod to its node by required node affinity on metadata.name. */
  #pinned(pod: PodRecord): PodRecord["template"]["spec"] {
    const { spec } = pod.template;
    const name = present(this.#core.model.topology.nodes[pod.onlyNode], "a pinned pod's node exists").name;
    const field = { key: "metadata.name", operator: "In" as const, values: [name] };
    const terms = spec.affinity?.nodeAffinity?.required ?? [{ matchExpressions: [], matchFields: [] }];
    return {
      ...spec,
      affinity: {
        ...spec.affinity,
        nodeAffinity: {
          preferred: spec.affinity?.nodeAffinity?.preferred ?? [],
          required: terms.map((term) => ({ ...term, matchFields: [field] })),
        },
      },
    };
  }

  /** helper.DefaultSelector: what the pod's services select, and its ReplicaSet or StatefulSet. */
  #defaultSpreadSelector(pod: PodRecord): LabelPredicate | undefined {
    const { store } = this.#core;
    const predicates: LabelPredicate[] = [];
    for (const id of pod.services) {
      const { matches } = store.service(id);
      if (matches !== undefined) predicates.push(matches);
    }
    if (pod.owner.kind === "ReplicaSet") {
      predicates.push(compileMatchLabels(store.replicaSet(pod.owner.id).template.labels));
    } else if (pod.owner.kind === "StatefulSet") {
      predicates.push(compileMatchLabels(store.statefulSet(pod.owner.id).template.labels));
    }
    if (predicates.length === 0) return undefined;
    return (labels) => predicates.every((matches) => matches(labels));
  }

  #framework(pod: PodInfo): SchedulingFramework {
    const framework = this.#frameworks.get(pod.shape.schedulerName);
    assert(framework !== undefined, `a queued pod has a profile`);
    return framework;
  }

  #compileNode(id: number): CompiledNode {
    const { store, model } = this.#core;
    const node = present(model.topology.nodes[id], `node ${id} exists`);
    const record = store.node(id);
    return compileNode(
      {
        name: node.name,
        labels: node.labels,
        taints: record.taints,
        unschedulable: record.unschedulable,
        allocatable: node.allocatable,
        images: [],
      },
      id,
      this.#resources,
    );
  }
}
