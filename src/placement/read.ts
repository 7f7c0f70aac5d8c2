/** Snapshots and manifests as files: what of them is modelled, and what is named as left out. */
import type { KubernetesObject } from "../api/objects.js";
import type { Field } from "../workload/field.js";
import { expandPaths, type FileSource } from "../workload/files.js";
import { readDocuments } from "../workload/json-documents.js";
import { readManifests } from "../workload/manifests.js";
import type { Problems, Severity } from "../workload/problems.js";
import type { YamlDocument } from "../workload/yaml.js";

/** A Kubernetes object as it stood in its file. */
export type RawObject = Readonly<Record<string, unknown>>;

export interface ReadObjects {
  /** In file order. */
  readonly objects: readonly KubernetesObject[];
  /** The same objects as they stood in their files. */
  readonly raw: ReadonlyMap<KubernetesObject, RawObject>;
  /** Objects of kinds that decide nothing about placement, by kind. */
  readonly leftOut: ReadonlyMap<string, number>;
}

export interface ReadOptions {
  /** What becomes of things that decide about placement and are not modelled: named in a warning, or refused. */
  readonly unmodelled?: Severity;
}

/** API groups whose objects decide where pods go, by schedulers or plugins that Seatrial has not got. */
const SCHEDULING_GROUPS: ReadonlyMap<string, string> = new Map([
  ["resource.k8s.io", "dynamic resource allocation"],
  ["scheduling.x-k8s.io", "the out-of-tree scheduler plugins"],
  ["scheduling.volcano.sh", "Volcano"],
  ["kueue.x-k8s.io", "Kueue"],
]);

/** Reads files, folders (recursively) and patterns as one cluster: an object given twice is an error. */
export function readObjects(
  paths: readonly string[],
  from: FileSource,
  problems: Problems,
  { unmodelled = "warning" }: ReadOptions = {},
): ReadObjects {
  const raw = new Map<KubernetesObject, RawObject>();
  const leftOut = new Map<string, number>();
  const claims = new Unmodelled(unmodelled);
  const files = expandPaths(paths, from, problems);
  const objects = readManifests(documentsOf(files, from, problems), problems, {
    onUnknown: (object, kind) => {
      if (!claims.sawKind(object, kind)) leftOut.set(kind, (leftOut.get(kind) ?? 0) + 1);
    },
    onObject: (object, field) => {
      raw.set(object, field.value as RawObject);
      claims.sawObject(object, field);
    },
  });
  claims.report();
  return { objects, raw, leftOut };
}

function* documentsOf(
  files: readonly string[],
  from: FileSource,
  problems: Problems,
): Iterable<YamlDocument> {
  for (const file of files) yield* readDocuments(file, from, problems);
}

/** Collects what is asked for and not modelled, to name each thing once, where it was first met. */
class Unmodelled {
  readonly #severity: Severity;
  readonly #found = new Map<string, { readonly first: Field; count: number }>();

  constructor(severity: Severity) {
    this.#severity = severity;
  }

  /** Does an object of this kind decide about placement? */
  sawKind(object: Field, kind: string): boolean {
    const version = object.at("apiVersion").value;
    const group = typeof version === "string" ? (version.split("/")[0] ?? "") : "";
    const whose = SCHEDULING_GROUPS.get(group);
    if (whose === undefined) return false;
    this.#add(`${kind} (${whose})`, object.at("kind"));
    return true;
  }

  sawObject(object: KubernetesObject, field: Field): void {
    const spec = object.kind === "Pod" ? field.at("spec") : field.in("spec", "template", "spec");
    const claims = spec.at("resourceClaims");
    if (Array.isArray(claims.value) && claims.value.length > 0) {
      this.#add("resourceClaims of a pod (dynamic resource allocation)", claims);
    }
  }

  report(): void {
    for (const [what, { first, count }] of this.#found) {
      const often = count === 1 ? "" : ` (${count} times, here first)`;
      first.problem(`${what} decides where pods go and is not modelled; it has no effect here${often}`, {
        severity: this.#severity,
        hideValue: true,
      });
    }
  }

  #add(what: string, field: Field): void {
    const seen = this.#found.get(what);
    if (seen === undefined) this.#found.set(what, { first: field, count: 1 });
    else seen.count++;
  }
}
