/**
 * Our own mistakes stop the run; the author's mistakes are collected elsewhere (see workload/problems.ts).
 */

/** An assertion of ours that did not hold: a bug in Seatrial, never the user's fault. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stops with an {@link AssertionError} unless `condition` holds. `message` names the broken expectation. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The value, once it is known to be present; stops with `message` otherwise. */
export function present<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message);
  return value;
}

/** Closes an exhaustive switch: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable case: ${JSON.stringify(value)}`);
}
