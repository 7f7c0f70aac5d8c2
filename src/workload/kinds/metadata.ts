/** What all kinds share: metadata, selectors, resource lists, numbers that may be percentages. */
import type {
  IntOrPercent,
  LabelSelector,
  LabelSelectorRequirement,
  Labels,
  ObjectMeta,
  OwnerReference,
  ResourceList,
} from "../../api/objects.js";
import type { Quantity } from "../../units/quantity.js";
import type { Field } from "../field.js";

export type Scope = "cluster" | "namespaced";

/** Reads `metadata`. A namespaced object without a namespace is in "default", as with kubectl. */
export function readMetadata(object: Field, scope: Scope): ObjectMeta {
  const metadata = object.at("metadata");
  const has = metadata.requireMapping("metadata with a name");
  const creationTimestamp = metadata.at("creationTimestamp").optionalString();
  const deletionTimestamp = metadata.at("deletionTimestamp").optionalString();
  return {
    name: has ? readName(metadata) : "",
    namespace: scope === "cluster" ? "" : metadata.at("namespace").stringOr("default") || "default",
    uid: metadata.at("uid").stringOr(""),
    labels: metadata.at("labels").stringMap(),
    annotations: metadata.at("annotations").stringMap(),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ownerReferences: metadata.at("ownerReferences").list().map(readOwnerReference),
  };
}

/** RFC 1123 subdomain: what Kubernetes allows as a name of most objects. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_LENGTH_MAX = 253;

function readName(metadata: Field): string {
  const field = metadata.at("name");
  const name = field.string();
  if (name !== "" && (!NAME.test(name) || name.length > NAME_LENGTH_MAX)) {
    const expected = "expected a name of lower-case letters, digits, '-' and '.', at most 253 long";
    const suggestion = name.toLowerCase().replaceAll(/[_ ]/g, "-");
    field.problem(expected, { suggestion: NAME.test(suggestion) ? suggestion : undefined });
  } else if (field.value === "") {
    field.problem("expected a name that is not empty");
  }
  return name;
}

function readOwnerReference(reference: Field): OwnerReference {
  return {
    apiVersion: reference.at("apiVersion").stringOr(""),
    kind: reference.at("kind").string(),
    name: reference.at("name").string(),
    uid: reference.at("uid").stringOr(""),
    controller: reference.at("controller").booleanOr(false),
  };
}

export const SELECTOR_OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** metav1.LabelSelector; undefined where absent. */
export function readLabelSelector(selector: Field): LabelSelector | undefined {
  if (!selector.checkMapping()) return undefined;
  return {
    matchLabels: selector.at("matchLabels").stringMap(),
    matchExpressions: selector.at("matchExpressions").list().map(readRequirement),
  };
}

function readRequirement(requirement: Field): LabelSelectorRequirement {
  const operator = requirement.at("operator").oneOf(SELECTOR_OPERATORS);
  const values = requirement.at("values").strings();
  checkValues(requirement, operator, values);
  return { key: requirement.at("key").string(), operator, values };
}

/** In and NotIn need values, Exists and DoesNotExist take none. */
export function checkValues(requirement: Field, operator: string, values: readonly string[]): void {
  const field = requirement.at("values");
  const needed = operator === "In" || operator === "NotIn";
  const forbidden = operator === "Exists" || operator === "DoesNotExist";
  if (needed && values.length === 0 && !hasItems(field)) {
    field.problem(`expected at least one value for the operator ${operator}`, { hideValue: true });
  }
  if (forbidden && hasItems(field)) field.problem(`expected no values for the operator ${operator}`);
}

function hasItems(field: Field): boolean {
  return Array.isArray(field.value) && field.value.length > 0;
}

/** A selector over one set of labels (apimachinery LabelSelectorAsSelector). */
export function selectorMatches(selector: LabelSelector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels)) if (labels[key] !== value) return false;
  return selector.matchExpressions.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
    }
    return false;
  });
}

/** Resource name → exact amount; what is no quantity is recorded and left out. */
export function readResourceList(list: Field): Record<string, Quantity> {
  const amounts: Record<string, Quantity> = {};
  for (const [name, field] of list.entries()) {
    const amount = field.quantity();
    if (amount !== undefined) amounts[name] = amount;
  }
  return amounts;
}

/** The amounts of `first`, and those of `second` where `first` has none. */
export function withDefaults(first: ResourceList, second: ResourceList): ResourceList {
  return { ...second, ...first };
}

/** A whole number of at least 0 or a percentage such as "25%". */
export function readIntOrPercent(field: Field): IntOrPercent | undefined {
  const { value } = field;
  if (!field.present) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return { absolute: value };
  const percent = typeof value === "string" ? /^([0-9]{1,9})%$/.exec(value) : null;
  if (percent !== null) return { percent: Number(percent[1]) };
  const suggestion = typeof value === "string" && /^[0-9]+$/.test(value) ? value : undefined;
  field.problem('expected a whole number of at least 0 or a percentage such as "25%"', { suggestion });
  return undefined;
}
