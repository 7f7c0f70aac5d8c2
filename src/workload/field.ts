/**
 * Checked access to plain data: a cursor that knows its path, records what is wrong there and goes on with a harmless
 * value. It never throws, so that one pass over a file finds all of its author's mistakes.
 */
import { parseQuantity, QUANTITY_EXPECTED, type Quantity } from "../units/quantity.js";
import { closestOf, type Problems, type Severity } from "./problems.js";
import type { YamlDocument } from "./yaml.js";

/** Where the data comes from and where its mistakes go. */
export interface FieldSource {
  readonly document: Pick<YamlDocument, "file" | "positionOf">;
  readonly problems: Problems;
}

export interface IntegerBounds {
  readonly min?: number;
  readonly max?: number;
}

/** A place in a document. Absent (missing or null, which mean the same in Kubernetes) unless `present`. */
export class Field {
  readonly value: unknown;
  readonly #source: FieldSource;
  readonly #parent: Field | undefined;
  readonly #step: string | number;

  private constructor(value: unknown, source: FieldSource, parent: Field | undefined, step: string | number) {
    this.value = value;
    this.#source = source;
    this.#parent = parent;
    this.#step = step;
  }

  static root(document: YamlDocument, problems: Problems): Field {
    return new Field(document.data, { document, problems }, undefined, "");
  }

  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** The member `key`; absent also where this field is absent. A mapping is expected here. */
  at(key: string): Field {
    const members = this.value;
    if (
      typeof members === "object" &&
      members !== null &&
      !Array.isArray(members) &&
      Object.hasOwn(members, key)
    ) {
      return new Field((members as Readonly<Record<string, unknown>>)[key], this.#source, this, key);
    }
    return new Field(undefined, this.#source, this, key);
  }

  /** `at` through several members. */
  in(...keys: readonly string[]): Field {
    let field: Field = this;
    for (const key of keys) field = field.at(key);
    return field;
  }

  /** Records a problem here. `value` is shown unless told otherwise. */
  problem(
    message: string,
    more: { suggestion?: string | undefined; severity?: Severity; hideValue?: boolean } = {},
  ): void {
    const path = this.path();
    const { document, problems } = this.#source;
    const { line, column } = document.positionOf(path);
    problems.add({
      file: document.file,
      line,
      column,
      path: formatPath(path),
      ...(more.hideValue === true || this.value === undefined ? {} : { value: this.value }),
      message,
      ...(more.suggestion === undefined ? {} : { suggestion: more.suggestion }),
      severity: more.severity ?? "error",
    });
  }

  path(): (string | number)[] {
    const steps: (string | number)[] = [];
    for (let field: Field = this; field.#parent !== undefined; field = field.#parent) steps.push(field.#step);
    return steps.reverse();
  }

  /** Line in the file, for messages about this place elsewhere. */
  line(): number {
    return this.#source.document.positionOf(this.path()).line;
  }

  get file(): string {
    return this.#source.document.file;
  }

  // ── text ──

  /** Required text. */
  string(): string {
    if (!this.present) return this.#missing("a string", "");
    return this.stringOr("");
  }

  optionalString(): string | undefined {
    if (!this.present) return undefined;
    if (typeof this.value === "string") return this.value;
    this.problem(`expected a string${unquotedHint(this.value)}`);
    return undefined;
  }

  stringOr(fallback: string): string {
    return this.optionalString() ?? fallback;
  }

  /** One of a few words; `fallback` where absent, required without one. */
  oneOf<Word extends string>(words: readonly Word[], fallback?: Word): Word {
    const first = fallback ?? (words[0] as Word);
    if (!this.present) return fallback ?? this.#missing(listed(words), first);
    const found = words.find((word) => word === this.value);
    if (found !== undefined) return found;
    const suggestion = typeof this.value === "string" ? closestOf(this.value, words) : undefined;
    this.problem(`expected ${listed(words)}`, { suggestion });
    return first;
  }

  // ── numbers ──

  /** Required whole number. */
  integer(bounds: IntegerBounds = {}): number {
    if (!this.present) return this.#missing(integerExpected(bounds), bounds.min ?? 0);
    return this.integerOr(bounds.min ?? 0, bounds);
  }

  optionalInteger(bounds: IntegerBounds = {}): number | undefined {
    if (!this.present) return undefined;
    const { value } = this;
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = bounds;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    this.problem(`expected ${integerExpected(bounds)}`);
    return undefined;
  }

  integerOr(fallback: number, bounds: IntegerBounds = {}): number {
    return this.optionalInteger(bounds) ?? fallback;
  }

  booleanOr(fallback: boolean): boolean {
    if (!this.present) return fallback;
    if (typeof this.value === "boolean") return this.value;
    this.problem("expected true or false");
    return fallback;
  }

  /** A Kubernetes quantity of at least 0, as text or as a number. Undefined where it is none. */
  quantity(): Quantity | undefined {
    const { value } = this;
    const text = typeof value === "number" || typeof value === "bigint" ? String(value) : value;
    const quantity = typeof text === "string" ? parseQuantity(text) : undefined;
    if (quantity === undefined) {
      this.problem(`expected ${QUANTITY_EXPECTED}`, { suggestion: quantitySuggestion(text) });
      return undefined;
    }
    if (quantity < 0n) {
      this.problem("expected a quantity of at least 0");
      return undefined;
    }
    return quantity;
  }

  // ── collections ──

  /** The items; none where absent. */
  list(): Field[] {
    if (!this.present) return [];
    if (!Array.isArray(this.value)) {
      this.problem("expected a list");
      return [];
    }
    return this.value.map((item: unknown, index) => new Field(item, this.#source, this, index));
  }

  /** Items that are texts; others are recorded and left out. */
  strings(): string[] {
    const texts: string[] = [];
    for (const item of this.list()) {
      const text = item.present ? item.optionalString() : item.#missing("a string", undefined);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  /** The members in the order written; none where absent. */
  entries(): [key: string, member: Field][] {
    if (!this.checkMapping()) return [];
    return Object.entries(this.value as object).map(([key, value]) => [
      key,
      new Field(value, this.#source, this, key),
    ]);
  }

  /** Texts by key: labels, annotations, a nodeSelector. A null member is an empty text, as in Go. */
  stringMap(): Record<string, string> {
    const map: Record<string, string> = {};
    for (const [key, member] of this.entries()) map[key] = member.stringOr("");
    return map;
  }

  /** True for a mapping; records a problem where something else is. False where absent. */
  checkMapping(): boolean {
    if (!this.present) return false;
    if (typeof this.value === "object" && !Array.isArray(this.value)) return true;
    this.problem("expected a mapping");
    return false;
  }

  /** `checkMapping` for a mapping that must be there. */
  requireMapping(what: string): boolean {
    if (!this.present) return this.#missing(what, false);
    return this.checkMapping();
  }

  #missing<Value>(expected: string, value: Value): Value {
    this.problem(`expected ${expected}, but it is missing`, { hideValue: true });
    return value;
  }
}

/** `spec.containers[0].labels["app.kubernetes.io/name"]`. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

function listed(words: readonly string[]): string {
  return words.length === 1
    ? String(words[0])
    : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

function integerExpected({ min, max }: IntegerBounds): string {
  if (min !== undefined && max !== undefined) return `a whole number from ${min} to ${max}`;
  if (min !== undefined) return `a whole number of at least ${min}`;
  return max === undefined ? "a whole number" : `a whole number of at most ${max}`;
}

/** The usual surprise: words that YAML 1.1 takes for booleans, and versions that it takes for numbers. */
function unquotedHint(value: unknown): string {
  if (typeof value === "boolean") return " (in quotes; YAML takes y, yes, on, n, no and off for booleans)";
  return typeof value === "number" || typeof value === "bigint" ? " (a number must stand in quotes)" : "";
}

/** What people write for quantities: a unit too many, a space, the wrong case. */
function quantitySuggestion(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  const found = /^([0-9.]+) *([A-Za-z]+)$/.exec(text.trim());
  if (found === null) return undefined;
  const [, digits = "", unit = ""] = found;
  const suffix = UNIT_HABITS.get(unit.toLowerCase());
  return suffix === undefined ? undefined : `${digits}${suffix}`;
}

const UNIT_HABITS: ReadonlyMap<string, string> = new Map([
  ["b", ""],
  ["kb", "k"],
  ["mb", "M"],
  ["gb", "G"],
  ["tb", "T"],
  ["kib", "Ki"],
  ["mib", "Mi"],
  ["gib", "Gi"],
  ["tib", "Ti"],
  ["ki", "Ki"],
  ["mi", "Mi"],
  ["gi", "Gi"],
  ["ti", "Ti"],
  ["k", "k"],
  ["g", "G"],
  ["t", "T"],
  ["cpu", ""],
  ["cores", ""],
  ["core", ""],
  ["millicores", "m"],
]);
