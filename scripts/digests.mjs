/**
 * Are the digests of the shipped scenarios equal on Node.js 20, 22 and 24, and those of test/digests.json?
 *
 *   npm run digests                      compare under three versions of Node.js (fetched into a temporary folder)
 *   npm run digests -- --versions 22     ... under others
 *   npm run digests -- --write           write test/digests.json anew, with the Node.js at hand
 *   npm run digests -- --print           this Node.js' rows as JSON
 *
 * Exits 1 where two digests of one run differ.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { digestRows, shippedScenarios, shippedStudies, studyDigestRows } from "./digest-cases.mjs";

const VERSIONS = "20,22,24";
const root = fileURLToPath(new URL("..", import.meta.url));
const expectedFile = join(root, "test", "digests.json");

const { values: options } = parseArgs({
  options: {
    versions: { type: "string", default: VERSIONS },
    write: { type: "boolean", default: false },
    print: { type: "boolean", default: false },
  },
});

if (options.print) console.log(JSON.stringify(await rowsHere()));
else if (options.write) write(await rowsHere());
else compare(options.versions.split(","));

async function rowsHere() {
  const files = [
    ...["scenario/compile.js", "scenario/etcd-study.js", "workload/files.js"],
    ...["cluster/simulate.js", "etcd-study/play.js"],
  ];
  const parts = await Promise.all(
    files.map((file) => import(new URL(`../dist/${file}`, import.meta.url).href)),
  );
  const library = Object.assign({}, ...parts);
  return [
    ...shippedScenarios(root).flatMap((scenario) => digestRows(library, root, scenario)),
    ...shippedStudies(root).flatMap((name) => studyDigestRows(library, root, name)),
  ];
}

function write(rows) {
  writeFileSync(expectedFile, `${JSON.stringify(Object.fromEntries(rows.map(entryOf)), null, 2)}\n`);
  console.log(`${rows.length} digests written to test/digests.json`);
}

function compare(versions) {
  const columns = [{ name: "committed", digests: JSON.parse(readFileSync(expectedFile, "utf8")) }];
  const folder = mkdtempSync(join(tmpdir(), "seatrial-node-"));
  try {
    for (const version of versions) columns.push(columnOf(version, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const different = printTable(columns);
  console.log(different === 0 ? "all digests are equal" : `${different} runs differ`);
  process.exitCode = different === 0 ? 0 : 1;
}

/** Runs everything under one version of Node.js, as the npm package `node` brings it. */
function columnOf(version, folder) {
  const prefix = join(folder, version);
  console.error(`fetching Node.js ${version} ...`);
  const quiet = ["--no-save", "--no-audit", "--no-fund", "--silent"];
  execFileSync("npm", ["install", "--prefix", prefix, ...quiet, `node@${version}`], { stdio: "inherit" });
  const node = join(prefix, "node_modules", "node", "bin", "node");
  const name = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  console.error(`simulating under ${name} ...`);
  const script = fileURLToPath(import.meta.url);
  const printed = execFileSync(node, [script, "--print"], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return { name, digests: Object.fromEntries(JSON.parse(printed).map(entryOf)) };
}

function entryOf({ scenario, policy, digest, tables }) {
  return [`${scenario}/${policy}`, { digest, tables }];
}

/** Prints a row for each run, a column for each version; returns how many rows are not all equal. */
function printTable(columns) {
  const runs = [...new Set(columns.flatMap(({ digests }) => Object.keys(digests)))].sort();
  const rows = runs.map((run) => {
    const cells = columns.map(({ digests }) => {
      const entry = digests[run];
      return entry === undefined ? "-" : `${entry.digest} ${entry.tables}`;
    });
    return { run, cells, equal: cells.every((cell) => cell === cells[0]) };
  });
  const width = Math.max(...runs.map((run) => run.length));
  const line = (run, cells) =>
    console.log([run.padEnd(width), ...cells.map((cell) => cell.padEnd(33))].join("  "));
  line(
    "run",
    columns.map(({ name }) => name),
  );
  for (const { run, cells, equal } of rows) line(run, equal ? cells : [...cells, "differ"]);
  return rows.filter(({ equal }) => !equal).length;
}
