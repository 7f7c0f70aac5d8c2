/** The modelled cost of an attempt against the thresholds of kube-scheduler's performance tests, 5,000 nodes each. */
import { describe, expect, it } from "vitest";
import { attemptCostUs } from "../../src/cluster/scheduling-cost.js";
import type { Decision, PodShape } from "../../src/policies/framework/types.js";
import { SCHEDULER_DEFAULTS } from "../../src/scenario/defaults.js";
import { parseDuration } from "../../src/units/time.js";

const NODES = 5000;
/** 50 − 5000/125 = 10 %. */
const SCORED = 500;
const PLAIN = {
  nodeAffinity: undefined,
  spreadConstraints: [],
  defaultSpreadSelector: undefined,
  requiredAffinity: [],
  preferredAffinity: [],
  requiredAntiAffinity: [],
  preferredAntiAffinity: [],
} as unknown as PodShape;

const costs = { cyclePerNodeUs: parseDuration(SCHEDULER_DEFAULTS.cyclePerNode) ?? Number.NaN };

/** Mean of the log-normal default: median × e^(σ²/2), with σ from the 99th percentile (2.326 σ above the median). */
function meanCycleUs(): number {
  const { median, p99 } = SCHEDULER_DEFAULTS.cycle.logNormal;
  const [m = Number.NaN, high = Number.NaN] = [median, p99].map((text) => parseDuration(text));
  const sigma = Math.log(high / m) / 2.326;
  return m * Math.exp(sigma ** 2 / 2);
}

function scheduled(shape: PodShape, feasible = SCORED): number {
  const decision: Decision = { kind: "scheduled", node: 0, feasible, evaluated: feasible };
  return attemptCostUs(costs, meanCycleUs(), shape, decision, NODES);
}

function refused(shape: PodShape): number {
  const decision = { kind: "unschedulable", evaluated: NODES } as Decision;
  return attemptCostUs(costs, meanCycleUs(), shape, decision, NODES);
}

const spread = (whenUnsatisfiable: string): PodShape =>
  ({ ...PLAIN, spreadConstraints: [{ whenUnsatisfiable }] }) as unknown as PodShape;
const with1 = (field: keyof PodShape): PodShape => ({ ...PLAIN, [field]: [{}] }) as unknown as PodShape;

describe("scheduler_perf's thresholds, pods a second", () => {
  it.each([
    ["basic", 680, () => scheduled(PLAIN)],
    ["spread, required", 460, () => scheduled(spread("DoNotSchedule"))],
    ["spread, preferred", 340, () => scheduled(spread("ScheduleAnyway"))],
    ["pod anti-affinity", 60, () => scheduled(with1("requiredAntiAffinity"))],
    ["pod affinity", 35, () => scheduled(with1("requiredAffinity"))],
    ["node affinity", 220, () => scheduled({ ...PLAIN, nodeAffinity: () => true })],
    // No node has room; then the nominated one alone is looked at.
    ["preemption", 570, () => refused(PLAIN) + scheduled(PLAIN, 1)],
  ])("%s: %d, within 10 per cent", (_, threshold, costUs) => {
    expect(Math.abs(1e6 / costUs() / threshold - 1)).toBeLessThan(0.1);
  });

  it("a pod that gets default spreading costs what preferred spreading does", () => {
    const defaulted = { ...PLAIN, defaultSpreadSelector: () => true };
    expect(scheduled(defaulted)).toBe(scheduled(spread("ScheduleAnyway")));
  });
});
