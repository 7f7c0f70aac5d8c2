/** Reads plain JSON data field by field; every mistake is noted with its path, and reading goes on. */

/** Why a file cannot be compared: one line a mistake. */
export class UnusableFile extends Error {
  override readonly name = "UnusableFile";

  constructor(readonly lines: readonly string[]) {
    super(lines.join("\n"));
  }
}

/** One object of a file. What is missing or of the wrong kind is noted and read as a harmless stand-in. */
export class Fields {
  readonly #data: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #mistakes: string[];

  private constructor(data: unknown, path: string, mistakes: string[]) {
    this.#path = path;
    this.#mistakes = mistakes;
    const isObject = typeof data === "object" && data !== null && !Array.isArray(data);
    if (!isObject)
      mistakes.push(`${path === "" ? "the file" : path}: expected an object, got ${shown(data)}`);
    this.#data = isObject ? (data as Readonly<Record<string, unknown>>) : {};
  }

  /** Parses `text` and reads it with `read`; throws {@link UnusableFile} with all mistakes. */
  static read<T>(text: string, read: (fields: Fields) => T): T {
    let data: unknown;
    try {
      data = JSON.parse(text);
    } catch (error) {
      throw new UnusableFile([`expected JSON: ${error instanceof Error ? error.message : "unreadable"}`]);
    }
    const mistakes: string[] = [];
    const result = read(new Fields(data, "", mistakes));
    if (mistakes.length > 0) throw new UnusableFile(mistakes);
    return result;
  }

  /** Notes a mistake of meaning at a field. */
  mistake(key: string, expected: string): void {
    this.#mistakes.push(`${this.#at(key)}: ${expected}, got ${shown(this.#data[key])}`);
  }

  has(key: string): boolean {
    return this.#data[key] !== undefined;
  }

  /** Absent or null. */
  isNothing(key: string): boolean {
    return this.#data[key] === undefined || this.#data[key] === null;
  }

  raw(key: string): unknown {
    return this.#data[key];
  }

  keys(): string[] {
    return Object.keys(this.#data);
  }

  /** A finite number. */
  number(key: string): number {
    return this.#number(this.#data[key], this.#at(key), "a number");
  }

  /** A finite number above 0. */
  positive(key: string): number {
    const value = this.number(key);
    if (value <= 0) this.mistake(key, "expected a number above 0");
    return value;
  }

  numberOr(key: string, fallback: number): number {
    return this.isNothing(key) ? fallback : this.number(key);
  }

  /** A number, or null where it is null or absent: the thing did not happen. */
  maybe(key: string): number | null {
    return this.isNothing(key) ? null : this.number(key);
  }

  text(key: string): string {
    return this.#text(this.#data[key], this.#at(key));
  }

  textOr(key: string, fallback: string): string {
    return this.isNothing(key) ? fallback : this.text(key);
  }

  flagOr(key: string, fallback: boolean): boolean {
    const value = this.#data[key];
    if (value === undefined || value === null) return fallback;
    if (typeof value !== "boolean") this.mistake(key, "expected true or false");
    return value === true;
  }

  numbers(key: string): number[] {
    return this.#list(key).map((value, index) =>
      this.#number(value, `${this.#at(key)}[${index}]`, "a number"),
    );
  }

  texts(key: string): string[] {
    return this.#list(key).map((value, index) => this.#text(value, `${this.#at(key)}[${index}]`));
  }

  /** An object in this one. */
  fields(key: string): Fields {
    return new Fields(this.#data[key], this.#at(key), this.#mistakes);
  }

  /** The objects of a list, which must not be empty. */
  each<T>(key: string, read: (item: Fields, index: number) => T): T[] {
    const list = this.#list(key);
    if (Array.isArray(this.#data[key]) && list.length === 0) this.mistake(key, "expected at least one item");
    return list.map((item, index) =>
      read(new Fields(item, `${this.#at(key)}[${index}]`, this.#mistakes), index),
    );
  }

  #list(key: string): readonly unknown[] {
    const value = this.#data[key];
    if (Array.isArray(value)) return value;
    this.mistake(key, "expected a list");
    return [];
  }

  #number(value: unknown, at: string, expected: string): number {
    if (typeof value === "number" && Number.isFinite(value)) return value;
    this.#mistakes.push(`${at}: expected ${expected}, got ${shown(value)}`);
    return 1;
  }

  #text(value: unknown, at: string): string {
    if (typeof value === "string") return value;
    this.#mistakes.push(`${at}: expected a text, got ${shown(value)}`);
    return "";
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}

const SHOWN_MAX = 60;

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
