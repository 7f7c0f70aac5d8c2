/**
 * The scenario file, as it is written: the one door to the schema library. Only shapes are held here, everything that
 * needs a second place of the file to be judged is in checks.ts. Descriptions, units and defaults go into the JSON
 * Schema and into docs/SCENARIO.md.
 */
import { z } from "zod";
import {
  API_SERVER_DEFAULTS,
  CONTROLLER_MANAGER_DEFAULTS,
  ETCD_DEFAULTS,
  KUBELET_DEFAULTS,
  LEADER_ELECTION_DEFAULTS,
  METRICS_DEFAULTS,
  NETWORK_DEFAULTS,
  SCHEDULER_DEFAULTS,
  STUDY_DEFAULTS,
  TOPOLOGY_DEFAULTS,
} from "./defaults.js";
import {
  distribution,
  duration,
  exactlyOne,
  name,
  namespacedName,
  path,
  positiveDuration,
  positiveNumber,
  quantity,
  rate,
  share,
  wholeNumber,
} from "./scalars.js";

export const SCENARIO_API_VERSION = "seatrial.dev/v1alpha1";

/** A field that may be left out: what it is, and what then holds. */
function optional<Schema extends z.ZodType>(schema: Schema, description: string, fallback?: unknown) {
  return schema.meta({ description, ...(fallback === undefined ? {} : { default: fallback }) }).optional();
}

const flag = z.boolean({ error: "expected true or false" });
const trueOnly = z.literal(true, { error: "expected true" });

function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `expected ${orList(words)}` });
}

function orList(words: readonly string[]): string {
  return words.length === 1 ? `${words[0]}` : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

const stringMap = z.record(z.string(), z.string({ error: "expected text (quote numbers and booleans)" }));

const taint = z.strictObject({
  key: z.string().min(1).describe("Taint key."),
  value: optional(z.string(), "Taint value.", ""),
  effect: oneOf(["NoSchedule", "PreferNoSchedule", "NoExecute"]).describe(
    "NoSchedule, PreferNoSchedule or NoExecute.",
  ),
});

const nodePool = z.strictObject({
  name: name.describe("Unique in its centre; nodes are called <centre>-<pool>-<ordinal from 0>."),
  count: wholeNumber(0, 200_000).describe("Nodes."),
  allocatable: z
    .record(z.string(), quantity)
    .describe(
      `Resources for pods, as in a Node's status.allocatable; pods is ${TOPOLOGY_DEFAULTS.pods} if not given.`,
    ),
  labels: optional(stringMap, "Labels besides hostname, zone, region, rack and pool.", {}),
  taints: optional(z.array(taint), "Taints.", []),
});

const centre = z.strictObject({
  name: name.describe("Unique; the nodes' topology.kubernetes.io/zone."),
  racks: optional(wholeNumber(0, 100_000), "Racks; the nodes of all pools go round robin over them.", 0),
  nodePools: optional(z.array(nodePool), "Alike nodes.", []),
});

const site = z.strictObject({
  name: name.describe("Unique; the nodes' topology.kubernetes.io/region."),
  centres: z.array(centre).min(1).describe("Data centres."),
});

const linkEnds = {
  between: z.tuple([name, name]).describe("Two centres; both directions are alike."),
  from: name.describe("Centre; with `to`: this direction only."),
  to: name.describe("Centre."),
};

const link = z
  .strictObject({
    between: linkEnds.between.optional(),
    from: linkEnds.from.optional(),
    to: linkEnds.to.optional(),
    oneWay: optional(distribution, "One-way latency; default: by whether the two centres share a site."),
    loss: optional(share, "Share of messages lost.", TOPOLOGY_DEFAULTS.loss),
  })
  .refine(hasEnds, { error: "expected either between: [a, b] or from and to" });

function hasEnds(value: { between?: unknown; from?: unknown; to?: unknown }): boolean {
  if (value.between !== undefined) return value.from === undefined && value.to === undefined;
  return value.from !== undefined && value.to !== undefined;
}

const topology = z.strictObject({
  sites: optional(
    z.array(site),
    "Sites; left out: zones and regions of the Node objects in the manifests.",
    [],
  ),
  links: optional(
    z.array(link),
    "Links between centres; a pair without one has the default latency and no loss.",
    [],
  ),
  latency: optional(
    z.strictObject({
      withinCentre: optional(
        distribution,
        "One way, between two machines of a centre.",
        TOPOLOGY_DEFAULTS.withinCentre,
      ),
      sameSite: optional(distribution, "One way, between centres of a site.", TOPOLOGY_DEFAULTS.sameSite),
      otherSite: optional(
        distribution,
        "One way, between centres of different sites.",
        TOPOLOGY_DEFAULTS.otherSite,
      ),
    }),
    "Latencies where no link says otherwise.",
  ),
});

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
  podGcQuarantine: optional(
    duration,
    "Pods of a Node object that is gone are deleted after this.",
    CONTROLLER_MANAGER_DEFAULTS.podGcQuarantine,
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
const configuration = z.union([path, inlineConfiguration], {
  error: "expected the path of a KubeSchedulerConfiguration, or one written inline",
});

const scheduler = z.strictObject({
  configuration: optional(
    configuration,
    "A KubeSchedulerConfiguration (file or inline): profiles, leaderElection, clientConnection, back-off. Default: kube-scheduler's.",
  ),
  instances: optional(instances, INSTANCES),
  restart: optional(distribution, RESTART, LEADER_ELECTION_DEFAULTS.restart),
  cycle: optional(distribution, "Fixed cost of a scheduling cycle.", SCHEDULER_DEFAULTS.cycle),
  cyclePerNode: optional(
    duration,
    "Cost of a cycle for each node looked at.",
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

const controlPlane = z.strictObject({
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

const kubelet = z.strictObject({
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

const network = z.strictObject({
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

const arrivalProcess = exactlyOne({
  poisson: rate.describe("Poisson arrivals at this rate.").optional(),
  every: positiveDuration.describe("One arrival after each such interval.").optional(),
  times: z.array(duration).min(1).describe("Arrivals at these moments.").optional(),
});

const arrivalSource = {
  job: path.describe("Manifest of a Job; its pod template arrives as a bare pod.").optional(),
  pods: path.describe("Manifest with one or more Pods, equally likely.").optional(),
};

const arrivalClass = z
  .strictObject({
    name: optional(name, "Default: the object's name."),
    ...arrivalSource,
    weight: optional(positiveNumber(), "Relative share of the arrivals.", 1),
    duration: optional(distribution, "How long its containers run; default: that of the arrivals."),
  })
  .refine((value) => (value.job === undefined) !== (value.pods === undefined), {
    error: "expected exactly one of job and pods",
  });

const arrival = z
  .strictObject({
    name: optional(name, "Unique; default: arrivals-<ordinal from 0>."),
    ...arrivalSource,
    classes: optional(z.array(arrivalClass).min(1), "What arrives, chosen by weight."),
    process: arrivalProcess.describe("When they arrive."),
    duration: optional(distribution, "How long their containers run; default: for ever."),
    start: optional(duration, "Nothing arrives before.", "0s"),
    end: optional(positiveDuration, "Nothing arrives from then on; default: the horizon."),
    count: optional(wholeNumber(1), "At most so many arrivals; default: no limit."),
  })
  .refine(
    (value) => [value.job, value.pods, value.classes].filter((given) => given !== undefined).length === 1,
    {
      error: "expected exactly one of job, pods and classes",
    },
  );

const openb = z
  .strictObject({
    nodes: path.describe("Node list (sn, cpu_milli, memory_mib, gpu, model)."),
    pods: path.describe("Pod list (name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec, ...)."),
    spacing: optional(positiveDuration, "One pod after each such interval, in file order; nothing ends."),
    lifetimes: optional(flag, "true: pods come and go at the trace's own times.", false),
    limit: optional(wholeNumber(1), "Only the first so many pods."),
  })
  .refine((value) => (value.spacing !== undefined) !== (value.lifetimes === true), {
    error: "expected exactly one of spacing and lifetimes: true",
  });

const rollout = z
  .strictObject({
    at: duration.describe("When."),
    deployment: namespacedName.describe("namespace/name of a Deployment.").optional(),
    statefulSet: namespacedName.describe("namespace/name of a StatefulSet.").optional(),
    daemonSet: namespacedName.describe("namespace/name of a DaemonSet.").optional(),
    replicaSet: namespacedName.describe("namespace/name of a ReplicaSet.").optional(),
    change: z
      .union([oneOf(["template"]), z.strictObject({ replicas: wholeNumber(0).describe("Pods wanted.") })], {
        error: "expected template, or {replicas: <number>}",
      })
      .describe("template: a new revision (as a new image would make); or a new number of replicas."),
  })
  .refine((value) => rolloutKinds(value).length === 1, {
    error: "expected exactly one of deployment, statefulSet, daemonSet and replicaSet",
  });

function rolloutKinds(value: Record<string, unknown>): string[] {
  return ["deployment", "statefulSet", "daemonSet", "replicaSet"].filter((kind) => value[kind] !== undefined);
}

const traffic = z.strictObject({
  service: namespacedName.describe("namespace/name of a Service."),
  from: z
    .record(name, rate)
    .describe("Requests of users who enter at a centre, or at a site (split evenly over its centres)."),
});

const workload = z.strictObject({
  manifests: optional(z.array(path), "Files, folders or globs of Kubernetes manifests and snapshots.", []),
  objects: optional(z.array(z.record(z.string(), z.unknown())), "Kubernetes objects written inline.", []),
  arrivals: optional(z.array(arrival), "Pods that arrive while the run goes on.", []),
  traces: optional(z.array(z.strictObject({ openb })), "Published traces.", []),
  rollouts: optional(z.array(rollout), "Changes of workloads while the run goes on.", []),
  traffic: optional(z.array(traffic), "Requests to services.", []),
});

const policy = z.union(
  [
    z.string().min(1),
    z.strictObject({
      name: name.describe("Unique; its name in results."),
      configuration: optional(configuration, "A KubeSchedulerConfiguration (file or inline)."),
      plugin: optional(
        z.string().min(1),
        "The one scoring plugin, from the shelf (seatrial policies) or from `file`.",
      ),
      file: optional(
        path,
        "A .ts or .js file that exports a policy of your own; its name is `plugin`, else `name`.",
      ),
      weights: optional(
        z.record(z.string(), wholeNumber(0, 100)),
        "Score weights by plugin, in place of the profile's own; 0 switches a score off.",
      ),
      tieBreak: optional(
        oneOf(["random", "first", "name"]),
        "Among equally good nodes: drawn, the first in node order, or the lowest name.",
        "random",
      ),
      percentageOfNodesToScore: optional(
        wholeNumber(0, 100),
        "0: adaptive, as kube-scheduler; overrides the profile.",
      ),
    }),
  ],
  { error: "expected a policy's name, or {name, configuration | plugin | file, ...}" },
);

const scope = exactlyOne({
  node: name.describe("A node.").optional(),
  rack: name.describe("A rack, <centre>-r<ordinal from 1>.").optional(),
  centre: name.describe("A centre.").optional(),
  site: name.describe("A site.").optional(),
  link: z
    .strictObject({ from: linkEnds.from, to: linkEnds.to })
    .describe("One direction between centres.")
    .optional(),
  between: linkEnds.between.optional(),
  etcdMember: name.describe("etcd-<centre>-<ordinal from 0>.").optional(),
  apiServer: name.describe("kube-apiserver-<centre>-<ordinal from 0>.").optional(),
  controllerManager: name.describe("The controller manager of a centre.").optional(),
  scheduler: name.describe("The scheduler of a centre.").optional(),
  eachNode: trueOnly.describe("Each node by itself.").optional(),
  eachRack: trueOnly.describe("Each rack by itself.").optional(),
  eachCentre: trueOnly.describe("Each centre by itself.").optional(),
  eachLink: trueOnly.describe("Each pair of centres by itself, both directions at once.").optional(),
  eachEtcdMember: trueOnly.describe("Each etcd member by itself.").optional(),
  eachApiServer: trueOnly.describe("Each API server by itself.").optional(),
});

const failure = z
  .strictObject({
    name: optional(name, "Unique; default: <kind>-<target>."),
    kind: oneOf(["power", "isolate", "crash", "cut"]).describe(
      "power: everything in a node, rack, centre or site stops at once. isolate: it is cut off from the rest and goes on inside. crash: a process is killed (on a node: the node stops). cut: a link drops everything.",
    ),
    scope: scope.describe("What is struck."),
    at: optional(
      z.union([duration, z.array(duration).min(1)], { error: "expected a duration, or a list of them" }),
      "When it strikes.",
    ),
    every: optional(positiveDuration, "It strikes again and again, this far apart, with `count`."),
    count: optional(wholeNumber(1, 10_000), "How often, with `every`."),
    start: optional(duration, "First strike, with `every`; default: after one interval."),
    timeToFailure: optional(distribution, "Drawn time until it strikes, from time 0 and after each repair."),
    notBefore: optional(
      duration,
      "With timeToFailure: earlier strikes come at this moment at the soonest.",
      "0s",
    ),
    for: optional(distribution, "Repaired after this."),
    timeToRepair: optional(distribution, "The same as `for`. Neither: never repaired."),
  })
  .refine((value) => occurrences(value) === 1, {
    error: "expected exactly one of at, every and timeToFailure",
  })
  .refine((value) => (value.every === undefined) === (value.count === undefined), {
    error: "expected every and count together",
  })
  .refine((value) => value.for === undefined || value.timeToRepair === undefined, {
    error: "expected at most one of for and timeToRepair",
  });

function occurrences(value: { at?: unknown; every?: unknown; timeToFailure?: unknown }): number {
  return [value.at, value.every, value.timeToFailure].filter((given) => given !== undefined).length;
}

const bound = z.union([z.number(), z.string().min(1)], {
  error: "expected a number, a percentage or a duration",
});

const objective = z
  .strictObject({
    metric: z
      .string()
      .min(1)
      .describe("A metric of summary.csv, such as availability, rto or podsPendingAtEnd."),
    of: optional(
      z.string().min(1),
      "Of what: service/<namespace>/<name>, deployment/<namespace>/<name> (any kind of workload), resource/<name> or cluster; * stands for any characters.",
      "cluster",
    ),
    atLeast: optional(bound, "Missed below this."),
    atMost: optional(bound, "Missed above this."),
  })
  .refine((value) => (value.atLeast === undefined) !== (value.atMost === undefined), {
    error: "expected exactly one of atLeast and atMost",
  });

const metrics = z.strictObject({
  seriesInterval: optional(positiveDuration, "Grid of timeseries.csv.", METRICS_DEFAULTS.seriesInterval),
  recoveryShare: optional(
    share,
    "A workload has recovered once its success share stayed at or above so much of the pre-fault level ...",
    METRICS_DEFAULTS.recoveryShare,
  ),
  recoveryHold: optional(duration, "... for so long.", METRICS_DEFAULTS.recoveryHold),
});

const plan = z.strictObject({
  pool: z
    .string()
    .regex(/^[^/]+\/[^/]+$/, { error: 'expected "centre/pool"' })
    .describe("centre/pool whose node count is searched."),
  min: wholeNumber(0).describe("Fewest nodes tried."),
  max: wholeNumber(1).describe("Most nodes tried."),
});

const spec = z.strictObject({
  seed: optional(
    z.union([z.string(), z.int()], { error: "expected text or a whole number" }),
    "Root of all draws: the same file and seed give the same bytes.",
    STUDY_DEFAULTS.seed,
  ),
  replications: optional(wholeNumber(1, 100_000), "Runs of each policy.", STUDY_DEFAULTS.replications),
  warmUp: optional(duration, "Left out of results, at the start of the horizon.", STUDY_DEFAULTS.warmUp),
  horizon: positiveDuration.describe("End of a run, warm-up included."),
  topology: optional(topology, "The still world."),
  controlPlane: optional(controlPlane, "etcd, API servers, controllers, scheduler."),
  kubelet: optional(kubelet, "What all kubelets have in common."),
  network: optional(network, "Service network and user entry."),
  workload: optional(workload, "What runs."),
  policies: optional(
    z.array(policy).min(1),
    "Compared on the same arrivals and failures. `default` is the cluster's own scheduler configuration; other words are plugins from the shelf.",
    ["default"],
  ),
  failures: optional(z.array(failure), "What goes wrong.", []),
  objectives: optional(z.array(objective), "Promises; a missed one makes the exit code 1.", []),
  metrics: optional(metrics, "How results are measured."),
  plan: optional(plan, "What `seatrial plan` searches."),
});

export const scenarioSchema = z
  .strictObject({
    apiVersion: z
      .literal(SCENARIO_API_VERSION, { error: `expected ${SCENARIO_API_VERSION}` })
      .describe(`${SCENARIO_API_VERSION}.`),
    kind: z.literal("Scenario", { error: "expected Scenario" }).describe("Scenario."),
    metadata: z.strictObject({ name: name.describe("Names the folder of results.") }),
    spec,
  })
  .describe("A Seatrial scenario.");

/** What the author wrote, checked for shape. */
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioSpec = Scenario["spec"];
export type TopologyWritten = z.infer<typeof topology>;
export type ControlPlaneWritten = z.infer<typeof controlPlane>;
export type WorkloadWritten = z.infer<typeof workload>;
export type ArrivalWritten = z.infer<typeof arrival>;
export type PolicyWritten = z.infer<typeof policy>;
export type FailureWritten = z.infer<typeof failure>;
export type ScopeWritten = z.infer<typeof scope>;
export type ObjectiveWritten = z.infer<typeof objective>;
