/**
 * A rhythm that every node keeps (lease renewals, status reports), computed when somebody looks instead of simulated:
 * the n-th beat of a node follows from the one before, a drawn interval and whether the API could be written then.
 */
import type { Micros } from "../units/time.js";

export interface HeartbeatRules {
  /** Time of the first attempt of the run. */
  readonly first: (node: number) => Micros;
  /** From the k-th beat (k from 0; 0 is the one before the run) to the attempt at the next. */
  readonly interval: (node: number, k: number) => Micros;
  /** From the failed attempt at `failedUs` to the next one; `failures` ≥ 1 in a row. */
  readonly retry: (node: number, failures: number) => Micros;
}

/** A beat that a recorded run had: one at `atUs`, none from then until after `silentUntilUs`. */
export interface Pin {
  readonly atUs: Micros;
  readonly silentUntilUs: Micros;
}

export class Heartbeat {
  readonly #rules: HeartbeatRules;
  readonly #last: Float64Array;
  readonly #next: Float64Array;
  readonly #beats: Float64Array;
  readonly #failures: Float64Array;
  /** Pins still ahead of each node that has some, earliest first. */
  readonly #pins = new Map<number, Pin[]>();

  constructor(nodes: number, rules: HeartbeatRules) {
    this.#rules = rules;
    this.#last = new Float64Array(nodes);
    this.#next = new Float64Array(nodes);
    this.#beats = new Float64Array(nodes);
    this.#failures = new Float64Array(nodes);
    for (let node = 0; node < nodes; node++) {
      this.#next[node] = rules.first(node);
      this.#last[node] = (this.#next[node] as number) - rules.interval(node, 0);
      this.#beats[node] = 1;
    }
  }

  /** Last beat that got through at or before the time settled to; negative where it was before the run. */
  last(node: number): Micros {
    return this.#last[node] as number;
  }

  /** Every attempt up to `now`, given that all of them since the last settling had this fate. */
  settle(node: number, now: Micros, succeeds: boolean): void {
    while ((this.#next[node] as number) <= now) {
      const at = this.#next[node] as number;
      if (succeeds) this.beat(node, at);
      else {
        const failures = (this.#failures[node] as number) + 1;
        this.#failures[node] = failures;
        this.#plan(node, at + this.#rules.retry(node, failures));
      }
    }
  }

  /** One got through at `now`; the next follows its interval later. */
  beat(node: number, now: Micros): void {
    this.#last[node] = now;
    this.#failures[node] = 0;
    const k = this.#beats[node] as number;
    this.#beats[node] = k + 1;
    this.#plan(node, now + this.#rules.interval(node, k));
  }

  /** The node has stopped: no attempts until {@link resume}. */
  stop(node: number): void {
    this.#next[node] = Number.POSITIVE_INFINITY;
  }

  /** The node runs again and makes its first attempt at `at`. */
  resume(node: number, at: Micros): void {
    this.#failures[node] = 0;
    this.#next[node] = at;
  }

  /** Makes the node keep to a recorded beat. Pins are given in order of time, before the run. */
  pin(node: number, pin: Pin): void {
    const pins = this.#pins.get(node);
    if (pins === undefined) this.#pins.set(node, [pin]);
    else pins.push(pin);
    this.#plan(node, this.#next[node] as number);
  }

  #plan(node: number, next: Micros): void {
    const pins = this.#pins.get(node);
    let at = next;
    if (pins !== undefined) {
      const last = this.#last[node] as number;
      let first = pins[0];
      while (first !== undefined && last >= first.atUs && next > first.silentUntilUs) {
        pins.shift();
        first = pins[0];
      }
      if (first !== undefined && last < first.atUs) at = Math.min(at, first.atUs);
      else if (first !== undefined && at <= first.silentUntilUs) at = first.silentUntilUs + 1;
    }
    this.#next[node] = at;
  }
}
