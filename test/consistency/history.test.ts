/** Operations as data and in words; etcd's own requests and responses fit as they are. */
import { describe, expect, it } from "vitest";
import {
  covers,
  describeOperation,
  isKvOutcome,
  isKvRequest,
  type Operation,
} from "../../src/consistency/history.js";
import type { WatchRecordResponse } from "../../src/consistency/watches.js";
import type { Request, Response, WatchResponse } from "../../src/etcd/requests.js";

/** What a recorder does with an exchange that was answered. */
function operationOf(request: Request, response: Response): Operation | undefined {
  const { header, outcome } = response;
  if (!isKvRequest(request) || !isKvOutcome(outcome)) return undefined;
  return {
    client: "P->m1",
    number: 12,
    callUs: 1_234_567,
    returnUs: 1_240_000,
    request,
    answer: { header, outcome },
  };
}

const header = { member: 0, term: 3, revision: 9 };

describe("histories", () => {
  it("take etcd's requests and responses as they are, and leave out what is not about keys", () => {
    const put: Request = { type: "put", key: "a", value: "1", bytes: 4096, lease: 7 };
    expect(operationOf(put, { header, outcome: { type: "put" } })?.request).toBe(put);
    expect(
      operationOf(put, { header, outcome: { type: "error", code: "Unknown", message: "no" } }),
    ).toBeUndefined();
    expect(operationOf({ type: "status" }, { header, outcome: { type: "moved" } })).toBeUndefined();
    const revoke: Request = { type: "leaseRevoke", id: 7 };
    expect(operationOf(revoke, { header, outcome: { type: "lease", id: 7, ttl: 0 } })).toBeDefined();
    const told: WatchResponse = { header, watch: 1, events: [] };
    const response: WatchRecordResponse = { atUs: 5, ...told };
    expect(response.header.revision).toBe(9);
  });

  it("can be read", () => {
    const txn: Request = {
      type: "txn",
      compare: [{ key: "a", target: "modRevision", result: "equal", operand: 4 }],
      success: [{ type: "put", key: "a", value: "2" }],
      failure: [{ type: "range", key: "a" }],
    };
    const kv = { key: "a", value: "1", createRevision: 2, modRevision: 5, version: 2, lease: 0 };
    const outcome = {
      type: "txn",
      succeeded: false,
      results: [{ type: "range", kvs: [kv], count: 1 }],
    } as const;
    const operation = operationOf(txn, { header, outcome });
    expect(operation && describeOperation(operation)).toBe(
      "client P->m1 #12 if modRevision(a) = 4 then put a=2 else get a -> not succeeded; " +
        "a=1 (created at 2, modified at 5, version 2) (called at 1234.567 ms, answered at 1240.000 ms, revision 9)",
    );
    const unknown: Operation = {
      client: 3,
      number: 0,
      callUs: 5,
      request: { type: "deleteRange", key: "a", rangeEnd: "\0" },
    };
    expect(describeOperation(unknown)).toBe(
      "client 3 #0 delete [a, ∞) (called at 0.005 ms, outcome unknown)",
    );
  });

  it("know etcd's ranges: one key, half open, and from a key on", () => {
    expect(["a", "b", "c"].filter((key) => covers({ key: "b" }, key))).toEqual(["b"]);
    expect(["a", "b", "c", "d"].filter((key) => covers({ key: "b", rangeEnd: "d" }, key))).toEqual([
      "b",
      "c",
    ]);
    expect(["a", "b", "c"].filter((key) => covers({ key: "b", rangeEnd: "\0" }, key))).toEqual(["b", "c"]);
  });
});
