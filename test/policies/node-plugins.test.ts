/** Table tests of the plugins that look at one pod and one node, with hand-computed expectations. */
import { describe, expect, it } from "vitest";
import type { NodeAffinity, NodeSelectorRequirement, Taint, Toleration } from "../../src/api/objects.js";
import type { NodeResourcesFitArgs, ScoringStrategy } from "../../src/policies/args.js";
import type { PluginFactory } from "../../src/policies/framework/types.js";
import { leastAllocatedScore, shapeScore } from "../../src/policies/kubernetes/fit-scorers.js";
import { imageLocality } from "../../src/policies/kubernetes/image-locality.js";
import { nodeAffinity } from "../../src/policies/kubernetes/node-affinity.js";
import { nodeName } from "../../src/policies/kubernetes/node-name.js";
import { nodePorts } from "../../src/policies/kubernetes/node-ports.js";
import { nodeResourcesBalancedAllocation } from "../../src/policies/kubernetes/node-resources-balanced-allocation.js";
import { nodeResourcesFit } from "../../src/policies/kubernetes/node-resources-fit.js";
import { nodeUnschedulable } from "../../src/policies/kubernetes/node-unschedulable.js";
import { comparePriority } from "../../src/policies/kubernetes/priority-sort.js";
import { schedulingGates } from "../../src/policies/kubernetes/scheduling-gates.js";
import { taintToleration } from "../../src/policies/kubernetes/taint-toleration.js";
import {
  type ContainerWords,
  type NodeWords,
  type PodWords,
  Small,
  scoresOf,
  verdicts,
} from "./small-framework.js";

const OK = "ok";

/** Each node's verdict on the pod. `running`: pods on the first node. */
function filtered(
  factory: PluginFactory,
  nodes: Readonly<Record<string, string | NodeWords>>,
  pod: PodWords,
  running: readonly PodWords[] = [],
  args?: unknown,
): string[] {
  const small = new Small(nodes);
  for (const words of running) small.on(0, words);
  return verdicts(small.plugin(factory, args), small.cache, small.pod(pod));
}

function scored(
  factory: PluginFactory,
  nodes: Readonly<Record<string, string | NodeWords>>,
  pod: PodWords,
  running: readonly PodWords[] = [],
  args?: unknown,
) {
  const small = new Small(nodes);
  for (const words of running) small.on(0, words);
  return scoresOf(small.plugin(factory, args), small.cache, small.pod(pod), small.cache.nodeOrder);
}

const container = (requests: ContainerWords["requests"] & object): PodWords => ({
  containers: [{ requests }],
});
const tolerates = (change: Partial<Toleration>): PodWords => ({
  tolerations: [{ key: "", operator: "Exists", value: "", effect: "", ...change }],
});

describe("SchedulingGates and PrioritySort", () => {
  it("a gated pod does not enter the queue", () => {
    const small = new Small();
    const plugin = small.plugin(schedulingGates);
    expect(plugin.preEnqueue?.(small.pod())).toBeUndefined();
    expect(plugin.preEnqueue?.(small.pod({ gates: ["a", "b"] }))?.reasons).toEqual([
      "waiting for scheduling gates: [a b]",
    ]);
  });

  it("higher priority goes first, then who has waited longer, then who came first", () => {
    const small = new Small();
    const queued = (name: string, priority: number, timestampUs: number, sequence: number) => ({
      pod: small.pod({ name, priority }),
      timestampUs,
      sequence,
    });
    const queue = [queued("d", 0, 9, 3), queued("c", 0, 5, 2), queued("b", 0, 5, 1), queued("a", 7, 9, 4)];
    expect(queue.sort(comparePriority).map(({ pod }) => pod.name)).toEqual(["a", "b", "c", "d"]);
  });
});

describe("NodeUnschedulable and NodeName", () => {
  const cordoned = { n: { unschedulable: true }, m: {} };
  const CORDONED = "UaU node(s) were unschedulable";

  it.each<[string, PodWords, string[]]>([
    ["refuses a cordoned node", {}, [CORDONED, OK]],
    ["unless the pod tolerates the taint", tolerates({ key: "node.kubernetes.io/unschedulable" }), [OK, OK]],
    ["for its effect", tolerates({ effect: "NoExecute" }), [CORDONED, OK]],
  ])("%s", (_, pod, expected) => {
    expect(filtered(nodeUnschedulable, cordoned, pod)).toEqual(expected);
  });

  it("a pod that names a node goes nowhere else", () => {
    expect(filtered(nodeName, cordoned, { nodeName: "m" })).toEqual([
      "UaU node(s) didn't match the requested node name",
      OK,
    ]);
    expect(filtered(nodeName, cordoned, {})).toEqual([OK, OK]);
  });
});

describe("TaintToleration", () => {
  const taint = (key: string, effect: Taint["effect"], value = "") => ({ key, value, effect });
  const nodes = {
    soft: { taints: [taint("a", "PreferNoSchedule"), taint("b", "PreferNoSchedule")] },
    hard: {
      taints: [taint("a", "PreferNoSchedule"), taint("x", "NoExecute", "v"), taint("y", "NoSchedule")],
    },
    none: {},
  };

  it("names the first taint that is not tolerated", () => {
    expect(filtered(taintToleration, nodes, {})).toEqual([
      OK,
      "UaU node(s) had untolerated taint {x: v}",
      OK,
    ]);
    expect(filtered(taintToleration, nodes, tolerates({ key: "x" }))).toEqual([
      OK,
      "UaU node(s) had untolerated taint {y: }",
      OK,
    ]);
    expect(filtered(taintToleration, nodes, tolerates({}))).toEqual([OK, OK, OK]);
  });

  it("counts untolerated soft taints, reversed", () => {
    // 2, 1 and 0 of them: 100 - 100*2/2, 100 - 100*1/2, 100.
    expect(scored(taintToleration, nodes, {})).toEqual({ raw: [2, 1, 0], normalized: [0, 50, 100] });
    // A toleration for NoSchedule does not help with soft taints.
    expect(scored(taintToleration, nodes, tolerates({ effect: "NoSchedule" }))?.raw).toEqual([2, 1, 0]);
    expect(scored(taintToleration, nodes, tolerates({ key: "a" }))?.raw).toEqual([1, 0, 0]);
    expect(scored(taintToleration, { x: {}, y: {} }, {})).toEqual({ raw: [0, 0], normalized: [100, 100] });
  });
});

describe("NodeAffinity", () => {
  const nodes = {
    n1: { labels: { disk: "ssd", gen: "7" } },
    n2: { labels: { disk: "hdd", gen: "9223372036854775808" } },
    n3: {},
  };
  const REFUSED = "UaU node(s) didn't match Pod's node affinity/selector";
  const expression = (key: string, operator: NodeSelectorRequirement["operator"], ...values: string[]) => ({
    matchExpressions: [{ key, operator, values }],
    matchFields: [],
  });
  const field = (operator: "In" | "NotIn", ...values: string[]) => ({
    matchExpressions: [],
    matchFields: [{ key: "metadata.name", operator, values }],
  });
  const required = (...terms: NonNullable<NodeAffinity["required"]>): PodWords => ({
    affinity: { nodeAffinity: { required: terms, preferred: [] } },
  });

  it.each<[string, PodWords, boolean[]]>([
    ["nodeSelector", { nodeSelector: { disk: "ssd" } }, [true, false, false]],
    ["In", required(expression("disk", "In", "ssd", "nvme")), [true, false, false]],
    ["NotIn takes a missing label", required(expression("disk", "NotIn", "ssd")), [false, true, true]],
    ["DoesNotExist too", required(expression("disk", "DoesNotExist")), [false, false, true]],
    ["Exists", required(expression("disk", "Exists")), [true, true, false]],
    // 2^63 is no 64-bit integer: neither greater nor less.
    ["Gt reads 64-bit integers", required(expression("gen", "Gt", "6")), [true, false, false]],
    ["Lt does not take a missing label", required(expression("gen", "Lt", "8")), [true, false, false]],
    ["Gt with a bound that is no integer", required(expression("gen", "Gt", "x")), [false, false, false]],
    [
      "an empty term matches nothing",
      required({ matchExpressions: [], matchFields: [] }),
      [false, false, false],
    ],
    ["no terms at all match nothing", required(), [false, false, false]],
    [
      "terms are ORed",
      required(expression("disk", "In", "ssd"), expression("disk", "In", "hdd")),
      [true, true, false],
    ],
    ["a field excludes by name", required(field("NotIn", "n1")), [false, true, true]],
    [
      "selector and terms are ANDed",
      { nodeSelector: { gen: "7" }, ...required(expression("disk", "In", "hdd", "ssd")) },
      [true, false, false],
    ],
  ])("%s", (_, pod, expected) => {
    expect(filtered(nodeAffinity, nodes, pod)).toEqual(expected.map((fits) => (fits ? OK : REFUSED)));
  });

  it("terms that all name nodes limit the search, and contradicting ones end it", () => {
    const small = new Small(nodes);
    const plugin = small.plugin(nodeAffinity);
    const ask = (pod: PodWords) => plugin.preFilter?.(small.cache, small.pod(pod));
    const both = { ...field("In", "n1"), matchExpressions: [] };
    expect(ask(required(both, field("In", "gone")))).toMatchObject({ nodeNames: ["gone", "n1"] });
    expect(ask(required(field("In", "n1"), expression("disk", "Exists")))).not.toHaveProperty("nodeNames");
    const contradiction = {
      matchExpressions: [],
      matchFields: [...field("In", "n1").matchFields, ...field("In", "n2").matchFields],
    };
    expect(ask(required(contradiction))).toMatchObject({
      kind: "reject",
      rejection: { reasons: ["pod affinity terms conflict"] },
    });
    expect(ask({})).toEqual({ kind: "skip" });
  });

  it("adds up the weights of matching preferred terms, those of the configuration included", () => {
    const preferred = [
      { weight: 30, preference: expression("disk", "Exists") },
      { weight: 10, preference: expression("disk", "In", "ssd") },
      { weight: 0, preference: expression("disk", "In", "ssd") },
      { weight: 50, preference: { matchExpressions: [], matchFields: [] } },
    ];
    const pod: PodWords = { affinity: { nodeAffinity: { preferred } } };
    // 40, 30, 0: 100, 100*30/40 = 75, 0.
    expect(scored(nodeAffinity, nodes, pod)).toEqual({ raw: [40, 30, 0], normalized: [100, 75, 0] });
    const addedAffinity = { preferred: [{ weight: 5, preference: expression("disk", "DoesNotExist") }] };
    expect(scored(nodeAffinity, nodes, pod, [], { addedAffinity })?.raw).toEqual([40, 30, 5]);
    expect(scored(nodeAffinity, nodes, {})).toBeUndefined();
  });

  it("the configuration's required affinity comes first, with its own reason", () => {
    const args = { addedAffinity: { required: [expression("disk", "Exists")], preferred: [] } };
    const ADDED = "UaU node(s) didn't match scheduler-enforced node affinity";
    expect(filtered(nodeAffinity, nodes, {}, [], args)).toEqual([OK, OK, ADDED]);
    expect(filtered(nodeAffinity, nodes, { nodeSelector: { disk: "ssd" } }, [], args)).toEqual([
      OK,
      REFUSED,
      ADDED,
    ]);
  });
});

describe("NodePorts", () => {
  const port = (hostPort: number, hostIP = "", protocol = "TCP"): PodWords => ({
    containers: [{ hostPorts: [{ hostPort, hostIP, protocol }] }],
  });
  const TAKEN = "U node(s) didn't have free ports for the requested pod ports";

  it.each<[string, PodWords, PodWords, string]>([
    ["the same port on all addresses", port(80), port(80), TAKEN],
    ["another port", port(80), port(81), OK],
    ["another protocol", port(80), port(80, "", "UDP"), OK],
    ["two different addresses", port(80, "10.0.0.1"), port(80, "10.0.0.2"), OK],
    ["an address against all", port(80), port(80, "10.0.0.2"), TAKEN],
    ["all against an address", port(80, "10.0.0.1"), port(80, "0.0.0.0"), TAKEN],
    ["no host port", port(80), port(0), OK],
  ])("%s", (_, running, pod, expected) => {
    expect(filtered(nodePorts, { n: {} }, pod, [running])).toEqual([expected]);
  });

  it("used ports are a set: of two pods sharing one illegally, the first to leave frees it", () => {
    const small = new Small({ n: {} });
    const first = small.on(0, port(80));
    small.on(0, port(80));
    small.cache.removePod(first, 0);
    expect(verdicts(small.plugin(nodePorts), small.cache, small.pod(port(80)))).toEqual([OK]);
  });
});

describe("NodeResourcesFit refuses nodes", () => {
  const nodes = { n: { allocatable: { cpu: "2", memory: "1Gi", pods: "2", "x.io/gpu": "1" } } };
  const running = [container({ cpu: "1500m", memory: "512Mi" })];
  const gpus = (count: string) => container({ "x.io/gpu": count });
  const ignoring = (change: Partial<NodeResourcesFitArgs>) => ({
    ignoredResources: [],
    ignoredResourceGroups: [],
    scoringStrategy: { type: "LeastAllocated", resources: [] },
    ...change,
  });

  it.each<[string, PodWords, string]>([
    ["what fits exactly is taken", container({ cpu: "500m", memory: "512Mi" }), OK],
    ["one milli more is not", container({ cpu: "501m" }), "U Insufficient cpu"],
    [
      "all that lacks is named",
      container({ memory: "513Mi", cpu: "501m" }),
      "U Insufficient cpu, Insufficient memory",
    ],
    [
      "more than the node has is beyond help",
      container({ cpu: "2001m", memory: "1Mi" }),
      "UaU Insufficient cpu",
    ],
    [
      "one of several beyond help is enough",
      container({ cpu: "501m", memory: "2Gi" }),
      "UaU Insufficient cpu, Insufficient memory",
    ],
    ["extended resources count", gpus("2"), "UaU Insufficient x.io/gpu"],
    ["what the node does not have at all", container({ "y.io/fpga": "1" }), "UaU Insufficient y.io/fpga"],
    ["a pod that asks for nothing", {}, OK],
  ])("%s", (_, pod, expected) => {
    expect(filtered(nodeResourcesFit, nodes, pod, running)).toEqual([expected]);
  });

  it("a full node takes no pod, whatever it asks for", () => {
    const full = [...running, {}];
    expect(filtered(nodeResourcesFit, nodes, {}, full)).toEqual(["U Too many pods"]);
    expect(filtered(nodeResourcesFit, nodes, container({ cpu: "1" }), full)).toEqual([
      "U Too many pods, Insufficient cpu",
    ]);
  });

  it("ignores extended resources by name or group, but no others", () => {
    const byName = ignoring({ ignoredResources: ["x.io/gpu", "cpu"] });
    expect(filtered(nodeResourcesFit, nodes, gpus("5"), running, byName)).toEqual([OK]);
    expect(filtered(nodeResourcesFit, nodes, container({ cpu: "1" }), running, byName)).toEqual([
      "U Insufficient cpu",
    ]);
    expect(
      filtered(nodeResourcesFit, nodes, gpus("5"), running, ignoring({ ignoredResourceGroups: ["x.io"] })),
    ).toEqual([OK]);
    expect(
      filtered(nodeResourcesFit, nodes, gpus("5"), running, ignoring({ ignoredResourceGroups: ["x"] })),
    ).toEqual(["UaU Insufficient x.io/gpu"]);
  });
});

describe("NodeResourcesFit scores nodes", () => {
  const nodes = { n: { allocatable: { cpu: "4", memory: "1000", "x.io/gpu": "8" } } };
  const running = [container({ cpu: "1", memory: "100", "x.io/gpu": "3" })];
  const pod = container({ cpu: "1500m", memory: "400" });
  const strategy = (scoringStrategy: ScoringStrategy) => ({
    ignoredResources: [],
    ignoredResourceGroups: [],
    scoringStrategy,
  });
  const resources = [
    { name: "cpu", weight: 3 },
    { name: "memory", weight: 1 },
  ];
  const withGpu = [...resources, { name: "x.io/gpu", weight: 4 }];
  const score = (words: PodWords, args?: unknown) =>
    scored(nodeResourcesFit, nodes, words, running, args)?.raw[0];

  it("by what is left, with integer division at both stages", () => {
    // cpu (4000-2500)*100/4000 = 37, memory (1000-500)*100/1000 = 50; (37+50)/2 = 43.
    expect(score(pod)).toBe(43);
    // (3*37 + 50)/4 = 40.
    expect(score(pod, strategy({ type: "LeastAllocated", resources }))).toBe(40);
    // Not asked for, the gpu is left out of both sums; asked for: (8-3-1)*100/8 = 50, (3*37 + 50 + 4*50)/8 = 45.
    expect(score(pod, strategy({ type: "LeastAllocated", resources: withGpu }))).toBe(40);
    const asking = container({ cpu: "1500m", memory: "400", "x.io/gpu": "1" });
    expect(score(asking, strategy({ type: "LeastAllocated", resources: withGpu }))).toBe(45);
  });

  it("counts a container without requests as 100m and 200 MiB", () => {
    // cpu (4000-1100)*100/4000 = 72; memory far above the 1000 bytes: 0; 72/2.
    expect(score({})).toBe(36);
  });

  it("by what is used", () => {
    // cpu 2500*100/4000 = 62, memory 50; (3*62 + 50)/4 = 59.
    expect(score(pod, strategy({ type: "MostAllocated", resources }))).toBe(59);
    // cpu 1100*100/4000 = 27, memory capped at 100; (3*27 + 100)/4 = 45.25.
    expect(score({}, strategy({ type: "MostAllocated", resources }))).toBe(45);
  });

  it("by a broken line of one's own", () => {
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 70, score: 10 },
      { utilization: 100, score: 5 },
    ];
    // cpu u = 62: 100*62/70 = 88; memory u = 50: 71; (3*88 + 71)/4 = 83.75, rounded 84.
    expect(score(pod, strategy({ type: "RequestedToCapacityRatio", resources, shape }))).toBe(84);
    // Scores of 0 are left out: cpu 88 alone.
    const late = [
      { utilization: 50, score: 0 },
      { utilization: 62, score: 8 },
    ];
    expect(score(pod, strategy({ type: "RequestedToCapacityRatio", resources, shape: late }))).toBe(80);
  });

  it.each([
    [0, 20],
    [10, 20],
    // 20 + (70-20)*(15-10)/(40-10) = 20 + 8.33
    [15, 28],
    [40, 70],
    // 70 + (0-70)*(41-40)/(100-40) = 70 - 1.17, truncated toward zero: 69
    [41, 69],
    [100, 0],
    [200, 0],
  ])("the line at %i is %i", (utilization, expected) => {
    const shape = [
      { utilization: 10, score: 2 },
      { utilization: 40, score: 7 },
      { utilization: 100, score: 0 },
    ];
    expect(shapeScore(shape, utilization)).toBe(expected);
  });

  it("stays exact where bytes times 100 pass 2^53", () => {
    // One byte of 2^53 - 1 in use: just below 100, which a product in doubles would round up to.
    const allocatable = 2 ** 53 - 1;
    expect(leastAllocatedScore(1, allocatable)).toBe(99);
    expect(leastAllocatedScore(0, allocatable)).toBe(100);
    expect(leastAllocatedScore(allocatable + 1, allocatable)).toBe(0);
  });
});

describe("NodeResourcesBalancedAllocation", () => {
  const nodes = { n: { allocatable: { cpu: "4", memory: "1000", "x.io/gpu": "4" } } };
  const score = (pod: PodWords, args?: unknown) =>
    scored(nodeResourcesBalancedAllocation, nodes, pod, [container({ cpu: "1" })], args)?.raw[0];

  it("is 100 less the standard deviation of the used shares", () => {
    // cpu 0.5, memory 0.25: |0.5-0.25|/2 = 0.125, (1-0.125)*100 = 87.5.
    expect(score(container({ cpu: "1", memory: "250" }))).toBe(87);
    // cpu capped at 1, memory 1.
    expect(score(container({ cpu: "9", memory: "1000" }))).toBe(100);
    // Shares 0.5, 0.25, 0.75: mean 0.5, variance (0 + 0.0625 + 0.0625)/3, deviation 0.2041.
    const args = { resources: ["cpu", "memory", "x.io/gpu"].map((name) => ({ name, weight: 1 })) };
    expect(score(container({ cpu: "1", memory: "250", "x.io/gpu": "3" }), args)).toBe(79);
    // A gpu that is not asked for does not count.
    expect(score(container({ cpu: "1", memory: "250" }), args)).toBe(87);
  });

  it("uses plain requests, and skips a pod that requests none of the resources", () => {
    expect(score({})).toBeUndefined();
    // cpu 1.25/4 = 0.3125, memory 0, not the 200 MiB of the other score.
    expect(score(container({ cpu: "250m" }))).toBe(84);
  });
});

describe("ImageLocality", () => {
  const MIB = 1024 * 1024;
  const image = (name: string, mebibytes: number) => ({ names: [name], sizeBytes: mebibytes * MIB });
  const nodes = {
    n1: { images: [image("app:latest", 500), image("db:1", 900)] },
    n2: { images: [image("app:latest", 480)] },
    n3: {},
    n4: {},
  };

  it("adds up size times spread, between 23 MiB and 1000 MiB a container", () => {
    // app: 500 MiB (the first report) * 2/4 = 250; 100*(250-23)/(1000-23) = 23.2.
    const pod = { containers: [{ image: "app" }] };
    expect(scored(imageLocality, nodes, pod)?.raw).toEqual([23, 23, 0, 0]);
    // With db and an init container of app: 250 + 225 + 250 = 725; 100*(725-23)/(3000-23) = 23.58; n2: 500: 16.02.
    const more = { containers: [{ image: "app" }, { image: "db:1" }], init: [{ image: "app" }] };
    expect(scored(imageLocality, nodes, more)?.raw).toEqual([23, 16, 0, 0]);
  });

  it("forgets an image with its last node, and keeps the first size until then", () => {
    const small = new Small(nodes);
    small.cache.removeNode(0);
    // 500 MiB stays the size; 1 of 3 nodes: 166.67 MiB, 100*(166.67-23)/977 = 14.7.
    const pod = small.pod({ containers: [{ image: "app" }] });
    expect(small.plugin(imageLocality).score?.(small.cache, pod, 1, undefined)).toBe(14);
    small.cache.removeNode(1);
    expect(small.cache.image("app:latest")).toBeUndefined();
  });
});
