/** A worker thread of the pool: takes cells one after the other until it is ended. */
import { parentPort, workerData } from "node:worker_threads";
import { present } from "../assert.js";
import {
  type CellAnswer,
  type CellOrder,
  errorText,
  type TaskModule,
  type WorkerStart,
} from "./cell-messages.js";

const pool = present(parentPort, "worker.js runs in a worker thread only");
// What the jobs are is between who gave them and the task: the worker only carries them.
const { study, task } = workerData as WorkerStart<unknown>;
const loading = import(task) as Promise<TaskModule<unknown, unknown, unknown>>;

pool.on("message", async ({ index, cell }: CellOrder<unknown>) => {
  const post = (answer: CellAnswer<unknown>): void => pool.postMessage(answer);
  try {
    const { runCell } = await loading;
    post({ index, replication: await runCell(study, cell) });
  } catch (error) {
    // The task's own error, or a result that cannot be sent to another thread.
    post({ index, error: errorText(error) });
  }
});
