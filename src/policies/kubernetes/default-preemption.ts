import { argsOr, DEFAULT_PREEMPTION_ARGS, type DefaultPreemptionArgs } from "../args.js";
import { failureText } from "../framework/failure.js";
import type {
  CycleState,
  DisruptionBudget,
  OverlayView,
  PluginFactory,
  PodInfo,
  PostFilterContext,
  Rejection,
} from "../framework/types.js";

/**
 * DefaultPreemption of kube-scheduler v1.34: when no node takes a pod, looks for a node that would if pods of lower
 * priority left it, and picks the node where this hurts least.
 */
export const defaultPreemption: PluginFactory = {
  name: "DefaultPreemption",
  description:
    "Makes room for a pod by evicting pods of lower priority from the node where that hurts least.",
  origin: "kubernetes",
  create: (args) => {
    const limits = argsOr(args, DEFAULT_PREEMPTION_ARGS);
    return {
      name: "DefaultPreemption",
      dependsOn: "cluster",
      postFilter(context, pod, rejections) {
        const obstacle = whyNotEligible(context, pod, rejections);
        if (obstacle !== undefined) return { kind: "notEligible", message: `preemption: ${obstacle}` };
        const { candidates, refusals } = dryRun(context, pod, rejections, limits);
        const best = pickOne(candidates, (node) => context.view.node(node).name);
        if (best === undefined) {
          return { kind: "unschedulable", message: failureMessage(context.view.nodeOrder.length, refusals) };
        }
        return { kind: "nominated", ...best };
      },
      requeueOn: ["AssignedPodDelete"],
    };
  },
};

/** A node and the pods that would have to go. */
export interface Candidate {
  readonly node: number;
  /** Most important first, never empty. */
  readonly victims: readonly PodInfo[];
  /** How many of the victims no disruption budget would let go. */
  readonly pdbViolations: number;
}

/** Nodes that would do, in the order looked at, and why the others of the dry run would not. */
export interface DryRun {
  readonly candidates: readonly Candidate[];
  readonly refusals: ReadonlyMap<number, Rejection>;
}

const NOT_HELPFUL = rejection("Preemption is not helpful for scheduling");
const NO_VICTIMS = rejection("No preemption victims found for incoming pod");

/** The reason why the pod must not preempt (again), undefined where it may. */
function whyNotEligible(
  context: PostFilterContext,
  pod: PodInfo,
  rejections: ReadonlyMap<number, Rejection>,
): string | undefined {
  if (pod.shape.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const nominated = pod.nominatedNode;
  if (nominated < 0 || context.view.nodePosition(nominated) < 0) return undefined;
  if (rejections.get(nominated)?.code === "UnschedulableAndUnresolvable") return undefined;
  const priority = pod.shape.priority;
  // Its own victims are on their way out: wait for them.
  const leaving = context.view
    .podsOn(nominated)
    .some((other) => other.shape.priority < priority && other.terminating && other.terminatingByPreemption);
  return leaving ? "not eligible due to a terminating pod on the nominated node." : undefined;
}

/**
 * Tries nodes whose refusal is exactly Unschedulable, from a random one on, until enough are found: 10 % of them, at
 * least 100, and one of them without a budget violated.
 */
export function dryRun(
  context: PostFilterContext,
  pod: PodInfo,
  rejections: ReadonlyMap<number, Rejection>,
  limits: DefaultPreemptionArgs,
): DryRun {
  const nodes = [...context.view.nodeOrder].filter((node) => rejections.get(node)?.code === "Unschedulable");
  const candidates: Candidate[] = [];
  const refusals = new Map<number, Rejection>();
  if (nodes.length === 0) return { candidates, refusals };
  const offset = context.below(nodes.length);
  const wanted = candidatesWanted(nodes.length, limits);
  const trial = new Trial(context, pod);
  let nonViolating = false;
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[(offset + i) % nodes.length] as number;
    const outcome = trial.selectVictims(node);
    if ("victims" in outcome) {
      candidates.push(outcome);
      nonViolating ||= outcome.pdbViolations === 0;
      if (nonViolating && candidates.length >= wanted) break;
    } else {
      refusals.set(node, outcome);
    }
  }
  return { candidates, refusals };
}

function candidatesWanted(nodes: number, limits: DefaultPreemptionArgs): number {
  const share = Math.trunc((nodes * limits.minCandidateNodesPercentage) / 100);
  return Math.min(nodes, Math.max(share, limits.minCandidateNodesAbsolute));
}

/** The dry run on one node after another, all on one overlay. */
class Trial {
  readonly #context: PostFilterContext;
  readonly #pod: PodInfo;
  readonly #overlay: OverlayView;

  constructor(context: PostFilterContext, pod: PodInfo) {
    this.#context = context;
    this.#pod = pod;
    this.#overlay = context.overlay();
  }

  /** The pods that must leave the node, after as many as possible were let back; or why that would not help. */
  selectVictims(node: number): Candidate | Rejection {
    const context = this.#context;
    const overlay = this.#overlay;
    const pod = this.#pod;
    const potential = overlay.podsOn(node).filter((other) => other.shape.priority < pod.shape.priority);
    if (potential.length === 0) return NO_VICTIMS;
    const cycle = context.cloneCycle();
    try {
      for (const other of potential) context.removePod(overlay, cycle, pod, other, node);
      const refusal = context.filter(overlay, cycle, pod, node);
      if (refusal !== undefined) return refusal;
      potential.sort(byImportance);
      const { violating, others } = splitByBudgets(potential, context.podDisruptionBudgets);
      const victims: PodInfo[] = [];
      let pdbViolations = 0;
      for (const other of violating) {
        if (this.#reprieve(cycle, other, node)) continue;
        victims.push(other);
        pdbViolations++;
      }
      for (const other of others) {
        if (!this.#reprieve(cycle, other, node)) victims.push(other);
      }
      const name = overlay.node(node).name;
      if (victims.length === 0) return rejection(`expected at least one victim pod on node "${name}"`);
      return { node, victims: victims.sort(byImportance), pdbViolations };
    } finally {
      overlay.reset();
    }
  }

  /** Puts the pod back and leaves it there if the preemptor still fits. */
  #reprieve(cycle: CycleState, other: PodInfo, node: number): boolean {
    this.#context.addPod(this.#overlay, cycle, this.#pod, other, node);
    if (this.#context.filter(this.#overlay, cycle, this.#pod, node) === undefined) return true;
    this.#context.removePod(this.#overlay, cycle, this.#pod, other, node);
    return false;
  }
}

/** More important pods first: by priority, then by how long they have run. Equals stay in the node's order. */
function byImportance(a: PodInfo, b: PodInfo): number {
  if (a.shape.priority !== b.shape.priority) return b.shape.priority - a.shape.priority;
  if (a.startTimeUs === b.startTimeUs) return 0;
  return a.startTimeUs < b.startTimeUs ? -1 : 1;
}

/**
 * Walks the pods in order, each taking one disruption from every budget that covers it; those that find a budget
 * used up are violating.
 */
export function splitByBudgets(
  pods: readonly PodInfo[],
  budgets: readonly DisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  const left = budgets.map((budget) => budget.disruptionsAllowed);
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const pod of pods) {
    let violates = false;
    for (const [i, budget] of budgets.entries()) {
      if (!covers(budget, pod)) continue;
      const remaining = (left[i] as number) - 1;
      left[i] = remaining;
      if (remaining < 0) violates = true;
    }
    (violates ? violating : others).push(pod);
  }
  return { violating, others };
}

/** A pod without labels is under no budget, nor is one whose disruption the API server is already processing. */
function covers(budget: DisruptionBudget, pod: PodInfo): boolean {
  const { namespace, labels } = pod.shape;
  if (budget.namespace !== namespace || Object.keys(labels).length === 0) return false;
  return budget.matches(labels) && !budget.disruptedPods.has(pod.name);
}

/** Of the candidates whose victims matter least the one of the bytewise lowest name; upstream's order is random here. */
export function pickOne(
  candidates: readonly Candidate[],
  nameOf: (node: number) => string,
): Candidate | undefined {
  return leastHarmful(candidates).reduce<Candidate | undefined>(
    (lowest, next) => (lowest === undefined || nameOf(next.node) < nameOf(lowest.node) ? next : lowest),
    undefined,
  );
}

/**
 * The candidates whose victims matter least (preemption.go, pickOneNodeForPreemption); each criterion decides only
 * among the best by the ones before.
 */
export function leastHarmful(candidates: readonly Candidate[]): readonly Candidate[] {
  let best = candidates;
  for (const cost of COSTS) {
    if (best.length <= 1) break;
    const costs = best.map(cost);
    const least = costs.reduce((a, b) => Math.min(a, b));
    best = best.filter((_, i) => costs[i] === least);
  }
  return best;
}

/** Makes every priority's share of the sum positive, so that fewer victims cost less (MaxInt32 + 1). */
const PRIORITY_OFFSET = 2_147_483_648;

const COSTS: readonly ((candidate: Candidate) => number)[] = [
  (candidate) => candidate.pdbViolations,
  (candidate) => highestPriority(candidate),
  (candidate) => candidate.victims.reduce((sum, victim) => sum + victim.shape.priority + PRIORITY_OFFSET, 0),
  (candidate) => candidate.victims.length,
  // The victim that has run longest should have run as short as possible.
  (candidate) => -earliestStartUs(candidate),
];

function highestPriority(candidate: Candidate): number {
  return candidate.victims[0]?.shape.priority ?? Number.NEGATIVE_INFINITY;
}

/** Earliest start among the victims of the highest priority. */
function earliestStartUs(candidate: Candidate): number {
  const highest = highestPriority(candidate);
  let earliest = Number.POSITIVE_INFINITY;
  for (const { shape, startTimeUs } of candidate.victims) {
    if (shape.priority === highest && startTimeUs < earliest) earliest = startTimeUs;
  }
  return earliest;
}

/** Nodes outside the dry run count as not helped by preemption. */
function failureMessage(nodes: number, refusals: ReadonlyMap<number, Rejection>): string {
  const others = new Array<Rejection>(nodes - refusals.size).fill(NOT_HELPFUL);
  return `preemption: ${failureText(nodes, [...refusals.values(), ...others])}`;
}

function rejection(reason: string): Rejection {
  return { plugin: "DefaultPreemption", code: "UnschedulableAndUnresolvable", reasons: [reason] };
}
