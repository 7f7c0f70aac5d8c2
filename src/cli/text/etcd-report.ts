/** What `etcd` prints about a study: the question, then its cells side by side, and outage against false elections. */
import type { EtcdExperimentResult } from "../../experiment/etcd-experiment.js";
import type { SummaryRow } from "../../experiment/summary.js";
import { formatDuration, HOUR } from "../../units/time.js";
import { figureText, NEVER, NONE, neverText } from "./figures.js";
import { type PlotPoint, plotLines } from "./plot.js";
import { counted, tableBlocks, tableLines } from "./table.js";

export interface EtcdReportParts {
  readonly result: EtcdExperimentResult;
  readonly folder: string;
  readonly files: readonly string[];
  readonly width: number;
}

/** Beyond so many rows the clients' own table would hide the answer; the files have it. */
const CLIENT_ROWS_MAX = 24;
const BAR_WIDTH = 24;

export function etcdReportLines({ result, folder, files, width }: EtcdReportParts): string[] {
  const view = new View(result);
  const sections =
    result.runs.length === 0
      ? []
      : [
          cellLines(view, width),
          eventLines(view, width),
          clientLines(view, width),
          tradeLines(view, width),
          noteLines(view),
        ];
  const written = files.length === 0 ? [] : [`Written to ${folder}: ${files.join(", ")}`];
  return [headLines(result), ...sections, written]
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

function headLines({ study, runs, jobs, complete }: EtcdExperimentResult): string[] {
  const { name, question, seed, replications, cells } = study;
  const [first] = cells;
  const spans = new Set(cells.map(({ horizonUs, warmUpUs }) => `${horizonUs - warmUpUs} ${warmUpUs}`));
  const measured =
    first === undefined || spans.size > 1
      ? ""
      : `, ${formatDuration(first.horizonUs - first.warmUpUs)} after ${formatDuration(first.warmUpUs)} of warm-up`;
  const what = cells.length === 1 ? "" : `${counted(cells.length, "cell")}, `;
  return [
    ...(question === "" ? [] : question.split("\n").map((line) => line.trim())),
    `${name}: ${what}${counted(replications, "replication")}${measured}, seed "${seed}"`,
    ...(complete ? [] : [`Incomplete: ${runs.length} of ${jobs.length} runs were finished.`]),
  ];
}

/** A column of the main table. */
interface Column {
  readonly title: string;
  readonly metric: string;
  readonly of: string;
}

const COLUMNS: readonly Column[] = [
  { title: "elections", metric: "elections", of: "group" },
  { title: "false ones", metric: "falseElections", of: "group" },
  { title: "no leader", metric: "leaderless", of: "group" },
  { title: "lost writes", metric: "lostWrites", of: "clients" },
  { title: "oldest", metric: "lostAge", of: "clients" },
  { title: "no reads", metric: "linearizableReadOutage", of: "clients" },
  { title: "no stale reads", metric: "serializableReadOutage", of: "clients" },
  { title: "longest write gap", metric: "writeOutageLongest", of: "clients" },
  { title: "no writes", metric: "writeOutage", of: "clients" },
];

/** Every cell in a line, with a bar for the time without writes. */
function cellLines(view: View, width: number): string[] {
  const columns = COLUMNS.filter(({ metric, of }) => view.happened(metric, of));
  if (columns.length === 0) return [`Nothing happened: no election, and no client was without service.`];
  const rows = view.cells.map((cell, index) => [
    view.label(index),
    ...columns.map(({ metric, of }) => view.text(cell, metric, of)),
  ]);
  const table = { header: ["", ...columns.map(({ title }) => title)], rows };
  const outages = view.cells.map((cell) => view.row(cell, "writeOutage", "clients")?.mean ?? 0);
  const most = Math.max(...outages);
  const lines = tableLines(table);
  const widest = Math.max(...lines.map((line) => line.length));
  if (most === 0 || widest + BAR_WIDTH + 2 > width) return tableBlocks(table, width).flat();
  return lines.map((line, index) => {
    const outage = outages[index - 1];
    return outage === undefined ? line : `${line.padEnd(widest)}  ${bar(outage / most)}`.trimEnd();
  });
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

function bar(share: number): string {
  const eighths = Math.round(share * BAR_WIDTH * EIGHTHS.length);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

/** How long after each event a client could write again. */
function eventLines(view: View, width: number): string[] {
  const events = view.subjects("timeToWrite");
  if (events.length === 0) return [];
  const table = {
    header: ["Until a write is acknowledged after", ...events.map((of) => of.slice("event/".length))],
    rows: view.cells.map((cell, index) => [
      `  ${view.label(index)}`,
      ...events.map((of) => view.text(cell, "timeToWrite", of)),
    ]),
  };
  return tableBlocks(table, width).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

const CLIENT_COLUMNS: readonly (readonly [title: string, metric: string])[] = [
  ["answered", "answered"],
  ["median", "latencyP50"],
  ["p99", "latencyP99"],
  ["no service", "outage"],
  ["longest", "outageLongest"],
  ["stale reads", "staleReads"],
  ["oldest data", "staleAgeMax"],
];

function clientLines(view: View, width: number): string[] {
  const clients = view.subjects("operations");
  if (clients.length === 0) return [];
  const rows = view.cells.flatMap((cell, index) =>
    clients
      .filter((of) => view.row(cell, "operations", of) !== undefined)
      .map((of) => ({
        cell,
        of,
        label: `${view.cells.length === 1 ? "" : `${view.label(index)}: `}${of.slice("client/".length)}`,
      })),
  );
  if (rows.length > CLIENT_ROWS_MAX)
    return [`Each client's own figures are in summary.csv (${counted(rows.length, "row")}).`];
  const columns = CLIENT_COLUMNS.filter(([, metric]) => clients.some((of) => view.happened(metric, of)));
  const table = {
    header: ["Clients", ...columns.map(([title]) => title)],
    rows: rows.map(({ cell, of, label }) => [
      `  ${label}`,
      ...columns.map(([, metric]) => view.text(cell, metric, of)),
    ]),
  };
  return tableBlocks(table, width).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

/** Outage against false elections, where a sweep makes them differ. */
function tradeLines(view: View, width: number): string[] {
  const points = view.trade();
  if (points === undefined) return [];
  return [
    "Time without writes, seconds an hour (up), against false elections an hour (right)",
    ...plotLines(points, width),
  ];
}

function noteLines(view: View): string[] {
  const upper = view.result.summary.find(({ zeroFailureUpper95 }) => zeroFailureUpper95 !== null);
  if (!view.usedNever || upper === undefined) return [];
  const { n, zeroFailureUpper95 } = upper;
  return [neverText(n, zeroFailureUpper95 ?? 0)];
}

/** Letters for cells, so that a plot can point at them. */
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The result as the texts ask for it. */
class View {
  readonly result: EtcdExperimentResult;
  readonly cells: readonly string[];
  /** Whether the mark of what never happened was shown. */
  usedNever = false;
  readonly #rows = new Map<string, SummaryRow>();
  /** Smallest lower bound among censored values. */
  readonly #bounds = new Map<string, number>();
  readonly #hasPlot: boolean;

  constructor(result: EtcdExperimentResult) {
    this.result = result;
    this.cells = result.study.cells.map(({ name }) => name);
    for (const row of result.summary) this.#rows.set(keyOf(row.policy, row.metric, row.of), row);
    for (const { cell, metrics } of result.runs) {
      for (const { metric, of, value, censored } of metrics) {
        if (censored !== true) continue;
        const key = keyOf(cell, metric, of);
        this.#bounds.set(key, Math.min(value, this.#bounds.get(key) ?? Number.POSITIVE_INFINITY));
      }
    }
    this.#hasPlot = this.trade() !== undefined;
  }

  /** The cell's name, led by its letter where there is a plot. */
  label(index: number): string {
    const name = this.cells[index] ?? "";
    return this.#hasPlot ? `${LETTERS[index]} ${name}` : name;
  }

  row(cell: string, metric: string, of: string): SummaryRow | undefined {
    return this.#rows.get(keyOf(cell, metric, of));
  }

  text(cell: string, metric: string, of: string): string {
    const row = this.row(cell, metric, of);
    if (row === undefined) return NONE;
    const text = figureText(row, this.#bounds.get(keyOf(cell, metric, of)));
    if (text.includes(NEVER)) this.usedNever = true;
    return text;
  }

  /** Whether the metric differs from 0 in any cell. */
  happened(metric: string, of: string): boolean {
    return this.cells.some((cell) => {
      const row = this.row(cell, metric, of);
      return row !== undefined && (row.mean !== 0 || row.censored > 0);
    });
  }

  /** What the metric was measured of, in order of first appearance. */
  subjects(metric: string): string[] {
    return [...new Set(this.result.summary.filter((row) => row.metric === metric).map(({ of }) => of))];
  }

  /** Undefined where there are too few cells or too many, or one of the two is always 0. */
  trade(): PlotPoint[] | undefined {
    const { cells } = this.result.study;
    if (cells.length < 3 || cells.length > LETTERS.length) return undefined;
    if (!this.happened("falseElections", "group") || !this.happened("writeOutage", "clients"))
      return undefined;
    return cells.flatMap(({ name, horizonUs, warmUpUs }, index) => {
      const [x, y] = [this.row(name, "falseElections", "group"), this.row(name, "writeOutage", "clients")];
      const hours = (horizonUs - warmUpUs) / HOUR;
      if (x?.mean == null || y?.mean == null) return [];
      return [{ letter: LETTERS[index] ?? "?", x: x.mean / hours, y: y.mean / hours }];
    });
  }
}

function keyOf(cell: string, metric: string, of: string): string {
  return `${cell}\n${metric}\n${of}`;
}
