/** One file and one seed give the same bytes: with no worker, with one, with two, and again. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shippedScenarios, shippedStudies } from "../../scripts/digest-cases.mjs";
import type { Model } from "../../src/cluster/model.js";
import { loadScenario } from "../../src/scenario/compile.js";
import { loadEtcdStudy } from "../../src/scenario/etcd-study.js";
import { formatDuration, MINUTE, SECOND } from "../../src/units/time.js";
import { fileSource } from "../../src/workload/files.js";
import { ROOT, Workshop } from "./harness.js";

const SCENARIOS = shippedScenarios(ROOT);

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
});

afterAll(() => workshop.remove());

describe("every shipped scenario, with fewer replications and a nearer horizon", () => {
  it("is one of at least six", () => {
    expect(SCENARIOS.length).toBeGreaterThanOrEqual(6);
  });

  it.each(SCENARIOS)("%s gives the same files on any number of workers, and again", async (name) => {
    const file = join(ROOT, "scenarios", name, "scenario.yaml");
    const { study, problems } = loadScenario(file, fileSource());
    expect(problems.hasErrors).toBe(false);
    if (study === undefined) return;
    // Two runs: the first and the last policy, or two replications of the only one.
    const policies = [...new Set([study.policies[0]?.name ?? "", study.policies.at(-1)?.name ?? ""])];
    const words = [
      ...["compare", file, "--replications", String(3 - policies.length), "--events"],
      ...["--horizon", formatDuration(nearHorizonUs(study.model))],
      ...policies.flatMap((policy) => ["--policy", policy]),
    ];
    const folders = [];
    for (const [folder, workers] of [
      ["inline", "0"],
      ["one", "1"],
      ["two", "2"],
      ["again", "2"],
    ] as const) {
      const out = `${name}/${folder}`;
      const { code, stderr } = await workshop.seatrial(
        ...words,
        "--workers",
        workers,
        "--quiet",
        "--out",
        out,
      );
      expect({ code: code === 1 ? 0 : code, stderr }).toEqual({ code: 0, stderr: "" });
      folders.push(workshop.texts(out));
    }
    const [inline, ...others] = folders;
    expect(Object.keys(inline ?? {})).toEqual([
      "comparison.csv",
      "events.csv",
      "failures.csv",
      "manifest.json",
      "pods.csv",
      "replications.csv",
      "summary.csv",
      "timeseries.csv",
    ]);
    expect(inline?.["events.csv"]?.split("\n").length).toBeGreaterThan(50);
    for (const other of others) expect(other).toEqual(inline);
  });

  it("differs with another seed", async () => {
    const file = join(ROOT, "scenarios/node-failure-defaults/scenario.yaml");
    const words = ["run", file, "--replications", "1", "--horizon", "3m", "--quiet", "--workers", "0"];
    await workshop.seatrial(...words, "--seed", "a", "--out", "seed-a");
    await workshop.seatrial(...words, "--seed", "b", "--out", "seed-b");
    expect(workshop.read("seed-a/pods.csv")).not.toEqual(workshop.read("seed-b/pods.csv"));
  });
});

describe("every shipped study of etcd, its last cell with a nearer horizon", () => {
  it.each(
    shippedStudies(ROOT),
  )("%s gives the same files on any number of workers, and again", async (name) => {
    const file = join(ROOT, "scenarios", name, "scenario.yaml");
    const cell = loadEtcdStudy(file, fileSource()).study?.cells.at(-1)?.name ?? "";
    const words = ["etcd", file, "--cell", cell, "--replications", "2", "--horizon", "18s", "--quiet"];
    const folders = [];
    for (const [folder, workers] of [
      ["inline", "0"],
      ["one", "1"],
      ["two", "2"],
      ["again", "2"],
    ] as const) {
      const out = `${name}/${folder}`;
      const ended = await workshop.seatrial(...words, "--workers", workers, "--out", out);
      expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
      folders.push(workshop.texts(out));
    }
    const [inline, ...others] = folders;
    expect(Object.keys(inline ?? {})).toEqual([
      "comparison.csv",
      "elections.csv",
      "manifest.json",
      "occurrences.csv",
      "replications.csv",
      "summary.csv",
    ]);
    expect(inline?.["elections.csv"]?.split("\n").length).toBeGreaterThan(3);
    for (const other of others) expect(other).toEqual(inline);
  });
});

/** Somewhat behind the first thing that happens by itself, at most the scenario's own. */
function nearHorizonUs({ horizonUs, warmUpUs, failures, rollouts }: Model): number {
  const moments = [
    ...failures.flatMap(({ occurrence }) => (occurrence.kind === "at" ? occurrence.timesUs : [])),
    ...rollouts.map(({ atUs }) => atUs),
  ];
  const first = moments.length === 0 ? warmUpUs : Math.min(...moments);
  return Math.min(horizonUs, Math.max(first + 75 * SECOND, warmUpUs + MINUTE));
}
