/** The pods that controllers would make of workloads, in one step and all at once. */
import type {
  DaemonSet,
  Deployment,
  Job,
  KubernetesObject,
  Labels,
  Node,
  ObjectMeta,
  Pod,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
  WorkloadObject,
} from "../api/objects.js";
import { isTolerated } from "../api/tolerations.js";
import { DAEMON_HOST_NETWORK_TOLERATION, DAEMON_TOLERATIONS } from "../cluster/controllers/daemon-set.js";
import { compileRequiredNodeAffinity } from "../policies/framework/node-selector.js";
import { hasEnded, podKey } from "./cluster.js";
import { forNode } from "./nodes.js";

const HASH_LABEL = "pod-template-hash";

/** What is there already: a workload that has some of its pods gets the rest. */
export interface Existing {
  readonly objects: readonly KubernetesObject[];
  readonly nodes: readonly Node[];
}

export interface Expansion {
  readonly pods: readonly Pod[];
  /** ReplicaSets that Deployments make, for what selects by owner. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Pods that the workload has beyond its replicas; they stay. */
  readonly surplus: number;
}

export function isWorkload(object: KubernetesObject): object is WorkloadObject {
  return "template" in object;
}

/** The pods of a workload that are missing, pending, in the order in which its controller makes them. */
export function expandWorkload(workload: WorkloadObject, existing: Existing): Expansion {
  const names = new Set(
    existing.objects.flatMap((object) => (object.kind === "Pod" ? [podKey(object)] : [])),
  );
  switch (workload.kind) {
    case "Deployment":
      return expandDeployment(workload, existing, names);
    case "ReplicaSet":
    case "ReplicationController":
      return expandReplicaSet(workload, existing, names);
    case "StatefulSet":
      return expandStatefulSet(workload, existing, names);
    case "DaemonSet":
      return expandDaemonSet(workload, existing, names);
    case "Job":
      return expandJob(workload, existing, names);
  }
}

/** With a ReplicaSet of the Deployment already there, its pods go on in that one. */
function expandDeployment(deployment: Deployment, existing: Existing, names: ReadonlySet<string>): Expansion {
  const { metadata, template, selector, minReadySeconds } = deployment;
  const owned = existing.objects
    .filter((object) => object.kind === "ReplicaSet")
    .filter((object) => isOwnedBy(object.metadata, deployment));
  const present = owned.reduce((sum, replicaSet) => sum + podsOf(replicaSet, existing).length, 0);
  const newest = [...owned].sort((a, b) => b.replicas - a.replicas)[0];
  const hash = newest?.metadata.labels[HASH_LABEL] ?? hashOf(template);
  const labels = { ...template.labels, [HASH_LABEL]: hash };
  const replicaSet: ReplicaSet = newest ?? {
    kind: "ReplicaSet",
    metadata: madeBy(deployment, `${metadata.name}-${hash}`, labels),
    replicas: deployment.replicas,
    selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
    template: { ...template, labels },
    minReadySeconds,
  };
  const pods = numbered(replicaSet, { ...template, labels }, deployment.replicas - present, names);
  const surplus = Math.max(0, present - deployment.replicas);
  return { pods, replicaSets: newest === undefined ? [replicaSet] : [], surplus };
}

function expandReplicaSet(
  owner: ReplicaSet | ReplicationController,
  existing: Existing,
  names: ReadonlySet<string>,
): Expansion {
  const present = podsOf(owner, existing).length;
  const pods = numbered(owner, owner.template, owner.replicas - present, names);
  return { pods, replicaSets: [], surplus: Math.max(0, present - owner.replicas) };
}

function expandStatefulSet(set: StatefulSet, existing: Existing, names: ReadonlySet<string>): Expansion {
  const { namespace, name } = set.metadata;
  const pods: Pod[] = [];
  for (let ordinal = 0; ordinal < set.replicas; ordinal++) {
    const podName = `${name}-${ordinal}`;
    if (names.has(`${namespace}/${podName}`)) continue;
    const labels = {
      ...set.template.labels,
      "statefulset.kubernetes.io/pod-name": podName,
      "apps.kubernetes.io/pod-index": String(ordinal),
    };
    pods.push(podOf(set, { ...set.template, labels }, podName));
  }
  return { pods, replicaSets: [], surplus: Math.max(0, podsOf(set, existing).length - set.replicas) };
}

/** Succeeded pods count as done, as they do for the Job controller. */
function expandJob(job: Job, existing: Existing, names: ReadonlySet<string>): Expansion {
  const owned = existing.objects.filter((object) => object.kind === "Pod" && isOwnedBy(object.metadata, job));
  const done = owned.filter((object) => object.kind === "Pod" && object.status.phase === "Succeeded").length;
  const wanted = Math.min(job.parallelism, (job.completions ?? Number.POSITIVE_INFINITY) - done);
  const labels = {
    ...job.template.labels,
    "job-name": job.metadata.name,
    "batch.kubernetes.io/job-name": job.metadata.name,
  };
  const missing = wanted - podsOf(job, existing).length;
  return { pods: numbered(job, { ...job.template, labels }, missing, names), replicaSets: [], surplus: 0 };
}

/** A pod for each node that it may run on and that has none (daemon.NodeShouldRunDaemonPod). */
function expandDaemonSet(set: DaemonSet, existing: Existing, names: ReadonlySet<string>): Expansion {
  const { template, metadata } = set;
  const { spec } = template;
  const tolerations = [
    ...spec.tolerations,
    ...DAEMON_TOLERATIONS,
    ...(spec.hostNetwork ? [DAEMON_HOST_NETWORK_TOLERATION] : []),
  ];
  const matches = compileRequiredNodeAffinity(spec.nodeSelector, spec.affinity?.nodeAffinity);
  const served = new Set(podsOf(set, existing).map(nodeOfDaemonPod));
  const pods: Pod[] = [];
  for (const [id, node] of existing.nodes.entries()) {
    const { name, labels } = node.metadata;
    const { taints, unschedulable } = node;
    if (served.has(name) || names.has(`${metadata.namespace}/${metadata.name}-${name}`)) continue;
    if (spec.nodeName !== undefined && spec.nodeName !== name) continue;
    if (matches?.({ id, name, labels, taints, unschedulable, images: [] }) === false) continue;
    const refusing = taints.some(
      (taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(tolerations, taint),
    );
    if (refusing) continue;
    const affinity = forNode(spec.affinity, name);
    pods.push(
      podOf(set, { ...template, spec: { ...spec, tolerations, affinity } }, `${metadata.name}-${name}`),
    );
  }
  return { pods, replicaSets: [], surplus: 0 };
}

/** Where a DaemonSet's pod is, or is pinned to. */
export function nodeOfDaemonPod({ spec }: Pod): string | undefined {
  if (spec.nodeName !== undefined) return spec.nodeName;
  const [term] = spec.affinity?.nodeAffinity?.required ?? [];
  return term?.matchFields.find(({ key, operator }) => key === "metadata.name" && operator === "In")
    ?.values[0];
}

type Owner = Pick<WorkloadObject, "kind" | "metadata">;

function isOwnedBy({ namespace, ownerReferences }: ObjectMeta, owner: Owner): boolean {
  if (namespace !== owner.metadata.namespace) return false;
  return ownerReferences.some(
    ({ controller, kind, name }) => controller && kind === owner.kind && name === owner.metadata.name,
  );
}

/** Its pods that are or will be running. */
function podsOf(owner: Owner, { objects }: Existing): Pod[] {
  return objects.filter(
    (object): object is Pod =>
      object.kind === "Pod" &&
      !hasEnded(object) &&
      object.metadata.deletionTimestamp === undefined &&
      isOwnedBy(object.metadata, owner),
  );
}

/** `name-1`, `name-2`, …, past names that are taken. Real pods have five random characters there. */
function numbered(owner: Owner, template: PodTemplate, count: number, names: ReadonlySet<string>): Pod[] {
  const pods: Pod[] = [];
  for (let number = 1; pods.length < count; number++) {
    const name = `${owner.metadata.name}-${number}`;
    if (!names.has(`${owner.metadata.namespace}/${name}`)) pods.push(podOf(owner, template, name));
  }
  return pods;
}

function podOf(owner: Owner, { labels, annotations, spec }: PodTemplate, name: string): Pod {
  return {
    kind: "Pod",
    metadata: { ...madeBy(owner, name, labels), annotations },
    spec,
    status: { phase: "Pending", ready: false },
  };
}

function madeBy({ kind, metadata }: Owner, name: string, labels: Labels): ObjectMeta {
  const apiVersion = kind === "Job" ? "batch/v1" : kind === "ReplicationController" ? "v1" : "apps/v1";
  return {
    name,
    namespace: metadata.namespace,
    uid: "",
    labels,
    annotations: {},
    ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }],
  };
}

/** Characters of Kubernetes' own template hashes (apimachinery/pkg/util/rand, alphanums). */
const HASH_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789";

/** A name for a template: FNV-1a over its text. Not Kubernetes' value, which hashes Go's structures. */
function hashOf(template: PodTemplate): string {
  const text = JSON.stringify(template, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value,
  );
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  let name = "";
  for (let rest = hash >>> 0; name.length < 6; rest = Math.floor(rest / HASH_CHARACTERS.length)) {
    name += HASH_CHARACTERS[rest % HASH_CHARACTERS.length];
  }
  return name;
}
