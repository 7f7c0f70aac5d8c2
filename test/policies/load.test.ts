import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CPU } from "../../src/policies/framework/types.js";
import { loadPolicy } from "../../src/policies/load.js";
import { Small } from "./small-framework.js";

/** Somewhere without any node_modules above it. */
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "seatrial-policies-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const TYPESCRIPT = `
import { definePolicy, CPU, type SchedulerView } from "seatrial";

const cpus = (view: SchedulerView, node: number): number => view.allocatable(node, CPU);

/** Prefers the node with the most cpu. */
export default definePolicy({
  name: "MostCpu",
  description: "Prefers the node with the most cpu.",
  dependsOn: "facts",
  score: (view, _pod, node) => cpus(view, node),
  normalizer: "byMax",
});
`;

describe("a user's policy file", () => {
  it("in TypeScript is put on the shelf and schedules, wherever it lies", async () => {
    const policy = await loadPolicy(write("most-cpu.ts", TYPESCRIPT));
    expect(policy).toMatchObject({ name: "MostCpu", origin: "user" });
    const small = new Small({ a: "2", b: "16", c: "4" });
    const framework = small.framework({ only: policy.name, own: [policy] });
    const decision = framework.schedule(small.pod({ cpu: "1" }));
    expect(decision).toMatchObject({ kind: "scheduled", node: 1 });
    expect(small.cache.allocatable(1, CPU)).toBe(16_000);
  });

  it("in JavaScript may export its only policy by name and import its neighbours", async () => {
    write("weight.js", "export const weight = 7;");
    const policy = await loadPolicy(
      write(
        "named.js",
        `import { definePolicy } from "seatrial";
         import { weight } from "./weight.js";
         export const mine = definePolicy({ name: "Mine", dependsOn: "node", score: () => weight });`,
      ),
    );
    expect(policy.name).toBe("Mine");
  });

  it("is read anew each time", async () => {
    const text = (name: string) =>
      `import { definePolicy } from "seatrial";
       export default definePolicy({ name: "${name}", dependsOn: "node", score: () => 1 });`;
    expect((await loadPolicy(write("changing.ts", text("One")))).name).toBe("One");
    expect((await loadPolicy(write("changing.ts", text("Two")))).name).toBe("Two");
  });

  it.each<[string, string, string, RegExp]>([
    [
      "without a policy",
      "none.ts",
      "export const x = 1;",
      /none\.ts: expected one policy as the default export .*found none/,
    ],
    [
      "with two policies and no default",
      "two.js",
      `import { definePolicy } from "seatrial";
       export const a = definePolicy({ name: "A", dependsOn: "node", score: () => 1 });
       export const b = definePolicy({ name: "B", dependsOn: "node", score: () => 1 });`,
      /found A, B/,
    ],
    ["with a syntax error", "broken.ts", "export default definePolicy({", /broken\.ts: cannot be loaded: /],
    [
      "with a wrong definition",
      "wrong.ts",
      `import { definePolicy } from "seatrial";
       export default definePolicy({ name: "W", dependsOn: "moon", score: () => 1 });`,
      /policy W: dependsOn is "moon", expected one of "facts", "node", "domain", "cluster"/,
    ],
    [
      "without any rule",
      "empty.ts",
      `import { definePolicy } from "seatrial";
       export default definePolicy({ name: "E", dependsOn: "node" });`,
      /policy E: expected a filter, a score or a create function/,
    ],
    ["of another kind", "policy.yaml", "a: 1", /policy\.yaml: expected a file ending in \.ts/],
  ])("%s is refused with a message that says what was expected", async (_, name, text, message) => {
    await expect(loadPolicy(write(name, text))).rejects.toThrow(message);
  });

  it("that is not there, or is a folder, is refused", async () => {
    await expect(loadPolicy(join(folder, "nowhere.ts"))).rejects.toThrow(
      /nowhere\.ts: there is no such file/,
    );
    mkdirSync(join(folder, "folder.ts"));
    await expect(loadPolicy(join(folder, "folder.ts"))).rejects.toThrow(/expected a file, found a folder/);
  });
});
