/**
 * disruptionsAllowed of PodDisruptionBudgets (pkg/controller/disruption), computed when somebody asks instead of by
 * a controller: the scheduler's preemption is the only one who does, and seldom.
 */
import { isTerminal } from "../../api/pods.js";
import { compileLabelSelector } from "../../api/selectors.js";
import type { DisruptionBudget } from "../../policies/framework/types.js";
import type { ClusterStore, PodDisruptionBudgetRecord, PodRecord } from "../store.js";
import { isTerminating, resolve } from "./pods.js";

const NONE_DISRUPTED: ReadonlySet<string> = new Set();

/** The budgets as they stand, in order of ids. Costs a look at every live pod where there is a budget. */
export function disruptionBudgets(store: ClusterStore): DisruptionBudget[] {
  return store.podDisruptionBudgets.map((budget) => {
    const matches = compileLabelSelector(budget.selector);
    const pods: PodRecord[] = [];
    for (const pod of store.livePods) {
      if (pod.namespace === budget.namespace && matches(pod.template.labels)) pods.push(pod);
    }
    const disruptionsAllowed = allowedDisruptions(store, budget, pods);
    return { namespace: budget.namespace, matches, disruptionsAllowed, disruptedPods: NONE_DISRUPTED };
  });
}

function allowedDisruptions(
  store: ClusterStore,
  budget: PodDisruptionBudgetRecord,
  pods: readonly PodRecord[],
): number {
  const healthy = pods.filter((pod) => pod.ready && !isTerminating(pod)).length;
  const { minAvailable, maxUnavailable } = budget;
  if (maxUnavailable !== undefined) {
    const expected = expectedPods(store, pods);
    const desired = Math.max(0, expected - resolve(maxUnavailable, expected, "up"));
    return expected > 0 ? Math.max(0, healthy - desired) : 0;
  }
  if (minAvailable === undefined) return 0;
  if ("absolute" in minAvailable) {
    const expected = pods.filter((pod) => !isTerminal(pod)).length;
    return expected > 0 ? Math.max(0, healthy - minAvailable.absolute) : 0;
  }
  const expected = expectedPods(store, pods);
  return expected > 0 ? Math.max(0, healthy - resolve(minAvailable, expected, "up")) : 0;
}

/** The sum of the sizes of the pods' owners that have one (Deployment, ReplicaSet, StatefulSet). */
function expectedPods(store: ClusterStore, pods: readonly PodRecord[]): number {
  const sizes = new Map<string, number>();
  for (const { owner } of pods) {
    if (owner.kind === "StatefulSet") {
      sizes.set(`s${owner.id}`, store.statefulSet(owner.id).replicas);
    } else if (owner.kind === "ReplicaSet") {
      const replicaSet = store.replicaSet(owner.id);
      if (replicaSet.deployment < 0) sizes.set(`r${owner.id}`, replicaSet.replicas);
      else sizes.set(`d${replicaSet.deployment}`, store.deployment(replicaSet.deployment).replicas);
    }
  }
  let sum = 0;
  for (const size of sizes.values()) sum += size;
  return sum;
}
