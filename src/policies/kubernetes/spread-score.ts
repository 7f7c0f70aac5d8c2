import { MAX_NODE_SCORE, type PodInfo, type SchedulerView } from "../framework/types.js";
import {
  type CountedConstraint,
  countPods,
  hasAllKeys,
  includesNode,
  type SpreadTask,
} from "./spread-constraints.js";

/** What scoring one pod needs; arrays go by soft constraint. */
export interface SpreadScoreState {
  readonly constraints: readonly CountedConstraint[];
  /** ln(size + 2), size being the number of domains: the fewer there are, the less a pod in one of them weighs. */
  readonly weights: readonly number[];
  /** Matching pods by domain id, for domains seen on feasible nodes. Empty for hostname, counted when asked. */
  readonly counts: readonly Float64Array[];
  readonly needsAllKeys: boolean;
}

/** A domain that no feasible node is in: its pods are not counted. */
const UNSEEN = -1;

/** Counts matching pods over all nodes of the cluster, in the domains that the feasible nodes are in. */
export function countSoft(
  view: SchedulerView,
  pod: PodInfo,
  feasible: Int32Array,
  task: SpreadTask,
): SpreadScoreState {
  const constraints = task.soft;
  const needsAllKeys = task.scoreNeedsAllKeys;
  const counts = constraints.map((constraint) => emptyColumn(constraint, view));
  const weights = constraints.map((constraint, i) =>
    Math.log(
      domainSize(view, feasible, needsAllKeys, constraints, constraint, counts[i] as Float64Array) + 2,
    ),
  );
  for (const node of view.nodeOrder) {
    const info = view.node(node);
    if (needsAllKeys && !hasAllKeys(constraints, info)) continue;
    const pods = view.podsOn(node);
    for (let i = 0; i < constraints.length; i++) {
      const constraint = constraints[i] as CountedConstraint;
      if (constraint.isHostname) continue;
      const column = counts[i] as Float64Array;
      const domain = domainOrMissing(constraint, constraint.domains.of(info));
      if (column[domain] === UNSEEN || !includesNode(constraint, pod.shape, info)) continue;
      column[domain] = (column[domain] as number) + countPods(constraint, pod.shape.namespace, pods);
    }
  }
  return { constraints, weights, counts, needsAllKeys };
}

/** Raw score, the lower the better; 0 for an ignored node. */
export function scoreSoft(state: SpreadScoreState, view: SchedulerView, pod: PodInfo, node: number): number {
  const info = view.node(node);
  if (isIgnored(state, view, node)) return 0;
  let score = 0;
  for (let i = 0; i < state.constraints.length; i++) {
    const constraint = state.constraints[i] as CountedConstraint;
    const domain = constraint.domains.of(info);
    if (domain < 0) continue;
    const count = constraint.isHostname
      ? countPods(constraint, pod.shape.namespace, view.podsOn(node))
      : ((state.counts[i] as Float64Array)[domain] as number);
    score += count * (state.weights[i] as number) + (constraint.maxSkew - 1);
  }
  // Never negative, so that JavaScript's rounding is Go's.
  return Math.round(score);
}

/** 100*(max + min - raw)/max over the nodes that are not ignored; those get 0. */
export function normalizeSoft(
  state: SpreadScoreState,
  view: SchedulerView,
  nodes: Int32Array,
  scores: Float64Array,
): void {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < nodes.length; i++) {
    if (isIgnored(state, view, nodes[i] as number)) continue;
    min = Math.min(min, scores[i] as number);
    max = Math.max(max, scores[i] as number);
  }
  for (let i = 0; i < nodes.length; i++) {
    if (isIgnored(state, view, nodes[i] as number)) scores[i] = 0;
    else if (max === 0) scores[i] = MAX_NODE_SCORE;
    else scores[i] = Math.trunc((MAX_NODE_SCORE * (max + min - (scores[i] as number))) / max);
  }
}

function isIgnored(state: SpreadScoreState, view: SchedulerView, node: number): boolean {
  return state.needsAllKeys && !hasAllKeys(state.constraints, view.node(node));
}

function emptyColumn(constraint: CountedConstraint, view: SchedulerView): Float64Array {
  if (constraint.isHostname) return new Float64Array(0);
  constraint.domains.ofValue("");
  for (const node of view.nodeOrder) constraint.domains.of(view.node(node));
  return new Float64Array(constraint.domains.size).fill(UNSEEN);
}

/** How many domains the feasible nodes spread over; marks them as seen in `column`. */
function domainSize(
  view: SchedulerView,
  feasible: Int32Array,
  needsAllKeys: boolean,
  constraints: readonly CountedConstraint[],
  constraint: CountedConstraint,
  column: Float64Array,
): number {
  let size = 0;
  for (const node of feasible) {
    const info = view.node(node);
    if (needsAllKeys && !hasAllKeys(constraints, info)) continue;
    if (constraint.isHostname) {
      size++;
      continue;
    }
    const domain = domainOrMissing(constraint, constraint.domains.of(info));
    if (column[domain] !== UNSEEN) continue;
    column[domain] = 0;
    size++;
  }
  return size;
}

/** A missing label reads as the value "", and so shares its domain. */
function domainOrMissing(constraint: CountedConstraint, domain: number): number {
  return domain < 0 ? constraint.domains.ofValue("") : domain;
}
