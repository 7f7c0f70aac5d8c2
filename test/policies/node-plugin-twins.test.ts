/**
 * The plugins that look at one node, each beside a slow and literal reading of its rule (kube-scheduler
 * v1.34.1) on random clusters. The twins know only the words that the clusters are written in, and compute in big
 * integers.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Taint,
  Toleration,
} from "../../src/api/objects.js";
import type { ScoringStrategy } from "../../src/policies/args.js";
import type { PluginFactory } from "../../src/policies/framework/types.js";
import { imageLocality } from "../../src/policies/kubernetes/image-locality.js";
import { nodeAffinity } from "../../src/policies/kubernetes/node-affinity.js";
import { nodeName } from "../../src/policies/kubernetes/node-name.js";
import { nodePorts } from "../../src/policies/kubernetes/node-ports.js";
import { nodeResourcesBalancedAllocation } from "../../src/policies/kubernetes/node-resources-balanced-allocation.js";
import { nodeResourcesFit } from "../../src/policies/kubernetes/node-resources-fit.js";
import { nodeUnschedulable } from "../../src/policies/kubernetes/node-unschedulable.js";
import { schedulingGates } from "../../src/policies/kubernetes/scheduling-gates.js";
import { taintToleration } from "../../src/policies/kubernetes/taint-toleration.js";
import { parseQuantity } from "../../src/units/quantity.js";
import {
  type Amounts,
  type ContainerWords,
  type NodeWords,
  type PodWords,
  Small,
  scoresOf,
  verdicts,
} from "./small-framework.js";

const SEED = 20_250_612;
const RUNS = 200;

/** A node and the pods on it, in words. */
interface World {
  readonly nodes: readonly { readonly words: NodeWords; readonly pods: readonly PodWords[] }[];
  readonly pod: PodWords;
}

// ---- Random worlds: few names and amounts, so that rules meet often.

const quantities = {
  cpu: fc.constantFrom("0", "1m", "100m", "0.1005", "1500m", "3"),
  memory: fc.constantFrom("0", "1", "128Mi", "1500M", "2.5Gi"),
  gpu: fc.constantFrom("1", "2"),
  ephemeral: fc.constantFrom("1Gi", "20Gi"),
};

const requests: fc.Arbitrary<Amounts> = fc
  .record(
    {
      cpu: quantities.cpu,
      memory: quantities.memory,
      "example.com/gpu": quantities.gpu,
      "ephemeral-storage": quantities.ephemeral,
    },
    { requiredKeys: [] },
  )
  .map((record) => ({ ...record }));

const ports = fc.array(
  fc.record({
    hostPort: fc.constantFrom(0, 80, 81),
    hostIP: fc.constantFrom("", "0.0.0.0", "10.0.0.1", "10.0.0.2"),
    protocol: fc.constantFrom("TCP", "UDP"),
  }),
  { maxLength: 2 },
);

const containers: fc.Arbitrary<ContainerWords> = fc.record({
  requests,
  image: fc.constantFrom("big", "big:latest", "reg:5000/small", "other:1"),
  hostPorts: ports,
});

const inits: fc.Arbitrary<ContainerWords> = fc
  .tuple(containers, fc.boolean())
  .map(([words, sidecar]) => ({ ...words, sidecar }));

const tolerations: fc.Arbitrary<Toleration> = fc
  .record({
    key: fc.constantFrom("", "a", "b", "node.kubernetes.io/unschedulable"),
    operator: fc.constantFrom("Exists" as const, "Equal" as const),
    value: fc.constantFrom("", "x"),
    effect: fc.constantFrom(
      "" as const,
      "NoSchedule" as const,
      "PreferNoSchedule" as const,
      "NoExecute" as const,
    ),
  })
  // The API wants Exists without a key, and no value with Exists.
  .map((given) => {
    const operator = given.key === "" ? ("Exists" as const) : given.operator;
    return { ...given, operator, value: operator === "Exists" ? "" : given.value };
  });

const taints: fc.Arbitrary<Taint> = fc.record({
  key: fc.constantFrom("a", "b"),
  value: fc.constantFrom("", "x"),
  effect: fc.constantFrom("NoSchedule" as const, "PreferNoSchedule" as const, "NoExecute" as const),
});

const requirements: fc.Arbitrary<NodeSelectorRequirement> = fc
  .record({
    key: fc.constantFrom("disk", "gen"),
    operator: fc.constantFrom(
      "In" as const,
      "NotIn" as const,
      "Exists" as const,
      "DoesNotExist" as const,
      "Gt" as const,
      "Lt" as const,
    ),
    values: fc.uniqueArray(fc.constantFrom("ssd", "hdd", "2", "10"), { minLength: 1, maxLength: 2 }),
    bound: fc.constantFrom("2", "3", "10"),
  })
  .map(({ key, operator, values, bound }) => {
    if (operator === "Gt" || operator === "Lt") return { key, operator, values: [bound] };
    return { key, operator, values: operator === "In" || operator === "NotIn" ? values : [] };
  });

const terms: fc.Arbitrary<NodeSelectorTerm> = fc.record({
  matchExpressions: fc.array(requirements, { maxLength: 2 }),
  matchFields: fc.constantFrom<NodeSelectorTerm["matchFields"]>(
    [],
    [],
    [{ key: "metadata.name", operator: "In", values: ["n1"] }],
    [{ key: "metadata.name", operator: "NotIn", values: ["n0"] }],
  ),
});

const nodeAffinities: fc.Arbitrary<NodeAffinity> = fc
  .record({
    required: fc.option(fc.array(terms, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    preferred: fc.array(fc.record({ weight: fc.integer({ min: 1, max: 100 }), preference: terms }), {
      maxLength: 2,
    }),
  })
  .map(({ required, preferred }) => ({ preferred, ...(required && { required }) }));

const pods: fc.Arbitrary<PodWords> = fc
  .record({
    containers: fc.array(containers, { minLength: 1, maxLength: 2 }),
    init: fc.array(inits, { maxLength: 2 }),
    overhead: fc.constantFrom<Amounts>({}, {}, { cpu: "10m" }, { memory: "1Mi" }),
    podLevel: fc.constantFrom<Amounts | undefined>(undefined, undefined, { cpu: "2" }, { memory: "1Gi" }),
    tolerations: fc.array(tolerations, { maxLength: 2 }),
    nodeSelector: fc.constantFrom<Record<string, string>>({}, {}, { disk: "ssd" }),
    affinity: fc.option(
      nodeAffinities.map((given) => ({ nodeAffinity: given })),
      { nil: undefined },
    ),
    nodeName: fc.constantFrom(undefined, undefined, "n0", "nowhere"),
    gates: fc.constantFrom<readonly string[]>([], [], ["a"], ["b", "a"]),
  })
  .map(({ podLevel, affinity, nodeName: name, ...rest }) => ({
    ...rest,
    ...(podLevel && { podLevel }),
    ...(affinity && { affinity }),
    ...(name && { nodeName: name }),
  }));

const nodeWords: fc.Arbitrary<NodeWords> = fc.record({
  allocatable: fc
    .record(
      {
        cpu: fc.constantFrom("0", "2", "3500m", "64"),
        memory: fc.constantFrom("1Gi", "7.5Gi", "200000Gi"),
        pods: fc.constantFrom("1", "2", "110"),
        "example.com/gpu": quantities.gpu,
        "ephemeral-storage": quantities.ephemeral,
      },
      { requiredKeys: ["cpu", "memory", "pods"] },
    )
    .map((record) => ({ ...record })),
  labels: fc
    .record(
      { disk: fc.constantFrom("ssd", "hdd"), gen: fc.constantFrom("2", "10", "old") },
      { requiredKeys: [] },
    )
    .map((record) => ({ ...record })),
  taints: fc.array(taints, { maxLength: 2 }),
  unschedulable: fc.constantFrom(false, false, true),
  images: fc.constantFrom<NonNullable<NodeWords["images"]>>(
    [],
    [{ names: ["big:latest"], sizeBytes: 700 * 1024 * 1024 }],
    [
      { names: ["big:latest", "big:1"], sizeBytes: 900 * 1024 * 1024 + 7 },
      { names: ["reg:5000/small:latest"], sizeBytes: 24 * 1024 * 1024 },
    ],
    [{ names: ["other:1"], sizeBytes: 2_000_000_000 }],
  ),
});

const worlds: fc.Arbitrary<World> = fc.record({
  nodes: fc.array(fc.record({ words: nodeWords, pods: fc.array(pods, { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
  pod: pods,
});

// ---- The twins.

const NANO = 1_000_000_000n;

function exact(text: string): bigint {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw new Error(`${text} is no quantity`);
  return quantity;
}

/** cpu in milli, all else in whole units, rounded up. */
function rounded(name: string, amount: bigint): bigint {
  const unit = name === "cpu" ? NANO / 1000n : NANO;
  return (amount + unit - 1n) / unit;
}

const DEFAULTS: Amounts = { cpu: "100m", memory: "200Mi" };

/**
 * The pod's request of a resource: the most that runs at any moment of its life. `assumed` stands in for containers
 * without a request; without `podLevel` what the pod itself asks for is not looked at.
 */
function request(pod: PodWords, name: string, assumed: Amounts = {}, podLevel = true): bigint {
  const init = pod.init ?? [];
  const moments: (readonly ContainerWords[])[] = init.map((container, i) => [
    ...init.slice(0, i).filter(({ sidecar }) => sidecar === true),
    container,
  ]);
  moments.push([...(pod.containers ?? []), ...init.filter(({ sidecar }) => sidecar === true)]);
  const sums = moments.map((running) =>
    running.reduce((sum, { requests: own = {} }) => sum + exact(own[name] ?? assumed[name] ?? "0"), 0n),
  );
  let amount = sums.reduce((a, b) => (a > b ? a : b), 0n);
  const ofPod = podLevel ? pod.podLevel?.[name] : undefined;
  if (ofPod !== undefined) amount = exact(ofPod);
  return rounded(name, amount + exact(pod.overhead?.[name] ?? "0"));
}

/** What scoring counts of a bound pod: with pod-level requests only what is named nowhere is assumed. */
function nonZeroRequest(pod: PodWords, name: string): bigint {
  if (pod.podLevel === undefined) return request(pod, name, DEFAULTS);
  const named =
    [...(pod.containers ?? []), ...(pod.init ?? [])].some(({ requests: own = {} }) => name in own) ||
    name in pod.podLevel ||
    name in (pod.overhead ?? {});
  return request(pod, name, named ? {} : DEFAULTS);
}

function allocatable(node: NodeWords, name: string): bigint {
  return rounded(name, exact(node.allocatable?.[name] ?? "0"));
}

function sumOf(pods_: readonly PodWords[], of: (pod: PodWords) => bigint): bigint {
  return pods_.reduce((sum, pod) => sum + of(pod), 0n);
}

function tolerated(list: readonly Toleration[], taint: Taint): boolean {
  return list.some(
    ({ key, operator, value, effect }) =>
      (effect === "" || effect === taint.effect) &&
      (key === "" || key === taint.key) &&
      (operator === "Exists" || value === taint.value),
  );
}

function requirementHolds({ key, operator, values }: NodeSelectorRequirement, node: NodeWords): boolean {
  const value = node.labels?.[key];
  const whole = (text: string | undefined) => (/^-?\d+$/.test(text ?? "") ? Number(text) : Number.NaN);
  if (operator === "Exists") return value !== undefined;
  if (operator === "DoesNotExist") return value === undefined;
  if (operator === "In") return values.some((wanted) => wanted === value);
  if (operator === "NotIn") return !values.some((wanted) => wanted === value);
  return operator === "Gt" ? whole(value) > whole(values[0]) : whole(value) < whole(values[0]);
}

function termHolds(term: NodeSelectorTerm, node: NodeWords, name: string): boolean {
  if (term.matchExpressions.length + term.matchFields.length === 0) return false;
  return (
    term.matchExpressions.every((expression) => requirementHolds(expression, node)) &&
    term.matchFields.every(({ operator, values }) => (values[0] === name) === (operator === "In"))
  );
}

function hostPorts(pod: PodWords) {
  const sidecars = (pod.init ?? []).filter(({ sidecar }) => sidecar === true);
  return [...sidecars, ...(pod.containers ?? [])].flatMap(({ hostPorts: given = [] }) =>
    given.filter(({ hostPort = 0 }) => hostPort > 0),
  );
}

function portsClash(a: ReturnType<typeof hostPorts>[number], b: typeof a): boolean {
  const any = (ip: string | undefined) => ip === undefined || ip === "" || ip === "0.0.0.0";
  return (
    a.hostPort === b.hostPort &&
    a.protocol === b.protocol &&
    (any(a.hostIP) || any(b.hostIP) || a.hostIP === b.hostIP)
  );
}

type NodeIn = World["nodes"][number];
type Twin = (node: NodeIn, pod: PodWords, name: string) => string;

const FILTERS: readonly (readonly [factory: PluginFactory, twin: Twin])[] = [
  [
    nodeUnschedulable,
    ({ words }, pod) => {
      const taint: Taint = { key: "node.kubernetes.io/unschedulable", value: "", effect: "NoSchedule" };
      const refused = words.unschedulable === true && !tolerated(pod.tolerations ?? [], taint);
      return refused ? "UaU node(s) were unschedulable" : "ok";
    },
  ],
  [
    nodeName,
    (_, pod, name) =>
      pod.nodeName === undefined || pod.nodeName === name
        ? "ok"
        : "UaU node(s) didn't match the requested node name",
  ],
  [
    taintToleration,
    ({ words }, pod) => {
      const taint = words.taints?.find(
        (given) => given.effect !== "PreferNoSchedule" && !tolerated(pod.tolerations ?? [], given),
      );
      return taint === undefined ? "ok" : `UaU node(s) had untolerated taint {${taint.key}: ${taint.value}}`;
    },
  ],
  [
    nodeAffinity,
    ({ words }, pod, name) => {
      const required = pod.affinity?.nodeAffinity?.required;
      // A pod whose every term names its node is narrowed down before, and refused there if none is left.
      const selected =
        Object.entries(pod.nodeSelector ?? {}).every(([key, value]) => words.labels?.[key] === value) &&
        (required === undefined || required.some((term) => termHolds(term, words, name)));
      return selected ? "ok" : "UaU node(s) didn't match Pod's node affinity/selector";
    },
  ],
  [
    nodePorts,
    (node, pod) => {
      const used = node.pods.flatMap(hostPorts);
      const clash = hostPorts(pod).some((port) => used.some((other) => portsClash(port, other)));
      return clash ? "U node(s) didn't have free ports for the requested pod ports" : "ok";
    },
  ],
  [
    nodeResourcesFit,
    (node, pod) => {
      const reasons: string[] = [];
      let hopeless = false;
      if (BigInt(node.pods.length) + 1n > BigInt(node.words.allocatable?.pods ?? "0")) {
        reasons.push("Too many pods");
      }
      for (const name of ["cpu", "memory", "ephemeral-storage", "example.com/gpu"]) {
        const wanted = request(pod, name);
        const all = allocatable(node.words, name);
        if (wanted === 0n || wanted <= all - sumOf(node.pods, (other) => request(other, name))) continue;
        reasons.push(`Insufficient ${name}`);
        if (wanted > all) hopeless = true;
      }
      return reasons.length === 0 ? "ok" : `${hopeless ? "UaU" : "U"} ${reasons.join(", ")}`;
    },
  ],
];

/** Raw scores by node, or undefined where the plugin has nothing to say of the pod. */
type ScoreTwin = (world: World) => readonly number[] | undefined;

const SCORES: readonly (readonly [factory: PluginFactory, args: unknown, twin: ScoreTwin])[] = [
  [
    taintToleration,
    undefined,
    ({ nodes, pod }) => {
      const list = (pod.tolerations ?? []).filter(
        ({ effect }) => effect === "" || effect === "PreferNoSchedule",
      );
      return nodes.map(
        ({ words }) =>
          (words.taints ?? []).filter(
            (taint) => taint.effect === "PreferNoSchedule" && !tolerated(list, taint),
          ).length,
      );
    },
  ],
  [
    nodeAffinity,
    undefined,
    ({ nodes, pod }) => {
      const preferred = pod.affinity?.nodeAffinity?.preferred ?? [];
      const usable = preferred.filter(
        ({ preference }) => preference.matchExpressions.length + preference.matchFields.length > 0,
      );
      if (usable.length === 0) return undefined;
      return nodes.map(({ words }, i) =>
        usable.reduce(
          (sum, { weight, preference }) => sum + (termHolds(preference, words, `n${i}`) ? weight : 0),
          0,
        ),
      );
    },
  ],
  ...(["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] as const).map(
    (type): (typeof SCORES)[number] => [
      nodeResourcesFit,
      { ignoredResources: [], ignoredResourceGroups: [], scoringStrategy: strategy(type) },
      fitTwin(type),
    ],
  ),
  [
    nodeResourcesBalancedAllocation,
    undefined,
    ({ nodes, pod }) => {
      if (request(pod, "cpu") === 0n && request(pod, "memory") === 0n) return undefined;
      return nodes.map((node) => {
        const shares = ["cpu", "memory"].flatMap((name) => {
          const all = allocatable(node.words, name);
          if (all === 0n) return [];
          const wanted = sumOf([...node.pods, pod], (other) => request(other, name));
          return [Math.min(1, Number(wanted) / Number(all))];
        });
        const [first = 0, second = first] = shares;
        const deviation = shares.length < 2 ? 0 : Math.abs((first - second) / 2);
        return Math.trunc((1 - deviation) * 100);
      });
    },
  ],
  [
    imageLocality,
    undefined,
    ({ nodes, pod }) => {
      const all = [...(pod.init ?? []), ...(pod.containers ?? [])];
      const MIB = 1024 * 1024;
      return nodes.map((node) => {
        let sum = 0;
        for (const { image = "" } of all) {
          const name = image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
          const has = ({ words }: NodeIn) => words.images?.find(({ names }) => names.includes(name));
          const holders = nodes.filter((other) => has(other) !== undefined);
          if (has(node) === undefined) continue;
          const size = has(holders[0] as NodeIn)?.sizeBytes ?? 0;
          sum += Math.trunc(size * (holders.length / nodes.length));
        }
        const [low, high] = [23 * MIB, 1000 * MIB * all.length];
        const clamped = Math.min(Math.max(sum, low), high);
        return Math.trunc((100 * (clamped - low)) / (high - low));
      });
    },
  ],
];

function strategy(type: ScoringStrategy["type"]): ScoringStrategy {
  const resources = [
    { name: "cpu", weight: 3 },
    { name: "memory", weight: 1 },
    { name: "example.com/gpu", weight: 5 },
  ];
  if (type !== "RequestedToCapacityRatio") return { type, resources };
  const shape = [
    { utilization: 10, score: 2 },
    { utilization: 43, score: 9 },
    { utilization: 100, score: 0 },
  ];
  return { type, resources, shape };
}

function fitTwin(type: ScoringStrategy["type"]): ScoreTwin {
  const configured = strategy(type);
  return ({ nodes, pod }) =>
    nodes.map((node) => {
      let sum = 0n;
      let weights = 0n;
      for (const { name, weight } of configured.resources) {
        const scalar = name === "example.com/gpu";
        const own = scalar ? request(pod, name, {}, false) : request(pod, name, DEFAULTS, false);
        const all = allocatable(node.words, name);
        if (all === 0n || (scalar && own === 0n)) continue;
        const wanted =
          own + sumOf(node.pods, (other) => (scalar ? request(other, name) : nonZeroRequest(other, name)));
        const score = resourceScore(configured, wanted, all);
        // A ratio of 0 does not count at all.
        if (type === "RequestedToCapacityRatio" && score === 0n) continue;
        sum += score * BigInt(weight);
        weights += BigInt(weight);
      }
      if (weights === 0n) return 0;
      if (type === "RequestedToCapacityRatio") return Math.round(Number(sum) / Number(weights));
      return Number(sum / weights);
    });
}

function resourceScore(configured: ScoringStrategy, wanted: bigint, all: bigint): bigint {
  if (configured.type === "LeastAllocated") return wanted > all ? 0n : ((all - wanted) * 100n) / all;
  if (configured.type !== "RequestedToCapacityRatio") return ((wanted > all ? all : wanted) * 100n) / all;
  const u = wanted > all ? 100n : (wanted * 100n) / all;
  const points = configured.shape.map(
    ({ utilization, score }) => [BigInt(utilization), BigInt(score * 10)] as const,
  );
  const after = points.findIndex(([x]) => u <= x);
  if (after < 0) return points[points.length - 1]?.[1] ?? 0n;
  const [x1, y1] = points[after] as readonly [bigint, bigint];
  if (after === 0) return y1;
  const [x0, y0] = points[after - 1] as readonly [bigint, bigint];
  return y0 + ((y1 - y0) * (u - x0)) / (x1 - x0);
}

function small(world: World): Small {
  const cluster = new Small();
  for (const [i, { words, pods: on }] of world.nodes.entries()) {
    const id = cluster.node(`n${i}`, words);
    for (const pod of on) cluster.on(id, pod);
  }
  return cluster;
}

describe.each(
  FILTERS.map(([factory, twin]) => [factory.name, factory, twin] as const),
)("%s", (name, factory, twin) => {
  it("refuses the nodes that a literal reading of its rule refuses, in the same words", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(worlds, (world) => {
        const cluster = small(world);
        const pod = cluster.pod(world.pod);
        const plugin = cluster.plugin(factory);
        const expected = world.nodes.map((node, i) => twin(node, world.pod, `n${i}`));
        const answer = plugin.preFilter?.(cluster.cache, pod);
        if (answer?.kind === "reject") {
          // Terms that name different nodes at once: no node passes the twin either.
          expect(new Set(expected)).toEqual(
            new Set(["UaU node(s) didn't match Pod's node affinity/selector"]),
          );
          return;
        }
        for (const words of expected) seen.add(words.slice(0, 12));
        expect(verdicts(plugin, cluster.cache, pod)).toEqual(expected);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(seen.size, `${name} refuses some and takes some`).toBeGreaterThan(1);
  });
});

describe.each(
  SCORES.map(([factory, args, twin], i) => [`${factory.name} (${i})`, factory, args, twin] as const),
)("%s", (_name, factory, args, twin) => {
  it("scores nodes as a literal reading of its rule does", () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(worlds, (world) => {
        const cluster = small(world);
        const nodes = Int32Array.from(world.nodes.keys());
        const scores = scoresOf(cluster.plugin(factory, args), cluster.cache, cluster.pod(world.pod), nodes);
        const expected = twin(world);
        for (const score of expected ?? []) seen.add(score);
        expect(scores?.raw).toEqual(expected);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(seen.size).toBeGreaterThan(2);
  });
});

describe("SchedulingGates", () => {
  it("keeps back a pod with any gate, all of them named in order", () => {
    fc.assert(
      fc.property(pods, (words) => {
        const cluster = new Small({ a: "1" });
        const refusal = cluster.plugin(schedulingGates).preEnqueue?.(cluster.pod(words));
        const gates = words.gates ?? [];
        const expected =
          gates.length === 0 ? undefined : [`waiting for scheduling gates: [${gates.join(" ")}]`];
        expect(refusal?.reasons).toEqual(expected);
      }),
      { numRuns: 50, seed: SEED },
    );
  });
});
