/**
 * JSON of any size, object by object: the items of `kubectl get -o json`, of Lists in Lists, and documents one after the
 * other (one a line, or just so). In memory is the object at hand, besides what its taker keeps.
 */

import { formatPath } from "./field.js";
import {
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  END,
  type JsonCut,
  JsonCutter,
  type JsonPlace,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
} from "./json-cutter.js";
import { JsonPlaces, jsonMistake } from "./json-places.js";
import type { Problems } from "./problems.js";
import type { ListOfItem, YamlDocument, YamlPath } from "./yaml.js";
import { lineAndColumn, type Position } from "./yaml-parts.js";

export interface JsonStreamOptions {
  /** Objects of up to so many bytes are read as they are, longer ones by their items. */
  readonly wholeLengthMax?: number;
  /** The text of a stretch of the file again, for the places of late messages; without it they name the object's start. */
  readonly reread?: (offset: number, length: number) => string | undefined;
}

/** Larger than what etcd takes (1.5 MiB a request), so that what is longer is a list. */
const WHOLE_LENGTH_MAX = 1 << 22;
/** More are hardly read by anybody. */
const MISTAKES_MAX = 20;

/**
 * The documents of a file, and in place of a long list its items as documents that know their list (`itemOf`), then the
 * list itself without them. Mistakes are recorded; after one that leaves open where the next object starts nothing follows.
 */
export function readJsonStream(
  chunks: Iterable<Uint8Array>,
  file: string,
  problems: Problems,
  options: JsonStreamOptions = {},
): Iterable<YamlDocument> {
  return new JsonStream(new JsonCutter(chunks), file, problems, options).documents();
}

/** Ends the reading of a file, once the reason is recorded. */
const STOP = new Error("no way to go on");

/** A list whose items are being read; what its members say may come after them. */
interface OpenList {
  readonly path: YamlPath;
  kind: string | undefined;
  apiVersion: unknown;
}

class JsonStream {
  readonly #cutter: JsonCutter;
  readonly #file: string;
  readonly #problems: Problems;
  readonly #wholeLengthMax: number;
  readonly #reread: JsonStreamOptions["reread"];
  #mistakes = 0;
  /** The object read last, whose text is still here. */
  #last: { readonly offset: number; readonly text: string; places: JsonPlaces | undefined } | undefined;

  constructor(cutter: JsonCutter, file: string, problems: Problems, options: JsonStreamOptions) {
    this.#cutter = cutter;
    this.#file = file;
    this.#problems = problems;
    this.#wholeLengthMax = options.wholeLengthMax ?? WHOLE_LENGTH_MAX;
    this.#reread = options.reread;
  }

  *documents(): Generator<YamlDocument, void, undefined> {
    try {
      while (this.#cutter.peek() !== END) {
        const cut = this.#cutter.value(this.#wholeLengthMax);
        if (cut.kind === "longer") yield* this.#long([], undefined);
        // What kubectl and people put between documents.
        else if (cut.text !== "---") yield* this.#document(cut, [], undefined);
      }
    } catch (error) {
      if (error !== STOP) throw error;
    } finally {
      this.#cutter.close();
    }
  }

  *#document(
    cut: JsonCut,
    path: YamlPath,
    list: OpenList | undefined,
  ): Generator<YamlDocument, void, undefined> {
    const read = this.#parse(cut, path);
    if (read === undefined || (read.data === null && list === undefined)) return;
    this.#last = { offset: cut.offset, text: cut.text, places: undefined };
    yield this.#documentOf(read.data, cut, list === undefined ? undefined : itemOf(path, list));
  }

  /** An object of more than `wholeLengthMax`: a list by its items, anything else as one. */
  *#long(path: YamlPath, around: OpenList | undefined): Generator<YamlDocument, void, undefined> {
    const cutter = this.#cutter;
    if (cutter.peek() !== OPEN_OBJECT) {
      yield* this.#document(cutter.value(), path, around);
      return;
    }
    const start = cutter.place;
    cutter.take();
    const members = new Map<string, unknown>();
    const list: OpenList = { path, kind: undefined, apiVersion: undefined };
    const held: YamlDocument[] = [];
    let itemCount: number | undefined;
    let kindPlace: JsonPlace = start;
    for (let isFirst = true; ; isFirst = false) {
      const next = cutter.peek();
      if (next === CLOSE_OBJECT && isFirst) break;
      if (next !== QUOTE) this.#stop(path, isFirst ? 'a key in quotes or "}"' : "a key in quotes");
      const key = this.#key(path);
      if (cutter.peek() !== COLON) this.#stop(path, '":"');
      cutter.take();
      const first = cutter.peek();
      if (key === "kind") kindPlace = cutter.place;
      const { kind } = list;
      if (key === "items" && first === OPEN_LIST && (kind === undefined || kind.endsWith("List"))) {
        itemCount = (itemCount ?? 0) + (yield* this.#items(list, held));
      } else {
        const value = this.#member([...path, key]);
        members.set(key, value);
        if (key === "kind" && typeof value === "string") list.kind = value;
        if (key === "apiVersion") list.apiVersion = value;
      }
      if (cutter.peek() === CLOSE_OBJECT) break;
      if (cutter.peek() !== COMMA) this.#stop(path, '"," or "}"');
      cutter.take();
      cutter.peek();
    }
    cutter.take();
    if (itemCount === undefined) {
      const length = cutter.place.offset - start.offset;
      this.#last = undefined;
      const found = { ...start, length };
      yield this.#documentOf(Object.fromEntries(members), found, around && itemOf(path, around));
      return;
    }
    for (const document of held) yield { ...document, itemOf: itemOf(document.itemOf?.path ?? path, list) };
    if (list.kind !== undefined && !list.kind.endsWith("List") && itemCount > 0) {
      const message = "expected a kind that ends in List for a large object with items";
      this.#add(kindPlace, [...path, "kind"], message, list.kind);
    }
    members.set("items", []);
    yield this.#documentOf(
      Object.fromEntries(members),
      { ...start, length: 0 },
      around && itemOf(path, around),
    );
  }

  /** Returns how many there are. Those that only their list's kind explains are held back until it is known. */
  *#items(list: OpenList, held: YamlDocument[]): Generator<YamlDocument, number, undefined> {
    const cutter = this.#cutter;
    cutter.take();
    if (cutter.peek() === CLOSE_LIST) {
      cutter.take();
      return 0;
    }
    for (let index = 0; ; index++) {
      const path = [...list.path, "items", index];
      const next = cutter.peek();
      if (next === END || next === CLOSE_LIST || next === CLOSE_OBJECT || next === COMMA || next === COLON) {
        this.#stop(path, "a value");
      }
      const cut = cutter.value(this.#wholeLengthMax);
      const documents = cut.kind === "longer" ? this.#long(path, list) : this.#document(cut, path, list);
      for (const document of documents) {
        const isItem = document.itemOf?.path.length === path.length;
        if (isItem && list.kind === undefined && !saysItsKind(document.data)) held.push(document);
        else yield document;
      }
      const after = cutter.peek();
      if (after !== COMMA && after !== CLOSE_LIST) this.#stop([...list.path, "items"], '"," or "]"');
      cutter.take();
      if (after === CLOSE_LIST) return index + 1;
    }
  }

  #key(path: YamlPath): string {
    const read = this.#parse(this.#cutter.value(), path);
    if (typeof read?.data !== "string") throw STOP;
    return read.data;
  }

  #member(path: YamlPath): unknown {
    const read = this.#parse(this.#cutter.value(), path);
    // Where one bracket is missing in it, all that follows would be told to be wrong.
    if (read === undefined) throw STOP;
    return read.data;
  }

  /** Undefined, with the mistake recorded, where it is none that leaves its end in doubt. */
  #parse(cut: JsonCut, path: YamlPath): { readonly data: unknown } | undefined {
    if (cut.kind === "huge") {
      this.#add(cut, path, "expected an object of less than 512 MB");
      throw STOP;
    }
    if (cut.kind === "whole") {
      try {
        return { data: JSON.parse(cut.text) as unknown };
      } catch {
        // Where and what is told below.
      }
    }
    const { offset, expected } = jsonMistake(cut.text);
    const ends = cut.kind === "ended" ? ", but the file ends" : "";
    this.#add(positionIn(cut, cut.text, offset), path, `expected well-formed JSON: ${expected}${ends}`);
    if (cut.kind !== "whole" || !closesAsOpened(cut.text) || this.#mistakes >= MISTAKES_MAX) throw STOP;
    return undefined;
  }

  #stop(path: YamlPath, expected: string): never {
    const ends = this.#cutter.peek() === END ? ", but the file ends" : "";
    this.#add(this.#cutter.place, path, `expected well-formed JSON: ${expected}${ends}`);
    throw STOP;
  }

  #add({ line, column }: Position, path: YamlPath, message: string, value?: unknown): void {
    this.#mistakes += 1;
    this.#problems.add({
      file: this.#file,
      line,
      column,
      path: formatPath(path),
      ...(value === undefined ? {} : { value }),
      message,
      severity: "error",
    });
  }

  #documentOf(
    data: unknown,
    { offset, line, column, length }: JsonPlace & { readonly length: number },
    itemOf: ListOfItem | undefined,
  ): YamlDocument {
    const start = { offset, line, column };
    const positionOf = (path: YamlPath): Position => this.#positionOf(path, start, length);
    return { file: this.#file, data, positionOf, ...(itemOf === undefined ? {} : { itemOf }) };
  }

  #positionOf(path: YamlPath, start: JsonPlace, length: number): Position {
    if (this.#last?.offset !== start.offset) {
      const text = length === 0 ? undefined : this.#reread?.(start.offset, length);
      if (text === undefined) return { line: start.line, column: start.column };
      return positionIn(start, text, new JsonPlaces(text).offsetOf(path));
    }
    this.#last.places ??= new JsonPlaces(this.#last.text);
    return positionIn(start, this.#last.text, this.#last.places.offsetOf(path));
  }
}

function itemOf(path: YamlPath, { kind, apiVersion }: OpenList): ListOfItem {
  return { path, kind, apiVersion };
}

/** Else a bracket is missing, and the cut may have taken one of what is around. */
function closesAsOpened(text: string): boolean {
  const close = text.at(-1);
  return text.startsWith("{") ? close === "}" : text.startsWith("[") ? close === "]" : text !== "";
}

/** An item without its own kind is what its list's kind says, which may come after the items. */
function saysItsKind(data: unknown): boolean {
  return typeof data === "object" && data !== null && "kind" in data && data.kind !== null;
}

function positionIn(start: Position, text: string, offset: number): Position {
  const { line, column } = lineAndColumn(text, offset);
  return { line: start.line + line - 1, column: line === 1 ? start.column + column - 1 : column };
}
