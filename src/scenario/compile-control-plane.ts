/** Control plane, kubelets, network and metrics of a scenario: defaults filled in, flags turned into whole µs. */
import type {
  ApiServerModel,
  ControllerManagerModel,
  ControlPlaneModel,
  EtcdModel,
  KubeletModel,
  MetricsModel,
  NetworkModel,
  SchedulerModel,
} from "../cluster/model.js";
import type { Topology } from "../topology/topology.js";
import { SECOND } from "../units/time.js";
import type { Problems } from "../workload/problems.js";
import type { ControlPlaneWritten } from "./control-plane-schema.js";
import {
  API_SERVER_DEFAULTS,
  CONTROLLER_MANAGER_DEFAULTS,
  ETCD_DEFAULTS,
  KUBELET_DEFAULTS,
  LEADER_ELECTION_DEFAULTS,
  METRICS_DEFAULTS,
  NETWORK_DEFAULTS,
  SCHEDULER_DEFAULTS,
} from "./defaults.js";
import { durationUs, shareOf, variateUs } from "./scalars.js";
import type { SchedulerConfiguration } from "./scheduler-configuration.js";
import type { ScenarioSpec } from "./schema.js";
import { addProblem, addUnknown, type Place, placeBelow } from "./shape.js";

/** `place` is the scenario's document at `spec`. */
export function compileControlPlane(
  written: ControlPlaneWritten,
  topology: Topology,
  configuration: SchedulerConfiguration,
  place: Place,
  problems: Problems,
): ControlPlaneModel {
  const at = placeBelow(place, "controlPlane");
  const members = membersByCentre(
    written.etcd?.members,
    topology,
    placeBelow(at, "etcd", "members"),
    problems,
  );
  const withMembers = new Set(members.map(({ centre }) => centre));
  const servers = instancesByCentre(
    written.apiServers ??
      Object.fromEntries([...withMembers].map((id) => [topology.centres[id]?.name ?? "", 1])),
    "kube-apiserver",
    topology,
    placeBelow(at, "apiServers"),
    problems,
  );
  if (written.apiServers !== undefined && servers.length === 0) {
    addProblem(at, ["apiServers"], { message: "expected at least one API server" }, problems);
  }
  const withServers = [...new Set(servers.map(({ centre }) => centre))];
  const centresOf = (names: readonly string[] | undefined, component: string): number[] =>
    names === undefined
      ? withServers
      : names.map((name, index) =>
          centreId(name, topology, placeBelow(at, component, "instances", index), problems),
        );
  return {
    mode: written.mode ?? "full",
    etcd: compileEtcd(written.etcd ?? {}, members),
    apiServers: compileApiServers(written.apiServer ?? {}, servers),
    controllerManager: compileControllerManager(
      written.controllerManager ?? {},
      centresOf(written.controllerManager?.instances, "controllerManager"),
    ),
    scheduler: compileScheduler(
      written.scheduler ?? {},
      centresOf(written.scheduler?.instances, "scheduler"),
      configuration,
    ),
  };
}

/** Id of a centre; what is unknown is a problem and counts as the first. */
function centreId(name: string, topology: Topology, place: Place, problems: Problems): number {
  const found = topology.centres.find((centre) => centre.name === name);
  if (found !== undefined) return found.id;
  const known = topology.centres.map((centre) => centre.name);
  addUnknown(place, [], { what: "a centre", value: name, known }, problems);
  return 0;
}

type Instance = { readonly name: string; readonly centre: number };

function membersByCentre(
  written: Readonly<Record<string, number>> | undefined,
  topology: Topology,
  place: Place,
  problems: Problems,
): Instance[] {
  const counts: Record<string, number> = {};
  for (let member = 0; member < ETCD_DEFAULTS.membersCount; member++) {
    const centre = topology.centres[member % topology.centres.length]?.name ?? "";
    counts[centre] = (counts[centre] ?? 0) + 1;
  }
  return instancesByCentre(written ?? counts, "etcd", topology, place, problems);
}

function instancesByCentre(
  counts: Readonly<Record<string, number>>,
  process: string,
  topology: Topology,
  place: Place,
  problems: Problems,
): Instance[] {
  const instances: Instance[] = [];
  for (const [name, count] of Object.entries(counts)) {
    const centre = centreId(name, topology, placeBelow(place, name), problems);
    for (let ordinal = 0; ordinal < count; ordinal++)
      instances.push({ name: `${process}-${name}-${ordinal}`, centre });
  }
  return instances;
}

function compileEtcd(
  written: NonNullable<ControlPlaneWritten["etcd"]>,
  members: readonly Instance[],
): EtcdModel {
  return {
    members,
    heartbeatIntervalUs: durationUs(written.heartbeatInterval ?? ETCD_DEFAULTS.heartbeatInterval),
    electionTimeoutUs: durationUs(written.electionTimeout ?? ETCD_DEFAULTS.electionTimeout),
    preVote: written.preVote ?? ETCD_DEFAULTS.preVote,
    // Always on in etcd; there is no flag.
    checkQuorum: true,
    fsyncUs: variateUs(written.fsync ?? ETCD_DEFAULTS.fsync),
    tickPhase: written.tickPhase ?? ETCD_DEFAULTS.tickPhase,
    startUs: variateUs(written.start ?? ETCD_DEFAULTS.start),
  };
}

function compileApiServers(
  written: NonNullable<ControlPlaneWritten["apiServer"]>,
  instances: readonly Instance[],
): ApiServerModel {
  return {
    instances,
    requestUs: variateUs(written.request ?? API_SERVER_DEFAULTS.request),
    watchUs: variateUs(written.watch ?? API_SERVER_DEFAULTS.watch),
    clientTimeoutUs: durationUs(written.clientTimeout ?? API_SERVER_DEFAULTS.clientTimeout),
    startUs: variateUs(written.start ?? API_SERVER_DEFAULTS.start),
    failoverUs: variateUs(written.failover ?? API_SERVER_DEFAULTS.failover),
  };
}

function compileControllerManager(
  written: NonNullable<ControlPlaneWritten["controllerManager"]>,
  instances: readonly number[],
): ControllerManagerModel {
  const election = written.leaderElection ?? {};
  const defaults = CONTROLLER_MANAGER_DEFAULTS;
  return {
    instances,
    leaderElection: {
      leaseDurationUs: durationUs(election.leaseDuration ?? LEADER_ELECTION_DEFAULTS.leaseDuration),
      renewDeadlineUs: durationUs(election.renewDeadline ?? LEADER_ELECTION_DEFAULTS.renewDeadline),
      retryPeriodUs: durationUs(election.retryPeriod ?? LEADER_ELECTION_DEFAULTS.retryPeriod),
      // The gate that would release it is alpha and off (measured: a SIGTERM takes as long as a crash).
      releaseOnCancel: false,
      restartUs: variateUs(written.restart ?? LEADER_ELECTION_DEFAULTS.restart),
    },
    nodeMonitorPeriodUs: durationUs(written.nodeMonitorPeriod ?? defaults.nodeMonitorPeriod),
    nodeMonitorGracePeriodUs: durationUs(written.nodeMonitorGracePeriod ?? defaults.nodeMonitorGracePeriod),
    monitorPassPerNodeUs: variateUs(written.monitorPassPerNode ?? defaults.monitorPassPerNode),
    nodeEvictionRate: written.nodeEvictionRate ?? defaults.nodeEvictionRate,
    secondaryNodeEvictionRate: written.secondaryNodeEvictionRate ?? defaults.secondaryNodeEvictionRate,
    unhealthyZoneThreshold: shareOf(written.unhealthyZoneThreshold ?? defaults.unhealthyZoneThreshold),
    largeClusterSizeThreshold: written.largeClusterSizeThreshold ?? defaults.largeClusterSizeThreshold,
    clientQps: written.kubeAPIQPS ?? defaults.kubeAPIQPS,
    clientBurst: written.kubeAPIBurst ?? defaults.kubeAPIBurst,
    syncUs: variateUs(written.sync ?? defaults.sync),
    podGcPeriodUs: durationUs(written.podGcPeriod ?? defaults.podGcPeriod),
    endpointRetryShare: shareOf(written.endpointRetryShare ?? defaults.endpointRetryShare),
    endpointRetryUs: durationUs(written.endpointRetry ?? defaults.endpointRetry),
    jobSyncDelayUs: durationUs(written.jobSyncDelay ?? defaults.jobSyncDelay),
  };
}

function compileScheduler(
  written: NonNullable<ControlPlaneWritten["scheduler"]>,
  instances: readonly number[],
  configuration: SchedulerConfiguration,
): SchedulerModel {
  const defaults = SCHEDULER_DEFAULTS;
  return {
    instances,
    leaderElection: {
      ...configuration.leaderElection,
      // ReleaseOnCancel is set in cmd/kube-scheduler.
      releaseOnCancel: true,
      restartUs: variateUs(written.restart ?? LEADER_ELECTION_DEFAULTS.restart),
    },
    clientQps: configuration.clientConnection.qps,
    clientBurst: configuration.clientConnection.burst,
    cycleUs: variateUs(written.cycle ?? defaults.cycle),
    cyclePerNodeUs: durationUs(written.cyclePerNode ?? defaults.cyclePerNode),
    backoffInitialUs: configuration.podInitialBackoffUs,
    backoffMaxUs: configuration.podMaxBackoffUs,
    unschedulableTimeoutUs: durationUs(
      written.podMaxInUnschedulablePodsDuration ?? defaults.podMaxInUnschedulablePodsDuration,
    ),
    unschedulableFlushUs: durationUs(written.unschedulableFlush ?? defaults.unschedulableFlush),
    popFromBackoff: written.popFromBackoff ?? defaults.popFromBackoff,
  };
}

export function compileKubelet(written: NonNullable<ScenarioSpec["kubelet"]>): KubeletModel {
  const defaults = KUBELET_DEFAULTS;
  const leaseSeconds = written.nodeLeaseDurationSeconds ?? defaults.nodeLeaseDurationSeconds;
  return {
    leaseRenewUs: Math.round(leaseSeconds * defaults.leaseRenewFraction * SECOND),
    leaseJitter: shareOf(written.leaseJitter ?? defaults.leaseJitter),
    statusPeriodUs: durationUs(written.nodeStatusUpdateFrequency ?? defaults.nodeStatusUpdateFrequency),
    clientQps: written.kubeAPIQPS ?? defaults.kubeAPIQPS,
    clientBurst: written.kubeAPIBurst ?? defaults.kubeAPIBurst,
    start: {
      sandboxUs: variateUs(written.sandbox ?? defaults.sandbox),
      imagePullUs: variateUs(written.imagePull ?? defaults.imagePull),
      containerUs: variateUs(written.container ?? defaults.container),
      readinessUs: variateUs(written.readiness ?? defaults.readiness),
    },
    terminationUs: variateUs(written.termination ?? defaults.termination),
    bootUs: variateUs(written.boot ?? defaults.boot),
  };
}

export function compileNetwork(written: NonNullable<ScenarioSpec["network"]>): NetworkModel {
  return {
    proxySyncUs: variateUs(written.proxySync ?? NETWORK_DEFAULTS.proxySync),
    entryFailoverUs: variateUs(written.entryFailover ?? NETWORK_DEFAULTS.entryFailover),
    healRetransmission: written.healRetransmission ?? NETWORK_DEFAULTS.healRetransmission,
  };
}

export function compileMetrics(written: NonNullable<ScenarioSpec["metrics"]>): MetricsModel {
  return {
    seriesIntervalUs: durationUs(written.seriesInterval ?? METRICS_DEFAULTS.seriesInterval),
    recoveryShare: shareOf(written.recoveryShare ?? METRICS_DEFAULTS.recoveryShare),
    recoveryHoldUs: durationUs(written.recoveryHold ?? METRICS_DEFAULTS.recoveryHold),
  };
}
