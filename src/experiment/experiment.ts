/** A study from its plan to its summary. */
import type { StudyModel } from "../cluster/model.js";
import type { Replication } from "../metrics/replication.js";
import { type Cell, planCells } from "./plan.js";
import { type CellOutcome, type PoolOptions, runCells } from "./pool.js";
import { type ComparisonRow, type SummaryRow, summarise } from "./summary.js";

/** How far a study is; told after every cell. */
export interface Progress {
  /** Cells done or failed. */
  readonly finished: number;
  readonly total: number;
  readonly outcome: CellOutcome;
}

export interface ExperimentOptions extends Omit<PoolOptions, "onOutcome"> {
  readonly onProgress?: (progress: Progress) => void;
  /** The command that repeats one cell, for the report of one that failed. */
  readonly repeatCommand?: (cell: NamedCell) => string;
}

/** A cell by the names that a person knows it by. */
export interface NamedCell {
  readonly policy: string;
  readonly replication: number;
  readonly seed: string;
}

/** A cell that ended in an error: a bug in Seatrial, or in a policy brought along. */
export interface FailedCell extends NamedCell {
  readonly error: string;
  /** How to see it again. */
  readonly repeat: string;
}

/** What a study is about, for the head of its results. */
export interface StudyHeader {
  readonly name: string;
  readonly seed: string;
  /** In the study's order; the first is what the others are compared to. */
  readonly policies: readonly string[];
  /** Planned, for each policy. */
  readonly replications: number;
  readonly warmUpUs: number;
  readonly horizonUs: number;
}

export interface ExperimentResult {
  readonly study: StudyHeader;
  /** Every cell, in plan order. */
  readonly outcomes: readonly CellOutcome[];
  /** What was finished, in plan order. */
  readonly replications: readonly Replication[];
  readonly failed: readonly FailedCell[];
  /** Whether every cell was finished. */
  readonly complete: boolean;
  readonly summary: readonly SummaryRow[];
  readonly comparison: readonly ComparisonRow[];
}

/** Runs every policy on every replication. Cells that fail are reported in the result; they don't reject. */
export async function runExperiment(
  study: StudyModel,
  options: ExperimentOptions,
): Promise<ExperimentResult> {
  const cells = planCells(study.policies.length, study.replications);
  const { onProgress, repeatCommand, ...pool } = options;
  let finished = 0;
  const outcomes = await runCells(study, cells, {
    ...pool,
    onOutcome: (outcome) => {
      finished++;
      onProgress?.({ finished, total: cells.length, outcome });
    },
  });
  return resultOf(study, outcomes, repeatCommand);
}

/** The result of outcomes in plan order. */
export function resultOf(
  study: StudyModel,
  outcomes: readonly CellOutcome[],
  repeatCommand: (cell: NamedCell) => string = describeCell,
): ExperimentResult {
  const policies = study.policies.map((policy) => policy.name);
  const replications = outcomes.flatMap((outcome) =>
    outcome.status === "done" ? [outcome.replication] : [],
  );
  const failed = outcomes.flatMap((outcome): FailedCell[] => {
    if (outcome.status !== "failed") return [];
    const named = nameCell(study, outcome.cell);
    return [{ ...named, error: outcome.error, repeat: repeatCommand(named) }];
  });
  const { rows, comparison } = summarise(policies, replications);
  const { name, seed, warmUpUs, horizonUs } = study.model;
  return {
    study: { name, seed, policies, replications: study.replications, warmUpUs, horizonUs },
    outcomes,
    replications,
    failed,
    complete: replications.length === outcomes.length,
    summary: rows,
    comparison,
  };
}

/** The cell's names. */
export function nameCell(study: StudyModel, cell: Cell): NamedCell {
  const policy = study.policies[cell.policyIndex]?.name ?? `policy ${cell.policyIndex}`;
  return { policy, replication: cell.replication, seed: study.model.seed };
}

function describeCell({ policy, replication, seed }: NamedCell): string {
  return `policy "${policy}", replication ${replication}, seed "${seed}"`;
}
