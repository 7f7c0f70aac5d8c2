/** The events of a cell as they occur: when, to whom, until when, and what came of them. */
import { assert, present } from "../assert.js";
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { quantile, type Variate } from "../engine/variates.js";
import { MILLISECOND, type Micros } from "../units/time.js";
import type { EventPlan, StudyCell } from "./model.js";
import type { OccurrenceRow } from "./results.js";

/** How often it is asked whether somebody leads, where an event waits for that. */
const LEADER_POLL_US: Micros = 10 * MILLISECOND;

/** What a draw is for. */
const DRAW = { spread: 0, end: 1, failure: 2, delay: 3 } as const;

/** An occurrence while it is watched. */
export interface Occurrence {
  readonly event: string;
  readonly kind: string;
  target: string;
  atUs: Micros;
  endedUs: Micros | null;
  leaderUs: Micros | null;
  writeUs: Micros | null;
  doneUs: Micros | null;
  refusal: string;
}

/** Does what an event says, once. */
export interface Deed {
  /** Who is struck, in words. */
  readonly target: string;
  /** Undoes it; undefined: there is nothing to undo. */
  readonly undo: (() => void) | undefined;
}

export interface HappeningsHost {
  readonly now: Micros;
  at(timeUs: Micros, action: () => void): void;
  /** Undefined: it strikes whoever leads, and nobody does. The occurrence is for what comes out later. */
  strike(event: EventPlan, occurrence: Occurrence): Deed | undefined;
  /** Something has been struck or undone. */
  changed(): void;
}

export class Happenings {
  readonly #cell: StudyCell;
  readonly #host: HappeningsHost;
  readonly #draws: readonly CountedDraws[];
  readonly #all: Occurrence[] = [];
  /** Occurrences so far, by event. */
  readonly #counts: number[];
  #waitingForLeader: Occurrence[] = [];
  #waitingForWrite: Occurrence[] = [];

  constructor(cell: StudyCell, streams: RandomStreams, host: HappeningsHost) {
    this.#cell = cell;
    this.#host = host;
    this.#draws = cell.events.map(({ name }) => streams.counted(`study/event/${name}`));
    this.#counts = cell.events.map(() => 0);
  }

  /** All so far, in order of occurrence. */
  get rows(): readonly OccurrenceRow[] {
    return this.#all;
  }

  /** Plans what does not wait for something else. */
  start(): void {
    for (const [index, { occurrence }] of this.#cell.events.entries()) {
      switch (occurrence.kind) {
        case "at":
          for (const timeUs of occurrence.timesUs) this.#plan(index, timeUs);
          break;
        case "every":
          this.#repeat(index, occurrence.startUs, 1);
          break;
        case "drawn":
          this.#planDrawn(index, occurrence.notBeforeUs, occurrence.timeToFailureUs);
          break;
        case "after":
          break;
      }
    }
  }

  /** Somebody leads with a quorum. */
  hasLeader(): void {
    const { now } = this.#host;
    for (const occurrence of this.#waitingForLeader) occurrence.leaderUs = now - occurrence.atUs;
    this.#waitingForLeader = [];
  }

  /** A write was acknowledged. */
  wrote(startUs: Micros, endUs: Micros): void {
    if (this.#waitingForWrite.length === 0) return;
    this.#waitingForWrite = this.#waitingForWrite.filter((occurrence) => {
      if (startUs < occurrence.atUs) return true;
      occurrence.writeUs = endUs - occurrence.atUs;
      return false;
    });
  }

  #repeat(index: number, nominalUs: Micros, nth: number): void {
    const { occurrence } = this.#event(index);
    assert(occurrence.kind === "every", "only what is repeated is");
    if (nominalUs >= this.#cell.horizonUs || nth > (occurrence.count ?? Number.POSITIVE_INFINITY)) return;
    this.#plan(index, nominalUs);
    this.#host.at(nominalUs, () => this.#repeat(index, nominalUs + occurrence.everyUs, nth + 1));
  }

  #planDrawn(index: number, fromUs: Micros, timeToFailureUs: Variate): void {
    const draws = this.#drawsOf(index);
    const count = this.#counts[index] as number;
    const waitUs = quantile(timeToFailureUs, draws.uniform(count, DRAW.failure));
    this.#plan(index, fromUs + Math.max(1, Math.round(waitUs)));
  }

  #plan(index: number, nominalUs: Micros): void {
    const { spreadUs } = this.#event(index);
    const { horizonUs } = this.#cell;
    const number = Math.round(nominalUs);
    const u = spreadUs === 0 ? 0 : this.#drawsOf(index).uniform(number, DRAW.spread);
    const timeUs = number + Math.floor(u * spreadUs);
    if (timeUs < horizonUs) this.#host.at(timeUs, () => this.#occur(index));
  }

  #occur(index: number): void {
    const event = this.#event(index);
    const host = this.#host;
    const occurrence: Occurrence = {
      event: event.name,
      kind: event.action.kind,
      target: "",
      atUs: host.now,
      endedUs: null,
      leaderUs: null,
      writeUs: null,
      doneUs: null,
      refusal: "",
    };
    const deed = host.strike(event, occurrence);
    if (deed === undefined) {
      const againUs = host.now + LEADER_POLL_US;
      if (againUs < this.#cell.horizonUs) host.at(againUs, () => this.#occur(index));
      return;
    }
    occurrence.target = deed.target;
    const number = (this.#counts[index] as number) + 1;
    this.#counts[index] = number;
    this.#all.push(occurrence);
    this.#waitingForWrite.push(occurrence);
    this.#waitingForLeader.push(occurrence);
    host.changed();
    this.#planEnd(index, number, occurrence, deed);
    this.#planFollowers(index, number);
  }

  #planEnd(index: number, number: number, occurrence: Occurrence, { undo }: Deed): void {
    const { endAfterUs, occurrence: when } = this.#event(index);
    const host = this.#host;
    if (endAfterUs === undefined) return;
    const spanUs = quantile(endAfterUs, this.#drawsOf(index).uniform(number, DRAW.end));
    const endUs = host.now + Math.max(0, Math.round(spanUs));
    if (endUs >= this.#cell.horizonUs) return;
    host.at(endUs, () => {
      occurrence.endedUs = host.now;
      undo?.();
      host.changed();
      if (when.kind === "drawn") this.#planDrawn(index, host.now, when.timeToFailureUs);
    });
  }

  /** Events that come so long after this one. */
  #planFollowers(index: number, number: number): void {
    for (const [other, { occurrence }] of this.#cell.events.entries()) {
      if (occurrence.kind !== "after" || occurrence.event !== index) continue;
      const delayUs = quantile(occurrence.delayUs, this.#drawsOf(other).uniform(number, DRAW.delay));
      this.#plan(other, this.#host.now + Math.max(0, Math.round(delayUs)));
    }
  }

  #event(index: number): EventPlan {
    return present(this.#cell.events[index], `there is no event ${index}`);
  }

  #drawsOf(index: number): CountedDraws {
    return present(this.#draws[index], `there is no event ${index}`);
  }
}
