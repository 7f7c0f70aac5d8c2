/** The determinism promise, held from commit to commit: the shipped scenarios run as they ran when the file was written. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { digestRows, shippedScenarios, shippedStudies, studyDigestRows } from "../scripts/digest-cases.mjs";
import { simulate } from "../src/cluster/simulate.js";
import { playCell } from "../src/etcd-study/play.js";
import { loadScenario } from "../src/scenario/compile.js";
import { loadEtcdStudy } from "../src/scenario/etcd-study.js";
import { fileSource } from "../src/workload/files.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const library = { loadScenario, loadEtcdStudy, fileSource, simulate, playCell };
const REGENERATE =
  "The run of a shipped scenario changed. If that is meant, say why in CHANGELOG.md and regenerate the file: npm run digests -- --write";

const expected = JSON.parse(readFileSync(join(root, "test/digests.json"), "utf8")) as Record<
  string,
  { digest: string; tables: string }
>;

describe("test/digests.json", () => {
  it.each(shippedScenarios(root))("still holds for %s", (scenario) => {
    hold(scenario, digestRows(library, root, scenario));
  });

  it.each(shippedStudies(root))("still holds for the study %s", (name) => {
    hold(name, studyDigestRows(library, root, name));
  });

  function hold(scenario: string, rows: ReturnType<typeof digestRows>): void {
    const now = Object.fromEntries(
      rows.map(({ policy, digest, tables }) => [`${scenario}/${policy}`, { digest, tables }]),
    );
    const before = Object.fromEntries(
      Object.entries(expected).filter(([run]) => run.startsWith(`${scenario}/`)),
    );
    expect(now, REGENERATE).toEqual(before);
  }

  it("names no scenario that is gone", () => {
    const shipped = new Set([...shippedScenarios(root), ...shippedStudies(root)]);
    const gone = Object.keys(expected).filter((run) => !shipped.has(run.slice(0, run.indexOf("/"))));
    expect(gone, REGENERATE).toEqual([]);
  });
});

describe("what simulated figures are computed with", () => {
  // The standard leaves the last bit of all of these to the engine. Math.pow and ** do differ between V8 12.4 (Node.js 22)
  // and 13.6 (Node.js 24); exp, expm1, log, log1p and log2, which are used, were found equal on Node.js 20, 22 and 24.
  const LEFT_TO_THE_ENGINE =
    /\bMath\.(?:pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot|log10)\b/;
  /** A power of a whole power of two is exact. */
  const POWER = /(?<!\b2n?\s)(?<!\d+n )\*\*(?=\s*[\w(-])/;

  it("is free of functions whose last bit depends on the version of Node.js", () => {
    // The command line only shows figures.
    const below = sources(join(root, "src")).filter((file) => !file.includes("/src/cli/"));
    const finds = below.flatMap((file) => {
      const code = readFileSync(file, "utf8")
        .replace(/\/\*[\s\S]*?\*\//g, "")
        .replace(/(^|\s)\/\/[^\n]*/g, "$1")
        .replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
      return [LEFT_TO_THE_ENGINE, POWER]
        .filter((rule) => rule.test(code))
        .map((rule) => `${file}: ${rule.source}`);
    });
    expect(finds).toEqual([]);
  });

  it("would notice: the rules see a power and let whole powers of two and of big integers pass", () => {
    expect(POWER.test("x ** 0.5")).toBe(true);
    expect(POWER.test("10 ** digits")).toBe(true);
    expect(POWER.test("2 ** 40")).toBe(false);
    expect(POWER.test("10n ** BigInt(exponent)")).toBe(false);
    expect(LEFT_TO_THE_ENGINE.test("Math.pow(2, 0.1)")).toBe(true);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}
