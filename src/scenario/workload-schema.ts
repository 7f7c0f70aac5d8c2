/** The workload as it is written: manifests, arrivals, traces, roll-outs, traffic. */
import { z } from "zod";
import { exactlyOne, flag, oneOf, optional, withExactlyOneOf } from "./fields.js";
import {
  distribution,
  duration,
  name,
  namespacedName,
  path,
  positiveDuration,
  positiveNumber,
  positiveRate,
  rate,
  wholeNumber,
} from "./scalars.js";

const arrivalProcess = exactlyOne({
  poisson: positiveRate.describe("Poisson arrivals at this rate.").optional(),
  every: positiveDuration.describe("One arrival after each such interval.").optional(),
  times: z.array(duration).min(1).describe("Arrivals at these moments.").optional(),
});

const arrivalSource = {
  job: path.describe("Manifest of a Job; its pod template arrives as a bare pod.").optional(),
  pods: path.describe("Manifest with one or more Pods, equally likely.").optional(),
};

const arrivalClass = withExactlyOneOf(
  z.strictObject({
    name: optional(name, "Default: the object's name."),
    ...arrivalSource,
    weight: optional(positiveNumber(), "Relative share of the arrivals.", 1),
    duration: optional(distribution, "How long its containers run; default: that of the arrivals."),
  }),
  ["job", "pods"],
);

const arrival = withExactlyOneOf(
  z.strictObject({
    name: optional(name, "Unique; default: arrivals-<ordinal from 0>."),
    ...arrivalSource,
    classes: optional(z.array(arrivalClass).min(1), "What arrives, chosen by weight."),
    process: arrivalProcess.describe("When they arrive."),
    duration: optional(distribution, "How long their containers run; default: for ever."),
    start: optional(duration, "Nothing arrives before.", "0s"),
    end: optional(positiveDuration, "Nothing arrives from then on; default: the horizon."),
    count: optional(wholeNumber(1), "At most so many arrivals; default: no limit."),
  }),
  ["job", "pods", "classes"],
);

const openb = z
  .strictObject({
    nodes: path.describe("Node list (sn, cpu_milli, memory_mib, gpu, model)."),
    pods: path.describe("Pod list (name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec, ...)."),
    spacing: optional(positiveDuration, "One pod after each such interval, in file order; nothing ends."),
    lifetimes: optional(flag, "true: pods come and go at the trace's own times.", false),
    limit: optional(wholeNumber(1), "Only the first so many pods."),
  })
  .refine((value) => (value.spacing !== undefined) !== (value.lifetimes === true), {
    error: "expected exactly one of spacing and lifetimes: true",
  });

const rollout = withExactlyOneOf(
  z.strictObject({
    at: duration.describe("When."),
    deployment: namespacedName.describe("namespace/name of a Deployment.").optional(),
    statefulSet: namespacedName.describe("namespace/name of a StatefulSet.").optional(),
    daemonSet: namespacedName.describe("namespace/name of a DaemonSet.").optional(),
    replicaSet: namespacedName.describe("namespace/name of a ReplicaSet.").optional(),
    change: z
      .union([oneOf(["template"]), z.strictObject({ replicas: wholeNumber(0).describe("Pods wanted.") })], {
        error: "expected template, or {replicas: <number>}",
      })
      .describe("template: a new revision (as a new image would make); or a new number of replicas."),
  }),
  ["deployment", "statefulSet", "daemonSet", "replicaSet"],
);

const traffic = z.strictObject({
  service: namespacedName.describe("namespace/name of a Service."),
  from: z
    .record(name, rate)
    .describe("Requests of users who enter at a centre, or at a site (split evenly over its centres)."),
});

export const workload = z.strictObject({
  manifests: optional(z.array(path), "Files, folders or globs of Kubernetes manifests and snapshots.", []),
  objects: optional(z.array(z.record(z.string(), z.unknown())), "Kubernetes objects written inline.", []),
  arrivals: optional(z.array(arrival), "Pods that arrive while the run goes on.", []),
  traces: optional(
    z.array(
      z.strictObject({
        openb: openb.describe("A trace in the format of Alibaba's openb (cluster-trace-gpu-v2023)."),
      }),
    ),
    "Published traces.",
    [],
  ),
  rollouts: optional(z.array(rollout), "Changes of workloads while the run goes on.", []),
  traffic: optional(z.array(traffic), "Requests to services.", []),
});

export type WorkloadWritten = z.infer<typeof workload>;
export type ArrivalWritten = z.infer<typeof arrival>;
