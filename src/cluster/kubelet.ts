/**
 * The kubelets of all nodes: they see what is bound to them, run it (pod-workers.ts), and say that they live
 * (leases.ts). A node off the network goes on inside; a node without power has forgotten everything.
 */
import { assert, unreachable } from "../assert.js";
import { quantile } from "../engine/variates.js";
import { type Micros, SECOND } from "../units/time.js";
import type { ApiClient, ClusterCore } from "./core.js";
import type { LeaseBook } from "./leases.js";
import { PodWorkers } from "./pod-workers.js";
import type { Change, PodRecord } from "./store.js";

/** A registration that failed is tried again, after 7 s at the latest (kubelet_node_status.go). */
const REGISTER_RETRY_US: Micros = 7 * SECOND;

interface NodeAgent {
  /** Its kubelet runs. */
  up: boolean;
  /** It has not listed its pods since it started or rejoined. */
  listing: boolean;
  generation: number;
  boots: number;
  loops: number;
  /** A status loop is due. */
  statusDue: boolean;
  client: ApiClient | undefined;
}

export class Kubelets {
  readonly #core: ClusterCore;
  readonly #leases: LeaseBook;
  readonly #workers: PodWorkers;
  readonly #nodes: NodeAgent[];

  constructor(core: ClusterCore, leases: LeaseBook) {
    this.#core = core;
    this.#leases = leases;
    this.#workers = new PodWorkers(core, (node) => this.#client(node));
    this.#nodes = core.model.topology.nodes.map(() => ({
      up: true,
      listing: false,
      generation: 0,
      boots: 0,
      loops: 0,
      statusDue: false,
      client: undefined,
    }));
    this.handlers = {
      ...this.#workers.handlers,
      "kubelet-status": (node, generation) => this.#statusLoop(node, generation),
      "kubelet-boot": (node, generation) => this.#booted(node, generation),
    };
    core.api.onDispatch((centre, change) => this.#see(centre, change));
    core.api.onAvailability(() => this.#listWaiting());
  }

  readonly handlers: PodWorkers["handlers"] &
    Readonly<Record<"kubelet-status" | "kubelet-boot", (node: number, generation: number) => void>>;

  /** Before the run: pods that the store already places are taken over; those already ready go on running. */
  start(): void {
    const { sim, model, store } = this.#core;
    for (const { id, joinsAtUs } of model.topology.nodes) {
      if (joinsAtUs === undefined) continue;
      // Without controllers of nodes nobody would take the new Node's not-ready taint off.
      assert(model.controlPlane.mode === "full", "nodes join a full control plane");
      const agent = this.#node(id);
      agent.up = false;
      this.#leases.stop(id);
      sim.schedule(joinsAtUs, sim.kinds["kubelet-boot"], id, agent.generation);
    }
    for (const node of store.nodes) {
      for (const pod of node.pods) {
        if (pod.phase === "Running" && pod.deletingUs < 0) this.#workers.adoptRunning(pod);
        else this.#workers.see(pod);
      }
    }
  }

  /** Its containers really run, on a lit node, and have passed readiness: what a request that reaches it finds. */
  isServing(pod: PodRecord): boolean {
    return this.#workers.isServing(pod);
  }

  /** Told of every change of {@link isServing}. */
  onServing(listener: (pod: PodRecord, serving: boolean) => void): void {
    this.#workers.onServing(listener);
  }

  /** Everything on the node stops at once. */
  powerOff(node: number): void {
    const agent = this.#node(node);
    agent.up = false;
    agent.generation++;
    agent.statusDue = false;
    this.#leases.stop(node);
    this.#workers.killAll(node);
    agent.client?.reset();
  }

  /** Power is back: the kubelet runs after its boot time. */
  powerOn(node: number): void {
    const { sim, streams, model } = this.#core;
    const agent = this.#node(node);
    const u = streams.counted("kubelet/boot").uniform(node, agent.boots++);
    const boot = Math.max(0, Math.round(quantile(model.kubelet.bootUs, u)));
    const at = Math.max(sim.now + boot, model.topology.nodes[node]?.joinsAtUs ?? 0);
    sim.schedule(at, sim.kinds["kubelet-boot"], node, ++agent.generation);
  }

  /** Off the network; what runs goes on. */
  isolate(node: number): void {
    this.#leases.setOnNetwork(node, false);
  }

  /**
   * On the network again: pods are compared at once, the lease follows at its own tick, the Node turns Ready at the
   * next status loop.
   */
  reconnect(node: number): void {
    const agent = this.#node(node);
    this.#leases.setOnNetwork(node, true);
    if (!agent.up) return;
    agent.listing = true;
    this.#list(node);
    this.#statusSoon(node);
  }

  #see(centre: number, change: Change): void {
    switch (change.type) {
      case "podBound":
      case "podDeleting":
      case "podRemoved":
      case "podStatus": {
        const { node } = change.pod;
        if (node >= 0 && this.#hears(centre, node)) this.#workers.see(change.pod);
        break;
      }
      case "nodeReady":
        if (change.ready !== "True" && this.#hears(centre, change.node)) this.#statusSoon(change.node);
        break;
      case "podAdded":
      case "podNominated":
      case "podGates":
      case "nodeAdded":
      case "nodeTaints":
      case "endpoints":
      case "replicaSet":
      case "workload":
        break;
      default:
        unreachable(change);
    }
  }

  #hears(centre: number, node: number): boolean {
    const { model, network } = this.#core;
    if (model.topology.nodes[node]?.centre !== centre) return false;
    const agent = this.#node(node);
    return agent.up && !agent.listing && network.nodeOnNetwork(node);
  }

  #booted(node: number, generation: number): void {
    const agent = this.#node(node);
    if (agent.generation !== generation) return;
    if (!this.#core.store.node(node).exists) {
      this.#register(node, generation);
      return;
    }
    agent.up = true;
    this.#leases.resume(node);
    agent.listing = true;
    this.#list(node);
    agent.statusDue = true;
    this.#postStatus(node);
  }

  /** A kubelet whose Node is not there yet makes it, and begins its work once it is (registerWithAPIServer). */
  #register(node: number, generation: number): void {
    const { sim } = this.#core;
    this.#client(node).submit({ type: "createNode", node }, (outcome) => {
      if (this.#node(node).generation !== generation) return;
      const made = outcome === "ok" || outcome === "conflict";
      sim.after(made ? 0 : REGISTER_RETRY_US, sim.kinds["kubelet-boot"], node, generation);
    });
  }

  /** Lists the node's pods from the API, as soon as there is one to ask. */
  #list(node: number): void {
    const agent = this.#node(node);
    const { api, network, model } = this.#core;
    if (!agent.listing || !agent.up || !network.nodeOnNetwork(node)) return;
    if (api.attached(model.topology.nodes[node]?.centre ?? -1) < 0) return;
    agent.listing = false;
    this.#workers.resync(node);
  }

  #listWaiting(): void {
    this.#nodes.forEach((agent, node) => {
      if (agent.listing) this.#list(node);
    });
  }

  /** The kubelet's next status loop will see that the API says something else than itself. */
  #statusSoon(node: number): void {
    const agent = this.#node(node);
    if (agent.statusDue) return;
    agent.statusDue = true;
    this.#statusAtNextLoop(node);
  }

  #statusAtNextLoop(node: number): void {
    const { sim } = this.#core;
    sim.after(this.#toNextLoopUs(node), sim.kinds["kubelet-status"], node, this.#node(node).generation);
  }

  /** Loops are `statusPeriodUs` to 4 % more apart, at a phase that nobody else knows. */
  #toNextLoopUs(node: number): Micros {
    const { streams, model } = this.#core;
    const { statusPeriodUs, leaseJitter } = model.kubelet;
    const u = streams.counted("kubelet/status-loop").uniform(node, this.#node(node).loops++);
    return Math.round(u * statusPeriodUs * (1 + leaseJitter));
  }

  #statusLoop(node: number, generation: number): void {
    if (this.#node(node).generation === generation) this.#postStatus(node);
  }

  #postStatus(node: number): void {
    const agent = this.#node(node);
    const { generation } = agent;
    this.#client(node).submit({ type: "nodeReady", node, ready: "True" }, (outcome) => {
      if (agent.generation !== generation) return;
      if (outcome === "ok") {
        agent.statusDue = false;
        this.#leases.reported(node);
      } else this.#statusAtNextLoop(node);
    });
  }

  #client(node: number): ApiClient {
    const agent = this.#node(node);
    if (agent.client === undefined) {
      const { api, model, network } = this.#core;
      const centre = model.topology.nodes[node]?.centre ?? -1;
      const { clientQps, clientBurst } = model.kubelet;
      const where = (): number => (network.nodeOnNetwork(node) ? centre : -1);
      agent.client = api.client(`kubelet/${node}`, where, clientQps, clientBurst);
    }
    return agent.client;
  }

  #node(node: number): NodeAgent {
    return this.#nodes[node] as NodeAgent;
  }
}
