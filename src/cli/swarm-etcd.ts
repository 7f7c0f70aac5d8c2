/**
 * `npm run swarm:etcd`: random lives of etcd groups under faults, every one checked after each event and at its end. Prints
 * how often each kind of fault and each turn of the protocol occurred; what goes wrong is shrunk to a short plan.
 *
 * Exit codes: 0 all is well, 1 something went wrong or (in a full run) something never occurred, 2 the arguments make no
 * sense, 3 a worker failed.
 */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { runJobs } from "../experiment/pool.js";
import { missingOf } from "../swarm/counts.js";
import { randomLife } from "../swarm/generate.js";
import { playLife } from "../swarm/life.js";
import { type LifePlan, PLANT_NAMES, type PlantName } from "../swarm/plan.js";
import { shrink } from "../swarm/shrink.js";
import { addResults, NO_LIVES, type SwarmBatch, type SwarmOptions, type SwarmResult } from "../swarm/task.js";
import { SECOND } from "../units/time.js";
import { EXIT } from "./exit.js";
import { interruptible } from "./interrupt.js";
import { processTerminal, type Terminal } from "./terminal.js";

const LIVES = 10_000;
/** From so many lives on every kind of fault and every turn has to occur. */
const FULL_RUN_LIVES = 5_000;
const BATCH = 20;

interface Arguments {
  readonly lives?: number;
  readonly seed?: number;
  readonly workers: number;
  readonly plant?: PlantName;
  readonly replay?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly shrink: boolean;
  readonly save?: string;
}

const program = new Command("npm run swarm:etcd --")
  .description("Plays random lives of etcd groups under faults and checks every one.")
  .addHelpText(
    "after",
    "\nExit codes: 0 all is well, 1 something went wrong, 2 bad arguments, 3 a worker failed.",
  )
  .option("--lives <n>", `how many (default ${LIVES}; with --seed one)`, wholeNumber)
  .option("--seed <n>", "the first life's seed; the others follow (default 1)", wholeNumber)
  .option("--workers <n>", "worker threads; 0: none", wholeNumber, availableParallelism())
  .addOption(new Option("--plant <name>", "builds a defect in, which is to be found").choices(PLANT_NAMES))
  .option("--replay <file>", "plays the life of a plan written before")
  .option("--no-shrink", "does not look for a shorter plan of what went wrong")
  .option("--save <file>", "where that plan goes (default results/swarm-etcd-SEED.json)")
  .option("--json", "prints the result as JSON")
  .option("--quiet", "prints only what went wrong")
  .exitOverride();

async function main(args: readonly string[]): Promise<number> {
  let options: Arguments;
  try {
    options = program.parse(args, { from: "user" }).opts<Arguments>();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.badInput;
    throw error;
  }
  const terminal = processTerminal();
  if (options.replay !== undefined) return replay(options.replay, terminal);
  const startedMs = Date.now();
  const { result, error, interrupted } = await play(options, terminal);
  if (options.json === true) terminal.out(JSON.stringify(result, null, 2));
  else if (options.quiet !== true) showResult(result, (Date.now() - startedMs) / 1000, terminal);
  if (error !== undefined) {
    terminal.err(error);
    return EXIT.internal;
  }
  const isSound = judge(result, options, terminal);
  return interrupted ?? (isSound ? EXIT.fine : EXIT.missed);
}

interface Played {
  readonly result: SwarmResult;
  readonly error: string | undefined;
  readonly interrupted: number | undefined;
}

/** All lives, in batches over the workers. */
function play(options: Arguments, terminal: Terminal): Promise<Played> {
  const first = options.seed ?? 1;
  const lives = options.lives ?? (options.seed === undefined ? LIVES : 1);
  const jobs: SwarmBatch[] = [];
  for (let from = first; from < first + lives; from += BATCH)
    jobs.push({ from, to: Math.min(from + BATCH, first + lives) });
  const common: SwarmOptions = options.plant === undefined ? {} : { plant: options.plant };
  let result = NO_LIVES;
  let error: string | undefined;
  return interruptible(async ({ signal, exitCode }) => {
    await runJobs<SwarmOptions, SwarmBatch, SwarmResult>(
      {
        common,
        jobs,
        order: jobs.map((_, i) => i),
        task: new URL("../swarm/task.js", import.meta.url).href,
        onOutcome: (_, outcome) => {
          if (outcome.status === "done") result = addResults(result, outcome.result);
          else if (outcome.status === "failed") error ??= outcome.error;
          const wrong = result.findings.length;
          if (options.quiet !== true)
            terminal.status(`${result.lives} of ${lives} lives, ${wrong} went wrong`);
        },
      },
      { workers: options.workers, signal },
    );
    if (options.quiet !== true) terminal.status("");
    return { result, error, interrupted: exitCode() };
  });
}

/** Tells what is wrong; returns whether nothing is. */
function judge(result: SwarmResult, options: Arguments, terminal: Terminal): boolean {
  const missing = result.lives >= FULL_RUN_LIVES ? missingOf(result.counts) : [];
  if (missing.length > 0) terminal.err(`Never occurred: ${missing.join(", ")}`);
  const first = result.findings[0];
  if (first === undefined) return missing.length === 0;
  for (const { seed, rule, text } of result.findings.slice(0, 10))
    terminal.err(`life ${seed}: ${rule}\n${indented(text)}`);
  if (result.findings.length > 10) terminal.err(`... and ${result.findings.length - 10} more`);
  const plan = randomLife(String(first.seed), options.plant);
  const plant = options.plant === undefined ? "" : ` --plant ${options.plant}`;
  terminal.err(`To play it again: npm run swarm:etcd -- --seed ${first.seed}${plant} --no-shrink`);
  if (options.shrink) showShrunk(plan, first.rule, options.save, terminal);
  return false;
}

function showShrunk(plan: LifePlan, rule: string, save: string | undefined, terminal: Terminal): void {
  terminal.status("looking for a shorter plan …");
  const { plan: short, tries } = shrink(plan, (candidate) => playLife(candidate).finding?.rule === rule);
  const file = save ?? `results/swarm-etcd-${plan.seed}.json`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(short, null, 2)}\n`);
  const { faults, clients, model } = short;
  terminal.err(
    `Shrunk in ${tries} lives from ${plan.faults.length} faults, ${plan.clients.length} clients and ` +
      `${plan.model.members.length} members to ${faults.length}, ${clients.length} and ${model.members.length}:`,
  );
  for (const fault of faults) terminal.err(`  ${JSON.stringify(fault)}`);
  const finding = playLife(short).finding;
  if (finding !== undefined) terminal.err(indented(finding.text));
  terminal.err(`To play it: npm run swarm:etcd -- --replay ${file}`);
}

function replay(file: string, terminal: Terminal): number {
  let plan: LifePlan;
  try {
    plan = JSON.parse(readFileSync(file, "utf8")) as LifePlan;
  } catch (error) {
    terminal.err(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    return EXIT.badInput;
  }
  const { finding, operations, events, lastedUs } = playLife(plan);
  terminal.out(`${operations} operations, ${events} events in ${(lastedUs / SECOND).toFixed(3)} s`);
  if (finding === undefined) {
    terminal.out("nothing went wrong");
    return EXIT.fine;
  }
  terminal.out(`${finding.rule}, at ${(finding.atUs / SECOND).toFixed(6)} s\n${indented(finding.text)}`);
  return EXIT.missed;
}

function showResult(result: SwarmResult, seconds: number, terminal: Terminal): void {
  const { lives, counts, operations, operationsFewest, events, simulatedUs, healedAfterMostUs, undecided } =
    result;
  const part = (title: string, rows: Readonly<Record<string, number>>): void => {
    terminal.out(title);
    for (const [name, count] of Object.entries(rows)) terminal.out(`${String(count).padStart(12)}  ${name}`);
  };
  part("Faults", counts.faults);
  part("Turns", counts.turns);
  terminal.out(
    `${lives} lives, ${Math.round(simulatedUs / SECOND)} s simulated in ${seconds.toFixed(1)} s, ${events} events, ` +
      `${operations} operations (at least ${operationsFewest} in a life), all well at most ` +
      `${(healedAfterMostUs / SECOND).toFixed(1)} s after the last fault, ${undecided} histories too hard to decide, ` +
      `${result.findings.length} went wrong`,
  );
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("a whole number is expected");
  return value;
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
