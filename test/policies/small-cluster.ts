/** Small clusters written down in a few words, for tests of plugins that look at more than one node. */
import type {
  Affinity,
  LabelSelector,
  Labels,
  PodAffinityTerm,
  PodSpec,
  Taint,
  Toleration,
  TopologySpreadConstraint,
  Volume,
  WeightedPodAffinityTerm,
} from "../../src/api/objects.js";
import { RandomStreams } from "../../src/engine/random.js";
import { SchedulerCache } from "../../src/policies/framework/cache.js";
import { compileNode } from "../../src/policies/framework/node.js";
import { ResourceTable } from "../../src/policies/framework/resources.js";
import { compileShape } from "../../src/policies/framework/shape.js";
import type {
  LabelPredicate,
  Plugin,
  PluginFactory,
  PodInfo,
  Rejection,
  SchedulerView,
} from "../../src/policies/framework/types.js";
import { parseQuantity } from "../../src/units/quantity.js";

/** A pod in a few words; everything else is as the API server defaults it. */
export interface PodText {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly nodeSelector?: Labels;
  readonly tolerations?: readonly Toleration[];
  readonly spread?: readonly TopologySpreadConstraint[];
  readonly affinity?: Affinity;
  readonly priority?: number;
  readonly preemptionPolicy?: "PreemptLowerPriority" | "Never";
  readonly cpu?: string;
  readonly hostPort?: number;
  readonly startTimeUs?: number;
  readonly terminating?: boolean;
  readonly terminatingByPreemption?: boolean;
  readonly defaultSpreadSelector?: LabelPredicate;
  readonly volumes?: readonly Volume[];
}

/** A node in a few words, with the pods on it. */
export interface NodeText {
  readonly name: string;
  readonly labels?: Labels;
  readonly taints?: readonly Taint[];
  readonly cpu?: string;
  readonly pods?: readonly PodText[];
}

/** A scheduler cache filled from such texts. Node ids are the nodes' indices. */
export class SmallCluster {
  readonly resources = new ResourceTable();
  readonly cache = new SchedulerCache(this.resources);
  readonly #nodes: readonly NodeText[];
  #pods = 0;

  constructor(nodes: readonly NodeText[], namespaces: Readonly<Record<string, Labels>> = {}) {
    this.#nodes = nodes;
    for (const [name, labels] of Object.entries(namespaces)) this.cache.setNamespaceLabels(name, labels);
    for (const [id, node] of nodes.entries()) {
      const { name, labels = {}, taints = [], cpu = "100" } = node;
      const allocatable = { cpu: quantity(cpu), memory: quantity("100Gi"), pods: quantity("110") };
      const facts = { name, labels, taints, unschedulable: false, allocatable, images: [] };
      this.cache.addNode(compileNode(facts, id, this.resources));
      for (const pod of node.pods ?? []) this.cache.addPod(this.pod(pod), id);
    }
  }

  /** A pod that is nowhere yet. */
  pod(text: PodText): PodInfo {
    const id = this.#pods++;
    const { namespace = "default", labels = {}, defaultSpreadSelector } = text;
    const spec = podSpec(text);
    const input = { namespace, labels, spec, ...(defaultSpreadSelector && { defaultSpreadSelector }) };
    return {
      id,
      name: text.name ?? `pod-${id}`,
      shape: compileShape(input, this.resources, id),
      startTimeUs: text.startTimeUs ?? 0,
      terminating: text.terminating ?? text.terminatingByPreemption ?? false,
      terminatingByPreemption: text.terminatingByPreemption ?? false,
      nominatedNode: -1,
    };
  }

  plugin(factory: PluginFactory, args?: unknown): Plugin {
    return factory.create(args, { streams: new RandomStreams("test"), resources: this.resources });
  }

  id(name: string): number {
    return this.#nodes.findIndex((node) => node.name === name);
  }

  /** All node ids, in the order of the texts. */
  get nodes(): Int32Array {
    return Int32Array.from(this.#nodes.keys());
  }
}

/** Each node's refusal by a plugin: "ok", or the code's capitals and the reasons. */
export function filterAll(plugin: Plugin, view: SchedulerView, pod: PodInfo, state?: unknown): string[] {
  const asked = state === undefined ? plugin.preFilter?.(view, pod) : ({ kind: "state", state } as const);
  if (asked === undefined || asked.kind === "reject") throw new Error("the plugin does not refuse all nodes");
  return Array.from({ length: view.nodeIdsEnd }, (_, node) =>
    asked.kind === "skip" ? "ok" : verdict(plugin.filter?.(view, pod, node, asked.state)),
  );
}

export function verdict(rejection: Rejection | undefined): string {
  if (rejection === undefined) return "ok";
  return `${rejection.code === "Unschedulable" ? "U" : "UaU"} ${rejection.reasons.join(", ")}`;
}

/** Raw and normalised scores of the feasible nodes, or undefined where the plugin skips. */
export function scoreAll(
  plugin: Plugin,
  view: SchedulerView,
  pod: PodInfo,
  feasible: Int32Array,
): { readonly raw: number[]; readonly normalised: number[] } | undefined {
  const asked = plugin.preScore?.(view, pod, feasible);
  if (asked === undefined || asked.kind === "skip") return undefined;
  const scores = Float64Array.from(
    feasible,
    (node) => plugin.score?.(view, pod, node, asked.state) ?? Number.NaN,
  );
  const raw = [...scores];
  plugin.normalizeScore?.(view, pod, feasible, scores, asked.state);
  return { raw, normalised: [...scores] };
}

/** A label selector of exact labels. */
export function selector(matchLabels: Labels): LabelSelector {
  return { matchLabels, matchExpressions: [] };
}

/** A spread constraint with the API's defaults. */
export function spreadOver(
  topologyKey: string,
  rest: Partial<TopologySpreadConstraint> = {},
): TopologySpreadConstraint {
  return {
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: selector({ app: "a" }),
    nodeAffinityPolicy: "Honor",
    nodeTaintsPolicy: "Ignore",
    matchLabelKeys: [],
    ...rest,
  };
}

/** An affinity term with the API's defaults. */
export function term(
  topologyKey: string,
  labelSelector: LabelSelector | undefined,
  rest: Partial<PodAffinityTerm> = {},
): PodAffinityTerm {
  const base = { topologyKey, namespaces: [], matchLabelKeys: [], mismatchLabelKeys: [], ...rest };
  return labelSelector === undefined ? base : { ...base, labelSelector };
}

/** A pod's terms by kind. */
export function affinity(terms: {
  readonly required?: readonly PodAffinityTerm[];
  readonly requiredAnti?: readonly PodAffinityTerm[];
  readonly preferred?: readonly WeightedPodAffinityTerm[];
  readonly preferredAnti?: readonly WeightedPodAffinityTerm[];
}): Affinity {
  return {
    podAffinity: { required: terms.required ?? [], preferred: terms.preferred ?? [] },
    podAntiAffinity: { required: terms.requiredAnti ?? [], preferred: terms.preferredAnti ?? [] },
  };
}

function podSpec(text: PodText): PodSpec {
  const requests = { cpu: quantity(text.cpu ?? "0") };
  const port = { containerPort: 80, hostPort: text.hostPort ?? 0, hostIP: "", protocol: "TCP", name: "" };
  const container = { name: "main", image: "main:1", resources: { requests, limits: {} }, ports: [port] };
  return {
    nodeSelector: text.nodeSelector ?? {},
    ...(text.affinity && { affinity: text.affinity }),
    tolerations: text.tolerations ?? [],
    containers: [container],
    initContainers: [],
    overhead: {},
    priority: text.priority ?? 0,
    preemptionPolicy: text.preemptionPolicy ?? "PreemptLowerPriority",
    schedulerName: "default-scheduler",
    schedulingGates: [],
    topologySpreadConstraints: text.spread ?? [],
    hostNetwork: false,
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    volumes: text.volumes ?? [],
  };
}

function quantity(text: string): bigint {
  const parsed = parseQuantity(text);
  if (parsed === undefined) throw new Error(`${text} is no quantity`);
  return parsed;
}
