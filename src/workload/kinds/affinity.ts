/** Where a pod may stand: affinity, tolerations, topology spread; with the API's defaults. */
import type {
  Affinity,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from "../../api/objects.js";
import type { Field } from "../field.js";
import { checkValues, readLabelSelector } from "./metadata.js";

const NODE_OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] as const;
const TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;
const WEIGHT = { min: 1, max: 100 } as const;
const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

export function readAffinity(field: Field): Affinity | undefined {
  if (!field.checkMapping()) return undefined;
  const node = field.at("nodeAffinity");
  const pod = field.at("podAffinity");
  const anti = field.at("podAntiAffinity");
  return {
    ...(node.checkMapping() ? { nodeAffinity: readNodeAffinity(node) } : {}),
    ...(pod.checkMapping() ? { podAffinity: readPodAffinity(pod) } : {}),
    ...(anti.checkMapping() ? { podAntiAffinity: readPodAffinity(anti) } : {}),
  };
}

function readNodeAffinity(field: Field): NodeAffinity {
  const required = field.at(REQUIRED);
  const preferred = field.at(PREFERRED).list();
  return {
    ...(required.checkMapping() ? { required: readNodeSelectorTerms(required) } : {}),
    preferred: preferred.map((term) => ({
      weight: term.at("weight").integer(WEIGHT),
      preference: readTerm(term.at("preference"), "a preference"),
    })),
  };
}

/** The terms of a node selector: a pod's required node affinity, a volume's. */
export function readNodeSelectorTerms(required: Field): NodeSelectorTerm[] {
  const terms = required.at("nodeSelectorTerms");
  if (!terms.present) terms.problem("expected a list of terms, but it is missing");
  return terms.list().map((term) => readTerm(term, "a term"));
}

function readTerm(term: Field, what: string): NodeSelectorTerm {
  term.requireMapping(what);
  return {
    matchExpressions: term.at("matchExpressions").list().map(readNodeRequirement),
    matchFields: term.at("matchFields").list().map(readNodeRequirement),
  };
}

function readNodeRequirement(requirement: Field): NodeSelectorRequirement {
  const operator = requirement.at("operator").oneOf(NODE_OPERATORS);
  const values = requirement.at("values").strings();
  checkValues(requirement, operator, values);
  const compares = operator === "Gt" || operator === "Lt";
  if (compares && (values.length !== 1 || !/^[-+]?[0-9]+$/.test(values[0] ?? ""))) {
    requirement
      .at("values")
      .problem(`expected exactly one whole number, in quotes, for the operator ${operator}`);
  }
  return { key: requirement.at("key").string(), operator, values };
}

function readPodAffinity(field: Field): PodAffinity {
  return {
    required: field.at(REQUIRED).list().map(readPodAffinityTerm),
    preferred: field
      .at(PREFERRED)
      .list()
      .map((term) => {
        const inner = term.at("podAffinityTerm");
        inner.requireMapping("a podAffinityTerm");
        return { weight: term.at("weight").integer(WEIGHT), podAffinityTerm: readPodAffinityTerm(inner) };
      }),
  };
}

function readPodAffinityTerm(term: Field): PodAffinityTerm {
  const labelSelector = readLabelSelector(term.at("labelSelector"));
  const namespaceSelector = readLabelSelector(term.at("namespaceSelector"));
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    namespaces: term.at("namespaces").strings(),
    ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
    topologyKey: readTopologyKey(term),
    matchLabelKeys: term.at("matchLabelKeys").strings(),
    mismatchLabelKeys: term.at("mismatchLabelKeys").strings(),
  };
}

function readTopologyKey(parent: Field): string {
  const field = parent.at("topologyKey");
  const key = field.string();
  if (key === "" && field.present) field.problem("expected a node label such as topology.kubernetes.io/zone");
  return key;
}

/** Operator Equal where none is given; Exists takes no value, no key needs Exists. */
export function readToleration(field: Field): Toleration {
  const operator = field.at("operator").oneOf(["Exists", "Equal"], "Equal");
  const key = field.at("key").stringOr("");
  const value = field.at("value").stringOr("");
  const effectField = field.at("effect");
  const anyEffect = !effectField.present || effectField.value === "";
  const effect = anyEffect ? "" : effectField.oneOf(TAINT_EFFECTS);
  if (operator === "Exists" && value !== "")
    field.at("value").problem("expected no value for the operator Exists");
  if (key === "" && operator !== "Exists") {
    const at = field.at("operator");
    at.problem("expected the operator Exists for a toleration without a key", { hideValue: !at.present });
  }
  const seconds = field.at("tolerationSeconds").optionalInteger();
  if (seconds !== undefined && effect !== "NoExecute") {
    effectField.problem("expected the effect NoExecute where tolerationSeconds is given");
  }
  return { key, operator, value, effect, ...(seconds === undefined ? {} : { tolerationSeconds: seconds }) };
}

export function readTaint(field: Field): Taint {
  return {
    key: field.at("key").string(),
    value: field.at("value").stringOr(""),
    effect: field.at("effect").oneOf(TAINT_EFFECTS),
  };
}

/** nodeAffinityPolicy Honor, nodeTaintsPolicy Ignore; matchLabelKeys are merged where pods are compiled. */
export function readSpreadConstraint(field: Field): TopologySpreadConstraint {
  const labelSelector = readLabelSelector(field.at("labelSelector"));
  const minDomains = field.at("minDomains").optionalInteger({ min: 1 });
  const whenUnsatisfiable = field.at("whenUnsatisfiable").oneOf(["DoNotSchedule", "ScheduleAnyway"]);
  if (minDomains !== undefined && whenUnsatisfiable !== "DoNotSchedule") {
    field.at("minDomains").problem("expected whenUnsatisfiable: DoNotSchedule where minDomains is given");
  }
  return {
    maxSkew: field.at("maxSkew").integer({ min: 1 }),
    topologyKey: readTopologyKey(field),
    whenUnsatisfiable,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(minDomains === undefined ? {} : { minDomains }),
    nodeAffinityPolicy: field.at("nodeAffinityPolicy").oneOf(["Honor", "Ignore"], "Honor"),
    nodeTaintsPolicy: field.at("nodeTaintsPolicy").oneOf(["Honor", "Ignore"], "Ignore"),
    matchLabelKeys: field.at("matchLabelKeys").strings(),
  };
}
