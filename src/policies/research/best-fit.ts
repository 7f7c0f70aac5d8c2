import { defineResearchPolicy } from "../policy.js";
import { freeShareAfter } from "../view-helpers.js";

/**
 * Best fit: prefers the node that would be left with the least free capacity (mean of free shares over the
 * node's resources). Resolution: one percent of a node.
 */
export const bestFit = defineResearchPolicy({
  name: "BestFit",
  description:
    "Prefers the node that would be left with the least free capacity (mean share over its resources).",
  dependsOn: "node",
  score: (view, pod, node) => 100 - Math.floor(100 * freeShareAfter(view, pod, node)),
});
