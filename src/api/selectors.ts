/**
 * Label selectors as Kubernetes matches them (k8s.io/apimachinery/pkg/labels, metav1.LabelSelectorAsSelector),
 * compiled to predicates once and asked often.
 */
import type { LabelSelector, LabelSelectorRequirement, Labels } from "./objects.js";

/** Does a set of labels match? */
export type LabelsMatcher = (labels: Labels) => boolean;

const everything: LabelsMatcher = () => true;
const nothing: LabelsMatcher = () => false;

/**
 * Compiles a selector: an empty one matches everything, an absent one nothing. A requirement that the API server
 * would refuse (In without values, Exists with some) makes the selector match nothing.
 */
export function compileLabelSelector(selector: LabelSelector | undefined): LabelsMatcher {
  if (selector === undefined) return nothing;
  const parts = [
    compileMatchLabels(selector.matchLabels),
    ...selector.matchExpressions.map(compileRequirement),
  ];
  return allOf(parts.filter((part) => part !== everything));
}

/** Every label of the map is there with the same value (a Service's selector, a nodeSelector). Empty: everything. */
export function compileMatchLabels(wanted: Labels): LabelsMatcher {
  const pairs = Object.entries(wanted);
  if (pairs.length === 0) return everything;
  const [first] = pairs;
  if (pairs.length === 1 && first !== undefined) {
    const [key, value] = first;
    return (labels) => labelOf(labels, key) === value;
  }
  return (labels) => {
    for (const [key, value] of pairs) if (labelOf(labels, key) !== value) return false;
    return true;
  };
}

/** Has the selector no requirement at all? */
export function isEmptySelector(selector: LabelSelector): boolean {
  return selector.matchExpressions.length === 0 && Object.keys(selector.matchLabels).length === 0;
}

/** The value of a label, undefined where it is missing. Never looks at the object's prototype. */
export function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function compileRequirement(requirement: LabelSelectorRequirement): LabelsMatcher {
  const { key, operator, values } = requirement;
  switch (operator) {
    case "In":
      return values.length === 0 ? nothing : (labels) => isOneOf(labelOf(labels, key), values);
    case "NotIn":
      return values.length === 0 ? nothing : (labels) => !isOneOf(labelOf(labels, key), values);
    case "Exists":
      return values.length > 0 ? nothing : (labels) => labelOf(labels, key) !== undefined;
    case "DoesNotExist":
      return values.length > 0 ? nothing : (labels) => labelOf(labels, key) === undefined;
  }
}

function isOneOf(value: string | undefined, values: readonly string[]): boolean {
  return value !== undefined && values.includes(value);
}

function allOf(parts: readonly LabelsMatcher[]): LabelsMatcher {
  const [first] = parts;
  if (first === undefined) return everything;
  if (parts.length === 1) return first;
  return (labels) => {
    for (const part of parts) if (!part(labels)) return false;
    return true;
  };
}
