/**
 * The whole cluster of one run: its parts built in order, each event wired to its handler. The one page to read for
 * who there is.
 */
import { assert } from "../assert.js";
import type { RandomStreams } from "../engine/random.js";
import { type Handlers, Simulation } from "../engine/simulation.js";
import type { PluginFactory } from "../policies/framework/types.js";
import { ApiServers } from "./api.js";
import { Arrivals } from "./arrivals.js";
import { ControllerManager } from "./controller-manager.js";
import { DaemonSetController } from "./controllers/daemon-set.js";
import { DeploymentController } from "./controllers/deployment.js";
import { EndpointSliceController } from "./controllers/endpoint-slice.js";
import { JobController } from "./controllers/job.js";
import { NodeTtlController } from "./controllers/node-ttl.js";
import { disruptionBudgets } from "./controllers/pod-disruption-budget.js";
import { ReplicaSetController } from "./controllers/replica-set.js";
import { StatefulSetController } from "./controllers/stateful-set.js";
import { WorkQueues } from "./controllers/work-queue.js";
import { type ClusterCore, Noise } from "./core.js";
import { EtcdMembers } from "./etcd.js";
import { EVENT_NAMES, type EventName } from "./events.js";
import { Failures } from "./failures.js";
import { applyInitialObjects } from "./initial-objects.js";
import { Kubelets } from "./kubelet.js";
import { LeaderElection } from "./leader-election.js";
import { LeaseBook } from "./leases.js";
import type { Model, PolicyModel, RunOptions } from "./model.js";
import { NetworkState } from "./network.js";
import { NodeLifecycle } from "./node-lifecycle.js";
import { PodGc } from "./pod-gc.js";
import { Proxies } from "./proxies.js";
import { ClusterRecorder } from "./recorder.js";
import { Rollouts } from "./rollouts.js";
import { Scheduler } from "./scheduler.js";
import { ClusterStore } from "./store.js";
import { TaintEviction } from "./taint-eviction.js";
import { Traffic } from "./traffic.js";

/** Both elections share two kinds of event; the scheduler's candidates are numbered from here, so others are fewer. */
const SCHEDULER_CANDIDATES = 1_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Cluster {
  readonly sim: Simulation<EventName>;
  readonly core: ClusterCore;
  readonly store: ClusterStore;
  readonly network: NetworkState;
  readonly etcd: EtcdMembers;
  readonly api: ApiServers;
  readonly leases: LeaseBook;
  readonly kubelets: Kubelets;
  readonly nodeLifecycle: NodeLifecycle;
  readonly traffic: Traffic;
  readonly scheduler: Scheduler;
  readonly controllerManager: ControllerManager;
  readonly controllerElection: LeaderElection;
  readonly schedulerElection: LeaderElection;
  readonly recorder: ClusterRecorder;
  readonly #failures: Failures;
  readonly #arrivals: Arrivals;
  readonly #rollouts: Rollouts;
  readonly #proxies: Proxies;

  constructor(
    model: Model,
    policy: PolicyModel,
    shelf: ReadonlyMap<string, PluginFactory>,
    streams: RandomStreams,
    options: RunOptions,
  ) {
    const sim = new Simulation<EventName>(
      EVENT_NAMES,
      options.stepsMax === undefined ? {} : { stepsMax: options.stepsMax },
    );
    const now = () => sim.now;
    const store = new ClusterStore();
    applyInitialObjects(store, model);
    // The parts see each other through `core`, whose faces are filled in as they are built.
    const core = { model, sim, streams, store, noise: new Noise(streams, now) } as Mutable<ClusterCore>;
    this.sim = sim;
    this.core = core;
    this.store = store;
    this.network = new NetworkState(core);
    core.network = this.network;
    this.etcd = new EtcdMembers(core, this.network);
    core.etcd = this.etcd;
    this.api = new ApiServers(core);
    core.api = this.api;
    this.leases = new LeaseBook(core);
    this.kubelets = new Kubelets(core, this.leases);
    this.#proxies = new Proxies(core);
    this.traffic = new Traffic(core, this.kubelets, this.#proxies);
    this.recorder = new ClusterRecorder(model, store, now, this.traffic, options.events === true);
    core.observer = this.recorder;
    this.traffic.onShare((service, _, share) => this.recorder.share(service, share));

    const queues = new WorkQueues(core);
    const lifecycle = new NodeLifecycle(core, this.leases);
    this.nodeLifecycle = lifecycle;
    const eviction = new TaintEviction(core);
    const podGc = new PodGc(core);
    const workloads = [
      new DeploymentController(core, queues),
      new ReplicaSetController(core, queues),
      new StatefulSetController(core, queues),
      new DaemonSetController(core, queues),
      new JobController(core, queues),
      new EndpointSliceController(core, queues),
    ];
    // Without heartbeats there is nothing to watch over nodes by.
    const nodeControllers =
      model.controlPlane.mode === "ideal" ? [] : [new NodeTtlController(core), lifecycle, eviction, podGc];
    this.controllerManager = new ControllerManager(core, [...nodeControllers, ...workloads]);
    this.scheduler = new Scheduler(core, policy, shelf, () => disruptionBudgets(store));
    const { controllerManager, scheduler } = model.controlPlane;
    assert(controllerManager.instances.length < SCHEDULER_CANDIDATES, "no two candidates have one number");
    this.controllerElection = new LeaderElection(
      core,
      "kube-controller-manager",
      controllerManager.instances,
      controllerManager.leaderElection,
      0,
      this.controllerManager,
    );
    this.schedulerElection = new LeaderElection(
      core,
      "kube-scheduler",
      scheduler.instances,
      scheduler.leaderElection,
      SCHEDULER_CANDIDATES,
      this.scheduler,
    );
    this.#arrivals = new Arrivals(core);
    this.#rollouts = new Rollouts(core);
    this.#failures = new Failures(core, {
      network: this.network,
      etcd: this.etcd,
      apiServers: this.api,
      controllerManager: this.controllerElection,
      scheduler: this.schedulerElection,
      kubelets: this.kubelets,
      networkChanged: () => this.traffic.networkChanged(),
    });

    const handlers: Handlers<EventName> = {
      ...this.etcd.handlers,
      ...this.api.handlers,
      ...this.scheduler.handlers,
      ...this.kubelets.handlers,
      ...lifecycle.handlers,
      ...eviction.handlers,
      ...podGc.handlers,
      ...queues.handlers,
      ...this.#proxies.handlers,
      ...this.traffic.handlers,
      ...this.#arrivals.handlers,
      ...this.#rollouts.handlers,
      ...this.#failures.handlers,
      "elector-tick": (candidate, generation) =>
        this.#election(candidate).tick(candidate % SCHEDULER_CANDIDATES, generation),
      "elector-restart": (candidate, generation) =>
        this.#election(candidate).restarted(candidate % SCHEDULER_CANDIDATES, generation),
    };
    sim.handle(handlers);
  }

  /** Everything starts, as if switched on at time 0 with the model's objects in etcd. */
  start(): void {
    this.recorder.takeOver();
    this.api.start();
    if (this.core.model.controlPlane.mode === "full") {
      this.etcd.start();
      this.leases.start();
    }
    this.kubelets.start();
    this.#proxies.start();
    this.traffic.start();
    this.controllerElection.start();
    this.schedulerElection.start();
    this.#arrivals.start();
    this.#rollouts.start();
    this.#failures.start();
  }

  #election(candidate: number): LeaderElection {
    return candidate < SCHEDULER_CANDIDATES ? this.controllerElection : this.schedulerElection;
  }
}
