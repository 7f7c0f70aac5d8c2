/**
 * `npm run validate:control-plane -- [--seeds N] FILE…`: rebuilds the cluster of each recorded timeline from the file's
 * own fields, simulates it with many seeds, and prints measured against simulated.
 *
 * Exit codes: 0 all within tolerance, 1 something is not, 2 a file cannot be compared.
 */
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseDuration } from "../units/time.js";
import { type Check, compare, type Rules } from "./validation/compare.js";
import { passRhythm } from "./validation/passes.js";
import { nodeNames, rebuild } from "./validation/rebuild.js";
import { jsonOf, type Recording, readRecording, UnusableRecording } from "./validation/recording.js";
import { compareSched } from "./validation/sched-compare.js";
import { readSchedRecording, SCHED_FAMILIES } from "./validation/sched-recording.js";
import { rebuildSched, simulateSched } from "./validation/sched-run.js";
import { recordedStages, simulatedStages } from "./validation/sched-stages.js";
import { stagesOf } from "./validation/stages.js";
import { simulateTimeline } from "./validation/timeline.js";

const SEEDS = 20;
const FAMILIES: readonly string[] = ["single", "zones"];
/** Admission's tolerationSeconds for not-ready and unreachable. */
const DEFAULT_TOLERATION_SECONDS = 300;

const EXIT_FINE = 0;
const EXIT_MISSED = 1;
const EXIT_UNUSABLE = 2;

const USAGE = `Usage: npm run validate:control-plane -- [--seeds N] FILE…

Rebuilds the cluster of each recorded control-plane timeline, simulates it with N seeds (default ${SEEDS}, at least 1)
and prints measured against simulated. Compares the families ${[...FAMILIES, ...SCHED_FAMILIES].join(", ")}.`;

/** One recording compared: its name, what it holds in one line, and every quantity. */
export interface Validation {
  readonly name: string;
  readonly summary: string;
  readonly checks: readonly Check[];
}

/** Compares one recording; throws {@link UnusableRecording} where it cannot be compared. */
export function validate(text: string, seeds: number): Validation {
  const data = jsonOf(text);
  const family = familyOf(data);
  return SCHED_FAMILIES.includes(family) ? validateSched(data, seeds) : validateCrashes(text, seeds);
}

function familyOf(data: unknown): string {
  return typeof data === "object" && data !== null && "family" in data ? String(data.family) : "";
}

function validateSched(data: unknown, seeds: number): Validation {
  const recording = readSchedRecording(data);
  const rebuilt = rebuildSched(recording, "validation");
  const simulated = Array.from({ length: seeds }, (_, seed) =>
    simulatedStages(recording, simulateSched(recording, rebuilt, seed)),
  );
  const { bursts, pods, nodes } = recording;
  return {
    name: recording.name,
    summary: `${bursts.length} bursts, ${pods.length} other bare pods, ${nodes.length} nodes that join`,
    checks: compareSched(recordedStages(recording), simulated),
  };
}

function validateCrashes(text: string, seeds: number): Validation {
  const recording = readRecording(text);
  refuse(recording);
  const rules = rulesOf(recording);
  const rhythm = passRhythm(recording, rules.periodMs, nodeNames(recording).length);
  const rebuilt = rebuild(recording, "validation");
  const measured = stagesOf(recording, recording.timeline);
  const simulated = Array.from({ length: seeds }, (_, seed) =>
    stagesOf(recording, simulateTimeline(recording, rebuilt, rhythm, seed)),
  );
  return {
    name: recording.name,
    summary: `${recording.crashes.length} crashes, ${rhythm.seen} marking passes`,
    checks: compare(recording, measured, simulated, rules),
  };
}

function refuse(recording: Recording): void {
  if (!FAMILIES.includes(recording.family)) {
    throw new UnusableRecording(`family "${recording.family}" is not yet compared`);
  }
  if (recording.otherInjections.length > 0) {
    throw new UnusableRecording(`not yet compared: ${recording.otherInjections.join(", ")}`);
  }
  if (recording.crashes.length === 0) throw new UnusableRecording("expected at least one crash");
}

function rulesOf(recording: Recording): Rules {
  const flag = (name: string, fallback: string): string =>
    recording.controllerManagerFlags.get(name) ?? fallback;
  const periodUs = parseDuration(flag("node-monitor-period", "5s"));
  if (periodUs === undefined || periodUs <= 0) {
    throw new UnusableRecording("expected --node-monitor-period to be a duration");
  }
  return {
    periodMs: periodUs / 1000,
    evictionRate: Number(flag("node-eviction-rate", "0.1")),
    secondaryEvictionRate: Number(flag("secondary-node-eviction-rate", "0.01")),
    tolerationMs: (recording.tolerationSeconds ?? DEFAULT_TOLERATION_SECONDS) * 1000,
  };
}

function main(args: readonly string[]): number {
  const files = [...args];
  let seeds = SEEDS;
  const option = files.indexOf("--seeds");
  if (option >= 0) [, seeds] = files.splice(option, 2).map(Number) as [number, number];
  if (args.includes("--help")) {
    print(USAGE);
    return EXIT_FINE;
  }
  if (files.length === 0 || !Number.isInteger(seeds) || seeds < 1) {
    process.stderr.write(`${USAGE}\n`);
    return EXIT_UNUSABLE;
  }
  let exit = EXIT_FINE;
  for (const file of files) exit = Math.max(exit, validateFile(file, seeds));
  return exit;
}

function validateFile(file: string, seeds: number): number {
  try {
    const { name, summary, checks } = validate(readFileSync(file, "utf8"), seeds);
    const missed = checks.filter((check) => !check.pass).length;
    print(`${name}: ${summary}, ${seeds} seeds`);
    print("Figures: min / median / max (n).");
    print(table(checks));
    print(
      missed === 0
        ? `${name}: all ${checks.length} passed\n`
        : `${name}: ${missed} of ${checks.length} MISSED\n`,
    );
    return missed === 0 ? EXIT_FINE : EXIT_MISSED;
  } catch (error) {
    if (!(error instanceof UnusableRecording) && !isFileError(error)) throw error;
    process.stderr.write(`${file}: ${error.message}\n`);
    return EXIT_UNUSABLE;
  }
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && "syscall" in error;
}

function table(checks: readonly Check[]): string {
  const head = {
    quantity: "quantity",
    tolerance: "tolerance",
    measured: "measured",
    simulated: "simulated",
    off: "off",
  };
  const rows = [
    { ...head, verdict: "" },
    ...checks.map((check) => ({ ...check, verdict: check.pass ? "ok" : "MISSED" })),
  ];
  const columns = ["verdict", "quantity", "tolerance", "measured", "simulated", "off"] as const;
  const widths = columns.map((column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      columns
        .map((column, i) => row[column].padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

const script = process.argv[1];
if (script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2));
}
