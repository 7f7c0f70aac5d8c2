import type { Taint, Toleration } from "../../api/objects.js";
import { isTolerated } from "../../api/tolerations.js";
import { LABEL_HOSTNAME, LABEL_ZONE } from "../../topology/topology.js";
import type { PodTopologySpreadArgs } from "../args.js";
import type { LabelPredicate, NodeInfo, PodInfo, PodShape, SpreadConstraint } from "../framework/types.js";
import type { DomainColumn, TopologyDomains } from "./topology-domains.js";

/** One spread constraint of one pod shape, ready for counting. */
export interface CountedConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly domains: DomainColumn;
  readonly isHostname: boolean;
  readonly honorsNodeAffinity: boolean;
  readonly honorsNodeTaints: boolean;
  readonly matches: LabelPredicate;
  /** An empty selector counts no pod, although it does match the incoming one. */
  readonly countsNothing: boolean;
  /** 1 where the pod's own labels match, else 0. */
  readonly selfMatch: 0 | 1;
}

/** What PodTopologySpread has to do for a pod shape. */
export interface SpreadTask {
  /** DoNotSchedule constraints, in the order given. */
  readonly hard: readonly CountedConstraint[];
  /** ScheduleAnyway constraints, in the order given. */
  readonly soft: readonly CountedConstraint[];
  /** Scoring ignores nodes that lack any soft key; only the system's default constraints do without. */
  readonly scoreNeedsAllKeys: boolean;
}

/** The constraints that a pod gets where it has none of its own. */
type DefaultConstraint = Omit<SpreadConstraint, "matches" | "selectorIsEmpty" | "labelSelector">;

/** defaultingType: System (podtopologyspread/plugin.go, systemDefaultConstraints). */
const SYSTEM_DEFAULTS: readonly DefaultConstraint[] = [
  { topologyKey: LABEL_HOSTNAME, maxSkew: 3, ...softDefaults() },
  { topologyKey: LABEL_ZONE, maxSkew: 5, ...softDefaults() },
];

/** Reads a pod shape's constraints, defaults included, and remembers the answer as long as the shape lives. */
export class SpreadTasks {
  readonly #domains: TopologyDomains;
  readonly #defaults: readonly DefaultConstraint[];
  readonly #systemDefaulted: boolean;
  readonly #tasks = new WeakMap<PodShape, SpreadTask>();

  constructor(args: PodTopologySpreadArgs, domains: TopologyDomains) {
    this.#domains = domains;
    this.#systemDefaulted = args.defaultingType === "System";
    this.#defaults = this.#systemDefaulted ? SYSTEM_DEFAULTS : args.defaultConstraints;
  }

  of(shape: PodShape): SpreadTask {
    let task = this.#tasks.get(shape);
    if (task === undefined) {
      task = this.#compile(shape);
      this.#tasks.set(shape, task);
    }
    return task;
  }

  #compile(shape: PodShape): SpreadTask {
    const explicit = shape.spreadConstraints.length > 0;
    const constraints = explicit ? shape.spreadConstraints : this.#defaultsFor(shape);
    const hard: CountedConstraint[] = [];
    const soft: CountedConstraint[] = [];
    for (const constraint of constraints) {
      const column = this.#domains.column(constraint.topologyKey);
      (constraint.whenUnsatisfiable === "DoNotSchedule" ? hard : soft).push(
        counted(constraint, shape, column),
      );
    }
    return { hard, soft, scoreNeedsAllKeys: explicit || !this.#systemDefaulted };
  }

  #defaultsFor(shape: PodShape): readonly SpreadConstraint[] {
    const matches = shape.defaultSpreadSelector;
    return matches === undefined
      ? []
      : this.#defaults.map((constraint) => ({ ...constraint, matches, selectorIsEmpty: false }));
  }
}

/** Has the node the topology keys of all these constraints? */
export function hasAllKeys(constraints: readonly CountedConstraint[], node: NodeInfo): boolean {
  for (const constraint of constraints) {
    if (constraint.domains.of(node) < 0) return false;
  }
  return true;
}

/** Do the constraint's inclusion policies let this node take part in counting? */
export function includesNode(constraint: CountedConstraint, shape: PodShape, node: NodeInfo): boolean {
  if (constraint.honorsNodeAffinity && shape.nodeAffinity !== undefined && !shape.nodeAffinity(node))
    return false;
  return !constraint.honorsNodeTaints || toleratesAll(shape.tolerations, node.taints);
}

/** Is this pod one that the constraint of a pod in `namespace` counts? */
export function countsPod(constraint: CountedConstraint, namespace: string, pod: PodInfo): boolean {
  if (constraint.countsNothing || pod.terminating) return false;
  return pod.shape.namespace === namespace && constraint.matches(pod.shape.labels);
}

/** How many of these pods the constraint counts. */
export function countPods(
  constraint: CountedConstraint,
  namespace: string,
  pods: readonly PodInfo[],
): number {
  if (constraint.countsNothing) return 0;
  let count = 0;
  // Pods of one template come in runs: the last answer is often the next.
  let shape: PodShape | undefined;
  let matched = false;
  for (let i = 0; i < pods.length; i++) {
    const pod = pods[i] as PodInfo;
    if (pod.terminating) continue;
    if (pod.shape !== shape) {
      shape = pod.shape;
      matched = shape.namespace === namespace && constraint.matches(shape.labels);
    }
    if (matched) count++;
  }
  return count;
}

function counted(constraint: SpreadConstraint, shape: PodShape, domains: DomainColumn): CountedConstraint {
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    domains,
    isHostname: constraint.topologyKey === LABEL_HOSTNAME,
    honorsNodeAffinity: constraint.nodeAffinityPolicy === "Honor",
    honorsNodeTaints: constraint.nodeTaintsPolicy === "Honor",
    matches: constraint.matches,
    countsNothing: constraint.selectorIsEmpty,
    selfMatch: constraint.matches(shape.labels) ? 1 : 0,
  };
}

/** No taint that keeps pods off the node (NoSchedule, NoExecute) is left untolerated. */
function toleratesAll(tolerations: readonly Toleration[], taints: readonly Taint[]): boolean {
  for (const taint of taints) {
    if (taint.effect !== "PreferNoSchedule" && !isTolerated(tolerations, taint)) return false;
  }
  return true;
}

/** What API defaulting adds to the system's default constraints. */
function softDefaults() {
  return {
    whenUnsatisfiable: "ScheduleAnyway",
    nodeAffinityPolicy: "Honor",
    nodeTaintsPolicy: "Ignore",
    matchLabelKeys: [],
  } as const;
}
