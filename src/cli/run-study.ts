/** What `run` and `compare` have in common: simulate, write, show, and say how it went by the exit code. */
import { mkdirSync } from "node:fs";
import { writeResult } from "../experiment/csv.js";
import { type ExperimentResult, type FailedCell, resultOf, runExperiment } from "../experiment/experiment.js";
import { evaluateObjectives, type Verdict } from "../experiment/objectives.js";
import type { Cell } from "../experiment/plan.js";
import { runCells } from "../experiment/pool.js";
import { BadInput, EXIT } from "./exit.js";
import { interruptible } from "./interrupt.js";
import type { RunOptions } from "./options.js";
import { progressLine } from "./progress.js";
import { type CompiledStudy, compileStudy, openScenario, repeatCommand, resultsFolder } from "./study.js";
import type { Terminal } from "./terminal.js";
import { reportLines } from "./text/report.js";
import { VERSION } from "./version.js";

/** Runs the scenario and returns the exit code. */
export async function runStudy(
  file: string,
  options: RunOptions,
  which: "first" | "all",
  terminal: Terminal,
): Promise<number> {
  const opened = await openScenario(file, options, which);
  const compiled = await compileStudy(opened, options.nodes);
  const study = narrowed(compiled, options);
  const folder = resultsFolder(options, study.model.name);
  makeFolder(folder);
  if (options.quiet !== true) for (const line of compiled.warnings) terminal.err(line);
  return interruptible(async ({ signal, exitCode }) => {
    const runOptions = {
      workers: options.workers,
      ...(options.heap === undefined ? {} : { workerHeapMiB: options.heap }),
      signal,
      repeatCommand: (cell: Parameters<typeof repeatCommand>[1]) =>
        repeatCommand(opened, cell, options.nodes),
      ...(options.quiet === true ? {} : { onProgress: progressLine(terminal, study.model.name) }),
    };
    const result =
      options.replication === undefined
        ? await runExperiment(study, runOptions)
        : await runReplication(study, options.replication, runOptions);
    terminal.status("");
    const events = study.eventsOf !== undefined;
    const files =
      result.replications.length === 0 ? [] : writeResult(folder, result, { version: VERSION, events });
    const verdicts = evaluateObjectives(compiled.objectives, result.study.policies, result.summary);
    show({ result, verdicts, compiled, folder, files }, options, terminal);
    reportFailures(result.failed, terminal);
    const interrupted = exitCode();
    if (interrupted !== undefined) {
      const what =
        files.length === 0 ? "nothing was finished, nothing is written" : `what was finished is in ${folder}`;
      terminal.err(`Stopped after ${result.replications.length} of ${result.outcomes.length} runs; ${what}.`);
      return interrupted;
    }
    if (result.failed.length > 0) return EXIT.internal;
    return verdicts.every(({ met }) => met) ? EXIT.fine : EXIT.missed;
  });
}

type Study = CompiledStudy["study"];

function narrowed({ study }: CompiledStudy, { replication, events }: RunOptions): Study {
  const eventsOf = events === undefined ? undefined : (replication ?? events);
  if (replication === undefined && eventsOf !== undefined && eventsOf >= study.replications) {
    const last = study.replications - 1;
    throw new BadInput([`--events: expected a replication from 0 to ${last}, got ${eventsOf}`]);
  }
  return {
    ...study,
    ...(replication === undefined ? {} : { replications: 1 }),
    ...(eventsOf === undefined ? {} : { eventsOf }),
  };
}

/** One replication under every policy, whatever its number. */
async function runReplication(
  study: Study,
  replication: number,
  options: Parameters<typeof runExperiment>[1],
): Promise<ExperimentResult> {
  const cells = study.policies.map((_, policyIndex): Cell => ({ policyIndex, replication }));
  const { onProgress, repeatCommand: repeat, ...pool } = options;
  let finished = 0;
  const outcomes = await runCells(study, cells, {
    ...pool,
    onOutcome: (outcome) => onProgress?.({ finished: ++finished, total: cells.length, outcome }),
  });
  return resultOf(study, outcomes, repeat);
}

/** Before anything runs: a folder that cannot be written is the user's mistake, and a late one would cost the run. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BadInput([`--out: expected a folder that can be written, got "${folder}" (${reason})`]);
  }
}

interface Shown {
  readonly result: ExperimentResult;
  readonly verdicts: readonly Verdict[];
  readonly compiled: CompiledStudy;
  readonly folder: string;
  readonly files: readonly string[];
}

function show(
  { result, verdicts, compiled, folder, files }: Shown,
  options: RunOptions,
  terminal: Terminal,
): void {
  if (options.json === true) {
    const { study, complete, failed, summary, comparison } = result;
    const document = {
      seatrial: VERSION,
      ...study,
      complete,
      objectives: verdicts,
      summary,
      comparison,
      failed,
    };
    terminal.out(JSON.stringify({ ...document, folder, files }, undefined, 2));
  } else if (options.quiet !== true) {
    const { model } = compiled.study;
    const lines = reportLines({ result, model, verdicts, folder, files, width: terminal.width });
    const warnings = new Set(result.replications.flatMap((run) => run.warnings));
    for (const warning of warnings) terminal.err(`warning: ${warning}`);
    terminal.out(lines.join("\n"));
  }
}

/** What failed, why, and the exact command that shows it again. */
export function reportFailures(failed: readonly FailedCell[], terminal: Terminal): void {
  for (const { policy, replication, error, repeat } of failed) {
    terminal.err(`internal error in policy ${policy}, replication ${replication}: ${error}`);
    terminal.err(`repeat it with: ${repeat}`);
  }
}
