/**
 * Cuts values out of JSON that arrives in pieces, by brackets and quotes alone: no tree, and no more of the file in memory
 * than the value at hand. Works on bytes: in UTF-8 no byte of a longer character looks like one of JSON's own.
 */
import { jsonMistake } from "./json-places.js";

/** Where something starts. */
export interface JsonPlace {
  /** In bytes, from the start of the file. */
  readonly offset: number;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

export interface JsonCut extends JsonPlace {
  /**
   * `whole`: one value, its brackets closed, not looked at further. `longer`: it has more bytes than asked for and is still
   * to be taken. `ended`: the file ends inside it. `broken`: it cannot become well-formed. `huge`: more than fits a string.
   * `text` is what there is of it.
   */
  readonly kind: "whole" | "longer" | "ended" | "broken" | "huge";
  readonly text: string;
  /** In bytes. */
  readonly length: number;
}

export const END = -1;
export const QUOTE = 34;
export const COMMA = 44;
export const COLON = 58;
export const OPEN_LIST = 91;
export const CLOSE_LIST = 93;
export const OPEN_OBJECT = 123;
export const CLOSE_OBJECT = 125;
const NEWLINE = 10;
const SPACE = 32;
const BACKSLASH = 92;

const BUFFER_LENGTH = 1 << 16;
/** Unclosed brackets would make a value of all the rest: longer ones are checked as they come, at each doubling. */
const CHECKED_LENGTH = 1 << 23;
/** What V8 can hold in one string (2^29 - 24 units, which are at least as many bytes). */
export const TEXT_LENGTH_MAX = 536_870_888;

export class JsonCutter {
  readonly #chunks: Iterator<Uint8Array>;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #bytes = new Uint8Array(BUFFER_LENGTH);
  #at = 0;
  #end = 0;
  /** Offset in the file of the first byte of the buffer. */
  #base = 0;
  #line = 1;
  /** Offset in the file of the line's first byte. */
  #lineStart = 0;
  /** By how much the line so far has more bytes than UTF-16 units. */
  #surplus = 0;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
    while (this.#end < 3 && this.#fill()) {
      // Enough to see a byte order mark.
    }
    const [a, b, c] = this.#bytes;
    if (this.#end >= 3 && a === 0xef && b === 0xbb && c === 0xbf) {
      this.#at = 3;
      this.#lineStart = 3;
    }
  }

  get place(): JsonPlace {
    const offset = this.#base + this.#at;
    return { offset, line: this.#line, column: offset - this.#lineStart - this.#surplus + 1 };
  }

  /** The next byte that is no space, not taken; END after the last. */
  peek(): number {
    for (;;) {
      while (this.#at < this.#end) {
        const byte = this.#bytes[this.#at] as number;
        if (byte === NEWLINE) {
          this.#line += 1;
          this.#lineStart = this.#base + this.#at + 1;
          this.#surplus = 0;
        } else if (byte !== SPACE && byte !== 9 && byte !== 13) return byte;
        this.#at += 1;
      }
      if (!this.#fill()) return END;
    }
  }

  /** Lets go of the file, also before its end. */
  close(): void {
    this.#chunks.return?.();
  }

  /** Takes the byte that `peek` has shown. */
  take(): void {
    this.#at += 1;
  }

  /** Takes the value that starts at the byte that `peek` has shown, unless it is longer than `lengthMax` bytes. */
  value(lengthMax = Number.POSITIVE_INFINITY): JsonCut {
    const start = this.place;
    const before = { line: this.#line, lineStart: this.#lineStart, surplus: this.#surplus };
    const { kind, length } = this.#measure(lengthMax);
    if (kind === "longer") {
      this.#line = before.line;
      this.#lineStart = before.lineStart;
      this.#surplus = before.surplus;
      return { ...start, kind, text: "", length };
    }
    const text = this.#decoder.decode(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return { ...start, kind, text, length };
  }

  #measure(lengthMax: number): { readonly kind: JsonCut["kind"]; readonly length: number } {
    let depth = 0;
    let inString = false;
    let length = 0;
    let checked = CHECKED_LENGTH;
    for (;;) {
      const bytes = this.#bytes;
      const end = this.#end;
      let at = this.#at + length;
      let closed = false;
      while (at < end && !closed) {
        if (inString) {
          while (at < end) {
            const byte = bytes[at] as number;
            if (byte === QUOTE) break;
            if (byte < SPACE) {
              length = at - this.#at;
              return { kind: length > lengthMax ? "longer" : "broken", length };
            }
            if (byte >= 0x80) this.#surplus += byte < 0xc0 ? 1 : byte >= 0xf0 ? -1 : 0;
            at += byte === BACKSLASH ? 2 : 1;
          }
          if (at >= end) break;
          inString = false;
          at += 1;
          closed = depth === 0;
          continue;
        }
        const byte = bytes[at] as number;
        if (byte === QUOTE) inString = true;
        else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth += 1;
        else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
          depth -= 1;
          if (depth <= 0) {
            closed = true;
            // One that closes what is around this value ends it and is no part of it.
            if (depth < 0) break;
          }
        } else if (depth === 0 && (byte <= SPACE || byte === COMMA || byte === COLON)) {
          closed = true;
          break;
        } else if (byte === NEWLINE) {
          this.#line += 1;
          this.#lineStart = this.#base + at + 1;
          this.#surplus = 0;
        } else if (byte >= 0x80) this.#surplus += byte < 0xc0 ? 1 : byte >= 0xf0 ? -1 : 0;
        at += 1;
      }
      length = at - this.#at;
      if (length > lengthMax) return { kind: "longer", length };
      if (closed) return { kind: "whole", length };
      if (length > TEXT_LENGTH_MAX) return { kind: "huge", length: 0 };
      if (length > checked) {
        if (this.#isBroken(length)) return { kind: "broken", length };
        checked *= 2;
      }
      if (!this.#fill()) {
        // A number or word at the end of the file needs nothing to close it.
        const isScalar = depth === 0 && !inString;
        return { kind: isScalar ? "whole" : "ended", length: Math.min(length, this.#end - this.#at) };
      }
    }
  }

  /** Is there a mistake that no continuation can mend? */
  #isBroken(length: number): boolean {
    const text = this.#decoder.decode(this.#bytes.subarray(this.#at, this.#at + length));
    const { offset } = jsonMistake(text);
    // A string or word that the end of the piece cuts looks like a mistake too.
    return offset < text.length - 16 && text.charAt(offset) !== '"';
  }

  /** Appends the next piece to what is not taken yet. */
  #fill(): boolean {
    const { done, value } = this.#chunks.next();
    if (done === true) return false;
    const kept = this.#end - this.#at;
    const needed = kept + value.length;
    const target =
      needed <= this.#bytes.length ? this.#bytes : new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    if (target !== this.#bytes || this.#at > 0) target.set(this.#bytes.subarray(this.#at, this.#end));
    target.set(value, kept);
    this.#bytes = target;
    this.#base += this.#at;
    this.#at = 0;
    this.#end = needed;
    return true;
  }
}
