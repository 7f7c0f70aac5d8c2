import type { PluginFactory, QueuedPod } from "../framework/types.js";

/** PrioritySort: higher priority first, then the pod that has waited longer. */
export const prioritySort: PluginFactory = {
  name: "PrioritySort",
  description: "Takes pods of higher priority first, and among equals those that have waited longer.",
  origin: "kubernetes",
  create: () => ({ name: "PrioritySort", dependsOn: "facts", queueSort: comparePriority }),
};

/** Negative when `a` goes first. Pods queued in the same microsecond go in the order they came. */
export function comparePriority(a: QueuedPod, b: QueuedPod): number {
  return (
    b.pod.shape.priority - a.pod.shape.priority || a.timestampUs - b.timestampUs || a.sequence - b.sequence
  );
}
