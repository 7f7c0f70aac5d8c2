/** Why a pod is where it is, or is nowhere: the scheduler's answer for each node, and what would change it. */
import { assert } from "../assert.js";
import type { Diagnosis, ScoreDetail } from "../policies/framework/diagnosis.js";
import { leftOutBy } from "../policies/framework/framework.js";
import type { Decision, PostFilterResult, Rejection, RejectionCode } from "../policies/framework/types.js";
import { formatQuantity } from "../units/quantity.js";
import { keyOfInfo, type PlacedPod, type PlacementCluster } from "./cluster.js";
import { oneLeavingSuffices, quantityOf, shortagesOf } from "./fixes-resources.js";
import { Sandbox } from "./sandbox.js";
import { type Suggestion, suggest } from "./suggestions.js";

/** What a node lacks. Amounts are quantities as Kubernetes writes them. */
export interface NodeShortage {
  readonly resource: string;
  readonly requested: string;
  readonly by: string;
}

export type NodeAnswer =
  | {
      readonly node: string;
      readonly kind: "refused";
      readonly plugin: string;
      readonly code: RejectionCode;
      readonly reasons: readonly string[];
      /** Where NodeResourcesFit refused. */
      readonly shortages: readonly NodeShortage[];
    }
  | {
      readonly node: string;
      readonly kind: "feasible";
      /** The sum of weight × normalised score. */
      readonly total: number;
      readonly scores: readonly ScoreDetail[];
    };

export type Preemption =
  | {
      readonly kind: "helps";
      readonly node: string;
      readonly victims: readonly string[];
      readonly pdbViolations: number;
    }
  | { readonly kind: "doesNotHelp" | "notEligible"; readonly message: string }
  | { readonly kind: "off" };

export type Verdict =
  /** Fits now; `best` are the nodes with the highest total. */
  | { readonly kind: "schedulable"; readonly best: readonly string[]; readonly total: number }
  /** Waits for its gates, whatever the nodes say. */
  | { readonly kind: "gated"; readonly gates: readonly string[] }
  /** No profile of the configuration has this name: another scheduler decides, or none does. */
  | { readonly kind: "otherScheduler"; readonly schedulerName: string }
  /** Every node refuses for a reason that no leaving pod changes: nodes or the pod must be changed. */
  | { readonly kind: "forever" }
  /** Full: on no node would one pod's leaving make room. */
  | { readonly kind: "untilCapacity"; readonly preemption: Preemption }
  /** On some node a pod's leaving makes it fit, be it by preemption or by itself. */
  | { readonly kind: "untilPodLeaves"; readonly preemption: Preemption };

export interface Explanation {
  readonly pod: string;
  /** All pods to which the very same applies, this one first. */
  readonly pods: readonly string[];
  readonly schedulerName: string;
  readonly priority: number;
  /** The node that it is on: the answers are what the scheduler would say were it to be placed again. */
  readonly boundTo: string | undefined;
  readonly nominatedNode: string | undefined;
  readonly verdict: Verdict;
  /** kube-scheduler's own words for a pod that finds no node (FailedScheduling); undefined where it finds one. */
  readonly message: string | undefined;
  /** In node order. */
  readonly nodes: readonly NodeAnswer[];
  /** Each by itself makes the pod schedulable. */
  readonly suggestions: readonly Suggestion[];
}

export interface ExplainOptions {
  /** Answers and suggestions for this node alone. */
  readonly node?: string;
  /** false: the answers alone. */
  readonly suggestions?: boolean;
}

/** Many pods at once get by with fewer tries for each. */
const CANDIDATES_OF_MANY = 4;

/** Explains pods of one cluster, which it leaves as it is. */
export class Explainer {
  readonly #cluster: PlacementCluster;
  #sandbox: Sandbox | undefined;

  constructor(cluster: PlacementCluster) {
    this.#cluster = cluster;
  }

  /** The pod with this key, pending or bound; it is there. */
  explain(key: string, options: ExplainOptions = {}): Explanation {
    return this.#explain(this.#cluster.pod(key), [key], options);
  }

  /** Every pending pod, pods that ask for the same under the same conditions together. */
  explainPending(options: ExplainOptions = {}): Explanation[] {
    const groups = new Map<string, PlacedPod[]>();
    for (const pod of pendingPods(this.#cluster)) {
      const key = `${pod.info.shape.id}/${pod.info.nominatedNode}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [pod]);
      else group.push(pod);
    }
    const candidates = groups.size > 1 ? { candidates: CANDIDATES_OF_MANY } : {};
    return Array.from(groups.values(), (pods) => {
      const [first] = pods;
      assert(first !== undefined, "no group is empty");
      return this.#explain(
        first,
        pods.map(({ key }) => key),
        { ...options, ...candidates },
      );
    });
  }

  #explain(
    pod: PlacedPod,
    pods: readonly string[],
    options: ExplainOptions & { readonly candidates?: number },
  ): Explanation {
    const { info, node: boundTo } = pod;
    const head = {
      pod: pod.key,
      pods,
      schedulerName: info.shape.schedulerName,
      priority: info.shape.priority,
      boundTo,
      nominatedNode: info.nominatedNode < 0 ? undefined : this.#cluster.cache.node(info.nominatedNode).name,
    };
    if (this.#cluster.framework(info) === undefined) {
      const verdict = { kind: "otherScheduler", schedulerName: info.shape.schedulerName } as const;
      return { ...head, verdict, message: undefined, nodes: [], suggestions: [] };
    }
    this.#sandbox ??= new Sandbox(this.#cluster);
    const sandbox = this.#sandbox;
    sandbox.take(pod.key);
    try {
      const all = answersOf(sandbox);
      const gate = sandbox.gate();
      const fits = all.some(({ kind }) => kind === "feasible");
      // A whole attempt is made only where it fails: a decision has effects on plugins' memory.
      const decision = gate !== undefined || fits ? undefined : this.#attempt(pod, sandbox);
      return {
        ...head,
        verdict: verdictOf(sandbox, all, decision),
        message:
          gate?.reasons.join(", ") ?? (decision?.kind === "unschedulable" ? decision.message : undefined),
        nodes: all.filter(({ node }) => options.node === undefined || node === options.node),
        suggestions: options.suggestions === false ? [] : suggest(sandbox, options),
      };
    } finally {
      sandbox.release();
    }
  }

  #attempt(pod: PlacedPod, sandbox: Sandbox): Decision | undefined {
    const cluster = pod.node === undefined ? this.#cluster : sandbox.cluster;
    const info = pod.node === undefined ? pod.info : sandbox.info;
    return cluster.framework(info)?.schedule(info);
  }
}

/** Pods that wait for a node, in the cluster's order. Those being deleted wait no more. */
export function pendingPods(cluster: PlacementCluster): PlacedPod[] {
  return [...cluster.pods].filter(({ node, info }) => node === undefined && !info.terminating);
}

function answersOf(sandbox: Sandbox): NodeAnswer[] {
  const { cluster, info } = sandbox;
  const { cache } = cluster;
  const diagnosis = cluster.framework(info)?.diagnose(info);
  assert(diagnosis !== undefined, "the pod has a profile");
  const left = leftOut(diagnosis);
  const answers = new Map<number, NodeAnswer>();
  for (const node of diagnosis.nodes) {
    const { name } = cache.node(node.node);
    answers.set(
      node.node,
      node.kind === "feasible"
        ? { node: name, kind: "feasible", total: node.total, scores: node.scores }
        : refusal(sandbox, node.node, node.rejection),
    );
  }
  return [...cache.nodeOrder].flatMap((node) => {
    const answer = answers.get(node) ?? (left && refusal(sandbox, node, left));
    return answer === undefined ? [] : [answer];
  });
}

/** Who refused the nodes that no filter looked at. */
function leftOut({ preFilter, limited }: Diagnosis): Rejection | undefined {
  return preFilter ?? (limited && leftOutBy(limited.plugins));
}

function refusal({ cluster, info }: Sandbox, node: number, rejection: Rejection): NodeAnswer {
  const { plugin, code, reasons } = rejection;
  const shortages =
    plugin === "NodeResourcesFit"
      ? shortagesOf(cluster, info, node).map(({ resource, name, requested, by }) => ({
          resource: name,
          requested: formatQuantity(quantityOf(resource, requested)),
          by: formatQuantity(quantityOf(resource, by)),
        }))
      : [];
  return { node: cluster.cache.node(node).name, kind: "refused", plugin, code, reasons, shortages };
}

function verdictOf(
  sandbox: Sandbox,
  answers: readonly NodeAnswer[],
  decision: Decision | undefined,
): Verdict {
  const { cluster, info } = sandbox;
  const { schedulingGates: gates } = info.shape;
  if (sandbox.gate() !== undefined) return { kind: "gated", gates };
  if (decision?.kind !== "unschedulable") return best(answers);
  const preemption = preemptionOf(cluster, decision.preemption);
  const resolvable = [...decision.rejections].filter(([, { code }]) => code === "Unschedulable");
  if (resolvable.length === 0) return { kind: "forever" };
  const leaving =
    preemption.kind === "helps" ||
    resolvable.some(
      ([node, { plugin }]) => plugin !== "NodeResourcesFit" || oneLeavingSuffices(cluster, info, node),
    );
  return { kind: leaving ? "untilPodLeaves" : "untilCapacity", preemption };
}

function best(answers: readonly NodeAnswer[]): Verdict {
  const feasible = answers.filter((answer) => answer.kind === "feasible");
  const total = feasible.reduce(
    (highest, answer) => Math.max(highest, answer.total),
    Number.NEGATIVE_INFINITY,
  );
  const nodes = feasible.filter((answer) => answer.total === total).map(({ node }) => node);
  return { kind: "schedulable", best: nodes.sort(), total };
}

function preemptionOf(cluster: PlacementCluster, result: PostFilterResult | undefined): Preemption {
  if (result === undefined) return { kind: "off" };
  if (result.kind === "nominated") {
    return {
      kind: "helps",
      node: cluster.cache.node(result.node).name,
      victims: result.victims.map(keyOfInfo),
      pdbViolations: result.pdbViolations,
    };
  }
  return {
    kind: result.kind === "notEligible" ? "notEligible" : "doesNotHelp",
    message: result.message.replace(/^preemption: /, ""),
  };
}

/** What the event may hold (apimachinery validation.NoteLengthLimit); kube-scheduler cuts the rest. */
const NOTE_LENGTH_MAX = 1024;

/** The message as the FailedScheduling event shows it (scheduler.truncateMessage). */
export function eventNote(message: string): string {
  const suffix = " ...";
  if (message.length <= NOTE_LENGTH_MAX) return message;
  return message.slice(0, NOTE_LENGTH_MAX - suffix.length) + suffix;
}
