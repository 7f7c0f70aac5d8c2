/** The result's tables as rows of plain cells; docs/OUTPUT.md explains every column. */
import type { Replication } from "../metrics/replication.js";
import { STAGES } from "../metrics/replication.js";
import { SECOND } from "../units/time.js";
import type { ExperimentResult } from "./experiment.js";

/** A cell of a table; null is written as nothing. */
export type TableCell = string | number | boolean | null;

export interface Table {
  readonly file: string;
  readonly header: readonly string[];
  readonly rows: Iterable<readonly TableCell[]>;
}

/** Every CSV file of a result; `events.csv` only on request. */
export function tablesOf(result: ExperimentResult, events: boolean): Table[] {
  const { replications } = result;
  const tables = [
    replicationsTable(replications),
    summaryTable(result),
    comparisonTable(result),
    failuresTable(replications),
    podsTable(replications),
    timeseriesTable(replications),
  ];
  return events ? [...tables, eventsTable(replications)] : tables;
}

function replicationsTable(replications: readonly Replication[]): Table {
  return {
    file: "replications.csv",
    header: ["policy", "replication", "metric", "of", "value", "unit", "censored"],
    rows: rowsOf(replications, (run) =>
      run.metrics.map((one) => [one.metric, one.of, one.value, one.unit, one.censored === true]),
    ),
  };
}

function summaryTable({ summary }: ExperimentResult): Table {
  return {
    file: "summary.csv",
    header: [
      ...["policy", "metric", "of", "unit", "n", "censored", "mean", "sd", "ci95Low", "ci95High"],
      ...["min", "p50", "p95", "max", "zeroFailureUpper95"],
    ],
    rows: summary.map((row) => [
      ...[row.policy, row.metric, row.of, row.unit, row.n, row.censored],
      ...[row.mean, row.sd, row.ci95Low, row.ci95High].map(derived),
      ...[row.min, row.p50, row.p95, row.max, row.zeroFailureUpper95].map(derived),
    ]),
  };
}

function comparisonTable({ comparison }: ExperimentResult): Table {
  return {
    file: "comparison.csv",
    header: [
      ...["metric", "of", "unit", "baseline", "policy", "n", "censored"],
      ...["meanDifference", "ci95Low", "ci95High", "significant"],
    ],
    rows: comparison.map(({ metric, of, unit, baseline, policy, difference }) => [
      ...[metric, of, unit, baseline, policy, difference.n, difference.censored],
      ...[difference.mean, difference.ci95Low, difference.ci95High].map(derived),
      difference.significant,
    ]),
  };
}

function failuresTable(replications: readonly Replication[]): Table {
  return {
    file: "failures.csv",
    header: [
      ...["policy", "replication", "failure", "kind", "scope", "atSeconds", "endedSeconds", "workload"],
      ...STAGES.map((stage) => `${stage}Seconds`),
      ...["rtoSeconds", "censored", "lostRequests", "preShare", "minShare"],
    ],
    rows: rowsOf(replications, (run) =>
      run.failures.map((row) => [
        ...[row.failure, row.kind, row.scope, seconds(row.atUs), seconds(row.endedUs), row.workload],
        ...STAGES.map((stage) => seconds(row.stages[stage])),
        ...[
          seconds(row.rtoUs),
          row.censored,
          derived(row.lostRequests),
          derived(row.preShare),
          derived(row.minShare),
        ],
      ]),
    ),
  };
}

function podsTable(replications: readonly Replication[]): Table {
  return {
    file: "pods.csv",
    header: [
      ...["policy", "replication", "pod", "workload", "node", "zone"],
      ...[
        "createdSeconds",
        "scheduledSeconds",
        "readySeconds",
        "endedSeconds",
        "outcome",
        "attempts",
        "message",
      ],
    ],
    rows: rowsOf(replications, (run) =>
      run.pods.map((row) => [
        ...[row.pod, row.workload, row.node, row.zone],
        ...[row.createdUs, row.scheduledUs, row.readyUs, row.endedUs].map(seconds),
        ...[row.outcome, row.attempts, row.message],
      ]),
    ),
  };
}

/** Columns of all replications, in the order in which they first occur; what a replication has not stays empty. */
function timeseriesTable(replications: readonly Replication[]): Table {
  const columns = [...new Set(replications.flatMap((run) => run.series.columns))];
  return {
    file: "timeseries.csv",
    header: ["policy", "replication", "timeSeconds", ...columns],
    rows: rowsOf(replications, ({ series }) => {
      const places = columns.map((column) => series.columns.indexOf(column));
      return series.rows.map((row, index) => [
        seconds(index * series.intervalUs),
        ...places.map((place) => derived(row[place] ?? null)),
      ]);
    }),
  };
}

function eventsTable(replications: readonly Replication[]): Table {
  return {
    file: "events.csv",
    header: ["policy", "replication", "timeSeconds", "kind", "subject", "detail"],
    rows: rowsOf(replications, (run) =>
      run.events.map((event) => [seconds(event.atUs), event.kind, event.subject, event.detail]),
    ),
  };
}

/** One replication's rows at a time, each led by its policy and replication. */
function* rowsOf(
  replications: readonly Replication[],
  rows: (run: Replication) => readonly (readonly TableCell[])[],
): Iterable<readonly TableCell[]> {
  for (const run of replications) {
    for (const row of rows(run)) yield [run.policy, run.replication, ...row];
  }
}

/** µs as seconds: exact to the µs. */
function seconds(us: number | null): number | null {
  return us === null ? null : us / SECOND;
}

/** A computed figure, to nine significant digits: what lies beyond them is rounding, not knowledge. */
export function derived(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(9));
}
