import { UsedPorts } from "../framework/ports.js";
import type { PluginFactory, Rejection } from "../framework/types.js";

const REJECTION: Rejection = {
  plugin: "NodePorts",
  code: "Unschedulable",
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
};

/** NodePorts: refuses nodes where a host port that the pod asks for is in use. */
export const nodePorts: PluginFactory = {
  name: "NodePorts",
  description: "Refuses nodes where one of the pod's host ports is in use.",
  origin: "kubernetes",
  create: () => ({
    name: "NodePorts",
    dependsOn: "node",
    preFilter: (_view, pod) =>
      pod.shape.hostPorts.length === 0 ? { kind: "skip" } : { kind: "state", state: undefined },
    filter: (view, pod, node) => (view.portsConflict(node, pod.shape.hostPorts) ? REJECTION : undefined),
    requeueOn: ["NodeAdd", "AssignedPodDelete"],
    queueingHint(pod, event) {
      if (event.kind !== "AssignedPodDelete") return true;
      const freed = new UsedPorts();
      freed.add(event.pod.shape.hostPorts);
      return freed.conflicts(pod.shape.hostPorts);
    },
  }),
};
