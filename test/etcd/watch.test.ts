/** Watches: everything of a range from a revision on, once, in order, whole revisions. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusalOf } from "../../src/etcd/request-checks.js";
import type { LoggedRequest, WatchEvent, WatchRequest } from "../../src/etcd/requests.js";
import { Store } from "../../src/etcd/store.js";
import { type WatchDelivery, WatchHub } from "../../src/etcd/watch.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import { anyRequest, NaiveStore } from "./naive-store.js";

const MODEL = { electionUs: SECOND, heartbeatUs: 100 * MILLISECOND, quotaBytes: 0 };

/** What the API refuses never reaches the log. */
function isRefused(request: LoggedRequest): boolean {
  return request.type !== "publish" && refusalOf(request) !== undefined;
}

/** A store with its watches, and what each was told. */
class Process {
  store = new Store(MODEL);
  readonly hub = new WatchHub(this.store);
  readonly told: WatchDelivery[] = [];

  apply(...requests: LoggedRequest[]): void {
    for (const request of requests)
      this.told.push(...this.hub.notify(this.store.apply(request, this.store.appliedIndex + 1, 0).events));
  }

  put(...keys: string[]): void {
    this.apply(...keys.map((key) => ({ type: "put" as const, key, value: "" })));
  }

  watch(number: number, request: Omit<WatchRequest, "type">): void {
    expect(this.hub.create(number, { type: "watch", ...request })).toEqual({ type: "watchCreated" });
  }

  sync(): void {
    this.told.push(...this.hub.sync());
  }

  /** "watch: key@revision key@revision ..." for each delivery so far. */
  heard(): string[] {
    const words = (events: readonly WatchEvent[]) =>
      events.map(({ type, kv }) => `${type === "delete" ? "-" : ""}${kv.key}@${kv.modRevision}`);
    return this.told.splice(0).map(({ watch, events, compactRevision }) => {
      const end = compactRevision > 0 ? [`compacted ${compactRevision}`] : [];
      return `${watch}: ${[...words(events), ...end].join(" ")}`;
    });
  }
}

describe("Watches and the twin that works out what each should have seen", () => {
  const key = fc.constantFrom("", "a", "b", "c");
  const rangeEnd = fc.constantFrom(undefined, undefined, "", "c", "\0");
  const action = fc.oneof(
    { arbitrary: fc.record({ type: fc.constant("apply" as const), request: anyRequest }), weight: 8 },
    {
      arbitrary: fc.record({ type: fc.constant("watch" as const), key, rangeEnd, startRevision: fc.nat(12) }),
      weight: 2,
    },
    { arbitrary: fc.record({ type: fc.constant("sync" as const) }), weight: 2 },
    { arbitrary: fc.record({ type: fc.constant("cancel" as const), watch: fc.nat(5) }), weight: 1 },
    {
      arbitrary: fc.record({
        type: fc.constant("snapshot" as const),
        missed: fc.array(anyRequest, { maxLength: 5 }),
      }),
      weight: 1,
    },
  );

  it("agree, whatever is applied, compacted, cancelled or replaced by a snapshot in between", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const here = new Process();
        const twin = new NaiveStore();
        const log: LoggedRequest[] = [];
        const watches = new Map<
          number,
          { key: string; rangeEnd: string | undefined; from: number; heard: WatchEvent[] }
        >();
        let made = 0;
        const listen = () => {
          for (const { watch, events, revision, compactRevision } of here.told.splice(0)) {
            const found = watches.get(watch);
            if (found === undefined) throw new Error(`watch ${watch} is over`);
            expect(revision).toBe(twin.revision);
            if (compactRevision > 0) {
              expect(compactRevision).toBe(twin.compactRevision);
              const next = (found.heard.at(-1)?.kv.modRevision ?? found.from - 1) + 1;
              expect(next).toBeLessThan(compactRevision);
              watches.delete(watch);
            } else expect(events.length).toBeGreaterThan(0);
            found.heard.push(...events);
            expect(found.heard).toEqual(
              twin.events(found.key, found.rangeEnd, found.from).slice(0, found.heard.length),
            );
          }
        };
        for (const step of actions) {
          if (step.type === "apply") {
            const { request } = step;
            if (isRefused(request)) continue;
            log.push(request);
            twin.apply(request);
            here.apply(request);
          } else if (step.type === "watch") {
            const { key: asked, rangeEnd: end, startRevision } = step;
            const own = asked === "" ? "\0" : asked;
            const isRange = end !== undefined && end !== "";
            if (isRange && end !== "\0" && own >= end) continue;
            here.watch(made, { key: asked, startRevision, ...(end === undefined ? {} : { rangeEnd: end }) });
            watches.set(made++, {
              key: own,
              rangeEnd: end,
              from: startRevision || twin.revision + 1,
              heard: [],
            });
          } else if (step.type === "cancel") {
            expect(here.hub.cancel(step.watch)).toBe(watches.delete(step.watch));
          } else if (step.type === "snapshot") {
            // What was applied elsewhere meanwhile arrives as a snapshot.
            for (const request of step.missed) {
              if (isRefused(request)) continue;
              log.push(request);
              twin.apply(request);
            }
            const other = new Store(MODEL);
            log.forEach((request, i) => void other.apply(request, i + 1, 0));
            here.store = Store.restore(other.snapshot(), MODEL);
            here.hub.moveTo(here.store);
          } else here.sync();
          listen();
          expect(here.hub.count).toBe(watches.size);
        }
        here.sync();
        listen();
        expect(here.hub.unsyncedCount).toBe(0);
        for (const { key: own, rangeEnd: end, from, heard } of watches.values())
          expect(heard).toEqual(twin.events(own, end, from));
      }),
      { numRuns: 300 },
    );
  });
});

describe("A watch", () => {
  it("hears of a revision's changes together, in their order, and only of its own keys", () => {
    const here = new Process();
    here.watch(1, { key: "a", rangeEnd: "c", startRevision: 0 });
    here.watch(2, { key: "b", startRevision: 0 });
    here.watch(3, { key: "x", startRevision: 0 });
    here.apply({
      type: "txn",
      compare: [],
      success: ["b", "c", "a"].map((key) => ({ type: "put" as const, key, value: "" })),
      failure: [],
    });
    here.apply({ type: "deleteRange", key: "\0", rangeEnd: "\0" });
    expect(here.heard()).toEqual(["1: b@2 a@2", "2: b@2", "1: -a@3 -b@3", "2: -b@3"]);
  });

  it("is told in the order in which watches were made, also when it came into sync late", () => {
    const here = new Process();
    here.put("a");
    here.watch(7, { key: "a", startRevision: 1 });
    here.watch(3, { key: "a", startRevision: 0 });
    here.watch(5, { key: "a", rangeEnd: "\0", startRevision: 0 });
    here.sync();
    here.put("a");
    expect(here.heard()).toEqual(["7: a@2", "7: a@3", "3: a@3", "5: a@3"]);
  });

  it("that starts in the past is told nothing until it is brought up, and then everything in one go", () => {
    const here = new Process();
    here.put("a", "b", "a");
    here.watch(1, { key: "a", startRevision: 2 });
    here.put("a");
    expect(here.heard()).toEqual([]);
    expect(here.hub.unsyncedCount).toBe(1);
    here.sync();
    here.put("a");
    expect(here.heard()).toEqual(["1: a@2 a@4 a@5", "1: a@6"]);
  });

  it("that starts in the future is told nothing before", () => {
    const here = new Process();
    here.watch(1, { key: "a", startRevision: 4 });
    here.put("a", "a", "a", "a");
    expect(here.heard()).toEqual(["1: a@4", "1: a@5"]);
  });

  it("below the compacted revision is ended and told which that is; at it, it lives", () => {
    const here = new Process();
    here.put("a", "a", "a", "a");
    here.apply({ type: "compact", revision: 4 });
    here.watch(1, { key: "a", startRevision: 3 });
    here.watch(2, { key: "a", startRevision: 4 });
    here.sync();
    expect(here.heard()).toEqual(["1: compacted 4", "2: a@4 a@5"]);
    expect([here.hub.has(1), here.hub.has(2)]).toEqual([false, true]);
  });

  it("whose store is replaced by a snapshot misses nothing that is in it, and waits until it is brought up", () => {
    const [here, leader] = [new Process(), new Process()];
    for (const each of [here, leader]) each.put("a");
    here.watch(1, { key: "a", startRevision: 0 });
    here.watch(2, { key: "a", rangeEnd: "b", startRevision: 0 });
    here.watch(3, { key: "a", startRevision: 6 });
    leader.put("a", "a");
    here.store = Store.restore(leader.store.snapshot(), MODEL);
    here.hub.moveTo(here.store);
    here.put("a");
    expect(here.heard()).toEqual([]);
    here.sync();
    expect(here.heard()).toEqual(["1: a@3 a@4 a@5", "2: a@3 a@4 a@5"]);
    here.put("a");
    expect(here.heard()).toEqual(["1: a@6", "2: a@6", "3: a@6"]);
  });

  it("keeps its place in the future when the store is replaced", () => {
    const here = new Process();
    here.watch(1, { key: "a", startRevision: 4 });
    here.hub.moveTo(here.store);
    here.sync();
    here.put("a", "a", "a");
    expect(here.heard()).toEqual(["1: a@4"]);
  });

  it("of nothing or from before time is refused", () => {
    const { hub } = new Process();
    const over = { type: "watchCanceled", compactRevision: 0 };
    expect(hub.create(1, { type: "watch", key: "b", rangeEnd: "a", startRevision: 0 })).toEqual(over);
    expect(hub.create(1, { type: "watch", key: "b", rangeEnd: "b", startRevision: 0 })).toEqual(over);
    expect(hub.create(1, { type: "watch", key: "b", startRevision: -1 })).toEqual(over);
    expect(hub.count).toBe(0);
  });

  it("that was cancelled hears no more, in sync or not", () => {
    const here = new Process();
    here.put("a");
    here.watch(1, { key: "a", startRevision: 0 });
    here.watch(2, { key: "a", rangeEnd: "c", startRevision: 0 });
    here.watch(3, { key: "a", startRevision: 1 });
    expect([1, 2, 3, 4, 1].map((watch) => here.hub.cancel(watch))).toEqual([true, true, true, false, false]);
    here.put("a");
    here.sync();
    expect(here.heard()).toEqual([]);
  });

  it("far behind is brought up a thousand revisions at a time, while others wait their turn", () => {
    const here = new Process();
    for (let i = 0; i < 2500; i++) here.put("a");
    here.watch(1, { key: "a", startRevision: 1 });
    here.watch(2, { key: "a", startRevision: 2500 });
    const sizes = [0, 1, 2, 3].map(() => {
      here.sync();
      return here.told.splice(0).map(({ watch, events }) => [watch, events.length]);
    });
    expect(sizes).toEqual([
      [
        [1, 1000],
        [2, 2],
      ],
      [[1, 1000]],
      [[1, 500]],
      [],
    ]);
  });

  it("is one of five hundred and twelve that are brought up at a time", () => {
    const here = new Process();
    here.put("a");
    for (let watch = 0; watch < 600; watch++) here.watch(watch, { key: "a", startRevision: 1 });
    here.sync();
    expect([here.told.splice(0).length, here.hub.unsyncedCount]).toEqual([512, 88]);
    here.sync();
    expect([here.told.splice(0).length, here.hub.unsyncedCount]).toEqual([88, 0]);
  });
});

describe("Progress", () => {
  it("is told to quiet watches that asked for it and are in sync", () => {
    const here = new Process();
    here.put("a");
    here.watch(1, { key: "a", startRevision: 0, progressNotify: true });
    here.watch(2, { key: "b", startRevision: 0, progressNotify: true });
    here.watch(3, { key: "b", startRevision: 0 });
    here.watch(4, { key: "b", startRevision: 1, progressNotify: true });
    here.watch(5, { key: "b", startRevision: 9, progressNotify: true });
    here.put("a");
    const told = () =>
      here.hub.progress().map(({ watch, revision, events }) => [watch, revision, events.length]);
    expect(told()).toEqual([[2, 3, 0]]);
    here.sync();
    expect(told()).toEqual([
      [1, 3, 0],
      [2, 3, 0],
      [4, 3, 0],
    ]);
    expect(here.hub.progress([2, 77]).map(({ watch }) => watch)).toEqual([2]);
  });
});
