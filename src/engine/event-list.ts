/**
 * The future event list: a heap in typed arrays, in total order by (time, sequence).
 *
 * An event is four numbers: time, kind, subject, detail. There is no cancelling: a timer that is no longer wanted
 * is recognised by its handler, which compares the generation stamped into `detail` with the subject's own. That
 * keeps an event free of a heap position to maintain, makes forgetting a timer one increment, and a stale timer costs
 * one pop.
 *
 * Each parent has four children: half the levels of a binary heap, and the four keys share a cache line. Only the
 * keys move; kind, subject and detail stay in the slot where they were put (bench/engine.ts has the figures).
 */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";

const INITIAL_CAPACITY = 1024;

/** One event taken from the list. The list reuses this object: copy what must outlive the next `pop`. */
export interface PoppedEvent {
  time: Micros;
  kind: number;
  subject: number;
  detail: number;
}

export class EventList {
  // The heap, by position.
  #time = new Float64Array(INITIAL_CAPACITY);
  #sequence = new Float64Array(INITIAL_CAPACITY);
  /** Invariant: a permutation of all slots; positions at and after `#size` hold the free ones. */
  #slot = ascending(INITIAL_CAPACITY);
  // What an event carries, by slot.
  #kind = new Uint16Array(INITIAL_CAPACITY);
  #subject = new Float64Array(INITIAL_CAPACITY);
  #detail = new Float64Array(INITIAL_CAPACITY);
  #size = 0;
  #nextSequence = 0;

  /** Events waiting. */
  get size(): number {
    return this.#size;
  }

  /** Time of the next event; Infinity when none waits. */
  get nextTime(): Micros {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#time[0] as number);
  }

  /**
   * Time of the earliest event that is not `ignored`; Infinity when there is none. Looks at the ignored ones and their
   * heap children only, so it is cheap where those are few, however long the list.
   */
  nextTimeExcept(ignored: (kind: number, subject: number, detail: number) => boolean): Micros {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#earliest(0, Number.POSITIVE_INFINITY, ignored);
  }

  /** Adds an event. Events of one time come out in the order they were put in. */
  push(time: Micros, kind: number, subject: number, detail: number): void {
    if (this.#size === this.#time.length) this.#grow();
    const times = this.#time;
    const sequences = this.#sequence;
    const slots = this.#slot;
    let hole = this.#size++;
    const slot = slots[hole] as number;
    this.#kind[slot] = kind;
    this.#subject[slot] = subject;
    this.#detail[slot] = detail;
    while (hole > 0) {
      const parent = (hole - 1) >> 2;
      const parentTime = times[parent] as number;
      // A later sequence never goes before an earlier one of the same time.
      if (parentTime <= time) break;
      times[hole] = parentTime;
      sequences[hole] = sequences[parent] as number;
      slots[hole] = slots[parent] as number;
      hole = parent;
    }
    times[hole] = time;
    sequences[hole] = this.#nextSequence++;
    slots[hole] = slot;
  }

  /** Takes the first event into `out`. The list must not be empty. */
  pop(out: PoppedEvent): void {
    assert(this.#size > 0, "pop from an empty event list");
    const slot = this.#slot[0] as number;
    out.time = this.#time[0] as number;
    out.kind = this.#kind[slot] as number;
    out.subject = this.#subject[slot] as number;
    out.detail = this.#detail[slot] as number;
    const last = --this.#size;
    if (last > 0) this.#sink(last);
    this.#slot[last] = slot;
  }

  /** Moves the key at `from` (just past the end) into the root's place, where it belongs. */
  #sink(from: number): void {
    const times = this.#time;
    const sequences = this.#sequence;
    const slots = this.#slot;
    const size = this.#size;
    const time = times[from] as number;
    const sequence = sequences[from] as number;
    const slot = slots[from] as number;
    let hole = 0;
    for (let child = 1; child < size; child = 4 * hole + 1) {
      let first = child;
      let firstTime = times[child] as number;
      const end = Math.min(child + 4, size);
      for (let other = child + 1; other < end; other++) {
        const otherTime = times[other] as number;
        if (
          otherTime < firstTime ||
          (otherTime === firstTime && (sequences[other] as number) < (sequences[first] as number))
        ) {
          first = other;
          firstTime = otherTime;
        }
      }
      if (time < firstTime || (time === firstTime && sequence < (sequences[first] as number))) break;
      times[hole] = firstTime;
      sequences[hole] = sequences[first] as number;
      slots[hole] = slots[first] as number;
      hole = first;
    }
    times[hole] = time;
    sequences[hole] = sequence;
    slots[hole] = slot;
  }

  /** The earliest time below `best` in the heap from `at` on of an event that is not ignored; `best` if none is. */
  #earliest(
    at: number,
    best: Micros,
    ignored: (kind: number, subject: number, detail: number) => boolean,
  ): Micros {
    const time = this.#time[at] as number;
    if (time >= best) return best;
    const slot = this.#slot[at] as number;
    if (!ignored(this.#kind[slot] as number, this.#subject[slot] as number, this.#detail[slot] as number))
      return time;
    const end = Math.min(4 * at + 5, this.#size);
    let earliest = best;
    for (let child = 4 * at + 1; child < end; child++) earliest = this.#earliest(child, earliest, ignored);
    return earliest;
  }

  #grow(): void {
    const size = this.#time.length;
    const capacity = size * 2;
    this.#time = copyOf(this.#time, new Float64Array(capacity));
    this.#sequence = copyOf(this.#sequence, new Float64Array(capacity));
    this.#slot = copyOf(this.#slot, ascending(capacity));
    this.#kind = copyOf(this.#kind, new Uint16Array(capacity));
    this.#subject = copyOf(this.#subject, new Float64Array(capacity));
    this.#detail = copyOf(this.#detail, new Float64Array(capacity));
  }
}

/** 0, 1, … */
function ascending(length: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(length).map((_, i) => i);
}

function copyOf<A extends Float64Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  from: A,
  to: A,
): A {
  to.set(from);
  return to;
}
