/** A result as the texts ask for it: by policy, metric and thing. */
import type { ExperimentResult } from "../../experiment/experiment.js";
import type { ComparisonRow, SummaryRow } from "../../experiment/summary.js";

export class ResultView {
  readonly result: ExperimentResult;
  readonly #rows = new Map<string, SummaryRow>();
  readonly #differences = new Map<string, ComparisonRow>();
  /** Smallest lower bound among censored values. */
  readonly #bounds = new Map<string, number>();

  constructor(result: ExperimentResult) {
    this.result = result;
    for (const row of result.summary) this.#rows.set(keyOf(row.policy, row.metric, row.of), row);
    for (const row of result.comparison) this.#differences.set(keyOf(row.policy, row.metric, row.of), row);
    for (const { policy, metrics } of result.replications) {
      for (const { metric, of, value, censored } of metrics) {
        if (censored !== true) continue;
        const key = keyOf(policy, metric, of);
        this.#bounds.set(key, Math.min(value, this.#bounds.get(key) ?? Number.POSITIVE_INFINITY));
      }
    }
  }

  get policies(): readonly string[] {
    return this.result.study.policies;
  }

  row(policy: string, metric: string, of: string): SummaryRow | undefined {
    return this.#rows.get(keyOf(policy, metric, of));
  }

  bound(policy: string, metric: string, of: string): number | undefined {
    return this.#bounds.get(keyOf(policy, metric, of));
  }

  difference(policy: string, metric: string, of: string): ComparisonRow | undefined {
    return this.#differences.get(keyOf(policy, metric, of));
  }

  /** Replications of the policy that were finished. */
  finished(policy: string): number {
    return this.result.replications.filter((run) => run.policy === policy).length;
  }

  /** What the metric was measured of, under any policy, in order of first appearance. */
  subjects(metric: string): string[] {
    return [...new Set(this.result.summary.filter((row) => row.metric === metric).map(({ of }) => of))];
  }

  /** Whether the metric differs from 0 anywhere. */
  happened(metric: string, of: string): boolean {
    return this.policies.some((policy) => {
      const row = this.row(policy, metric, of);
      return row !== undefined && (row.mean !== 0 || row.censored > 0);
    });
  }
}

function keyOf(policy: string, metric: string, of: string): string {
  return `${policy}\n${metric}\n${of}`;
}
