import { defineResearchPolicy } from "../policy.js";

/** First fit: takes the first node, in the scheduler's node order, on which the pod fits. */
export const firstFit = defineResearchPolicy({
  name: "FirstFit",
  description: "Takes the first node, in the scheduler's order, on which the pod fits.",
  // A node that comes or goes shifts the others' places.
  dependsOn: "cluster",
  score: (view, _pod, node) => -view.nodePosition(node),
  // The best gets 100 and all others 0: with thousands of nodes a scale of 0..100 could not keep them apart.
  normalizeScore: (_view, _pod, _nodes, scores) => {
    const best = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    for (let i = 0; i < scores.length; i++) scores[i] = scores[i] === best ? 100 : 0;
  },
});
