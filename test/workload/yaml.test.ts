import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { readYaml, writeYaml, type YamlDocument } from "../../src/workload/yaml.js";
import { readPlainYaml } from "../../src/workload/yaml-plain.js";

function read(text: string): YamlDocument[] {
  const problems = new Problems();
  const documents = readYaml(text, "f.yaml", problems);
  expect(problems.list().map(formatProblem)).toEqual([]);
  return documents;
}

function data(text: string): unknown {
  const documents = read(text);
  expect(documents).toHaveLength(1);
  return documents[0]?.data;
}

function mistakes(text: string): string[] {
  const problems = new Problems();
  readYaml(text, "f.yaml", problems);
  return problems.list().map(formatProblem);
}

/** The rules of go-yaml v2's resolve.go, by hand. */
const WORDS: readonly (readonly [written: string, value: unknown])[] = [
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map(
    (word) => [word, true] as const,
  ),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map(
    (word) => [word, false] as const,
  ),
  ...["~", "null", "Null", "NULL"].map((word) => [word, null] as const),
  ["yEs", "yEs"],
  ["tRUE", "tRUE"],
  ["nULL", "nULL"],
  ["oN", "oN"],
  ["0", 0],
  ["-0", 0],
  ["12", 12],
  ["+12", 12],
  ["-12", -12],
  ["1_000", 1000],
  ["_1", "_1"],
  ["0777", 511],
  ["-010", -8],
  ["0o17", 15],
  ["0x1f", 31],
  ["0X1F", 31],
  ["0b101", 5],
  ["-0b11", -3],
  ["0x", "0x"],
  ["089", 89],
  ["0778", 778],
  ["1.5", 1.5],
  ["1.", 1],
  [".5", 0.5],
  ["+.5", 0.5],
  ["-.5", -0.5],
  ["1e3", 1000],
  ["1.5E-3", 0.0015],
  ["1e999", "1e999"],
  [".", "."],
  ["+", "+"],
  [".e3", ".e3"],
  ["1.2.3", "1.2.3"],
  // Sexagesimal numbers of YAML 1.1 are text to go-yaml.
  ["12:30", "12:30"],
  ["190:20:30", "190:20:30"],
  // Dates stay text.
  ["2001-01-01", "2001-01-01"],
  ["2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"],
  ["9007199254740993", 9_007_199_254_740_993n],
  ["18446744073709551615", 18_446_744_073_709_551_615n],
  ["18446744073709551616", 18_446_744_073_709_552_000],
  ["500m", "500m"],
  ["1Gi", "1Gi"],
  ["0.1", 0.1],
];

describe("YAML as kubectl reads it", () => {
  it.each(WORDS)("takes the unquoted %s for %s, in either reader", (written, value) => {
    expect(data(`a: ${written}\n`)).toEqual({ a: value });
    expect(data(`a: ${written}\nb: {}\nc: &anchor 1\n`)).toEqual({ a: value, b: {}, c: 1 });
  });

  it("takes quoted words for text", () => {
    expect(data(`a: "yes"\nb: 'on'\nc: "0777"\nd: "~"\ne: ""\n`)).toEqual({
      a: "yes",
      b: "on",
      c: "0777",
      d: "~",
      e: "",
    });
  });

  it("turns keys into text", () => {
    expect(data("y: 1\n2: 2\n1.10: 3\n0x10: 4\n1e6: 5\n")).toEqual({
      true: 1,
      "2": 2,
      "1.1": 3,
      "16": 4,
      "1000000": 5,
    });
    expect(mistakes("~: 1\n")).toEqual(["f.yaml:1:1: expected a string as key, got null"]);
    expect(mistakes("a:\n  ? [b]\n  : 1\n")).toEqual([
      "f.yaml:2:5: a: expected a string as key, got a list of 1",
    ]);
  });

  it("honours tags", () => {
    expect(data('a: !!str 5\nb: !!int "5"\nc: !!float 5\nd: !own 5\ne: !!bool "yes"\n')).toEqual({
      a: "5",
      b: 5,
      c: 5,
      d: "5",
      e: true,
    });
    expect(mistakes("a: !!int x\n")).toEqual([
      'f.yaml:1:10: a: expected a value that fits its tag !!int, got "x"',
    ]);
  });

  it("merges in the order written, the first of several mappings winning", () => {
    const text =
      "base: &b {k: 1, z: 2}\nother: &o {k: 5, w: 6}\nm:\n  z: 0\n  <<: *b\n  k: 9\np:\n  <<: [*b, *o]\n";
    expect(data(text)).toMatchObject({ m: { z: 2, k: 9 }, p: { k: 1, z: 2, w: 6 } });
    expect(data('"<<": 1\n')).toEqual({ "<<": 1 });
    expect(mistakes("a:\n  <<: 5\n")[0]).toContain(
      "f.yaml:2:7: a: expected a mapping, or a list of mappings",
    );
  });

  it("expands aliases", () => {
    expect(data("a: &x [1, 2]\nb: *x\n")).toEqual({ a: [1, 2], b: [1, 2] });
    expect(mistakes("a: *nope\n")).toEqual([
      "f.yaml:1:4: a: expected an anchor &nope before the alias *nope",
    ]);
    expect(mistakes("a: &x {b: *x}\n")).toEqual([
      "f.yaml:1:11: a.b: expected an anchor that does not contain its own alias *x",
    ]);
  });

  it("stops at a bomb of aliases", () => {
    const levels = Array.from(
      { length: 9 },
      (_, n) => `l${n + 1}: &l${n + 1} [${Array(9).fill(`*l${n}`).join(", ")}]`,
    );
    expect(mistakes(`l0: &l0 [x, x]\n${levels.join("\n")}\n`)).toEqual([
      "f.yaml:1:1: expected fewer aliases: the document is mostly their expansion",
    ]);
  });

  it("refuses a key given twice, and names its second place", () => {
    expect(mistakes("a:\n  b: 1\n  c: 2\n  b: 3\n")).toEqual([
      'f.yaml:4:3: a.b: expected each key once, "b" is here again',
    ]);
    expect(mistakes("y: 1\ntrue: 2\n")).toEqual([
      'f.yaml:2:1: true: expected each key once, "true" is here again',
    ]);
    expect(mistakes('{"a": 1, "a": 2}')).toEqual([
      'f.yaml:1:10: a: expected each key once, "a" is here again',
    ]);
  });

  it("splits documents, leaves empty ones out and counts lines through them", () => {
    const documents = read("# one\na: 1\n--- # two\n---\nb: 2\n...\n---\nc: |\n  ---\n  x\n--- {d: 4}\n");
    expect(documents.map(({ data }) => data)).toEqual([{ a: 1 }, { b: 2 }, { c: "---\nx\n" }, { d: 4 }]);
    expect(documents.map(({ data, positionOf }) => positionOf(Object.keys(data as object)).line)).toEqual([
      2, 5, 8, 11,
    ]);
    expect(read("")).toEqual([]);
    expect(read("---\n---\n# only a comment\n")).toEqual([]);
  });

  it("keeps on after a malformed document", () => {
    const problems = new Problems();
    const documents = readYaml("a: [1\n---\nb: 2\n---\nc: 'x\n", "f.yaml", problems);
    expect(documents.map(({ data }) => data)).toEqual([{ b: 2 }]);
    expect(new Set(problems.list().map(({ line }) => line))).toEqual(new Set([2, 6]));
  });

  it.each([
    [
      "a: b: c\n",
      "f.yaml:1:4: expected well-formed YAML: nested mappings are not allowed in compact mappings",
    ],
    ["a:\n\tb: 1\n", "f.yaml:2:1: expected well-formed YAML: tabs are not allowed as indentation"],
    ["a: \x01\n", 'f.yaml:1:4: expected text, found the control character "\\u0001"'],
    ["a: .inf\n", 'f.yaml:1:4: a: expected a finite number, got ".inf"'],
    ["a: `x`\n", "f.yaml:1:4: expected well-formed YAML: plain value cannot start with reserved character `"],
  ])("says what is wrong with %j", (text, message) => {
    expect(mistakes(text)[0]).toBe(message);
  });

  it("accepts JSON, a byte order mark, Windows line ends", () => {
    expect(data('{\n\t"a": [1, true, null, "x\\u00e9"],\n\t"b": {"y": 1e3}\n}\n')).toEqual({
      a: [1, true, null, "xé"],
      b: { y: 1000 },
    });
    expect(data("\uFEFFa: 1\r\nb:\r\n  - yes\r\n")).toEqual({ a: 1, b: [true] });
  });

  it("finds scalars, keys of collections, list items and the nearest parent of what is missing", () => {
    const text = 'a: 1\nb:\n  c:\n    - x\n    - d: "y"\n  e: {f: 2}\nbase: &k {z: 1}\nm:\n  <<: *k\n';
    const [document] = read(text);
    const place = (...path: (string | number)[]): string => {
      const { line, column } = document?.positionOf(path) ?? { line: 0, column: 0 };
      return `${line}:${column}`;
    };
    expect(place("a")).toBe("1:4");
    expect(place("b")).toBe("2:1");
    expect(place("b", "c", 0)).toBe("4:7");
    expect(place("b", "c", 1)).toBe("5:7");
    expect(place("b", "c", 1, "d")).toBe("5:10");
    expect(place("b", "e", "f")).toBe("6:10");
    expect(place("b", "c", 1, "missing")).toBe("5:7");
    expect(place("b", "missing", "deeper")).toBe("2:1");
    expect(place("m", "z")).toBe("7:14");
    expect(place()).toBe("1:1");
  });
});

describe("The quick reader", () => {
  const word = fc.constantFrom(
    ...'a b key name yes n ~ 1 0777 1.5 1_0 -x -- - ? : # a:b a: a#b a #c \'q\' \'it\'\'s\' "d" "a\\nb" "\\x41" \'open "open {} [] [a] {a: 1} | |- |+ > & * *a &a !t % @ , x,y [ ] { } << = . .. ... --- 1e3 .5 2001-01-01 f:b k:{"a":1} __proto__ toString'.split(
      " ",
    ),
    "a b",
    "a # b",
    'x "y" z',
    "é",
    "",
  );
  const line = fc
    .tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.constantFrom("", "", "- ", "- ", "-  ", "-"),
      word,
      fc.constantFrom("", ":", ": ", ":  ", " : ", " "),
      word,
      fc.constantFrom("", "", "", " ", " # c"),
    )
    .map(
      ([indent, dash, key, colon, value, end]) =>
        `${" ".repeat(indent)}${dash}${key}${colon}${colon === "" ? "" : value}${end}`,
    );
  const text = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => `${lines.join("\n")}\n`);

  it("reads nothing that the complete reader would read otherwise", () => {
    let plain = 0;
    fc.assert(
      fc.property(text, (source) => {
        const quick = readPlainYaml(source);
        if (quick === undefined) return;
        plain += 1;
        // A directive sends the text to the complete reader.
        const problems = new Problems();
        const [complete] = readYaml(`%YAML 1.2\n---\n${source}`, "f.yaml", problems);
        expect(problems.list().map(formatProblem), source).toEqual([]);
        expect(complete?.data ?? null, source).toEqual(quick.data);
      }),
      { numRuns: 4_000 },
    );
    expect(plain).toBeGreaterThan(100);
  });

  it("reads the style of kubectl, blocks and all, without help", () => {
    const source = [
      "apiVersion: v1",
      "items:",
      "- metadata:",
      "    annotations:",
      "      last: |",
      '        {"a":"b"}',
      "",
      "          deeper",
      "    labels: {}  # none",
      '    "quoted": "a \\"b\\""',
      "  list:",
      "  - 1",
      "  -",
      "    x: 2",
      "  - 'it''s'",
      "  stripped: |-",
      "    text",
      "  kept: |+",
      "    text",
      "",
      "  nothing:",
      "",
    ].join("\n");
    expect(readPlainYaml(source)?.data).toEqual({
      apiVersion: "v1",
      items: [
        {
          metadata: { annotations: { last: '{"a":"b"}\n\n  deeper\n' }, labels: {}, quoted: 'a "b"' },
          list: [1, { x: 2 }, "it's"],
          stripped: "text",
          kept: "text\n\n",
          nothing: null,
        },
      ],
    });
  });
});

describe("Written YAML", () => {
  it("reads back as the same data", () => {
    const scalar = fc.oneof(
      fc.string(),
      fc.constantFrom(
        "yes",
        "on",
        "~",
        "0777",
        "1_000",
        "12:30",
        "0o7",
        "2001-01-01",
        "a: b",
        "- x",
        " lead",
        "x\ny\n",
        "1e3",
        ".5",
        "089",
        "y",
      ),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    );
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 3 },
        scalar,
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("yes", "1", "on")), tie("node"), {
          maxKeys: 3,
          noNullPrototype: true,
        }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (value) => {
        const text = JSON.stringify(value);
        expect(data(writeYaml({ value })), text).toEqual({ value });
      }),
      { numRuns: 500 },
    );
  });
});
