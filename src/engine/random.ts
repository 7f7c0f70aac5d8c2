/**
 * The one place where chance is born. A draw has an address (purpose and entity), never a turn in a shared queue:
 * `streams.stream("kubelet-start/web-3")` gives the same draws whatever else happens, so that policies of one
 * replication meet the same arrivals and failures (common random numbers).
 */
import seedrandom from "seedrandom";
import { avalanche } from "./digest.js";

/** A named, independent source of draws, taken in sequence. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Uniform integer in [0, bound). `bound` is a positive integer, at most 2^32. */
  below(bound: number): number;
}

/** All streams of one replication. */
export class RandomStreams {
  readonly #root: string;
  readonly #counted = new Map<string, CountedDraws>();

  /** `root` names the study and the replication, e.g. `2026-a/3`. The policy must not be in it. */
  constructor(root: string) {
    this.#root = root;
  }

  /** A fresh stream at `address`; asking twice gives the same draws twice. */
  stream(address: string): RandomStream {
    return new AleaStream(`${this.#root}/${address}`);
  }

  /**
   * A source whose n-th draw can be had without the ones before it: for draws that a shortcut may skip. A hash of
   * (address, counters); the address' two key words come from alea. Kept by address, so asking again is cheap.
   */
  counted(address: string): CountedDraws {
    let draws = this.#counted.get(address);
    if (draws === undefined) {
      const keys = new AleaStream(`${this.#root}/${address}`);
      draws = new CountedDraws(keys.below(0x1_0000_0000), keys.below(0x1_0000_0000));
      this.#counted.set(address, draws);
    }
    return draws;
  }
}

class AleaStream implements RandomStream {
  readonly #next: () => number;

  constructor(seed: string) {
    this.#next = seedrandom.alea(seed);
  }

  uniform(): number {
    return this.#next();
  }

  below(bound: number): number {
    return Math.floor(this.#next() * bound);
  }
}

/**
 * A counter for an entity that has a name and no number of its own: a hash of the name, below 2^53. Numbers in order
 * of creation would differ between policies, names do not.
 */
export function entityNumber(name: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < name.length; i++) {
    low = Math.imul(low ^ name.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ low, 0x85ebca6b);
  }
  return (avalanche(high) >>> 11) * 0x1_0000_0000 + (avalanche(low) >>> 0);
}

/** Draws computed from their address and up to two counters, in any order. */
export class CountedDraws {
  readonly #key: number;
  readonly #secondKey: number;

  /**
   * Two key words (32 bits each): with one, mixed into the counter, two addresses would share one sequence shifted
   * by the difference of their keys.
   */
  constructor(key: number, secondKey: number) {
    this.#key = key | 0;
    this.#secondKey = secondKey | 0;
  }

  /** Uniform in [0, 1), 32 bits, for this (a, b); the counters are non-negative integers below 2^53. */
  uniform(a: number, b = 0): number {
    let h = avalanche(this.#key ^ (a | 0));
    h = avalanche(h + this.#secondKey + Math.imul(Math.floor(a / 0x1_0000_0000), 0x9e3779b9));
    h = avalanche(h ^ (b | 0));
    h = avalanche(h + this.#secondKey + Math.imul(Math.floor(b / 0x1_0000_0000) + 1, 0x7f4a7c15));
    return (h >>> 0) / 0x1_0000_0000;
  }
}
