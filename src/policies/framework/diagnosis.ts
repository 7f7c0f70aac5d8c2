/** One attempt laid open, for `explain` and for comparing with recorded decisions. */
import type { SchedulerCache } from "./cache.js";
import type { Search } from "./framework.js";
import type { PluginScores } from "./score-runner.js";
import type { Rejection } from "./types.js";

export interface ScoreDetail {
  readonly plugin: string;
  readonly weight: number;
  readonly raw: number;
  readonly normalized: number;
}

export type NodeDiagnosis =
  | { readonly kind: "rejected"; readonly node: number; readonly rejection: Rejection }
  | {
      readonly kind: "feasible";
      readonly node: number;
      readonly total: number;
      /** In the profile's order; plugins skipped in PreScore are missing. */
      readonly scores: readonly ScoreDetail[];
    };

export interface Diagnosis {
  /** PreFilter refused the pod as a whole; `nodes` is then empty. */
  readonly preFilter: Rejection | undefined;
  /** Where PreFilter limited the nodes: their names (some may not exist) and the plugins that did it. */
  readonly limited:
    | { readonly nodeNames: readonly string[]; readonly plugins: readonly string[] }
    | undefined;
  /** The nominated node passed, and no other was looked at. */
  readonly nominatedOnly: boolean;
  /** Index into nodeOrder where the walk began. */
  readonly startIndex: number;
  /** The nodes looked at, in nodeOrder. */
  readonly nodes: readonly NodeDiagnosis[];
}

export function diagnosisOf(
  cache: SchedulerCache,
  search: Search,
  totals: Float64Array,
  details: readonly PluginScores[],
): Diagnosis {
  const nodes: NodeDiagnosis[] = search.rejections.map((rejection, i) => {
    return { kind: "rejected", node: search.rejected[i] as number, rejection };
  });
  search.feasible.forEach((node, i) => {
    const scores = details.map(({ plugin, weight, raw, normalized }) => {
      return { plugin, weight, raw: raw[i] as number, normalized: normalized[i] as number };
    });
    nodes.push({ kind: "feasible", node, total: totals[i] as number, scores });
  });
  const { preFilter } = search;
  return {
    preFilter: preFilter.kind === "rejected" ? preFilter.rejection : undefined,
    limited:
      preFilter.kind === "ready" && preFilter.nodeNames !== undefined
        ? { nodeNames: preFilter.nodeNames, plugins: preFilter.limitedBy }
        : undefined,
    nominatedOnly: search.nominatedOnly,
    startIndex: search.startIndex,
    nodes: nodes.sort((a, b) => cache.nodePosition(a.node) - cache.nodePosition(b.node)),
  };
}
