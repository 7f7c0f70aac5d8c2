/**
 * What a failure did to each workload: when each stage of the recovery was reached, how long users were without
 * service, how many requests were lost. Fed with the store's changes and with each service's success share.
 */
import { type FailureRow, STAGES, type StageName } from "../metrics/replication.js";
import { type Micros, SECOND } from "../units/time.js";
import type { FailureModel, FailureTarget, MetricsModel, Model } from "./model.js";
import type { PodRecord } from "./store.js";

/** A workload's level before a fault is its mean over so long. */
const PRE_FAULT_US = 30 * SECOND;

/** A success share over time: `shares[i]` holds from `atUs[i]` until the next; requests come at `ratePerSecond`. */
export interface ShareHistory {
  readonly atUs: readonly Micros[];
  readonly shares: readonly number[];
  readonly ratePerSecond: number;
}

/** One occurrence of one failure. */
interface Occurrence {
  readonly failure: number;
  readonly occurrence: number;
  readonly atUs: Micros;
  endedUs: Micros | null;
  readonly struckNodes: ReadonlySet<number>;
  /** First leader after the fault of each kind; only where the fault took the leader. */
  readonly leaders: Partial<Record<StageName, Micros>>;
  readonly lostLeaders: ReadonlySet<StageName>;
  readonly workloads: Map<string, WorkloadLoss>;
}

/** What one workload lost to one occurrence, and what replaced it. */
interface WorkloadLoss {
  readonly lost: Set<number>;
  /** Lost pods that were ready endpoints when it struck and still are in the EndpointSlices. */
  readonly lostEndpoints: Set<number>;
  readonly nodes: ReadonlySet<number>;
  readonly replacements: Set<number>;
  /** Stages that single replacements have reached, as `<pod>/<stage>`: each counts once. */
  readonly passed: Set<string>;
  readonly reached: Partial<Record<StageName, Micros>>;
}

/** Which stage a new leader of a component is. */
export const LEADER_STAGES = {
  etcd: "etcdLeader",
  "kube-controller-manager": "kcmLeader",
  "kube-scheduler": "schedulerLeader",
} as const satisfies Record<string, StageName>;

export class RecoveryTracker {
  readonly #model: Model;
  readonly #occurrences: Occurrence[] = [];
  readonly #shareWorkloads: readonly string[];

  /** `shareWorkloads`: workloads whose users are watched; they get a row for each failure, struck or not. */
  constructor(model: Model, shareWorkloads: readonly string[]) {
    this.#model = model;
    this.#shareWorkloads = shareWorkloads;
  }

  /** A failure strikes: what runs on the struck nodes is lost. `leaderCentres`: where each leader is, by its stage. */
  begin(
    failure: number,
    occurrence: number,
    now: Micros,
    livePods: Iterable<PodRecord>,
    leaderCentres: Partial<Record<StageName, number>>,
  ): void {
    const model = this.#model.failures[failure] as FailureModel;
    const struckNodes = new Set(model.targets.flatMap((target) => nodesOf(this.#model, target)));
    const struckCentres = new Set(model.targets.flatMap((target) => controlCentresOf(this.#model, target)));
    const lostLeaders = new Set<StageName>();
    for (const stage of Object.values(LEADER_STAGES)) {
      const centre = leaderCentres[stage];
      if (centre !== undefined && struckCentres.has(centre)) lostLeaders.add(stage);
    }
    const workloads = new Map<string, WorkloadLoss>();
    for (const name of this.#shareWorkloads) workloads.set(name, emptyLoss());
    for (const pod of livePods) {
      if (pod.node < 0 || !struckNodes.has(pod.node) || pod.phase === "Succeeded" || pod.phase === "Failed")
        continue;
      let loss = workloads.get(pod.workload);
      if (loss === undefined) {
        loss = emptyLoss();
        workloads.set(pod.workload, loss);
      }
      loss.lost.add(pod.id);
      (loss.nodes as Set<number>).add(pod.node);
      if (pod.ready && pod.services.length > 0) loss.lostEndpoints.add(pod.id);
    }
    this.#occurrences.push({
      failure,
      occurrence,
      atUs: now,
      endedUs: null,
      struckNodes,
      leaders: {},
      lostLeaders,
      workloads,
    });
  }

  end(failure: number, occurrence: number, now: Micros): void {
    const found = this.#occurrences.find((o) => o.failure === failure && o.occurrence === occurrence);
    if (found !== undefined) found.endedUs = now;
  }

  leader(stage: StageName, now: Micros): void {
    for (const open of this.#occurrences) {
      if (open.lostLeaders.has(stage)) open.leaders[stage] ??= now - open.atUs;
    }
  }

  nodeUnknown(node: number, now: Micros): void {
    this.#onNode(node, "nodeUnknown", now);
  }

  noExecute(node: number, now: Micros): void {
    this.#onNode(node, "noExecute", now);
  }

  /** Pods of one service that are in its EndpointSlices now. */
  endpoints(pods: ReadonlySet<number>, servicePods: (pod: number) => boolean, now: Micros): void {
    for (const open of this.#occurrences) {
      for (const loss of open.workloads.values()) {
        for (const pod of loss.lostEndpoints) {
          if (pods.has(pod) || !servicePods(pod)) continue;
          loss.lostEndpoints.delete(pod);
          if (loss.lostEndpoints.size === 0) loss.reached.endpointsOut ??= now - open.atUs;
        }
      }
    }
  }

  podDeleting(pod: PodRecord, now: Micros): void {
    for (const open of this.#occurrences) {
      const loss = open.workloads.get(pod.workload);
      if (loss?.lost.has(pod.id) === true) loss.reached.evicted ??= now - open.atUs;
    }
  }

  podCreated(pod: PodRecord, now: Micros): void {
    for (const open of this.#occurrences) {
      const loss = open.workloads.get(pod.workload);
      // A bare pod has no owner to replace it: others of its kind that come later are arrivals of their own.
      if (loss === undefined || pod.owner.kind === "None") continue;
      if (loss.replacements.size >= loss.lost.size) continue;
      loss.replacements.add(pod.id);
      loss.reached.replacementCreated = now - open.atUs;
    }
  }

  /** A replacement got further: the last one to do so counts. */
  podReached(pod: PodRecord, stage: "scheduled" | "started" | "endpointsIn", now: Micros): void {
    for (const open of this.#occurrences) {
      const loss = open.workloads.get(pod.workload);
      if (loss === undefined || !loss.replacements.has(pod.id)) continue;
      const step = `${pod.id}/${stage}`;
      if (loss.passed.has(step)) continue;
      loss.passed.add(step);
      loss.reached[stage] = now - open.atUs;
    }
  }

  /** The table. `historyOf`: the success share of a workload's users, undefined where nobody asks for it. */
  rows(historyOf: (workload: string) => ShareHistory | undefined, horizonUs: Micros): FailureRow[] {
    return this.#occurrences.flatMap((open) => {
      const model = this.#model.failures[open.failure] as FailureModel;
      return [...open.workloads].map(([workload, loss]) => {
        const history = historyOf(workload);
        const recovery = history && recoveryOf(history, open.atUs, horizonUs, this.#model.metrics);
        const stages = Object.fromEntries(
          STAGES.map((stage) => [stage, open.leaders[stage] ?? loss.reached[stage] ?? null]),
        ) as Record<StageName, Micros | null>;
        stages.recovered = recovery?.rtoUs ?? null;
        return {
          failure: open.occurrence === 0 ? model.name : `${model.name}#${open.occurrence + 1}`,
          kind: model.kind,
          scope: model.targets.map((target) => nameOf(this.#model, target)).join(" "),
          atUs: open.atUs,
          endedUs: open.endedUs,
          workload,
          stages,
          rtoUs: recovery?.rtoUs ?? null,
          censored: recovery !== undefined && recovery.rtoUs === null,
          lostRequests: recovery?.lostRequests ?? 0,
          preShare: recovery?.preShare ?? 0,
          minShare: recovery?.minShare ?? 0,
        };
      });
    });
  }

  #onNode(node: number, stage: StageName, now: Micros): void {
    for (const open of this.#occurrences) {
      if (!open.struckNodes.has(node)) continue;
      for (const loss of open.workloads.values()) {
        if (loss.nodes.has(node)) loss.reached[stage] ??= now - open.atUs;
      }
    }
  }
}

/** The recovery of one success share from a fault at `faultUs`. */
export interface Recovery {
  /** null: not recovered by the horizon (censored). */
  readonly rtoUs: Micros | null;
  readonly preShare: number;
  readonly minShare: number;
  /** Requests that would have been answered at the pre-fault level and were not, until recovery or horizon. */
  readonly lostRequests: number;
}

/**
 * RTO: from the fault until the share stays at or above `recoveryShare` of its pre-fault level for `recoveryHoldUs`.
 * A hold that the horizon interrupts is no recovery.
 */
export function recoveryOf(
  history: ShareHistory,
  faultUs: Micros,
  horizonUs: Micros,
  metrics: MetricsModel,
): Recovery {
  const preShare = meanShare(history, Math.max(0, faultUs - PRE_FAULT_US), faultUs);
  const needed = metrics.recoveryShare * preShare;
  let since: Micros | null = faultUs;
  let rtoUs: Micros | null = null;
  let minShare = Number.POSITIVE_INFINITY;
  let missing = 0;
  for (const { fromUs, toUs, share } of piecesOf(history, faultUs, horizonUs)) {
    if (share + 1e-12 < needed) since = null;
    else {
      since ??= fromUs;
      if (toUs - since >= metrics.recoveryHoldUs) {
        rtoUs = since - faultUs;
        break;
      }
    }
    minShare = Math.min(minShare, share);
    missing += Math.max(0, preShare - share) * (toUs - fromUs);
  }
  return {
    rtoUs,
    preShare,
    minShare: Number.isFinite(minShare) ? minShare : preShare,
    lostRequests: (missing / SECOND) * history.ratePerSecond,
  };
}

function* piecesOf(
  { atUs, shares }: ShareHistory,
  fromUs: Micros,
  toUs: Micros,
): Generator<{ fromUs: Micros; toUs: Micros; share: number }> {
  for (let i = 0; i < atUs.length; i++) {
    const from = Math.max(fromUs, atUs[i] as number);
    const to = Math.min(toUs, atUs[i + 1] ?? toUs);
    if (to > from) yield { fromUs: from, toUs: to, share: shares[i] as number };
  }
}

function meanShare(history: ShareHistory, fromUs: Micros, toUs: Micros): number {
  let integral = 0;
  let length = 0;
  for (const piece of piecesOf(history, fromUs, toUs)) {
    integral += piece.share * (piece.toUs - piece.fromUs);
    length += piece.toUs - piece.fromUs;
  }
  return length === 0 ? 0 : integral / length;
}

function emptyLoss(): WorkloadLoss {
  return {
    lost: new Set(),
    lostEndpoints: new Set(),
    nodes: new Set(),
    replacements: new Set(),
    passed: new Set(),
    reached: {},
  };
}

/** Nodes that a failure's target takes out of service. */
export function nodesOf(model: Model, target: FailureTarget): number[] {
  const { nodes, centres } = model.topology;
  return nodes
    .filter((node) => {
      switch (target.kind) {
        case "node":
          return node.id === target.node;
        case "rack":
          return node.rack === target.rack;
        case "centre":
          return node.centre === target.centre;
        case "site":
          return centres[node.centre]?.site === target.site;
        default:
          return false;
      }
    })
    .map((node) => node.id);
}

/** Centres whose control plane processes the target may take. */
function controlCentresOf(model: Model, target: FailureTarget): number[] {
  const { etcd, apiServers } = model.controlPlane;
  switch (target.kind) {
    case "centre":
    case "controllerManager":
    case "scheduler":
      return [target.centre];
    case "site":
      return model.topology.centres
        .filter((centre) => centre.site === target.site)
        .map((centre) => centre.id);
    case "etcdMember":
      return [etcd.members[target.member]?.centre ?? -1];
    case "apiServer":
      return [apiServers.instances[target.instance]?.centre ?? -1];
    case "link":
      return [target.from];
    default:
      return [];
  }
}

/** A target in the author's words, e.g. `centre/production`. */
export function nameOf(model: Model, target: FailureTarget): string {
  const { topology, controlPlane } = model;
  switch (target.kind) {
    case "node":
      return `node/${topology.nodes[target.node]?.name}`;
    case "rack":
      return `rack/${topology.racks[target.rack]?.name}`;
    case "centre":
      return `centre/${topology.centres[target.centre]?.name}`;
    case "site":
      return `site/${topology.sites[target.site]?.name}`;
    case "link":
      return `link/${topology.centres[target.from]?.name}>${topology.centres[target.to]?.name}`;
    case "etcdMember":
      return `etcd/${controlPlane.etcd.members[target.member]?.name}`;
    case "apiServer":
      return `kube-apiserver/${controlPlane.apiServers.instances[target.instance]?.name}`;
    case "controllerManager":
      return `kube-controller-manager/${topology.centres[target.centre]?.name}`;
    case "scheduler":
      return `kube-scheduler/${topology.centres[target.centre]?.name}`;
  }
}
