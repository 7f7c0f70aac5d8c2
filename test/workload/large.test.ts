import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonPlaces, jsonMistakeOffset } from "../../src/workload/json-places.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { readYaml } from "../../src/workload/yaml.js";

/** Over a million characters: what is read item by item, and JSON without a search for repeated keys. */
const COUNT = 9_000;

function item(n: number, change: (text: string) => string = (text) => text): string {
  return change(
    `- kind: Pod\n  metadata:\n    name: pod-${n}\n    labels:\n      app: web\n  spec:\n    nodeName: node-${n % 10}\n    priority: 0\n    text: something of length\n`,
  );
}

function list(changes: Readonly<Record<number, (text: string) => string>> = {}): string {
  const items = Array.from({ length: COUNT }, (_, n) => item(n, changes[n]));
  return `apiVersion: v1\nitems:\n${items.join("")}kind: List\nmetadata:\n  resourceVersion: ""\n`;
}

const LINES_OF_ITEM = 9;

describe("A large list", () => {
  it("reads the same whether its items are plain or not, and finds places in it", () => {
    const plain = list();
    const odd = list({
      7: (text) => text.replace("labels:\n      app: web", "labels: {app: web}"),
      8: (text) => text.replace("app: web", "app: &x web"),
      9: (text) => `# a comment between\n${text}`,
    });
    expect(plain.length).toBeGreaterThan(1_000_000);
    const problems = new Problems();
    const [first] = readYaml(plain, "f", problems);
    const [second] = readYaml(`# head\n---\n${odd}`, "f", problems);
    expect(problems.count).toBe(0);
    expect(second?.data).toEqual(first?.data);
    const last = ["items", COUNT - 1, "spec", "nodeName"];
    expect(first?.positionOf(last)).toEqual({ line: 2 + (COUNT - 1) * LINES_OF_ITEM + 7, column: 15 });
    // Two lines for the head, one less in item 7, one more before item 9.
    expect(second?.positionOf(last)).toEqual({ line: 4 + (COUNT - 1) * LINES_OF_ITEM + 7, column: 15 });
    expect(first?.positionOf(["items", 3])).toEqual({ line: 3 + 3 * LINES_OF_ITEM, column: 3 });
  });

  it("tells of mistakes in its items by their lines", () => {
    const problems = new Problems();
    const text = list({
      100: (text) => text.replace("priority: 0", "priority: 0: 1"),
      200: (text) => text.replace("priority: 0", "priority: 0\n    priority: 1"),
    });
    expect(readYaml(text, "f", problems)).toEqual([]);
    const told = problems.list().map(formatProblem);
    expect(told[0]).toContain(`f:${2 + 100 * LINES_OF_ITEM + 8}:15: expected well-formed YAML`);
  });

  it("may refer from one item to another", () => {
    const problems = new Problems();
    const text = list({
      1: (text) => text.replace("app: web", "app: &app web"),
      2: (text) => text.replace("app: web", "app: *app"),
    });
    const [document] = readYaml(text, "f", problems);
    expect(problems.count).toBe(0);
    expect((document?.data as { items: unknown[] } | undefined)?.items[2]).toMatchObject({
      metadata: { labels: { app: "web" } },
    });
  });
});

describe("Large JSON", () => {
  const items = Array.from({ length: 20_000 }, (_, n) => ({
    name: `pod "${n}"`,
    at: { list: [n, [n]], empty: {} },
  }));
  const text = JSON.stringify({ kind: "List", items }, null, 2);

  it("is read, with places", () => {
    const [document] = readYaml(text, "f.json", new Problems());
    expect(document?.data).toEqual({ kind: "List", items });
    const lines = text.split("\n");
    const name = document?.positionOf(["items", 15_000, "name"]);
    expect(lines[(name?.line ?? 0) - 1]?.slice((name?.column ?? 0) - 1)).toBe('"pod \\"15000\\"",');
    const at = document?.positionOf(["items", 15_000, "at"]);
    expect(lines[(at?.line ?? 0) - 1]?.slice((at?.column ?? 0) - 1)).toBe('"at": {');
  });

  it("is told to be malformed where it is", () => {
    const problems = new Problems();
    const lines = text.split("\n");
    const broken = text.replace('"pod \\"15000\\"",', '"pod \\"15000\\""');
    expect(
      readYaml(`${broken.replaceAll("\n", "\n ")}${" ".repeat(20_000_000)}`, "f.json", problems),
    ).toEqual([]);
    const line = lines.findIndex((each) => each.includes("15000\\")) + 2;
    expect(problems.list().map(formatProblem)).toEqual([`f.json:${line}:8: expected well-formed JSON`]);
  });
});

describe("Places in JSON", () => {
  it("are where the value at a path stands, in any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify({ value }, null, indent);
        const places = new JsonPlaces(text);
        for (const [path, found] of pathsOf(value, ["value"])) {
          const offset = places.offsetOf(path);
          const written = JSON.stringify(found);
          const isCollection = typeof found === "object" && found !== null;
          const key = path.at(-1);
          const expected = isCollection
            ? typeof key === "string"
              ? JSON.stringify(key)
              : Array.isArray(found)
                ? "["
                : "{"
            : written;
          expect(text.startsWith(expected, offset), `${text} at ${path.join("/")}`).toBe(true);
        }
      }),
    );
  });

  it("of mistakes agree with JSON.parse on where well-formed text ends", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat(),
        fc.constantFrom("", ",", "}", "]", '"', "x", ":"),
        (value, at, planted) => {
          const whole = JSON.stringify({ value });
          const cut = at % (whole.length + 1);
          const text =
            planted === "" ? whole.slice(0, cut) : whole.slice(0, cut) + planted + whole.slice(cut);
          const offset = jsonMistakeOffset(text);
          if (isJson(text)) expect(offset, text).toBe(text.length);
          if (!isJson(text) && planted === "x" && !insideString(whole, cut))
            expect(offset, text).toBeLessThanOrEqual(cut);
        },
      ),
    );
  });
});

function* pathsOf(value: unknown, path: (string | number)[]): Generator<[(string | number)[], unknown]> {
  yield [path, value];
  if (typeof value !== "object" || value === null) return;
  const entries = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  for (const [step, inner] of entries) yield* pathsOf(inner, [...path, step]);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function insideString(text: string, at: number): boolean {
  let inside = false;
  for (let i = 0; i < at; i++) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === '"') inside = !inside;
  }
  return inside;
}
