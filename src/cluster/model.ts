/**
 * What the machine runs: a scenario checked and compiled to plain, immutable, structured-cloneable data. Times are
 * whole µs, places are dense ids of the topology. Defaults and their sources stand in scenario/defaults.ts.
 */
import type { KubernetesObject, PodTemplate } from "../api/objects.js";
import type { ProfileSpec } from "../policies/framework/types.js";
import type { Topology } from "../topology/topology.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";

export interface Model {
  readonly name: string;
  /** The study's seed; a replication's streams are rooted at `<seed>/<replication>`. */
  readonly seed: string;
  readonly warmUpUs: Micros;
  /** End of the run, warm-up included. */
  readonly horizonUs: Micros;
  readonly topology: Topology;
  readonly controlPlane: ControlPlaneModel;
  readonly kubelet: KubeletModel;
  readonly network: NetworkModel;
  /** Everything applied at time 0, in order (kubectl apply). Nodes are in the topology, not here. */
  readonly objects: readonly KubernetesObject[];
  readonly arrivals: readonly ArrivalModel[];
  readonly rollouts: readonly RolloutModel[];
  readonly traffic: readonly TrafficModel[];
  readonly failures: readonly FailureModel[];
  readonly metrics: MetricsModel;
}

/** One policy of a comparison: profiles by scheduler name, and where to load a user's own plugin from. */
export interface PolicyModel {
  readonly name: string;
  readonly profiles: readonly ProfileSpec[];
  /** Absolute path of a user's policy file; its plugin is put on the shelf before the run. */
  readonly file?: string;
}

export interface ControlPlaneModel {
  /**
   * `full`: etcd, API servers, controllers and kubelets with their latencies and failures. `ideal`: every write takes
   * effect at once, nothing fails, nodes send no heartbeats; for studies of placement alone. With `ideal` there are no
   * failures and no traffic.
   */
  readonly mode: "full" | "ideal";
  readonly etcd: EtcdModel;
  readonly apiServers: ApiServerModel;
  readonly controllerManager: ControllerManagerModel;
  readonly scheduler: SchedulerModel;
}

export interface EtcdModel {
  /** Names are unique; ids are indices. */
  readonly members: readonly { readonly name: string; readonly centre: number }[];
  /** One tick (etcd --heartbeat-interval). */
  readonly heartbeatIntervalUs: Micros;
  readonly electionTimeoutUs: Micros;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** WAL sync in µs. */
  readonly fsyncUs: Variate;
  /** Members' tickers: started together (in phase), or each with a drawn phase. */
  readonly tickPhase: "together" | "drawn";
  /** Process start to taking part again, after a restart, in µs. */
  readonly startUs: Variate;
}

export interface ApiServerModel {
  readonly instances: readonly { readonly name: string; readonly centre: number }[];
  /** Handling of a request besides etcd and network, in µs. */
  readonly requestUs: Variate;
  /**
   * Requests that one server works on side by side; with n times as many, each takes n times as long. Undefined: as
   * many as there are.
   */
  readonly parallelRequests?: number;
  /** A change committed in etcd to a watcher's handler, besides network, in µs. */
  readonly watchUs: Variate;
  /** How long a client waits for an answer before it counts the request as failed. */
  readonly clientTimeoutUs: Micros;
  /** Process start to serving, after a restart, in µs. */
  readonly startUs: Variate;
  /** Address taken out of use by clients after it stops answering, in µs (connection refused is seen at once). */
  readonly failoverUs: Variate;
}

/** Leader election of KCM and scheduler (client-go leaderelection). */
export interface LeaderElectionModel {
  readonly leaseDurationUs: Micros;
  readonly renewDeadlineUs: Micros;
  readonly retryPeriodUs: Micros;
  /** A lease is given back on orderly exit (scheduler: yes; KCM: no). */
  readonly releaseOnCancel: boolean;
  /** A process that exited is started again after this, in µs. */
  readonly restartUs: Variate;
}

export interface ControllerManagerModel {
  /** Centres with an instance, in order; the first that wins leads. */
  readonly instances: readonly number[];
  readonly leaderElection: LeaderElectionModel;
  readonly nodeMonitorPeriodUs: Micros;
  readonly nodeMonitorGracePeriodUs: Micros;
  /** Duration of a monitor pass besides its writes, per node, in µs; passes drift by it. */
  readonly monitorPassPerNodeUs: Variate;
  /** Node evictions per second and zone. */
  readonly nodeEvictionRate: number;
  readonly secondaryNodeEvictionRate: number;
  readonly unhealthyZoneThreshold: number;
  readonly largeClusterSizeThreshold: number;
  /** Client limit of each controller (requests a second, burst). */
  readonly clientQps: number;
  readonly clientBurst: number;
  /** A controller's work queue: event to sync, in µs. */
  readonly syncUs: Variate;
  readonly podGcPeriodUs: Micros;
  /** Share of EndpointSlice syncs that find their cache behind and retry after `endpointRetryUs`. */
  readonly endpointRetryShare: number;
  readonly endpointRetryUs: Micros;
  /** The job controller gathers pod events for so long. */
  readonly jobSyncDelayUs: Micros;
}

export interface SchedulerModel {
  readonly instances: readonly number[];
  readonly leaderElection: LeaderElectionModel;
  readonly clientQps: number;
  readonly clientBurst: number;
  /** Cost of placing and binding one pod, and of each node that is filtered and scored for it, in µs. */
  readonly cycleUs: Variate;
  readonly cyclePerNodeUs: number;
  readonly backoffInitialUs: Micros;
  readonly backoffMaxUs: Micros;
  /** An unschedulable pod is tried again after this at the latest. */
  readonly unschedulableTimeoutUs: Micros;
  readonly unschedulableFlushUs: Micros;
  /** SchedulerPopFromBackoffQ. */
  readonly popFromBackoff: boolean;
}

export interface KubeletModel {
  readonly leaseRenewUs: Micros;
  /** A renewal interval is leaseRenewUs × (1 + jitter × uniform). */
  readonly leaseJitter: number;
  readonly statusPeriodUs: Micros;
  /** Requests a second and burst. */
  readonly clientQps: number;
  readonly clientBurst: number;
  /** Stages of a pod's start, in µs, in order. A readinessProbe's initialDelaySeconds is added to `readiness`. */
  readonly start: {
    readonly sandboxUs: Variate;
    readonly imagePullUs: Variate;
    readonly containerUs: Variate;
    readonly readinessUs: Variate;
  };
  /** SIGTERM to the last container's end, in µs, at most the pod's grace period. */
  readonly terminationUs: Variate;
  /** Power back to kubelet running, in µs. */
  readonly bootUs: Variate;
}

export interface NetworkModel {
  /** Endpoints changed (as seen by a centre's API server) to every proxy of the centre in sync, in µs. */
  readonly proxySyncUs: Variate;
  /**
   * Users who enter at a centre that has gone dark reach the next one after this (health check and DNS), and go back
   * so long after its return.
   */
  readonly entryFailoverUs: Variate;
  /** A healed link carries again only at TCP's next doubled retransmission (network.ts `heal`); false: at once. */
  readonly healRetransmission: boolean;
}

/** Bare pods that arrive while the run goes on. */
export interface ArrivalModel {
  readonly name: string;
  readonly process:
    | { readonly kind: "poisson"; readonly ratePerSecond: number }
    | { readonly kind: "deterministic"; readonly intervalUs: Micros }
    | { readonly kind: "times"; readonly atUs: readonly Micros[] };
  readonly startUs: Micros;
  readonly endUs: Micros;
  /** At most so many; undefined: as many as come by endUs. */
  readonly count?: number;
  /** What arrives: chosen by weight, or in file order when `order` is "sequence". */
  readonly order: "weighted" | "sequence";
  readonly classes: readonly ArrivalClass[];
}

export interface ArrivalClass {
  readonly name: string;
  readonly weight: number;
  readonly namespace: string;
  readonly template: PodTemplate;
  /** How long its containers run, in µs; undefined: for ever. */
  readonly durationUs?: Variate;
}

/** A change of a Deployment, StatefulSet or DaemonSet while the run goes on. */
export interface RolloutModel {
  readonly atUs: Micros;
  readonly kind: "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet";
  readonly namespace: string;
  readonly name: string;
  readonly change:
    | { readonly kind: "template" } // a new revision of the same shape (a new image)
    | { readonly kind: "scale"; readonly replicas: number };
}

/** Open-loop requests to a service. */
export interface TrafficModel {
  readonly namespace: string;
  readonly service: string;
  /** Requests a second of users who enter at each centre, by centre id. */
  readonly ratePerSecond: readonly number[];
}

export type FailureTarget =
  | { readonly kind: "node"; readonly node: number }
  | { readonly kind: "rack"; readonly rack: number }
  | { readonly kind: "centre"; readonly centre: number }
  | { readonly kind: "site"; readonly site: number }
  /** One direction. */
  | { readonly kind: "link"; readonly from: number; readonly to: number }
  | { readonly kind: "etcdMember"; readonly member: number }
  | { readonly kind: "apiServer"; readonly instance: number }
  | { readonly kind: "controllerManager"; readonly centre: number }
  | { readonly kind: "scheduler"; readonly centre: number };

export interface FailureModel {
  /** Unique; the address of its draws and its name in results. */
  readonly name: string;
  /**
   * `power`: everything in a node, rack, centre or site stops at once. `isolate`: a node, rack, centre or site is cut
   * off from the rest and goes on inside. `crash`: a process is killed (etcd member, API server, controller manager,
   * scheduler). `cut`: a link direction drops everything.
   */
  readonly kind: "power" | "isolate" | "crash" | "cut";
  /** All struck at the same moment (both directions of a link are two targets). */
  readonly targets: readonly FailureTarget[];
  /** When it strikes: fixed moments, or a drawn time after each repair (the first after time 0). */
  readonly occurrence:
    | { readonly kind: "at"; readonly timesUs: readonly Micros[] }
    | { readonly kind: "drawn"; readonly timeToFailureUs: Variate; readonly notBeforeUs: Micros };
  /** Time to repair in µs; undefined: never. */
  readonly repairUs?: Variate;
}

export interface MetricsModel {
  /** Grid of timeseries.csv. */
  readonly seriesIntervalUs: Micros;
  /** A workload has recovered once its success share stayed at or above so much of the pre-fault level ... */
  readonly recoveryShare: number;
  /** ... for so long. */
  readonly recoveryHoldUs: Micros;
}

/** Options of one run that do not belong to the model. */
export interface RunOptions {
  /** Keep the timeline of observable transitions (events.csv). */
  readonly events?: boolean;
  /** Check every invariant after every event. */
  readonly checkInvariants?: boolean;
  readonly stepsMax?: number;
}

/** What a worker needs to run any cell of a study. */
export interface StudyModel {
  readonly model: Model;
  readonly policies: readonly PolicyModel[];
  readonly replications: number;
  readonly options: RunOptions;
  /** Keep the timeline of this replication, under every policy, though `options` does not ask for it. */
  readonly eventsOf?: number;
}
