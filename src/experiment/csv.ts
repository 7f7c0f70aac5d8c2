/** Writes a result's files: manifest.json and CSV tables, each whole or not at all. */
import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { assert } from "../assert.js";
import { SECOND } from "../units/time.js";
import type { ExperimentResult } from "./experiment.js";
import type { CellOutcome } from "./pool.js";
import { type Table, type TableCell, tablesOf } from "./tables.js";

/** Rows handed to the CSV library at once: enough to be quick, few enough to stay small in memory. */
const BATCH = 2_000;

const MANIFEST = "manifest.json";

export interface WriteOptions {
  /** Seatrial's version: with scenario and seed it says how to get the same files again. */
  readonly version: string;
  /** Write events.csv (the replications must hold events). */
  readonly events?: boolean;
}

/**
 * Writes all files of a result into `directory` (made if missing) and returns their names, the manifest first. Each
 * file is written under another name and renamed when whole; the manifest comes last. Equal results give equal bytes.
 */
export function writeResult(directory: string, result: ExperimentResult, options: WriteOptions): string[] {
  const tables = tablesOf(result, options.events === true);
  // An earlier run's timeline would pass for this one's.
  if (options.events !== true) rmSync(join(directory, "events.csv"), { force: true });
  return writeTables(directory, tables, (files) => manifestOf(result, options.version, files));
}

/** Writes tables, each whole or not at all, then the manifest that `manifestFor` makes; returns their names, its own first. */
export function writeTables(
  directory: string,
  tables: readonly Table[],
  manifestFor: (files: readonly string[]) => object,
): string[] {
  mkdirSync(directory, { recursive: true });
  for (const table of tables) writeWhole(join(directory, table.file), csvChunks(table));
  const files = tables.map((table) => table.file);
  writeWhole(join(directory, MANIFEST), [`${JSON.stringify(manifestFor(files), undefined, 2)}\n`]);
  return [MANIFEST, ...files];
}

/** A table as CSV (RFC 4180, but with a plain line feed), in pieces. */
export function* csvChunks(table: Table): Iterable<string> {
  yield stringify([table.header]);
  let batch: string[][] = [];
  for (const row of table.rows) {
    batch.push(row.map((cell, column) => cellText(cell, `${table.file}, column ${table.header[column]}`)));
    if (batch.length === BATCH) {
      yield stringify(batch);
      batch = [];
    }
  }
  if (batch.length > 0) yield stringify(batch);
}

/** A cell as text; numbers in their shortest form that reads back as the same number, with a point, in no locale. */
function cellText(cell: TableCell, place: string): string {
  if (cell === null) return "";
  if (typeof cell !== "number") return String(cell);
  assert(Number.isFinite(cell), `${place}: ${cell} is no figure`);
  return String(cell === 0 ? 0 : cell);
}

/** What the run was and what became of each cell. No clock, no machine: the same run gives the same manifest. */
function manifestOf(result: ExperimentResult, version: string, files: readonly string[]): object {
  const { study, outcomes, failed, replications, complete } = result;
  return {
    seatrial: version,
    name: study.name,
    seed: study.seed,
    policies: study.policies,
    replications: study.replications,
    warmUpSeconds: study.warmUpUs / SECOND,
    horizonSeconds: study.horizonUs / SECOND,
    complete,
    files,
    warnings: [...new Set(replications.flatMap((run) => run.warnings))],
    failed: failed.map((cell) => ({ ...cell, error: cell.error.split("\n", 1)[0] })),
    cells: outcomes.map((outcome) => cellEntry(study.policies, outcome)),
  };
}

function cellEntry(policies: readonly string[], outcome: CellOutcome): object {
  const { policyIndex, replication } = outcome.cell;
  const head = { policy: policies[policyIndex], replication, status: outcome.status };
  if (outcome.status !== "done") return head;
  return { ...head, digest: outcome.replication.digest, steps: outcome.replication.steps };
}

function writeWhole(path: string, chunks: Iterable<string>): void {
  const partial = `${path}.partial`;
  try {
    const file = openSync(partial, "w");
    try {
      for (const chunk of chunks) writeFileSync(file, chunk);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
