/** How far a study is, on a terminal. */
import type { Progress } from "../experiment/experiment.js";
import { formatDuration, MILLISECOND, SECOND } from "../units/time.js";
import type { Terminal } from "./terminal.js";

/** Shows runs done, time gone and time left; `head` says what is under way. */
export function progressLine(
  terminal: Terminal,
  head: string,
): (progress: Pick<Progress, "finished" | "total">) => void {
  const startedMs = Date.now();
  terminal.status(`${head}: simulating …`);
  return ({ finished, total }) => {
    if (finished === total) return terminal.status("");
    const goneMs = Date.now() - startedMs;
    const leftMs = (goneMs / finished) * (total - finished);
    terminal.status(
      `${head}: ${finished} of ${total} runs, ${span(goneMs)} gone, about ${span(leftMs)} left`,
    );
  };
}

function span(ms: number): string {
  return formatDuration(Math.round((ms * MILLISECOND) / SECOND) * SECOND);
}
