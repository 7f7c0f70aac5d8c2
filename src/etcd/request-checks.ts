/** What a member's API looks at before it proposes or answers a request (etcd 3.5: api/v3rpc/key.go). */
import type { Key, Outcome, Request, TxnOperation, TxnRequest } from "./requests.js";
import { DUPLICATE_KEY, EMPTY_KEY, type Refusal, TOO_MANY_OPERATIONS } from "./store-errors.js";

/** Operations of one branch, and compares, at most (--max-txn-ops). */
export const TXN_OPERATIONS_MAX = 128;

/**
 * Whether a request's key is in the half-open range; no end: the key alone; the end "\0": every key from `key` on.
 */
export function isInRange(candidate: Key, key: Key, rangeEnd: Key | undefined): boolean {
  if (rangeEnd === undefined || rangeEnd === "") return candidate === key;
  return candidate >= key && (rangeEnd === "\0" || candidate < rangeEnd);
}

/** Why a request is refused before it is proposed; undefined: it is not. */
export function refusalOf(request: Request): Refusal | undefined {
  switch (request.type) {
    case "put":
    case "range":
    case "deleteRange":
      return request.key === "" ? EMPTY_KEY : undefined;
    case "txn":
      return txnRefusal(request);
    default:
      return undefined;
  }
}

/** Such a transaction needs no log: it is answered like a range, after a ReadIndex or at once. */
export function isReadOnlyTxn(request: TxnRequest): boolean {
  return request.success.every(isRange) && request.failure.every(isRange);
}

/** A read-only transaction all of whose ranges are serializable needs no ReadIndex either. */
export function isSerializableTxn(request: TxnRequest): boolean {
  return request.success.every(isSerializable) && request.failure.every(isSerializable);
}

/** Whether the outcome of a request that went through the log is an error. */
export function isRefusal(outcome: Outcome): outcome is Refusal {
  return outcome.type === "error";
}

function txnRefusal(request: TxnRequest): Refusal | undefined {
  const { compare, success, failure } = request;
  if (Math.max(compare.length, success.length, failure.length) > TXN_OPERATIONS_MAX)
    return TOO_MANY_OPERATIONS;
  for (const { key } of compare) if (key === "") return EMPTY_KEY;
  for (const { key } of success) if (key === "") return EMPTY_KEY;
  for (const { key } of failure) if (key === "") return EMPTY_KEY;
  return hasDuplicateKey(success) || hasDuplicateKey(failure) ? DUPLICATE_KEY : undefined;
}

/** A branch may put a key once, and not delete what it puts; deletes may overlap. */
function hasDuplicateKey(operations: readonly TxnOperation[]): boolean {
  const puts = new Set<Key>();
  for (const operation of operations) {
    if (operation.type !== "put") continue;
    if (puts.has(operation.key)) return true;
    puts.add(operation.key);
  }
  for (const operation of operations) {
    if (operation.type !== "deleteRange") continue;
    for (const key of puts) if (isInRange(key, operation.key, operation.rangeEnd)) return true;
  }
  return false;
}

function isRange(operation: TxnOperation): boolean {
  return operation.type === "range";
}

function isSerializable(operation: TxnOperation): boolean {
  return operation.type === "range" && operation.serializable === true;
}
