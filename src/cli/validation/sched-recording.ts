/**
 * Recordings of the scheduler at work (families `sched` and `backoff`): what was done to the cluster, as a script, and
 * what was seen of it. Times are milliseconds from the start of the recording.
 */
import {
  fieldsOf,
  flagsOf,
  numberOf,
  rowsOf,
  type TimelineRow,
  textOf,
  UnusableRecording,
} from "./recording.js";

/** Bare pods created together. */
export interface Burst {
  readonly name: string;
  readonly startMs: number;
  /** Moments at which a watching client saw them, ascending. */
  readonly createdMs: readonly number[];
  /** Seen bound, ascending; empty where the file does not say. */
  readonly boundMs: readonly number[];
  readonly deletedMs: number | undefined;
}

export interface ScheduledDeployment {
  readonly scaledMs: number;
  readonly replicas: number;
  readonly createdMs: readonly number[];
  readonly boundMs: readonly number[];
}

/** A node that appears while the recording goes on. */
export interface JoiningNode {
  readonly name: string;
  readonly addedMs: number;
  /** Keys of NoSchedule taints that it brings along. */
  readonly taints: readonly string[];
  readonly removedMs: number | undefined;
}

/** A bare pod of the timeline. */
export interface ScriptedPod {
  readonly name: string;
  readonly kind: "gated" | "big" | "low" | "high";
  readonly createdMs: number;
}

/** Pods that fit nowhere wait among many: the how-manieth attempt of the new leader was each of them. */
export interface Backlog {
  readonly pods: number;
  readonly leadMs: number;
  readonly misfits: readonly { readonly name: string; readonly attempt: number }[];
  /** Times since the lead: last attempt before the stall, and the next one. */
  readonly stalls: readonly { readonly name: string; readonly fromMs: number; readonly toMs: number }[];
  readonly attemptsMs: readonly number[];
  readonly boundMs: readonly number[];
}

export interface SchedRecording {
  readonly name: string;
  readonly zones: ReadonlyMap<string, number>;
  readonly controllerManagerFlags: ReadonlyMap<string, string>;
  readonly startDelayMs: number;
  readonly terminationMs: number;
  /** How long the victims of preemption took to end. */
  readonly victimsEndMs: number;
  readonly bursts: readonly Burst[];
  readonly deployment: ScheduledDeployment | undefined;
  readonly gatesRemovedMs: number | undefined;
  readonly pods: readonly ScriptedPod[];
  readonly nodes: readonly JoiningNode[];
  readonly backlog: Backlog | undefined;
  /** Moments of every attempt, by pod, as the scheduler logged them. */
  readonly attemptsMs: ReadonlyMap<string, readonly number[]>;
  readonly timeline: readonly TimelineRow[];
  readonly endMs: number;
}

export const SCHED_FAMILIES: readonly string[] = ["sched", "backoff"];

/** Reads a recording of one of {@link SCHED_FAMILIES}; throws {@link UnusableRecording} with what was expected. */
export function readSchedRecording(data: unknown): SchedRecording {
  const file = fieldsOf(data, "the file");
  const parameters = fieldsOf(file.parameters, "parameters");
  const kubelet = fieldsOf(file.fake_kubelet, "fake_kubelet");
  const timeline = rowsOf(file.timeline);
  const terminationMs = numberOf(kubelet.termination_ms, "fake_kubelet.termination_ms");
  const zones = new Map(
    Object.entries(fieldsOf(parameters.zones, "parameters.zones")).map(([zone, nodes]) => [
      zone,
      numberOf(nodes, `parameters.zones.${zone}`),
    ]),
  );
  refuseFlags(flagsOf(file.scheduler_flags));
  const backlog = backlogOf(file, timeline);
  return {
    name: textOf(file.case, "case"),
    zones,
    controllerManagerFlags: flagsOf(file.kcm_flags),
    startDelayMs: numberOf(kubelet.start_delay_ms, "fake_kubelet.start_delay_ms"),
    terminationMs,
    victimsEndMs: victimsEndOf(timeline) ?? terminationMs,
    bursts: backlog === undefined ? burstsOf(file, timeline) : [],
    deployment: deploymentOf(file, timeline),
    gatesRemovedMs: injected(timeline, "gates", "remove")?.ms,
    pods: podsOf(timeline),
    nodes: nodesOf(timeline, zones),
    backlog,
    attemptsMs: attemptsOf(file),
    timeline,
    endMs: timeline.reduce((latest, { ms }) => Math.max(latest, ms), 0),
  };
}

/** How much the scheduler logs changes nothing. */
function refuseFlags(flags: ReadonlyMap<string, string>): void {
  for (const flag of flags.keys()) {
    if (flag !== "v") throw new UnusableRecording(`scheduler flag --${flag} is not modelled`);
  }
}

/** Big pods that waited when the node joined: those since the last node that fitted any. */
export function waitingFor({ pods, nodes }: SchedRecording, node: JoiningNode): ScriptedPod[] {
  const earlier = nodes.filter(({ taints, addedMs }) => taints.length === 0 && addedMs < node.addedMs);
  const since = Math.max(0, ...earlier.map(({ addedMs }) => addedMs));
  return pods.filter(
    ({ kind, createdMs }) => kind === "big" && createdMs > since && createdMs < node.addedMs,
  );
}

function injected(timeline: readonly TimelineRow[], name: string, what: string): TimelineRow | undefined {
  return timeline.find((row) => row.kind === "inj" && row.name === name && row.what === what);
}

function burstsOf(file: Readonly<Record<string, unknown>>, timeline: readonly TimelineRow[]): Burst[] {
  const bursts = Array.isArray(file.bursts) ? (file.bursts as unknown[]) : [];
  return bursts.map((data, index) => {
    const name = `burst-${index}`;
    const burst = fieldsOf(data, `bursts[${index}]`);
    const start = injected(timeline, name, "start");
    if (start === undefined) throw new UnusableRecording(`expected the timeline to start ${name}`);
    const since = (field: string): number[] =>
      numbersOf(burst[field], `bursts[${index}].${field}`).map((ms) => start.ms + ms);
    return {
      name: `b${index}`,
      startMs: start.ms,
      createdMs: since("created_ms"),
      boundMs: since("bound_ms"),
      deletedMs: injected(timeline, name, "delete")?.ms,
    };
  });
}

function deploymentOf(
  file: Readonly<Record<string, unknown>>,
  timeline: readonly TimelineRow[],
): ScheduledDeployment | undefined {
  const scaled = injected(timeline, "dep", "scale");
  if (scaled === undefined || file.deployment === undefined) return undefined;
  const deployment = fieldsOf(file.deployment, "deployment");
  const since = (field: string): number[] =>
    numbersOf(deployment[field], `deployment.${field}`).map((ms) => scaled.ms + ms);
  return {
    scaledMs: scaled.ms,
    replicas: numberOf(fieldsOf(scaled.detail, "the scaling of dep").n, "n of the scaling of dep"),
    createdMs: since("created_ms"),
    boundMs: since("bound_ms"),
  };
}

/** Bare pods whose rows the timeline kept; those of bursts and of the Deployment it left out. */
function podsOf(timeline: readonly TimelineRow[]): ScriptedPod[] {
  const up = injected(timeline, "cluster", "up")?.ms ?? 0;
  return timeline.flatMap((row): ScriptedPod[] => {
    if (row.kind !== "pod" || row.what !== "created" || row.ms < up) return [];
    const kind = kindOf(row.name);
    return kind === undefined ? [] : [{ name: row.name, kind, createdMs: row.ms }];
  });
}

function kindOf(name: string): ScriptedPod["kind"] | undefined {
  const [, group] = /^([a-z]+)\d*-\d+$/.exec(name) ?? [];
  if (group === "gate") return "gated";
  if (group === "big" || group === "retry") return "big";
  return group === "low" || group === "high" ? group : undefined;
}

/** Nodes that are not of a zone. Those that a script added say so; others show when they were seen. */
function nodesOf(timeline: readonly TimelineRow[], zones: ReadonlyMap<string, number>): JoiningNode[] {
  return timeline.flatMap((row): JoiningNode[] => {
    const isOfZone = zones.has(/^(.+)-\d\d$/.exec(row.name)?.[1] ?? "");
    if (row.kind !== "node" || row.what !== "created" || isOfZone) return [];
    const taints = timeline.filter(
      ({ kind, name, what, ms }) =>
        kind === "taint" && name === row.name && ms === row.ms && /^\+[^:]+:NoSchedule$/.test(what),
    );
    return [
      {
        name: row.name,
        addedMs: injected(timeline, row.name, "add")?.ms ?? row.ms,
        taints: taints
          .map(({ what }) => what.slice(1, what.indexOf(":")))
          .filter((key) => key !== "not-ready"),
        removedMs: injected(timeline, row.name, "remove")?.ms,
      },
    ];
  });
}

function victimsEndOf(timeline: readonly TimelineRow[]): number | undefined {
  const victims = timeline.filter(({ kind, what }) => kind === "pod" && what.startsWith("disruption="));
  const ends = victims.flatMap(({ name }) => {
    const deleting = timeline.find((row) => row.name === name && row.what === "deleting")?.ms;
    const ended = timeline.find((row) => row.name === name && row.what.startsWith("phase="))?.ms;
    return deleting === undefined || ended === undefined ? [] : [ended - deleting];
  });
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function backlogOf(
  file: Readonly<Record<string, unknown>>,
  timeline: readonly TimelineRow[],
): Backlog | undefined {
  if (file.stalls === undefined) return undefined;
  const attemptsMs = numbersOf(file.attempt_ms_since_lead, "attempt_ms_since_lead");
  const pairs = (field: string): [number, string][] =>
    listOf(file[field], field).map((pair, index) => {
      const [ms, name] = listOf(pair, `${field}[${index}]`);
      return [numberOf(ms, `${field}[${index}][0]`), textOf(name, `${field}[${index}][1]`)];
    });
  const start = injected(timeline, "burst-0", "start");
  if (start === undefined) throw new UnusableRecording("expected burst-0 in the timeline");
  const detail = fieldsOf(start.detail, "the start of burst-0");
  return {
    pods: numberOf(detail.n, "n of the start of burst-0"),
    leadMs: numberOf(file.scheduler_lead_ms, "scheduler_lead_ms"),
    misfits: pairs("unschedulable_attempts").map(([ms, name]) => ({
      name,
      attempt: attemptsMs.filter((at) => at <= ms).length,
    })),
    stalls: listOf(file.stalls, "stalls").map((stall, index) => {
      const [fromMs, name, toMs] = listOf(stall, `stalls[${index}]`);
      return {
        name: textOf(name, `stalls[${index}][1]`),
        fromMs: numberOf(fromMs, `stalls[${index}][0]`),
        toMs: numberOf(toMs, `stalls[${index}][2]`),
      };
    }),
    attemptsMs,
    boundMs: numbersOf(file.bound_ms_since_lead, "bound_ms_since_lead"),
  };
}

function attemptsOf(file: Readonly<Record<string, unknown>>): Map<string, readonly number[]> {
  const attempts = Object.entries(fieldsOf(file.attempts_ms ?? {}, "attempts_ms"));
  return new Map(attempts.map(([pod, times]) => [pod, numbersOf(times, `attempts_ms.${pod}`)]));
}

function numbersOf(data: unknown, what: string): number[] {
  return listOf(data, what).map((value, index) => numberOf(value, `${what}[${index}]`));
}

function listOf(data: unknown, what: string): unknown[] {
  if (!Array.isArray(data)) throw new UnusableRecording(`expected ${what} to be a list`);
  return data as unknown[];
}
