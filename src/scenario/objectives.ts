/** Objectives: promises about a metric, checked against a study's summary. */
import { type Micros, parseDuration } from "../units/time.js";
import type { ObjectiveWritten } from "./schema.js";

/** What an objective may be about. */
export interface ObjectiveMetric {
  readonly name: string;
  readonly unit: "share" | "µs" | "pods";
  /** What `of` may begin with; the rest of a name may hold `*`. */
  readonly of: readonly string[];
  readonly description: string;
}

const WORKLOADS = [
  "deployment",
  "statefulset",
  "daemonset",
  "replicaset",
  "replicationcontroller",
  "service",
];

export const OBJECTIVE_METRICS: readonly ObjectiveMetric[] = [
  {
    name: "availability",
    unit: "share",
    of: ["service", "cluster"],
    description: "Share of requests answered, warm-up left out.",
  },
  {
    name: "rto",
    unit: "µs",
    of: [...WORKLOADS, "cluster"],
    description:
      "Longest time from a fault until the success share is back for good; not recovered counts as missed.",
  },
  {
    name: "podsPending",
    unit: "pods",
    of: ["cluster"],
    description: "Pods that wait for a node at the end of the run.",
  },
  {
    name: "podsScheduled",
    unit: "share",
    of: ["cluster"],
    description: "Share of all pods created that were bound to a node.",
  },
];

/** One promise, in base units. */
export interface Objective {
  readonly metric: string;
  /** `cluster`, `service/shop/frontend`, `deployment/shop/*`. */
  readonly of: string;
  readonly bound: "atLeast" | "atMost";
  /** In the metric's unit: a share of 1, µs, pods. */
  readonly value: number;
  readonly unit: ObjectiveMetric["unit"];
}

export function objectiveMetric(name: string): ObjectiveMetric | undefined {
  return OBJECTIVE_METRICS.find((metric) => metric.name === name);
}

/** What a bound of this unit looks like, for messages. */
export function boundExpected(unit: ObjectiveMetric["unit"]): string {
  switch (unit) {
    case "share":
      return 'expected a share between 0 and 1, or a percentage such as "99.5%"';
    case "µs":
      return 'expected a duration such as "90s"';
    case "pods":
      return "expected a number of at least 0";
  }
}

/** The bound in the metric's unit; undefined where it is none. */
export function boundValue(unit: ObjectiveMetric["unit"], written: number | string): number | undefined {
  switch (unit) {
    case "share":
      return shareValue(written);
    case "µs":
      return typeof written === "string" ? notNegative(parseDuration(written)) : undefined;
    case "pods":
      return typeof written === "number" ? notNegative(written) : undefined;
  }
}

function shareValue(written: number | string): number | undefined {
  const percent = typeof written === "string" ? /^([0-9]+(?:\.[0-9]+)?)%$/.exec(written) : null;
  const value =
    typeof written === "number" ? written : percent === null ? Number.NaN : Number(percent[1]) / 100;
  return value >= 0 && value <= 1 ? value : undefined;
}

function notNegative(value: Micros | undefined): number | undefined {
  return value !== undefined && value >= 0 ? value : undefined;
}

/** The objectives of a checked scenario. */
export function compileObjectives(written: readonly ObjectiveWritten[]): Objective[] {
  return written.flatMap(({ metric, of = "cluster", atLeast, atMost }) => {
    const known = objectiveMetric(metric);
    const bound = atLeast ?? atMost;
    const value = known === undefined || bound === undefined ? undefined : boundValue(known.unit, bound);
    if (known === undefined || value === undefined) return [];
    return [{ metric, of, bound: atLeast === undefined ? "atMost" : "atLeast", value, unit: known.unit }];
  });
}
