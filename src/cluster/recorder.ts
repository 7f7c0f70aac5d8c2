/**
 * The recorder: turns what happens into the tables of one replication, and into the run's digest. It watches the
 * store for what the API holds and is told the rest as an {@link Observer}.
 */
import type { Taint } from "../api/objects.js";
import { isTerminal } from "../api/pods.js";
import { assert, unreachable } from "../assert.js";
import { RunDigest } from "../engine/digest.js";
import { Quantiles } from "../metrics/quantiles.js";
import type { EventRow, MetricValue, PodRow, Replication, StageName } from "../metrics/replication.js";
import { Tally } from "../metrics/tally.js";
import { type Micros, SECOND } from "../units/time.js";
import type { Model } from "./model.js";
import type { LeaderOf, Observer, PodTransition } from "./observer.js";
import { LEADER_STAGES, RecoveryTracker } from "./recovery.js";
import { mergeHistories, recoveryMetrics, type ShareHistory } from "./recovery-time.js";
import type { Change, ClusterStore, NodeReady, PodRecord } from "./store.js";
import { Usage } from "./usage.js";

/** Kinds of transitions as the digest numbers them. Appended to, never reordered: digests would change. */
const TRANSITIONS = [
  "created",
  "bound",
  "ready",
  "notReady",
  "deleting",
  "removed",
  "succeeded",
  "failed",
  "started",
  "stopped",
  "node",
  "taintAdded",
  "taintRemoved",
  "leader",
  "endpoints",
  "proxies",
  "failureBegin",
  "failureEnd",
  "process",
  "unschedulable",
  "share",
] as const;

/** Proxies of a service in a centre are one number in the digest, service × this + centre, so centres are fewer. */
const CENTRES_END = 1_000;

const CODE = Object.fromEntries(TRANSITIONS.map((name, code) => [name, code])) as Record<
  (typeof TRANSITIONS)[number],
  number
>;

/** What the recorder asks of whoever knows the users: totals over the time after the warm-up. */
export interface TrafficTotals {
  /** Service ids that somebody asks for. */
  readonly services: readonly number[];
  ratePerSecond(service: number): number;
  requested(service: number, horizonUs: Micros): number;
  answered(service: number, horizonUs: Micros): number;
}

export class ClusterRecorder implements Observer {
  readonly #model: Model;
  readonly #store: ClusterStore;
  readonly #now: () => Micros;
  readonly #digest = new RunDigest();
  readonly #events: EventRow[] = [];
  readonly #keepEvents: boolean;
  readonly #usage: Usage;
  readonly #recovery: RecoveryTracker;
  readonly #traffic: TrafficTotals;
  /** By service; found before the run. */
  readonly #workloads = new Map<number, readonly string[]>();
  readonly #shares = new Map<number, { atUs: Micros[]; shares: number[] }>();
  readonly #ready = new Set<number>();
  readonly #ended = new Set<number>();
  readonly #nodeReady = new Map<number, NodeReady>();
  readonly #nodeTaints = new Map<number, readonly Taint[]>();
  readonly #leaders: Partial<Record<StageName, number>> = {};
  readonly #waits = new Quantiles();
  readonly #waitTally = new Tally();
  readonly #starts = new Quantiles();
  readonly #counts = new Map<string, number>();

  constructor(
    model: Model,
    store: ClusterStore,
    now: () => Micros,
    traffic: TrafficTotals,
    keepEvents: boolean,
  ) {
    assert(model.topology.centres.length < CENTRES_END, "no two pairs of service and centre have one number");
    this.#model = model;
    this.#store = store;
    this.#now = now;
    this.#traffic = traffic;
    this.#keepEvents = keepEvents;
    this.#usage = new Usage(
      model,
      traffic.services.map((id) => serviceKey(store, id)),
    );
    this.#recovery = new RecoveryTracker(model, this.#workloadsWithUsers());
    for (const name of ["evictions", "preemptions", "unschedulableAttempts", "bindings", "leaderChanges"]) {
      this.#counts.set(name, 0);
    }
    store.listen((change) => this.#onChange(change));
  }

  /** Before the run: what the store holds already. */
  takeOver(): void {
    for (const pod of this.#store.livePods) {
      if (isTerminal(pod)) this.#ended.add(pod.id);
      else if (pod.node < 0) this.#usage.podPending(0, 1);
      else this.#usage.allocate(pod, 0);
      if (pod.ready) {
        this.#ready.add(pod.id);
        this.#usage.podReady(0, 1);
      }
    }
    for (const node of this.#store.nodes) if (node.ready !== "True") this.#usage.nodeReady(0, -1);
    for (const node of this.#store.nodes) {
      this.#nodeReady.set(node.id, node.ready);
      this.#nodeTaints.set(node.id, node.taints);
    }
  }

  pod(transition: PodTransition, pod: PodRecord): void {
    this.#note(transition, pod.id, pod.node, () => [
      `Pod/${transition}`,
      `${pod.namespace}/${pod.name}`,
      this.#nodeName(pod.node),
    ]);
  }

  nodeReady(node: number, ready: NodeReady): void {
    const before = this.#nodeReady.get(node) ?? "True";
    this.#nodeReady.set(node, ready);
    if (before === "True" && ready !== "True") this.#usage.nodeReady(this.#now(), -1);
    if (before !== "True" && ready === "True") this.#usage.nodeReady(this.#now(), 1);
    if (ready === "Unknown") this.#recovery.nodeUnknown(node, this.#now());
    this.#note("node", node, ready === "True" ? 0 : ready === "False" ? 1 : 2, () => [
      "Node/Ready",
      this.#nodeName(node),
      ready,
    ]);
  }

  taint(action: "added" | "removed", node: number, key: string, effect: string): void {
    if (action === "added" && effect === "NoExecute") this.#recovery.noExecute(node, this.#now());
    this.#digest.addText(key);
    this.#note(action === "added" ? "taintAdded" : "taintRemoved", node, effect.length, () => [
      `Node/taint ${action}`,
      this.#nodeName(node),
      `${key}:${effect}`,
    ]);
  }

  leader(of: LeaderOf, holder: number, term: number): void {
    const stage = LEADER_STAGES[of];
    if (holder >= 0) {
      this.#recovery.leader(stage, this.#now());
      const centre = of === "etcd" ? this.#model.controlPlane.etcd.members[holder]?.centre : holder;
      if (centre !== undefined) this.#leaders[stage] = centre;
      this.#count("leaderChanges");
    }
    this.#digest.addText(of);
    this.#note("leader", holder, term, () => [
      "Leader",
      of,
      holder < 0 ? "none" : `${this.#holderName(of, holder)} (${term})`,
    ]);
  }

  endpoints(service: number, pods: readonly number[]): void {
    const members = new Set(pods);
    this.#recovery.endpoints(members, (pod) => this.#store.pod(pod).services.includes(service), this.#now());
    this.#note("endpoints", service, pods.length, () => [
      "Endpoints",
      serviceKey(this.#store, service),
      `${pods.length} ready`,
    ]);
  }

  proxies(service: number, centre: number, pods: readonly number[]): void {
    for (const id of pods) this.#recovery.podReached(this.#store.pod(id), "endpointsIn", this.#now());
    this.#note("proxies", service * CENTRES_END + centre, pods.length, () => [
      "Proxies",
      `${serviceKey(this.#store, service)} in ${this.#model.topology.centres[centre]?.name}`,
      `${pods.length} endpoints`,
    ]);
  }

  failure(action: "begin" | "end", failure: number, occurrence: number): void {
    const now = this.#now();
    if (action === "begin")
      this.#recovery.begin(failure, occurrence, now, this.#store.livePods, this.#leaders);
    else this.#recovery.end(failure, occurrence, now);
    this.#note(action === "begin" ? "failureBegin" : "failureEnd", failure, occurrence, () => [
      `Failure/${action}`,
      this.#model.failures[failure]?.name ?? "",
      `occurrence ${occurrence + 1}`,
    ]);
  }

  process(name: string, action: "exit" | "start"): void {
    this.#digest.addText(name);
    this.#note("process", action === "exit" ? 0 : 1, 0, () => ["Process", name, action]);
  }

  unschedulable(pod: PodRecord, message: string): void {
    this.#count("unschedulableAttempts");
    this.#note("unschedulable", pod.id, message.length, () => [
      "Pod/unschedulable",
      `${pod.namespace}/${pod.name}`,
      message,
    ]);
  }

  /** The users of a service are answered at this share from now on. */
  share(service: number, share: number): void {
    const now = this.#now();
    const column = this.#traffic.services.indexOf(service);
    if (column >= 0) this.#usage.share(column, now, share);
    let history = this.#shares.get(service);
    if (history === undefined) {
      history = { atUs: [], shares: [] };
      this.#shares.set(service, history);
    }
    history.atUs.push(now);
    history.shares.push(share);
    this.#note("share", service, share, () => [
      "Availability",
      serviceKey(this.#store, service),
      share.toFixed(4),
    ]);
  }

  /** One more, unless it is still the warm-up. Each count is a metric of the cluster. */
  #count(name: string): void {
    if (this.#now() >= this.#model.warmUpUs) this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** The tables of the run. */
  finish(
    policy: string,
    replication: number,
    seed: string,
    steps: number,
    warnings: readonly string[],
  ): Replication {
    const { horizonUs } = this.#model;
    const histories = new Map<string, ShareHistory | undefined>();
    const historyOf = (workload: string): ShareHistory | undefined => {
      if (!histories.has(workload)) histories.set(workload, this.#historyOf(workload));
      return histories.get(workload);
    };
    const failures = this.#recovery.rows(historyOf, horizonUs);
    return {
      policy,
      replication,
      seed,
      metrics: [
        ...this.#serviceMetrics(),
        ...this.#usage.metrics(horizonUs),
        ...this.#podMetrics(),
        ...recoveryMetrics(failures),
      ],
      failures,
      pods: this.#store.pods.map((pod) => this.#podRow(pod)),
      series: this.#usage.series(horizonUs),
      events: this.#events,
      digest: this.#digest.hex(),
      steps,
      warnings,
    };
  }

  #onChange(change: Change): void {
    const now = this.#now();
    switch (change.type) {
      case "podAdded":
        if (change.pod.node < 0) this.#usage.podPending(now, 1);
        else this.#usage.allocate(change.pod, now);
        this.#recovery.podCreated(change.pod, now);
        this.pod("created", change.pod);
        break;
      case "podBound":
        this.#usage.podPending(now, -1);
        this.#usage.allocate(change.pod, now);
        this.#recovery.podReached(change.pod, "scheduled", now);
        this.#bound(change.pod);
        this.pod("bound", change.pod);
        break;
      case "podStatus":
        this.#podStatus(change.pod);
        break;
      case "podDeleting":
        this.#deleting(change.pod);
        this.pod("deleting", change.pod);
        break;
      case "podRemoved":
        // Without a grace period its deletion and its end are one.
        if (change.pod.deletingUs < 0) this.#deleting(change.pod);
        if (change.pod.node < 0 && !isTerminal(change.pod)) this.#usage.podPending(now, -1);
        this.#usage.release(change.pod, now);
        this.#setReady(change.pod, false);
        this.pod("removed", change.pod);
        break;
      case "nodeReady":
        this.nodeReady(change.node, change.ready);
        break;
      case "nodeTaints":
        this.#taintsChanged(change.node);
        break;
      case "endpoints":
        this.endpoints(change.service, change.pods);
        break;
      case "podNominated":
      case "podGates":
      case "nodeAdded":
      case "replicaSet":
      case "workload":
        break;
      default:
        unreachable(change);
    }
  }

  #deleting(pod: PodRecord): void {
    this.#recovery.podDeleting(pod, this.#now());
    if (pod.disruptionReason === "DeletionByTaintManager") this.#count("evictions");
    if (pod.disruptionReason === "PreemptionByScheduler") this.#count("preemptions");
  }

  #podStatus(pod: PodRecord): void {
    if (isTerminal(pod) && !this.#ended.has(pod.id)) {
      this.#ended.add(pod.id);
      this.#recovery.podEnded(pod, this.#now());
      if (pod.node < 0) this.#usage.podPending(this.#now(), -1);
      this.#usage.release(pod, this.#now());
      this.pod(pod.phase === "Succeeded" ? "succeeded" : "failed", pod);
    }
    this.#setReady(pod, pod.ready);
  }

  #setReady(pod: PodRecord, ready: boolean): void {
    if (this.#ready.has(pod.id) === ready) return;
    const now = this.#now();
    if (ready) {
      this.#ready.add(pod.id);
      this.#recovery.podBack(pod, now);
      this.#recovery.podReached(pod, "started", now);
      if (pod.readyUs === now && pod.createdUs >= this.#model.warmUpUs)
        this.#starts.add((now - pod.createdUs) / SECOND);
    } else this.#ready.delete(pod.id);
    this.#usage.podReady(now, ready ? 1 : -1);
    this.pod(ready ? "ready" : "notReady", pod);
  }

  #bound(pod: PodRecord): void {
    this.#count("bindings");
    if (pod.createdUs < this.#model.warmUpUs) return;
    const seconds = (pod.boundUs - pod.createdUs) / SECOND;
    this.#waits.add(seconds);
    this.#waitTally.add(seconds);
  }

  #taintsChanged(node: number): void {
    const before = this.#nodeTaints.get(node) ?? this.#model.topology.nodes[node]?.taints ?? [];
    const after = this.#store.node(node).taints;
    this.#nodeTaints.set(node, after);
    const has = (taints: readonly Taint[], taint: Taint): boolean =>
      taints.some((other) => other.key === taint.key && other.effect === taint.effect);
    for (const taint of before) if (!has(after, taint)) this.taint("removed", node, taint.key, taint.effect);
    for (const taint of after) if (!has(before, taint)) this.taint("added", node, taint.key, taint.effect);
  }

  #serviceMetrics(): MetricValue[] {
    const { horizonUs } = this.#model;
    const values: MetricValue[] = [];
    let allRequested = 0;
    let allAnswered = 0;
    for (const service of this.#traffic.services) {
      const of = `service/${serviceKey(this.#store, service)}`;
      const requested = this.#traffic.requested(service, horizonUs);
      const answered = this.#traffic.answered(service, horizonUs);
      allRequested += requested;
      allAnswered += answered;
      if (requested > 0)
        values.push({ metric: "availability", of, value: answered / requested, unit: "share" });
      values.push({ metric: "requestsLost", of, value: requested - answered, unit: "requests" });
    }
    if (allRequested > 0) {
      values.unshift({
        metric: "availability",
        of: "cluster",
        value: allAnswered / allRequested,
        unit: "share",
      });
    }
    return values;
  }

  #podMetrics(): MetricValue[] {
    const values: MetricValue[] = [];
    const add = (metric: string, value: number | undefined, unit: string): void => {
      if (value !== undefined) values.push({ metric, of: "cluster", value, unit });
    };
    add("schedulingWaitMean", this.#waitTally.mean, "s");
    add("schedulingWaitP99", this.#waits.quantile(0.99), "s");
    add("schedulingWaitMax", this.#waitTally.max, "s");
    add("startupP99", this.#starts.quantile(0.99), "s");
    let bound = 0;
    for (const pod of this.#store.pods) if (pod.boundUs >= 0) bound++;
    add("podsCreated", this.#store.pods.length, "pods");
    add("podsPlaced", bound, "pods");
    for (const [name, count] of this.#counts)
      add(name, count, name === "leaderChanges" ? "changes" : "times");
    return values;
  }

  /** Rate-weighted over the services with users that select the workload's pods. */
  #historyOf(workload: string): ShareHistory | undefined {
    const services = this.#servicesOf(workload);
    const first = services[0];
    if (first === undefined) return undefined;
    if (services.length === 1) return this.#historyOfService(first);
    return mergeHistories(services.map((service) => this.#historyOfService(service)));
  }

  #historyOfService(service: number): ShareHistory {
    const history = this.#shares.get(service) ?? { atUs: [], shares: [] };
    return { ...history, ratePerSecond: this.#traffic.ratePerSecond(service) };
  }

  #servicesOf(workload: string): number[] {
    return this.#traffic.services.filter((service) => this.#workloadsOf(service).includes(workload));
  }

  #workloadsWithUsers(): string[] {
    return [...new Set(this.#traffic.services.flatMap((service) => this.#workloadsOf(service)))];
  }

  /** Workloads of the initial objects whose pods the service selects. */
  #workloadsOf(service: number): readonly string[] {
    let workloads = this.#workloads.get(service);
    if (workloads === undefined) {
      workloads = this.#selectedBy(service);
      this.#workloads.set(service, workloads);
    }
    return workloads;
  }

  #selectedBy(id: number): string[] {
    const { matches, namespace } = this.#store.service(id);
    if (matches === undefined) return [];
    const { deployments, replicaSets, statefulSets, daemonSets, jobs, pods } = this.#store;
    const owners = [...deployments, ...replicaSets, ...statefulSets, ...daemonSets, ...jobs];
    const bare = pods.filter((pod) => pod.owner.kind === "None");
    const selected = [...owners, ...bare].filter(
      (one) => one.namespace === namespace && matches(one.template.labels),
    );
    return [...new Set(selected.map((one) => one.workload))];
  }

  #podRow(pod: PodRecord): PodRow {
    const { nodes, centres } = this.#model.topology;
    const node = nodes[pod.node];
    return {
      pod: `${pod.namespace}/${pod.name}`,
      workload: pod.workload,
      node: node?.name ?? "",
      zone: node === undefined ? "" : (centres[node.centre]?.name ?? ""),
      createdUs: pod.createdUs,
      scheduledUs: pod.boundUs < 0 ? null : pod.boundUs,
      readyUs: pod.readyUs < 0 ? null : pod.readyUs,
      endedUs: pod.endedUs < 0 ? null : pod.endedUs,
      outcome: outcomeOf(pod),
      attempts: pod.attempts,
      message: pod.message === "" ? pod.disruptionReason : pod.message,
    };
  }

  #note(
    transition: keyof typeof CODE,
    subject: number,
    detail: number,
    words: () => readonly [string, string, string],
  ): void {
    const now = this.#now();
    this.#digest.add(now);
    this.#digest.add(CODE[transition]);
    this.#digest.add(subject);
    this.#digest.add(detail);
    if (!this.#keepEvents) return;
    const [kind, subjectText, detailText] = words();
    this.#events.push({ atUs: now, kind, subject: subjectText, detail: detailText });
  }

  #nodeName(node: number): string {
    return this.#model.topology.nodes[node]?.name ?? "";
  }

  #holderName(of: LeaderOf, holder: number): string {
    const name =
      of === "etcd"
        ? this.#model.controlPlane.etcd.members[holder]?.name
        : this.#model.topology.centres[holder]?.name;
    return name ?? String(holder);
  }
}

function serviceKey(store: ClusterStore, id: number): string {
  const service = store.service(id);
  return `${service.namespace}/${service.name}`;
}

function outcomeOf(pod: PodRecord): string {
  if (isTerminal(pod)) return pod.phase;
  if (pod.removed) return "Deleted";
  if (pod.deletingUs >= 0) return "Terminating";
  if (pod.node < 0) return "Pending";
  return pod.ready ? "Ready" : "NotReady";
}
