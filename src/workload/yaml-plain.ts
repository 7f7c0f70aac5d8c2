/**
 * The quick reader: the plain block style in which kubectl writes and people mostly write. It knows only what it is
 * sure of; at anything else (flow collections, anchors, tags, folded text, text over several lines, a repeated key,
 * a mistake) it gives up and the complete reader in yaml.ts takes the text. Why: a snapshot of a large estate has
 * millions of lines, for which a syntax tree with comments and positions costs thirty times the time and the memory.
 *
 * *Invariant:* whatever it returns, the complete reader would return too (a property test holds this).
 */
import { keyText, resolvePlain } from "./yaml-scalars.js";

/** Wraps the value, as null is one. */
export interface PlainResult {
  readonly data: unknown;
}

/** Reads one document without markers. Undefined: not plain, ask the complete reader. */
export function readPlainYaml(text: string): PlainResult | undefined {
  try {
    return { data: new PlainReader(text).document() };
  } catch (error) {
    if (error === NOT_PLAIN) return undefined;
    throw error;
  }
}

const NOT_PLAIN = new Error("not plain YAML");

const SPACE = 32;
const DOUBLE_QUOTE = 34;
const HASH = 35;
const SINGLE_QUOTE = 39;
const DASH = 45;
const COLON = 58;
const NEWLINE = 10;

/** Starts that mean something else than text in YAML, or that are left to the complete reader. */
const INDICATORS: ReadonlySet<string> = new Set("!&*%@`?,|>[]{}#\"':<=~");
const DOUBLE_QUOTED = /"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*"/y;
const SINGLE_QUOTED = /'(?:[^']|'')*'/y;
const AFTER_VALUE = / *(?: #.*)?$/y;
const BLOCK_HEADER = /^\|([-+]?)$/;

class PlainReader {
  readonly #text: string;
  readonly #hasTabs: boolean;
  readonly #keys = new Map<string, string>();
  /** Offset of the line after the current one. */
  #next = 0;
  /** The current line with content: columns before it, its first character, one past its last. */
  #indent = 0;
  #start = 0;
  #end = 0;

  constructor(text: string) {
    if (text.includes("\r") || text.startsWith("\uFEFF")) throw NOT_PLAIN;
    this.#text = text;
    this.#hasTabs = text.includes("\t");
  }

  document(): unknown {
    this.#advance();
    if (this.#indent < 0) return null;
    const data = this.#node();
    if (this.#indent >= 0) throw NOT_PLAIN;
    return data;
  }

  /** Moves to the next line with content; indent -1 at the end of the text. */
  #advance(): void {
    const text = this.#text;
    while (this.#next < text.length) {
      const lineStart = this.#next;
      let lineEnd = text.indexOf("\n", lineStart);
      if (lineEnd < 0) lineEnd = text.length;
      this.#next = lineEnd + 1;
      let start = lineStart;
      while (start < lineEnd && text.charCodeAt(start) === SPACE) start += 1;
      if (start === lineEnd) continue;
      if (text.charCodeAt(start) === HASH) continue;
      while (text.charCodeAt(lineEnd - 1) === SPACE) lineEnd -= 1;
      if (this.#hasTabs && text.slice(start, lineEnd).includes("\t")) throw NOT_PLAIN;
      this.#indent = start - lineStart;
      this.#start = start;
      this.#end = lineEnd;
      return;
    }
    this.#indent = -1;
  }

  #node(): unknown {
    return this.#isItem(this.#start) ? this.#sequence(this.#indent) : this.#mapping(this.#indent);
  }

  #isItem(at: number): boolean {
    if (this.#text.charCodeAt(at) !== DASH) return false;
    return at + 1 === this.#end || this.#text.charCodeAt(at + 1) === SPACE;
  }

  #sequence(indent: number): unknown[] {
    const items: unknown[] = [];
    while (this.#indent === indent && this.#isItem(this.#start)) {
      let rest = this.#start + 1;
      while (rest < this.#end && this.#text.charCodeAt(rest) === SPACE) rest += 1;
      if (rest < this.#end && this.#text.charCodeAt(rest) === HASH) rest = this.#end;
      if (rest === this.#end) {
        this.#advance();
        items.push(this.#indent > indent ? this.#node() : null);
      } else if (this.#isItem(rest)) {
        throw NOT_PLAIN;
      } else if (this.#colonOf(rest) >= 0) {
        this.#indent += rest - this.#start;
        this.#start = rest;
        items.push(this.#mapping(this.#indent));
      } else {
        items.push(this.#inline(rest, indent));
      }
    }
    if (this.#indent > indent) throw NOT_PLAIN;
    return items;
  }

  #mapping(indent: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    while (this.#indent === indent && !this.#isItem(this.#start)) {
      const colon = this.#colonOf(this.#start);
      if (colon < 0) throw NOT_PLAIN;
      const key = this.#key(this.#start, colon);
      if (key in object) throw NOT_PLAIN;
      let rest = colon + 1;
      while (rest < this.#end && this.#text.charCodeAt(rest) === SPACE) rest += 1;
      if (rest < this.#end && this.#text.charCodeAt(rest) === HASH) rest = this.#end;
      object[key] = rest === this.#end ? this.#below(indent) : this.#inline(rest, indent);
    }
    if (this.#indent > indent) throw NOT_PLAIN;
    return object;
  }

  /** The value of a key that has nothing after its colon. A list may stand at the key's own column. */
  #below(indent: number): unknown {
    this.#advance();
    if (this.#indent > indent) return this.#node();
    return this.#indent === indent && this.#isItem(this.#start) ? this.#sequence(indent) : null;
  }

  /** Offset of the colon that ends a key starting at `at`, or -1 where the line is no `key: value`. */
  #colonOf(at: number): number {
    const text = this.#text;
    const first = text.charCodeAt(at);
    let colon: number;
    if (first === DOUBLE_QUOTE || first === SINGLE_QUOTE) {
      const close = text.indexOf(first === DOUBLE_QUOTE ? '"' : "'", at + 1);
      if (close < 0 || close >= this.#end) return -1;
      colon = close + 1;
      if (text.charCodeAt(colon) !== COLON) return -1;
    } else {
      colon = text.indexOf(":", at);
    }
    while (colon >= 0 && colon < this.#end) {
      if (colon + 1 === this.#end || text.charCodeAt(colon + 1) === SPACE) return colon;
      colon = text.indexOf(":", colon + 1);
    }
    return -1;
  }

  #key(start: number, colon: number): string {
    const written = this.#text.slice(start, colon);
    const known = this.#keys.get(written);
    if (known !== undefined) return known;
    const key = readKey(written);
    this.#keys.set(written, key);
    return key;
  }

  /** The value that starts at `at` on the current line, below a parent at column `indent`. */
  #inline(at: number, indent: number): unknown {
    const first = this.#text.charCodeAt(at);
    let value: unknown;
    if (first === DOUBLE_QUOTE || first === SINGLE_QUOTE) value = this.#quoted(at, first);
    else {
      const word = this.#word(at);
      const block = BLOCK_HEADER.exec(word);
      if (block !== null) return this.#block(indent, block[1] ?? "");
      value = readWord(word);
    }
    this.#advance();
    if (this.#indent > indent) throw NOT_PLAIN;
    return value;
  }

  /** The rest of the line without its comment. */
  #word(at: number): string {
    const word = this.#text.slice(at, this.#end);
    const comment = word.indexOf(" #");
    return comment < 0 ? word : word.slice(0, comment).trimEnd();
  }

  #quoted(at: number, quote: number): string {
    const shape = quote === DOUBLE_QUOTE ? DOUBLE_QUOTED : SINGLE_QUOTED;
    const line = this.#text.slice(at, this.#end);
    shape.lastIndex = 0;
    const found = shape.exec(line);
    if (found === null) throw NOT_PLAIN;
    AFTER_VALUE.lastIndex = shape.lastIndex;
    if (!AFTER_VALUE.test(line)) throw NOT_PLAIN;
    const written = found[0];
    if (quote === SINGLE_QUOTE) return written.slice(1, -1).replaceAll("''", "'");
    return written.includes("\\") ? String(JSON.parse(written)) : written.slice(1, -1);
  }

  /** A literal block (`|`), its lines without their common indent. */
  #block(indent: number, chomping: string): string {
    const text = this.#text;
    const lines: string[] = [];
    let blockIndent = -1;
    while (this.#next < text.length) {
      const lineStart = this.#next;
      const lineEnd = text.indexOf("\n", lineStart);
      if (lineEnd < 0) throw NOT_PLAIN;
      let start = lineStart;
      while (text.charCodeAt(start) === SPACE) start += 1;
      const blank = text.charCodeAt(start) === NEWLINE;
      if (blockIndent < 0) {
        if (blank && start > lineStart) throw NOT_PLAIN;
        if (!blank) {
          blockIndent = start - lineStart;
          if (blockIndent <= indent || text.charCodeAt(start) === 9) throw NOT_PLAIN;
        }
      }
      if (!blank && start - lineStart < blockIndent) {
        if (start - lineStart > indent) throw NOT_PLAIN;
        break;
      }
      lines.push(
        blockIndent < 0 || (blank && start - lineStart <= blockIndent)
          ? ""
          : text.slice(lineStart + blockIndent, lineEnd),
      );
      this.#next = lineEnd + 1;
    }
    if (blockIndent < 0) throw NOT_PLAIN;
    this.#advance();
    return chomp(lines, chomping);
  }
}

function chomp(lines: string[], chomping: string): string {
  if (chomping === "+") return `${lines.join("\n")}\n`;
  while (lines.length > 0 && lines[lines.length - 1] === "") lines.pop();
  return lines.join("\n") + (chomping === "-" ? "" : "\n");
}

function readKey(written: string): string {
  const first = written.charAt(0);
  if (first === '"' || first === "'") {
    const inner = written.slice(1, -1);
    if (inner.includes("\\") || inner.includes(first)) throw NOT_PLAIN;
    return ownKey(inner);
  }
  if (written.startsWith("---") || written.startsWith("...")) throw NOT_PLAIN;
  if (written === "" || INDICATORS.has(first) || written.includes(" #") || written.startsWith("- "))
    throw NOT_PLAIN;
  const key = keyText(resolvePlain(written.trimEnd()));
  if (key === undefined) throw NOT_PLAIN;
  return ownKey(key);
}

/** Keys that a plain object inherits are left to the complete reader. */
function ownKey(key: string): string {
  if (key in {}) throw NOT_PLAIN;
  return key;
}

function readWord(word: string): unknown {
  if (word === "{}") return {};
  if (word === "[]") return [];
  if (INDICATORS.has(word.charAt(0)) && word !== "~") throw NOT_PLAIN;
  if (word.endsWith(":") || word.includes(": ") || word === "-" || word.startsWith("- ")) throw NOT_PLAIN;
  const value = resolvePlain(word);
  if (typeof value === "number" && !Number.isFinite(value)) throw NOT_PLAIN;
  return value;
}
