/** The commands through the command line: what they print, what they write, how they end. */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SHELF } from "../../src/policies/shelf.js";
import { deployment, PLACEMENT, ROOT, Workshop } from "./harness.js";

const TABLES = [
  "comparison.csv",
  "failures.csv",
  "manifest.json",
  "pods.csv",
  "replications.csv",
  "summary.csv",
  "timeseries.csv",
];

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
  workshop.write("scenario.yaml", PLACEMENT);
  workshop.write("pods.yaml", deployment(5));
  workshop.write("full/scenario.yaml", PLACEMENT);
  workshop.write("full/pods.yaml", deployment(13));
});

afterAll(() => workshop.remove());

describe("run", () => {
  it("runs the first policy, prints the table, writes the files and ends with 0", async () => {
    const { code, stdout, stderr } = await workshop.seatrial("run", "scenario.yaml");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^placement: policy default, 2 replications, 1m, seed "cli"$/m);
    expect(stdout).toMatch(/^Objectives: 1 met, 0 missed$/m);
    expect(stdout).toMatch(/^Pods placed +5 ± 0$/m);
    expect(stdout).toMatch(/^Pods pending, at the end +0 ± 0 †$/m);
    expect(stdout).toMatch(
      /^† the same in all 2 replications: with 95 % confidence .* fewer than 77\.639 % of runs$/m,
    );
    expect(stdout).toMatch(/^Written to results\/placement: manifest\.json, /m);
    expect(workshop.list("results/placement")).toEqual(TABLES);
  });

  it("ends with 1 where an objective is missed, and says which", async () => {
    const { code, stdout } = await workshop.seatrial("run", "full/scenario.yaml", "--out", "missed");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Objectives: 0 met, 1 missed$/m);
    expect(stdout).toMatch(
      /^ {2}MISSED {2}podsPendingAtEnd of cluster: mean 1 pods .*promised at most 0 pods$/m,
    );
    expect(workshop.list("missed")).toEqual(TABLES);
  });

  it("takes a node count of a pool in place of the file's", async () => {
    const words = ["run", "full/scenario.yaml", "--nodes", "one/web=4", "--out", "four", "--quiet"];
    expect(await workshop.seatrial(...words)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("writes the timeline of the replication asked for, and of no other", async () => {
    const words = ["run", "scenario.yaml", "--events", "1", "--out", "events", "--quiet", "--workers", "1"];
    expect((await workshop.seatrial(...words)).code).toBe(0);
    const [header, ...rows] = workshop.read("events/events.csv").trim().split("\n");
    expect(header).toBe("policy,replication,timeSeconds,kind,subject,detail");
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.every((row) => row.startsWith("default,1,"))).toBe(true);
  });

  it("repeats one replication alone, as it was among all", async () => {
    const words = ["run", "scenario.yaml", "--quiet", "--workers", "0"];
    await workshop.seatrial(...words, "--out", "both");
    await workshop.seatrial(...words, "--replication", "1", "--out", "alone");
    const cells = (folder: string) => JSON.parse(workshop.read(`${folder}/manifest.json`)).cells;
    expect(cells("alone")).toEqual([cells("both")[1]]);
  });

  it("gives the results as JSON", async () => {
    const { code, stdout } = await workshop.seatrial("run", "full/scenario.yaml", "--json", "--out", "json");
    expect(code).toBe(1);
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ name: "placement", seed: "cli", policies: ["default"], complete: true });
    expect(result.objectives).toMatchObject([{ policy: "default", met: false, value: 1 }]);
    expect(result.summary.find((row: { metric: string }) => row.metric === "podsPlaced").mean).toBe(12);
    expect(result.files).toContain("summary.csv");
  });

  it("checks every invariant on request", async () => {
    const words = ["run", "scenario.yaml", "--check", "--quiet", "--out", "checked", "--replications", "1"];
    expect(await workshop.seatrial(...words)).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("compare", () => {
  it("takes the user's own policy file and scheduler configuration beside the shelf's policies", async () => {
    mkdirSync(join(workshop.folder, "mine"), { recursive: true });
    cpSync(join(ROOT, "docs/examples/least-memory.ts"), join(workshop.folder, "mine/least-memory.ts"));
    workshop.write(
      "mine/most-allocated.yaml",
      `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
  - pluginConfig:
      - { name: NodeResourcesFit, args: { scoringStrategy: { type: MostAllocated } } }
`,
    );
    const policies = ["WorstFit", "mine/least-memory.ts", "mine/most-allocated.yaml"];
    const { code, stdout, stderr } = await workshop.seatrial(
      ...["compare", "scenario.yaml", "--out", "compared", "--workers", "2"],
      ...policies.flatMap((policy) => ["--policy", policy]),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^mean ± half of the 95 % interval +WorstFit +LeastMemory +most-allocated$/m);
    expect(stdout).toMatch(/^difference to WorstFit, paired +LeastMemory +most-allocated$/m);
    const nodes = (policy: string) =>
      new Set(
        workshop
          .read("compared/pods.csv")
          .split("\n")
          .filter((row) => row.startsWith(`${policy},0,`))
          .map((row) => row.split(",")[4]),
      ).size;
    // Five pods of 1 cpu on nodes of 4: spread over three nodes, or packed on two.
    expect([nodes("WorstFit"), nodes("LeastMemory")]).toEqual([3, 2]);
  });

  it("refuses a policy file that is none, before anything is written", async () => {
    workshop.write("mine/broken.ts", "export default 7;");
    const words = ["compare", "scenario.yaml", "--policy", "mine/broken.ts", "--out", "refused"];
    const { code, stderr } = await workshop.seatrial(...words);
    expect({ code, written: workshop.has("refused") }).toEqual({ code: 2, written: false });
    expect(stderr).toMatch(/^mine\/broken\.ts: expected one policy as the default export .*found none$/m);
  });

  it("ends with 3 where a run fails, keeps the others' results, and prints the command that repeats it", async () => {
    workshop.write(
      "mine/it's broken.ts",
      `import { definePolicy } from "seatrial";
       export default definePolicy({
         name: "Breaking", dependsOn: "node",
         score: () => { throw new Error("the planted error"); },
       });`,
    );
    const { code, stderr } = await workshop.seatrial(
      ...["compare", "scenario.yaml", "--policy", "default", "--policy", "mine/it's broken.ts"],
      ...["--out", "failed", "--replications", "1", "--horizon", "50s"],
    );
    expect(code).toBe(3);
    expect(stderr).toMatch(/^internal error in policy Breaking, replication 0: .*the planted error$/m);
    expect(workshop.list("failed")).toEqual(TABLES);
    expect(JSON.parse(workshop.read("failed/manifest.json")).cells).toMatchObject([
      { policy: "default", status: "done" },
      { policy: "Breaking", status: "failed" },
    ]);
    const command = /^repeat it with: (.*)$/m.exec(stderr)?.[1] ?? "";
    expect(command).toContain("--replication 0 --horizon 50s");
    const again = await workshop.printed(`${command} --out repeated`);
    expect(again.code).toBe(3);
    expect(again.stderr).toMatch(/the planted error/);
  });

  it("stops at Ctrl-C, leaves whole files of what was finished, and says so", async () => {
    const log = join(workshop.folder, "begun.log");
    workshop.write("begun.log", "");
    workshop.write(
      "mine/logging.ts",
      `import { appendFileSync } from "node:fs";
       import { definePolicy } from "seatrial";
       export default definePolicy({
         name: "Logging", dependsOn: "node",
         create: () => {
           appendFileSync(${JSON.stringify(log)}, "x");
           return { score: () => 0 };
         },
       });`,
    );
    const { child, ended } = workshop.start(
      ...["compare", "scenario.yaml", "--policy", "mine/logging.ts", "--replications", "3000"],
      ...["--workers", "1", "--out", "stopped"],
    );
    // The third run has begun: two are finished.
    while (readFileSync(log, "utf8").length < 3 && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^Stopped after \d+ of 3000 runs; what was finished is in stopped\.$/m);
    expect(workshop.list("stopped")).toEqual(TABLES);
    const manifest = JSON.parse(workshop.read("stopped/manifest.json"));
    const done = manifest.cells.filter((cell: { status: string }) => cell.status === "done").length;
    expect(manifest.complete).toBe(false);
    expect(done).toBeGreaterThanOrEqual(2);
    const replications = workshop.read("stopped/replications.csv");
    expect(replications.endsWith("\n")).toBe(true);
    expect(
      new Set(
        replications
          .trim()
          .split("\n")
          .slice(1)
          .map((row) => row.split(",")[1]),
      ).size,
    ).toBe(done);
  });
});

describe("validate", () => {
  it("says what each file is where nothing is wrong", async () => {
    const { code, stdout, stderr } = await workshop.inProcess("validate", "scenario.yaml", "pods.yaml");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /scenario\.yaml: fine \(scenario placement: 1 centre, 3 nodes, 1 object, 1 policy, 2 replications\)$/m,
    );
    expect(stdout).toMatch(/pods\.yaml: fine \(1 object\)$/m);
  });

  it("shows the mistakes of all files, as text and as JSON", async () => {
    workshop.write("bad/a.yaml", PLACEMENT.replace("replications: 2", "replications: 0"));
    workshop.write("bad/pods.yaml", deployment(-1));
    workshop.write(
      "bad/scheduler.yaml",
      "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n  - schedulerNam: x\n",
    );
    const words = ["validate", "bad/a.yaml", "bad/pods.yaml", "bad/scheduler.yaml"];
    const { code, stderr } = await workshop.seatrial(...words);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^bad\/a\.yaml:7:17: spec\.replications: /m);
    expect(stderr).toMatch(/^bad\/pods\.yaml:6:13: spec\.replicas: /m);
    expect(stderr).toMatch(/^bad\/scheduler\.yaml:4:\d+: .*did you mean "schedulerName"\?$/m);
    const json = await workshop.inProcess(...words, "--json");
    expect(JSON.parse(json.stdout).length).toBeGreaterThanOrEqual(3);
    expect(json.code).toBe(2);
  });

  it("accepts every shipped scenario", async () => {
    const { code, stderr } = await workshop.inProcess(
      "validate",
      join(ROOT, "scenarios/node-failure-defaults/scenario.yaml"),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

describe("policies", () => {
  it("prints the whole shelf, with origin and rule", async () => {
    const { code, stdout } = await workshop.seatrial("policies");
    expect(code).toBe(0);
    for (const { name, origin, description } of SHELF) {
      expect(stdout.split("\n")).toContainEqual(expect.stringMatching(new RegExp(`^${name} +${origin} +`)));
      expect(stdout).toContain(description);
    }
  });

  it("prints it as JSON", async () => {
    const { stdout } = await workshop.inProcess("policies", "--json");
    expect(JSON.parse(stdout).map(({ name }: { name: string }) => name)).toEqual(
      SHELF.map(({ name }) => name),
    );
  });
});

describe("the command line itself", () => {
  it("has a version and help with examples for every command", async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect(await workshop.seatrial("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const help = await workshop.inProcess("--help");
    expect(help.stdout).toMatch(/Exit codes: 0 fine, 1 an objective was missed, 2 bad input/);
    for (const command of ["run", "compare", "plan", "validate", "policies", "schema"]) {
      const { code, stdout } = await workshop.inProcess(command, "--help");
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Examples:$/m);
    }
  });
});
