/**
 * The scheduler's cache: nodes, the pods on them and what they ask for. Amounts live in typed-array columns by
 * dense node id, private to this file.
 */

import type { Labels } from "../../api/objects.js";
import { assert } from "../../assert.js";
import { ImageStates } from "./images.js";
import type { CompiledNode } from "./node.js";
import { NodeTree, zoneKeyOf } from "./node-order.js";
import { hasAffinity, hasRequiredAntiAffinity, NodePods } from "./node-pods.js";
import type { ResourceTable } from "./resources.js";
import type { HostPort, NodeInfo, PodInfo, SchedulerView } from "./types.js";
import type { VolumesView, VolumeTable } from "./volumes.js";

/** What an overlay needs of the view below it, besides what plugins see. */
export interface BaseView extends SchedulerView {
  /** A copy of the node's pods, lists and ports. */
  clonePodsOn(node: number): NodePods;
}

const NO_LABELS: Labels = {};

/**
 * The one mutable picture of the cluster that plugins see through {@link SchedulerView}. Node ids are the caller's:
 * dense, and a removed one may be added again. Pods are accounted to a node id whether or not its node is live, as
 * in kube-scheduler, where a Node object may go before its pods do.
 */
export class SchedulerCache implements BaseView {
  readonly resources: ResourceTable;
  #version = 0;
  #capacity = 0;
  #nodeIdsEnd = 0;
  #infos: (NodeInfo | undefined)[] = [];
  #pods: NodePods[] = [];
  #podsMax = new Int32Array(0);
  #nonZeroCpuMilli: Float64Array = new Float64Array(0);
  #nonZeroMemoryBytes: Float64Array = new Float64Array(0);
  /** By resource, then by node. */
  #allocatable: Float64Array[] = [];
  #requested: Float64Array[] = [];
  readonly #tree = new NodeTree();
  /** undefined: to be listed again. */
  #order: Int32Array | undefined;
  #position = new Int32Array(0);
  readonly #byName = new Map<string, number>();
  readonly #images = new ImageStates();
  readonly #namespaces = new Map<string, Labels>();
  /** Nodes in order with pods that have affinity terms; undefined: to be listed again. */
  #affinityNodes: number[] | undefined;
  #antiAffinityNodes: number[] | undefined;
  #volumes: VolumeTable | undefined;

  constructor(resources: ResourceTable) {
    this.resources = resources;
  }

  get version(): number {
    return this.#version + (this.#volumes?.version ?? 0);
  }

  get nodeIdsEnd(): number {
    return this.#nodeIdsEnd;
  }

  get nodeOrder(): Int32Array {
    return this.#order ?? this.#listNodes();
  }

  /** The node with this id joins. The id is not live. */
  addNode(node: CompiledNode): void {
    const { info } = node;
    assert(Number.isInteger(info.id) && info.id >= 0, `node id ${info.id} is a dense id`);
    assert(this.#infos[info.id] === undefined, `node ${info.name} (id ${info.id}) is not live yet`);
    assert(!this.#byName.has(info.name), `no live node is called ${info.name}`);
    this.#ensureNode(info.id);
    this.#tree.add(info.id, zoneKeyOf(info.labels));
    this.#images.add(info);
    this.#byName.set(info.name, info.id);
    this.#setFacts(node);
    this.#nodesChanged();
  }

  /** The Node object of a live node changed. */
  updateNode(node: CompiledNode): void {
    const { info } = node;
    const old = this.node(info.id);
    assert(old.name === info.name, `node ${old.name} keeps its name`);
    if (zoneKeyOf(old.labels) !== zoneKeyOf(info.labels)) {
      this.#tree.remove(info.id, zoneKeyOf(old.labels));
      this.#tree.add(info.id, zoneKeyOf(info.labels));
      this.#nodesChanged();
    }
    if (old.images !== info.images) {
      this.#images.remove(old);
      this.#images.add(info);
    }
    this.#setFacts(node);
    this.#version++;
  }

  /** The Node object of a live node was deleted. Its pods stay accounted until they are removed. */
  removeNode(node: number): void {
    const info = this.node(node);
    this.#tree.remove(node, zoneKeyOf(info.labels));
    this.#images.remove(info);
    this.#byName.delete(info.name);
    this.#infos[node] = undefined;
    this.#nodesChanged();
  }

  addPod(pod: PodInfo, node: number): void {
    this.#ensureNode(node);
    this.#podsAt(node).add(pod);
    this.#account(pod, node, 1);
  }

  removePod(pod: PodInfo, node: number): void {
    this.#podsAt(node).remove(pod);
    this.#account(pod, node, -1);
  }

  setNamespaceLabels(namespace: string, labels: Labels): void {
    this.#namespaces.set(namespace, labels);
    this.#version++;
  }

  /** From now on volumes are modelled, by this table; its changes are seen at once. */
  setVolumes(volumes: VolumeTable): void {
    // The version grows even where the new table is younger than the old one.
    this.#version += (this.#volumes?.version ?? 0) + 1;
    this.#volumes = volumes;
  }

  get volumes(): VolumesView | undefined {
    return this.#volumes;
  }

  node(node: number): NodeInfo {
    const info = this.#infos[node];
    assert(info !== undefined, "the node asked for is live");
    return info;
  }

  nodeByName(name: string): number {
    return this.#byName.get(name) ?? -1;
  }

  nodePosition(node: number): number {
    if (this.#order === undefined) this.#listNodes();
    return this.#position[node] ?? -1;
  }

  allocatable(node: number, resource: number): number {
    const column = this.#allocatable[resource];
    return column === undefined ? 0 : (column[node] as number);
  }

  requested(node: number, resource: number): number {
    const column = this.#requested[resource];
    return column === undefined ? 0 : (column[node] as number);
  }

  nonZeroCpuMilli(node: number): number {
    return this.#nonZeroCpuMilli[node] as number;
  }

  nonZeroMemoryBytes(node: number): number {
    return this.#nonZeroMemoryBytes[node] as number;
  }

  podsMax(node: number): number {
    return this.#podsMax[node] as number;
  }

  podCount(node: number): number {
    return this.#podsAt(node).count;
  }

  podsOn(node: number): readonly PodInfo[] {
    return this.#podsAt(node).all;
  }

  podsWithRequiredAntiAffinityOn(node: number): readonly PodInfo[] {
    return this.#podsAt(node).withRequiredAntiAffinity;
  }

  podsWithAffinityOn(node: number): readonly PodInfo[] {
    return this.#podsAt(node).withAffinity;
  }

  nodesWithRequiredAntiAffinityPods(): readonly number[] {
    this.#antiAffinityNodes ??= this.#nodesWhere((pods) => pods.withRequiredAntiAffinity.length > 0);
    return this.#antiAffinityNodes;
  }

  nodesWithAffinityPods(): readonly number[] {
    this.#affinityNodes ??= this.#nodesWhere((pods) => pods.withAffinity.length > 0);
    return this.#affinityNodes;
  }

  portsConflict(node: number, ports: readonly HostPort[]): boolean {
    return this.#podsAt(node).portsConflict(ports);
  }

  namespaceLabels(namespace: string): Labels {
    return this.#namespaces.get(namespace) ?? NO_LABELS;
  }

  image(name: string): { readonly sizeBytes: number; readonly nodes: number } | undefined {
    return this.#images.get(name);
  }

  clonePodsOn(node: number): NodePods {
    return this.#podsAt(node).clone();
  }

  #podsAt(node: number): NodePods {
    const pods = this.#pods[node];
    assert(pods !== undefined, "the node asked for is known");
    return pods;
  }

  #account(pod: PodInfo, node: number, sign: 1 | -1): void {
    const { shape } = pod;
    for (const { resource, amount } of shape.requests) {
      const column = this.#column(this.#requested, resource);
      column[node] = (column[node] as number) + sign * amount;
    }
    this.#nonZeroCpuMilli[node] = (this.#nonZeroCpuMilli[node] as number) + sign * shape.nonZeroCpuMilli;
    this.#nonZeroMemoryBytes[node] =
      (this.#nonZeroMemoryBytes[node] as number) + sign * shape.nonZeroMemoryBytes;
    if (hasAffinity(shape)) {
      keepListed(
        this.#affinityNodes,
        node,
        this.#position,
        this.#isLive(node) && this.podsWithAffinityOn(node).length > 0,
      );
    }
    if (hasRequiredAntiAffinity(shape)) {
      const listed = this.#isLive(node) && this.podsWithRequiredAntiAffinityOn(node).length > 0;
      keepListed(this.#antiAffinityNodes, node, this.#position, listed);
    }
    this.#version++;
  }

  #isLive(node: number): boolean {
    return this.#infos[node] !== undefined;
  }

  #setFacts(node: CompiledNode): void {
    const { id } = node.info;
    this.#infos[id] = node.info;
    this.#podsMax[id] = node.podsMax;
    for (const column of this.#allocatable) column[id] = 0;
    for (const { resource, amount } of node.allocatable)
      this.#column(this.#allocatable, resource)[id] = amount;
  }

  #nodesChanged(): void {
    this.#order = undefined;
    this.#affinityNodes = undefined;
    this.#antiAffinityNodes = undefined;
    this.#version++;
  }

  #listNodes(): Int32Array {
    const order = this.#tree.list();
    this.#position.fill(-1);
    for (let i = 0; i < order.length; i++) this.#position[order[i] as number] = i;
    this.#order = order;
    return order;
  }

  #nodesWhere(condition: (pods: NodePods) => boolean): number[] {
    const nodes: number[] = [];
    for (const node of this.nodeOrder) if (condition(this.#podsAt(node))) nodes.push(node);
    return nodes;
  }

  /** The resource's column, made when a resource is met for the first time. */
  #column(columns: Float64Array[], resource: number): Float64Array {
    for (let missing = columns.length; missing <= resource; missing++)
      columns.push(new Float64Array(this.#capacity));
    return columns[resource] as Float64Array;
  }

  #ensureNode(node: number): void {
    if (node < this.#nodeIdsEnd) return;
    this.#nodeIdsEnd = node + 1;
    for (let id = this.#pods.length; id <= node; id++) this.#pods.push(new NodePods());
    if (node < this.#capacity) return;
    const capacity = Math.max(64, 2 * this.#capacity, node + 1);
    this.#capacity = capacity;
    this.#allocatable = this.#allocatable.map((column) => grown(column, capacity));
    this.#requested = this.#requested.map((column) => grown(column, capacity));
    this.#nonZeroCpuMilli = grown(this.#nonZeroCpuMilli, capacity);
    this.#nonZeroMemoryBytes = grown(this.#nonZeroMemoryBytes, capacity);
    const podsMax = new Int32Array(capacity);
    podsMax.set(this.#podsMax);
    this.#podsMax = podsMax;
    const position = new Int32Array(capacity).fill(-1);
    position.set(this.#position);
    this.#position = position;
  }
}

function grown(column: Float64Array, capacity: number): Float64Array {
  const copy = new Float64Array(capacity);
  copy.set(column);
  return copy;
}

/** Keeps a list of nodes sorted by position while one node's membership changes. An undefined list is made later. */
function keepListed(list: number[] | undefined, node: number, position: Int32Array, listed: boolean): void {
  if (list === undefined) return;
  let low = 0;
  let high = list.length;
  const at = position[node] as number;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((position[list[middle] as number] as number) < at) low = middle + 1;
    else high = middle;
  }
  const present = list[low] === node;
  if (listed && !present) list.splice(low, 0, node);
  else if (!listed && present) list.splice(low, 1);
}
