/**
 * The future event list: a binary heap in typed arrays, in total order by (time, sequence).
 *
 * An event is four numbers: time, kind, subject, detail. There is no cancelling: a timer that is no longer wanted
 * is recognised by its handler, which compares the generation stamped into `detail` with the subject's own. That
 * keeps an event free of a heap position to maintain (sifting moves four numbers and nothing else), makes
 * forgetting a timer one increment, and a stale timer costs one pop.
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
  #time = new Float64Array(INITIAL_CAPACITY);
  #sequence = new Float64Array(INITIAL_CAPACITY);
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

  /** Adds an event. Events of one time come out in the order they were put in. */
  push(time: Micros, kind: number, subject: number, detail: number): void {
    if (this.#size === this.#time.length) this.#grow();
    const sequence = this.#nextSequence++;
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const parentTime = this.#time[parent] as number;
      // A later sequence never goes before an earlier one of the same time.
      if (parentTime <= time) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, time, sequence, kind, subject, detail);
  }

  /** Takes the first event into `out`. The list must not be empty. */
  pop(out: PoppedEvent): void {
    assert(this.#size > 0, "pop from an empty event list");
    out.time = this.#time[0] as number;
    out.kind = this.#kind[0] as number;
    out.subject = this.#subject[0] as number;
    out.detail = this.#detail[0] as number;
    const last = --this.#size;
    if (last > 0) this.#sink(last);
  }

  /** Moves the element at `from` (just past the end) into the root's place, where it belongs. */
  #sink(from: number): void {
    const time = this.#time[from] as number;
    const sequence = this.#sequence[from] as number;
    const kind = this.#kind[from] as number;
    const subject = this.#subject[from] as number;
    const detail = this.#detail[from] as number;
    const size = this.#size;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(child + 1, child)) child++;
      const childTime = this.#time[child] as number;
      if (time < childTime || (time === childTime && sequence < (this.#sequence[child] as number))) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, time, sequence, kind, subject, detail);
  }

  #before(a: number, b: number): boolean {
    const timeA = this.#time[a] as number;
    const timeB = this.#time[b] as number;
    return (
      timeA < timeB || (timeA === timeB && (this.#sequence[a] as number) < (this.#sequence[b] as number))
    );
  }

  #move(from: number, to: number): void {
    this.#time[to] = this.#time[from] as number;
    this.#sequence[to] = this.#sequence[from] as number;
    this.#kind[to] = this.#kind[from] as number;
    this.#subject[to] = this.#subject[from] as number;
    this.#detail[to] = this.#detail[from] as number;
  }

  #put(at: number, time: Micros, sequence: number, kind: number, subject: number, detail: number): void {
    this.#time[at] = time;
    this.#sequence[at] = sequence;
    this.#kind[at] = kind;
    this.#subject[at] = subject;
    this.#detail[at] = detail;
  }

  #grow(): void {
    const capacity = this.#time.length * 2;
    this.#time = copyOf(this.#time, new Float64Array(capacity));
    this.#sequence = copyOf(this.#sequence, new Float64Array(capacity));
    this.#kind = copyOf(this.#kind, new Uint16Array(capacity));
    this.#subject = copyOf(this.#subject, new Float64Array(capacity));
    this.#detail = copyOf(this.#detail, new Float64Array(capacity));
  }
}

function copyOf<A extends Float64Array<ArrayBuffer> | Uint16Array<ArrayBuffer>>(from: A, to: A): A {
  to.set(from);
  return to;
}
