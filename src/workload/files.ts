/** Where files come from: an interface, so that readers stay pure, and its node:fs implementation; globs. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Problems } from "./problems.js";

/** Reads files by path, "/"-separated. Nothing throws: what is not there is undefined. */
export interface FileSource {
  readFile(path: string): string | undefined;
  /** Names in a folder, folders ending in "/"; undefined where there is no such folder. */
  list(folder: string): readonly string[] | undefined;
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
  };
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
  return from.readFile(path) === undefined ? [] : [path];
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
