/**
 * What a failure did to each workload: when each stage of the recovery was reached, how long users were without
 * service, how many requests were lost. Fed with the store's changes and with each service's success share.
 */
import { type FailureRow, STAGES, type StageName } from "../metrics/replication.js";
import { MINUTE, type Micros } from "../units/time.js";
import { isActive } from "./controllers/pods.js";
import { controlCentresOf, nameOf, nodesOf } from "./failure-targets.js";
import type { FailureModel, Model } from "./model.js";
import { recoveryOf, type ShareHistory } from "./recovery-time.js";
import type { PodRecord } from "./store.js";

/** Consequences show up within the grace period and so long after a repair; what happens later has other causes. */
const AFTERMATH_US = MINUTE;

/** One occurrence of one failure. */
interface Occurrence {
  readonly failure: number;
  readonly occurrence: number;
  readonly atUs: Micros;
  endedUs: Micros | null;
  readonly struckNodes: ReadonlySet<number>;
  /** First leader after the fault of each kind; only where the fault took the leader. */
  readonly leaders: Partial<Record<StageName, Micros>>;
  /** Leaders that were where it struck and may be missed. */
  readonly lostLeaders: Set<StageName>;
  /** The time in which its consequences show is over. */
  settled: boolean;
  readonly workloads: Map<string, WorkloadLoss>;
}

/** What one workload lost to one occurrence, and what replaced it. */
interface WorkloadLoss {
  /** Pods on struck nodes that have neither come back nor gone. */
  readonly lost: Map<number, PodRecord>;
  /** Lost pods that were deleted or ended: so many replacements may come. */
  gone: number;
  /** Lost pods that were ready endpoints when it struck and still are in the EndpointSlices. */
  readonly lostEndpoints: Set<number>;
  /** When the last one so far left them, in µs after the fault. */
  lastOutUs: Micros | undefined;
  readonly nodes: Set<number>;
  readonly replacements: Map<number, Replacement>;
  readonly reached: Partial<Record<StageName, Micros>>;
}

/** Each stage counts once for each replacement. */
interface Replacement {
  readonly pod: PodRecord;
  readonly passed: Set<StageName>;
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
  /** Those that may still reach stages. */
  #open: Occurrence[] = [];
  /** Repaired ones whose consequences may still show, in order of their repair. */
  readonly #aftermath: Occurrence[] = [];
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
    this.#settle(now);
    this.#open = this.#open.filter((open) => !isClosed(open));
    const model = this.#model.failures[failure] as FailureModel;
    const struckNodes = new Set(model.targets.flatMap((target) => nodesOf(this.#model.topology, target)));
    const struckCentres = new Set(model.targets.flatMap((target) => controlCentresOf(this.#model, target)));
    const lostLeaders = new Set<StageName>();
    for (const stage of Object.values(LEADER_STAGES)) {
      const centre = leaderCentres[stage];
      if (centre !== undefined && struckCentres.has(centre)) lostLeaders.add(stage);
    }
    const workloads = new Map<string, WorkloadLoss>();
    for (const name of this.#shareWorkloads) workloads.set(name, emptyLoss());
    for (const pod of livePods) {
      if (pod.node < 0 || !struckNodes.has(pod.node)) continue;
      // What ends anyway is not lost: its replacement is on its way, if there is one.
      if (!isActive(pod)) continue;
      let loss = workloads.get(pod.workload);
      if (loss === undefined) {
        loss = emptyLoss();
        workloads.set(pod.workload, loss);
      }
      loss.lost.set(pod.id, pod);
      loss.nodes.add(pod.node);
      if (pod.ready && pod.services.length > 0) loss.lostEndpoints.add(pod.id);
    }
    const struck: Occurrence = {
      failure,
      occurrence,
      atUs: now,
      endedUs: null,
      struckNodes,
      leaders: {},
      lostLeaders,
      settled: false,
      workloads,
    };
    this.#occurrences.push(struck);
    this.#open.push(struck);
  }

  end(failure: number, occurrence: number, now: Micros): void {
    const found = this.#open.find((o) => o.failure === failure && o.occurrence === occurrence);
    if (found === undefined) return;
    found.endedUs = now;
    this.#aftermath.push(found);
  }

  leader(stage: StageName, now: Micros): void {
    this.#settle(now);
    for (const open of this.#open) {
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
    this.#settle(now);
    for (const open of this.#open) {
      for (const loss of open.workloads.values()) {
        for (const pod of loss.lostEndpoints) {
          if (pods.has(pod) || !servicePods(pod)) continue;
          loss.lastOutUs = now - open.atUs;
          endpointSettled(loss, pod);
        }
      }
    }
  }

  /** A pod is Ready again: if it was lost, it has come back, and nothing replaces it. */
  podBack(pod: PodRecord, now: Micros): void {
    this.#settle(now);
    for (const open of this.#open) {
      const loss = open.workloads.get(pod.workload);
      if (loss?.lost.has(pod.id) === true) comeBack(loss, pod);
    }
  }

  /** Marked for deletion, or removed at once. */
  podDeleting(pod: PodRecord, now: Micros): void {
    this.#settle(now);
    for (const open of this.#open) {
      const loss = open.workloads.get(pod.workload);
      if (loss?.lost.has(pod.id) === true) loss.reached.evicted ??= now - open.atUs;
    }
    this.podEnded(pod, now);
  }

  /** It counts for its owner no more: deleted, or in a terminal phase. */
  podEnded(pod: PodRecord, now: Micros): void {
    this.#settle(now);
    for (const open of this.#open) {
      const loss = open.workloads.get(pod.workload);
      if (loss === undefined) continue;
      if (loss.lost.delete(pod.id) && pod.owner.kind !== "None") loss.gone++;
      const replacement = loss.replacements.get(pod.id);
      if (replacement !== undefined && !isDone(replacement)) loss.replacements.delete(pod.id);
    }
  }

  podCreated(pod: PodRecord, now: Micros): void {
    this.#settle(now);
    for (const open of this.#open) {
      const loss = open.workloads.get(pod.workload);
      // A bare pod has no owner to replace it: others of its kind that come later are arrivals of their own.
      if (loss === undefined || pod.owner.kind === "None") continue;
      if (loss.replacements.size >= loss.gone) continue;
      loss.replacements.set(pod.id, { pod, passed: new Set() });
      loss.reached.replacementCreated = now - open.atUs;
    }
  }

  /** A replacement got further: the last one to do so counts. */
  podReached(pod: PodRecord, stage: "scheduled" | "started" | "endpointsIn", now: Micros): void {
    for (const open of this.#open) {
      const loss = open.workloads.get(pod.workload);
      const passed = loss?.replacements.get(pod.id)?.passed;
      if (loss === undefined || passed === undefined || passed.has(stage)) continue;
      passed.add(stage);
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
          censored: recovery !== undefined && recovery.censoredAtUs !== null,
          ...(recovery === undefined || recovery.censoredAtUs === null
            ? {}
            : { rtoAtLeastUs: recovery.censoredAtUs }),
          lostRequests: recovery?.lostRequests ?? 0,
          preShare: recovery?.preShare ?? 0,
          minShare: recovery?.minShare ?? 0,
        };
      });
    });
  }

  #onNode(node: number, stage: StageName, now: Micros): void {
    this.#settle(now);
    for (const open of this.#open) {
      if (!open.struckNodes.has(node)) continue;
      for (const loss of open.workloads.values()) {
        if (loss.nodes.has(node)) loss.reached[stage] ??= now - open.atUs;
      }
    }
  }

  /**
   * Repaired failures whose consequences would have shown by now: a leader that is still the same was not lost, a pod
   * that is still Ready never missed anything.
   */
  #settle(now: Micros): void {
    const { nodeMonitorGracePeriodUs } = this.#model.controlPlane.controllerManager;
    for (;;) {
      const first = this.#aftermath[0];
      if (first === undefined || (first.endedUs ?? 0) + nodeMonitorGracePeriodUs + AFTERMATH_US > now) return;
      this.#aftermath.shift();
      first.settled = true;
      first.lostLeaders.clear();
      for (const loss of first.workloads.values()) {
        for (const pod of [...loss.lost.values()]) if (pod.ready) comeBack(loss, pod);
      }
    }
  }
}

/** A lost pod is in service again. */
function comeBack(loss: WorkloadLoss, pod: PodRecord): void {
  loss.lost.delete(pod.id);
  endpointSettled(loss, pod.id);
  for (const other of loss.lost.values()) if (other.node === pod.node) return;
  loss.nodes.delete(pod.node);
}

/** One lost endpoint left the EndpointSlices or came back; `endpointsOut` is when the last one left. */
function endpointSettled(loss: WorkloadLoss, pod: number): void {
  if (!loss.lostEndpoints.delete(pod) || loss.lostEndpoints.size > 0) return;
  if (loss.lastOutUs !== undefined) loss.reached.endpointsOut ??= loss.lastOutUs;
}

function isDone({ pod, passed }: Replacement): boolean {
  return passed.has("started") && (pod.services.length === 0 || passed.has("endpointsIn"));
}

/** Nothing more can be reached: all that was lost is back or replaced. */
function isClosed({ settled, workloads }: Occurrence): boolean {
  if (!settled) return false;
  for (const { lost, gone, replacements } of workloads.values()) {
    if (lost.size > 0 || replacements.size < gone) return false;
    for (const replacement of replacements.values()) if (!isDone(replacement)) return false;
  }
  return true;
}

function emptyLoss(): WorkloadLoss {
  return {
    lost: new Map(),
    gone: 0,
    lostEndpoints: new Set(),
    lastOutUs: undefined,
    nodes: new Set(),
    replacements: new Map(),
    reached: {},
  };
}
