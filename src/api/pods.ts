/** What is true of pods whoever looks at them. */
import { type Micros, SECOND } from "../units/time.js";
import type { Container, PodPhase, PodSpec } from "./objects.js";

/** A spec that says nothing but these containers, with the API server's defaults. */
export function emptyPodSpec(containers: readonly Container[] = []): PodSpec {
  return {
    nodeSelector: {},
    tolerations: [],
    containers,
    initContainers: [],
    overhead: {},
    preemptionPolicy: "PreemptLowerPriority",
    schedulerName: "default-scheduler",
    schedulingGates: [],
    topologySpreadConstraints: [],
    hostNetwork: false,
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    volumes: [],
  };
}

/** How long the pod may take to end after a deletion that says nothing else. */
export function gracePeriodUs(spec: PodSpec): Micros {
  return spec.terminationGracePeriodSeconds * SECOND;
}

/** It has ended for good (podutil.IsPodTerminal). */
export function isTerminal({ phase }: { readonly phase: PodPhase }): boolean {
  return phase === "Succeeded" || phase === "Failed";
}
