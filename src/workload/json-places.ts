/** Offsets of paths in well-formed JSON, by skipping what is not on the path: no tree, however large the text. */

/** Lists at least this long keep the offsets of their items: mistakes in a snapshot come in numbers. */
const REMEMBERED_LENGTH_MIN = 64;

const QUOTE = 34;
const COMMA = 44;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

export class JsonPlaces {
  readonly #text: string;
  /** Offset of a list → offsets of its items. */
  readonly #lists = new Map<number, readonly number[]>();

  /** `text` is known to be well-formed. */
  constructor(text: string) {
    this.#text = text;
  }

  /** A scalar's own offset, the key's for a collection in an object; the nearest parent's for what is not there. */
  offsetOf(path: readonly (string | number)[]): number {
    let value = this.#skipSpace(0);
    let shown = value;
    for (const step of path) {
      const found = typeof step === "number" ? this.#item(value, step) : this.#member(value, step);
      if (found === undefined) return shown;
      value = found.value;
      shown = this.#isCollection(value) ? found.shown : value;
    }
    return shown;
  }

  #isCollection(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code === OPEN_LIST || code === OPEN_OBJECT;
  }

  #item(list: number, index: number): { value: number; shown: number } | undefined {
    if (this.#text.charCodeAt(list) !== OPEN_LIST) return undefined;
    let offsets = this.#lists.get(list);
    if (offsets === undefined) {
      offsets = this.#itemsOf(list);
      if (offsets.length >= REMEMBERED_LENGTH_MIN) this.#lists.set(list, offsets);
    }
    const value = offsets[index];
    return value === undefined ? undefined : { value, shown: value };
  }

  #itemsOf(list: number): number[] {
    const offsets: number[] = [];
    let at = this.#skipSpace(list + 1);
    while (this.#text.charCodeAt(at) !== CLOSE_LIST) {
      offsets.push(at);
      at = this.#skipSpace(this.#skipValue(at));
      if (this.#text.charCodeAt(at) === COMMA) at = this.#skipSpace(at + 1);
    }
    return offsets;
  }

  /** The last member of that name, which is the one that JSON.parse keeps. */
  #member(object: number, name: string): { value: number; shown: number } | undefined {
    if (this.#text.charCodeAt(object) !== OPEN_OBJECT) return undefined;
    let found: { value: number; shown: number } | undefined;
    let at = this.#skipSpace(object + 1);
    while (this.#text.charCodeAt(at) !== CLOSE_OBJECT) {
      const keyEnd = this.#skipValue(at);
      const value = this.#skipSpace(this.#skipSpace(keyEnd) + 1);
      if (JSON.parse(this.#text.slice(at, keyEnd)) === name) found = { value, shown: at };
      at = this.#skipSpace(this.#skipValue(value));
      if (this.#text.charCodeAt(at) === COMMA) at = this.#skipSpace(at + 1);
    }
    return found;
  }

  /** One past the value that starts at `at`. */
  #skipValue(at: number): number {
    const text = this.#text;
    let depth = 0;
    let here = at;
    for (; here < text.length; here++) {
      const code = text.charCodeAt(here);
      if (code === QUOTE) {
        here = this.#closingQuote(here);
        if (depth === 0) return here + 1;
      } else if (code === OPEN_LIST || code === OPEN_OBJECT) depth += 1;
      else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
        if (depth === 0) return here;
        depth -= 1;
        if (depth === 0) return here + 1;
      } else if (depth === 0 && (code === COMMA || code <= 32)) return here;
    }
    return here;
  }

  #closingQuote(open: number): number {
    let here = open + 1;
    for (let code = this.#text.charCodeAt(here); code !== QUOTE; code = this.#text.charCodeAt(here)) {
      here += code === BACKSLASH ? 2 : 1;
    }
    return here;
  }

  #skipSpace(at: number): number {
    let here = at;
    while (here < this.#text.length && this.#text.charCodeAt(here) <= 32) here += 1;
    return here;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON refuses them in strings.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null/y;
const SPACE = /[ \t\r\n]*/y;

/** Offset of the first mistake in a text that is not well-formed JSON; its end where something is missing there. */
export function jsonMistakeOffset(text: string): number {
  return jsonMistake(text).offset;
}

const WHOLE_STRING = "a string on one line with its closing quote and JSON's escapes";
const EXPECTED = {
  value: "a value",
  valueOrEnd: 'a value or "]"',
  key: "a key in quotes",
  keyOrEnd: 'a key in quotes or "}"',
} as const;

/** The first mistake in a text that is not well-formed JSON: where it is, and what should stand there. */
export function jsonMistake(text: string): { readonly offset: number; readonly expected: string } {
  /** Closing characters of the open collections. */
  const open: string[] = [];
  let at = 0;
  const take = (shape: RegExp): boolean => {
    shape.lastIndex = at;
    if (!shape.test(text)) return false;
    at = shape.lastIndex;
    return true;
  };
  let expected: "value" | "valueOrEnd" | "key" | "keyOrEnd" | "commaOrEnd" = "value";
  for (;;) {
    take(SPACE);
    const here = text.charAt(at);
    const closing = open.at(-1);
    if (expected === "commaOrEnd") {
      if (closing === undefined) return { offset: at, expected: "nothing more" };
      if (here === ",") expected = closing === "}" ? "key" : "value";
      else if (here === closing) open.pop();
      else return { offset: at, expected: `"," or "${closing}"` };
      at += 1;
    } else if (expected === "keyOrEnd" && here === "}") expected = "commaOrEnd";
    else if (expected === "valueOrEnd" && here === "]") expected = "commaOrEnd";
    else if (expected === "key" || expected === "keyOrEnd") {
      if (!take(STRING)) return { offset: at, expected: here === '"' ? WHOLE_STRING : EXPECTED[expected] };
      take(SPACE);
      if (text.charAt(at) !== ":") return { offset: at, expected: '":"' };
      at += 1;
      expected = "value";
    } else if (here === "{" || here === "[") {
      open.push(here === "{" ? "}" : "]");
      expected = here === "{" ? "keyOrEnd" : "valueOrEnd";
      at += 1;
    } else if (take(STRING) || take(SCALAR)) expected = "commaOrEnd";
    else return { offset: at, expected: here === '"' ? WHOLE_STRING : EXPECTED[expected] };
  }
}
