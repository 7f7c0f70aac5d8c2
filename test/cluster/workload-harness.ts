/**
 * A cluster in small for tests of controllers: an API that applies a write a few milliseconds after its client's token
 * comes up, one watch, a scheduler that takes the emptiest node, kubelets that start and stop pods in constant time.
 */
import type { KubernetesObject, PodSpec, PodTemplate } from "../../src/api/objects.js";
import { emptyPodSpec } from "../../src/api/pods.js";
import { DaemonSetController } from "../../src/cluster/controllers/daemon-set.js";
import { DeploymentController } from "../../src/cluster/controllers/deployment.js";
import { EndpointSliceController } from "../../src/cluster/controllers/endpoint-slice.js";
import { JobController } from "../../src/cluster/controllers/job.js";
import { ReplicaSetController } from "../../src/cluster/controllers/replica-set.js";
import { StatefulSetController } from "../../src/cluster/controllers/stateful-set.js";
import { WorkQueues } from "../../src/cluster/controllers/work-queue.js";
import {
  type Api,
  type ApiClient,
  type ClusterCore,
  type Controller,
  type Etcd,
  type Network,
  Noise,
  type RequestOutcome,
} from "../../src/cluster/core.js";
import { EVENT_NAMES, type EventName } from "../../src/cluster/events.js";
import { applyInitialObjects } from "../../src/cluster/initial-objects.js";
import type { ArrivalModel, Model, RolloutModel, TrafficModel } from "../../src/cluster/model.js";
import type { Observer } from "../../src/cluster/observer.js";
import { type Change, ClusterStore, type Operation, type PodRecord } from "../../src/cluster/store.js";
import { TokenBucket } from "../../src/cluster/token-bucket.js";
import { RandomStreams } from "../../src/engine/random.js";
import { type Handler, type Handlers, Simulation } from "../../src/engine/simulation.js";
import { SlotTable } from "../../src/engine/slots.js";
import { layOutTopology, type PlacedNodeSpec } from "../../src/topology/topology.js";
import { MILLISECOND, type Micros, SECOND } from "../../src/units/time.js";
import type { Variate } from "../../src/units/variate.js";

export interface HarnessOptions {
  readonly seed?: string;
  readonly objects?: readonly KubernetesObject[];
  /** Nodes of each centre: production, recovery (one site) and remote (another). */
  readonly nodes?: readonly number[];
  readonly nodeSpec?: (name: string) => Partial<PlacedNodeSpec>;
  readonly startUs?: Micros;
  readonly terminationUs?: Micros;
  readonly syncUs?: Variate;
  readonly requestUs?: Variate;
  readonly qps?: number;
  readonly endpointRetryShare?: number;
  readonly proxySyncUs?: Variate;
  readonly entryFailoverUs?: Variate;
  readonly warmUpUs?: Micros;
  readonly horizonUs?: Micros;
  readonly traffic?: readonly TrafficModel[];
  readonly arrivals?: readonly ArrivalModel[];
  readonly rollouts?: readonly RolloutModel[];
  /** Share of requests that the API refuses or leaves unanswered. */
  readonly errorShare?: number;
}

interface Request {
  readonly operation: Operation;
  readonly done: ((outcome: RequestOutcome) => void) | undefined;
  /** The process that sent it lives. */
  readonly isCurrent: () => boolean;
  readonly where: () => number;
}

/** A constant number of µs. */
export function constant(value: Micros): Variate {
  return { kind: "constant", value };
}

export class Harness implements ClusterCore {
  readonly model: Model;
  readonly sim = new Simulation<EventName>(EVENT_NAMES, { stepsPerInstantMax: 100_000 });
  readonly streams: RandomStreams;
  readonly store = new ClusterStore();
  readonly observer: Observer;
  readonly noise: Noise;
  readonly etcd: Etcd;
  readonly network: Network;
  readonly api: Api;
  readonly queues: WorkQueues;
  readonly controllers: readonly Controller[];

  readonly darkCentres = new Set<number>();
  readonly isolatedNodes = new Set<number>();
  /** `a-b`: both directions are cut. */
  readonly cutLinks = new Set<string>();
  loss = 0;
  /** Kubelets of these nodes say and do nothing. */
  readonly silentNodes = new Set<number>();
  /** Pods whose containers run and answer. */
  readonly serving = new Set<PodRecord>();
  readonly servingListeners: ((pod: PodRecord) => void)[] = [];
  /** Each write as it was applied, with its moment. */
  readonly writes: { readonly atUs: Micros; readonly operation: Operation; readonly client: string }[] = [];
  apiUp = true;

  readonly #options: HarnessOptions;
  readonly #requests = new SlotTable<Request & { readonly client: string }>();
  readonly #dispatch: ((centre: number, change: Change) => void)[] = [];
  #seen = 0;
  #leading = -1;

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    this.model = modelOf(options);
    this.streams = new RandomStreams(options.seed ?? "test");
    this.noise = new Noise(this.streams, () => this.sim.now);
    this.observer = silentObserver();
    this.etcd = absent<Etcd>();
    this.network = this.#makeNetwork();
    this.api = this.#makeApi();
    this.queues = new WorkQueues(this);
    this.controllers = [
      new DeploymentController(this, this.queues),
      new ReplicaSetController(this, this.queues),
      new StatefulSetController(this, this.queues),
      new DaemonSetController(this, this.queues),
      new JobController(this, this.queues),
      new EndpointSliceController(this, this.queues),
    ];
    applyInitialObjects(this.store, this.model);
    this.store.listen(() =>
      this.sim.after(Math.ceil(this.#requestUs() / 2), this.sim.kinds["watch-deliver"], 0),
    );
  }

  /** Wires the handlers (with those of further parts) and lets a controller manager lead in centre 0. */
  start(parts: readonly Partial<Record<EventName, Handler>>[] = []): this {
    const idle = Object.fromEntries(EVENT_NAMES.map((name) => [name, refuse(name)])) as Record<
      EventName,
      Handler
    >;
    const own: Partial<Record<EventName, Handler>> = {
      "api-send": (_, slot) => this.#apply(slot),
      "watch-deliver": () => this.#deliver(),
      "scheduler-cycle": (pod) => this.#bind(this.store.pod(pod)),
      "kubelet-stage": (pod) => this.#started(this.store.pod(pod)),
      "kubelet-terminated": (pod) => this.#terminated(this.store.pod(pod)),
      "pod-completed": (pod) => this.#completed(this.store.pod(pod)),
    };
    const handlers: Handlers<EventName> = Object.assign(idle, own, this.queues.handlers, ...parts);
    this.sim.handle(handlers);
    this.lead(0);
    this.#seen = this.store.changes.length;
    for (const pod of this.store.livePods) {
      if (pod.node < 0) this.sim.after(MILLISECOND, this.sim.kinds["scheduler-cycle"], pod.id);
      else if (pod.ready) this.setServing(pod, true);
    }
    return this;
  }

  /** A controller manager leads in the centre, or none (-1). */
  lead(centre: number): void {
    this.#leading = centre;
    for (const controller of this.controllers) {
      if (centre >= 0) controller.start(centre);
      else controller.stop();
    }
  }

  runFor(span: Micros): void {
    this.sim.run(this.sim.now + span);
  }

  /** Applies a write now, as somebody else's. */
  write(operation: Operation): void {
    this.#record(operation, "test");
  }

  setServing(pod: PodRecord, serving: boolean): void {
    if (serving) this.serving.add(pod);
    else this.serving.delete(pod);
    for (const listener of this.servingListeners) listener(pod);
  }

  isServing(pod: PodRecord): boolean {
    return this.serving.has(pod);
  }

  onServing(listener: (pod: PodRecord) => void): void {
    this.servingListeners.push(listener);
  }

  #requestUs(): Micros {
    return this.noise.us("request", this.#options.requestUs ?? constant(6 * MILLISECOND));
  }

  #record(operation: Operation, client: string): RequestOutcome {
    this.writes.push({ atUs: this.sim.now, operation, client });
    return this.store.apply(operation, this.sim.now);
  }

  #apply(slot: number): void {
    const { operation, done, isCurrent, where, client } = this.#requests.take(slot);
    if (!isCurrent()) return;
    const unlucky = this.noise.uniform("api-error") < (this.#options.errorShare ?? 0);
    if (!this.apiUp || where() < 0) done?.("unavailable");
    else if (!unlucky) done?.(this.#record(operation, client));
    else if (this.noise.uniform("api-error-kind") < 0.5) done?.("unavailable");
    else {
      // Unanswered, but done all the same.
      this.#record(operation, client);
      done?.("timeout");
    }
  }

  #deliver(): void {
    while (this.#seen < this.store.changes.length) {
      const change = this.store.changes[this.#seen++];
      if (change === undefined) return;
      for (const listener of this.#dispatch) {
        for (const { id } of this.model.topology.centres) {
          if (!this.darkCentres.has(id) && this.network.connected(0, id)) listener(id, change);
        }
      }
      if (this.#leading >= 0) for (const controller of this.controllers) controller.onChange(change);
      this.#kubelet(change);
    }
  }

  #kubelet(change: Change): void {
    const { sim } = this;
    const start = this.#options.startUs ?? 2 * SECOND;
    if (change.type === "podAdded") sim.after(MILLISECOND, sim.kinds["scheduler-cycle"], change.pod.id);
    else if (change.type === "podBound") sim.after(start, sim.kinds["kubelet-stage"], change.pod.id);
    else if (change.type === "podDeleting") {
      sim.after(this.#options.terminationUs ?? SECOND, sim.kinds["kubelet-terminated"], change.pod.id);
    }
  }

  #bind(pod: PodRecord): void {
    if (pod.removed || pod.node >= 0) return;
    let node = pod.onlyNode;
    if (node < 0) {
      const open = this.store.nodes.filter(({ taints }) => taints.length === 0);
      node = open.reduce((best, one) => (one.pods.size < best.pods.size ? one : best), open[0] ?? never()).id;
    }
    this.#record({ type: "bindPod", pod: pod.id, node }, "scheduler");
  }

  #started(pod: PodRecord): void {
    if (pod.removed || pod.deletingUs >= 0 || pod.phase !== "Pending" || this.silentNodes.has(pod.node))
      return;
    this.setServing(pod, true);
    this.#record({ type: "podStatus", pod: pod.id, phase: "Running", ready: true }, "kubelet");
    if (Number.isFinite(pod.durationUs)) {
      this.sim.after(pod.durationUs, this.sim.kinds["pod-completed"], pod.id);
    }
  }

  #terminated(pod: PodRecord): void {
    if (pod.removed || this.silentNodes.has(pod.node)) return;
    this.setServing(pod, false);
    this.#record({ type: "removePod", pod: pod.id }, "kubelet");
  }

  #completed(pod: PodRecord): void {
    if (pod.removed || pod.deletingUs >= 0 || this.silentNodes.has(pod.node)) return;
    this.setServing(pod, false);
    this.#record({ type: "podStatus", pod: pod.id, phase: "Succeeded", ready: false }, "kubelet");
  }

  #makeApi(): Api {
    return {
      client: (name, where, qps, burst) => this.#makeClient(name, where, this.#options.qps ?? qps, burst),
      writable: () => this.apiUp,
      attached: () => (this.apiUp ? 0 : -1),
      onDispatch: (listener) => void this.#dispatch.push(listener),
      onAvailability: () => undefined,
      availabilityMayHaveChanged: () => undefined,
    };
  }

  #makeClient(client: string, where: () => number, qps: number, burst: number): ApiClient {
    const bucket = new TokenBucket(qps, burst);
    let epoch = 0;
    const submit = (operation: Operation, done?: (outcome: RequestOutcome) => void): void => {
      const sent = epoch;
      const isCurrent = (): boolean => sent === epoch;
      const at = bucket.reserve(this.sim.now) + this.#requestUs();
      this.sim.schedule(
        at,
        this.sim.kinds["api-send"],
        0,
        this.#requests.put({ operation, done, isCurrent, where, client }),
      );
    };
    return {
      submit,
      submitNoop: (done) => submit({ type: "noop" }, done),
      reset: () => {
        epoch++;
        bucket.reset(this.sim.now);
      },
    };
  }

  #makeNetwork(): Network {
    const lit = (centre: number): boolean => !this.darkCentres.has(centre);
    const connected = (a: number, b: number): boolean =>
      lit(a) && lit(b) && !this.cutLinks.has(`${Math.min(a, b)}-${Math.max(a, b)}`);
    const centreOf = (node: number): number => this.model.topology.nodes[node]?.centre ?? never();
    const onNetwork = (node: number): boolean => lit(centreOf(node)) && !this.isolatedNodes.has(node);
    return {
      carries: connected,
      connected,
      centreLit: lit,
      nodeLit: (node) => lit(centreOf(node)),
      nodeOnNetwork: onNetwork,
      nodesConnected: (a, b) => onNetwork(a) && onNetwork(b) && connected(centreOf(a), centreOf(b)),
      latencyUs: () => 0,
      roundTripLoss: (a, b) => (a === b ? 0 : this.loss),
    };
  }
}

function modelOf(options: HarnessOptions): Model {
  const counts = options.nodes ?? [4];
  const names = ["production", "recovery", "remote"].slice(0, counts.length);
  const centre = (name: string) => ({ name, racks: 0, nodePools: [] });
  const topology = layOutTopology({
    sites: [
      { name: "metro", centres: names.slice(0, 2).map(centre) },
      ...(names.length > 2 ? [{ name: "far", centres: names.slice(2).map(centre) }] : []),
    ],
    links: [],
    defaultLinkUs: { sameSite: constant(1_000), otherSite: constant(15_000) },
    withinCentreUs: constant(100),
    nodes: names.flatMap((name, index) =>
      Array.from({ length: counts[index] ?? 0 }, (_, ordinal) => ({
        name: `${name}-${ordinal}`,
        centre: name,
        rack: -1,
        labels: {},
        taints: [],
        unschedulable: false,
        allocatable: {},
        ...options.nodeSpec?.(`${name}-${ordinal}`),
      })),
    ),
  });
  const controllerManager = {
    syncUs: options.syncUs ?? constant(10 * MILLISECOND),
    clientQps: 20,
    clientBurst: 30,
    endpointRetryShare: options.endpointRetryShare ?? 0,
    endpointRetryUs: SECOND,
    jobSyncDelayUs: SECOND,
  };
  const apiServers = { instances: names.map((name, index) => ({ name, centre: index })) };
  // Only what these parts read; the rest of the model belongs to others' tests.
  return {
    name: "test",
    seed: "test",
    warmUpUs: options.warmUpUs ?? 0,
    horizonUs: options.horizonUs ?? 3_600 * SECOND,
    topology,
    controlPlane: { mode: "full", controllerManager, apiServers },
    network: {
      proxySyncUs: options.proxySyncUs ?? constant(100 * MILLISECOND),
      entryFailoverUs: options.entryFailoverUs ?? constant(60 * SECOND),
      healRetransmission: false,
    },
    objects: options.objects ?? [],
    arrivals: options.arrivals ?? [],
    rollouts: options.rollouts ?? [],
    traffic: options.traffic ?? [],
    failures: [],
  } as unknown as Model;
}

function silentObserver(): Observer {
  const nothing = (): void => undefined;
  return {
    pod: nothing,
    nodeReady: nothing,
    taint: nothing,
    leader: nothing,
    endpoints: nothing,
    proxies: nothing,
    failure: nothing,
    process: nothing,
    unschedulable: nothing,
  };
}

function absent<T extends object>(): T {
  return new Proxy({} as T, {
    get: (_, name) => {
      throw new Error(`the harness has no ${String(name)}`);
    },
  });
}

function refuse(name: EventName): Handler {
  return () => {
    throw new Error(`no handler for ${name}`);
  };
}

function never(): never {
  throw new Error("cannot be");
}

export function podTemplate(app: string, spec: Partial<PodSpec> = {}, annotations = {}): PodTemplate {
  return { labels: { app }, annotations, spec: { ...emptyPodSpec(), ...spec } };
}

export function metadata(name: string, extra: object = {}) {
  const base = { name, namespace: "shop", uid: "", labels: {}, annotations: {}, ownerReferences: [] };
  return { ...base, ...extra };
}

const selecting = (app: string) => ({ matchLabels: { app }, matchExpressions: [] });

type ObjectOf<Kind extends KubernetesObject["kind"]> = Extract<KubernetesObject, { kind: Kind }>;

export function deployment(name: string, replicas: number, more: Partial<ObjectOf<"Deployment">> = {}) {
  const object: ObjectOf<"Deployment"> = {
    kind: "Deployment",
    metadata: metadata(name),
    replicas,
    selector: selecting(name),
    template: podTemplate(name),
    strategy: { type: "RollingUpdate", maxSurge: { percent: 25 }, maxUnavailable: { percent: 25 } },
    minReadySeconds: 0,
    ...more,
  };
  return object;
}

export function replicaSet(name: string, replicas: number, more: Partial<ObjectOf<"ReplicaSet">> = {}) {
  const object: ObjectOf<"ReplicaSet"> = {
    kind: "ReplicaSet",
    metadata: metadata(name),
    replicas,
    selector: selecting(name),
    template: podTemplate(name),
    minReadySeconds: 0,
    ...more,
  };
  return object;
}

export function statefulSet(name: string, replicas: number, more: Partial<ObjectOf<"StatefulSet">> = {}) {
  const object: ObjectOf<"StatefulSet"> = {
    kind: "StatefulSet",
    metadata: metadata(name),
    replicas,
    selector: selecting(name),
    template: podTemplate(name),
    serviceName: name,
    podManagementPolicy: "OrderedReady",
    updateStrategy: "RollingUpdate",
    minReadySeconds: 0,
    ...more,
  };
  return object;
}

export function daemonSet(name: string, more: Partial<ObjectOf<"DaemonSet">> = {}) {
  const object: ObjectOf<"DaemonSet"> = {
    kind: "DaemonSet",
    metadata: metadata(name),
    selector: selecting(name),
    template: podTemplate(name),
    updateStrategy: "RollingUpdate",
    maxUnavailable: { absolute: 1 },
    minReadySeconds: 0,
    ...more,
  };
  return object;
}

export function job(name: string, more: Partial<ObjectOf<"Job">> = {}) {
  const object: ObjectOf<"Job"> = {
    kind: "Job",
    metadata: metadata(name),
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    podReplacementPolicy: "TerminatingOrFailed",
    template: podTemplate(name, { restartPolicy: "Never" }, { "seatrial.dev/duration": "20s" }),
    ...more,
  };
  return object;
}

export function service(name: string, app = name): KubernetesObject {
  return { kind: "Service", metadata: metadata(name), selector: { app }, type: "ClusterIP", ports: [] };
}
