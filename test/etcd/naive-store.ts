/**
 * An obvious twin of the store: every change ever made in one list, everything else worked out from it each time. It
 * never forgets; compaction is a number.
 */
import * as fc from "fast-check";
import type {
  Compare,
  Key,
  KeyValue,
  LoggedRequest,
  Outcome,
  RangeRequest,
  TxnOperation,
  TxnRequest,
  TxnResult,
  WatchEvent,
} from "../../src/etcd/requests.js";

interface Change {
  readonly revision: number;
  readonly key: Key;
  readonly put?: { readonly value: string; readonly lease: number };
}

export const COMPACTED: Outcome = {
  type: "error",
  code: "OutOfRange",
  message: "etcdserver: mvcc: required revision has been compacted",
};
export const FUTURE: Outcome = {
  type: "error",
  code: "OutOfRange",
  message: "etcdserver: mvcc: required revision is a future revision",
};
export const NO_LEASE: Outcome = {
  type: "error",
  code: "NotFound",
  message: "etcdserver: requested lease not found",
};
export const NO_SPACE: Outcome = {
  type: "error",
  code: "ResourceExhausted",
  message: "etcdserver: mvcc: database space exceeded",
};

export class NaiveStore {
  revision = 1;
  compactRevision = -1;
  readonly changes: Change[] = [];
  readonly leases = new Map<number, number>();
  readonly alarms = new Set<number>();

  apply(request: LoggedRequest): Outcome {
    const outcome = this.#apply(request);
    if (this.changes.at(-1)?.revision === this.revision + 1) this.revision++;
    return outcome;
  }

  at(key: Key, revision: number): KeyValue | undefined {
    let kv: KeyValue | undefined;
    for (const change of this.changes) {
      if (change.key !== key || change.revision > revision) continue;
      kv =
        change.put === undefined
          ? undefined
          : {
              key,
              value: change.put.value,
              createRevision: kv?.createRevision ?? change.revision,
              modRevision: change.revision,
              version: (kv?.version ?? 0) + 1,
              lease: change.put.lease,
            };
    }
    return kv;
  }

  range(request: RangeRequest): Outcome {
    const now = this.#now();
    const revision = request.revision ?? 0;
    if (revision > now) return FUTURE;
    if (revision > 0 && revision < this.compactRevision) return COMPACTED;
    const kvs = this.#live(request.key, request.rangeEnd, revision > 0 ? revision : now);
    const limit = request.limit ?? 0;
    return { type: "range", kvs: limit > 0 ? kvs.slice(0, limit) : kvs, count: kvs.length };
  }

  /** What a watch of the range that starts at the revision should have seen until now. */
  events(key: Key, rangeEnd: Key | undefined, from: number): WatchEvent[] {
    const events: WatchEvent[] = [];
    for (const change of this.changes) {
      if (change.revision < from || !within(change.key, key, rangeEnd)) continue;
      const kv = this.at(change.key, change.revision);
      events.push(
        kv === undefined
          ? {
              type: "delete",
              kv: {
                key: change.key,
                value: "",
                createRevision: 0,
                modRevision: change.revision,
                version: 0,
                lease: 0,
              },
            }
          : { type: "put", kv },
      );
    }
    return events;
  }

  #apply(request: LoggedRequest): Outcome {
    switch (request.type) {
      case "put":
        if (this.alarms.size > 0) return NO_SPACE;
        if (!this.#knows(request.lease)) return NO_LEASE;
        this.#operate(request);
        return { type: "put" };
      case "deleteRange":
        return { type: "deleteRange", deleted: this.#deleteRange(request.key, request.rangeEnd) };
      case "txn":
        return this.#txn(request);
      case "compact":
        if (request.revision <= this.compactRevision) return COMPACTED;
        if (request.revision > this.revision) return FUTURE;
        this.compactRevision = request.revision;
        return { type: "compact" };
      case "leaseGrant":
        if (this.alarms.size > 0) return NO_SPACE;
        if (request.id === 0) return NO_LEASE;
        if (this.leases.has(request.id))
          return { type: "error", code: "FailedPrecondition", message: "etcdserver: lease already exists" };
        this.leases.set(request.id, Math.max(2, request.ttl));
        return { type: "lease", id: request.id, ttl: Math.max(2, request.ttl) };
      case "leaseRevoke": {
        if (!this.leases.delete(request.id)) return NO_LEASE;
        const revision = this.revision + 1;
        for (const kv of this.#live("\0", "\0", this.revision))
          if (kv.lease === request.id) this.changes.push({ revision, key: kv.key });
        return { type: "lease", id: request.id, ttl: -1 };
      }
      case "alarm": {
        const { action, member } = request;
        if (action === "get") return { type: "alarm", members: [...this.alarms].sort((a, b) => a - b) };
        const was = this.alarms.has(member);
        if (action === "activate") this.alarms.add(member);
        else this.alarms.delete(member);
        return { type: "alarm", members: action === "activate" || was ? [member] : [] };
      }
      case "publish":
        return { type: "published" };
    }
  }

  #txn(request: TxnRequest): Outcome {
    const takesSpace = [...request.success, ...request.failure].some(({ type }) => type === "put");
    if (this.alarms.size > 0 && takesSpace) return NO_SPACE;
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const branch = succeeded ? request.success : request.failure;
    for (const operation of branch)
      if (operation.type === "put" && !this.#knows(operation.lease)) return NO_LEASE;
    for (const operation of branch) {
      if (operation.type !== "range") continue;
      const outcome = this.range(operation);
      if (outcome.type === "error") return outcome;
    }
    return { type: "txn", succeeded, results: branch.map((operation) => this.#operate(operation)) };
  }

  #operate(operation: TxnOperation): TxnResult {
    if (operation.type === "put") {
      const { key, value, lease = 0 } = operation;
      this.changes.push({ revision: this.revision + 1, key, put: { value, lease } });
      return { type: "put" };
    }
    if (operation.type === "deleteRange")
      return { type: "deleteRange", deleted: this.#deleteRange(operation.key, operation.rangeEnd) };
    const outcome = this.range(operation);
    if (outcome.type !== "range") throw new Error("checked before");
    return outcome;
  }

  #deleteRange(key: Key, rangeEnd: Key | undefined): number {
    const live = this.#live(key, rangeEnd, this.#now());
    for (const kv of live) this.changes.push({ revision: this.revision + 1, key: kv.key });
    return live.length;
  }

  #now(): number {
    return Math.max(this.revision, this.changes.at(-1)?.revision ?? 0);
  }

  #live(key: Key, rangeEnd: Key | undefined, revision: number): KeyValue[] {
    const keys = [...new Set(this.changes.map((change) => change.key))].sort();
    return keys
      .filter((candidate) => within(candidate, key, rangeEnd))
      .flatMap((candidate) => this.at(candidate, revision) ?? []);
  }

  #knows(lease: number | undefined): boolean {
    return lease === undefined || lease === 0 || this.leases.has(lease);
  }

  #holds({ key, target, result, operand }: Compare): boolean {
    const kv = this.at(key, this.revision);
    if (kv === undefined && target === "value") return false;
    const own = kv?.[target] ?? 0;
    if (result === "equal") return own === operand;
    if (result === "notEqual") return own !== operand;
    return result === "greater" ? own > operand : own < operand;
  }
}

function within(candidate: Key, key: Key, rangeEnd: Key | undefined): boolean {
  if (!rangeEnd) return candidate === key;
  return candidate >= key && (rangeEnd === "\0" || candidate < rangeEnd);
}

const key = fc.constantFrom("a", "b", "ba", "c", "d", "é", "zz");
const rangeEnd = fc.constantFrom<Key | undefined>(undefined, undefined, "", "\0", "b", "c", "e");
const lease = fc.constantFrom(0, 0, 1, 2, 3);

function spread<K extends string, T>(name: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: T };
}

const put = fc
  .record({ key, value: fc.constantFrom("", "x", "y", "xy"), lease })
  .map((fields) => ({ type: "put" as const, ...fields }));
const deleteRange = fc.record({ key, rangeEnd }).map((fields) => ({
  type: "deleteRange" as const,
  key: fields.key,
  ...spread("rangeEnd", fields.rangeEnd),
}));
export const anyRange: fc.Arbitrary<RangeRequest> = fc
  .record({ key, rangeEnd, revision: fc.constantFrom(0, 0, 1, 2, 3, 5, 8, 13, 21), limit: fc.nat(3) })
  .map(({ rangeEnd: end, ...fields }) => ({ type: "range" as const, ...fields, ...spread("rangeEnd", end) }));
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({
    key,
    target: fc.constant("value" as const),
    result: fc.constantFrom("equal", "greater", "less", "notEqual"),
    operand: fc.constantFrom("", "x", "y"),
  }),
  fc.record({
    key,
    target: fc.constantFrom("version", "createRevision", "modRevision", "lease"),
    result: fc.constantFrom("equal", "greater", "less", "notEqual"),
    operand: fc.nat(6),
  }),
);
const operations = fc.array(
  fc.oneof(
    { arbitrary: put, weight: 3 },
    { arbitrary: deleteRange, weight: 1 },
    { arbitrary: anyRange, weight: 1 },
  ),
  { maxLength: 4 },
);
export const anyTxn: fc.Arbitrary<TxnRequest> = fc
  .record({ compare: fc.array(compare, { maxLength: 2 }), success: operations, failure: operations })
  .map((fields) => ({ type: "txn" as const, ...fields }));

/** Any entry of the log. */
export const anyRequest: fc.Arbitrary<LoggedRequest> = fc.oneof(
  { arbitrary: put, weight: 12 },
  { arbitrary: deleteRange, weight: 4 },
  { arbitrary: anyTxn, weight: 6 },
  { arbitrary: fc.record({ type: fc.constant("compact" as const), revision: fc.nat(25) }), weight: 2 },
  {
    arbitrary: fc.record({
      type: fc.constant("leaseGrant" as const),
      id: fc.nat(3),
      ttl: fc.constantFrom(1, 2, 30),
    }),
    weight: 4,
  },
  { arbitrary: fc.record({ type: fc.constant("leaseRevoke" as const), id: fc.nat(3) }), weight: 2 },
  {
    arbitrary: fc.record({
      type: fc.constant("alarm" as const),
      action: fc.constantFrom("get", "activate", "deactivate", "deactivate", "deactivate"),
      alarm: fc.constant("nospace" as const),
      member: fc.nat(1),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ type: fc.constant("publish" as const), member: fc.nat(2) }), weight: 1 },
);
