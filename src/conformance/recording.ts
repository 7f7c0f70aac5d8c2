/**
 * Recorded decisions of kube-scheduler: the public format of the golden corpora, version 1, one scenario a file.
 * Fields that are not named here are not looked at.
 */
import { gunzipSync } from "node:zlib";

export const FORMAT_VERSION = 1;

export interface RecordedRejection {
  readonly plugin: string;
  readonly code: string;
  readonly reasons: readonly string[];
}

export interface RecordedScores {
  readonly total: number;
  /** Normalised, not yet weighted; plugins skipped in PreScore are missing. */
  readonly scores: Readonly<Record<string, number>>;
}

export type RecordedNode = RecordedRejection | RecordedScores;

export interface RecordedPreemption {
  readonly eligible: boolean;
  readonly reason?: string;
  /** Full detail only. */
  readonly candidates?: Readonly<Record<string, RecordedCandidate>>;
  /** Nodes equal on all documented criteria. */
  readonly best?: readonly string[];
  readonly nominated?: string;
  readonly victims?: readonly string[];
  readonly clearedNominations?: readonly string[];
  readonly message?: string;
}

export interface RecordedCandidate {
  /** Victims, namespace/name, in order. */
  readonly pods: readonly string[];
  readonly pdbViolations: number;
}

export const OUTCOMES = ["scheduled", "unschedulable", "nominated", "gated"] as const;

export interface RecordedStep {
  readonly index: number;
  /** namespace/name. */
  readonly pod: string;
  readonly attempt: number;
  readonly outcome: (typeof OUTCOMES)[number];
  readonly reasons?: readonly string[];
  readonly nominatedNode?: string;
  readonly nominatedOnly?: boolean;
  readonly preFilter?: RecordedRejection;
  readonly preFilterNodes?: readonly string[];
  readonly nodes?: Readonly<Record<string, RecordedNode>>;
  readonly feasible?: number;
  readonly rejectedBy?: Readonly<Record<string, number>>;
  readonly bestTotal?: number;
  readonly best?: readonly string[];
  readonly bestCount?: number;
  readonly bestHash?: string;
  readonly totalsHash?: string;
  readonly totalsSum?: number;
  readonly startIndex?: number;
  readonly evaluated?: number;
  readonly chosen?: string;
  readonly message?: string;
  readonly postFilter?: RecordedPreemption;
}

/** A Kubernetes object as JSON. */
export type Json = Readonly<Record<string, unknown>>;

export interface Recording {
  readonly name: string;
  readonly family: string;
  readonly detail: "full" | "summary";
  /** After how many further arrivals a nominated pod is tried again. */
  readonly preemptionRetry: number;
  readonly schedulerConfig: Json;
  readonly cluster: {
    readonly nodes: readonly Json[];
    readonly pods: readonly Json[];
    readonly namespaces: readonly Json[];
    readonly services: readonly Json[];
    readonly replicaSets: readonly Json[];
    readonly statefulSets: readonly Json[];
    readonly replicationControllers: readonly Json[];
    readonly podDisruptionBudgets: readonly Json[];
  };
  readonly pods: readonly Json[];
  readonly nodeOrder: readonly string[];
  readonly steps: readonly RecordedStep[];
}

/** A file that is no recording, or one of a format that this version cannot replay; the message says what is wrong. */
export class UnreadableRecording extends Error {
  override readonly name = "UnreadableRecording";
}

/** Reads one file's bytes, gzip or plain JSON. Throws {@link UnreadableRecording}. */
export function readRecording(bytes: Uint8Array): Recording {
  const data = parse(bytes);
  if (!isObject(data)) throw new UnreadableRecording("expected a JSON object");
  const { formatVersion, kubernetesVersion } = data;
  if (formatVersion !== FORMAT_VERSION) {
    throw new UnreadableRecording(
      `expected formatVersion ${FORMAT_VERSION}, got ${JSON.stringify(formatVersion) ?? "none"}`,
    );
  }
  if (typeof kubernetesVersion !== "string" || !kubernetesVersion.startsWith("v1.34.")) {
    throw new UnreadableRecording(
      `expected decisions of Kubernetes v1.34, got ${JSON.stringify(kubernetesVersion) ?? "no kubernetesVersion"}`,
    );
  }
  const cluster = object(data, "cluster");
  const detail = text(data, "detail");
  if (detail !== "full" && detail !== "summary") {
    throw new UnreadableRecording(`detail: expected "full" or "summary", got ${JSON.stringify(detail)}`);
  }
  const steps = list(data, "steps").map(stepOf);
  return {
    name: text(data, "name"),
    family: text(data, "family"),
    detail,
    preemptionRetry: typeof data.preemptionRetry === "number" ? data.preemptionRetry : 0,
    schedulerConfig: object(data, "schedulerConfig"),
    cluster: {
      nodes: objects(cluster, "nodes", "Node"),
      pods: objects(cluster, "pods", "Pod"),
      namespaces: objects(cluster, "namespaces", "Namespace"),
      services: objects(cluster, "services", "Service"),
      replicaSets: objects(cluster, "replicaSets", "ReplicaSet"),
      statefulSets: objects(cluster, "statefulSets", "StatefulSet"),
      replicationControllers: objects(cluster, "replicationControllers", "ReplicationController"),
      podDisruptionBudgets: objects(cluster, "podDisruptionBudgets", "PodDisruptionBudget"),
    },
    pods: objects(data, "pods", "Pod"),
    nodeOrder: list(data, "nodeOrder").map((name) => String(name)),
    steps,
  };
}

function parse(bytes: Uint8Array): unknown {
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  try {
    return JSON.parse(new TextDecoder().decode(zipped ? gunzipSync(bytes) : bytes));
  } catch (error) {
    throw new UnreadableRecording(`expected JSON${zipped ? ", gzipped" : ""}: ${(error as Error).message}`);
  }
}

/** What decides how a step is applied must be there; all else is compared where it is. */
function stepOf(step: unknown, position: number): RecordedStep {
  const at = `steps[${position}]`;
  if (!isObject(step)) throw new UnreadableRecording(`${at}: expected an object`);
  const { index, pod, attempt, outcome } = step;
  if (typeof index !== "number" || typeof pod !== "string" || typeof attempt !== "number") {
    throw new UnreadableRecording(`${at}: expected index, pod and attempt`);
  }
  if (!OUTCOMES.some((known) => known === outcome)) {
    throw new UnreadableRecording(
      `${at}.outcome: expected ${OUTCOMES.join(", ")}, got ${JSON.stringify(outcome)}`,
    );
  }
  return step as unknown as RecordedStep;
}

/** Items of a List or of an array; none where the field is missing or null. An item without a kind gets the one given. */
function objects(parent: Json, key: string, kind: string): Json[] {
  const value = parent[key];
  if (value === undefined || value === null) return [];
  const items = Array.isArray(value) ? value : isObject(value) ? (value.items ?? []) : value;
  if (!Array.isArray(items) || !items.every(isObject)) {
    throw new UnreadableRecording(`${key}: expected a list of Kubernetes objects`);
  }
  return items.map((item: Json) => (item.kind === undefined ? { ...item, kind } : item));
}

function list(parent: Json, key: string): readonly unknown[] {
  const value = parent[key];
  if (!Array.isArray(value)) throw new UnreadableRecording(`${key}: expected a list`);
  return value;
}

function object(parent: Json, key: string): Json {
  const value = parent[key];
  if (!isObject(value)) throw new UnreadableRecording(`${key}: expected an object`);
  return value;
}

function text(parent: Json, key: string): string {
  const value = parent[key];
  if (typeof value !== "string") throw new UnreadableRecording(`${key}: expected a string`);
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
