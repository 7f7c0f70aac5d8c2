/** Claims of a pod as the volume plugins look them up, and which persistent volume would suit one. */
import type { PersistentVolume, PersistentVolumeClaim } from "../../api/objects.js";
import { compileLabelSelector } from "../../api/selectors.js";
import type { NodeInfo, PodInfo, PodVolume } from "../framework/types.js";
import { claimNameOf, type VolumeInfo, type VolumesView } from "../framework/volumes.js";

/** Set by the volume controller when both sides of a binding are written (storagehelpers.AnnBindCompleted). */
export const BIND_COMPLETED = "pv.kubernetes.io/bind-completed";
/** The node that a claim waits to be provisioned for (storagehelpers.AnnSelectedNode). */
export const SELECTED_NODE = "volume.kubernetes.io/selected-node";
/** A class whose volumes are made by hand (storagehelpers.NotSupportedProvisioner). */
export const NO_PROVISIONER = "kubernetes.io/no-provisioner";

export type ClaimVolume = Exclude<PodVolume, { readonly kind: "disk" }>;

export function isClaim(volume: PodVolume): volume is ClaimVolume {
  return volume.kind !== "disk";
}

/** Volumes that name a persistentVolumeClaim: what ephemeral ones become stands not in the pod. */
export function isNamedClaim(volume: PodVolume): volume is ClaimVolume {
  return volume.kind === "claim" || volume.kind === "statefulSet";
}

/** The claims of these volumes, each with its name; a claim may be missing. */
export function claimsOf(
  volumes: VolumesView,
  pod: PodInfo,
  wanted: (volume: PodVolume) => volume is ClaimVolume,
): {
  readonly name: string;
  readonly ephemeral: boolean;
  readonly claim: PersistentVolumeClaim | undefined;
}[] {
  const { namespace, volumes: ofPod } = pod.shape;
  return ofPod.filter(wanted).map((volume) => {
    const name = claimNameOf(volume, pod.name);
    return { name, ephemeral: volume.kind === "ephemeral", claim: volumes.claim(namespace, name) };
  });
}

export function notFound(claimName: string): string {
  return `persistentvolumeclaim "${claimName}" not found`;
}

/** An ephemeral volume's claim must be the pod's own, else why not (ephemeral.VolumeIsForPod). */
export function whyNotOwned(claim: PersistentVolumeClaim, pod: PodInfo): string | undefined {
  const { name, namespace, ownerReferences } = claim.metadata;
  const owned = ownerReferences.some(
    (owner) => owner.controller && owner.kind === "Pod" && owner.name === pod.name,
  );
  if (owned) return undefined;
  return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.name} (pod is not owner)`;
}

export function classOf(claim: PersistentVolumeClaim): string {
  return claim.spec.storageClassName ?? "";
}

/** Both sides know of each other. */
export function isFullyBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return spec.volumeName !== undefined && Object.hasOwn(metadata.annotations, BIND_COMPLETED);
}

/** Does the volume belong to the claim, or is it kept for it? */
export function isForClaim({ claimRef }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  if (claimRef === undefined) return false;
  if (claimRef.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return claimRef.uid === "" || claimRef.uid === metadata.uid;
}

/**
 * The volume kept for the claim, else the smallest that suits it (component-helpers FindMatchingVolume): large enough,
 * of its mode, class and access modes, available, selected by it, and within reach of the node. Undefined where there
 * is none, or where the one kept for it is out of the node's reach. Without a node the volume controller asks, who
 * leaves other volumes to the scheduler when `delayed`.
 */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  candidates: readonly VolumeInfo[],
  node: NodeInfo | undefined,
  excluded: ReadonlySet<VolumeInfo>,
  delayed: boolean,
): VolumeInfo | undefined {
  const { storage, volumeMode, selector, accessModes } = claim.spec;
  const selects = selector === undefined ? () => true : compileLabelSelector(selector);
  let smallest: VolumeInfo | undefined;
  for (const candidate of candidates) {
    const { object } = candidate;
    if (excluded.has(candidate) || (object.claimRef !== undefined && !isForClaim(object, claim))) continue;
    if (object.storage < storage || object.volumeMode !== volumeMode) continue;
    if (object.metadata.deletionTimestamp !== undefined) continue;
    const inReach = node === undefined || candidate.reaches(node);
    if (isForClaim(object, claim)) return inReach ? candidate : undefined;
    if (node === undefined && delayed) continue;
    if (object.phase !== "Available" || object.storageClassName !== classOf(claim)) continue;
    if (!inReach || !selects(object.metadata.labels)) continue;
    if (!accessModes.every((mode) => object.accessModes.includes(mode))) continue;
    if (smallest === undefined || object.storage < smallest.object.storage) smallest = candidate;
  }
  return smallest;
}
