import type { Taint, Toleration } from "../../api/objects.js";
import { isTolerated } from "../../api/tolerations.js";
import type { NodeInfo, Plugin, PluginFactory, Rejection } from "../framework/types.js";

/**
 * TaintToleration: refuses nodes with a NoSchedule or NoExecute taint that the pod does not tolerate, and prefers
 * those with fewer untolerated PreferNoSchedule taints.
 */
export const taintToleration: PluginFactory = {
  name: "TaintToleration",
  description:
    "Refuses nodes with a taint that the pod does not tolerate; prefers fewer untolerated PreferNoSchedule taints.",
  origin: "kubernetes",
  create: () => {
    // Taint objects live as long as their node's facts, and most nodes of a pool share theirs.
    const rejections = new WeakMap<Taint, Rejection>();
    const plugin: Plugin<unknown, readonly Toleration[]> = {
      name: "TaintToleration",
      dependsOn: "facts",
      filter(view, pod, node) {
        for (const taint of view.node(node).taints) {
          if (taint.effect === "PreferNoSchedule" || isTolerated(pod.shape.tolerations, taint)) continue;
          let rejection = rejections.get(taint);
          if (rejection === undefined) {
            rejection = untolerated(taint);
            rejections.set(taint, rejection);
          }
          return rejection;
        }
        return undefined;
      },
      preScore(_view, pod) {
        const { tolerations } = pod.shape;
        const state = tolerations.filter(({ effect }) => effect === "" || effect === "PreferNoSchedule");
        return { kind: "state", state };
      },
      score(view, _pod, node, tolerations) {
        let count = 0;
        for (const taint of view.node(node).taints) {
          if (taint.effect === "PreferNoSchedule" && !isTolerated(tolerations, taint)) count++;
        }
        return count;
      },
      normalizer: "byMaxReversed",
      requeueOn: ["NodeAdd", "NodeTaintUpdate"],
      queueingHint(pod, event) {
        const { tolerations } = pod.shape;
        if (event.kind === "NodeAdd") return tolerates(tolerations, event.node.info);
        if (event.kind !== "NodeTaintUpdate") return false;
        return tolerates(tolerations, event.node.info) && !tolerates(tolerations, event.before.info);
      },
    };
    return plugin;
  },
};

/** No taint of the node keeps the pod away. */
function tolerates(tolerations: readonly Toleration[], { taints }: NodeInfo): boolean {
  return taints.every((taint) => taint.effect === "PreferNoSchedule" || isTolerated(tolerations, taint));
}

function untolerated(taint: Taint): Rejection {
  return {
    plugin: "TaintToleration",
    code: "UnschedulableAndUnresolvable",
    reasons: [`node(s) had untolerated taint {${taint.key}: ${taint.value}}`],
  };
}
