/**
 * `npm run validate:etcd -- [options] DIR…`: for each case measured on a real etcd builds the same group, timers, clients
 * and event, plays a thousand trials or more, and prints measured against simulated.
 *
 * Exit codes: 0 all within their bands, 1 something is not (or a case is not known), 2 a file or argument makes no sense.
 */
import { readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runJobs } from "../experiment/pool.js";
import { EXIT } from "./exit.js";
import { processTerminal, type Terminal } from "./terminal.js";
import type { MeasuredCase } from "./validation/etcd/case.js";
import { UnusableFile } from "./validation/etcd/fields.js";
import { readFile } from "./validation/etcd/files.js";
import { judge } from "./validation/etcd/judge.js";
import { type FileReport, markdownOf, missed, tableOf } from "./validation/etcd/report.js";
import type { Columns } from "./validation/etcd/statistic.js";
import { type CasePlan, type LifeJob, runCell } from "./validation/etcd/task.js";

const TRIALS = 1000;

const USAGE = `Usage: npm run validate:etcd -- [options] DIR|FILE…

Compares what a real etcd did (files of failure experiments, *.json) with what Seatrial simulates for the same group.

  --trials N     simulated trials of each statistic, at least (default ${TRIALS}; a pass needs ${TRIALS})
  --only GLOB    only files whose name fits, e.g. "leader-kill-*"
  --workers N    threads (default: one per core; 0: in this one)
  --quiet        one line per file, and what was missed
  --json         everything as one JSON document on the standard output
  --write FILE   the tables as Markdown into FILE, below its line "<!-- table -->"
  --help`;

interface Options {
  readonly paths: readonly string[];
  readonly trials: number;
  readonly only: string | undefined;
  readonly workers: number;
  readonly quiet: boolean;
  readonly json: boolean;
  readonly write: string | undefined;
}

/** A file to be compared. */
export interface CaseFile {
  readonly file: string;
  readonly measured: MeasuredCase;
}

interface Reading {
  readonly cases: CaseFile[];
  /** Not of etcd. */
  readonly skipped: string[];
  /** Of etcd, and not known here. */
  readonly unknown: string[];
  readonly mistakes: string[];
}

/** Reads files in order; all mistakes of all files are collected. */
export function readCases(files: readonly string[]): Reading {
  const reading: Reading = { cases: [], skipped: [], unknown: [], mistakes: [] };
  for (const path of files) {
    const file = basename(path);
    try {
      const content = readFile(readFileSync(path, "utf8"));
      if (content.type === "case") reading.cases.push({ file, measured: content.measured });
      else if (content.type === "other")
        reading.skipped.push(`${file}: not etcd (${content.about}), skipped`);
      else reading.unknown.push(`${file}: case "${content.about}" is not comparable`);
    } catch (error) {
      if (error instanceof UnusableFile)
        reading.mistakes.push(...error.lines.map((line) => `${path}: ${line}`));
      else if (isFileError(error)) reading.mistakes.push(`${path}: ${error.message}`);
      else throw error;
    }
  }
  return reading;
}

/** Lives that give so many trials. */
export function livesOf({ trialsPerLife }: MeasuredCase, trials: number): number {
  return Math.max(1, Math.ceil(trials / Math.max(1, trialsPerLife)));
}

/** Plays all cases, on so many threads, and judges each as soon as its lives are over. */
export async function compareCases(
  cases: readonly CaseFile[],
  options: { readonly trials: number; readonly workers: number },
  told: {
    readonly progress?: (finished: number, total: number) => void;
    readonly report?: (report: FileReport) => void;
  } = {},
): Promise<FileReport[]> {
  const jobs = cases.flatMap(({ measured }, file) =>
    Array.from({ length: livesOf(measured, options.trials) }, (_, life): LifeJob => ({ file, life })),
  );
  const lives = cases.map(
    ({ measured }) => new Array<Columns | undefined>(livesOf(measured, options.trials)),
  );
  const left = cases.map(({ measured }) => livesOf(measured, options.trials));
  const reports = new Array<FileReport | undefined>(cases.length);
  const errors = cases.map((): string[] => []);
  let finished = 0;
  let next = 0;
  const settle = (file: number): void => {
    reports[file] = reportOf(cases[file] as CaseFile, lives[file] as Columns[], errors[file] as string[]);
    for (; reports[next] !== undefined; next++) told.report?.(reports[next] as FileReport);
  };
  const plans = cases.map(({ measured }): CasePlan => ({ kind: measured.kind, plan: measured.plan }));
  await runJobs<readonly CasePlan[], LifeJob, Columns>(
    {
      common: plans,
      jobs,
      order: jobs.map((_, index) => index),
      task: new URL("./validation/etcd/task.js", import.meta.url).href,
      load: async () => ({ runCell }),
      onOutcome: (index, outcome) => {
        const job = jobs[index] as LifeJob;
        told.progress?.(++finished, jobs.length);
        if (outcome.status === "done") (lives[job.file] as Columns[])[job.life] = outcome.result;
        if (outcome.status === "failed")
          (errors[job.file] as string[]).push(`life ${job.life}: ${outcome.error}`);
        left[job.file] = (left[job.file] as number) - 1;
        if (left[job.file] === 0) settle(job.file);
      },
    },
    { workers: options.workers },
  );
  return reports as FileReport[];
}

function reportOf(
  { file, measured }: CaseFile,
  played: readonly (Columns | undefined)[],
  errors: readonly string[],
): FileReport {
  const lives = [...played].filter((life) => life !== undefined);
  const simulated: Columns = {};
  for (const { name } of measured.statistics) simulated[name] = lives.flatMap((life) => life[name] ?? []);
  return {
    file,
    summary: measured.summary,
    simulatedTrials: lives.length * measured.trialsPerLife,
    judgements: judge(measured.statistics, simulated, file),
    errors,
  };
}

async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  if (args.includes("--help")) {
    terminal.out(USAGE);
    return EXIT.fine;
  }
  const options = optionsOf(args);
  if (typeof options === "string") {
    terminal.err(`${options}\n\n${USAGE}`);
    return EXIT.badInput;
  }
  const files = filesOf(options, terminal);
  if (files === undefined) return EXIT.badInput;
  const reading = readCases(files);
  for (const line of reading.mistakes) terminal.err(line);
  if (reading.mistakes.length > 0) return EXIT.badInput;
  for (const line of [...reading.skipped, ...reading.unknown])
    (options.json ? terminal.err : terminal.out)(line);
  if (options.trials < TRIALS) terminal.err(`Fewer than ${TRIALS} trials: a quick look, no verdict.`);
  const reports = await compareCases(reading.cases, options, {
    progress: (finished, total) =>
      terminal.status(finished === total ? "" : `validate:etcd: ${finished} of ${total} lives simulated`),
    report: (report) => {
      if (!options.json) terminal.out(options.quiet ? briefOf(report) : longOf(report));
    },
  });
  if (options.json) terminal.out(JSON.stringify(reports, null, 1));
  if (options.write !== undefined) writeTables(options.write, reports);
  const all = reports.reduce((sum, report) => sum + missed(report), 0);
  const checks = reports.flatMap(({ judgements }) => judgements.flatMap((one) => one.checks)).length;
  const verdict = all === 0 ? `All ${checks} passed` : `${all} of ${checks} MISSED`;
  if (!options.json)
    terminal.out(
      `${verdict}, ${reports.length} files${reading.unknown.length > 0 ? `, ${reading.unknown.length} not comparable` : ""}`,
    );
  return all === 0 && reading.unknown.length === 0 ? EXIT.fine : EXIT.missed;
}

function optionsOf(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        trials: { type: "string", default: String(TRIALS) },
        only: { type: "string" },
        workers: { type: "string", default: String(availableParallelism()) },
        quiet: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        write: { type: "string" },
      },
    });
    const [trials, workers] = [Number(values.trials), Number(values.workers)];
    if (!Number.isInteger(trials) || trials < 1) return "--trials: expected a whole number of at least 1";
    if (!Number.isInteger(workers) || workers < 0) return "--workers: expected a whole number of at least 0";
    if (positionals.length === 0) return "expected a folder or a file";
    const { only, quiet, json, write } = values;
    return { paths: positionals, trials, only, workers, quiet, json, write };
  } catch (error) {
    return error instanceof Error ? error.message : "unreadable arguments";
  }
}

/** The files of the paths given, by name within each folder; undefined: something cannot be read. */
function filesOf({ paths, only }: Options, terminal: Terminal): string[] | undefined {
  const files: string[] = [];
  try {
    for (const path of paths) {
      if (!statSync(path).isDirectory()) files.push(path);
      else
        files.push(
          ...readdirSync(path)
            .filter((name) => name.endsWith(".json"))
            .sort(bytewise)
            .map((name) => join(path, name)),
        );
    }
  } catch (error) {
    if (!isFileError(error)) throw error;
    terminal.err(error.message);
    return undefined;
  }
  const chosen = only === undefined ? files : files.filter((file) => globOf(only).test(basename(file)));
  if (chosen.length > 0) return chosen;
  terminal.err(only === undefined ? "no *.json file there" : `no file fits "${only}"`);
  return undefined;
}

function bytewise(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `*` and `?`; the ending ".json" may be left out. */
function globOf(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${text}(\\.json)?$`);
}

function longOf(report: FileReport): string {
  return `${report.file}: ${report.summary}; ${report.simulatedTrials} trials simulated. Times in ms.\n${tableOf(report)}\n${briefOf(report)}\n`;
}

function briefOf(report: FileReport): string {
  const checks = report.judgements.flatMap((one) => one.checks).length;
  const misses = report.judgements
    .filter((one) => one.checks.some(({ pass }) => !pass))
    .map(({ name }) => name);
  if (report.errors.length > 0)
    misses.push(`${report.errors.length} lives ended with an error, the first: ${report.errors[0]}`);
  return misses.length === 0
    ? `${report.file}: all ${checks} passed`
    : `${report.file}: ${missed(report)} of ${checks} MISSED: ${misses.join("; ")}`;
}

const TABLE_MARK = "<!-- table -->";

function writeTables(path: string, reports: readonly FileReport[]): void {
  const before = fileOr(path, "");
  const mark = before.indexOf(TABLE_MARK);
  const head = mark < 0 ? before : before.slice(0, mark);
  writeFileSync(path, `${head}${TABLE_MARK}\n\n${reports.map(markdownOf).join("\n")}`);
}

function fileOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isFileError(error)) return fallback;
    throw error;
  }
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && "syscall" in error;
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
