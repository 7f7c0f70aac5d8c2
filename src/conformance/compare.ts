/** One recorded step against what we say of the same state. */
import { createHash } from "node:crypto";
import type { SchedulerCache } from "../policies/framework/cache.js";
import type { Diagnosis, NodeDiagnosis } from "../policies/framework/diagnosis.js";
import type { Decision, PodInfo, Rejection } from "../policies/framework/types.js";
import { type Candidate, type DryRun, leastHarmful } from "../policies/kubernetes/default-preemption.js";
import type { Differences } from "./differences.js";
import type { RecordedNode, RecordedPreemption, RecordedRejection, RecordedStep } from "./recording.js";

/** Who was feasible, who refused the others and how, the scores, and the best. */
export function compareDiagnosis(
  diagnosis: Diagnosis,
  step: RecordedStep,
  detail: "full" | "summary",
  cache: SchedulerCache,
  differences: Differences,
): void {
  const { nodes, preFilter, limited } = diagnosis;
  differences.same("nominatedOnly", diagnosis.nominatedOnly, step.nominatedOnly ?? false);
  differences.same(
    "preFilter",
    preFilter && plain(preFilter),
    step.preFilter && plain(step.preFilter),
    "",
    step.preFilter?.plugin ?? preFilter?.plugin,
  );
  // Not recorded where the nominated node was all that was looked at.
  if (step.nominatedOnly !== true) {
    differences.same("preFilterNodes", limited?.nodeNames, step.preFilterNodes, "", limited?.plugins[0]);
  }
  if (step.startIndex !== undefined) differences.same("startIndex", diagnosis.startIndex, step.startIndex);
  if (step.evaluated !== undefined) differences.same("evaluated", nodes.length, step.evaluated);
  if (step.rejectedBy !== undefined && step.preFilter === undefined) {
    compareCounts(rejectedBy(diagnosis, cache), step.rejectedBy, differences);
  }
  const totals = new Map<string, number>();
  for (const node of nodes) if (node.kind === "feasible") totals.set(cache.node(node.node).name, node.total);
  if (step.feasible !== undefined) differences.same("feasible", totals.size, step.feasible);
  compareTotals(totals, step, differences);
  if (detail === "full")
    compareNodes(nodes, step.nodes ?? {}, diagnosis.limited !== undefined, cache, differences);
}

function rejectedBy({ nodes, limited }: Diagnosis, cache: SchedulerCache): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const node of nodes) {
    if (node.kind === "rejected") counts[node.rejection.plugin] = (counts[node.rejection.plugin] ?? 0) + 1;
  }
  const leftOut = limited === undefined ? 0 : cache.nodeOrder.length - nodes.length;
  if (leftOut > 0) counts.PreFilterResult = leftOut;
  return counts;
}

function compareCounts(
  ours: Readonly<Record<string, number>>,
  recorded: Readonly<Record<string, number>>,
  differences: Differences,
): void {
  for (const plugin of namesOf(ours, recorded)) {
    differences.same("rejectedBy", ours[plugin] ?? 0, recorded[plugin] ?? 0, "", plugin);
  }
}

function compareTotals(
  totals: ReadonlyMap<string, number>,
  step: RecordedStep,
  differences: Differences,
): void {
  if (step.totalsSum !== undefined) {
    let sum = 0;
    for (const total of totals.values()) sum += total;
    differences.same("totalsSum", sum, step.totalsSum);
  }
  if (step.totalsHash !== undefined) {
    const lines = Array.from(totals, ([name, total]) => `${name}=${total}`);
    differences.same("totalsHash", hashOf(lines), step.totalsHash);
  }
  if (step.bestTotal === undefined) return;
  let bestTotal = Number.NEGATIVE_INFINITY;
  for (const total of totals.values()) if (total > bestTotal) bestTotal = total;
  const best = [...totals.keys()].filter((name) => totals.get(name) === bestTotal).sort();
  differences.same("bestTotal", bestTotal, step.bestTotal);
  if (step.best !== undefined) differences.same("best", best, step.best);
  if (step.bestCount !== undefined) differences.same("bestCount", best.length, step.bestCount);
  if (step.bestHash !== undefined) differences.same("bestHash", hashOf(best), step.bestHash);
}

/** The format's hash: SHA-256 over the sorted lines, its first 16 hex digits. */
function hashOf(lines: string[]): string {
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex").slice(0, 16);
}

function compareNodes(
  nodes: readonly NodeDiagnosis[],
  recorded: Readonly<Record<string, RecordedNode>>,
  limited: boolean,
  cache: SchedulerCache,
  differences: Differences,
): void {
  const missing = new Set(Object.keys(recorded));
  for (const node of nodes) {
    const name = cache.node(node.node).name;
    missing.delete(name);
    compareNode(name, node, recorded[name], differences);
  }
  for (const name of missing) {
    const theirs = recorded[name] as RecordedNode;
    // Nodes that PreFilter left out are recorded; ours are not looked at.
    if (limited && "plugin" in theirs && theirs.plugin === "PreFilterResult") continue;
    differences.same("node", undefined, theirs, name, "plugin" in theirs ? theirs.plugin : "");
  }
}

function compareNode(
  name: string,
  ours: NodeDiagnosis,
  recorded: RecordedNode | undefined,
  differences: Differences,
): void {
  if (ours.kind === "rejected") {
    const theirs = recorded !== undefined && "plugin" in recorded ? plain(recorded) : recorded;
    const plugin = recorded !== undefined && "plugin" in recorded ? recorded.plugin : ours.rejection.plugin;
    differences.same("rejection", plain(ours.rejection), theirs, name, plugin);
    return;
  }
  if (recorded === undefined || "plugin" in recorded) {
    differences.same("feasible", true, recorded && plain(recorded), name, recorded?.plugin);
    return;
  }
  const scores = Object.fromEntries(ours.scores.map(({ plugin, normalized }) => [plugin, normalized]));
  for (const plugin of namesOf(scores, recorded.scores)) {
    differences.same("score", scores[plugin], recorded.scores[plugin], name, plugin);
  }
  differences.same("total", ours.total, recorded.total, name);
}

/** What was decided: where to, or why not and what preemption would do. */
export function compareDecision(
  decision: Decision,
  step: RecordedStep,
  cache: SchedulerCache,
  differences: Differences,
): void {
  const outcome =
    decision.kind === "scheduled"
      ? "scheduled"
      : decision.preemption?.kind === "nominated"
        ? "nominated"
        : "unschedulable";
  differences.same("outcome", outcome, step.outcome);
  if (decision.kind === "scheduled") {
    differences.same("chosen", cache.node(decision.node).name, step.chosen);
    return;
  }
  const [message = "", ...preemption] = decision.message.split(/ (?=preemption: )/);
  if (step.message !== undefined) differences.same("message", message, step.message);
  if (step.postFilter === undefined) return;
  comparePreemption(decision, preemption.join(" "), step.postFilter, cache, differences);
}

function comparePreemption(
  decision: Extract<Decision, { kind: "unschedulable" }>,
  message: string,
  recorded: RecordedPreemption,
  cache: SchedulerCache,
  differences: Differences,
): void {
  const plugin = "DefaultPreemption";
  const result = decision.preemption;
  differences.same("eligible", result?.kind !== "notEligible", recorded.eligible, "", plugin);
  if (result?.kind === "nominated") {
    const node = cache.node(result.node).name;
    differences.same("nominated", node, recorded.nominated, "", plugin);
    differences.same("victims", result.victims.map(keyOf), recorded.victims, node, plugin);
  } else {
    differences.same("nominated", undefined, recorded.nominated, "", plugin);
    const text = recorded.message ?? recorded.reason;
    if (text !== undefined) {
      differences.same("preemption's message", bare(message), bare(text), "", plugin);
    }
  }
}

/** Every node that preemption could use, its victims in order, and the best of them. */
export function compareDryRun(
  found: DryRun,
  recorded: RecordedPreemption,
  cache: SchedulerCache,
  differences: Differences,
): void {
  const plugin = "DefaultPreemption";
  if (recorded.candidates !== undefined) {
    const ours = new Map<string, Candidate>(
      found.candidates.map((candidate) => [cache.node(candidate.node).name, candidate]),
    );
    for (const node of new Set([...ours.keys(), ...Object.keys(recorded.candidates)])) {
      const candidate = ours.get(node);
      const theirs = recorded.candidates[node];
      const both = candidate && {
        pods: candidate.victims.map(keyOf),
        pdbViolations: candidate.pdbViolations,
      };
      const plainTheirs = theirs && { pods: theirs.pods, pdbViolations: theirs.pdbViolations };
      differences.same("candidate", both, plainTheirs, node, plugin);
    }
  }
  if (recorded.best !== undefined) {
    const best = leastHarmful(found.candidates).map(({ node }) => cache.node(node).name);
    differences.same("best candidates", best.sort(), [...recorded.best].sort(), "", plugin);
  }
}

export function keyOf(pod: PodInfo): string {
  return `${pod.shape.namespace}/${pod.name}`;
}

/** Texts of a preemption that may not be have no prefix in some places of the format. */
function bare(text: string): string {
  return text.replace(/^preemption: /, "");
}

function plain({ plugin, code, reasons }: Rejection | RecordedRejection): RecordedRejection {
  return { plugin, code, reasons };
}

function namesOf(a: object, b: object): readonly string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
}
