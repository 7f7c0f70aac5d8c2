/** Who watches a run: results, the digest, the event log. Told at the moment of truth; never part of the model. */
import type { NodeReady, PodRecord } from "./store.js";

/** A pod's observable transitions. */
export type PodTransition =
  | "created"
  | "bound"
  | "ready"
  | "notReady"
  | "deleting"
  | "removed"
  | "succeeded"
  | "failed"
  | "started"
  | "stopped";

export type LeaderOf = "etcd" | "kube-controller-manager" | "kube-scheduler";

export interface Observer {
  pod(transition: PodTransition, pod: PodRecord): void;
  nodeReady(node: number, ready: NodeReady): void;
  taint(action: "added" | "removed", node: number, key: string, effect: string): void;
  /** `holder`: member id or centre; -1: nobody leads. `term`: Raft's term or how-manieth leader. */
  leader(of: LeaderOf, holder: number, term: number): void;
  endpoints(service: number, pods: readonly number[]): void;
  /** The proxies of a centre now send to these pods. */
  proxies(service: number, centre: number, pods: readonly number[]): void;
  failure(action: "begin" | "end", failure: number, occurrence: number): void;
  /** Whether a process of the control plane runs: `etcd/m1`, `kube-apiserver/production`. */
  process(name: string, action: "exit" | "start"): void;
  /** A scheduling attempt that found no node. */
  unschedulable(pod: PodRecord, message: string): void;
}
