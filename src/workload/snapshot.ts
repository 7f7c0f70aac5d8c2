/**
 * A running cluster as `kubectl get nodes,pods,deployments,… -A -o yaml` (or json) shows it: its objects with their bound
 * pods, where its nodes stand, and the same as manifests for a scenario's folder.
 */
import type { KubernetesObject, Node } from "../api/objects.js";
import { isTerminal } from "../api/pods.js";
import { LABEL_REGION, LABEL_ZONE } from "../topology/topology.js";
import type { Field } from "./field.js";
import type { FileSource } from "./files.js";
import { readDocuments } from "./json-documents.js";
import { readManifests } from "./manifests.js";
import type { Problems } from "./problems.js";
import { readYaml, writeYaml, type YamlDocument } from "./yaml.js";

/** Labels of before Kubernetes 1.17, still met on old clusters. */
const OLD_ZONE = "failure-domain.beta.kubernetes.io/zone";
const OLD_REGION = "failure-domain.beta.kubernetes.io/region";
/** Where nodes without labels are taken to stand. */
export const UNLABELLED_ZONE = "zone-1";
export const UNLABELLED_REGION = "region-1";

export interface Snapshot {
  /** In file order. */
  readonly objects: readonly KubernetesObject[];
  /** The same objects as they stood in the file. */
  readonly raw: readonly Readonly<Record<string, unknown>>[];
}

/** Reads a snapshot. Kinds that are not modelled are named in one warning each, with their number. */
export function readSnapshot(text: string, file: string, problems: Problems): Snapshot {
  return snapshotOf(readYaml(text, file, problems), file, problems);
}

/** The same of a file, JSON of any size. */
export function readSnapshotFile(file: string, from: FileSource, problems: Problems): Snapshot {
  return snapshotOf(readDocuments(file, from, problems), file, problems);
}

function snapshotOf(documents: Iterable<YamlDocument>, file: string, problems: Problems): Snapshot {
  const unknown = new Map<string, { count: number; readonly first: Field }>();
  const raw: Readonly<Record<string, unknown>>[] = [];
  const objects = readManifests(documents, problems, {
    onUnknown: (object, kind) => {
      const seen = unknown.get(kind);
      if (seen === undefined) unknown.set(kind, { count: 1, first: object });
      else seen.count += 1;
    },
    onObject: (_, field) => raw.push(field.value as Readonly<Record<string, unknown>>),
  });
  for (const [kind, { count, first }] of unknown) {
    const what = count === 1 ? `1 object of kind ${kind} is` : `${count} objects of kind ${kind} are`;
    const message = `${what} left out: Seatrial does not model this kind`;
    first.at("kind").problem(message, { severity: "warning", hideValue: true });
  }
  if (objects.length === 0 && !problems.hasErrors) {
    problems.addFileError(file, "expected the output of kubectl get -o yaml or -o json, found no object");
  }
  return { objects, raw };
}

/** Regions and their zones, from the nodes' labels, in order of first appearance. */
export interface SnapshotTopology {
  readonly regions: readonly { readonly name: string; readonly zones: readonly string[] }[];
  /** Nodes without a zone label; they are placed in a zone of their own. */
  readonly unlabelled: readonly string[];
}

/** The zone and region of a node: its labels, old or new, else the places for nodes without. */
export function placeOf(node: Node): { readonly region: string; readonly zone: string } {
  const { labels } = node.metadata;
  return {
    region: labels[LABEL_REGION] ?? labels[OLD_REGION] ?? UNLABELLED_REGION,
    zone: labels[LABEL_ZONE] ?? labels[OLD_ZONE] ?? UNLABELLED_ZONE,
  };
}

export function topologyOf(objects: readonly KubernetesObject[]): SnapshotTopology {
  const regions = new Map<string, Set<string>>();
  const unlabelled: string[] = [];
  for (const node of objects) {
    if (node.kind !== "Node") continue;
    const { region, zone } = placeOf(node);
    const zones = regions.get(region) ?? new Set();
    regions.set(region, zones.add(zone));
    const { labels } = node.metadata;
    if (labels[LABEL_ZONE] === undefined && labels[OLD_ZONE] === undefined)
      unlabelled.push(node.metadata.name);
  }
  return { regions: [...regions].map(([name, zones]) => ({ name, zones: [...zones] })), unlabelled };
}

export interface RenderOptions {
  /**
   * Also pods and ReplicaSets that a controller of the snapshot owns. Without (the default) the simulated controllers
   * make them anew; with them a scenario starts from the very placement of the snapshot.
   */
  readonly owned?: boolean;
}

export interface RenderedFile {
  /** Within the scenario's folder. */
  readonly path: string;
  readonly text: string;
}

/**
 * The snapshot as manifests, one file a kind: without status (but for what a node can hold), server-side fields and
 * pods that have ended; nodes with zone and region labels.
 */
export function renderSnapshot(snapshot: Snapshot, options: RenderOptions = {}): RenderedFile[] {
  const owners = new Set(snapshot.objects.map((object) => ownerKey(object.kind, object.metadata)));
  const byKind = new Map<string, string[]>();
  for (const [index, object] of snapshot.objects.entries()) {
    const raw = snapshot.raw[index];
    if (raw === undefined || !isKept(object, owners, options)) continue;
    const texts = byKind.get(object.kind) ?? [];
    byKind.set(object.kind, texts);
    texts.push(writeYaml(cleaned(object, raw)));
  }
  return [...byKind].map(([kind, texts]) => ({
    path: `${fileNameOf(kind)}.yaml`,
    text: texts.join("---\n"),
  }));
}

const FILE_NAMES: Readonly<Record<string, string>> = {
  PriorityClass: "priority-classes",
  PodDisruptionBudget: "pod-disruption-budgets",
  ReplicaSet: "replica-sets",
  ReplicationController: "replication-controllers",
  StatefulSet: "stateful-sets",
  DaemonSet: "daemon-sets",
  PersistentVolumeClaim: "persistent-volume-claims",
  PersistentVolume: "persistent-volumes",
  StorageClass: "storage-classes",
  CSINode: "csi-nodes",
  VolumeAttachment: "volume-attachments",
};

function fileNameOf(kind: string): string {
  return FILE_NAMES[kind] ?? `${kind.toLowerCase()}s`;
}

function ownerKey(
  kind: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  return `${kind}/${namespace}/${name}`;
}

function isKept(
  object: KubernetesObject,
  owners: ReadonlySet<string>,
  { owned = false }: RenderOptions,
): boolean {
  if (object.kind === "Pod" && isTerminal(object.status)) return false;
  if (owned) return true;
  const { namespace, ownerReferences } = object.metadata;
  return !ownerReferences.some(
    ({ controller, kind, name }) => controller && owners.has(ownerKey(kind, { namespace, name })),
  );
}

type Plain = Record<string, unknown>;

/** What the API server wrote besides the author. */
const SERVER_METADATA = [
  "managedFields",
  "resourceVersion",
  "generation",
  "selfLink",
  "creationTimestamp",
] as const;
const SERVER_ANNOTATIONS = [
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
] as const;

function cleaned(object: KubernetesObject, raw: Readonly<Record<string, unknown>>): Plain {
  const { status, metadata, ...rest } = raw;
  const meta: Plain = { ...asPlain(metadata) };
  for (const key of SERVER_METADATA) delete meta[key];
  if (object.kind !== "Pod" && object.kind !== "ReplicaSet") delete meta.ownerReferences;
  if (meta.annotations !== undefined) {
    const annotations: Plain = { ...asPlain(meta.annotations) };
    for (const key of SERVER_ANNOTATIONS) delete annotations[key];
    if (Object.keys(annotations).length === 0) delete meta.annotations;
    else meta.annotations = annotations;
  }
  if (object.kind === "Node") {
    const { zone, region } = placeOf(object);
    meta.labels = { ...asPlain(meta.labels), [LABEL_ZONE]: zone, [LABEL_REGION]: region };
  }
  const { apiVersion, kind, ...body } = rest;
  const kept = keptStatus(object, asPlain(status));
  return {
    apiVersion: apiVersion ?? "v1",
    kind: kind ?? object.kind,
    metadata: meta,
    ...body,
    ...(kept === undefined ? {} : { status: kept }),
  };
}

function keptStatus(object: KubernetesObject, status: Plain): Plain | undefined {
  if (object.kind === "Node") return nodeStatus(object, status);
  // A claim without a phase would be one that no controller has seen yet.
  if (object.kind === "PersistentVolumeClaim" || object.kind === "PersistentVolume") {
    return status.phase === undefined ? undefined : { phase: status.phase };
  }
  if (object.kind !== "Pod" || object.status.phase === "Pending") return undefined;
  const ready = object.status.ready ? { conditions: [{ type: "Ready", status: "True" }] } : {};
  const { startTime } = object.status;
  return { phase: object.status.phase, ...ready, ...(startTime === undefined ? {} : { startTime }) };
}

/** What a node can hold, the images it has, and whether it was ready. */
function nodeStatus(node: Node, status: Plain): Plain {
  const kept: Plain = {};
  for (const key of ["allocatable", "images"]) if (status[key] !== undefined) kept[key] = status[key];
  if (kept.allocatable === undefined && status.capacity !== undefined) kept.allocatable = status.capacity;
  if (!node.ready) kept.conditions = [{ type: "Ready", status: "False" }];
  return kept;
}

function asPlain(value: unknown): Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Plain) : {};
}
