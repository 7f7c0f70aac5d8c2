import { argsOr, DEFAULT_INTER_POD_AFFINITY_ARGS, type InterPodAffinityArgs } from "../args.js";
import type {
  AffinityTerm,
  Plugin,
  PluginFactory,
  PodInfo,
  PodShape,
  QueueEvent,
} from "../framework/types.js";
import {
  type AffinityState,
  cloneAffinity,
  countAffinity,
  filterAffinity,
  updateAffinity,
} from "./affinity-filter.js";
import { PodRecords } from "./affinity-records.js";
import {
  type AffinityScoreState,
  normalizeAffinity,
  scoreAffinity,
  weighAffinity,
} from "./affinity-score.js";
import { TopologyDomains } from "./topology-domains.js";

/**
 * InterPodAffinity of kube-scheduler v1.34: a pod's required and preferred terms about the pods already in a
 * topology domain, and theirs about it.
 */
export const interPodAffinity: PluginFactory = {
  name: "InterPodAffinity",
  description:
    "Puts pods near the pods they have affinity to and away from those they, or that, have anti-affinity to.",
  origin: "kubernetes",
  create: (args) => create(argsOr(args, DEFAULT_INTER_POD_AFFINITY_ARGS)),
};

function create(args: InterPodAffinityArgs): Plugin<AffinityState, AffinityScoreState> {
  const columns = new TopologyDomains();
  const records = new PodRecords(columns, args.hardPodAffinityWeight);
  return {
    name: "InterPodAffinity",
    dependsOn: "domain",
    preFilter(view, pod) {
      const state = countAffinity(view, pod, columns);
      return state === undefined ? { kind: "skip" } : { kind: "state", state };
    },
    addPod: (state, view, _pod, added, node) => updateAffinity(state, view, added, node, 1),
    removePod: (state, view, _pod, removed, node) => updateAffinity(state, view, removed, node, -1),
    cloneState: cloneAffinity,
    filter: (view, _pod, node, state) => filterAffinity(state, view, node),
    preScore(view, pod) {
      const state = weighAffinity(view, pod, args, records);
      return state === undefined ? { kind: "skip" } : { kind: "state", state };
    },
    score: (view, _pod, node, state) => scoreAffinity(state, view, node),
    normalizeScore: (_view, _pod, _nodes, scores) => normalizeAffinity(scores),
    requeueOn: ["AssignedPodAdd", "AssignedPodDelete", "NodeAdd", "NodeLabelUpdate"],
    queueingHint: (pod, event) => mayMeetTerms(pod.shape, event),
  };
}

/**
 * The pod's required terms alone decide, each with all its fellows; a pod kept away by another's anti-affinity waits
 * for the look at long-unschedulable pods (interpodaffinity/plugin.go). Namespace labels are not looked up there.
 */
function mayMeetTerms({ requiredAffinity, requiredAntiAffinity }: PodShape, event: QueueEvent): boolean {
  const allMatch = (terms: readonly AffinityTerm[], { shape }: PodInfo): boolean =>
    terms.length > 0 && terms.every((term) => term.matches(shape, {}));
  switch (event.kind) {
    case "AssignedPodAdd":
      return allMatch(requiredAffinity, event.pod);
    case "AssignedPodDelete":
      return allMatch(requiredAntiAffinity, event.pod);
    case "NodeAdd": {
      const { labels } = event.node.info;
      return [...requiredAffinity, ...requiredAntiAffinity].some(({ topologyKey }) => topologyKey in labels);
    }
    case "NodeLabelUpdate": {
      const { labels: before } = event.before.info;
      const { labels: now } = event.node.info;
      const changed = ({ topologyKey }: AffinityTerm): boolean => before[topologyKey] !== now[topologyKey];
      return (
        requiredAffinity.some((term) => changed(term) && term.topologyKey in now) ||
        requiredAntiAffinity.some((term) => changed(term) && term.topologyKey in before)
      );
    }
    default:
      return false;
  }
}
