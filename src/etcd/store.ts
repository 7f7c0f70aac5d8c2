/**
 * etcd's state machine: keys, leases, alarms and the members that have published themselves, changed by the log alone
 * (etcd 3.5: server/etcdserver/apply.go). Members that applied the same entries hold the same; what a member knows for
 * itself (when leases end, how large its database file is) is not part of it. No clock: times are handed in.
 */
import { assert } from "../assert.js";
import { RunDigest } from "../engine/digest.js";
import type { Micros } from "../units/time.js";
import { BackendSize, LEASE_BYTES, quotaCost, valueBytes } from "./backend-size.js";
import { KeySpace, type KeySpaceSnapshot } from "./key-space.js";
import { type GrantedLease, Lessor, type LessorModel } from "./lessor.js";
import { ETCD_MODEL_DEFAULTS, type EtcdModel, type MemberNumber } from "./model.js";
import { isReadOnlyTxn } from "./request-checks.js";
import type {
  AlarmRequest,
  Compare,
  DeleteRangeRequest,
  Key,
  KeyValue,
  LeaseGrantRequest,
  LoggedRequest,
  Outcome,
  PutRequest,
  RangeRequest,
  Request,
  TxnOperation,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from "./requests.js";
import { COMPACTED, FUTURE_REVISION, LEASE_NOT_FOUND, NO_SPACE, type Refusal } from "./store-errors.js";

/** What a store takes of a model: an {@link EtcdModel} will do. */
export type StoreModel = LessorModel & Pick<EtcdModel, "quotaBytes">;

/** What applying an entry comes to. */
export interface Applied {
  readonly outcome: Outcome;
  /** All changes of one revision (`modRevision` of each), in order; empty: the revision is the same as before. */
  readonly events: readonly WatchEvent[];
  /** This member's database went over its quota with it: it proposes the alarm, and answers only then. */
  readonly raisesAlarm: boolean;
}

/** A whole store as immutable data. */
export interface StoreSnapshot {
  /** Index of the last entry applied. */
  readonly appliedIndex: number;
  readonly keySpace: KeySpaceSnapshot;
  /** By identity. */
  readonly leases: readonly GrantedLease[];
  /** Ascending. */
  readonly alarms: readonly MemberNumber[];
  /** Ascending. */
  readonly published: readonly MemberNumber[];
  /** Bytes of the database file that holds it. */
  readonly backendBytes: number;
  /** The most that was in use in that file. */
  readonly backendMost: number;
}

const PUT: Outcome = Object.freeze({ type: "put" });
const PUT_RESULT: TxnResult = Object.freeze({ type: "put" });
const COMPACT: Outcome = Object.freeze({ type: "compact" });
const PUBLISHED: Outcome = Object.freeze({ type: "published" });
const NO_EVENTS: readonly WatchEvent[] = Object.freeze([]);

export class Store {
  readonly leases: Lessor;
  readonly #size = new BackendSize();
  readonly #keys: KeySpace;
  readonly #alarms = new Set<MemberNumber>();
  readonly #published = new Set<MemberNumber>();
  readonly #quotaBytes: number;
  #appliedIndex = 0;

  constructor(model: StoreModel) {
    this.#quotaBytes = effectiveQuota(model.quotaBytes);
    this.leases = new Lessor(model);
    this.#keys = new KeySpace(this.leases, this.#size);
  }

  /** A store as it was; its member is not the primary of its leases. */
  static restore(snapshot: StoreSnapshot, model: StoreModel): Store {
    const store = new Store(model);
    for (const { id, ttl } of snapshot.leases) {
      store.leases.restore(id, ttl, 0);
      store.#size.add(LEASE_BYTES);
    }
    store.#keys.restore(snapshot.keySpace);
    for (const member of snapshot.alarms) store.#alarms.add(member);
    for (const member of snapshot.published) store.#published.add(member);
    store.#size.restoreMost(snapshot.backendMost);
    store.#appliedIndex = snapshot.appliedIndex;
    return store;
  }

  /** Of the last change; 1 in a new store. */
  get revision(): number {
    return this.#keys.revision;
  }

  /** -1: nothing was ever compacted. */
  get compactRevision(): number {
    return this.#keys.compactRevision;
  }

  /** Of this member's database file. */
  get backendBytes(): number {
    return this.#size.bytes;
  }

  /** Of the last request applied; entries without a request may lie behind it. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Members that raised the alarm that space is out; while there is one, nothing is written that takes space. */
  get alarms(): ReadonlySet<MemberNumber> {
    return this.#alarms;
  }

  /** Members that are known to have started. */
  get published(): ReadonlySet<MemberNumber> {
    return this.#published;
  }

  /** A member was removed: one that comes back under its number has not started yet. */
  unpublish(member: MemberNumber): void {
    this.#published.delete(member);
  }

  /**
   * Applies a committed entry, each once and in order. The request passed {@link import("./request-checks.js").refusalOf}
   * before it was proposed.
   */
  apply(request: LoggedRequest, index: number, nowUs: Micros): Applied {
    assert(index > this.#appliedIndex, "an entry is applied once, after those before it");
    this.#appliedIndex = index;
    switch (request.type) {
      case "put":
        return this.#put(request);
      case "deleteRange":
        return this.#deleteRange(request);
      case "txn":
        return this.#txn(request);
      case "compact":
        return quietly(this.#keys.compact(request.revision) ?? COMPACT);
      case "leaseGrant":
        return this.#grant(request, nowUs);
      case "leaseRevoke":
        return this.#revoke(request.id);
      case "alarm":
        return quietly(this.#alarm(request));
      case "publish":
        this.#published.add(request.member);
        return quietly(PUBLISHED);
    }
  }

  range(request: RangeRequest): Outcome {
    const { key, rangeEnd, revision = 0, limit = 0 } = request;
    const result = this.#keys.range(key, rangeEnd, revision, limit);
    return "type" in result ? result : { type: "range", kvs: result.kvs, count: result.count };
  }

  /** The key as it is now. */
  get(key: Key): KeyValue | undefined {
    return this.#keys.get(key);
  }

  /** A transaction that reads only: it does not go through the log. */
  readTxn(request: TxnRequest): Outcome {
    assert(isReadOnlyTxn(request), "a transaction that writes goes through the log");
    return this.#txn(request).outcome;
  }

  /** Every change kept from a revision on, in order: what a watch that starts there has missed. */
  eventsFrom(revision: number): readonly WatchEvent[] {
    return this.#keys.eventsFrom(revision);
  }

  /** Whether a request fits into this member's database; asked before it is proposed too, and then without raising anything here. */
  quotaAvailable(request: Request | LoggedRequest): boolean {
    const cost = quotaCost(request);
    return cost === 0 || this.#size.bytes + cost < this.#quotaBytes;
  }

  /** Gives this member's free pages back. */
  defragment(): void {
    this.#size.defragment();
  }

  snapshot(): StoreSnapshot {
    return {
      appliedIndex: this.#appliedIndex,
      keySpace: this.#keys.snapshot(),
      leases: this.leases.granted(),
      alarms: [...this.#alarms].sort(ascending),
      published: [...this.#published].sort(ascending),
      backendBytes: this.#size.bytes,
      backendMost: this.#size.most,
    };
  }

  /** Over all that members have in common; 53 bits. Walks the whole store. */
  digest(): number {
    const digest = new RunDigest();
    digest.add(this.revision);
    digest.add(this.compactRevision);
    for (const kv of this.#keys.changesThrough(this.revision)) addChange(digest, kv);
    for (const { id, ttl } of this.leases.granted()) {
      digest.add(id);
      digest.add(ttl);
    }
    digest.add(-1);
    for (const member of [...this.#alarms].sort(ascending)) digest.add(member);
    digest.add(-1);
    for (const member of [...this.#published].sort(ascending)) digest.add(member);
    return toNumber(digest);
  }

  /** etcd's HashKV: over the keys' history up to a revision (0: the latest), equal on all members at the same compacted revision. */
  hashKv(revision: number): number | Refusal {
    if (revision > 0 && revision < this.compactRevision) return COMPACTED;
    if (revision > this.revision) return FUTURE_REVISION;
    const digest = new RunDigest();
    const last = revision === 0 ? this.revision : revision;
    for (const kv of this.#keys.changesThrough(last)) addChange(digest, kv);
    return toNumber(digest);
  }

  #put(request: PutRequest): Applied {
    if (this.#alarms.size > 0) return quietly(NO_SPACE);
    if (!this.#hasLeaseOf(request)) return quietly(LEASE_NOT_FOUND);
    const isAvailable = this.quotaAvailable(request);
    this.#write(request);
    return this.#done(PUT, isAvailable);
  }

  #deleteRange(request: DeleteRangeRequest): Applied {
    const deleted = this.#keys.deleteRange(request.key, request.rangeEnd);
    return this.#done({ type: "deleteRange", deleted }, true);
  }

  /** All that could fail is looked at before anything is written, in the branch that is taken. */
  #txn(request: TxnRequest): Applied {
    if (this.#alarms.size > 0 && quotaCost(request) > 0) return quietly(NO_SPACE);
    const isAvailable = this.quotaAvailable(request);
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const branch = succeeded ? request.success : request.failure;
    const refusal = this.#branchRefusal(branch);
    if (refusal !== undefined) return quietly(refusal);
    const results = branch.map((operation) => this.#operate(operation));
    return this.#done({ type: "txn", succeeded, results }, isAvailable);
  }

  #grant(request: LeaseGrantRequest, nowUs: Micros): Applied {
    if (this.#alarms.size > 0) return quietly(NO_SPACE);
    const isAvailable = this.quotaAvailable(request);
    const lease = this.leases.grant(request.id, request.ttl, nowUs);
    if ("type" in lease) return quietly(lease);
    this.#size.add(LEASE_BYTES);
    return this.#done({ type: "lease", id: lease.id, ttl: lease.ttl }, isAvailable);
  }

  /** The keys go with the lease, in one revision. */
  #revoke(id: number): Applied {
    if (!this.leases.has(id)) return quietly(LEASE_NOT_FOUND);
    for (const key of this.leases.keysOf(id)) this.#keys.deleteRange(key, undefined);
    this.leases.remove(id);
    this.#size.free(LEASE_BYTES);
    return this.#done({ type: "lease", id, ttl: -1 }, true);
  }

  /** The members named: all that raised it, or the one it was raised or taken back for. */
  #alarm(request: AlarmRequest): Outcome {
    const { action, member } = request;
    if (action === "get") return { type: "alarm", members: [...this.#alarms].sort(ascending) };
    if (action === "activate") this.#alarms.add(member);
    else if (!this.#alarms.delete(member)) return { type: "alarm", members: [] };
    return { type: "alarm", members: [member] };
  }

  /** Over its quota the member has applied the request all the same, as all others have, but answers that it did not. */
  #done(outcome: Outcome, isAvailable: boolean): Applied {
    const events = this.#keys.commit();
    return { outcome: isAvailable ? outcome : NO_SPACE, events, raisesAlarm: !isAvailable };
  }

  #write(request: PutRequest): void {
    this.#keys.put(request.key, request.value, valueBytes(request), request.lease ?? 0);
  }

  #hasLeaseOf(request: PutRequest): boolean {
    return request.lease === undefined || request.lease === 0 || this.leases.has(request.lease);
  }

  #branchRefusal(branch: readonly TxnOperation[]): Refusal | undefined {
    for (const operation of branch)
      if (operation.type === "put" && !this.#hasLeaseOf(operation)) return LEASE_NOT_FOUND;
    for (const operation of branch) {
      if (operation.type !== "range" || operation.revision === undefined || operation.revision === 0)
        continue;
      if (operation.revision > this.revision) return FUTURE_REVISION;
      if (operation.revision < this.compactRevision) return COMPACTED;
    }
    return undefined;
  }

  #operate(operation: TxnOperation): TxnResult {
    switch (operation.type) {
      case "put":
        this.#write(operation);
        return PUT_RESULT;
      case "deleteRange":
        return { type: "deleteRange", deleted: this.#keys.deleteRange(operation.key, operation.rangeEnd) };
      case "range": {
        const outcome = this.range(operation);
        assert(outcome.type === "range", "a transaction's ranges are checked before it");
        return outcome;
      }
    }
  }

  /** A key that is not there has zeros; its value equals none and differs from none. */
  #holds(compare: Compare): boolean {
    const kv = this.#keys.get(compare.key);
    const { target, operand } = compare;
    if (target === "value") {
      if (kv === undefined) return false;
      return compares(compare.result, kv.value, typeof operand === "string" ? operand : "");
    }
    const number = kv === undefined ? 0 : kv[target];
    return compares(compare.result, number, typeof operand === "number" ? operand : 0);
  }
}

/** 0 is the default and less than 0 no quota at all, as with --quota-backend-bytes. */
function effectiveQuota(quotaBytes: number): number {
  if (quotaBytes < 0) return Number.POSITIVE_INFINITY;
  return quotaBytes === 0 ? ETCD_MODEL_DEFAULTS.quotaBytes : quotaBytes;
}

/** An outcome without a change. */
function quietly(outcome: Outcome): Applied {
  return { outcome, events: NO_EVENTS, raisesAlarm: false };
}

function compares<T extends string | number>(result: Compare["result"], a: T, b: T): boolean {
  switch (result) {
    case "equal":
      return a === b;
    case "notEqual":
      return a !== b;
    case "greater":
      return a > b;
    case "less":
      return a < b;
  }
}

function addChange(digest: RunDigest, kv: KeyValue): void {
  digest.addText(kv.key);
  digest.addText(kv.value);
  digest.add(kv.createRevision);
  digest.add(kv.modRevision);
  digest.add(kv.version);
  digest.add(kv.lease);
}

function toNumber(digest: RunDigest): number {
  return Number.parseInt(digest.hex().slice(0, 13), 16);
}

function ascending(a: number, b: number): number {
  return a - b;
}
