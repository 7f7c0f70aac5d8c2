/** What differs between a recorded decision and ours, as triples of step, node and plugin. */

export interface Difference {
  /** Index of the step; -1 for what concerns the whole recording. */
  readonly step: number;
  /** namespace/name of the step's pod. */
  readonly pod: string;
  /** "" for what concerns all nodes. */
  readonly node: string;
  /** "" for what no single plugin answers for. */
  readonly plugin: string;
  /** What was compared. */
  readonly what: string;
  readonly ours: unknown;
  readonly recorded: unknown;
}

/** Collects the differences of one replay, step by step. */
export class Differences {
  readonly all: Difference[] = [];
  /** Single facts compared. */
  compared = 0;
  #step = -1;
  #pod = "";
  readonly #differingSteps = new Set<number>();
  readonly #triples = new Set<string>();

  /** What follows belongs to this step. */
  at(step: number, pod: string): void {
    this.#step = step;
    this.#pod = pod;
  }

  get differingSteps(): number {
    return this.#differingSteps.size;
  }

  /** Distinct (step, node, plugin). */
  get triples(): number {
    return this.#triples.size;
  }

  /** Compares two values as JSON. */
  same(what: string, ours: unknown, recorded: unknown, node = "", plugin = ""): void {
    this.compared++;
    if (ours === recorded || JSON.stringify(ours) === JSON.stringify(recorded)) return;
    this.all.push({ step: this.#step, pod: this.#pod, node, plugin, what, ours, recorded });
    this.#differingSteps.add(this.#step);
    this.#triples.add(`${this.#step} ${node} ${plugin}`);
  }
}

/** One difference in full, on one line. */
export function formatDifference({ step, pod, node, plugin, what, ours, recorded }: Difference): string {
  const where = [step < 0 ? "" : `step ${step}`, pod, node, plugin].filter((part) => part !== "");
  return `${[...where, what].join(", ")}: ours ${json(ours)}, recorded ${json(recorded)}`;
}

function json(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
