/** docs/EXPLAIN.md shows what the commands really print. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/program.js";
import { ROOT } from "./harness.js";

const page = readFileSync(join(ROOT, "docs/EXPLAIN.md"), "utf8");
const blocks = [...page.matchAll(/```console\n\$ seatrial ([^\n]*)\n([\s\S]*?)\n```/g)].map(
  ([, command = "", output = ""]) => ({ command, output }),
);

describe("the page on explain and schedule", () => {
  it("has examples", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(5);
  });

  it.each(blocks)("shows what is printed: seatrial $command", async ({ command, output }) => {
    const printed: string[] = [];
    const words = command.split(" ").map((word) => (word.startsWith("docs/") ? join(ROOT, word) : word));
    const terminal = {
      out: (text: string) => printed.push(text),
      err: () => {},
      status: () => {},
      width: 140,
    };
    expect(await main(words, terminal)).toBe(0);
    expect(printed.join("\n")).toBe(output);
  });

  it("shows the library's example, which runs", () => {
    const example = readFileSync(join(ROOT, "docs/examples/explain.mjs"), "utf8");
    expect(page).toContain(example.slice(example.indexOf("\n") + 1).trimEnd());
    const printed = execFileSync(process.execPath, [join(ROOT, "docs/examples/explain.mjs")], {
      encoding: "utf8",
    });
    expect(printed.split("\n")[0]).toBe("shop/train-0: forever");
    expect(printed).toContain('[{"kind":"addToleration","pod":"shop/train-0",');
    expect(printed).toContain("shop/train-0: gpu-1\n");
  });
});
