import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadScenario } from "../../src/scenario/compile.js";
import { OBJECTIVE_METRICS } from "../../src/scenario/objectives.js";
import { scenarioReference } from "../../src/scenario/reference.js";
import { formatProblem } from "../../src/workload/problems.js";
import { memory, WEB_MANIFEST } from "./support.js";

const FILE = "docs/SCENARIO.md";
const text = readFileSync(FILE, "utf8");
const GENERATED = "## Objectives\n";

describe("docs/SCENARIO.md", () => {
  // The tables are made from the schema: `npx vitest run test/scenario/docs.test.ts -u` writes them anew.
  it("lists every objective's metric and every field with its default, as the schema has them", async () => {
    const start = text.indexOf("|---|---|---|---|\n", text.indexOf(GENERATED)) + "|---|---|---|---|\n".length;
    const metrics = OBJECTIVE_METRICS.map(
      ({ name, of, unit, description }) =>
        `| \`${name}\` | ${of.map((kind) => `\`${kind === "cluster" ? kind : `${kind}/…`}\``).join(", ")} | ${unit} | ${description} |\n`,
    ).join("");
    const whole = `${text.slice(0, start)}${metrics}\n## All fields\n\n${scenarioReference()}`;
    await expect(whole).toMatchFileSnapshot(`../../${FILE}`);
  });

  it("opens with an example that compiles", () => {
    const example = /```yaml\n(# Question[\s\S]*?)```/.exec(text)?.[1] ?? "";
    const { problems, study } = loadScenario(
      "scenario.yaml",
      memory({ "scenario.yaml": example, "manifests/web.yaml": WEB_MANIFEST }),
    );
    expect(problems.list().map(formatProblem)).toEqual([]);
    expect(study?.model.failures).toHaveLength(1);
  });

  it("shows distributions that are ones", () => {
    const block = /A distribution of durations:\n\n```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
    const lines = block.trim().split("\n");
    expect(lines).toHaveLength(8);
    const example = /```yaml\n(# Question[\s\S]*?)```/.exec(text)?.[1] ?? "";
    for (const line of lines) {
      const kubelet = `  kubelet:\n    boot: ${line}\n  workload:`;
      const { problems } = loadScenario(
        "scenario.yaml",
        memory({
          "scenario.yaml": example.replace("  workload:", kubelet),
          "manifests/web.yaml": WEB_MANIFEST,
        }),
      );
      expect(problems.list().map(formatProblem)).toEqual([]);
    }
  });
});
