import { defineResearchPolicy } from "../policy.js";
import { demandTimesFree } from "../view-helpers.js";

/**
 * Dot product: prefers the node where the pod's request and what is free, both as shares of the node, have the
 * smallest dot product, as the DotProd baseline of FGD (USENIX ATC'23 §6.1). Resolution: one part in a million,
 * then a hundredth of the range over the feasible nodes.
 */
export const dotProduct = defineResearchPolicy({
  name: "DotProduct",
  description:
    "Prefers the node where the pod's request and the free capacity have the smallest dot product.",
  dependsOn: "node",
  score: (view, pod, node) => Math.floor(1_000_000 * (1 - demandTimesFree(view, pod, node))),
  normalizer: "byMinMax",
});
