/** Which of an owner's pods go first when there are too many (controller.ActivePodsWithRanks). */
import { type Micros, SECOND } from "../../units/time.js";
import type { ClusterCore } from "../core.js";
import type { PodRecord } from "../store.js";

const NANOS_PER_MICRO = 1_000;

interface Ranked {
  readonly pod: PodRecord;
  readonly assigned: number;
  readonly phase: number;
  readonly ready: number;
  /** Active related pods on the same node: more go first. */
  readonly sharing: number;
  readonly readyUs: Micros;
  readonly createdUs: Micros;
  /** Stands for the UID: the order among pods of nearly the same age. */
  readonly uid: number;
}

/**
 * The `count` pods to delete. `related`: active pods that count for doubling up on a node (those of the same
 * Deployment, or of the same owner).
 */
export function podsToDelete(
  core: ClusterCore,
  pods: readonly PodRecord[],
  related: readonly PodRecord[],
  count: number,
): PodRecord[] {
  if (count >= pods.length) return [...pods];
  const now = core.sim.now;
  const onNode = new Map<number, number>();
  for (const pod of related) {
    if (pod.node >= 0) onNode.set(pod.node, (onNode.get(pod.node) ?? 0) + 1);
  }
  const ranked = pods.map((pod) => rank(core, pod, onNode.get(pod.node) ?? 0));
  ranked.sort((a, b) => compare(a, b, now));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

function rank(core: ClusterCore, pod: PodRecord, sharing: number): Ranked {
  const uids = core.streams.counted(`pod-uid/${pod.workload}/${pod.revision}`);
  return {
    pod,
    assigned: pod.node >= 0 ? 1 : 0,
    phase: pod.phase === "Pending" ? 0 : pod.phase === "Unknown" ? 1 : 2,
    ready: pod.ready ? 1 : 0,
    sharing,
    readyUs: wholeSeconds(pod.readyChangedUs),
    createdUs: wholeSeconds(pod.createdUs),
    uid: uids.uniform(pod.ordinal, pod.incarnation),
  };
}

function compare(a: Ranked, b: Ranked, now: Micros): number {
  if (a.assigned !== b.assigned) return a.assigned - b.assigned;
  if (a.phase !== b.phase) return a.phase - b.phase;
  if (a.ready !== b.ready) return a.ready - b.ready;
  if (a.sharing !== b.sharing) return b.sharing - a.sharing;
  // Newest first, but ages of one power of two are as good as equal (LogarithmicScaleDown); then the UIDs decide.
  if (a.ready === 1 && a.readyUs !== b.readyUs) {
    const difference = ageLogarithm(now - a.readyUs) - ageLogarithm(now - b.readyUs);
    if (difference !== 0) return difference;
  }
  const difference = ageLogarithm(now - a.createdUs) - ageLogarithm(now - b.createdUs);
  return difference || a.uid - b.uid || a.pod.id - b.pod.id;
}

/** ⌊log2⌋ of the age in nanoseconds, -1 where it is not positive. */
function ageLogarithm(ageUs: Micros): number {
  return ageUs <= 0 ? -1 : Math.floor(Math.log2(ageUs * NANOS_PER_MICRO));
}

/** API timestamps have whole seconds. */
function wholeSeconds(at: Micros): Micros {
  return Math.floor(at / SECOND) * SECOND;
}
