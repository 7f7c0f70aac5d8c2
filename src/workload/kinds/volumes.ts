/** Volumes: claims, persistent volumes, storage classes, and what CSI drivers say of nodes; with the API's defaults. */
import type {
  AccessMode,
  ClaimSpec,
  ClaimTemplate,
  CSINode,
  InTreeDisk,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  TopologySelectorTerm,
  Volume,
  VolumeAttachment,
} from "../../api/objects.js";
import type { Field } from "../field.js";
import { readNodeSelectorTerms } from "./affinity.js";
import { readLabelSelector, readMetadata } from "./metadata.js";

const ACCESS_MODES = [
  "ReadWriteOnce",
  "ReadOnlyMany",
  "ReadWriteMany",
  "ReadWriteOncePod",
] as const satisfies readonly AccessMode[];
const VOLUME_MODES = ["Filesystem", "Block"] as const;

/** The class in an annotation of old wins over the field (storagehelpers.GetPersistentVolumeClaimClass). */
const CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class";
const DEFAULT_CLASS_ANNOTATIONS = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];

export function readPersistentVolumeClaim(object: Field): PersistentVolumeClaim {
  const metadata = readMetadata(object, "namespaced");
  const phase = object.in("status", "phase");
  return {
    kind: "PersistentVolumeClaim",
    metadata,
    spec: readClaimSpec(object.at("spec"), metadata.annotations[CLASS_ANNOTATION]),
    ...(phase.present ? { phase: phase.oneOf(["Pending", "Bound", "Lost"]) } : {}),
  };
}

function readClaimSpec(spec: Field, annotatedClass: string | undefined): ClaimSpec {
  spec.requireMapping("a claim's spec");
  const storageClassName = annotatedClass ?? spec.at("storageClassName").optionalString();
  const selector = readLabelSelector(spec.at("selector"));
  const volumeName = spec.at("volumeName").optionalString();
  return {
    accessModes: readAccessModes(spec),
    storage: readStorage(spec.in("resources", "requests", "storage")),
    ...(storageClassName === undefined ? {} : { storageClassName }),
    volumeMode: spec.at("volumeMode").oneOf(VOLUME_MODES, "Filesystem"),
    ...(selector === undefined ? {} : { selector }),
    ...(volumeName === undefined || volumeName === "" ? {} : { volumeName }),
  };
}

export function readClaimTemplate(template: Field): ClaimTemplate {
  template.requireMapping("a claim template");
  const annotations = template.in("metadata", "annotations").stringMap();
  return {
    labels: template.in("metadata", "labels").stringMap(),
    annotations,
    spec: readClaimSpec(template.at("spec"), annotations[CLASS_ANNOTATION]),
  };
}

function readAccessModes(spec: Field): AccessMode[] {
  const modes = spec.at("accessModes");
  if (spec.present && modes.list().length === 0) {
    modes.problem("expected at least one access mode, such as ReadWriteOnce", { hideValue: true });
  }
  return modes.list().map((mode) => mode.oneOf(ACCESS_MODES));
}

function readStorage(storage: Field): bigint {
  return storage.present ? (storage.quantity() ?? 0n) : 0n;
}

export function readPersistentVolume(object: Field): PersistentVolume {
  const metadata = readMetadata(object, "cluster");
  const spec = object.at("spec");
  spec.requireMapping("a volume's spec");
  const claimRef = spec.at("claimRef");
  const required = spec.in("nodeAffinity", "required");
  const csi = spec.at("csi");
  return {
    kind: "PersistentVolume",
    metadata,
    storage: readStorage(spec.in("capacity", "storage")),
    accessModes: readAccessModes(spec),
    storageClassName: metadata.annotations[CLASS_ANNOTATION] ?? spec.at("storageClassName").stringOr(""),
    volumeMode: spec.at("volumeMode").oneOf(VOLUME_MODES, "Filesystem"),
    ...(claimRef.checkMapping()
      ? {
          claimRef: {
            namespace: claimRef.at("namespace").stringOr("default"),
            name: claimRef.at("name").string(),
            uid: claimRef.at("uid").stringOr(""),
          },
        }
      : {}),
    ...(required.checkMapping() ? { nodeAffinity: readNodeSelectorTerms(required) } : {}),
    ...(csi.checkMapping()
      ? { csi: { driver: csi.at("driver").string(), volumeHandle: csi.at("volumeHandle").string() } }
      : {}),
    // The volume controller makes a new volume available at once.
    phase: object
      .in("status", "phase")
      .oneOf(["Available", "Bound", "Released", "Failed", "Pending"], "Available"),
  };
}

export function readStorageClass(object: Field): StorageClass {
  const metadata = readMetadata(object, "cluster");
  return {
    kind: "StorageClass",
    metadata,
    provisioner: object.at("provisioner").string(),
    volumeBindingMode: object
      .at("volumeBindingMode")
      .oneOf(["Immediate", "WaitForFirstConsumer"], "Immediate"),
    allowedTopologies: object.at("allowedTopologies").list().map(readTopologyTerm),
    isDefault: DEFAULT_CLASS_ANNOTATIONS.some((key) => metadata.annotations[key] === "true"),
  };
}

function readTopologyTerm(term: Field): TopologySelectorTerm {
  return term
    .at("matchLabelExpressions")
    .list()
    .map((expression) => ({
      key: expression.at("key").string(),
      values: expression.at("values").strings(),
    }));
}

export function readCSINode(object: Field): CSINode {
  return {
    kind: "CSINode",
    metadata: readMetadata(object, "cluster"),
    drivers: object
      .in("spec", "drivers")
      .list()
      .map((driver) => {
        const volumesMax = driver.in("allocatable", "count").optionalInteger({ min: 0 });
        return {
          name: driver.at("name").string(),
          topologyKeys: driver.at("topologyKeys").strings(),
          ...(volumesMax === undefined ? {} : { volumesMax }),
        };
      }),
  };
}

export function readVolumeAttachment(object: Field): VolumeAttachment {
  const spec = object.at("spec");
  spec.requireMapping("a spec");
  const persistentVolumeName = spec.in("source", "persistentVolumeName").optionalString();
  return {
    kind: "VolumeAttachment",
    metadata: readMetadata(object, "cluster"),
    attacher: spec.at("attacher").stringOr(""),
    nodeName: spec.at("nodeName").stringOr(""),
    ...(persistentVolumeName === undefined ? {} : { persistentVolumeName }),
  };
}

/** A volume of a pod. Of sources that the scheduler does not look at only the name is kept. */
export function readVolume(volume: Field): Volume {
  const claim = volume.at("persistentVolumeClaim");
  const ephemeral = volume.at("ephemeral");
  const disk = readDisk(volume);
  return {
    name: volume.at("name").string(),
    ...(claim.checkMapping() ? { claimName: claim.at("claimName").string() } : {}),
    ...(ephemeral.checkMapping()
      ? { ephemeral: readClaimTemplate(ephemeral.at("volumeClaimTemplate")) }
      : {}),
    ...(disk === undefined ? {} : { disk }),
  };
}

/** RBD's pool is "rbd" where none is given (SetDefaults_RBDVolumeSource). */
function readDisk(volume: Field): InTreeDisk | undefined {
  const gce = volume.at("gcePersistentDisk");
  if (gce.checkMapping()) {
    const readOnly = gce.at("readOnly").booleanOr(false);
    return { type: "gcePersistentDisk", pdName: gce.at("pdName").string(), readOnly };
  }
  const ebs = volume.at("awsElasticBlockStore");
  if (ebs.checkMapping()) return { type: "awsElasticBlockStore", volumeID: ebs.at("volumeID").string() };
  const iscsi = volume.at("iscsi");
  if (iscsi.checkMapping()) {
    const readOnly = iscsi.at("readOnly").booleanOr(false);
    return { type: "iscsi", iqn: iscsi.at("iqn").string(), readOnly };
  }
  const rbd = volume.at("rbd");
  if (!rbd.checkMapping()) return undefined;
  return {
    type: "rbd",
    monitors: rbd.at("monitors").strings(),
    pool: rbd.at("pool").stringOr("rbd") || "rbd",
    image: rbd.at("image").string(),
    readOnly: rbd.at("readOnly").booleanOr(false),
  };
}
