/** `seatrial schedule`: where the pods of a snapshot would go, without simulating any time. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { KubernetesObject } from "../api/objects.js";
import { csvChunks } from "../experiment/csv.js";
import { PlacementCluster } from "../placement/cluster.js";
import type { ReadObjects } from "../placement/read.js";
import { type ScheduleResult, schedulePending } from "../placement/schedule.js";
import { utilisationOf } from "../placement/utilisation.js";
import { type Aftermath, whatIf } from "../placement/what-if.js";
import type { ProfileSpec } from "../policies/framework/types.js";
import { formatProblem, Problems } from "../workload/problems.js";
import { placeOf } from "../workload/snapshot.js";
import { EXIT, stopOnErrors } from "./exit.js";
import { collect, wholeNumber } from "./options.js";
import type { Run } from "./program.js";
import { podsYaml } from "./schedule-yaml.js";
import { readPlacementFiles } from "./snapshot-files.js";
import type { Terminal } from "./terminal.js";
import { type PlacementReport, type PlacementRow, placementText } from "./text/placement.js";

const EXAMPLES = `
Examples:
  seatrial schedule --snapshot cluster.json                                 the pending pods, in the queue's order
  seatrial schedule --snapshot cluster.json --add shop.yaml                 and those of new manifests
  seatrial schedule --snapshot cluster.json --add-nodes 3 --like node-17    with three more nodes
  seatrial schedule --snapshot cluster.json --drain node-4 --drain node-5   with two nodes drained
  seatrial schedule --snapshot cluster.json --without-centre zone-a         with a centre lost
  seatrial schedule --snapshot cluster.json --add shop.yaml -o yaml         the placed pods as manifests`;

interface Options {
  readonly snapshot: readonly string[];
  readonly config?: string;
  readonly add?: readonly string[];
  readonly addNodes?: number;
  readonly like?: string;
  readonly drain?: readonly string[];
  readonly withoutCentre?: readonly string[];
  readonly preemption: boolean;
  readonly tieBreak: ProfileSpec["tieBreak"];
  readonly seed: string;
  readonly output: "table" | "yaml" | "csv" | "json";
  readonly requireAll?: boolean;
  readonly strict?: boolean;
  readonly quiet?: boolean;
}

export function addScheduleCommand(program: Command, run: Run): void {
  program
    .command("schedule")
    .summary("where the pods of a snapshot would go: what if a node, a centre or manifests came or went")
    .description(
      "Places the pending pods of a snapshot one after the other, as the scheduler would, after the changes asked for. No time passes: pods start and stop at once.",
    )
    .requiredOption(
      "--snapshot <path...>",
      "output of kubectl get -o yaml or json: files, folders, - for the standard input",
    )
    .option("--config <file>", "KubeSchedulerConfiguration (default: kube-scheduler's default profile)")
    .option("--add <path...>", "apply manifests: files, folders; workloads become their pods")
    .addOption(wholeNumber("--add-nodes <n>", "so many nodes more, like the one of --like", 1))
    .option("--like <node>", "the node that new ones are like")
    .option("--drain <node>", "cordon the node, its pods look for another (repeatable)", collect)
    .option("--without-centre <zone>", "without the nodes of a zone (repeatable)", collect)
    .option("--no-preemption", "no pod is evicted for another")
    .addOption(
      new Option(
        "--tie-break <rule>",
        "among equal nodes: a seeded draw, the first in node order, the lowest name",
      )
        .choices(["random", "first", "name"])
        .default("random"),
    )
    .option("--seed <text>", "root of the draws", "1")
    .addOption(
      new Option("-o, --output <format>", "table, yaml (pods with nodeName), csv or json")
        .argParser(outputFormat)
        .default("table"),
    )
    .option("--require-all", "exit with 1 where a pod is left pending")
    .option("--strict", "what decides about placement and is not modelled is an error, not a warning")
    .option("--quiet", "no warnings; only errors")
    .addHelpText("after", EXAMPLES)
    .action((options: Options) => run(async (terminal) => schedule(options, terminal)));
}

const FORMATS = ["table", "yaml", "csv", "json"] as const;

function outputFormat(text: string): Options["output"] {
  const found = FORMATS.find((format) => format === text);
  if (found === undefined) throw new InvalidArgumentError(`Expected ${FORMATS.join(", ")}.`);
  return found;
}

function schedule(options: Options, terminal: Terminal): number {
  const { snapshot, added, profiles } = readPlacementFiles(options, terminal);
  const problems = new Problems();
  const aftermath = change(snapshot.objects, added.objects, options, problems);
  stopOnErrors(problems);
  if (options.quiet !== true) for (const problem of problems.list()) terminal.err(formatProblem(problem));
  const settings = {
    profiles: profiles.map((profile) => chosenProfile(profile, options)),
    seed: options.seed,
  };
  const before = utilisationOf(PlacementCluster.of(snapshot.objects, settings));
  const cluster = PlacementCluster.of(aftermath.objects, settings);
  const result = schedulePending(cluster);
  const report: PlacementReport = {
    rows: rowsOf(cluster, result, aftermath),
    evicted: result.evicted,
    lost: new Map([...aftermath.lost, ...result.lost]),
    before,
    after: utilisationOf(cluster),
  };
  terminal.out(rendered(options.output, report, cluster, aftermath.objects, { snapshot, added }));
  const pending = report.rows.some(({ outcome }) => outcome === "pending");
  return pending && options.requireAll === true ? EXIT.missed : EXIT.fine;
}

function change(
  objects: readonly KubernetesObject[],
  add: readonly KubernetesObject[],
  options: Options,
  problems: Problems,
): Aftermath {
  const { addNodes: count, like, drain = [], withoutCentre = [] } = options;
  if ((count === undefined) !== (like === undefined)) {
    problems.addFileError(
      count === undefined ? "--like" : "--add-nodes",
      "expected both --add-nodes N and --like NODE",
    );
  }
  const addNodes = count !== undefined && like !== undefined ? { addNodes: { count, like } } : {};
  return whatIf(objects, { ...addNodes, drain, withoutZones: withoutCentre, add }, problems);
}

function chosenProfile(profile: ProfileSpec, { preemption, tieBreak }: Options): ProfileSpec {
  const plugins = preemption
    ? profile.plugins
    : profile.plugins.map((plugin) => ({ ...plugin, postFilter: false }));
  return { ...profile, plugins, tieBreak };
}

function rowsOf(
  cluster: PlacementCluster,
  result: ScheduleResult,
  { moved, added }: Aftermath,
): PlacementRow[] {
  return result.placements.map(({ pod, priority, outcome }) => {
    const [namespace = "", name = ""] = pod.split("/");
    const node = outcome.kind === "placed" ? outcome.node : undefined;
    const at = node === undefined ? undefined : cluster.node(node);
    return {
      namespace,
      name,
      priority,
      node,
      zone: at === undefined ? undefined : placeOf(at).zone,
      from: result.evicted.get(pod) ?? moved.get(pod),
      origin: result.evicted.has(pod)
        ? "evicted"
        : moved.has(pod)
          ? "moved"
          : added.has(pod)
            ? "added"
            : "pending",
      outcome: outcome.kind,
      evicted: outcome.kind === "placed" ? outcome.evicted : [],
      message: outcome.kind === "placed" ? undefined : outcome.message,
    };
  });
}

function rendered(
  format: Options["output"],
  report: PlacementReport,
  cluster: PlacementCluster,
  objects: readonly KubernetesObject[],
  files: { readonly snapshot: ReadObjects; readonly added: ReadObjects },
): string {
  switch (format) {
    case "table":
      return placementText(report);
    case "csv":
      return [...csvChunks(csvTable(report.rows))].join("").trimEnd();
    case "yaml":
      return podsYaml(report.rows, cluster, objects, [files.snapshot, files.added]).trimEnd();
    case "json":
      return JSON.stringify(plain(report), undefined, 2);
  }
}

function csvTable(rows: readonly PlacementRow[]) {
  return {
    file: "placements.csv",
    header: [
      "namespace",
      "name",
      "priority",
      "origin",
      "from",
      "outcome",
      "node",
      "zone",
      "evicted",
      "message",
    ],
    rows: rows.map((row) => [
      row.namespace,
      row.name,
      row.priority,
      row.origin,
      row.from ?? null,
      row.outcome,
      row.node ?? null,
      row.zone ?? null,
      row.evicted.join(" "),
      row.message ?? null,
    ]),
  };
}

function plain({ rows, evicted, lost, before, after }: PlacementReport): object {
  const zones = (list: PlacementReport["before"]) =>
    list.map(({ resources, ...zone }) => ({ ...zone, resources: Object.fromEntries(resources) }));
  return {
    placements: rows,
    evicted: Object.fromEntries(evicted),
    lost: Object.fromEntries(lost),
    utilisation: { before: zones(before), after: zones(after) },
  };
}
