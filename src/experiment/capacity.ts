/**
 * The smallest count (of a pool's nodes, say) that keeps a promise. Bisection, which is right as long as more is never
 * worse; a few further counts are tried to see whether that holds, and evidence against it is reported.
 */
import { assert } from "../assert.js";

/** Whether the promise is kept with a count, and the figures that say so. */
export interface Judgement {
  readonly met: boolean;
  readonly detail: string;
}

export interface Evaluation extends Judgement {
  readonly count: number;
}

export interface CapacitySearch {
  /** Smallest and largest count to consider, both included. */
  readonly min: number;
  readonly max: number;
  /** Judges one count; asked once for each. The same count always gets the same answer. */
  readonly evaluate: (count: number) => Promise<Judgement>;
  readonly onEvaluated?: (evaluation: Evaluation) => void;
}

export interface CapacityResult {
  /** The smallest count found to keep the promise; null where none evaluated does. */
  readonly count: number | null;
  /** Proof that it suffices: the run at `count`. */
  readonly enough: Evaluation | null;
  /** Proof that less does not: the run at `count` − 1; null where `count` is the smallest considered. */
  readonly tooFew: Evaluation | null;
  /** Every count judged, ascending. */
  readonly evaluations: readonly Evaluation[];
  /** Counts that keep the promise while a larger one breaks it: more is not always better here. */
  readonly nonMonotone: readonly { readonly kept: number; readonly broken: number }[];
}

/** Finds the smallest count from `min` to `max` that keeps the promise. */
export async function findCapacity(search: CapacitySearch): Promise<CapacityResult> {
  const { min, max } = search;
  assert(
    Number.isInteger(min) && Number.isInteger(max) && min <= max,
    "a capacity search needs whole min ≤ max",
  );
  const known = new Map<number, Evaluation>();
  const judge = async (count: number): Promise<boolean> => {
    let evaluation = known.get(count);
    if (evaluation === undefined) {
      evaluation = { count, ...(await search.evaluate(count)) };
      known.set(count, evaluation);
      search.onEvaluated?.(evaluation);
    }
    return evaluation.met;
  };
  const found = await bisectAndProbe(min, max, judge);
  const evaluations = [...known.values()].sort((a, b) => a.count - b.count);
  return {
    count: found,
    enough: found === null ? null : (known.get(found) ?? null),
    tooFew: found === null ? null : (known.get(found - 1) ?? null),
    evaluations,
    nonMonotone: contradictions(evaluations),
  };
}

type Judge = (count: number) => Promise<boolean>;

async function bisectAndProbe(min: number, max: number, judge: Judge): Promise<number | null> {
  let kept = await firstKept([max, min, Math.floor((min + max) / 2)], judge);
  if (kept === null) return null;
  for (;;) {
    const smallest = await bisect(min, kept, judge);
    // Below, only a kept promise contradicts; each one found makes the answer smaller, so this ends.
    const smaller = await firstKept(within(min, smallest - 1, [smallest - 2, middle(min, smallest)]), judge);
    if (smaller === null) {
      for (const count of within(smallest + 1, max, [smallest + 1, middle(smallest, max)]))
        await judge(count);
      return smallest;
    }
    kept = smaller;
  }
}

/** Between `min` and a kept count: the kept one whose predecessor is broken, or `min`. */
async function bisect(min: number, kept: number, judge: Judge): Promise<number> {
  if (await judge(min)) return min;
  let low = min;
  let high = kept;
  while (high - low > 1) {
    const count = middle(low, high);
    if (await judge(count)) high = count;
    else low = count;
  }
  return high;
}

async function firstKept(counts: readonly number[], judge: Judge): Promise<number | null> {
  for (const count of counts) if (await judge(count)) return count;
  return null;
}

function middle(low: number, high: number): number {
  return Math.floor((low + high) / 2);
}

function within(min: number, max: number, counts: readonly number[]): number[] {
  return counts.filter((count) => min <= count && count <= max);
}

/** Each broken count with the largest kept one below it. */
function contradictions(evaluations: readonly Evaluation[]): { kept: number; broken: number }[] {
  const found: { kept: number; broken: number }[] = [];
  let kept: number | undefined;
  for (const { count, met } of evaluations) {
    if (met) kept = count;
    else if (kept !== undefined) found.push({ kept, broken: count });
  }
  return found;
}
