/** The house rules of docs/HOUSE.md, read off the import lines: layers, one door a dependency, banned names. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const src = join(root, "src");

interface SourceFile {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Without comments and string contents. */
  readonly code: string;
  readonly imports: readonly string[];
}

/** What a room may import, besides itself. A path of one file stands for that file alone. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "assert.ts": [],
  units: ["assert.ts"],
  api: ["assert.ts", "units"],
  engine: ["assert.ts", "units", "api"],
  raft: ["assert.ts", "units", "api"],
  topology: ["assert.ts", "units", "api"],
  metrics: ["assert.ts", "units", "api"],
  policies: ["assert.ts", "units", "api", "topology", "engine/random.ts", "engine/variates.ts"],
  workload: ["assert.ts", "units", "api", "topology", "engine/random.ts", "engine/variates.ts"],
  cluster: ["assert.ts", "units", "api", "engine", "raft", "topology", "metrics", "policies", "workload"],
  scenario: [
    "assert.ts",
    "units",
    "api",
    "engine",
    "topology",
    "metrics",
    "policies",
    "workload",
    "cluster/model.ts",
    "etcd/model.ts",
    "etcd/defaults.ts",
    "etcd-study/model.ts",
  ],
  experiment: [
    "assert.ts",
    "units",
    "api",
    "engine",
    "raft",
    "topology",
    "metrics",
    "policies",
    "workload",
    "cluster",
    "scenario",
    "etcd-study",
  ],
  placement: [
    "assert.ts",
    "units",
    "api",
    "topology",
    "engine/random.ts",
    "policies",
    "workload",
    "cluster/controllers/daemon-set.ts",
  ],
  conformance: ["assert.ts", "units", "api", "engine/random.ts", "policies", "workload", "scenario"],
  elections: ["assert.ts", "units", "engine", "raft"],
  etcd: ["assert.ts", "units", "engine", "raft"],
  "etcd-study": ["assert.ts", "units", "engine", "raft", "metrics", "etcd"],
  consistency: ["assert.ts", "units"],
  swarm: ["assert.ts", "units", "engine", "raft", "etcd", "consistency"],
};

/** The doors of each dependency and of each module of Node.js: files or folders of src. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  seedrandom: ["engine/random.ts"],
  "d3-array": ["experiment/statistics.ts"],
  "csv-stringify": ["experiment/csv.ts"],
  "csv-stringify/sync": ["experiment/csv.ts"],
  "node:worker_threads": ["experiment/pool.ts", "experiment/worker.ts"],
  "node:fs": ["cli", "experiment/csv.ts", "experiment/pool.ts", "policies/load.ts", "workload/files.ts"],
  "node:path": ["cli", "experiment/csv.ts", "policies/load.ts", "scenario/paths.ts", "workload/files.ts"],
  "node:url": ["cli"],
  "node:os": ["cli"],
  "node:util": ["cli", "experiment/cell-messages.ts"],
  "node:crypto": ["conformance/compare.ts"],
  "node:zlib": ["conformance/recording.ts"],
  commander: ["cli"],
  yaml: ["workload/yaml.ts"],
  zod: ["scenario"],
  jiti: ["policies/load.ts"],
};

/** What would make a run depend on anything but (model, policy, seed), and who may use it all the same. */
const BANNED: readonly (readonly [name: RegExp, ...exempt: string[]])[] = [
  [/\bMath\.random\b/],
  [/\bDate\.now\b/],
  [/\bnew Date\(/],
  [/\bperformance\.now\b/],
  [/\blocaleCompare\b/],
  [/\btoLocale[A-Z]\w*\(/],
  [/\bIntl\./],
  // Arrivals have a `process` too, with fields of their own.
  [/\bprocess\.(?!kind\b|ratePerSecond\b|intervalUs\b|atUs\b)/],
  [/\brandomUUID\b/],
  [/\brandomBytes\b/],
  [/\bgetRandomValues\b/],
  [/\bsetTimeout\b/],
  [/\bsetInterval\b/],
  // Between two cells that run in this thread, signals are let through.
  [/\bsetImmediate\b/, "experiment/pool.ts"],
];

const files = listSources(src);

describe("the house", () => {
  it("has a rule for every room", () => {
    const rooms = new Set(files.map((file) => roomOf(file.path)));
    rooms.delete("cli");
    rooms.delete("index.ts");
    for (const room of rooms) expect(MAY_IMPORT[room], `room ${room} stands in the table`).toBeDefined();
    expect(rooms.size).toBeGreaterThanOrEqual(11);
  });

  it("keeps its layers: no room imports one that it may not", () => {
    const trespasses = files.flatMap((file) => {
      const allowed = MAY_IMPORT[roomOf(file.path)];
      if (allowed === undefined) return []; // the command line and the library's front may import all
      return localImports(file)
        .filter((target) => roomOf(target) !== roomOf(file.path))
        .filter((target) => !allowed.includes(roomOf(target)) && !allowed.includes(target))
        .map((target) => `${file.path} imports ${target}`);
    });
    expect(trespasses).toEqual([]);
  });

  it("has its doors for each dependency and each module of Node.js", () => {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    for (const name of Object.keys(manifest.dependencies)) {
      expect(DOORS[name], `dependency ${name} has a door`).toBeDefined();
    }
    const strays = files.flatMap((file) =>
      file.imports
        .filter((name) => !name.startsWith("."))
        .filter((name) => {
          const doors = DOORS[name] ?? [];
          return !doors.some((door) => file.path === door || file.path.startsWith(`${door}/`));
        })
        .map((name) => `${file.path} imports ${name}`),
    );
    expect(strays).toEqual([]);
  });

  it("keeps wall clock, environment and unnamed chance above the rooms", () => {
    const finds = files
      .filter((file) => roomOf(file.path) !== "cli")
      .flatMap((file) =>
        BANNED.filter(([name, ...exempt]) => name.test(file.code) && !exempt.includes(file.path)).map(
          ([name]) => `${file.path}: ${name.source}`,
        ),
      );
    expect(finds).toEqual([]);
  });

  it("has no holes in its types", () => {
    const holes = [/:\s*any\b/, /\bas any\b/, /<any>/];
    const silencers = /@ts-(?:ignore|nocheck|expect-error)/;
    const finds = files.flatMap((file) => [
      ...holes.filter((hole) => hole.test(file.code)).map((hole) => `${file.path}: ${hole.source}`),
      ...(silencers.test(file.text) ? [`${file.path}: ${silencers.source}`] : []),
    ]);
    expect(finds).toEqual([]);
  });

  it("would notice: the readers of imports and code see what they should", () => {
    const sample = parse(
      "x/y.ts",
      'import a from "yaml";\nimport "../side.js";\nexport { b } from "../z.js";\n// Date.now\nDate.now();',
    );
    expect(sample.imports).toEqual(["yaml", "../side.js", "../z.js"]);
    expect(sample.code.match(/Date\.now/g)).toHaveLength(1);
  });
});

function listSources(folder: string): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return listSources(path);
      if (!entry.name.endsWith(".ts")) return [];
      return [parse(relative(src, path).replaceAll("\\", "/"), readFileSync(path, "utf8"))];
    });
}

function parse(path: string, text: string): SourceFile {
  const imports = [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*"([^"]+)"|\bimport\(\s*"([^"]+)"|(?:^|\n)\s*import\s*"([^"]+)"/g,
    ),
  ].map((found) => found[1] ?? found[2] ?? found[3] ?? "");
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|[^:"'`\\])\/\/[^\n]*/g, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"/g, '""');
  return { path, text, code, imports };
}

function roomOf(path: string): string {
  return path.split("/")[0] ?? path;
}

/** Files of src that the file imports, as paths relative to src. */
function localImports(file: SourceFile): string[] {
  return file.imports
    .filter((name) => name.startsWith("."))
    .map((name) =>
      normalize(join(dirname(file.path), name))
        .replaceAll("\\", "/")
        .replace(/\.js$/, ".ts"),
    );
}
