/** The size of a member's database, its quota and the alarm. */
import { describe, expect, it } from "vitest";
import type { LoggedRequest, Outcome } from "../../src/etcd/requests.js";
import { Store } from "../../src/etcd/store.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import { NO_SPACE } from "./naive-store.js";

const MEBIBYTE = 1024 * 1024;

function storeOf(quotaBytes: number): Store {
  return new Store({ electionUs: SECOND, heartbeatUs: 100 * MILLISECOND, quotaBytes });
}

function apply(store: Store, request: LoggedRequest): Outcome {
  return store.apply(request, store.appliedIndex + 1, 0).outcome;
}

function put(key: string, bytes: number): LoggedRequest & { type: "put" } {
  return { type: "put", key, value: "", bytes };
}

describe("The database file", () => {
  it("holds twenty kilobytes when empty and grows with every revision, overwritten ones included", () => {
    const store = storeOf(0);
    expect(store.backendBytes).toBe(20 * 1024);
    for (let i = 0; i < 100; i++) apply(store, put("same", 10_000));
    expect(store.backendBytes).toBeGreaterThan(MEBIBYTE);
    expect(store.backendBytes).toBeLessThan(1.2 * MEBIBYTE);
  });

  it("does not shrink with a compaction, fills its free pages first, and shrinks when defragmented", () => {
    const store = storeOf(0);
    for (let i = 0; i < 100; i++) apply(store, put("same", 10_000));
    const full = store.backendBytes;
    apply(store, { type: "compact", revision: store.revision });
    expect(store.backendBytes).toBe(full);
    for (let i = 0; i < 98; i++) apply(store, put("same", 10_000));
    expect(store.backendBytes).toBe(full);
    for (let i = 0; i < 10; i++) apply(store, put("same", 10_000));
    expect(store.backendBytes).toBeGreaterThan(full);
    apply(store, { type: "compact", revision: store.revision });
    store.defragment();
    expect(store.backendBytes).toBeLessThan(40 * 1024);
  });

  it("is copied with its free pages", () => {
    const store = storeOf(0);
    for (let i = 0; i < 100; i++) apply(store, put("same", 10_000));
    apply(store, { type: "compact", revision: store.revision });
    const snapshot = store.snapshot();
    expect(snapshot.backendBytes).toBe(store.backendBytes);
    const copy = Store.restore(snapshot, {
      electionUs: SECOND,
      heartbeatUs: 100 * MILLISECOND,
      quotaBytes: 0,
    });
    expect(copy.backendBytes).toBe(store.backendBytes);
    for (const each of [store, copy]) each.defragment();
    expect(copy.backendBytes).toBe(store.backendBytes);
  });

  it("gets its space back with leases that end and keys that are deleted and compacted", () => {
    const store = storeOf(0);
    for (let round = 0; round < 50; round++) {
      for (let id = 1; id <= 20; id++) apply(store, { type: "leaseGrant", id, ttl: 10 });
      for (let id = 1; id <= 20; id++) apply(store, { ...put(`k${id}`, 100), lease: id });
      for (let id = 1; id <= 20; id++) apply(store, { type: "leaseRevoke", id });
      apply(store, { type: "compact", revision: store.revision });
      apply(store, put("other", 1));
      apply(store, { type: "compact", revision: store.revision });
    }
    store.defragment();
    expect(store.backendBytes).toBe(24 * 1024);
  });
});

describe("The quota", () => {
  it("has room for a request if the file and 256 bytes, key and value stay below it", () => {
    const empty = 20 * 1024;
    expect(storeOf(empty + 256 + 1 + 100 + 1).quotaAvailable(put("k", 100))).toBe(true);
    expect(storeOf(empty + 256 + 1 + 100).quotaAvailable(put("k", 100))).toBe(false);
    expect(storeOf(empty + 65).quotaAvailable({ type: "leaseGrant", id: 1, ttl: 1 })).toBe(true);
    expect(storeOf(empty + 64).quotaAvailable({ type: "leaseGrant", id: 1, ttl: 1 })).toBe(false);
  });

  it("charges a transaction for the larger of its branches", () => {
    const txn = {
      type: "txn",
      compare: [],
      success: [put("k", 100)],
      failure: [put("k", 300), put("l", 300)],
    } as const;
    const cost = 2 * (256 + 1 + 300);
    expect(storeOf(20 * 1024 + cost + 1).quotaAvailable(txn)).toBe(true);
    expect(storeOf(20 * 1024 + cost).quotaAvailable(txn)).toBe(false);
  });

  it("has always room for what takes none, is two gibibytes at 0 and none below 0", () => {
    const full = storeOf(1);
    expect(full.quotaAvailable({ type: "deleteRange", key: "k" })).toBe(true);
    expect(
      full.quotaAvailable({
        type: "txn",
        compare: [],
        success: [{ type: "deleteRange", key: "k" }],
        failure: [],
      }),
    ).toBe(true);
    expect(full.quotaAvailable({ type: "compact", revision: 1 })).toBe(true);
    expect(storeOf(0).quotaAvailable(put("k", 2000 * MEBIBYTE))).toBe(true);
    expect(storeOf(0).quotaAvailable(put("k", 2048 * MEBIBYTE))).toBe(false);
    expect(storeOf(-1).quotaAvailable(put("k", 4096 * MEBIBYTE))).toBe(true);
  });

  it("overrun by an entry of the log makes the member say no although it has written, and propose the alarm", () => {
    const [small, large] = [storeOf(MEBIBYTE), storeOf(0)];
    const entry = put("k", 2 * MEBIBYTE);
    expect(small.apply(entry, 1, 0)).toMatchObject({
      outcome: NO_SPACE,
      raisesAlarm: true,
      events: [{ type: "put" }],
    });
    expect(large.apply(entry, 1, 0)).toMatchObject({ outcome: { type: "put" }, raisesAlarm: false });
    expect(small.digest()).toBe(large.digest());
  });
});

describe("With the alarm up", () => {
  function alarmed(): Store {
    const store = storeOf(0);
    apply(store, put("k", 1));
    apply(store, { type: "alarm", action: "activate", alarm: "nospace", member: 2 });
    return store;
  }

  it("whatever takes space is refused and changes nothing", () => {
    const store = alarmed();
    const before = store.digest();
    const refused: LoggedRequest[] = [
      put("k", 1),
      { type: "leaseGrant", id: 1, ttl: 5 },
      { type: "txn", compare: [], success: [], failure: [put("k", 1)] },
    ];
    for (const request of refused) expect(apply(store, request)).toEqual(NO_SPACE);
    expect(store.digest()).toBe(before);
  });

  it("reads, deletions, revocations and compactions go on", () => {
    const store = alarmed();
    expect(
      apply(store, { type: "txn", compare: [], success: [{ type: "range", key: "k" }], failure: [] }),
    ).toMatchObject({ type: "txn" });
    expect(apply(store, { type: "deleteRange", key: "k" })).toEqual({ type: "deleteRange", deleted: 1 });
    expect(apply(store, { type: "compact", revision: store.revision })).toEqual({ type: "compact" });
    expect(apply(store, { type: "leaseRevoke", id: 1 })).toMatchObject({ code: "NotFound" });
  });

  it("it stays up until every member that raised it has taken it back", () => {
    const store = alarmed();
    const alarm = (action: "get" | "activate" | "deactivate", member: number): Outcome =>
      apply(store, { type: "alarm", action, alarm: "nospace", member });
    expect(alarm("activate", 0)).toEqual({ type: "alarm", members: [0] });
    expect(alarm("get", 0)).toEqual({ type: "alarm", members: [0, 2] });
    expect(alarm("deactivate", 2)).toEqual({ type: "alarm", members: [2] });
    expect(alarm("deactivate", 2)).toEqual({ type: "alarm", members: [] });
    expect(apply(store, put("k", 1))).toEqual(NO_SPACE);
    alarm("deactivate", 0);
    expect(apply(store, put("k", 1))).toEqual({ type: "put" });
  });

  it("it is raised once", () => {
    const store = storeOf(MEBIBYTE);
    expect(store.apply(put("k", 2 * MEBIBYTE), 1, 0).raisesAlarm).toBe(true);
    expect(store.apply(put("k", 1), 2, 0).raisesAlarm).toBe(true);
    apply(store, { type: "alarm", action: "activate", alarm: "nospace", member: 0 });
    expect(store.apply(put("k", 1), 4, 0).raisesAlarm).toBe(false);
  });
});
