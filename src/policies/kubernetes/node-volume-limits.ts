import type { PersistentVolumeClaim } from "../../api/objects.js";
import type { Plugin, PluginFactory, PodInfo, Rejection } from "../framework/types.js";
import type { VolumesView } from "../framework/volumes.js";
import { claimsOf, classOf, isClaim, notFound, whyNotOwned } from "./volume-claims.js";

const NAME = "NodeVolumeLimits";

const TOO_MANY: Rejection = {
  plugin: NAME,
  code: "Unschedulable",
  reasons: ["node(s) exceed max volume count"],
};

/**
 * NodeVolumeLimits of kube-scheduler v1.34: a CSI driver's volumes on the node, those of the pod included, must not pass
 * the count that the driver registered in the node's CSINode. A volume that several pods share counts once; so does one
 * that is attached though no pod uses it. Volumes still to be made count by their class' provisioner.
 *
 * Left out: in-tree volumes that a driver took over (CSI migration).
 */
export const nodeVolumeLimits: PluginFactory = {
  name: NAME,
  description: "Refuses nodes where a CSI driver could not attach the pod's volumes besides those there.",
  origin: "kubernetes",
  create,
};

/** A volume's unique name → its driver. */
type AttachedVolumes = Map<string, string>;

function create(): Plugin<AttachedVolumes | Rejection> {
  return {
    name: NAME,
    dependsOn: "cluster",
    preFilter(view, pod) {
      if (view.volumes === undefined || !pod.shape.volumes.some(isClaim)) return { kind: "skip" };
      return { kind: "state", state: volumesOfIncoming(view.volumes, pod) };
    },
    filter(view, _pod, node, state) {
      const { volumes } = view;
      if (!(state instanceof Map)) return state;
      if (volumes === undefined || state.size === 0) return undefined;
      const { name } = view.node(node);
      const limits =
        volumes.csiNode(name)?.drivers.filter(({ volumesMax }) => volumesMax !== undefined) ?? [];
      if (limits.length === 0) return undefined;
      const attached: AttachedVolumes = new Map();
      for (const other of view.podsOn(node)) addVolumesOfExisting(volumes, other, attached);
      const added = countByDriver([...state].filter(([volume]) => !attached.has(volume)));
      for (const [volume, driver] of attachedTo(volumes, name)) attached.set(volume, driver);
      const present = countByDriver(attached);
      for (const { name: driver, volumesMax = 0 } of limits) {
        const more = added.get(driver) ?? 0;
        if (more > 0 && (present.get(driver) ?? 0) + more > volumesMax) return TOO_MANY;
      }
      return undefined;
    },
    requeueOn: ["CSINodeAdd", "CSINodeUpdate", "AssignedPodDelete", "PersistentVolumeClaimAdd"],
  };
}

/** The incoming pod's volumes by unique name; a rejection where a claim is missing or another pod's. */
function volumesOfIncoming(volumes: VolumesView, pod: PodInfo): AttachedVolumes | Rejection {
  const { namespace } = pod.shape;
  const found: AttachedVolumes = new Map();
  for (const { name, ephemeral, claim } of claimsOf(volumes, pod, isClaim)) {
    if (claim === undefined) return unresolvable(`looking up PVC ${namespace}/${name}: ${notFound(name)}`);
    const foreign = ephemeral ? whyNotOwned(claim, pod) : undefined;
    if (foreign !== undefined) return unresolvable(foreign);
    addVolume(volumes, claim, found);
  }
  return found;
}

/** A missing claim of a pod that runs counts nothing. */
function addVolumesOfExisting(volumes: VolumesView, pod: PodInfo, found: AttachedVolumes): void {
  if (pod.shape.volumes.length === 0) return;
  for (const { claim } of claimsOf(volumes, pod, isClaim)) {
    if (claim !== undefined) addVolume(volumes, claim, found);
  }
}

/** By its volume's driver and handle; a claim without a volume by its class' provisioner and its own name. */
function addVolume(volumes: VolumesView, claim: PersistentVolumeClaim, found: AttachedVolumes): void {
  const { namespace, name } = claim.metadata;
  const volume = claim.spec.volumeName === undefined ? undefined : volumes.volume(claim.spec.volumeName);
  if (volume !== undefined) {
    const { csi } = volume.object;
    if (csi !== undefined && csi.driver !== "" && csi.volumeHandle !== "") {
      found.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
    }
    return;
  }
  const provisioner = volumes.storageClass(classOf(claim))?.provisioner ?? "";
  if (provisioner !== "") found.set(`${provisioner}/claim ${namespace}/${name}`, provisioner);
}

/** CSI volumes that are attached to the node according to the API, whoever uses them. */
function attachedTo(volumes: VolumesView, node: string): AttachedVolumes {
  const found: AttachedVolumes = new Map();
  for (const { attacher, persistentVolumeName } of volumes.attachmentsTo(node)) {
    if (attacher === "" || persistentVolumeName === undefined) continue;
    const csi = volumes.volume(persistentVolumeName)?.object.csi;
    if (csi !== undefined) found.set(`${attacher}/${csi.volumeHandle}`, attacher);
  }
  return found;
}

function countByDriver(volumes: Iterable<readonly [volume: string, driver: string]>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, driver] of volumes) counts.set(driver, (counts.get(driver) ?? 0) + 1);
  return counts;
}

function unresolvable(reason: string): Rejection {
  return { plugin: NAME, code: "UnschedulableAndUnresolvable", reasons: [reason] };
}
