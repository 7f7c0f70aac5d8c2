/** Recordings of the scheduler, rebuilt and simulated: what the real one did comes out, and a change is found out. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { validate } from "../../src/cli/validate-control-plane.js";
import { UnusableRecording } from "../../src/cli/validation/recording.js";

const FOLDER = "../shared/golden/control-plane-1.36";
const there = existsSync(FOLDER);
if (!there) console.warn(`skipped: no recorded control planes at ${FOLDER}`);

type Json = Record<string, unknown>;

function recorded(name: string): Json {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8")) as Json;
}

function missedOf(file: Json): string[] {
  return validate(JSON.stringify(file), 1)
    .checks.filter((check) => !check.pass)
    .map((check) => check.quantity);
}

describe.skipIf(!there)("recorded schedulers", () => {
  it.each([
    ["sched", 31],
    ["sched-stall", 2],
  ])("%s comes out as recorded", (name, checks) => {
    const found = validate(JSON.stringify(recorded(name)), 6).checks;
    expect(found).toHaveLength(checks);
    expect(found.filter((check) => !check.pass)).toEqual([]);
  });

  it("a controller manager with another client limit is found out", () => {
    const file = { ...recorded("sched"), kcm_flags: ["--kube-api-qps=40"], bursts: [] };
    expect(missedOf(file)).toContain("Deployment from nothing: created a second");
  });

  it("a scheduler that waits in back-off while its queue is empty is found out", () => {
    const file = recorded("sched");
    const attempts = file.attempts_ms as Record<string, number[]>;
    // What 1 s doubling to 10 s would have left of them.
    const few = { ...attempts, "retry-0": (attempts["retry-0"] ?? []).filter((_, index) => index % 5 === 0) };
    expect(missedOf({ ...file, attempts_ms: few, bursts: [] })).toContain("useless nodes: attempts");
  });

  it("other numbers of pods, nodes and rounds are taken from the file", () => {
    const file = recorded("sched");
    const timeline = (file.timeline as [number, string, string][]).filter(
      ([, , name]) => !/^(big1-|bignode1)|^retry-|^useless/.test(name) && name !== "big0-4",
    );
    expect(missedOf({ ...file, timeline, bursts: [] })).toEqual([]);
  });

  it("a scheduler flag that is not modelled is refused by name", () => {
    const file = { ...recorded("sched"), scheduler_flags: ["--kube-api-qps=5"] };
    expect(() => missedOf(file)).toThrow(UnusableRecording);
    expect(() => missedOf(file)).toThrow("scheduler flag --kube-api-qps is not modelled");
  });
});
