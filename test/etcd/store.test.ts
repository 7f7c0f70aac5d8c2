/** The key space and its requests, against an obvious twin and as cases. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isReadOnlyTxn, isSerializableTxn, refusalOf } from "../../src/etcd/request-checks.js";
import type { KeyValue, LoggedRequest, Outcome, Request } from "../../src/etcd/requests.js";
import { Store } from "../../src/etcd/store.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import { anyRange, anyRequest, anyTxn, COMPACTED, FUTURE, NaiveStore, NO_LEASE } from "./naive-store.js";

const MODEL = { electionUs: SECOND, heartbeatUs: 100 * MILLISECOND, quotaBytes: 0 };

const log = fc.array(anyRequest, { minLength: 1, maxLength: 60 }).map((requests) =>
  // What the API refuses never reaches the log.
  requests.filter((request) => request.type === "publish" || refusalOf(request) === undefined),
);

function applied(requests: readonly LoggedRequest[], store = new Store(MODEL)): Outcome[] {
  return requests.map((request) => store.apply(request, store.appliedIndex + 1, 0).outcome);
}

function put(key: string, value = "v", lease = 0): LoggedRequest {
  return { type: "put", key, value, lease };
}

describe("The store and its twin that keeps every change in one list", () => {
  it("have the same outcomes, the same events and the same revisions", () => {
    fc.assert(
      fc.property(log, (requests) => {
        const store = new Store(MODEL);
        const twin = new NaiveStore();
        requests.forEach((request, i) => {
          const before = twin.revision;
          const outcome = twin.apply(request);
          const { outcome: own, events } = store.apply(request, i + 1, 0);
          expect(own).toEqual(outcome);
          expect(store.revision).toBe(twin.revision);
          expect(store.compactRevision).toBe(twin.compactRevision);
          expect(events).toEqual(twin.events("\0", "\0", before + 1));
        });
      }),
      { numRuns: 300 },
    );
  });

  it("read the same at every revision that is not compacted, and refuse the others alike", () => {
    fc.assert(
      fc.property(log, fc.array(anyRange, { minLength: 1, maxLength: 5 }), (requests, ranges) => {
        const store = new Store(MODEL);
        const twin = new NaiveStore();
        applied(requests, store);
        for (const request of requests) twin.apply(request);
        for (const range of ranges)
          for (let revision = 0; revision <= twin.revision + 1; revision++)
            expect(store.range({ ...range, revision })).toEqual(twin.range({ ...range, revision }));
      }),
      { numRuns: 100 },
    );
  });

  it("know every change from the compacted revision on", () => {
    fc.assert(
      fc.property(log, (requests) => {
        const store = new Store(MODEL);
        const twin = new NaiveStore();
        for (const request of requests) {
          applied([request], store);
          twin.apply(request);
          for (const from of [twin.compactRevision, twin.revision - 1, twin.revision])
            if (from >= twin.compactRevision)
              expect(store.eventsFrom(from)).toEqual(twin.events("\0", "\0", from));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("answer a transaction that only reads alike, without a revision of its own", () => {
    fc.assert(
      fc.property(log, anyTxn, (requests, txn) => {
        const reading = {
          ...txn,
          success: txn.success.filter(({ type }) => type === "range"),
          failure: txn.failure.filter(({ type }) => type === "range"),
        };
        expect(isReadOnlyTxn(reading)).toBe(true);
        const store = new Store(MODEL);
        const twin = new NaiveStore();
        applied(requests, store);
        for (const request of requests) twin.apply(request);
        const { revision } = store;
        expect(store.readTxn(reading)).toEqual(twin.apply(reading));
        expect(store.revision).toBe(revision);
      }),
      { numRuns: 100 },
    );
  });
});

describe("Members that applied the same log", () => {
  it("have the same digest and the same hash of every revision", () => {
    fc.assert(
      fc.property(log, (requests) => {
        const [one, other] = [new Store(MODEL), new Store({ ...MODEL, quotaBytes: -1 })];
        applied(requests, one);
        other.leases.promote(SECOND, 5);
        requests.forEach((request, i) => void other.apply(request, i + 1, 7 * i));
        other.defragment();
        expect(other.digest()).toBe(one.digest());
        for (let revision = 0; revision <= one.revision; revision++)
          expect(other.hashKv(revision)).toEqual(one.hashKv(revision));
      }),
      { numRuns: 100 },
    );
  });

  it("have another digest as soon as one key, lease, alarm or start differs", () => {
    const common = [put("a"), { type: "leaseGrant", id: 7, ttl: 10 } as const];
    const last: LoggedRequest[] = [
      put("a"),
      put("b"),
      put("a", "w"),
      put("a", "v", 7),
      { type: "leaseGrant", id: 8, ttl: 10 },
      { type: "leaseGrant", id: 8, ttl: 11 },
      { type: "leaseRevoke", id: 7 },
      { type: "alarm", action: "activate", alarm: "nospace", member: 0 },
      { type: "publish", member: 0 },
      { type: "compact", revision: 1 },
      { type: "deleteRange", key: "a" },
    ];
    const digests = last.map((request) => {
      const store = new Store(MODEL);
      applied([...common, request], store);
      return store.digest();
    });
    expect(new Set(digests).size).toBe(last.length);
  });

  it("are equal too if one of them got a snapshot in between", () => {
    fc.assert(
      fc.property(log, fc.nat(), (requests, cut) => {
        const at = cut % (requests.length + 1);
        const whole = new Store(MODEL);
        const outcomes = applied(requests.slice(0, at), whole);
        const snapshot = whole.snapshot();
        const frozen = JSON.stringify(snapshot);
        const copy = Store.restore(snapshot, MODEL);
        expect(copy.digest()).toBe(whole.digest());
        expect(copy.backendBytes).toBe(whole.backendBytes);
        outcomes.push(...applied(requests.slice(at), whole));
        expect(applied(requests.slice(at), copy)).toEqual(outcomes.slice(at));
        expect(copy.digest()).toBe(whole.digest());
        expect(copy.appliedIndex).toBe(whole.appliedIndex);
        expect(copy.hashKv(0)).toEqual(whole.hashKv(0));
        expect(JSON.stringify(snapshot)).toBe(frozen);
        expect(Store.restore(snapshot, MODEL).digest()).toBe(Store.restore(snapshot, MODEL).digest());
      }),
      { numRuns: 150 },
    );
  });
});

describe("A revision", () => {
  it("is 1 in a new store, one more after each request that changes something, and the same after one that does not", () => {
    const store = new Store(MODEL);
    expect(store.revision).toBe(1);
    const revisions = [
      put("a"),
      { type: "deleteRange", key: "nothing" } as const,
      { type: "deleteRange", key: "a" } as const,
      { type: "leaseGrant", id: 1, ttl: 5 } as const,
      { type: "leaseRevoke", id: 1 } as const,
    ].map((request, i) => {
      store.apply(request, i + 1, 0);
      return store.revision;
    });
    expect(revisions).toEqual([2, 2, 3, 3, 3]);
  });

  it("is shared by all operations of a transaction, which see each other's writes", () => {
    const store = new Store(MODEL);
    applied([put("old")], store);
    const { outcome, events } = store.apply(
      {
        type: "txn",
        compare: [{ key: "new", target: "version", result: "equal", operand: 0 }],
        success: [
          { type: "range", key: "\0", rangeEnd: "\0" },
          { type: "put", key: "new", value: "1" },
          { type: "deleteRange", key: "old" },
          { type: "range", key: "\0", rangeEnd: "\0" },
        ],
        failure: [],
      },
      2,
      0,
    );
    const old: KeyValue = { key: "old", value: "v", createRevision: 2, modRevision: 2, version: 1, lease: 0 };
    const made: KeyValue = {
      key: "new",
      value: "1",
      createRevision: 3,
      modRevision: 3,
      version: 1,
      lease: 0,
    };
    expect(outcome).toEqual({
      type: "txn",
      succeeded: true,
      results: [
        { type: "range", kvs: [old], count: 1 },
        { type: "put" },
        { type: "deleteRange", deleted: 1 },
        { type: "range", kvs: [made], count: 1 },
      ],
    });
    expect(store.revision).toBe(3);
    expect(events.map(({ type, kv }) => [type, kv.key, kv.modRevision])).toEqual([
      ["put", "new", 3],
      ["delete", "old", 3],
    ]);
  });

  it("starts a key's versions anew after its deletion", () => {
    const store = new Store(MODEL);
    applied([put("a"), put("a"), { type: "deleteRange", key: "a" }, put("a", "again")], store);
    expect(store.get("a")).toEqual({
      key: "a",
      value: "again",
      createRevision: 5,
      modRevision: 5,
      version: 1,
      lease: 0,
    });
  });
});

describe("A transaction", () => {
  it("writes nothing at all when one of its leases or revisions is refused", () => {
    const store = new Store(MODEL);
    applied([put("a"), put("a"), { type: "compact", revision: 3 }], store);
    const { revision } = store;
    const refused: [LoggedRequest, Outcome][] = [
      [
        {
          type: "txn",
          compare: [],
          success: [
            { type: "put", key: "b", value: "" },
            { type: "put", key: "c", value: "", lease: 9 },
          ],
          failure: [],
        },
        NO_LEASE,
      ],
      [
        {
          type: "txn",
          compare: [],
          success: [
            { type: "put", key: "b", value: "" },
            { type: "range", key: "a", revision: 2 },
          ],
          failure: [],
        },
        COMPACTED,
      ],
      [
        {
          type: "txn",
          compare: [],
          success: [
            { type: "put", key: "b", value: "" },
            { type: "range", key: "a", revision: 4 },
          ],
          failure: [],
        },
        FUTURE,
      ],
    ];
    for (const [request, outcome] of refused) expect(applied([request], store)).toEqual([outcome]);
    expect(store.revision).toBe(revision);
    expect(store.get("b")).toBeUndefined();
  });

  it("does not look at the leases of the branch that is not taken", () => {
    const store = new Store(MODEL);
    const outcomes = applied(
      [{ type: "txn", compare: [], success: [], failure: [{ type: "put", key: "a", value: "", lease: 9 }] }],
      store,
    );
    expect(outcomes).toEqual([{ type: "txn", succeeded: true, results: [] }]);
  });

  it("finds that the value of a key that is not there neither equals nor differs from anything", () => {
    for (const result of ["equal", "notEqual", "greater", "less"] as const) {
      const [outcome] = applied([
        {
          type: "txn",
          compare: [{ key: "none", target: "value", result, operand: "" }],
          success: [],
          failure: [],
        },
      ]);
      expect(outcome).toEqual({ type: "txn", succeeded: false, results: [] });
    }
  });
});

describe("Before a request is proposed", () => {
  const EMPTY = "etcdserver: key is not provided";
  const DUPLICATE = "etcdserver: duplicate key given in txn request";
  const txn = (...success: [string, string, string?][]): Request => ({
    type: "txn",
    compare: [],
    success: success.map(([type, key, rangeEnd]) =>
      type === "put"
        ? { type, key, value: "" }
        : { type: "deleteRange", key, ...(rangeEnd === undefined ? {} : { rangeEnd }) },
    ),
    failure: [],
  });
  const manyPuts = Array.from({ length: 129 }, (_, i): [string, string] => ["put", `k${i}`]);
  const cases: [string, Request, string | undefined][] = [
    ["a put without a key is refused", { type: "put", key: "", value: "" }, EMPTY],
    ["a range without a key is refused", { type: "range", key: "", rangeEnd: "\0" }, EMPTY],
    ["a delete without a key is refused", { type: "deleteRange", key: "" }, EMPTY],
    ["a put without a key in a transaction is refused", txn(["put", ""]), EMPTY],
    [
      "a key is needed in what is done on failure",
      { type: "txn", compare: [], success: [], failure: [{ type: "put", key: "", value: "" }] },
      EMPTY,
    ],
    [
      "a key is needed in a compare",
      {
        type: "txn",
        compare: [{ key: "", target: "version", result: "equal", operand: 0 }],
        success: [],
        failure: [],
      },
      EMPTY,
    ],
    ["a key put twice is refused", txn(["put", "a"], ["put", "a"]), DUPLICATE],
    ["a key put and deleted is refused", txn(["put", "a"], ["delete", "a"]), DUPLICATE],
    ["a key deleted by a range and put is refused", txn(["delete", "a", "c"], ["put", "b"]), DUPLICATE],
    ["a key deleted from a key on and put is refused", txn(["delete", "a", "\0"], ["put", "b"]), DUPLICATE],
    ["a key at the end of a deleted range may be put", txn(["delete", "a", "c"], ["put", "c"]), undefined],
    ["deletes may overlap", txn(["delete", "a", "c"], ["delete", "b"]), undefined],
    ["128 operations are allowed", txn(...manyPuts.slice(1)), undefined],
    ["129 operations are refused", txn(...manyPuts), "etcdserver: too many operations in txn request"],
  ];
  it.each(cases)("%s", (_, request, message) => {
    expect(refusalOf(request)?.message).toBe(message);
  });

  it("a transaction of serializable ranges asks nobody, one of other ranges the leader, any other the log", () => {
    const make = (serializable: boolean, writes: boolean) => ({
      type: "txn" as const,
      compare: [],
      success: [{ type: "range" as const, key: "a", serializable }],
      failure: writes ? [{ type: "put" as const, key: "a", value: "" }] : [],
    });
    expect([isReadOnlyTxn(make(true, false)), isSerializableTxn(make(true, false))]).toEqual([true, true]);
    expect([isReadOnlyTxn(make(false, false)), isSerializableTxn(make(false, false))]).toEqual([true, false]);
    expect([isReadOnlyTxn(make(true, true)), isSerializableTxn(make(true, true))]).toEqual([false, false]);
  });
});

describe("Compaction", () => {
  it("is refused at or below the last one and beyond the store's revision", () => {
    const outcomes = applied([
      { type: "compact", revision: 0 },
      { type: "compact", revision: 0 },
      put("a"),
      { type: "compact", revision: 3 },
      { type: "compact", revision: 2 },
      { type: "compact", revision: 2 },
    ]);
    expect(outcomes).toEqual([
      { type: "compact" },
      COMPACTED,
      { type: "put" },
      FUTURE,
      { type: "compact" },
      COMPACTED,
    ]);
  });

  it("keeps a deletion of its own revision for watches that start there, until the next one", () => {
    const store = new Store(MODEL);
    applied([put("a"), { type: "deleteRange", key: "a" }, { type: "compact", revision: 3 }], store);
    expect(store.eventsFrom(3).map(({ type, kv }) => [type, kv.key])).toEqual([["delete", "a"]]);
    applied([put("b"), { type: "compact", revision: 4 }], store);
    expect(store.eventsFrom(0).map(({ type, kv }) => [type, kv.key])).toEqual([["put", "b"]]);
  });

  it("forgets an earlier deletion, of a key that came back too", () => {
    const store = new Store(MODEL);
    const gone = { type: "deleteRange", key: "a" } as const;
    applied([put("a"), gone, put("b"), put("a"), put("a"), { type: "compact", revision: 4 }], store);
    expect(store.eventsFrom(0).map(({ kv }) => [kv.key, kv.modRevision])).toEqual([
      ["b", 4],
      ["a", 5],
      ["a", 6],
    ]);
  });

  it("leaves the hash of later revisions as it is for those who do not write any more", () => {
    const store = new Store(MODEL);
    applied([put("a"), put("b"), put("a"), put("c"), { type: "compact", revision: 3 }], store);
    const hashes = [3, 4, 5].map((revision) => store.hashKv(revision));
    expect(store.hashKv(2)).toEqual(COMPACTED);
    expect(store.hashKv(6)).toEqual(FUTURE);
    applied([put("a"), put("d")], store);
    expect([3, 4, 5].map((revision) => store.hashKv(revision))).toEqual(hashes);
    expect(new Set(hashes).size).toBe(3);
  });
});
