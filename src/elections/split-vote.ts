/** Split votes under a fixed one-way latency (Ongaro's dissertation, §9.2). */

/** A group of `servers`, of which `alive`, with uniform timeouts; `latency` as a fraction of the timeout range, at most 1. */
export interface SplitVoteCase {
  readonly servers: number;
  readonly alive: number;
  readonly latency: number;
}

/**
 * The probability that a term ends without a leader: so many time out within one latency of the earliest that the rest
 * are too few to make it a majority.
 */
export function splitVoteProbability({ servers, alive, latency }: SplitVoteCase): number {
  const candidatesMin = alive - Math.floor(servers / 2) + 1;
  let sum = 0;
  for (let k = candidatesMin - 1; k <= alive; k++) {
    sum += choose(alive, k) * power(latency, k) * power(1 - latency, alive - k);
  }
  return sum;
}

function choose(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product = (product * (n - k + i)) / i;
  return product;
}

/** By multiplication: the last bit of Math.pow depends on the engine. */
function power(base: number, exponent: number): number {
  let product = 1;
  for (let i = 0; i < exponent; i++) product *= base;
  return product;
}
