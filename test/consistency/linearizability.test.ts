/** Linearizability: small histories by hand, random ones from an atomic store, and a second judge that tries every order. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyValue, KvAnswer, KvRequest, Operation, Put } from "../../src/consistency/history.js";
import { checkLinearizability } from "../../src/consistency/linearizability.js";
import { RandomStreams } from "../../src/engine/random.js";
import { corrupt } from "./corrupt.js";
import { randomHistory } from "./random-history.js";
import { isLinearizableByTrying } from "./twin.js";

const put = (key: string, value: string): Put => ({ type: "put", key, value });
const get = (key: string): KvRequest => ({ type: "range", key });
const done = (revision: number): KvAnswer => ({ header: { revision }, outcome: { type: "put" } });
const saw = (revision: number, ...kvs: KeyValue[]): KvAnswer => ({
  header: { revision },
  outcome: { type: "range", kvs, count: kvs.length },
});
const kv = (
  key: string,
  value: string,
  modRevision: number,
  version = 1,
  createRevision = modRevision,
): KeyValue => ({
  key,
  value,
  createRevision,
  modRevision,
  version,
  lease: 0,
});

let number = 0;
function op(
  client: string,
  callUs: number,
  returnUs: number | undefined,
  request: KvRequest,
  answer?: KvAnswer,
): Operation {
  number += 1;
  return { client, number, callUs, returnUs, request, answer };
}

function verdict(history: readonly Operation[], revisions = true): string {
  return checkLinearizability(history, { revisions }).verdict;
}

describe("linearizability", () => {
  it("accepts nothing at all, and a store that does one thing after the other", () => {
    expect(verdict([])).toBe("linearizable");
    const history = [
      op("a", 0, 10, put("x", "1"), done(2)),
      op("a", 20, 30, get("x"), saw(2, kv("x", "1", 2))),
      op(
        "a",
        40,
        50,
        { type: "deleteRange", key: "x" },
        { header: { revision: 3 }, outcome: { type: "deleteRange", deleted: 1 } },
      ),
      op("a", 60, 70, get("x"), saw(3)),
    ];
    expect(verdict(history)).toBe("linearizable");
    expect(verdict(history, false)).toBe("linearizable");
  });

  it.each([
    true,
    false,
  ])("refuses a read of what was overwritten before the read was called (revisions: %s)", (revisions) => {
    const history = [
      op("a", 0, 10, put("x", "1"), done(2)),
      op("a", 20, 30, put("x", "2"), done(3)),
      op("b", 31, 40, get("x"), saw(2, kv("x", "1", 2))),
    ];
    expect(verdict(history, revisions)).toBe("violation");
    // At the very moment of the answer the two may have overlapped.
    const overlapping = history.with(2, { ...(history[2] as Operation), callUs: 30 });
    expect(verdict(overlapping, revisions)).toBe("linearizable");
  });

  it("refuses two reads beside a write that see it come and go", () => {
    const history = [
      op("w", 0, 100, put("x", "1"), done(2)),
      op("a", 10, 20, get("x"), saw(2, kv("x", "1", 2))),
      op("b", 30, 40, get("x"), saw(1)),
    ];
    expect(verdict(history)).toBe("violation");
    expect(verdict(history, false)).toBe("violation");
  });

  it("lets a write without an answer take effect later, or never, but not before its call", () => {
    const lost = op("w", 50, undefined, put("x", "1"));
    const before = op("a", 10, 20, get("x"), saw(1));
    const early = op("a", 10, 20, get("x"), saw(2, kv("x", "1", 2)));
    const late = op("a", 1_000_000, 1_000_010, get("x"), saw(2, kv("x", "1", 2)));
    for (const revisions of [true, false]) {
      expect(verdict([lost, before], revisions)).toBe("linearizable");
      expect(verdict([lost, before, late], revisions)).toBe("linearizable");
      expect(verdict([lost, early], revisions)).toBe("violation");
      expect(verdict([lost, late, op("a", 1_000_020, 1_000_030, get("x"), saw(1))], revisions)).toBe(
        "violation",
      );
    }
  });

  it("wants somebody for every revision: an unknown write that fills a gap, but not twice", () => {
    const history = [op("w", 0, undefined, put("y", "?")), op("a", 10, 20, put("x", "1"), done(3))];
    expect(verdict(history)).toBe("linearizable");
    expect(verdict(history.slice(1))).toBe("violation");
    expect(verdict([...history, op("a", 30, 40, put("x", "1"), done(5))])).toBe("violation");
  });

  it("explains, with the culprit, what goes before it, and what does not fit", () => {
    const history = [
      op("a", 0, 10_000, put("x", "1"), done(2)),
      op("b", 11_000, 20_000, get("x"), saw(2, kv("x", "1", 2))),
      op("b", 21_000, 30_000, get("x"), saw(2, { ...kv("x", "1", 2), lease: 4 })),
      op("a", 31_000, 40_000, put("x", "2"), done(3)),
    ];
    const result = checkLinearizability(history);
    if (result.verdict !== "violation") throw new Error("expected a violation");
    const { culprit, prefix, unplaced, text } = result.counterexample;
    expect(culprit).toBe(history[2]);
    expect(prefix).toEqual(history.slice(0, 2));
    expect(unplaced).toEqual([history[2]]);
    expect(text.split("\n")[0]).toMatch(
      /^Not linearizable as of at 30.000 ms, by the answer to client b #\d+:$/,
    );
    expect(text).toContain("get x -> x=1 (created at 2, modified at 2, version 1, lease 4)");
    expect(text).toContain("leads to revision 2 with x=1 (created at 2, modified at 2, version 1)");
  });

  it("says of revisions that fall which two answers contradict each other", () => {
    const history = [op("a", 0, 10, put("x", "1"), done(2)), op("b", 20, 30, get("x"), saw(1))];
    const result = checkLinearizability(history);
    if (result.verdict !== "violation") throw new Error("expected a violation");
    expect(result.counterexample.text).toMatch(
      /get x -> nothing .* called after revision 2 had been answered, to client a/,
    );
  });

  it("says without revisions which write a stale read has missed, and which value nobody put", () => {
    const text = (history: readonly Operation[]) => {
      const result = checkLinearizability(history, { revisions: false });
      return result.verdict === "violation" ? result.counterexample.text : result.verdict;
    };
    // The first write has no answer, but somebody saw its value before the second was called.
    const lost = op("v", 0, undefined, put("x", "1"));
    const seen = op("a", 5, 10, get("x"), saw(2, kv("x", "1", 2)));
    const over = op("w", 20, 30, put("x", "2"), done(3));
    const stale = op("b", 31, 40, get("x"), saw(2, kv("x", "1", 2)));
    expect(text([lost, seen, over, stale])).toMatch(
      /x=1 is that of client v #\d+, in effect no later than at 0.010 ms, and was overwritten .*: client w #\d+ put x=2/,
    );
    expect(text([lost, over, stale])).toBe("linearizable");
    expect(text([seen])).toMatch(/shows x=1; nobody had asked to put that by then/);
    expect(text([seen, op("w", 11, 30, put("x", "1"), done(2))])).toMatch(
      /shows x=1; nobody had asked to put/,
    );
  });

  it("begins where it is told to", () => {
    const initial = { revision: 7, kvs: [kv("x", "old", 5)] };
    const history = [
      op("a", 0, 10, get("x"), saw(7, kv("x", "old", 5))),
      op("a", 20, 30, put("x", "new"), done(8)),
    ];
    expect(checkLinearizability(history, { initial }).verdict).toBe("linearizable");
    expect(checkLinearizability(history, { initial, revisions: false }).verdict).toBe("linearizable");
    expect(checkLinearizability(history).verdict).toBe("violation");
  });

  it("ends a lease at one revision, as an operation that nobody answers", () => {
    const history = [
      op("a", 0, 10, { type: "put", key: "x", value: "1", lease: 9 }, done(2)),
      op("a", 20, 30, { type: "put", key: "y", value: "1", lease: 9 }, done(3)),
      op("server", 0, undefined, { type: "leaseRevoke", id: 9 }),
      op("a", 40, 50, get("x"), saw(4)),
    ];
    const other = { ...kv("y", "1", 3), lease: 9 };
    expect(verdict([...history, op("a", 60, 70, get("y"), saw(4))])).toBe("linearizable");
    expect(verdict([...history, op("a", 60, 70, get("y"), saw(4, other))])).toBe("violation");
    const between = op("a", 32, 38, get("x"), saw(3, { ...kv("x", "1", 2), lease: 9 }));
    expect(verdict([...history, op("a", 60, 70, get("y"), saw(4, other))], false)).toBe("linearizable");
    expect(verdict([...history, between, op("a", 60, 70, get("y"), saw(4, other))], false)).toBe("violation");
  });

  it.each([
    { operations: 200, clients: 2, keys: 1, unknown: 0, steps: 1_000 },
    { operations: 2000, clients: 10, keys: 1, unknown: 20, steps: 20_000 },
    { operations: 2000, clients: 10, keys: 5, unknown: 20, steps: 20_000 },
    { operations: 2000, clients: 10, keys: 5, unknown: 100, steps: 100_000 },
  ])("takes few steps: $operations operations of $clients clients on $keys keys, $unknown unknown: at most $steps", ({
    steps,
    ...shape
  }) => {
    for (const seed of [1, 2, 3]) {
      const result = checkLinearizability(randomHistory({ seed, ...shape }));
      expect(result.verdict).toBe("linearizable");
      expect(result.steps).toBeLessThanOrEqual(steps);
    }
  });

  it("tells states apart by leases even where only values count: a put of the same value can save a key", () => {
    const again: KvRequest = {
      type: "txn",
      compare: [{ key: "x", target: "modRevision", result: "equal", operand: 2 }],
      success: [put("x", "1")],
      failure: [],
    };
    const history = [
      op("a", 0, 10, { type: "put", key: "x", value: "1", lease: 1 }, done(2)),
      op("b", 20, undefined, again),
      op(
        "a",
        30,
        40,
        { type: "leaseRevoke", id: 1 },
        { header: { revision: 3 }, outcome: { type: "lease" } },
      ),
      op("a", 50, 60, get("x"), saw(3, kv("x", "1", 3, 2, 2))),
    ];
    expect(verdict(history)).toBe("linearizable");
    expect(verdict(history, false)).toBe("linearizable");
    expect(verdict(history.toSpliced(1, 1), false)).toBe("violation");
  });

  it("says that it cannot decide when its budget is used up", () => {
    const history = randomHistory({ seed: 1, clients: 5, operations: 200, keys: 1 });
    expect(checkLinearizability(history, { maxSteps: 50 }).verdict).toBe("undecided");
  });
});

const shapes = fc.record({
  seed: fc.integer({ min: 0, max: 1_000_000_000 }),
  clients: fc.integer({ min: 1, max: 6 }),
  keys: fc.integer({ min: 1, max: 3 }),
  unknown: fc.integer({ min: 0, max: 8 }),
  values: fc.integer({ min: 1, max: 50 }),
  mix: fc.constantFrom({}, { range: 2 }, { txn: 3 }, { revoke: 2 }, { range: 1, txn: 1, revoke: 1, get: 8 }),
});

describe("linearizability of random histories", () => {
  it("accepts whatever an atomic store answered, with and without revisions", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 120 }), fc.boolean(), (shape, operations, revisions) => {
        const history = randomHistory({ ...shape, operations });
        const result = checkLinearizability(history, { revisions });
        if (result.verdict === "violation") throw new Error(result.counterexample.text);
        expect(result.verdict).toBe("linearizable");
      }),
      { numRuns: 400 },
    );
  });

  it("gives an order that is a linearization: in time, and replayed by the store with the same answers", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 60 }), (shape, operations) => {
        const history = randomHistory({ ...shape, operations });
        const result = checkLinearizability(history);
        if (result.verdict !== "linearizable") throw new Error(result.verdict);
        const { order } = result;
        expect(order.filter((one) => one.answer !== undefined)).toHaveLength(
          history.filter((one) => one.answer !== undefined).length,
        );
        // One after the other at moments of their own, the order is its own and only linearization.
        const oneByOne = order.map((one, at) => ({
          ...one,
          callUs: 2 * at,
          returnUs: one.answer && 2 * at + 1,
        }));
        expect(checkLinearizability(oneByOne).verdict).toBe("linearizable");
        let latestCallUs = 0;
        for (const one of order) {
          expect(one.returnUs ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(latestCallUs);
          latestCallUs = Math.max(latestCallUs, one.callUs);
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    true,
    false,
  ])("judges as a judge that tries every order, truths and single lies (revisions: %s)", (revisions) => {
    let refused = 0;
    let accepted = 0;
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 7 }), fc.nat(4), (shape, operations, truthful) => {
        const unknown = Math.min(4, shape.unknown);
        const truth = randomHistory({ ...shape, operations, unknown, values: 2 + (shape.seed % 6) });
        const random = new RandomStreams(`lie/${shape.seed}`).stream("all");
        const history = truthful === 0 ? truth : corrupt(truth, random);
        const expected = isLinearizableByTrying(history, revisions);
        if (expected) accepted += 1;
        else refused += 1;
        expect(verdict(history, revisions)).toBe(expected ? "linearizable" : "violation");
      }),
      { numRuns: 2500 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(accepted).toBeGreaterThan(100);
  });
});
