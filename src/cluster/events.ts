/** The page where events have their names. `subject` and `detail` of each are said here. */

export const EVENT_NAMES = [
  // Network, etcd. Subject: member; detail: generation, or the slot of a message.
  "etcd-tick",
  "etcd-deliver",
  "etcd-persisted",
  "etcd-started",
  // API servers. Subject: 0 or instance or centre; detail: slot of a request, or a generation.
  "api-send",
  "api-propose",
  "api-result",
  "api-sweep",
  "api-started",
  "api-attach",
  "watch-deliver",
  // Leader election. Subject: elector index; detail: generation.
  "elector-tick",
  "elector-restart",
  // Scheduler. Subject: 0; detail: generation or slot.
  "scheduler-cycle",
  "scheduler-decided",
  "scheduler-flush",
  // Kubelet. Subject: pod or node; detail: generation.
  "kubelet-stage",
  "kubelet-terminated",
  "kubelet-status",
  "kubelet-boot",
  "kubelet-retry",
  "pod-completed",
  // Controller manager. Subject: controller, node, pod or zone; detail: generation.
  "monitor-pass",
  "monitor-mark",
  "monitor-pass-end",
  "eviction-worker",
  "taint-retry",
  "toleration-end",
  "pod-gc",
  "controller-sync",
  "controller-timer",
  // Services and users. Subject: service × centre; detail: generation.
  "proxy-sync",
  "entry-failover",
  // The author's script. Subject: index in the model; detail: occurrence.
  "arrival",
  "rollout",
  "failure-begin",
  "failure-end",
  "link-carries",
] as const;

export type EventName = (typeof EVENT_NAMES)[number];
