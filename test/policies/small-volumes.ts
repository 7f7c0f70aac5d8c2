/** Volume objects in a few words, for tests. */
import type {
  ClaimSpec,
  CSINode,
  NodeSelectorTerm,
  ObjectMeta,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeObject,
} from "../../src/api/objects.js";
import { VolumeTable } from "../../src/policies/framework/volumes.js";
import { BIND_COMPLETED } from "../../src/policies/kubernetes/volume-claims.js";

export function meta(name: string, rest: Partial<ObjectMeta> = {}): ObjectMeta {
  return { name, namespace: "", uid: "", labels: {}, annotations: {}, ownerReferences: [], ...rest };
}

export const GIB = 1024n ** 3n * 1_000_000_000n;

/** A claim of 1 GiB, ReadWriteOnce, in "default"; bound where it has a volume. */
export function claim(
  name: string,
  spec: Partial<ClaimSpec> = {},
  rest: Partial<Omit<PersistentVolumeClaim, "metadata">> & { readonly metadata?: Partial<ObjectMeta> } = {},
): PersistentVolumeClaim {
  const { metadata, ...others } = rest;
  const bound = spec.volumeName !== undefined;
  return {
    kind: "PersistentVolumeClaim",
    metadata: meta(name, {
      namespace: "default",
      ...(bound ? { annotations: { [BIND_COMPLETED]: "yes" } } : {}),
      ...metadata,
    }),
    spec: { accessModes: ["ReadWriteOnce"], storage: GIB, volumeMode: "Filesystem", ...spec },
    phase: bound ? "Bound" : "Pending",
    ...others,
  };
}

/** A volume of 1 GiB, ReadWriteOnce, available, of no class. */
export function volume(
  name: string,
  rest: Partial<Omit<PersistentVolume, "metadata">> & { readonly metadata?: Partial<ObjectMeta> } = {},
): PersistentVolume {
  const { metadata, ...others } = rest;
  return {
    kind: "PersistentVolume",
    metadata: meta(name, metadata),
    storage: GIB,
    accessModes: ["ReadWriteOnce"],
    storageClassName: "",
    volumeMode: "Filesystem",
    phase: "Available",
    ...others,
  };
}

export function storageClass(name: string, rest: Partial<StorageClass> = {}): StorageClass {
  return {
    kind: "StorageClass",
    metadata: meta(name),
    provisioner: "csi.example.com",
    volumeBindingMode: "WaitForFirstConsumer",
    allowedTopologies: [],
    isDefault: false,
    ...rest,
  };
}

export function csiNode(node: string, volumesMax?: number, topologyKeys: readonly string[] = []): CSINode {
  const driver = { name: "csi.example.com", topologyKeys };
  return {
    kind: "CSINode",
    metadata: meta(node),
    drivers: [volumesMax === undefined ? driver : { ...driver, volumesMax }],
  };
}

/** The required terms of a volume that is in one place. */
export function within(key: string, ...values: string[]): readonly NodeSelectorTerm[] {
  return [{ matchExpressions: [{ key, operator: "In", values }], matchFields: [] }];
}

export function tableOf(...objects: VolumeObject[]): VolumeTable {
  return VolumeTable.of(objects);
}
