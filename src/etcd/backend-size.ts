/** How large the database file (bbolt) is, and what a request is charged against its quota. */
import { assert } from "../assert.js";
import type { DeleteRangeRequest, PutRequest, RangeRequest, Request } from "./requests.js";

/** A page, and the file of a member that has stored nothing yet. */
const PAGE_BYTES = 4096;
const EMPTY_PAGES = 5;

/** Leaves are filled so far when keys come in ascending order, as revisions do (server/mvcc/backend: UnsafeSeqPut). */
const FILL = 0.9;

/** Per kept revision besides key and value: bbolt's leaf element (16), the revision as a key (17), protobuf's tags and numbers (about 15). */
const REVISION_OVERHEAD_BYTES = 48;

/** Per lease: leaf element, identity and value. */
export const LEASE_BYTES = 40;

/** What quota.go charges beyond key and value, and for a lease. */
const QUOTA_PUT_OVERHEAD_BYTES = 256;
const QUOTA_LEASE_BYTES = 64;

/** Bytes in use and bytes taken: freed pages are used again, but the file never shrinks unless it is defragmented. */
export class BackendSize {
  #used = 0;
  #most = 0;

  /** Of the file, whole pages. An approximation from above: bbolt's copies of pages on their way are not counted. */
  get bytes(): number {
    return (EMPTY_PAGES + Math.ceil(this.#most / FILL / PAGE_BYTES)) * PAGE_BYTES;
  }

  /** Of the entries in use. */
  get used(): number {
    return this.#used;
  }

  /** The most that was ever in use since the last defragmentation. */
  get most(): number {
    return this.#most;
  }

  add(bytes: number): void {
    this.#used += bytes;
    if (this.#used > this.#most) this.#most = this.#used;
  }

  free(bytes: number): void {
    this.#used -= bytes;
  }

  defragment(): void {
    this.#most = this.#used;
  }

  /** A copy of the file has its free pages too. */
  restoreMost(most: number): void {
    assert(most >= this.#used, "no more is in use than ever was");
    this.#most = most;
  }
}

/** Bytes that one revision of a key takes. */
export function revisionBytes(keyBytes: number, valueBytes: number): number {
  return REVISION_OVERHEAD_BYTES + keyBytes + valueBytes;
}

/** Bytes of a put's value: those it stands for, or its text's. */
export function valueBytes(request: PutRequest): number {
  return Math.max(request.bytes ?? 0, request.value.length);
}

/** What a request is charged before it is applied; 0: it takes no space (server/etcdserver/quota.go). */
export function quotaCost(request: Request | { readonly type: "publish" }): number {
  switch (request.type) {
    case "put":
      return putCost(request);
    case "txn":
      return Math.max(branchCost(request.success), branchCost(request.failure));
    case "leaseGrant":
      return QUOTA_LEASE_BYTES;
    default:
      return 0;
  }
}

function putCost(request: PutRequest): number {
  return QUOTA_PUT_OVERHEAD_BYTES + request.key.length + valueBytes(request);
}

function branchCost(operations: readonly (PutRequest | RangeRequest | DeleteRangeRequest)[]): number {
  let cost = 0;
  for (const operation of operations) if (operation.type === "put") cost += putCost(operation);
  return cost;
}
