/** Files that a command writes besides results: each whole or not at all. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BadInput } from "./exit.js";

export interface TextFile {
  /** Within the folder, "/"-separated. */
  readonly path: string;
  readonly text: string;
}

/** Writes the files into `folder` and returns their paths. Throws {@link BadInput} where the folder cannot be written. */
export function writeFiles(folder: string, files: readonly TextFile[]): string[] {
  try {
    return files.map(({ path, text }) => {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeWhole(target, text);
      return target;
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BadInput([`expected a folder that can be written, got "${folder}" (${reason})`]);
  }
}

/** Stops where one of the files is there already, unless overwriting was asked for. */
export function refuseToOverwrite(folder: string, files: readonly TextFile[], force: boolean): void {
  if (force) return;
  const there = files.map(({ path }) => join(folder, path)).filter((path) => existsSync(path));
  if (there.length === 0) return;
  throw new BadInput(there.map((path) => `${path}: is there already; --force overwrites it`));
}

function writeWhole(target: string, text: string): void {
  const partial = `${target}.partial`;
  try {
    writeFileSync(partial, text);
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
