/** Lives in batches, for worker threads: a pool loads this module and hands it jobs. */
import { addCounts, type Counts, noCounts } from "./counts.js";
import { randomLife } from "./generate.js";
import { type Finding, playLife } from "./life.js";
import type { PlantName } from "./plan.js";

/** What all batches have in common. */
export interface SwarmOptions {
  readonly plant?: PlantName;
}

/** Lives with the seeds `from` to `to` - 1. */
export interface SwarmBatch {
  readonly from: number;
  readonly to: number;
}

export interface SwarmFinding extends Finding {
  readonly seed: number;
}

/** What became of some lives; of several batches the sum is the same in whatever order they end. */
export interface SwarmResult {
  readonly lives: number;
  readonly counts: Counts;
  /** By seed. */
  readonly findings: readonly SwarmFinding[];
  readonly operations: number;
  readonly operationsFewest: number;
  readonly events: number;
  readonly simulatedUs: number;
  readonly healedAfterMostUs: number;
  readonly undecided: number;
}

export const NO_LIVES: SwarmResult = {
  lives: 0,
  counts: noCounts(),
  findings: [],
  operations: 0,
  operationsFewest: Number.POSITIVE_INFINITY,
  events: 0,
  simulatedUs: 0,
  healedAfterMostUs: 0,
  undecided: 0,
};

export function playBatch({ plant }: SwarmOptions, { from, to }: SwarmBatch): SwarmResult {
  let sum = NO_LIVES;
  for (let seed = from; seed < to; seed++) {
    const life = playLife(randomLife(String(seed), plant));
    sum = addResults(sum, {
      lives: 1,
      counts: life.counts,
      findings: life.finding === undefined ? [] : [{ ...life.finding, seed }],
      operations: life.operations,
      // A life that ended early had no time for them.
      operationsFewest: life.finding === undefined ? life.operations : Number.POSITIVE_INFINITY,
      events: life.events,
      simulatedUs: life.lastedUs,
      healedAfterMostUs: life.healedAfterUs,
      undecided: life.undecided,
    });
  }
  return sum;
}

export function addResults(a: SwarmResult, b: SwarmResult): SwarmResult {
  const counts = noCounts();
  addCounts(counts, a.counts);
  addCounts(counts, b.counts);
  return {
    lives: a.lives + b.lives,
    counts,
    findings: [...a.findings, ...b.findings].sort((x, y) => x.seed - y.seed),
    operations: a.operations + b.operations,
    operationsFewest: Math.min(a.operationsFewest, b.operationsFewest),
    events: a.events + b.events,
    simulatedUs: a.simulatedUs + b.simulatedUs,
    healedAfterMostUs: Math.max(a.healedAfterMostUs, b.healedAfterMostUs),
    undecided: a.undecided + b.undecided,
  };
}

/** The pool's name for it. */
export function runCell(options: SwarmOptions, batch: SwarmBatch): Promise<SwarmResult> {
  return Promise.resolve(playBatch(options, batch));
}
