/** Control plane, kubelets and service network as they are written, flags under Kubernetes' names. */
import { z } from "zod";
import {
  API_SERVER_DEFAULTS,
  CONTROLLER_MANAGER_DEFAULTS,
  ETCD_DEFAULTS,
  KUBELET_DEFAULTS,
  LEADER_ELECTION_DEFAULTS,
  NETWORK_DEFAULTS,
  SCHEDULER_DEFAULTS,
} from "./defaults.js";
import { flag, oneOf, optional } from "./fields.js";
import {
  distribution,
  duration,
  name,
  path,
  positiveDuration,
  positiveNumber,
  share,
  wholeNumber,
} from "./scalars.js";

const countByCentre = z.record(name, wholeNumber(0, 99));

const etcd = z.strictObject({
  members: optional(
    countByCentre,
    `Members by centre, called etcd-<centre>-<ordinal from 0>; default: ${ETCD_DEFAULTS.membersCount}, one after the other over the centres.`,
  ),
  heartbeatInterval: optional(
    positiveDuration,
    "etcd --heartbeat-interval, one tick.",
    ETCD_DEFAULTS.heartbeatInterval,
  ),
  electionTimeout: optional(
    positiveDuration,
    "etcd --election-timeout, at least 5 heartbeat intervals and at most 50 s.",
    ETCD_DEFAULTS.electionTimeout,
  ),
  preVote: optional(flag, "etcd --pre-vote.", ETCD_DEFAULTS.preVote),
  fsync: optional(distribution, "One sync of the write-ahead log.", ETCD_DEFAULTS.fsync),
  tickPhase: optional(
    oneOf(["together", "drawn"]),
    "Members' tickers run in phase (started together), or each with a drawn phase.",
    ETCD_DEFAULTS.tickPhase,
  ),
  start: optional(distribution, "Process start to taking part again.", ETCD_DEFAULTS.start),
});

const apiServer = z.strictObject({
  request: optional(
    distribution,
    "Handling of a request besides etcd and network.",
    API_SERVER_DEFAULTS.request,
  ),
  watch: optional(
    distribution,
    "A committed change to a watcher, besides network.",
    API_SERVER_DEFAULTS.watch,
  ),
  clientTimeout: optional(
    positiveDuration,
    "How long a client waits before it counts a request as failed.",
    API_SERVER_DEFAULTS.clientTimeout,
  ),
  start: optional(distribution, "Process start to serving.", API_SERVER_DEFAULTS.start),
  failover: optional(
    distribution,
    "A silent instance until clients use another one (a refused connection is seen at once).",
    API_SERVER_DEFAULTS.failover,
  ),
});

const leaderElectionFields = {
  leaseDuration: optional(
    positiveDuration,
    "--leader-elect-lease-duration.",
    LEADER_ELECTION_DEFAULTS.leaseDuration,
  ),
  renewDeadline: optional(
    positiveDuration,
    "--leader-elect-renew-deadline.",
    LEADER_ELECTION_DEFAULTS.renewDeadline,
  ),
  retryPeriod: optional(
    positiveDuration,
    "--leader-elect-retry-period.",
    LEADER_ELECTION_DEFAULTS.retryPeriod,
  ),
};

const instances = z.array(name).min(1);
const INSTANCES =
  "Centres with an instance, in order; the first that wins the lease leads. Default: the centres with API servers.";
const RESTART = "A process that ended is started again after this.";

const controllerManager = z.strictObject({
  instances: optional(instances, INSTANCES),
  leaderElection: optional(z.strictObject(leaderElectionFields), "Leader election."),
  restart: optional(distribution, RESTART, LEADER_ELECTION_DEFAULTS.restart),
  nodeMonitorPeriod: optional(
    positiveDuration,
    "--node-monitor-period.",
    CONTROLLER_MANAGER_DEFAULTS.nodeMonitorPeriod,
  ),
  nodeMonitorGracePeriod: optional(
    positiveDuration,
    "--node-monitor-grace-period.",
    CONTROLLER_MANAGER_DEFAULTS.nodeMonitorGracePeriod,
  ),
  nodeEvictionRate: optional(
    z.number().min(0),
    "--node-eviction-rate, nodes a second in each zone.",
    CONTROLLER_MANAGER_DEFAULTS.nodeEvictionRate,
  ),
  secondaryNodeEvictionRate: optional(
    z.number().min(0),
    "--secondary-node-eviction-rate, nodes a second in a partly lost zone.",
    CONTROLLER_MANAGER_DEFAULTS.secondaryNodeEvictionRate,
  ),
  unhealthyZoneThreshold: optional(
    share,
    "--unhealthy-zone-threshold, share of a zone's nodes.",
    CONTROLLER_MANAGER_DEFAULTS.unhealthyZoneThreshold,
  ),
  largeClusterSizeThreshold: optional(
    wholeNumber(0),
    "--large-cluster-size-threshold, nodes; a partly lost zone of at most so many evicts nothing.",
    CONTROLLER_MANAGER_DEFAULTS.largeClusterSizeThreshold,
  ),
  kubeAPIQPS: optional(
    positiveNumber(),
    "--kube-api-qps, requests a second of each controller.",
    CONTROLLER_MANAGER_DEFAULTS.kubeAPIQPS,
  ),
  kubeAPIBurst: optional(
    wholeNumber(1),
    "--kube-api-burst, requests.",
    CONTROLLER_MANAGER_DEFAULTS.kubeAPIBurst,
  ),
  monitorPassPerNode: optional(
    distribution,
    "What a monitor pass takes for each node, besides its writes.",
    CONTROLLER_MANAGER_DEFAULTS.monitorPassPerNode,
  ),
  sync: optional(distribution, "A controller's event to its sync.", CONTROLLER_MANAGER_DEFAULTS.sync),
  podGcPeriod: optional(
    positiveDuration,
    "Pod garbage collection's loop.",
    CONTROLLER_MANAGER_DEFAULTS.podGcPeriod,
  ),
  endpointRetryShare: optional(
    share,
    "Share of EndpointSlice syncs that find their cache behind.",
    CONTROLLER_MANAGER_DEFAULTS.endpointRetryShare,
  ),
  endpointRetry: optional(duration, "... and retry after this.", CONTROLLER_MANAGER_DEFAULTS.endpointRetry),
  jobSyncDelay: optional(
    duration,
    "The job controller gathers pod events for so long.",
    CONTROLLER_MANAGER_DEFAULTS.jobSyncDelay,
  ),
});

const inlineConfiguration = z.record(z.string(), z.unknown());
export const configuration = z.union([path, inlineConfiguration], {
  error: "expected the path of a KubeSchedulerConfiguration, or one written inline",
});

const scheduler = z.strictObject({
  configuration: optional(
    configuration,
    "A KubeSchedulerConfiguration (file or inline): profiles, leaderElection, clientConnection, back-off. Default: kube-scheduler's.",
  ),
  instances: optional(instances, INSTANCES),
  restart: optional(distribution, RESTART, LEADER_ELECTION_DEFAULTS.restart),
  cycle: optional(
    distribution,
    "Cost of placing and binding one pod; an attempt that finds no node costs a fifth.",
    SCHEDULER_DEFAULTS.cycle,
  ),
  cyclePerNode: optional(
    duration,
    "Cost of each node that is filtered and scored for a pod.",
    SCHEDULER_DEFAULTS.cyclePerNode,
  ),
  podMaxInUnschedulablePodsDuration: optional(
    positiveDuration,
    "--pod-max-in-unschedulable-pods-duration: an unschedulable pod is tried again after this at the latest.",
    SCHEDULER_DEFAULTS.podMaxInUnschedulablePodsDuration,
  ),
  unschedulableFlush: optional(
    positiveDuration,
    "How often that is looked after.",
    SCHEDULER_DEFAULTS.unschedulableFlush,
  ),
  popFromBackoff: optional(
    flag,
    "Feature gate SchedulerPopFromBackoffQ: a pod in back-off is tried when nothing else waits.",
    SCHEDULER_DEFAULTS.popFromBackoff,
  ),
});

export const controlPlane = z.strictObject({
  mode: optional(
    oneOf(["full", "ideal"]),
    "full: etcd, API servers, controllers and kubelets with their latencies and failures. ideal: every write takes effect at once and nothing fails, for studies of placement alone.",
    "full",
  ),
  etcd: optional(etcd, "etcd."),
  apiServers: optional(
    countByCentre,
    "API servers by centre, called kube-apiserver-<centre>-<ordinal from 0>; default: one in each centre with an etcd member.",
  ),
  apiServer: optional(apiServer, "What all API servers have in common."),
  controllerManager: optional(controllerManager, "kube-controller-manager."),
  scheduler: optional(scheduler, "kube-scheduler."),
});

export const kubelet = z.strictObject({
  nodeLeaseDurationSeconds: optional(
    wholeNumber(1),
    "KubeletConfiguration nodeLeaseDurationSeconds; renewed after a quarter of it.",
    KUBELET_DEFAULTS.nodeLeaseDurationSeconds,
  ),
  leaseJitter: optional(share, "A renewal comes up to this share later.", KUBELET_DEFAULTS.leaseJitter),
  nodeStatusUpdateFrequency: optional(
    positiveDuration,
    "KubeletConfiguration nodeStatusUpdateFrequency.",
    KUBELET_DEFAULTS.nodeStatusUpdateFrequency,
  ),
  kubeAPIQPS: optional(positiveNumber(), "Requests a second of a kubelet.", KUBELET_DEFAULTS.kubeAPIQPS),
  kubeAPIBurst: optional(wholeNumber(1), "Requests.", KUBELET_DEFAULTS.kubeAPIBurst),
  sandbox: optional(distribution, "Pod start: sandbox and network.", KUBELET_DEFAULTS.sandbox),
  imagePull: optional(distribution, "Pod start: images.", KUBELET_DEFAULTS.imagePull),
  container: optional(distribution, "Pod start: containers created and started.", KUBELET_DEFAULTS.container),
  readiness: optional(
    distribution,
    "Pod start: the application, until ready; a readiness probe's initialDelaySeconds comes on top.",
    KUBELET_DEFAULTS.readiness,
  ),
  termination: optional(
    distribution,
    "SIGTERM to the last container's end; at most terminationGracePeriodSeconds.",
    KUBELET_DEFAULTS.termination,
  ),
  boot: optional(distribution, "Power back until the kubelet runs.", KUBELET_DEFAULTS.boot),
});

export const network = z.strictObject({
  proxySync: optional(
    distribution,
    "Changed endpoints until all proxies of a centre send there.",
    NETWORK_DEFAULTS.proxySync,
  ),
  entryFailover: optional(
    distribution,
    "Users of a dark centre reach the next one after this (health check and DNS), and go back so long after its return.",
    NETWORK_DEFAULTS.entryFailover,
  ),
  healRetransmission: optional(
    flag,
    "A healed link carries again with TCP's next doubled retransmission, not at once.",
    NETWORK_DEFAULTS.healRetransmission,
  ),
});

export type ControlPlaneWritten = z.infer<typeof controlPlane>;
