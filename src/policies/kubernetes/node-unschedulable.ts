import type { Taint } from "../../api/objects.js";
import { isTolerated } from "../../api/tolerations.js";
import { TAINT_UNSCHEDULABLE } from "../../api/well-known.js";
import type { PluginFactory, Rejection } from "../framework/types.js";

const TAINT: Taint = { key: TAINT_UNSCHEDULABLE, value: "", effect: "NoSchedule" };

const REJECTION: Rejection = {
  plugin: "NodeUnschedulable",
  code: "UnschedulableAndUnresolvable",
  reasons: ["node(s) were unschedulable"],
};

/** NodeUnschedulable: a cordoned node takes only pods that tolerate being there. */
export const nodeUnschedulable: PluginFactory = {
  name: "NodeUnschedulable",
  description: "Refuses cordoned nodes, unless the pod tolerates node.kubernetes.io/unschedulable.",
  origin: "kubernetes",
  create: () => ({
    name: "NodeUnschedulable",
    dependsOn: "facts",
    filter(view, pod, node) {
      if (!view.node(node).unschedulable) return undefined;
      return isTolerated(pod.shape.tolerations, TAINT) ? undefined : REJECTION;
    },
    requeueOn: ["NodeAdd", "NodeTaintUpdate"],
    queueingHint(_pod, event) {
      if (event.kind === "NodeAdd") return !event.node.info.unschedulable;
      if (event.kind !== "NodeTaintUpdate") return false;
      return event.before.info.unschedulable && !event.node.info.unschedulable;
    },
  }),
};
