/**
 * The recorded cluster, rebuilt as a scenario: its nodes, its Deployment with pods where they were, its flags, its
 * fake kubelets, what was done to it, and the noise of its machine.
 */
import type { FailureModel, Model, PolicyModel } from "../../cluster/model.js";
import { loadScenario } from "../../scenario/compile.js";
import { MILLISECOND, SECOND } from "../../units/time.js";
import { IDLE_PER_NODE_MS } from "./passes.js";
import { type Recording, UnusableRecording } from "./recording.js";

/** A scenario has no other file than itself. */
const FILE = "recording.yaml";
const REGION = "r1";

/**
 * Noise of the recording machine (two cores, shared with another job), chosen to fit the small steps of the recordings
 * of one node's crash: a request takes 18 ± 7 ms, a watching client hears of a change after 3 ± 1.4 ms.
 */
export const MACHINE = {
  request: { gamma: { shape: 6, scale: "3ms" } },
  watch: { gamma: { shape: 4, scale: "700us" } },
  fsync: { logNormal: { median: "500us", p99: "5ms" } },
};

/** Its two cores work on so many requests before they slow each other down, chosen to fit the recordings of zones. */
export const MACHINE_PARALLEL_REQUESTS = 6;

const FLAG_FIELDS: Readonly<Record<string, { field: string; number: boolean }>> = {
  "node-monitor-period": { field: "nodeMonitorPeriod", number: false },
  "node-monitor-grace-period": { field: "nodeMonitorGracePeriod", number: false },
  "node-eviction-rate": { field: "nodeEvictionRate", number: true },
  "secondary-node-eviction-rate": { field: "secondaryNodeEvictionRate", number: true },
  "unhealthy-zone-threshold": { field: "unhealthyZoneThreshold", number: true },
  "large-cluster-size-threshold": { field: "largeClusterSizeThreshold", number: true },
  "kube-api-qps": { field: "kubeAPIQPS", number: true },
  "kube-api-burst": { field: "kubeAPIBurst", number: true },
};

export interface Rebuilt {
  readonly model: Model;
  readonly policy: PolicyModel;
}

/** Throws {@link UnusableRecording} where something of the recording is not modelled. */
export function rebuild(recording: Recording, seed: string): Rebuilt {
  const { model, policy } = compileRecorded(scenarioOf(recording, seed));
  return { model: { ...model, failures: failuresOf(recording, model) }, policy };
}

/** A scenario made from a recording, compiled, on the recording machine. */
export function compileRecorded(scenario: object): Rebuilt {
  const text = JSON.stringify(scenario);
  const { study, problems } = loadScenario(FILE, {
    readFile: (path) => (path === FILE ? text : undefined),
    list: () => undefined,
  });
  const policy = study?.policies[0];
  if (study === undefined || policy === undefined) {
    const found = problems.list().map((problem) => `${problem.path}: ${problem.message}`);
    throw new UnusableRecording(`the recorded cluster is no valid scenario: ${found.join("; ")}`);
  }
  const { controlPlane } = study.model;
  const apiServers = { ...controlPlane.apiServers, parallelRequests: MACHINE_PARALLEL_REQUESTS };
  return { model: { ...study.model, controlPlane: { ...controlPlane, apiServers } }, policy };
}

function scenarioOf(recording: Recording, seed: string): object {
  const nodes = nodeNames(recording);
  const zones = [...recording.zones.keys()];
  const [first = ""] = zones;
  return {
    apiVersion: "seatrial.dev/v1alpha1",
    kind: "Scenario",
    metadata: { name: recording.name },
    spec: {
      seed,
      horizon: `${Math.ceil(recording.endMs)}ms`,
      topology: {
        latency: { withinCentre: "10us", sameSite: "10us", otherSite: "10us" },
      },
      workload: { objects: [...nodes.map((name) => nodeObject(name)), ...workloadObjects(recording)] },
      controlPlane: {
        etcd: { members: { [first]: 1 }, fsync: MACHINE.fsync },
        apiServers: { [first]: 1 },
        apiServer: { request: MACHINE.request, watch: MACHINE.watch },
        controllerManager: {
          instances: [first],
          monitorPassPerNode: `${IDLE_PER_NODE_MS}ms`,
          ...flagFields(recording),
        },
        scheduler: { instances: [first] },
      },
      kubelet: {
        sandbox: "0s",
        imagePull: "0s",
        container: "0s",
        readiness: `${recording.startDelayMs}ms`,
        termination: `${recording.terminationMs}ms`,
        boot: "0s",
      },
    },
  };
}

export function flagFields(recording: Pick<Recording, "controllerManagerFlags">): object {
  const fields: Record<string, string | number> = {};
  for (const [flag, value] of recording.controllerManagerFlags) {
    const known = FLAG_FIELDS[flag];
    if (known === undefined) throw new UnusableRecording(`flag --${flag} is not modelled`);
    fields[known.field] = known.number ? Number(value) : value;
  }
  return fields;
}

export function nodeNames(recording: Pick<Recording, "zones">): string[] {
  return [...recording.zones].flatMap(([zone, count]) =>
    Array.from({ length: count }, (_, n) => `${zone}-${String(n).padStart(2, "0")}`),
  );
}

export interface RecordedNode {
  readonly zone?: string;
  readonly cpu?: string;
  readonly taints?: readonly object[];
}

/** A node of the recordings: 8 CPU, 32 GiB, in the zone that its name says, where nothing else is given. */
export function nodeObject(name: string, given: RecordedNode = {}): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "kubernetes.io/hostname": name,
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": given.zone ?? name.slice(0, name.lastIndexOf("-")),
      },
    },
    spec: { taints: given.taints ?? [] },
    status: { allocatable: { cpu: given.cpu ?? "8", memory: "32Gi", pods: "110" } },
  };
}

/** The Deployment as it stood when the recording says that it was ready: each pod on its node. */
function workloadObjects(recording: Recording): object[] {
  const labels = { app: "web" };
  const spec = {
    containers: [{ name: "web", image: "web", resources: { requests: { cpu: "100m" } } }],
    ...(recording.tolerationSeconds === undefined
      ? {}
      : { tolerations: tolerations(recording.tolerationSeconds) }),
  };
  const owned = (kind: string, name: string, uid: string) => [
    { apiVersion: "apps/v1", kind, name, uid, controller: true },
  ];
  const pods = initialPods(recording);
  const replicaSet = pods[0]?.name.slice(0, pods[0].name.lastIndexOf("-")) ?? "web-1";
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: labels, ports: [{ port: 80 }] },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web", uid: "d" },
      spec: {
        replicas: recording.replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    },
    {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: { name: replicaSet, uid: "rs", labels, ownerReferences: owned("Deployment", "web", "d") },
      spec: {
        replicas: recording.replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    },
    ...pods.map(({ name, node }) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, uid: name, labels, ownerReferences: owned("ReplicaSet", replicaSet, "rs") },
      spec: { ...spec, nodeName: node },
      status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
    })),
  ];
}

/** Pods bound before anything was done to the cluster. */
function initialPods(recording: Recording): { name: string; node: string }[] {
  const from = recording.crashes[0]?.ms ?? Number.POSITIVE_INFINITY;
  const pods = new Map<string, string>();
  for (const row of recording.timeline) {
    if (row.ms >= from || row.kind !== "pod") continue;
    if (row.what === "bound") pods.set(row.name, boundTo(row.detail));
    else if (row.what === "deleting" || row.what === "gone") pods.delete(row.name);
  }
  return [...pods].map(([name, node]) => ({ name, node }));
}

function boundTo(detail: unknown): string {
  if (typeof detail === "string") return detail;
  if (typeof detail === "object" && detail !== null && "node" in detail) return String(detail.node);
  throw new UnusableRecording("expected a bound pod to name its node");
}

function tolerations(seconds: number): object[] {
  return ["not-ready", "unreachable"].map((key) => ({
    key: `node.kubernetes.io/${key}`,
    operator: "Exists",
    effect: "NoExecute",
    tolerationSeconds: seconds,
  }));
}

/** A fake kubelet that starts anew was powered off; one that goes on was cut off. */
function failuresOf(recording: Recording, model: Model): FailureModel[] {
  const ids = new Map(model.topology.nodes.map((node) => [node.name, node.id]));
  return recording.crashes.map((crash, index): FailureModel => {
    const node = ids.get(crash.node);
    if (node === undefined) throw new UnusableRecording(`no zone has a node ${crash.node}`);
    const recovery = recording.recoveries.find(({ node, ms }) => node === crash.node && ms > crash.ms);
    const again = recording.crashes.find(({ node, ms }) => node === crash.node && ms > crash.ms);
    const returns = recovery !== undefined && (again === undefined || recovery.ms < again.ms);
    return {
      name: `${crash.node}-${index}`,
      kind: returns && recovery.mode === "partition-heal" ? "isolate" : "power",
      targets: [{ kind: "node", node }],
      occurrence: { kind: "at", timesUs: [Math.round(crash.ms * MILLISECOND)] },
      ...(returns
        ? { repairUs: { kind: "constant", value: Math.round((recovery.ms - crash.ms) * MILLISECOND) } }
        : {}),
    };
  });
}

/** The whole of a recording in µs, with room for the last steps. */
export function horizonUs(recording: Recording): number {
  return Math.ceil(recording.endMs * MILLISECOND) + SECOND;
}
