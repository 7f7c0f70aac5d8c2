/** Kubernetes manifests: from documents to objects with the API's defaults, all mistakes collected. */
import type { KubernetesObject } from "../api/objects.js";
import { Field, formatPath } from "./field.js";
import { expandPaths, type FileSource } from "./files.js";
import { readDocuments } from "./json-documents.js";
import {
  readNamespace,
  readNode,
  readPodDisruptionBudget,
  readPriorityClass,
  readService,
} from "./kinds/cluster.js";
import { readPod } from "./kinds/pod.js";
import {
  readCSINode,
  readPersistentVolume,
  readPersistentVolumeClaim,
  readStorageClass,
  readVolumeAttachment,
} from "./kinds/volumes.js";
import {
  readDaemonSet,
  readDeployment,
  readJob,
  readReplicaSet,
  readReplicationController,
  readStatefulSet,
} from "./kinds/workloads.js";
import { closestOf, type Problem, Problems } from "./problems.js";
import type { ListOfItem, YamlDocument, YamlPath } from "./yaml.js";

type Reader = (object: Field) => KubernetesObject;

/** API group and reader of every kind that Seatrial models. */
const KINDS: Readonly<Record<KubernetesObject["kind"], { readonly group: string; readonly read: Reader }>> = {
  Pod: { group: "", read: readPod },
  Deployment: { group: "apps", read: readDeployment },
  ReplicaSet: { group: "apps", read: readReplicaSet },
  ReplicationController: { group: "", read: readReplicationController },
  StatefulSet: { group: "apps", read: readStatefulSet },
  DaemonSet: { group: "apps", read: readDaemonSet },
  Job: { group: "batch", read: readJob },
  Service: { group: "", read: readService },
  PriorityClass: { group: "scheduling.k8s.io", read: readPriorityClass },
  PodDisruptionBudget: { group: "policy", read: readPodDisruptionBudget },
  Node: { group: "", read: readNode },
  Namespace: { group: "", read: readNamespace },
  PersistentVolumeClaim: { group: "", read: readPersistentVolumeClaim },
  PersistentVolume: { group: "", read: readPersistentVolume },
  StorageClass: { group: "storage.k8s.io", read: readStorageClass },
  CSINode: { group: "storage.k8s.io", read: readCSINode },
  VolumeAttachment: { group: "storage.k8s.io", read: readVolumeAttachment },
};

/** Kinds that Seatrial models, in the order documented. */
export const KUBERNETES_KINDS = Object.keys(KINDS) as readonly KubernetesObject["kind"][];

/** Groups that have been another kind's home and are still met in old files. */
const OLD_GROUPS: ReadonlySet<string> = new Set(["extensions"]);

export interface ReadOptions {
  /** What becomes of objects that Seatrial does not model. Told of each; by default a warning each. */
  readonly onUnknown?: (object: Field, kind: string) => void;
  /** Told of each object that is kept, with the place it was read from. */
  readonly onObject?: (object: KubernetesObject, field: Field) => void;
}

/** The objects of some files, folders (recursively) and globs, in bytewise order of each. */
export function loadManifests(
  paths: readonly string[],
  from: FileSource,
  problems: Problems,
): KubernetesObject[] {
  const reading = new ManifestReading(problems);
  for (const file of expandPaths(paths, from, problems)) reading.add(readDocuments(file, from, problems));
  return reading.objects;
}

/** The objects of documents already read. Objects given twice are an error. */
export function readManifests(
  documents: Iterable<YamlDocument>,
  problems: Problems,
  options: ReadOptions = {},
): KubernetesObject[] {
  const reading = new ManifestReading(problems, options);
  reading.add(documents);
  return reading.objects;
}

class ManifestReading {
  readonly objects: KubernetesObject[] = [];
  readonly #problems: Problems;
  readonly #options: ReadOptions;
  /** `kind/namespace/name` → where it was first. */
  readonly #seen = new Map<string, Field>();

  constructor(problems: Problems, options: ReadOptions = {}) {
    this.#problems = problems;
    this.#options = options;
  }

  add(documents: Iterable<YamlDocument>): void {
    for (const document of documents) {
      if (document.itemOf === undefined) this.#object(Field.root(document, this.#problems));
      else this.#itemByItself(document, document.itemOf);
    }
  }

  #itemByItself(document: YamlDocument, { path, kind = "", apiVersion }: ListOfItem): void {
    const item = Field.root(document, new ProblemsWithin(path, this.#problems));
    const list = { ...document, data: { apiVersion }, positionOf: () => document.positionOf([]) };
    this.#item(item, kind, () => Field.root(list, this.#problems).at("apiVersion"));
  }

  #object(object: Field): void {
    if (!object.requireMapping("a Kubernetes object")) return;
    const kindField = object.at("kind");
    const kind = kindField.string();
    if (kind === "") {
      if (kindField.value === "") kindField.problem("expected the kind of the object");
      return;
    }
    // Any List of the API has items; its own kind says nothing that the items do not.
    if (kind === "List" || (kind.endsWith("List") && Array.isArray(object.at("items").value))) {
      for (const item of object.at("items").list()) {
        this.#item(item, kind, () => object.at("apiVersion"));
      }
      return;
    }
    if (isModelled(kind, object.at("apiVersion"))) this.#keep(KINDS[kind].read(object), object);
    else (this.#options.onUnknown ?? warnUnknown)(object, kind);
  }

  /** Items of a PodList may leave out what its name says: their kind. */
  #item(item: Field, listKind: string, apiVersion: () => Field): void {
    const kind = listKind.slice(0, -"List".length);
    if (kind !== "" && !item.at("kind").present && isModelled(kind, apiVersion())) {
      this.#keep(KINDS[kind].read(item), item);
    } else this.#object(item);
  }

  #keep(object: KubernetesObject, field: Field): void {
    const { name, namespace } = object.metadata;
    const key = `${object.kind}/${namespace}/${name}`;
    const first = name === "" ? undefined : this.#seen.get(key);
    if (first !== undefined) {
      const place = `${first.file}:${first.in("metadata", "name").line()}`;
      const message = `expected each object once, ${describe(object.kind, namespace, name)} is already at ${place}`;
      field.in("metadata", "name").problem(message, { hideValue: true });
      return;
    }
    this.#seen.set(key, field);
    this.objects.push(object);
    this.#options.onObject?.(object, field);
  }
}

/** Problems of an item, told with its place in the whole document. */
class ProblemsWithin extends Problems {
  readonly #path: YamlPath;
  readonly #all: Problems;

  constructor(path: YamlPath, all: Problems) {
    super();
    this.#path = path;
    this.#all = all;
  }

  override add(problem: Problem): void {
    const within = formatPath(this.#path);
    const between = problem.path === "" || problem.path.startsWith("[") ? "" : ".";
    this.#all.add({ ...problem, path: `${within}${between}${problem.path}` });
  }
}

function isModelled(kind: string, apiVersion: Field): kind is KubernetesObject["kind"] {
  if (!Object.hasOwn(KINDS, kind)) return false;
  const version = apiVersion.optionalString();
  if (version === undefined) return true;
  const group = version.includes("/") ? version.slice(0, version.indexOf("/")) : "";
  return group === KINDS[kind as KubernetesObject["kind"]].group || OLD_GROUPS.has(group);
}

function warnUnknown(object: Field, kind: string): void {
  const name = object.in("metadata", "name").value;
  const namespace = object.in("metadata", "namespace").value;
  const what = describe(
    kind,
    typeof namespace === "string" ? namespace : "",
    typeof name === "string" ? name : "",
  );
  const message = `${what} is left out: Seatrial does not model this kind`;
  // Kubernetes' other kinds are not near to ours, so a near one is a slip of the pen.
  const suggestion = closestOf(kind, KUBERNETES_KINDS);
  object.at("kind").problem(message, {
    severity: "warning",
    hideValue: true,
    suggestion: suggestion === kind ? undefined : suggestion,
  });
}

function describe(kind: string, namespace: string, name: string): string {
  return `${kind} ${namespace === "" ? "" : `${namespace}/`}${name === "" ? "(without a name)" : name}`;
}
