import { bestAlone } from "../framework/normalize.js";
import { defineResearchPolicy } from "../policy.js";

/** First fit: takes the first node, in the scheduler's node order, on which the pod fits. */
export const firstFit = defineResearchPolicy({
  name: "FirstFit",
  description: "Takes the first node, in the scheduler's order, on which the pod fits.",
  // A node that comes or goes shifts the others' places.
  dependsOn: "cluster",
  score: (view, _pod, node) => -view.nodePosition(node),
  normalizeScore: (_view, _pod, _nodes, scores) => bestAlone(scores),
});
