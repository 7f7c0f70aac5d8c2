/** What worker threads run: one life of one file's case. */
import type { CaseKind } from "./case.js";
import { playLife } from "./files.js";
import type { Columns } from "./statistic.js";

export interface LifeJob {
  /** Place of the case among those given to all workers. */
  readonly file: number;
  readonly life: number;
}

export interface CasePlan {
  readonly kind: CaseKind;
  readonly plan: unknown;
}

/** The same life of the same case is the same whatever file it was read from, and wherever it runs. */
export async function runCell(cases: readonly CasePlan[], { file, life }: LifeJob): Promise<Columns> {
  const chosen = cases[file];
  if (chosen === undefined) throw new RangeError(`there is no case ${file}`);
  return playLife(chosen.kind, chosen.plan, `validate-etcd/${life}`);
}
