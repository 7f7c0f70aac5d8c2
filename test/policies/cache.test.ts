import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Overlay } from "../../src/policies/framework/overlay.js";
import type { PodInfo, SchedulerView } from "../../src/policies/framework/types.js";
import { type NodeWords, type PodWords, Small } from "./small-framework.js";

const zone = (name: string, region = "r"): NodeWords => ({
  labels: { "topology.kubernetes.io/zone": name, "topology.kubernetes.io/region": region },
});

function order(small: Small): string[] {
  return [...small.cache.nodeOrder].map((node) => small.cache.node(node).name);
}

const ANTI: PodWords = {
  affinity: {
    podAntiAffinity: {
      required: [{ namespaces: [], topologyKey: "zone", matchLabelKeys: [], mismatchLabelKeys: [] }],
      preferred: [],
    },
  },
};
const PREFERS: PodWords = {
  affinity: {
    podAffinity: {
      required: [],
      preferred: [
        {
          weight: 1,
          podAffinityTerm: { namespaces: [], topologyKey: "zone", matchLabelKeys: [], mismatchLabelKeys: [] },
        },
      ],
    },
  },
};
const PORT: PodWords = {
  containers: [{ requests: { cpu: "250m", "x.io/y": "2" }, hostPorts: [{ hostPort: 80 }] }],
};

describe("the node order", () => {
  it("takes one node a zone in turn, zones in order of first appearance, and skips exhausted ones", () => {
    const small = new Small({
      b1: zone("b"),
      a1: zone("a"),
      b2: zone("b"),
      b3: zone("b"),
      a2: zone("a"),
      c1: zone("a", "q"),
      n: {},
    });
    expect(order(small)).toEqual(["b1", "a1", "c1", "n", "b2", "a2", "b3"]);
  });

  it("a zone that lost its last node comes back last, a node that changes zone goes to the new one's end", () => {
    const small = new Small({ b1: zone("b"), a1: zone("a"), a2: zone("a") });
    small.cache.removeNode(0);
    expect(order(small)).toEqual(["a1", "a2"]);
    small.node("b1", zone("b"), 0);
    expect(order(small)).toEqual(["a1", "b1", "a2"]);
    const info = { ...small.cache.node(1), labels: zone("b").labels ?? {} };
    small.cache.updateNode({ info, allocatable: [], podsMax: 1 });
    expect(order(small)).toEqual(["a2", "b1", "a1"]);
    expect([0, 1, 2].map((node) => small.cache.nodePosition(node))).toEqual([1, 2, 0]);
  });
});

describe("the cache", () => {
  it("keeps pods accounted to a node whose object is gone, until they go too", () => {
    const small = new Small({ a: "4", b: "4" });
    const pod = small.on(0, ANTI);
    expect(small.cache.nodesWithRequiredAntiAffinityPods()).toEqual([0]);
    small.cache.removeNode(0);
    expect(small.cache.nodeByName("a")).toBe(-1);
    expect(small.cache.nodesWithRequiredAntiAffinityPods()).toEqual([]);
    small.node("a", "4", 0);
    expect(small.cache.podsOn(0)).toEqual([pod]);
    expect(small.cache.nodesWithRequiredAntiAffinityPods()).toEqual([0]);
    small.cache.removePod(pod, 0);
    expect(small.cache.podCount(0)).toBe(0);
  });

  it("stops when a pod leaves a node it is not on, or a node comes twice", () => {
    const small = new Small({ a: "4", b: "4" });
    const pod = small.on(0);
    expect(() => small.cache.removePod(pod, 1)).toThrow(/is on the node/);
    expect(() => small.node("a", "4", 0)).toThrow(/not live yet/);
    expect(() => small.node("a", "4", 7)).toThrow(/no live node is called a/);
  });

  it("grows its version with every change", () => {
    const small = new Small({ a: "4" });
    const versions = [small.cache.version];
    const changed = () => versions.push(small.cache.version);
    const pod = small.on(0);
    changed();
    small.cache.removePod(pod, 0);
    changed();
    small.cache.setNamespaceLabels("x", {});
    changed();
    small.cache.updateNode({ info: small.cache.node(0), allocatable: [], podsMax: 0 });
    changed();
    small.cache.removeNode(0);
    changed();
    expect(new Set(versions).size).toBe(6);
    expect([...versions].sort((a, b) => a - b)).toEqual(versions);
  });

  it("keeps its figures when it grows beyond its first size", () => {
    const small = new Small(
      Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`n${i}`, String(i + 1)])),
    );
    const pod = small.on(0, { cpu: "500m" });
    small.node("far", "7", 5000);
    expect(small.cache.nodeIdsEnd).toBe(5001);
    expect(small.cache.allocatable(299, 0)).toBe(300_000);
    expect(small.cache.requested(0, 0)).toBe(500);
    expect(small.cache.nodePosition(5000)).toBe(300);
    expect(small.cache.nodePosition(4999)).toBe(-1);
    expect(small.cache.podsOn(0)).toEqual([pod]);
  });
});

/** Everything that plugins can see of the nodes' pods. */
function seen(view: SchedulerView): unknown {
  const ports = [{ protocol: "TCP", ip: "0.0.0.0", port: 80 }];
  const nodes = [...view.nodeOrder].map((node) => ({
    requested: Array.from({ length: view.resources.count }, (_, resource) => view.requested(node, resource)),
    nonZero: [view.nonZeroCpuMilli(node), view.nonZeroMemoryBytes(node)],
    count: view.podCount(node),
    pods: view.podsOn(node).map(({ id }) => id),
    anti: view.podsWithRequiredAntiAffinityOn(node).map(({ id }) => id),
    affinity: view.podsWithAffinityOn(node).map(({ id }) => id),
    conflict: view.portsConflict(node, ports),
  }));
  return { nodes, anti: view.nodesWithRequiredAntiAffinityPods(), affinity: view.nodesWithAffinityPods() };
}

describe("an overlay", () => {
  const words = fc.constantFrom<PodWords>(ANTI, PREFERS, PORT, { cpu: "1" }, {});
  const step = fc.record({ node: fc.nat({ max: 4 }), words, leaving: fc.boolean(), at: fc.nat({ max: 9 }) });
  const steps = fc.array(step, { maxLength: 20 });

  it("shows what the cache would show had the same changes really been made, and leaves the cache alone", () => {
    fc.assert(
      fc.property(steps, steps, (before, changes) => {
        const small = new Small({ a: zone("x"), b: zone("x"), c: zone("y"), d: {}, e: zone("y") });
        small.resources.intern("x.io/y");
        apply(small, before, small.cache);
        const untouched = seen(small.cache);
        const overlay = new Overlay(small.cache);
        const journal = apply(small, changes, overlay);
        expect(seen(small.cache)).toEqual(untouched);
        const shown = seen(overlay);
        const nested = new Overlay(overlay);
        apply(small, before, nested);
        expect(seen(overlay)).toEqual(shown);
        nested.reset();
        expect(seen(nested)).toEqual(shown);
        overlay.reset();
        expect(seen(overlay)).toEqual(untouched);
        for (const { pod, node, leaving } of journal) {
          if (leaving) small.cache.removePod(pod, node);
          else small.cache.addPod(pod, node);
        }
        expect(seen(small.cache)).toEqual(shown);
        expect(seen(overlay)).toEqual(shown);
      }),
      { numRuns: 150, seed: 20_250_602 },
    );
  });

  interface Target extends SchedulerView {
    addPod(pod: PodInfo, node: number): void;
    removePod(pod: PodInfo, node: number): void;
  }
  type Step = { node: number; words: PodWords; leaving: boolean; at: number };

  function apply(small: Small, changes: readonly Step[], target: Target) {
    const journal: { pod: PodInfo; node: number; leaving: boolean }[] = [];
    for (const { node, words: text, leaving, at } of changes) {
      const present = target.podsOn(node);
      const pod = leaving ? present[at % Math.max(1, present.length)] : small.pod(text);
      if (pod === undefined) continue;
      if (leaving) target.removePod(pod, node);
      else target.addPod(pod, node);
      journal.push({ pod, node, leaving });
    }
    return journal;
  }
});
