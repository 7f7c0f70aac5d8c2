/** A cluster that stands still: the objects of a snapshot in a scheduler's cache, with the frameworks that decide. */
import type { KubernetesObject, Node, Pod, PodDisruptionBudget } from "../api/objects.js";
import { compileLabelSelector, isEmptySelector } from "../api/selectors.js";
import { assert } from "../assert.js";
import { RandomStreams } from "../engine/random.js";
import { SchedulerCache } from "../policies/framework/cache.js";
import { SchedulingFramework } from "../policies/framework/framework.js";
import { type CompiledNode, compileNode } from "../policies/framework/node.js";
import { Nominator } from "../policies/framework/nominator.js";
import { ResourceTable } from "../policies/framework/resources.js";
import type { DisruptionBudget, PluginFactory, PodInfo, ProfileSpec } from "../policies/framework/types.js";
import { ensureClaims, VolumeTable } from "../policies/framework/volumes.js";
import { bindImmediateClaims, bindPodVolumes } from "../policies/kubernetes/volume-controller.js";
import { shelfWith } from "../policies/shelf.js";
import { PodShapes } from "./shapes.js";

export interface ClusterOptions {
  readonly profiles: readonly ProfileSpec[];
  /** Root of the draws (ties, where preemption begins). */
  readonly seed?: string;
  /** Plugins that the profiles name; by default those of the shelf. */
  readonly shelf?: ReadonlyMap<string, PluginFactory>;
}

/** A pod of the cluster. */
export interface PlacedPod {
  /** `namespace/name` */
  readonly key: string;
  readonly object: Pod;
  readonly info: PodInfo;
  /** Name of its node; undefined: it has none yet. */
  readonly node: string | undefined;
}

interface LiveNode {
  readonly object: Node;
  readonly compiled: CompiledNode;
}

export function podKey({ metadata }: Pick<Pod, "metadata">): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Ended pods take no room and are not scheduled. */
export function hasEnded({ status }: Pod): boolean {
  return status.phase === "Succeeded" || status.phase === "Failed";
}

/**
 * Nodes and pods may be added, replaced and removed. A pod whose node the snapshot lacks takes no room and waits for
 * none. Object order is the order of everything that has no other.
 */
export class PlacementCluster {
  readonly cache: SchedulerCache;
  readonly #options: ClusterOptions;
  readonly #shapes: PodShapes;
  readonly #nominator = new Nominator();
  readonly #frameworks: ReadonlyMap<string, SchedulingFramework>;
  readonly #nodes = new Map<string, LiveNode>();
  readonly #pods = new Map<string, PlacedPod>();
  readonly #budgets: DisruptionBudget[];
  /** undefined: the snapshot shows no volume object, so that claims are not looked at. Shared by copies. */
  readonly #volumes: VolumeTable | undefined;
  readonly #namespaces: readonly Extract<KubernetesObject, { kind: "Namespace" }>[];
  /** Ids that were given to nodes, by name: a node that comes back gets its own. */
  readonly #nodeIds: Map<string, number>;
  #podIds = 0;

  private constructor(
    options: ClusterOptions,
    shapes: PodShapes,
    resources: ResourceTable,
    budgets: readonly DisruptionBudget[],
    namespaces: readonly Extract<KubernetesObject, { kind: "Namespace" }>[],
    nodeIds: ReadonlyMap<string, number>,
    volumes: VolumeTable | undefined,
  ) {
    this.#options = options;
    this.#shapes = shapes;
    this.#budgets = [...budgets];
    this.#namespaces = namespaces;
    this.#nodeIds = new Map(nodeIds);
    this.cache = new SchedulerCache(resources);
    this.#volumes = volumes;
    if (volumes !== undefined) this.cache.setVolumes(volumes);
    for (const { metadata } of namespaces) this.cache.setNamespaceLabels(metadata.name, metadata.labels);
    const streams = new RandomStreams(options.seed ?? "placement");
    const shelf = options.shelf ?? shelfWith();
    this.#frameworks = new Map(
      options.profiles.map((profile) => [
        profile.schedulerName,
        new SchedulingFramework(profile, shelf, {
          cache: this.cache,
          nominator: this.#nominator,
          streams,
          podDisruptionBudgets: () => this.#budgets,
        }),
      ]),
    );
  }

  static of(objects: readonly KubernetesObject[], options: ClusterOptions): PlacementCluster {
    const resources = new ResourceTable();
    const cluster = new PlacementCluster(
      options,
      new PodShapes(resources, objects),
      resources,
      objects.flatMap((object) => (object.kind === "PodDisruptionBudget" ? [budgetOf(object)] : [])),
      objects.filter((object) => object.kind === "Namespace"),
      new Map(),
      volumesOf(objects),
    );
    for (const object of objects) if (object.kind === "Node") cluster.addNode(object);
    for (const object of objects) if (object.kind === "Pod" && !hasEnded(object)) cluster.addPod(object);
    return cluster;
  }

  /** The same again, to try things out in: what happens there does not happen here. */
  copy(): PlacementCluster {
    const { resources } = this.cache;
    const copy = new PlacementCluster(
      this.#options,
      this.#shapes,
      resources,
      this.#budgets,
      this.#namespaces,
      this.#nodeIds,
      this.#volumes,
    );
    copy.#podIds = this.#podIds;
    for (const { object, compiled } of this.#nodes.values()) copy.#join(object, compiled);
    for (const pod of this.#pods.values()) {
      // What may change of a pod that has its node, nobody changes.
      copy.#enter(pod.node === undefined ? { ...pod, info: { ...pod.info, nominatedNode: -1 } } : pod);
    }
    for (const { key, info } of this.#pods.values()) {
      if (info.nominatedNode >= 0) copy.#nominator.nominate(copy.pod(key).info, info.nominatedNode);
    }
    return copy;
  }

  get nodes(): readonly Node[] {
    return Array.from(this.#nodes.values(), ({ object }) => object);
  }

  get pods(): Iterable<PlacedPod> {
    return this.#pods.values();
  }

  get podCount(): number {
    return this.#pods.size;
  }

  get profiles(): readonly ProfileSpec[] {
    return this.#options.profiles;
  }

  node(name: string): Node | undefined {
    return this.#nodes.get(name)?.object;
  }

  /** Dense id of a live node, for questions to the cache. */
  nodeId(name: string): number {
    const id = this.cache.nodeByName(name);
    assert(id >= 0, `${name} is a live node`);
    return id;
  }

  find(key: string): PlacedPod | undefined {
    return this.#pods.get(key);
  }

  pod(key: string): PlacedPod {
    const pod = this.#pods.get(key);
    assert(pod !== undefined, `${key} is a pod of the cluster`);
    return pod;
  }

  podsOn(node: string): PlacedPod[] {
    return this.cache.podsOn(this.nodeId(node)).map((info) => this.pod(keyOfInfo(info)));
  }

  /** The profile that decides about the pod; undefined where another scheduler would. */
  framework(pod: PodInfo): SchedulingFramework | undefined {
    return this.#frameworks.get(pod.shape.schedulerName);
  }

  addNode(object: Node): void {
    const { name, labels } = object.metadata;
    const id = this.#nodeIds.get(name) ?? this.#nodeIds.size;
    this.#nodeIds.set(name, id);
    const { taints, unschedulable, allocatable, images } = object;
    this.#join(
      object,
      compileNode({ name, labels, taints, unschedulable, allocatable, images }, id, this.cache.resources),
    );
  }

  /** The node with other facts; its name and its pods stay. */
  replaceNode(object: Node): void {
    const { name, labels } = object.metadata;
    const { taints, unschedulable, allocatable, images } = object;
    const facts = { name, labels, taints, unschedulable, allocatable, images };
    const compiled = compileNode(facts, this.nodeId(name), this.cache.resources);
    this.#nodes.set(name, { object, compiled });
    this.cache.updateNode(compiled);
  }

  /** The node goes, with the pods on it. */
  removeNode(name: string): void {
    for (const { key } of this.podsOn(name)) this.removePod(key);
    this.cache.removeNode(this.nodeId(name));
    this.#nodes.delete(name);
  }

  /**
   * A pod with spec.nodeName is on its node, any other looks for one. `single`: there is hardly another that asks for
   * the same.
   */
  addPod(object: Pod, { single = false }: { readonly single?: boolean } = {}): PlacedPod {
    const key = podKey(object);
    const { nodeName } = object.spec;
    const { startTime, disruptionReason, nominatedNodeName } = object.status;
    const terminating = object.metadata.deletionTimestamp !== undefined;
    const info: PodInfo = {
      id: this.#podIds++,
      name: object.metadata.name,
      shape: single ? this.#shapes.ofSingle(object) : this.#shapes.of(object),
      startTimeUs: startTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(startTime) * 1000,
      terminating,
      terminatingByPreemption: terminating && disruptionReason === "PreemptionByScheduler",
      nominatedNode: -1,
    };
    const pod: PlacedPod = { key, object, info, node: nodeName };
    this.#enter(pod);
    // What no API server has seen yet has no claims from its controllers either.
    if (this.#volumes !== undefined && nodeName === undefined && object.metadata.uid === "") {
      ensureClaims(this.#volumes, object.metadata, object.spec);
    }
    const nominated = this.cache.nodeByName(nominatedNodeName ?? "");
    if (nodeName === undefined && nominated >= 0) this.#nominator.nominate(info, nominated);
    return pod;
  }

  removePod(key: string): PlacedPod {
    const pod = this.pod(key);
    this.#nominator.denominate(pod.info);
    if (this.#hasRoom(pod)) this.#leave(pod, this.nodeId(pod.node ?? ""));
    this.#pods.delete(key);
    return pod;
  }

  /** The cache keeps a set of ports: where pods share one (placed by name), it is still taken when one of them goes. */
  #leave({ info }: PlacedPod, node: number): void {
    this.cache.removePod(info, node);
    if (info.shape.hostPorts.length === 0) return;
    for (const other of this.cache.podsOn(node).filter(({ shape }) => shape.hostPorts.length > 0)) {
      this.cache.removePod(other, node);
      this.cache.addPod(other, node);
    }
  }

  /** The pod goes to the node, as after a decision. */
  bind(key: string, node: string): void {
    const pod = this.pod(key);
    assert(pod.node === undefined, `${key} has no node yet`);
    this.#nominator.denominate(pod.info);
    this.#pods.set(key, { ...pod, node });
    const id = this.nodeId(node);
    if (this.#volumes !== undefined && this.#bindsVolumes(pod.info)) {
      bindPodVolumes(this.#volumes, pod.info, this.cache.node(id));
    }
    this.cache.addPod(pod.info, id);
  }

  /** Deletes the claims of the pod's ephemeral volumes, which go with it. */
  deleteEphemeralClaims({ metadata, spec }: Pod): void {
    for (const { name, ephemeral } of spec.volumes) {
      if (ephemeral !== undefined) this.#volumes?.deleteClaim(metadata.namespace, `${metadata.name}-${name}`);
    }
  }

  #bindsVolumes({ shape }: PodInfo): boolean {
    const profile = this.profiles.find(({ schedulerName }) => schedulerName === shape.schedulerName);
    return profile?.plugins.some(({ name, filter }) => name === "VolumeBinding" && filter) === true;
  }

  /** Takes one disruption from every budget over the pod, as an eviction does. */
  disrupt({ shape }: PodInfo): void {
    for (const [index, budget] of this.#budgets.entries()) {
      if (budget.namespace !== shape.namespace || !budget.matches(shape.labels)) continue;
      const disruptionsAllowed = Math.max(0, budget.disruptionsAllowed - 1);
      this.#budgets[index] = { ...budget, disruptionsAllowed };
    }
  }

  /** A new nomination clears those of lower priority on the node. */
  nominate(pod: PodInfo, node: number): void {
    for (const other of this.#nominator.lowerPriorityOn(node, pod.shape.priority).slice()) {
      this.#nominator.denominate(other);
    }
    this.#nominator.nominate(pod, node);
  }

  denominate(pod: PodInfo): void {
    this.#nominator.denominate(pod);
  }

  /** Pods nominated to the node. */
  nominatedOn(node: number): readonly PodInfo[] {
    return this.#nominator.podsOn(node) ?? [];
  }

  #join(object: Node, compiled: CompiledNode): void {
    this.#nodes.set(object.metadata.name, { object, compiled });
    this.cache.addNode(compiled);
  }

  #enter(pod: PlacedPod): void {
    assert(!this.#pods.has(pod.key), `there is no other pod ${pod.key}`);
    this.#pods.set(pod.key, pod);
    if (this.#hasRoom(pod)) this.cache.addPod(pod.info, this.nodeId(pod.node ?? ""));
  }

  #hasRoom({ node }: PlacedPod): boolean {
    return node !== undefined && this.#nodes.has(node);
  }
}

export function keyOfInfo({ name, shape }: PodInfo): string {
  return `${shape.namespace}/${name}`;
}

/** As the volume controller leaves them; undefined where there is none at all. */
function volumesOf(objects: readonly KubernetesObject[]): VolumeTable | undefined {
  if (!objects.some(({ kind }) => VOLUME_KINDS.includes(kind))) return undefined;
  const table = VolumeTable.of(objects);
  bindImmediateClaims(table);
  return table;
}

/** Any of these in a snapshot says that it shows its volumes. */
export const VOLUME_KINDS: readonly KubernetesObject["kind"][] = [
  "PersistentVolumeClaim",
  "PersistentVolume",
  "StorageClass",
];

/** A budget without requirements protects nothing from preemption (filterPodsWithPDBViolation). */
function budgetOf(budget: PodDisruptionBudget): DisruptionBudget {
  const { selector, disruptionsAllowed = 0, disruptedPods, metadata } = budget;
  const empty = selector === undefined || isEmptySelector(selector);
  return {
    namespace: metadata.namespace,
    matches: empty ? () => false : compileLabelSelector(selector),
    disruptionsAllowed,
    disruptedPods: new Set(disruptedPods),
  };
}
