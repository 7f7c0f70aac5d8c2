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
const { study, task } = workerData as WorkerStart;
const loading = import(task) as Promise<TaskModule>;

pool.on("message", async ({ index, cell }: CellOrder) => {
  const post = (answer: CellAnswer): void => pool.postMessage(answer);
  try {
    const { runCell } = await loading;
    post({ index, replication: await runCell(study, cell) });
  } catch (error) {
    // The task's own error, or a result that cannot be sent to another thread.
    post({ index, error: errorText(error) });
  }
});
