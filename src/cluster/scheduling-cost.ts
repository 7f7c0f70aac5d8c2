/**
 * What one scheduling attempt costs the scheduler's loop, its share of the API work included. `cycleUs` is the cost of
 * a pod that is placed and bound, `cyclePerNodeUs` that of a node which is filtered and scored; everything else is a
 * share of these, found from the thresholds of kube-scheduler's own performance tests with 5,000 nodes
 * (test/integration/scheduler_perf: basic 680 pods a second, preemption 570, node affinity 220, required spreading
 * 460, preferred 340, pod anti-affinity 60, pod affinity 35), where 10 % of the nodes are scored.
 */
import type { Decision, PodShape } from "../policies/framework/types.js";
import type { SchedulerModel } from "./model.js";

/** An attempt that binds nothing. */
const UNBOUND_SHARE = 0.2;
/** A node that a filter refused, beside one that was scored. */
const REFUSED_NODE_SHARE = 0.1;
/** PreFilter and PreScore look at every node of the cluster; each of them, beside one that was scored. */
const PER_NODE_SHARE = {
  nodeAffinity: 0.62,
  requiredSpread: 0.14,
  preferredSpread: 0.3,
  podAntiAffinity: 3,
  podAffinity: 5.4,
};

/** Mean cost in µs; `cycleUs` is the draw for this attempt, `nodes` the size of the cluster. */
export function attemptCostUs(
  { cyclePerNodeUs }: Pick<SchedulerModel, "cyclePerNodeUs">,
  cycleUs: number,
  shape: PodShape,
  decision: Decision,
  nodes: number,
): number {
  const scored = decision.kind === "scheduled" ? decision.feasible : 0;
  const refused = decision.evaluated - scored;
  const perNode = scored + REFUSED_NODE_SHARE * refused + preFilterShare(shape) * nodes;
  return (decision.kind === "scheduled" ? 1 : UNBOUND_SHARE) * cycleUs + perNode * cyclePerNodeUs;
}

function preFilterShare(shape: PodShape): number {
  const constraints = shape.spreadConstraints;
  const isHard = ({ whenUnsatisfiable }: { whenUnsatisfiable: string }): boolean =>
    whenUnsatisfiable === "DoNotSchedule";
  const defaulted = constraints.length === 0 && shape.defaultSpreadSelector !== undefined;
  const near = shape.requiredAffinity.length + shape.preferredAffinity.length > 0;
  const away = shape.requiredAntiAffinity.length + shape.preferredAntiAffinity.length > 0;
  return (
    (shape.nodeAffinity === undefined ? 0 : PER_NODE_SHARE.nodeAffinity) +
    (constraints.some(isHard) ? PER_NODE_SHARE.requiredSpread : 0) +
    (defaulted || !constraints.every(isHard) ? PER_NODE_SHARE.preferredSpread : 0) +
    (away ? PER_NODE_SHARE.podAntiAffinity : 0) +
    (near ? PER_NODE_SHARE.podAffinity : 0)
  );
}
