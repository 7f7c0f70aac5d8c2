/** The sweep of a study: fields by path, their values, and the cells that every combination of them makes. */

import { closestOf, type Problems, showValue } from "../workload/problems.js";
import type { YamlPath } from "../workload/yaml.js";
import { type EtcdAxisWritten, etcdCellSchema } from "./etcd-study-schema.js";
import { addProblem, findPlace, type Place } from "./shape.js";

/** More would be a mistake of the file rather than a study. */
const CELLS_MAX = 1_000;

/** Columns of the tables that have one for each axis. */
const COLUMNS: readonly string[] = [
  "cell",
  "replication",
  "metric",
  "of",
  "unit",
  "value",
  "censored",
  "mean",
];

/** One field set. */
export interface Setting {
  /** Below spec. */
  readonly path: YamlPath;
  readonly value: unknown;
  /** Where it is written, from the document's root. */
  readonly writtenAt: YamlPath;
}

export interface SweepValue {
  /** In the cell's name. */
  readonly label: string;
  /** Without the axis' name, for tables that have a column for it. */
  readonly text: string;
  readonly settings: readonly Setting[];
}

export interface SweepAxis {
  readonly name: string;
  readonly values: readonly SweepValue[];
}

export interface SweepCell {
  readonly name: string;
  /** Texts of its values, one for each axis. */
  readonly labels: readonly string[];
  readonly settings: readonly Setting[];
}

/** The axes as written; undefined with every mistake in `problems`. `place` is the document at `spec`. */
export function readAxes(
  written: readonly EtcdAxisWritten[],
  place: Place,
  problems: Problems,
): SweepAxis[] | undefined {
  const before = problems.errorCount;
  const axes = written.map((axis, index) => readAxis(axis, ["sweep", index], place, problems));
  const names = new Set<string>();
  for (const [index, { name }] of axes.entries()) {
    if (names.has(name)) {
      const message = "expected each axis to have a name of its own";
      addProblem(place, ["sweep", index], { message, value: name }, problems);
    }
    if (COLUMNS.includes(name)) {
      const message = `expected a name that is no column of the results (${COLUMNS.join(", ")})`;
      addProblem(place, ["sweep", index], { message, value: name }, problems);
    }
    names.add(name);
  }
  const cells = axes.reduce((product, { values }) => product * values.length, 1);
  if (cells > CELLS_MAX) {
    const message = `expected at most ${CELLS_MAX} combinations, got ${cells}`;
    addProblem(place, ["sweep"], { message }, problems);
  }
  return problems.errorCount > before ? undefined : axes;
}

/** Every combination, the last axis varying fastest; one cell, called "base", where nothing is varied. */
export function cellsOf(axes: readonly SweepAxis[]): SweepCell[] {
  let cells: SweepCell[] = [{ name: "", labels: [], settings: [] }];
  for (const { values } of axes) {
    cells = cells.flatMap(({ name, labels, settings }) =>
      values.map((value) => ({
        name: name === "" ? value.label : `${name}, ${value.label}`,
        labels: [...labels, value.text],
        settings: [...settings, ...value.settings],
      })),
    );
  }
  return axes.length === 0 ? cells.map((cell) => ({ ...cell, name: "base" })) : cells;
}

/** The data with fields set; a setting that finds no list or mapping on its way sets nothing and is told of. */
export function withSettings(
  spec: unknown,
  settings: readonly Setting[],
  missed: (setting: Setting) => void,
): unknown {
  return settings.reduce((data, setting) => {
    const changed = withValue(data, setting.path, setting.value);
    if (changed === undefined) missed(setting);
    return changed ?? data;
  }, spec);
}

/** Where the author wrote what stands at a path of a cell's document: the last setting that holds it, or the path itself. */
export function writtenAt(settings: readonly Setting[]): (path: YamlPath) => YamlPath {
  return (path) => {
    const setting = settings.findLast(({ path: set }) =>
      set.every((step, index) => path[index + 1] === step),
    );
    return setting === undefined ? path : [...setting.writtenAt, ...path.slice(setting.path.length + 1)];
  };
}

/** Steps of a path such as `network.links[0].oneWay`; undefined where it is none. */
export function parsePath(text: string): YamlPath | undefined {
  const step = /(?:^|\.)([A-Za-z_][\w-]*)|\[([0-9]+)\]|\["([^"]*)"\]/y;
  const path: (string | number)[] = [];
  while (step.lastIndex < text.length) {
    const found = step.exec(text);
    if (found === null) return undefined;
    path.push(found[1] ?? found[3] ?? Number(found[2]));
  }
  return path.length === 0 ? undefined : path;
}

function readAxis(axis: EtcdAxisWritten, at: YamlPath, place: Place, problems: Problems): SweepAxis {
  const from = (below: YamlPath): YamlPath => [...place.at, ...at, ...below];
  if (axis.path !== undefined) {
    const path = knownPath(axis.path, [...at, "path"], place, problems);
    const short = String(path.at(-1) ?? axis.path);
    const name = axis.name ?? short;
    const values = (axis.values ?? []).map((value, index) => ({
      label: `${name}=${textOf(value)}`,
      text: textOf(value),
      settings: [{ path, value, writtenAt: from(["values", index]) }],
    }));
    uniqueLabels(values, [...at, "values"], place, problems);
    return { name, values };
  }
  const values = (axis.variants ?? []).map(({ name, set = {} }, index) => ({
    label: name,
    text: name,
    settings: Object.entries(set).map(([key, value]) => {
      const below = ["variants", index, "set", key];
      return { path: knownPath(key, [...at, ...below], place, problems), value, writtenAt: from(below) };
    }),
  }));
  uniqueLabels(values, [...at, "variants"], place, problems);
  return { name: axis.name ?? "variant", values };
}

/** The steps of a path below spec; a problem where the format has no such field. */
function knownPath(text: string, at: YamlPath, place: Place, problems: Problems): YamlPath {
  const path = parsePath(text);
  if (path === undefined || path[0] === "sweep") {
    const message = 'expected the path of a field below spec, such as "etcd.electionTimeout"';
    addProblem(place, at, { message, value: text }, problems);
    return [];
  }
  const { isThere, depth, known } = findPlace(etcdCellSchema, path);
  if (isThere) return path;
  const nearest = closestOf(String(path[depth]), known);
  const suggestion =
    nearest === undefined || !path.slice(0, depth).every((step) => typeof step === "string")
      ? undefined
      : [...path.slice(0, depth), nearest, ...path.slice(depth + 1)].join(".");
  addProblem(
    place,
    at,
    { message: "expected the path of a field below spec", value: text, suggestion },
    problems,
  );
  return [];
}

function uniqueLabels(values: readonly SweepValue[], at: YamlPath, place: Place, problems: Problems): void {
  const seen = new Set<string>();
  for (const [index, { label }] of values.entries()) {
    if (seen.has(label)) {
      const message = "expected each value to be another one";
      addProblem(place, [...at, index], { message, value: label }, problems);
    }
    seen.add(label);
  }
}

function textOf(value: unknown): string {
  return typeof value === "object" && value !== null ? showValue(value) : String(value);
}

/** A copy with the value at the path; mappings that are missed on the way are made, items of lists are not. */
function withValue(data: unknown, path: YamlPath, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof step === "number") {
    if (!Array.isArray(data) || step >= data.length) return undefined;
    const inner = withValue(data[step], rest, value);
    return inner === undefined
      ? undefined
      : data.map((item: unknown, index) => (index === step ? inner : item));
  }
  if (data !== undefined && data !== null && (typeof data !== "object" || Array.isArray(data)))
    return undefined;
  const mapping = (data ?? {}) as Readonly<Record<string, unknown>>;
  const inner = withValue(mapping[step], rest, value);
  return inner === undefined ? undefined : { ...mapping, [step]: inner };
}
