/** A view that shadows another, for dry runs: only the nodes it touches are copied. */
import type { Labels } from "../../api/objects.js";
import type { BaseView } from "./cache.js";
import type { NodePods } from "./node-pods.js";
import type { HostPort, NodeInfo, OverlayView, PodInfo, ResourceIds } from "./types.js";
import type { VolumesView } from "./volumes.js";

interface Shadow {
  readonly pods: NodePods;
  /** By resource id, as far as known when the node was touched. */
  readonly requested: number[];
  nonZeroCpuMilli: number;
  nonZeroMemoryBytes: number;
}

/**
 * Adds and removes pods without touching the view below. *Invariant:* the view below does not change between the
 * first change here and {@link reset}.
 */
export class Overlay implements OverlayView, BaseView {
  readonly #base: BaseView;
  readonly #shadows = new Map<number, Shadow>();
  #changes = 0;
  #affinityNodes: readonly number[] | undefined;
  #antiAffinityNodes: readonly number[] | undefined;

  constructor(base: BaseView) {
    this.#base = base;
  }

  addPod(pod: PodInfo, node: number): void {
    const shadow = this.#shadow(node);
    shadow.pods.add(pod);
    this.#account(shadow, pod, 1);
  }

  removePod(pod: PodInfo, node: number): void {
    const shadow = this.#shadow(node);
    shadow.pods.remove(pod);
    this.#account(shadow, pod, -1);
  }

  reset(): void {
    if (this.#shadows.size === 0) return;
    this.#shadows.clear();
    this.#changed();
  }

  get version(): number {
    return this.#base.version + this.#changes;
  }

  get resources(): ResourceIds {
    return this.#base.resources;
  }

  get volumes(): VolumesView | undefined {
    return this.#base.volumes;
  }

  get nodeOrder(): Int32Array {
    return this.#base.nodeOrder;
  }

  get nodeIdsEnd(): number {
    return this.#base.nodeIdsEnd;
  }

  node(node: number): NodeInfo {
    return this.#base.node(node);
  }

  nodeByName(name: string): number {
    return this.#base.nodeByName(name);
  }

  nodePosition(node: number): number {
    return this.#base.nodePosition(node);
  }

  allocatable(node: number, resource: number): number {
    return this.#base.allocatable(node, resource);
  }

  requested(node: number, resource: number): number {
    const shadow = this.#shadows.get(node);
    return shadow === undefined ? this.#base.requested(node, resource) : (shadow.requested[resource] ?? 0);
  }

  nonZeroCpuMilli(node: number): number {
    return this.#shadows.get(node)?.nonZeroCpuMilli ?? this.#base.nonZeroCpuMilli(node);
  }

  nonZeroMemoryBytes(node: number): number {
    return this.#shadows.get(node)?.nonZeroMemoryBytes ?? this.#base.nonZeroMemoryBytes(node);
  }

  podsMax(node: number): number {
    return this.#base.podsMax(node);
  }

  podCount(node: number): number {
    return this.#shadows.get(node)?.pods.count ?? this.#base.podCount(node);
  }

  podsOn(node: number): readonly PodInfo[] {
    return this.#shadows.get(node)?.pods.all ?? this.#base.podsOn(node);
  }

  podsWithRequiredAntiAffinityOn(node: number): readonly PodInfo[] {
    const shadow = this.#shadows.get(node);
    return shadow?.pods.withRequiredAntiAffinity ?? this.#base.podsWithRequiredAntiAffinityOn(node);
  }

  podsWithAffinityOn(node: number): readonly PodInfo[] {
    return this.#shadows.get(node)?.pods.withAffinity ?? this.#base.podsWithAffinityOn(node);
  }

  nodesWithRequiredAntiAffinityPods(): readonly number[] {
    if (this.#shadows.size === 0) return this.#base.nodesWithRequiredAntiAffinityPods();
    this.#antiAffinityNodes ??= this.#relist(
      this.#base.nodesWithRequiredAntiAffinityPods(),
      (shadow) => shadow.pods.withRequiredAntiAffinity.length > 0,
    );
    return this.#antiAffinityNodes;
  }

  nodesWithAffinityPods(): readonly number[] {
    if (this.#shadows.size === 0) return this.#base.nodesWithAffinityPods();
    this.#affinityNodes ??= this.#relist(
      this.#base.nodesWithAffinityPods(),
      (shadow) => shadow.pods.withAffinity.length > 0,
    );
    return this.#affinityNodes;
  }

  portsConflict(node: number, ports: readonly HostPort[]): boolean {
    return this.#shadows.get(node)?.pods.portsConflict(ports) ?? this.#base.portsConflict(node, ports);
  }

  namespaceLabels(namespace: string): Labels {
    return this.#base.namespaceLabels(namespace);
  }

  image(name: string): { readonly sizeBytes: number; readonly nodes: number } | undefined {
    return this.#base.image(name);
  }

  clonePodsOn(node: number): NodePods {
    return this.#shadows.get(node)?.pods.clone() ?? this.#base.clonePodsOn(node);
  }

  #shadow(node: number): Shadow {
    const known = this.#shadows.get(node);
    if (known !== undefined) return known;
    const requested: number[] = [];
    for (let r = 0; r < this.#base.resources.count; r++) requested.push(this.#base.requested(node, r));
    const shadow = {
      pods: this.#base.clonePodsOn(node),
      requested,
      nonZeroCpuMilli: this.#base.nonZeroCpuMilli(node),
      nonZeroMemoryBytes: this.#base.nonZeroMemoryBytes(node),
    };
    this.#shadows.set(node, shadow);
    return shadow;
  }

  #account(shadow: Shadow, pod: PodInfo, sign: 1 | -1): void {
    for (const { resource, amount } of pod.shape.requests) {
      shadow.requested[resource] = (shadow.requested[resource] ?? 0) + sign * amount;
    }
    shadow.nonZeroCpuMilli += sign * pod.shape.nonZeroCpuMilli;
    shadow.nonZeroMemoryBytes += sign * pod.shape.nonZeroMemoryBytes;
    this.#changed();
  }

  #changed(): void {
    this.#changes++;
    this.#affinityNodes = undefined;
    this.#antiAffinityNodes = undefined;
  }

  /** The base's list with the touched nodes put in or left out, in nodeOrder. */
  #relist(below: readonly number[], condition: (shadow: Shadow) => boolean): readonly number[] {
    const nodes = below.filter((node) => !this.#shadows.has(node));
    for (const [node, shadow] of this.#shadows) {
      if (this.#base.nodePosition(node) >= 0 && condition(shadow)) nodes.push(node);
    }
    return nodes.sort((a, b) => this.#base.nodePosition(a) - this.#base.nodePosition(b));
  }
}
