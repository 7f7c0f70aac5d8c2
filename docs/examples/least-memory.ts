import { definePolicy, MEMORY } from "seatrial";

/** Least memory: prefers the node that would be left with the least free memory, as a share of what it has. */
export default definePolicy({
  name: "LeastMemory",
  description: "Prefers the node that would be left with the least free memory.",
  // The answer depends on the pod and on this node's state alone: the scheduler may keep it until the node changes.
  dependsOn: "node",
  // A node without memory to speak of is refused; the words stand in the pod's message while it waits.
  filter: (view, _pod, node) => (view.allocatable(node, MEMORY) === 0 ? "node(s) had no memory" : undefined),
  // An integer from 0 to 100; more is better.
  score: (view, pod, node) => {
    const allocatable = view.allocatable(node, MEMORY);
    const used = view.requested(node, MEMORY) + pod.shape.requestOf(MEMORY);
    return Math.max(0, Math.min(100, Math.floor((100 * used) / allocatable)));
  },
});
