import { describe, expect, it } from "vitest";
import { feasibleNodesToFind } from "../../src/policies/framework/sampling.js";
import type { Decision, PluginFactory, PodInfo } from "../../src/policies/framework/types.js";
import { definePolicy } from "../../src/policies/policy.js";
import { defaultProfile } from "../../src/policies/profiles.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { type NodeWords, Small } from "./small-framework.js";

function messageOf(decision: Decision): string {
  return decision.kind === "unschedulable" ? decision.message : `scheduled on ${decision.node}`;
}

/** `count` nodes n000, n001, … with one cpu each. */
function manyNodes(count: number): Record<string, string | NodeWords> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${String(i).padStart(3, "0")}`, "1"]));
}

/** Scores nodes by a table; others 0. */
function scoring(scores: readonly number[]): PluginFactory {
  return definePolicy({ name: "Table", dependsOn: "facts", score: (_view, _pod, node) => scores[node] ?? 0 });
}

describe("a pod that fits nowhere", () => {
  const NOT_HELPFUL = "preemption: 0/4 nodes are available:";

  it("is told why, each reason with its count, sorted as text", () => {
    const small = new Small({
      a: { allocatable: { cpu: "1", memory: "1Mi" } },
      b: { allocatable: { cpu: "1" } },
      c: { unschedulable: true },
      d: { taints: [{ key: "k", value: "v", effect: "NoExecute" }] },
    });
    const pod = small.pod({ containers: [{ requests: { cpu: "2", memory: "1Gi" } }] });
    const decision = small.framework().schedule(pod);
    expect(messageOf(decision)).toBe(
      "0/4 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {k: v}, " +
        "1 node(s) were unschedulable, 2 Insufficient cpu. " +
        `${NOT_HELPFUL} 4 Preemption is not helpful for scheduling.`,
    );
    expect(decision).toMatchObject({
      kind: "unschedulable",
      evaluated: 4,
      preemption: { kind: "unschedulable" },
    });
    const plugins = decision.kind === "unschedulable" ? [...decision.plugins].sort() : [];
    expect(plugins).toEqual(["NodeResourcesFit", "NodeUnschedulable", "TaintToleration"]);
    const rejections = decision.kind === "unschedulable" ? decision.rejections : new Map();
    expect(rejections.size).toBe(4);
    expect(rejections.get(0)?.reasons).toEqual(["Insufficient cpu", "Insufficient memory"]);
    expect(rejections.get(9)).toBeUndefined();
    expect([...rejections.keys()]).toEqual([0, 1, 2, 3]);
  });

  it("has no nodes to fit on", () => {
    const small = new Small();
    const decision = small.framework().schedule(small.pod());
    expect(messageOf(decision)).toBe("no nodes available to schedule pods");
    expect(decision).toMatchObject({ preemption: undefined });
  });

  it("names nodes that are not there", () => {
    const small = new Small({ a: "1", b: "1", c: "1", d: "1" });
    const byName = (...values: string[]) => ({
      affinity: {
        nodeAffinity: {
          required: [
            {
              matchExpressions: [],
              matchFields: [{ key: "metadata.name", operator: "In" as const, values }],
            },
          ],
          preferred: [],
        },
      },
    });
    const framework = small.framework();
    const gone = framework.schedule(small.pod(byName("gone")));
    expect(messageOf(gone)).toBe(
      "0/4 nodes are available: 4 node(s) didn't satisfy plugin(s) [NodeAffinity]. " +
        `${NOT_HELPFUL} 4 Preemption is not helpful for scheduling.`,
    );
    expect(gone).toMatchObject({ evaluated: 0, plugins: new Set(["NodeAffinity"]) });
    const tooBig = framework.schedule(small.pod({ ...byName("b"), cpu: "2" }));
    expect(messageOf(tooBig)).toMatch(
      /^0\/4 nodes are available: 1 Insufficient cpu, 3 node\(s\) didn't satisfy plugin\(s\) \[NodeAffinity\]\./,
    );
    expect(framework.schedule(small.pod(byName("b")))).toMatchObject({
      kind: "scheduled",
      node: 1,
      evaluated: 1,
    });
  });

  it("contradicts itself, and every node says so", () => {
    const small = new Small({ a: "1", b: "1", c: "1", d: "1" });
    const field = (name: string) => ({ key: "metadata.name", operator: "In" as const, values: [name] });
    const term = { matchExpressions: [], matchFields: [field("a"), field("b")] };
    const pod = small.pod({ affinity: { nodeAffinity: { required: [term], preferred: [] } } });
    const decision = small.framework().schedule(pod);
    expect(messageOf(decision)).toBe(
      "0/4 nodes are available: pod affinity terms conflict. " +
        `${NOT_HELPFUL} 4 Preemption is not helpful for scheduling.`,
    );
    expect(decision).toMatchObject({ evaluated: 0, plugins: new Set(["NodeAffinity"]) });
  });
});

describe("sampling", () => {
  it.each([
    // Below 100 nodes all; adaptive: 50 - n/125 percent, at least 5 %, at least 100 nodes.
    [99, 0, 99],
    [100, 0, 100],
    [250, 0, 120],
    [1000, 0, 420],
    [6000, 0, 300],
    [130_000, 0, 6500],
    [1000, 30, 300],
    [200, 30, 100],
    [5000, 100, 5000],
  ])("of %i nodes at %i %% ends after %i feasible ones", (nodes, percentage, expected) => {
    expect(feasibleNodesToFind(nodes, percentage)).toBe(expected);
  });

  it("walks on from where the last walk ended, rejected nodes between included", () => {
    const nodes = manyNodes(250);
    for (let i = 0; i < 250; i += 10) nodes[`n${String(i).padStart(3, "0")}`] = { unschedulable: true };
    const small = new Small(nodes);
    const framework = small.framework();
    const looked = () => {
      const { startIndex, nodes: seen } = framework.diagnose(small.pod(), { sampled: true });
      expect(framework.schedule(small.pod())).toMatchObject({
        kind: "scheduled",
        feasible: 120,
        evaluated: seen.length,
      });
      return [startIndex, seen.length];
    };
    // 120 feasible of 9 in 10: the walk ends before the 121st. From 0: nodes 0..133 hold 14 closed ones, 134 is the
    // next feasible one. From 134: 134..249 holds 11 closed and 105 open ones, 15 more open are 1..16 without 10.
    expect(looked()).toEqual([0, 134]);
    expect(looked()).toEqual([134, 116 + 17]);
    expect(looked()[0]).toBe((134 + 133) % 250);
  });

  it("does not advance when the nominated node is taken", () => {
    const small = new Small(manyNodes(250));
    const framework = small.framework();
    const pod = small.pod();
    framework.nominate(pod, 7);
    expect(framework.schedule(pod)).toEqual({ kind: "scheduled", node: 7, feasible: 1, evaluated: 1 });
    expect(framework.diagnose(small.pod(), { sampled: true }).startIndex).toBe(0);
  });

  it("stops at the first feasible node when nothing scores", () => {
    const small = new Small(manyNodes(3));
    const plugins = defaultProfile().plugins.map((entry) => ({ ...entry, scoreWeight: 0 }));
    const framework = small.framework({ profile: { plugins } });
    const nodes = [0, 1, 2, 3].map(() => framework.schedule(small.pod()));
    expect(nodes).toEqual(
      [0, 1, 2, 0].map((node) => ({ kind: "scheduled", node, feasible: 1, evaluated: 1 })),
    );
  });
});

describe("the nominated node", () => {
  it("is tried first; when it fails, the others are looked at and it counts once", () => {
    const small = new Small({ a: "1", b: { unschedulable: true }, c: "1" });
    const framework = small.framework();
    const pod = small.pod({ cpu: "2" });
    framework.nominate(pod, 1);
    expect(messageOf(framework.schedule(pod))).toMatch(
      /^0\/3 nodes are available: 1 node\(s\) were unschedulable, 2 Insufficient cpu\./,
    );
    const gone = small.pod();
    framework.nominate(gone, 0);
    small.cache.removeNode(0);
    expect(framework.schedule(gone)).toMatchObject({ kind: "scheduled", node: 2 });
  });

  it("keeps its room for the nominated pod against lower and equal priorities, not against higher ones", () => {
    const small = new Small({ a: "2", b: "2" });
    const framework = small.framework();
    small.on(1, { cpu: "2" });
    const nominated = small.pod({ cpu: "2", priority: 5 });
    framework.nominate(nominated, 0);
    const outcome = (priority: number) => framework.schedule(small.pod({ cpu: "1", priority })).kind;
    expect([4, 5, 6].map(outcome)).toEqual(["unschedulable", "unschedulable", "scheduled"]);
    framework.denominate(nominated);
    expect(outcome(4)).toBe("scheduled");
    expect(nominated.nominatedNode).toBe(-1);
  });

  it("knows which nominations a new one clears", () => {
    const small = new Small({ a: "1" });
    const pods = [3, 9, 5].map((priority) => small.pod({ priority }));
    for (const pod of pods) small.nominator.nominate(pod, 0);
    expect(small.nominator.lowerPriorityOn(0, 9)).toEqual([pods[0], pods[2]]);
    for (const pod of pods) small.nominator.denominate(pod);
    expect(small.nominator.podsOn(0)).toBeUndefined();
  });
});

describe("the choice among nodes", () => {
  it("is the greatest weighted total", () => {
    const small = new Small(manyNodes(4));
    const own = [scoring([10, 70, 70, 20])];
    const framework = small.framework({ only: "Table", own, profile: { tieBreak: "first" } });
    expect(framework.schedule(small.pod())).toMatchObject({ node: 1, feasible: 4 });
  });

  it("among equals is the first in node order, or the lowest name, or anyone with equal chances", () => {
    const nodes = { z: "1", c: "1", a: "1", b: "1" };
    const choose = (tieBreak: "first" | "name" | "random", count = 1) => {
      const small = new Small(nodes);
      const framework = small.framework({
        only: "Table",
        own: [scoring([50, 50, 50, 0])],
        profile: { tieBreak },
      });
      return Array.from({ length: count }, () => {
        const decision = framework.schedule(small.pod());
        return decision.kind === "scheduled" ? decision.node : -1;
      });
    };
    expect(choose("first")).toEqual([0]);
    expect(choose("name")).toEqual([2]);
    const drawn = choose("random", 3000);
    // 1000 expected of each, standard deviation 26.
    for (const node of [0, 1, 2]) {
      const count = drawn.filter((chosen) => chosen === node).length;
      expect(Math.abs(count - 1000)).toBeLessThan(4 * 26);
    }
    expect(drawn).not.toContain(3);
    expect(choose("random", 3000)).toEqual(drawn);
  });

  it("is not asked of a single feasible node", () => {
    const small = new Small({ a: "1", b: { unschedulable: true } });
    const own = [scoring([1000])];
    const framework = small.framework({ only: "Table", own });
    expect(framework.schedule(small.pod())).toMatchObject({ node: 0, feasible: 1, evaluated: 2 });
  });

  it.each([
    [101, "101"],
    [-1, "-1"],
    [0.5, "0.5"],
    [Number.NaN, "NaN"],
  ])("stops a policy that scores %d", (score, shown) => {
    const small = new Small({ a: "1", b: "1" });
    const framework = small.framework({ only: "Table", own: [scoring([0, score])] });
    expect(() => framework.schedule(small.pod())).toThrow(
      `policy Table gave node b the score ${shown} after normalisation; expected an integer 0..100`,
    );
  });
});

describe("a diagnosis", () => {
  it("lays an attempt open without disturbing the next", () => {
    const small = new Small({ a: "4", b: { unschedulable: true }, c: "8" });
    const framework = small.framework();
    const pod = small.pod({ containers: [{ requests: { cpu: "1", memory: "10Gi" } }] });
    const diagnosis = framework.diagnose(pod);
    expect(diagnosis).toEqual(framework.diagnose(pod));
    const [a, b, c] = diagnosis.nodes;
    expect(b).toMatchObject({ kind: "rejected", node: 1, rejection: { plugin: "NodeUnschedulable" } });
    // a: cpu 75, memory 90, fit 82, balanced |0.25-0.1|/2: 92; taints 3*100. c: cpu 87, memory 90, fit 88; 98.
    expect(a).toMatchObject({ kind: "feasible", node: 0, total: 300 + 82 + 92 });
    expect(c).toMatchObject({
      kind: "feasible",
      node: 2,
      total: 300 + 88 + 98,
      scores: [
        { plugin: "TaintToleration", weight: 3, raw: 0, normalized: 100 },
        { plugin: "NodeResourcesFit", weight: 1, raw: 88, normalized: 88 },
        { plugin: "NodeResourcesBalancedAllocation", weight: 1, raw: 98, normalized: 98 },
        { plugin: "ImageLocality", weight: 1, raw: 0, normalized: 0 },
      ],
    });
    expect(framework.schedule(pod)).toMatchObject({ kind: "scheduled", node: 2 });
  });
});

describe("a profile", () => {
  it("gates and sorts the queue, and knows which events help whom", () => {
    const small = new Small({ a: "1" });
    const framework = small.framework();
    expect(framework.preEnqueue(small.pod({ gates: ["g"] }))?.plugin).toBe("SchedulingGates");
    expect(framework.preEnqueue(small.pod())).toBeUndefined();
    const queued = (pod: PodInfo, sequence: number) => ({ pod, timestampUs: 0, sequence });
    expect(
      framework.compareQueued(queued(small.pod({ priority: 1 }), 2), queued(small.pod(), 1)),
    ).toBeLessThan(0);
    const gone = { kind: "AssignedPodDelete", pod: small.pod() } as const;
    expect(framework.mayRequeue(small.pod(), ["NodeName"], gone)).toBe(false);
    expect(framework.mayRequeue(small.pod(), ["NodeName", "NodeResourcesFit"], gone)).toBe(true);
    expect(framework.mayRequeue(small.pod(), [], gone)).toBe(false);
  });

  it("stops on a plugin that is on no shelf, and the shelf on two of a name", () => {
    const small = new Small({ a: "1" });
    expect(() => small.framework({ only: "Nowhere" })).toThrow(/names Nowhere, which is on no shelf/);
    expect(() => shelfWith([{ ...scoring([]), name: "BestFit" }])).toThrow(/BestFit is on the shelf already/);
  });

  it("filters with a policy of one's own, and its reason is told", () => {
    const picky = definePolicy({
      name: "Picky",
      dependsOn: "facts",
      filter: (view, _pod, node) => (view.node(node).name === "a" ? undefined : "node(s) were not called a"),
    });
    const small = new Small({ a: "1", b: "1", c: "1" });
    const framework = small.framework({ only: "Picky", own: [picky] });
    expect(framework.schedule(small.pod())).toMatchObject({ node: 0 });
    expect(messageOf(framework.schedule(small.pod({ cpu: "2" })))).toMatch(
      "0/3 nodes are available: 3 Insufficient cpu.",
    );
    small.cache.removeNode(0);
    expect(messageOf(framework.schedule(small.pod()))).toMatch(
      "0/2 nodes are available: 2 node(s) were not called a.",
    );
  });
});
