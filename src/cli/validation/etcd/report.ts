/** What the command prints and what goes into the documentation. */
import type { Check, Judgement, Summary } from "./judge.js";

/** A file compared. */
export interface FileReport {
  readonly file: string;
  readonly summary: string;
  readonly simulatedTrials: number;
  readonly judgements: readonly Judgement[];
  /** Lives that did not come to their end: each is a miss. */
  readonly errors: readonly string[];
}

export function missed(report: FileReport): number {
  const checks = report.judgements.flatMap((one) => one.checks);
  return checks.filter(({ pass }) => !pass).length + report.errors.length;
}

const HEAD = [
  "",
  "statistic",
  "measured: n",
  "median",
  "p5",
  "p95",
  "mean",
  "simulated: n",
  "median",
  "p5",
  "p95",
  "mean",
  "judged: figure in band (p)",
];

/** One file's table for the terminal. */
export function tableOf({ judgements }: FileReport): string {
  return aligned([HEAD, ...judgements.map((one) => rowOf(one))]);
}

/** One file's table for the documentation. */
export function markdownOf(report: FileReport): string {
  const rows = report.judgements.map((one) => `| ${rowOf(one).join(" | ")} |`);
  const head = HEAD.map((cell) => (cell === "" ? " " : cell));
  return [
    `### ${report.file}`,
    "",
    `${report.summary}; ${report.simulatedTrials} trials simulated.`,
    "",
    `| ${head.join(" | ")} |`,
    `|${head.map((_, index) => (index < 2 || index === head.length - 1 ? "---" : "--:")).join("|")}|`,
    ...rows,
    "",
  ].join("\n");
}

function rowOf({ name, rule, measured, simulated, checks }: Judgement): string[] {
  const verdict = checks.length === 0 ? "" : checks.every(({ pass }) => pass) ? "ok" : "MISSED";
  const judged = rule === "printed" ? "printed only" : checks.map(checkText).join("; ");
  return [verdict, name, ...figures(measured), ...figures(simulated), judged];
}

function figures(summary: Summary): string[] {
  const count = summary.nulls === 0 ? String(summary.n) : `${summary.n} of ${summary.n + summary.nulls}`;
  return [count, ...[summary.median, summary.p5, summary.p95, summary.mean].map(number)];
}

function checkText({ figure, measured, low, high, p, pass, note }: Check): string {
  if (figure === "law") return note ?? "";
  const mark = pass ? "" : " MISSED";
  const told = note === undefined ? "" : `, ${note}`;
  if (Number.isNaN(low)) return `${figure}${told}${mark}`;
  return `${figure} ${number(measured)} in ${number(low)} to ${number(high)} (${pText(p)}${told})${mark}`;
}

function pText(p: number): string {
  return p < 0.001 ? "p < 0.001" : `p ${p.toFixed(3)}`;
}

/** Three digits that matter; a dash where there is none. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column < 2 || column === row.length - 1
            ? cell.padEnd(widths[column] ?? 0)
            : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
