/** `seatrial import`: other people's files become a scenario's folder. */
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { loadScenario } from "../scenario/compile.js";
import { formatDuration, MILLISECOND, MINUTE, type Micros, SECOND } from "../units/time.js";
import { type FileSource, fileSource } from "../workload/files.js";
import { readOpenbNodes, readOpenbPods } from "../workload/openb.js";
import { formatProblem, Problems } from "../workload/problems.js";
import { readSnapshotFile, renderSnapshot, type Snapshot, topologyOf } from "../workload/snapshot.js";
import { EXIT, stopOnErrors } from "./exit.js";
import { refuseToOverwrite, type TextFile, writeFiles } from "./files.js";
import { positiveDuration, wholeNumber } from "./options.js";
import type { Run } from "./program.js";
import type { Terminal } from "./terminal.js";

const SNAPSHOT_EXAMPLES = `
Make the snapshot with, for instance:
  kubectl get nodes,namespaces,priorityclasses,deployments,statefulsets,daemonsets,jobs,services,pdb,pods -A -o yaml > cluster.yaml

Examples:
  seatrial import snapshot cluster.yaml --out my-cluster
  seatrial import snapshot nodes.json workloads.yaml --out my-cluster --owned`;

const OPENB_EXAMPLES = `
Examples:
  seatrial import openb --nodes openb_node_list_all_node.csv --pods openb_pod_list_default.csv --out gpu
  seatrial import openb --nodes nodes.csv --pods pods.csv --lifetimes --out gpu-lifetimes`;

export function addImportCommand(program: Command, run: Run): void {
  const command = program
    .command("import")
    .summary("make a scenario of a cluster's snapshot or a published trace")
    .description("Makes a scenario's folder of a cluster's snapshot or of a published trace.");
  command
    .command("snapshot")
    .description(
      "A running cluster, as kubectl get -o yaml (or json) shows it, becomes manifests and a scenario.",
    )
    .argument("<file...>", "output of kubectl get -o yaml or -o json")
    .requiredOption("--out <dir>", "folder of the scenario")
    .option("--owned", "keep pods that controllers own: the run starts from the snapshot's own placement")
    .option("--force", "overwrite files that are there already")
    .addHelpText("after", SNAPSHOT_EXAMPLES)
    .action((files: readonly string[], options: SnapshotOptions) =>
      run((terminal) => importSnapshot(files, options, terminal)),
    );
  command
    .command("openb")
    .description("The openb GPU trace becomes a scenario of placement alone.")
    .requiredOption("--nodes <file>", "node list (openb_node_list_*.csv)")
    .requiredOption("--pods <file>", "pod list (openb_pod_list_*.csv)")
    .requiredOption("--out <dir>", "folder of the scenario")
    .option(
      "--lifetimes",
      "pods come and go at the trace's own times; otherwise they arrive one by one and stay",
    )
    .option("--spacing <duration>", "between two arrivals (default: 100ms)", positiveDuration)
    .addOption(wholeNumber("--limit <n>", "only the first so many pods", 1))
    .option("--force", "overwrite files that are there already")
    .addHelpText("after", OPENB_EXAMPLES)
    .action((options: OpenbOptions) => run((terminal) => importOpenb(options, terminal)));
}

interface SnapshotOptions {
  readonly out: string;
  readonly owned?: boolean;
  readonly force?: boolean;
}

async function importSnapshot(
  files: readonly string[],
  options: SnapshotOptions,
  terminal: Terminal,
): Promise<number> {
  const problems = new Problems();
  const from = fileSource();
  const snapshots = files.map((file) => readSnapshotFile(file, from, problems));
  const whole: Snapshot = {
    objects: snapshots.flatMap(({ objects }) => objects),
    raw: snapshots.flatMap(({ raw }) => raw),
  };
  if (!problems.hasErrors && !whole.objects.some(({ kind }) => kind === "Node")) {
    problems.addFileError(files.join(" "), "expected Node objects (kubectl get nodes,… -A -o yaml)");
  }
  stopOnErrors(problems);
  const { unlabelled } = topologyOf(whole.objects);
  if (unlabelled.length > 0) {
    const message = `warning: ${unlabelled.length} nodes have no zone label and are taken to stand in one zone of their own`;
    terminal.err(message);
  }
  for (const problem of problems.list()) terminal.err(formatProblem(problem));
  const manifests = renderSnapshot(whole, { owned: options.owned === true }).map(
    ({ path, text }): TextFile => ({ path: `manifests/${path}`, text }),
  );
  const scenario = { path: "scenario.yaml", text: snapshotScenario(options.out, files, whole) };
  return write([scenario, ...manifests], options, terminal);
}

function snapshotScenario(out: string, files: readonly string[], { objects }: Snapshot): string {
  const { regions } = topologyOf(objects);
  const zone = regions[0]?.zones[0] ?? "zone";
  const services = objects.flatMap((object) =>
    object.kind === "Service" && object.selector !== undefined
      ? [`${object.metadata.namespace}/${object.metadata.name}`]
      : [],
  );
  const traffic = services.map((name) => `  #     - { service: ${name}, from: { ${zone}: 10/s } }`);
  return `${[
    `# Question: what happens to this cluster (${files.map((file) => basename(file)).join(", ")}) when something fails?`,
    "#",
    `# Regions and zones: ${regions.map(({ name, zones }) => `${name} (${zones.join(", ")})`).join(", ")}, from the nodes' labels.`,
    "# Add failures, traffic and objectives, then: seatrial run scenario.yaml",
    "apiVersion: seatrial.dev/v1alpha1",
    "kind: Scenario",
    "metadata:",
    `  name: ${nameOf(out)}`,
    "spec:",
    '  seed: "1"',
    "  warmUp: 2m",
    "  horizon: 20m",
    "",
    "  workload:",
    "    manifests: [manifests]",
    ...(traffic.length === 0 ? [] : ["  #   traffic: # requests a second, by where users enter", ...traffic]),
    "",
    "  # failures:",
    `  #   - { name: zone-lost, kind: power, scope: { centre: ${zone} }, at: 5m, for: 10m }`,
  ].join("\n")}\n`;
}

interface OpenbOptions {
  readonly nodes: string;
  readonly pods: string;
  readonly out: string;
  readonly lifetimes?: boolean;
  readonly spacing?: Micros;
  readonly limit?: number;
  readonly force?: boolean;
}

/** As in the scenario that comes with Seatrial: quick, and more than a scheduling cycle apart. */
const SPACING = 100 * MILLISECOND;

async function importOpenb(options: OpenbOptions, terminal: Terminal): Promise<number> {
  const problems = new Problems();
  const from = fileSource();
  if (options.lifetimes === true && options.spacing !== undefined) {
    problems.addFileError("--spacing", "expected at most one of --lifetimes and --spacing");
  }
  const nodes = readInput(options.nodes, from, problems);
  const pods = readInput(options.pods, from, problems);
  if (nodes !== undefined) readOpenbNodes(nodes, options.nodes, problems);
  const all = pods === undefined ? [] : readOpenbPods(pods, options.pods, problems);
  stopOnErrors(problems);
  const spacing = options.spacing ?? SPACING;
  const kept = all.slice(0, options.limit);
  const last =
    options.lifetimes === true
      ? Math.max(0, ...kept.map((pod) => pod.deletionSeconds * SECOND))
      : kept.length * spacing;
  const arrivals = options.lifetimes === true ? "lifetimes: true" : `spacing: ${formatDuration(spacing)}`;
  const limit = options.limit === undefined ? "" : `\n          limit: ${options.limit}`;
  const copies = [
    { path: `trace/${basename(options.nodes)}`, text: nodes ?? "" },
    { path: `trace/${basename(options.pods)}`, text: pods ?? "" },
  ];
  const text = `# Question: which way of placing pods gets the most of this trace's work onto its machines?
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata:
  name: ${nameOf(options.out)}
spec:
  seed: "1"
  replications: 4
  horizon: ${formatDuration((Math.floor(last / MINUTE) + 1) * MINUTE)}

  controlPlane: { mode: ideal }

  workload:
    traces:
      - openb:
          nodes: ${copies[0]?.path}
          pods: ${copies[1]?.path}
          ${arrivals}${limit}

  policies: [default, FirstFit, BestFit, WorstFit, DotProduct]
`;
  return write([{ path: "scenario.yaml", text }, ...copies], options, terminal);
}

function readInput(file: string, from: FileSource, problems: Problems): string | undefined {
  const text = from.readFile(file);
  if (text === undefined) problems.addFileError(file, "expected a file that can be read");
  return text;
}

/** A name as scenarios have them, from the folder's. */
function nameOf(folder: string): string {
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return name === "" ? "imported" : name.slice(0, 63).replace(/-+$/, "");
}

/** Writes the scenario once it is known to be a good one. */
function write(
  files: readonly TextFile[],
  options: { readonly out: string; readonly force?: boolean },
  terminal: Terminal,
): number {
  const { study, problems } = loadScenario("scenario.yaml", inMemory(files));
  stopOnErrors(problems);
  for (const problem of problems.list()) terminal.err(formatProblem(problem));
  refuseToOverwrite(options.out, files, options.force === true);
  const paths = writeFiles(options.out, files);
  for (const path of paths) terminal.out(path);
  terminal.out(
    `${study?.model.topology.nodes.length ?? 0} nodes, ${study?.model.objects.length ?? 0} objects; next: seatrial run ${paths[0]}`,
  );
  return EXIT.fine;
}

/** The files as a file system of their own. */
function inMemory(files: readonly TextFile[]): FileSource {
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  return {
    readFile: (path) => texts.get(path),
    list: (folder) => {
      const prefix = folder === "" || folder === "." ? "" : `${folder.replace(/\/+$/, "")}/`;
      const names = new Set<string>();
      for (const path of texts.keys()) {
        if (!path.startsWith(prefix)) continue;
        const [first = "", ...rest] = path.slice(prefix.length).split("/");
        names.add(rest.length === 0 ? first : `${first}/`);
      }
      return names.size === 0 ? undefined : [...names];
    },
  };
}
