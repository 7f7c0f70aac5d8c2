/** An explanation as people read it. */
import { describeChange } from "../../placement/change-text.js";
import {
  type Explanation,
  eventNote,
  type NodeAnswer,
  type NodeShortage,
  type Preemption,
} from "../../placement/explain.js";
import type { Suggestion } from "../../placement/suggestions.js";
import { formatQuantity, parseQuantity } from "../../units/quantity.js";
import { counted, listLines, tableBlocks } from "./table.js";

/** Nodes shown one by one; of more than that, the first of each answer. */
const NODES_SHOWN = 20;
const NAMES_SHOWN = 3;
const PODS_SHOWN = 5;

type Refused = Extract<NodeAnswer, { kind: "refused" }>;
type Feasible = Extract<NodeAnswer, { kind: "feasible" }>;

/** The whole answer for one pod (or pods to which the same applies), without a line feed at the end. */
export function explanationText(explanation: Explanation, width: number): string {
  return [
    headText(explanation),
    ...nodesText(explanation.nodes, width),
    ...needsText(explanation.nodes),
    ...suggestionsText(explanation.suggestions),
  ].join("\n");
}

function headText(explanation: Explanation): string {
  const { pods, boundTo, nominatedNode, message, schedulerName, priority, nodes } = explanation;
  const lines = [`${namesText(pods, PODS_SHOWN)}: ${verdictText(explanation)}`];
  const facts = [`scheduler ${schedulerName}`, `priority ${priority}`];
  if (boundTo !== undefined) facts.push(`on node ${boundTo}; what follows is as if it were placed again`);
  if (nominatedNode !== undefined) facts.push(`nominated to node ${nominatedNode}`);
  lines.push(`  ${facts.join(", ")}`);
  if (message !== undefined) lines.push(`  ${eventNote(message)}`);
  const preemption =
    "preemption" in explanation.verdict ? preemptionText(explanation.verdict.preemption) : "";
  if (preemption !== "") lines.push(`  ${preemption}`);
  if (nodes.length > 0) lines.push("");
  return lines.join("\n");
}

function verdictText({ verdict }: Explanation): string {
  switch (verdict.kind) {
    case "schedulable": {
      const choice = verdict.best.length > 1 ? "one of " : "";
      return `fits now, best on ${choice}${namesText(verdict.best, PODS_SHOWN)} (total ${verdict.total})`;
    }
    case "gated":
      return `waits for its scheduling gates (${verdict.gates.join(", ")})`;
    case "otherScheduler":
      return `is left to the scheduler "${verdict.schedulerName}", of which there is no profile here`;
    case "forever":
      return "pending for ever: no pod that leaves would help; nodes, the pod or what it names must change";
    case "untilCapacity":
      return "pending until there is more capacity: no node has room for it, nor would one pod's leaving make it";
    case "untilPodLeaves":
      return "pending until another pod leaves";
  }
}

function preemptionText(preemption: Preemption): string {
  switch (preemption.kind) {
    case "helps": {
      const { node, victims, pdbViolations } = preemption;
      const budget =
        pdbViolations === 0
          ? ""
          : `, ${counted(pdbViolations, "of them", "of them")} against a disruption budget`;
      return `preemption would help: node ${node}, evicting ${namesText(victims, PODS_SHOWN)}${budget}`;
    }
    case "doesNotHelp":
      return "preemption would not help";
    case "notEligible":
      return `preemption: ${preemption.message}`;
    case "off":
      return "preemption is off";
  }
}

function nodesText(nodes: readonly NodeAnswer[], width: number): string[] {
  const refused = nodes.filter((node) => node.kind === "refused");
  const feasible = nodes.filter((node) => node.kind === "feasible");
  const blocks: string[] = [];
  if (feasible.length > 0) blocks.push(...scoresText(feasible, width));
  if (refused.length > 0) {
    if (feasible.length > 0) blocks.push("");
    blocks.push(...refusalsText(refused));
  }
  return blocks;
}

/** Highest totals first; `weight × score` a plugin. */
function scoresText(feasible: readonly Feasible[], width: number): string[] {
  const ranked = [...feasible].sort((a, b) => b.total - a.total || (a.node < b.node ? -1 : 1));
  const shown = ranked.slice(0, NODES_SHOWN);
  const plugins = ranked[0]?.scores ?? [];
  const table = {
    header: ["NODE", "TOTAL", ...plugins.map(({ plugin, weight }) => `${plugin} ×${weight}`)],
    rows: shown.map(({ node, total, scores }) => [
      node,
      String(total),
      ...plugins.map(({ plugin }) => {
        const score = scores.find((candidate) => candidate.plugin === plugin);
        return score === undefined ? "–" : String(score.normalized);
      }),
    ]),
  };
  const lines = tableBlocks(table, width).flatMap((block, index) => (index === 0 ? block : ["", ...block]));
  const more = ranked.length - shown.length;
  return more > 0 ? [...lines, `… and ${counted(more, "more node")} that would take it`] : lines;
}

/** Few nodes one a line, many by who refused them and why. */
function refusalsText(refused: readonly Refused[]): string[] {
  if (refused.length <= NODES_SHOWN) {
    return listLines([
      ["NODE", "REFUSED BY", "REASON"],
      ...refused.map((node) => [node.node, node.plugin, reasonText(node)]),
    ]);
  }
  const groups = new Map<string, Refused[]>();
  for (const node of refused) {
    const key = JSON.stringify([node.plugin, node.reasons]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [node]);
    else group.push(node);
  }
  const rows = [...groups.values()]
    .sort((a, b) => b.length - a.length)
    .map((group) => [
      String(group.length),
      group[0]?.plugin ?? "",
      group[0]?.reasons.join(", ") ?? "",
      namesText(
        group.map(({ node }) => node),
        NAMES_SHOWN,
      ),
    ]);
  return listLines([["NODES", "REFUSED BY", "REASON", "WHICH"], ...rows]);
}

function reasonText({ reasons, shortages }: Refused): string {
  const lacks = shortages.map(({ resource, requested, by }) =>
    resource === "pods" ? `${by} too many` : `asks ${requested} ${resource}, ${by} short`,
  );
  return lacks.length === 0 ? reasons.join(", ") : `${reasons.join(", ")} (${lacks.join("; ")})`;
}

/** `needs 200m more cpu on any of 3 nodes`: what the nodes without room lack, where no node takes the pod. */
function needsText(nodes: readonly NodeAnswer[]): string[] {
  if (nodes.some(({ kind }) => kind === "feasible")) return [];
  const groups = new Map<string, Refused[]>();
  for (const node of nodes) {
    if (node.kind !== "refused" || node.shortages.length === 0) continue;
    const key = node.shortages.map(({ resource }) => resource).join();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [node]);
    else group.push(node);
  }
  if (groups.size === 0) return [];
  const lines = [...groups.values()].map((group) => {
    const [first] = group;
    const amounts = (first?.shortages ?? []).map(({ resource }) => rangeText(group, resource));
    const on = group.length === 1 ? `node ${first?.node}` : `any of ${group.length} nodes`;
    return `  needs ${amounts.join(" and ")} on ${on}`;
  });
  return ["", ...lines];
}

function rangeText(group: readonly Refused[], resource: string): string {
  const amounts = group.map(({ shortages }) => amountOf(shortages, resource));
  const least = amounts.reduce((a, b) => (b < a ? b : a));
  const most = amounts.reduce((a, b) => (b > a ? b : a));
  const range =
    least === most ? formatQuantity(least) : `${formatQuantity(least)} to ${formatQuantity(most)}`;
  if (resource !== "pods") return `${range} more ${resource}`;
  return `room for ${least === most && least === 1_000_000_000n ? "one more pod" : `${range} more pods`}`;
}

function amountOf(shortages: readonly NodeShortage[], resource: string): bigint {
  return parseQuantity(shortages.find((shortage) => shortage.resource === resource)?.by ?? "0") ?? 0n;
}

function suggestionsText(suggestions: readonly Suggestion[]): string[] {
  if (suggestions.length === 0) return [];
  const lines = suggestions.map(({ changes, nodes }, index) => {
    const where = changes.some(namesNode) ? "" : ` (opens ${namesText(nodes, NAMES_SHOWN)})`;
    return `  ${String(index + 1).padStart(2)}. ${changes.map(describeChange).join(", and ")}${where}`;
  });
  return ["", "Any one of these would do:", ...lines];
}

function namesNode(change: Suggestion["changes"][number]): boolean {
  return "node" in change || change.kind === "addNode";
}

/** `a, b, c and 97 more` */
export function namesText(names: readonly string[], shown: number): string {
  // Naming all but one is no shorter.
  if (names.length <= shown + 1) return names.join(", ");
  return `${names.slice(0, shown).join(", ")} and ${names.length - shown} more`;
}
