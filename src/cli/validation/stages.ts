/** What followed each crash, read from a timeline: the same reading for the recorded and for a simulated one. */
import type { Crash, Recording, TimelineRow } from "./recording.js";

/** Moments in ms; undefined: not reached within the recording. */
export interface PodStages {
  readonly notReady: number | undefined;
  readonly endpointOut: number | undefined;
  readonly deleting: number | undefined;
}

export interface CrashStages {
  readonly crash: Crash;
  readonly unknown: number | undefined;
  readonly noSchedule: number | undefined;
  readonly noExecute: number | undefined;
  readonly pods: readonly PodStages[];
  readonly recovered: number | undefined;
  readonly ready: number | undefined;
  readonly noScheduleOff: number | undefined;
  readonly noExecuteOff: number | undefined;
}

export interface Replacement {
  readonly deleted: number;
  readonly created: number;
  readonly bound: number | undefined;
  readonly ready: number | undefined;
  readonly endpointIn: number | undefined;
}

export interface Stages {
  readonly crashes: readonly CrashStages[];
  readonly replacements: readonly Replacement[];
}

const NO_SCHEDULE = "unreachable:NoSchedule";
const NO_EXECUTE = "unreachable:NoExecute";

export function stagesOf(recording: Recording, rows: readonly TimelineRow[]): Stages {
  const byName = new Map<string, TimelineRow[]>();
  for (const row of rows) {
    const list = byName.get(row.name);
    if (list === undefined) byName.set(row.name, [row]);
    else list.push(row);
  }
  const find = (name: string, kind: string, test: (what: string) => boolean, from: number, to: number) =>
    byName.get(name)?.find((row) => row.kind === kind && row.ms >= from && row.ms < to && test(row.what))?.ms;
  const crashes = recording.crashes.map((crash): CrashStages => {
    const recovered = recording.recoveries.find(({ node, ms }) => node === crash.node && ms > crash.ms)?.ms;
    const next = recording.crashes.find(({ node, ms }) => node === crash.node && ms > crash.ms)?.ms;
    const end = next ?? Number.POSITIVE_INFINITY;
    const until = Math.min(end, recovered ?? Number.POSITIVE_INFINITY);
    const onNode = (kind: string, what: string, from: number | undefined, to: number) =>
      from === undefined ? undefined : find(crash.node, kind, (text) => text === what, from, to);
    const unknown = onNode("node", "Ready=Unknown", crash.ms, until);
    const noExecute = onNode("taint", `+${NO_EXECUTE}`, unknown, until);
    return {
      crash,
      unknown,
      noSchedule: onNode("taint", `+${NO_SCHEDULE}`, unknown, until),
      noExecute,
      pods: podsOn(rows, crash).map((pod) => ({
        notReady:
          unknown === undefined
            ? undefined
            : find(pod, "pod", (what) => what === "notready", unknown - 50, until),
        endpointOut: find(pod, "ep", (what) => !what.startsWith("R"), crash.ms, until),
        deleting:
          noExecute === undefined
            ? undefined
            : find(pod, "pod", (what) => what === "deleting", noExecute, until),
      })),
      recovered,
      ready: onNode("node", "Ready=True", recovered, end),
      noScheduleOff: onNode("taint", `-${NO_SCHEDULE}`, recovered, end),
      noExecuteOff: onNode("taint", `-${NO_EXECUTE}`, recovered, end),
    };
  });
  return { crashes, replacements: replacementsOf(recording, rows, find) };
}

/** Pods on the node when it crashed, and not already on their way out. */
function podsOn(rows: readonly TimelineRow[], crash: Crash): string[] {
  const pods = new Set<string>();
  for (const row of rows) {
    if (row.ms >= crash.ms) break;
    if (row.kind !== "pod") continue;
    if (row.what === "bound" && nodeOf(row.detail) === crash.node) pods.add(row.name);
    else if (row.what === "deleting" || row.what === "gone") pods.delete(row.name);
  }
  return [...pods];
}

function nodeOf(detail: unknown): string {
  if (typeof detail === "object" && detail !== null && "node" in detail) return String(detail.node);
  return String(detail);
}

/** A ReplicaSet's pods have no names of their own, so the n-th pod made after the n-th deletion replaces it. */
function replacementsOf(
  recording: Recording,
  rows: readonly TimelineRow[],
  find: (
    name: string,
    kind: string,
    test: (what: string) => boolean,
    from: number,
    to: number,
  ) => number | undefined,
): Replacement[] {
  const from = recording.crashes[0]?.ms ?? 0;
  const waiting: number[] = [];
  const replacements: Replacement[] = [];
  for (const row of rows) {
    if (row.ms < from || row.kind !== "pod") continue;
    if (row.what === "deleting") waiting.push(row.ms);
    if (row.what !== "created") continue;
    const deleted = waiting.shift();
    if (deleted === undefined) continue;
    const after = (kind: string, what: (text: string) => boolean): number | undefined =>
      find(row.name, kind, what, row.ms, Number.POSITIVE_INFINITY);
    replacements.push({
      deleted,
      created: row.ms,
      bound: after("pod", (what) => what === "bound"),
      ready: after("pod", (what) => what === "ready"),
      endpointIn: after("ep", (what) => what.startsWith("R")),
    });
  }
  return replacements;
}
