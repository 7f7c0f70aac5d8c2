import type { PersistentVolume } from "../../api/objects.js";
import { labelOf } from "../../api/selectors.js";
import { LABEL_REGION, LABEL_REGION_BETA, LABEL_ZONE, LABEL_ZONE_BETA } from "../../api/well-known.js";
import type { NodeInfo, Plugin, PluginFactory, PodInfo, Rejection } from "../framework/types.js";
import type { VolumesView } from "../framework/volumes.js";
import { claimsOf, classOf, isNamedClaim, notFound } from "./volume-claims.js";

const NAME = "VolumeZone";

const CONFLICT: Rejection = {
  plugin: NAME,
  code: "UnschedulableAndUnresolvable",
  reasons: ["node(s) had no available volume zone"],
};

/** Labels of old and what they are called since. */
const TOPOLOGY_LABELS: readonly string[] = [LABEL_ZONE_BETA, LABEL_REGION_BETA, LABEL_ZONE, LABEL_REGION];

/** Between the zones of a volume that is in several. */
const DELIMITER = "__";

/**
 * VolumeZone of kube-scheduler v1.34: a bound volume's zone and region labels must fit the node's. A node without any
 * such label takes every volume. What a volume says in its node affinity is VolumeBinding's business.
 */
export const volumeZone: PluginFactory = {
  name: NAME,
  description: "Refuses nodes outside the zones and regions that the pod's bound volumes are labelled with.",
  origin: "kubernetes",
  create,
};

interface VolumeTopology {
  readonly key: string;
  readonly values: ReadonlySet<string>;
}

function create(): Plugin<readonly VolumeTopology[]> {
  return {
    name: NAME,
    dependsOn: "cluster",
    preFilter(view, pod) {
      if (view.volumes === undefined || !pod.shape.volumes.some(isNamedClaim)) return { kind: "skip" };
      const found = topologiesOf(view.volumes, pod);
      if (typeof found === "string") return { kind: "reject", rejection: unresolvable(found) };
      return found.length === 0 ? { kind: "skip" } : { kind: "state", state: found };
    },
    filter: (view, _pod, node, topologies) => (fits(topologies, view.node(node)) ? undefined : CONFLICT),
    requeueOn: [
      "StorageClassAdd",
      "NodeAdd",
      "NodeLabelUpdate",
      "PersistentVolumeClaimAdd",
      "PersistentVolumeClaimUpdate",
      "PersistentVolumeAdd",
      "PersistentVolumeUpdate",
    ],
  };
}

/** The zone and region labels of the pod's bound volumes, or why no node can take it. */
function topologiesOf(volumes: VolumesView, pod: PodInfo): VolumeTopology[] | string {
  const topologies: VolumeTopology[] = [];
  for (const { name, claim } of claimsOf(volumes, pod, isNamedClaim)) {
    if (name === "") return "PersistentVolumeClaim had no name";
    if (claim === undefined) return notFound(name);
    const { volumeName } = claim.spec;
    if (volumeName === undefined) {
      const className = classOf(claim);
      if (className === "") return "PersistentVolumeClaim had no pv name and storageClass name";
      const storageClass = volumes.storageClass(className);
      if (storageClass === undefined) return `storageclass.storage.k8s.io "${className}" not found`;
      // Where it will be is decided together with the node.
      if (storageClass.volumeBindingMode === "WaitForFirstConsumer") continue;
      return "PersistentVolume had no name";
    }
    const volume = volumes.volume(volumeName);
    if (volume === undefined) return `persistentvolume "${volumeName}" not found`;
    topologies.push(...labelledTopologies(volume.object));
  }
  return topologies;
}

/** A label with an empty zone among its zones is ignored (volumehelpers.LabelZonesToSet). */
function labelledTopologies({ metadata }: PersistentVolume): VolumeTopology[] {
  return TOPOLOGY_LABELS.flatMap((key) => {
    const label = labelOf(metadata.labels, key);
    const values = label?.split(DELIMITER).map((value) => value.trim());
    return values === undefined || values.includes("") ? [] : [{ key, values: new Set(values) }];
  });
}

function fits(topologies: readonly VolumeTopology[], { labels }: NodeInfo): boolean {
  if (!TOPOLOGY_LABELS.some((key) => labelOf(labels, key) !== undefined)) return true;
  return topologies.every(({ key, values }) => {
    const value = labelOf(labels, key) ?? labelOf(labels, sinceRenamed(key));
    return value !== undefined && values.has(value);
  });
}

function sinceRenamed(key: string): string {
  if (key === LABEL_ZONE_BETA) return LABEL_ZONE;
  return key === LABEL_REGION_BETA ? LABEL_REGION : key;
}

function unresolvable(reason: string): Rejection {
  return { plugin: NAME, code: "UnschedulableAndUnresolvable", reasons: [reason] };
}
