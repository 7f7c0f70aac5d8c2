/** What a user meets who has made a mistake: every mistake with its line, exit code 2, and nothing written. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deployment, PLACEMENT, Workshop } from "./harness.js";

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
});

afterAll(() => workshop.remove());

interface Mistake {
  /** What replaces what in the scenario. */
  readonly scenario?: readonly [from: string | RegExp, to: string];
  readonly manifest?: readonly [from: string | RegExp, to: string];
  readonly expected: readonly RegExp[];
}

/** Title → the mistake and what is said about it. Line numbers are those of the changed file. */
const MISTAKES: Readonly<Record<string, Mistake>> = {
  "a scenario that is no YAML": {
    scenario: ["kind: Scenario", "kind: [Scenario"],
    expected: [/^scenario\.yaml:3:1: expected well-formed YAML: /m],
  },
  "an empty scenario": {
    scenario: [/[\s\S]*/, ""],
    expected: [/^scenario\.yaml: expected a scenario, but the file is empty$/m],
  },
  "two documents in one scenario file": {
    scenario: [/$/, "---\nkind: More\n"],
    expected: [/^scenario\.yaml:\d+:1: expected one document/m],
  },
  "another apiVersion": {
    scenario: ["v1alpha1", "v1"],
    expected: [
      /^scenario\.yaml:1:13: apiVersion: expected seatrial\.dev\/v1alpha1, got "seatrial\.dev\/v1"/m,
    ],
  },
  "an unknown field": {
    scenario: ["replications: 2", "replicatons: 2"],
    expected: [/^scenario\.yaml:7:\d+: spec\.replicatons: unknown field; did you mean "replications"\?$/m],
  },
  "a missing horizon": {
    scenario: ["  horizon: 1m\n", ""],
    expected: [/^scenario\.yaml:\d+:\d+: spec\.horizon: expected .*missing/m],
  },
  "a span that is none": {
    scenario: ["horizon: 1m", "horizon: soon"],
    expected: [/^scenario\.yaml:8:12: spec\.horizon: expected a duration .*, got "soon"$/m],
  },
  "a count below its range": {
    scenario: ["replications: 2", "replications: 0"],
    expected: [/^scenario\.yaml:7:17: spec\.replications: expected a whole number from 1 .*, got 0$/m],
  },
  "a warm-up beyond the horizon": {
    scenario: ["  horizon: 1m", "  horizon: 1m\n  warmUp: 2m"],
    expected: [
      /^scenario\.yaml:9:11: spec\.warmUp: expected warmUp to be below the horizon of 1m, got "2m"$/m,
    ],
  },
  "a quantity that is none": {
    scenario: ["memory: 8Gi", "memory: 8Gib"],
    expected: [
      /^scenario\.yaml:16:\d+: spec\.topology\.sites\[0\].*memory: expected a Kubernetes quantity.*got "8Gib"$/m,
    ],
  },
  "two centres of one name": {
    scenario: ["  workload:", "          - name: one\n  workload:"],
    expected: [/^scenario\.yaml:17:19: .*name: expected each centre to have a name of its own, got "one"$/m],
  },
  "an unknown policy": {
    scenario: ["  workload:", "  policies: [default, BestFti]\n  workload:"],
    expected: [
      /^scenario\.yaml:17:23: spec\.policies\[1\]: expected a policy.*, got "BestFti"; did you mean "BestFit"\?$/m,
    ],
  },
  "a policy file that is not there": {
    scenario: ["  workload:", "  policies: [{ name: mine, file: mine.ts }]\n  workload:"],
    expected: [
      /^scenario\.yaml:17:\d+: spec\.policies\[0\]\.file: expected a file that can be read, got "mine\.ts"$/m,
    ],
  },
  "an objective about nothing": {
    scenario: ["podsPendingAtEnd", "podsPendingAtTheEnd"],
    expected: [
      /^scenario\.yaml:20:17: spec\.objectives\[0\]\.metric: expected a metric.*did you mean "podsPendingAtEnd"/m,
    ],
  },
  "an objective with two bounds": {
    scenario: ["atMost: 0", "atMost: 0, atLeast: 0"],
    expected: [/^scenario\.yaml:20:\d+: spec\.objectives\[0\]: expected exactly one of atLeast.*atMost/m],
  },
  "traffic to a Service that is not there": {
    scenario: [
      /controlPlane: \{ mode: ideal \}([\s\S]*) {2}objectives:/,
      "controlPlane: {}$1    traffic: [{ service: default/web, from: { one: 1/s } }]\n  objectives:",
    ],
    expected: [
      /^scenario\.yaml:19:26: spec\.workload\.traffic\[0\]\.service: expected a Service .*got "default\/web"$/m,
    ],
  },
  "failures of an ideal control plane, which has none": {
    scenario: [
      "  objectives:",
      "  failures: [{ kind: power, scope: { centre: one }, at: 10s }]\n  objectives:",
    ],
    expected: [
      /^scenario\.yaml:19:\d+: spec\.failures: expected no failures with controlPlane\.mode: ideal/m,
    ],
  },
  "a failure of a node that is not there": {
    scenario: [
      /controlPlane: \{ mode: ideal \}([\s\S]*) {2}objectives:/,
      "controlPlane: {}$1  failures: [{ kind: power, scope: { node: one-web-3 }, at: 10s }]\n  objectives:",
    ],
    expected: [/^scenario\.yaml:19:\d+: spec\.failures\[0\]\.scope\.node: expected a node.*"one-web-3"/m],
  },
  "a plan for a pool that is not there": {
    scenario: ["pool: one/web", "pool: one/wbe"],
    expected: [/^scenario\.yaml:21:17: spec\.plan\.pool: expected .*"one\/wbe"; did you mean "one\/web"\?$/m],
  },
  "a manifest that is not there": {
    scenario: ["pods.yaml", "pod.yaml"],
    expected: [
      /^scenario\.yaml:18:17: spec\.workload\.manifests\[0\]: expected a file or folder.*got "pod\.yaml"$/m,
    ],
  },
  "a manifest with replicas below 0": {
    manifest: ["replicas: 2", "replicas: -2"],
    expected: [/^pods\.yaml:6:13: spec\.replicas: expected a whole number.*got -2$/m],
  },
  "a manifest with a wrong quantity": {
    manifest: ['cpu: "1"', 'cpu: "1 core"'],
    expected: [
      /^pods\.yaml:14:\d+: spec\.template\.spec\.containers\[0\]\.resources\.requests\.cpu: expected .*quantity.*got "1 core"/m,
    ],
  },
  "a manifest whose selector does not match its pods": {
    manifest: ["matchLabels: { app: web }", "matchLabels: { app: shop }"],
    expected: [
      /^pods\.yaml:7:3: spec\.selector: expected a selector that matches its own template, whose labels are app=web$/m,
    ],
  },
  "a manifest without a container": {
    manifest: [/containers:[\s\S]*/, "containers: []\n"],
    expected: [/^pods\.yaml:11:\d+: spec\.template\.spec\.containers: expected /m],
  },
  "an object given twice": {
    manifest: [/$/, `---\n${deployment(2)}`],
    expected: [
      /^pods\.yaml:19:9: metadata\.name: expected each object once, Deployment default\/web is already at pods\.yaml:4$/m,
    ],
  },
  "several mistakes in scenario and manifest, shown together": {
    scenario: ["replications: 2", "replications: two"],
    manifest: ["replicas: 2", "replicas: many"],
    expected: [
      /^scenario\.yaml:7:17: spec\.replications: expected a whole number.*got "two"$/m,
      /^pods\.yaml:6:13: spec\.replicas: expected a whole number.*got "many"$/m,
    ],
  },
};

describe("a scenario or manifest with a mistake", () => {
  it("is tested in at least twenty kinds", () => {
    expect(Object.keys(MISTAKES).length).toBeGreaterThanOrEqual(20);
  });

  it("would run without it", async () => {
    workshop.write("good/scenario.yaml", PLACEMENT);
    workshop.write("good/pods.yaml", deployment(2));
    const { code, stderr } = await workshop.seatrial("validate", "good/scenario.yaml", "good/pods.yaml");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it.concurrent.each(Object.entries(MISTAKES))("%s", async (title, { scenario, manifest, expected }) => {
    const folder = title.replace(/[^a-z]+/gi, "-");
    const [from, to] = scenario ?? ["", ""];
    const [manifestFrom, manifestTo] = manifest ?? ["", ""];
    const file = workshop.write(`${folder}/scenario.yaml`, PLACEMENT.replace(from, to));
    workshop.write(`${folder}/pods.yaml`, deployment(2).replace(manifestFrom, manifestTo));
    const { code, stdout, stderr } = await workshop.seatrial("run", file, "--out", `${folder}/out`);
    const said = stderr.replaceAll(`${folder}/`, "");
    for (const line of expected) expect(said).toMatch(line);
    expect({ code, stdout, written: workshop.has(`${folder}/out`) }, said).toEqual({
      code: 2,
      stdout: "",
      written: false,
    });
  });
});

describe("a command line with a mistake", () => {
  const LINES: readonly (readonly [string, RegExp])[] = [
    ["run", /missing required argument 'file'/],
    ["run nowhere.yaml", /nowhere\.yaml: expected a scenario file/m],
    [
      "run good/scenario.yaml --replications 0 --out out",
      /'--replications <n>' argument '0' is invalid\. Expected a whole number of at least 1/,
    ],
    [
      "run good/scenario.yaml --horizon soon --out out",
      /'--horizon <duration>' argument 'soon' is invalid\. Expected a duration/,
    ],
    ["run good/scenario.yaml --warm-up 2m --out out", /^--horizon: expected more than the warm-up of 1m/m],
    [
      "run good/scenario.yaml --policy Worstfit --out out",
      /^--policy: expected a policy .*got "Worstfit"; did you mean "WorstFit"\?$/m,
    ],
    [
      "compare good/scenario.yaml --policy Random --policy Random --out out",
      /^--policy: expected each policy once, Random is given twice$/m,
    ],
    [
      "run good/scenario.yaml --nodes one/wbe=3 --out out",
      /^--nodes: expected "centre\/pool" of \S*good\/scenario\.yaml \(it has one\/web\), got "one\/wbe"; did you mean "one\/web"\?$/m,
    ],
    ["run good/scenario.yaml --events 2 --out out", /^--events: expected a replication from 0 to 1, got 2$/m],
    ["plan good/scenario.yaml --min 7 --out out", /^--min: expected at most the maximum of 6, got 7$/m],
    ["run good/scenario.yaml --colour --out out", /unknown option '--colour'/],
  ];

  it.each(LINES)("%s", async (line, expected) => {
    const { code, stdout, stderr } = await workshop.inProcess(...line.split(" "));
    expect(stderr).toMatch(expected);
    expect({ code, stdout, written: workshop.has("out") }).toEqual({ code: 2, stdout: "", written: false });
  });
});
