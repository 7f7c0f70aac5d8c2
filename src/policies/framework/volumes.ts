/**
 * The volume objects that decisions look at: claims, volumes, storage classes, and what CSI drivers say of nodes. One
 * table may serve several caches (one a leader), as the API server's objects do.
 */
import type {
  ClaimTemplate,
  CSINode,
  KubernetesObject,
  Labels,
  PersistentVolume,
  PersistentVolumeClaim,
  PodSpec,
  StorageClass,
  VolumeAttachment,
  VolumeObject,
} from "../../api/objects.js";
import { labelOf } from "../../api/selectors.js";
import { compileNodeSelectorTerms } from "./node-selector.js";
import type { NodeInfo, PodVolume } from "./types.js";

/** A persistent volume with its node affinity compiled. */
export interface VolumeInfo {
  readonly object: PersistentVolume;
  /** Can the node mount it? (CheckNodeAffinity) */
  reaches(node: NodeInfo): boolean;
}

/** What plugins see of the table. */
export interface VolumesView {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): VolumeInfo | undefined;
  /** In the order in which they joined; upstream's order is that of a map. */
  volumesOfClass(storageClassName: string): readonly VolumeInfo[];
  storageClass(name: string): StorageClass | undefined;
  csiNode(nodeName: string): CSINode | undefined;
  attachmentsTo(nodeName: string): readonly VolumeAttachment[];
}

export class VolumeTable implements VolumesView {
  #version = 0;
  readonly #claims = new Map<string, PersistentVolumeClaim>();
  readonly #volumes = new Map<string, VolumeInfo>();
  readonly #classes = new Map<string, StorageClass>();
  readonly #csiNodes = new Map<string, CSINode>();
  readonly #attachments = new Map<string, VolumeAttachment>();

  /** The volume objects among the given ones. */
  static of(objects: Iterable<KubernetesObject>): VolumeTable {
    const table = new VolumeTable();
    for (const object of objects) if (isVolumeObject(object)) table.set(object);
    return table;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  get claims(): Iterable<PersistentVolumeClaim> {
    return this.#claims.values();
  }

  get storageClasses(): Iterable<StorageClass> {
    return this.#classes.values();
  }

  /** Adds the object, or puts it in the place of the one with its name. */
  set(object: VolumeObject): void {
    this.#version++;
    const { name, namespace } = object.metadata;
    switch (object.kind) {
      case "PersistentVolumeClaim":
        this.#claims.set(`${namespace}/${name}`, object);
        break;
      case "PersistentVolume":
        this.#volumes.set(name, infoOf(object));
        break;
      case "StorageClass":
        this.#classes.set(name, object);
        break;
      case "CSINode":
        this.#csiNodes.set(name, object);
        break;
      case "VolumeAttachment":
        this.#attachments.set(name, object);
    }
  }

  deleteClaim(namespace: string, name: string): void {
    if (this.#claims.delete(`${namespace}/${name}`)) this.#version++;
  }

  claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(`${namespace}/${name}`);
  }

  volume(name: string): VolumeInfo | undefined {
    return this.#volumes.get(name);
  }

  volumesOfClass(storageClassName: string): readonly VolumeInfo[] {
    return [...this.#volumes.values()].filter(({ object }) => object.storageClassName === storageClassName);
  }

  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get(name);
  }

  csiNode(nodeName: string): CSINode | undefined {
    return this.#csiNodes.get(nodeName);
  }

  attachmentsTo(nodeName: string): readonly VolumeAttachment[] {
    return [...this.#attachments.values()].filter((attachment) => attachment.nodeName === nodeName);
  }
}

function isVolumeObject(object: KubernetesObject): object is VolumeObject {
  return (
    object.kind === "PersistentVolumeClaim" ||
    object.kind === "PersistentVolume" ||
    object.kind === "StorageClass" ||
    object.kind === "CSINode" ||
    object.kind === "VolumeAttachment"
  );
}

function infoOf(object: PersistentVolume): VolumeInfo {
  const { nodeAffinity } = object;
  return {
    object,
    reaches: nodeAffinity === undefined ? () => true : compileNodeSelectorTerms(nodeAffinity),
  };
}

/** The volumes of a pod that any plugin looks at; most pods have none. */
export function podVolumesOf(spec: PodSpec): readonly PodVolume[] {
  const volumes: PodVolume[] = [];
  for (const { name, claimName, ephemeral, volumeClaimTemplate, disk } of spec.volumes) {
    if (claimName !== undefined) volumes.push({ kind: "claim", claimName });
    else if (volumeClaimTemplate !== undefined) volumes.push({ kind: "statefulSet", name });
    else if (ephemeral !== undefined) volumes.push({ kind: "ephemeral", name });
    else if (disk !== undefined) volumes.push({ kind: "disk", disk });
  }
  return volumes;
}

/** The claim's name; a StatefulSet's is `template-pod`, an ephemeral volume's `pod-volume`. */
export function claimNameOf(volume: Exclude<PodVolume, { kind: "disk" }>, podName: string): string {
  if (volume.kind === "claim") return volume.claimName;
  return volume.kind === "statefulSet" ? `${volume.name}-${podName}` : `${podName}-${volume.name}`;
}

/**
 * Makes the claims that the StatefulSet controller (before it makes a pod) and the ephemeral volume controller (after)
 * would make for the pod, where they are missing. Claims of a StatefulSet outlive their pod; those of ephemeral volumes
 * are the pod's own.
 */
export function ensureClaims(
  table: VolumeTable,
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
  spec: PodSpec,
): void {
  const { namespace, name: podName, uid } = pod;
  for (const { name, ephemeral, volumeClaimTemplate } of spec.volumes) {
    if (volumeClaimTemplate !== undefined) {
      ensure(`${name}-${podName}`, volumeClaimTemplate, []);
    } else if (ephemeral !== undefined) {
      const owner = { apiVersion: "v1", kind: "Pod", name: podName, uid, controller: true };
      ensure(`${podName}-${name}`, ephemeral, [owner]);
    }
  }

  function ensure(
    name: string,
    { labels, annotations, spec: claimSpec }: ClaimTemplate,
    ownerReferences: PersistentVolumeClaim["metadata"]["ownerReferences"],
  ): void {
    if (table.claim(namespace, name) !== undefined) return;
    const metadata = { name, namespace, uid: "", labels, annotations, ownerReferences };
    table.set({ kind: "PersistentVolumeClaim", metadata, spec: claimSpec });
  }
}

/** MatchTopologySelectorTerms: any term whose labels all have one of their values; an empty term matches nothing. */
export function topologyAllows({ allowedTopologies }: StorageClass, labels: Labels): boolean {
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some(
    (term) =>
      term.length > 0 &&
      term.every(({ key, values }) => {
        const value = labelOf(labels, key);
        return value !== undefined && values.includes(value);
      }),
  );
}
