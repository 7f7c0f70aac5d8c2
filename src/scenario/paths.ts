/** Paths in a scenario are relative to its file; "/" separates on every system. */
import { posix } from "node:path";

/** The path as seen from where `file` was named. */
export function pathBeside(file: string, path: string): string {
  return posix.isAbsolute(path) ? path : posix.join(posix.dirname(file), path);
}

/** The same file name in another folder. */
export function pathInFolder(folder: string, path: string): string {
  return posix.join(folder, posix.basename(path));
}
