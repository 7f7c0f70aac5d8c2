import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LabelSelector, Taint, TopologySpreadConstraint } from "../../src/api/objects.js";
import { compileLabelSelector } from "../../src/api/selectors.js";
import { isTolerated } from "../../src/api/tolerations.js";
import type { PodTopologySpreadArgs } from "../../src/policies/args.js";
import { podTopologySpread } from "../../src/policies/kubernetes/pod-topology-spread.js";
import { DomainCounts } from "../../src/policies/kubernetes/spread-filter.js";
import { LABEL_HOSTNAME, LABEL_ZONE } from "../../src/topology/topology.js";
import { checkIncremental } from "./incremental.js";
import { NAMESPACES, nodes, pods, spreadConstraints } from "./random-clusters.js";
import {
  filterAll,
  type NodeText,
  type PodText,
  SmallCluster,
  scoreAll,
  selector,
  spreadOver,
} from "./small-cluster.js";

const OK = "ok";
const SKEW = "U node(s) didn't match pod topology spread constraints";
const MISSING = "UaU node(s) didn't match pod topology spread constraints (missing required label)";

const A: PodText = { labels: { app: "a" } };
const B: PodText = { labels: { app: "b" } };

function node(
  name: string,
  zone: string | undefined,
  existing: readonly PodText[],
  rest: Partial<NodeText> = {},
) {
  const labels = {
    [LABEL_HOSTNAME]: name,
    ...(zone !== undefined && { [LABEL_ZONE]: zone }),
    ...rest.labels,
  };
  return { name, pods: existing, ...rest, labels };
}

function filtered(texts: readonly NodeText[], pod: PodText, args?: PodTopologySpreadArgs): string[] {
  const cluster = new SmallCluster(texts);
  return filterAll(cluster.plugin(podTopologySpread, args), cluster.cache, cluster.pod(pod));
}

function scored(
  texts: readonly NodeText[],
  pod: PodText,
  feasible?: readonly number[],
  args?: PodTopologySpreadArgs,
) {
  const cluster = new SmallCluster(texts);
  const nodes = feasible === undefined ? cluster.nodes : Int32Array.from(feasible);
  return scoreAll(cluster.plugin(podTopologySpread, args), cluster.cache, cluster.pod(pod), nodes);
}

describe("PodTopologySpread refuses nodes", () => {
  // Zone a: 2 matching pods on two nodes; zone b: 1 matching pod; zone c, where there is one: none.
  const zones = [node("n1", "a", [A, B]), node("n2", "a", [A]), node("n3", "b", [A])];
  const hard = (rest: Partial<TopologySpreadConstraint> = {}, pod: PodText = A) => ({
    ...pod,
    spread: [spreadOver(LABEL_ZONE, rest)],
  });

  it.each<[string, readonly NodeText[], PodText, string[]]>([
    ["count 2 + self 1 - min 1 = 2 is more than maxSkew 1", zones, hard(), [SKEW, SKEW, OK]],
    ["maxSkew 2 allows a skew of 2", zones, hard({ maxSkew: 2 }), [OK, OK, OK]],
    ["a pod that does not match its own constraint adds nothing", zones, hard({}, B), [OK, OK, OK]],
    [
      "an empty third zone lowers the minimum to 0",
      [...zones, node("n4", "c", [])],
      hard(),
      [SKEW, SKEW, SKEW, OK],
    ],
    ["fewer domains than minDomains make the minimum 0", zones, hard({ minDomains: 3 }), [SKEW, SKEW, SKEW]],
    ["as many domains as minDomains leave it", zones, hard({ minDomains: 2 }), [SKEW, SKEW, OK]],
    [
      "a node without the key is out of the question",
      [...zones, node("n4", undefined, [])],
      hard(),
      [SKEW, SKEW, OK, MISSING],
    ],
    [
      "pods on a node without the key are not counted",
      [node("n1", "a", []), node("n2", undefined, [A])],
      hard(),
      [OK, MISSING],
    ],
    [
      "terminating pods are not counted",
      [node("n1", "a", [{ ...A, terminating: true }]), node("n2", "b", [])],
      hard(),
      [OK, OK],
    ],
    [
      "pods of other namespaces are not counted",
      [node("n1", "a", [{ ...A, namespace: "other" }]), node("n2", "b", [])],
      hard(),
      [OK, OK],
    ],
    [
      "an empty selector counts nobody but matches the pod itself",
      zones,
      hard({ labelSelector: selector({}) }),
      [OK, OK, OK],
    ],
    ["soft constraints refuse nothing", zones, hard({ whenUnsatisfiable: "ScheduleAnyway" }), [OK, OK, OK]],
  ])("%s", (_, texts, pod, expected) => {
    expect(filtered(texts, pod)).toEqual(expected);
  });

  it("an absent selector counts nobody, not even the pod", () => {
    const { labelSelector, ...without } = spreadOver(LABEL_ZONE);
    expect(labelSelector).toBeDefined();
    // Every domain counts 0 and self is 0: 0 + 0 - 0 is within any maxSkew, even on a single zone with pods.
    expect(filtered(zones, { ...A, spread: [without] })).toEqual([OK, OK, OK]);
  });

  it("matchLabelKeys narrow the selector to the pod's own values, where it has them", () => {
    const old = { labels: { app: "a", rev: "1" } };
    const texts = [node("n1", "a", [old, old]), node("n2", "b", [])];
    const fresh = { labels: { app: "a", rev: "2" } };
    expect(filtered(texts, hard({ matchLabelKeys: ["rev"] }, fresh))).toEqual([OK, OK]);
    expect(filtered(texts, hard({ matchLabelKeys: ["rev"] }, old))).toEqual([SKEW, OK]);
    expect(filtered(texts, hard({ matchLabelKeys: ["rev"] }, A))).toEqual([SKEW, OK]);
  });

  it("nodes outside the pod's node selector take no part, unless the policy says Ignore", () => {
    const big = { labels: { size: "big" } };
    const texts = [node("n1", "a", [A], big), node("n2", "b", [A, A], big), node("n3", "c", [])];
    const pod = { ...A, nodeSelector: { size: "big" } };
    // Honor: domains a (1) and b (2), minimum 1; c is not registered and counts 0.
    expect(filtered(texts, hard({}, pod))).toEqual([OK, SKEW, OK]);
    // Ignore: c counts 0 and is the minimum.
    expect(filtered(texts, hard({ nodeAffinityPolicy: "Ignore" }, pod))).toEqual([SKEW, SKEW, OK]);
  });

  it("tainted nodes take part, unless the policy says Honor and the pod does not tolerate them", () => {
    const gpu: Taint = { key: "gpu", value: "", effect: "NoSchedule" };
    const texts = [node("n1", "a", [A]), node("n2", "b", [], { taints: [gpu] })];
    const tolerant = {
      ...A,
      tolerations: [{ key: "gpu", operator: "Exists" as const, value: "", effect: "" as const }],
    };
    expect(filtered(texts, hard())).toEqual([SKEW, OK]);
    expect(filtered(texts, hard({ nodeTaintsPolicy: "Honor" }))).toEqual([OK, OK]);
    expect(filtered(texts, hard({ nodeTaintsPolicy: "Honor" }, tolerant))).toEqual([SKEW, OK]);
    const preferred = [
      node("n1", "a", [A]),
      node("n2", "b", [], { taints: [{ ...gpu, effect: "PreferNoSchedule" }] }),
    ];
    expect(filtered(preferred, hard({ nodeTaintsPolicy: "Honor" }))).toEqual([SKEW, OK]);
  });

  it("a node must have the keys of all hard constraints to be counted, and the first broken one is the reason", () => {
    const texts = [
      node("n1", "a", [A, A]),
      node("n2", "b", []),
      { name: "n3", labels: { [LABEL_ZONE]: "c" } },
    ];
    const zone = spreadOver(LABEL_ZONE);
    const host = spreadOver(LABEL_HOSTNAME);
    expect(filtered(texts, { ...A, spread: [zone, host] })).toEqual([SKEW, OK, MISSING]);
    // n3's zone is not registered; with one more pod in b the minimum is that of a and b, 1.
    const more = [
      node("n1", "a", [A, A]),
      node("n2", "b", [A]),
      { name: "n3", labels: { [LABEL_ZONE]: "c" } },
    ];
    expect(filtered(more, { ...A, spread: [{ ...zone, maxSkew: 2 }, host] })).toEqual([SKEW, OK, MISSING]);
    expect(
      filtered([node("n1", undefined, [A, A]), node("n2", "b", [])], { ...A, spread: [host, zone] }),
    ).toEqual([
      // n1 lacks the zone: not counted for hostname either, so the first constraint holds and the second is missing.
      MISSING,
      OK,
    ]);
  });

  it("uses the configured default constraints where the pod has none, with the selector of its owners", () => {
    const args: PodTopologySpreadArgs = {
      defaultingType: "List",
      defaultConstraints: [spreadOver(LABEL_ZONE)],
    };
    const owned = { ...A, defaultSpreadSelector: compileLabelSelector(selector({ app: "a" })) };
    expect(filtered(zones, owned, args)).toEqual([SKEW, SKEW, OK]);
    expect(filtered(zones, A, args)).toEqual([OK, OK, OK]);
    const soft = {
      ...owned,
      spread: [spreadOver(LABEL_ZONE, { whenUnsatisfiable: "ScheduleAnyway" as const })],
    };
    expect(filtered(zones, soft, args), "any explicit constraint does away with the defaults").toEqual([
      OK,
      OK,
      OK,
    ]);
  });
});

describe("PodTopologySpread scores nodes", () => {
  const soft = (topologyKey: string, rest: Partial<TopologySpreadConstraint> = {}) =>
    spreadOver(topologyKey, { whenUnsatisfiable: "ScheduleAnyway", ...rest });
  const three = [node("n1", "a", [A]), node("n2", "a", []), node("n3", "b", [])];

  it("weighs a zone's pods with ln(zones + 2)", () => {
    // Two zones: ln 4 = 1.386. Zone a holds 1: round(1.386) = 1; b: 0. Normalised 100*(1 + 0 - raw)/1.
    expect(scored(three, { ...A, spread: [soft(LABEL_ZONE)] })).toEqual({
      raw: [1, 1, 0],
      normalised: [0, 0, 100],
    });
  });

  it("counts hostname on the node itself and weighs it with the number of feasible nodes", () => {
    // ln(3 + 2) = 1.609: round = 2. Only two feasible: ln 4 = 1.386: round = 1.
    const pod = { ...A, spread: [soft(LABEL_HOSTNAME)] };
    expect(scored(three, pod)).toEqual({ raw: [2, 0, 0], normalised: [0, 100, 100] });
    expect(scored(three, pod, [0, 1])).toEqual({ raw: [1, 0], normalised: [0, 100] });
  });

  it("adds maxSkew - 1 for each constraint", () => {
    // n1: 1*1.386 + 3 = 4.386; n3: 3. Normalised: 100*(4+3-4)/4 = 75, 100*(4+3-3)/4 = 100.
    const pod = { ...A, spread: [soft(LABEL_ZONE, { maxSkew: 4 })] };
    expect(scored(three, pod)).toEqual({ raw: [4, 4, 3], normalised: [75, 75, 100] });
  });

  it("counts pods on infeasible nodes too, in domains that a feasible node is in", () => {
    // Feasible: n2 (zone a) and n3 (zone b). n1's pod counts for zone a.
    expect(scored(three, { ...A, spread: [soft(LABEL_ZONE)] }, [1, 2])?.raw).toEqual([1, 0]);
    // Only n3: one zone, ln 3, nothing in it, everything 0 and so 100.
    expect(scored(three, { ...A, spread: [soft(LABEL_ZONE)] }, [2])).toEqual({ raw: [0], normalised: [100] });
  });

  it("ignores nodes that lack a key of the pod's own constraints: they get 0 and no say", () => {
    const texts = [...three, node("n4", undefined, [A, A, A])];
    const pod = { ...A, spread: [soft(LABEL_ZONE), soft(LABEL_HOSTNAME)] };
    // Three nodes remain. n1: ln4 + ln5 = 2.996; n2: ln4 = 1.386; n3: 0.
    expect(scored(texts, pod)).toEqual({ raw: [3, 1, 0, 0], normalised: [0, 66, 100, 0] });
    expect(scored(texts, pod, [3]), "all ignored").toEqual({ raw: [0], normalised: [0] });
  });

  it("spreads pods of a service by the system's defaults: hostname 3, zone 5", () => {
    const owned = { ...A, defaultSpreadSelector: compileLabelSelector(selector({ app: "a" })) };
    // n1: 1*ln5 + 2 + 1*ln4 + 4 = 8.996 → 9; n2: 2 + 1.386 + 4 = 7.386 → 7; n3: 6.
    // Normalised: 100*(9+6-9)/9 = 66, 100*(15-7)/9 = 88, 100*(15-6)/9 = 100.
    expect(scored(three, owned)).toEqual({ raw: [9, 7, 6], normalised: [66, 88, 100] });
    expect(scored(three, A), "no selector, no constraints").toBeUndefined();
  });

  it("lets a missing zone be a zone of its own under the system's defaults, which no score uses", () => {
    const owned = { ...A, defaultSpreadSelector: compileLabelSelector(selector({ app: "a" })) };
    const texts = [node("n1", "a", [A, A]), node("n2", "b", []), node("n3", undefined, [A])];
    // Zones a, b and "": ln 5 = 1.609; three hosts: ln 5. n1: 2*1.609+2 + 2*1.609+4 = 12.438 → 12; n2: 6;
    // n3 has no zone: 1*1.609 + 2 = 3.609 → 4. Normalised with max 12, min 4: 33, 83, 100.
    expect(scored(texts, owned)).toEqual({ raw: [12, 6, 4], normalised: [33, 83, 100] });
  });

  it("keeps nodes out of zone counts by the inclusion policies, but not out of hostname counts", () => {
    const big = { labels: { size: "big" } };
    const texts = [node("n1", "a", [A, A]), node("n2", "a", [], big), node("n3", "b", [], big)];
    const pod = { ...A, nodeSelector: { size: "big" }, spread: [soft(LABEL_ZONE)] };
    expect(scored(texts, pod, [1, 2])?.raw).toEqual([0, 0]);
    const ignore = { ...pod, spread: [soft(LABEL_ZONE, { nodeAffinityPolicy: "Ignore" })] };
    // 2*ln4 = 2.773
    expect(scored(texts, ignore, [1, 2])?.raw).toEqual([3, 0]);
    expect(scored(texts, { ...pod, spread: [soft(LABEL_HOSTNAME)] })?.raw).toEqual([3, 0, 0]);
  });
});

describe("PodTopologySpread on random clusters", () => {
  const existing = pods({});
  const incoming = pods({ spread: true });
  const hard = spreadConstraints.map((c) => ({ ...c, whenUnsatisfiable: "DoNotSchedule" as const }));
  const constrained = fc
    .tuple(incoming, fc.array(hard, { minLength: 1, maxLength: 3 }))
    .map(([pod, spread]) => ({ ...pod, spread }));

  it("refuses exactly the nodes that a literal reading of the rules refuses", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(nodes(existing), fc.oneof(incoming, constrained), (texts, pod) => {
        const cluster = new SmallCluster(texts, NAMESPACES);
        const plugin = cluster.plugin(podTopologySpread);
        const real = filterAll(plugin, cluster.cache, cluster.pod(pod));
        for (const answer of real) seen.set(answer, (seen.get(answer) ?? 0) + 1);
        expect(real).toEqual(literalFilter(texts, pod));
      }),
      { numRuns: 400, seed: 1 },
    );
    for (const answer of [OK, SKEW, MISSING]) expect(seen.get(answer), answer).toBeGreaterThan(50);
  });

  it("scores nodes as a literal reading of the rules does", () => {
    const withDefaults = fc.tuple(incoming, fc.boolean()).map(([pod, owned]) => ({
      ...pod,
      ...(owned && { spread: [], defaultSpreadSelector: compileLabelSelector(selector({ app: "a" })) }),
    }));
    let compared = 0;
    fc.assert(
      fc.property(nodes(existing), withDefaults, fc.nat({ max: 63 }), (texts, pod, mask) => {
        const feasible = [...texts.keys()].filter((i) => (mask >> i) % 2 === 0);
        if (feasible.length === 0) return;
        const cluster = new SmallCluster(texts, NAMESPACES);
        const plugin = cluster.plugin(podTopologySpread);
        const real = scoreAll(plugin, cluster.cache, cluster.pod(pod), Int32Array.from(feasible));
        if (real !== undefined) compared++;
        expect(real?.normalised).toEqual(literalScore(texts, pod, feasible));
      }),
      { numRuns: 400, seed: 2 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it("keeps its state as a fresh count would make it while pods come and go", () => {
    expect(checkIncremental(podTopologySpread, constrained, existing, 250)).toBeGreaterThan(200);
  });

  it("keeps the minimum of its counts through any steps up and down, in copies apart from the original", () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.boolean()), { maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 5, maxLength: 5 }),
        steps,
        (counts, list) => {
          const original = DomainCounts.of(Int32Array.from(counts));
          const copy = original.clone();
          const plain = [...counts];
          for (const [domain, up] of list) {
            const count = plain[domain] as number;
            if (count === -1 || (!up && count === 0)) continue;
            plain[domain] = count + (up ? 1 : -1);
            copy.add(domain, up ? 1 : -1);
          }
          const registered = plain.filter((count) => count >= 0);
          expect(copy.minimum).toBe(registered.length === 0 ? 0 : Math.min(...registered));
          expect(copy).toEqual(DomainCounts.of(Int32Array.from(plain)));
          expect(original).toEqual(DomainCounts.of(Int32Array.from(counts)));
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });
});

// ---- The rules of kube-scheduler v1.34.1, read literally: slow, and on plain texts only.

function literalFilter(texts: readonly NodeText[], pod: PodText): string[] {
  const hard = (pod.spread ?? []).filter((c) => c.whenUnsatisfiable === "DoNotSchedule");
  return texts.map((candidate) => {
    for (const constraint of hard) {
      const value = candidate.labels?.[constraint.topologyKey];
      if (value === undefined) return MISSING;
      const counts = new Map<string, number>();
      for (const other of texts) {
        if (!hard.every((c) => other.labels?.[c.topologyKey] !== undefined)) continue;
        if (!isIncluded(constraint, pod, other)) continue;
        const domain = other.labels?.[constraint.topologyKey] ?? "";
        counts.set(domain, (counts.get(domain) ?? 0) + matching(constraint, pod, other));
      }
      const smallest = Math.min(...counts.values());
      const min = counts.size < (constraint.minDomains ?? 1) ? 0 : smallest;
      const self = compileLabelSelector(merged(constraint, pod))(pod.labels ?? {}) ? 1 : 0;
      if ((counts.get(value) ?? 0) + self - min > constraint.maxSkew) return SKEW;
    }
    return OK;
  });
}

function literalScore(
  texts: readonly NodeText[],
  pod: PodText,
  feasible: readonly number[],
): number[] | undefined {
  const explicit = (pod.spread ?? []).length > 0;
  const defaults = [spreadOver(LABEL_HOSTNAME, { maxSkew: 3 }), spreadOver(LABEL_ZONE, { maxSkew: 5 })];
  const constraints = explicit
    ? (pod.spread ?? []).filter((c) => c.whenUnsatisfiable === "ScheduleAnyway")
    : pod.defaultSpreadSelector === undefined
      ? []
      : defaults;
  if (constraints.length === 0) return undefined;
  const hasAll = (text: NodeText) => constraints.every((c) => text.labels?.[c.topologyKey] !== undefined);
  const ignored = (text: NodeText) => explicit && !hasAll(text);
  const considered = feasible.map((i) => texts[i] as NodeText).filter((text) => !ignored(text));
  const raw = feasible.map((i) => {
    const text = texts[i] as NodeText;
    if (ignored(text)) return undefined;
    let sum = 0;
    for (const constraint of constraints) {
      const key = constraint.topologyKey;
      const value = text.labels?.[key];
      if (value === undefined) continue;
      const domains = new Set(considered.map((other) => other.labels?.[key] ?? ""));
      const size = key === LABEL_HOSTNAME ? considered.length : domains.size;
      const inDomain = texts.filter(
        (other) =>
          !ignored(other) && isIncluded(constraint, pod, other) && (other.labels?.[key] ?? "") === value,
      );
      const count =
        key === LABEL_HOSTNAME
          ? matching(constraint, pod, text)
          : inDomain.reduce((total, other) => total + matching(constraint, pod, other), 0);
      sum += count * Math.log(size + 2) + (constraint.maxSkew - 1);
    }
    return Math.floor(sum + 0.5);
  });
  const valid = raw.filter((score) => score !== undefined);
  const max = Math.max(...valid);
  const min = Math.min(...valid);
  return raw.map((score) => {
    if (score === undefined) return 0;
    return max === 0 ? 100 : Math.floor((100 * (max + min - score)) / max);
  });
}

function isIncluded(constraint: TopologySpreadConstraint, pod: PodText, text: NodeText): boolean {
  const wanted = Object.entries(pod.nodeSelector ?? {});
  const fits = wanted.every(([key, value]) => text.labels?.[key] === value);
  if (constraint.nodeAffinityPolicy === "Honor" && !fits) return false;
  const repelling = (text.taints ?? []).filter((taint) => taint.effect !== "PreferNoSchedule");
  const tolerated = repelling.every((taint) => isTolerated(pod.tolerations ?? [], taint));
  return constraint.nodeTaintsPolicy !== "Honor" || tolerated;
}

/** Pods on the node that count: same namespace, not terminating, matching a selector that is not empty. */
function matching(constraint: TopologySpreadConstraint, pod: PodText, text: NodeText): number {
  const labelSelector = merged(constraint, pod);
  if (labelSelector === undefined) return 0;
  const { matchLabels, matchExpressions } = labelSelector;
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return 0;
  const sameNamespace = (text.pods ?? []).filter(
    (other) => (other.namespace ?? "default") === (pod.namespace ?? "default") && !other.terminating,
  );
  return sameNamespace.filter((other) => compileLabelSelector(labelSelector)(other.labels ?? {})).length;
}

/** matchLabelKeys added to the selector, for keys that the pod has. */
function merged(constraint: TopologySpreadConstraint, pod: PodText): LabelSelector | undefined {
  const { labelSelector, matchLabelKeys } = constraint;
  if (labelSelector === undefined) return undefined;
  const added: Record<string, string> = {};
  for (const key of matchLabelKeys) {
    const value = pod.labels?.[key];
    if (value !== undefined) added[key] = value;
  }
  const own = Object.entries(labelSelector.matchLabels);
  const extra = Object.entries(added).map(([key, value]) => ({
    key,
    operator: "In" as const,
    values: [value],
  }));
  return {
    matchLabels: Object.fromEntries(own),
    matchExpressions: [...labelSelector.matchExpressions, ...extra],
  };
}
