/**
 * The author's mistakes: collected, ordered and shown together, never thrown. (Ours are assertions, see assert.ts.)
 */

export type Severity = "error" | "warning";

/** One mistake in a file of the user's. */
export interface Problem {
  /** As the user named it. */
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** Where in the document, e.g. `spec.replicas`; "" for the whole. */
  readonly path: string;
  /** What stands there, shown after the message as "got …"; left out when nothing does. */
  readonly value?: unknown;
  /** A whole clause saying what was expected, e.g. "expected a whole number of at least 0". */
  readonly message: string;
  /** Shown as `did you mean "…"?`. */
  readonly suggestion?: string;
  readonly severity: Severity;
}

/** Collects problems from all readers of one command. */
export class Problems {
  readonly #all: Problem[] = [];
  #errors = 0;

  add(problem: Problem): void {
    this.#all.push(problem);
    if (problem.severity === "error") this.#errors += 1;
  }

  /** Records an error without a place inside the file, e.g. one that cannot be read. */
  addFileError(file: string, message: string): void {
    this.add({ file, path: "", message, severity: "error" });
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  get errorCount(): number {
    return this.#errors;
  }

  get count(): number {
    return this.#all.length;
  }

  /** All problems by file, then line, column and the order in which they were found. */
  list(): readonly Problem[] {
    return this.#all
      .map((problem, order) => ({ problem, order }))
      .sort((a, b) => compareProblems(a.problem, b.problem) || a.order - b.order)
      .map(({ problem }) => problem);
  }
}

function compareProblems(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** One line for people: `shop.yaml:12:13: spec.replicas: expected a whole number of at least 0, got -1`. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, path, message, suggestion, severity } = problem;
  let place = file;
  if (line !== undefined) place += `:${line}`;
  if (line !== undefined && column !== undefined) place += `:${column}`;
  const got = problem.value === undefined ? "" : `, got ${showValue(problem.value)}`;
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  const kind = severity === "warning" ? "warning: " : "";
  return `${place}: ${kind}${path === "" ? "" : `${path}: `}${message}${got}${hint}`;
}

const SHOWN_LENGTH_MAX = 60;

/** A value as a message shows it: JSON, cut when long; collections by their size. */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return String(value);
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value);
    if (keys.length === 0) return "an empty mapping";
    return `a mapping with ${keys.slice(0, 3).join(", ")}${keys.length > 3 ? ", …" : ""}`;
  }
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX - 1)}…`;
}

/**
 * The candidate that `word` was probably meant to be, or undefined when none is near: fewest edits (insert, delete,
 * replace, swap of neighbours; case counts for nothing), at most a third of the word's length; ties go to the
 * first candidate.
 */
export function closestOf(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(Math.max(word.length, 3) / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance (Levenshtein with swaps of neighbours). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(cell(row, j - 1) + 1, cell(last, j) + 1, cell(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, cell(beforeLast, j - 2) + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return cell(last, b.length);
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
