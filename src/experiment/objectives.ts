/**
 * Promises held against a study's summary: an objective bounds a metric's mean over the replications. In its `of`, `*`
 * stands for any characters.
 */
import { assert } from "../assert.js";
import type { Objective } from "../scenario/objectives.js";
import type { SummaryRow } from "./summary.js";

/** One objective, held against one row of the summary. */
export interface Verdict {
  readonly objective: Objective;
  readonly policy: string;
  readonly of: string;
  readonly met: boolean;
  /** The mean; null where it is not defined (censored values, or no such metric). */
  readonly value: number | null;
  readonly unit: string;
  /** One sentence without a full stop: the figure and the bound. */
  readonly detail: string;
}

/**
 * Verdicts by objective, policy and row. A metric with censored values has no mean and misses its objective, as does
 * an objective that no row matches: a promise about nothing is not kept.
 */
export function evaluateObjectives(
  objectives: readonly Objective[],
  policies: readonly string[],
  summary: readonly SummaryRow[],
): Verdict[] {
  return objectives.flatMap((objective) => {
    const matches = globMatcher(objective.of);
    const rows = summary.filter((row) => row.metric === objective.metric && matches(row.of));
    return policies.flatMap((policy) => {
      const own = rows.filter((row) => row.policy === policy);
      return own.length > 0 ? own.map((row) => verdictOf(objective, row)) : [missing(objective, policy)];
    });
  });
}

function verdictOf(objective: Objective, row: SummaryRow): Verdict {
  const [met, bound] = hold(objective, row.mean);
  const figure =
    row.mean === null
      ? `${row.censored} of ${row.n + row.censored} replications ended before it came about`
      : `mean ${figureText(row.mean, row.unit)}${intervalText(row)}`;
  const detail = `${row.metric} of ${row.of}: ${figure}, promised ${bound} ${unitText(row.unit)}`.trimEnd();
  return { objective, policy: row.policy, of: row.of, met, value: row.mean, unit: row.unit, detail };
}

function missing(objective: Objective, policy: string): Verdict {
  const detail = `${objective.metric} of ${objective.of}: no such metric in the results`;
  return { objective, policy, of: objective.of, met: false, value: null, unit: "", detail };
}

function hold({ atLeast, atMost }: Objective, value: number | null): [met: boolean, bound: string] {
  assert((atLeast === undefined) !== (atMost === undefined), "an objective has exactly one bound");
  if (atLeast !== undefined) return [value !== null && value >= atLeast, `at least ${atLeast}`];
  return [value !== null && atMost !== undefined && value <= atMost, `at most ${atMost}`];
}

function intervalText({ ci95Low, ci95High }: SummaryRow): string {
  if (ci95Low === null || ci95High === null) return "";
  return ` (95 % interval ${shorten(ci95Low)} to ${shorten(ci95High)})`;
}

function figureText(value: number, unit: string): string {
  return `${shorten(value)} ${unitText(unit)}`.trimEnd();
}

/** Shares and counts speak for themselves. */
function unitText(unit: string): string {
  return unit === "share" || unit === "count" ? "" : unit;
}

function shorten(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** Whether a text fits a pattern in which `*` stands for any characters, none included. */
export function globMatcher(pattern: string): (text: string) => boolean {
  const escaped = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  const expression = new RegExp(`^${escaped.join(".*")}$`, "s");
  return (text) => expression.test(text);
}
