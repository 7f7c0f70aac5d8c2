/**
 * What must hold after every event of every run, whatever fails (docs/MODEL.md). On in tests; a
 * violation is a bug in Seatrial.
 */
import { assert } from "../assert.js";
import { podRequestsOf, type Requests } from "../policies/framework/pod-requests.js";
import { RaftInvariants } from "../raft/checkers.js";
import type { Quantity } from "../units/quantity.js";
import type { EtcdMembers } from "./etcd.js";
import type { LeaderElection } from "./leader-election.js";
import type { Model } from "./model.js";
import type { Change, ClusterStore, PodRecord } from "./store.js";

export interface Watched {
  readonly model: Model;
  readonly store: ClusterStore;
  readonly etcd: EtcdMembers;
  readonly elections: readonly LeaderElection[];
}

export class Invariants {
  readonly #watched: Watched;
  readonly #raft = new RaftInvariants();
  readonly #wasUp = new Set<number>();
  readonly #dirtyNodes = new Set<number>();
  readonly #terminal = new Map<number, string>();
  readonly #boundTo = new Map<number, number>();
  /** Pods that no scheduler placed: they were there from the start, or named their node. They may overcommit it. */
  readonly #placedByName = new Set<number>();
  readonly #requests = new Map<object, Requests>();
  #revision: number;
  /** Looks taken, for tests that want to know that there were any. */
  checks = 0;

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#revision = watched.store.revision;
    for (const pod of watched.store.pods) this.#takeOver(pod);
    watched.store.listen((change) => this.#onChange(change));
  }

  /** A pod of the objects that the run begins with. */
  #takeOver(pod: PodRecord): void {
    if (pod.node >= 0) {
      this.#boundTo.set(pod.id, pod.node);
      this.#placedByName.add(pod.id);
    }
    if (pod.phase === "Succeeded" || pod.phase === "Failed") this.#terminal.set(pod.id, pod.phase);
  }

  /** To be called after every event. Throws an AssertionError that names the broken rule. */
  check(): void {
    this.checks++;
    this.#checkRaft();
    this.#checkLeaders();
    for (const node of this.#dirtyNodes) this.#checkNode(node);
    this.#dirtyNodes.clear();
  }

  #onChange(change: Change): void {
    const { store } = this.#watched;
    assert(store.revision === this.#revision + 1, "revisions grow by one, change by change");
    this.#revision = store.revision;
    switch (change.type) {
      case "podBound":
        this.#podBound(change.pod);
        break;
      case "podStatus":
        this.#podStatus(change.pod);
        break;
      case "podAdded":
        this.#podAdded(change.pod);
        break;
      case "nodeTaints":
        this.#dirtyNodes.add(change.node);
        break;
      case "endpoints":
        for (const id of change.pods) {
          assert(
            store.pod(id).services.includes(change.service) && store.pod(id).readyUs >= 0,
            `endpoint ${store.pod(id).name} is a pod of its service that was Ready once`,
          );
        }
        break;
      default:
        break;
    }
  }

  #podBound(pod: PodRecord): void {
    assert(!this.#boundTo.has(pod.id), `${pod.name}: spec.nodeName is set at most once`);
    this.#boundTo.set(pod.id, pod.node);
    assert(pod.onlyNode < 0 || pod.onlyNode === pod.node, `${pod.name} is bound to the node it is made for`);
    this.#dirtyNodes.add(pod.node);
  }

  #podStatus(pod: PodRecord): void {
    const before = this.#terminal.get(pod.id);
    assert(before === undefined || before === pod.phase, `${pod.name}: phase ${before} is for good`);
    if (pod.phase === "Succeeded" || pod.phase === "Failed") this.#terminal.set(pod.id, pod.phase);
    assert(!(pod.ready && pod.node < 0), `${pod.name} is Ready without a node`);
  }

  #podAdded(pod: PodRecord): void {
    if (pod.node >= 0) {
      this.#takeOver(pod);
      return;
    }
    if (pod.owner.kind !== "StatefulSet") return;
    let objects = 0;
    for (const other of this.#watched.store.statefulSet(pod.owner.id).pods) {
      if (other.ordinal === pod.ordinal) objects++;
    }
    assert(objects === 1, `${pod.name}: a StatefulSet has one object an ordinal`);
  }

  /** Requested ≤ allocatable, over pods that the scheduler placed; no contradictory taints. */
  #checkNode(id: number): void {
    const { store, model } = this.#watched;
    const node = store.node(id);
    const machine = model.topology.nodes[id];
    assert(machine !== undefined, `node ${id} exists`);
    const sums = new Map<string, Quantity>();
    let pods = 0n;
    for (const pod of node.pods) {
      if (this.#terminal.has(pod.id) || this.#placedByName.has(pod.id)) continue;
      pods += 1_000_000_000n;
      for (const [name, amount] of this.#requestsOf(pod)) sums.set(name, (sums.get(name) ?? 0n) + amount);
    }
    sums.set("pods", pods);
    for (const [name, sum] of sums) {
      const limit = machine.allocatable[name] ?? 0n;
      assert(sum <= limit, `${machine.name}: ${name} requested ${sum} ≤ allocatable ${limit} (nano-units)`);
    }
    const has = (key: string): boolean =>
      node.taints.some((taint) => taint.key === key && taint.effect === "NoExecute");
    assert(
      !(has("node.kubernetes.io/not-ready") && has("node.kubernetes.io/unreachable")),
      `${machine.name}: NoExecute not-ready and unreachable exclude each other`,
    );
  }

  #checkRaft(): void {
    if (this.#watched.model.controlPlane.mode === "ideal") return;
    const up = this.#watched.etcd.nodes();
    for (const id of this.#wasUp) {
      if (!up.some((node) => node.id === id)) {
        this.#raft.crashed(id);
        this.#wasUp.delete(id);
      }
    }
    for (const node of up) {
      this.#wasUp.add(node.id);
      this.#raft.observe(node);
    }
  }

  #checkLeaders(): void {
    for (const election of this.#watched.elections) {
      assert(election.leaders().length <= 1, "at most one active leader a lease");
    }
  }

  #requestsOf(pod: PodRecord): Requests {
    let requests = this.#requests.get(pod.template.spec);
    if (requests === undefined) {
      requests = podRequestsOf(pod.template.spec).effective;
      this.#requests.set(pod.template.spec, requests);
    }
    return requests;
  }
}
