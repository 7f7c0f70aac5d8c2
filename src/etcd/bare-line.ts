/** A direction between two bare members: datagrams with a delay, a loss and cuts, and every draw by number. */
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { quantile, upperBound } from "../engine/variates.js";
import type { Micros } from "../units/time.js";
import type { PathModel } from "./model.js";
import type { Beat } from "./tcp-types.js";

/** What {@link BareLine} says of a message that does not arrive. */
export const LOST = -1;

export class BareLine {
  /** Cuts in force: two cuts need two heals. */
  cuts = 0;
  readonly #path: PathModel;
  /** Of every message, where nothing is drawn; undefined where something is. */
  readonly #constantUs: Micros | undefined;
  readonly #beatDelays: CountedDraws;
  readonly #beatLosses: CountedDraws;
  readonly #delays: CountedDraws;
  readonly #losses: CountedDraws;
  #sent = 0;

  constructor(path: PathModel, streams: RandomStreams, address: string) {
    this.#path = path;
    const { oneWayUs, loss } = path;
    if (oneWayUs.kind === "constant" && loss === 0) this.#constantUs = Math.round(oneWayUs.value);
    this.#beatDelays = streams.counted(`${address}/beat-delay`);
    this.#beatLosses = streams.counted(`${address}/beat-loss`);
    this.#delays = streams.counted(`${address}/delay`);
    this.#losses = streams.counted(`${address}/loss`);
  }

  /** No delay is above it, and nothing is lost; Infinity where that cannot be said. */
  get boundUs(): Micros {
    return this.#path.loss > 0 || this.cuts > 0
      ? Number.POSITIVE_INFINITY
      : Math.round(upperBound(this.#path.oneWayUs));
  }

  /** Of the next message that is neither a heartbeat nor its answer, µs, or {@link LOST}. Cuts aside. */
  nextDelayUs(): Micros {
    if (this.#constantUs !== undefined) return this.#constantUs;
    const nth = this.#sent++;
    if (this.#path.loss > 0 && this.#losses.uniform(nth) < this.#path.loss) return LOST;
    return Math.round(quantile(this.#path.oneWayUs, this.#delays.uniform(nth)));
  }

  /** Of the heartbeat that belongs to a leader's tick, or of its answer, µs, or {@link LOST}. Cuts aside. */
  beatDelayUs(beat: Beat, isAnswer: boolean): Micros {
    if (this.#constantUs !== undefined) return this.#constantUs;
    const nth = 2 * beat.tick + (isAnswer ? 1 : 0);
    const { oneWayUs, loss } = this.#path;
    if (loss > 0 && this.#beatLosses.uniform(beat.incarnation, nth) < loss) return LOST;
    return Math.round(quantile(oneWayUs, this.#beatDelays.uniform(beat.incarnation, nth)));
  }
}
