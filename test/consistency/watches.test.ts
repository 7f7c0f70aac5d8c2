/** Watches: each promise broken once by hand; random watches of random stores, with one response spoilt. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChangeEvent, StoreHistory, tombstone } from "../../src/consistency/changes.js";
import { checkWatches, type WatchRecord } from "../../src/consistency/watches.js";
import { RandomStreams } from "../../src/engine/random.js";
import { randomStore, randomWatch } from "./stale-store.js";

function put(
  key: string,
  value: string,
  modRevision: number,
  version = 1,
  createRevision = modRevision,
): ChangeEvent {
  return { type: "put", kv: { key, value, createRevision, modRevision, version, lease: 0 } };
}

const a2 = put("a", "1", 2);
const b3 = put("b", "1", 3);
const a4 = put("a", "2", 4, 2, 2);
const b4 = put("b", "2", 4, 2, 3);
const a5: ChangeEvent = { type: "delete", kv: tombstone("a", 5) };
const z6 = put("z", "1", 6);
const store = new StoreHistory([
  { revision: 2, events: [a2], calledUs: 100 },
  { revision: 3, events: [b3], calledUs: 200 },
  { revision: 4, events: [a4, b4], calledUs: 300 },
  { revision: 5, events: [a5], calledUs: 400 },
  { revision: 6, events: [z6], calledUs: 500 },
]);

/** A response is its events, or the revision of a notification of progress. */
function watch(
  startRevision: number,
  ...responses: readonly (readonly ChangeEvent[] | number)[]
): WatchRecord {
  return {
    client: "w",
    number: 1,
    request: { key: "a", rangeEnd: "c", startRevision },
    responses: responses.map((one, at) =>
      typeof one === "number"
        ? { atUs: 1000 + at, header: { revision: one }, events: [] }
        : { atUs: 1000 + at, header: { revision: 6 }, events: one },
    ),
  };
}

const rules = (record: WatchRecord) => [...new Set(checkWatches([record], store).map((one) => one.rule))];

describe("watches", () => {
  it("may tell in portions of any size, with progress in between", () => {
    expect(rules(watch(1, [a2, b3, a4, b4, a5], 6))).toEqual([]);
    expect(rules(watch(2, [a2], 2, [b3], [a4, b4], 4, 4, [a5]))).toEqual([]);
    expect(rules(watch(5, [a5], 6))).toEqual([]);
    expect(rules(watch(0, [a4, b4], [a5]))).toEqual([]);
    expect(rules(watch(3))).toEqual([]);
  });

  it("tell only of what was asked for", () => {
    expect(rules(watch(5, [a5, z6]))).toContain("watch-filter");
  });

  it("never fall in revision and never repeat", () => {
    expect(rules(watch(2, [a2], [a4, b4], [b3]))).toEqual(["watch-reliable", "watch-ordered"]);
    expect(rules(watch(2, [a2], [b3], [b3]))).toEqual(["watch-atomic", "watch-unique"]);
    expect(rules(watch(2, [a2, a2]))).toContain("watch-unique");
  });

  it("tell all of a revision in one response", () => {
    expect(rules(watch(4, [a4], [b4]))).toEqual(["watch-atomic"]);
    expect(rules(watch(4, [a4], [a5]))).toEqual(["watch-atomic"]);
  });

  it("leave nothing out between the first and the last that the watcher knows of", () => {
    expect(rules(watch(2, [a2], [a4, b4]))).toEqual(["watch-reliable"]);
    expect(rules(watch(2, [a2], 3))).toEqual(["watch-reliable"]);
    expect(rules({ ...watch(0, [a4, b4]), createdRevision: 2 })).toEqual(["watch-reliable"]);
    expect(rules({ ...watch(0, [a4, b4]), createdRevision: 3 })).toEqual([]);
    const [violation] = checkWatches([watch(2, [a2], [a4, b4])], store);
    expect(violation?.text).toBe(
      "watch 1 of client w on [a, c) from revision 2, at 1.001 ms: " +
        "put of b=1 (created at 3, modified at 3, version 1) left out before revision 4",
    );
  });

  it("begin at the revision asked for", () => {
    expect(rules(watch(2, [b3]))).toEqual(["watch-resumable"]);
    expect(rules(watch(3, [a2], [b3]))).toEqual(["watch-resumable"]);
    expect(rules({ ...watch(3), compacted: { atUs: 1000, revision: 4 } })).toEqual([]);
    expect(rules({ ...watch(4), compacted: { atUs: 1000, revision: 4 } })).toEqual(["watch-resumable"]);
  });

  it("keep to what they notified as progress", () => {
    expect(rules(watch(2, [a2], 3, [b3]))).toEqual(["watch-reliable", "watch-bookmarkable"]);
    expect(rules(watch(4, [a4, b4], 3))).toEqual(["watch-bookmarkable"]);
  });

  it("tell what was committed, and not before it was asked for", () => {
    expect(rules(watch(2, [put("a", "7", 2)]))).toEqual(["watch-content"]);
    expect(rules(watch(5, [put("a", "3", 5, 3, 2)]))).toEqual(["watch-content"]);
    expect(rules(watch(7, [put("a", "3", 7)]))).toContain("watch-content");
    const early = watch(2, [a2]);
    expect(rules({ ...early, responses: early.responses.map((one) => ({ ...one, atUs: 99 })) })).toEqual([
      "watch-future",
    ]);
    expect(
      rules({ ...early, responses: early.responses.map((one) => ({ ...one, header: { revision: 1 } })) }),
    ).toEqual(["watch-future"]);
  });

  it("of random stores are accepted, and refused when a response with events is lost, doubled or cut", () => {
    let spoilt = 0;
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(100), fc.integer({ min: 0, max: 2 }), (seed, at, how) => {
        const { store } = randomStore(seed);
        const random = new RandomStreams(`watch/${seed}`).stream("all");
        const record = randomWatch(store, random, 1);
        expect(checkWatches([record], store)).toEqual([]);
        const full = [...record.responses.keys()].filter((place) => record.responses[place]?.events.length);
        // What is lost at the very beginning or end nobody can know of where the beginning is not known.
        const place = full[1 + (at % Math.max(1, full.length - 2))];
        const response = place === undefined ? undefined : record.responses[place];
        if (place === undefined || response === undefined || full.length < 3) return;
        const responses = [...record.responses];
        if (how === 0) responses.splice(place, 1);
        else if (how === 1) responses.splice(place, 0, response);
        else responses[place] = { ...response, events: response.events.slice(1) };
        if (how === 2 && response.events.length === 1) return;
        spoilt += 1;
        expect(checkWatches([{ ...record, responses }], store)).not.toEqual([]);
      }),
      { numRuns: 120 },
    );
    expect(spoilt).toBeGreaterThan(40);
  });
});
