/** The library as its documentation shows it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as library from "../../src/index.js";
import * as authoring from "../../src/policies/authoring.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("the library", () => {
  it("runs the documented example against the built package", () => {
    const text = execFileSync(process.execPath, [join(ROOT, "docs/examples/library.mjs")], {
      encoding: "utf8",
    });
    expect(text).toMatch(/^node-failure-defaults: 10 nodes$/m);
    expect(text).toMatch(/^digest [0-9a-f]{16}, \d+ events, \d+ pods$/m);
    expect(text).toMatch(/^node-dies: deployment\/default\/web served again after [0-9.]+ s$/m);
    expect(text).toMatch(/^Fullest: digest [0-9a-f]{16}$/m);
    expect(text).toMatch(/^(met|missed), default: availability of service\/default\/web: mean 0\.99/m);
    const digests = text.match(/digest [0-9a-f]{16}/g) ?? [];
    expect(new Set(digests).size).toBe(2);
  });

  it("exports every function that docs/LIBRARY.md names", () => {
    const table = read("docs/LIBRARY.md").split("## Functions")[1]?.split("## What")[0] ?? "";
    const names = [...table.matchAll(/`(\w+)\(/g)].map(([, name]) => name ?? "");
    expect(names.length).toBeGreaterThanOrEqual(10);
    for (const name of names) expect(library, name).toHaveProperty(name);
  });

  it("exports what a policy file may import", () => {
    expect(library).toMatchObject({ ...authoring });
  });
});

describe("docs/POLICIES.md", () => {
  it("shows the example policy as it is", () => {
    expect(read("docs/POLICIES.md")).toContain(read("docs/examples/least-memory.ts").trimEnd());
  });

  it("shows an example that fits the package's types", () => {
    const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
    const words = [
      ...["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--skipLibCheck"],
      ...["--types", "node", "--ignoreConfig", join(ROOT, "docs/examples/least-memory.ts")],
    ];
    const check = () => execFileSync(process.execPath, [compiler, ...words], { cwd: ROOT, encoding: "utf8" });
    expect(check()).toBe("");
  });
});
