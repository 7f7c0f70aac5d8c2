/**
 * The two ways to replay a recording (the corpus' README, "Comparing"): every step from the recorded state, comparing
 * everything; and once more with our own choices, which must stay the recorded ones to the end.
 */
import type { Decision, PodInfo } from "../policies/framework/types.js";
import { compareDecision, compareDiagnosis, compareDryRun, keyOf } from "./compare.js";
import { Differences } from "./differences.js";
import type { RecordedStep, Recording } from "./recording.js";
import { UnreadableRecording } from "./recording.js";
import { LAST_ATTEMPT, RecordedScheduler } from "./scheduler.js";

/** Each step from the recorded state: whatever we decide, what was recorded is done. */
export function replayStepwise(recording: Recording): Differences {
  const scheduler = new RecordedScheduler(recording, true);
  const differences = new Differences();
  const { cluster, framework } = scheduler;
  const order = [...cluster.cache.nodeOrder].map((node) => cluster.nodeName(node));
  differences.same("nodeOrder", order, recording.nodeOrder);
  for (const step of recording.steps) {
    const pod = cluster.pod(step.pod);
    differences.at(step.index, step.pod);
    compareGate(scheduler, pod, step, differences);
    if (step.outcome === "gated") continue;
    compareNomination(scheduler, pod, step, differences);
    const diagnosis = framework.diagnose(pod, { sampled: true });
    compareDiagnosis(diagnosis, step, recording.detail, cluster.cache, differences);
    scheduler.dryRun = undefined;
    const decision = framework.schedule(pod);
    compareDecision(decision, step, cluster.cache, differences);
    if (scheduler.dryRun !== undefined && step.postFilter !== undefined) {
      compareDryRun(scheduler.dryRun, step.postFilter, cluster.cache, differences);
    }
    applyRecorded(scheduler, pod, step, differences);
  }
  return differences;
}

function compareGate(
  { framework }: RecordedScheduler,
  pod: PodInfo,
  step: RecordedStep,
  differences: Differences,
): boolean {
  const gate = framework.preEnqueue(pod);
  const recorded = step.outcome === "gated" ? (step.reasons ?? []) : undefined;
  differences.same("gated", gate?.reasons, recorded, "", "SchedulingGates");
  return gate !== undefined;
}

function compareNomination(
  { cluster }: RecordedScheduler,
  pod: PodInfo,
  step: RecordedStep,
  differences: Differences,
): void {
  const nominated = pod.nominatedNode < 0 ? "" : cluster.nodeName(pod.nominatedNode);
  differences.same("nominatedNode", nominated, step.nominatedNode ?? "");
}

function applyRecorded(
  scheduler: RecordedScheduler,
  pod: PodInfo,
  step: RecordedStep,
  differences: Differences,
): void {
  const { cluster, nominator } = scheduler;
  const { postFilter } = step;
  if (step.outcome === "scheduled") {
    scheduler.bind(pod, nodeOf(scheduler, step.chosen), step.index);
  } else if (step.outcome === "unschedulable") {
    if (postFilter?.eligible !== false) nominator.denominate(pod);
  } else {
    const node = nodeOf(scheduler, postFilter?.nominated);
    const weaker = nominator.lowerPriorityOn(node, pod.shape.priority).map(keyOf);
    differences.same(
      "clearedNominations",
      weaker.sort(),
      [...(postFilter?.clearedNominations ?? [])].sort(),
      "",
      "DefaultPreemption",
    );
    const victims = (postFilter?.victims ?? []).map((victim) => cluster.pod(victim));
    scheduler.preempt(pod, node, victims, step.attempt);
  }
}

function nodeOf({ cluster }: RecordedScheduler, name: string | undefined): number {
  const node = cluster.cache.nodeByName(name ?? "");
  if (node < 0)
    throw new UnreadableRecording(`a step chooses the node ${name ?? "(none)"}, which is not in the file`);
  return node;
}

/** A nominated pod waiting to be tried again. */
interface Retry {
  readonly pod: PodInfo;
  readonly attempt: number;
  /** The arrival after which it is its turn. */
  readonly due: number;
}

/** Our own choices from the first arrival to the last retry. Stops where the order of attempts is another one. */
export function replayOwn(recording: Recording): Differences {
  return new OwnReplay(recording).run();
}

class OwnReplay {
  readonly #recording: Recording;
  readonly #scheduler: RecordedScheduler;
  readonly #differences = new Differences();
  #retries: Retry[] = [];
  #next = 0;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#scheduler = new RecordedScheduler(recording, false);
  }

  run(): Differences {
    const { arrivals } = this.#scheduler.cluster;
    for (let i = 0; i < arrivals.length || this.#retries.length > 0; i++) {
      const arrival = arrivals[i];
      if (arrival !== undefined && !this.#attempt(arrival, 1, i)) return this.#differences;
      while (true) {
        const retry = this.#retries.find(({ due }) => due <= i);
        if (retry === undefined) break;
        this.#retries = this.#retries.filter((other) => other !== retry);
        if (!this.#attempt(retry.pod, retry.attempt, i)) return this.#differences;
      }
    }
    this.#differences.same("attempts", this.#next, this.#recording.steps.length);
    return this.#differences;
  }

  /** False where the recording goes on with another pod or attempt. */
  #attempt(pod: PodInfo, attempt: number, arrival: number): boolean {
    const step = this.#recording.steps[this.#next++];
    const ours = `${keyOf(pod)} attempt ${attempt}`;
    const recorded = step && `${step.pod} attempt ${step.attempt}`;
    if (step !== undefined) this.#differences.at(step.index, step.pod);
    this.#differences.same("next", ours, recorded);
    if (step === undefined || ours !== recorded) return false;
    if (compareGate(this.#scheduler, pod, step, this.#differences)) return true;
    const decision = this.#scheduler.framework.schedule(pod);
    compareDecision(decision, step, this.#scheduler.cluster.cache, this.#differences);
    this.#apply(pod, decision, step.index, attempt, arrival);
    return true;
  }

  #apply(pod: PodInfo, decision: Decision, index: number, attempt: number, arrival: number): void {
    if (decision.kind === "scheduled") {
      this.#scheduler.bind(pod, decision.node, index);
    } else if (decision.preemption?.kind === "nominated") {
      const { node, victims } = decision.preemption;
      this.#scheduler.preempt(pod, node, victims, attempt);
      if (attempt < LAST_ATTEMPT) {
        this.#retries.push({ pod, attempt: attempt + 1, due: arrival + this.#recording.preemptionRetry });
      }
    } else if (decision.preemption?.kind !== "notEligible") {
      this.#scheduler.nominator.denominate(pod);
    }
  }
}
