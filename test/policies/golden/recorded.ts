/** Recorded decisions of kube-scheduler v1.34.1 (the golden corpus' README has the fields). */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

export const GOLDEN_FOLDER = new URL("../../../../shared/golden/kube-scheduler-1.34/", import.meta.url);

export interface RecordedRejection {
  readonly plugin: string;
  readonly code: string;
  readonly reasons: readonly string[];
}

export type RecordedNode =
  | RecordedRejection
  | { readonly total: number; readonly scores: Readonly<Record<string, number>> };

export interface RecordedStep {
  readonly index: number;
  readonly pod: string;
  readonly attempt: number;
  readonly outcome: "scheduled" | "unschedulable" | "nominated" | "gated";
  readonly reasons?: readonly string[];
  readonly nominatedOnly?: boolean;
  readonly preFilter?: RecordedRejection;
  readonly preFilterNodes?: readonly string[];
  readonly nodes?: Readonly<Record<string, RecordedNode>>;
  readonly feasible?: number;
  readonly rejectedBy?: Readonly<Record<string, number>>;
  readonly bestTotal?: number;
  readonly best?: readonly string[];
  readonly bestCount?: number;
  readonly totalsSum?: number;
  readonly startIndex?: number;
  readonly evaluated?: number;
  readonly chosen?: string;
  readonly message?: string;
  readonly postFilter?: {
    readonly eligible: boolean;
    readonly reason?: string;
    readonly best?: readonly string[];
    readonly nominated?: string;
    readonly victims?: readonly string[];
    readonly clearedNominations?: readonly string[];
    readonly message?: string;
  };
}

/** A Kubernetes object as JSON. */
export type Json = Readonly<Record<string, unknown>>;

export interface Recording {
  readonly name: string;
  readonly detail: "full" | "summary";
  readonly schedulerConfig: Json;
  readonly cluster: {
    readonly nodes: { readonly items: readonly Json[] };
    readonly pods?: { readonly items: readonly Json[] };
    readonly namespaces?: readonly Json[];
    readonly services?: readonly Json[];
    readonly replicaSets?: readonly OwnerJson[];
    readonly statefulSets?: readonly OwnerJson[];
    readonly replicationControllers?: readonly OwnerJson[];
    readonly podDisruptionBudgets?: readonly Json[];
  };
  readonly pods: { readonly items: readonly Json[] };
  readonly nodeOrder: readonly string[];
  readonly steps: readonly RecordedStep[];
}

/** Of a controller only the selector counts. */
export interface OwnerJson {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly selector: unknown };
}

export function recordingNames(): string[] {
  if (!existsSync(GOLDEN_FOLDER)) return [];
  return readdirSync(GOLDEN_FOLDER)
    .filter((name) => name.endsWith(".json.gz"))
    .sort();
}

export function readRecording(name: string): Recording {
  return JSON.parse(gunzipSync(readFileSync(new URL(name, GOLDEN_FOLDER))).toString("utf8"));
}
