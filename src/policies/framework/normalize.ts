import { multiplyDivide } from "./integers.js";
import type { Normalizer } from "./types.js";
import { MAX_NODE_SCORE } from "./types.js";

/** Maps the first `count` raw scores to 0..100, in place. */
export function normalize(normalizer: Normalizer, scores: Float64Array, count: number): void {
  if (normalizer === "byMax") byMax(scores, count, false);
  else if (normalizer === "byMaxReversed") byMax(scores, count, true);
  else if (normalizer === "byMinMax") byMinMax(scores, count);
}

/**
 * The best get 100 and all others 0, in place: for ranks, of which a scale of 0..100 could not keep thousands apart. An
 * own normalisation, not one that profiles name.
 */
export function bestAlone(scores: Float64Array): void {
  let best = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) best = Math.max(best, scores[i] as number);
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i] === best ? MAX_NODE_SCORE : 0;
}

/** helper.DefaultNormalizeScore of pkg/scheduler/framework/plugins/helper/normalize_score.go. */
function byMax(scores: Float64Array, count: number, reverse: boolean): void {
  let max = 0;
  for (let i = 0; i < count; i++) max = Math.max(max, scores[i] as number);
  if (max === 0) {
    if (reverse) scores.fill(MAX_NODE_SCORE, 0, count);
    return;
  }
  for (let i = 0; i < count; i++) {
    const score = multiplyDivide(MAX_NODE_SCORE, scores[i] as number, max);
    scores[i] = reverse ? MAX_NODE_SCORE - score : score;
  }
}

function byMinMax(scores: Float64Array, count: number): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    min = Math.min(min, scores[i] as number);
    max = Math.max(max, scores[i] as number);
  }
  const range = max - min;
  for (let i = 0; i < count; i++) {
    scores[i] = range === 0 ? 0 : multiplyDivide(MAX_NODE_SCORE, (scores[i] as number) - min, range);
  }
}
