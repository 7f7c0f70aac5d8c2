/** Pods and pod templates, with the API server's defaults (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go). */
import type { Pod, PodPhase, PodSpec, PodTemplate, ResourceRequirements } from "../../api/objects.js";
import type { Field } from "../field.js";
import { readAffinity, readSpreadConstraint, readToleration } from "./affinity.js";
import { readContainers } from "./containers.js";
import { readMetadata, readResourceList } from "./metadata.js";
import { podLevelResources } from "./resources.js";
import { readVolume } from "./volumes.js";

const PHASES = [
  "Pending",
  "Running",
  "Succeeded",
  "Failed",
  "Unknown",
] as const satisfies readonly PodPhase[];

export function readPod(object: Field): Pod {
  const status = object.at("status");
  const startTime = status.at("startTime").optionalString();
  const nominatedNodeName = status.at("nominatedNodeName").optionalString();
  const disruption = conditionOf(status, "DisruptionTarget");
  const disruptionReason = disruption?.at("reason").optionalString();
  return {
    kind: "Pod",
    metadata: readMetadata(object, "namespaced"),
    spec: readPodSpec(object.at("spec"), "Always"),
    status: {
      phase: status.at("phase").oneOf(PHASES, "Pending"),
      ...(startTime === undefined ? {} : { startTime }),
      ...(nominatedNodeName === undefined || nominatedNodeName === "" ? {} : { nominatedNodeName }),
      ...(disruptionReason === undefined ? {} : { disruptionReason }),
      ready: conditionOf(status, "Ready")?.at("status").value === "True",
    },
  };
}

/** The condition of that type in `status.conditions`. */
export function conditionOf(status: Field, type: string): Field | undefined {
  return status
    .at("conditions")
    .list()
    .find((condition) => condition.at("type").value === type);
}

/** A template, with the restart policy that its owner takes where none is given. */
export function readPodTemplate(template: Field): PodTemplate {
  template.requireMapping("a pod template");
  const metadata = template.at("metadata");
  return {
    labels: metadata.at("labels").stringMap(),
    annotations: metadata.at("annotations").stringMap(),
    spec: readPodSpec(template.at("spec"), "Always"),
  };
}

const TERMINATION_GRACE_PERIOD_SECONDS = 30;
const DEFAULT_SCHEDULER = "default-scheduler";

function readPodSpec(spec: Field, restartPolicy: PodSpec["restartPolicy"]): PodSpec {
  spec.requireMapping("a pod's spec");
  const hostNetwork = spec.at("hostNetwork").booleanOr(false);
  const containers = readContainers(spec.at("containers"), hostNetwork);
  if (containers.length === 0 && spec.present) requireContainers(spec.at("containers"));
  const initContainers = readContainers(spec.at("initContainers"), hostNetwork);
  const nodeName = spec.at("nodeName").optionalString();
  const affinity = readAffinity(spec.at("affinity"));
  const resources = readPodResources(spec.at("resources"));
  const priority = spec.at("priority").optionalInteger();
  const priorityClassName = spec.at("priorityClassName").optionalString();
  return {
    ...(nodeName === undefined || nodeName === "" ? {} : { nodeName }),
    nodeSelector: spec.at("nodeSelector").stringMap(),
    ...(affinity === undefined ? {} : { affinity }),
    tolerations: spec.at("tolerations").list().map(readToleration),
    containers,
    initContainers,
    overhead: readResourceList(spec.at("overhead")),
    ...(resources === undefined
      ? {}
      : { resources: podLevelResources(resources, containers, initContainers) }),
    ...(priority === undefined ? {} : { priority }),
    ...(priorityClassName === undefined || priorityClassName === "" ? {} : { priorityClassName }),
    preemptionPolicy: spec
      .at("preemptionPolicy")
      .oneOf(["PreemptLowerPriority", "Never"], "PreemptLowerPriority"),
    schedulerName: spec.at("schedulerName").stringOr(DEFAULT_SCHEDULER) || DEFAULT_SCHEDULER,
    schedulingGates: spec
      .at("schedulingGates")
      .list()
      .map((gate) => gate.at("name").string()),
    topologySpreadConstraints: spec.at("topologySpreadConstraints").list().map(readSpreadConstraint),
    hostNetwork,
    restartPolicy: spec.at("restartPolicy").oneOf(["Always", "OnFailure", "Never"], restartPolicy),
    terminationGracePeriodSeconds: spec
      .at("terminationGracePeriodSeconds")
      .integerOr(TERMINATION_GRACE_PERIOD_SECONDS, { min: 0 }),
    volumes: spec.at("volumes").list().map(readVolume),
  };
}

function requireContainers(containers: Field): void {
  if (containers.present && !Array.isArray(containers.value)) return;
  containers.problem("expected at least one container", { hideValue: !containers.present });
}

function readPodResources(resources: Field): ResourceRequirements | undefined {
  if (!resources.checkMapping()) return undefined;
  return {
    requests: readResourceList(resources.at("requests")),
    limits: readResourceList(resources.at("limits")),
  };
}
