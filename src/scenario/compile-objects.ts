/** Kubernetes objects of a scenario: manifests, inline objects, and the pods that arrive later. */
import type { KubernetesObject, Node, PodTemplate, PriorityClass } from "../api/objects.js";
import type { ArrivalClass, ArrivalModel } from "../cluster/model.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import { admitObjects, DEFAULT_ADMISSION } from "../workload/admission.js";
import { expandPaths, type FileSource } from "../workload/files.js";
import { readManifests } from "../workload/manifests.js";
import { Problems } from "../workload/problems.js";
import { readYaml, type YamlDocument, type YamlPath } from "../workload/yaml.js";
import { pathBeside } from "./paths.js";
import { type DistributionSpec, durationUs, ratePerSecond, variateUs } from "./scalars.js";
import { addProblem, type Place, placeBelow } from "./shape.js";
import type { ArrivalWritten } from "./workload-schema.js";

/** What objects are read from and where mistakes go. `place` is the scenario's document at `spec`. */
export interface ObjectContext {
  readonly file: string;
  readonly from: FileSource;
  readonly place: Place;
  readonly problems: Problems;
}

export interface ScenarioObjects {
  /** With admission done; no nodes. */
  readonly objects: readonly KubernetesObject[];
  /** False where a file could not be read, so that what is missing may have stood there. */
  readonly complete: boolean;
}

/** Everything that is applied at time 0. */
export function compileObjects(
  manifests: readonly string[],
  inline: readonly Readonly<Record<string, unknown>>[],
  context: ObjectContext,
): ScenarioObjects & { readonly nodes: readonly Node[] } {
  const { file, problems } = context;
  const before = problems.errorCount;
  const documents = readFiles(manifests, context);
  const complete = problems.errorCount === before;
  const read = readTogether(documents, inline, context);
  const nodes = read.filter((object) => object.kind === "Node");
  const rest = read.filter((object) => object.kind !== "Node");
  return { objects: admitObjects(rest, { ...DEFAULT_ADMISSION, file }, problems), nodes, complete };
}

/** Documents of all files; a path that names nothing is a mistake where the scenario names it. */
function readFiles(
  manifests: readonly string[],
  { file, from, place, problems }: ObjectContext,
): YamlDocument[] {
  const seen = new Set<string>();
  return manifests.flatMap((manifest, index) => {
    const own = new Problems();
    const files = expandPaths([pathBeside(file, manifest)], from, own);
    for (const { message } of own.list()) {
      addProblem(place, ["workload", "manifests", index], { message, value: manifest }, problems);
    }
    return files.flatMap((path) => {
      if (seen.has(path)) return [];
      seen.add(path);
      return readYaml(from.readFile(path) ?? "", path, problems);
    });
  });
}

/** Marks the file name of inline objects while they are read, so that their problems are found again. */
const INLINE = "\u0000objects";

/** Files and inline objects in one reading, so that an object given twice is found wherever it stands. */
function readTogether(
  documents: readonly YamlDocument[],
  inline: readonly Readonly<Record<string, unknown>>[],
  { place, problems }: ObjectContext,
): KubernetesObject[] {
  const { document } = place;
  const own = new Problems();
  const written = inline.map((data, index): YamlDocument => {
    const at = [...place.at, "workload", "objects", index];
    const positionOf = (path: YamlPath) => document.positionOf([...at, ...path]);
    return { file: `${document.file}${INLINE}${index}`, data, positionOf };
  });
  const objects = readManifests([...documents, ...written], own);
  for (const problem of own.list()) {
    const [file = "", index] = problem.file.split(INLINE);
    const message = problem.message.replaceAll(new RegExp(`${INLINE}[0-9]+`, "g"), "");
    if (index === undefined) problems.add({ ...problem, message });
    else {
      const above = `spec.workload.objects[${index}]`;
      problems.add({
        ...problem,
        file,
        message,
        path: problem.path === "" ? above : `${above}.${problem.path}`,
      });
    }
  }
  return objects;
}

/** The streams of arrivals; `objects` are those of the scenario, for their priority classes. */
export function compileArrivals(
  written: readonly ArrivalWritten[],
  objects: readonly KubernetesObject[],
  horizonUs: Micros,
  context: ObjectContext,
): ArrivalModel[] {
  const classes = objects.filter((object) => object.kind === "PriorityClass");
  return written.map((arrival, index): ArrivalModel => {
    const at = placeBelow(context.place, "workload", "arrivals", index);
    return {
      name: arrival.name ?? `arrivals-${index}`,
      process: processOf(arrival.process),
      startUs: durationUs(arrival.start ?? "0"),
      endUs: Math.min(horizonUs, arrival.end === undefined ? horizonUs : durationUs(arrival.end)),
      ...(arrival.count === undefined ? {} : { count: arrival.count }),
      order: "weighted",
      classes: classesOf(arrival, classes, at, context),
    };
  });
}

function processOf({ poisson, every, times }: ArrivalWritten["process"]): ArrivalModel["process"] {
  if (poisson !== undefined) return { kind: "poisson", ratePerSecond: ratePerSecond(poisson) };
  if (every !== undefined) return { kind: "deterministic", intervalUs: durationUs(every) };
  return { kind: "times", atUs: (times ?? []).map(durationUs).sort((a, b) => a - b) };
}

interface ClassSource {
  readonly name?: string | undefined;
  readonly job?: string | undefined;
  readonly pods?: string | undefined;
  readonly weight?: number | undefined;
  readonly duration?: DistributionSpec | undefined;
}

function classesOf(
  arrival: ArrivalWritten,
  priorityClasses: readonly PriorityClass[],
  at: Place,
  context: ObjectContext,
): ArrivalClass[] {
  const sources: readonly (readonly [ClassSource, Place])[] =
    arrival.classes === undefined
      ? [[{ job: arrival.job, pods: arrival.pods }, at]]
      : arrival.classes.map((source, index) => [source, placeBelow(at, "classes", index)] as const);
  const fallback = arrival.duration === undefined ? undefined : variateUs(arrival.duration);
  return sources.flatMap(([source, place]) => classesFrom(source, fallback, priorityClasses, place, context));
}

/** A class for each object of the file; they share the weight. */
function classesFrom(
  source: ClassSource,
  fallback: Variate | undefined,
  priorityClasses: readonly PriorityClass[],
  place: Place,
  { file, from, problems }: ObjectContext,
): ArrivalClass[] {
  const key = source.job === undefined ? "pods" : "job";
  const path = source.job ?? source.pods ?? "";
  const text = from.readFile(pathBeside(file, path));
  if (text === undefined) {
    addProblem(place, [key], { message: "expected a file that can be read", value: path }, problems);
    return [];
  }
  const wanted = key === "job" ? "Job" : "Pod";
  const read = readManifests(readYaml(text, pathBeside(file, path), problems), problems);
  const templates = admitObjects(
    [...priorityClasses, ...read],
    { ...DEFAULT_ADMISSION, file },
    problems,
  ).flatMap((object) => (object.kind === wanted ? templateOf(object, place, key, problems) : []));
  if (templates.length === 0 || (key === "job" && templates.length > 1)) {
    const message = key === "job" ? "expected a file with one Job" : "expected a file with Pods";
    addProblem(place, [key], { message, value: path }, problems);
  }
  const durationUs = source.duration === undefined ? fallback : variateUs(source.duration);
  return templates.map(({ name, namespace, template }) => ({
    name: source.name ?? name,
    weight: (source.weight ?? 1) / templates.length,
    namespace,
    template,
    ...(durationUs === undefined ? {} : { durationUs }),
  }));
}

interface NamedTemplate {
  readonly name: string;
  readonly namespace: string;
  readonly template: PodTemplate;
}

function templateOf(
  object: KubernetesObject,
  place: Place,
  key: string,
  problems: Problems,
): NamedTemplate[] {
  const { name, namespace } = object.metadata;
  if (object.kind === "Pod") {
    const { labels, annotations } = object.metadata;
    return [{ name, namespace, template: { labels, annotations, spec: object.spec } }];
  }
  if (object.kind !== "Job") return [];
  if (object.parallelism !== 1 || (object.completions ?? 1) !== 1) {
    const message = "expected a Job with parallelism 1 and completions 1: each arrival is one pod";
    addProblem(place, [key], { message }, problems);
  }
  return [{ name, namespace, template: object.template }];
}
