import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileLabelSelector } from "../../src/api/selectors.js";
import { RandomStreams } from "../../src/engine/random.js";
import { SchedulingFramework } from "../../src/policies/framework/framework.js";
import { Nominator } from "../../src/policies/framework/nominator.js";
import type {
  Decision,
  DisruptionBudget,
  Plugin,
  PluginFactory,
  PodInfo,
  ProfileSpec,
} from "../../src/policies/framework/types.js";
import {
  type Candidate,
  type DryRun,
  defaultPreemption,
  dryRun,
  pickOne,
  splitByBudgets,
} from "../../src/policies/kubernetes/default-preemption.js";
import { interPodAffinity } from "../../src/policies/kubernetes/inter-pod-affinity.js";
import { nodeAffinity } from "../../src/policies/kubernetes/node-affinity.js";
import { nodePorts } from "../../src/policies/kubernetes/node-ports.js";
import { nodeResourcesFit } from "../../src/policies/kubernetes/node-resources-fit.js";
import { podTopologySpread } from "../../src/policies/kubernetes/pod-topology-spread.js";
import { taintToleration } from "../../src/policies/kubernetes/taint-toleration.js";
import { LABEL_HOSTNAME, LABEL_ZONE } from "../../src/topology/topology.js";
import { NAMESPACES, nodes, pods } from "./random-clusters.js";
import {
  affinity,
  type NodeText,
  type PodText,
  SmallCluster,
  selector,
  spreadOver,
  term,
} from "./small-cluster.js";

const SHELF: readonly PluginFactory[] = [
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
  podTopologySpread,
  interPodAffinity,
  defaultPreemption,
];

const PROFILE: ProfileSpec = {
  schedulerName: "default-scheduler",
  plugins: SHELF.map(({ name }) => ({ name, scoreWeight: 0, filter: true, postFilter: true })),
  args: {},
  percentageOfNodesToScore: 100,
  tieBreak: "name",
};

/** A small cluster with a scheduler on it. */
class Scheduler {
  readonly cluster: SmallCluster;
  readonly framework: SchedulingFramework;
  /** What the dry run of the last attempt looked at, with this limit and offset, when asked for. */
  probe: { readonly limit: number; readonly offset: number } | undefined;
  probed: DryRun | undefined;

  constructor(texts: readonly NodeText[], budgets: readonly DisruptionBudget[] = []) {
    this.cluster = new SmallCluster(texts, NAMESPACES);
    const probing: PluginFactory = {
      ...defaultPreemption,
      create: (args, context) => {
        const plugin = defaultPreemption.create(args, context);
        const postFilter: NonNullable<Plugin["postFilter"]> = (postFilterContext, preemptor, rejections) => {
          if (this.probe !== undefined) {
            const { limit, offset } = this.probe;
            const limits = { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: limit };
            this.probed = dryRun(
              { ...postFilterContext, below: () => offset },
              preemptor,
              rejections,
              limits,
            );
          }
          if (plugin.postFilter === undefined) throw new Error("the plugin preempts");
          return plugin.postFilter(postFilterContext, preemptor, rejections);
        };
        return { ...plugin, postFilter };
      },
    };
    const shelf = SHELF.map((factory) => (factory === defaultPreemption ? probing : factory));
    this.framework = new SchedulingFramework(
      PROFILE,
      new Map(shelf.map((factory) => [factory.name, factory])),
      {
        cache: this.cluster.cache,
        nominator: new Nominator(),
        streams: new RandomStreams("preemption-test"),
        podDisruptionBudgets: () => budgets,
      },
    );
  }

  /** The outcome in one line: node and victims, or the message. */
  attempt(pod: PodText | PodInfo): string {
    return this.outcome(this.framework.schedule("shape" in pod ? pod : this.cluster.pod(pod)));
  }

  outcome(decision: Decision): string {
    const { cache } = this.cluster;
    if (decision.kind === "scheduled") return `fits ${cache.node(decision.node).name}`;
    if (decision.preemption?.kind !== "nominated") return decision.message;
    const { node, victims, pdbViolations } = decision.preemption;
    const names = victims.map((victim) => victim.name).join(" ");
    return `${cache.node(node).name}: ${names}${pdbViolations > 0 ? ` violating ${pdbViolations}` : ""}`;
  }
}

function node(name: string, cpu: string, existing: readonly PodText[], zone = "a"): NodeText {
  return { name, cpu, pods: existing, labels: { [LABEL_HOSTNAME]: name, [LABEL_ZONE]: zone } };
}

function pod(name: string, priority: number, cpu: string, rest: Partial<PodText> = {}): PodText {
  return { name, priority, cpu, labels: { app: "a" }, ...rest };
}

function budget(
  app: string,
  disruptionsAllowed: number,
  disruptedPods: readonly string[] = [],
): DisruptionBudget {
  const matches = compileLabelSelector(selector({ app }));
  return { namespace: "default", matches, disruptionsAllowed, disruptedPods: new Set(disruptedPods) };
}

describe("DefaultPreemption selects victims on a node", () => {
  it("lets back whom it can, the most important first", () => {
    const low = [pod("one", 1, "1"), pod("three", 3, "1"), pod("two", 2, "2")];
    expect(new Scheduler([node("n1", "4", low)]).attempt(pod("x", 10, "1"))).toBe("n1: one");
    // 2 cpu: three (1) and then two (2) would leave 1 too little for two; one fits beside three.
    expect(new Scheduler([node("n1", "4", low)]).attempt(pod("x", 10, "2"))).toBe("n1: two");
    expect(new Scheduler([node("n1", "4", low)]).attempt(pod("x", 10, "4"))).toBe("n1: three two one");
  });

  it("counts who has run longer as more important, and who has not started as the least", () => {
    const equals = [
      pod("young", 1, "1", { startTimeUs: 200 }),
      pod("unstarted", 1, "1", { startTimeUs: Number.POSITIVE_INFINITY }),
      pod("old", 1, "1", { startTimeUs: 100 }),
    ];
    expect(new Scheduler([node("n1", "3", equals)]).attempt(pod("x", 2, "1"))).toBe("n1: unstarted");
    expect(new Scheduler([node("n1", "3", equals)]).attempt(pod("x", 2, "2"))).toBe("n1: young unstarted");
  });

  it("never takes a pod of equal or higher priority", () => {
    const scheduler = new Scheduler([node("n1", "2", [pod("equal", 5, "1"), pod("higher", 6, "1")])]);
    expect(scheduler.attempt(pod("x", 5, "1"))).toBe(
      "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: " +
        "1 No preemption victims found for incoming pod.",
    );
  });

  it("looks only at nodes whose refusal pods leaving may cure, and words the rest as kube-scheduler does", () => {
    const gpu = { key: "gpu", value: "", effect: "NoSchedule" as const };
    const texts = [
      node("n1", "2", [pod("low", 1, "1"), pod("high", 9, "2")]),
      { ...node("n2", "2", [pod("low2", 1, "1")]), taints: [gpu] },
      // More than the whole node: removing pods cannot help.
      node("n3", "1", [pod("low3", 1, "1")]),
      node("n4", "2", [pod("high4", 9, "2")]),
    ];
    expect(new Scheduler(texts).attempt(pod("x", 5, "2"))).toBe(
      "0/4 nodes are available: 1 node(s) had untolerated taint {gpu: }, 3 Insufficient cpu. " +
        "preemption: 0/4 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod, " +
        "2 Preemption is not helpful for scheduling.",
    );
  });

  it("frees host ports, topology domains and the neighbourhood of anti-affinity", () => {
    const port = { hostPort: 8080 };
    expect(
      new Scheduler([node("n1", "9", [pod("web", 1, "1", port), pod("b", 1, "1")])]).attempt(
        pod("x", 2, "1", port),
      ),
    ).toBe("n1: web");
    // Zone a holds 2, zone b is full of priority 9: to go to a, one of the two has to leave; to b, nobody can.
    const spread = { spread: [spreadOver(LABEL_ZONE, { maxSkew: 1 })] };
    const zones = [
      node("n1", "9", [pod("s1", 1, "1"), pod("s2", 1, "1")], "a"),
      node("n2", "1", [pod("s3", 9, "1")], "b"),
    ];
    expect(new Scheduler(zones).attempt(pod("x", 2, "1", spread))).toBe("n1: s2");
    const away = affinity({ requiredAnti: [term(LABEL_ZONE, selector({ app: "a" }))] });
    const lonely = [node("n1", "9", [pod("near", 1, "1"), pod("b", 1, "1", { labels: { app: "b" } })])];
    expect(new Scheduler(lonely).attempt(pod("x", 2, "1", { affinity: away }))).toBe("n1: near");
    // Anti-affinity of the existing pod, against the incoming one.
    const averse = [
      node("n1", "9", [pod("averse", 1, "1", { labels: {}, affinity: away }), pod("b", 1, "1")]),
    ];
    expect(new Scheduler(averse).attempt(pod("x", 2, "1"))).toBe("n1: averse");
  });

  it("does not help against an anti-affinity whose cause is on another node of the domain", () => {
    const away = affinity({ requiredAnti: [term(LABEL_ZONE, selector({ app: "a" }))] });
    const other = pod("b", 1, "1", { labels: { app: "b" } });
    const texts = [node("n1", "9", [pod("near", 1, "1")]), node("n2", "9", [pod("near2", 1, "1"), other])];
    expect(new Scheduler(texts).attempt(pod("x", 2, "1", { affinity: away }))).toMatch(
      /preemption: 0\/2 nodes are available: 2 node\(s\) didn't match pod anti-affinity rules\.$/,
    );
  });

  it("counts pods nominated on the node", () => {
    const scheduler = new Scheduler([node("n1", "2", [pod("low", 1, "1"), pod("high", 9, "1")])]);
    scheduler.framework.nominate(scheduler.cluster.pod(pod("promised", 7, "1")), 0);
    expect(scheduler.attempt(pod("x", 5, "1"))).toMatch(/preemption: .* 1 Insufficient cpu\.$/);
    expect(scheduler.attempt(pod("x", 8, "1")), "a nomination of lower priority does not count").toBe(
      "n1: low",
    );
  });

  it("leaves the cluster and the cycle as they were", () => {
    const scheduler = new Scheduler([
      node("n1", "2", [pod("low", 1, "2")]),
      node("n2", "2", [pod("low", 1, "2")]),
    ]);
    const { cache } = scheduler.cluster;
    const before = [cache.version, cache.podsOn(0), cache.podsOn(1), cache.requested(0, 0)];
    const first = scheduler.attempt(pod("x", 2, "1"));
    expect([cache.version, cache.podsOn(0), cache.podsOn(1), cache.requested(0, 0)]).toEqual(before);
    expect(scheduler.attempt(pod("x", 2, "1"))).toBe(first);
  });
});

describe("DefaultPreemption and disruption budgets", () => {
  const cluster = new SmallCluster([]);
  const split = (texts: readonly PodText[], ...budgets: DisruptionBudget[]) => {
    const { violating, others } = splitByBudgets(
      texts.map((text) => cluster.pod(text)),
      budgets,
    );
    return [violating, others].map((list) => list.map(({ name }) => name).join(" "));
  };
  const [p1, p2, p3] = [pod("p1", 3, "1"), pod("p2", 2, "1"), pod("p3", 1, "1")];

  it.each<[string, string[], string[]]>([
    [
      "each pod takes one disruption, and those past the last violate",
      split([p1, p2, p3], budget("a", 2)),
      ["p3", "p1 p2"],
    ],
    [
      "a pod violates when any of its budgets is used up, and all of them count it",
      split([p1, p2], budget("a", 9), budget("a", 1)),
      ["p2", "p1"],
    ],
    [
      "pods already being disrupted are not counted again",
      split([p1, p2, p3], budget("a", 2, ["p1"])),
      ["", "p1 p2 p3"],
    ],
    [
      "other namespaces and other labels are free",
      split(
        [
          { ...p1, namespace: "other" },
          { ...p2, labels: { app: "b" } },
        ],
        budget("a", 0),
      ),
      ["", "p1 p2"],
    ],
    [
      "a pod without labels is under no budget",
      split([{ ...p1, labels: {} }], { ...budget("a", 0), matches: () => true }),
      ["", "p1"],
    ],
    [
      "a budget that allows less than nothing is violated by all",
      split([p1, p2], budget("a", -1)),
      ["p1 p2", ""],
    ],
  ])("%s", (_, actual, expected) => {
    expect(actual).toEqual(expected);
  });

  it("lets violating pods back before more important ones that violate nothing", () => {
    const guarded = pod("guarded", 1, "1", { labels: { app: "b" } });
    const texts = [node("n1", "2", [guarded, pod("free", 5, "1")])];
    expect(new Scheduler(texts).attempt(pod("x", 9, "1")), "without a budget").toBe("n1: guarded");
    expect(new Scheduler(texts, [budget("b", 0)]).attempt(pod("x", 9, "1"))).toBe("n1: free");
    expect(new Scheduler(texts, [budget("b", 0)]).attempt(pod("x", 9, "2"))).toBe(
      "n1: free guarded violating 1",
    );
  });

  it("goes on looking past the wanted number while every candidate violates a budget", () => {
    const texts = ["n1", "n2", "n3", "n4", "n5"].map((name) =>
      node(name, "1", [pod(`on-${name}`, 1, "1", { labels: { app: name === "n4" ? "free" : "a" } })]),
    );
    const scheduler = new Scheduler(texts, [budget("a", 0)]);
    scheduler.probe = { limit: 2, offset: 0 };
    expect(scheduler.attempt(pod("x", 2, "1"))).toBe("n4: on-n4");
    expect(scheduler.probed?.candidates.map((candidate) => candidate.node)).toEqual([0, 1, 2, 3]);
  });
});

describe("DefaultPreemption limits its search", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => node(`n${i}`, "1", [pod(`p${i}`, 1, "1")]));

  it.each<[number, number, number, number[]]>([
    [5, 2, 0, [0, 1]],
    [5, 2, 4, [4, 0]],
    [5, 100, 1, [1, 2, 3, 4, 0]],
    // 10 % of 30 is more than 1.
    [30, 1, 28, [28, 29, 0]],
  ])("of %i nodes, at least %i wanted, from %i on: %j", (count, limit, offset, expected) => {
    const scheduler = new Scheduler(many(count));
    scheduler.probe = { limit, offset };
    scheduler.attempt(pod("x", 2, "1"));
    expect(scheduler.probed?.candidates.map((candidate) => candidate.node)).toEqual(expected);
  });
});

describe("DefaultPreemption picks one candidate", () => {
  const cluster = new SmallCluster([]);
  let next = 0;
  const candidate = (
    pdbViolations: number,
    ...victims: readonly [priority: number, startTimeUs: number][]
  ): Candidate => {
    const list = victims.map(([priority, startTimeUs]) => cluster.pod({ priority, startTimeUs }));
    return { node: next++, victims: list, pdbViolations };
  };
  const pick = (...candidates: Candidate[]) =>
    candidates.findIndex((each) => each === pickOne(candidates, (id) => `n${1000 - id}`));

  it.each<[string, number, number]>([
    ["1: fewest violations, whatever the rest", pick(candidate(1, [1, 0]), candidate(0, [9, 0], [9, 0])), 1],
    [
      "2: lowest priority of the most important victim",
      pick(candidate(0, [5, 0]), candidate(0, [4, 0], [4, 0], [4, 0])),
      1,
    ],
    [
      "3: smallest sum of priorities, each counted from the lowest there is",
      pick(candidate(0, [4, 0], [3, 0]), candidate(0, [4, 0], [2, 0])),
      1,
    ],
    [
      "3: so a victim more costs more, even one of negative priority",
      pick(candidate(0, [4, 0], [-9, 0]), candidate(0, [4, 0])),
      1,
    ],
    [
      "5: latest start of the longest-running victim",
      pick(candidate(0, [4, 10], [4, 90]), candidate(0, [4, 20], [4, 30])),
      1,
    ],
    [
      "5: only victims of the highest priority count",
      pick(candidate(0, [4, 50], [3, 1]), candidate(0, [4, 40], [3, 40])),
      0,
    ],
    [
      "5: one that has not started is the latest",
      pick(candidate(0, [4, 50]), candidate(0, [4, Number.POSITIVE_INFINITY])),
      1,
    ],
    ["6: lowest name", pick(candidate(0, [4, 50]), candidate(0, [4, 50]), candidate(0, [4, 50])), 2],
  ])("%s", (_, picked, expected) => {
    expect(picked).toBe(expected);
  });

  it("4: fewest victims, where the lowest priority of all makes sums equal", () => {
    const lowest = -2_147_483_648;
    expect(pick(candidate(0, [4, 0], [lowest, 0]), candidate(0, [4, 0]))).toBe(1);
  });

  it("picks none of none", () => {
    expect(pickOne([], String)).toBeUndefined();
  });
});

describe("DefaultPreemption leaves some pods alone", () => {
  const full = [
    node("n1", "1", [pod("low", 1, "1", { terminatingByPreemption: true })]),
    node("n2", "1", [pod("b", 1, "1")]),
  ];

  it("pods that must not preempt", () => {
    const meek = pod("x", 9, "1", { preemptionPolicy: "Never" });
    expect(new Scheduler(full).attempt(meek)).toBe(
      "0/2 nodes are available: 2 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
    );
  });

  it("pods whose victims are still leaving their nominated node", () => {
    const scheduler = new Scheduler(full);
    const waiting = scheduler.cluster.pod(pod("x", 9, "1"));
    scheduler.framework.nominate(waiting, 0);
    expect(scheduler.attempt(waiting)).toBe(
      "0/2 nodes are available: 2 Insufficient cpu. " +
        "preemption: not eligible due to a terminating pod on the nominated node.",
    );
  });

  it.each<[string, readonly NodeText[], number]>([
    [
      "the leaving pod is not of lower priority",
      [
        node("n1", "1", [pod("low", 9, "1", { terminatingByPreemption: true })]),
        node("n2", "1", [pod("b", 1, "1")]),
      ],
      0,
    ],
    [
      "the leaving pod leaves for another reason",
      [node("n1", "1", [pod("low", 9, "1", { terminating: true })]), node("n2", "1", [pod("b", 1, "1")])],
      0,
    ],
    [
      "the nominated node has become impossible",
      [
        {
          ...node("n1", "1", [pod("low", 1, "1", { terminatingByPreemption: true })]),
          taints: [{ key: "gone", value: "", effect: "NoExecute" }],
        },
        node("n2", "1", [pod("b", 1, "1")]),
      ],
      0,
    ],
    ["the nominated node is no more", full, 7],
  ])("but they may try again where %s", (_, texts, nominatedNode) => {
    const scheduler = new Scheduler(texts);
    const retrying = scheduler.cluster.pod(pod("x", 9, "1"));
    if (nominatedNode < texts.length) scheduler.framework.nominate(retrying, nominatedNode);
    else retrying.nominatedNode = nominatedNode;
    expect(scheduler.attempt(retrying)).toMatch(/^n[12]: (low|b)$/);
  });
});

describe("DefaultPreemption on random clusters", () => {
  const extra = fc.record({
    priority: fc.integer({ min: 0, max: 3 }),
    cpu: fc.constantFrom("0", "1", "1", "2"),
    startTimeUs: fc.constantFrom(0, 10, Number.POSITIVE_INFINITY),
    hostPort: fc.constantFrom(0, 0, 0, 80),
  });
  // Without required affinity: there a victim's presence may be what lets the preemptor in.
  const withoutOwnAffinity = pods({ spread: true, affinity: true, extra }).map((text) => ({
    ...text,
    ...(text.affinity && { affinity: { ...text.affinity, podAffinity: { required: [], preferred: [] } } }),
  }));
  const preemptor = fc
    .tuple(withoutOwnAffinity, fc.integer({ min: 1, max: 4 }))
    .map(([text, priority]) => ({ ...text, priority, cpu: "2" }));
  // At most one pod of a node has the port: used ports are a set, so that one of two sharing it would free it.
  const onePort = (list: readonly PodText[]) =>
    list.map((text, i) => (i === 0 ? text : { ...text, hostPort: 0 }));
  const clusters = nodes(withoutOwnAffinity, 4).map((list) =>
    list.map((text) => ({ ...text, cpu: "4", pods: onePort(text.pods ?? []) })),
  );

  it("evicts only lower priorities, makes the pod fit, and could spare no victim; without candidates none exist", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(clusters, preemptor, (texts, text) => {
        const scheduler = new Scheduler(texts, [budget("a", 1)]);
        const incoming = scheduler.cluster.pod(text);
        const decision = scheduler.framework.schedule(incoming);
        if (decision.kind === "scheduled") return;
        const result = decision.preemption;
        seen.set(result?.kind ?? "none", (seen.get(result?.kind ?? "none") ?? 0) + 1);
        if (result?.kind === "nominated") {
          expect(result.victims.every((victim) => victim.shape.priority < incoming.shape.priority)).toBe(
            true,
          );
          expect(fitsWithout(scheduler, incoming, result.node, result.victims)).toBe(true);
          for (const spared of result.victims) {
            const others = result.victims.filter((victim) => victim !== spared);
            expect(fitsWithout(scheduler, incoming, result.node, others), spared.name).toBe(false);
          }
        } else {
          for (const [id, { code }] of decision.rejections) {
            const lower = scheduler.cluster.cache
              .podsOn(id)
              .filter((other) => other.shape.priority < incoming.shape.priority);
            if (code === "Unschedulable") expect(fitsWithout(scheduler, incoming, id, lower)).toBe(false);
          }
        }
      }),
      { numRuns: 300, seed: 21 },
    );
    expect(seen.get("nominated"), "nominated").toBeGreaterThan(50);
    expect(seen.get("unschedulable"), "unschedulable").toBeGreaterThan(50);
  });
});

/** Would the node take the pod if these were really gone? Asked of a fresh cycle, not of a dry run. */
function fitsWithout(scheduler: Scheduler, incoming: PodInfo, id: number, gone: readonly PodInfo[]): boolean {
  const { cache } = scheduler.cluster;
  for (const other of gone) cache.removePod(other, id);
  const { nodes: diagnosed } = scheduler.framework.diagnose(incoming);
  for (const other of gone) cache.addPod(other, id);
  return diagnosed.some((entry) => entry.node === id && entry.kind === "feasible");
}
