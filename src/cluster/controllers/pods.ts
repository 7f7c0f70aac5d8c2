/** What controllers ask of pods (pkg/controller, pkg/api/v1/pod). */
import type { IntOrPercent } from "../../api/objects.js";
import { isTerminal } from "../../api/pods.js";
import { type Micros, SECOND } from "../../units/time.js";
import type { PodRecord } from "../store.js";

export function isTerminating(pod: PodRecord): boolean {
  return pod.deletingUs >= 0;
}

/** Neither terminating nor ended (controller.IsPodActive). */
export function isActive(pod: PodRecord): boolean {
  return !isTerminating(pod) && !isTerminal(pod);
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: PodRecord, minReadySeconds: number, now: Micros): boolean {
  return pod.ready && now - pod.readyChangedUs >= minReadySeconds * SECOND;
}

/** intstr.GetScaledValueFromIntOrPercent. */
export function resolve(value: IntOrPercent, of: number, round: "up" | "down"): number {
  if ("absolute" in value) return value.absolute;
  const scaled = (value.percent * of) / 100;
  return round === "up" ? Math.ceil(scaled) : Math.floor(scaled);
}
