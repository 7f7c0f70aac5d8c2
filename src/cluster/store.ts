/**
 * What etcd holds: the API objects of the simulated cluster and the only way to change them, `apply`. An operation is
 * applied when Raft has committed it, in the order of the log; it succeeds or is refused as the API server would
 * refuse it. Every change gets a revision, and watchers see changes in that order.
 */
import type { LabelSelector, Labels, PodPhase, PodTemplate, Taint } from "../api/objects.js";
import { assert, unreachable } from "../assert.js";
import type { Micros } from "../units/time.js";

export type NodeReady = "True" | "False" | "Unknown";

/** Who made a pod. `id` indexes the store's table of that kind. */
export type PodOwner =
  | { readonly kind: "ReplicaSet"; readonly id: number }
  | { readonly kind: "StatefulSet"; readonly id: number }
  | { readonly kind: "DaemonSet"; readonly id: number }
  | { readonly kind: "Job"; readonly id: number }
  | { readonly kind: "None" };

/** One pod object, from creation to its removal; the record stays afterwards for the results. */
export interface PodRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  /** What its draws and results are named after, e.g. `deployment/shop/web`, `arrival/batch`. */
  readonly workload: string;
  /** Changes only when scheduling gates are removed. */
  template: PodTemplate;
  readonly owner: PodOwner;
  /** StatefulSet ordinal, DaemonSet node, else the how-manieth pod of its owner. */
  readonly ordinal: number;
  /** How often this (owner, ordinal) was made before. */
  readonly incarnation: number;
  /** Owner's template revision. */
  readonly revision: number;
  /** Only this node will do (DaemonSet's node affinity by name); -1 where every node may. */
  readonly onlyNode: number;
  /** How long its containers run once started, in µs; Infinity: for ever. */
  readonly durationUs: Micros;
  readonly createdUs: Micros;
  /** Ids of the services that select it. */
  readonly services: readonly number[];
  phase: PodPhase;
  /** spec.nodeName as a node id, or -1. Invariant: set at most once. */
  node: number;
  nominatedNode: number;
  ready: boolean;
  /** When the Ready condition last changed, or -1. */
  readyChangedUs: Micros;
  /** When deletion began, or -1. */
  deletingUs: Micros;
  gracePeriodUs: Micros;
  disruptionReason: string;
  /** The object is gone from the API. */
  removed: boolean;
  boundUs: Micros;
  /** First time Ready, or -1. */
  readyUs: Micros;
  /** Terminal phase or removal, or -1. */
  endedUs: Micros;
  /** Scheduling attempts and the last failure's text. */
  attempts: number;
  message: string;
}

export interface NodeRecord {
  readonly id: number;
  /** The Node object is in the API; false until a node that joins later has registered. */
  exists: boolean;
  ready: NodeReady;
  taints: readonly Taint[];
  unschedulable: boolean;
  /** Pods with spec.nodeName = this node and not removed, in order of binding. */
  readonly pods: Set<PodRecord>;
}

export interface ServiceRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  /** Its selector, compiled; undefined where endpoints are managed by hand. */
  readonly matches: ((labels: Labels) => boolean) | undefined;
  /** Pod ids of ready endpoints in its EndpointSlices, ascending. */
  endpoints: readonly number[];
}

/** What the ReplicaSet controller last wrote; the Deployment controller goes by it, not by the pods. */
export interface ReplicaSetStatus {
  /** Pods that are neither terminating nor ended. */
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly availableReplicas: number;
  /** `replicas` of the spec that was looked at: stands for observedGeneration. */
  readonly observedReplicas: number;
}

export const EMPTY_REPLICA_SET_STATUS: ReplicaSetStatus = {
  replicas: 0,
  readyReplicas: 0,
  availableReplicas: 0,
  observedReplicas: 0,
};

export interface ReplicaSetRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  /** Deployment id, or -1. */
  readonly deployment: number;
  readonly template: PodTemplate;
  readonly revision: number;
  readonly minReadySeconds: number;
  replicas: number;
  /** Annotation deployment.kubernetes.io/desired-replicas: the Deployment's size when it last set `replicas`; -1: none. */
  desiredReplicas: number;
  status: ReplicaSetStatus;
  /** Its pods that are not removed, by creation. */
  readonly pods: Set<PodRecord>;
  /** Pods ever made. */
  made: number;
}

export interface DeploymentRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  template: PodTemplate;
  /** Grows with each template change; the ReplicaSet of the same revision is the new one. */
  revision: number;
  replicas: number;
  readonly recreate: boolean;
  /** Resolved against replicas by the controller. */
  readonly maxSurge: { readonly absolute: number } | { readonly percent: number };
  readonly maxUnavailable: { readonly absolute: number } | { readonly percent: number };
  readonly minReadySeconds: number;
  /** ReplicaSet ids, oldest first. */
  readonly replicaSets: number[];
}

export interface StatefulSetRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  template: PodTemplate;
  revision: number;
  replicas: number;
  readonly parallel: boolean;
  readonly onDelete: boolean;
  readonly pods: Set<PodRecord>;
  readonly incarnations: number[];
}

export interface DaemonSetRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  template: PodTemplate;
  revision: number;
  readonly onDelete: boolean;
  readonly maxUnavailable: { readonly absolute: number } | { readonly percent: number };
  readonly pods: Set<PodRecord>;
  readonly incarnations: number[];
}

export interface JobRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly template: PodTemplate;
  readonly parallelism: number;
  /** -1: work queue. */
  readonly completions: number;
  readonly backoffLimit: number;
  readonly replaceFailedOnly: boolean;
  readonly durationUs: Micros;
  readonly pods: Set<PodRecord>;
  made: number;
  succeeded: number;
  failed: number;
  /** "" while it runs. */
  finished: "" | "Complete" | "Failed";
}

export interface PodDisruptionBudgetRecord {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly selector: LabelSelector | undefined;
  readonly minAvailable: { readonly absolute: number } | { readonly percent: number } | undefined;
  readonly maxUnavailable: { readonly absolute: number } | { readonly percent: number } | undefined;
}

/** What a new pod is made of. */
export interface NewPod {
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly template: PodTemplate;
  readonly owner: PodOwner;
  readonly ordinal: number;
  readonly incarnation: number;
  readonly revision: number;
  readonly onlyNode: number;
  readonly durationUs: Micros;
}

/** One write to the API. Ids, never names. */
export type Operation =
  | { readonly type: "createPod"; readonly pod: NewPod }
  | { readonly type: "bindPod"; readonly pod: number; readonly node: number }
  /** Scheduler's status patch: the condition's message and the nomination (-1 clears). */
  | {
      readonly type: "podUnschedulable";
      readonly pod: number;
      readonly message: string;
      readonly nominatedNode: number;
    }
  /** The author's script: all scheduling gates of a pod go. */
  | { readonly type: "removeGates"; readonly pod: number }
  /** A kubelet registers its Node, which is Ready and tainted not-ready:NoSchedule until the controller looks. */
  | { readonly type: "createNode"; readonly node: number }
  /** A write to a Node that changes nothing modelled but its version. */
  | { readonly type: "touchNode"; readonly node: number }
  /** Begins deletion; a pod that is unbound or has ended, or grace 0, goes at once. */
  | { readonly type: "deletePod"; readonly pod: number; readonly gracePeriodUs: Micros }
  /** The kubelet's last word, or force: the object goes. */
  | { readonly type: "removePod"; readonly pod: number }
  | { readonly type: "disruptionTarget"; readonly pod: number; readonly reason: string }
  /** Kubelet or node lifecycle: phase and/or readiness. */
  | { readonly type: "podStatus"; readonly pod: number; readonly phase?: PodPhase; readonly ready?: boolean }
  | { readonly type: "nodeReady"; readonly node: number; readonly ready: NodeReady }
  | {
      readonly type: "nodeTaints";
      readonly node: number;
      readonly add: readonly Taint[];
      readonly remove: readonly Taint[];
      /** Refused with a conflict unless the Node is still at this version ({@link ClusterStore.nodeVersion}). */
      readonly ifVersion?: number;
    }
  | { readonly type: "endpoints"; readonly service: number; readonly pods: readonly number[] }
  | { readonly type: "createReplicaSet"; readonly deployment: number; readonly replicas: number }
  | {
      readonly type: "scaleReplicaSet";
      readonly replicaSet: number;
      readonly replicas: number;
      /** The Deployment's size, as an annotation. */
      readonly desired?: number;
    }
  | { readonly type: "replicaSetStatus"; readonly replicaSet: number; readonly status: ReplicaSetStatus }
  | { readonly type: "jobFinished"; readonly job: number; readonly outcome: "Complete" | "Failed" }
  /** The author's script: scale or a new template revision. */
  | { readonly type: "scale"; readonly kind: ScalableKind; readonly id: number; readonly replicas: number }
  | { readonly type: "newRevision"; readonly kind: ScalableKind; readonly id: number }
  /** A write that takes its turn in the client and in etcd but changes nothing modelled (an Event, a count in status). */
  | {
      readonly type: "noop";
      /** A read that the API server's watch cache may answer (resourceVersion 0): quick, and without etcd. */
      readonly cached?: true;
    };

export type ScalableKind = "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet";

/** What watchers are told. The record shows its state when the watcher looks, which may be newer. */
export type Change =
  | { readonly type: "podAdded"; readonly pod: PodRecord }
  | { readonly type: "podBound"; readonly pod: PodRecord }
  /** Phase or readiness. */
  | { readonly type: "podStatus"; readonly pod: PodRecord }
  | { readonly type: "podNominated"; readonly pod: PodRecord }
  /** Its scheduling gates went. */
  | { readonly type: "podGates"; readonly pod: PodRecord }
  | { readonly type: "nodeAdded"; readonly node: number }
  | { readonly type: "podDeleting"; readonly pod: PodRecord }
  | { readonly type: "podRemoved"; readonly pod: PodRecord }
  | { readonly type: "nodeReady"; readonly node: number; readonly ready: NodeReady }
  | { readonly type: "nodeTaints"; readonly node: number }
  | { readonly type: "endpoints"; readonly service: number; readonly pods: readonly number[] }
  | { readonly type: "replicaSet"; readonly replicaSet: number }
  | { readonly type: "workload"; readonly kind: ScalableKind | "Job"; readonly id: number };

export type ApplyOutcome = "ok" | "notFound" | "conflict";

/** Told of every change at the moment it is applied: results, digest, invariants. Never part of the model. */
export type ChangeListener = (change: Change) => void;

const NOT_READY_NO_SCHEDULE: Taint = {
  key: "node.kubernetes.io/not-ready",
  value: "",
  effect: "NoSchedule",
};

export class ClusterStore {
  readonly pods: PodRecord[] = [];
  readonly nodes: NodeRecord[] = [];
  readonly services: ServiceRecord[] = [];
  readonly replicaSets: ReplicaSetRecord[] = [];
  readonly deployments: DeploymentRecord[] = [];
  readonly statefulSets: StatefulSetRecord[] = [];
  readonly daemonSets: DaemonSetRecord[] = [];
  readonly jobs: JobRecord[] = [];
  readonly podDisruptionBudgets: PodDisruptionBudgetRecord[] = [];
  /** Every change in order; its index + 1 is its revision. */
  readonly changes: Change[] = [];
  /** Pods that exist (not removed), in order of creation. */
  readonly livePods = new Set<PodRecord>();
  /** The pod made last, for the caller of `createPod`. */
  lastCreated: PodRecord | undefined;

  readonly #listeners: ChangeListener[] = [];
  readonly #nodeVersions: number[] = [];
  readonly #ungated = new Map<PodTemplate, PodTemplate>();
  /** `namespace/name` of live pods without an owner. */
  readonly #barePods = new Set<string>();

  get revision(): number {
    return this.changes.length;
  }

  listen(listener: ChangeListener): void {
    this.#listeners.push(listener);
  }

  /** Applies a committed operation at time `now`; refused operations change nothing. */
  apply(operation: Operation, now: Micros): ApplyOutcome {
    switch (operation.type) {
      case "createPod":
        return this.#createPod(operation.pod, now);
      case "bindPod":
        return this.#bindPod(operation.pod, operation.node, now);
      case "podUnschedulable":
        return this.#podUnschedulable(operation.pod, operation.message, operation.nominatedNode);
      case "removeGates":
        return this.#removeGates(operation.pod);
      case "createNode":
        return this.#createNode(operation.node);
      case "touchNode":
        this.#nodeChanged(operation.node);
        return "ok";
      case "deletePod":
        return this.#deletePod(operation.pod, operation.gracePeriodUs, now);
      case "removePod": {
        const pod = this.#live(operation.pod);
        if (pod === undefined) return "notFound";
        this.#remove(pod, now);
        return "ok";
      }
      case "disruptionTarget": {
        const pod = this.#live(operation.pod);
        if (pod === undefined) return "notFound";
        pod.disruptionReason = operation.reason;
        return "ok";
      }
      case "podStatus":
        return this.#podStatus(operation.pod, operation.phase, operation.ready, now);
      case "nodeReady": {
        const node = this.node(operation.node);
        if (node.ready === operation.ready) return "ok";
        node.ready = operation.ready;
        this.#nodeChanged(node.id);
        this.#emit({ type: "nodeReady", node: node.id, ready: operation.ready });
        return "ok";
      }
      case "nodeTaints":
        if (operation.ifVersion !== undefined && operation.ifVersion !== this.nodeVersion(operation.node))
          return "conflict";
        return this.#nodeTaints(operation.node, operation.add, operation.remove);
      case "endpoints": {
        const service = this.service(operation.service);
        service.endpoints = operation.pods;
        this.#emit({ type: "endpoints", service: service.id, pods: operation.pods });
        return "ok";
      }
      case "createReplicaSet":
        return this.#createReplicaSet(operation.deployment, operation.replicas);
      case "scaleReplicaSet": {
        const replicaSet = this.replicaSet(operation.replicaSet);
        const desired = operation.desired ?? replicaSet.desiredReplicas;
        if (replicaSet.replicas === operation.replicas && replicaSet.desiredReplicas === desired) return "ok";
        replicaSet.replicas = operation.replicas;
        replicaSet.desiredReplicas = desired;
        this.#emit({ type: "replicaSet", replicaSet: replicaSet.id });
        return "ok";
      }
      case "replicaSetStatus": {
        this.replicaSet(operation.replicaSet).status = operation.status;
        this.#emit({ type: "replicaSet", replicaSet: operation.replicaSet });
        return "ok";
      }
      case "jobFinished": {
        const job = this.job(operation.job);
        job.finished = operation.outcome;
        this.#emit({ type: "workload", kind: "Job", id: job.id });
        return "ok";
      }
      case "scale":
        return this.#scale(operation.kind, operation.id, operation.replicas);
      case "newRevision":
        return this.#newRevision(operation.kind, operation.id);
      case "noop":
        return "ok";
      default:
        return unreachable(operation);
    }
  }

  pod(id: number): PodRecord {
    return found(this.pods[id], "pod", id);
  }
  node(id: number): NodeRecord {
    return found(this.nodes[id], "node", id);
  }
  /** Grows with each change of the Node's condition or taints, as its resourceVersion does. */
  nodeVersion(id: number): number {
    return this.#nodeVersions[id] ?? 0;
  }
  service(id: number): ServiceRecord {
    return found(this.services[id], "service", id);
  }
  replicaSet(id: number): ReplicaSetRecord {
    return found(this.replicaSets[id], "ReplicaSet", id);
  }
  deployment(id: number): DeploymentRecord {
    return found(this.deployments[id], "Deployment", id);
  }
  statefulSet(id: number): StatefulSetRecord {
    return found(this.statefulSets[id], "StatefulSet", id);
  }
  daemonSet(id: number): DaemonSetRecord {
    return found(this.daemonSets[id], "DaemonSet", id);
  }
  job(id: number): JobRecord {
    return found(this.jobs[id], "Job", id);
  }

  #live(id: number): PodRecord | undefined {
    const pod = this.pods[id];
    return pod === undefined || pod.removed ? undefined : pod;
  }

  #createPod(spec: NewPod, now: Micros): ApplyOutcome {
    const siblings = this.#podsOf(spec.owner);
    if (spec.owner.kind === "StatefulSet" && siblings !== undefined) {
      // A name is taken until its object is gone: at most one pod an ordinal.
      for (const other of siblings) if (other.ordinal === spec.ordinal) return "conflict";
    }
    if (spec.owner.kind === "None") {
      // AlreadyExists. Pods of a controller other than StatefulSet have generated names.
      const name = `${spec.namespace}/${spec.name}`;
      if (this.#barePods.has(name)) return "conflict";
      this.#barePods.add(name);
    }
    const pod: PodRecord = {
      ...spec,
      id: this.pods.length,
      createdUs: now,
      services: this.#servicesOf(spec.namespace, spec.template.labels),
      phase: "Pending",
      node: -1,
      nominatedNode: -1,
      ready: false,
      readyChangedUs: -1,
      deletingUs: -1,
      gracePeriodUs: 0,
      disruptionReason: "",
      removed: false,
      boundUs: -1,
      readyUs: -1,
      endedUs: -1,
      attempts: 0,
      message: "",
    };
    this.pods.push(pod);
    this.livePods.add(pod);
    siblings?.add(pod);
    this.lastCreated = pod;
    this.#emit({ type: "podAdded", pod });
    return "ok";
  }

  #bindPod(id: number, nodeId: number, now: Micros): ApplyOutcome {
    const pod = this.#live(id);
    if (pod === undefined) return "notFound";
    // pkg/registry/core/pod/storage: a pod that has a node or is being deleted cannot be bound.
    if (pod.node >= 0 || pod.deletingUs >= 0) return "conflict";
    pod.node = nodeId;
    pod.boundUs = now;
    pod.nominatedNode = -1;
    pod.message = "";
    this.node(nodeId).pods.add(pod);
    this.#emit({ type: "podBound", pod });
    return "ok";
  }

  #podUnschedulable(id: number, message: string, nominatedNode: number): ApplyOutcome {
    const pod = this.#live(id);
    if (pod === undefined || pod.node >= 0) return "notFound";
    pod.message = message;
    if (pod.nominatedNode !== nominatedNode) {
      pod.nominatedNode = nominatedNode;
      this.#emit({ type: "podNominated", pod });
    }
    return "ok";
  }

  #removeGates(id: number): ApplyOutcome {
    const pod = this.#live(id);
    if (pod === undefined) return "notFound";
    if (pod.template.spec.schedulingGates.length === 0) return "ok";
    // Pods of one template share the one without gates, too.
    let ungated = this.#ungated.get(pod.template);
    if (ungated === undefined) {
      ungated = { ...pod.template, spec: { ...pod.template.spec, schedulingGates: [] } };
      this.#ungated.set(pod.template, ungated);
    }
    pod.template = ungated;
    this.#emit({ type: "podGates", pod });
    return "ok";
  }

  /** Admission (TaintNodesByCondition) taints every new Node. */
  #createNode(id: number): ApplyOutcome {
    const node = this.node(id);
    if (node.exists) return "conflict";
    node.exists = true;
    node.ready = "True";
    node.taints = [...node.taints, NOT_READY_NO_SCHEDULE];
    this.#nodeChanged(id);
    this.#emit({ type: "nodeAdded", node: id });
    this.#emit({ type: "nodeReady", node: id, ready: "True" });
    return "ok";
  }

  #deletePod(id: number, gracePeriodUs: Micros, now: Micros): ApplyOutcome {
    const pod = this.#live(id);
    if (pod === undefined) return "notFound";
    // A pod without a node, or one that has ended, has nothing to wait for (CheckGracefulDelete, registry/core/pod).
    const ended = pod.phase === "Succeeded" || pod.phase === "Failed";
    if (pod.node < 0 || ended || gracePeriodUs === 0) {
      this.#remove(pod, now);
      return "ok";
    }
    if (pod.deletingUs >= 0) return "ok";
    pod.deletingUs = now;
    pod.gracePeriodUs = gracePeriodUs;
    this.#emit({ type: "podDeleting", pod });
    return "ok";
  }

  #podStatus(id: number, phase: PodPhase | undefined, ready: boolean | undefined, now: Micros): ApplyOutcome {
    const pod = this.#live(id);
    if (pod === undefined) return "notFound";
    const terminal = pod.phase === "Succeeded" || pod.phase === "Failed";
    const phaseAfter = terminal || phase === undefined ? pod.phase : phase;
    const ended = phaseAfter === "Succeeded" || phaseAfter === "Failed";
    const readyAfter = ended ? false : (ready ?? pod.ready);
    if (phaseAfter === pod.phase && readyAfter === pod.ready) return "ok";
    pod.phase = phaseAfter;
    if (readyAfter !== pod.ready) pod.readyChangedUs = now;
    pod.ready = readyAfter;
    if (readyAfter && pod.readyUs < 0) pod.readyUs = now;
    if (ended && !terminal) {
      pod.endedUs = now;
      if (pod.owner.kind === "Job") {
        const job = this.job(pod.owner.id);
        if (phaseAfter === "Succeeded") job.succeeded++;
        else job.failed++;
      }
    }
    this.#emit({ type: "podStatus", pod });
    return "ok";
  }

  #remove(pod: PodRecord, now: Micros): void {
    pod.removed = true;
    pod.ready = false;
    if (pod.endedUs < 0) {
      pod.endedUs = now;
      // A Job's pod that goes without having ended counts as failed (job controller, isPodFailed).
      if (pod.owner.kind === "Job") this.job(pod.owner.id).failed++;
    }
    if (pod.owner.kind === "None") this.#barePods.delete(`${pod.namespace}/${pod.name}`);
    this.livePods.delete(pod);
    this.#podsOf(pod.owner)?.delete(pod);
    if (pod.node >= 0) this.node(pod.node).pods.delete(pod);
    this.#emit({ type: "podRemoved", pod });
  }

  #nodeChanged(id: number): void {
    this.#nodeVersions[id] = this.nodeVersion(id) + 1;
  }

  #nodeTaints(id: number, add: readonly Taint[], remove: readonly Taint[]): ApplyOutcome {
    const node = this.node(id);
    const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
    const kept = node.taints.filter((taint) => !remove.some((gone) => same(gone, taint)));
    const added = add.filter((taint) => !kept.some((there) => same(there, taint)));
    if (kept.length === node.taints.length && added.length === 0) return "ok";
    node.taints = [...kept, ...added];
    this.#nodeChanged(id);
    this.#emit({ type: "nodeTaints", node: id });
    return "ok";
  }

  #createReplicaSet(deploymentId: number, replicas: number): ApplyOutcome {
    const deployment = this.deployment(deploymentId);
    if (deployment.replicaSets.some((id) => this.replicaSet(id).revision === deployment.revision))
      return "conflict";
    const replicaSet: ReplicaSetRecord = {
      id: this.replicaSets.length,
      namespace: deployment.namespace,
      name: `${deployment.name}-${deployment.revision}`,
      workload: deployment.workload,
      deployment: deploymentId,
      template: deployment.template,
      revision: deployment.revision,
      minReadySeconds: deployment.minReadySeconds,
      replicas,
      desiredReplicas: deployment.replicas,
      status: EMPTY_REPLICA_SET_STATUS,
      pods: new Set(),
      made: 0,
    };
    this.replicaSets.push(replicaSet);
    deployment.replicaSets.push(replicaSet.id);
    this.#emit({ type: "replicaSet", replicaSet: replicaSet.id });
    return "ok";
  }

  #scale(kind: ScalableKind, id: number, replicas: number): ApplyOutcome {
    switch (kind) {
      case "Deployment":
        this.deployment(id).replicas = replicas;
        break;
      case "StatefulSet":
        this.statefulSet(id).replicas = replicas;
        break;
      case "ReplicaSet":
        this.replicaSet(id).replicas = replicas;
        this.#emit({ type: "replicaSet", replicaSet: id });
        return "ok";
      case "DaemonSet":
        return "conflict";
      default:
        return unreachable(kind);
    }
    this.#emit({ type: "workload", kind, id });
    return "ok";
  }

  #newRevision(kind: ScalableKind, id: number): ApplyOutcome {
    switch (kind) {
      case "Deployment":
        this.deployment(id).revision++;
        break;
      case "StatefulSet":
        this.statefulSet(id).revision++;
        break;
      case "DaemonSet":
        this.daemonSet(id).revision++;
        break;
      case "ReplicaSet":
        // A ReplicaSet's template change touches no pod that exists.
        return "ok";
      default:
        return unreachable(kind);
    }
    this.#emit({ type: "workload", kind, id });
    return "ok";
  }

  #podsOf(owner: PodOwner): Set<PodRecord> | undefined {
    switch (owner.kind) {
      case "ReplicaSet":
        return this.replicaSet(owner.id).pods;
      case "StatefulSet":
        return this.statefulSet(owner.id).pods;
      case "DaemonSet":
        return this.daemonSet(owner.id).pods;
      case "Job":
        return this.job(owner.id).pods;
      case "None":
        return undefined;
      default:
        return unreachable(owner);
    }
  }

  #servicesOf(namespace: string, labels: Labels): number[] {
    const ids: number[] = [];
    for (const service of this.services) {
      if (service.namespace === namespace && service.matches?.(labels) === true) ids.push(service.id);
    }
    return ids;
  }

  #emit(change: Change): void {
    this.changes.push(change);
    for (const listener of this.#listeners) listener(change);
  }
}

function found<T>(record: T | undefined, kind: string, id: number): T {
  assert(record !== undefined, `no ${kind} ${id} in the store`);
  return record;
}
