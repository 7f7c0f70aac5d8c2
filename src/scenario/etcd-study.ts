/**
 * From the file of a study of etcd to what can be run: its shape, its sweep, then every cell by itself, as the file would
 * be with that cell's values; all mistakes at once, each where the author wrote it.
 */
import type { EtcdStudyModel, StudyCell } from "../etcd-study/model.js";
import type { Micros } from "../units/time.js";
import type { FileSource } from "../workload/files.js";
import { type Problem, Problems } from "../workload/problems.js";
import { readYaml, type YamlDocument } from "../workload/yaml.js";
import { checkEtcdCell } from "./etcd-study-checks.js";
import { compileEtcdCell } from "./etcd-study-compile.js";
import { ETCD_STUDY_DEFAULTS } from "./etcd-study-defaults.js";
import {
  type EtcdStudyWritten,
  etcdCellSchema,
  etcdStudySchema,
  etcdSweepSchema,
} from "./etcd-study-schema.js";
import {
  cellsOf,
  readAxes,
  type SweepAxis,
  type SweepCell,
  withSettings,
  writtenAt,
} from "./etcd-study-sweep.js";
import { addProblem, checkShape, type Place } from "./shape.js";

/** What a command may say instead of the file. */
export interface EtcdStudyOverrides {
  readonly seed?: string;
  readonly replications?: number;
  readonly horizonUs?: Micros;
}

export interface LoadedEtcdStudy {
  /** Undefined where a problem is an error. */
  readonly study?: EtcdStudyModel;
  /** Errors and warnings. */
  readonly problems: Problems;
}

/** Reads, checks and compiles one file. */
export function loadEtcdStudy(
  file: string,
  from: FileSource,
  overrides: EtcdStudyOverrides = {},
): LoadedEtcdStudy {
  const problems = new Problems();
  const text = from.readFile(file);
  if (text === undefined) {
    problems.addFileError(file, "expected a study of etcd, but there is no file that can be read");
    return { problems };
  }
  const [document, second] = readYaml(text, file, problems);
  if (document === undefined) {
    if (!problems.hasErrors) problems.addFileError(file, "expected a study of etcd, but the file is empty");
    return { problems };
  }
  if (second !== undefined) {
    const message = "expected one document: a study stands alone in its file";
    problems.add({ file, ...second.positionOf([]), path: "", message, severity: "error" });
  }
  const once = new Once(problems);
  const whole = collect(once, (own) => checkShape(etcdStudySchema, document.data, { document, at: [] }, own));
  const axes = axesOf(document, once);
  if (axes === undefined) return { problems };
  const cells = cellsOf(axes).map((cell) => collect(once, (own) => readCell(document, cell, overrides, own)));
  if (whole === undefined || problems.hasErrors) return { problems };
  return {
    study: studyOf(
      whole,
      axes,
      cells.flatMap((cell) => cell ?? []),
      overrides,
    ),
    problems,
  };
}

function studyOf(
  { metadata, spec }: EtcdStudyWritten,
  axes: readonly SweepAxis[],
  cells: readonly StudyCell[],
  overrides: EtcdStudyOverrides,
): EtcdStudyModel {
  return {
    name: metadata.name,
    question: (spec.question ?? "").trim(),
    seed: overrides.seed ?? String(spec.seed ?? ETCD_STUDY_DEFAULTS.seed),
    replications: overrides.replications ?? spec.replications ?? ETCD_STUDY_DEFAULTS.replications,
    axes: axes.map(({ name, values }) => ({ name, labels: values.map(({ text }) => text) })),
    cells,
  };
}

/** The sweep, also where something else in the file is wrong; undefined where it cannot be used. */
function axesOf(document: YamlDocument, once: Once): SweepAxis[] | undefined {
  const spec = fieldOf(document.data, "spec");
  const written = fieldOf(spec, "sweep") ?? [];
  // What is wrong with its shape is already known.
  const shaped = checkShape(etcdSweepSchema, written, { document, at: ["spec", "sweep"] }, new Problems());
  if (shaped === undefined || typeof spec !== "object") return undefined;
  return collect(once, (own) => readAxes(shaped, { document, at: ["spec"] }, own));
}

function readCell(
  document: YamlDocument,
  { name, labels, settings }: SweepCell,
  overrides: EtcdStudyOverrides,
  problems: Problems,
): StudyCell | undefined {
  const { sweep: _, ...base } = fieldOf(document.data, "spec") as Readonly<Record<string, unknown>>;
  const place: Place = { document, at: ["spec"], writtenAt: writtenAt(settings) };
  const spec = withSettings(base, settings, (setting) => {
    const message = "expected the path of something that the file has";
    addProblem({ document, at: [] }, setting.writtenAt, { message }, problems);
  });
  const written = checkShape(etcdCellSchema, spec, place, problems);
  if (written === undefined || problems.hasErrors) return undefined;
  checkEtcdCell(written, place, problems);
  const cell = compileEtcdCell({ name, labels }, written, overrides.horizonUs, place, problems);
  return problems.hasErrors ? undefined : cell;
}

function fieldOf(data: unknown, key: string): unknown {
  return typeof data === "object" && data !== null
    ? (data as Readonly<Record<string, unknown>>)[key]
    : undefined;
}

/** What is wrong in several cells at one place is told once. */
class Once {
  readonly problems: Problems;
  readonly #seen = new Set<string>();

  constructor(problems: Problems) {
    this.problems = problems;
  }

  add(problem: Problem): void {
    const { line, column, path, message, suggestion } = problem;
    const key = JSON.stringify([line, column, path, message, suggestion]);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.problems.add(problem);
  }
}

function collect<Result>(once: Once, read: (own: Problems) => Result): Result {
  const own = new Problems();
  const result = read(own);
  for (const problem of own.list()) once.add(problem);
  return result;
}
