/**
 * A recording of the scheduler, rebuilt and simulated. The recording does not say how large pods and nodes were, only
 * what fitted where: the sizes here are chosen so that the same pods fit on the same nodes.
 */
import { Cluster } from "../../cluster/cluster.js";
import type { ApiClient } from "../../cluster/core.js";
import type { Change, Operation, PodRecord } from "../../cluster/store.js";
import { RandomStreams } from "../../engine/random.js";
import { shelfWith } from "../../policies/shelf.js";
import { MILLISECOND, SECOND } from "../../units/time.js";
import { compileRecorded, flagFields, MACHINE, nodeNames, nodeObject, type Rebuilt } from "./rebuild.js";
import { type TimelineRow, UnusableRecording } from "./recording.js";
import { type JoiningNode, type SchedRecording, waitingFor } from "./sched-recording.js";

const ZONE_CPU = 8;
/** Too large for nodes of the zones. */
const BIG_CPU = 9;
const LOW_CPU = 9;
const PREEMPTED_NODES = "pre-";
/** From a request's sending to the watching client's word of it, on the recording machine. */
const HEARD_AFTER_MS = 20;
const ROOM_US = 10 * SECOND;
const REMOVED = { key: "removed", value: "", effect: "NoSchedule" } as const;

/** Everything that was seen of one run. */
export interface SchedRun {
  readonly rows: readonly TimelineRow[];
  /** Moments of each attempt in ms, by pod. */
  readonly attemptsMs: ReadonlyMap<string, readonly number[]>;
  readonly attempts: readonly { readonly ms: number; readonly name: string }[];
}

export function rebuildSched(recording: SchedRecording, seed: string): Rebuilt {
  const rebuilt = compileRecorded(scenarioOf(recording, seed));
  const { model } = rebuilt;
  const added = new Map(recording.nodes.map((node) => [node.name, node.addedMs]));
  const nodes = model.topology.nodes.map((node) => {
    const addedMs = added.get(node.name);
    return addedMs === undefined ? node : { ...node, joinsAtUs: Math.round(addedMs * MILLISECOND) };
  });
  const { scheduler } = model.controlPlane;
  const leaderElection = { ...scheduler.leaderElection, restartUs: { kind: "constant", value: 0 } as const };
  return {
    ...rebuilt,
    model: {
      ...model,
      topology: { ...model.topology, nodes },
      controlPlane: { ...model.controlPlane, scheduler: { ...scheduler, leaderElection } },
    },
  };
}

function scenarioOf(recording: SchedRecording, seed: string): object {
  const [first = ""] = recording.zones.keys();
  const joining = recording.nodes.map((node) =>
    nodeObject(node.name, {
      zone: first,
      cpu: String(cpuOf(recording, node)),
      taints: node.taints.map((key) => ({ key, effect: "NoSchedule" })),
    }),
  );
  return {
    apiVersion: "seatrial.dev/v1alpha1",
    kind: "Scenario",
    metadata: { name: recording.name },
    spec: {
      seed,
      horizon: `${Math.ceil(recording.endMs + ROOM_US / MILLISECOND)}ms`,
      topology: { latency: { withinCentre: "10us", sameSite: "10us", otherSite: "10us" } },
      workload: {
        objects: [
          ...nodeNames(recording).map((name) => nodeObject(name)),
          ...joining,
          ...templates(recording),
          ...backlogPods(recording),
        ],
      },
      controlPlane: {
        etcd: { members: { [first]: 1 }, fsync: MACHINE.fsync },
        apiServers: { [first]: 1 },
        apiServer: { request: MACHINE.request, watch: MACHINE.watch },
        controllerManager: { instances: [first], ...flagFields(recording) },
        scheduler: { instances: [first] },
      },
      kubelet: {
        sandbox: "0s",
        imagePull: "0s",
        container: "0s",
        readiness: `${recording.startDelayMs}ms`,
        termination: `${Math.max(recording.terminationMs, recording.victimsEndMs)}ms`,
        boot: "0s",
      },
    },
  };
}

/** A preemptor needs the whole of a node that is full of low pods. */
function highCpu({ pods, nodes }: SchedRecording): number {
  const low = pods.filter(({ kind }) => kind === "low").length;
  const full = nodes.filter(({ name }) => name.startsWith(PREEMPTED_NODES)).length;
  return LOW_CPU * Math.max(1, Math.floor(low / Math.max(1, full)));
}

/** Room for exactly those big pods that wait for the node, or for one preemptor; otherwise as all nodes. */
function cpuOf(recording: SchedRecording, node: JoiningNode): number {
  if (node.name.startsWith(PREEMPTED_NODES)) return highCpu(recording);
  return Math.max(ZONE_CPU, BIG_CPU * waitingFor(recording, node).length);
}

/** What pods are made of, as Deployments of no replicas; `dep` is the one that is scaled. */
function templates(recording: SchedRecording): object[] {
  const graceSeconds = Math.ceil(recording.terminationMs / 1000);
  const lowGraceSeconds = Math.ceil(recording.victimsEndMs / 1000);
  return [
    deployment("dep", { cpu: "100m", graceSeconds }),
    deployment("small", { cpu: "100m", graceSeconds }),
    deployment("gated", { cpu: "100m", graceSeconds, gates: [{ name: "example.com/hold" }] }),
    deployment("big", { cpu: String(BIG_CPU), graceSeconds }),
    deployment("low", { cpu: String(LOW_CPU), graceSeconds: lowGraceSeconds }),
    deployment("high", { cpu: String(highCpu(recording)), graceSeconds, priority: 1000 }),
  ];
}

/**
 * Pods that the new leader finds waiting. It takes them in the order of a hash map: misfits come where the recording
 * had them.
 */
function backlogPods({ backlog, terminationMs }: SchedRecording): object[] {
  if (backlog === undefined) return [];
  const graceSeconds = Math.ceil(terminationMs / 1000);
  const misfitAt = new Map(backlog.misfits.map(({ name, attempt }) => [attempt, name]));
  return Array.from({ length: backlog.pods + backlog.misfits.length }, (_, n) => {
    const misfit = misfitAt.get(n + 1);
    const cpu = misfit === undefined ? "100m" : String(BIG_CPU);
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: misfit ?? `b0-${n}` },
      spec: podSpec("small", { cpu, graceSeconds }),
    };
  });
}

interface PodLook {
  readonly cpu: string;
  readonly graceSeconds: number;
  readonly priority?: number;
  readonly gates?: readonly object[];
}

function deployment(name: string, look: PodLook): object {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: podSpec(name, look) };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  };
}

function podSpec(name: string, { cpu, graceSeconds, priority, gates }: PodLook): object {
  return {
    terminationGracePeriodSeconds: graceSeconds,
    ...(priority === undefined ? {} : { priority }),
    ...(gates === undefined ? {} : { schedulingGates: gates }),
    containers: [{ name, image: name, resources: { requests: { cpu } } }],
  };
}

interface Step {
  readonly ms: number;
  run(user: User): void;
}

/** Simulates replication `replication` of the rebuilt cluster. */
export function simulateSched(
  recording: SchedRecording,
  { model, policy }: Rebuilt,
  replication: number,
): SchedRun {
  const streams = new RandomStreams(`${model.seed}/${replication}`);
  const cluster = new Cluster(model, policy, shelfWith(), streams, {});
  const rows: TimelineRow[] = [];
  const nowMs = (): number => cluster.sim.now / MILLISECOND;
  const watcher = new Watcher(cluster, rows);
  cluster.api.onDispatch((centre, change) => {
    if (centre === 0) watcher.see(change);
  });
  const attempts: { ms: number; name: string }[] = [];
  cluster.scheduler.onAttempt = (pod) => attempts.push({ ms: nowMs(), name: pod.name });
  cluster.start();
  if (recording.backlog !== undefined) cluster.schedulerElection.crash(0);
  const user = new User(cluster);
  for (const step of scriptOf(recording)) {
    cluster.sim.run(Math.round(step.ms * MILLISECOND));
    step.run(user);
  }
  // A stall that ends the recording may take a little longer here.
  cluster.sim.run(Math.round(recording.endMs * MILLISECOND) + ROOM_US);
  return { rows, attempts, attemptsMs: byPod(attempts) };
}

function byPod(attempts: readonly { ms: number; name: string }[]): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const { ms, name } of attempts) {
    const list = times.get(name);
    if (list === undefined) times.set(name, [ms]);
    else list.push(ms);
  }
  return times;
}

/** What was done to the cluster, in order of time. */
function scriptOf(recording: SchedRecording): Step[] {
  const steps: Step[] = [];
  const at = (ms: number, run: Step["run"]): void => {
    steps.push({ ms: Math.max(0, ms), run });
  };
  const { deployment, gatesRemovedMs, backlog } = recording;
  for (const { name, createdMs, deletedMs } of recording.bursts) {
    for (const [n, ms] of createdMs.entries()) {
      at(ms - HEARD_AFTER_MS, (user) => user.create(`${name}-${n}`, "small"));
    }
    if (deletedMs !== undefined) at(deletedMs, (user) => user.deleteAll(`${name}-`));
  }
  if (deployment !== undefined) {
    at(deployment.scaledMs, (user) => user.scale("dep", deployment.replicas));
    const after = deployment.createdMs.at(-1) ?? deployment.scaledMs;
    at(after + recording.startDelayMs + SECOND / MILLISECOND, (user) => user.scale("dep", 0));
  }
  if (backlog === undefined) {
    for (const { name, kind, createdMs } of recording.pods) {
      at(createdMs - HEARD_AFTER_MS, (user) => user.create(name, kind));
    }
  } else at(backlog.leadMs, (user) => user.startScheduler());
  if (gatesRemovedMs !== undefined) at(gatesRemovedMs, (user) => user.removeGates());
  for (const { name, removedMs } of recording.nodes) {
    if (removedMs !== undefined) at(removedMs, (user) => user.empty(name));
  }
  return steps.sort((a, b) => a.ms - b.ms);
}

/** Who does what the script says. */
class User {
  readonly #cluster: Cluster;
  readonly #client: ApiClient;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#client = cluster.api.client("script", () => 0, 0, 0);
  }

  create(name: string, kind: string): void {
    const { template } = this.#deployment(kind);
    this.#client.submit({
      type: "createPod",
      pod: {
        namespace: "default",
        name,
        workload: `pod/default/${name}`,
        template,
        owner: { kind: "None" },
        ordinal: 0,
        incarnation: 0,
        revision: 0,
        onlyNode: -1,
        durationUs: Number.POSITIVE_INFINITY,
      },
    });
  }

  scale(name: string, replicas: number): void {
    this.#client.submit({ type: "scale", kind: "Deployment", id: this.#deployment(name).id, replicas });
  }

  removeGates(): void {
    for (const pod of this.#livePods()) {
      if (pod.template.spec.schedulingGates.length > 0)
        this.#client.submit({ type: "removeGates", pod: pod.id });
    }
  }

  deleteAll(prefix: string): void {
    for (const pod of this.#livePods()) if (pod.name.startsWith(prefix)) this.#delete(pod);
  }

  /** Nodes stay in the model: one that was removed loses its pods and takes no more. */
  empty(name: string): void {
    const id = this.#cluster.core.model.topology.nodes.find((node) => node.name === name)?.id;
    if (id === undefined) return;
    this.#client.submit({ type: "nodeTaints", node: id, add: [REMOVED], remove: [] });
    for (const pod of this.#cluster.store.node(id).pods)
      this.#client.submit({ type: "removePod", pod: pod.id });
  }

  startScheduler(): void {
    this.#cluster.schedulerElection.restart(0);
  }

  #delete(pod: PodRecord): void {
    const gracePeriodUs = pod.template.spec.terminationGracePeriodSeconds * SECOND;
    const operation: Operation = { type: "deletePod", pod: pod.id, gracePeriodUs };
    this.#client.submit(operation);
  }

  #livePods(): PodRecord[] {
    return [...this.#cluster.store.livePods];
  }

  #deployment(name: string) {
    const found = this.#cluster.store.deployments.find((one) => one.name === name);
    if (found === undefined) throw new UnusableRecording(`no pods are made like "${name}"`);
    return found;
  }
}

/** Turns changes into the rows that a watching client would note. */
class Watcher {
  readonly #cluster: Cluster;
  readonly #rows: TimelineRow[];
  readonly #taints = new Map<number, ReadonlySet<string>>();
  readonly #phases = new Map<number, string>();

  constructor(cluster: Cluster, rows: TimelineRow[]) {
    this.#cluster = cluster;
    this.#rows = rows;
  }

  see(change: Change): void {
    switch (change.type) {
      case "nodeAdded":
        this.#note("node", this.#nodeName(change.node), "created");
        this.#taintsOf(change.node);
        break;
      case "nodeTaints":
        this.#taintsOf(change.node);
        break;
      case "podAdded":
        this.#note("pod", change.pod.name, "created");
        break;
      case "podBound":
        this.#note("pod", change.pod.name, "bound", this.#nodeName(change.pod.node));
        break;
      case "podNominated":
        this.#note("pod", change.pod.name, "nominated", this.#nodeName(change.pod.nominatedNode));
        break;
      case "podDeleting":
        if (change.pod.disruptionReason !== "")
          this.#note("pod", change.pod.name, `disruption=${change.pod.disruptionReason}`);
        this.#note("pod", change.pod.name, "deleting");
        break;
      case "podStatus": {
        const { id, name, phase } = change.pod;
        if (this.#phases.get(id) !== phase) this.#note("pod", name, `phase=${phase}`);
        this.#phases.set(id, phase);
        break;
      }
      case "podRemoved":
        this.#note("pod", change.pod.name, "gone");
        break;
      default:
        break;
    }
  }

  #taintsOf(node: number): void {
    const { taints } = this.#cluster.store.node(node);
    const now = new Set(
      taints.map(({ key, effect }) => `${key.replace("node.kubernetes.io/", "")}:${effect}`),
    );
    const before = this.#taints.get(node) ?? new Set<string>();
    for (const taint of before) if (!now.has(taint)) this.#note("taint", this.#nodeName(node), `-${taint}`);
    for (const taint of now) if (!before.has(taint)) this.#note("taint", this.#nodeName(node), `+${taint}`);
    this.#taints.set(node, now);
  }

  #note(kind: string, name: string, what: string, detail?: unknown): void {
    this.#rows.push({ ms: this.#cluster.sim.now / MILLISECOND, kind, name, what, detail });
  }

  #nodeName(node: number): string {
    return this.#cluster.core.model.topology.nodes[node]?.name ?? "";
  }
}
