import { argsOr, DEFAULT_NODE_AFFINITY_ARGS } from "../args.js";
import { compileNodeSelectorTerms, compilePreferredNodeAffinity } from "../framework/node-selector.js";
import type { NodeInfo, PluginFactory, Rejection } from "../framework/types.js";

const NAME = "NodeAffinity";

const REJECTION = rejectionOf("node(s) didn't match Pod's node affinity/selector");
const ADDED_REJECTION = rejectionOf("node(s) didn't match scheduler-enforced node affinity");
const CONFLICT = rejectionOf("pod affinity terms conflict");

/**
 * NodeAffinity: refuses nodes that nodeSelector or required node affinity do not select, and prefers those with the
 * greatest sum of weights of matching preferred terms.
 */
export const nodeAffinity: PluginFactory = {
  name: NAME,
  description:
    "Refuses nodes outside the pod's nodeSelector and required node affinity; prefers its preferred terms.",
  origin: "kubernetes",
  create: (args) => {
    const { addedAffinity } = argsOr(args, DEFAULT_NODE_AFFINITY_ARGS);
    const addedRequired =
      addedAffinity?.required === undefined ? undefined : compileNodeSelectorTerms(addedAffinity.required);
    const addedPreferred = compilePreferredNodeAffinity(addedAffinity);
    return {
      name: NAME,
      dependsOn: "facts",
      preFilter(_view, pod) {
        const { nodeAffinity: wanted, nodeAffinityNames: nodeNames } = pod.shape;
        if (wanted === undefined && addedRequired === undefined) return { kind: "skip" };
        if (nodeNames === undefined) return { kind: "state", state: undefined };
        if (nodeNames.length === 0) return { kind: "reject", rejection: CONFLICT };
        return { kind: "state", state: undefined, nodeNames };
      },
      filter(view, pod, node) {
        const info = view.node(node);
        if (addedRequired !== undefined && !addedRequired(info)) return ADDED_REJECTION;
        const wanted = pod.shape.nodeAffinity;
        return wanted === undefined || wanted(info) ? undefined : REJECTION;
      },
      preScore(_view, pod) {
        if (pod.shape.preferredNodeAffinity.length === 0 && addedPreferred.length === 0)
          return { kind: "skip" };
        return { kind: "state", state: undefined };
      },
      score(view, pod, node) {
        const info = view.node(node);
        let score = 0;
        for (const term of addedPreferred) if (term.matches(info)) score += term.weight;
        for (const term of pod.shape.preferredNodeAffinity) if (term.matches(info)) score += term.weight;
        return score;
      },
      normalizer: "byMax",
      requeueOn: ["NodeAdd", "NodeLabelUpdate"],
      queueingHint(pod, event) {
        const wanted = pod.shape.nodeAffinity;
        const selects = (info: NodeInfo): boolean => wanted === undefined || wanted(info);
        if (event.kind !== "NodeAdd" && event.kind !== "NodeLabelUpdate") return false;
        const { info } = event.node;
        if (addedRequired !== undefined && !addedRequired(info)) return false;
        return selects(info) && (event.kind === "NodeAdd" || !selects(event.before.info));
      },
    };
  },
};

function rejectionOf(reason: string): Rejection {
  return { plugin: NAME, code: "UnschedulableAndUnresolvable", reasons: [reason] };
}
