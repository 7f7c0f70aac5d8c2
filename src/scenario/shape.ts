/**
 * Holds a document to a schema and says what is wrong in the author's terms: one problem for each mistake, with its
 * place, what was expected, and what was probably meant.
 */
import { z } from "zod";
import { Field, formatPath } from "../workload/field.js";
import { closestOf, Problems } from "../workload/problems.js";
import type { YamlDocument, YamlPath } from "../workload/yaml.js";

/** A part of a document, for messages: `at` is its path from the document's root. */
export interface Place {
  readonly document: Pick<YamlDocument, "file" | "positionOf">;
  readonly at: YamlPath;
  /** Where the author wrote what is now at a path (from the root), where that is another place of the document. */
  readonly writtenAt?: ((path: YamlPath) => YamlPath) | undefined;
}

/**
 * The data as the schema's type, or undefined with every mistake added to `problems`. Fields whose value is null count
 * as left out, as in Kubernetes.
 */
export function checkShape<Schema extends z.ZodType>(
  schema: Schema,
  written: unknown,
  place: Place,
  problems: Problems,
): z.infer<Schema> | undefined {
  const data = withoutNulls(written);
  const result = schema.safeParse(data, { error: plainMessage });
  if (result.success) return result.data;
  const mistakes = result.error.issues.flatMap((issue) => mistakesOf(issue, schema, data, []));
  for (const mistake of mistakes.filter((candidate) => !followsFromSlip(candidate, mistakes))) {
    addProblem(place, mistake.path, mistake, problems);
  }
  return undefined;
}

/** Records a mistake at a path below `place`. */
export function addProblem(
  place: Place,
  below: YamlPath,
  problem: {
    readonly message: string;
    readonly value?: unknown;
    readonly suggestion?: string | undefined;
    readonly severity?: "error" | "warning";
  },
  problems: Problems,
): void {
  const here = [...place.at, ...below];
  const path = place.writtenAt?.(here) ?? here;
  problems.add({
    file: place.document.file,
    ...place.document.positionOf(path),
    path: formatPath(path),
    message: problem.message,
    ...(problem.value === undefined ? {} : { value: problem.value }),
    ...(problem.suggestion === undefined ? {} : { suggestion: problem.suggestion }),
    severity: problem.severity ?? "error",
  });
}

/** Records a name that means nothing here, with the names that would where they are few. */
export function addUnknown(
  place: Place,
  below: YamlPath,
  unknown: { readonly what: string; readonly value: string; readonly known: readonly string[] },
  problems: Problems,
): void {
  const { what, value, known } = unknown;
  const few = known.length > 0 && known.length <= KNOWN_SHOWN_MAX ? ` (${known.join(", ")})` : "";
  const message = known.length === 0 ? `expected ${what}, but there is none` : `expected ${what}${few}`;
  addProblem(place, below, { message, value, suggestion: closestOf(value, known) }, problems);
}

const KNOWN_SHOWN_MAX = 6;

/** The place that many steps further down. */
export function placeBelow(place: Place, ...steps: YamlPath): Place {
  return { ...place, at: [...place.at, ...steps] };
}

/**
 * Lets a reader of Kubernetes objects read data that stands inside a document: its problems get the places of the whole
 * document. `wrapped` says how many steps the data has above what stands at `place`.
 */
export function readBelow<Read>(
  data: unknown,
  place: Place,
  wrapped: number,
  problems: Problems,
  read: (field: Field) => Read,
): Read {
  const { document, at } = place;
  const own = new Problems();
  const positionOf = (path: YamlPath) => document.positionOf([...at, ...path.slice(wrapped)]);
  const result = read(Field.root({ file: document.file, data, positionOf }, own));
  const above = formatPath(at);
  for (const problem of own.list()) {
    const path = wrapped === 0 ? problem.path : problem.path.split(".").slice(wrapped).join(".");
    const joint = path === "" || path.startsWith("[") ? "" : ".";
    problems.add({ ...problem, path: `${above}${joint}${path}` });
  }
  return result;
}

function withoutNulls(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(withoutNulls);
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(
    Object.entries(data)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, withoutNulls(value)]),
  );
}

const EXPECTED_WORDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  tuple: "a list of two",
};

/** Messages for what no schema words itself. */
function plainMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${EXPECTED_WORDS[issue.expected] ?? issue.expected}`;
    case "too_small":
      return issue.origin === "array"
        ? `expected a list of at least ${issue.minimum}`
        : issue.origin === "string"
          ? "expected text that is not empty"
          : `expected a number ${issue.inclusive === false ? "above" : "of at least"} ${issue.minimum}`;
    case "too_big":
      return issue.origin === "array" || issue.origin === "tuple"
        ? `expected a list of at most ${issue.maximum}`
        : `expected a number of at most ${issue.maximum}`;
    case "unrecognized_keys":
      return UNKNOWN_FIELD;
    case "invalid_value":
      return `expected ${issue.values.map(String).join(", ")}`;
    default:
      return "expected something else here";
  }
}

interface Mistake {
  readonly path: YamlPath;
  readonly message: string;
  readonly value?: unknown;
  readonly suggestion?: string | undefined;
}

/** A field that is missed only because its name was written wrongly: the wrong name says enough. */
function followsFromSlip({ path, message }: Mistake, mistakes: readonly Mistake[]): boolean {
  return mistakes.some((slip) => {
    if (slip.message !== UNKNOWN_FIELD || slip.suggestion === undefined) return false;
    const meant = [...slip.path.slice(0, -1), slip.suggestion];
    if (message.endsWith(MISSING)) return samePath(path, meant);
    const needed = /^expected exactly one of (.*)$/.exec(message)?.[1]?.split(/, | and /) ?? [];
    return samePath(path, meant.slice(0, -1)) && needed.includes(slip.suggestion);
  });
}

function samePath(a: YamlPath, b: YamlPath): boolean {
  return a.length === b.length && a.every((step, index) => step === b[index]);
}

const UNKNOWN_FIELD = "unknown field";
const MISSING = ", but it is missing";

/** One zod issue as the author's mistakes; a union's are those of the alternative that fits best. */
function mistakesOf(issue: z.core.$ZodIssue, schema: z.ZodType, data: unknown, above: YamlPath): Mistake[] {
  const path = [...above, ...issue.path.filter((step) => typeof step !== "symbol")];
  const value = valueAt(data, path);
  switch (issue.code) {
    case "unrecognized_keys": {
      const known = schemasAt(schema, path).flatMap((found) =>
        found instanceof z.ZodObject ? Object.keys(found.shape) : [],
      );
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: UNKNOWN_FIELD,
        suggestion: closestOf(key, known),
      }));
    }
    case "invalid_union": {
      const fitting = fittingBranch(issue);
      if (fitting === undefined) return [mistake(path, issue.message, value)];
      return fitting.flatMap((inner) => mistakesOf(inner, schema, data, path));
    }
    case "invalid_key":
      return [{ path, message: issue.issues[0]?.message ?? issue.message, value: path.at(-1) }];
    case "invalid_value": {
      const suggestion = typeof value === "string" ? closestOf(value, issue.values.map(String)) : undefined;
      return [{ ...mistake(path, issue.message, value), suggestion }];
    }
    default:
      return [mistake(path, issue.message, value, issue.code === "custom")];
  }
}

/** Nothing there: it is the field that is missed. A collection's content says nothing, so it is not shown. */
function mistake(path: YamlPath, message: string, value: unknown, custom = false): Mistake {
  if (value === undefined) return { path, message: `${message}${MISSING}` };
  if (typeof value === "object" && custom) return { path, message };
  return { path, message, value };
}

/** The issues of the alternative whose type the value has; undefined where none has it. */
function fittingBranch(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | undefined {
  const ofRightType = issue.errors.filter(
    (issues) => !issues.some((inner) => inner.code === "invalid_type" && inner.path.length === 0),
  );
  return ofRightType.sort((a, b) => a.length - b.length)[0];
}

function valueAt(data: unknown, path: YamlPath): unknown {
  let value = data;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** Whether the schema has a place for `path`; if not, how far it has, and what could stand there next. */
export function findPlace(
  schema: z.ZodType,
  path: YamlPath,
): { readonly isThere: boolean; readonly depth: number; readonly known: readonly string[] } {
  for (const [depth] of path.entries()) {
    if (schemasAt(schema, path.slice(0, depth + 1)).length > 0) continue;
    const known = schemasAt(schema, path.slice(0, depth)).flatMap((found) =>
      found instanceof z.ZodObject ? Object.keys(found.shape) : [],
    );
    return { isThere: false, depth, known };
  }
  return { isThere: true, depth: path.length, known: [] };
}

/** The schemas (several below a union) that hold the value at `path`. */
function schemasAt(schema: z.core.$ZodType, path: YamlPath): z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional) return schemasAt(schema.unwrap(), path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => schemasAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  if (schema instanceof z.ZodObject) {
    const inner = schema.shape[step] as z.core.$ZodType | undefined;
    return inner === undefined ? [] : schemasAt(inner, rest);
  }
  if (schema instanceof z.ZodArray) return schemasAt(schema.element, rest);
  if (schema instanceof z.ZodRecord) return schemasAt(schema.valueType, rest);
  return [];
}
