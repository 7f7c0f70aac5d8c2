/**
 * What is applied at time 0: the model's objects become records of the store. Controllers look at everything when
 * they start, so workloads need no events; pods go through the store's operations like any other. A snapshot's
 * ReplicaSets and pods find their owners by owner reference and stay where they were.
 */
import type {
  DaemonSet,
  Deployment,
  Job,
  KubernetesObject,
  ObjectMeta,
  Pod,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
} from "../api/objects.js";
import { gracePeriodUs } from "../api/pods.js";
import { compileMatchLabels } from "../api/selectors.js";
import { TAINT_UNSCHEDULABLE } from "../api/well-known.js";
import { assert, unreachable } from "../assert.js";
import { type Micros, parseDuration, SECOND } from "../units/time.js";
import { DAEMON_HOST_NETWORK_TOLERATION, DAEMON_TOLERATIONS } from "./controllers/daemon-set.js";
import { isActive } from "./controllers/pods.js";
import type { Model } from "./model.js";
import type { ClusterStore, PodOwner, ReplicaSetRecord } from "./store.js";
import { EMPTY_REPLICA_SET_STATUS } from "./store.js";

/** On a Job or Pod (or its template): how long its containers run, e.g. `4m`. Without: for ever. */
export const DURATION_ANNOTATION = "seatrial.dev/duration";
/** Written by the Deployment controller on its ReplicaSets. */
const REVISION_ANNOTATION = "deployment.kubernetes.io/revision";
const UNSCHEDULABLE_TAINT = {
  key: TAINT_UNSCHEDULABLE,
  value: "",
  effect: "NoSchedule",
} as const;

/** Fills an empty store: nodes of the topology, then the model's objects, in an order in which owners come first. */
export function applyInitialObjects(store: ClusterStore, model: Model): void {
  assert(store.nodes.length === 0 && store.pods.length === 0, "initial objects go into an empty store");
  new InitialObjects(store, model).apply();
}

class InitialObjects {
  readonly #store: ClusterStore;
  readonly #model: Model;
  /** `Kind/namespace/name` → id. */
  readonly #ids = new Map<string, number>();
  readonly #nodeIds: ReadonlyMap<string, number>;

  constructor(store: ClusterStore, model: Model) {
    this.#store = store;
    this.#model = model;
    this.#nodeIds = new Map(model.topology.nodes.map(({ name, id }) => [name, id]));
  }

  apply(): void {
    this.#nodes();
    const { objects } = this.#model;
    // Services first: a pod's services are found when it is made. Then owners before what they own.
    for (const object of objects) if (object.kind === "Service") this.#service(object);
    for (const object of objects) this.#workload(object);
    const replicaSets = objects.filter((object) => object.kind === "ReplicaSet");
    // Where no revision is written, the ReplicaSet with most pods is taken for the newest.
    replicaSets.sort((a, b) => writtenRevision(a) - writtenRevision(b) || a.replicas - b.replicas);
    for (const object of replicaSets) this.#replicaSet(object);
    for (const { replicaSets } of this.#store.deployments) {
      replicaSets.sort((a, b) => this.#store.replicaSet(a).revision - this.#store.replicaSet(b).revision);
    }
    for (const object of objects) if (object.kind === "Pod") this.#pod(object);
    this.#adoptStatuses();
    this.#adoptEndpoints();
  }

  #nodes(): void {
    for (const { id, taints, unschedulable, joinsAtUs } of this.#model.topology.nodes) {
      const cordoned = unschedulable && taints.every(({ key }) => key !== UNSCHEDULABLE_TAINT.key);
      this.#store.nodes.push({
        id,
        exists: joinsAtUs === undefined,
        ready: joinsAtUs === undefined ? "True" : "Unknown",
        // The node lifecycle controller keeps this taint beside spec.unschedulable.
        taints: cordoned ? [...taints, UNSCHEDULABLE_TAINT] : taints,
        unschedulable,
        pods: new Set(),
      });
    }
  }

  #service({ metadata, selector, type }: Service): void {
    // Without a selector endpoints are managed by hand; an ExternalName has none.
    const selects = selector !== undefined && Object.keys(selector).length > 0 && type !== "ExternalName";
    this.#store.services.push({
      id: this.#store.services.length,
      namespace: metadata.namespace,
      name: metadata.name,
      matches: selects ? compileMatchLabels(selector) : undefined,
      endpoints: [],
    });
  }

  #workload(object: KubernetesObject): void {
    const store = this.#store;
    switch (object.kind) {
      case "Deployment":
        this.#remember(object, store.deployments.length);
        store.deployments.push(deploymentRecord(object, store.deployments.length));
        return;
      case "ReplicationController":
        this.#addReplicaSet(object, -1, workloadKey(object), 1);
        return;
      case "StatefulSet":
        this.#remember(object, store.statefulSets.length);
        store.statefulSets.push({
          id: store.statefulSets.length,
          ...named(object),
          template: object.template,
          revision: 1,
          replicas: object.replicas,
          parallel: object.podManagementPolicy === "Parallel",
          onDelete: object.updateStrategy === "OnDelete",
          pods: new Set(),
          incarnations: [],
        });
        return;
      case "DaemonSet":
        this.#remember(object, store.daemonSets.length);
        store.daemonSets.push({
          id: store.daemonSets.length,
          ...named(object),
          template: daemonTemplate(object.template),
          revision: 1,
          onDelete: object.updateStrategy === "OnDelete",
          maxUnavailable: object.maxUnavailable,
          pods: new Set(),
          incarnations: [],
        });
        return;
      case "Job":
        this.#remember(object, store.jobs.length);
        store.jobs.push({
          id: store.jobs.length,
          ...named(object),
          template: object.template,
          parallelism: object.parallelism,
          completions: object.completions ?? -1,
          backoffLimit: object.backoffLimit,
          replaceFailedOnly: object.podReplacementPolicy === "Failed",
          durationUs: durationOf(object.metadata, object.template),
          pods: new Set(),
          made: 0,
          succeeded: 0,
          failed: 0,
          finished: "",
        });
        return;
      case "PodDisruptionBudget":
        store.podDisruptionBudgets.push({
          id: store.podDisruptionBudgets.length,
          namespace: object.metadata.namespace,
          name: object.metadata.name,
          selector: object.selector,
          minAvailable: object.minAvailable,
          maxUnavailable: object.maxUnavailable,
        });
        return;
      case "ReplicaSet":
      case "Pod":
      case "Service":
      case "PriorityClass":
      case "Node":
      case "Namespace":
      case "PersistentVolumeClaim":
      case "PersistentVolume":
      case "StorageClass":
      case "CSINode":
      case "VolumeAttachment":
        return;
      default:
        unreachable(object);
    }
  }

  #replicaSet(object: ReplicaSet): void {
    const owner = this.#controllerOf(object.metadata);
    const id = owner?.kind === "Deployment" ? owner.id : undefined;
    if (id === undefined) {
      this.#addReplicaSet(object, -1, workloadKey(object), 1);
      return;
    }
    const deployment = this.#store.deployment(id);
    const written = writtenRevision(object);
    const taken = deployment.replicaSets.map((replicaSet) => this.#store.replicaSet(replicaSet).revision);
    const revision = written > 0 && !taken.includes(written) ? written : Math.max(0, ...taken) + 1;
    const record = this.#addReplicaSet(object, id, deployment.workload, revision);
    record.desiredReplicas = deployment.replicas;
    deployment.replicaSets.push(record.id);
    // The newest ReplicaSet is that of the Deployment's present template.
    deployment.revision = Math.max(revision, taken.length === 0 ? 0 : deployment.revision);
  }

  #addReplicaSet(
    object: ReplicaSet | ReplicationController,
    deployment: number,
    workload: string,
    revision: number,
  ): ReplicaSetRecord {
    const record: ReplicaSetRecord = {
      id: this.#store.replicaSets.length,
      ...named(object),
      workload,
      deployment,
      template: object.template,
      revision,
      minReadySeconds: object.minReadySeconds,
      replicas: object.replicas,
      desiredReplicas: -1,
      status: EMPTY_REPLICA_SET_STATUS,
      pods: new Set(),
      made: 0,
    };
    this.#remember(object, record.id);
    this.#store.replicaSets.push(record);
    return record;
  }

  #pod(pod: Pod): void {
    const { metadata, spec, status } = pod;
    const template: PodTemplate = { labels: metadata.labels, annotations: metadata.annotations, spec };
    const node = spec.nodeName === undefined ? -1 : this.#nodeNamed(spec.nodeName);
    const store = this.#store;
    const made = store.apply(
      {
        type: "createPod",
        pod: { ...this.#ownership(pod, node), template, durationUs: durationOf(metadata, template) },
      },
      0,
    );
    const record = store.lastCreated;
    if (made !== "ok" || record === undefined) return;
    // A pod with spec.nodeName is bound from the start and meets no scheduler.
    if (node >= 0) store.apply({ type: "bindPod", pod: record.id, node }, 0);
    if (status.phase !== "Pending" && (node >= 0 || status.phase !== "Running")) {
      const { phase, ready } = status;
      store.apply({ type: "podStatus", pod: record.id, phase, ready: ready && phase === "Running" }, 0);
    }
    if (metadata.deletionTimestamp !== undefined) {
      store.apply({ type: "deletePod", pod: record.id, gracePeriodUs: gracePeriodUs(spec) }, 0);
    }
  }

  /** Who owns the pod, and the names that follow from it. */
  #ownership(pod: Pod, node: number) {
    const { metadata } = pod;
    const named = { namespace: metadata.namespace, name: metadata.name };
    const owner = this.#controllerOf(metadata);
    const free = { ...named, incarnation: 0, revision: 0, onlyNode: -1 };
    const store = this.#store;
    switch (owner?.kind) {
      case "ReplicaSet":
      case "ReplicationController": {
        const record = store.replicaSet(owner.id);
        const { workload, revision } = record;
        return {
          ...free,
          workload,
          revision,
          owner: ownerOf("ReplicaSet", owner.id),
          ordinal: record.made++,
        };
      }
      case "StatefulSet": {
        const { workload, revision, incarnations } = store.statefulSet(owner.id);
        const ordinal = Number(/-(\d+)$/.exec(metadata.name)?.[1] ?? 0);
        const incarnation = incarnations[ordinal] ?? 0;
        incarnations[ordinal] = incarnation + 1;
        return { ...free, workload, revision, owner: ownerOf("StatefulSet", owner.id), ordinal, incarnation };
      }
      case "DaemonSet": {
        const { workload, revision, incarnations } = store.daemonSet(owner.id);
        if (node < 0) break;
        const incarnation = incarnations[node] ?? 0;
        incarnations[node] = incarnation + 1;
        const place = { ordinal: node, onlyNode: node, incarnation };
        return { ...free, workload, revision, owner: ownerOf("DaemonSet", owner.id), ...place };
      }
      case "Job": {
        const job = store.job(owner.id);
        return { ...free, workload: job.workload, owner: ownerOf("Job", owner.id), ordinal: job.made++ };
      }
      default:
        break;
    }
    return { ...free, workload: workloadKey(pod), owner: { kind: "None" } as const, ordinal: 0 };
  }

  /** ReplicaSets that came with their pods know of them; a Deployment goes by that from its first sync on. */
  #adoptStatuses(): void {
    for (const replicaSet of this.#store.replicaSets) {
      let replicas = 0;
      let readyReplicas = 0;
      for (const pod of replicaSet.pods) {
        if (!isActive(pod)) continue;
        replicas++;
        if (pod.ready) {
          readyReplicas++;
          // It has been ready for long.
          pod.readyChangedUs = 0 - replicaSet.minReadySeconds * SECOND;
        }
      }
      if (replicas === 0) continue;
      const observedReplicas = replicaSet.replicas;
      replicaSet.status = { replicas, readyReplicas, availableReplicas: readyReplicas, observedReplicas };
    }
  }

  /** The EndpointSlices of a snapshot's ready pods are there already. */
  #adoptEndpoints(): void {
    const ready = new Map<number, number[]>();
    for (const pod of this.#store.livePods) {
      if (!pod.ready || pod.node < 0 || pod.deletingUs >= 0) continue;
      for (const service of pod.services) {
        const pods = ready.get(service);
        if (pods === undefined) ready.set(service, [pod.id]);
        else pods.push(pod.id);
      }
    }
    for (const { id: service } of this.#store.services) {
      const pods = ready.get(service);
      if (pods !== undefined) this.#store.apply({ type: "endpoints", service, pods }, 0);
    }
  }

  #controllerOf({ namespace, ownerReferences }: ObjectMeta): { kind: string; id: number } | undefined {
    for (const { kind, name, controller } of ownerReferences) {
      if (!controller) continue;
      const id = this.#ids.get(`${kind}/${namespace}/${name}`);
      if (id !== undefined) return { kind, id };
    }
    return undefined;
  }

  #remember({ kind, metadata }: KubernetesObject, id: number): void {
    this.#ids.set(`${kind}/${metadata.namespace}/${metadata.name}`, id);
  }

  #nodeNamed(name: string): number {
    return this.#nodeIds.get(name) ?? -1;
  }
}

/** What results and draws are named after: `deployment/shop/web`. */
export function workloadKey({ kind, metadata }: KubernetesObject): string {
  return `${kind.toLowerCase()}/${metadata.namespace}/${metadata.name}`;
}

/** The Deployment's revision that a ReplicaSet says it belongs to; 0: it says none. */
function writtenRevision({ metadata }: ReplicaSet): number {
  const revision = Number(metadata.annotations[REVISION_ANNOTATION]);
  return Number.isSafeInteger(revision) && revision > 0 ? revision : 0;
}

/** How long the containers of a pod run: its annotation's word, else for ever. */
function durationOf(metadata: ObjectMeta, template: PodTemplate): Micros {
  const written = template.annotations[DURATION_ANNOTATION] ?? metadata.annotations[DURATION_ANNOTATION];
  return (written === undefined ? undefined : parseDuration(written)) ?? Number.POSITIVE_INFINITY;
}

function deploymentRecord(object: Deployment, id: number) {
  const { strategy } = object;
  const rolling = strategy.type === "RollingUpdate";
  return {
    id,
    ...named(object),
    template: object.template,
    revision: 1,
    replicas: object.replicas,
    recreate: !rolling,
    maxSurge: rolling ? strategy.maxSurge : { absolute: 0 },
    maxUnavailable: rolling ? strategy.maxUnavailable : { absolute: 0 },
    minReadySeconds: object.minReadySeconds,
    replicaSets: [],
  };
}

/** The template with the tolerations that the DaemonSet controller gives each pod. */
function daemonTemplate(template: PodTemplate): PodTemplate {
  const { spec } = template;
  const host = spec.hostNetwork ? [DAEMON_HOST_NETWORK_TOLERATION] : [];
  const added = [...DAEMON_TOLERATIONS, ...host].filter(
    ({ key, effect }) =>
      !spec.tolerations.some((own) => own.key === key && own.effect === effect && own.operator === "Exists"),
  );
  return { ...template, spec: { ...spec, tolerations: [...spec.tolerations, ...added] } };
}

function named(object: Deployment | ReplicaSet | ReplicationController | StatefulSet | DaemonSet | Job) {
  const { namespace, name } = object.metadata;
  return { namespace, name, workload: workloadKey(object) };
}

function ownerOf(kind: Exclude<PodOwner["kind"], "None">, id: number): PodOwner {
  return { kind, id };
}
