/** The stages of a recovery: which of detection, eviction, scheduling and start took the time. */
import { STAGES, type StageName } from "../../metrics/replication.js";
import { figureText, NONE } from "./figures.js";
import type { ResultView } from "./result-view.js";
import { type TextTable, tableBlocks } from "./table.js";

/** Workloads shown; the rest is in failures.csv. */
const SHOWN_MAX = 3;

const LABELS: Readonly<Record<StageName, string>> = {
  etcdLeader: "etcd has a leader again",
  kcmLeader: "controller manager leads again",
  schedulerLeader: "scheduler leads again",
  nodeUnknown: "detection: first node Unknown",
  endpointsOut: "lost endpoints out of use",
  noExecute: "first NoExecute taint",
  evicted: "eviction: first pod deleted",
  replacementCreated: "last replacement created",
  scheduled: "scheduling: last replacement bound",
  started: "start: last replacement runs",
  endpointsIn: "endpoints: last replacement in use",
  recovered: "users served again (RTO)",
};

/** For the workloads that took longest: the time after the fault at which each stage was reached, by policy. */
export function stageLines(view: ResultView, width: number): string[] {
  const workloads = slowestFirst(view);
  const shown = workloads.slice(0, SHOWN_MAX);
  const lines = shown.flatMap((workload, index) => [
    ...(index === 0 ? [] : [""]),
    ...blocksOf(view, workload, width),
  ]);
  const left = workloads.length - shown.length;
  return left === 0 ? lines : [...lines, `${left} more in failures.csv`];
}

function blocksOf(view: ResultView, workload: string, width: number): string[] {
  const rows = STAGES.flatMap((stage) => {
    const cells = view.policies.map((policy) => cellOf(view, policy, workload, stage));
    return cells.every((cell) => cell === NONE) ? [] : [[LABELS[stage], ...cells]];
  });
  const table: TextTable = { header: [`after the fault, ${workload}`, ...view.policies], rows };
  return tableBlocks(table, width).flatMap((block, index) => (index === 0 ? block : ["", ...block]));
}

function cellOf(view: ResultView, policy: string, workload: string, stage: StageName): string {
  const metric = stage === "recovered" ? "rto" : `rto.${stage}`;
  const row = view.row(policy, metric, workload);
  if (row === undefined) return NONE;
  const runs = view.finished(policy);
  const values = row.n + row.censored;
  const reached = values < runs ? ` (${values} of ${runs})` : "";
  return `${figureText({ ...row, zeroFailureUpper95: null }, view.bound(policy, metric, workload))}${reached}`;
}

/** By the longest recovery under any policy; one that was never seen is the longest. */
function slowestFirst(view: ResultView): string[] {
  const longest = (workload: string): number =>
    Math.max(
      ...view.policies.map((policy) => {
        const row = view.row(policy, "rto", workload);
        return row === undefined ? -1 : (row.mean ?? Number.POSITIVE_INFINITY);
      }),
    );
  return view
    .subjects("rto")
    .map((workload) => ({ workload, time: longest(workload) }))
    .sort((a, b) => (a.time === b.time ? 0 : b.time - a.time))
    .map(({ workload }) => workload);
}
