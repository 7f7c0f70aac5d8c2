/** docs/ETCD.md is true: its example compiles, its table of fields is the schema's, its table of studies is whole. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { shippedStudies } from "../../scripts/digest-cases.mjs";
import { loadEtcdStudy } from "../../src/scenario/etcd-study.js";
import { EVENT_KINDS } from "../../src/scenario/etcd-study-schema.js";
import { etcdStudyReference } from "../../src/scenario/reference.js";
import { formatProblem } from "../../src/workload/problems.js";
import { memory } from "./support.js";

const FILE = "docs/ETCD.md";
const text = readFileSync(FILE, "utf8");
const GENERATED = "## All fields\n\n";

describe("docs/ETCD.md", () => {
  // The tables are made from the schema: `npx vitest run test/scenario/etcd-docs.test.ts -u` writes them anew.
  it("lists every field with its default, as the schema has them", async () => {
    const start = text.indexOf(GENERATED) + GENERATED.length;
    await expect(`${text.slice(0, start)}${etcdStudyReference()}`).toMatchFileSnapshot(`../../${FILE}`);
  });

  it("opens with an example that compiles without a word", () => {
    const example = /```yaml\n(# Question[\s\S]*?)```/.exec(text)?.[1] ?? "";
    const { study, problems } = loadEtcdStudy("study.yaml", memory({ "study.yaml": example }));
    expect(problems.list().map(formatProblem)).toEqual([]);
    expect(study?.cells.map(({ name }) => name)).toEqual([
      "electionTimeout=500ms",
      "electionTimeout=1s",
      "electionTimeout=2s",
    ]);
  });

  it("names every shipped study and every kind of event", () => {
    for (const name of shippedStudies("./"))
      expect(text).toContain(`[${name}](../scenarios/${name}/scenario.yaml)`);
    const table = text.slice(text.indexOf("| kind | strikes |"), text.indexOf("A time is `at`"));
    for (const kind of EVENT_KINDS) expect(table).toContain(`\`${kind}\``);
  });
});
