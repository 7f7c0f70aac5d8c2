import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Labels, PodAffinityTerm } from "../../src/api/objects.js";
import { compileLabelSelector } from "../../src/api/selectors.js";
import type { InterPodAffinityArgs } from "../../src/policies/args.js";
import { interPodAffinity } from "../../src/policies/kubernetes/inter-pod-affinity.js";
import { LABEL_HOSTNAME, LABEL_ZONE } from "../../src/topology/topology.js";
import { checkIncremental } from "./incremental.js";
import { affinities, NAMESPACES, nodes, pods } from "./random-clusters.js";
import {
  affinity,
  filterAll,
  type NodeText,
  type PodText,
  SmallCluster,
  scoreAll,
  selector,
  term,
} from "./small-cluster.js";

const OK = "ok";
const OWN_AFFINITY = "UaU node(s) didn't match pod affinity rules";
const OWN_ANTI_AFFINITY = "U node(s) didn't match pod anti-affinity rules";
const EXISTING = "U node(s) didn't satisfy existing pods anti-affinity rules";

const A: PodText = { labels: { app: "a" } };
const B: PodText = { labels: { app: "b" } };
const toA = term(LABEL_ZONE, selector({ app: "a" }));
const toB = term(LABEL_ZONE, selector({ app: "b" }));

function node(name: string, zone: string | undefined, existing: readonly PodText[]): NodeText {
  const labels = { [LABEL_HOSTNAME]: name, ...(zone !== undefined && { [LABEL_ZONE]: zone }) };
  return { name, labels, pods: existing };
}

function filtered(texts: readonly NodeText[], pod: PodText): string[] {
  const cluster = new SmallCluster(texts, NAMESPACES);
  return filterAll(cluster.plugin(interPodAffinity), cluster.cache, cluster.pod(pod));
}

function scored(
  texts: readonly NodeText[],
  pod: PodText,
  args?: InterPodAffinityArgs,
  feasible?: readonly number[],
) {
  const cluster = new SmallCluster(texts, NAMESPACES);
  const chosen = feasible === undefined ? cluster.nodes : Int32Array.from(feasible);
  return scoreAll(cluster.plugin(interPodAffinity, args), cluster.cache, cluster.pod(pod), chosen);
}

const required = (...terms: PodAffinityTerm[]) => ({ affinity: affinity({ required: terms }) });
const requiredAnti = (...terms: PodAffinityTerm[]) => ({ affinity: affinity({ requiredAnti: terms }) });

describe("InterPodAffinity refuses nodes", () => {
  // a: an A; b: a B; the last node is in no zone and has an A.
  const texts = [node("n1", "a", [A]), node("n2", "a", []), node("n3", "b", [B]), node("n4", undefined, [A])];

  it.each<[string, readonly NodeText[], PodText, string[]]>([
    [
      "required affinity wants a matching pod in the node's domain, and the key",
      texts,
      required(toA),
      [OK, OK, OWN_AFFINITY, OWN_AFFINITY],
    ],
    [
      "every term must hold, by a pod that matches all of them",
      texts,
      required(toA, toB),
      [OWN_AFFINITY, OWN_AFFINITY, OWN_AFFINITY, OWN_AFFINITY],
    ],
    [
      "the first of a group that wants itself may go anywhere with the key",
      texts.slice(2, 4),
      { ...A, ...required(toA) },
      [OK, OWN_AFFINITY],
    ],
    [
      "but not where a pod of the group already counts somewhere",
      texts,
      { ...A, ...required(toA) },
      [OK, OK, OWN_AFFINITY, OWN_AFFINITY],
    ],
    [
      "nor where it would not match its own terms",
      texts.slice(2, 3),
      { ...B, ...required(toA) },
      [OWN_AFFINITY],
    ],
    [
      "required anti-affinity refuses the domain of a matching pod, and lets nodes without the key pass",
      texts,
      requiredAnti(toA),
      [OWN_ANTI_AFFINITY, OWN_ANTI_AFFINITY, OK, OK],
    ],
    [
      "any anti-affinity term is enough",
      texts,
      requiredAnti(toA, toB),
      [OWN_ANTI_AFFINITY, OWN_ANTI_AFFINITY, OWN_ANTI_AFFINITY, OK],
    ],
    [
      "terminating pods still count",
      [node("n1", "a", [{ ...A, terminating: true }])],
      requiredAnti(toA),
      [OWN_ANTI_AFFINITY],
    ],
    ["an absent selector matches no pod", texts, requiredAnti(term(LABEL_ZONE, undefined)), [OK, OK, OK, OK]],
    [
      "an empty selector matches every pod",
      texts,
      requiredAnti(term(LABEL_ZONE, selector({}))),
      [OWN_ANTI_AFFINITY, OWN_ANTI_AFFINITY, OWN_ANTI_AFFINITY, OK],
    ],
    [
      "an existing pod's anti-affinity keeps others out of its domain",
      [node("n1", "a", [{ ...B, ...requiredAnti(toA) }]), node("n2", "a", []), node("n3", "b", [])],
      A,
      [EXISTING, EXISTING, OK],
    ],
    [
      "and is no concern of pods that it does not name",
      [node("n1", "a", [{ ...B, ...requiredAnti(toA) }])],
      B,
      [OK],
    ],
    [
      "own affinity is checked before own anti-affinity",
      [node("n1", "a", [B])],
      { affinity: affinity({ required: [toA], requiredAnti: [toB] }) },
      [OWN_AFFINITY],
    ],
    [
      "own anti-affinity is checked before that of existing pods",
      [node("n1", "a", [{ ...B, ...requiredAnti(toA) }])],
      { ...A, ...requiredAnti(toB) },
      [OWN_ANTI_AFFINITY],
    ],
    [
      "preferred terms refuse nothing",
      texts,
      { affinity: affinity({ preferredAnti: [{ weight: 100, podAffinityTerm: toA }] }) },
      [OK, OK, OK, OK],
    ],
  ])("%s", (_, cluster, pod, expected) => {
    expect(filtered(cluster, pod)).toEqual(expected);
  });

  it("two terms of one key are two counts in one domain, and both go with the pod", () => {
    const cluster = new SmallCluster([node("n1", "a", [A])]);
    const plugin = cluster.plugin(interPodAffinity);
    const pod = cluster.pod(requiredAnti(toA, toA));
    const fresh = plugin.preFilter?.(cluster.cache, pod);
    if (fresh?.kind !== "state") throw new Error("PreFilter has a state");
    const [existing] = cluster.cache.podsOn(0);
    if (existing === undefined) throw new Error("the node has a pod");
    plugin.removePod?.(fresh.state, cluster.cache, pod, existing, 0);
    expect(plugin.filter?.(cluster.cache, pod, 0, fresh.state)).toBeUndefined();
  });

  it.each<[string, Partial<PodAffinityTerm>, readonly string[]]>([
    ["no namespaces mean the pod's own", {}, ["default"]],
    ["a list means those", { namespaces: ["other", "bare"] }, ["other", "bare"]],
    ["an empty selector means all", { namespaceSelector: selector({}) }, ["default", "other", "bare"]],
    [
      "a selector means the namespaces with these labels",
      { namespaceSelector: selector({ team: "blue" }) },
      ["other"],
    ],
    [
      "list and selector are united",
      { namespaces: ["bare"], namespaceSelector: selector({ team: "blue" }) },
      ["other", "bare"],
    ],
  ])("namespaces of a term: %s", (_, rest, reached) => {
    for (const namespace of ["default", "other", "bare"]) {
      const own = { ...requiredAnti(term(LABEL_ZONE, selector({ app: "a" }), rest)) };
      const expected = reached.includes(namespace);
      expect(filtered([node("n1", "a", [{ ...A, namespace }])], own), `${namespace}, own term`).toEqual([
        expected ? OWN_ANTI_AFFINITY : OK,
      ]);
      // The same term on an existing pod in "default", met by a pod of that namespace.
      expect(filtered([node("n1", "a", [own])], { ...A, namespace }), `${namespace}, existing term`).toEqual([
        expected ? EXISTING : OK,
      ]);
    }
  });

  it("reads a namespace selector that accepts no labels as one for all namespaces, as v1.34.1 does for incoming pods", () => {
    const notBlue = {
      matchLabels: {},
      matchExpressions: [{ key: "team", operator: "NotIn" as const, values: ["blue"] }],
    };
    const own = requiredAnti(term(LABEL_ZONE, selector({ app: "a" }), { namespaceSelector: notBlue }));
    const inOther = { ...A, namespace: "other" };
    expect(filtered([node("n1", "a", [inOther])], own)).toEqual([OWN_ANTI_AFFINITY]);
    expect(filtered([node("n1", "a", [own])], inOther), "existing pods' terms read it right").toEqual([OK]);
  });
});

describe("InterPodAffinity scores nodes", () => {
  const texts = [
    node("n1", "a", [A, A]),
    node("n2", "a", []),
    node("n3", "b", [A, B]),
    node("n4", undefined, []),
  ];
  const weighted = (weight: number, podAffinityTerm: PodAffinityTerm) => ({ weight, podAffinityTerm });

  it("adds the weight of a preferred term for each matching pod of the domain", () => {
    // Zone a: 2*7 = 14; zone b: 7; no zone: 0. 100*(7-0)/14 = 50.
    const pod = { affinity: affinity({ preferred: [weighted(7, toA)] }) };
    expect(scored(texts, pod)).toEqual({ raw: [14, 14, 7, 0], normalised: [100, 100, 50, 0] });
  });

  it("takes the weight of preferred anti-affinity off, and normalises from the lowest", () => {
    // a: -6; b: -3 - 5 = -8; none: 0. d = 8: 100*2/8 = 25, 0, 100.
    const pod = { affinity: affinity({ preferredAnti: [weighted(3, toA), weighted(5, toB)] }) };
    expect(scored(texts, pod)).toEqual({ raw: [-6, -6, -8, 0], normalised: [25, 25, 0, 100] });
  });

  it("truncates in floating point: 29 of 100 is 28", () => {
    // 100*(29/100) = 28.999999999999996.
    const terms = [weighted(100, toA), weighted(29, toB)];
    const three = [node("n1", "a", [A]), node("n2", "b", [B]), node("n3", "c", [])];
    expect(scored(three, { affinity: affinity({ preferred: terms }) })?.normalised).toEqual([100, 28, 0]);
  });

  it("counts what existing pods prefer about the incoming one", () => {
    const fond = { ...B, affinity: affinity({ preferred: [weighted(10, toA)] }) };
    const averse = { ...B, affinity: affinity({ preferredAnti: [weighted(4, toA)] }) };
    const cluster = [node("n1", "a", [fond]), node("n2", "b", [averse]), node("n3", "c", [])];
    expect(scored(cluster, A)).toEqual({ raw: [10, -4, 0], normalised: [100, 0, 28] });
    expect(scored(cluster, B), "nobody says anything of B").toBeUndefined();
  });

  it("counts existing pods' required affinity with hardPodAffinityWeight", () => {
    const bound = { ...A, ...required(toA) };
    const cluster = [node("n1", "a", [bound, bound]), node("n2", "b", [])];
    const args = (hardPodAffinityWeight: number) => ({
      hardPodAffinityWeight,
      ignorePreferredTermsOfExistingPods: false,
    });
    expect(scored(cluster, A)?.raw).toEqual([2, 0]);
    expect(scored(cluster, A, args(50))?.raw).toEqual([100, 0]);
    expect(scored(cluster, A, args(0))).toBeUndefined();
  });

  it("skips pods without preferred terms when told to ignore existing pods' preferences, hard weight and all", () => {
    const args = { hardPodAffinityWeight: 5, ignorePreferredTermsOfExistingPods: true };
    const cluster = [node("n1", "a", [{ ...A, ...required(toA) }]), node("n2", "b", [B])];
    expect(scored(cluster, A, args)).toBeUndefined();
    const own = { ...A, affinity: affinity({ preferred: [weighted(2, toB)] }) };
    expect(scored(cluster, own, args)?.raw, "with own terms everything counts").toEqual([5, 2]);
  });

  it("gives 0 to all where all are equal", () => {
    const pod = { affinity: affinity({ preferred: [weighted(7, toA)] }) };
    expect(scored(texts, pod, undefined, [0, 1])).toEqual({ raw: [14, 14], normalised: [0, 0] });
  });
});

describe("InterPodAffinity on random clusters", () => {
  const existing = pods({ affinity: true });
  const incoming = fc
    .tuple(pods({}), fc.option(affinities, { nil: undefined, freq: 4 }))
    .map(([pod, terms]) => ({ ...pod, ...(terms && { affinity: terms }) }));

  it("refuses exactly the nodes that a literal reading of the rules refuses", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(nodes(existing, 3), incoming, (texts, pod) => {
        const real = filtered(texts, pod);
        for (const answer of real) seen.set(answer, (seen.get(answer) ?? 0) + 1);
        expect(real).toEqual(literalFilter(texts, pod));
      }),
      { numRuns: 400, seed: 11 },
    );
    for (const answer of [OK, OWN_AFFINITY, OWN_ANTI_AFFINITY, EXISTING]) {
      expect(seen.get(answer), answer).toBeGreaterThan(50);
    }
  });

  it("scores nodes as a literal reading of the rules does", () => {
    const settings = fc.record({
      hardPodAffinityWeight: fc.constantFrom(0, 1, 40),
      ignorePreferredTermsOfExistingPods: fc.boolean(),
    });
    let compared = 0;
    fc.assert(
      fc.property(nodes(existing), incoming, settings, (texts, pod, args) => {
        const real = scored(texts, pod, args);
        if (real !== undefined) compared++;
        expect(real?.normalised).toEqual(literalScore(texts, pod, args));
      }),
      { numRuns: 400, seed: 12 },
    );
    expect(compared).toBeGreaterThan(200);
  });

  it("keeps its state as a fresh count would make it while pods come and go", () => {
    expect(checkIncremental(interPodAffinity, incoming, existing, 300)).toBeGreaterThan(150);
  });
});

// ---- The rules of kube-scheduler v1.34.1, read literally: slow, and on plain texts only.

type Pair = `${string}=${string}`;

function literalFilter(texts: readonly NodeText[], pod: PodText): string[] {
  const affinityTerms = pod.affinity?.podAffinity?.required ?? [];
  const antiAffinityTerms = pod.affinity?.podAntiAffinity?.required ?? [];
  const [a, b, c] = [new Map<Pair, number>(), new Map<Pair, number>(), new Map<Pair, number>()];
  for (const { labels, existing } of placed(texts)) {
    if (matchesAll(affinityTerms, pod, existing)) for (const t of affinityTerms) count(a, labels, t);
    for (const t of antiAffinityTerms) if (selects(t, pod, existing, true)) count(b, labels, t);
    for (const t of existing.affinity?.podAntiAffinity?.required ?? []) {
      if (selects(t, existing, pod, false)) count(c, labels, t);
    }
  }
  return texts.map(({ labels = {} }) => {
    const has = (counts: Map<Pair, number>, t: PodAffinityTerm) =>
      (counts.get(`${t.topologyKey}=${labels[t.topologyKey] ?? ""}`) ?? 0) > 0;
    const keys = affinityTerms.every((t) => labels[t.topologyKey] !== undefined);
    const first = a.size === 0 && matchesAll(affinityTerms, pod, pod);
    if (affinityTerms.length > 0 && !(keys && (first || affinityTerms.every((t) => has(a, t)))))
      return OWN_AFFINITY;
    if (antiAffinityTerms.some((t) => labels[t.topologyKey] !== undefined && has(b, t)))
      return OWN_ANTI_AFFINITY;
    return Object.entries(labels).some(([key, value]) => (c.get(`${key}=${value}`) ?? 0) > 0) ? EXISTING : OK;
  });
}

function literalScore(
  texts: readonly NodeText[],
  pod: PodText,
  args: InterPodAffinityArgs,
): number[] | undefined {
  const preferred = pod.affinity?.podAffinity?.preferred ?? [];
  const preferredAnti = pod.affinity?.podAntiAffinity?.preferred ?? [];
  if (args.ignorePreferredTermsOfExistingPods && preferred.length + preferredAnti.length === 0)
    return undefined;
  const sums = new Map<Pair, number>();
  for (const { labels, existing } of placed(texts)) {
    const theirs = existing.affinity;
    for (const { weight, podAffinityTerm: t } of preferred) {
      if (selects(t, pod, existing, true)) count(sums, labels, t, weight);
    }
    for (const { weight, podAffinityTerm: t } of preferredAnti) {
      if (selects(t, pod, existing, true)) count(sums, labels, t, -weight);
    }
    for (const t of args.hardPodAffinityWeight > 0 ? (theirs?.podAffinity?.required ?? []) : []) {
      if (selects(t, existing, pod, false)) count(sums, labels, t, args.hardPodAffinityWeight);
    }
    for (const { weight, podAffinityTerm: t } of theirs?.podAffinity?.preferred ?? []) {
      if (selects(t, existing, pod, false)) count(sums, labels, t, weight);
    }
    for (const { weight, podAffinityTerm: t } of theirs?.podAntiAffinity?.preferred ?? []) {
      if (selects(t, existing, pod, false)) count(sums, labels, t, -weight);
    }
  }
  if (sums.size === 0) return undefined;
  const raw = texts.map(({ labels = {} }) =>
    Object.entries(labels).reduce((sum, [key, value]) => sum + (sums.get(`${key}=${value}`) ?? 0), 0),
  );
  const min = Math.min(...raw);
  const d = Math.max(...raw) - min;
  return raw.map((score) => (d === 0 ? 0 : Math.floor(100 * ((score - min) / d))));
}

function placed(texts: readonly NodeText[]): { readonly labels: Labels; readonly existing: PodText }[] {
  return texts.flatMap(({ labels = {}, pods: list = [] }) => list.map((existing) => ({ labels, existing })));
}

function count(counts: Map<Pair, number>, labels: Labels, { topologyKey }: PodAffinityTerm, by = 1): void {
  const value = labels[topologyKey];
  if (value === undefined) return;
  const pair: Pair = `${topologyKey}=${value}`;
  counts.set(pair, (counts.get(pair) ?? 0) + by);
}

function matchesAll(terms: readonly PodAffinityTerm[], owner: PodText, other: PodText): boolean {
  return terms.length > 0 && terms.every((t) => selects(t, owner, other, true));
}

/** `incoming`: the term is the incoming pod's, whose namespace selector is also tried on no labels. */
function selects(t: PodAffinityTerm, owner: PodText, other: PodText, incoming: boolean): boolean {
  const namespace = other.namespace ?? "default";
  const ownOnly = t.namespaces.length === 0 && t.namespaceSelector === undefined;
  const listed = ownOnly ? [owner.namespace ?? "default"] : t.namespaces;
  const bySelector = compileLabelSelector(t.namespaceSelector);
  const reached =
    listed.includes(namespace) || bySelector(NAMESPACES[namespace] ?? {}) || (incoming && bySelector({}));
  return reached && compileLabelSelector(t.labelSelector)(other.labels ?? {});
}
