/** A framework over a few nodes and pods, written down in a few words. */
import type {
  Affinity,
  Container,
  ContainerImage,
  ContainerPort,
  Labels,
  PodSpec,
  ResourceList,
  Taint,
  Toleration,
} from "../../src/api/objects.js";
import { RandomStreams } from "../../src/engine/random.js";
import { SchedulerCache } from "../../src/policies/framework/cache.js";
import { SchedulingFramework } from "../../src/policies/framework/framework.js";
import { compileNode } from "../../src/policies/framework/node.js";
import { Nominator } from "../../src/policies/framework/nominator.js";
import { normalize } from "../../src/policies/framework/normalize.js";
import { ResourceTable } from "../../src/policies/framework/resources.js";
import { compileShape } from "../../src/policies/framework/shape.js";
import type {
  Plugin,
  PluginFactory,
  PodInfo,
  ProfileSpec,
  Rejection,
  SchedulerView,
} from "../../src/policies/framework/types.js";
import { defaultProfile, profileOf } from "../../src/policies/profiles.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { parseQuantity } from "../../src/units/quantity.js";

/** Resource name → quantity as written. */
export type Amounts = Readonly<Record<string, string>>;

export interface NodeWords {
  readonly allocatable?: Amounts;
  readonly labels?: Labels;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
  readonly images?: readonly ContainerImage[];
}

export interface ContainerWords {
  readonly requests?: Amounts;
  readonly sidecar?: boolean;
  readonly image?: string;
  readonly hostPorts?: readonly Partial<ContainerPort>[];
}

export interface PodWords {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  /** One container with this cpu request; `containers` says more. */
  readonly cpu?: string;
  readonly containers?: readonly ContainerWords[];
  readonly init?: readonly ContainerWords[];
  readonly overhead?: Amounts;
  readonly podLevel?: Amounts;
  readonly priority?: number;
  readonly nodeName?: string;
  readonly nodeSelector?: Labels;
  readonly affinity?: Affinity;
  readonly tolerations?: readonly Toleration[];
  readonly gates?: readonly string[];
}

export interface FrameworkWords {
  /** Only this policy scores. */
  readonly only?: string;
  readonly own?: readonly PluginFactory[];
  readonly seed?: string;
  readonly profile?: Partial<ProfileSpec>;
}

export class Small {
  readonly resources = new ResourceTable();
  readonly cache = new SchedulerCache(this.resources);
  readonly nominator = new Nominator();
  #pods = 0;

  /** Nodes by name, in order; a text is an amount of cpu. */
  constructor(nodes: Readonly<Record<string, string | NodeWords>> = {}) {
    for (const [name, words] of Object.entries(nodes)) this.node(name, words);
  }

  node(name: string, words: string | NodeWords, id = this.cache.nodeIdsEnd): number {
    const {
      allocatable = {},
      labels = {},
      taints = [],
      unschedulable = false,
      images = [],
    } = typeof words === "string" ? { allocatable: { cpu: words } } : words;
    const facts = {
      name,
      labels,
      taints,
      unschedulable,
      images,
      allocatable: amounts({ memory: "100Gi", pods: "110", ...allocatable }),
    };
    this.cache.addNode(compileNode(facts, id, this.resources));
    return id;
  }

  pod(words: PodWords = {}): PodInfo {
    const id = this.#pods++;
    const { namespace = "default", labels = {} } = words;
    return {
      id,
      name: words.name ?? `pod-${id}`,
      shape: compileShape({ namespace, labels, spec: podSpec(words) }, this.resources, id),
      startTimeUs: 0,
      terminating: false,
      terminatingByPreemption: false,
      nominatedNode: -1,
    };
  }

  /** A pod that runs on the node. */
  on(node: number, words: PodWords = {}): PodInfo {
    const pod = this.pod(words);
    this.cache.addPod(pod, node);
    return pod;
  }

  plugin(factory: PluginFactory, args?: unknown): Plugin {
    return factory.create(args, { streams: new RandomStreams("test"), resources: this.resources });
  }

  framework(words: FrameworkWords = {}): SchedulingFramework {
    const profile = words.only === undefined ? defaultProfile() : profileOf(words.only);
    return new SchedulingFramework({ ...profile, ...words.profile }, shelfWith(words.own), {
      cache: this.cache,
      nominator: this.nominator,
      streams: new RandomStreams(words.seed ?? "test"),
      podDisruptionBudgets: () => [],
    });
  }
}

export function podSpec(words: PodWords): PodSpec {
  const { cpu } = words;
  const containers = words.containers ?? [cpu === undefined ? {} : { requests: { cpu } }];
  return {
    nodeSelector: words.nodeSelector ?? {},
    tolerations: words.tolerations ?? [],
    containers: containers.map(container),
    initContainers: (words.init ?? []).map(container),
    overhead: amounts(words.overhead ?? {}),
    preemptionPolicy: "PreemptLowerPriority",
    schedulerName: "default-scheduler",
    schedulingGates: words.gates ?? [],
    topologySpreadConstraints: [],
    hostNetwork: false,
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    volumes: [],
    ...(words.nodeName !== undefined && { nodeName: words.nodeName }),
    ...(words.affinity !== undefined && { affinity: words.affinity }),
    ...(words.priority !== undefined && { priority: words.priority }),
    ...(words.podLevel !== undefined && { resources: { requests: amounts(words.podLevel), limits: {} } }),
  };
}

export function amounts(words: Amounts): ResourceList {
  return Object.fromEntries(
    Object.entries(words).map(([name, text]) => {
      const quantity = parseQuantity(text);
      if (quantity === undefined) throw new Error(`${text} is no quantity`);
      return [name, quantity];
    }),
  );
}

function container(words: ContainerWords, index: number): Container {
  const port = { containerPort: 80, hostPort: 0, hostIP: "", protocol: "TCP", name: "" };
  return {
    name: `c${index}`,
    image: words.image ?? "app",
    resources: { requests: amounts(words.requests ?? {}), limits: {} },
    ports: (words.hostPorts ?? []).map((given) => ({ ...port, ...given })),
    ...(words.sidecar === true && { restartPolicy: "Always" as const }),
  };
}

/** Each live node's refusal by one plugin, in node order: "ok", or the code's capitals and the reasons. */
export function verdicts(plugin: Plugin, view: SchedulerView, pod: PodInfo): string[] {
  const before = plugin.preFilter?.(view, pod);
  if (before?.kind === "reject") return Array.from(view.nodeOrder, () => verdict(before.rejection));
  const state = before?.kind === "state" ? before.state : undefined;
  return Array.from(view.nodeOrder, (node) =>
    before?.kind === "skip" ? "ok" : verdict(plugin.filter?.(view, pod, node, state)),
  );
}

/** Raw and normalised scores of nodes by one plugin; undefined where it skips the pod. */
export function scoresOf(plugin: Plugin, view: SchedulerView, pod: PodInfo, nodes: Int32Array) {
  const before = plugin.preScore?.(view, pod, nodes);
  if (before?.kind === "skip") return undefined;
  const scores = Float64Array.from(nodes, (node) => plugin.score?.(view, pod, node, before?.state) ?? 0);
  const raw = [...scores];
  if (plugin.normalizeScore === undefined) normalize(plugin.normalizer ?? "none", scores, scores.length);
  else plugin.normalizeScore(view, pod, nodes, scores, before?.state);
  return { raw, normalized: [...scores] };
}

function verdict(rejection: Rejection | undefined): string {
  if (rejection === undefined) return "ok";
  return `${rejection.code === "Unschedulable" ? "U" : "UaU"} ${rejection.reasons.join(", ")}`;
}
