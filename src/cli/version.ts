/** The package's version, from its own package.json. */
import { readFileSync } from "node:fs";
import { assert } from "../assert.js";

export const VERSION: string = readVersion();

/** Two folders up, from dist/cli as from src/cli. */
function readVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version?: unknown };
  assert(typeof version === "string", "package.json has a version");
  return version;
}
