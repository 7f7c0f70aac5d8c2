import { argsOr, DEFAULT_NODE_RESOURCES_FIT_ARGS, type NodeResourcesFitArgs } from "../args.js";
import { isExtendedResource } from "../framework/resources.js";
import type {
  EventNode,
  Plugin,
  PluginContext,
  PluginFactory,
  PodInfo,
  Rejection,
  SchedulerView,
} from "../framework/types.js";
import { CPU, MEMORY } from "../framework/types.js";
import { type ScoredResource, scoredResources } from "./allocation.js";
import { scorerOf } from "./fit-scorers.js";

const NAME = "NodeResourcesFit";

/**
 * NodeResourcesFit: refuses nodes without room for the pod's requests, and scores how full a node would be.
 *
 * Filter and score read requests differently (plugins/noderesources/resource_allocation.go): what must fit is what is asked for;
 * for scoring, containers without cpu or memory requests count a little.
 */
export const nodeResourcesFit: PluginFactory = {
  name: NAME,
  description:
    "Refuses nodes without room for the pod; prefers the least (or most) allocated, or a ratio of one's own.",
  origin: "kubernetes",
  create: (args, context) => createFit(argsOr(args, DEFAULT_NODE_RESOURCES_FIT_ARGS), context),
};

/** With more resources than this, the set of insufficient ones no longer fits an exact integer. */
const MOST_MEMORABLE = 50;

/** What Filter looks at for one pod. */
interface FitState {
  readonly requests: readonly { readonly resource: number; readonly amount: number }[];
  /** Requests nothing at all: only the number of pods counts. */
  readonly bestEffort: boolean;
  /** Rejections by the set of insufficient resources, so that refusing allocates nothing. */
  readonly rejections: Map<number, Rejection>;
}

function createFit(
  args: NodeResourcesFitArgs,
  { resources }: PluginContext,
): Plugin<FitState, readonly ScoredResource[]> {
  const scorer = scorerOf(args.scoringStrategy);
  const requestedOf = (view: SchedulerView, node: number, resource: number) => {
    if (resource === CPU) return view.nonZeroCpuMilli(node);
    return resource === MEMORY ? view.nonZeroMemoryBytes(node) : view.requested(node, resource);
  };
  return {
    name: NAME,
    dependsOn: "node",
    preFilter(_view, pod) {
      const requests = pod.shape.requests.filter(
        ({ resource }) => !isIgnored(args, resources.nameOf(resource)),
      );
      const bestEffort = pod.shape.requests.length === 0;
      return { kind: "state", state: { requests, bestEffort, rejections: new Map() } };
    },
    filter(view, _pod, node, state) {
      const tooManyPods = view.podCount(node) + 1 > view.podsMax(node);
      // Bit 0: the pods; bit i + 1: the i-th request; one bit further: an amount above the whole allocatable.
      let lacking = tooManyPods ? 1 : 0;
      if (!state.bestEffort) {
        let bit = 2;
        let unresolvable = false;
        for (const { resource, amount } of state.requests) {
          const allocatable = view.allocatable(node, resource);
          if (amount > allocatable - view.requested(node, resource)) {
            lacking += bit;
            if (amount > allocatable) unresolvable = true;
          }
          bit *= 2;
        }
        if (unresolvable) lacking += bit;
      }
      if (lacking === 0) return undefined;
      if (state.requests.length > MOST_MEMORABLE) return rejectionOf(view, node, state, tooManyPods);
      let rejection = state.rejections.get(lacking);
      if (rejection === undefined) {
        rejection = rejectionOf(view, node, state, tooManyPods);
        state.rejections.set(lacking, rejection);
      }
      return rejection;
    },
    preScore(view, pod) {
      return {
        kind: "state",
        state: scoredResources(args.scoringStrategy.resources, view, (r) => scoreRequest(pod, r)),
      };
    },
    score(view, _pod, node, state) {
      return scorer(view, node, state, requestedOf);
    },
    normalizer: "none",
    requeueOn: ["NodeAdd", "NodeAllocatableUpdate", "AssignedPodDelete"],
    queueingHint(pod, event) {
      switch (event.kind) {
        case "NodeAdd":
          return fitsEmpty(pod, event.node);
        case "NodeAllocatableUpdate":
          return fitsEmpty(pod, event.node) && givesMore(pod, event.before, event.node);
        case "AssignedPodDelete":
          return true;
        default:
          return false;
      }
    },
  };
}

/** Would the pod fit if nothing else were on the node? Ignored resources are not ignored here (fit.go, isFit). */
function fitsEmpty(pod: PodInfo, node: EventNode): boolean {
  const { requests } = pod.shape;
  return node.podsMax >= 1 && requests.every(({ resource, amount }) => amount <= amountOf(node, resource));
}

/** Does the node give more of what the pod asks for, or take more pods? */
function givesMore(pod: PodInfo, before: EventNode, node: EventNode): boolean {
  if (node.podsMax > before.podsMax) return true;
  return pod.shape.requests.some(({ resource }) => amountOf(node, resource) > amountOf(before, resource));
}

function amountOf({ allocatable }: EventNode, wanted: number): number {
  return allocatable.find(({ resource }) => resource === wanted)?.amount ?? 0;
}

/** The incoming pod as this plugin's score counts it. */
function scoreRequest(pod: PodInfo, resource: number): number {
  if (resource === CPU) return pod.shape.scoreCpuMilli;
  return resource === MEMORY ? pod.shape.scoreMemoryBytes : pod.shape.scoreRequestOf(resource);
}

/** Only extended resources can be ignored. */
function isIgnored(args: NodeResourcesFitArgs, name: string): boolean {
  if (!isExtendedResource(name)) return false;
  const [group = ""] = name.split("/");
  return args.ignoredResources.includes(name) || args.ignoredResourceGroups.includes(group);
}

/** All that lacks is named; asking for more than the node has at all cannot be resolved by removing pods. */
function rejectionOf(view: SchedulerView, node: number, state: FitState, tooManyPods: boolean): Rejection {
  const reasons = tooManyPods ? ["Too many pods"] : [];
  let code: Rejection["code"] = "Unschedulable";
  for (const { resource, amount } of state.bestEffort ? [] : state.requests) {
    const allocatable = view.allocatable(node, resource);
    if (amount <= allocatable - view.requested(node, resource)) continue;
    reasons.push(`Insufficient ${view.resources.nameOf(resource)}`);
    if (amount > allocatable) code = "UnschedulableAndUnresolvable";
  }
  return { plugin: NAME, code, reasons };
}
