/** Replays a recording step by step from the recorded state and lists every difference. */
import { RandomStreams } from "../../../src/engine/random.js";
import type { Diagnosis, NodeDiagnosis } from "../../../src/policies/framework/diagnosis.js";
import { SchedulingFramework } from "../../../src/policies/framework/framework.js";
import { Nominator } from "../../../src/policies/framework/nominator.js";
import type { Decision, PodInfo, ProfileSpec, Rejection } from "../../../src/policies/framework/types.js";
import { shelfWith } from "../../../src/policies/shelf.js";
import { readSchedulerConfiguration } from "../../../src/scenario/scheduler-configuration.js";
import { formatProblem, Problems } from "../../../src/workload/problems.js";
import { RecordedCluster } from "./cluster.js";
import type { RecordedNode, RecordedStep, Recording } from "./recorded.js";

/** 2025-06-01T00:00:00Z in seconds. */
const START_SECONDS = 1_748_736_000;
const LAST_ATTEMPT = 4;

export interface Replay {
  readonly differences: readonly string[];
  /** Single facts compared. */
  readonly compared: number;
}

export function replay(recording: Recording): Replay {
  const run = new ReplayRun(recording);
  for (const step of recording.steps) run.step(step);
  return run;
}

class ReplayRun implements Replay {
  readonly differences: string[] = [];
  compared = 0;
  readonly #cluster: RecordedCluster;
  readonly #nominator = new Nominator();
  readonly #framework: SchedulingFramework;
  readonly #detail: boolean;
  #where = "";

  constructor(recording: Recording) {
    const cluster = new RecordedCluster(recording);
    this.#cluster = cluster;
    this.#detail = recording.detail === "full";
    this.#framework = new SchedulingFramework(profileOf(recording), shelfWith(), {
      cache: cluster.cache,
      nominator: this.#nominator,
      streams: new RandomStreams("golden"),
      podDisruptionBudgets: () => cluster.budgets,
    });
    const order = [...cluster.cache.nodeOrder].map((node) => cluster.cache.node(node).name);
    this.#same("nodeOrder", order, recording.nodeOrder);
  }

  step(step: RecordedStep): void {
    const pod = this.#pod(step.pod);
    this.#where = `step ${step.index} ${step.pod}`;
    const gate = this.#framework.preEnqueue(pod);
    this.#same("gated", gate?.reasons, step.outcome === "gated" ? step.reasons : undefined);
    if (step.outcome === "gated") return;
    const sampled = this.#framework.diagnose(pod, { sampled: true });
    this.#compareDiagnosis(sampled, step);
    const decision = this.#framework.schedule(pod);
    this.#compareDecision(decision, step);
    this.#apply(pod, step);
  }

  #compareDiagnosis(diagnosis: Diagnosis, step: RecordedStep): void {
    const { cache } = this.#cluster;
    this.#same("nominatedOnly", diagnosis.nominatedOnly, step.nominatedOnly ?? false);
    this.#same("preFilter", diagnosis.preFilter && plain(diagnosis.preFilter), step.preFilter);
    // Not recorded where the nominated node was all that was looked at.
    if (step.nominatedOnly !== true) {
      this.#same("preFilterNodes", diagnosis.limited?.nodeNames, step.preFilterNodes);
    }
    if (step.startIndex !== undefined) this.#same("startIndex", diagnosis.startIndex, step.startIndex);
    if (step.evaluated !== undefined) this.#same("evaluated", diagnosis.nodes.length, step.evaluated);
    const feasible = diagnosis.nodes.filter((node) => node.kind === "feasible");
    if (step.feasible !== undefined) this.#same("feasible", feasible.length, step.feasible);
    if (step.rejectedBy !== undefined && step.preFilter === undefined) {
      const counts: Record<string, number> = {};
      for (const node of diagnosis.nodes) {
        if (node.kind === "rejected")
          counts[node.rejection.plugin] = (counts[node.rejection.plugin] ?? 0) + 1;
      }
      if (diagnosis.limited !== undefined) {
        const excluded = cache.nodeOrder.length - diagnosis.nodes.length;
        if (excluded > 0) counts.PreFilterResult = excluded;
      }
      this.#same("rejectedBy", sorted(counts), sorted(step.rejectedBy));
    }
    if (step.totalsSum !== undefined) {
      this.#same(
        "totalsSum",
        feasible.reduce((sum, { total }) => sum + total, 0),
        step.totalsSum,
      );
    }
    if (step.bestTotal !== undefined) {
      const bestTotal = Math.max(...feasible.map(({ total }) => total));
      const best = feasible
        .filter(({ total }) => total === bestTotal)
        .map(({ node }) => cache.node(node).name);
      this.#same("bestTotal", bestTotal, step.bestTotal);
      if (step.best !== undefined) this.#same("best", best.sort(), step.best);
      if (step.bestCount !== undefined) this.#same("bestCount", best.length, step.bestCount);
    }
    if (this.#detail) this.#compareNodes(diagnosis.nodes, step.nodes ?? {});
  }

  #compareNodes(nodes: readonly NodeDiagnosis[], recorded: Readonly<Record<string, RecordedNode>>): void {
    for (const node of nodes) {
      const name = this.#cluster.cache.node(node.node).name;
      const expected = recorded[name];
      if (node.kind === "rejected") {
        this.#same(name, plain(node.rejection), expected);
      } else {
        const scores = Object.fromEntries(node.scores.map(({ plugin, normalized }) => [plugin, normalized]));
        const both = { total: node.total, scores: sorted(scores) };
        const want = expected !== undefined && "scores" in expected ? expected : undefined;
        this.#same(name, both, want && { total: want.total, scores: sorted(want.scores) });
      }
    }
  }

  #compareDecision(decision: Decision, step: RecordedStep): void {
    const { cache } = this.#cluster;
    if (step.outcome === "scheduled") {
      const chosen = decision.kind === "scheduled" ? cache.node(decision.node).name : decision.message;
      this.#same("chosen", chosen, step.chosen);
      return;
    }
    this.#same("outcome", decision.kind === "scheduled", false);
    if (decision.kind === "scheduled") return;
    const { postFilter } = step;
    const [message = "", ...preemption] = decision.message.split(/ (?=preemption: )/);
    this.#same("message", message, step.message);
    if (postFilter === undefined) return;
    const { preemption: result } = decision;
    this.#same("eligible", result?.kind !== "notEligible", postFilter.eligible);
    if (result?.kind === "nominated") {
      this.#same("nomination among the best", postFilter.best?.includes(cache.node(result.node).name), true);
      if (cache.node(result.node).name === postFilter.nominated) {
        const victims = result.victims.map((pod) => `${pod.shape.namespace}/${pod.name}`);
        this.#same("victims", victims, postFilter.victims);
      }
    } else {
      this.#same("nominated", undefined, postFilter.nominated);
      if (postFilter.message !== undefined)
        this.#same("preemption text", preemption.join(" "), postFilter.message);
    }
  }

  #apply(pod: PodInfo, step: RecordedStep): void {
    const { cache } = this.#cluster;
    if (step.outcome === "scheduled") {
      this.#nominator.denominate(pod);
      pod.startTimeUs = (START_SECONDS + step.index) * 1_000_000;
      this.#cluster.bind(pod, cache.nodeByName(step.chosen ?? ""));
    } else if (step.outcome === "unschedulable") {
      if (step.postFilter?.eligible !== false) this.#nominator.denominate(pod);
    } else {
      const node = cache.nodeByName(step.postFilter?.nominated ?? "");
      for (const victim of step.postFilter?.victims ?? []) this.#cluster.evict(this.#pod(victim));
      for (const other of this.#nominator.lowerPriorityOn(node, pod.shape.priority))
        this.#nominator.denominate(other);
      if (step.attempt < LAST_ATTEMPT) this.#nominator.nominate(pod, node);
      else this.#nominator.denominate(pod);
    }
  }

  #pod(key: string): PodInfo {
    const pod = this.#cluster.pods.get(key);
    if (pod === undefined) throw new Error(`the recording has no pod ${key}`);
    return pod;
  }

  #same(what: string, actual: unknown, expected: unknown): void {
    this.compared++;
    const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (a !== e) this.differences.push(`${this.#where}: ${what}: ${a}, recorded ${e}`);
  }
}

function plain({ plugin, code, reasons }: Rejection) {
  return { plugin, code, reasons };
}

function sorted(record: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The recording's own configuration, with the corpus' tie rule: the bytewise smallest name. */
function profileOf(recording: Recording): ProfileSpec {
  const problems = new Problems();
  const place = { document: { file: recording.name, positionOf: () => ({ line: 1, column: 1 }) }, at: [] };
  const names = new Set(shelfWith().keys());
  const configuration = readSchedulerConfiguration(recording.schedulerConfig, place, names, problems);
  const [profile] = configuration?.profiles ?? [];
  if (profile === undefined) throw new Error(problems.list().map(formatProblem).join("\n"));
  return { ...profile, tieBreak: "name" };
}
