import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { shippedScenarios } from "../../scripts/digest-cases.mjs";
import { scenarioJsonSchema } from "../../src/scenario/json-schema.js";
import { parseScenario } from "../../src/scenario/scenario.js";
import { Problems } from "../../src/workload/problems.js";
import { readYaml } from "../../src/workload/yaml.js";
import { memory, SMALL_SCENARIO } from "./support.js";

// allowUnionTypes: `seed` is text or a number; strictRequired would want `required` beside `properties`.
const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
const validate = ajv.compile(scenarioJsonSchema());

function accepts(text: string): boolean {
  const [document] = readYaml(text, "scenario.yaml", new Problems());
  return validate(document?.data);
}

describe("the JSON Schema of scenarios", () => {
  it("is one for a validator in its strict mode, and says which draft it is of", () => {
    expect(scenarioJsonSchema().$schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(ajv.validateSchema(scenarioJsonSchema())).toBe(true);
  });

  it.each(shippedScenarios("./"))("accepts %s", (name) => {
    accepts(readFileSync(`scenarios/${name}/scenario.yaml`, "utf8"));
    expect(validate.errors ?? []).toEqual([]);
  });

  it.each([
    ["horizon: 10m", "horizn: 10m"],
    ["horizon: 10m", "horizon: ten"],
    ["horizon: 10m", "horizon: 0s"],
    ["  horizon: 10m\n", ""],
    ["seatrial.dev/v1alpha1", "v1"],
    ["kind: Scenario", "kind: Pod"],
    ["name: small", "name: Small"],
    ["name: metro", "name: -metro"],
    ["count: 3", "count: 3.5"],
    ["racks: 2", 'racks: "2"'],
    ["memory: 16Gi }", "memory: 16GiB }"],
    ["production: 2, local-dr: 1", "production: -2"],
    ["service: web", "service: a/b/c"],
    ["metro: 10/s", "metro: 10"],
    ["kind: power", "kind: thunder"],
    ["scope: { centre: production }", "scope: {}"],
    ["scope: { centre: production }", "scope: { centre: production, node: a }"],
    ["scope: { centre: production }", "scope: { between: [production] }"],
    ["at: 2m", "at: soon"],
    ["      at: 2m\n", ""],
    ["at: 2m", "at: 2m\n      timeToFailure: 1h"],
    ["at: 2m", "every: 2m"],
    ["for: 1m", "for: 1m\n      timeToRepair: 2m"],
    ["for: 1m", "for: { uniform: { min: 1s } }"],
    ["for: 1m", "for: { uniform: { min: 1s, max: 2s }, exponential: { mean: 1s } }"],
    ["atLeast: 0.9", "atLeast: 0.9\n      atMost: 1"],
    ["atLeast: 0.9", "least: 0.9"],
    ["  workload:", "  policies: []\n  workload:"],
    ["  workload:", "  policies: [{ plugin: BestFit }]\n  workload:"],
    ["    traffic:", "    arrivals: [{ process: { poisson: 1/s } }]\n    traffic:"],
    ["    traffic:", "    arrivals: [{ job: a, process: { poisson: 1/s, every: 1s } }]\n    traffic:"],
    ["    traffic:", "    rollouts: [{ at: 1m, change: template }]\n    traffic:"],
    ["  topology:\n", "  topology:\n    links: [{ from: production }]\n"],
    ["  topology:\n", "  topology:\n    links: [{ between: [production, local-dr], loss: 2 }]\n"],
  ])("rejects, as validate does, %j made %j", (from, to) => {
    expect(SMALL_SCENARIO).toContain(from);
    const text = SMALL_SCENARIO.replace(from, to);
    expect(accepts(text)).toBe(false);
    expect(parseScenario("s.yaml", memory({ "s.yaml": text })).problems.hasErrors).toBe(true);
  });

  it("describes every field", () => {
    const undescribed: string[] = [];
    visit(scenarioJsonSchema(), "", (field, path) => {
      if (!("description" in field)) undescribed.push(path);
    });
    // What stands inside a distribution or a leader election is described where it is used.
    expect(
      undescribed.filter((path) => !/\.(min|max|mean|median|p90|p99|sigma|sd|shape|scale)$/.test(path)),
    ).toEqual([]);
  });
});

/** Calls back for each property of each object schema. */
function visit(schema: unknown, path: string, found: (field: object, path: string) => void): void {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "properties") {
      for (const [name, field] of Object.entries(value as Record<string, object>)) {
        found(field, `${path}.${name}`);
        visit(field, `${path}.${name}`, found);
      }
    } else if (key !== "default") visit(value, path, found);
  }
}
