/** Pod affinity terms and spread constraints compiled to predicates over pods. */
import type {
  LabelSelector,
  LabelSelectorRequirement,
  Labels,
  PodAffinityTerm,
  TopologySpreadConstraint,
} from "../../api/objects.js";
import { compileLabelSelector, isEmptySelector, labelOf } from "../../api/selectors.js";
import type { AffinityTerm, SpreadConstraint } from "./types.js";

/** Whose terms they are. */
interface Owner {
  readonly namespace: string;
  readonly labels: Labels;
}

/**
 * A term of a pod. matchLabelKeys and mismatchLabelKeys are merged into the selector as the API server does at
 * creation: keys that the pod lacks are ignored, an absent selector stays absent.
 */
export function compileAffinityTerm(term: PodAffinityTerm, weight: number, owner: Owner): AffinityTerm {
  const matchesLabels = compileLabelSelector(
    withRequirements(term.labelSelector, [
      ...keysAsRequirements(term.matchLabelKeys, "In", owner.labels),
      ...keysAsRequirements(term.mismatchLabelKeys, "NotIn", owner.labels),
    ]),
  );
  const ownOnly = term.namespaces.length === 0 && term.namespaceSelector === undefined;
  const namespaces: ReadonlySet<string> = new Set(ownOnly ? [owner.namespace] : term.namespaces);
  const matchesNamespace = compileLabelSelector(term.namespaceSelector);
  return {
    topologyKey: term.topologyKey,
    weight,
    matches: (pod, namespaceLabels) =>
      (namespaces.has(pod.namespace) || matchesNamespace(namespaceLabels)) && matchesLabels(pod.labels),
  };
}

/** A spread constraint of a pod, matchLabelKeys merged in. */
export function compileSpreadConstraint(
  constraint: TopologySpreadConstraint,
  podLabels: Labels,
): SpreadConstraint {
  const selector = withRequirements(
    constraint.labelSelector,
    keysAsRequirements(constraint.matchLabelKeys, "In", podLabels),
  );
  return {
    ...constraint,
    matches: compileLabelSelector(selector),
    selectorIsEmpty: selector !== undefined && isEmptySelector(selector),
  };
}

function keysAsRequirements(
  keys: readonly string[],
  operator: "In" | "NotIn",
  labels: Labels,
): LabelSelectorRequirement[] {
  const requirements: LabelSelectorRequirement[] = [];
  for (const key of keys) {
    const value = labelOf(labels, key);
    if (value !== undefined) requirements.push({ key, operator, values: [value] });
  }
  return requirements;
}

function withRequirements(
  selector: LabelSelector | undefined,
  requirements: readonly LabelSelectorRequirement[],
): LabelSelector | undefined {
  if (selector === undefined || requirements.length === 0) return selector;
  return { ...selector, matchExpressions: [...selector.matchExpressions, ...requirements] };
}
