/** The JSON Schema that `seatrial schema` prints: a validator accepts it, and it refuses what `validate` refuses. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shippedScenarios, shippedStudies } from "../../scripts/digest-cases.mjs";
import { Problems } from "../../src/workload/problems.js";
import { readYaml } from "../../src/workload/yaml.js";
import { deployment, PLACEMENT, ROOT, Workshop } from "./harness.js";

let workshop: Workshop;
let accepts: ValidateFunction;

beforeAll(async () => {
  workshop = new Workshop();
  workshop.write("pods.yaml", deployment(1));
  const { stdout } = await workshop.seatrial("schema");
  accepts = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false }).compile(
    JSON.parse(stdout),
  );
});

afterAll(() => workshop.remove());

function dataOf(text: string): unknown {
  return readYaml(text, "scenario.yaml", new Problems())[0]?.data;
}

/** What replaces what in a good scenario. */
const WRONG: readonly (readonly [string, string])[] = [
  ["kind: Scenario", "kind: Scenari"],
  ["apiVersion: seatrial.dev/v1alpha1", "apiVersion: seatrial.dev/v2"],
  ["name: placement", "name: Placement!"],
  ["  horizon: 1m\n", ""],
  ["horizon: 1m", "horizon: soon"],
  ["horizon: 1m", "horizon: 60"],
  ["replications: 2", "replications: 0"],
  ["replications: 2", "replicatons: 2"],
  ['seed: "cli"', "seed: [1]"],
  ["mode: ideal", "mode: perfect"],
  ["count: 3", "count: -3"],
  ["count: 3", "count: 2.5"],
  ["memory: 8Gi", "memory: 8 Gi"],
  ["manifests: [pods.yaml]", "manifests: pods.yaml"],
  ["manifests: [pods.yaml]", "rollouts: [{ at: 1s, change: template }]"],
  ["manifests: [pods.yaml]", "rollouts: [{ at: 1s, deployment: a/b, daemonSet: a/b, change: template }]"],
  ["atMost: 0 }", "atMost: 0, atLeast: 0 }"],
  ["{ metric: podsPendingAtEnd, atMost: 0 }", "{ metric: podsPendingAtEnd }"],
  ["pool: one/web", "pool: web"],
  ["min: 1", "min: one"],
  ["  objectives:", "  failures: [{ kind: melt, scope: { centre: one }, at: 1s }]\n  objectives:"],
  ["  objectives:", "  failures: [{ kind: power, scope: { centre: one } }]\n  objectives:"],
  [
    "  objectives:",
    "  failures: [{ kind: power, scope: { centre: one, site: here }, at: 1s }]\n  objectives:",
  ],
  ["  objectives:", "  policies: []\n  objectives:"],
  ["  objectives:", "  metrics: { recoveryShare: 2 }\n  objectives:"],
];

describe("seatrial schema", () => {
  it("accepts every shipped scenario", () => {
    for (const name of shippedScenarios(ROOT)) {
      const text = readFileSync(join(ROOT, "scenarios", name, "scenario.yaml"), "utf8");
      expect(accepts(dataOf(text)), `${name}: ${JSON.stringify(accepts.errors)}`).toBe(true);
    }
    expect(accepts(dataOf(PLACEMENT))).toBe(true);
  });

  it("has a schema of its own for studies of etcd, which accepts every shipped one", async () => {
    const { stdout } = await workshop.inProcess("schema", "EtcdStudy");
    const options = { allErrors: true, strict: true, strictRequired: false, strictTypes: false };
    const acceptsStudy = new Ajv2020(options).compile(JSON.parse(stdout));
    for (const name of shippedStudies(ROOT)) {
      const data = dataOf(readFileSync(join(ROOT, "scenarios", name, "scenario.yaml"), "utf8"));
      expect(acceptsStudy(data), `${name}: ${JSON.stringify(acceptsStudy.errors)}`).toBe(true);
      expect(accepts(data)).toBe(false);
    }
    expect((await workshop.inProcess("schema", "Pod")).code).toBe(2);
  });

  it.each(WRONG)("refuses, as validate does: %j → %j", async (from, to) => {
    expect(PLACEMENT).toContain(from);
    const text = PLACEMENT.replace(from, to);
    expect(accepts(dataOf(text))).toBe(false);
    workshop.write("wrong.yaml", text);
    expect((await workshop.inProcess("validate", "wrong.yaml")).code).toBe(2);
  });
});
