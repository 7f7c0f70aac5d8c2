/** The kinds that own pods: their defaults are those of pkg/apis/{apps,batch,core}/v1/defaults.go. */
import type {
  DaemonSet,
  Deployment,
  IntOrPercent,
  Job,
  LabelSelector,
  PodTemplate,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from "../../api/objects.js";
import { emptyPodSpec } from "../../api/pods.js";
import type { Field } from "../field.js";
import { readIntOrPercent, readLabelSelector, readMetadata, selectorMatches } from "./metadata.js";
import { readPodTemplate } from "./pod.js";
import { readClaimTemplate } from "./volumes.js";

const COUNT = { min: 0 } as const;
const QUARTER: IntOrPercent = { percent: 25 };

export function readDeployment(object: Field): Deployment {
  const spec = object.at("spec");
  return {
    kind: "Deployment",
    metadata: readMetadata(object, "namespaced"),
    ...readReplicated(spec),
    strategy: readStrategy(spec.at("strategy")),
  };
}

function readStrategy(strategy: Field): Deployment["strategy"] {
  strategy.checkMapping();
  const rolling = strategy.at("rollingUpdate");
  if (strategy.at("type").oneOf(["RollingUpdate", "Recreate"], "RollingUpdate") === "Recreate") {
    if (rolling.present)
      rolling.problem("expected no rollingUpdate with the type Recreate", { hideValue: true });
    return { type: "Recreate" };
  }
  const maxSurge = readIntOrPercent(rolling.at("maxSurge")) ?? QUARTER;
  const maxUnavailable = readIntOrPercent(rolling.at("maxUnavailable")) ?? QUARTER;
  if (isZero(maxSurge) && isZero(maxUnavailable)) {
    rolling.at("maxUnavailable").problem("expected more than 0 where maxSurge is 0");
  }
  return { type: "RollingUpdate", maxSurge, maxUnavailable };
}

function isZero(amount: IntOrPercent): boolean {
  return "absolute" in amount ? amount.absolute === 0 : amount.percent === 0;
}

export function readReplicaSet(object: Field): ReplicaSet {
  return {
    kind: "ReplicaSet",
    metadata: readMetadata(object, "namespaced"),
    ...readReplicated(object.at("spec")),
  };
}

/** The old kind has a plain mapping as selector, which may be missing: then it is the template's labels. */
export function readReplicationController(object: Field): ReplicationController {
  const spec = object.at("spec");
  spec.requireMapping("a spec");
  const template = readTemplate(spec);
  const selector = spec.at("selector");
  const matchLabels = selector.present ? selector.stringMap() : template.labels;
  const read: LabelSelector = { matchLabels, matchExpressions: [] };
  checkSelects(selector, read, spec, template);
  return {
    kind: "ReplicationController",
    metadata: readMetadata(object, "namespaced"),
    replicas: spec.at("replicas").integerOr(1, COUNT),
    selector: read,
    template,
    minReadySeconds: spec.at("minReadySeconds").integerOr(0, COUNT),
  };
}

export function readStatefulSet(object: Field): StatefulSet {
  const spec = object.at("spec");
  const replicated = readReplicated(spec);
  return {
    kind: "StatefulSet",
    metadata: readMetadata(object, "namespaced"),
    ...replicated,
    template: withClaimTemplates(replicated.template, spec.at("volumeClaimTemplates")),
    serviceName: spec.at("serviceName").stringOr(""),
    podManagementPolicy: spec.at("podManagementPolicy").oneOf(["OrderedReady", "Parallel"], "OrderedReady"),
    updateStrategy: spec.in("updateStrategy", "type").oneOf(["RollingUpdate", "OnDelete"], "RollingUpdate"),
  };
}

/** The controller puts a volume for each claim template into its pods, in place of one of the same name. */
function withClaimTemplates(template: PodTemplate, templates: Field): PodTemplate {
  const added = templates.list().map((field) => ({
    name: field.in("metadata", "name").string(),
    volumeClaimTemplate: readClaimTemplate(field),
  }));
  if (added.length === 0) return template;
  const replaced = new Set(added.map(({ name }) => name));
  const kept = template.spec.volumes.filter(({ name }) => !replaced.has(name));
  return { ...template, spec: { ...template.spec, volumes: [...added, ...kept] } };
}

export function readDaemonSet(object: Field): DaemonSet {
  const spec = object.at("spec");
  const update = spec.at("updateStrategy");
  const { selector, template, minReadySeconds } = readOwned(spec);
  return {
    kind: "DaemonSet",
    metadata: readMetadata(object, "namespaced"),
    selector,
    template,
    updateStrategy: update.at("type").oneOf(["RollingUpdate", "OnDelete"], "RollingUpdate"),
    maxUnavailable: readIntOrPercent(update.in("rollingUpdate", "maxUnavailable")) ?? { absolute: 1 },
    minReadySeconds,
  };
}

const BACKOFF_LIMIT = 6;

export function readJob(object: Field): Job {
  const spec = object.at("spec");
  spec.requireMapping("a spec");
  const parallelism = spec.at("parallelism");
  // Neither given: one pod. Only parallelism given: a work queue, done when one has succeeded.
  const completions = spec.at("completions").optionalInteger(COUNT) ?? (parallelism.present ? undefined : 1);
  const template = readTemplate(spec);
  const restart = spec.in("template", "spec", "restartPolicy");
  if (template.spec.restartPolicy === "Always" && spec.in("template", "spec").present) {
    restart.problem("expected OnFailure or Never in a Job's template", { hideValue: !restart.present });
  }
  return {
    kind: "Job",
    metadata: readMetadata(object, "namespaced"),
    parallelism: parallelism.integerOr(1, COUNT),
    ...(completions === undefined ? {} : { completions }),
    backoffLimit: spec.at("backoffLimit").integerOr(BACKOFF_LIMIT, COUNT),
    // Failed is the default only with a podFailurePolicy.
    podReplacementPolicy: spec
      .at("podReplacementPolicy")
      .oneOf(
        ["TerminatingOrFailed", "Failed"],
        spec.at("podFailurePolicy").present ? "Failed" : "TerminatingOrFailed",
      ),
    template,
  };
}

interface Owned {
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly minReadySeconds: number;
}

function readReplicated(spec: Field): Owned & { readonly replicas: number } {
  return { ...readOwned(spec), replicas: spec.at("replicas").integerOr(1, COUNT) };
}

function readOwned(spec: Field): Owned {
  const has = spec.requireMapping("a spec");
  const selectorField = spec.at("selector");
  if (has) selectorField.requireMapping("a selector");
  const selector = readLabelSelector(selectorField) ?? { matchLabels: {}, matchExpressions: [] };
  const template = has ? readTemplate(spec) : EMPTY_TEMPLATE;
  checkSelects(selectorField, selector, spec, template);
  return { selector, template, minReadySeconds: spec.at("minReadySeconds").integerOr(0, COUNT) };
}

function readTemplate(spec: Field): PodTemplate {
  return spec.at("template").present || !spec.present
    ? readPodTemplate(spec.at("template"))
    : missingTemplate(spec);
}

function missingTemplate(spec: Field): PodTemplate {
  spec.at("template").requireMapping("a pod template");
  return EMPTY_TEMPLATE;
}

/** Stands in for a template that is missing, so that reading can go on. */
const EMPTY_TEMPLATE: PodTemplate = { labels: {}, annotations: {}, spec: emptyPodSpec() };

/** An owner that does not select its own template would make pods without end; an empty selector takes any pod. */
function checkSelects(field: Field, selector: LabelSelector, spec: Field, template: PodTemplate): void {
  if (!field.present || !spec.at("template").present) return;
  if (Object.keys(selector.matchLabels).length === 0 && selector.matchExpressions.length === 0) {
    if (isEmptyMapping(field.value))
      field.problem("expected a selector that is not empty", { hideValue: true });
  } else if (!selectorMatches(selector, template.labels)) {
    const labels = Object.entries(template.labels).map(([key, value]) => `${key}=${value}`);
    const have = labels.length === 0 ? "which has no labels" : `whose labels are ${labels.join(", ")}`;
    field.problem(`expected a selector that matches its own template, ${have}`, { hideValue: true });
  }
}

/** As opposed to one whose members were all wrong and are reported already. */
function isEmptyMapping(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
