/** What must hold of whole decisions on random clusters, whatever they are. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import type { NodeDiagnosis } from "../../src/policies/framework/diagnosis.js";
import { SchedulingFramework } from "../../src/policies/framework/framework.js";
import { Nominator } from "../../src/policies/framework/nominator.js";
import { defaultProfile } from "../../src/policies/profiles.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { NAMESPACES, nodes, pods as podsWith } from "./random-clusters.js";
import { type NodeText, type PodText, SmallCluster, verdict } from "./small-cluster.js";

const SEED = 20_250_611;
const RUNS = 200;

const extra = fc.record({
  cpu: fc.constantFrom("0", "1", "30", "70"),
  hostPort: fc.constantFrom(0, 0, 80, 81),
  priority: fc.constantFrom(0, 5),
});
const plain = podsWith({ extra });
const spreading = podsWith({ spread: true, extra });
/** Most without rules about others: with many rules hardly a node stays feasible. */
const pods = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 2, arbitrary: spreading },
  { weight: 1, arbitrary: podsWith({ spread: true, affinity: true, extra }) },
);
const clusters = nodes(pods, 3);

function frameworkOf(cluster: SmallCluster): SchedulingFramework {
  return new SchedulingFramework({ ...defaultProfile(), tieBreak: "first" }, shelfWith(), {
    cache: cluster.cache,
    nominator: new Nominator(),
    streams: new RandomStreams("properties"),
    podDisruptionBudgets: () => [],
  });
}

describe("a node that joins", () => {
  /** What may refuse a node that was feasible before: a new domain makes others too full, its pods may object. */
  const ALLOWED: readonly string[] = ["PodTopologySpread", "InterPodAffinity"];

  it("makes no other node infeasible, but through spread and affinity", () => {
    let feasibleBefore = 0;
    let refusedAfter = 0;
    fc.assert(
      fc.property(clusters, clusters, pods, (texts, more, text) => {
        const joining = { ...(more[0] as NodeText), name: "joined" };
        const [before, after] = [texts, [...texts, joining]].map((list) => {
          const cluster = new SmallCluster(list, NAMESPACES);
          return new Map(
            frameworkOf(cluster)
              .diagnose(cluster.pod(text))
              .nodes.map((node) => [node.node, node]),
          );
        }) as [Map<number, NodeDiagnosis>, Map<number, NodeDiagnosis>];
        for (const [node, diagnosis] of before) {
          if (diagnosis.kind !== "feasible") continue;
          feasibleBefore++;
          const now = after.get(node);
          if (now?.kind === "feasible") continue;
          refusedAfter++;
          expect(ALLOWED).toContain(now?.rejection.plugin);
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(feasibleBefore).toBeGreaterThan(100);
    // The exceptions do happen: otherwise the generator would be too tame to test the rule.
    expect(refusedAfter).toBeGreaterThan(0);
  });
});

describe("other names", () => {
  /** The same texts with every node and namespace renamed, wherever the name stands. */
  function renamed<T>(value: T, names: ReadonlyMap<string, string>): T {
    return JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
      typeof inner === "string" ? (names.get(inner) ?? inner) : inner,
    ) as T;
  }

  const NODE_NAMES = ["n0", "n1", "n2", "n3", "n4", "n5"];
  const permutations = fc
    .tuple(
      fc.shuffledSubarray(NODE_NAMES, { minLength: 6, maxLength: 6 }),
      fc.shuffledSubarray(["default", "other", "bare"], { minLength: 3, maxLength: 3 }),
    )
    .map(([nodeNames, namespaces]) => {
      const old = [...NODE_NAMES, "default", "other", "bare"];
      return new Map(old.map((name, i) => [name, [...nodeNames, ...namespaces][i] as string]));
    });

  it("change nothing but names: refusals, scores, choice and message stay node by node", () => {
    let scheduled = 0;
    let refused = 0;
    fc.assert(
      fc.property(clusters, pods, permutations, (texts, text, names) => {
        const namespaces = Object.fromEntries(
          Object.entries(NAMESPACES).map(([name, labels]) => [names.get(name) ?? name, labels]),
        );
        const worlds = [
          { texts, text, namespaces: NAMESPACES },
          { texts: renamed(texts, names), text: renamed(text, names), namespaces },
        ];
        const [asIs, otherwise] = worlds.map((world) => {
          const cluster = new SmallCluster(world.texts, world.namespaces);
          const framework = frameworkOf(cluster);
          const pod = cluster.pod({ ...world.text, name: "incoming" } as PodText);
          const seen = framework.diagnose(pod).nodes.map((node) => opinion(node));
          const decision = framework.schedule(pod);
          if (decision.kind === "scheduled") scheduled++;
          else refused++;
          // Among nodes that preemption could use equally well the lowest name wins.
          const nominated = decision.kind !== "scheduled" && decision.preemption?.kind === "nominated";
          const outcome =
            decision.kind === "scheduled" ? decision.node : nominated ? "nominated" : decision.message;
          return { seen, outcome };
        });
        expect(otherwise).toEqual(asIs);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    expect(scheduled).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  });

  function opinion(node: NodeDiagnosis): unknown {
    if (node.kind === "rejected") return [node.node, node.rejection.plugin, verdict(node.rejection)];
    return [node.node, node.total, node.scores.map(({ plugin, normalized }) => [plugin, normalized])];
  }
});
