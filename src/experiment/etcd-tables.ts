/** A study of etcd as files: manifest.json and CSV tables; docs/OUTPUT.md explains every column. */
import { present } from "../assert.js";
import type { EtcdReplication } from "../etcd-study/results.js";
import { SECOND } from "../units/time.js";
import { writeTables } from "./csv.js";
import type { EtcdExperimentResult, EtcdJob } from "./etcd-experiment.js";
import { derived, type Table, type TableCell } from "./tables.js";

/** Writes all files of a result into `directory` and returns their names, the manifest first. Equal results give equal bytes. */
export function writeEtcdResult(directory: string, result: EtcdExperimentResult, version: string): string[] {
  return writeTables(directory, etcdTablesOf(result), (files) => manifestOf(result, version, files));
}

/** Every CSV file of a result. */
export function etcdTablesOf(result: EtcdExperimentResult): Table[] {
  return [
    replicationsTable(result),
    summaryTable(result),
    comparisonTable(result),
    electionsTable(result),
    occurrencesTable(result),
  ];
}

function replicationsTable(result: EtcdExperimentResult): Table {
  return {
    file: "replications.csv",
    header: [...headOf(result), "replication", "metric", "of", "value", "unit", "censored"],
    rows: rowsOf(result, ({ metrics }) =>
      metrics.map((one) => [one.metric, one.of, one.value, one.unit, one.censored === true]),
    ),
  };
}

function summaryTable(result: EtcdExperimentResult): Table {
  const cells = placesOf(result);
  return {
    file: "summary.csv",
    header: [
      ...headOf(result),
      ...["metric", "of", "unit", "n", "censored", "mean", "sd", "ci95Low", "ci95High"],
      ...["min", "p50", "p95", "max", "zeroFailureUpper95"],
    ],
    rows: result.summary.map((row) => [
      ...present(cells.get(row.policy), "a summary is of a cell"),
      ...[row.metric, row.of, row.unit, row.n, row.censored],
      ...[row.mean, row.sd, row.ci95Low, row.ci95High].map(derived),
      ...[row.min, row.p50, row.p95, row.max, row.zeroFailureUpper95].map(derived),
    ]),
  };
}

function comparisonTable({ comparison }: EtcdExperimentResult): Table {
  return {
    file: "comparison.csv",
    header: [
      ...["metric", "of", "unit", "baseline", "cell", "n", "censored"],
      ...["meanDifference", "ci95Low", "ci95High", "significant"],
    ],
    rows: comparison.map(({ metric, of, unit, baseline, policy, difference }) => [
      ...[metric, of, unit, baseline, policy, difference.n, difference.censored],
      ...[difference.mean, difference.ci95Low, difference.ci95High].map(derived),
      difference.significant,
    ]),
  };
}

function electionsTable(result: EtcdExperimentResult): Table {
  return {
    file: "elections.csv",
    header: [
      ...headOf(result),
      ...[
        "replication",
        "atSeconds",
        "term",
        "leader",
        "centre",
        "before",
        "cause",
        "campaigns",
        "leaderlessSeconds",
      ],
    ],
    rows: rowsOf(result, ({ elections }) =>
      elections.map((row) => [
        ...[seconds(row.atUs), row.term, row.leader, row.centre, row.before, row.cause, row.campaigns],
        seconds(row.leaderlessUs),
      ]),
    ),
  };
}

function occurrencesTable(result: EtcdExperimentResult): Table {
  return {
    file: "occurrences.csv",
    header: [
      ...headOf(result),
      ...["replication", "event", "kind", "target", "atSeconds", "endedSeconds"],
      ...["leaderSeconds", "writeSeconds", "doneSeconds", "refusal"],
    ],
    rows: rowsOf(result, ({ occurrences }) =>
      occurrences.map((row) => [
        ...[row.event, row.kind, row.target],
        ...[row.atUs, row.endedUs, row.leaderUs, row.writeUs, row.doneUs].map(seconds),
        row.refusal,
      ]),
    ),
  };
}

/** The cell's name and its value on each axis. */
function headOf({ study }: EtcdExperimentResult): string[] {
  return ["cell", ...study.axes.map(({ name }) => name)];
}

function placesOf({ study }: EtcdExperimentResult): Map<string, readonly string[]> {
  return new Map(study.cells.map(({ name, labels }) => [name, [name, ...labels]]));
}

/** One run's rows at a time, each led by its cell and replication. */
function* rowsOf(
  result: EtcdExperimentResult,
  rows: (run: EtcdReplication) => readonly (readonly TableCell[])[],
): Iterable<readonly TableCell[]> {
  const cells = placesOf(result);
  for (const run of result.runs) {
    const head = present(cells.get(run.cell), "a run is of a cell");
    for (const row of rows(run)) yield [...head, run.replication, ...row];
  }
}

/** What the run was and what became of each cell's replications. No clock, no machine. */
function manifestOf(result: EtcdExperimentResult, version: string, files: readonly string[]): object {
  const { study, jobs, outcomes, failed, complete } = result;
  const nameOf = ({ cell }: EtcdJob): string => study.cells[cell]?.name ?? `cell ${cell}`;
  return {
    seatrial: version,
    kind: "EtcdStudy",
    name: study.name,
    question: study.question,
    seed: study.seed,
    axes: study.axes.map(({ name, labels }) => ({ name, values: labels })),
    cells: study.cells.map(({ name }) => name),
    replications: study.replications,
    complete,
    files,
    failed: failed.map((run) => ({
      cell: nameOf(run),
      replication: run.replication,
      error: run.error.split("\n", 1)[0],
    })),
    runs: jobs.map((job, index) => {
      const outcome = outcomes[index];
      const head = { cell: nameOf(job), replication: job.replication, status: outcome?.status ?? "skipped" };
      if (outcome?.status !== "done") return head;
      return { ...head, digest: outcome.result.digest, steps: outcome.result.steps };
    }),
  };
}

/** µs as seconds: exact to the µs. */
function seconds(us: number | null): number | null {
  return us === null ? null : us / SECOND;
}
