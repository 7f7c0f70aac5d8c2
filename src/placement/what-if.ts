/** A snapshot after somebody's doings: nodes that come, are drained or are lost with their zone, and manifests applied. */
import type { KubernetesObject, Node, Pod } from "../api/objects.js";
import { admitObjects, DEFAULT_ADMISSION } from "../workload/admission.js";
import { closestOf, type Problems } from "../workload/problems.js";
import { placeOf } from "../workload/snapshot.js";
import { UNSCHEDULABLE_TAINT_KEY } from "./changes.js";
import { hasEnded, podKey } from "./cluster.js";
import { expandWorkload, isWorkload, nodeOfDaemonPod } from "./expand.js";
import { daemonPodsFor, isDaemonPod, isMirrorPod, nodeLike } from "./nodes.js";

export interface Doings {
  /** Nodes that join, named after the one that they are like. */
  readonly addNodes?: { readonly count: number; readonly like: string };
  readonly drain?: readonly string[];
  readonly withoutZones?: readonly string[];
  /** Objects that are applied, as they were read. */
  readonly add?: readonly KubernetesObject[];
}

export interface Aftermath {
  /** All objects; pods that have to find a node have none. */
  readonly objects: readonly KubernetesObject[];
  /** Pods that lost their node: `namespace/name` → its name. */
  readonly moved: ReadonlyMap<string, string>;
  /** Pods of the manifests, `namespace/name`. */
  readonly added: ReadonlySet<string>;
  /** Pods that are gone for good, since no controller makes them again: `namespace/name` → their node. */
  readonly lost: ReadonlyMap<string, string>;
}

/**
 * The objects after the doings, in the order: nodes join, zones go, nodes are drained, manifests are applied. Mistakes
 * (names that are not there, manifests that cannot be admitted) are added to `problems`.
 */
export function whatIf(objects: readonly KubernetesObject[], doings: Doings, problems: Problems): Aftermath {
  const estate = new Estate(objects, problems);
  if (doings.addNodes !== undefined) estate.addNodes(doings.addNodes.count, doings.addNodes.like);
  for (const zone of doings.withoutZones ?? []) estate.removeZone(zone);
  for (const node of doings.drain ?? []) estate.drain(node);
  estate.apply(doings.add ?? []);
  return estate;
}

function keyOf({ kind, metadata }: KubernetesObject): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}

class Estate implements Aftermath {
  readonly moved = new Map<string, string>();
  readonly added = new Set<string>();
  readonly lost = new Map<string, string>();
  readonly #objects: Map<string, KubernetesObject>;
  readonly #problems: Problems;

  constructor(objects: readonly KubernetesObject[], problems: Problems) {
    this.#objects = new Map(objects.map((object) => [keyOf(object), object]));
    this.#problems = problems;
  }

  get objects(): readonly KubernetesObject[] {
    return [...this.#objects.values()];
  }

  addNodes(count: number, like: string): void {
    const node = this.#node(like, "--like");
    if (node === undefined) return;
    const pods = this.#podsOn(like);
    for (let number = 1, made = 0; made < count; number++) {
      const name = `${like}-${number}`;
      if (this.#objects.has(`Node//${name}`)) continue;
      made++;
      this.#put(nodeLike(node, name));
      for (const pod of daemonPodsFor(name, like, pods, { bound: false })) this.#put(pod);
    }
  }

  removeZone(zone: string): void {
    const nodes = this.#nodes();
    const gone = nodes.filter((node) => placeOf(node).zone === zone).map(({ metadata }) => metadata.name);
    if (gone.length === 0) {
      const zones = [...new Set(nodes.map((node) => placeOf(node).zone))];
      this.#unknown("--without-centre", `a zone of the nodes (${zones.join(", ")})`, zone, zones);
      return;
    }
    for (const name of gone) this.#objects.delete(`Node//${name}`);
    const names = new Set(gone);
    for (const pod of this.#pods()) {
      // Also a DaemonSet's pod that was still to be placed there.
      const node = isDaemonPod(pod) ? nodeOfDaemonPod(pod) : pod.spec.nodeName;
      if (node === undefined || !names.has(node)) continue;
      if (isDaemonPod(pod) || isMirrorPod(pod)) this.#objects.delete(keyOf(pod));
      else this.#evict(pod, node);
    }
  }

  /** Cordons the node and evicts what kubectl drain --ignore-daemonsets --force would; budgets are not waited for. */
  drain(name: string): void {
    const node = this.#node(name, "--drain");
    if (node === undefined) return;
    const cordon = { key: UNSCHEDULABLE_TAINT_KEY, value: "", effect: "NoSchedule" } as const;
    const others = node.taints.filter(({ key }) => key !== cordon.key);
    this.#put({ ...node, unschedulable: true, taints: [...others, cordon] });
    for (const pod of this.#podsOn(name)) if (!isDaemonPod(pod) && !isMirrorPod(pod)) this.#evict(pod, name);
  }

  /** Applies manifests: what is there already is replaced, workloads get the pods that they lack. */
  apply(add: readonly KubernetesObject[]): void {
    const classes = this.objects.filter(({ kind }) => kind === "PriorityClass");
    const own = new Set(add.filter(({ kind }) => kind === "PriorityClass").map(keyOf));
    const known = classes.filter((object) => !own.has(keyOf(object)));
    const options = { ...DEFAULT_ADMISSION, file: "--add" };
    const admitted = admitObjects([...known, ...add], options, this.#problems).slice(known.length);
    for (const object of admitted) {
      if (object.kind !== "Pod") this.#put(object);
      else if (this.#objects.has(keyOf(object))) {
        this.#problems.addFileError(
          "--add",
          `expected a new pod, ${podKey(object)} is in the snapshot already`,
        );
      } else this.#add(object);
    }
    const nodes = this.#nodes();
    for (const workload of admitted.filter(isWorkload)) {
      const { pods, replicaSets, surplus } = expandWorkload(workload, { objects: this.objects, nodes });
      for (const replicaSet of replicaSets) this.#put(replicaSet);
      for (const pod of pods) this.#add(pod);
      if (surplus > 0) {
        const { namespace, name } = workload.metadata;
        const message = `${workload.kind} ${namespace}/${name} has ${surplus} pods more than replicas; none is removed`;
        this.#problems.add({ file: "--add", path: "", message, severity: "warning" });
      }
    }
  }

  #add(pod: Pod): void {
    this.added.add(podKey(pod));
    this.#put(pod);
  }

  /** A controller makes it again, as a new pod that has to find a node; of others nothing is left. */
  #evict(pod: Pod, node: string): void {
    // On its way out already: what is to replace it is there.
    this.#objects.delete(keyOf(pod));
    if (pod.metadata.deletionTimestamp !== undefined || hasEnded(pod)) return;
    const { namespace, name } = pod.metadata;
    for (const volume of pod.spec.volumes) {
      // Its claim goes with it; the new pod gets a new one.
      if (volume.ephemeral !== undefined) {
        this.#objects.delete(`PersistentVolumeClaim/${namespace}/${name}-${volume.name}`);
      }
    }
    const again = recreated(pod);
    if (again === undefined) this.lost.set(podKey(pod), node);
    else {
      this.moved.set(podKey(pod), node);
      this.#put(again);
    }
  }

  #put(object: KubernetesObject): void {
    this.#objects.set(keyOf(object), object);
  }

  #node(name: string, option: string): Node | undefined {
    const node = this.#objects.get(`Node//${name}`);
    if (node?.kind === "Node") return node;
    this.#unknown(
      option,
      "a node of the snapshot",
      name,
      this.#nodes().map(({ metadata }) => metadata.name),
    );
    return undefined;
  }

  #nodes(): Node[] {
    return [...this.#objects.values()].filter((object) => object.kind === "Node");
  }

  #pods(): Pod[] {
    return [...this.#objects.values()].filter((object) => object.kind === "Pod");
  }

  #podsOn(node: string): Pod[] {
    return this.#pods().filter(({ spec }) => spec.nodeName === node);
  }

  #unknown(option: string, what: string, value: string, known: readonly string[]): void {
    const suggestion = closestOf(value, known);
    this.#problems.add({
      file: option,
      path: "",
      message: `expected ${what}`,
      value,
      ...(suggestion === undefined ? {} : { suggestion }),
      severity: "error",
    });
  }
}

/**
 * The pod as its controller makes it anew, under its old name (real ones but a StatefulSet's get a new one); undefined
 * where nothing does.
 */
export function recreated(pod: Pod): Pod | undefined {
  const { creationTimestamp, deletionTimestamp, ...metadata } = pod.metadata;
  const { nodeName, ...spec } = pod.spec;
  if (!metadata.ownerReferences.some(({ controller }) => controller)) return undefined;
  return { ...pod, metadata: { ...metadata, uid: "" }, spec, status: { phase: "Pending", ready: false } };
}
