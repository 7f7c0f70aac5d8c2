/** A study of etcd from its plan to its figures: every cell, so many replications of each. */
import type { EtcdStudyModel } from "../etcd-study/model.js";
import type { EtcdReplication } from "../etcd-study/results.js";
import { builtFile, type JobOutcome, type PoolOptions, runJobs } from "./pool.js";
import { type ComparisonRow, type SummaryRow, summarise } from "./summary.js";

/** One run: a cell's place and a replication, both from 0. */
export interface EtcdJob {
  readonly cell: number;
  readonly replication: number;
}

export interface EtcdExperimentOptions extends Pick<PoolOptions, "workers" | "signal" | "workerHeapMiB"> {
  readonly onProgress?: (progress: { readonly finished: number; readonly total: number }) => void;
  /** Only these replications; absent: as many as the study has. */
  readonly replications?: readonly number[];
}

/** A run that ended in an error: a bug in Seatrial. */
export interface FailedEtcdRun extends EtcdJob {
  readonly error: string;
}

export interface EtcdExperimentResult {
  readonly study: EtcdStudyModel;
  /** In plan order: by cell, then by replication. */
  readonly jobs: readonly EtcdJob[];
  readonly outcomes: readonly JobOutcome<EtcdReplication>[];
  /** What was finished, in plan order. */
  readonly runs: readonly EtcdReplication[];
  readonly failed: readonly FailedEtcdRun[];
  readonly complete: boolean;
  /** `policy` holds the cell's name. */
  readonly summary: readonly SummaryRow[];
  /** Against the first cell. */
  readonly comparison: readonly ComparisonRow[];
}

/** Runs every cell. Runs that fail are reported in the result; they don't reject. */
export async function runEtcdExperiment(
  study: EtcdStudyModel,
  options: EtcdExperimentOptions,
): Promise<EtcdExperimentResult> {
  const replications = options.replications ?? [...Array(study.replications).keys()];
  const jobs = study.cells.flatMap((_, cell) =>
    replications.map((replication): EtcdJob => ({ cell, replication })),
  );
  const outcomes = jobs.map((): JobOutcome<EtcdReplication> => ({ status: "skipped" }));
  let finished = 0;
  await runJobs(
    {
      common: study,
      jobs,
      order: runOrder(jobs),
      task: options.workers === 0 ? "" : builtFile("run-etcd-cell.js").href,
      load: () => import("./run-etcd-cell.js"),
      onOutcome: (index, outcome: JobOutcome<EtcdReplication>) => {
        outcomes[index] = outcome;
        options.onProgress?.({ finished: ++finished, total: jobs.length });
      },
    },
    options,
  );
  return resultOf(study, jobs, outcomes);
}

/** By replication, then by cell: a study that is stopped early has whole replications. */
function runOrder(jobs: readonly EtcdJob[]): number[] {
  const at = (index: number): EtcdJob => jobs[index] as EtcdJob;
  return [...jobs.keys()].sort((a, b) => at(a).replication - at(b).replication || at(a).cell - at(b).cell);
}

function resultOf(
  study: EtcdStudyModel,
  jobs: readonly EtcdJob[],
  outcomes: readonly JobOutcome<EtcdReplication>[],
): EtcdExperimentResult {
  const runs = outcomes.flatMap((outcome) => (outcome.status === "done" ? [outcome.result] : []));
  const failed = outcomes.flatMap((outcome, index): FailedEtcdRun[] =>
    outcome.status === "failed" ? [{ ...(jobs[index] as EtcdJob), error: outcome.error }] : [],
  );
  const measured = runs.map(({ cell, replication, metrics }) => ({ policy: cell, replication, metrics }));
  const names = study.cells.map(({ name }) => name);
  const { rows, comparison } = summarise(names, measured);
  const complete = runs.length === outcomes.length;
  return { study, jobs, outcomes, runs, failed, complete, summary: rows, comparison };
}
