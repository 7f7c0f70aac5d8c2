/** `seatrial plan`: the fewest nodes of a pool that keep the scenario's objectives. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import {
  type CapacityResult,
  type Evaluation,
  findCapacity,
  type Judgement,
} from "../experiment/capacity.js";
import { writeResult } from "../experiment/csv.js";
import { runExperiment } from "../experiment/experiment.js";
import { evaluateObjectives } from "../experiment/objectives.js";
import type { PlanRange } from "../scenario/compile.js";
import { Problems } from "../workload/problems.js";
import { BadInput, EXIT, stopOnErrors } from "./exit.js";
import { writeFiles } from "./files.js";
import { type Interruptible, interruptible } from "./interrupt.js";
import { addStudyOptions, type StudyOptions, wholeNumber } from "./options.js";
import type { Run } from "./program.js";
import { progressLine } from "./progress.js";
import { makeFolder, reportFailures } from "./run-study.js";
import {
  checkPool,
  compileStudy,
  type OpenedScenario,
  openScenario,
  repeatCommand,
  resultsFolder,
} from "./study.js";
import type { Terminal } from "./terminal.js";
import { counted } from "./text/table.js";
import { VERSION } from "./version.js";

const EXAMPLES = `
Every count is judged by the scenario's objectives over all its replications. Bisection needs "more is never worse";
a few further counts are tried to see whether that holds. Results of each count are written below the folder.

Examples:
  seatrial plan scenario.yaml                                         as its spec.plan says
  seatrial plan scenario.yaml --pool production/web --min 4 --max 20
  seatrial plan scenario.yaml --policy BestFit --json`;

interface PlanOptions extends Omit<StudyOptions, "policy"> {
  readonly policy?: string;
  readonly pool?: string;
  readonly min?: number;
  readonly max?: number;
}

export function addPlanCommand(program: Command, run: Run): void {
  const command = program
    .command("plan")
    .summary("find the fewest nodes that meet the objectives")
    .description("Finds the smallest node count of a pool with which every objective of the scenario is met.")
    .argument("<file>", "scenario file with objectives")
    .option("--pool <centre/pool>", "whose nodes are counted (default: spec.plan.pool)")
    .addOption(wholeNumber("--min <n>", "fewest nodes to consider (default: spec.plan.min)", 0))
    .addOption(wholeNumber("--max <n>", "most nodes to consider (default: spec.plan.max)", 0))
    .addOption(new Option("--policy <policy>", "as for run; default: the scenario's first"))
    .option("--out <dir>", "folder of the results (default: results/NAME-plan)");
  addStudyOptions(command)
    .addHelpText("after", EXAMPLES)
    .action((file: string, options: PlanOptions) => run((terminal) => plan(file, options, terminal)));
}

/** A cell of an evaluation failed, or Ctrl-C came: the search cannot go on. */
class SearchStopped extends Error {
  override readonly name = "SearchStopped";
  readonly code: number;

  constructor(code: number) {
    super(`stopped with code ${code}`);
    this.code = code;
  }
}

async function plan(file: string, options: PlanOptions, terminal: Terminal): Promise<number> {
  const { policy, ...rest } = options;
  const opened = await openScenario(
    file,
    policy === undefined ? rest : { ...rest, policy: [policy] },
    "first",
  );
  const base = await compileStudy(opened);
  const range = rangeOf(options, base.plan, opened);
  if (base.objectives.length === 0) {
    throw new BadInput([`${file}: expected spec.objectives: plan looks for the fewest nodes that meet them`]);
  }
  // The smallest pool has the fewest names: what refers to a node that is not there shows now.
  await compileStudy(opened, { pool: range.pool, count: range.min });
  const folder = resultsFolder(options, base.study.model.name, "-plan");
  makeFolder(folder);
  const quiet = options.quiet === true || options.json === true;
  if (!quiet) {
    for (const line of base.warnings) terminal.err(line);
    const { replications, policies } = base.study;
    terminal.out(
      `${base.study.model.name}: fewest nodes of ${range.pool}, ${range.min} to ${range.max}, policy ${policies[0]?.name}, ${counted(replications, "replication")}`,
    );
  }
  return interruptible(async (interrupt) => {
    try {
      const found = await findCapacity({
        min: range.min,
        max: range.max,
        evaluate: (count) => evaluate({ opened, range, folder, interrupt, terminal }, count),
        onEvaluated: (evaluation) => {
          if (!quiet) terminal.out(evaluationLine(evaluation));
        },
      });
      return finish(found, { opened, range, folder, quiet }, terminal);
    } catch (error) {
      if (!(error instanceof SearchStopped)) throw error;
      terminal.err(`Stopped; the counts judged so far are in ${folder}.`);
      return error.code;
    }
  });
}

function rangeOf(options: PlanOptions, written: PlanRange | undefined, opened: OpenedScenario): PlanRange {
  const pool = options.pool ?? written?.pool;
  const min = options.min ?? written?.min ?? 1;
  const max = options.max ?? written?.max;
  if (pool === undefined || max === undefined) {
    const missing = pool === undefined ? "--pool centre/pool" : "--max";
    throw new BadInput([`${missing}: expected it, since ${opened.file} has no spec.plan that says so`]);
  }
  const problems = new Problems();
  checkPool(opened.parsed, pool, "--pool", problems);
  stopOnErrors(problems);
  if (min > max) throw new BadInput([`--min: expected at most the maximum of ${max}, got ${min}`]);
  return { pool, min, max };
}

interface Search {
  readonly opened: OpenedScenario;
  readonly range: PlanRange;
  readonly folder: string;
  readonly interrupt: Interruptible;
  readonly terminal: Terminal;
}

async function evaluate(
  { opened, range, folder, interrupt, terminal }: Search,
  count: number,
): Promise<Judgement> {
  const nodes = { pool: range.pool, count };
  const { study, objectives } = await compileStudy(opened, nodes);
  const { workers, heap, quiet } = opened.options;
  const result = await runExperiment(study, {
    workers,
    ...(heap === undefined ? {} : { workerHeapMiB: heap }),
    signal: interrupt.signal,
    repeatCommand: (cell) => repeatCommand(opened, cell, nodes),
    ...(quiet === true ? {} : { onProgress: progressLine(terminal, `${count} nodes`) }),
  });
  terminal.status("");
  const interrupted = interrupt.exitCode();
  if (interrupted !== undefined) throw new SearchStopped(interrupted);
  reportFailures(result.failed, terminal);
  writeResult(join(folder, `nodes-${count}`), result, { version: VERSION });
  if (result.failed.length > 0) throw new SearchStopped(EXIT.internal);
  const verdicts = evaluateObjectives(objectives, result.study.policies, result.summary);
  const missed = verdicts.filter(({ met }) => !met);
  const told = missed.length > 0 ? missed : verdicts;
  return { met: missed.length === 0, detail: told.map(({ detail }) => detail).join("; ") };
}

interface Found {
  readonly opened: OpenedScenario;
  readonly range: PlanRange;
  readonly folder: string;
  readonly quiet: boolean;
}

function finish(found: CapacityResult, { opened, range, folder, quiet }: Found, terminal: Terminal): number {
  const { scenario } = opened.parsed;
  const head = { seatrial: VERSION, name: scenario.metadata.name, ...range };
  const policy = opened.policies[0]?.name;
  const document = `${JSON.stringify({ ...head, policy, ...found }, undefined, 2)}\n`;
  writeFiles(folder, [{ path: "plan.json", text: document }]);
  if (opened.options.json === true) terminal.out(document.trimEnd());
  else if (!quiet) terminal.out(["", ...conclusion(found, opened, range), `Written to ${folder}`].join("\n"));
  return found.count === null ? EXIT.missed : EXIT.fine;
}

function conclusion(
  { count, enough, tooFew, nonMonotone }: CapacityResult,
  opened: OpenedScenario,
  { pool, min, max }: PlanRange,
): string[] {
  if (count === null) return [`No count from ${min} to ${max} nodes of ${pool} meets every objective.`];
  const repeat = (nodes: number): string => `    ${replayCommand(opened, { pool, count: nodes })}`;
  return [
    `${counted(count, "node")} of ${pool} ${count === 1 ? "is" : "are"} enough${tooFew === null ? ` (the fewest considered)` : `, ${count - 1} ${count === 2 ? "is" : "are"} not`}.`,
    ...(enough === null ? [] : [`  ${count}: ${enough.detail}`, repeat(count)]),
    ...(tooFew === null ? [] : [`  ${count - 1}: ${tooFew.detail}`, repeat(count - 1)]),
    ...nonMonotone.map(
      ({ kept, broken }) =>
        `  But more is not always better here: ${kept} nodes meet the objectives, ${broken} do not.`,
    ),
  ];
}

/** All replications of one count: the proof, to be run again. */
function replayCommand(opened: OpenedScenario, nodes: { pool: string; count: number }): string {
  const seed = opened.options.seed ?? String(opened.parsed.scenario.spec.seed ?? "1");
  const policy = opened.policies[0]?.name ?? "default";
  const single = repeatCommand(opened, { policy, replication: 0, seed }, nodes);
  const { replications } = opened.options;
  const all = replications === undefined ? "" : ` --replications ${replications}`;
  return single.replace(" --replication 0", all).replace(/ --workers 0$/, "");
}

function evaluationLine({ count, met, detail }: Evaluation): string {
  return `  ${String(count).padStart(6)} nodes  ${met ? "met   " : "MISSED"}  ${detail}`;
}
