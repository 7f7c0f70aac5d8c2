import { podNumber } from "../framework/pod-number.js";
import { defineResearchPolicy } from "../policy.js";

/** Random: takes a node on which the pod fits, uniformly. The draw is addressed by the pod, so asking twice is safe. */
export const random = defineResearchPolicy({
  name: "Random",
  description: "Takes a node on which the pod fits, uniformly at random.",
  dependsOn: "cluster",
  create: ({ streams }) => {
    const draws = streams.counted("policies/Random");
    let chosen = -1;
    return {
      preScore: (_view, pod, nodes) => {
        chosen = nodes[Math.floor(draws.uniform(podNumber(pod)) * nodes.length)] ?? -1;
      },
      score: (_view, _pod, node) => (node === chosen ? 100 : 0),
    };
  },
});
