/** What every policy on the shelf promises, checked on random clusters. A new one is in by being on the shelf. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PodAffinityTerm, Taint, Volume, WeightedPodAffinityTerm } from "../../src/api/objects.js";
import { type CompiledNode, compileNode } from "../../src/policies/framework/node.js";
import { Overlay } from "../../src/policies/framework/overlay.js";
import type {
  DependsOn,
  Plugin,
  PluginFactory,
  PodInfo,
  SchedulerView,
} from "../../src/policies/framework/types.js";
import { MAX_NODE_SCORE } from "../../src/policies/framework/types.js";
import { SHELF } from "../../src/policies/shelf.js";
import { LABEL_HOSTNAME, LABEL_ZONE } from "../../src/topology/topology.js";
import { fromWhole } from "../../src/units/quantity.js";
import { checkIncremental } from "./incremental.js";
import { NAMESPACES, nodes, pods as podsWith } from "./random-clusters.js";
import { affinity, type NodeText, type PodText, SmallCluster } from "./small-cluster.js";
import { Small, scoresOf, verdicts } from "./small-framework.js";
import { claim, csiNode, storageClass, tableOf, volume, within } from "./small-volumes.js";

/** Pods with a bit of everything, most of it rarely. */
const pods: fc.Arbitrary<PodText> = podsWith({
  spread: true,
  affinity: true,
  extra: fc.record({
    cpu: fc.constantFrom("0", "1", "30", "70"),
    hostPort: fc.constantFrom(0, 0, 80, 81),
    priority: fc.constantFrom(0, 5),
    volumes: fc.constantFrom<readonly Volume[]>(
      [],
      [],
      [{ name: "v", claimName: "single" }],
      [{ name: "v", claimName: "in-a" }],
      [{ name: "v", claimName: "waits" }],
      [{ name: "v", disk: { type: "gcePersistentDisk", pdName: "pd", readOnly: false } }],
    ),
  }),
})
  // Claims are in one namespace: VolumeRestrictions follows pods by the claim's name alone, as upstream does.
  .map((text) => (text.namespace === "default" ? text : { ...text, volumes: [] }));

const VOLUMES = [
  claim("single", { accessModes: ["ReadWriteOncePod"], volumeName: "pv" }),
  claim("in-a", { volumeName: "pv-a" }),
  claim("waits", { storageClassName: "wait" }),
  storageClass("wait", { allowedTopologies: [[{ key: LABEL_ZONE, values: ["a", "b"] }]] }),
  volume("pv", { csi: { driver: "csi.example.com", volumeHandle: "pv" } }),
  volume("pv-a", {
    metadata: { labels: { [LABEL_ZONE]: "a" } },
    nodeAffinity: within(LABEL_ZONE, "a"),
    csi: { driver: "csi.example.com", volumeHandle: "pv-a" },
  }),
  csiNode("n0", 1),
  csiNode("n1", 2),
];

/** A random cluster with these volumes. */
function clusterOf(texts: readonly NodeText[]): SmallCluster {
  const cluster = new SmallCluster(texts, NAMESPACES);
  cluster.cache.setVolumes(tableOf(...VOLUMES));
  return cluster;
}

const RUNS = 40;
const SEED = 20_250_603;

/** All that a plugin says of a pod on the nodes of a view. */
function opinion(plugin: Plugin, view: SchedulerView, pod: PodInfo) {
  const feasible = view.nodeOrder;
  return { verdicts: verdicts(plugin, view, pod), scores: scoresOf(plugin, view, pod, feasible) };
}

/** A digest of everything that a plugin could have changed. */
function contents(view: SchedulerView): unknown {
  return {
    version: view.version,
    nodes: Array.from(view.nodeOrder, (node) => [
      view.node(node),
      view.podsOn(node).map(({ shape, ...rest }) => ({ ...rest, shape: shape.id })),
      Array.from({ length: view.resources.count }, (_, resource) => view.requested(node, resource)),
    ]),
  };
}

/** What may happen to a node other than the one asked about, or (pods alone, of "facts") on it. */
type Step = (typeof STEPS)[number];
const STEPS = ["podJoins", "podLeaves", "factsChange", "nodeJoins", "nodeGoes"] as const;

interface Change {
  readonly what: Step;
  readonly at: number;
  readonly pod: PodText;
}

const changes: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({ what: fc.constantFrom(...STEPS), at: fc.nat({ max: 99 }), pod: pods }),
  { minLength: 1, maxLength: 8 },
);

/** Changes something that is not the asked node's own: for "facts" pods may come and go there too. */
function change(cluster: SmallCluster, asked: number, dependsOn: DependsOn, { what, at, pod }: Change): void {
  const { cache } = cluster;
  const others = [...cache.nodeOrder].filter((node) => node !== asked);
  const hosts = dependsOn === "facts" ? [asked, ...others] : others;
  const host = hosts[at % Math.max(1, hosts.length)];
  const other = others[at % Math.max(1, others.length)];
  const present = host === undefined ? [] : cache.podsOn(host);
  const leaving = present[at % Math.max(1, present.length)];
  if (what === "nodeJoins")
    cache.addNode(stranger(cluster, cache.nodeIdsEnd, `joined-${cache.nodeIdsEnd}`, at));
  else if (what === "podJoins" && host !== undefined) cache.addPod(cluster.pod(pod), host);
  else if (what === "podLeaves" && host !== undefined && leaving !== undefined)
    cache.removePod(leaving, host);
  else if (what === "factsChange" && other !== undefined) {
    cache.updateNode(stranger(cluster, other, cache.node(other).name, at));
  } else if (what === "nodeGoes" && other !== undefined && cache.podCount(other) === 0)
    cache.removeNode(other);
}

/** A node as none of the random ones is, in several ways. */
function stranger(cluster: SmallCluster, id: number, name: string, variant: number): CompiledNode {
  const taints: Taint[] = variant % 2 === 0 ? [] : [{ key: "gpu", value: "", effect: "NoSchedule" }];
  const labels = variant % 3 === 0 ? {} : { [LABEL_ZONE]: "a", rack: "r9", [LABEL_HOSTNAME]: name };
  const allocatable = {
    cpu: fromWhole(1 + (variant % 7)),
    memory: fromWhole(1),
    pods: fromWhole(variant % 4),
  };
  const facts = { name, labels, taints, unschedulable: variant % 5 === 0, allocatable, images: [] };
  return compileNode(facts, id, cluster.resources);
}

/** Verdict and raw score of one node; a PreFilter or PreScore that skips says it of all nodes. */
function opinionOn(plugin: Plugin, view: SchedulerView, pod: PodInfo, node: number) {
  const { verdicts: refusals, scores } = opinion(plugin, view, pod);
  const position = view.nodeOrder.indexOf(node);
  return { refusal: refusals[position], raw: scores?.raw[position] };
}

/** The pod with its affinity terms for its own namespace alone. */
function withoutOtherNamespaces(text: PodText): PodText {
  const { affinity: terms, ...rest } = text;
  if (terms === undefined) return { ...rest, namespace: "default" };
  const own = ({ namespaceSelector: _, ...term }: PodAffinityTerm): PodAffinityTerm => ({
    ...term,
    namespaces: [],
  });
  const weighted = (term: WeightedPodAffinityTerm) => ({
    ...term,
    podAffinityTerm: own(term.podAffinityTerm),
  });
  return {
    ...rest,
    namespace: "default",
    affinity: affinity({
      required: terms.podAffinity?.required.map(own) ?? [],
      requiredAnti: terms.podAntiAffinity?.required.map(own) ?? [],
      preferred: terms.podAffinity?.preferred.map(weighted) ?? [],
      preferredAnti: terms.podAntiAffinity?.preferred.map(weighted) ?? [],
    }),
  };
}

describe.each(SHELF.map((factory) => [factory.name, factory] as const))("%s", (_, factory: PluginFactory) => {
  const clusters = nodes(pods);
  const onClusters = (check: (cluster: SmallCluster, pod: PodInfo, again: () => SmallCluster) => void) =>
    fc.assert(
      fc.property(clusters, pods, (texts, text: PodText) => {
        const cluster = clusterOf(texts);
        check(cluster, cluster.pod(text), () => clusterOf(texts));
      }),
      { numRuns: RUNS, seed: SEED },
    );

  it("says what it does in one sentence", () => {
    expect(factory.description).toMatch(/^[A-Z].*\.$/);
    expect(factory.name).toMatch(/^[A-Z][A-Za-z]+$/);
  });

  it("is called as its factory is, with and without arguments", () => {
    const cluster = new Small({ a: "1" });
    expect(cluster.plugin(factory).name).toBe(factory.name);
  });

  it("says the same of the same, and changes nothing by being asked", () => {
    onClusters((cluster, pod, again) => {
      const plugin = cluster.plugin(factory);
      const before = contents(cluster.cache);
      const first = opinion(plugin, cluster.cache, pod);
      expect(opinion(plugin, cluster.cache, pod), "asked twice").toEqual(first);
      expect(contents(cluster.cache), "the state it saw").toEqual(before);
      expect(opinion(cluster.plugin(factory), cluster.cache, pod), "a fresh instance").toEqual(first);
      expect(opinion(again().plugin(factory), cluster.cache, pod), "one made elsewhere").toEqual(first);
    });
  });

  it("scores whole numbers from 0 to 100 after normalisation", () => {
    onClusters((cluster, pod) => {
      for (const score of opinion(cluster.plugin(factory), cluster.cache, pod).scores?.normalized ?? []) {
        expect(Number.isInteger(score)).toBe(true);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(MAX_NODE_SCORE);
      }
    });
  });

  it("sees on an overlay what it would see had the changes really been made", () => {
    fc.assert(
      fc.property(clusters, pods, pods, fc.nat(), (texts, text, added, where) => {
        const cluster = clusterOf(texts);
        const pod = cluster.pod(text);
        const joining = cluster.pod(added);
        const node = where % texts.length;
        const leaving = cluster.cache.podsOn(node)[0];
        const overlay = new Overlay(cluster.cache);
        const targets = [overlay, cluster.cache];
        const [shadow, real] = targets.map((target) => {
          target.addPod(joining, node);
          if (leaving !== undefined) target.removePod(leaving, node);
          const seen = opinion(cluster.plugin(factory), target, pod);
          if (target === overlay) overlay.reset();
          return seen;
        });
        expect(shadow).toEqual(real);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  const { dependsOn } = new Small({ a: "1" }).plugin(factory);

  if (dependsOn === "facts" || dependsOn === "node") {
    it(`says the same of a node whatever changes elsewhere, as it depends on ${dependsOn} alone`, () => {
      fc.assert(
        fc.property(clusters, pods, fc.nat(), changes, (texts, text, where, steps) => {
          const cluster = clusterOf(texts);
          const pod = cluster.pod(text);
          const plugin = cluster.plugin(factory);
          const asked = where % texts.length;
          const before = opinionOn(plugin, cluster.cache, pod, asked);
          for (const step of steps) {
            change(cluster, asked, dependsOn, step);
            expect(opinionOn(plugin, cluster.cache, pod, asked)).toEqual(before);
          }
        }),
        { numRuns: RUNS, seed: SEED },
      );
    });
  } else if (dependsOn === "domain") {
    it("says the same of every node while pods of a namespace that no rule selects come and go", () => {
      fc.assert(
        fc.property(clusters, pods, fc.array(fc.nat(), { maxLength: 6 }), (texts, text, places) => {
          const cluster = clusterOf(texts);
          const pod = cluster.pod(withoutOtherNamespaces(text));
          const plugin = cluster.plugin(factory);
          const before = opinion(plugin, cluster.cache, pod);
          for (const place of places) {
            const stranger = cluster.pod({ namespace: "strangers", labels: { app: "a", tier: "x" } });
            cluster.cache.addPod(stranger, place % texts.length);
            expect(opinion(plugin, cluster.cache, pod)).toEqual(before);
            if (place % 2 === 0) cluster.cache.removePod(stranger, place % texts.length);
          }
        }),
        { numRuns: RUNS, seed: SEED },
      );
    });
  }
  // What depends on the whole cluster says nothing that a change elsewhere could contradict: no test.

  it("keeps its PreFilter state as a fresh one would be while pods come and go", () => {
    const plugin = new Small({ a: "1" }).plugin(factory);
    const compared = checkIncremental(factory, pods, pods, RUNS, clusterOf);
    const incremental = plugin.cloneState !== undefined;
    expect(incremental).toBe(plugin.addPod !== undefined);
    expect(incremental).toBe(plugin.removePod !== undefined);
    expect(compared > 0).toBe(incremental);
  });
});
