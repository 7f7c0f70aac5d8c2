/** Where files come from: an interface, so that readers stay pure, and its node:fs implementation; globs. */
import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import type { Problems } from "./problems.js";

/** Reads files by path, "/"-separated. Nothing throws: what is not there is undefined. */
export interface FileSource {
  readFile(path: string): string | undefined;
  /** Names in a folder, folders ending in "/"; undefined where there is no such folder. */
  list(folder: string): readonly string[] | undefined;
  /**
   * A file's bytes in pieces, all of them or a stretch, for files of any size; undefined for what is not there. Nothing is
   * opened before the first piece is asked for; a piece is good until the next one. Throws where reading fails midway.
   */
  readChunks?(path: string, stretch?: Stretch): Iterable<Uint8Array> | undefined;
}

/** In bytes. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
}

/** The file system; relative paths are taken from `base`. */
export function fileSource(base = "."): FileSource {
  const resolve = (path: string): string => (path.startsWith("/") ? path : join(base, path));
  return {
    readFile: (path) => attempt(() => readFileSync(resolve(path), "utf8")),
    list: (folder) =>
      attempt(() =>
        readdirSync(resolve(folder === "" ? "." : folder), { withFileTypes: true }).map((entry) => {
          const isFolder = entry.isSymbolicLink()
            ? attempt(() => statSync(join(resolve(folder), entry.name)).isDirectory()) === true
            : entry.isDirectory();
          return isFolder ? `${entry.name}/` : entry.name;
        }),
      ),
    readChunks: (path, stretch) => {
      const name = resolve(path);
      return isReadable(name, stretch !== undefined) ? chunksOf(name, stretch) : undefined;
    },
  };
}

const CHUNK_LENGTH = 1 << 20;

/** The pieces of a file by its name or descriptor, as they come; one that is told by its descriptor stays open. */
export function* chunksOf(
  file: string | number,
  { offset, length }: Partial<Stretch> = {},
): Generator<Uint8Array, void, undefined> {
  const opened = typeof file === "number" ? file : openSync(file, "r");
  try {
    const chunk = new Uint8Array(Math.min(CHUNK_LENGTH, length ?? CHUNK_LENGTH));
    let left = length ?? Number.POSITIVE_INFINITY;
    let position = offset ?? null;
    while (left > 0) {
      const count = readSync(opened, chunk, 0, Math.min(chunk.length, left), position);
      if (count === 0) return;
      left -= count;
      if (position !== null) position += count;
      yield chunk.subarray(0, count);
    }
  } finally {
    if (opened !== file) closeSync(opened);
  }
}

/** A pipe can be read too, but once and from its start. */
function isReadable(name: string, isAgain: boolean): boolean {
  const readable = attempt(() => {
    accessSync(name, constants.R_OK);
    const stat = statSync(name);
    return isAgain ? stat.isFile() : !stat.isDirectory();
  });
  return readable === true;
}

function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const MANIFEST_NAME = /\.(yaml|yml|json)$/;

/**
 * The manifest files that `paths` name: files as they are, folders recursively (*.yaml, *.yml, *.json; hidden ones left
 * out), globs (`*` and `?` within a name, `**` for any folders). Each path's files in bytewise order, a file named twice
 * once. Paths that name nothing are problems.
 */
export function expandPaths(paths: readonly string[], from: FileSource, problems: Problems): string[] {
  const files = new Set<string>();
  for (const path of paths) {
    const found = isGlob(path) ? glob(path, from) : fileOrFolder(path, from);
    if (found.length === 0) problems.addFileError(path, nothingFound(path, from));
    for (const file of found) files.add(file);
  }
  return [...files];
}

function isGlob(path: string): boolean {
  return /[*?]/.test(path);
}

function nothingFound(path: string, from: FileSource): string {
  if (isGlob(path)) return "expected a pattern that matches a file, but nothing matches";
  const folder = from.list(path) !== undefined;
  return folder
    ? "expected a folder with *.yaml, *.yml or *.json files"
    : "expected a file or folder, but there is none";
}

function fileOrFolder(path: string, from: FileSource): string[] {
  const folder = path.replace(/\/+$/, "") || path;
  if (from.list(folder) !== undefined) {
    return filesBelow(folder, from).filter((file) => MANIFEST_NAME.test(file));
  }
  const isThere = from.readChunks === undefined ? from.readFile(path) : from.readChunks(path);
  return isThere === undefined ? [] : [path];
}

/** All files below a folder, sorted bytewise by whole path; "" and "." are the base itself. */
function filesBelow(folder: string, from: FileSource): string[] {
  const files: string[] = [];
  const prefix = folder === "" ? "" : folder.endsWith("/") ? folder : `${folder}/`;
  for (const name of from.list(folder) ?? []) {
    if (name.startsWith(".")) continue;
    if (name.endsWith("/")) files.push(...filesBelow(prefix + name.slice(0, -1), from));
    else files.push(prefix + name);
  }
  return files.sort(bytewise);
}

function glob(pattern: string, from: FileSource): string[] {
  const steps = pattern.split("/");
  const firstWild = steps.findIndex(isGlob);
  const root = steps.slice(0, firstWild).join("/");
  const base = root === "" && pattern.startsWith("/") ? "/" : root;
  const shape = globShape(pattern);
  return filesBelow(base, from).filter((file) => shape.test(file));
}

function globShape(pattern: string): RegExp {
  const shape = pattern
    .split("/")
    .map((step, index, steps) => {
      const last = index === steps.length - 1;
      if (step === "**") return last ? ".*" : "(?:[^/]+/)*";
      const name = step
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("*", "[^/]*")
        .replaceAll("?", "[^/]");
      return last ? name : `${name}/`;
    })
    .join("");
  return new RegExp(`^${shape}$`);
}

/** By bytes of UTF-8, which for all but surrogate pairs is the order of `<`. */
function bytewise(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
