/** Replications → figures by policy and metric, and differences to the first policy. */
import { assert } from "../assert.js";
import type { MetricValue, Replication } from "../metrics/replication.js";
import {
  type Difference,
  type Figures,
  figuresOf,
  type Observation,
  pairedDifference,
  zeroFailureUpper95,
} from "./statistics.js";

/** One metric of one policy over its replications. */
export interface SummaryRow extends Figures {
  readonly policy: string;
  readonly metric: string;
  readonly of: string;
  readonly unit: string;
  /**
   * Where nothing happened in any replication (every value 0, or every share 1): upper 95 % bound for the
   * probability that something does in one replication. Null otherwise.
   */
  readonly zeroFailureUpper95: number | null;
}

/** One metric of one policy against the first policy. */
export interface ComparisonRow {
  readonly metric: string;
  readonly of: string;
  readonly unit: string;
  readonly baseline: string;
  readonly policy: string;
  readonly difference: Difference;
}

export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly comparison: readonly ComparisonRow[];
}

/** A run as far as figures go: of a policy, or of whatever else a study compares. */
export type MeasuredRun = Pick<Replication, "policy" | "replication" | "metrics">;

/** The figures of all replications. `policies` in the study's order, the baseline first. */
export function summarise(policies: readonly string[], replications: readonly MeasuredRun[]): Summary {
  const columns = collect(replications);
  const rows: SummaryRow[] = [];
  for (const policy of policies) {
    for (const column of columns) {
      const values = column.byPolicy.get(policy);
      if (values !== undefined) rows.push(summaryRow(policy, column, [...values.values()]));
    }
  }
  const [baseline, ...others] = policies;
  const comparison = columns.flatMap((column) =>
    baseline === undefined ? [] : others.flatMap((policy) => comparisonRow(column, baseline, policy)),
  );
  return { rows, comparison };
}

/** One metric of one thing: its values by policy and replication. */
interface Column {
  readonly metric: string;
  readonly of: string;
  readonly unit: string;
  readonly byPolicy: Map<string, Map<number, Observation>>;
}

/** All metrics, in the order in which they first occur in the replications. */
function collect(replications: readonly MeasuredRun[]): Column[] {
  const columns = new Map<string, Column>();
  for (const { policy, replication, metrics } of replications) {
    for (const value of metrics) {
      const column = columnOf(columns, value);
      const values = column.byPolicy.get(policy) ?? new Map<number, Observation>();
      column.byPolicy.set(policy, values);
      assert(
        !values.has(replication),
        `metric ${value.metric} of ${value.of} occurs twice in replication ${replication} of ${policy}`,
      );
      values.set(replication, { value: value.value, censored: value.censored === true });
    }
  }
  return [...columns.values()];
}

function columnOf(columns: Map<string, Column>, { metric, of, unit }: MetricValue): Column {
  const key = `${metric}\n${of}`;
  let column = columns.get(key);
  if (column === undefined) {
    column = { metric, of, unit, byPolicy: new Map() };
    columns.set(key, column);
  }
  assert(column.unit === unit, `metric ${metric} of ${of} is given in ${column.unit} and in ${unit}`);
  return column;
}

function summaryRow(
  policy: string,
  { metric, of, unit }: Column,
  values: readonly Observation[],
): SummaryRow {
  const nothing = (value: Observation): boolean =>
    !value.censored && (value.value === 0 || (unit === "share" && value.value === 1));
  const same = values.every((value) => nothing(value) && value.value === values[0]?.value);
  return {
    policy,
    metric,
    of,
    unit,
    ...figuresOf(values),
    zeroFailureUpper95: same ? zeroFailureUpper95(values.length) : null,
  };
}

function comparisonRow(
  { metric, of, unit, byPolicy }: Column,
  baseline: string,
  policy: string,
): ComparisonRow[] {
  const [base, other] = [byPolicy.get(baseline), byPolicy.get(policy)];
  if (base === undefined || other === undefined) return [];
  return [{ metric, of, unit, baseline, policy, difference: pairedDifference(base, other) }];
}
