/** `seatrial explain`: why a pod is pending, or goes where it goes, from files alone. */
import type { Command } from "commander";
import { describeChange } from "../placement/change-text.js";
import { PlacementCluster } from "../placement/cluster.js";
import { Explainer, type ExplainOptions, type Explanation, eventNote } from "../placement/explain.js";
import { closestOf } from "../workload/problems.js";
import { BadInput, EXIT } from "./exit.js";
import type { Run } from "./program.js";
import { readPlacementFiles } from "./snapshot-files.js";
import type { Terminal } from "./terminal.js";
import { explanationText } from "./text/explanation.js";

const EXAMPLES = `
Make the snapshot with, for instance:
  kubectl get nodes,pods,namespaces,services,replicasets,statefulsets,pdb,priorityclasses,pv,pvc,sc -A -o json > cluster.json

Examples:
  seatrial explain --snapshot cluster.json                             every pending pod
  seatrial explain --snapshot cluster.json --pod shop/web-7d9f-x2k4p   one pod, pending or not
  seatrial explain --snapshot cluster/ --pod shop/web-0 --node n17     one pod on one node
  kubectl get nodes,pods -A -o yaml | seatrial explain --snapshot - --json`;

interface Options {
  readonly snapshot: readonly string[];
  readonly pod?: string;
  readonly node?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly strict?: boolean;
  readonly quiet?: boolean;
}

export function addExplainCommand(program: Command, run: Run): void {
  program
    .command("explain")
    .summary("why a pod is pending, node by node, and what would change it")
    .description(
      "Asks the scheduler about pods of a snapshot: which plugin refuses each node and why, or how the scores came about; and what would have to change.",
    )
    .requiredOption(
      "--snapshot <path...>",
      "output of kubectl get -o yaml or json: files, folders, - for the standard input",
    )
    .option("--pod <namespace/name>", "this pod (default: every pending one)")
    .option("--node <name>", "only this node")
    .option("--config <file>", "KubeSchedulerConfiguration (default: kube-scheduler's default profile)")
    .option("--json", "the answers as JSON on the standard output")
    .option("--strict", "what decides about placement and is not modelled is an error, not a warning")
    .option("--quiet", "no warnings; only errors")
    .addHelpText("after", EXAMPLES)
    .action((options: Options) => run(async (terminal) => explain(options, terminal)));
}

function explain(options: Options, terminal: Terminal): number {
  const { snapshot, profiles } = readPlacementFiles(options, terminal);
  const cluster = PlacementCluster.of(snapshot.objects, { profiles });
  const { node } = options;
  if (node !== undefined && cluster.node(node) === undefined) {
    throw unknown(
      "--node",
      "a node of the snapshot",
      node,
      cluster.nodes.map(({ metadata }) => metadata.name),
    );
  }
  const explanations = explanationsOf(cluster, options.pod, node === undefined ? {} : { node });
  if (options.json === true) {
    terminal.out(JSON.stringify({ explanations: explanations.map(plain) }, undefined, 2));
    return EXIT.fine;
  }
  if (explanations.length === 0) terminal.out("no pod is pending");
  for (const [index, explanation] of explanations.entries()) {
    if (index > 0) terminal.out("");
    terminal.out(explanationText(explanation, terminal.width));
  }
  return EXIT.fine;
}

function explanationsOf(
  cluster: PlacementCluster,
  pod: string | undefined,
  options: ExplainOptions,
): Explanation[] {
  const explainer = new Explainer(cluster);
  if (pod === undefined) return explainer.explainPending(options);
  const key = pod.includes("/") ? pod : `default/${pod}`;
  if (cluster.find(key) === undefined) {
    throw unknown(
      "--pod",
      "a pod of the snapshot as namespace/name",
      pod,
      Array.from(cluster.pods, (one) => one.key),
    );
  }
  return [explainer.explain(key, options)];
}

function unknown(option: string, what: string, value: string, known: readonly string[]): BadInput {
  const suggestion = closestOf(value, known);
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  return new BadInput([`${option}: expected ${what}, got "${value}"${hint}`]);
}

/** As JSON: with the event that kube-scheduler would write, and the suggestions also in words. */
function plain(explanation: Explanation): object {
  const { message, suggestions, ...rest } = explanation;
  const { verdict } = rest;
  const failed = message !== undefined && verdict.kind !== "gated";
  return {
    ...rest,
    message,
    ...(failed ? { event: { type: "Warning", reason: "FailedScheduling", note: eventNote(message) } } : {}),
    suggestions: suggestions.map((suggestion) => ({
      ...suggestion,
      text: suggestion.changes.map(describeChange).join(", and "),
    })),
  };
}
