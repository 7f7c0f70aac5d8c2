import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { validate } from "../../src/cli/validate-control-plane.js";
import { UnusableRecording } from "../../src/cli/validation/recording.js";
import { median, quantileOf, ranksApart, spread } from "../../src/cli/validation/samples.js";

const FOLDER = "../shared/golden/control-plane-1.36";
const there = existsSync(FOLDER);
if (!there) console.warn(`skipped: no recorded control planes at ${FOLDER}`);

/** Enough for ranges to mean something; the command itself takes twenty. */
const SEEDS = 10;

function recorded(name: string): string {
  return readFileSync(join(FOLDER, `${name}.json`), "utf8");
}

describe.skipIf(!there)("recorded control planes", () => {
  it.each([
    "single-default",
    "single-tuned",
    "zones-full",
    "zones-partial",
  ])("%s comes out as recorded", (name) => {
    const { checks } = validate(recorded(name), SEEDS);
    expect(checks.length).toBeGreaterThan(10);
    expect(checks.filter((check) => !check.pass)).toEqual([]);
  });

  it("a cluster with another grace period than the recorded one is found out", () => {
    const changed = {
      ...JSON.parse(recorded("single-default")),
      kcm_flags: ["--node-monitor-grace-period=40s"],
    };
    const missed = validate(JSON.stringify(changed), 1).checks.filter((check) => !check.pass);
    expect(missed.map((check) => check.quantity)).toContain("crash → Unknown, mean");
  });

  it("a cluster with another eviction rate than the recorded one is found out", () => {
    const changed = { ...JSON.parse(recorded("zones-full")), kcm_flags: ["--node-eviction-rate=0.2"] };
    const missed = validate(JSON.stringify(changed), 1).checks.filter((check) => !check.pass);
    expect(missed.map((check) => check.quantity)).toContain("zone za: NoExecute taints");
  });

  it.each([
    ["notready", 'family "notready" is not yet compared'],
    ["zones-kcm", "not yet compared: kill-leader"],
  ])("%s is refused by name", (name, message) => {
    expect(() => validate(recorded(name), 1)).toThrow(message);
  });
});

describe("files that are no recordings", () => {
  it.each([
    ["no JSON", "{", "expected JSON"],
    ["a list", "[]", "expected the file to have fields"],
    ["no timeline", '{"parameters": {}, "fake_kubelet": {}}', "expected timeline to be a list"],
  ])("%s", (_, text, message) => {
    expect(() => validate(text, 1)).toThrow(UnusableRecording);
    expect(() => validate(text, 1)).toThrow(message);
  });
});

describe("samples", () => {
  it("have quantiles between their ranks", () => {
    expect(quantileOf([0, 10, 20], 0.5)).toBe(10);
    expect(quantileOf([0, 10], 0.25)).toBe(2.5);
    expect(median([30, 10, 20, 40])).toBe(25);
    expect(spread([1000, 3000, 2000])).toBe("1.00 / 2.00 / 3.00 s (3)");
  });

  it("lie as far apart as their most distant rank", () => {
    expect(ranksApart([1, 2, 3], [[3, 2, 1]], "every rank")).toBe(0);
    expect(ranksApart([1, 2, 9], [[1, 2, 3]], "every rank")).toBe(6);
    expect(ranksApart([1, 2, 9], [[1, 2, 3]], [0.5])).toBe(0);
    expect(ranksApart([1], [[], []], "every rank")).toBe(Number.POSITIVE_INFINITY);
  });
});
