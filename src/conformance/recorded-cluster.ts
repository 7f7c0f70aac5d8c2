/** A recording's objects, read as Seatrial reads manifests, in a scheduler cache. */
import type { LabelSelector, Pod, PodDisruptionBudget, Service } from "../api/objects.js";
import { compileLabelSelector, compileMatchLabels } from "../api/selectors.js";
import { SchedulerCache } from "../policies/framework/cache.js";
import { compileNode } from "../policies/framework/node.js";
import { ResourceTable } from "../policies/framework/resources.js";
import { compileShape } from "../policies/framework/shape.js";
import type { DisruptionBudget, LabelPredicate, PodInfo } from "../policies/framework/types.js";
import { readManifests } from "../workload/manifests.js";
import { formatProblem, Problems } from "../workload/problems.js";
import { type Json, type Recording, UnreadableRecording } from "./recording.js";

export class RecordedCluster {
  readonly resources = new ResourceTable();
  readonly cache = new SchedulerCache(this.resources);
  readonly budgets: DisruptionBudget[] = [];
  readonly pods = new Map<string, PodInfo>();
  readonly nodeOf = new Map<PodInfo, number>();
  /** The pods to be scheduled, in order of arrival. */
  readonly arrivals: PodInfo[] = [];
  readonly #services: Service[] = [];
  readonly #recording: Recording;

  constructor(recording: Recording) {
    this.#recording = recording;
    const { cluster } = recording;
    for (const object of [
      ...objects(cluster.namespaces),
      ...objects(cluster.services),
      ...objects(cluster.podDisruptionBudgets),
      ...objects(cluster.nodes),
    ]) {
      if (object.kind === "Namespace") {
        this.cache.setNamespaceLabels(object.metadata.name, object.metadata.labels);
      } else if (object.kind === "Service") this.#services.push(object);
      else if (object.kind === "PodDisruptionBudget") this.budgets.push(budgetOf(object));
      else if (object.kind === "Node") {
        const { name, labels } = object.metadata;
        const { taints, unschedulable, allocatable, images } = object;
        const facts = { name, labels, taints, unschedulable, allocatable, images };
        this.cache.addNode(compileNode(facts, this.cache.nodeIdsEnd, this.resources));
      }
    }
    for (const object of objects(cluster.pods)) {
      if (object.kind !== "Pod" || ["Succeeded", "Failed"].includes(object.status.phase)) continue;
      const node = this.cache.nodeByName(object.spec.nodeName ?? "");
      if (node >= 0) this.bind(this.#add(object), node);
    }
    for (const object of objects(recording.pods))
      if (object.kind === "Pod") this.arrivals.push(this.#add(object));
  }

  bind(pod: PodInfo, node: number): void {
    this.nodeOf.set(pod, node);
    this.cache.addPod(pod, node);
  }

  evict(pod: PodInfo): void {
    const node = this.nodeOf.get(pod);
    // A victim that our own choices put elsewhere may be gone already.
    if (node === undefined) return;
    this.nodeOf.delete(pod);
    this.cache.removePod(pod, node);
  }

  /** The pod of this namespace/name. */
  pod(key: string): PodInfo {
    const pod = this.pods.get(key);
    if (pod === undefined)
      throw new UnreadableRecording(`steps name the pod ${key}, which is not in the file`);
    return pod;
  }

  nodeName(node: number): string {
    return this.cache.node(node).name;
  }

  #add(pod: Pod): PodInfo {
    const { namespace, name, labels, deletionTimestamp } = pod.metadata;
    const id = this.pods.size;
    const selector = this.#defaultSpreadSelector(pod);
    const input = { namespace, labels, spec: pod.spec, ...(selector && { defaultSpreadSelector: selector }) };
    const { startTime, disruptionReason } = pod.status;
    const info: PodInfo = {
      id,
      name,
      shape: compileShape(input, this.resources, id),
      startTimeUs: startTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(startTime) * 1000,
      terminating: deletionTimestamp !== undefined,
      terminatingByPreemption:
        deletionTimestamp !== undefined && disruptionReason === "PreemptionByScheduler",
      nominatedNode: -1,
    };
    this.pods.set(`${namespace}/${name}`, info);
    return info;
  }

  /** Selectors of the services that select the pod and of its controller (helper.DefaultSelector). */
  #defaultSpreadSelector(pod: Pod): LabelPredicate | undefined {
    const { namespace, labels, ownerReferences } = pod.metadata;
    const parts: LabelPredicate[] = [];
    for (const service of this.#services) {
      if (service.metadata.namespace !== namespace || service.selector === undefined) continue;
      const matches = compileMatchLabels(service.selector);
      if (matches(labels) && Object.keys(service.selector).length > 0) parts.push(matches);
    }
    const owner = ownerReferences.find(({ controller }) => controller);
    const { replicaSets, statefulSets, replicationControllers } = this.#recording.cluster;
    const find = (list: readonly Json[]) => selectorOf(list, namespace, owner?.name);
    if (owner?.kind === "ReplicaSet") parts.push(...selectorParts(find(replicaSets)));
    if (owner?.kind === "StatefulSet") parts.push(...selectorParts(find(statefulSets)));
    if (owner?.kind === "ReplicationController") {
      const matchLabels = find(replicationControllers);
      if (matchLabels !== undefined) parts.push(...selectorParts({ matchLabels }));
    }
    return parts.length === 0 ? undefined : (podLabels) => parts.every((part) => part(podLabels));
  }
}

/** Of a controller only the selector counts, so that the rest of the object need not be whole. */
function selectorOf(owners: readonly Json[], namespace: string, name: string | undefined): unknown {
  const found = owners.find(({ metadata }) => {
    const { name: itsName, namespace: itsNamespace } = metadata as Json;
    return itsName === name && itsNamespace === namespace;
  });
  return (found?.spec as Json | undefined)?.selector;
}

function selectorParts(selector: unknown): LabelPredicate[] {
  if (selector === undefined) return [];
  const { matchLabels = {}, matchExpressions = [] } = selector as Partial<LabelSelector>;
  const whole = {
    matchLabels,
    matchExpressions: matchExpressions.map((e) => ({ ...e, values: e.values ?? [] })),
  };
  return [compileLabelSelector(whole)];
}

function budgetOf(budget: PodDisruptionBudget): DisruptionBudget {
  const { selector, disruptionsAllowed = 0, disruptedPods, metadata } = budget;
  const empty =
    selector === undefined ||
    (Object.keys(selector.matchLabels).length === 0 && selector.matchExpressions.length === 0);
  return {
    namespace: metadata.namespace,
    matches: empty ? () => false : compileLabelSelector(selector),
    disruptionsAllowed,
    disruptedPods: new Set(disruptedPods),
  };
}

function objects(items: readonly Json[]) {
  const problems = new Problems();
  const data = { apiVersion: "v1", kind: "List", items };
  const document = { file: "objects", data, positionOf: () => ({ line: 1, column: 1 }) };
  const read = readManifests([document], problems);
  // The corpus was not validated: with hostNetwork it has host ports that the API server would refuse.
  const errors = problems
    .list()
    .filter(({ severity, path }) => severity === "error" && !path.endsWith(".hostPort"));
  if (errors.length > 0) throw new UnreadableRecording(errors.slice(0, 10).map(formatProblem).join("\n"));
  return read;
}
