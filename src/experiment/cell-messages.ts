/** What the pool and its workers say to each other, and what a task module offers. Plain data only. */
import { inspect } from "node:util";
import type { StudyModel } from "../cluster/model.js";
import type { Replication } from "../metrics/replication.js";
import type { Cell } from "./plan.js";

/** Given to a worker at its start. */
export interface WorkerStart<Study = StudyModel> {
  readonly study: Study;
  /** Where the task module is (a file: URL). */
  readonly task: string;
}

/** Pool to worker: run this cell. Worker to pool: its result, or the error that ended it. */
export interface CellOrder<Job = Cell> {
  readonly index: number;
  readonly cell: Job;
}

export type CellAnswer<Result = Replication> =
  | { readonly index: number; readonly replication: Result }
  | { readonly index: number; readonly error: string };

/** Runs one cell. The same cell of the same study gives the same result wherever and whenever it runs. */
export type RunCell<Study = StudyModel, Job = Cell, Result = Replication> = (
  study: Study,
  cell: Job,
) => Promise<Result>;

/** A module that a worker can load. */
export interface TaskModule<Study = StudyModel, Job = Cell, Result = Replication> {
  readonly runCell: RunCell<Study, Job, Result>;
}

/** An error as text: with its stack, which is what a bug report needs. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`;
  // Anything can be thrown, and errors of another thread may have lost their class on the way.
  return typeof error === "string" ? error : inspect(error);
}
