/**
 * What clients of a key-value store with etcd's API asked and were told, as plain data, and how it is put into words. A
 * {@link Operation}'s request and answer have the shapes of etcd's own, so that a recorded request and response can be
 * handed over as they are.
 *
 * Who records decides what an error meant. A refusal that certainly had no effect (known before anything was proposed)
 * is left out; an error after which the request may or may not take effect, at any time later (a timeout, a broken
 * connection), is an operation without `returnUs` and `answer`.
 */
import type { Micros } from "../units/time.js";

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0: none. */
  readonly lease: number;
}

/** Keys from `key` to before `rangeEnd`; without an end `key` alone; "\0" as the end: every key from `key` on. */
export interface KeyRange {
  readonly key: string;
  readonly rangeEnd?: string;
}

export interface Put {
  readonly type: "put";
  readonly key: string;
  readonly value: string;
  readonly lease?: number;
}

export interface Range extends KeyRange {
  readonly type: "range";
  /** 0 or absent: the latest. */
  readonly revision?: number;
  readonly limit?: number;
  readonly serializable?: boolean;
}

export interface DeleteRange extends KeyRange {
  readonly type: "deleteRange";
}

/** A missing key has revisions and version 0, no lease, and no value that could be equal or compared. */
export interface Compare {
  readonly key: string;
  readonly target: "value" | "version" | "createRevision" | "modRevision" | "lease";
  readonly result: "equal" | "greater" | "less" | "notEqual";
  readonly operand: string | number;
}

export type TxnPart = Put | Range | DeleteRange;

export interface Txn {
  readonly type: "txn";
  readonly compare: readonly Compare[];
  readonly success: readonly TxnPart[];
  readonly failure: readonly TxnPart[];
}

/**
 * Deletes the keys attached to the lease, in one revision. The end of a lease by expiry is such an operation too: of a
 * client that stands for the server, without an answer, called when the lease was granted.
 */
export interface LeaseRevoke {
  readonly type: "leaseRevoke";
  readonly id: number;
}

export type KvRequest = Put | Range | DeleteRange | Txn | LeaseRevoke;

export interface RangeOutcome {
  readonly type: "range";
  readonly kvs: readonly KeyValue[];
  readonly count: number;
}

export type TxnPartOutcome =
  | { readonly type: "put" }
  | RangeOutcome
  | { readonly type: "deleteRange"; readonly deleted: number };

export type KvOutcome =
  | TxnPartOutcome
  | { readonly type: "txn"; readonly succeeded: boolean; readonly results: readonly TxnPartOutcome[] }
  /** Of a {@link LeaseRevoke}. */
  | { readonly type: "lease" };

export interface KvAnswer {
  /** The store's revision when the request had been applied, or when it was read. */
  readonly header: { readonly revision: number };
  readonly outcome: KvOutcome;
}

/** One request of one client. Invariant: `answer` and `returnUs` are both there or both not. */
export interface Operation {
  readonly client: string | number;
  /** The client's own count; with `client` it names the operation. */
  readonly number: number;
  readonly callUs: Micros;
  /** Absent: unknown whether it took effect, or will. */
  readonly returnUs?: Micros | undefined;
  readonly request: KvRequest;
  readonly answer?: KvAnswer | undefined;
}

/** Something that must not be, in words: who, when, what was expected. */
export interface Violation {
  /** The broken rule's short name, e.g. "watch-ordered". */
  readonly rule: string;
  /** When it showed. */
  readonly atUs: Micros;
  readonly text: string;
}

/** Whether the range holds the key; keys are ordered by UTF-16 code unit. */
export function covers(range: KeyRange, key: string): boolean {
  if (range.rangeEnd === undefined) return key === range.key;
  return key >= range.key && (range.rangeEnd === "\0" || key < range.rangeEnd);
}

/** Whether an answer says that the store changed. False for a lease's end, which does not say so. */
export function hasWritten(outcome: KvOutcome): boolean {
  switch (outcome.type) {
    case "put":
      return true;
    case "deleteRange":
      return outcome.deleted > 0;
    case "txn":
      return outcome.results.some(hasWritten);
    case "range":
    case "lease":
      return false;
  }
}

/** The key-values that an answer shows. */
export function shownKvs(outcome: KvOutcome): readonly KeyValue[] {
  if (outcome.type === "range") return outcome.kvs;
  if (outcome.type === "txn") return outcome.results.flatMap(shownKvs);
  return [];
}

/** Milliseconds to the µs, e.g. "at 1234.567 ms". */
export function atText(us: Micros): string {
  return `at ${(us / 1000).toFixed(3)} ms`;
}

/** An operation in one line. */
export function describeOperation(operation: Operation): string {
  const { callUs, returnUs, request, answer } = operation;
  const who = `${nameOf(operation)} ${describeRequest(request)}`;
  const called = `called ${atText(callUs)}`;
  if (answer === undefined || returnUs === undefined) return `${who} (${called}, outcome unknown)`;
  const told = describeOutcome(answer.outcome);
  return `${who} -> ${told} (${called}, answered ${atText(returnUs)}, revision ${answer.header.revision})`;
}

/** Who and which, e.g. "client P->m1 #12". */
export function nameOf(operation: { readonly client: string | number; readonly number: number }): string {
  return `client ${operation.client} #${operation.number}`;
}

export function describeRequest(request: KvRequest): string {
  switch (request.type) {
    case "put":
      return `put ${request.key}=${request.value}${request.lease ? ` with lease ${request.lease}` : ""}`;
    case "range":
      return `${request.serializable ? "serializable " : ""}get ${rangeText(request)}${
        request.revision ? ` at revision ${request.revision}` : ""
      }`;
    case "deleteRange":
      return `delete ${rangeText(request)}`;
    case "leaseRevoke":
      return `revoke lease ${request.id}`;
    case "txn": {
      const parts = (list: readonly TxnPart[]) =>
        list.length === 0 ? "nothing" : list.map(describeRequest).join(", ");
      const otherwise = request.failure.length === 0 ? "" : ` else ${parts(request.failure)}`;
      return `if ${request.compare.map(compareText).join(" and ") || "true"} then ${parts(request.success)}${otherwise}`;
    }
  }
}

export function describeKv(kv: KeyValue): string {
  const lease = kv.lease === 0 ? "" : `, lease ${kv.lease}`;
  return `${kv.key}=${kv.value} (created at ${kv.createRevision}, modified at ${kv.modRevision}, version ${kv.version}${lease})`;
}

export function rangeText(range: KeyRange): string {
  if (range.rangeEnd === undefined) return range.key;
  return range.rangeEnd === "\0" ? `[${range.key}, ∞)` : `[${range.key}, ${range.rangeEnd})`;
}

function describeOutcome(outcome: KvOutcome): string {
  switch (outcome.type) {
    case "put":
    case "lease":
      return "ok";
    case "range":
      return outcome.kvs.length === 0 ? "nothing" : outcome.kvs.map(describeKv).join(", ");
    case "deleteRange":
      return `${outcome.deleted} deleted`;
    case "txn":
      return `${outcome.succeeded ? "succeeded" : "not succeeded"}${outcome.results
        .map((result) => `; ${describeOutcome(result)}`)
        .join("")}`;
  }
}

const RELATIONS = { equal: "=", greater: ">", less: "<", notEqual: "≠" } as const;

function compareText(compare: Compare): string {
  return `${compare.target}(${compare.key}) ${RELATIONS[compare.result]} ${compare.operand}`;
}

const REQUEST_TYPES: ReadonlySet<string> = new Set(["put", "range", "deleteRange", "txn", "leaseRevoke"]);
const OUTCOME_TYPES: ReadonlySet<string> = new Set(["put", "range", "deleteRange", "txn", "lease"]);

/** Whether a request is one of those that histories are made of. */
export function isKvRequest<Request extends { readonly type: string }>(
  request: Request,
): request is Request & KvRequest {
  return REQUEST_TYPES.has(request.type);
}

/** Whether an outcome belongs to one of those requests; errors do not. */
export function isKvOutcome<Outcome extends { readonly type: string }>(
  outcome: Outcome,
): outcome is Outcome & KvOutcome {
  return OUTCOME_TYPES.has(outcome.type);
}
