import { argsOr, DEFAULT_POD_TOPOLOGY_SPREAD_ARGS, type PodTopologySpreadArgs } from "../args.js";
import type { Plugin, PluginFactory } from "../framework/types.js";
import { SpreadTasks } from "./spread-constraints.js";
import { cloneHard, countHard, filterHard, type SpreadState, updateHard } from "./spread-filter.js";
import { mayRebalance } from "./spread-hint.js";
import { countSoft, normalizeSoft, type SpreadScoreState, scoreSoft } from "./spread-score.js";
import { TopologyDomains } from "./topology-domains.js";

/**
 * PodTopologySpread of kube-scheduler v1.34: keeps the number of matching pods in the domains of a topology key
 * within maxSkew of each other (DoNotSchedule), or prefers nodes that would (ScheduleAnyway).
 *
 * One departure, for the sake of the rule that an updated state equals a fresh one: upstream's update after a
 * removal also takes off terminating pods and pods under an empty selector, which it never counted.
 */
export const podTopologySpread: PluginFactory = {
  name: "PodTopologySpread",
  description: "Spreads matching pods over the domains of topology keys, as hard and as soft constraints.",
  origin: "kubernetes",
  create: (args) => create(argsOr(args, DEFAULT_POD_TOPOLOGY_SPREAD_ARGS)),
};

function create(args: PodTopologySpreadArgs): Plugin<SpreadState, SpreadScoreState> {
  const tasks = new SpreadTasks(args, new TopologyDomains());
  return {
    name: "PodTopologySpread",
    dependsOn: "domain",
    preFilter(view, pod) {
      const { hard } = tasks.of(pod.shape);
      return hard.length === 0 ? { kind: "skip" } : { kind: "state", state: countHard(view, pod, hard) };
    },
    addPod: (state, view, pod, added, node) => updateHard(state, view, pod, added, node, 1),
    removePod: (state, view, pod, removed, node) => updateHard(state, view, pod, removed, node, -1),
    cloneState: cloneHard,
    filter: (view, _pod, node, state) => filterHard(state, view, node),
    preScore(view, pod, nodes) {
      const task = tasks.of(pod.shape);
      return task.soft.length === 0
        ? { kind: "skip" }
        : { kind: "state", state: countSoft(view, pod, nodes, task) };
    },
    score: (view, pod, node, state) => scoreSoft(state, view, pod, node),
    normalizeScore: (view, _pod, nodes, scores, state) => normalizeSoft(state, view, nodes, scores),
    requeueOn: [
      "AssignedPodAdd",
      "AssignedPodDelete",
      "NodeAdd",
      "NodeDelete",
      "NodeLabelUpdate",
      "NodeTaintUpdate",
    ],
    queueingHint: (pod, event) => mayRebalance(tasks.of(pod.shape).hard, pod, event),
  };
}
