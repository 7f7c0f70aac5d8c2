/**
 * Zone disruption: how many nodes of a zone are not ready decides how fast its nodes may be tainted
 * (pkg/controller/nodelifecycle: ComputeZoneState, setLimiterInZone, handleDisruption).
 */
import type { ControllerManagerModel } from "./model.js";

export type ZoneState = "Initial" | "Normal" | "PartialDisruption" | "FullDisruption";

/** "more than 2 not ready": smaller losses never count as a disruption short of the whole zone. */
const SMALL_LOSS_MAX = 2;

/** The share is compared in single precision, as the controller does: 11 of 20 are 0.55. */
export function zoneState(ready: number, notReady: number, unhealthyZoneThreshold: number): ZoneState {
  if (ready === 0 && notReady > 0) return "FullDisruption";
  const share = Math.fround(notReady / (notReady + ready));
  if (notReady > SMALL_LOSS_MAX && share >= Math.fround(unhealthyZoneThreshold)) return "PartialDisruption";
  return "Normal";
}

/** Taints a second for a zone of `nodes` nodes in this state. */
export function zoneEvictionRate(state: ZoneState, nodes: number, model: ControllerManagerModel): number {
  if (state !== "PartialDisruption") return model.nodeEvictionRate;
  return nodes > model.largeClusterSizeThreshold ? model.secondaryNodeEvictionRate : 0;
}

/** What the end of a pass does. */
export type DisruptionChange =
  | { readonly kind: "none" }
  /** Every zone is lost: taints are withdrawn everywhere and all rates are 0. */
  | { readonly kind: "enterMasterDisruption" }
  /** The first node is back: every probe time starts anew and every zone gets its state's rate. */
  | { readonly kind: "leaveMasterDisruption" }
  /** These zones (indices) changed. */
  | { readonly kind: "zones"; readonly changed: readonly number[] };

export function disruptionChange(
  before: readonly ZoneState[],
  after: readonly ZoneState[],
): DisruptionChange {
  const allWere = before.every((state) => state === "FullDisruption");
  const allAre = after.every((state) => state === "FullDisruption");
  if (allWere && allAre) return { kind: "none" };
  if (allAre) return { kind: "enterMasterDisruption" };
  if (allWere) return { kind: "leaveMasterDisruption" };
  const changed = after.flatMap((state, zone) => (state === before[zone] ? [] : [zone]));
  return changed.length === 0 ? { kind: "none" } : { kind: "zones", changed };
}
