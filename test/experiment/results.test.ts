import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { csvChunks, writeResult } from "../../src/experiment/csv.js";
import { type ExperimentResult, resultOf, runExperiment } from "../../src/experiment/experiment.js";
import { evaluateObjectives, globMatcher } from "../../src/experiment/objectives.js";
import { planCells } from "../../src/experiment/plan.js";
import type { CellOutcome } from "../../src/experiment/pool.js";
import { summarise } from "../../src/experiment/summary.js";
import { derived } from "../../src/experiment/tables.js";
import {
  type FailureRow,
  type MetricValue,
  type Replication,
  STAGES,
} from "../../src/metrics/replication.js";
import { replicationOf, studyOf, TASK } from "./study.js";

const noStages = Object.fromEntries(STAGES.map((stage) => [stage, null])) as FailureRow["stages"];

const FRONTEND = "service/shop/frontend";

/** Two policies, two replications, round figures; the spreading policy's second RTO is censored. */
function runs(): Replication[] {
  const metrics = (availability: number, rto: number, censored = false): MetricValue[] => [
    { metric: "availability", of: FRONTEND, value: availability, unit: "share" },
    { metric: "rto", of: "deployment/shop/web", value: rto, unit: "s", ...(censored ? { censored } : {}) },
    { metric: "lost", of: "cluster", value: 0, unit: "count" },
  ];
  const failure: FailureRow = {
    ...{ failure: "power/0", kind: "power", scope: "centre/production", atUs: 1_800_000_000, endedUs: null },
    ...{
      workload: "deployment/shop/web",
      stages: { ...noStages, etcdLeader: 1_234_567, recovered: 61_000_000 },
    },
    ...{ rtoUs: 61_000_000, censored: false, lostRequests: 1_830, preShare: 1, minShare: 2 / 3 },
  };
  return [
    replicationOf({
      policy: "default",
      replication: 0,
      metrics: metrics(0.5, 60),
      failures: [failure],
      pods: [
        {
          ...{ pod: "shop/web-1", workload: "deployment/shop/web", node: "web-7", zone: "production" },
          ...{ createdUs: 0, scheduledUs: 1_500, readyUs: 2_000_000, endedUs: null },
          ...{ outcome: "running", attempts: 1, message: "" },
        },
        {
          ...{ pod: "shop/web-2", workload: "deployment/shop/web", node: "", zone: "" },
          ...{ createdUs: 10, scheduledUs: null, readyUs: null, endedUs: null },
          ...{
            outcome: "pending",
            attempts: 3,
            message: '0/2 nodes are available: 1 "full", 1 tainted\nretrying',
          },
        },
      ],
      series: {
        intervalUs: 500_000,
        columns: ["podsPending", "share, answered"],
        rows: [
          [1, 1 / 3],
          [0, 1],
        ],
      },
      events: [{ atUs: 42, kind: "bind", subject: "shop/web-1", detail: "web-7" }],
      warnings: ["Ingress shop/front is not simulated"],
    }),
    replicationOf({ policy: "default", replication: 1, metrics: metrics(0.75, 62) }),
    replicationOf({
      policy: "spread",
      replication: 0,
      metrics: metrics(0.75, 50),
      series: { intervalUs: 500_000, columns: ["share, answered"], rows: [[0.25]] },
      warnings: ["Ingress shop/front is not simulated"],
    }),
    replicationOf({ policy: "spread", replication: 1, metrics: metrics(1, 3_540, true) }),
  ];
}

function resultWith(replications: readonly Replication[]): ExperimentResult {
  const cells = planCells(2, 2);
  const outcomes = cells.map((cell, index): CellOutcome => {
    const replication = replications[index];
    return replication === undefined ? { status: "skipped", cell } : { status: "done", cell, replication };
  });
  return resultOf(studyOf(["default", "spread"], 2), outcomes);
}

describe("the summary", () => {
  const { rows, comparison } = summarise(["default", "spread"], runs());
  const row = (policy: string, metric: string) =>
    rows.find((one) => one.policy === policy && one.metric === metric);

  it("has one row for each policy and metric, in the study's order", () => {
    expect(rows.map((one) => `${one.policy} ${one.metric}`)).toEqual([
      "default availability",
      "default rto",
      "default lost",
      "spread availability",
      "spread rto",
      "spread lost",
    ]);
  });

  it("does not average a censored RTO, in the summary or in the comparison", () => {
    expect(row("spread", "rto")).toMatchObject({ n: 1, censored: 1, mean: null, min: 50, max: null });
    expect(row("default", "rto")).toMatchObject({ n: 2, censored: 0, mean: 61 });
    const difference = comparison.find((one) => one.metric === "rto")?.difference;
    expect(difference).toMatchObject({ n: 1, censored: 1, mean: null, significant: null });
  });

  it("bounds what never happened by the rule of three, and nothing else", () => {
    expect(row("default", "lost")?.zeroFailureUpper95).toBeCloseTo(1 - Math.sqrt(0.05), 14);
    expect(row("spread", "availability")?.zeroFailureUpper95).toBeNull();
    const perfect = [0, 1].map((replication) =>
      replicationOf({
        policy: "p",
        replication,
        metrics: [
          { metric: "availability", of: "x", value: 1, unit: "share" },
          { metric: "leaders", of: "x", value: 1, unit: "count" },
        ],
      }),
    );
    const [availability, leaders] = summarise(["p"], perfect).rows;
    expect(availability?.zeroFailureUpper95).toBeCloseTo(0.7763932, 7);
    expect(leaders?.zeroFailureUpper95).toBeNull();
  });

  it("compares every other policy with the first", () => {
    expect(comparison.map(({ baseline, policy, metric }) => `${metric}: ${policy} - ${baseline}`)).toEqual([
      "availability: spread - default",
      "rto: spread - default",
      "lost: spread - default",
    ]);
    expect(comparison[0]?.difference).toMatchObject({ n: 2, mean: 0.25, significant: true });
  });

  it("refuses a metric given twice, or in two units", () => {
    const twice = { metric: "m", of: "x", value: 1, unit: "s" };
    expect(() =>
      summarise(["p"], [replicationOf({ policy: "p", replication: 0, metrics: [twice, twice] })]),
    ).toThrow("metric m of x occurs twice in replication 0 of p");
    const other = { ...twice, unit: "ms" };
    const mixed = [
      replicationOf({ policy: "p", replication: 0, metrics: [twice] }),
      replicationOf({ policy: "p", replication: 1, metrics: [other] }),
    ];
    expect(() => summarise(["p"], mixed)).toThrow("metric m of x is given in s and in ms");
  });
});

describe("the files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "seatrial-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = (result: ExperimentResult, events = false): Record<string, string> => {
    const names = writeResult(folder, result, { version: "1.2.3", events });
    return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  };

  it("are exactly these", () => {
    const files = write(resultWith(runs()), true);
    expect(Object.keys(files)).toEqual([
      "manifest.json",
      "replications.csv",
      "summary.csv",
      "comparison.csv",
      "failures.csv",
      "pods.csv",
      "timeseries.csv",
      "events.csv",
    ]);
    expect(files["replications.csv"]).toBe(`policy,replication,metric,of,value,unit,censored
default,0,availability,service/shop/frontend,0.5,share,false
default,0,rto,deployment/shop/web,60,s,false
default,0,lost,cluster,0,count,false
default,1,availability,service/shop/frontend,0.75,share,false
default,1,rto,deployment/shop/web,62,s,false
default,1,lost,cluster,0,count,false
spread,0,availability,service/shop/frontend,0.75,share,false
spread,0,rto,deployment/shop/web,50,s,false
spread,0,lost,cluster,0,count,false
spread,1,availability,service/shop/frontend,1,share,false
spread,1,rto,deployment/shop/web,3540,s,true
spread,1,lost,cluster,0,count,false
`);
    // Two values 0.25 apart: mean ± 12.7062 × 0.125; 61 ± 12.7062 × 1; quantiles linear between the two.
    expect(
      files["summary.csv"],
    ).toBe(`policy,metric,of,unit,n,censored,mean,sd,ci95Low,ci95High,min,p50,p95,max,zeroFailureUpper95
default,availability,service/shop/frontend,share,2,0,0.625,0.176776695,-0.963275592,2.21327559,0.5,0.625,0.7375,0.75,
default,rto,deployment/shop/web,s,2,0,61,1.41421356,48.2937953,73.7062047,60,61,61.9,62,
default,lost,cluster,count,2,0,0,0,0,0,0,0,0,0,0.776393202
spread,availability,service/shop/frontend,share,2,0,0.875,0.176776695,-0.713275592,2.46327559,0.75,0.875,0.9875,1,
spread,rto,deployment/shop/web,s,1,1,,,,,50,,,,
spread,lost,cluster,count,2,0,0,0,0,0,0,0,0,0,0.776393202
`);
    expect(
      files["comparison.csv"],
    ).toBe(`metric,of,unit,baseline,policy,n,censored,meanDifference,ci95Low,ci95High,significant
availability,service/shop/frontend,share,default,spread,2,0,0.25,0.25,0.25,true
rto,deployment/shop/web,s,default,spread,1,1,,,,
lost,cluster,count,default,spread,2,0,0,0,0,false
`);
    expect(files["failures.csv"]).toBe(
      `policy,replication,failure,kind,scope,atSeconds,endedSeconds,workload,etcdLeaderSeconds,kcmLeaderSeconds,schedulerLeaderSeconds,nodeUnknownSeconds,endpointsOutSeconds,noExecuteSeconds,evictedSeconds,replacementCreatedSeconds,scheduledSeconds,startedSeconds,endpointsInSeconds,recoveredSeconds,rtoSeconds,censored,lostRequests,preShare,minShare
default,0,power/0,power,centre/production,1800,,deployment/shop/web,1.234567,,,,,,,,,,,61,61,false,1830,1,0.666666667
`,
    );
    expect(
      files["pods.csv"],
    ).toBe(`policy,replication,pod,workload,node,zone,createdSeconds,scheduledSeconds,readySeconds,endedSeconds,outcome,attempts,message
default,0,shop/web-1,deployment/shop/web,web-7,production,0,0.0015,2,,running,1,
default,0,shop/web-2,deployment/shop/web,,,0.00001,,,,pending,3,"0/2 nodes are available: 1 ""full"", 1 tainted
retrying"
`);
    expect(files["timeseries.csv"]).toBe(`policy,replication,timeSeconds,podsPending,"share, answered"
default,0,0,1,0.333333333
default,0,0.5,0,1
spread,0,0,,0.25
`);
    expect(files["events.csv"]).toBe(`policy,replication,timeSeconds,kind,subject,detail
default,0,0.000042,bind,shop/web-1,web-7
`);
  });

  it("begin with a manifest that says what ran and what came of it", () => {
    const { "manifest.json": text = "" } = write(resultWith(runs().slice(0, 3)));
    expect(text.endsWith("}\n")).toBe(true);
    const manifest = JSON.parse(text);
    expect(manifest).toMatchObject({
      ...{
        seatrial: "1.2.3",
        name: "a study",
        seed: "test",
        policies: ["default", "spread"],
        replications: 2,
      },
      ...{ warmUpSeconds: 60, horizonSeconds: 3600, complete: false, failed: [] },
      warnings: ["Ingress shop/front is not simulated"],
    });
    expect(manifest.cells).toEqual([
      { policy: "default", replication: 0, status: "done", digest: "0123456789abcdef", steps: 10 },
      { policy: "default", replication: 1, status: "done", digest: "0123456789abcdef", steps: 10 },
      { policy: "spread", replication: 0, status: "done", digest: "0123456789abcdef", steps: 10 },
      { policy: "spread", replication: 1, status: "skipped" },
    ]);
    expect(manifest.files).not.toContain("events.csv");
  });

  it("leave nothing half-written, and no timeline of an earlier run", () => {
    write(resultWith(runs()), true);
    expect(readdirSync(folder)).toContain("events.csv");
    write(resultWith(runs()));
    expect(readdirSync(folder).sort()).toEqual([
      ...["comparison.csv", "failures.csv", "manifest.json", "pods.csv", "replications.csv", "summary.csv"],
      "timeseries.csv",
    ]);
  });

  it("keep the earlier file whole where a new one cannot be written", () => {
    const before = write(resultWith(runs()));
    const broken = runs().map((run) => ({ ...run, metrics: [] }));
    const [first] = broken;
    const metrics = [{ metric: "m", of: "x", value: Number.NaN, unit: "s" }];
    expect(() => write(resultWith(first === undefined ? [] : [{ ...first, metrics }]))).toThrow(
      "replications.csv, column value: NaN is no figure",
    );
    expect(readFileSync(join(folder, "replications.csv"), "utf8")).toBe(before["replications.csv"]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("have whole headers and no rows where nothing was finished", () => {
    const files = write(resultWith([]));
    expect(files["pods.csv"]?.trimEnd().split("\n")).toHaveLength(1);
    expect(files["timeseries.csv"]).toBe("policy,replication,timeSeconds\n");
  });

  it("are written in pieces that join without a seam", () => {
    const rows = Array.from({ length: 4_500 }, (_, i) => [i, `a,${i}`]);
    const chunks = [...csvChunks({ file: "x.csv", header: ["n", "text"], rows })];
    expect(chunks.length).toBe(4);
    const lines = chunks.join("").split("\n");
    expect(lines).toHaveLength(4_502);
    expect(lines[2_001]).toBe('2000,"a,2000"');
    expect(lines.at(-1)).toBe("");
  });

  it("write numbers in their shortest form, derived ones to nine digits", () => {
    const rows = [
      [0.1 + 0.2, -0, 1e21, 1e-7, 123456789.123456],
      [derived(0.1 + 0.2), derived(-0), derived(2e9 / 3), null, true],
    ];
    expect([...csvChunks({ file: "x", header: ["a", "b", "c", "d", "e"], rows })].join("")).toBe(
      "a,b,c,d,e\n0.30000000000000004,0,1e+21,1e-7,123456789.123456\n0.3,0,666666667,,true\n",
    );
  });
});

describe("an experiment", () => {
  it("comes to the same files inline, with one worker and with two", async () => {
    const write = async (workers: number): Promise<string[]> => {
      const folder = mkdtempSync(join(tmpdir(), "seatrial-"));
      try {
        const result = await runExperiment(studyOf(["late", "b"], 3), { workers, task: TASK });
        return writeResult(folder, result, { version: "1" }).map((name) =>
          readFileSync(join(folder, name), "utf8"),
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    };
    const inline = await write(0);
    expect(inline.join("").length).toBeGreaterThan(1_000);
    expect(await write(1)).toEqual(inline);
    expect(await write(2)).toEqual(inline);
  });

  it("reports progress, and a failed cell with the command that repeats it", async () => {
    const told: string[] = [];
    const result = await runExperiment(studyOf(["throws", "ok"], 2, "s-1"), {
      workers: 0,
      task: TASK,
      onProgress: ({ finished, total, outcome }) => told.push(`${finished}/${total} ${outcome.status}`),
      repeatCommand: ({ policy, replication, seed }) => `again ${policy} ${replication} ${seed}`,
    });
    expect(told).toEqual(["1/4 done", "2/4 done", "3/4 failed", "4/4 done"]);
    expect(result.complete).toBe(false);
    expect(result.failed).toMatchObject([{ policy: "throws", replication: 1, repeat: "again throws 1 s-1" }]);
    expect(result.summary.map((row) => [row.policy, row.n])).toEqual([
      ["throws", 1],
      ["ok", 2],
    ]);
    // Only replication 0 has both policies.
    expect(result.comparison[0]?.difference).toMatchObject({ n: 1, mean: 1, significant: null });
  });

  it("names the cell where no command was given", async () => {
    const { failed } = await runExperiment(studyOf(["throws"], 2), { workers: 0, task: TASK });
    expect(failed[0]?.repeat).toBe('policy "throws", replication 1, seed "test"');
    expect(failed[0]?.error).toContain("cursed");
  });
});

describe("objectives", () => {
  const { rows } = summarise(["default", "spread"], runs());
  const judge = (objective: Parameters<typeof evaluateObjectives>[0][number]) =>
    evaluateObjectives([objective], ["default", "spread"], rows);

  it("hold the mean to the bound, for every policy and everything that the pattern fits", () => {
    const verdicts = judge({ metric: "availability", of: "service/*", atLeast: 0.7 });
    expect(verdicts.map(({ policy, of, met, value }) => [policy, of, met, value])).toEqual([
      ["default", FRONTEND, false, 0.625],
      ["spread", FRONTEND, true, 0.875],
    ]);
    expect(verdicts[0]?.detail).toBe(
      "availability of service/shop/frontend: mean 0.625 (95 % interval -0.963276 to 2.21328), promised at least 0.7",
    );
    expect(judge({ metric: "availability", of: FRONTEND, atLeast: 0.625 })[0]?.met).toBe(true);
  });

  it("are missed where a run ended before the thing came about", () => {
    const verdicts = judge({ metric: "rto", of: "deployment/shop/*", atMost: 90 });
    expect(verdicts.map((verdict) => verdict.met)).toEqual([true, false]);
    expect(verdicts[1]).toMatchObject({
      value: null,
      detail:
        "rto of deployment/shop/web: 1 of 2 replications ended before it came about, promised at most 90 s",
    });
  });

  it("are missed where there is nothing to hold them against", () => {
    const verdicts = judge({ metric: "rto", of: "statefulset/*", atMost: 90 });
    expect(verdicts.map((verdict) => verdict.met)).toEqual([false, false]);
    expect(verdicts[0]?.detail).toBe("rto of statefulset/*: no such metric in the results");
  });

  it("need exactly one bound", () => {
    expect(() => judge({ metric: "lost", of: "cluster" })).toThrow("exactly one bound");
  });

  it("take a pattern's star for any characters and everything else for itself", () => {
    expect(globMatcher("deployment/*/web")("deployment/shop/web")).toBe(true);
    expect(globMatcher("*")("")).toBe(true);
    expect(globMatcher("a.b")("axb")).toBe(false);
    expect(globMatcher("web*")("my-web")).toBe(false);
    expect(globMatcher("service/*[1]")("service/x[1]")).toBe(true);
  });
});

describe("docs/OUTPUT.md", () => {
  it("explains every file and every column", () => {
    const text = readFileSync(new URL("../../docs/OUTPUT.md", import.meta.url), "utf8");
    const folder = mkdtempSync(join(tmpdir(), "seatrial-"));
    writeFileSync(join(folder, "x"), "");
    const files = writeResult(folder, resultWith([]), { version: "1", events: true });
    for (const file of files) {
      const section = text.split(/^## /m).find((part) => part.startsWith(`\`${file}\``)) ?? "";
      expect(section, file).not.toBe("");
      const whole = readFileSync(join(folder, file), "utf8");
      const columns = file.endsWith(".csv")
        ? (whole.split("\n")[0] ?? "").split(",")
        : Object.keys(JSON.parse(whole));
      for (const column of columns) expect(section, `${file}: ${column}`).toContain(`| \`${column}\` |`);
    }
    rmSync(folder, { recursive: true, force: true });
  });
});
