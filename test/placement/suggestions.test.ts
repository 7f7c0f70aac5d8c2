/** Every suggestion, applied by itself to the objects, makes the pod schedulable. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChanges } from "../../src/placement/changes.js";
import { Explainer, pendingPods } from "../../src/placement/explain.js";
import { clusterOf, type Json, nodeJson, objectsOf, podJson } from "./support.js";

const ZONE = "topology.kubernetes.io/zone";
const HOSTNAME = "kubernetes.io/hostname";
const GPU = "example.com/gpu";

const taints = fc.subarray([
  { key: "dedicated", value: "gpu", effect: "NoSchedule" },
  { key: "maintenance", value: "", effect: "NoExecute" },
  { key: "slow", value: "true", effect: "PreferNoSchedule" },
]);

const nodes = fc
  .array(
    fc.record({
      cpu: fc.constantFrom("1", "2", "4"),
      memory: fc.constantFrom("2Gi", "4Gi"),
      pods: fc.constantFrom("2", "4", "8"),
      zone: fc.constantFrom("a", "b", "c", undefined),
      disk: fc.constantFrom("ssd", "hdd", undefined),
      taints: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: taints }),
      unschedulable: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
      gpus: fc.constantFrom("0", "0", "2"),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((list) =>
    list.map(({ disk, gpus, zone, ...node }, index) =>
      nodeJson(`n${index}`, {
        ...node,
        ...(zone === undefined ? {} : { zone }),
        labels: { ...(disk === undefined ? {} : { disk }), rank: String(index) },
        more: gpus === "0" ? {} : { [GPU]: gpus },
      }),
    ),
  );

const labels = fc.constantFrom({ app: "a" }, { app: "b" }, {});
const selector = fc.constantFrom({ matchLabels: { app: "a" } }, { matchLabels: { app: "b" } }, {});
const topologyKey = fc.constantFrom(ZONE, HOSTNAME, "rack");

const requirement = fc.constantFrom<Json>(
  { key: "disk", operator: "In", values: ["ssd", "nvme"] },
  { key: "disk", operator: "Exists" },
  { key: "disk", operator: "DoesNotExist" },
  { key: "disk", operator: "NotIn", values: ["hdd"] },
  { key: "rank", operator: "Gt", values: ["2"] },
  { key: "rank", operator: "Lt", values: ["2"] },
);

/** What may be wrong with a pod, each part seldom. */
const specs = fc
  .record(
    {
      nodeSelector: fc.constantFrom({ disk: "ssd" }, { disk: "nvme" }),
      nodeAffinity: fc.oneof(
        fc
          .array(requirement, { minLength: 1, maxLength: 2 })
          .map((matchExpressions) => [{ matchExpressions }]),
        fc.constant([{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n0"] }] }]),
      ),
      podAffinity: fc.array(fc.record({ topologyKey, labelSelector: selector }), {
        minLength: 1,
        maxLength: 2,
      }),
      podAntiAffinity: fc.array(fc.record({ topologyKey, labelSelector: selector }), {
        minLength: 1,
        maxLength: 2,
      }),
      spread: fc.uniqueArray(
        fc.record({
          topologyKey,
          labelSelector: selector,
          maxSkew: fc.constantFrom(1, 2),
          whenUnsatisfiable: fc.constant("DoNotSchedule"),
          minDomains: fc.constantFrom(1, 3),
        }),
        { minLength: 1, maxLength: 2, selector: (constraint) => constraint.topologyKey },
      ),
      port: fc.constantFrom(80, 443),
      gates: fc.constant([{ name: "example.com/quota" }]),
      hostNetwork: fc.constant(true),
    },
    { requiredKeys: [] },
  )
  .map(({ nodeAffinity, podAffinity, podAntiAffinity, spread, port, gates, hostNetwork, ...spec }) => {
    const required = "requiredDuringSchedulingIgnoredDuringExecution";
    const affinity = {
      ...(nodeAffinity && { nodeAffinity: { [required]: { nodeSelectorTerms: nodeAffinity } } }),
      ...(podAffinity && { podAffinity: { [required]: podAffinity } }),
      ...(podAntiAffinity && { podAntiAffinity: { [required]: podAntiAffinity } }),
    };
    return {
      port,
      spec: {
        ...spec,
        affinity,
        ...(spread && { topologySpreadConstraints: spread }),
        ...(gates && { schedulingGates: gates }),
        ...(hostNetwork && { hostNetwork }),
      },
    };
  });

const pods = fc.record({
  cpu: fc.constantFrom("100m", "500m", "900m", "1500m", "3"),
  memory: fc.constantFrom("128Mi", "1Gi", "3Gi"),
  gpus: fc.constantFrom("0", "0", "0", "1"),
  labels,
  priority: fc.constantFrom(0, 0, 10),
  spec: specs,
  /** Where a bound pod goes, whether or not it belongs there. */
  at: fc.nat(),
  daemon: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
});
type RandomPod = typeof pods extends fc.Arbitrary<infer Pod> ? Pod : never;

function podOf(name: string, pod: RandomPod, node?: string): Json {
  const { cpu, memory, gpus, priority, spec, daemon } = pod;
  const ports =
    spec.port === undefined ? [] : [{ containerPort: spec.port, hostPort: spec.port, protocol: "TCP" }];
  const requests = { cpu, memory, ...(gpus === "0" ? {} : { [GPU]: gpus }) };
  const limits = gpus === "0" ? {} : { [GPU]: gpus };
  const { schedulingGates, ...bound } = spec.spec;
  return podJson(name, {
    labels: pod.labels,
    priority,
    ...(node === undefined ? {} : { node }),
    ...(daemon && node !== undefined ? { owner: { kind: "DaemonSet", name: "agent" } } : {}),
    spec: {
      ...(node === undefined ? spec.spec : bound),
      containers: [{ name: "main", image: "app:1", ports, resources: { requests, limits } }],
    },
  });
}

const snapshots = fc.record({
  nodes,
  bound: fc.array(pods, { maxLength: 8 }),
  pending: fc.array(pods, { minLength: 1, maxLength: 3 }),
});

describe("a suggestion", () => {
  it("makes the pod schedulable by itself, and needs each of its changes", () => {
    const kinds = new Map<string, number>();
    let unschedulable = 0;
    let helped = 0;
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const objects = objectsOf([
          ...snapshot.nodes,
          ...snapshot.bound.map((pod, index) =>
            podOf(`bound-${index}`, pod, `n${pod.at % snapshot.nodes.length}`),
          ),
          ...snapshot.pending.map((pod, index) => podOf(`pending-${index}`, pod)),
        ]);
        const cluster = clusterOf(objects);
        const explainer = new Explainer(cluster);
        for (const { key } of pendingPods(cluster)) {
          const { verdict, suggestions } = explainer.explain(key);
          if (verdict.kind === "schedulable") {
            expect(suggestions).toEqual([]);
            continue;
          }
          unschedulable++;
          if (suggestions.length > 0) helped++;
          for (const { changes, nodes: opened } of suggestions) {
            for (const { kind } of changes) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
            expect(opened.length).toBeGreaterThan(0);
            expect(feasibleAfter(objects, changes, key)).toEqual(expect.arrayContaining([...opened]));
            for (const change of changes) {
              const others = changes.filter((other) => other !== change);
              // Without it, one of those nodes at least is closed.
              expect(feasibleAfter(objects, others, key)).not.toEqual(expect.arrayContaining([...opened]));
            }
          }
        }
      }),
      { numRuns: 40, seed: 7 },
    );
    // The search finds a way for nearly every pod, and every kind of change is met.
    expect(unschedulable).toBeGreaterThan(40);
    expect(helped / unschedulable).toBeGreaterThan(0.95);
    expect([...kinds.keys()].sort()).toEqual([
      "addNode",
      "addToleration",
      "changeHostPort",
      "increaseAllocatable",
      "reduceRequest",
      "removeAffinityTerm",
      "removeNodeLabel",
      "removeNodeSelector",
      "removePod",
      "removeRequiredNodeAffinity",
      "removeSchedulingGates",
      "removeTaint",
      "setMaxSkew",
      "setNodeLabel",
      "softenSpreadConstraint",
      "uncordon",
    ]);
  });
});

/** Names of the nodes that take the pod after the changes, sorted; none while it is gated. */
function feasibleAfter(
  objects: ReturnType<typeof objectsOf>,
  changes: Parameters<typeof applyChanges>[1],
  key: string,
): string[] {
  const cluster = clusterOf(applyChanges(objects, changes));
  const { info } = cluster.pod(key);
  const framework = cluster.framework(info);
  if (framework?.preEnqueue(info) !== undefined) return [];
  const { nodes: answers } = framework?.diagnose(info) ?? { nodes: [] };
  return answers
    .flatMap(({ kind, node }) => (kind === "feasible" ? [cluster.cache.node(node).name] : []))
    .sort();
}
