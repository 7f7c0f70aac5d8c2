/** The front page is true: its commands run, its links lead somewhere, its table names every shipped scenario. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const commands = [...readme.matchAll(/^npx seatrial (.*?)\s*(?:#.*)?$/gm)].map((found) => found[1] ?? "");

/** So that a command takes a second or two. */
const SHORTER: Readonly<Record<string, readonly string[]>> = {
  run: ["--replications", "1", "--horizon", "5m", "--workers", "0"],
  compare: ["--replications", "1", "--horizon", "11m", "--workers", "0"],
  plan: ["--replications", "1", "--horizon", "5m", "--workers", "0"],
  etcd: ["--replications", "1", "--horizon", "15s", "--workers", "0"],
};

const SNAPSHOT = `
apiVersion: v1
kind: Node
metadata: { name: a, labels: { topology.kubernetes.io/zone: z } }
status: { allocatable: { cpu: "4", memory: 8Gi, pods: "110" } }
---
apiVersion: v1
kind: Pod
metadata: { name: p }
spec: { containers: [{ name: main, image: app }] }
`;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "seatrial-readme-"));
  writeFileSync(join(folder, "cluster.yaml"), SNAPSHOT);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the README", () => {
  it("shows each command of the tool", () => {
    const shown = new Set(commands.map((command) => command.split(" ")[0]));
    expect([...shown].sort()).toEqual([
      "compare",
      "etcd",
      "explain",
      "import",
      "plan",
      "policies",
      "run",
      "schedule",
      "schema",
      "validate",
    ]);
  });

  it.each(commands)("gives a command that runs: seatrial %s", (command) => {
    const words = command.split(" ").filter((word) => word !== "");
    const end = words.indexOf(">");
    const own = (end < 0 ? words : words.slice(0, end)).map((word) =>
      word.startsWith("scenarios/") || word.startsWith("docs/") ? join(root, word) : word,
    );
    const shorter = SHORTER[own[0] ?? ""] ?? [];
    const ran = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...own, ...shorter], {
      cwd: folder,
      encoding: "utf8",
    });
    // A shortened study may miss its objectives.
    const fine = shorter.length > 0 ? [0, 1] : [0];
    expect(fine, ran.stderr).toContain(ran.status);
    expect(ran.stdout).not.toBe("");
  });

  it("names scripts that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const named = [...readme.matchAll(/npm run ([\w:-]+)/g)].map((found) => found[1] ?? "");
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(scripts[name], name).toBeDefined();
  });

  it("lists every shipped scenario, and no other", () => {
    const listed = [...readme.matchAll(/^\| \[([\w-]+)\]\(scenarios\//gm)].map((found) => found[1]);
    const shipped = readdirSync(join(root, "scenarios"), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    expect(listed.sort()).toEqual(shipped.map(({ name }) => name).sort());
  });
});

describe("links between the project's pages", () => {
  const pages = [
    "README.md",
    "CHANGELOG.md",
    ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
  ];
  it.each(pages.filter((name) => name.endsWith(".md")))("lead to files that are there: %s", (page) => {
    const text = readFileSync(join(root, page), "utf8");
    const targets = [...text.matchAll(/\]\(([^)#\s]+)/g)].map((found) => found[1] ?? "");
    const missing = targets
      .filter((target) => !target.includes("://"))
      .filter((target) => !existsSync(join(root, normalize(join(dirname(page), target)))));
    expect(missing).toEqual([]);
  });
});
