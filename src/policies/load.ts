/**
 * A user's own policy file, `.ts` or `.js`. Loaded with jiti, because Node 20 and its worker threads cannot load
 * TypeScript by themselves; `import { definePolicy } from "seatrial"` means this very package (its part for authors of
 * policies), wherever the file lies.
 */
import { existsSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { createJiti } from "jiti";
import * as authoring from "./authoring.js";
import type { PluginFactory } from "./framework/types.js";

const EXTENSIONS: readonly string[] = [".ts", ".mts", ".js", ".mjs"];

/** A policy file that cannot be used: the message says which, why, and what was expected. */
export class PolicyFileError extends Error {
  override readonly name = "PolicyFileError";
  readonly file: string;

  constructor(file: string, message: string) {
    super(`policy file ${file}: ${message}`);
    this.file = file;
  }
}

/** The policy that the file exports by default (or as its only export). Throws {@link PolicyFileError}. */
export async function loadPolicy(file: string): Promise<PluginFactory> {
  checkFile(file);
  let module: unknown;
  try {
    module = await importFile(resolve(file));
  } catch (cause) {
    throw new PolicyFileError(file, `cannot be loaded: ${messageOf(cause)}`);
  }
  const policies = policiesOf(module);
  const [policy] = policies;
  if (policy !== undefined && policies.length === 1) return policy;
  const found = policies.length === 0 ? "none" : policies.map(({ name }) => name).join(", ");
  throw new PolicyFileError(
    file,
    `expected one policy as the default export (export default definePolicy({ … })), found ${found}`,
  );
}

function checkFile(file: string): void {
  if (!EXTENSIONS.includes(extname(file))) {
    throw new PolicyFileError(file, `expected a file ending in ${EXTENSIONS.join(", ")}`);
  }
  if (!existsSync(file)) throw new PolicyFileError(file, "there is no such file");
  if (!statSync(file).isFile()) throw new PolicyFileError(file, "expected a file, found a folder");
}

/** No cache on disk or in memory: what is loaded must not depend on what was loaded before. */
function importFile(path: string): Promise<unknown> {
  const options = {
    virtualModules: { seatrial: authoring },
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
  };
  return createJiti(import.meta.url, options).import(path);
}

/** The default export alone where there is one; otherwise every export that is a policy. */
function policiesOf(module: unknown): PluginFactory[] {
  if (typeof module !== "object" || module === null) return [];
  const exports = module as Readonly<Record<string, unknown>>;
  if (exports.default !== undefined) return isFactory(exports.default) ? [exports.default] : [];
  return Object.values(exports).filter(isFactory);
}

function isFactory(value: unknown): value is PluginFactory {
  if (typeof value !== "object" || value === null) return false;
  const { name, description, create } = value as Readonly<Record<string, unknown>>;
  return typeof name === "string" && typeof description === "string" && typeof create === "function";
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
