import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import { type ClientRecord, History, outcomeClass } from "../../src/etcd/client-record.js";
import { LeaseHolder } from "../../src/etcd/lease-holder.js";
import { MixedClient } from "../../src/etcd/mixed-client.js";
import type { ErrorCode, Request } from "../../src/etcd/requests.js";
import { Watcher } from "../../src/etcd/watcher.js";
import {
  ConcurrentWriters,
  LatencyProbe,
  OpenLoopWriter,
  retryWriter,
  SequentialReader,
} from "../../src/etcd/workloads.js";
import { type Behaviour, DELAY_US, FakeWorld, obliging, plainOutcome } from "./fake-members.js";

const SECOND = 1_000_000;
const FIRST = { member: 0, host: 0 };
const SECOND_MEMBER = { member: 1, host: 1 };

function brief(record: ClientRecord): string {
  const took = record.endUs === undefined ? "in flight" : record.endUs - record.startUs;
  return `${record.startUs} ${record.op} ${record.value} ${took} ${record.ok ? "ok" : record.error}`;
}

describe("writers and readers", () => {
  it("the retry client writes 10 ms after a success and 5 ms after giving up at 200 ms", () => {
    let isMute = false;
    const world = new FakeWorld({
      answer: (request) => (isMute ? undefined : { afterUs: 1000, outcome: plainOutcome(request) }),
    });
    const history = new History();
    const options = { client: "P->m1", sink: history, target: FIRST, timeoutUs: 200_000 };
    const writer = retryWriter(world.client, options);
    world.later(20_000, () => {
      isMute = true;
    });
    world.later(300_000, () => {
      isMute = false;
    });
    world.later(440_000, () => writer.stop());
    world.simulation.run(SECOND);
    expect(history.records.map(brief)).toEqual([
      "0 put P->m1:0 5000 ok",
      "15000 put P->m1:1 3000 ok",
      "28000 put P->m1:2 200000 timeout",
      "233000 put P->m1:3 200000 timeout",
      "438000 put P->m1:4 5000 ok",
    ]);
    expect(writer.isFinished).toBe(true);
  });

  it("a member that refuses is asked again after the pause, and nothing was sent", () => {
    const world = new FakeWorld({ dial: "refuse" });
    const history = new History();
    retryWriter(world.client, { client: "w", sink: history, target: FIRST, timeoutUs: 200_000 });
    world.simulation.run(20_000);
    expect(history.records.map(brief)).toEqual([
      "0 put w:0 1000 refused",
      "6000 put w:1 1000 refused",
      "12000 put w:2 1000 refused",
      "18000 put w:3 1000 refused",
    ]);
    expect(history.records.map(outcomeClass)).toEqual(["failed", "failed", "failed", "failed"]);
  });

  it("a member that resets leaves the write's fate unknown", () => {
    const world = new FakeWorld({
      answer: (_request, _number, link) => {
        link.breaks("reset");
        return undefined;
      },
    });
    const history = new History();
    const writer = retryWriter(world.client, {
      client: "w",
      sink: history,
      target: FIRST,
      timeoutUs: 200_000,
    });
    world.later(1, () => writer.stop());
    world.simulation.run(SECOND);
    expect(history.records.map((record) => [record.error, outcomeClass(record)])).toEqual([
      ["reset", "unknown"],
    ]);
  });

  it("an open-loop writer keeps its beat while nothing is answered", () => {
    const world = new FakeWorld({ answer: () => undefined });
    const history = new History();
    const writer = new OpenLoopWriter(world.client, {
      client: "dense",
      sink: history,
      target: FIRST,
      timeoutUs: 2 * SECOND,
      intervalUs: 20_000,
      count: 150,
    });
    world.simulation.run(SECOND);
    expect(history.records.every((record) => record.endUs === undefined)).toBe(true);
    expect(writer.isFinished).toBe(false);
    world.simulation.run(10 * SECOND);
    expect(history.records.map((record) => [record.startUs, record.endUs, record.error])).toEqual(
      Array.from({ length: 150 }, (_, n) => [20_000 * n, 20_000 * n + 2 * SECOND, "timeout"]),
    );
    expect(writer.isFinished).toBe(true);
  });

  it("concurrent writers have a name, a key and a connection each, and no pause", () => {
    const world = new FakeWorld(obliging(1000));
    const history = new History();
    const writers = new ConcurrentWriters(world.client, {
      client: "P->m1",
      sink: history,
      target: FIRST,
      timeoutUs: SECOND,
      writers: 3,
      pauseAfterFailureUs: 5000,
    });
    world.later(31_000, () => writers.stop());
    world.simulation.run(SECOND);
    // The first takes 5 ms with its handshake, each of the others 3 ms: 0, 5, 8, ... up to 29.
    expect(history.records).toHaveLength(3 * 10);
    expect([...new Set(history.records.map((record) => record.key))]).toEqual([
      "P->m1#0",
      "P->m1#1",
      "P->m1#2",
    ]);
    expect(world.sockets).toHaveLength(3);
  });

  it("a probe measures each operation and marks those without an answer", () => {
    let asked = 0;
    const world = new FakeWorld({
      answer: (request) => {
        asked++;
        return asked === 3 ? undefined : { afterUs: 100 * asked, outcome: plainOutcome(request) };
      },
    });
    let finishedUs = 0;
    const probe = new LatencyProbe(world.client, {
      client: "probe",
      target: FIRST,
      op: "ser",
      count: 5,
      timeoutUs: SECOND,
      done: () => {
        finishedUs = world.now;
      },
    });
    world.simulation.run(5 * SECOND);
    expect(probe.latenciesUs).toEqual([4100, 2200, -1, 4 * DELAY_US + 400, 2500]);
    expect(finishedUs).toBe(4100 + 2200 + SECOND + 5000 + 4400 + 2500);
    expect(world.arrivals.every(({ request }) => request.type === "range" && request.serializable)).toBe(
      true,
    );
  });

  it("a reader asks for one key, with or without the quorum", () => {
    const world = new FakeWorld(obliging(0));
    const history = new History();
    const common = { sink: history, target: FIRST, timeoutUs: SECOND, pauseAfterOkUs: 0, count: 2 };
    for (const isSerializable of [true, false]) {
      const client = `reader ${isSerializable}`;
      new SequentialReader(world.client, {
        ...common,
        client,
        key: "k",
        isSerializable,
        pauseAfterFailureUs: 1,
      });
    }
    world.simulation.run(SECOND);
    const requests = world.arrivals.map(({ request }) => request);
    expect(requests).toContainEqual({ type: "range", key: "k" });
    expect(requests).toContainEqual({ type: "range", key: "k", serializable: true });
    expect(history.records.map((record) => record.op).sort()).toEqual(["lin", "lin", "ser", "ser"]);
  });
});

describe("what a client may conclude", () => {
  function outcomeOf(code: ErrorCode, message: string, request: Request): string {
    const world = new FakeWorld({
      answer: () => ({ afterUs: 0, outcome: { type: "error", code, message } }),
    });
    const history = new History();
    const op = request.type === "range" ? "lin" : "put";
    const options = { client: "c", sink: history, target: FIRST, timeoutUs: SECOND, count: 1 };
    if (op === "put") retryWriter(world.client, options);
    else {
      new SequentialReader(world.client, {
        ...options,
        key: "k",
        isSerializable: false,
        pauseAfterOkUs: 1,
        pauseAfterFailureUs: 1,
      });
    }
    world.simulation.run(4500);
    return outcomeClass(history.records[0] as ClientRecord);
  }

  it.each([
    ["ResourceExhausted", "etcdserver: too many requests", "failed"],
    // The write that raises the alarm is applied and gets this error nevertheless.
    ["ResourceExhausted", "etcdserver: mvcc: database space exceeded", "unknown"],
    ["InvalidArgument", "etcdserver: request is too large", "failed"],
    ["NotFound", "etcdserver: requested lease not found", "failed"],
    ["Unavailable", "etcdserver: request timed out", "unknown"],
    ["Unavailable", "etcdserver: leader changed", "unknown"],
    ["Unavailable", "etcdserver: server stopped", "unknown"],
    ["Unavailable", "etcdserver: rpc not supported for learner", "failed"],
    ["DeadlineExceeded", "context deadline exceeded", "unknown"],
    ["Unknown", "raft proposal dropped", "failed"],
    ["Unknown", "anything else", "unknown"],
  ] as const)("a write answered with %s, %s: its effect is %s", (code, message, expected) => {
    expect(outcomeOf(code, message, { type: "put", key: "k", value: "v" })).toBe(expected);
  });

  it("a read that fails has no effect, whatever the reason", () => {
    expect(outcomeOf("Unavailable", "etcdserver: leader changed", { type: "range", key: "k" })).toBe(
      "failed",
    );
  });
});

describe("the mixed client", () => {
  function life(
    seed: string,
    client: string,
    member: Behaviour,
  ): { records: readonly ClientRecord[]; requests: string[] } {
    const world = new FakeWorld(member, obliging(700));
    const history = new History();
    new MixedClient(world.client, {
      client,
      sink: history,
      streams: new RandomStreams(seed),
      targets: [FIRST, SECOND_MEMBER],
      keys: ["a", "b", "c"],
      timeoutUs: 100_000,
      pauseUs: { kind: "uniform", min: 1000, max: 20_000 },
      pauseAfterFailureUs: 5000,
      count: 300,
    });
    world.simulation.run(100 * SECOND);
    return { records: history.records, requests: history.records.map((r) => JSON.stringify(r.request)) };
  }

  it("two lives of one seed are equal, two of different seeds or names are not", () => {
    const once = life("s", "c", obliging(500));
    expect(life("s", "c", obliging(500)).records).toEqual(once.records);
    expect(life("t", "c", obliging(500)).requests).not.toEqual(once.requests);
    expect(life("s", "d", obliging(500)).records.map((r) => r.op)).not.toEqual(once.records.map((r) => r.op));
  });

  it("does a bit of everything, and writes no value twice", () => {
    const { records } = life("s", "c", obliging(500));
    expect(records).toHaveLength(300);
    expect([...new Set(records.map((record) => record.op))].sort()).toEqual([
      "cas",
      "delete",
      "leaseGrant",
      "leaseKeepAlive",
      "leaseRevoke",
      "lin",
      "put",
      "ser",
    ]);
    expect([...new Set(records.map((record) => record.member))].sort()).toEqual([0, 1]);
    const values = records.filter((record) => record.value !== "").map((record) => record.value);
    expect(new Set(values).size).toBe(values.length);
  });

  it("keys under test are never attached to a lease", () => {
    const leased = life("s", "c", obliging(500)).records.filter(
      (record) => record.request.type === "put" && record.request.lease !== undefined,
    );
    expect(leased.length).toBeGreaterThan(0);
    expect(leased.every((record) => record.key === "lease/c")).toBe(true);
  });

  it("what the n-th operation is does not depend on how the ones before went", () => {
    const kindOf = (record: ClientRecord): string =>
      record.op.startsWith("lease") || record.key.startsWith("lease")
        ? "lease"
        : `${record.op} ${record.key}`;
    const well = life("s", "c", obliging(500)).records.map(kindOf);
    const badly = life("s", "c", { answer: () => undefined }).records.map(kindOf);
    expect(badly).toEqual(well);
  });

  it("goes to the next member after a failure", () => {
    const { records } = life("s", "c", { answer: () => undefined });
    const afterFailure = records.filter((_, n) => records[n - 1]?.error === "timeout");
    expect(afterFailure.length).toBeGreaterThan(5);
    // Member 0 never answers; of two members the other one is next, unless the client moves on by chance as well.
    const elsewhere = afterFailure.filter((record) => record.member === 1);
    expect(elsewhere.length).toBeGreaterThan(0.8 * afterFailure.length);
  });

  it("swaps by what it last saw of the key, its value or its revision, and learns from a refused swap", () => {
    const world = new FakeWorld({
      answer: (request) => {
        if (request.type !== "txn") return undefined;
        const kv = { key: "k", value: "theirs", createRevision: 3, modRevision: 42, version: 2, lease: 0 };
        return {
          afterUs: 0,
          outcome: { type: "txn", succeeded: false, results: [{ type: "range", kvs: [kv], count: 1 }] },
        };
      },
    });
    const options = {
      client: "c",
      sink: {},
      streams: new RandomStreams("s"),
      targets: [FIRST],
      keys: ["k"],
      weights: { cas: 1 },
      timeoutUs: 100_000,
      pauseUs: { kind: "constant", value: 1000 },
      pauseAfterFailureUs: 5000,
      count: 20,
    } as const;
    new MixedClient(world.client, options);
    world.simulation.run(SECOND);
    const compared = world.arrivals.map(({ request }) =>
      request.type === "txn" ? request.compare[0] : undefined,
    );
    expect(compared[0]).toEqual({ key: "k", target: "modRevision", result: "equal", operand: 0 });
    const later = new Set(compared.slice(1).map((compare) => `${compare?.target} ${compare?.operand}`));
    expect([...later].sort()).toEqual(["modRevision 42", "value theirs"]);
  });
});

describe("the lease holder", () => {
  const options = {
    client: "holder",
    ttl: 6,
    timeoutUs: 500_000,
    retryPauseUs: 100_000,
    targets: [FIRST, SECOND_MEMBER],
  };

  it("grants, puts its key, and renews every third of the lease's time", () => {
    const world = new FakeWorld(obliging(0));
    const history = new History();
    const holder = new LeaseHolder(world.client, { ...options, sink: history });
    world.simulation.run(9 * SECOND);
    expect(history.records.map((record) => [record.op, record.startUs])).toEqual([
      ["leaseGrant", 0],
      ["put", 4000],
      ["leaseKeepAlive", 2 * SECOND],
      ["leaseKeepAlive", 4 * SECOND],
      ["leaseKeepAlive", 6 * SECOND],
      ["leaseKeepAlive", 8 * SECOND],
    ]);
    expect(holder.held).toMatchObject({
      lease: 77,
      renewals: 4,
      believedUntilUs: 14 * SECOND,
      keyPutUs: 6000,
    });
  });

  it("counts on a lease to its time after the last renewal's start and no longer, then starts over", () => {
    let isMute = false;
    const member: Behaviour = {
      answer: (request) => (isMute ? undefined : { afterUs: 0, outcome: plainOutcome(request) }),
    };
    const world = new FakeWorld(member, member);
    const holder = new LeaseHolder(world.client, { ...options, sink: {} });
    world.later(3 * SECOND, () => {
      isMute = true;
    });
    world.later(10 * SECOND, () => {
      isMute = false;
    });
    world.simulation.run(12 * SECOND);
    expect(holder.tenures).toHaveLength(2);
    expect(holder.tenures[0]).toMatchObject({ renewals: 1, lostUs: 8 * SECOND, loss: "expired" });
    expect(holder.tenures[1]?.grantedUs).toBeGreaterThan(10 * SECOND);
    expect(holder.held).toBe(holder.tenures[1]);
  });

  it("believes a member that says the lease is gone", () => {
    const world = new FakeWorld({
      answer: (request) => ({
        afterUs: 0,
        outcome:
          request.type === "leaseKeepAlive" && world.now < 3 * SECOND
            ? { type: "lease", id: request.id, ttl: -1 }
            : plainOutcome(request),
      }),
    });
    const holder = new LeaseHolder(world.client, { ...options, sink: {} });
    world.simulation.run(9 * SECOND);
    expect(holder.tenures.map(({ loss, lostUs }) => [loss, lostUs])).toEqual([
      ["notFound", 2 * SECOND + 2 * DELAY_US],
      [undefined, undefined],
    ]);
  });

  it("renews a lease whose key cannot be put", () => {
    const world = new FakeWorld({
      answer: (request) =>
        request.type === "put" && world.now < 10 * SECOND
          ? undefined
          : { afterUs: 0, outcome: plainOutcome(request) },
    });
    const holder = new LeaseHolder(world.client, { ...options, targets: [FIRST], sink: {} });
    world.simulation.run(15 * SECOND);
    expect(holder.tenures).toHaveLength(1);
    expect(holder.held?.keyPutUs).toBeGreaterThan(10 * SECOND);
  });
});

describe("the watcher", () => {
  /** Tells of one event for each revision from the one asked for, 10 ms apart, and breaks after so many. */
  function teller(world: () => FakeWorld, events: number, compactRevision = 0): Behaviour {
    return {
      answer: (request, number, link) => {
        if (request.type !== "watch") throw new Error("a watcher watches");
        const from = request.startRevision;
        if (from < compactRevision) {
          return { afterUs: 0, outcome: { type: "watchCanceled", compactRevision } };
        }
        for (let n = 0; n < events; n++) {
          const revision = from + n;
          const kv = { key: "k", value: "", createRevision: 1, modRevision: revision, version: 1, lease: 0 };
          world().later(10_000 * (n + 1), () =>
            link.tells({
              header: { member: link.remote, term: 1, revision },
              watch: number,
              events: [{ type: "put", kv }],
            }),
          );
        }
        world().later(10_000 * events + 1, () => link.breaks("closed"));
        return { afterUs: 0, outcome: { type: "watchCreated" } };
      },
    };
  }

  const options = {
    client: "watcher",
    key: "k",
    startRevision: 5,
    openTimeoutUs: SECOND,
    retryPauseUs: 50_000,
    targets: [FIRST, SECOND_MEMBER],
  };

  it("goes on at the next member with the revision after the last one that it saw", () => {
    const world: FakeWorld = new FakeWorld(
      teller(() => world, 3),
      teller(() => world, 2),
    );
    const watcher = new Watcher(world.client, options);
    world.later(250_000, () => watcher.stop());
    world.simulation.run(SECOND);
    const seen = watcher.batches.map(({ member, response }) => [member, response.header.revision]);
    expect(seen.slice(0, 5)).toEqual([
      [0, 5],
      [0, 6],
      [0, 7],
      [1, 8],
      [1, 9],
    ]);
    expect(seen.map(([, revision]) => revision)).toEqual(seen.map((_, n) => 5 + n));
    expect(watcher.interruptions[0]).toEqual({
      atUs: 3000 + 30_001 + DELAY_US,
      member: 0,
      end: { type: "connection", reason: "closed" },
    });
    expect(world.open).toBe(0);
  });

  it("notes what was compacted before it came, and follows from there", () => {
    const world: FakeWorld = new FakeWorld(
      teller(() => world, 1, 20),
      teller(() => world, 1, 20),
    );
    const watcher = new Watcher(world.client, options);
    world.simulation.run(150_000);
    expect(watcher.gaps).toEqual([{ from: 5, to: 19 }]);
    expect(watcher.batches[0]?.response.header.revision).toBe(20);
  });

  it("gives up a member that refuses, never accepts, or falls silent", () => {
    const world: FakeWorld = new FakeWorld(
      { dial: "refuse" },
      { dial: "silent" },
      { answer: () => ({ afterUs: 0, outcome: { type: "watchCreated" } }) },
    );
    const watcher = new Watcher(world.client, {
      ...options,
      openTimeoutUs: 300_000,
      silenceUs: 400_000,
      targets: [FIRST, SECOND_MEMBER, { member: 2, host: 2 }],
    });
    world.simulation.run(SECOND);
    expect(watcher.interruptions).toEqual([
      { atUs: 1000, member: 0, end: { type: "connection", reason: "refused" } },
      { atUs: 351_000, member: 1, end: { type: "timeout" } },
      { atUs: 401_000 + 4000 + 400_000, member: 2, end: { type: "timeout" } },
      { atUs: 856_000, member: 0, end: { type: "connection", reason: "refused" } },
    ]);
  });
});
