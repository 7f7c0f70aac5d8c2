/** Durability: what was acknowledged is there in the end, or is counted with its age. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replayChanges, StoreHistory } from "../../src/consistency/changes.js";
import { checkDurability, type FinalState, findLostWrites } from "../../src/consistency/durability.js";
import type { Operation } from "../../src/consistency/history.js";
import { checkLinearizability } from "../../src/consistency/linearizability.js";
import { randomHistory } from "./random-history.js";

function put(number: number, key: string, value: string, returnUs: number): Operation {
  return {
    client: "c",
    number,
    callUs: returnUs - 10,
    returnUs,
    request: { type: "put", key, value },
    answer: { header: { revision: number + 1 }, outcome: { type: "put" } },
  };
}

const writes = [put(1, "a", "1", 100), put(2, "b", "1", 200), put(3, "a", "2", 300)];

/** What is left if everything after the revision is lost. */
function cutAt(store: StoreHistory, revision: number, knowsHistory: boolean): FinalState {
  const history = new StoreHistory(store.changes.slice(0, revision - store.firstRevision));
  const kvs = history.at({ key: "", rangeEnd: "\0" }, revision);
  return { revision, kvs, ...(knowsHistory ? { history } : {}) };
}

describe("durability", () => {
  it.each([
    true,
    false,
  ])("finds nothing missing where nothing is (all revisions known: %s)", (knowsHistory) => {
    expect(checkDurability(writes, cutAt(replayChanges(writes), 4, knowsHistory))).toEqual([]);
  });

  it.each([
    true,
    false,
  ])("counts what a recovery lost and how old it was (all revisions known: %s)", (knowsHistory) => {
    const report = findLostWrites(writes, cutAt(replayChanges(writes), 2, knowsHistory), 310);
    expect(report.acknowledged).toBe(3);
    expect(report.lost.map(({ operation, ageUs }) => [operation.number, ageUs])).toEqual([
      [2, 110],
      [3, 10],
    ]);
    expect(report.oldestAgeUs).toBe(110);
  });

  it("says which write is missing and what is there instead", () => {
    const [violation] = checkDurability(writes, cutAt(replayChanges(writes), 3, false));
    expect(violation?.rule).toBe("durability");
    expect(violation?.text).toMatch(
      /^client c #3 put a=2 -> ok .*: acknowledged at 0.300 ms, and not there in the end \(revision 3, a=1 /,
    );
  });

  it("notices another write at the same revision, after a recovery that went on", () => {
    const other = replayChanges([
      ...writes.slice(0, 2),
      put(3, "a", "other", 900),
      put(4, "b", "other", 950),
    ]);
    const kvs = other.at({ key: "", rangeEnd: "\0" }, 5);
    const lost = findLostWrites(writes, { revision: 5, kvs, history: other }, 310).lost;
    expect(lost.map(({ operation }) => operation.number)).toEqual([3]);
    const sameRevision = findLostWrites(writes, { ...cutAt(other, 4, false) }, 310).lost;
    expect(sameRevision.map(({ operation }) => operation.number)).toEqual([3]);
  });

  it("takes a missing key for lost only if no request can have deleted it", () => {
    const final = { revision: 9, kvs: [] };
    const lost = (...more: Operation[]) =>
      findLostWrites([writes[0] as Operation, ...more], final, 0).lost.length;
    const remove: Operation = {
      client: "d",
      number: 1,
      callUs: 500,
      request: { type: "deleteRange", key: "a" },
    };
    expect(lost()).toBe(1);
    expect(lost(remove)).toBe(0);
    expect(lost({ ...remove, request: { type: "deleteRange", key: "b" } })).toBe(1);
  });

  it("loses exactly what comes after the cut, in random lives", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.double({ min: 0, max: 1, noNaN: true }), (seed, share) => {
        const history = randomHistory({
          seed,
          clients: 4,
          operations: 60,
          keys: 3,
          mix: { txn: 2, range: 1 },
        });
        const result = checkLinearizability(history);
        if (result.verdict !== "linearizable") throw new Error(result.verdict);
        const store = replayChanges(result.order);
        const revision = 1 + Math.round(share * (store.lastRevision - 1));
        const exact = findLostWrites(history, cutAt(store, revision, true), 0);
        const after = exact.lost.map(({ operation }) => operation.answer?.header.revision ?? 0);
        expect(after.every((one) => one > revision)).toBe(true);
        expect(after).toHaveLength(store.lastRevision - revision);
        expect(checkDurability(history, cutAt(store, store.lastRevision, false))).toEqual([]);
        // From the keys alone a loss may go unnoticed, but none is invented.
        const guessed = findLostWrites(history, cutAt(store, revision, false), 0).lost;
        expect(guessed.every(({ operation }) => (operation.answer?.header.revision ?? 0) > revision)).toBe(
          true,
        );
      }),
      { numRuns: 60 },
    );
  });
});
