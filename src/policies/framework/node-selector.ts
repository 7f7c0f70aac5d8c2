/**
 * Node selectors and node affinity compiled to predicates (k8s.io/component-helpers/scheduling/corev1/nodeaffinity).
 */

import type { Labels, NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm } from "../../api/objects.js";
import { compileMatchLabels, labelOf } from "../../api/selectors.js";
import type { NodeInfo } from "./types.js";

export type NodePredicate = (node: NodeInfo) => boolean;

export interface WeightedNodeTerm {
  readonly weight: number;
  matches(node: NodeInfo): boolean;
}

const METADATA_NAME = "metadata.name";
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** nodeSelector AND required node affinity; undefined where neither says anything. */
export function compileRequiredNodeAffinity(
  nodeSelector: Labels,
  affinity: NodeAffinity | undefined,
): NodePredicate | undefined {
  const hasSelector = Object.keys(nodeSelector).length > 0;
  const matchesSelector = compileMatchLabels(nodeSelector);
  const terms = affinity?.required === undefined ? undefined : compileNodeSelectorTerms(affinity.required);
  if (terms === undefined) return hasSelector ? (node) => matchesSelector(node.labels) : undefined;
  if (!hasSelector) return terms;
  return (node) => matchesSelector(node.labels) && terms(node);
}

/** OR over the terms. A term without expressions and fields matches nothing; so does a list without usable terms. */
export function compileNodeSelectorTerms(terms: readonly NodeSelectorTerm[]): NodePredicate {
  const compiled = terms.map(compileTerm).filter((term) => term !== undefined);
  const [first] = compiled;
  if (first === undefined) return () => false;
  if (compiled.length === 1) return first;
  return (node) => {
    for (const term of compiled) if (term(node)) return true;
    return false;
  };
}

/** Preferred terms; those of weight 0 and empty ones are left out. */
export function compilePreferredNodeAffinity(
  affinity: NodeAffinity | undefined,
): readonly WeightedNodeTerm[] {
  const compiled: WeightedNodeTerm[] = [];
  for (const { weight, preference } of affinity?.preferred ?? []) {
    const matches = weight === 0 ? undefined : compileTerm(preference);
    if (matches !== undefined) compiled.push({ weight, matches });
  }
  return compiled;
}

/**
 * The node names a pod is limited to when each of its required terms has a `metadata.name In` field: the union over
 * terms of the intersection within a term. Undefined where some term leaves the name open.
 */
export function nodeNamesOf(affinity: NodeAffinity | undefined): readonly string[] | undefined {
  if (affinity?.required === undefined || affinity.required.length === 0) return undefined;
  const union = new Set<string>();
  for (const term of affinity.required) {
    let names: readonly string[] | undefined;
    for (const field of term.matchFields) {
      if (field.key !== METADATA_NAME || field.operator !== "In") continue;
      names = names === undefined ? field.values : names.filter((name) => field.values.includes(name));
    }
    if (names === undefined) return undefined;
    for (const name of names) union.add(name);
  }
  return [...union].sort();
}

/** AND within the term; undefined for an empty term. */
function compileTerm(term: NodeSelectorTerm): NodePredicate | undefined {
  const parts = [...term.matchExpressions.map(compileExpression), ...term.matchFields.map(compileField)];
  const [first] = parts;
  if (first === undefined) return undefined;
  if (parts.length === 1) return first;
  return (node) => {
    for (const part of parts) if (!part(node)) return false;
    return true;
  };
}

/** A requirement that the API server would refuse never matches. */
function compileExpression(requirement: NodeSelectorRequirement): NodePredicate {
  const { key, operator, values } = requirement;
  const never: NodePredicate = () => false;
  switch (operator) {
    case "In":
      return (node) => {
        const value = labelOf(node.labels, key);
        return value !== undefined && values.includes(value);
      };
    case "NotIn":
      if (values.length === 0) return never;
      return (node) => {
        const value = labelOf(node.labels, key);
        return value === undefined || !values.includes(value);
      };
    case "Exists":
      return values.length > 0 ? never : (node) => labelOf(node.labels, key) !== undefined;
    case "DoesNotExist":
      return values.length > 0 ? never : (node) => labelOf(node.labels, key) === undefined;
    case "Gt":
    case "Lt": {
      const bound = values.length === 1 ? parseInt64(values[0] ?? "") : undefined;
      if (bound === undefined) return never;
      return (node) => {
        const value = parseInt64(labelOf(node.labels, key) ?? "");
        if (value === undefined) return false;
        return operator === "Gt" ? value > bound : value < bound;
      };
    }
  }
}

/** Fields know only `metadata.name`, with one value. */
function compileField(requirement: NodeSelectorRequirement): NodePredicate {
  const { key, operator, values } = requirement;
  const [name] = values;
  if (key !== METADATA_NAME || values.length !== 1 || name === undefined) return () => false;
  if (operator === "In") return (node) => node.name === name;
  if (operator === "NotIn") return (node) => node.name !== name;
  return () => false;
}

/** As Go's strconv.ParseInt(text, 10, 64): undefined for anything that is no 64-bit integer. */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}
