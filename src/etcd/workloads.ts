/**
 * What clients do all day: write and read one operation after the other, or at fixed times without waiting. Every
 * operation is recorded (see client-record.ts). A workload starts when it is made, or at `startUs`, and ends with `stop()`;
 * what is in flight then still ends and is recorded.
 */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";
import type { CallResult, ClientHost, Sleeper } from "./client.js";
import {
  type ClientOperation,
  type ClientRecord,
  OperationRecord,
  type RecordSink,
  type Target,
} from "./client-record.js";
import type { Request } from "./requests.js";

/** What an operation is to be. */
export interface Operation {
  readonly op: ClientOperation;
  readonly key: string;
  /** "" for what writes nothing. */
  readonly value: string;
  readonly request: Request;
}

/** What every workload is told. */
export interface WorkloadOptions {
  /** The client's name: in its records, its values, its draws. */
  readonly client: string;
  readonly sink: RecordSink;
  /** Of each operation, the dial included. */
  readonly timeoutUs: Micros;
  /** The first operation; absent: at once. */
  readonly startUs?: Micros | undefined;
}

export interface SequentialOptions extends WorkloadOptions {
  readonly target: Target;
  /** From an answer to the next operation. */
  readonly pauseAfterOkUs: Micros;
  /** From a failure to the next operation. */
  readonly pauseAfterFailureUs: Micros;
  /** Operations at most; absent: until stopped. */
  readonly count?: number | undefined;
}

/** Keys and values by operation number; each value is written once, so that reads can tell writes apart. */
export interface WriteOptions {
  /** Absent: the client's name. */
  readonly keyFor?: ((number: number) => string) | undefined;
  /** Absent: the client's name and the number. */
  readonly valueFor?: ((number: number) => string) | undefined;
  /** What a value stands for, when it is longer than its text. */
  readonly valueBytes?: number | undefined;
}

/** What a client does next, and where, one operation after the other. Asked in order of the numbers. */
export interface Course {
  /** Asked before the operation of the same number. */
  target(number: number): Target;
  operation(number: number): Operation;
  /** Learns how an operation ended; returns the time from then to the next one. */
  ended(record: ClientRecord): Micros;
}

/** One operation at a time. */
export class SequentialClient implements Sleeper {
  readonly #host: ClientHost;
  readonly #options: WorkloadOptions & { readonly count?: number | undefined };
  readonly #course: Course;
  readonly #ended = (result: CallResult): void => this.#end(result);
  #record: OperationRecord | undefined;
  #number = 0;
  #isStopped = false;

  constructor(
    host: ClientHost,
    options: WorkloadOptions & { readonly count?: number | undefined },
    course: Course,
  ) {
    this.#host = host;
    this.#options = options;
    this.#course = course;
    host.wakeAt(options.startUs ?? host.now, this);
  }

  /** Operations begun. */
  get begun(): number {
    return this.#number;
  }

  /** Nothing more will happen. */
  get isFinished(): boolean {
    return this.#record === undefined && (this.#isStopped || this.#number === this.#options.count);
  }

  stop(): void {
    this.#isStopped = true;
  }

  wake(): void {
    if (this.#isStopped || this.#number === this.#options.count) return;
    const { client, sink, timeoutUs } = this.#options;
    const number = this.#number++;
    const target = this.#course.target(number);
    const record = recordOf(client, target, this.#course.operation(number), number, this.#host.now);
    this.#record = record;
    sink.begun?.(record);
    this.#host.call(target.host, record.request, timeoutUs, this.#ended);
  }

  #end(result: CallResult): void {
    const record = this.#record;
    assert(record !== undefined, "an operation ends once");
    this.#record = undefined;
    record.end(this.#host.now, result);
    const pauseUs = this.#course.ended(record);
    this.#options.sink.ended?.(record);
    if (this.#isStopped || this.#number === this.#options.count) return;
    if (pauseUs === 0) this.wake();
    else this.#host.wakeAt(this.#host.now + pauseUs, this);
  }
}

/** Puts, one at a time, through one member. */
export class SequentialWriter extends SequentialClient {
  constructor(host: ClientHost, options: SequentialOptions & WriteOptions) {
    super(host, options, steadyCourse(options, putsOf(options)));
  }
}

/** Reads of one key, one at a time, from one member. */
export class SequentialReader extends SequentialClient {
  constructor(
    host: ClientHost,
    options: SequentialOptions & { readonly key: string; readonly isSerializable: boolean },
  ) {
    const read = readOf(options.key, options.isSerializable);
    super(
      host,
      options,
      steadyCourse(options, () => read),
    );
  }
}

/** The clients that the failure measurements used: what is not answered in time is given up, and soon tried again. */
export function retryWriter(
  host: ClientHost,
  options: WorkloadOptions & WriteOptions & { readonly target: Target; readonly pauseAfterOkUs?: Micros },
): SequentialWriter {
  return new SequentialWriter(host, { pauseAfterOkUs: 10_000, pauseAfterFailureUs: 5_000, ...options });
}

/** Several sequential writers through one member, without pause, each with a name and a key of its own. */
export class ConcurrentWriters {
  readonly writers: readonly SequentialWriter[];

  constructor(
    host: ClientHost,
    options: WorkloadOptions & {
      readonly target: Target;
      readonly writers: number;
      readonly valueBytes?: number | undefined;
      /** From a failure to the next attempt; above 0. */
      readonly pauseAfterFailureUs: Micros;
    },
  ) {
    // A refusal can come at once: without a pause the clock would stand still.
    assert(options.pauseAfterFailureUs > 0, "writers rest after a failure");
    this.writers = Array.from(
      { length: options.writers },
      (_, writer) =>
        new SequentialWriter(host, { ...options, client: `${options.client}#${writer}`, pauseAfterOkUs: 0 }),
    );
  }

  stop(): void {
    for (const writer of this.writers) writer.stop();
  }
}

export interface OpenLoopOptions extends WorkloadOptions, WriteOptions {
  readonly target: Target;
  /** From one put to the next. */
  readonly intervalUs: Micros;
  /** Puts at most; absent: until stopped. */
  readonly count?: number | undefined;
}

/** Puts at fixed times, answered or not. */
export class OpenLoopWriter implements Sleeper {
  readonly #host: ClientHost;
  readonly #options: OpenLoopOptions;
  readonly #operationOf: (number: number) => Operation;
  #number = 0;
  #inFlight = 0;
  #isStopped = false;

  constructor(host: ClientHost, options: OpenLoopOptions) {
    assert(options.intervalUs > 0, "puts at fixed times have an interval");
    this.#host = host;
    this.#options = options;
    this.#operationOf = putsOf(options);
    host.wakeAt(options.startUs ?? host.now, this);
  }

  get begun(): number {
    return this.#number;
  }

  /** Nothing more will happen. */
  get isFinished(): boolean {
    return this.#inFlight === 0 && (this.#isStopped || this.#number === this.#options.count);
  }

  stop(): void {
    this.#isStopped = true;
  }

  wake(): void {
    if (this.#isStopped || this.#number === this.#options.count) return;
    const { client, target, sink, timeoutUs, intervalUs } = this.#options;
    const number = this.#number++;
    const record = recordOf(client, target, this.#operationOf(number), number, this.#host.now);
    this.#inFlight++;
    sink.begun?.(record);
    this.#host.call(target.host, record.request, timeoutUs, (result) => {
      this.#inFlight--;
      record.end(this.#host.now, result);
      sink.ended?.(record);
    });
    if (this.#number !== this.#options.count) this.#host.wakeAt(this.#host.now + intervalUs, this);
  }
}

/** So many operations one at a time, for their latencies. */
export class LatencyProbe {
  /** Of each operation in turn, µs; -1: failed or not answered in time. */
  readonly latenciesUs: Micros[] = [];
  readonly #client: SequentialClient;

  constructor(
    host: ClientHost,
    options: Omit<WorkloadOptions, "sink"> & {
      readonly target: Target;
      readonly op: "put" | "lin" | "ser";
      readonly count: number;
      /** Between two operations; absent: none. After a failure at least 5 ms. */
      readonly pauseUs?: Micros;
      /** What is read or written; absent: the client's name. */
      readonly key?: string;
      readonly valueBytes?: number | undefined;
      /** All operations have ended. */
      readonly done?: () => void;
    },
  ) {
    const { pauseUs = 0, key = options.client, count, done } = options;
    const sink: RecordSink = {
      ended: (record) => {
        this.latenciesUs.push(record.ok && record.endUs !== undefined ? record.endUs - record.startUs : -1);
        if (this.latenciesUs.length === count) done?.();
      },
    };
    const read = readOf(key, options.op === "ser");
    const course = steadyCourse(
      { target: options.target, pauseAfterOkUs: pauseUs, pauseAfterFailureUs: Math.max(pauseUs, 5_000) },
      options.op === "put" ? putsOf({ ...options, keyFor: () => key }) : () => read,
    );
    this.#client = new SequentialClient(host, { ...options, sink }, course);
  }

  get isFinished(): boolean {
    return this.#client.isFinished;
  }

  stop(): void {
    this.#client.stop();
  }
}

/** The record of an operation that begins. */
export function recordOf(
  client: string,
  target: Target,
  operation: Operation,
  number: number,
  startUs: Micros,
): OperationRecord {
  const { op, key, value, request } = operation;
  return new OperationRecord(client, target.member, op, number, key, value, request, startUs);
}

/** A read of one key, the same each time. */
export function readOf(key: string, isSerializable: boolean): Operation {
  return isSerializable
    ? { op: "ser", key, value: "", request: { type: "range", key, serializable: true } }
    : { op: "lin", key, value: "", request: { type: "range", key } };
}

function steadyCourse(
  options: Pick<SequentialOptions, "target" | "pauseAfterOkUs" | "pauseAfterFailureUs">,
  operation: (number: number) => Operation,
): Course {
  const { target, pauseAfterOkUs, pauseAfterFailureUs } = options;
  return {
    target: () => target,
    operation,
    ended: (record) => (record.ok ? pauseAfterOkUs : pauseAfterFailureUs),
  };
}

function putsOf(options: WriteOptions & { readonly client: string }): (number: number) => Operation {
  const { client, valueBytes } = options;
  const keyFor = options.keyFor ?? (() => client);
  const valueFor = options.valueFor ?? ((number: number) => `${client}:${number}`);
  return (number) => {
    const key = keyFor(number);
    const value = valueFor(number);
    return {
      op: "put",
      key,
      value,
      request:
        valueBytes === undefined
          ? { type: "put", key, value }
          : { type: "put", key, value, bytes: valueBytes },
    };
  };
}
