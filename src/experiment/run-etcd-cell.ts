/** One run of a study of etcd. Loaded by path in worker threads, so that they load nothing else. */
import { assert } from "../assert.js";
import type { EtcdStudyModel } from "../etcd-study/model.js";
import { playCell } from "../etcd-study/play.js";
import type { EtcdReplication } from "../etcd-study/results.js";
import type { EtcdJob } from "./etcd-experiment.js";

export async function runCell(
  study: EtcdStudyModel,
  { cell, replication }: EtcdJob,
): Promise<EtcdReplication> {
  const run = playCell(study, cell, replication);
  // A figure that is none is a bug of this run; found here, it costs the study one run and not all its files.
  for (const { metric, of, value } of run.metrics) {
    assert(Number.isFinite(value), `metric ${metric} of ${of} is ${value}`);
  }
  return run;
}
