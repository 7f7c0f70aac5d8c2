/**
 * `npm run validate:raft-paper [-- --trials N]`: plays the published election experiments of Raft (figure 16 of the
 * paper, the simulated WAN and the split-vote rates of the dissertation) and prints published against simulated.
 *
 * Exit codes: 0 all within tolerance, 1 something is not, 2 the arguments make no sense.
 */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  checkRow,
  checkSplit,
  type FigureCheck,
  type RowResult,
  type SplitResult,
} from "../elections/checks.js";
import { BROADCAST_US, FIGURE_16, type PublishedRow, SPLIT_VOTES, WAN } from "../elections/published.js";
import { MILLISECOND } from "../units/time.js";
import { EXIT } from "./exit.js";

const TRIALS = 10_000;
/** The 99.9th percentile needs more, for its own sampling error to stay well below its tolerance. */
const WAN_TRIALS_FACTOR = 5;
/** A row that shows only that elections do not end takes long; the paper had a tenth of its usual trials there. */
const ENDLESS_TRIALS_DIVISOR = 10;

const FIGURE_16_TOLERANCE = { mean: 0.08, tail: 0.15 };
/** That one is a simulation itself. */
const WAN_TOLERANCE = { mean: 0.02, tail: 0.1 };

const USAGE = `Usage: npm run validate:raft-paper [-- --trials N]

Plays Raft's published election experiments, N elections a row (default ${TRIALS}, at least 1000), and prints published
against simulated.`;

/** All rows; `trials` of figure 16 and of the split votes, more for the WAN, fewer for 150-150. */
export function validateRaftPaper(trials: number): {
  figure16: RowResult[];
  wan: RowResult[];
  splits: SplitResult[];
} {
  const trialsOf = (row: PublishedRow) =>
    row.medianAboveMs === undefined ? trials : Math.ceil(trials / ENDLESS_TRIALS_DIVISOR);
  return {
    figure16: FIGURE_16.map((row) => checkRow(row, trialsOf(row), FIGURE_16_TOLERANCE)),
    wan: WAN.map((row) => checkRow(row, trials * WAN_TRIALS_FACTOR, WAN_TOLERANCE)),
    splits: SPLIT_VOTES.map((split) => checkSplit(split, trials)),
  };
}

function main(args: readonly string[]): number {
  if (args.includes("--help")) {
    print(USAGE);
    return EXIT.fine;
  }
  const trials = args.length === 0 ? TRIALS : Number(args[1]);
  if (args.length > 0 && (args.length !== 2 || args[0] !== "--trials" || !(trials >= 1000))) {
    process.stderr.write(`${USAGE}\n`);
    return EXIT.badInput;
  }
  const { figure16, wan, splits } = validateRaftPaper(Math.floor(trials));
  print(
    `Figure 16 (crash until the others hear the new leader; fitted: broadcast time ${BROADCAST_US / MILLISECOND} ms)`,
  );
  print(rowTable(figure16));
  print(
    "\nSimulated WAN (until a leader is elected; the text rounds the last mean to 650 ms, its 99.9 % to 3 s)",
  );
  print(rowTable(wan));
  print("\nSplit votes in one term under fixed latency (formula within the 99 % interval)");
  print(splitTable(splits));
  const verdicts = [...figure16, ...wan].flatMap((row) => row.checks.map((check) => check.pass));
  for (const split of splits) verdicts.push(split.pass);
  const missed = verdicts.filter((pass) => !pass).length;
  print(missed === 0 ? `\nAll ${verdicts.length} passed` : `\n${missed} of ${verdicts.length} MISSED`);
  return missed === 0 ? EXIT.fine : EXIT.missed;
}

function rowTable(rows: readonly RowResult[]): string {
  const lines = rows.flatMap(({ name, trials, checks }) =>
    checks.map((check) => [
      verdict(check.pass),
      name,
      String(trials),
      check.statistic,
      ms(check.published),
      ms(check.simulated),
      off(check),
      check.rule,
    ]),
  );
  const head = ["", "row", "trials", "statistic", "published ms", "simulated ms", "off", "tolerance"];
  return aligned([head, ...lines]);
}

function splitTable(splits: readonly SplitResult[]): string {
  const lines = splits.map((split) => [
    verdict(split.pass),
    split.name,
    String(split.trials),
    percent(split.published),
    percent(split.formula),
    percent(split.split / split.trials),
  ]);
  return aligned([["", "case", "trials", "published", "formula", "simulated"], ...lines]);
}

function verdict(pass: boolean): string {
  return pass ? "ok" : "MISSED";
}

function ms(value: number): string {
  return Number.isFinite(value) ? value.toFixed(1) : "did not end";
}

function off(check: FigureCheck): string {
  if (check.rule === "above") return "";
  const share = check.simulated / check.published - 1;
  return Number.isFinite(share) ? `${share < 0 ? "" : "+"}${(share * 100).toFixed(1)} %` : "";
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
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
