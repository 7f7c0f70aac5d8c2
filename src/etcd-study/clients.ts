/** The clients of a cell: what they ask, whom, and how fast. Each asks one member until that fails, then the next in turn. */
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { quantile, type Variate } from "../engine/variates.js";
import type { ClientHost, Sleeper } from "../etcd/client.js";
import { type ClientRecord, type RecordSink, type Target, targetOf } from "../etcd/client-record.js";
import type { EtcdModel } from "../etcd/model.js";
import { type Course, type Operation, readOf, recordOf, SequentialClient } from "../etcd/workloads.js";
import type { Micros } from "../units/time.js";
import type { ClientPlan } from "./model.js";

/** Clients begin within so much of each other, so that they don't move in step. */
const START_SPREAD_US: Micros = 100_000;

/** What a draw is for. */
const DRAW = { start: 0, pause: 1 } as const;

/** Starts a client; it goes on until the run ends. */
export function startClient(
  plan: ClientPlan,
  host: ClientHost,
  model: EtcdModel,
  streams: RandomStreams,
  sink: RecordSink,
): void {
  const draws = streams.counted(`study/client/${plan.name}`);
  const members = new Members(plan.targets.map((member) => targetOf(model, member)));
  const operation = operationsOf(plan);
  const startUs = host.now + Math.floor(draws.uniform(0, DRAW.start) * START_SPREAD_US);
  const { pace, name, timeoutUs } = plan;
  if (pace.kind === "openLoop") {
    new OpenLoopClient(
      host,
      { name, timeoutUs, everyUs: pace.everyUs, members, operation, draws, sink },
      startUs,
    );
    return;
  }
  const course: Course = {
    target: () => members.current,
    operation,
    ended: (record) => {
      if (record.ok) return drawnUs(pace.pauseUs, draws, record.number);
      members.failed(record);
      return pace.retryPauseUs;
    },
  };
  new SequentialClient(host, { client: name, sink, timeoutUs, startUs }, course);
}

/** The writer's number of an operation, of a value that it wrote; -1: no value. */
export function numberOf(value: string): number {
  return value === "" ? -1 : Number(value.slice(value.lastIndexOf(":") + 1));
}

function operationsOf({ name, op, key, valueBytes }: ClientPlan): (number: number) => Operation {
  if (op !== "put") {
    const read = readOf(key, op === "ser");
    return () => read;
  }
  const bytes = valueBytes === undefined ? {} : { bytes: valueBytes };
  return (number) => {
    const value = `${name}:${number}`;
    return { op: "put", key, value, request: { type: "put", key, value, ...bytes } };
  };
}

/** Whole µs, at least 1: a client that never rests would stop the clock. */
function drawnUs(variate: Variate, draws: CountedDraws, number: number): Micros {
  const u = variate.kind === "constant" ? 0 : draws.uniform(number, DRAW.pause);
  return Math.max(1, Math.round(quantile(variate, u)));
}

/** The members that a client knows, and the one it asks now. */
class Members {
  readonly #targets: readonly Target[];
  #place = 0;

  constructor(targets: readonly Target[]) {
    this.#targets = targets;
  }

  get current(): Target {
    return this.#targets[this.#place] as Target;
  }

  /** An operation failed: the next one is asked, unless the client has already gone on from that member. */
  failed(record: ClientRecord): void {
    if (record.member === this.current.member) this.#place = (this.#place + 1) % this.#targets.length;
  }
}

interface OpenLoop {
  readonly name: string;
  readonly timeoutUs: Micros;
  readonly everyUs: Variate;
  readonly members: Members;
  readonly operation: (number: number) => Operation;
  readonly draws: CountedDraws;
  readonly sink: RecordSink;
}

/** Begins an operation at its time, answered or not. */
class OpenLoopClient implements Sleeper {
  readonly #host: ClientHost;
  readonly #loop: OpenLoop;
  #number = 0;

  constructor(host: ClientHost, loop: OpenLoop, startUs: Micros) {
    this.#host = host;
    this.#loop = loop;
    host.wakeAt(startUs, this);
  }

  wake(): void {
    const { name, timeoutUs, everyUs, members, operation, draws, sink } = this.#loop;
    const number = this.#number++;
    const target = members.current;
    const record = recordOf(name, target, operation(number), number, this.#host.now);
    sink.begun?.(record);
    this.#host.call(target.host, record.request, timeoutUs, (result) => {
      record.end(this.#host.now, result);
      if (!record.ok) members.failed(record);
      sink.ended?.(record);
    });
    this.#host.wakeAt(this.#host.now + drawnUs(everyUs, draws, number), this);
  }
}
