import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunDigest } from "../../src/engine/digest.js";
import { SlotTable } from "../../src/engine/slots.js";

const PINNED_EMPTY = "41fe70851ae4b3e5";
const PINNED_MIXED = "abca85489982c3b0";

const digestOf = (...items: (number | string)[]): string => {
  const digest = new RunDigest();
  for (const item of items) typeof item === "number" ? digest.add(item) : digest.addText(item);
  return digest.hex();
};

describe("the run digest", () => {
  it("is pinned, so that digests of published runs stay comparable", () => {
    expect(digestOf()).toBe(PINNED_EMPTY);
    expect(digestOf(1, 2.5, -3e300, "node/a")).toBe(PINNED_MIXED);
  });

  it("tells apart order, neighbouring numbers and how texts are cut", () => {
    expect(digestOf(1, 2)).not.toBe(digestOf(2, 1));
    expect(digestOf(1)).not.toBe(digestOf(1 + Number.EPSILON));
    expect(digestOf("ab", "c")).not.toBe(digestOf("a", "bc"));
    expect(digestOf("")).not.toBe(digestOf());
    expect(digestOf(Number.NaN)).not.toBe(digestOf(0x7fffffff));
    expect(digestOf(0)).toBe(digestOf(-0));
    expect(digestOf(Number.NaN)).toBe(digestOf(0 / 0));
  });

  it("differs whenever one number of a sequence differs", () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: 1 }), fc.nat(), fc.double(), (numbers, at, other) => {
        const index = at % numbers.length;
        fc.pre(!Object.is(numbers[index], other) && numbers[index] !== other);
        expect(digestOf(...numbers)).not.toBe(digestOf(...numbers.with(index, other)));
      }),
    );
  });

  it("has no equal values among a hundred thousand similar runs, and sixteen hex digits", () => {
    const seen = new Set<string>();
    for (let i = 0; i < 100_000; i++) seen.add(digestOf(i));
    expect(seen.size).toBe(100_000);
    expect([...seen].every((hex) => /^[0-9a-f]{16}$/.test(hex))).toBe(true);
  });

  it("may be read at any time without changing what follows", () => {
    const digest = new RunDigest();
    digest.add(1);
    digest.hex();
    digest.add(2);
    expect(digest.hex()).toBe(digestOf(1, 2));
  });
});

describe("the slot table", () => {
  it("gives each value back once, under its own handle, whatever the order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 })), (steps) => {
        const table = new SlotTable<string>();
        const held = new Map<number, string>();
        for (const [turn, step] of steps.entries()) {
          const handles = [...held.keys()];
          const victim = handles[step % Math.max(1, handles.length)];
          if (step % 3 === 0 && victim !== undefined) {
            expect(table.get(victim)).toBe(held.get(victim));
            expect(table.take(victim)).toBe(held.get(victim));
            held.delete(victim);
          } else {
            const handle = table.put(`value ${turn}`);
            expect(held.has(handle)).toBe(false);
            expect(Number.isSafeInteger(handle)).toBe(true);
            held.set(handle, `value ${turn}`);
          }
          expect(table.size).toBe(held.size);
        }
      }),
    );
  });

  it("finds out a handle used after its value was taken, though the slot is in use again", () => {
    const table = new SlotTable<{ name: string }>();
    const old = table.put({ name: "first" });
    table.take(old);
    const next = table.put({ name: "second" });
    expect(next % 2 ** 32).toBe(old % 2 ** 32);
    expect(() => table.take(old)).toThrow("after its value was taken");
    expect(() => table.get(old)).toThrow("after its value was taken");
    expect(() => table.take(12_345)).toThrow();
    expect(table.take(next).name).toBe("second");
  });

  it("still gives fit handles when a slot's generation has gone all the way round", () => {
    const table = new SlotTable<number>();
    let [largest, wrong] = [0, 0];
    for (let i = 0; i < 2 ** 20 + 5; i++) {
      const handle = table.put(i);
      largest = Math.max(largest, handle);
      if (table.take(handle) !== i) wrong++;
    }
    expect(wrong).toBe(0);
    expect(largest).toBeGreaterThan(2 ** 51);
    expect(Number.isSafeInteger(largest)).toBe(true);
  });
});
