/**
 * The one reader of YAML and JSON: documents as kubectl reads them (sigs.k8s.io/yaml over go-yaml v2), with the line
 * and column of any path on request. Also used for scenario files.
 *
 * What kubectl's reading means: unquoted words by YAML 1.1 (see yaml-scalars.ts), keys turned into text, `<<` merges
 * in the order written (a later key wins, also over an earlier one of the mapping itself), aliases expanded within
 * go-yaml's limits, timestamps left as text. One difference, on purpose: a key written twice is an error.
 */
import {
  Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import { JsonPlaces, jsonMistakeOffset } from "./json-places.js";
import { type Problems, showValue } from "./problems.js";
import { cutItems, lineAndColumn, type Part, type Position, splitDocuments } from "./yaml-parts.js";
import { readPlainYaml } from "./yaml-plain.js";
import { keyText, resolvePlain, type YamlScalar } from "./yaml-scalars.js";

export type { Position } from "./yaml-parts.js";

export type YamlPath = readonly (string | number)[];

/** One document of a file. */
export interface YamlDocument {
  readonly file: string;
  /** Plain data: objects, arrays, strings, numbers (integers beyond 2^53 as bigint), booleans, null. */
  readonly data: unknown;
  /**
   * Where the value at `path` stands: a scalar itself, the key of a mapping or list; for a path that is not there, its
   * nearest parent that is. Reads the text again, so it is for messages only.
   */
  positionOf(path: YamlPath): Position;
  /** For an item of a list that is too long to be read as one document. */
  readonly itemOf?: ListOfItem;
}

/** What an item read by itself owes to its list. */
export interface ListOfItem {
  /** Of the item in the document, e.g. `items`, 1234. */
  readonly path: YamlPath;
  /** Of the list. */
  readonly kind: string | undefined;
  readonly apiVersion: unknown;
}

/** All documents of a text, empty ones left out. Malformed ones are recorded in `problems` and left out. */
export function readYaml(text: string, file: string, problems: Problems): YamlDocument[] {
  const documents: YamlDocument[] = [];
  const clean = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const refused = CONTROL_CHARACTERS.exec(clean);
  if (refused !== null) {
    const { line, column } = lineAndColumn(clean, refused.index);
    const message = `expected text, found the control character ${showValue(refused[0])}`;
    problems.add({ file, line, column, path: "", message, severity: "error" });
    return documents;
  }
  for (const part of splitDocuments(clean)) {
    const document = readDocument(part, file, problems);
    if (document !== undefined && document.data !== null) documents.push(document);
  }
  return documents;
}

/** Plain data as a YAML document that reads back as the same data here and with kubectl. */
export function writeYaml(data: unknown): string {
  const document = new Document(data, { version: "1.2", aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, node) => {
      // Texts that unquoted would be something else, by go-yaml's rules and not only by the library's.
      if (typeof node.value === "string" && resolvePlain(node.value) !== node.value)
        node.type = "QUOTE_DOUBLE";
      if (node.value === "<<") node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** What YAML refuses outside of escapes (YAML 1.1 §5.1); go-yaml stops at them too. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL_CHARACTERS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** Above this size JSON is taken to be written by a machine (no search for repeated keys), lists are read by item. */
const LARGE_LENGTH = 1_000_000;
/** The complete reader takes about a hundred bytes for each of the text; this keeps it below 2 GB. */
const COMPLETE_LENGTH_MAX = 20_000_000;

function readDocument(part: Part, file: string, problems: Problems): YamlDocument | undefined {
  const large = part.text.length > LARGE_LENGTH;
  const json = large && /^\s*[{[]/.test(part.text.slice(0, 1000)) ? parseJson(part.text) : undefined;
  if (json?.kind === "read") {
    return documentOf(file, json.data, () => offsetsIn(part, new JsonPlaces(part.text)));
  }
  const plain = json === undefined ? readPlainYaml(part.text) : undefined;
  if (plain !== undefined) return wholeDocument(part, file, plain.data);
  const list = large && json === undefined ? readLargeList(part) : undefined;
  if (list?.mistakes.length === 0) return wholeDocument(part, file, list.data);
  if (part.text.length > COMPLETE_LENGTH_MAX) {
    const message = "expected the style in which kubectl writes, for a document of more than 20 MB";
    const found = list?.mistakes ?? [json?.mistake ?? { offset: 0, path: "", message }];
    for (const mistake of found) addMistake(part, file, mistake, problems);
    return undefined;
  }
  const { data, mistakes } = readCompleteYaml(part.text);
  for (const mistake of mistakes) addMistake(part, file, mistake, problems);
  return mistakes.length > 0 ? undefined : wholeDocument(part, file, data);
}

type JsonResult =
  | { readonly kind: "read"; readonly data: unknown; readonly mistake?: never }
  | { readonly kind: "malformed"; readonly mistake: SyntaxMistake };

function parseJson(text: string): JsonResult {
  try {
    return { kind: "read", data: JSON.parse(text) as unknown };
  } catch {
    return {
      kind: "malformed",
      mistake: { offset: jsonMistakeOffset(text), path: "", message: "expected well-formed JSON" },
    };
  }
}

function addMistake(part: Part, file: string, mistake: SyntaxMistake, problems: Problems): void {
  const { line, column } = lineAndColumn(part.text, mistake.offset);
  problems.add({
    file,
    line: line + part.firstLine,
    column,
    path: mistake.path,
    ...(mistake.value === undefined ? {} : { value: mistake.value }),
    message: mistake.message,
    severity: "error",
  });
}

function wholeDocument(part: Part, file: string, data: unknown): YamlDocument {
  return documentOf(file, data, () => placesOf(part));
}

type Places = (path: YamlPath) => Position;

function documentOf(file: string, data: unknown, makePlaces: () => Places): YamlDocument {
  let places: Places | undefined;
  const positionOf = (path: YamlPath): Position => {
    places ??= makePlaces();
    return places(path);
  };
  return { file, data, positionOf };
}

/** Offsets in a part's text as lines and columns of its file. */
function offsetsIn(part: Part, places: { offsetOf(path: YamlPath): number }): Places {
  return (path) => {
    const { line, column } = lineAndColumn(part.text, places.offsetOf(path));
    return { line: line + part.firstLine, column };
  };
}

/** Large lists are searched item by item, so that one mistake in a large file does not cost a tree of all of it. */
function placesOf(part: Part): Places {
  const cut = part.text.length > LARGE_LENGTH ? cutItems(part) : undefined;
  return cut === undefined ? offsetsIn(part, new YamlPlaces(part.text)) : placesInItems(part, cut.items);
}

function placesInItems(part: Part, items: readonly Part[]): Places {
  let open: { readonly index: number; readonly places: Places } | undefined;
  return (path) => {
    const [first, index, ...rest] = path;
    const item = first === "items" && typeof index === "number" ? items[index] : undefined;
    if (item === undefined || typeof index !== "number") return { line: part.firstLine + 1, column: 1 };
    if (open?.index !== index) open = { index, places: placesOf(item) };
    return open.places([0, ...rest]);
  };
}

/** More are hardly read by anybody, and each costs a message. */
const LIST_MISTAKES_MAX = 20;

/**
 * A large `kubectl get -o yaml` list whose items do not all have the plain style: each item is read by itself, so that
 * only the odd ones cost a syntax tree, one at a time. Undefined where there is no such list. An item that refers to
 * another by an alias counts as a mistake here.
 */
function readLargeList(
  part: Part,
): { readonly data: unknown; readonly mistakes: readonly SyntaxMistake[] } | undefined {
  const cut = cutItems(part);
  if (cut === undefined) return undefined;
  const frame = readCompleteYaml(cut.frame);
  if (frame.mistakes.length > 0 || typeof frame.data !== "object" || frame.data === null) return undefined;
  const items: unknown[] = [];
  const mistakes: SyntaxMistake[] = [];
  let offset = cut.offset;
  for (const [index, item] of cut.items.entries()) {
    const plain = readPlainYaml(item.text);
    const read = plain === undefined ? readCompleteYaml(item.text) : { data: plain.data, mistakes: [] };
    if (Array.isArray(read.data)) items.push(...(read.data as unknown[]));
    for (const mistake of read.mistakes) {
      const path = mistake.path.replace(/^(\[0\])?/, `items[${index}]`);
      mistakes.push({ ...mistake, path, offset: offset + mistake.offset });
    }
    if (mistakes.length >= LIST_MISTAKES_MAX) break;
    offset += item.text.length;
  }
  return { data: { ...frame.data, items }, mistakes };
}

/** A mistake found by the complete reader, at an offset of its text. */
interface SyntaxMistake {
  readonly offset: number;
  readonly path: string;
  readonly value?: unknown;
  readonly message: string;
}

/** Every scalar as text with its style, nothing resolved: what words mean is go-yaml's, not the library's. */
const PARSE_OPTIONS = {
  schema: "failsafe",
  uniqueKeys: false,
  merge: false,
  keepSourceTokens: false,
  prettyErrors: false,
  logLevel: "silent",
} as const;

/** Reads one document with all of YAML's syntax. Data is meaningless where there are mistakes. */
function readCompleteYaml(text: string): {
  readonly data: unknown;
  readonly mistakes: readonly SyntaxMistake[];
} {
  let document: Document.Parsed;
  try {
    document = parseDocument(text, PARSE_OPTIONS);
    const mistakes = document.errors.map(
      ({ pos, message }): SyntaxMistake => ({
        offset: pos[0],
        path: "",
        message: `expected well-formed YAML: ${lowerFirst(message)}`,
      }),
    );
    if (mistakes.length > 0) return { data: null, mistakes };
    const converter = new Converter();
    const data = document.contents === null ? null : converter.convert(document.contents, "");
    return { data, mistakes: converter.mistakes };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { data: null, mistakes: [{ offset: 0, path: "", message: "expected YAML nested less deeply" }] };
  }
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** go-yaml's bounds on alias expansion (decode.go, allowedAliasRatio; the answer to CVE-2019-11253). */
const ALIAS_NODES_FREE = 100;
const NODES_FREE = 1_000;
const RATIO_LOW_NODES = 400_000;
const RATIO_HIGH_NODES = 4_000_000;

function allowedAliasRatio(nodes: number): number {
  if (nodes <= RATIO_LOW_NODES) return 0.99;
  if (nodes >= RATIO_HIGH_NODES) return 0.1;
  return 0.99 - 0.89 * ((nodes - RATIO_LOW_NODES) / (RATIO_HIGH_NODES - RATIO_LOW_NODES));
}

/** Stops the conversion of a document whose aliases expand without end. */
const BOMB = new Error("alias bomb");

/** From the library's tree to plain data, by go-yaml's rules. */
class Converter {
  readonly mistakes: SyntaxMistake[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #nodes = 0;
  #aliasNodes = 0;
  #aliasDepth = 0;

  convert(root: ParsedNode, path: string): unknown {
    try {
      return this.#value(root, path);
    } catch (error) {
      if (error !== BOMB) throw error;
      this.#mistake(root, path, "expected fewer aliases: the document is mostly their expansion");
      return null;
    }
  }

  #value(node: Node | null | undefined, path: string): unknown {
    this.#count();
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.#alias(node.source, node, path);
    if ("anchor" in node && typeof node.anchor === "string") this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#scalar(node, path);
    this.#open.add(node);
    let data: unknown = null;
    if (isSeq(node)) data = node.items.map((item, index) => this.#value(asNode(item), `${path}[${index}]`));
    else if (isMap(node)) data = this.#mapping(node, path);
    this.#open.delete(node);
    return data;
  }

  #count(): void {
    this.#nodes += 1;
    if (this.#aliasDepth > 0) this.#aliasNodes += 1;
    if (this.#aliasNodes <= ALIAS_NODES_FREE || this.#nodes <= NODES_FREE) return;
    if (this.#aliasNodes / this.#nodes > allowedAliasRatio(this.#nodes)) throw BOMB;
  }

  #alias(name: string, node: Node, path: string): unknown {
    const target = this.#anchors.get(name);
    if (target === undefined)
      return this.#mistake(node, path, `expected an anchor &${name} before the alias *${name}`);
    if (this.#open.has(target))
      return this.#mistake(node, path, `expected an anchor that does not contain its own alias *${name}`);
    this.#aliasDepth += 1;
    const data = this.#value(target, path);
    this.#aliasDepth -= 1;
    return data;
  }

  #mapping(node: YAMLMap, path: string): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const written = new Set<string>();
    for (const pair of node.items) {
      const keyNode = asNode(pair.key);
      if (isMergeKey(keyNode)) {
        this.#merge(object, asNode(pair.value), path);
        continue;
      }
      const key = this.#key(keyNode, node, path);
      if (key === undefined) continue;
      const inner = path === "" ? key : `${path}.${key}`;
      if (written.has(key))
        this.#mistake(keyNode ?? node, inner, `expected each key once, "${key}" is here again`);
      written.add(key);
      setOwn(object, key, this.#value(asNode(pair.value), inner));
    }
    return object;
  }

  #key(node: Node | undefined, parent: Node, path: string): string | undefined {
    const value = this.#value(node, path);
    const scalar = typeof value === "object" && value !== null ? undefined : (value as YamlScalar);
    const key = scalar === undefined ? undefined : keyText(scalar);
    if (key === undefined) this.#mistake(node ?? parent, path, "expected a string as key", value);
    return key;
  }

  /** As go-yaml v2: the merged keys are set here and now; of several mappings the first wins. */
  #merge(object: Record<string, unknown>, node: Node | undefined, path: string): void {
    const value = this.#value(node, path);
    const sources = (Array.isArray(value) ? value : [value]) as readonly unknown[];
    for (const source of [...sources].reverse()) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        if (node !== undefined)
          this.#mistake(node, path, "expected a mapping, or a list of mappings, to merge by <<", source);
        return;
      }
      for (const [key, merged] of Object.entries(source)) setOwn(object, key, merged);
    }
  }

  #scalar(node: Node & { readonly source?: string; readonly type?: string }, path: string): YamlScalar {
    const text = isScalar(node) ? String(node.value ?? "") : "";
    const tag = SHORT_TAGS.get(node.tag ?? "");
    if (tag === undefined && node.tag !== undefined) return text;
    if (tag === "str" || (tag === undefined && node.type !== "PLAIN")) return text;
    const value = tag === "timestamp" ? text : resolvePlain(text);
    if (typeof value === "number" && !Number.isFinite(value)) {
      this.#mistake(node, path, "expected a finite number", text);
    } else if (tag !== undefined && !fitsTag(tag, value)) {
      this.#mistake(node, path, `expected a value that fits its tag !!${tag}`, text);
    }
    return value;
  }

  #mistake(node: Node, path: string, message: string, value?: unknown): null {
    this.mistakes.push({
      offset: node.range?.[0] ?? 0,
      path,
      message,
      ...(value === undefined ? {} : { value }),
    });
    return null;
  }
}

const SHORT_TAGS: ReadonlyMap<string, string> = new Map(
  ["str", "bool", "int", "float", "null", "timestamp"].map((name) => [`tag:yaml.org,2002:${name}`, name]),
);

function fitsTag(tag: string, value: YamlScalar): boolean {
  switch (tag) {
    case "bool":
      return typeof value === "boolean";
    case "int":
      return typeof value === "bigint" || Number.isInteger(value);
    case "float":
      return typeof value === "bigint" || typeof value === "number";
    case "null":
      return value === null;
    default:
      return true;
  }
}

/** `__proto__` is a key like any other. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  else object[key] = value;
}

/** The library's collections are typed as holding anything; parsed ones hold nodes. */
function asNode(item: unknown): Node | undefined {
  return isScalar(item) || isAlias(item) || isMap(item) || isSeq(item) ? item : undefined;
}

function isMergeKey(key: Node | undefined): boolean {
  return (
    isScalar(key) &&
    key.value === "<<" &&
    key.type === "PLAIN" &&
    (key.tag === undefined || key.tag.endsWith(":merge"))
  );
}

/** Offsets of paths in one document. */
class YamlPlaces {
  readonly #document: Document.Parsed;

  constructor(text: string) {
    this.#document = parseDocument(text, PARSE_OPTIONS);
  }

  offsetOf(path: YamlPath): number {
    let node: Node | undefined = asNode(this.#document.contents);
    let offset = node?.range?.[0] ?? 0;
    for (const [depth, step] of path.entries()) {
      if (isAlias(node)) node = asNode(node.resolve(this.#document));
      const found: { at: number; value: Node | undefined } | undefined = isSeq(node)
        ? itemAt(node.items, step)
        : isMap(node)
          ? this.#entry(node, String(step))
          : undefined;
      if (found === undefined) return offset;
      const last = depth === path.length - 1;
      offset =
        last && isScalar(found.value) && found.value.source !== ""
          ? (found.value.range?.[0] ?? found.at)
          : found.at;
      node = found.value;
    }
    return offset;
  }

  #entry(map: YAMLMap, key: string): { at: number; value: Node | undefined } | undefined {
    let merged: { at: number; value: Node | undefined } | undefined;
    for (const pair of map.items) {
      if (!isPair(pair)) continue;
      const keyNode = asNode(pair.key);
      const value = asNode(pair.value);
      if (isMergeKey(keyNode)) {
        const sources = isSeq(value) ? value.items.map(asNode) : [value];
        for (const source of sources) {
          const target = isAlias(source) ? source.resolve(this.#document) : source;
          if (isMap(target)) merged ??= this.#entry(target, key);
        }
      } else if (isScalar(keyNode)) {
        const written = String(keyNode.value ?? "");
        const text = keyNode.type === "PLAIN" ? keyText(resolvePlain(written)) : written;
        if (text === key) return { at: keyNode.range?.[0] ?? 0, value };
      }
    }
    return merged;
  }
}

function itemAt(
  items: readonly unknown[],
  step: string | number,
): { at: number; value: Node | undefined } | undefined {
  const value = typeof step === "number" ? asNode(items[step]) : undefined;
  return value === undefined ? undefined : { at: value.range?.[0] ?? 0, value };
}
