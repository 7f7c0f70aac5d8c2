/** The policies for comparison, by hand on a few nodes. */
import { describe, expect, it } from "vitest";
import { freeShareAfter } from "../../src/policies/view-helpers.js";
import { type NodeWords, type PodWords, Small } from "./small-framework.js";

const gpuNode = (cpu: string, gpu: string): NodeWords => ({
  allocatable: { cpu, memory: "0", "x.io/gpu": gpu },
});
const asks = (cpu: string, gpu = "0"): PodWords => ({ containers: [{ requests: { cpu, "x.io/gpu": gpu } }] });

/** Where the policy puts pods of these words one after the other; -1 where one does not fit. */
function placed(small: Small, policy: string, words: readonly PodWords[], seed = "test"): number[] {
  const framework = small.framework({ only: policy, seed, profile: { tieBreak: "first" } });
  return words.map((text) => {
    const pod = small.pod(text);
    const decision = framework.schedule(pod);
    if (decision.kind !== "scheduled") return -1;
    small.cache.addPod(pod, decision.node);
    return decision.node;
  });
}

const times = (count: number, words: PodWords) => Array.from({ length: count }, () => words);

describe("the free share after placing a pod", () => {
  it("is the mean over the resources that the node has", () => {
    const small = new Small({
      both: gpuNode("8", "4"),
      plain: { allocatable: { cpu: "8", memory: "0" } },
      none: { allocatable: { memory: "0" } },
    });
    small.on(0, asks("2", "1"));
    const pod = small.pod(asks("2", "1"));
    // cpu (8-2-2)/8 = 1/2, gpu (4-1-1)/4 = 1/2; then cpu alone, 6/8; then nothing at all.
    expect([0, 1, 2].map((node) => freeShareAfter(small.cache, pod, node))).toEqual([0.5, 0.75, 0]);
  });
});

describe("for comparison", () => {
  it("FirstFit fills the first node before it goes to the next", () => {
    const small = new Small({ a: "2", b: "1", c: "2" });
    expect(placed(small, "FirstFit", times(6, { cpu: "1" }))).toEqual([0, 0, 1, 2, 2, -1]);
  });

  it("BestFit takes the fullest node that fits, WorstFit the emptiest", () => {
    const nodes = { a: gpuNode("8", "4"), b: gpuNode("4", "4"), c: gpuNode("16", "4") };
    // Free shares of 4 cpu and 0 gpu: a (1/2 + 1)/2, b (0 + 1)/2, c (3/4 + 1)/2.
    expect(placed(new Small(nodes), "BestFit", [asks("4"), asks("4"), asks("4")])).toEqual([1, 0, 0]);
    // c: 3/4; then 1/2, equal to a (1/2): the first; then a is full, c again.
    expect(placed(new Small(nodes), "WorstFit", [asks("4"), asks("4"), asks("4")])).toEqual([2, 0, 2]);
  });

  it("DotProduct takes the node where request and free share align least", () => {
    // 4 cpu, 1 gpu. a: 4/8*8/8 + 1/4*4/4 = 0.75; b: 4/32*1 + 1/8*1 = 0.25; c, half used: 4/8*1/2 + 1/4*1/4 = 0.3125.
    const small = new Small({ a: gpuNode("8", "4"), b: gpuNode("32", "8"), c: gpuNode("8", "4") });
    small.on(2, asks("4", "3"));
    expect(placed(small, "DotProduct", [asks("4", "1")])).toEqual([1]);
    small.cache.removeNode(1);
    expect(placed(small, "DotProduct", [asks("4", "1")])).toEqual([2]);
  });

  it("RoundRobin goes round, past full nodes, from where it was", () => {
    const small = new Small({ a: "3", b: "1", c: "3" });
    expect(placed(small, "RoundRobin", times(7, { cpu: "1" }))).toEqual([0, 1, 2, 0, 2, 0, 2]);
  });

  it("Random takes each with equal chances, the same ones for the same seed", () => {
    const nodes = { a: "9000", b: "9000", c: { unschedulable: true }, d: "9000" };
    const podsMax = { allocatable: { cpu: "9000", pods: "9000" } };
    const roomy = { ...nodes, a: podsMax, b: podsMax, d: podsMax };
    const words = times(3000, { cpu: "1m" });
    const first = placed(new Small(roomy), "Random", words);
    // 1000 expected of each, standard deviation 26.
    for (const node of [0, 1, 3]) {
      expect(Math.abs(first.filter((chosen) => chosen === node).length - 1000)).toBeLessThan(4 * 26);
    }
    expect(placed(new Small(roomy), "Random", words)).toEqual(first);
    expect(placed(new Small(roomy), "Random", words, "another")).not.toEqual(first);
  });
});
