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

/** Runs every cell; the outcomes stand in the order of `cells`. Never rejects because of a cell. */
export async function runCells(
  study: StudyModel,
  cells: readonly Cell[],
  options: PoolOptions,
): Promise<CellOutcome[]> {
  assert(
    Number.isInteger(options.workers) && options.workers >= 0,
    "workers must be a whole number of at least 0",
  );
  const outcomes = cells.map((cell): CellOutcome => ({ status: "skipped", cell }));
  const settle = (index: number, outcome: CellOutcome): void => {
    outcomes[index] = outcome;
    options.onOutcome?.(outcome);
  };
  const queue = runOrder(cells).map((index): CellOrder => ({ index, cell: cells[index] as Cell }));
  if (options.workers === 0) await runInline(study, queue, options, settle);
  else await runInWorkers(study, queue, options, settle);
  return outcomes;
}

type Settle = (index: number, outcome: CellOutcome) => void;

async function runInline(
  study: StudyModel,
  queue: CellOrder[],
  options: PoolOptions,
  settle: Settle,
): Promise<void> {
  const { runCell } = (await (options.task === undefined
    ? import("./run-cell.js")
    : import(options.task))) as TaskModule;
  for (const { index, cell } of queue) {
    // A turn of the event loop between cells, so that a signal can come through.
    await new Promise((resolve) => setImmediate(resolve));
    if (options.signal?.aborted) return;
    try {
      settle(index, { status: "done", cell, replication: await runCell(study, cell) });
    } catch (error) {
      settle(index, { status: "failed", cell, error: errorText(error) });
    }
  }
}

async function runInWorkers(
  study: StudyModel,
  queue: CellOrder[],
  options: PoolOptions,
  settle: Settle,
): Promise<void> {
  const start: WorkerStart = { study, task: options.task ?? builtFile("run-cell.js").href };
  const lanes = Math.min(options.workers, queue.length);
  const stops = new Set<() => void>();
  const stopAll = (): void => {
    for (const stop of stops) stop();
  };
  options.signal?.addEventListener("abort", stopAll, { once: true });
  // A lane is one worker at a time: when it dies, the lane goes on with a new one.
  const lane = async (): Promise<void> => {
    while (queue.length > 0 && !options.signal?.aborted)
      await runWorker(start, queue, options, settle, stops);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  options.signal?.removeEventListener("abort", stopAll);
}

/** Feeds one worker until the queue is empty, the study is stopped (by `stops`), or the worker has died. */
function runWorker(
  start: WorkerStart,
  queue: CellOrder[],
  options: PoolOptions,
  settle: Settle,
  stops: Set<() => void>,
): Promise<void> {
  return new Promise((resolve) => {
    const heap = options.workerHeapMiB;
    const worker = new Worker(builtFile("worker.js"), {
      workerData: start,
      // The parent's loaders and inspectors are not the worker's business.
      execArgv: [],
      ...(heap === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heap } }),
    });
    let current: CellOrder | undefined;
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
    worker.on("message", (answer: CellAnswer) => {
      // An answer that comes after the study was stopped is dropped: its cell counts as given up.
      if (current === undefined) return;
      const { cell } = current;
      if ("error" in answer) {
        // What an exception has left behind is unknown: the lane goes on with a fresh worker.
        settle(answer.index, { status: "failed", cell, error: answer.error });
        stop();
      } else {
        settle(answer.index, { status: "done", cell, replication: answer.replication });
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
        settle(current.index, { status: "failed", cell: current.cell, error });
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
function builtFile(name: string): URL {
  const beside = new URL(`./${name}`, import.meta.url);
  const built = existsSync(beside) ? beside : new URL(`../../dist/experiment/${name}`, import.meta.url);
  assert(existsSync(built), `${built.pathname} is missing: the package is not built (npm run build)`);
  return built;
}
