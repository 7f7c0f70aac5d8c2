/** The snapshot and configuration files of the commands that place pods without simulating. */
import { readFileSync } from "node:fs";
import type { KubernetesObject } from "../api/objects.js";
import { VOLUME_KINDS } from "../placement/cluster.js";
import { type ReadObjects, readObjects } from "../placement/read.js";
import type { ProfileSpec } from "../policies/framework/types.js";
import { defaultProfile } from "../policies/profiles.js";
import { SHELF } from "../policies/shelf.js";
import { readSchedulerConfiguration } from "../scenario/scheduler-configuration.js";
import { PriorityClasses } from "../workload/admission.js";
import { chunksOf, type FileSource, fileSource } from "../workload/files.js";
import { formatProblem, Problems } from "../workload/problems.js";
import { readYaml } from "../workload/yaml.js";
import { stopOnErrors } from "./exit.js";
import type { Terminal } from "./terminal.js";

export interface PlacementFiles {
  readonly snapshot: readonly string[];
  readonly config?: string;
  readonly add?: readonly string[];
  readonly strict?: boolean;
  readonly quiet?: boolean;
}

export interface PlacementInput {
  readonly snapshot: ReadObjects;
  /** Of `--add`. */
  readonly added: ReadObjects;
  readonly profiles: readonly ProfileSpec[];
}

/** The standard input, as most tools name it. */
const STDIN = "-";

/** Reads everything that the options name. Throws BadInput with every mistake; warnings go to the standard error. */
export function readPlacementFiles(
  { snapshot, config, add = [], strict = false, quiet = false }: PlacementFiles,
  terminal: Terminal,
): PlacementInput {
  const problems = new Problems();
  const from = withStdin(fileSource());
  const unmodelled = strict ? "error" : "warning";
  const read = readObjects(snapshot, from, problems, { unmodelled });
  if (!problems.hasErrors && !read.objects.some(({ kind }) => kind === "Node")) {
    problems.addFileError(snapshot.join(" "), "expected Node objects (kubectl get nodes,pods,… -A -o yaml)");
  }
  const added = readObjects(add, from, problems, { unmodelled });
  const profiles =
    config === undefined ? [defaultProfile()] : readProfiles(config, from, problems, unmodelled);
  warnOfMissingVolumes([...read.objects, ...added.objects], snapshot.join(" "), problems);
  const prioritized = withPriorities(read, snapshot.join(" "), problems);
  stopOnErrors(problems);
  if (!quiet) {
    for (const problem of problems.list()) terminal.err(formatProblem(problem));
    const leftOut = [...read.leftOut, ...added.leftOut].map(([kind, count]) => `${count} ${kind}`);
    if (leftOut.length > 0) terminal.err(`left out, deciding nothing about placement: ${leftOut.join(", ")}`);
  }
  return { snapshot: prioritized, added, profiles };
}

/** Claims without any volume object: the snapshot was made without them, and is no proof that they are missing. */
function warnOfMissingVolumes(objects: readonly KubernetesObject[], file: string, problems: Problems): void {
  if (objects.some(({ kind }) => VOLUME_KINDS.includes(kind))) return;
  const claiming = objects.find(
    (object) =>
      object.kind === "Pod" &&
      object.spec.nodeName === undefined &&
      object.spec.volumes.some(({ claimName, ephemeral }) => (claimName ?? ephemeral) !== undefined),
  );
  if (claiming === undefined) return;
  const { namespace, name } = claiming.metadata;
  const message = `pod ${namespace}/${name} has claims, but there is no volume object here: volumes are not looked at (kubectl get pv,pvc,storageclasses,csinodes)`;
  problems.add({ file, path: "", message, severity: "warning" });
}

function withStdin(from: FileSource): FileSource {
  let text: string | undefined;
  let isTaken = false;
  function* chunksOfStdin(): Generator<Uint8Array, void, undefined> {
    isTaken = true;
    yield* chunksOf(0);
  }
  return {
    list: (folder) => (folder === STDIN ? undefined : from.list(folder)),
    readFile: (path) => {
      if (path !== STDIN) return from.readFile(path);
      if (!isTaken) text ??= readFileSync(0, "utf8");
      return text;
    },
    readChunks: (path, stretch) => {
      if (path !== STDIN) return from.readChunks?.(path, stretch);
      if (text !== undefined) return [new TextEncoder().encode(text)];
      return isTaken || stretch !== undefined ? undefined : chunksOfStdin();
    },
  };
}

function readProfiles(
  file: string,
  from: FileSource,
  problems: Problems,
  unmodelled: "error" | "warning",
): readonly ProfileSpec[] {
  const text = from.readFile(file);
  if (text === undefined) {
    problems.addFileError(file, "expected a KubeSchedulerConfiguration that can be read");
    return [];
  }
  const [document] = readYaml(text, file, problems);
  if (document === undefined) {
    if (!problems.hasErrors)
      problems.addFileError(file, "expected a KubeSchedulerConfiguration, found nothing");
    return [];
  }
  const shelf = new Set(SHELF.map(({ name }) => name));
  const place = { document, at: [] };
  const options = { unmodelled };
  return readSchedulerConfiguration(document.data, place, shelf, problems, options)?.profiles ?? [];
}

/** A pod of a cluster has its priority already; one that was written by hand may name its class alone. */
function withPriorities(read: ReadObjects, file: string, problems: Problems): ReadObjects {
  const classes = new PriorityClasses(read.objects);
  const raw = new Map(read.raw);
  const objects = read.objects.map((object): KubernetesObject => {
    if (object.kind !== "Pod" || object.spec.priority !== undefined) return object;
    const path = `Pod ${object.metadata.namespace}/${object.metadata.name}: spec`;
    const admitted = { ...object, spec: classes.admit(object.spec, path, file, problems) };
    raw.set(admitted, read.raw.get(object) ?? {});
    return admitted;
  });
  return { ...read, objects, raw };
}
