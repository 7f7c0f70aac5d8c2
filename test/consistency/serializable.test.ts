/** Stale reads: true at the revision they name, never from the future, never backwards within a process. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StoreHistory, tombstone } from "../../src/consistency/changes.js";
import type { KeyValue } from "../../src/consistency/history.js";
import { checkSerializableReads, type SerializableRead } from "../../src/consistency/serializable.js";
import { RandomStreams } from "../../src/engine/random.js";
import { randomStore, staleReads } from "./stale-store.js";

const one: KeyValue = { key: "x", value: "1", createRevision: 2, modRevision: 2, version: 1, lease: 0 };
const two: KeyValue = { ...one, value: "2", modRevision: 3, version: 2 };
const store = new StoreHistory([
  { revision: 2, events: [{ type: "put", kv: one }], calledUs: 100 },
  { revision: 3, events: [{ type: "put", kv: two }], calledUs: 200 },
  { revision: 4, events: [{ type: "delete", kv: tombstone("x", 4) }], calledUs: 300 },
]);

let number = 0;
function read(
  callUs: number,
  revision: number,
  kvs: readonly KeyValue[],
  process = "m1/1",
): SerializableRead {
  number += 1;
  return {
    client: "c",
    number,
    callUs,
    returnUs: callUs + 10,
    process,
    request: { type: "range", key: "x", serializable: true },
    answer: { header: { revision }, outcome: { type: "range", kvs, count: kvs.length } },
  };
}

const rules = (reads: readonly SerializableRead[]) =>
  checkSerializableReads(reads, store).map((one) => one.rule);

describe("serializable reads", () => {
  it("may be old", () => {
    expect(rules([read(1000, 1, []), read(1020, 2, [one]), read(1040, 3, [two]), read(1060, 4, [])])).toEqual(
      [],
    );
  });

  it("must show what there was at their revision, and say what was expected", () => {
    const [violation] = checkSerializableReads([read(1000, 3, [one])], store);
    expect(violation?.rule).toBe("serializable-state");
    expect(violation?.text).toMatch(
      /^client c #\d+ serializable get x at m1\/1 -> x=1 .* revision 3 .*: at revision 3 there was x=2 /,
    );
    expect(rules([read(1000, 4, [two])])).toEqual(["serializable-state"]);
    expect(rules([read(1000, 2, [{ ...one, version: 2 }])])).toEqual(["serializable-state"]);
  });

  it("know nothing of what nobody had asked for yet", () => {
    expect(rules([read(195, 3, [two])])).toEqual([]);
    expect(rules([read(180, 3, [two])])).toEqual(["serializable-future"]);
    expect(rules([read(1000, 5, [])])).toEqual(["serializable-future"]);
  });

  it("never go back within a process, but may at another member or after a restart", () => {
    const later = read(1000, 3, [two]);
    expect(rules([later, read(1020, 2, [one])])).toEqual(["serializable-monotonic"]);
    expect(rules([later, read(1020, 2, [one], "m2/1"), read(1030, 2, [one], "m1/2")])).toEqual([]);
    // Two at a time: either may have been answered first.
    expect(rules([later, read(1005, 2, [one])])).toEqual([]);
  });

  it("at an old revision are held against that revision", () => {
    const old = (revision: number, kvs: readonly KeyValue[]): SerializableRead => {
      const now = read(1000, 3, kvs);
      return { ...now, request: { ...now.request, revision } };
    };
    expect(rules([old(2, [one]), old(1, [])])).toEqual([]);
    expect(rules([old(2, [two])])).toEqual(["serializable-state"]);
    expect(rules([old(4, [])])).toEqual(["serializable-future"]);
  });

  it("of a member that is behind are accepted, and refused once one of them lies", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(29), fc.integer({ min: 1, max: 3 }), (seed, at, by) => {
        const { store } = randomStore(seed);
        const reads = staleReads(store, new RandomStreams(`reads/${seed}`).stream("all"), 30);
        expect(checkSerializableReads(reads, store)).toEqual([]);
        const liar = reads[at] as SerializableRead;
        const [kv] = liar.answer.outcome.kvs;
        if (kv !== undefined) {
          const kvs = liar.answer.outcome.kvs.with(0, { ...kv, modRevision: kv.modRevision + by });
          const lie = { ...liar, answer: { ...liar.answer, outcome: { ...liar.answer.outcome, kvs } } };
          expect(checkSerializableReads(reads.with(at, lie), store)).toHaveLength(1);
        }
      }),
      { numRuns: 60 },
    );
  });
});
