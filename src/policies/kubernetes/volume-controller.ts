/**
 * What Kubernetes does to volume objects around a decision, all at once: the volume controller's bindings before it,
 * and after it those that the scheduler asks for in Reserve and PreBind, with the provisioner's part. Upstream the API
 * writes and the wait for the provisioner (at most bindTimeoutSeconds, 600) lie between.
 */
import type {
  NodeSelectorTerm,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../api/objects.js";
import { labelOf } from "../../api/selectors.js";
import { LABEL_ZONE } from "../../api/well-known.js";
import { assert } from "../../assert.js";
import type { NodeInfo, PodInfo } from "../framework/types.js";
import type { VolumeInfo, VolumesView, VolumeTable } from "../framework/volumes.js";
import { findPodVolumes, sortOut } from "./volume-binding.js";
import { BIND_COMPLETED, classOf, findMatchingVolume, isForClaim, NO_PROVISIONER } from "./volume-claims.js";

/**
 * Binds the claims that no controller has said anything of yet (manifests; a snapshot's claims have a phase): claims
 * that name their volume, claims that a volume is kept for, and those of immediate classes. A claim that names no class
 * gets the default one, as by admission.
 */
export function bindImmediateClaims(table: VolumeTable): void {
  const byDefault = [...table.storageClasses].find(({ isDefault }) => isDefault)?.metadata.name;
  for (const given of [...table.claims]) {
    if (given.phase !== undefined) continue;
    const named = given.spec.storageClassName !== undefined || byDefault === undefined;
    const claim = named ? given : { ...given, spec: { ...given.spec, storageClassName: byDefault } };
    const volume = immediateVolume(table, claim);
    if (volume !== undefined) bind(table, claim, volume.object);
    else table.set({ ...claim, phase: "Pending" });
  }
}

function immediateVolume(table: VolumeTable, claim: PersistentVolumeClaim): VolumeInfo | undefined {
  const { volumeName } = claim.spec;
  if (volumeName !== undefined) {
    const volume = table.volume(volumeName);
    const free =
      volume !== undefined && (volume.object.claimRef === undefined || isForClaim(volume.object, claim));
    return free ? volume : undefined;
  }
  const storageClass = table.storageClass(classOf(claim));
  const delayed = storageClass?.volumeBindingMode === "WaitForFirstConsumer";
  const candidates = table.volumesOfClass(classOf(claim));
  const found = findMatchingVolume(claim, candidates, undefined, new Set(), delayed);
  if (found !== undefined || delayed || storageClass === undefined || !canProvision(storageClass))
    return found;
  // Which of the allowed places it gets is the provisioner's choice; here it is the first.
  const [place] = storageClass.allowedTopologies;
  const terms = place?.map(({ key, values }) => ({
    key,
    operator: "In" as const,
    values: values.slice(0, 1),
  }));
  return provision(table, claim, storageClass, terms);
}

/**
 * Binds the pod's delayed claims as decided for the node: each to the volume found for it, or to a new one that only
 * nodes in the same place reach. The pod passes VolumeBinding's Filter there.
 */
export function bindPodVolumes(table: VolumeTable, pod: PodInfo, node: NodeInfo): void {
  if (pod.shape.volumes.length === 0) return;
  const claims = sortOut(table, pod);
  assert(typeof claims !== "string", "the pod's claims were usable when its node was chosen");
  const found = findPodVolumes(table, claims, node);
  assert(!Array.isArray(found), "the node satisfies the pod's claims");
  for (const { claim, volume } of found.bindings) bind(table, claim, volume.object);
  for (const claim of found.provisions) {
    const storageClass = table.storageClass(classOf(claim));
    assert(storageClass !== undefined, "a claim that is provisioned has a class");
    const terms = placeOf(table, storageClass, node);
    bind(table, claim, provision(table, claim, storageClass, terms).object);
  }
}

function canProvision({ provisioner }: StorageClass): boolean {
  return provisioner !== "" && provisioner !== NO_PROVISIONER;
}

/**
 * Where a volume made for the node can be reached from: the node's values of the topology keys that the driver
 * registered there, else of those its class restricts, else of the zone.
 */
function placeOf(
  volumes: VolumesView,
  { provisioner, allowedTopologies }: StorageClass,
  node: NodeInfo,
): NodeSelectorTerm["matchExpressions"] {
  const driver = volumes.csiNode(node.name)?.drivers.find(({ name }) => name === provisioner);
  const restricted = [...new Set(allowedTopologies.flatMap((term) => term.map(({ key }) => key)))];
  // Where the driver says nothing and the class allows all, a volume is bound to its zone.
  const keys = driver?.topologyKeys ?? (restricted.length > 0 ? restricted : [LABEL_ZONE]);
  return keys.flatMap((key) => {
    const value = labelOf(node.labels, key);
    return value === undefined ? [] : [{ key, operator: "In" as const, values: [value] }];
  });
}

function provision(
  table: VolumeTable,
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  place: NodeSelectorTerm["matchExpressions"] = [],
): VolumeInfo {
  const { namespace, name } = claim.metadata;
  const volumeName = `pvc-${namespace}-${name}`;
  const { storage, accessModes, volumeMode } = claim.spec;
  table.set({
    kind: "PersistentVolume",
    metadata: { name: volumeName, namespace: "", uid: "", labels: {}, annotations: {}, ownerReferences: [] },
    storage,
    accessModes,
    storageClassName: storageClass.metadata.name,
    volumeMode,
    ...(place.length === 0 ? {} : { nodeAffinity: [{ matchExpressions: place, matchFields: [] }] }),
    csi: { driver: storageClass.provisioner, volumeHandle: volumeName },
    phase: "Available",
  });
  const made = table.volume(volumeName);
  assert(made !== undefined, "a volume just made is there");
  return made;
}

/** Both sides of the binding, complete. */
function bind(table: VolumeTable, claim: PersistentVolumeClaim, volume: PersistentVolume): void {
  const { namespace, name, uid, annotations } = claim.metadata;
  table.set({ ...volume, claimRef: { namespace, name, uid }, phase: "Bound" });
  table.set({
    ...claim,
    metadata: { ...claim.metadata, annotations: { ...annotations, [BIND_COMPLETED]: "yes" } },
    spec: { ...claim.spec, volumeName: volume.metadata.name },
    phase: "Bound",
  });
}
