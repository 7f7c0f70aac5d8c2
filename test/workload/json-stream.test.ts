import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type FileSource, fileSource } from "../../src/workload/files.js";
import { JsonCutter } from "../../src/workload/json-cutter.js";
import { readDocuments } from "../../src/workload/json-documents.js";
import { readJsonStream } from "../../src/workload/json-stream.js";
import { loadManifests, readManifests } from "../../src/workload/manifests.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { readSnapshot, readSnapshotFile } from "../../src/workload/snapshot.js";
import type { YamlDocument } from "../../src/workload/yaml.js";

/** All that JSON can hold, and what is dear to a reader by brackets: brackets, quotes and escapes in strings. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom('"', "\\", "{", "}", "[", "]", ",", ":", "\n", "é", "€", "😀", "a") }),
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.constantFrom(null, true, false),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(text, tie("value"), { maxKeys: 4 }),
  ),
}));

/** As JSON with spaces wherever they may be, and characters escaped or not, as `choose` says. */
function render(data: unknown, choose: (count: number) => number): string {
  const space = (): string => ["", "", "", " ", "\n", "\r\n\t"][choose(6)] ?? "";
  const string = (content: string): string => {
    const plain = JSON.stringify(content);
    if (choose(3) > 0) return plain;
    return `"${[...content].map((c) => [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")).join("")}"`;
  };
  const write = (each: unknown): string => {
    if (typeof each === "string") return string(each);
    if (typeof each !== "object" || each === null) return JSON.stringify(each);
    const members = Array.isArray(each)
      ? each.map((item) => `${space()}${write(item)}${space()}`)
      : Object.entries(each).map(
          ([key, member]) => `${space()}${string(key)}${space()}:${space()}${write(member)}${space()}`,
        );
    const body = members.length === 0 ? space() : members.join(",");
    return Array.isArray(each) ? `[${body}]` : `{${body}}`;
  };
  return space() + write(data) + space();
}

function* cutAnywhere(bytes: Uint8Array, choose: (count: number) => number): Generator<Uint8Array> {
  // One buffer for all pieces, as reading from a file has it.
  const buffer = new Uint8Array(bytes.length + 1);
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, choose(10) === 0 ? 1_000 : 1 + choose(5));
    buffer.fill(0);
    buffer.set(bytes.subarray(at, at + length));
    yield buffer.subarray(0, length);
    at += length;
  }
}

/** Numbers as a seed gives them; a small generator of its own, since a chooser is called too often for arbitraries. */
function chooser(seed: number): (count: number) => number {
  let state = seed >>> 0;
  return (count) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}

/** Reads in pieces of one byte up, lists of more than a few bytes by their items. */
function stream(
  written: string,
  { seed = 1, wholeLengthMax = 40, reread = false } = {},
): { documents: YamlDocument[]; told: string[]; problems: Problems } {
  const bytes = new TextEncoder().encode(written);
  const problems = new Problems();
  const again = (offset: number, length: number): string =>
    new TextDecoder().decode(bytes.subarray(offset, offset + length));
  const documents = [
    ...readJsonStream(cutAnywhere(bytes, chooser(seed)), "f.json", problems, {
      wholeLengthMax,
      ...(reread ? { reread: again } : {}),
    }),
  ];
  return { documents, told: problems.list().map(formatProblem), problems };
}

describe("JSON in pieces", () => {
  it("is cut into the values that JSON.parse reads, with any spaces, escapes and cuts", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 4 }), fc.integer(), (values, seed) => {
        const choose = chooser(seed);
        const written = values.map((each) => `${render(each, choose)}\n`).join("");
        const cutter = new JsonCutter(cutAnywhere(new TextEncoder().encode(written), choose));
        const read: unknown[] = [];
        while (cutter.peek() !== -1) {
          const { kind, text, line, column } = cutter.value();
          expect(kind).toBe("whole");
          expect(
            written
              .split("\n")
              [line - 1]?.slice(column - 1)
              .startsWith(text.split("\n")[0] ?? ""),
          ).toBe(true);
          read.push(JSON.parse(text));
        }
        expect(read).toEqual(values.map((each) => JSON.parse(JSON.stringify(each)) as unknown));
      }),
    );
  });

  it("gives the items of a long list and what else is in it, at whatever length lists are taken apart", () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 6 }),
        fc.dictionary(text, value, { maxKeys: 3 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 200 }),
        fc.integer(),
        (items, more, isKindFirst, wholeLengthMax, seed) => {
          const { kind: _, items: __, ...rest } = more;
          const list = isKindFirst ? { kind: "List", ...rest, items } : { ...rest, items, kind: "List" };
          const written = render(list, chooser(seed));
          const { documents, told } = stream(written, { seed, wholeLengthMax });
          expect(told).toEqual([]);
          const frame = documents.at(-1)?.data as Record<string, unknown>;
          const expected = JSON.parse(JSON.stringify(list)) as Record<string, unknown>;
          const apart = new TextEncoder().encode(written.trim()).length > wholeLengthMax;
          if (!apart) expect(frame).toEqual(expected);
          else {
            expect(frame).toEqual({ ...expected, items: [] });
            expect(put(documents.slice(0, -1))).toEqual(expected.items);
          }
        },
      ),
    );
  });

  it("loses no character at the border of two pieces", () => {
    const written = JSON.stringify({ kind: "List", items: [{ kind: "é€😀".repeat(9) }, { kind: "ü" }] });
    for (let seed = 0; seed < 50; seed++) {
      const { documents } = stream(`\uFEFF${written}`, { seed });
      expect(documents.map(({ data }) => (data as { kind: string }).kind)).toEqual([
        "é€😀".repeat(9),
        "ü",
        "List",
      ]);
    }
  });

  it("may hold documents one after the other, each on a line, and with --- between", () => {
    const objects = [{ kind: "a" }, { kind: "List", items: [{ kind: "b" }, { kind: "c".repeat(50) }] }];
    const lines = objects.map((each) => JSON.stringify(each));
    for (const between of ["", "\n", "\n---\n", "\r\n\r\n"]) {
      const { documents, told } = stream(lines.join(between));
      expect(told).toEqual([]);
      expect(documents.map(({ data }) => (data as { kind: string }).kind)).toEqual([
        "a",
        "b",
        "c".repeat(50),
        "List",
      ]);
    }
  });
});

/** Items by their paths, nested lists put together again. */
function put(documents: readonly YamlDocument[]): unknown[] {
  const root: { items: unknown[] } = { items: [] };
  for (const { data, itemOf } of documents) {
    let at = root as unknown as Record<string, unknown>;
    const path = itemOf?.path ?? [];
    for (const step of path.slice(0, -1)) {
      at[step] ??= typeof step === "number" ? {} : [];
      at = at[step] as Record<string, unknown>;
    }
    const last = String(path.at(-1));
    const items = (at[last] as { items?: unknown[] } | undefined)?.items;
    at[last] = items === undefined ? data : { ...(data as object), items };
  }
  return root.items;
}

const NODE = (name: string, cpu: string): object => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, annotations: { text: "é€😀 [{" } },
  status: { allocatable: { cpu, memory: "1Gi", pods: "110" } },
});

describe("Mistakes in streamed JSON", () => {
  const lists = JSON.stringify(
    {
      apiVersion: "v1",
      items: [
        NODE("n", "1"),
        { kind: "List", items: [NODE("a", "2"), NODE("b", "two"), NODE("a", "3")] },
        NODE("c", "x"),
      ],
      kind: "List",
    },
    null,
    2,
  );
  const told = (written: string, reread: boolean, indent?: number): string[] => {
    const bytes = new TextEncoder().encode(
      indent === undefined ? written : JSON.stringify(JSON.parse(written)),
    );
    const problems = new Problems();
    const options = {
      wholeLengthMax: 200,
      reread: (offset: number, length: number) =>
        reread ? new TextDecoder().decode(bytes.subarray(offset, offset + length)) : undefined,
    };
    readManifests(readJsonStream([bytes], "f.json", problems, options), problems);
    return problems.list().map(formatProblem);
  };
  const lineOf = (needle: string, after = ""): number =>
    lists.slice(0, lists.indexOf(needle, lists.indexOf(after))).split("\n").length;

  it("are told with file, line, column and path, as if the file had been read whole", () => {
    const whole = new Problems();
    const from: FileSource = { readFile: () => lists, list: () => undefined };
    readManifests(readDocuments("f.json", from, whole), whole);
    expect(told(lists, true)).toEqual(whole.list().map(formatProblem));
    expect(told(lists, true)).toHaveLength(3);
    expect(told(lists, true).join("\n")).toContain(
      `f.json:${lineOf('"two"')}:22: items[1].items[1].status.allocatable.cpu: expected`,
    );
  });

  it("name the object's first line where its text is gone and cannot be read again", () => {
    const duplicate = told(lists, false).find((each) => each.includes("once")) ?? "";
    expect(duplicate).toContain(`is already at f.json:${lineOf("{", '"kind": "List",')}`);
    expect(duplicate).toMatch(
      /^f\.json:\d+:\d+: items\[1\]\.items\[2\]\.metadata\.name: expected each object/,
    );
  });

  it("in the columns of a file of one line count characters, not bytes", () => {
    const [, two = ""] = told(lists, true, 0);
    const line = JSON.stringify(JSON.parse(lists));
    const columns = told(lists, true, 0).map((each) => Number(each.split(":")[2]));
    expect(two).toContain("f.json:1:");
    expect(columns).toContain(line.indexOf('"two"') + 1);
  });

  it("say what was expected where", () => {
    const items = (middle: string): string =>
      `{"kind": "List",\n "items": [\n  {"kind": "a", "text": "${"long ".repeat(10)}"},\n${middle}`;
    const cases: readonly [written: string, told: string][] = [
      [items('  {"kind": }\n]}'), "f.json:4:12: items[1]: expected well-formed JSON: a value"],
      [
        items('  {"kind": "b"} {"kind": "c"}\n]}'),
        'f.json:4:17: items: expected well-formed JSON: "," or "]"',
      ],
      [items('  {"kind": "b"\n]}'), 'f.json:5:1: items[1]: expected well-formed JSON: "," or "}"'],
      [items('  {"kind": "b"},\n]}'), "f.json:5:1: items[2]: expected well-formed JSON: a value"],
      [
        items('  {"kind": "b\n"}]}'),
        "f.json:4:12: items[1]: expected well-formed JSON: a string on one line with its closing quote and JSON's escapes",
      ],
      [
        items('  {"kind": "b"'),
        'f.json:4:15: items[1]: expected well-formed JSON: "," or "}", but the file ends',
      ],
      [
        items('  {"kind": "b"}'),
        'f.json:4:16: items: expected well-formed JSON: "," or "]", but the file ends',
      ],
      [
        items('  {"kind": "b"},'),
        "f.json:4:17: items[2]: expected well-formed JSON: a value, but the file ends",
      ],
      [items('  {"kind": "b"}]'), 'f.json:4:17: expected well-formed JSON: "," or "}", but the file ends'],
      [items('  {"kind": "b"}], metadata: {}}'), "f.json:4:19: expected well-formed JSON: a key in quotes"],
      [items('  {"kind": "b"}], "metadata" {}}'), 'f.json:4:30: expected well-formed JSON: ":"'],
      [items('  {"kind": "b"}]}]'), "f.json:4:18: expected well-formed JSON: a value"],
      [items('  tru, {"kind": "b"}]}'), "f.json:4:3: items[1]: expected well-formed JSON: a value"],
    ];
    for (const [written, expected] of cases) {
      for (const seed of [1, 2, 3]) expect(stream(written, { seed }).told, written).toEqual([expected]);
    }
  });

  it("do not hide what stands after them where brackets close, and never end in an exception", () => {
    const { told, documents } = stream(
      `{"kind":"List","items":[{"kind": x},{"kind":"b","text":"${"long ".repeat(9)}"},{"kind": y}]}`,
    );
    expect(told).toHaveLength(2);
    expect(documents.map(({ data }) => (data as { kind: string }).kind)).toEqual(["b", "List"]);
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom("", ...'{}[],:"\\x1\n'), fc.integer(), (at, planted, seed) => {
        const cut = at % lists.length;
        const written = lists.slice(0, cut) + planted + (planted === "" ? "" : lists.slice(cut + 1));
        // A letter of "List" that is hit leaves JSON, of a kind that has no items.
        const told = stream(written, { seed }).told.filter((line) => !line.includes("expected a kind"));
        expect(told.length > 0, written).toBe(!isJson(written) && written.trim() !== "");
      }),
    );
  });
});

function isJson(written: string): boolean {
  try {
    JSON.parse(written);
    return true;
  } catch {
    return false;
  }
}

describe("Kinds of lists", () => {
  const pod = (name: string): object => ({ metadata: { name }, spec: { containers: [{ name: "c" }] } });

  it("are what items without a kind are, whether they come before the items or after", () => {
    const lists = [
      { kind: "PodList", apiVersion: "v1", metadata: {}, items: [pod("a"), pod("b")] },
      { apiVersion: "v1", items: [pod("a"), pod("b")], kind: "PodList" },
    ];
    for (const list of lists) {
      const { documents, problems } = stream(JSON.stringify(list));
      expect(
        readManifests(documents, problems).map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      ).toEqual(["Pod a", "Pod b"]);
      expect(problems.list().map(formatProblem)).toEqual([]);
    }
  });

  it("that are no lists are told, for their items were read", () => {
    const items = [NODE("a", "1")];
    const after = stream(JSON.stringify({ items, kind: "Basket" }));
    expect(after.told).toEqual([
      `f.json:1:${JSON.stringify({ items }).length + 8}: kind: expected a kind that ends in List for a large object with items, got "Basket"`,
    ]);
    const before = stream(JSON.stringify({ kind: "Basket", items }));
    expect(before.documents.map(({ data }) => data)).toEqual([{ kind: "Basket", items }]);
  });
});

describe("Files of any size", () => {
  const folder = mkdtempSync(join(tmpdir(), "json-stream-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const list = { apiVersion: "v1", kind: "List", items: [NODE("a", "1"), NODE("b", "1.5"), NODE("c", "?")] };
  const pretty = JSON.stringify(list, null, 4);

  it("read the same as a stream and at once", () => {
    writeFileSync(join(folder, "list.json"), pretty);
    const from = fileSource(folder);
    const read = (streamedLengthMin: number): [unknown, string[]] => {
      const problems = new Problems();
      const objects = readManifests(readDocuments("list.json", from, problems, streamedLengthMin), problems);
      return [objects, problems.list().map(formatProblem)];
    };
    expect(read(1)).toEqual(read(1_000_000));
    expect(read(1)[1]).toHaveLength(1);
    const problems = new Problems();
    expect(readSnapshotFile("list.json", from, problems)).toEqual(
      readSnapshot(pretty, "list.json", new Problems()),
    );
  });

  it("may hold one object a line", () => {
    writeFileSync(join(folder, "lines.json"), list.items.map((each) => `${JSON.stringify(each)}\n`).join(""));
    const problems = new Problems();
    const objects = loadManifests(["lines.json"], fileSource(folder), problems);
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(["a", "b", "c"]);
    expect(problems.list().map(formatProblem)).toEqual([expect.stringMatching(/^lines\.json:3:\d+: status/)]);
  });

  it("that are not there, or fail midway, are told", () => {
    const problems = new Problems();
    expect([...readDocuments("nothing.json", fileSource(folder), problems)]).toEqual([]);
    function* failing(): Generator<Uint8Array> {
      yield new TextEncoder().encode(pretty);
      throw new Error("EIO");
    }
    const from: FileSource = { ...fileSource(folder), readChunks: failing };
    expect([...readDocuments("disk.json", from, problems, 1)]).not.toEqual([]);
    expect(problems.list().map(formatProblem)).toEqual([
      "disk.json: expected a file that can be read to its end",
      "nothing.json: expected a file that can be read",
    ]);
  });
});
