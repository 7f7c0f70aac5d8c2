/** Random small clusters and pods, in the words of small-cluster.ts: few names, so that rules meet often. */
import fc from "fast-check";
import type {
  Affinity,
  LabelSelector,
  Labels,
  PodAffinityTerm,
  Taint,
  TopologySpreadConstraint,
} from "../../src/api/objects.js";
import { LABEL_HOSTNAME, LABEL_ZONE } from "../../src/topology/topology.js";
import { affinity, type NodeText, type PodText } from "./small-cluster.js";

const RACK = "rack";

/** Namespaces of random clusters and their labels; "bare" has none. */
export const NAMESPACES: Readonly<Record<string, Labels>> = {
  default: { team: "red" },
  other: { team: "blue" },
  bare: {},
};

const labels: fc.Arbitrary<Labels> = fc
  .record({ app: fc.constantFrom("a", "b"), tier: fc.constantFrom("x", "y") }, { requiredKeys: [] })
  .map((record) => ({ ...record }));

const selectors: fc.Arbitrary<LabelSelector> = fc.constantFrom<LabelSelector>(
  { matchLabels: { app: "a" }, matchExpressions: [] },
  { matchLabels: { app: "a" }, matchExpressions: [] },
  { matchLabels: {}, matchExpressions: [{ key: "app", operator: "In", values: ["a", "b"] }] },
  { matchLabels: { app: "b" }, matchExpressions: [{ key: "tier", operator: "DoesNotExist", values: [] }] },
  { matchLabels: {}, matchExpressions: [{ key: "tier", operator: "NotIn", values: ["x"] }] },
  { matchLabels: {}, matchExpressions: [] },
);

const topologyKeys = fc.constantFrom(LABEL_HOSTNAME, LABEL_ZONE, RACK);

export const spreadConstraints: fc.Arbitrary<TopologySpreadConstraint> = fc
  .record({
    topologyKey: topologyKeys,
    maxSkew: fc.constantFrom(1, 1, 1, 2, 3),
    whenUnsatisfiable: fc.constantFrom("DoNotSchedule" as const, "ScheduleAnyway" as const),
    labelSelector: fc.option(selectors, { nil: undefined, freq: 8 }),
    minDomains: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    nodeAffinityPolicy: fc.constantFrom("Honor" as const, "Ignore" as const),
    nodeTaintsPolicy: fc.constantFrom("Honor" as const, "Ignore" as const),
    matchLabelKeys: fc.constantFrom<readonly string[]>([], [], ["tier"]),
  })
  .map(({ labelSelector, minDomains, ...rest }) => ({
    ...rest,
    ...(labelSelector && { labelSelector }),
    ...(minDomains && { minDomains }),
    // The API allows matchLabelKeys only beside a selector.
    matchLabelKeys: labelSelector === undefined ? [] : rest.matchLabelKeys,
  }));

const affinityTerms: fc.Arbitrary<PodAffinityTerm> = fc
  .record({
    topologyKey: topologyKeys,
    labelSelector: fc.option(selectors, { nil: undefined, freq: 8 }),
    namespaces: fc.constantFrom<readonly string[]>([], [], ["other"], ["default", "bare"]),
    namespaceSelector: fc.option(selectNamespaces(), { nil: undefined, freq: 3 }),
  })
  .map(({ topologyKey, labelSelector, namespaces, namespaceSelector }) => ({
    topologyKey,
    namespaces,
    matchLabelKeys: [],
    mismatchLabelKeys: [],
    ...(labelSelector && { labelSelector }),
    ...(namespaceSelector && { namespaceSelector }),
  }));

const weightedTerms = fc.record({ weight: fc.integer({ min: 1, max: 100 }), podAffinityTerm: affinityTerms });

/** Any of the four kinds of terms, at most two each. */
export const affinities: fc.Arbitrary<Affinity> = fc
  .record({
    required: fc.array(affinityTerms, { maxLength: 2 }),
    requiredAnti: fc.array(affinityTerms, { maxLength: 2 }),
    preferred: fc.array(weightedTerms, { maxLength: 2 }),
    preferredAnti: fc.array(weightedTerms, { maxLength: 2 }),
  })
  .map(affinity);

const taints: fc.Arbitrary<readonly Taint[]> = fc.constantFrom<readonly Taint[]>(
  [],
  [],
  [{ key: "gpu", value: "", effect: "NoSchedule" }],
  [{ key: "gpu", value: "", effect: "PreferNoSchedule" }],
  [{ key: "old", value: "yes", effect: "NoExecute" }],
);

/** A pod that may carry any of the given things. */
export function pods(with_: {
  readonly spread?: boolean;
  readonly affinity?: boolean;
  readonly extra?: fc.Arbitrary<Partial<PodText>>;
}): fc.Arbitrary<PodText> {
  return fc
    .record({
      namespace: fc.constantFrom("default", "default", "other", "bare"),
      labels,
      nodeSelector: fc.constantFrom<Labels>({}, {}, { [LABEL_ZONE]: "a" }),
      gpu: fc.boolean(),
      terminating: fc.constantFrom(false, false, false, true),
      spread: with_.spread ? fc.array(spreadConstraints, { maxLength: 3 }) : fc.constant([]),
      affinity: with_.affinity ? fc.option(affinities, { nil: undefined }) : fc.constant(undefined),
      extra: with_.extra ?? fc.constant({}),
    })
    .map(({ gpu, extra, affinity: terms, ...rest }) => ({
      ...rest,
      tolerations: gpu ? [{ key: "gpu", operator: "Exists" as const, value: "", effect: "" as const }] : [],
      ...(terms && { affinity: terms }),
      ...extra,
    }));
}

/** One to six nodes; zone and rack labels may be missing or empty. */
export function nodes(podsOn: fc.Arbitrary<PodText>, maxPods = 5): fc.Arbitrary<readonly NodeText[]> {
  const node = fc.record({
    zone: fc.constantFrom("a", "a", "b", "c", "", undefined),
    rack: fc.constantFrom("r1", "r2", undefined),
    taints,
    pods: fc.array(podsOn, { maxLength: maxPods }),
  });
  return fc.array(node, { minLength: 1, maxLength: 6 }).map((list) =>
    list.map(({ zone, rack, ...rest }, i) => ({
      ...rest,
      name: `n${i}`,
      labels: {
        [LABEL_HOSTNAME]: `n${i}`,
        ...(zone !== undefined && { [LABEL_ZONE]: zone }),
        ...(rack !== undefined && { [RACK]: rack }),
      },
    })),
  );
}

function selectNamespaces(): fc.Arbitrary<LabelSelector> {
  return fc.constantFrom<LabelSelector>(
    { matchLabels: {}, matchExpressions: [] },
    { matchLabels: { team: "blue" }, matchExpressions: [] },
    { matchLabels: {}, matchExpressions: [{ key: "team", operator: "Exists", values: [] }] },
    { matchLabels: {}, matchExpressions: [{ key: "team", operator: "NotIn", values: ["blue"] }] },
  );
}
