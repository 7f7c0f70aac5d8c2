import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareCases, readCases } from "../../src/cli/validate-etcd.js";
import { readFile } from "../../src/cli/validation/etcd/files.js";
import type { FileReport } from "../../src/cli/validation/etcd/report.js";
import { markdownOf, missed, tableOf } from "../../src/cli/validation/etcd/report.js";

const FOLDER = "../shared/golden/etcd-3.5";
const there = existsSync(FOLDER);
if (!there) console.warn(`skipped: no measurements of etcd at ${FOLDER}`);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "seatrial-etcd-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Data = Record<string, unknown>;

function recorded(name: string): Data {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), "utf8")) as Data;
}

async function compared(data: Data, trials: number): Promise<FileReport> {
  const file = join(folder, "case.json");
  writeFileSync(file, JSON.stringify(data));
  const { cases, mistakes } = readCases([file]);
  expect(mistakes).toEqual([]);
  const [report] = await compareCases(cases, { trials, workers: 0 });
  if (report === undefined) throw new Error("nothing was compared");
  return report;
}

function missedNames(report: FileReport): string[] {
  return report.judgements.filter(({ checks }) => checks.some(({ pass }) => !pass)).map(({ name }) => name);
}

const GROUP = {
  etcd: "3.5.30",
  members: [
    { name: "m1", dc: "P" },
    { name: "m2", dc: "M" },
    { name: "m3", dc: "R" },
  ],
  one_way_ms: { PM: 1, PR: 15, MR: 15, intra: 0 },
  heartbeat_ms: 100,
  election_ms: 1000,
};

const ISOLATED = {
  ...GROUP,
  case: "leader-isolated",
  hold_ms: 4000,
  attempt_timeout_ms: 200,
  trials: [{ first_ok_ms: { "M->m2": 1300 }, first_ok_any_ms: 1300, lin_reads_ok_during_cut: 0 }],
};

function linksOf(direction: string): unknown {
  const content = readFile(JSON.stringify({ ...ISOLATED, direction }));
  if (content.type !== "case") throw new Error("no case");
  const { links } = content.measured.plan as { links: { from: number; to: number }[] };
  return links.map(({ from, to }) => `m${from + 1}>m${to + 1}`);
}

describe("a file's fields", () => {
  it("say what is cut, in one direction or both", () => {
    expect(linksOf("both")).toEqual(["m1>m2", "m1>m3", "m2>m1", "m3>m1"]);
    expect(linksOf("out")).toEqual(["m1>m2", "m1>m3"]);
    expect(linksOf("followers to leader")).toEqual(["m2>m1", "m3>m1"]);
    expect(linksOf("in")).toEqual(["m2>m1", "m3>m1"]);
    expect(linksOf("m1->m3")).toEqual(["m1>m3"]);
    expect(linksOf("R->P")).toEqual(["m3>m1"]);
  });

  it("say which case it is, not the file's name; what is not etcd is told from what is not known", () => {
    expect(readFile('{"case": "disk-fdatasync", "raw_ms": [1]}')).toEqual({
      type: "other",
      about: "disk-fdatasync",
    });
    expect(readFile(JSON.stringify({ ...GROUP, case: "clock-jump" }))).toEqual({
      type: "unknown",
      about: "clock-jump",
    });
  });

  it("that nobody knows are passed over", () => {
    expect(readFile(JSON.stringify({ ...ISOLATED, weather: "fine" })).type).toBe("case");
  });

  it("are all told when they are wrong, with their paths", () => {
    const broken = {
      ...ISOLATED,
      members: [{ name: "m1" }, { name: "m2", dc: "M" }],
      heartbeat_ms: "100",
      hold_ms: -1,
      direction: "sideways",
      trials: [{ first_ok_ms: { "M->m9": 1 } }],
    };
    let told = "";
    try {
      readFile(JSON.stringify(broken));
    } catch (error) {
      told = String(error);
    }
    for (const place of [
      "members[0].dc: expected a text, got nothing",
      'heartbeat_ms: expected a number, got "100"',
      "hold_ms: expected a number above 0, got -1",
      'direction: expected "both"',
      "trials[0].first_ok_ms: expected clients like",
    ]) {
      expect(told).toContain(place);
    }
  });

  it("of a file that is no JSON, or no object, are told with the file", () => {
    const file = join(folder, "broken.json");
    writeFileSync(file, "{");
    expect(readCases([file]).mistakes.join()).toMatch(/broken\.json: expected JSON/);
    writeFileSync(file, "[1]");
    expect(readCases([file]).mistakes.join()).toContain("the file: expected an object, got [1]");
    expect(readCases([join(folder, "none.json")]).mistakes.join()).toContain("no such file");
  });
});

describe.skipIf(!there)("what a real etcd did", () => {
  it("comes out of the simulation: kill -9 of the leader", async () => {
    const report = await compared(recorded("leader-kill-a-hb100-el1000"), 100);
    expect(missedNames(report)).toEqual([]);
    expect(report.simulatedTrials).toBe(100);
  }, 60_000);

  it("comes out of the simulation: latencies beside and far from the leader", async () => {
    expect(missedNames(await compared(recorded("latency-a-leader-m1"), 120))).toEqual([]);
  }, 60_000);

  it("comes out of the simulation: acknowledged writes lost with the quorum", async () => {
    expect(missedNames(await compared(recorded("quorum-loss-b-PM-force-new-cluster"), 60))).toEqual([]);
  }, 60_000);

  it("is told from other timers", async () => {
    const report = await compared({ ...recorded("leader-kill-a-hb100-el1000"), election_ms: 1500 }, 75);
    expect(missedNames(report)).toContain("first pre-candidate");
  }, 60_000);

  it("is told from another distance", async () => {
    const report = await compared(
      { ...recorded("latency-a-leader-m1"), rtt_ms: undefined, one_way_ms: { PM: 4, PR: 15, MR: 15 } },
      120,
    );
    expect(missedNames(report)).toContain("M->m1 lin");
  }, 60_000);

  it("is told from a law that was broken", async () => {
    const data = recorded("leader-isolated-a");
    const trials = (data.trials as Data[]).slice(0, 3);
    const report = await compared(
      { ...data, trials: [{ ...trials[0], lin_reads_ok_during_cut: 1 }, ...trials.slice(1)] },
      3,
    );
    expect(missedNames(report)).toContain("linearizable reads at the old leader");
    expect(missed(report)).toBeGreaterThan(0);
    expect(tableOf(report)).toContain("no linearizable read at an isolated leader: broken 1 times");
    expect(markdownOf(report)).toContain("| MISSED | linearizable reads at the old leader |");
  }, 60_000);

  it("is the same in two runs", async () => {
    const data = recorded("move-leader-a");
    expect(await compared(data, 20)).toEqual(await compared(data, 20));
  }, 60_000);
});
