/**
 * Every default of the scenario format, in the author's own spelling, each with its source. "Measured" is a real
 * Kubernetes 1.36.2 control plane or a real etcd 3.5.30, driven through failures on one machine with emulated
 * distances; "assumed" has no published figure behind it and is worth setting.
 */
import type { DistributionSpec } from "./scalars.js";

/** A table of them. */
type Defaults = Readonly<Record<string, DistributionSpec | string | number | boolean>>;

export const STUDY_DEFAULTS = {
  seed: "1",
  /** Enough for a 95 % interval to mean something, few enough to wait for. */
  replications: 8,
  warmUp: "0s",
} as const satisfies Defaults;

export const TOPOLOGY_DEFAULTS = {
  /** kubelet --max-pods. */
  pods: 110,
  /** Half a round trip: Pingmesh medians 0.22 to 0.27 ms, p99 1.3 ms (Guo et al., SIGCOMM 2015). */
  withinCentre: { logNormal: { median: "125us", p99: "650us" } },
  /** 50 to 100 km of fibre (4.9 µs/km) and gear: 1 to 2 ms a round trip; assumed tail. */
  sameSite: { logNormal: { median: "1ms", p99: "2ms" } },
  /** 1000 km of fibre with a route factor of 1.3 to 2 and gear. */
  otherSite: "15ms",
  loss: 0,
} as const satisfies Defaults;

export const ETCD_DEFAULTS = {
  /** etcd --heartbeat-interval. */
  heartbeatInterval: "100ms",
  /** etcd --election-timeout. */
  electionTimeout: "1s",
  /** etcd --pre-vote, on since 3.5. */
  preVote: true,
  /** Measured WAL syncs: mean 0.6 to 3 ms by run, 56 to 94 % below 1 ms. */
  fsync: { logNormal: { median: "500us", p99: "5ms" } },
  /** Members are started by hand or by systemd at different moments; "together" gives more split votes (measured). */
  tickPhase: "drawn",
  /** Measured, process start to answering: 184 ms with nothing to catch up, 434 ms with 5000 entries. */
  start: { uniform: { min: "184ms", max: "434ms" } },
  /** Members where the scenario places none: the usual three. */
  membersCount: 3,
} as const satisfies Defaults;

export const API_SERVER_DEFAULTS = {
  /** Measured requests take 10 to 35 ms in pairs on a busy machine, etcd and network included. */
  request: { logNormal: { median: "4ms", p99: "30ms" } },
  /** From the measured reactions of controllers (median 20 to 50 ms, sync and request included). */
  watch: { logNormal: { median: "5ms", p99: "40ms" } },
  /** The kubelet's lease client gives up after its renewal interval (kubelet, nodeLeaseDurationSeconds × 0.25). */
  clientTimeout: "10s",
  /** Measured, process start to first write: 1.3 to 1.5 s. */
  start: { uniform: { min: "1300ms", max: "1500ms" } },
  /** Measured: a lost API server leaves the Service `kubernetes` after 12 to 28 s (time to live 15 s, checked each 10 s). */
  failover: { uniform: { min: "12s", max: "28s" } },
} as const satisfies Defaults;

export const LEADER_ELECTION_DEFAULTS = {
  /** --leader-elect-lease-duration. */
  leaseDuration: "15s",
  /** --leader-elect-renew-deadline. */
  renewDeadline: "10s",
  /** --leader-elect-retry-period. */
  retryPeriod: "2s",
  /** The kubelet sees the end within its 1 s relist, then starts the container again; assumed. */
  restart: { uniform: { min: "1s", max: "3s" } },
} as const satisfies Defaults;

export const CONTROLLER_MANAGER_DEFAULTS = {
  /** --node-monitor-period. */
  nodeMonitorPeriod: "5s",
  /** --node-monitor-grace-period, 50 s since Kubernetes 1.32. */
  nodeMonitorGracePeriod: "50s",
  /** --node-eviction-rate, nodes a second in each zone. */
  nodeEvictionRate: 0.1,
  /** --secondary-node-eviction-rate. */
  secondaryNodeEvictionRate: 0.01,
  /** --unhealthy-zone-threshold. */
  unhealthyZoneThreshold: 0.55,
  /** --large-cluster-size-threshold. */
  largeClusterSizeThreshold: 50,
  /** --kube-api-qps and --kube-api-burst, for each controller by itself. */
  kubeAPIQPS: 20,
  kubeAPIBurst: 30,
  /** Measured: passes start 5.010 to 5.055 s apart with 100 nodes and a period of 5 s. */
  monitorPassPerNode: { uniform: { min: "100us", max: "550us" } },
  /** From measured replacements: created 1 to 500 ms, median 50 ms, after a deletion, watch and request included. */
  sync: { logNormal: { median: "15ms", p99: "200ms" } },
  /** pod GC: gcCheckPeriod (pkg/controller/podgc). */
  podGcPeriod: "20s",
  /** Measured: one EndpointSlice sync in ten finds its cache behind and retries after 1 s. */
  endpointRetryShare: 0.1,
  endpointRetry: "1s",
  /** Measured: the job controller gathers pod events for 1 s. */
  jobSyncDelay: "1s",
} as const satisfies Defaults;

export const SCHEDULER_DEFAULTS = {
  /** KubeSchedulerConfiguration clientConnection. */
  qps: 50,
  burst: 100,
  /**
   * With `cyclePerNode`: 680 pods a second on 5000 nodes, of which 500 are scored (scheduler_perf's threshold for plain
   * pods). Measured: 1.3 ms a decision on 100 nodes, in the middle of 1100.
   */
  cycle: { logNormal: { median: "850us", p99: "2500us" } },
  /** Of a node filtered and scored; see `cycle`. A decision alone grows by 0.9 ms from 100 nodes to 500 scored ones. */
  cyclePerNode: "1us",
  /** KubeSchedulerConfiguration podInitialBackoffSeconds, podMaxBackoffSeconds. */
  podInitialBackoffSeconds: 1,
  podMaxBackoffSeconds: 10,
  /** kube-scheduler --pod-max-in-unschedulable-pods-duration. */
  podMaxInUnschedulablePodsDuration: "5m",
  /** pkg/scheduler/backend/queue: the unschedulable pods are looked through each 30 s. */
  unschedulableFlush: "30s",
  /** Feature gate SchedulerPopFromBackoffQ, on since 1.33. */
  popFromBackoff: true,
} as const satisfies Defaults;

export const KUBELET_DEFAULTS = {
  /** KubeletConfiguration nodeLeaseDurationSeconds; the lease is renewed after a quarter of it. */
  nodeLeaseDurationSeconds: 40,
  /** pkg/kubelet: renewIntervalFraction. */
  leaseRenewFraction: 0.25,
  /** Measured: renewals 10.0 to 10.4 s apart (client-go lease controller, jitter factor 0.04). */
  leaseJitter: 0.04,
  /** KubeletConfiguration nodeStatusUpdateFrequency. */
  nodeStatusUpdateFrequency: "10s",
  /** KubeletConfiguration kubeAPIQPS and kubeAPIBurst. */
  kubeAPIQPS: 50,
  kubeAPIBurst: 100,
  /** Sandbox and CNI; assumed. */
  sandbox: { uniform: { min: "200ms", max: "1s" } },
  /** Depends on image and registry; assumed. */
  imagePull: { logNormal: { median: "2s", p99: "15s" } },
  /** Create and start; assumed. */
  container: { uniform: { min: "100ms", max: "500ms" } },
  /** The application's own start; assumed. Upstream's objective for all but pull and init: p99 within 5 s. */
  readiness: { logNormal: { median: "1s", p99: "4s" } },
  /** Assumed; never beyond the pod's terminationGracePeriodSeconds. */
  termination: { logNormal: { median: "1s", p99: "10s" } },
  /** Firmware, kernel and services; assumed. */
  boot: { uniform: { min: "60s", max: "180s" } },
} as const satisfies Defaults;

export const NETWORK_DEFAULTS = {
  /** kube-proxy minSyncPeriod 1 s: a change waits for the rest of the period, then is written. */
  proxySync: { uniform: { min: "10ms", max: "1s" } },
  /** A fast global load balancer: health check each 10 s, three failures, DNS time to live 30 s. */
  entryFailover: "60s",
  /** Measured: a cut TCP stream carries again at its next doubled retransmission (0.21 s × (2^k − 1) after the cut). */
  healRetransmission: true,
} as const satisfies Defaults;

export const METRICS_DEFAULTS = {
  seriesInterval: "10s",
  /** A workload has recovered at 99 % of its pre-fault success share, held for 30 s: the project's definition of RTO. */
  recoveryShare: 0.99,
  recoveryHold: "30s",
} as const satisfies Defaults;
