/**
 * Scheduling decisions a CPU second, the default profile, at 100 to 5,000 nodes in three zones: basic pods, pods spread
 * over zones and hosts (DoNotSchedule), pods with required anti-affinity to their own group by host. Each decision is
 * accounted before the next.
 *
 * Two baselines of the same run: the same profile at 100 nodes (how the cost grows with the cluster), and for basic pods
 * a plain loop over all nodes as objects, which knows nothing but cpu, memory and the two default resource scores. For
 * context the figures of kube-scheduler v1.34.1's own framework on such a machine (one decision after the other, no
 * queue, no API server; good to about a third).
 */
import type { Affinity, PodSpec, TopologySpreadConstraint } from "../src/api/objects.js";
import type { PodInfo } from "../src/policies/framework/types.js";
import { built, cpuSeconds, figure } from "./built.js";

const { SchedulerCache } =
  await built<typeof import("../src/policies/framework/cache.js")>("policies/framework/cache");
const { SchedulingFramework } = await built<typeof import("../src/policies/framework/framework.js")>(
  "policies/framework/framework",
);
const { compileNode } =
  await built<typeof import("../src/policies/framework/node.js")>("policies/framework/node");
const { Nominator } = await built<typeof import("../src/policies/framework/nominator.js")>(
  "policies/framework/nominator",
);
const { ResourceTable } = await built<typeof import("../src/policies/framework/resources.js")>(
  "policies/framework/resources",
);
const { compileShape } =
  await built<typeof import("../src/policies/framework/shape.js")>("policies/framework/shape");
const { defaultProfile } = await built<typeof import("../src/policies/profiles.js")>("policies/profiles");
const { shelfWith } = await built<typeof import("../src/policies/shelf.js")>("policies/shelf");
const { RandomStreams } = await built<typeof import("../src/engine/random.js")>("engine/random");
const { emptyPodSpec } = await built<typeof import("../src/api/pods.js")>("api/pods");
const { parseQuantity } = await built<typeof import("../src/units/quantity.js")>("units/quantity");

const SIZES = [100, 500, 1_000, 5_000];
const KINDS = ["basic", "spread", "anti-affinity"] as const;
type Kind = (typeof KINDS)[number];

/** kube-scheduler's framework: decisions a CPU second, sampling adaptive and all nodes. */
const KUBE_SCHEDULER: Readonly<Record<Kind, readonly (readonly [number, number])[]>> = {
  basic: [
    [2_144, 2_434],
    [1_427, 754],
    [802, 473],
    [730, 100],
  ],
  spread: [
    [1_595, 1_573],
    [932, 619],
    [663, 360],
    [302, 59],
  ],
  "anti-affinity": [
    [1_685, 1_846],
    [515, 382],
    [362, 211],
    [266, 49],
  ],
};

/** Decisions measured, after as many again that warm up the machine. */
const DECISIONS = 1_000;
/** Pods that must not share a host. */
const GROUP = 50;
const ZONES = 3;

function quantity(text: string): bigint {
  const parsed = parseQuantity(text);
  if (parsed === undefined) throw new Error(`${text} is no quantity`);
  return parsed;
}

function emptySpec(): PodSpec {
  const requests = { cpu: quantity("100m"), memory: quantity("500Mi") };
  return emptyPodSpec([{ name: "main", image: "app", resources: { requests, limits: {} }, ports: [] }]);
}

function specOf(kind: Kind, group: string): PodSpec {
  const labelSelector = { matchLabels: { group }, matchExpressions: [] };
  if (kind === "basic") return emptySpec();
  if (kind === "spread") {
    const constraint = (topologyKey: string, maxSkew: number): TopologySpreadConstraint => ({
      topologyKey,
      maxSkew,
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector,
      nodeAffinityPolicy: "Honor",
      nodeTaintsPolicy: "Ignore",
      matchLabelKeys: [],
    });
    const topologySpreadConstraints = [
      constraint("topology.kubernetes.io/zone", 5),
      constraint("kubernetes.io/hostname", 5),
    ];
    return { ...emptySpec(), topologySpreadConstraints };
  }
  const term = {
    topologyKey: "kubernetes.io/hostname",
    labelSelector,
    namespaces: [],
    matchLabelKeys: [],
    mismatchLabelKeys: [],
  };
  const affinity: Affinity = { podAntiAffinity: { required: [term], preferred: [] } };
  return { ...emptySpec(), affinity };
}

/** CPU seconds a decision. */
function framework(kind: Kind, nodes: number, percentageOfNodesToScore: number): number {
  const resources = new ResourceTable();
  const cache = new SchedulerCache(resources);
  const allocatable = { cpu: quantity("64"), memory: quantity("256Gi"), pods: quantity("500") };
  for (let id = 0; id < nodes; id++) {
    const name = `node-${id}`;
    const zone = `zone-${id % ZONES}`;
    const labels = { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone };
    const facts = { name, labels, taints: [], unschedulable: false, allocatable, images: [] };
    cache.addNode(compileNode(facts, id, resources));
  }
  const profile = { ...defaultProfile(), percentageOfNodesToScore };
  const scheduler = new SchedulingFramework(profile, shelfWith(), {
    cache,
    nominator: new Nominator(),
    streams: new RandomStreams("bench"),
    podDisruptionBudgets: () => [],
  });
  const groups = Math.ceil((2 * DECISIONS) / GROUP);
  const shapes = Array.from({ length: groups }, (_, group) => {
    const name = kind === "anti-affinity" ? `g${group}` : "g";
    return compileShape(
      { namespace: "default", labels: { group: name }, spec: specOf(kind, name) },
      resources,
      group,
    );
  });
  let made = 0;
  const decide = (): void => {
    const shape = shapes[Math.floor(made / GROUP)];
    if (shape === undefined) throw new Error("every pod has a group");
    const id = made++;
    const pod: PodInfo = {
      id,
      name: `pod-${id}`,
      shape,
      startTimeUs: 0,
      terminating: false,
      terminatingByPreemption: false,
      nominatedNode: -1,
    };
    const decision = scheduler.schedule(pod);
    if (decision.kind !== "scheduled") throw new Error(decision.message);
    cache.addPod(pod, decision.node);
  };
  return perDecision(decide);
}

interface PlainNode {
  cpuMilli: number;
  memoryBytes: number;
  pods: number;
  readonly cpuMilliMax: number;
  readonly memoryBytesMax: number;
  readonly podsMax: number;
}

/** The baseline: one loop that filters by room and keeps the node of the best default resource score. */
function plainLoop(count: number): number {
  const nodes = Array.from(
    { length: count },
    (): PlainNode => ({
      cpuMilli: 0,
      memoryBytes: 0,
      pods: 0,
      cpuMilliMax: 64_000,
      memoryBytesMax: 256 * 2 ** 30,
      podsMax: 500,
    }),
  );
  const [cpuMilli, memoryBytes] = [100, 500 * 2 ** 20];
  return perDecision(() => {
    let best: PlainNode | undefined;
    let bestScore = -1;
    for (const node of nodes) {
      const cpu = node.cpuMilli + cpuMilli;
      const memory = node.memoryBytes + memoryBytes;
      if (node.pods + 1 > node.podsMax || cpu > node.cpuMilliMax || memory > node.memoryBytesMax) continue;
      const cpuFree = Math.floor(((node.cpuMilliMax - cpu) * 100) / node.cpuMilliMax);
      const memoryFree = Math.floor(((node.memoryBytesMax - memory) * 100) / node.memoryBytesMax);
      const unbalance = Math.abs(cpu / node.cpuMilliMax - memory / node.memoryBytesMax) / 2;
      const score = Math.floor((cpuFree + memoryFree) / 2) + Math.floor((1 - unbalance) * 100);
      if (score <= bestScore) continue;
      best = node;
      bestScore = score;
    }
    if (best === undefined) throw new Error("there is room");
    best.cpuMilli += cpuMilli;
    best.memoryBytes += memoryBytes;
    best.pods++;
  });
}

function perDecision(decide: () => void): number {
  for (let i = 0; i < DECISIONS; i++) decide();
  const seconds = cpuSeconds(() => {
    for (let i = 0; i < DECISIONS; i++) decide();
  });
  return seconds / DECISIONS;
}

console.log(
  "decisions a CPU second (x: times kube-scheduler's own framework; cost: a decision's, 100 nodes = 1)",
);
for (const kind of KINDS) {
  let smallest: readonly [number, number] | undefined;
  for (const [index, nodes] of SIZES.entries()) {
    const costs = [framework(kind, nodes, 0), framework(kind, nodes, 100)] as const;
    smallest ??= costs;
    const context = KUBE_SCHEDULER[kind][index] as readonly [number, number];
    const words = (["sampled", "all nodes"] as const).map((name, i) => {
      const rate = 1 / (costs[i] as number);
      const growth = (costs[i] as number) / (smallest?.[i] ?? Number.NaN);
      return `${name} ${figure(rate).padStart(7)} (${figure(rate / (context[i] as number))}x, cost ${figure(growth)})`;
    });
    const plain = kind === "basic" ? `; plain loop ${figure(1 / plainLoop(nodes))}` : "";
    console.log(`${kind.padEnd(13)} ${String(nodes).padStart(5)} nodes: ${words.join("; ")}${plain}`);
  }
}
