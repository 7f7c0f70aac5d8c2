/**
 * Runs the cells of a study over worker threads. The outcome does not depend on their number, nor on who finishes
 * first; a worker that dies takes its cell with it and nothing else.
 */
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { assert } from "../assert.js";
import type { StudyModel } from "../cluster/model.js";
import type { Replication } from "../metrics/replication.js";
import {
  type CellAnswer,
  type CellOrder,
  errorText,
  type TaskModule,
  type WorkerStart,
} from "./cell-messages.js";
import { type Cell, runOrder } from "./plan.js";

/** What became of a cell. `skipped`: the study was stopped before it was finished. */
export type CellOutcome =
  | { readonly status: "done"; readonly cell: Cell; readonly replication: Replication }
  | { readonly status: "failed"; readonly cell: Cell; readonly error: string }
  | { readonly status: "skipped"; readonly cell: Cell };

export interface PoolOptions {
  /** Worker threads; 0 runs the cells in this thread, one after the other. */
  readonly workers: number;
  /** Once aborted, no further cell is begun, and those under way in workers are given up. */
  readonly signal?: AbortSignal;
  /** Called as each cell ends, in whatever order they do. */
  readonly onOutcome?: (outcome: CellOutcome) => void;
  /** Module that exports `runCell` (a file: URL); the simulation by default. */
  readonly task?: string;
  /** Heap of each worker in MiB; Node's default if absent. */
  readonly workerHeapMiB?: number;
}

/** What became of a job of {@link runJobs}. */
export type JobOutcome<Result> =
  | { readonly status: "done"; readonly result: Result }
  | { readonly status: "failed"; readonly error: string }
  | { readonly status: "skipped" };

/** Runs every cell; the outcomes stand in the order of `cells`. Never rejects because of a cell. */
export async function runCells(
  study: StudyModel,
  cells: readonly Cell[],
  options: PoolOptions,
): Promise<CellOutcome[]> {
  const outcomes = cells.map((cell): CellOutcome => ({ status: "skipped", cell }));
  const jobs: JobSet<StudyModel, Cell, Replication> = {
    common: study,
    jobs: cells,
    order: runOrder(cells),
    ...(options.task === undefined
      ? { task: RUN_CELL_FILE, load: () => import("./run-cell.js") }
      : { task: options.task }),
    onOutcome: (index, outcome) => {
      const cell = cells[index] as Cell;
      const told: CellOutcome =
        outcome.status === "done"
          ? { status: "done", cell, replication: outcome.result }
          : { ...outcome, cell };
      outcomes[index] = told;
      options.onOutcome?.(told);
    },
  };
  await runJobs(jobs, options);
  return outcomes;
}

/** Jobs for the pool: plain data, as is `common`, which every job is given. */
export interface JobSet<Common, Job, Result> {
  readonly common: Common;
  readonly jobs: readonly Job[];
  /** Indices of the jobs in the order in which they are handed out. */
  readonly order: readonly number[];
  /** A module that exports `runCell(common, job)`: a file: URL. */
  readonly task: string;
  /** Loads it in this thread; by default by the URL. */
  readonly load?: () => Promise<TaskModule<Common, Job, Result>>;
  /** Called as each job ends, in whatever order they do; not for those that were skipped. */
  readonly onOutcome: (index: number, outcome: JobOutcome<Result>) => void;
}

/** Runs every job. Never rejects because of a job. */
export async function runJobs<Common, Job, Result>(
  set: JobSet<Common, Job, Result>,
  options: Pick<PoolOptions, "workers" | "signal" | "workerHeapMiB">,
): Promise<void> {
  assert(
    Number.isInteger(options.workers) && options.workers >= 0,
    "workers must be a whole number of at least 0",
  );
  const queue = set.order.map((index): CellOrder<Job> => ({ index, cell: set.jobs[index] as Job }));
  if (options.workers === 0) await runInline(set, queue, options);
  else await runInWorkers(set, queue, options);
}

const RUN_CELL_FILE = "run-cell.js";

type WorkerOptions = Pick<PoolOptions, "workers" | "signal" | "workerHeapMiB">;

async function runInline<Common, Job, Result>(
  set: JobSet<Common, Job, Result>,
  queue: CellOrder<Job>[],
  options: WorkerOptions,
): Promise<void> {
  const { runCell } = await (set.load?.() ?? (import(set.task) as Promise<TaskModule<Common, Job, Result>>));
  for (const { index, cell } of queue) {
    // A turn of the event loop between cells, so that a signal can come through.
    await new Promise((resolve) => setImmediate(resolve));
    if (options.signal?.aborted) return;
    try {
      set.onOutcome(index, { status: "done", result: await runCell(set.common, cell) });
    } catch (error) {
      set.onOutcome(index, { status: "failed", error: errorText(error) });
    }
  }
}

async function runInWorkers<Common, Job, Result>(
  set: JobSet<Common, Job, Result>,
  queue: CellOrder<Job>[],
  options: WorkerOptions,
): Promise<void> {
  const lanes = Math.min(options.workers, queue.length);
  const stops = new Set<() => void>();
  const stopAll = (): void => {
    for (const stop of stops) stop();
  };
  options.signal?.addEventListener("abort", stopAll, { once: true });
  // A lane is one worker at a time: when it dies, the lane goes on with a new one.
  const lane = async (): Promise<void> => {
    while (queue.length > 0 && !options.signal?.aborted) await runWorker(set, queue, options, stops);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  options.signal?.removeEventListener("abort", stopAll);
}

/** Feeds one worker until the queue is empty, the jobs are stopped (by `stops`), or the worker has died. */
function runWorker<Common, Job, Result>(
  set: JobSet<Common, Job, Result>,
  queue: CellOrder<Job>[],
  options: WorkerOptions,
  stops: Set<() => void>,
): Promise<void> {
  return new Promise((resolve) => {
    const heap = options.workerHeapMiB;
    const task = set.task === RUN_CELL_FILE ? builtFile(RUN_CELL_FILE).href : set.task;
    const start: WorkerStart<Common> = { study: set.common, task };
    const worker = new Worker(builtFile("worker.js"), {
      workerData: start,
      // The parent's loaders and inspectors are not the worker's business.
      execArgv: [],
      ...(heap === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heap } }),
    });
    let current: CellOrder<Job> | undefined;
    let death: string | undefined;
    const stop = (): void => {
      current = undefined;
      void worker.terminate();
    };
    const next = (): void => {
      current = queue.shift();
      if (current === undefined) stop();
      else worker.postMessage(current);
    };
    stops.add(stop);
    worker.on("message", (answer: CellAnswer<Result>) => {
      // An answer that comes after the study was stopped is dropped: its cell counts as given up.
      if (current === undefined) return;
      if ("error" in answer) {
        // What an exception has left behind is unknown: the lane goes on with a fresh worker.
        set.onOutcome(answer.index, { status: "failed", error: answer.error });
        stop();
      } else {
        set.onOutcome(answer.index, { status: "done", result: answer.replication });
        next();
      }
    });
    worker.on("error", (error) => {
      death = errorText(error);
    });
    worker.on("messageerror", (error) => {
      death = errorText(error);
      void worker.terminate();
    });
    worker.on("exit", (code) => {
      stops.delete(stop);
      if (current !== undefined) {
        const error = death ?? `the worker thread exited with code ${code}`;
        set.onOutcome(current.index, { status: "failed", error });
      }
      resolve();
    });
    next();
  });
}

/**
 * A built file of this folder. Threads load JavaScript only: from TypeScript sources (the tests) it is the one in the
 * package's dist folder.
 */
export function builtFile(name: string): URL {
  const beside = new URL(`./${name}`, import.meta.url);
  const built = existsSync(beside) ? beside : new URL(`../../dist/experiment/${name}`, import.meta.url);
  assert(existsSync(built), `${built.pathname} is missing: the package is not built (npm run build)`);
  return built;
}
