/** Nodes, kubelets and the controllers that look after nodes, over an API that can be switched off. */
import type { PodTemplate, Taint, Toleration } from "../../src/api/objects.js";
import { emptyPodSpec } from "../../src/api/pods.js";
import type { Api, ApiClient, ClusterCore, Etcd, Network, RequestOutcome } from "../../src/cluster/core.js";
import { Noise } from "../../src/cluster/core.js";
import { EVENT_NAMES, type EventName } from "../../src/cluster/events.js";
import { Kubelets } from "../../src/cluster/kubelet.js";
import { LeaseBook } from "../../src/cluster/leases.js";
import type { Model } from "../../src/cluster/model.js";
import { NodeLifecycle } from "../../src/cluster/node-lifecycle.js";
import type { Observer } from "../../src/cluster/observer.js";
import { PodGc } from "../../src/cluster/pod-gc.js";
import {
  type Change,
  ClusterStore,
  type Operation,
  type PodOwner,
  type PodRecord,
} from "../../src/cluster/store.js";
import { TaintEviction } from "../../src/cluster/taint-eviction.js";
import { TokenBucket } from "../../src/cluster/token-bucket.js";
import { RandomStreams } from "../../src/engine/random.js";
import { type Handler, Simulation } from "../../src/engine/simulation.js";
import { layOutTopology } from "../../src/topology/topology.js";
import { MILLISECOND, type Micros, SECOND } from "../../src/units/time.js";
import type { Variate } from "../../src/units/variate.js";

export const constant = (value: number): Variate => ({ kind: "constant", value });

export interface HarnessOptions {
  readonly seed?: string;
  /** Nodes of each zone, one centre a zone. */
  readonly zones: readonly number[];
  readonly graceSeconds?: number;
  readonly periodSeconds?: number;
  readonly requestUs?: Variate;
  readonly taints?: readonly Taint[];
  /** The node lifecycle controller visits every node in every pass, and its worker has every tick. */
  readonly literal?: boolean;
}

/** One row of what happened: second, what. */
export type Row = readonly [seconds: number, what: string];

export class NodeHarness {
  readonly sim = new Simulation<EventName>(EVENT_NAMES);
  readonly store = new ClusterStore();
  readonly lit: boolean[];
  readonly joined: boolean[];
  readonly rows: Row[] = [];
  readonly core: ClusterCore;
  readonly leases: LeaseBook;
  readonly kubelets: Kubelets;
  readonly lifecycle: NodeLifecycle;
  readonly eviction: TaintEviction;
  readonly gc: PodGc;
  /** Centres whose API can be written. */
  readonly #writable: boolean[];
  readonly #requestUs: Variate;
  #availability: (() => void)[] = [];
  #dispatch: ((centre: number, change: Change) => void)[] = [];
  #sent: Sent[] = [];
  leading = false;

  constructor(options: HarnessOptions) {
    const model = modelOf(options);
    const nodes = model.topology.nodes;
    this.lit = nodes.map(() => true);
    this.joined = nodes.map(() => true);
    this.#writable = options.zones.map(() => true);
    this.#requestUs = options.requestUs ?? constant(8 * MILLISECOND);
    for (const node of nodes) {
      this.store.nodes.push({
        id: node.id,
        exists: true,
        ready: "True",
        taints: options.taints ?? [],
        unschedulable: false,
        pods: new Set(),
      });
    }
    const streams = new RandomStreams(options.seed ?? "1/0");
    const lookup: ClusterCore = {
      model,
      sim: this.sim,
      streams,
      store: this.store,
      network: this.#network(model),
      etcd: NO_ETCD,
      api: this.#api(),
      observer: SILENT,
      noise: new Noise(streams, () => this.sim.now),
    };
    this.core = lookup;
    this.leases = new LeaseBook(lookup);
    this.kubelets = new Kubelets(lookup, this.leases);
    this.lifecycle = new NodeLifecycle(lookup, this.leases, options.literal);
    this.eviction = new TaintEviction(lookup);
    this.gc = new PodGc(lookup);
    const handlers = {} as Record<EventName, Handler>;
    for (const name of EVENT_NAMES) handlers[name] = () => {};
    Object.assign(
      handlers,
      this.kubelets.handlers,
      this.lifecycle.handlers,
      this.eviction.handlers,
      this.gc.handlers,
      {
        "api-send": (_: number, index: number) => this.#arrive(index),
        "api-result": (_: number, index: number) => this.#answer(index),
        "watch-deliver": (_: number, index: number) => this.#deliver(index),
        arrival: (index: number) => this.#script[index]?.(),
      } satisfies Partial<Record<EventName, Handler>>,
    );
    this.sim.handle(handlers);
    this.store.listen((change) => this.#row(change));
    this.#dispatch.push((centre, change) => {
      if (centre !== 0 || !this.leading) return;
      for (const controller of [this.lifecycle, this.eviction, this.gc]) controller.onChange(change);
    });
  }

  readonly #script: (() => void)[] = [];

  /** Does something at a moment of the run. */
  at(seconds: number, action: () => void): void {
    this.#script.push(action);
    this.sim.schedule(Math.round(seconds * SECOND), this.sim.kinds.arrival, this.#script.length - 1);
  }

  /** The controllers start, as under a new leader. */
  lead(): void {
    this.leading = true;
    for (const controller of [this.lifecycle, this.eviction, this.gc]) controller.start(0);
  }

  abdicate(): void {
    this.leading = false;
    for (const controller of [this.lifecycle, this.eviction, this.gc]) controller.stop();
  }

  powerOff(node: number): void {
    this.lit[node] = false;
    this.kubelets.powerOff(node);
  }

  powerOn(node: number): void {
    this.lit[node] = true;
    this.kubelets.powerOn(node);
  }

  isolate(node: number): void {
    this.joined[node] = false;
    this.kubelets.isolate(node);
  }

  reconnect(node: number): void {
    this.joined[node] = true;
    this.kubelets.reconnect(node);
  }

  setWritable(centre: number, writable: boolean): void {
    this.#writable[centre] = writable;
    for (const listener of this.#availability) listener();
  }

  /** Makes a pod and binds it, without waiting. */
  pod(node: number, template: Partial<PodTemplate["spec"]> = {}, more: PodMore = {}): PodRecord {
    const outcome = this.store.apply(
      {
        type: "createPod",
        pod: {
          namespace: "default",
          name: more.name ?? `p${this.store.pods.length}`,
          workload: "pod/default/p",
          template: templateOf(template),
          owner: more.owner ?? { kind: "None" },
          ordinal: this.store.pods.length,
          incarnation: 0,
          revision: 0,
          onlyNode: -1,
          durationUs: more.durationUs ?? Number.POSITIVE_INFINITY,
        },
      },
      this.sim.now,
    );
    const pod = this.store.lastCreated;
    if (outcome !== "ok" || pod === undefined) throw new Error("the pod was not made");
    this.store.apply({ type: "bindPod", pod: pod.id, node }, this.sim.now);
    return pod;
  }

  /** Applies at once what nobody asks the API for, e.g. the test's own hand. */
  apply(operation: Operation): void {
    this.store.apply(operation, this.sim.now);
  }

  run(seconds: number): void {
    this.sim.run(Math.round(seconds * SECOND));
  }

  /** Moments in seconds of rows that contain the text. */
  when(text: string): number[] {
    return this.rows.filter(([, what]) => what.includes(text)).map(([at]) => at);
  }

  #row(change: Change): void {
    const second = this.sim.now / SECOND;
    if (change.type === "nodeReady") this.rows.push([second, `node ${change.node} ${change.ready}`]);
    else if (change.type === "nodeTaints") {
      const taints = this.store.node(change.node).taints.map((taint) => `${taint.key}:${taint.effect}`);
      this.rows.push([second, `node ${change.node} taints [${taints.join(" ")}]`]);
    } else if ("pod" in change) {
      const { pod } = change;
      const state = pod.removed ? "" : ` ${pod.phase} ${pod.ready ? "ready" : "notReady"}`;
      this.rows.push([second, `${change.type} ${pod.name} on ${pod.node}${state}`]);
    }
    const index = this.store.revision - 1;
    if (this.sim.now >= 0) {
      this.sim.schedule(this.sim.now + 3 * MILLISECOND, this.sim.kinds["watch-deliver"], 0, index);
    }
  }

  #deliver(index: number): void {
    const change = this.store.changes[index];
    if (change === undefined) return;
    for (let centre = 0; centre < this.#writable.length; centre++) {
      for (const listener of this.#dispatch) listener(centre, change);
    }
  }

  #arrive(index: number): void {
    const request = this.#sent[index];
    if (request === undefined || request.epoch !== request.client.epoch) return;
    const centre = request.client.where();
    const reached = centre >= 0 && this.#writable[centre] === true;
    const delay = reached ? this.core.noise.us("request", this.#requestUs) : 5 * MILLISECOND;
    request.reached = reached;
    this.sim.after(delay, this.sim.kinds["api-result"], 0, index);
  }

  #answer(index: number): void {
    const request = this.#sent[index];
    if (request === undefined || request.epoch !== request.client.epoch) return;
    const outcome: RequestOutcome = request.reached
      ? this.store.apply(request.operation, this.sim.now)
      : "unavailable";
    request.done?.(outcome);
  }

  #network(model: Model): Network {
    return {
      carries: () => true,
      connected: () => true,
      centreLit: () => true,
      nodeLit: (node) => this.lit[node] === true,
      nodeOnNetwork: (node) => this.lit[node] === true && this.joined[node] === true,
      nodesConnected: () => true,
      latencyUs: () => 0,
      roundTripLoss: () => (model.topology.nodes.length > 0 ? 0 : 1),
    };
  }

  #api(): Api {
    const harness = this;
    return {
      client(_name, where, qps, burst): ApiClient {
        const client: TestClient = {
          where,
          epoch: 0,
          submit(operation, done) {
            const at = bucket.reserve(harness.sim.now);
            harness.#sent.push({ client, epoch: client.epoch, operation, done, reached: false });
            harness.sim.schedule(at, harness.sim.kinds["api-send"], 0, harness.#sent.length - 1);
          },
          submitNoop(done) {
            client.submit({ type: "noop" }, done);
          },
          reset() {
            client.epoch++;
            bucket.reset(harness.sim.now);
          },
        };
        const bucket = new TokenBucket(qps, burst);
        return client;
      },
      writable: (centre) => harness.#writable[centre] === true,
      attached: (centre) => (harness.#writable[centre] === true ? centre : -1),
      onDispatch: (listener) => harness.#dispatch.push(listener),
      onAvailability: (listener) => harness.#availability.push(listener),
      availabilityMayHaveChanged: () => {},
    };
  }
}

interface PodMore {
  readonly name?: string;
  readonly owner?: PodOwner;
  readonly durationUs?: Micros;
}

interface TestClient extends ApiClient {
  readonly where: () => number;
  epoch: number;
}

interface Sent {
  readonly client: TestClient;
  readonly epoch: number;
  readonly operation: Operation;
  readonly done: ((outcome: RequestOutcome) => void) | undefined;
  reached: boolean;
}

const NO_ETCD: Etcd = {
  memberUp: () => true,
  memberCentre: () => 0,
  leader: () => 0,
  writableAt: () => true,
  propose: () => {},
  onApplied: () => {},
};

const SILENT: Observer = {
  pod: () => {},
  nodeReady: () => {},
  taint: () => {},
  leader: () => {},
  endpoints: () => {},
  proxies: () => {},
  failure: () => {},
  process: () => {},
  unschedulable: () => {},
};

/** A toleration of both of the controller's taints. */
export function tolerations(seconds: number | undefined): Toleration[] {
  return ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map((key) => ({
    key,
    operator: "Exists",
    value: "",
    effect: "NoExecute",
    ...(seconds === undefined ? {} : { tolerationSeconds: seconds }),
  }));
}

function templateOf(spec: Partial<PodTemplate["spec"]>): PodTemplate {
  return {
    labels: {},
    annotations: {},
    spec: {
      ...emptyPodSpec([{ name: "c", image: "i", resources: { requests: {}, limits: {} }, ports: [] }]),
      tolerations: tolerations(300),
      ...spec,
    },
  };
}

function modelOf(options: HarnessOptions): Model {
  const topology = layOutTopology({
    sites: [
      {
        name: "r1",
        centres: options.zones.map((count, zone) => ({
          name: `z${zone}`,
          racks: 1,
          nodePools: [{ name: "n", count, allocatable: {}, labels: {}, taints: [] }],
        })),
      },
    ],
    links: [],
    defaultLinkUs: { sameSite: constant(0), otherSite: constant(0) },
    withinCentreUs: constant(0),
    nodes: [],
  });
  const election = {
    leaseDurationUs: 15 * SECOND,
    renewDeadlineUs: 10 * SECOND,
    retryPeriodUs: 2 * SECOND,
    releaseOnCancel: false,
    restartUs: constant(SECOND),
  };
  return {
    name: "nodes",
    seed: "1",
    warmUpUs: 0,
    horizonUs: 3600 * SECOND,
    topology,
    controlPlane: {
      mode: "full",
      etcd: {
        members: [],
        heartbeatIntervalUs: 100 * MILLISECOND,
        electionTimeoutUs: SECOND,
        preVote: true,
        checkQuorum: true,
        fsyncUs: constant(0),
        tickPhase: "drawn",
        startUs: constant(0),
      },
      apiServers: {
        instances: [],
        requestUs: constant(0),
        watchUs: constant(0),
        clientTimeoutUs: 10 * SECOND,
        startUs: constant(0),
        failoverUs: constant(0),
      },
      controllerManager: {
        instances: [0],
        leaderElection: election,
        nodeMonitorPeriodUs: (options.periodSeconds ?? 5) * SECOND,
        nodeMonitorGracePeriodUs: (options.graceSeconds ?? 50) * SECOND,
        monitorPassPerNodeUs: { kind: "uniform", min: 100, max: 550 },
        nodeEvictionRate: 0.1,
        secondaryNodeEvictionRate: 0.01,
        unhealthyZoneThreshold: 0.55,
        largeClusterSizeThreshold: 50,
        clientQps: 20,
        clientBurst: 30,
        syncUs: constant(0),
        podGcPeriodUs: 20 * SECOND,
        endpointRetryShare: 0,
        endpointRetryUs: SECOND,
        jobSyncDelayUs: SECOND,
      },
      scheduler: {
        instances: [],
        leaderElection: election,
        clientQps: 50,
        clientBurst: 100,
        cycleUs: constant(0),
        cyclePerNodeUs: 0,
        backoffInitialUs: SECOND,
        backoffMaxUs: 10 * SECOND,
        unschedulableTimeoutUs: 300 * SECOND,
        unschedulableFlushUs: 30 * SECOND,
        popFromBackoff: true,
      },
    },
    kubelet: {
      leaseRenewUs: 10 * SECOND,
      leaseJitter: 0.04,
      statusPeriodUs: 10 * SECOND,
      clientQps: 50,
      clientBurst: 100,
      start: {
        sandboxUs: constant(500 * MILLISECOND),
        imagePullUs: constant(500 * MILLISECOND),
        containerUs: constant(500 * MILLISECOND),
        readinessUs: constant(500 * MILLISECOND),
      },
      terminationUs: constant(SECOND),
      bootUs: constant(0),
    },
    network: {
      proxySyncUs: constant(0),
      entryFailoverUs: constant(0),
      healRetransmission: false,
    },
    objects: [],
    arrivals: [],
    rollouts: [],
    traffic: [],
    failures: [],
    metrics: { seriesIntervalUs: 10 * SECOND, recoveryShare: 0.99, recoveryHoldUs: 30 * SECOND },
  };
}
