import { defineResearchPolicy } from "../policy.js";
import { freeShareAfter } from "../view-helpers.js";

/**
 * Worst fit: prefers the node that would be left with the most free capacity (mean of free shares over the node's
 * resources). Resolution: one percent of a node.
 */
export const worstFit = defineResearchPolicy({
  name: "WorstFit",
  description:
    "Prefers the node that would be left with the most free capacity (mean share over its resources).",
  dependsOn: "node",
  score: (view, pod, node) => Math.floor(100 * freeShareAfter(view, pod, node)),
});
