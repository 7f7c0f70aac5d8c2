/**
 * The page where events have their names. Beside each stand its subject and its detail. A generation is that of the
 * subject or, where the subject is 0, of the part whose event it is: an older one is stale. A slot is a place in a
 * table of things that wait.
 */

export const EVENT_NAMES = [
  // etcd
  /** member; generation */
  "etcd-tick",
  /** member; slot of a message */
  "etcd-deliver",
  /** member; generation */
  "etcd-persisted",
  /** member; generation */
  "etcd-started",
  // API servers and watches
  /** 0; slot of a request */
  "api-send",
  /** 0; slot of a request */
  "api-propose",
  /** 0; slot of a request */
  "api-result",
  /** 0; 0 */
  "api-sweep",
  /** API server; generation */
  "api-started",
  /** centre; 0 */
  "api-attach",
  /** centre; revision up to which its watchers hear of changes */
  "watch-deliver",
  // Leader election
  /** candidate, the scheduler's from SCHEDULER_CANDIDATES on; generation */
  "elector-tick",
  /** as elector-tick */
  "elector-restart",
  // Scheduler
  /** 0; generation */
  "scheduler-cycle",
  /** 0; generation */
  "scheduler-decided",
  /** 0 or 1, which queue; generation */
  "scheduler-flush",
  // Kubelets
  /** pod; generation of its worker */
  "kubelet-stage",
  /** pod; generation of its worker */
  "kubelet-terminated",
  /** node; generation */
  "kubelet-status",
  /** node; generation */
  "kubelet-boot",
  /** pod; stamp of its retries */
  "kubelet-retry",
  /** pod; generation of its worker */
  "pod-completed",
  // Controller manager
  /** 0; generation */
  "monitor-pass",
  /** node; generation of the controller */
  "monitor-mark",
  /** 0; generation */
  "monitor-pass-end",
  /** 0; generation */
  "eviction-worker",
  /** slot of a patch; generation of the patcher */
  "taint-retry",
  /** pod; number of the eviction */
  "toleration-end",
  /** 0; generation */
  "pod-gc",
  /** work queue; epoch × 2³² + key */
  "controller-sync",
  /** work queue; epoch × 2³² + key */
  "controller-timer",
  // Services and users
  /** service × number of centres + centre; generation */
  "proxy-sync",
  /** home centre; generation */
  "entry-failover",
  // The author's script
  /** source; 2 × index in its list, + 1 for a retry */
  "arrival",
  /** index in the model; 0 */
  "rollout",
  /** index in the model; occurrence */
  "failure-begin",
  /** index in the model; occurrence */
  "failure-end",
  /** from × number of centres + to; 0 */
  "link-carries",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];
