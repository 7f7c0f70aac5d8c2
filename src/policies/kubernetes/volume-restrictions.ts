import type { InTreeDisk } from "../../api/objects.js";
import type { Plugin, PluginFactory, PodInfo, Rejection, SchedulerView } from "../framework/types.js";
import { claimNameOf } from "../framework/volumes.js";
import { claimsOf, isNamedClaim, notFound } from "./volume-claims.js";

const NAME = "VolumeRestrictions";

const DISK_CONFLICT: Rejection = {
  plugin: NAME,
  code: "Unschedulable",
  reasons: ["node(s) had no available disk"],
};

const CLAIM_IN_USE: Rejection = {
  plugin: NAME,
  code: "Unschedulable",
  reasons: [
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
  ],
};

/**
 * VolumeRestrictions of kube-scheduler v1.34: a disk mounted on the node keeps other pods' mounts of it away unless all
 * are read-only (EBS volumes always), and a claim with ReadWriteOncePod serves one pod in the whole cluster.
 */
export const volumeRestrictions: PluginFactory = {
  name: NAME,
  description:
    "Refuses nodes where a disk of the pod is mounted already, and all nodes while its ReadWriteOncePod claim is in use.",
  origin: "kubernetes",
  create,
};

interface RestrictionsState {
  readonly disks: readonly InTreeDisk[];
  /** Names of the pod's ReadWriteOncePod claims. */
  readonly claims: ReadonlySet<string>;
  /** How often pods on nodes use them. Upstream begins with one for each claim in use, however many use it. */
  uses: number;
}

function create(): Plugin<RestrictionsState> {
  return {
    name: NAME,
    dependsOn: "cluster",
    preFilter(view, pod) {
      const { volumes } = pod.shape;
      if (volumes.length === 0 || view.volumes === undefined) return { kind: "skip" };
      const disks = volumes.flatMap((volume) => (volume.kind === "disk" ? [volume.disk] : []));
      const claims = new Set<string>();
      for (const { name, claim } of claimsOf(view.volumes, pod, isNamedClaim)) {
        if (claim === undefined) return { kind: "reject", rejection: missing(name) };
        if (claim.spec.accessModes.includes("ReadWriteOncePod")) claims.add(name);
      }
      const uses = claims.size === 0 ? 0 : usesInCluster(view, pod, claims);
      if (disks.length === 0 && uses === 0) return { kind: "skip" };
      return { kind: "state", state: { disks, claims, uses } };
    },
    // Names alone are compared here, not namespaces, as upstream does.
    addPod: (state, _view, _pod, added) => {
      state.uses += usesBy(added, state.claims);
    },
    removePod: (state, _view, _pod, removed) => {
      state.uses -= usesBy(removed, state.claims);
    },
    cloneState: (state) => ({ ...state }),
    filter(view, _pod, node, state) {
      if (state.disks.length > 0 && hasConflict(state.disks, view.podsOn(node))) return DISK_CONFLICT;
      return state.uses > 0 ? CLAIM_IN_USE : undefined;
    },
    requeueOn: ["AssignedPodDelete", "NodeAdd", "PersistentVolumeClaimAdd"],
  };
}

function missing(claimName: string): Rejection {
  return { plugin: NAME, code: "UnschedulableAndUnresolvable", reasons: [notFound(claimName)] };
}

function usesInCluster(view: SchedulerView, pod: PodInfo, claims: ReadonlySet<string>): number {
  let uses = 0;
  for (const node of view.nodeOrder) {
    for (const other of view.podsOn(node)) {
      if (other.shape.namespace === pod.shape.namespace) uses += usesBy(other, claims);
    }
  }
  return uses;
}

function usesBy(pod: PodInfo, claims: ReadonlySet<string>): number {
  let uses = 0;
  for (const volume of pod.shape.volumes) {
    if (isNamedClaim(volume) && claims.has(claimNameOf(volume, pod.name))) uses++;
  }
  return uses;
}

function hasConflict(disks: readonly InTreeDisk[], pods: readonly PodInfo[]): boolean {
  return pods.some((pod) =>
    pod.shape.volumes.some(
      (volume) => volume.kind === "disk" && disks.some((disk) => conflict(disk, volume.disk)),
    ),
  );
}

/** Two mounts of the same disk, not both read-only. RBD images are the same if they share a monitor, pool and image. */
function conflict(a: InTreeDisk, b: InTreeDisk): boolean {
  if (a.type === "awsElasticBlockStore") return b.type === a.type && a.volumeID === b.volumeID;
  if (b.type === "awsElasticBlockStore" || (a.readOnly && b.readOnly)) return false;
  if (a.type === "gcePersistentDisk") return b.type === a.type && a.pdName === b.pdName;
  if (a.type === "iscsi") return b.type === a.type && a.iqn === b.iqn;
  return (
    b.type === a.type &&
    a.pool === b.pool &&
    a.image === b.image &&
    a.monitors.some((monitor) => b.monitors.includes(monitor))
  );
}
