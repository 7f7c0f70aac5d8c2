/** The taints that the node lifecycle controller puts on nodes (k8s.io/api/core/v1 well-known taints). */
import type { Taint, TaintEffect } from "../api/objects.js";
import { TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE } from "../api/well-known.js";
import type { NodeReady } from "./store.js";

export const NOT_READY_NO_EXECUTE: Taint = taint(TAINT_NOT_READY, "NoExecute");
export const UNREACHABLE_NO_EXECUTE: Taint = taint(TAINT_UNREACHABLE, "NoExecute");

/** The NoSchedule taints this controller looks after; all others are somebody else's. */
const OWN_NO_SCHEDULE: readonly string[] = [TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE];

export function hasTaint(taints: readonly Taint[], wanted: Taint): boolean {
  return taints.some((there) => there.key === wanted.key && there.effect === wanted.effect);
}

/** NoSchedule taints to add and remove so that they say what the node's condition says. */
export function noScheduleDifference(
  taints: readonly Taint[],
  ready: NodeReady,
  unschedulable: boolean,
): { readonly add: readonly Taint[]; readonly remove: readonly Taint[] } {
  const keys: string[] = [];
  if (ready === "False") keys.push(TAINT_NOT_READY);
  if (ready === "Unknown") keys.push(TAINT_UNREACHABLE);
  if (unschedulable) keys.push(TAINT_UNSCHEDULABLE);
  const wanted = keys.map((key) => taint(key, "NoSchedule"));
  return {
    add: wanted.filter((one) => !hasTaint(taints, one)),
    remove: taints.filter(
      (there) =>
        there.effect === "NoSchedule" && OWN_NO_SCHEDULE.includes(there.key) && !hasTaint(wanted, there),
    ),
  };
}

function taint(key: string, effect: TaintEffect): Taint {
  return { key, value: "", effect };
}
