/** What a run of the scheduler's recordings shows, read in the same way from the recorded and from a simulated one. */
import type { TimelineRow } from "./recording.js";
import { type JoiningNode, type SchedRecording, waitingFor } from "./sched-recording.js";
import type { SchedRun } from "./sched-run.js";

/** The client's limit: clientConnection's defaults. */
export const SCHEDULER_QPS = 50;
export const SCHEDULER_BURST = 100;

/** Moments in ms, ascending. */
export interface CreatedAndBound {
  readonly created: readonly number[];
  readonly bound: readonly number[];
}

/** A node that fits joined while pods waited for one. Delays in ms. */
export interface NodeAdded {
  /** From its creation until it lost its not-ready taint. */
  readonly untaintedAfter: number | undefined;
  /** From then until each pod was bound. */
  readonly boundAfter: readonly number[];
  readonly podsWaiting: number;
  readonly attemptsByPod: readonly number[];
}

/** A pod that fits nowhere while useless nodes join. */
export interface Retries {
  readonly attempts: number;
  /** From each node's creation, and from each loss of its not-ready taint, to the next attempt. */
  readonly attemptAfter: readonly number[];
}

export interface Preemptions {
  /** From each preemptor's creation to its nomination. */
  readonly nominatedAfter: readonly number[];
  /** From the nomination to the deletion of each of its victims. */
  readonly deletedAfter: readonly number[];
  readonly victims: number;
  /** From the end of its last victim to its bind. */
  readonly boundAfter: readonly number[];
  readonly attempts: readonly number[];
}

export interface Stall {
  readonly length: number;
  /** Binds of earlier decisions that still waited for a token of the client. */
  readonly queuedBinds: number;
}

export interface SchedStages {
  readonly bursts: readonly CreatedAndBound[];
  readonly deployment: CreatedAndBound | undefined;
  readonly gates: readonly number[];
  readonly nodes: readonly NodeAdded[];
  readonly retries: Retries | undefined;
  readonly preemptions: Preemptions;
  readonly stalls: readonly Stall[];
}

type Attempts = ReadonlyMap<string, readonly number[]>;

/** As recorded. Bursts and the Deployment have lists of their own in the file. */
export function recordedStages(recording: SchedRecording): SchedStages {
  const { bursts, deployment, timeline, attemptsMs, backlog } = recording;
  return {
    bursts: bursts.map(({ createdMs, boundMs }) => ({ created: createdMs, bound: boundMs })),
    deployment:
      deployment === undefined ? undefined : { created: deployment.createdMs, bound: deployment.boundMs },
    ...timelineStages(recording, timeline, attemptsMs),
    stalls:
      backlog === undefined
        ? []
        : backlog.stalls.map(({ fromMs, toMs }) => ({
            length: toMs - fromMs,
            queuedBinds: queuedAfter(count(backlog.attemptsMs, fromMs), fromMs),
          })),
  };
}

/** As simulated. */
export function simulatedStages(recording: SchedRecording, run: SchedRun): SchedStages {
  const { bursts, deployment } = recording;
  const seen = (prefix: string): CreatedAndBound => ({
    created: momentsOf(run.rows, prefix, "created"),
    bound: momentsOf(run.rows, prefix, "bound"),
  });
  return {
    bursts: bursts.map(({ name }) => seen(`${name}-`)),
    deployment: deployment === undefined ? undefined : seen("dep-"),
    ...timelineStages(recording, run.rows, run.attemptsMs),
    stalls: stallsOf(recording, run),
  };
}

function timelineStages(recording: SchedRecording, rows: readonly TimelineRow[], attempts: Attempts) {
  const { gatesRemovedMs } = recording;
  return {
    gates:
      gatesRemovedMs === undefined ? [] : momentsOf(rows, "gate-", "bound").map((ms) => ms - gatesRemovedMs),
    nodes: fittingNodes(recording).map((node) => nodeAdded(recording, node, rows, attempts)),
    retries: retriesOf(recording, rows, attempts),
    preemptions: preemptionsOf(recording, rows, attempts),
  };
}

function momentsOf(rows: readonly TimelineRow[], prefix: string, what: string): number[] {
  return rows
    .filter((row) => row.kind === "pod" && row.what === what && row.name.startsWith(prefix))
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
}

/** Untainted nodes that big pods were waiting for. */
function fittingNodes(recording: SchedRecording): JoiningNode[] {
  return recording.nodes.filter((node) => node.taints.length === 0 && waitingFor(recording, node).length > 0);
}

function nodeAdded(
  recording: SchedRecording,
  node: JoiningNode,
  rows: readonly TimelineRow[],
  attempts: Attempts,
): NodeAdded {
  const waiting = waitingFor(recording, node);
  const created = firstOf(rows, node.name, "created");
  const untainted = firstOf(rows, node.name, "-not-ready:NoSchedule");
  const bound = waiting.flatMap(({ name }) => firstOf(rows, name, "bound") ?? []);
  return {
    untaintedAfter: created === undefined || untainted === undefined ? undefined : untainted - created,
    boundAfter: untainted === undefined ? [] : bound.map((ms) => ms - untainted),
    podsWaiting: waiting.length,
    attemptsByPod: waiting.map(({ name }) => attempts.get(name)?.length ?? 0),
  };
}

function retriesOf(
  recording: SchedRecording,
  rows: readonly TimelineRow[],
  attempts: Attempts,
): Retries | undefined {
  const useless = recording.nodes.filter(({ taints }) => taints.length > 0);
  const pod = recording.pods.find(({ name }) => name.startsWith("retry-"));
  const times = attempts.get(pod?.name ?? "");
  if (useless.length === 0 || times === undefined) return undefined;
  const events = useless.flatMap(({ name }) => [
    firstOf(rows, name, "created"),
    firstOf(rows, name, "-not-ready:NoSchedule"),
  ]);
  const attemptAfter = events.flatMap((ms) => {
    // The scheduler's own watch may be a little ahead of the one that noted the event.
    const next = ms === undefined ? undefined : times.find((at) => at >= ms - WATCHES_APART_MS);
    return ms === undefined ? [] : [Math.max(0, (next ?? Number.POSITIVE_INFINITY) - ms)];
  });
  return { attempts: times.length, attemptAfter };
}

const WATCHES_APART_MS = 20;

function preemptionsOf(
  { pods }: SchedRecording,
  rows: readonly TimelineRow[],
  attempts: Attempts,
): Preemptions {
  const preemptors = pods.filter(({ kind }) => kind === "high");
  const victims = rows.filter(
    ({ kind, what }) => kind === "pod" && what === "disruption=PreemptionByScheduler",
  );
  const nominatedAfter: number[] = [];
  const deletedAfter: number[] = [];
  const boundAfter: number[] = [];
  for (const { name } of preemptors) {
    const created = firstOf(rows, name, "created");
    const nominated = rows.find((row) => row.name === name && row.what === "nominated");
    const bound = rows.find((row) => row.name === name && row.what === "bound");
    if (created === undefined || nominated === undefined) continue;
    nominatedAfter.push(nominated.ms - created);
    const own = victims.filter((victim) => nodeOf(rows, victim.name) === nominated.detail);
    const ends: number[] = [];
    for (const victim of own) {
      const deleting = firstOf(rows, victim.name, "deleting");
      const ended = rows.find((row) => row.name === victim.name && isEnd(row.what))?.ms;
      if (deleting !== undefined) deletedAfter.push(deleting - nominated.ms);
      if (ended !== undefined) ends.push(ended);
    }
    if (bound !== undefined && ends.length > 0) boundAfter.push(bound.ms - Math.max(...ends));
  }
  return {
    nominatedAfter,
    deletedAfter,
    victims: victims.length,
    boundAfter,
    attempts: preemptors.map(({ name }) => attempts.get(name)?.length ?? 0),
  };
}

function isEnd(what: string): boolean {
  return what === "phase=Succeeded" || what === "phase=Failed";
}

/** Where the pod was bound. */
function nodeOf(rows: readonly TimelineRow[], pod: string): unknown {
  return rows.find(({ name, what }) => name === pod && what === "bound")?.detail;
}

/** Between a misfit's attempt and the next of any pod. */
function stallsOf({ backlog }: SchedRecording, run: SchedRun): Stall[] {
  if (backlog === undefined) return [];
  return backlog.stalls.flatMap(({ name }): Stall[] => {
    const index = run.attempts.findIndex((attempt) => attempt.name === name);
    const from = run.attempts[index]?.ms;
    const to = run.attempts[index + 1]?.ms;
    if (from === undefined || to === undefined) return [];
    return [{ length: to - from, queuedBinds: queuedAfter(index + 1, from - backlog.leadMs) }];
  });
}

/** Each decision takes a token, for its bind or its status patch. */
function queuedAfter(decisions: number, msSinceLead: number): number {
  const tokens = SCHEDULER_BURST + (SCHEDULER_QPS * msSinceLead) / 1000;
  return Math.max(0, Math.round(decisions - tokens));
}

/** How many of these moments had come. */
function count(moments: readonly number[], by: number): number {
  return moments.filter((ms) => ms <= by).length;
}

function firstOf(rows: readonly TimelineRow[], name: string, what: string): number | undefined {
  return rows.find((row) => row.name === name && row.what === what)?.ms;
}
