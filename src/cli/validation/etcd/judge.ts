/**
 * Measured against simulated. A statistic of n measured trials must lie in the band that holds the same statistic of n
 * trials drawn (with replacement) from the simulated ones 99 times in 100; the many comparisons of one file are taken
 * together by Holm's method (Scandinavian Journal of Statistics 6, 1979), so that a true model fails a file once in a hundred.
 */
import { type CountedDraws, RandomStreams } from "../../../engine/random.js";
import { quantileSorted } from "../../../metrics/quantiles.js";
import type { Columns, Law, Rule, Statistic, Value } from "./statistic.js";

/** Share of true models that fail a file by chance. */
const ALPHA = 0.01;
const RESAMPLES = 10_000;
/** More where a file has so many figures that the smallest p of 10,000 could not fail any. */
const RESAMPLES_PER_STATISTIC = 600;
/** A latency's median may be off by so much, whichever is larger: measuring adds a client and a busy machine. */
const LATENCY_SHARE = 0.1;
const LATENCY_MS = 1;

export interface Summary {
  readonly n: number;
  readonly nulls: number;
  readonly mean: number;
  readonly p5: number;
  readonly median: number;
  readonly p95: number;
}

/** One judged figure of a statistic. */
export interface Check {
  readonly figure: "mean" | "median" | "share" | "min" | "max" | "law";
  readonly measured: number;
  /** The band of 99 %, without correction. */
  readonly low: number;
  readonly high: number;
  /** Two-sided, of the resamples; 1 for a law. */
  readonly p: number;
  readonly pass: boolean;
  /** Why it passes outside of the band, or what the law says. */
  readonly note?: string;
}

export interface Judgement {
  readonly name: string;
  readonly rule: string;
  readonly measured: Summary;
  readonly simulated: Summary;
  readonly checks: readonly Check[];
}

/** Judges all statistics of a file. `address` names the draws. */
export function judge(statistics: readonly Statistic[], simulated: Columns, address: string): Judgement[] {
  const draws = new RandomStreams(`validate/${address}`);
  const count = Math.max(RESAMPLES, RESAMPLES_PER_STATISTIC * statistics.length);
  const judged = statistics.map((statistic) => {
    const values = simulated[statistic.name] ?? [];
    const chance = { draws: draws.counted(statistic.name), count };
    const checks = checksOf(statistic, values, chance);
    return { statistic, values, checks };
  });
  const passes = holm(judged.flatMap(({ checks }) => checks));
  return judged.map(({ statistic, values, checks }) => ({
    name: statistic.name,
    rule: typeof statistic.rule === "string" ? statistic.rule : "law",
    measured: summaryOf(statistic.measured),
    simulated: summaryOf(values),
    checks: checks.map((check) => settled(check, passes)),
  }));
}

/** Draws of one statistic, and how many resamples. */
interface Chance {
  readonly draws: CountedDraws;
  readonly count: number;
}

/** A check before the correction; `allowed`: it passes whatever its p. */
interface Draft extends Omit<Check, "pass"> {
  readonly allowed: boolean;
  /** Fails whatever its p. */
  readonly refused: boolean;
}

function checksOf(statistic: Statistic, simulated: readonly Value[], chance: Chance): Draft[] {
  const { rule, measured } = statistic;
  if (rule === "printed" || measured.length === 0) return [];
  if (typeof rule !== "string") return [lawCheck(rule, measured, simulated)];
  if (simulated.length === 0) return [absent(rule, measured)];
  const drafts: Draft[] = [];
  const happened = present(measured);
  const simulatedHappened = present(simulated);
  if (happened.length < measured.length || simulatedHappened.length < simulated.length) {
    const indicator = (value: Value): number => (value === null ? 0 : 1);
    drafts.push(compared("share", measured.map(indicator), simulated.map(indicator), chance, 1));
  }
  if (happened.length === 0 || simulatedHappened.length === 0) return drafts;
  for (const [index, figure] of FIGURES[rule].entries()) {
    const check = compared(figure, happened, simulatedHappened, chance, index + 2);
    drafts.push(rule === "latency" ? withAllowance(check, simulatedHappened) : check);
  }
  return drafts;
}

const FIGURES: Record<
  Exclude<Rule, Law | "printed">,
  readonly ("mean" | "median" | "share" | "min" | "max")[]
> = {
  time: ["mean", "median"],
  latency: ["median"],
  count: ["mean", "min", "max"],
  share: ["share"],
};

function absent(rule: Exclude<Rule, Law | "printed">, measured: readonly Value[]): Draft {
  const figure = FIGURES[rule][0] ?? "mean";
  const value = figureOf(figure, Float64Array.from(present(measured)).sort());
  const none = Number.NaN;
  return {
    figure,
    measured: value,
    low: none,
    high: none,
    p: 0,
    allowed: false,
    refused: true,
    note: "not simulated",
  };
}

function lawCheck(law: Law, measured: readonly Value[], simulated: readonly Value[]): Draft {
  const breaks = [...measured, ...simulated].filter(
    (value) => value !== null && !(value >= law.min && value <= law.max),
  );
  const worst = present(measured).reduce(
    (a, b) => (b > law.max || b < law.min || b > a ? b : a),
    Number.NEGATIVE_INFINITY,
  );
  return {
    figure: "law",
    measured: worst,
    low: law.min,
    high: law.max,
    p: 1,
    allowed: breaks.length === 0,
    refused: breaks.length > 0,
    note: breaks.length === 0 ? law.says : `${law.says}: broken ${breaks.length} times`,
  };
}

function compared(
  figure: "mean" | "median" | "share" | "min" | "max",
  measured: readonly number[],
  simulated: readonly number[],
  chance: Chance,
  salt: number,
): Draft {
  const value = figureOf(figure, Float64Array.from(measured).sort());
  const resampled = resamples(figure, measured.length, simulated, chance, salt);
  let below = 0;
  let above = 0;
  for (const one of resampled) {
    // A sum of the same values in another order may differ in its last digits.
    if (one <= value + TIE) below++;
    if (one >= value - TIE) above++;
  }
  const p = Math.min(1, (2 * (Math.min(below, above) + 1)) / (resampled.length + 1));
  const low = quantileSorted(resampled, ALPHA / 2) as number;
  const high = quantileSorted(resampled, 1 - ALPHA / 2) as number;
  return { figure, measured: value, low, high, p, allowed: false, refused: false };
}

const TIE = 1e-9;

/** The figure in each resample of n, ascending. */
function resamples(
  figure: "mean" | "median" | "share" | "min" | "max",
  n: number,
  simulated: readonly number[],
  { draws, count }: Chance,
  salt: number,
): Float64Array {
  const sample = new Float64Array(n);
  const results = new Float64Array(count);
  const size = simulated.length;
  const sorts = figure === "median";
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < n; k++) {
      sample[k] = simulated[Math.floor(draws.uniform(i * n + k, salt) * size)] as number;
    }
    results[i] = figureOf(figure, sorts ? sample.sort() : sample);
  }
  return results.sort();
}

/** `values` ascending for a median, in any order else. */
function figureOf(figure: "mean" | "median" | "share" | "min" | "max", values: Float64Array): number {
  if (figure === "median") return quantileSorted(values, 0.5) ?? Number.NaN;
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    sum += value;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (figure === "min") return least;
  if (figure === "max") return most;
  return sum / values.length;
}

function withAllowance(check: Draft, simulated: readonly number[]): Draft {
  const median = figureOf("median", Float64Array.from(simulated).sort());
  const off = Math.abs(check.measured - median);
  const allowed = off <= Math.max(LATENCY_MS, LATENCY_SHARE * check.measured);
  return { ...check, allowed, ...(allowed ? { note: "within 10 % or 1 ms" } : {}) };
}

/** Those that pass: all but the smallest p-values that fall below alpha over the number of those still in question. */
function holm(drafts: readonly Draft[]): ReadonlySet<Draft> {
  const family = drafts.filter((draft) => draft.figure !== "law" && !draft.refused);
  const ascending = [...family].sort((a, b) => a.p - b.p);
  const firstKept = ascending.findIndex((draft, index) => draft.p > ALPHA / (family.length - index));
  return new Set(firstKept < 0 ? [] : ascending.slice(firstKept));
}

function settled(draft: Draft, passes: ReadonlySet<Draft>): Check {
  const { allowed, refused, note, ...check } = draft;
  const inBand = passes.has(draft);
  const pass = !refused && (allowed || inBand);
  const told = inBand && note === "within 10 % or 1 ms" ? undefined : note;
  return { ...check, pass, ...(told === undefined ? {} : { note: told }) };
}

/** Figures of those values that are there. */
export function summaryOf(values: readonly Value[]): Summary {
  const sorted = Float64Array.from(present(values)).sort();
  const at = (p: number): number => quantileSorted(sorted, p) ?? Number.NaN;
  return {
    n: sorted.length,
    nulls: values.length - sorted.length,
    mean: figureOf("mean", sorted),
    p5: at(0.05),
    median: at(0.5),
    p95: at(0.95),
  };
}

function present(values: readonly Value[]): number[] {
  return values.filter((value): value is number => value !== null);
}
