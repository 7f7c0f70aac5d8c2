import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatQuantity,
  fromMilli,
  fromWhole,
  milliValue,
  parseQuantity,
  wholeValue,
} from "../../src/units/quantity.js";

const GIGA = 1_000_000_000n;
const NANO_EXPONENT = 9;

/** Suffix → factor as a fraction of whole numbers. */
const SUFFIXES: readonly (readonly [suffix: string, up: bigint, down: bigint])[] = [
  ["n", 1n, GIGA],
  ["u", 1n, 1_000_000n],
  ["m", 1n, 1_000n],
  ["", 1n, 1n],
  ["k", 1_000n, 1n],
  ["M", 1_000_000n, 1n],
  ["G", GIGA, 1n],
  ["T", 10n ** 12n, 1n],
  ["P", 10n ** 15n, 1n],
  ["E", 10n ** 18n, 1n],
  ["Ki", 1024n, 1n],
  ["Mi", 1024n ** 2n, 1n],
  ["Gi", 1024n ** 3n, 1n],
  ["Ti", 1024n ** 4n, 1n],
  ["Pi", 1024n ** 5n, 1n],
  ["Ei", 1024n ** 6n, 1n],
];

describe("Kubernetes quantities", () => {
  it.each([
    ["0", 0n],
    ["1", GIGA],
    ["500m", GIGA / 2n],
    ["0.5", GIGA / 2n],
    [".5", GIGA / 2n],
    ["5.", 5n * GIGA],
    ["1e3", 1000n * GIGA],
    ["1E3", 1000n * GIGA],
    ["1e-3", 1_000_000n],
    ["1E", 10n ** 18n * GIGA],
    ["1Ei", 2n ** 60n * GIGA],
    ["100M", 100_000_000n * GIGA],
    ["1Gi", 2n ** 30n * GIGA],
    ["1.5Gi", (3n * 2n ** 30n * GIGA) / 2n],
    ["+2", 2n * GIGA],
    ["-2", -2n * GIGA],
    ["-0.5", -GIGA / 2n],
    ["007", 7n * GIGA],
    ["1n", 1n],
    ["1u", 1000n],
    // Finer than nano: away from zero.
    ["0.1n", 1n],
    ["-0.1n", -1n],
    ["0.0000000001", 1n],
    ["1e-10", 1n],
    ["0e-1000", 0n],
    ["9223372036854775807", 9_223_372_036_854_775_807n * GIGA],
  ])("reads %s", (text, nano) => {
    expect(parseQuantity(text)).toBe(nano);
  });

  it.each([
    "",
    " ",
    "m",
    "Gi",
    ".",
    "-",
    "1 Gi",
    "1GiB",
    "1gi",
    "1K",
    "1mi",
    "1e",
    "e3",
    "0x10",
    "1,5",
    "1_000",
    "NaN",
    "1e3m",
    "--1",
    "1e1001",
    "１",
  ])("refuses %j", (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  it("agrees with fractions of whole numbers, rounding away from zero below a nano", () => {
    const mantissa = fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 21n }), fc.integer({ min: 0, max: 20 }));
    fc.assert(
      fc.property(
        mantissa,
        fc.constantFrom(...SUFFIXES),
        fc.boolean(),
        ([digits, places], [suffix, up, down], negative) => {
          const padded = String(digits).padStart(places + 1, "0");
          const at = padded.length - places;
          const text = `${negative ? "-" : ""}${padded.slice(0, at)}${places > 0 ? "." : ""}${padded.slice(at)}${suffix}`;
          const above = digits * up * 10n ** BigInt(NANO_EXPONENT);
          const below = down * 10n ** BigInt(places);
          const size = (above + below - 1n) / below;
          expect(parseQuantity(text), text).toBe(negative ? -size : size);
        },
      ),
    );
  });

  it("reads an exponent as that power of ten", () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        fc.integer({ min: -9, max: 30 }),
        (mantissa, power) => {
          expect(parseQuantity(`${mantissa}e${power}`)).toBe(mantissa * 10n ** BigInt(power + NANO_EXPONENT));
        },
      ),
    );
  });

  it("writes what reads back as the same quantity", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (quantity) => {
        expect(parseQuantity(formatQuantity(quantity))).toBe(quantity);
      }),
    );
  });

  it.each([
    [0n, "0"],
    [GIGA / 2n, "500m"],
    [2n ** 30n * GIGA, "1Gi"],
    [100_000_000n * GIGA, "100M"],
    [1500n * GIGA, "1500"],
    [64_000n * GIGA, "64k"],
    [3n, "3n"],
    [-3000n, "-3u"],
  ])("writes %s nano as %s", (quantity, text) => {
    expect(formatQuantity(quantity)).toBe(text);
  });

  it("counts CPU in thousandths and bytes in whole units, rounded up", () => {
    expect(milliValue(1n)).toBe(1);
    expect(milliValue(fromMilli(250))).toBe(250);
    expect(milliValue(fromMilli(250) + 1n)).toBe(251);
    expect(wholeValue(fromMilli(1))).toBe(1);
    expect(wholeValue(fromWhole(1024))).toBe(1024);
    expect(wholeValue(-1n)).toBe(-1);
  });

  it("rounds up never by a whole unit or more", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 53n * 1_000_000n }), (quantity) => {
        const milli = BigInt(milliValue(quantity)) * 1_000_000n;
        expect(milli >= quantity && milli - quantity < 1_000_000n).toBe(true);
      }),
    );
  });
});
