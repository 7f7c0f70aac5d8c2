/** Options that several commands share, read strictly. */
import { availableParallelism } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { NodePoolCount } from "../scenario/compile-topology.js";
import { DURATION_EXPECTED, type Micros, parseDuration } from "../units/time.js";

/** What `run`, `compare` and `plan` understand. */
export interface StudyOptions {
  readonly policy?: readonly string[];
  readonly seed?: string;
  readonly replications?: number;
  readonly horizon?: Micros;
  readonly warmUp?: Micros;
  readonly traces?: string;
  readonly workers: number;
  readonly heap?: number;
  readonly check?: boolean;
  readonly out?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What `run` and `compare` understand besides. */
export interface RunOptions extends StudyOptions {
  readonly nodes?: NodePoolCount;
  /** Only this replication. */
  readonly replication?: number;
  /** The replication whose timeline is written. */
  readonly events?: number;
}

/** Adds the options of every command that simulates. */
export function addStudyOptions(command: Command): Command {
  command
    .option("--seed <text>", "root of all randomness, in place of the scenario's")
    .addOption(wholeNumber("--replications <n>", "runs of each policy, in place of the scenario's", 1))
    .option("--horizon <duration>", "end of each run, warm-up included, e.g. 20m", positiveDuration)
    .option("--warm-up <duration>", "span at the beginning that results leave out, e.g. 2m", duration)
    .option("--traces <dir>", "folder with the files that the scenario's traces name");
  return addWorkerOptions(command)
    .option("--check", "check every invariant of the model after every event (slow)")
    .option("--json", "the results as JSON on the standard output, in place of the table")
    .option("--quiet", "no progress, no table, no warnings; only errors");
}

/** Adds what belongs to every command that runs in worker threads. */
export function addWorkerOptions(command: Command): Command {
  return command
    .addOption(
      wholeNumber("--workers <n>", "worker threads; 0: none, all in this thread", 0).default(
        availableParallelism(),
        "one for each core",
      ),
    )
    .addOption(wholeNumber("--heap <MiB>", "memory of each worker thread", 16));
}

/** Adds what belongs to `run` and `compare`. */
export function addRunOptions(command: Command): Command {
  return addStudyOptions(command)
    .option("--out <dir>", "folder of the results (default: results/NAME)")
    .option("--nodes <centre/pool=n>", "another node count of one pool", nodePoolCount)
    .addOption(wholeNumber("--replication <n>", "only this replication, from 0", 0).conflicts("replications"))
    .addOption(
      wholeNumber("--events [n]", "write events.csv, the timeline of one replication", 0).preset("0"),
    );
}

/** A repeatable option's values in order. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function wholeNumber(flags: string, description: string, min: number): Option {
  return new Option(flags, description).argParser((text: string) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`Expected a whole number of at least ${min}.`);
  });
}

export function positiveDuration(text: string): Micros {
  const span = duration(text);
  if (span === 0) throw new InvalidArgumentError("Expected a duration above 0.");
  return span;
}

function duration(text: string): Micros {
  const span = parseDuration(text);
  if (span === undefined || span < 0) throw new InvalidArgumentError(`Expected ${DURATION_EXPECTED}.`);
  return span;
}

function nodePoolCount(text: string): NodePoolCount {
  const found = /^([^/=]+\/[^/=]+)=([0-9]{1,6})$/.exec(text);
  if (found === null) throw new InvalidArgumentError('Expected "centre/pool=count".');
  return { pool: found[1] ?? "", count: Number(found[2]) };
}
