import type { PluginFactory } from "../framework/types.js";

/** SchedulingGates: a pod with a gate does not enter the queue. */
export const schedulingGates: PluginFactory = {
  name: "SchedulingGates",
  description: "Keeps a pod out of the queue while it has scheduling gates.",
  origin: "kubernetes",
  create: () => ({
    name: "SchedulingGates",
    dependsOn: "facts",
    preEnqueue(pod) {
      const gates = pod.shape.schedulingGates;
      if (gates.length === 0) return undefined;
      return {
        plugin: "SchedulingGates",
        code: "UnschedulableAndUnresolvable",
        reasons: [`waiting for scheduling gates: [${gates.join(" ")}]`],
      };
    },
    requeueOn: ["PodUpdate"],
  }),
};
