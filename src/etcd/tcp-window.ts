/** How much a sender may have on its way: slow start, counted in rounds of one round trip each instead of acknowledgements. */
import type { Micros } from "../units/time.js";

/** Bytes in one packet: an Ethernet frame's 1500 less the headers with time stamps. */
export const SEGMENT_BYTES = 1448;

/** Packets in the first round (RFC 6928). */
const INITIAL_WINDOW = 10;

/**
 * Packets per round of a stream that has been through a stall: Linux 6.18 showed congestion windows of 30 to 36 some
 * seconds after each (30 ms round trip; 40 to 70 at 2.5 ms), however few the stream needed.
 */
export const RECOVERED_WINDOW = 32;

/** Linux' largest receive buffer (6 MiB), in packets. */
const LARGEST_WINDOW = 4000;

/** Packets that so many bytes take; at least one. */
export function segmentsOf(bytes: number): number {
  return bytes <= SEGMENT_BYTES ? 1 : Math.ceil(bytes / SEGMENT_BYTES);
}

export class SendWindow {
  /** Packets per round. */
  #size = INITIAL_WINDOW;
  /** Once what waited during a stall has left; 0: nothing to go back to. */
  #sizeAfter = 0;
  #roundStartUs: Micros = Number.NEGATIVE_INFINITY;
  #usedInRound = 0;
  #lastSentUs: Micros = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.#size;
  }

  /** Whether a pause would make it smaller. */
  get isLarge(): boolean {
    return Math.max(this.#size, this.#sizeAfter) > INITIAL_WINDOW;
  }

  /**
   * When the last of so many packets, handed over now, leaves: those above the window wait for the next round, and the
   * window doubles with each round that it limits. After a pause above the retransmission timeout it is small again.
   */
  departUs(nowUs: Micros, packets: number, roundTripUs: Micros, timeoutUs: Micros): Micros {
    if (nowUs >= this.#roundStartUs + roundTripUs) this.#newRound(nowUs, timeoutUs);
    let left = packets;
    while (this.#usedInRound + left > this.#size) {
      left -= Math.max(0, this.#size - this.#usedInRound);
      this.#roundStartUs += roundTripUs;
      this.#size = Math.min(this.#size * 2, LARGEST_WINDOW);
      this.#usedInRound = 0;
    }
    this.#usedInRound += left;
    const depart = this.#roundStartUs > nowUs ? this.#roundStartUs : nowUs;
    this.#lastSentUs = depart;
    return depart;
  }

  /** Something had left at that time, too; it changes nothing but that. */
  touch(sentUs: Micros): void {
    this.#lastSentUs = Math.max(this.#lastSentUs, sentUs);
  }

  /** A retransmission timeout was answered at last: what waits leaves in slow start from two packets; then it is as before. */
  restart(nowUs: Micros): void {
    this.#sizeAfter = Math.max(this.#size, this.#sizeAfter, RECOVERED_WINDOW);
    this.#size = 2;
    this.#begin(nowUs);
  }

  /** A loss was repaired by fast retransmission: less at a time from here on (CUBIC's seven tenths). */
  shrink(nowUs: Micros): void {
    this.#size = Math.max(2, Math.ceil(this.#size * 0.7));
    this.#begin(nowUs);
  }

  #newRound(nowUs: Micros, timeoutUs: Micros): void {
    if (this.#sizeAfter > 0) {
      this.#size = Math.max(this.#size, this.#sizeAfter);
      this.#sizeAfter = 0;
    }
    // Linux lets the window grow only while the sender uses at least half of it.
    if (nowUs - this.#lastSentUs > timeoutUs) this.#size = Math.min(this.#size, INITIAL_WINDOW);
    else if (2 * this.#usedInRound >= this.#size)
      this.#size = Math.min(this.#size + this.#usedInRound, LARGEST_WINDOW);
    this.#begin(nowUs);
  }

  #begin(nowUs: Micros): void {
    this.#roundStartUs = nowUs;
    this.#usedInRound = 0;
  }
}
