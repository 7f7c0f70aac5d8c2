/** Plays the published experiments and says how far the figures lie apart. */
import { RandomStreams } from "../engine/random.js";
import { incompleteBeta } from "../engine/special-functions.js";
import { MILLISECOND } from "../units/time.js";
import { playElection } from "./election.js";
import { type PublishedRow, type PublishedSplit, splitSetting } from "./published.js";
import { splitVoteProbability } from "./split-vote.js";

/** Relative distances allowed. */
export interface Tolerance {
  readonly mean: number;
  readonly tail: number;
}

export interface FigureCheck {
  readonly statistic: string;
  /** ms */
  readonly published: number;
  /** ms; Infinity where an election in question was given up. */
  readonly simulated: number;
  /** "8 %", or "above" where only a bound was published. */
  readonly rule: string;
  readonly pass: boolean;
}

export interface RowResult {
  readonly name: string;
  readonly trials: number;
  readonly checks: readonly FigureCheck[];
}

export function checkRow(row: PublishedRow, trials: number, tolerance: Tolerance): RowResult {
  const samples = sampleMs(row, trials);
  const checks: FigureCheck[] = [];
  if (row.meanMs !== undefined) {
    const mean = samples.reduce((sum, value) => sum + value, 0) / trials;
    checks.push(within("mean", row.meanMs, mean, tolerance.mean));
  }
  if (row.tail !== undefined) {
    const { share, ms } = row.tail;
    checks.push(within(`${share * 100} %`, ms, quantile(samples, share), tolerance.tail));
  }
  if (row.medianAboveMs !== undefined) {
    const published = row.medianAboveMs;
    const simulated = quantile(samples, 0.5);
    checks.push({ statistic: "median", published, simulated, rule: "above", pass: simulated > published });
  }
  return { name: row.name, trials, checks };
}

/** The row's elections, ascending, in ms. */
function sampleMs(row: PublishedRow, trials: number): Float64Array {
  const streams = new RandomStreams(`raft-paper/${row.name}`);
  const samples = new Float64Array(trials);
  for (let trial = 0; trial < trials; trial++) {
    const { electedUs, heardUs } = playElection(row.setting, streams, trial);
    samples[trial] = (row.until === "heard" ? heardUs : electedUs) / MILLISECOND;
  }
  return samples.sort();
}

/** By rank, without interpolation: some samples may be infinite. */
function quantile(samples: Float64Array, share: number): number {
  return samples[Math.max(0, Math.ceil(share * samples.length) - 1)] as number;
}

function within(statistic: string, published: number, simulated: number, tolerance: number): FigureCheck {
  return {
    statistic,
    published,
    simulated,
    rule: `${tolerance * 100} %`,
    pass: Math.abs(simulated / published - 1) <= tolerance,
  };
}

export interface SplitResult {
  readonly name: string;
  readonly trials: number;
  readonly split: number;
  readonly formula: number;
  readonly published: number;
  readonly pass: boolean;
}

/** Confidence of the two-sided interval in which the formula must lie. */
const CONFIDENCE = 0.99;

export function checkSplit(split: PublishedSplit, trials: number): SplitResult {
  const { servers, alive, latency, published } = split;
  const name = `n=${servers} s=${alive} l=${latency}`;
  const streams = new RandomStreams(`raft-paper/split/${name}`);
  const setting = splitSetting(split);
  let count = 0;
  for (let trial = 0; trial < trials; trial++) {
    const { electedUs, terms } = playElection(setting, streams, trial);
    if (electedUs === Number.POSITIVE_INFINITY || terms > 1) count += 1;
  }
  const formula = splitVoteProbability(split);
  return { name, trials, split: count, formula, published, pass: isPlausible(count, trials, formula) };
}

/**
 * Whether `p` lies in the exact (Clopper-Pearson) interval of `count` in `trials`: neither so many nor so few are
 * less likely than half of what the confidence leaves.
 */
export function isPlausible(count: number, trials: number, p: number): boolean {
  const atLeast = count === 0 ? 1 : incompleteBeta(count, trials - count + 1, p);
  const atMost = count === trials ? 1 : 1 - incompleteBeta(count + 1, trials - count, p);
  const tail = (1 - CONFIDENCE) / 2;
  return atLeast > tail && atMost > tail;
}
