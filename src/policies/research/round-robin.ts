import { bestAlone } from "../framework/normalize.js";
import { defineResearchPolicy } from "../policy.js";

/** Round robin: takes the next node, in the scheduler's node order, after the one that it used last. */
export const roundRobin = defineResearchPolicy({
  name: "RoundRobin",
  description: "Takes the next node that fits, in the scheduler's order, after the one used last.",
  dependsOn: "cluster",
  create: () => {
    let last = -1;
    return {
      reserve: (view, _pod, node) => {
        last = view.nodePosition(node);
      },
      /** Minus the number of steps from the last node used; that node itself comes last. */
      score: (view, _pod, node) => {
        const count = view.nodeOrder.length;
        return -((view.nodePosition(node) - last - 1 + 2 * count) % count);
      },
      normalizeScore: (_view, _pod, _nodes, scores) => bestAlone(scores),
    };
  },
});
