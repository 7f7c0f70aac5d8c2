import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY, formatDuration, HOUR, MINUTE, parseDuration, SECOND } from "../../src/units/time.js";

describe("Durations", () => {
  it.each([
    ["0", 0],
    ["0s", 0],
    ["15s", 15 * SECOND],
    ["1h30m", 90 * MINUTE],
    ["250ms", 250_000],
    ["1.5s", 1_500_000],
    [".5s", 500_000],
    ["1.s", SECOND],
    ["2d", 2 * DAY],
    ["1µs", 1],
    ["1μs", 1],
    ["1us", 1],
    ["400ns", 0],
    ["500ns", 1],
    ["-5m", -5 * MINUTE],
    ["+5m", 5 * MINUTE],
    ["1m30.25s", 90_250_000],
    // Sums of decimal fractions land on the microsecond meant.
    ["0.1s", 100_000],
    ["2501999h", 2_501_999 * HOUR],
  ])("reads %s", (text, micros) => {
    expect(parseDuration(text)).toBe(micros);
  });

  it.each([
    "",
    "5",
    "s",
    "-",
    "+",
    "5 s",
    "5S",
    "1h 30m",
    "1m30",
    "five",
    "1e3s",
    "1w",
    "--5s",
    "2562047h",
  ])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it("writes what reads back as the same span", () => {
    const span = fc.integer({ min: -1_000 * DAY, max: 1_000 * DAY });
    fc.assert(
      fc.property(span, (micros) => {
        expect(parseDuration(formatDuration(micros)), formatDuration(micros)).toBe(roundedAsShown(micros));
      }),
    );
  });

  it.each([
    [0, "0s"],
    [999, "999µs"],
    [250_000, "250ms"],
    [47_300_000, "47.3s"],
    [90 * MINUTE, "1h30m"],
    [DAY + SECOND, "1d1s"],
    [-MINUTE, "-1m"],
    // Rounding goes up into the next unit, never to 60s or 1000ms.
    [MINUTE - 1, "1m"],
    [SECOND - 1, "999.999ms"],
    [HOUR - 1, "1h"],
    [DAY - 1, "1d"],
  ])("writes %s µs as %s", (micros, text) => {
    expect(formatDuration(micros)).toBe(text);
  });
});

/** Spans of a second and more are shown to the millisecond. */
function roundedAsShown(micros: number): number {
  if (Math.abs(micros) < SECOND) return micros;
  return Math.sign(micros) * Math.round(Math.abs(micros) / 1000) * 1000;
}
