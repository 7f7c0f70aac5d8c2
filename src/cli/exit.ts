/** How a command ends. */
import { formatProblem, type Problems } from "../workload/problems.js";

export const EXIT = {
  fine: 0,
  /** An objective was missed, or a check failed. */
  missed: 1,
  badInput: 2,
  /** An error of ours, or of a policy brought along. */
  internal: 3,
} as const;

/** The user's mistakes, ready to be shown: the command ends with {@link EXIT.badInput} and has written nothing. */
export class BadInput extends Error {
  override readonly name = "BadInput";
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.lines = lines;
  }
}

/** Ends the command where there is an error among the problems; warnings are shown with it. */
export function stopOnErrors(problems: Problems): void {
  if (problems.hasErrors) throw new BadInput(problems.list().map(formatProblem));
}
