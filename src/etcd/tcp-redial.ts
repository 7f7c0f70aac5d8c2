/**
 * Dials of a host that refuses them, again and again: nothing comes of one until somebody listens there, so they cost no
 * events until then. What would be under way at that moment is computed from the number of the dial.
 */
import { assert } from "../assert.js";
import type { CountedDraws } from "../engine/random.js";
import type { Micros } from "../units/time.js";
import type { TcpPath } from "./tcp-path.js";
import type { Redialler } from "./tcp-types.js";

/** The last of a row of dials, as it stands at some moment. */
export interface LastDial {
  readonly sentUs: Micros;
  /** Its first packet reaches the other host, and the answer comes back. */
  readonly arriveUs: Micros;
  readonly answerUs: Micros;
}

/** One caller who dials every `everyUs` and is refused. */
export class RefusedDials {
  readonly path: TcpPath;
  readonly back: TcpPath;
  readonly owner: Redialler;
  readonly purpose: NonNullable<unknown>;
  readonly timeoutUs: Micros;
  readonly #firstUs: Micros;
  readonly #everyUs: Micros;
  readonly #draws: CountedDraws;
  /** Names the row among those of these two hosts. */
  readonly #row: number;

  constructor(
    lines: { readonly path: TcpPath; readonly back: TcpPath },
    caller: {
      readonly owner: Redialler;
      readonly purpose: NonNullable<unknown>;
      readonly timeoutUs: Micros;
      readonly firstUs: Micros;
      readonly everyUs: Micros;
    },
    draws: CountedDraws,
    row: number,
  ) {
    this.path = lines.path;
    this.back = lines.back;
    this.owner = caller.owner;
    this.purpose = caller.purpose;
    this.timeoutUs = caller.timeoutUs;
    this.#firstUs = caller.firstUs;
    this.#everyUs = caller.everyUs;
    this.#draws = draws;
    this.#row = row;
    assert(isComputable(this.path, this.back, this.#everyUs), "a dial is over before the next one begins");
  }

  /** Dials that began before `nowUs`. */
  begunBefore(nowUs: Micros): number {
    return Math.max(0, Math.ceil((nowUs - this.#firstUs) / this.#everyUs));
  }

  /** The `n`-th, from 1, with the delays that the paths have now. */
  dial(n: number): LastDial {
    const sentUs = this.startOf(n);
    const arriveUs = sentUs + this.path.delayAt(this.#draws.uniform(2 * n, this.#row));
    const answerUs = arriveUs + this.back.delayAt(this.#draws.uniform(2 * n + 1, this.#row));
    return { sentUs, arriveUs, answerUs };
  }

  /** When the `n`-th begins, from 1. */
  startOf(n: number): Micros {
    return this.#firstUs + (n - 1) * this.#everyUs;
  }
}

/** Whether dials that begin every `everyUs` and are refused are over before the next one, and none is lost. */
export function isComputable(path: TcpPath, back: TcpPath, everyUs: Micros): boolean {
  return (
    path.carries &&
    back.carries &&
    path.loss <= 0 &&
    back.loss <= 0 &&
    path.slowestUs + back.slowestUs < everyUs
  );
}
