import type { PersistentVolumeClaim } from "../../api/objects.js";
import type { NodeInfo, Plugin, PluginFactory, PodInfo, Rejection } from "../framework/types.js";
import { topologyAllows, type VolumeInfo, type VolumesView } from "../framework/volumes.js";
import {
  claimsOf,
  classOf,
  findMatchingVolume,
  isClaim,
  isFullyBound,
  NO_PROVISIONER,
  notFound,
  SELECTED_NODE,
  whyNotOwned,
} from "./volume-claims.js";

const NAME = "VolumeBinding";

const NODE_CONFLICT = "node(s) had volume node affinity conflict";
const BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind";
const VOLUME_MISSING = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

/**
 * VolumeBinding of kube-scheduler v1.34: bound volumes must be within the node's reach; for each claim that waits for
 * its first consumer there must be a volume to bind there, or a provisioner that may make one. Immediate claims must be
 * bound before. It does not score: that needs a feature gate which is off.
 *
 * Left out: CSIStorageCapacity (drivers that opt in tell how much they could still provision where).
 */
export const volumeBinding: PluginFactory = {
  name: NAME,
  description:
    "Refuses nodes that the pod's volumes do not reach, and where its unbound claims could not be satisfied.",
  origin: "kubernetes",
  create,
};

/** The pod's claims, sorted out. */
export interface PodClaims {
  readonly bound: readonly PersistentVolumeClaim[];
  /** Unbound ones that wait for their first consumer, smallest request first. */
  readonly delayed: readonly PersistentVolumeClaim[];
  /** Volumes that a delayed claim of the class could get, by class. */
  readonly candidates: ReadonlyMap<string, readonly VolumeInfo[]>;
}

/** What would be done for the pod's delayed claims on a node. */
export interface PodVolumes {
  readonly bindings: readonly { readonly claim: PersistentVolumeClaim; readonly volume: VolumeInfo }[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

function create(): Plugin<PodClaims> {
  const rejections = new Map<string, Rejection>();
  const refuse = (reasons: readonly string[]) => {
    const key = reasons.join();
    const known = rejections.get(key) ?? unresolvable(reasons);
    rejections.set(key, known);
    return known;
  };
  return {
    name: NAME,
    dependsOn: "cluster",
    preFilter(view, pod) {
      if (view.volumes === undefined || !pod.shape.volumes.some(isClaim)) return { kind: "skip" };
      const sorted = sortOut(view.volumes, pod);
      if (typeof sorted === "string") return { kind: "reject", rejection: unresolvable([sorted]) };
      return { kind: "state", state: sorted };
    },
    filter(view, _pod, node, claims) {
      if (view.volumes === undefined) return undefined;
      const found = findPodVolumes(view.volumes, claims, view.node(node));
      return Array.isArray(found) ? refuse(found) : undefined;
    },
    requeueOn: [
      "StorageClassAdd",
      "PersistentVolumeClaimAdd",
      "PersistentVolumeClaimUpdate",
      "PersistentVolumeAdd",
      "PersistentVolumeUpdate",
      "NodeAdd",
      "NodeLabelUpdate",
      "CSINodeAdd",
    ],
  };
}

/** The pod's claims by what is to be done about them, or why no node can take the pod. */
export function sortOut(volumes: VolumesView, pod: PodInfo): PodClaims | string {
  const claims: PersistentVolumeClaim[] = [];
  for (const { name, ephemeral, claim } of claimsOf(volumes, pod, isClaim)) {
    const obstacle = whyUnusable(name, ephemeral, claim, pod);
    if (obstacle !== undefined) return obstacle;
    if (claim !== undefined) claims.push(claim);
  }
  const unbound = claims.filter((claim) => !isFullyBound(claim));
  const isDelayed = (claim: PersistentVolumeClaim) =>
    claim.spec.volumeName === undefined &&
    volumes.storageClass(classOf(claim))?.volumeBindingMode === "WaitForFirstConsumer";
  if (!unbound.every(isDelayed)) return "pod has unbound immediate PersistentVolumeClaims";
  const bySize = (a: PersistentVolumeClaim, b: PersistentVolumeClaim) =>
    a.spec.storage < b.spec.storage ? -1 : a.spec.storage > b.spec.storage ? 1 : 0;
  const classes = new Set(unbound.map(classOf));
  return {
    bound: claims.filter(isFullyBound),
    delayed: unbound.sort(bySize),
    candidates: new Map(Array.from(classes, (name) => [name, volumes.volumesOfClass(name)])),
  };
}

function whyUnusable(
  name: string,
  ephemeral: boolean,
  claim: PersistentVolumeClaim | undefined,
  pod: PodInfo,
): string | undefined {
  if (claim === undefined) {
    return ephemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : notFound(name);
  }
  if (claim.phase === "Lost") {
    const { volumeName = "" } = claim.spec;
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`;
  }
  if (claim.metadata.deletionTimestamp !== undefined) {
    return `persistentvolumeclaim "${name}" is being deleted`;
  }
  return ephemeral ? whyNotOwned(claim, pod) : undefined;
}

/** What the claims would get on the node, or the reasons why they cannot have it (binder.go, FindPodVolumes). */
export function findPodVolumes(
  volumes: VolumesView,
  { bound, delayed, candidates }: PodClaims,
  node: NodeInfo,
): PodVolumes | string[] {
  const reasons = boundConflicts(volumes, bound, node);
  const conflict = [...reasons.filter((reason) => reason === NODE_CONFLICT), BIND_CONFLICT];
  const others = reasons.filter((reason) => reason !== NODE_CONFLICT);
  const bindings: { claim: PersistentVolumeClaim; volume: VolumeInfo }[] = [];
  const provisions: PersistentVolumeClaim[] = [];
  const unmatched: PersistentVolumeClaim[] = [];
  // One that is being provisioned for another node decides at once.
  const selected = (claim: PersistentVolumeClaim) => claim.metadata.annotations[SELECTED_NODE];
  if (delayed.some((claim) => selected(claim) !== undefined && selected(claim) !== node.name)) {
    return [...conflict, ...others];
  }
  const chosen = new Set<VolumeInfo>();
  for (const claim of delayed) {
    if (selected(claim) !== undefined) {
      provisions.push(claim);
      continue;
    }
    const volume = findMatchingVolume(claim, candidates.get(classOf(claim)) ?? [], node, chosen, true);
    if (volume === undefined) unmatched.push(claim);
    else {
      chosen.add(volume);
      bindings.push({ claim, volume });
    }
  }
  provisions.push(...unmatched);
  if (!provisions.every((claim) => mayProvision(volumes, claim, node))) return [...conflict, ...others];
  return reasons.length > 0 ? reasons : { bindings, provisions };
}

/** The first claim that objects ends the walk. */
function boundConflicts(
  volumes: VolumesView,
  bound: readonly PersistentVolumeClaim[],
  node: NodeInfo,
): string[] {
  for (const { spec } of bound) {
    const volume = volumes.volume(spec.volumeName ?? "");
    if (volume === undefined) return [VOLUME_MISSING];
    if (!volume.reaches(node)) return [NODE_CONFLICT];
  }
  return [];
}

function mayProvision(volumes: VolumesView, claim: PersistentVolumeClaim, node: NodeInfo): boolean {
  const storageClass = volumes.storageClass(classOf(claim));
  if (storageClass === undefined) return false;
  const { provisioner } = storageClass;
  return provisioner !== "" && provisioner !== NO_PROVISIONER && topologyAllows(storageClass, node.labels);
}

function unresolvable(reasons: readonly string[]): Rejection {
  return { plugin: NAME, code: "UnschedulableAndUnresolvable", reasons };
}
