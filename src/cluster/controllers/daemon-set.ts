/** The DaemonSet controller (pkg/controller/daemon): one pod on each node that fits, and none is moved. */

import type { Toleration } from "../../api/objects.js";
import { isTerminal } from "../../api/pods.js";
import { isTolerated } from "../../api/tolerations.js";
import {
  TAINT_DISK_PRESSURE,
  TAINT_MEMORY_PRESSURE,
  TAINT_NETWORK_UNAVAILABLE,
  TAINT_NOT_READY,
  TAINT_PID_PRESSURE,
  TAINT_UNREACHABLE,
  TAINT_UNSCHEDULABLE,
} from "../../api/well-known.js";
import { compileRequiredNodeAffinity, type NodePredicate } from "../../policies/framework/node-selector.js";
import type { ClusterCore, Controller } from "../core.js";
import type { Change, DaemonSetRecord, NewPod, PodRecord } from "../store.js";
import { ControllerLoop } from "./controller-loop.js";
import { isTerminating, resolve } from "./pods.js";
import type { WorkQueues } from "./work-queue.js";

/** Creations or deletions of one sync at most (daemon.BurstReplicas). */
const BURST_REPLICAS = 250;

/**
 * Tolerations that every DaemonSet pod gets (daemon/util, AddOrUpdateDaemonPodTolerations): never evicted for a
 * failed node, placed on cordoned and pressed ones. initial-objects.ts adds them to the template.
 */
export const DAEMON_TOLERATIONS: readonly Toleration[] = [
  daemonToleration(TAINT_NOT_READY, "NoExecute"),
  daemonToleration(TAINT_UNREACHABLE, "NoExecute"),
  daemonToleration(TAINT_DISK_PRESSURE, "NoSchedule"),
  daemonToleration(TAINT_MEMORY_PRESSURE, "NoSchedule"),
  daemonToleration(TAINT_PID_PRESSURE, "NoSchedule"),
  daemonToleration(TAINT_UNSCHEDULABLE, "NoSchedule"),
];

/** For pods on the host's network besides. */
export const DAEMON_HOST_NETWORK_TOLERATION = daemonToleration(TAINT_NETWORK_UNAVAILABLE, "NoSchedule");

function daemonToleration(key: string, effect: "NoSchedule" | "NoExecute"): Toleration {
  return { key, operator: "Exists", value: "", effect };
}

/** Whether a node should get a pod, and may keep the one it has. */
interface Eligibility {
  readonly run: boolean;
  readonly keep: boolean;
}

export class DaemonSetController implements Controller {
  readonly name = "daemonset-controller";
  readonly #core: ClusterCore;
  readonly #loop: ControllerLoop;
  readonly #statuses = new Map<number, string>();
  /** By set, then node; an entry is empty after its node's taints changed. */
  readonly #eligible: (Eligibility | undefined)[][] = [];
  readonly #affinity: (NodePredicate | undefined)[] = [];

  constructor(core: ClusterCore, queues: WorkQueues) {
    this.#core = core;
    this.#loop = new ControllerLoop(core, queues, this.name, (id, done) => this.#sync(id, done));
  }

  start(centre: number): void {
    const sets = this.#core.store.daemonSets;
    this.#statuses.clear();
    sets.forEach(({ id, template: { spec } }) => {
      this.#eligible[id] = [];
      this.#affinity[id] = compileRequiredNodeAffinity(spec.nodeSelector, spec.affinity?.nodeAffinity);
    });
    this.#loop.start(centre, sets.length);
  }

  stop(): void {
    this.#loop.stop();
  }

  onChange(change: Change): void {
    switch (change.type) {
      case "workload":
        if (change.kind === "DaemonSet") this.#loop.queue.add(change.id);
        return;
      case "nodeAdded":
      case "nodeTaints":
        for (const set of this.#core.store.daemonSets) this.#reconsider(set, change.node);
        return;
      case "podAdded":
      case "podDeleting":
      case "podRemoved":
        if (change.pod.owner.kind !== "DaemonSet") return;
        this.#loop.saw(change.pod.owner.id, change.type, change.pod);
        this.#loop.queue.add(change.pod.owner.id);
        return;
      case "podStatus":
        if (change.pod.owner.kind === "DaemonSet") this.#loop.queue.add(change.pod.owner.id);
        return;
      default:
        return;
    }
  }

  /** A node's taints changed: the set is synced only if that changes the answer. */
  #reconsider(set: DaemonSetRecord, node: number): void {
    const row = this.#eligible[set.id];
    const before = row?.[node];
    if (row === undefined || before === undefined) return;
    row[node] = undefined;
    const after = this.#eligibility(set, node);
    if (before.run !== after.run || before.keep !== after.keep) this.#loop.queue.add(set.id);
  }

  #sync(id: number, done: (ok: boolean) => void): void {
    const set = this.#core.store.daemonSet(id);
    const byNode = podsByNode(set);
    const finish = (ok: boolean): void => (ok ? this.#writeStatus(set, done) : done(false));
    if (!this.#loop.expectations.satisfied(id)) {
      finish(true);
      return;
    }
    const { missing, surplus } = this.#manage(set, byNode);
    this.#loop.createPods(
      id,
      missing.length,
      (index) => newPodOf(set, missing[index] ?? 0),
      (created) => {
        this.#loop.deletePods(id, surplus, (deleted) => {
          const quiet = missing.length === 0 && surplus.length === 0;
          if (!(created && deleted && quiet) || set.onDelete) finish(created && deleted);
          else this.#loop.deletePods(id, this.#outdated(set, byNode), finish);
        });
      },
    );
  }

  /** Nodes without their pod, and pods that should not be (podsShouldBeOnNode). */
  #manage(
    set: DaemonSetRecord,
    byNode: ReadonlyMap<number, readonly PodRecord[]>,
  ): { missing: number[]; surplus: PodRecord[] } {
    const missing: number[] = [];
    const surplus: PodRecord[] = [];
    for (const { id: node } of this.#core.store.nodes) {
      const pods = byNode.get(node) ?? [];
      const { run, keep } = this.#eligibility(set, node);
      if (run && pods.length === 0) missing.push(node);
      let kept = 0;
      for (const pod of pods) {
        if (isTerminating(pod)) continue;
        if (!keep || isTerminal(pod) || kept > 0) surplus.push(pod);
        else kept++;
      }
    }
    missing.length = Math.min(missing.length, BURST_REPLICAS);
    surplus.length = Math.min(surplus.length, BURST_REPLICAS);
    return { missing, surplus };
  }

  /** Old pods that a rolling update may take down now: those out of service, and so many more as may be (update.go). */
  #outdated(set: DaemonSetRecord, byNode: ReadonlyMap<number, readonly PodRecord[]>): PodRecord[] {
    const unavailable: PodRecord[] = [];
    const candidates: PodRecord[] = [];
    let down = 0;
    for (const pods of byNode.values()) {
      const pod = pods.find((one) => !isTerminating(one));
      if (pod === undefined) down++;
      else if (pod.revision === set.revision) down += pod.ready ? 0 : 1;
      else if (pod.ready) candidates.push(pod);
      else {
        unavailable.push(pod);
        down++;
      }
    }
    const wanted = this.#core.store.nodes.filter(({ id }) => this.#eligibility(set, id).run).length;
    const room = Math.max(0, resolve(set.maxUnavailable, wanted, "up") - down);
    return [...unavailable, ...candidates.slice(0, room)].slice(0, BURST_REPLICAS);
  }

  #eligibility(set: DaemonSetRecord, node: number): Eligibility {
    const row = this.#eligible[set.id] ?? [];
    let answer = row[node];
    if (answer === undefined) {
      answer = this.#judge(set, node);
      row[node] = answer;
    }
    return answer;
  }

  #judge(set: DaemonSetRecord, node: number): Eligibility {
    const machine = this.#core.model.topology.nodes[node];
    const { taints, unschedulable, exists } = this.#core.store.node(node);
    const affinity = this.#affinity[set.id];
    const { nodeName, tolerations } = set.template.spec;
    if (machine === undefined || !exists) return { run: false, keep: false };
    const info = { id: node, name: machine.name, labels: machine.labels, taints, unschedulable, images: [] };
    if (nodeName !== undefined && nodeName !== machine.name) return { run: false, keep: false };
    if (affinity !== undefined && !affinity(info)) return { run: false, keep: false };
    const untolerated = taints.filter(
      (taint) => taint.effect !== "PreferNoSchedule" && !isTolerated(tolerations, taint),
    );
    return {
      run: untolerated.length === 0,
      keep: untolerated.every(({ effect }) => effect !== "NoExecute"),
    };
  }

  #writeStatus(set: DaemonSetRecord, done: (ok: boolean) => void): void {
    let ready = 0;
    let updated = 0;
    for (const pod of set.pods) {
      if (pod.ready) ready++;
      if (pod.revision === set.revision) updated++;
    }
    const status = [set.revision, set.pods.size, ready, updated].join();
    if (this.#statuses.get(set.id) === status) {
      done(true);
      return;
    }
    this.#loop.client.submitNoop((outcome) => {
      if (outcome === "ok") this.#statuses.set(set.id, status);
      done(outcome === "ok");
    });
  }
}

/** Terminating pods included: their node gets no second pod until they are gone. In order of creation. */
function podsByNode(set: DaemonSetRecord): Map<number, PodRecord[]> {
  const byNode = new Map<number, PodRecord[]>();
  for (const pod of set.pods) {
    const pods = byNode.get(pod.onlyNode);
    if (pods === undefined) byNode.set(pod.onlyNode, [pod]);
    else pods.push(pod);
  }
  return byNode;
}

function newPodOf(set: DaemonSetRecord, node: number): NewPod {
  const incarnation = set.incarnations[node] ?? 0;
  set.incarnations[node] = incarnation + 1;
  return {
    namespace: set.namespace,
    name: `${set.name}-${node}-${incarnation}`,
    workload: set.workload,
    template: set.template,
    owner: { kind: "DaemonSet", id: set.id },
    ordinal: node,
    incarnation,
    revision: set.revision,
    onlyNode: node,
    durationUs: Number.POSITIVE_INFINITY,
  };
}
