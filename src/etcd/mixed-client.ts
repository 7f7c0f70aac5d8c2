/**
 * A client that does a little of everything, drawn by its name and the operation's number: for random lives of a group,
 * whose histories are then checked. Its keys under {@link MixedOptions.keys} are touched by no lease, so that they change
 * by recorded operations only; what it attaches to its lease is a key of its own, `lease/NAME`.
 */
import { assert, unreachable } from "../assert.js";
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { quantile, type Variate } from "../engine/variates.js";
import type { Micros } from "../units/time.js";
import type { ClientHost } from "./client.js";
import type { ClientOperation, ClientRecord, Target } from "./client-record.js";
import type { Compare, KeyValue } from "./requests.js";
import { type Course, type Operation, readOf, SequentialClient, type WorkloadOptions } from "./workloads.js";

/** What it may do; "leasedPut" is a put of the client's own key with its lease. */
export type MixedOperation = ClientOperation | "leasedPut";

/** In proportion, in this order. What needs a lease grants one when there is none. */
export const MIXED_WEIGHTS: Readonly<Record<MixedOperation, number>> = {
  put: 30,
  lin: 25,
  ser: 10,
  cas: 20,
  delete: 5,
  leaseGrant: 2,
  leaseKeepAlive: 4,
  leasedPut: 3,
  leaseRevoke: 1,
};

export interface MixedOptions extends WorkloadOptions {
  readonly streams: RandomStreams;
  /** The members it may ask, the first one first. */
  readonly targets: readonly Target[];
  readonly keys: readonly string[];
  /** Absent: {@link MIXED_WEIGHTS}; an operation that is left out is never drawn. */
  readonly weights?: Partial<Readonly<Record<MixedOperation, number>>>;
  /** From an answer to the next operation, µs. */
  readonly pauseUs: Variate;
  /** From a failure to the next operation, which goes to the next member. */
  readonly pauseAfterFailureUs: Micros;
  /** The chance that it goes to another member of its own accord before an operation. Default 0.05. */
  readonly switchShare?: number;
  /** Of its lease, seconds. Default 5. */
  readonly leaseTtl?: number;
  readonly count?: number;
}

/** The second counter of a draw: what it is for. */
const DRAW = { operation: 0, key: 1, switch: 2, target: 3, pause: 4, compare: 5 } as const;

/** What the client last saw of a key. */
interface Seen {
  readonly value: string;
  /** 0: the key was not there. */
  readonly modRevision: number;
}

const ABSENT: Seen = { value: "", modRevision: 0 };

export class MixedClient {
  readonly #client: SequentialClient;

  constructor(host: ClientHost, options: MixedOptions) {
    this.#client = new SequentialClient(host, options, new MixedCourse(options));
  }

  get begun(): number {
    return this.#client.begun;
  }

  get isFinished(): boolean {
    return this.#client.isFinished;
  }

  stop(): void {
    this.#client.stop();
  }
}

class MixedCourse implements Course {
  readonly #options: MixedOptions;
  readonly #draws: CountedDraws;
  readonly #kinds: readonly MixedOperation[];
  /** Running sums of the kinds' weights. */
  readonly #sums: readonly number[];
  readonly #seen = new Map<string, Seen>();
  #target = 0;
  /** 0: none. */
  #lease = 0;

  constructor(options: MixedOptions) {
    assert(options.targets.length > 0 && options.keys.length > 0, "a client has members to ask, and keys");
    this.#options = options;
    this.#draws = options.streams.counted(`etcd-client/${options.client}`);
    const weights = options.weights ?? MIXED_WEIGHTS;
    this.#kinds = KINDS.filter((kind) => (weights[kind] ?? 0) > 0);
    let sum = 0;
    this.#sums = this.#kinds.map((kind) => {
      sum += weights[kind] ?? 0;
      return sum;
    });
    assert(sum > 0, "a client has something to do");
  }

  target(number: number): Target {
    const { targets, switchShare = 0.05 } = this.#options;
    if (targets.length > 1 && this.#draws.uniform(number, DRAW.switch) < switchShare) {
      const steps = 1 + Math.floor(this.#draws.uniform(number, DRAW.target) * (targets.length - 1));
      this.#target = (this.#target + steps) % targets.length;
    }
    return targets[this.#target] as Target;
  }

  operation(number: number): Operation {
    const { keys, client } = this.#options;
    const key = keys[Math.floor(this.#draws.uniform(number, DRAW.key) * keys.length)] as string;
    const kind = this.#kind(number);
    switch (kind) {
      case "put": {
        const value = `${client}:${number}`;
        return { op: "put", key, value, request: { type: "put", key, value } };
      }
      case "lin":
        return readOf(key, false);
      case "ser":
        return readOf(key, true);
      case "cas":
        return this.#compareAndSwap(number, key);
      case "delete":
        return { op: "delete", key, value: "", request: { type: "deleteRange", key } };
      case "leaseGrant":
      case "leaseKeepAlive":
      case "leasedPut":
      case "leaseRevoke":
        return this.#leaseOperation(number, kind);
      default:
        return unreachable(kind);
    }
  }

  ended(record: ClientRecord): Micros {
    if (record.ok) {
      this.#learn(record);
      const { pauseUs } = this.#options;
      return Math.max(
        0,
        Math.round(
          pauseUs.kind === "constant"
            ? pauseUs.value
            : quantile(pauseUs, this.#draws.uniform(record.number, DRAW.pause)),
        ),
      );
    }
    const outcome = record.response?.outcome;
    if (outcome?.type === "error" && outcome.code === "NotFound") this.#lease = 0;
    this.#target = (this.#target + 1) % this.#options.targets.length;
    return this.#options.pauseAfterFailureUs;
  }

  #kind(number: number): MixedOperation {
    const sums = this.#sums;
    const drawn = this.#draws.uniform(number, DRAW.operation) * (sums[sums.length - 1] as number);
    let place = 0;
    while ((sums[place] as number) <= drawn) place++;
    return this.#kinds[place] as MixedOperation;
  }

  /** Writes if the key is as it was last seen, else reads it. */
  #compareAndSwap(number: number, key: string): Operation {
    const seen = this.#seen.get(key) ?? ABSENT;
    const value = `${this.#options.client}:${number}`;
    const byValue = seen.modRevision > 0 && this.#draws.uniform(number, DRAW.compare) < 0.5;
    const compare: Compare = byValue
      ? { key, target: "value", result: "equal", operand: seen.value }
      : { key, target: "modRevision", result: "equal", operand: seen.modRevision };
    return {
      op: "cas",
      key,
      value,
      request: {
        type: "txn",
        compare: [compare],
        success: [{ type: "put", key, value }],
        failure: [{ type: "range", key }],
      },
    };
  }

  #leaseOperation(
    number: number,
    kind: "leaseGrant" | "leaseKeepAlive" | "leasedPut" | "leaseRevoke",
  ): Operation {
    const { client, leaseTtl = 5 } = this.#options;
    const key = `lease/${client}`;
    const lease = this.#lease;
    if (kind === "leaseGrant" || lease === 0) {
      return { op: "leaseGrant", key, value: "", request: { type: "leaseGrant", ttl: leaseTtl, id: 0 } };
    }
    if (kind === "leasedPut") {
      const value = `${client}:${number}`;
      return { op: "put", key, value, request: { type: "put", key, value, lease } };
    }
    return { op: kind, key, value: "", request: { type: kind, id: lease } };
  }

  /** From an answer that is no error. */
  #learn(record: ClientRecord): void {
    const response = record.response;
    if (response === undefined) return;
    const outcome = response.outcome;
    switch (outcome.type) {
      case "put":
        // Its own revision, or a later one: then the next comparison fails and reads.
        this.#seen.set(record.key, { value: record.value, modRevision: response.header.revision });
        return;
      case "range":
        this.#saw(record.key, outcome.kvs[0]);
        return;
      case "deleteRange":
        this.#seen.set(record.key, ABSENT);
        return;
      case "txn": {
        const result = outcome.results[0];
        if (outcome.succeeded) {
          this.#seen.set(record.key, { value: record.value, modRevision: response.header.revision });
        } else if (result?.type === "range") this.#saw(record.key, result.kvs[0]);
        return;
      }
      case "lease":
        this.#lease = record.op === "leaseRevoke" || outcome.ttl <= 0 ? 0 : outcome.id;
        return;
    }
  }

  #saw(key: string, kv: KeyValue | undefined): void {
    this.#seen.set(key, kv ?? ABSENT);
  }
}

const KINDS = Object.keys(MIXED_WEIGHTS) as readonly MixedOperation[];
