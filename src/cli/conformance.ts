/**
 * `npm run conformance -- DIR…`: replays recorded decisions of kube-scheduler, every corpus file of the folders (and
 * files) given, stepwise from the recorded state and again with our own choices.
 *
 * Exit codes: 0 every decision agrees, 1 one does not, 2 a file or folder cannot be read.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Difference, type Differences, formatDifference } from "../conformance/differences.js";
import { type Recording, readRecording, UnreadableRecording } from "../conformance/recording.js";
import { replayOwn, replayStepwise } from "../conformance/replay.js";
import { EXIT } from "./exit.js";
import { counted, tableLines } from "./text/table.js";

const USAGE = `Usage: npm run conformance -- PATH…

Replays recorded scheduling decisions: the files *.json.gz and *.json of each folder, or single files. Every file is
replayed twice: each step from the recorded state, comparing all of it, and again with our own choices throughout.`;

/** Differences shown in full, of each family and mode. */
const SHOWN = 5;

const MODES = [
  { name: "stepwise", replay: replayStepwise },
  { name: "own choices", replay: replayOwn },
] as const;

/** What one mode found in one family. */
interface Tally {
  files: number;
  steps: number;
  differing: number;
  triples: number;
  compared: number;
  cpuUs: number;
  readonly first: { readonly file: string; readonly difference: Difference }[];
}

/** Replays all files of the paths and prints the result; returns the exit code. */
export function conformance(
  paths: readonly string[],
  out: (line: string) => void,
  err: (line: string) => void,
): number {
  let unreadable = 0;
  const complain = (file: string, message: string) => {
    unreadable++;
    err(`${file}: ${message}`);
  };
  const tallies = MODES.map(() => new Map<string, Tally>());
  for (const file of paths.flatMap((path) => corpusFiles(path, complain))) {
    try {
      const recording = readRecording(readFileSync(file));
      MODES.forEach(({ replay }, mode) => {
        addTo(tallies[mode] as Map<string, Tally>, file, recording, replay);
      });
    } catch (error) {
      if (!(error instanceof UnreadableRecording) && !isFileError(error)) throw error;
      complain(file, error.message);
    }
  }
  MODES.forEach(({ name }, mode) => {
    for (const line of report(name, tallies[mode] as Map<string, Tally>)) out(line);
  });
  if (unreadable > 0) return EXIT.badInput;
  return tallies.some((tally) => [...tally.values()].some(({ triples }) => triples > 0))
    ? EXIT.missed
    : EXIT.fine;
}

/** A folder's corpus files by name, or the file itself. */
function corpusFiles(path: string, complain: (file: string, message: string) => void): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files = readdirSync(path)
      .filter((name) => name.endsWith(".json.gz") || name.endsWith(".json"))
      .sort()
      .map((name) => join(path, name));
    if (files.length === 0) complain(path, "expected at least one file *.json.gz or *.json");
    return files;
  } catch (error) {
    if (!isFileError(error)) throw error;
    complain(path, error.message);
    return [];
  }
}

function addTo(
  tallies: Map<string, Tally>,
  file: string,
  recording: Recording,
  replay: (recording: Recording) => Differences,
): void {
  const before = process.cpuUsage();
  const differences = replay(recording);
  const { user, system } = process.cpuUsage(before);
  const { family } = recording;
  let tally = tallies.get(family);
  if (tally === undefined) {
    tally = { files: 0, steps: 0, differing: 0, triples: 0, compared: 0, cpuUs: 0, first: [] };
    tallies.set(family, tally);
  }
  tally.files++;
  tally.steps += recording.steps.length;
  tally.differing += differences.differingSteps;
  tally.triples += differences.triples;
  tally.compared += differences.compared;
  tally.cpuUs += user + system;
  const room = Math.max(0, SHOWN - tally.first.length);
  tally.first.push(...differences.all.slice(0, room).map((difference) => ({ file, difference })));
}

function* report(mode: string, tallies: ReadonlyMap<string, Tally>): Iterable<string> {
  const sum = { files: 0, steps: 0, differing: 0, triples: 0, compared: 0, cpuUs: 0 };
  for (const tally of tallies.values()) {
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += tally[key];
  }
  const row = (name: string, tally: typeof sum) => [
    name,
    String(tally.files),
    String(tally.steps),
    String(tally.steps - tally.differing),
    String(tally.triples),
    String(tally.compared),
    (tally.cpuUs / 1e6).toFixed(1),
  ];
  const families = [...tallies].sort(([a], [b]) => (a < b ? -1 : 1));
  yield* tableLines({
    header: [mode.toUpperCase(), "FILES", "STEPS", "AGREEING", "DIFFERING TRIPLES", "FACTS", "CPU S"],
    rows: [...families.map(([family, tally]) => row(family, tally)), row("all", sum)],
  });
  for (const [, { first, triples }] of families) {
    for (const { file, difference } of first) yield `${file}: ${formatDifference(difference)}`;
    if (triples > first.length) yield `… ${counted(triples, "differing triple")} in all`;
  }
  yield "";
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && "syscall" in error;
}

function main(args: readonly string[]): number {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const complain = (line: string) => process.stderr.write(`${line}\n`);
  if (args.includes("--help")) {
    print(USAGE);
    return EXIT.fine;
  }
  if (args.length === 0) {
    complain(USAGE);
    return EXIT.badInput;
  }
  return conformance(args, print, complain);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
