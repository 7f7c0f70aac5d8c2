/**
 * A client that lives by a lease: grants one, puts a key with it, keeps it alive every third of its time, and starts over
 * when it has lost it. A failed attempt goes to the next member.
 */
import { assert } from "../assert.js";
import { type Micros, SECOND } from "../units/time.js";
import type { CallResult, ClientHost, Sleeper } from "./client.js";
import type { OperationRecord, Target } from "./client-record.js";
import type { LeaseKeepAliveRequest, Outcome } from "./requests.js";
import { type Operation, recordOf, type WorkloadOptions } from "./workloads.js";

export interface LeaseHolderOptions extends WorkloadOptions {
  readonly targets: readonly Target[];
  /** Asked for, seconds; the member may give more. */
  readonly ttl: number;
  /** Absent: the client's name. */
  readonly key?: string;
  /** From a failure to the next attempt. */
  readonly retryPauseUs: Micros;
}

/** One lease from grant to loss, as its holder sees it. */
export interface Tenure {
  readonly lease: number;
  /** As given. */
  readonly ttlUs: Micros;
  readonly grantedUs: Micros;
  /** The key was put with it; undefined: not yet. */
  readonly keyPutUs: Micros | undefined;
  readonly renewals: number;
  /**
   * The holder counts on the lease up to here: the last renewal's (or the grant's) start and the time given. A member
   * counts from a later moment, so a lease that is gone before this was taken too early.
   */
  readonly believedUntilUs: Micros;
  readonly lostUs: Micros | undefined;
  /** "expired": not renewed in time, it may still be there. "notFound": a member said that it is gone. */
  readonly loss: "expired" | "notFound" | undefined;
}

interface OpenTenure extends Tenure {
  keyPutUs: Micros | undefined;
  renewals: number;
  believedUntilUs: Micros;
  lostUs: Micros | undefined;
  loss: "expired" | "notFound" | undefined;
  readonly keepAlive: LeaseKeepAliveRequest;
}

export class LeaseHolder implements Sleeper {
  readonly #host: ClientHost;
  readonly #options: LeaseHolderOptions;
  readonly #key: string;
  readonly #tenures: OpenTenure[] = [];
  readonly #ended = (result: CallResult): void => this.#end(result);
  readonly #expiry: Sleeper = { wake: () => this.#expire() };
  #expiryAtUs: Micros = Number.POSITIVE_INFINITY;
  #tenure: OpenTenure | undefined;
  /** The operation in flight and the tenure that it is for. Invariant: it, or a wake that is to come, but not both. */
  #record: OperationRecord | undefined;
  #recordTenure: OpenTenure | undefined;
  #target = 0;
  #number = 0;
  #isStopped = false;

  constructor(host: ClientHost, options: LeaseHolderOptions) {
    assert(options.targets.length > 0 && options.retryPauseUs > 0, "a holder has members to ask, and rests");
    this.#host = host;
    this.#options = options;
    this.#key = options.key ?? options.client;
    host.wakeAt(options.startUs ?? host.now, this);
  }

  /** All leases so far, in order. */
  get tenures(): readonly Tenure[] {
    return this.#tenures;
  }

  /** The one it counts on now. */
  get held(): Tenure | undefined {
    return this.#tenure;
  }

  /** Asks for nothing more; what it holds runs out. */
  stop(): void {
    this.#isStopped = true;
  }

  wake(): void {
    if (this.#isStopped) return;
    const { client, targets, sink, timeoutUs } = this.#options;
    const target = targets[this.#target] as Target;
    const number = this.#number++;
    const record = recordOf(client, target, this.#next(number), number, this.#host.now);
    this.#record = record;
    this.#recordTenure = this.#tenure;
    sink.begun?.(record);
    this.#host.call(target.host, record.request, timeoutUs, this.#ended);
  }

  #next(number: number): Operation {
    const tenure = this.#tenure;
    const key = this.#key;
    if (tenure === undefined) {
      const request = { type: "leaseGrant", ttl: this.#options.ttl, id: 0 } as const;
      return { op: "leaseGrant", key, value: "", request };
    }
    if (tenure.keyPutUs !== undefined || this.#host.now >= renewalDueUs(tenure)) {
      return { op: "leaseKeepAlive", key, value: "", request: tenure.keepAlive };
    }
    const value = `${this.#options.client}:${number}`;
    return { op: "put", key, value, request: { type: "put", key, value, lease: tenure.lease } };
  }

  #end(result: CallResult): void {
    const record = this.#record;
    assert(record !== undefined, "an operation ends once");
    const tenure = this.#recordTenure;
    this.#record = undefined;
    this.#recordTenure = undefined;
    record.end(this.#host.now, result);
    this.#options.sink.ended?.(record);
    const nextUs = this.#learn(record, tenure);
    if (!this.#isStopped) this.#host.wakeAt(Math.max(nextUs, this.#host.now), this);
  }

  /** Returns when the next attempt is due. */
  #learn(record: OperationRecord, tenure: OpenTenure | undefined): Micros {
    const now = this.#host.now;
    const retryUs = now + this.#options.retryPauseUs;
    const outcome = record.response?.outcome;
    // What it was for has run out meanwhile.
    if (tenure !== this.#tenure) return retryUs;
    if (tenure !== undefined && outcome !== undefined && saysGone(outcome)) {
      this.#lose("notFound");
      return retryUs;
    }
    if (!record.ok || outcome === undefined) {
      this.#target = (this.#target + 1) % this.#options.targets.length;
      return retryUs;
    }
    if (tenure === undefined) {
      assert(outcome.type === "lease", "a lease is what was asked for");
      this.#begin(outcome.id, outcome.ttl, record.startUs);
      return now;
    }
    if (outcome.type === "lease") {
      tenure.renewals++;
      tenure.believedUntilUs = record.startUs + outcome.ttl * SECOND;
    } else tenure.keyPutUs = now;
    return tenure.keyPutUs === undefined ? now : renewalDueUs(tenure);
  }

  #begin(lease: number, ttl: number, startUs: Micros): void {
    const now = this.#host.now;
    const tenure: OpenTenure = {
      lease,
      ttlUs: ttl * SECOND,
      grantedUs: now,
      keyPutUs: undefined,
      renewals: 0,
      believedUntilUs: startUs + ttl * SECOND,
      lostUs: undefined,
      loss: undefined,
      keepAlive: { type: "leaseKeepAlive", id: lease },
    };
    this.#tenures.push(tenure);
    this.#tenure = tenure;
    if (tenure.believedUntilUs < this.#expiryAtUs) this.#setExpiry(Math.max(now, tenure.believedUntilUs));
  }

  #setExpiry(atUs: Micros): void {
    this.#expiryAtUs = atUs;
    this.#host.wakeAt(atUs, this.#expiry);
  }

  /** One timer follows the lease: it is set again for what the renewals have made of it. */
  #expire(): void {
    const now = this.#host.now;
    if (now < this.#expiryAtUs) return;
    this.#expiryAtUs = Number.POSITIVE_INFINITY;
    const tenure = this.#tenure;
    if (tenure === undefined) return;
    if (tenure.believedUntilUs > now) this.#setExpiry(tenure.believedUntilUs);
    else this.#lose("expired");
  }

  #lose(loss: "expired" | "notFound"): void {
    const tenure = this.#tenure;
    assert(tenure !== undefined, "only what is held is lost");
    tenure.lostUs = this.#host.now;
    tenure.loss = loss;
    this.#tenure = undefined;
  }
}

/** A third of the lease's time after the last renewal. */
function renewalDueUs(tenure: Tenure): Micros {
  return tenure.believedUntilUs - Math.floor((2 * tenure.ttlUs) / 3);
}

/** There is no such lease (any more): a renewal is answered with a time of 0 or less, a put refused. */
function saysGone(outcome: Outcome): boolean {
  if (outcome.type === "error") return outcome.code === "NotFound";
  return outcome.type === "lease" && outcome.ttl <= 0;
}
