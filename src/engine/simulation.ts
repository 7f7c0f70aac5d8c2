/**
 * The clock and the loop. Knows events as (time, kind, subject, detail) and a handler for each kind, nothing else.
 */
import { AssertionError, assert, present } from "../assert.js";
import { formatDuration, type Micros } from "../units/time.js";
import { EventList, type PoppedEvent } from "./event-list.js";

/** What happens when an event's time has come. */
export type Handler = (subject: number, detail: number) => void;

/** One handler for each kind of event; a missing one does not compile. */
export type Handlers<Name extends string> = Readonly<Record<Name, Handler>>;

/** Kinds of events by name, numbered in the order given. */
export type EventKinds<Name extends string> = Readonly<Record<Name, number>>;

/** Numbers the kinds of a model's events. */
export function eventKinds<const Name extends string>(names: readonly Name[]): EventKinds<Name> {
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}

/** Many events at one instant without the clock moving: the model goes round in a circle. */
export class LivelockError extends Error {
  override readonly name = "LivelockError";
}

/** The run needed more events than it was allowed. */
export class StepLimitError extends Error {
  override readonly name = "StepLimitError";
}

export interface SimulationLimits {
  /** Events of one run, at most. Default 2^40. */
  readonly stepsMax?: number;
  /** Events at one instant, at most; beyond it the run stops with a {@link LivelockError}. Default 1,000,000. */
  readonly stepsPerInstantMax?: number;
}

export class Simulation<Name extends string> {
  readonly #names: readonly Name[];
  readonly #list = new EventList();
  readonly #popped: PoppedEvent = { time: 0, kind: 0, subject: 0, detail: 0 };
  readonly #stepsMax: number;
  readonly #stepsPerInstantMax: number;
  #handlers: readonly Handler[] | undefined;
  #afterEvent: ((kind: Name, subject: number, detail: number) => void) | undefined;
  #now: Micros = 0;
  #until: Micros = 0;
  #steps = 0;
  #stepsAtInstant = 0;
  #stopped = false;

  readonly kinds: EventKinds<Name>;

  constructor(names: readonly Name[], limits: SimulationLimits = {}) {
    this.#names = names;
    this.kinds = eventKinds(names);
    this.#stepsMax = limits.stepsMax ?? 2 ** 40;
    this.#stepsPerInstantMax = limits.stepsPerInstantMax ?? 1_000_000;
  }

  /** The clock, in whole µs. */
  get now(): Micros {
    return this.#now;
  }

  /** Where the run under way ends, or the last one ended. */
  get until(): Micros {
    return this.#until;
  }

  /** Events handled so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Events waiting. */
  get waiting(): number {
    return this.#list.size;
  }

  /**
   * Until when nothing happens but events that are `ignored`: the time of the earliest other one, or the end of the run.
   * The event being handled is no longer on the list. Cheap where few are ignored.
   */
  nothingBefore(ignored: (kind: number, subject: number, detail: number) => boolean): Micros {
    return Math.min(this.#until, this.#list.nextTimeExcept(ignored));
  }

  /** Wires the handlers: once, before the first `run`. */
  handle(handlers: Handlers<Name>): void {
    assert(this.#handlers === undefined, "handlers wired twice");
    this.#handlers = this.#names.map((name) =>
      present(handlers[name], `no handler for events of kind "${name}"`),
    );
  }

  /** A look after every event (invariant checks, event logs). Costs nothing when absent. */
  observe(afterEvent: (kind: Name, subject: number, detail: number) => void): void {
    this.#afterEvent = afterEvent;
  }

  /** Puts an event on the list. `at` is whole µs, not before now. */
  schedule(at: Micros, kind: number, subject: number, detail = 0): void {
    // The message is built only when it is needed: this is the hottest line of the loop.
    if (!(at >= this.#now && Number.isSafeInteger(at) && kind < this.#names.length)) this.#refuse(at, kind);
    this.#list.push(at, kind, subject, detail);
  }

  /** As {@link schedule}, `delay` whole µs from now. */
  after(delay: Micros, kind: number, subject: number, detail = 0): void {
    this.schedule(this.#now + delay, kind, subject, detail);
  }

  /** Ends the run after the current event. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Handles every event before or at `until`, then sets the clock to `until` (unless stopped).
   * Throws {@link StepLimitError} or {@link LivelockError} where a limit is passed.
   */
  run(until: Micros): void {
    const handlers = this.#handlers;
    assert(handlers !== undefined, "run before the handlers were wired");
    assert(
      until >= this.#now && Number.isSafeInteger(until),
      `run until ${until}: not whole µs, or in the past`,
    );
    this.#stopped = false;
    this.#until = until;
    const event = this.#popped;
    while (!this.#stopped && this.#list.nextTime <= until) {
      this.#list.pop(event);
      if (event.time > this.#now) {
        this.#now = event.time;
        this.#stepsAtInstant = 0;
      }
      this.#countStep(event.kind);
      const { kind, subject, detail } = event;
      (handlers[kind] as Handler)(subject, detail);
      if (this.#afterEvent !== undefined) this.#afterEvent(this.#names[kind] as Name, subject, detail);
    }
    if (this.#stopped || until === this.#now) return;
    this.#now = until;
    this.#stepsAtInstant = 0;
  }

  #refuse(at: Micros, kind: number): never {
    const name = this.#names[kind];
    assert(name !== undefined, `event of unknown kind ${kind}`);
    assert(Number.isSafeInteger(at), `event ${name} scheduled at ${at}, which is not whole µs`);
    throw new AssertionError(`event ${name} scheduled at ${at} µs, in the past: it is ${this.#now} µs`);
  }

  #countStep(kind: number): void {
    if (++this.#steps > this.#stepsMax) {
      throw new StepLimitError(
        `more than ${this.#stepsMax} events by ${formatDuration(this.#now)} of simulated time; raise the step limit or shorten the horizon`,
      );
    }
    if (++this.#stepsAtInstant > this.#stepsPerInstantMax) {
      throw new LivelockError(
        `more than ${this.#stepsPerInstantMax} events at ${formatDuration(this.#now)} without the clock moving, the last of kind "${this.#names[kind]}": the model goes round in a circle`,
      );
    }
  }
}
