/** What `etcd` prints about a study: the question, then its cells side by side, and outage against false elections. */
import type { EtcdExperimentResult } from "../../experiment/etcd-experiment.js";
import type { SummaryRow } from "../../experiment/summary.js";
import { formatDuration, HOUR } from "../../units/time.js";
import { figureText, NEVER, NONE, neverText, shortest } from "./figures.js";
import { type PlotPoint, plotLines } from "./plot.js";
import { counted, type TextTable, tableBlocks, tableLines } from "./table.js";

export interface EtcdReportParts {
  readonly result: EtcdExperimentResult;
  readonly folder: string;
  readonly files: readonly string[];
  readonly width: number;
}

/** More clients would hide the answer; the files have them. */
const CLIENTS_MAX = 12;
const BAR_WIDTH_MAX = 24;
const BAR_WIDTH_MIN = 8;

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
  { title: "no ser. reads", metric: "serializableReadOutage", of: "clients" },
  { title: "longest", metric: "writeOutageLongest", of: "clients" },
  { title: "no writes", metric: "writeOutage", of: "clients" },
];

/** What a narrow terminal does without, in this order; the files have it. */
const DISPENSABLE: readonly string[] = ["serializableReadOutage", "leaderless", "writeOutageLongest"];

/** Every cell in a line, with a bar for the time without writes. */
function cellLines(view: View, width: number): string[] {
  const general = COLUMNS.filter(({ metric, of }) => view.happened(metric, of));
  if (general.length === 0) return ["Nothing happened: no election, and no client was without service."];
  let columns = [...soleEvent(view), ...general];
  let table = cellTable(view, columns);
  for (const metric of DISPENSABLE) {
    if (tableBlocks(table, width).length === 1) break;
    columns = columns.filter((column) => column.metric !== metric);
    table = cellTable(view, columns);
  }
  const outages = view.cells.map((cell) => view.row(cell, "writeOutage", "clients")?.mean ?? 0);
  const most = Math.max(...outages);
  const lines = tableLines(table);
  const widest = Math.max(...lines.map((line) => line.length));
  const room = Math.min(BAR_WIDTH_MAX, width - widest - 2);
  if (most === 0 || room < BAR_WIDTH_MIN) return tableBlocks(table, width).flatMap(spaced);
  return lines.map((line, index) => {
    const outage = outages[index - 1];
    return outage === undefined ? line : `${line.padEnd(widest)}  ${bar(outage / most, room)}`.trimEnd();
  });
}

function cellTable(view: View, columns: readonly Column[]): TextTable {
  const rows = view.cells.map((cell, index) => [
    view.label(index),
    ...columns.map(({ metric, of }) => view.text(cell, metric, of)),
  ]);
  return { header: ["", ...columns.map(({ title }) => title)], rows };
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

function bar(share: number, width: number): string {
  const eighths = Math.round(share * width * EIGHTHS.length);
  return "█".repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "");
}

/** What nothing is lost by: how long after it a write is acknowledged says nothing. */
const HARMLESS: readonly string[] = ["backup", "moveLeader", "start", "addMember", "removeMember"];

function strikes(view: View): string[] {
  const harmless = view.eventsOf(HARMLESS);
  return view.subjects("timeToWrite").filter((of) => !harmless.has(of));
}

/** The only event has its column among the cells' figures. */
function soleEvent(view: View): Column[] {
  const events = strikes(view);
  return events.length !== 1
    ? []
    : events.map((of) => ({ title: `write after ${nameOf(of)}`, metric: "timeToWrite", of }));
}

/** How long after each event a client could write again. */
function eventLines(view: View, width: number): string[] {
  const events = strikes(view);
  if (events.length < 2) return [];
  const texts = matrix(view, view.cells, events, (cell, of) => view.text(cell, "timeToWrite", of));
  return blocks("Until a write is acknowledged after", events, texts, width);
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

/** Of one cell all that clients saw; of several, a table for each figure. */
function clientLines(view: View, width: number): string[] {
  const clients = view.subjects("operations");
  const [only, second] = view.cells;
  if (clients.length === 0) return [];
  if (second === undefined) {
    const columns = CLIENT_COLUMNS.filter(([, metric]) => clients.some((of) => view.happened(metric, of)));
    const rows = clients.map((of) => [
      `  ${nameOf(of)}`,
      ...columns.map(([, metric]) => view.text(only ?? "", metric, of)),
    ]);
    return tableBlocks({ header: ["Clients", ...columns.map(([title]) => title)], rows }, width).flatMap(
      spaced,
    );
  }
  if (clients.length > CLIENTS_MAX) return ["Each client's own figures are in summary.csv."];
  const latency = (cell: string, of: string): string => {
    const figures = ["latencyP50", "latencyP99"].map((metric) => view.row(cell, metric, of)?.mean);
    return figures.map((ms) => (ms == null ? NONE : shortest(Number(ms.toPrecision(3))))).join(" / ");
  };
  const latencies = matrix(view, view.cells, clients, latency);
  const outages = clients.length === 1 ? [] : clients.filter((of) => view.happened("outage", of));
  const ages = clients.filter((of) => view.happened("staleAgeMax", of));
  return [
    blocks("Answers take, median / p99, ms", clients, latencies, width),
    blocks(
      "Without service",
      outages,
      matrix(view, view.cells, outages, (cell, of) => view.text(cell, "outage", of)),
      width,
    ),
    blocks(
      "Oldest data read",
      ages,
      matrix(view, view.cells, ages, (cell, of) => view.text(cell, "staleAgeMax", of)),
      width,
    ),
  ]
    .filter((lines) => lines.length > 0)
    .flatMap(spaced);
}

type Matrix = readonly (readonly string[])[];

function matrix(
  view: View,
  cells: readonly string[],
  columns: readonly string[],
  text: (cell: string, of: string) => string,
): Matrix {
  return cells.map((cell, index) => [`  ${view.label(index)}`, ...columns.map((of) => text(cell, of))]);
}

/** A table with a title, in as many blocks as the width asks for; nothing without columns. */
function blocks(title: string, subjects: readonly string[], rows: Matrix, width: number): string[] {
  if (subjects.length === 0) return [];
  return tableBlocks({ header: [title, ...subjects.map(nameOf)], rows }, width).flatMap(spaced);
}

/** A line between this and what stands before. */
function spaced(lines: readonly string[], index: number): string[] {
  return index === 0 ? [...lines] : ["", ...lines];
}

/** `client/writer`: writer. */
function nameOf(of: string): string {
  return of.slice(of.indexOf("/") + 1);
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

  /** Subjects of the events of these kinds. */
  eventsOf(kinds: readonly string[]): Set<string> {
    const events = this.result.study.cells.flatMap((cell) => cell.events);
    return new Set(
      events.filter(({ action }) => kinds.includes(action.kind)).map(({ name }) => `event/${name}`),
    );
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
