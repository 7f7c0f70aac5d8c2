/** docs/OUTPUT.md lists every metric and every kind of event that a run can write, and no other. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { simulate } from "../../src/cluster/simulate.js";
import { STAGES } from "../../src/metrics/replication.js";
import { loadScenario } from "../../src/scenario/compile.js";
import { fileSource } from "../../src/workload/files.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}docs/OUTPUT.md`, "utf8");

/** First cells of the table that begins with this heading; names stand between backquotes. */
function names(heading: string): string[] {
  const from = page.indexOf(heading);
  expect(from, `docs/OUTPUT.md has the table ${heading}`).toBeGreaterThan(0);
  const table = page.slice(from).split("\n\n", 1)[0] ?? "";
  const rows = table.trimEnd().split("\n").slice(2);
  return rows.map((row) => /^\| `([^`]+)` \|/.exec(row)?.[1] ?? row);
}

/** The run that has everything: users, evictions, a lost and a returning centre, all three leaders lost. */
function richRun() {
  const file = `${root}scenarios/production-centre-lost/scenario.yaml`;
  const { study, problems } = loadScenario(file, fileSource(), {});
  const policy = study?.policies[0];
  if (study === undefined || policy === undefined) throw new Error(JSON.stringify(problems.list()));
  return simulate(study.model, policy, 0, { events: true });
}

describe("docs/OUTPUT.md", () => {
  const { metrics, events } = richRun();

  it("lists the metrics, each with its unit", () => {
    const listed = names("| metric | of | unit | meaning |").flatMap((name) =>
      name === "rto.STAGE"
        ? STAGES.filter((stage) => stage !== "recovered").map((stage) => `rto.${stage}`)
        : [name],
    );
    expect([...new Set(metrics.map(({ metric }) => metric))].sort()).toEqual(listed.sort());
    for (const { metric, unit } of metrics) {
      const row = metric.startsWith("rto.") ? "rto.STAGE" : metric;
      expect(page).toMatch(new RegExp(`^\\| \`${row}\` \\| [^|]+ \\| ${unit} \\|`, "m"));
    }
  });

  it("lists the kinds of event", () => {
    const kinds = [...new Set(events.map(({ kind }) => kind))].sort();
    expect(kinds).toEqual(names("| kind | subject | detail |").sort());
  });
});
