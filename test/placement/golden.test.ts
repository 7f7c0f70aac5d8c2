/** What `explain` says, against the words of the real kube-scheduler in its recorded decisions. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { KubernetesObject, LabelSelector, Pod } from "../../src/api/objects.js";
import {
  type Json,
  type RecordedStep,
  type Recording,
  readRecording,
} from "../../src/conformance/recording.js";
import { PlacementCluster } from "../../src/placement/cluster.js";
import { Explainer, type Explanation } from "../../src/placement/explain.js";
import type { ProfileSpec } from "../../src/policies/framework/types.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { readSchedulerConfiguration } from "../../src/scenario/scheduler-configuration.js";
import { Problems } from "../../src/workload/problems.js";
import { objectsOf } from "./support.js";

const FOLDER = new URL("../../../shared/golden/kube-scheduler-1.34/", import.meta.url);
const names = existsSync(FOLDER)
  ? readdirSync(FOLDER).filter((name) => /^[0-2][0-9]-.*\.json\.gz$/.test(name))
  : [];
if (names.length === 0) {
  console.warn("skipped: ../shared/golden/kube-scheduler-1.34 is not there, texts are not compared");
}

/** Failed attempts looked at in each file: enough for every family's words. */
const ATTEMPTS_MAX = 15;

describe.skipIf(names.length === 0)("as kube-scheduler v1.34.1 put it", () => {
  let compared = 0;

  it.each(names.sort())("every failed attempt of %s", (name) => {
    const recording = readRecording(readFileSync(new URL(name, FOLDER)));
    for (const { step, explanation } of failedAttempts(recording)) {
      compared++;
      const where = `step ${step.index} ${step.pod}`;
      const { message = "", verdict, nodes } = explanation;
      const [text, ...preemption] = message.split(/ (?=preemption: )/);
      if (step.outcome === "gated") {
        expect([where, message, verdict.kind]).toEqual([where, step.reasons?.join(), "gated"]);
        continue;
      }
      expect([where, text]).toEqual([where, step.message]);
      if (step.postFilter?.message !== undefined) {
        expect([where, preemption.join(" ")]).toEqual([where, step.postFilter.message]);
      }
      expectNodes(step, nodes);
      expectVerdict(step, verdict);
    }
  });

  it("in enough attempts to mean something", () => {
    expect(compared).toBeGreaterThan(200);
  });
});

function expectNodes({ nodes, preFilter }: RecordedStep, answers: Explanation["nodes"]): void {
  for (const answer of answers) {
    const expected = preFilter ?? nodes?.[answer.node];
    if (expected === undefined || answer.kind === "feasible") continue;
    const { plugin, code, reasons } = answer;
    expect({ plugin, code, reasons }).toEqual(expected);
  }
}

/** The recorded preemption and the verdict say the same. */
function expectVerdict(
  { postFilter, nodes, preFilter }: RecordedStep,
  verdict: Explanation["verdict"],
): void {
  const answers = preFilter === undefined ? Object.values(nodes ?? {}) : [];
  const resolvable = answers.some((answer) => "code" in answer && answer.code === "Unschedulable");
  expect(verdict.kind === "forever").toBe(!resolvable);
  if (postFilter?.nominated === undefined) return;
  expect(verdict.kind).toBe("untilPodLeaves");
  if (!("preemption" in verdict) || verdict.preemption.kind !== "helps") throw new Error("preemption helps");
  expect(postFilter.best).toContain(verdict.preemption.node);
  if (verdict.preemption.node === postFilter.nominated) {
    expect(verdict.preemption.victims).toEqual(postFilter.victims);
  }
}

/** 2025-06-01T00:00:00Z in seconds: what the corpus starts its pods at. */
const START_SECONDS = 1_748_736_000;

/** Replays the recording's own choices and explains the attempts that failed. */
function* failedAttempts(recording: Recording): Iterable<{ step: RecordedStep; explanation: Explanation }> {
  const objects = [...ownersOf(recording), ...objectsIn(recording.cluster)];
  const cluster = PlacementCluster.of(objects, { profiles: [profileOf(recording)], seed: "golden" });
  const arrivals = new Map(
    objectsOf(recording.pods, /hostPort$/).map((pod) => [
      `${pod.metadata.namespace}/${pod.metadata.name}`,
      pod,
    ]),
  );
  let attempts = 0;
  for (const step of recording.steps) {
    const pod = arrivals.get(step.pod) as Pod;
    // A pod that names its node does not wait for one: here it is on it, if the node takes it.
    if (pod.spec.nodeName !== undefined) {
      if (step.outcome === "scheduled") cluster.addPod(pod);
      continue;
    }
    if (cluster.find(step.pod) === undefined) cluster.addPod(pod);
    if (step.outcome !== "scheduled" && attempts < ATTEMPTS_MAX) {
      attempts++;
      yield { step, explanation: new Explainer(cluster).explain(step.pod, { suggestions: false }) };
    }
    apply(cluster, step);
  }
}

function apply(cluster: PlacementCluster, step: RecordedStep): void {
  const { info } = cluster.pod(step.pod);
  if (step.outcome === "scheduled") {
    info.startTimeUs = (START_SECONDS + step.index) * 1_000_000;
    cluster.bind(step.pod, step.chosen ?? "");
  } else if (step.outcome === "nominated") {
    for (const victim of step.postFilter?.victims ?? []) cluster.removePod(victim);
    // Given up after the fourth attempt, with its nomination.
    if (step.attempt < 4) cluster.nominate(info, cluster.nodeId(step.postFilter?.nominated ?? ""));
    else cluster.removePod(step.pod);
  } else cluster.removePod(step.pod);
}

function objectsIn(cluster: Recording["cluster"]): KubernetesObject[] {
  const { namespaces, services, podDisruptionBudgets, nodes, pods } = cluster;
  return objectsOf([...namespaces, ...services, ...podDisruptionBudgets, ...nodes, ...pods], /hostPort$/);
}

/** Of a controller only the selector is recorded. */
function ownersOf({ cluster }: Recording): KubernetesObject[] {
  const owner = (kind: "ReplicaSet" | "StatefulSet" | "ReplicationController") => (json: Json) => {
    const { metadata, spec } = json as {
      readonly metadata: { readonly name: string; readonly namespace: string };
      readonly spec: { readonly selector: Partial<LabelSelector> & Record<string, string> };
    };
    const plain = kind === "ReplicationController";
    const selector = {
      matchLabels: plain ? spec.selector : (spec.selector.matchLabels ?? {}),
      matchExpressions: plain ? [] : (spec.selector.matchExpressions ?? []),
    };
    return { kind, metadata, selector } as unknown as KubernetesObject;
  };
  return [
    ...cluster.replicaSets.map(owner("ReplicaSet")),
    ...cluster.statefulSets.map(owner("StatefulSet")),
    ...cluster.replicationControllers.map(owner("ReplicationController")),
  ];
}

function profileOf(recording: Recording): ProfileSpec {
  const place = { document: { file: recording.name, positionOf: () => ({ line: 1, column: 1 }) }, at: [] };
  const shelf = new Set(shelfWith().keys());
  const read = readSchedulerConfiguration(recording.schedulerConfig, place, shelf, new Problems());
  const [profile] = read?.profiles ?? [];
  if (profile === undefined) throw new Error(`${recording.name}: expected a profile`);
  return profile;
}
