/** `seatrial etcd`: a study of etcd by itself, every cell of its sweep side by side. */
import type { Command } from "commander";
import type { EtcdStudyModel } from "../etcd-study/model.js";
import { type EtcdExperimentResult, runEtcdExperiment } from "../experiment/etcd-experiment.js";
import { writeEtcdResult } from "../experiment/etcd-tables.js";
import { loadEtcdStudy } from "../scenario/etcd-study.js";
import { formatDuration, type Micros } from "../units/time.js";
import { fileSource } from "../workload/files.js";
import { closestOf, formatProblem } from "../workload/problems.js";
import { BadInput, EXIT, stopOnErrors } from "./exit.js";
import { refuseOtherKind } from "./file-kind.js";
import { interruptible } from "./interrupt.js";
import { addWorkerOptions, positiveDuration, wholeNumber } from "./options.js";
import type { Run } from "./program.js";
import { progressLine } from "./progress.js";
import { makeFolder } from "./run-study.js";
import { quoted, resultsFolder } from "./study.js";
import type { Terminal } from "./terminal.js";
import { etcdReportLines } from "./text/etcd-report.js";
import { VERSION } from "./version.js";

const EXAMPLES = `
Examples:
  seatrial etcd scenarios/etcd-layouts/scenario.yaml
  seatrial etcd study.yaml --replications 100 --out results/hundred
  seatrial etcd study.yaml --cell "preVote=false" --replication 3 --workers 0
  seatrial etcd study.yaml --json`;

interface Options {
  readonly cell?: string;
  readonly seed?: string;
  readonly replications?: number;
  /** Only this one. */
  readonly replication?: number;
  readonly horizon?: Micros;
  readonly workers: number;
  readonly heap?: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function addEtcdCommand(program: Command, run: Run): void {
  const command = program
    .command("etcd")
    .summary("simulate a study of etcd")
    .description(
      "Simulates a group of etcd members with its clients through what the study says, for every combination of the study's sweep; prints the cells side by side, writes CSV files.",
    )
    .argument("<file>", "a file of kind EtcdStudy")
    .option("--cell <name>", "only this cell of the sweep")
    .option("--seed <text>", "root of all randomness, in place of the study's")
    .addOption(wholeNumber("--replications <n>", "runs of each cell, in place of the study's", 1))
    .addOption(wholeNumber("--replication <n>", "only this replication, from 0", 0).conflicts("replications"))
    .option("--horizon <duration>", "end of each run, warm-up included, e.g. 20m", positiveDuration);
  addWorkerOptions(command)
    .option("--out <dir>", "folder of the results (default: results/NAME)")
    .option("--json", "the results as JSON on the standard output, in place of the table")
    .option("--quiet", "no progress, no table, no warnings; only errors")
    .addHelpText("after", EXAMPLES)
    .action((file: string, options: Options) => run((terminal) => runEtcdStudy(file, options, terminal)));
}

async function runEtcdStudy(file: string, options: Options, terminal: Terminal): Promise<number> {
  const { study, warnings } = openStudy(file, options);
  const folder = resultsFolder(options, study.name);
  makeFolder(folder);
  if (options.quiet !== true) for (const line of warnings) terminal.err(line);
  return interruptible(async ({ signal, exitCode }) => {
    const result = await runEtcdExperiment(study, {
      workers: options.workers,
      signal,
      ...(options.heap === undefined ? {} : { workerHeapMiB: options.heap }),
      ...(options.replication === undefined ? {} : { replications: [options.replication] }),
      ...(options.quiet === true ? {} : { onProgress: progressLine(terminal, study.name) }),
    });
    terminal.status("");
    const files = result.runs.length === 0 ? [] : writeEtcdResult(folder, result, VERSION);
    show(result, folder, files, options, terminal);
    reportFailures(file, result, options, terminal);
    const interrupted = exitCode();
    if (interrupted !== undefined) {
      const what = files.length === 0 ? "nothing is written" : `what was finished is in ${folder}`;
      terminal.err(`Stopped after ${result.runs.length} of ${result.jobs.length} runs; ${what}.`);
      return interrupted;
    }
    return result.failed.length > 0 ? EXIT.internal : EXIT.fine;
  });
}

function openStudy(
  file: string,
  { cell, seed, replications, horizon }: Options,
): { readonly study: EtcdStudyModel; readonly warnings: readonly string[] } {
  const from = fileSource();
  refuseOtherKind(file, from, "EtcdStudy");
  const { study, problems } = loadEtcdStudy(file, from, {
    ...(seed === undefined ? {} : { seed }),
    ...(replications === undefined ? {} : { replications }),
    ...(horizon === undefined ? {} : { horizonUs: horizon }),
  });
  stopOnErrors(problems);
  if (study === undefined) throw new BadInput([`${file}: expected a study of etcd`]);
  const warnings = problems.list().map(formatProblem);
  for (const { warmUpUs, horizonUs } of study.cells) {
    if (warmUpUs < horizonUs) continue;
    const message = `--horizon: expected more than the warm-up of ${formatDuration(warmUpUs)}`;
    throw new BadInput([`${message}, got ${formatDuration(horizonUs)}`]);
  }
  return { study: cell === undefined ? study : oneCell(study, cell), warnings };
}

function oneCell(study: EtcdStudyModel, name: string): EtcdStudyModel {
  const cells = study.cells.filter((cell) => cell.name === name);
  if (cells.length > 0) return { ...study, cells };
  const names = study.cells.map((cell) => cell.name);
  const nearest = closestOf(name, names);
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  throw new BadInput([`--cell: expected a cell of the study (${names.join("; ")}), got "${name}"${hint}`]);
}

function show(
  result: EtcdExperimentResult,
  folder: string,
  files: readonly string[],
  options: Options,
  terminal: Terminal,
): void {
  if (options.json === true) {
    const { study, complete, summary, comparison, failed } = result;
    const { name, question, seed, replications, axes, cells } = study;
    const head = { seatrial: VERSION, kind: "EtcdStudy", name, question, seed, replications, axes };
    // A row's policy is what the general statistics call the thing compared: here, the cell.
    const ofCell = <Row extends { readonly policy: string }>({ policy, ...row }: Row) => ({
      cell: policy,
      ...row,
    });
    const document = {
      ...head,
      cells: cells.map((cell) => cell.name),
      complete,
      summary: summary.map(ofCell),
      comparison: comparison.map(ofCell),
      failed,
      folder,
      files,
    };
    terminal.out(JSON.stringify(document, undefined, 2));
  } else if (options.quiet !== true) {
    terminal.out(etcdReportLines({ result, folder, files, width: terminal.width }).join("\n"));
  }
}

/** What failed, why, and the exact command that shows it again. */
function reportFailures(
  file: string,
  result: EtcdExperimentResult,
  options: Options,
  terminal: Terminal,
): void {
  const { study, failed } = result;
  for (const { cell, replication, error } of failed) {
    const name = study.cells[cell]?.name ?? "";
    const words = [
      ...["npx", "seatrial", "etcd", file, "--cell", name, "--replication", String(replication)],
      ...["--seed", study.seed],
      ...(options.horizon === undefined ? [] : ["--horizon", formatDuration(options.horizon)]),
      ...["--workers", "0"],
    ];
    terminal.err(`internal error in cell ${name}, replication ${replication}: ${error}`);
    terminal.err(`repeat it with: ${words.map(quoted).join(" ")}`);
  }
}
