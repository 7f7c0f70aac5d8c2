/** Objectives: promises about a metric of the results, held against a study's summary. */
import { parseDuration, SECOND } from "../units/time.js";
import type { ObjectiveWritten } from "./schema.js";

export type ObjectiveUnit = "share" | "s" | "pods" | "requests";

/** What an objective may be about. Names and units are those of summary.csv. */
export interface ObjectiveMetric {
  readonly name: string;
  readonly unit: ObjectiveUnit;
  /** What `of` may begin with; the rest of it may hold `*`. */
  readonly of: readonly string[];
  readonly description: string;
}

const CLUSTER = ["cluster"];
const WORKLOADS = ["deployment", "statefulset", "daemonset", "replicaset", "replicationcontroller"];

export const OBJECTIVE_METRICS: readonly ObjectiveMetric[] = [
  {
    name: "availability",
    unit: "share",
    of: ["service", ...CLUSTER],
    description: "Share of requests answered, warm-up left out.",
  },
  {
    name: "requestsLost",
    unit: "requests",
    of: ["service"],
    description: "Requests that nobody answered.",
  },
  {
    name: "rto",
    unit: "s",
    of: WORKLOADS,
    description:
      "The workload's longest time from a fault until its users' success share is back for good; one that never is misses its objective.",
  },
  {
    name: "podsPending",
    unit: "pods",
    of: CLUSTER,
    description: "Pods that wait for a node, mean over time.",
  },
  { name: "podsPendingMax", unit: "pods", of: CLUSTER, description: "The most that ever waited." },
  { name: "podsPendingAtEnd", unit: "pods", of: CLUSTER, description: "Pods that still wait at the end." },
  { name: "podsPlaced", unit: "pods", of: CLUSTER, description: "Pods bound to a node." },
  {
    name: "schedulingWaitMean",
    unit: "s",
    of: CLUSTER,
    description: "A pod's creation to its binding, mean.",
  },
  { name: "schedulingWaitP99", unit: "s", of: CLUSTER, description: "The same, 99th percentile." },
  { name: "schedulingWaitMax", unit: "s", of: CLUSTER, description: "The same, longest." },
  {
    name: "startupP99",
    unit: "s",
    of: CLUSTER,
    description: "A pod's creation to its first readiness, 99th percentile.",
  },
  {
    name: "utilisation",
    unit: "share",
    of: ["resource"],
    description: "Requested share of a resource (resource/cpu), mean over time.",
  },
  { name: "utilisationMax", unit: "share", of: ["resource"], description: "The same, highest." },
  { name: "utilisationAtEnd", unit: "share", of: ["resource"], description: "The same, at the end." },
];

/** One promise. Exactly one bound is given, in the metric's unit (spans in seconds, shares from 0 to 1). */
export interface Objective {
  readonly metric: string;
  /** `cluster`, `service/shop/frontend`, `deployment/shop/*`. */
  readonly of: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export function objectiveMetric(name: string): ObjectiveMetric | undefined {
  return OBJECTIVE_METRICS.find((metric) => metric.name === name);
}

/** What a bound of this unit looks like, for messages. */
export function boundExpected(unit: ObjectiveUnit): string {
  switch (unit) {
    case "share":
      return 'expected a share between 0 and 1, or a percentage such as "99.5%"';
    case "s":
      return 'expected a duration such as "90s"';
    default:
      return "expected a number of at least 0";
  }
}

/** The bound in the metric's unit; undefined where it is none. */
export function boundValue(unit: ObjectiveUnit, written: number | string): number | undefined {
  switch (unit) {
    case "share":
      return shareValue(written);
    case "s": {
      const spanUs = typeof written === "string" ? parseDuration(written) : undefined;
      return spanUs === undefined || spanUs < 0 ? undefined : spanUs / SECOND;
    }
    default:
      return typeof written === "number" && written >= 0 ? written : undefined;
  }
}

function shareValue(written: number | string): number | undefined {
  const percent = typeof written === "string" ? /^([0-9]+(?:\.[0-9]+)?)%$/.exec(written) : null;
  const value =
    typeof written === "number" ? written : percent === null ? Number.NaN : Number(percent[1]) / 100;
  return value >= 0 && value <= 1 ? value : undefined;
}

/** The objectives of a checked scenario, in its order. */
export function compileObjectives(written: readonly ObjectiveWritten[]): Objective[] {
  return written.flatMap(({ metric, of = "cluster", atLeast, atMost }) => {
    const unit = objectiveMetric(metric)?.unit;
    const bound = atLeast ?? atMost;
    const value = unit === undefined || bound === undefined ? undefined : boundValue(unit, bound);
    if (value === undefined) return [];
    return [{ metric, of, ...(atLeast === undefined ? { atMost: value } : { atLeast: value }) }];
  });
}
