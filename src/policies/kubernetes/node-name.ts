import type { PluginFactory, Rejection } from "../framework/types.js";

const REJECTION: Rejection = {
  plugin: "NodeName",
  code: "UnschedulableAndUnresolvable",
  reasons: ["node(s) didn't match the requested node name"],
};

/** NodeName: a pod that names its node goes there or nowhere. */
export const nodeName: PluginFactory = {
  name: "NodeName",
  description: "Refuses every node but the one that the pod names in spec.nodeName.",
  origin: "kubernetes",
  create: () => ({
    name: "NodeName",
    dependsOn: "facts",
    filter(view, pod, node) {
      const wanted = pod.shape.nodeName;
      return wanted === undefined || wanted === view.node(node).name ? undefined : REJECTION;
    },
    requeueOn: ["NodeAdd"],
  }),
};
