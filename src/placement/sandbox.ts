/** A copy of the cluster in which changes are tried for one pod, and taken back. */
import type { Node, Pod } from "../api/objects.js";
import { assert } from "../assert.js";
import type { PodInfo, Rejection } from "../policies/framework/types.js";
import { type Change, changeNode, changePod, isNodeChange, isPodChange } from "./changes.js";
import type { PlacedPod, PlacementCluster } from "./cluster.js";
import { daemonPodsFor, nodeLike } from "./nodes.js";

/** So many pods are counted in the time of one node check. */
const PODS_PER_CHECK = 700;

/**
 * Holds one pod at a time, which has no node here. Answers are those of the pod's own profile; order of nodes and of
 * pods on a node may differ from the cluster's after a change was taken back, which feasibility does not depend on.
 */
export class Sandbox {
  readonly cluster: PlacementCluster;
  #pod: PlacedPod | undefined;
  readonly #undo: (() => void)[] = [];
  #work = 0;
  /** The pod at hand without rules, see {@link check}. */
  #plain: { readonly of: PodInfo; readonly info: PodInfo } | undefined;

  constructor(cluster: PlacementCluster) {
    this.cluster = cluster.copy();
  }

  /** Node checks so far. Where all pods must be counted for one, it weighs more. */
  get work(): number {
    return this.#work;
  }

  get pod(): Pod {
    return this.#current().object;
  }

  get info(): PodInfo {
    return this.#current().info;
  }

  /** Takes the pod up; it leaves its node if it has one. Changes of a pod before are taken back. */
  take(key: string): void {
    this.release();
    const before = this.cluster.removePod(key);
    const { nodeName, ...spec } = before.object.spec;
    const { nominatedNodeName, ...status } = before.object.status;
    this.#pod = this.cluster.addPod({ ...before.object, spec, status }, { single: true });
    this.#undo.push(() => {
      this.cluster.removePod(key);
      this.cluster.addPod(before.object);
      this.#pod = undefined;
    });
  }

  /** Everything as in the cluster. */
  release(): void {
    this.#rewind(0);
  }

  /** Changes made after this mark can be taken back with {@link back}. */
  mark(): number {
    return this.#undo.length;
  }

  back(mark: number): void {
    assert(mark >= 1, "the pod stays taken up");
    this.#rewind(mark);
  }

  /** Who refuses the node; undefined where it would take the pod. */
  check(node: string): Rejection | undefined {
    const counting = this.#countingWork();
    // What the node says for itself costs next to nothing, and comes first in kube-scheduler's order too.
    const plain = counting > 0 ? this.#check(this.#withoutRules(), node) : undefined;
    if (plain !== undefined) return plain;
    this.#work += counting;
    return this.#check(this.info, node);
  }

  #check(info: PodInfo, node: string): Rejection | undefined {
    this.#work++;
    const framework = this.cluster.framework(info);
    assert(framework !== undefined, "the pod has a profile");
    return framework.check(info, this.cluster.nodeId(node));
  }

  /** The pod as if it had no rules about others. */
  #withoutRules(): PodInfo {
    if (this.#plain?.of !== this.info) {
      const { shape } = this.info;
      const bare = {
        ...shape,
        requiredAffinity: [],
        requiredAntiAffinity: [],
        preferredAffinity: [],
        preferredAntiAffinity: [],
        spreadConstraints: [],
        defaultSpreadSelector: undefined,
      };
      this.#plain = { of: this.info, info: { ...this.info, shape: bare } };
    }
    return this.#plain.info;
  }

  /** May the pod enter the queue? */
  gate(): Rejection | undefined {
    return this.cluster.framework(this.info)?.preEnqueue(this.info);
  }

  /** Names of the nodes that would take the pod, in node order. */
  feasible(): string[] {
    const framework = this.cluster.framework(this.info);
    const { cache } = this.cluster;
    return (framework?.diagnose(this.info).nodes ?? []).flatMap(({ kind, node }) =>
      kind === "feasible" ? [cache.node(node).name] : [],
    );
  }

  apply(change: Change): void {
    const { cluster } = this;
    if (isPodChange(change)) {
      this.#replacePod(changePod(this.pod, change));
    } else if (isNodeChange(change)) {
      this.#replaceNode(changeNode(this.#node(change.node), change));
    } else if (change.kind === "removePod") {
      const { object } = cluster.removePod(change.pod);
      this.#undo.push(() => cluster.addPod(object));
    } else {
      cluster.addNode(nodeLike(this.#node(change.like), change.name));
      const likes = cluster.podsOn(change.like).map(({ object }) => object);
      for (const pod of daemonPodsFor(change.name, change.like, likes)) cluster.addPod(pod, { single: true });
      this.#undo.push(() => cluster.removeNode(change.name));
    }
  }

  /** PreFilter counts the cluster's pods for pods with rules about others. */
  #countingWork(): number {
    const { requiredAffinity, requiredAntiAffinity, spreadConstraints } = this.info.shape;
    const counts = requiredAffinity.length + requiredAntiAffinity.length + spreadConstraints.length > 0;
    return counts ? this.cluster.podCount / PODS_PER_CHECK : 0;
  }

  #node(name: string): Node {
    const node = this.cluster.node(name);
    assert(node !== undefined, `${name} is a node of the cluster`);
    return node;
  }

  #replacePod(after: Pod): void {
    const { key, object: before } = this.#current();
    const put = (object: Pod): void => {
      this.cluster.removePod(key);
      this.#pod = this.cluster.addPod(object, { single: true });
    };
    put(after);
    this.#undo.push(() => put(before));
  }

  #replaceNode(after: Node): void {
    const before = this.#node(after.metadata.name);
    this.cluster.replaceNode(after);
    this.#undo.push(() => this.cluster.replaceNode(before));
  }

  #rewind(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()?.();
  }

  #current(): PlacedPod {
    assert(this.#pod !== undefined, "a pod is taken up");
    return this.#pod;
  }
}
