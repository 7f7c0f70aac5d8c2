/** `seatrial etcd` as a user meets it, and what the other commands say to a study of etcd. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Workshop } from "./harness.js";

const STUDY = `apiVersion: seatrial.dev/v1alpha1
kind: EtcdStudy
metadata: { name: crash }
spec:
  question: What does a crash of the leader cost, by timers?
  seed: "cli"
  replications: 2
  warmUp: 5s
  horizon: 25s
  network: { centres: [a, b, c], betweenCentres: { oneWay: 5ms } }
  members: { a: 1, b: 1, c: 1 }
  clients: [{ name: writer, centre: a, pause: 100ms }]
  events: [{ name: crash, kind: kill, scope: { leader: true }, at: 10s, for: 5s }]
  sweep: [{ path: etcd.electionTimeout, values: [500ms, 2s] }]
`;

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
  workshop.write("study.yaml", STUDY);
});

afterAll(() => workshop.remove());

describe("seatrial etcd", () => {
  it("asks the question, answers it cell by cell, and writes its files", async () => {
    const { code, stdout, stderr } = await workshop.inProcess(
      "etcd",
      "study.yaml",
      "--workers",
      "0",
      "--out",
      "out",
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("What does a crash of the leader cost, by timers?");
    expect(lines[1]).toBe('crash: 2 cells, 2 replications, 20s after 5s of warm-up, seed "cli"');
    expect(lines[3]).toMatch(/^ +write after crash +elections +no leader +longest +no writes$/);
    expect(lines[4]).toMatch(/^electionTimeout=500ms .*█*$/);
    // The longer timer is the longer outage: its bar is the full one.
    expect(lines[5]).toMatch(/^electionTimeout=2s .* {2}█{24}$/);
    expect(stdout).toMatch(/\nAnswers take, median \/ p99, ms +writer\n {2}electionTimeout=500ms /);
    expect(workshop.list("out")).toEqual([
      "comparison.csv",
      "elections.csv",
      "manifest.json",
      "occurrences.csv",
      "replications.csv",
      "summary.csv",
    ]);
    expect(lines.at(-2)).toContain(
      "manifest.json, replications.csv, summary.csv, comparison.csv, elections.csv, occurrences.csv",
    );
  });

  it("gives each row of a file its cell and its value on each axis", () => {
    const [header = "", ...rows] = workshop.read("out/summary.csv").trimEnd().split("\n");
    expect(header).toBe(
      "cell,electionTimeout,metric,of,unit,n,censored,mean,sd,ci95Low,ci95High,min,p50,p95,max,zeroFailureUpper95",
    );
    expect(rows[0]).toMatch(/^electionTimeout=500ms,500ms,elections,group,times,2,0,1,0,/);
    const elections = workshop.read("out/elections.csv").trimEnd().split("\n");
    expect(elections[0]).toBe(
      "cell,electionTimeout,replication,atSeconds,term,leader,centre,before,cause,campaigns,leaderlessSeconds",
    );
    // Two cells, two replications, a first leader and the one after the crash in each.
    expect(elections).toHaveLength(1 + 8);
    const occurrences = workshop.read("out/occurrences.csv").trimEnd().split("\n");
    expect(occurrences).toHaveLength(1 + 4);
    expect(occurrences[1]).toMatch(/^electionTimeout=500ms,500ms,0,crash,kill,[abc]-0,10,15,/);
    const manifest = JSON.parse(workshop.read("out/manifest.json")) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      kind: "EtcdStudy",
      axes: [{ name: "electionTimeout", values: ["500ms", "2s"] }],
      cells: ["electionTimeout=500ms", "electionTimeout=2s"],
      complete: true,
    });
  });

  it("says nothing when told to be quiet, and JSON when asked for it", async () => {
    const quiet = await workshop.inProcess(
      "etcd",
      "study.yaml",
      "--workers",
      "0",
      "--quiet",
      "--out",
      "quiet",
    );
    expect(quiet).toEqual({ code: 0, stdout: "", stderr: "" });
    const words = ["etcd", "study.yaml", "--workers", "0", "--json", "--replications", "1", "--out", "json"];
    const { stdout } = await workshop.inProcess(...words);
    const result = JSON.parse(stdout) as {
      cells: string[];
      replications: number;
      summary: { cell: string }[];
    };
    expect(result).toMatchObject({ kind: "EtcdStudy", name: "crash", replications: 1, complete: true });
    expect([...new Set(result.summary.map(({ cell }) => cell))]).toEqual(result.cells);
  });

  it("runs one cell and one replication, the same as among the others", async () => {
    const words = [
      "--cell",
      "electionTimeout=2s",
      "--replication",
      "1",
      "--workers",
      "0",
      "--quiet",
      "--out",
      "one",
    ];
    expect((await workshop.inProcess("etcd", "study.yaml", ...words)).code).toBe(0);
    const one = workshop.read("one/replications.csv").split("\n").slice(1);
    const all = workshop.read("out/replications.csv").split("\n");
    expect(one.length).toBeGreaterThan(10);
    expect(all).toEqual(expect.arrayContaining(one));
  });

  it("differs with another seed and ends at another horizon", async () => {
    const words = ["etcd", "study.yaml", "--replications", "1", "--workers", "0", "--quiet"];
    await workshop.inProcess(...words, "--seed", "other", "--horizon", "20s", "--out", "other");
    expect(workshop.read("other/elections.csv")).not.toBe(workshop.read("out/elections.csv"));
  });

  it.each([
    [["study.yaml", "--cell", "electionTimeout=2"], 'did you mean "electionTimeout=2s"?'],
    [["study.yaml", "--horizon", "5s"], "--horizon: expected more than the warm-up of 5s, got 5s"],
    [["study.yaml", "--replication", "1", "--replications", "2"], "cannot be used with"],
    [["none.yaml"], "none.yaml: expected a study of etcd, but there is no file that can be read"],
  ])("refuses %j", async (words, message) => {
    const { code, stdout, stderr } = await workshop.inProcess("etcd", ...words, "--workers", "0");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });
});

describe("the other commands", () => {
  it.each(["run", "compare", "plan"])("%s says which command runs a study of etcd", async (command) => {
    const { code, stderr } = await workshop.inProcess(command, "study.yaml");
    expect(code).toBe(2);
    expect(stderr).toContain('study.yaml: kind: expected Scenario, got "EtcdStudy"; seatrial etcd runs it');
  });

  it("etcd says which command runs a scenario", async () => {
    workshop.write("scenario.yaml", "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\n");
    const { code, stderr } = await workshop.inProcess("etcd", "scenario.yaml");
    expect(code).toBe(2);
    expect(stderr).toContain('kind: expected EtcdStudy, got "Scenario"; seatrial run runs it');
  });

  it("validate knows a study of etcd, and shows every mistake in it", async () => {
    const fine = await workshop.inProcess("validate", "study.yaml");
    expect(fine.code).toBe(0);
    expect(fine.stdout).toMatch(/study\.yaml: fine \(study of etcd crash: 2 cells, 2 replications\)/);
    workshop.write(
      "wrong.yaml",
      STUDY.replace("[500ms, 2s]", "[400ms, 2s]").replace("centre: a", "centre: d"),
    );
    const wrong = await workshop.inProcess("validate", "wrong.yaml");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("spec.clients[0].centre: expected a centre (a, b, c)");
    expect(wrong.stderr).toContain("spec.sweep[0].values[0]: expected electionTimeout to be at least 5");
    expect(wrong.stderr).toContain("2 errors");
  });
});
