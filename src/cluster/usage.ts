/** Levels of the whole cluster over time: pods pending and ready, nodes ready, what is allocated of each resource. */
import type { PodSpec } from "../api/objects.js";
import { Level } from "../metrics/level.js";
import type { MetricValue, SeriesTable } from "../metrics/replication.js";
import { SeriesRecorder } from "../metrics/series.js";
import { podRequestsOf, roundedAmount } from "../policies/framework/pod-requests.js";
import { milliValue, type Quantity, wholeValue } from "../units/quantity.js";
import type { Micros } from "../units/time.js";
import type { Model } from "./model.js";
import type { PodRecord } from "./store.js";

const FIXED_COLUMNS = ["podsPending", "podsReady", "nodesReady"] as const;
const PENDING = 0;
const READY = 1;
const NODES = 2;

export class Usage {
  /** Resource names that some node has, sorted; "pods" is left out. */
  readonly #resources: readonly string[];
  readonly #capacity: readonly number[];
  readonly #levels: readonly Level[];
  readonly #allocated: readonly Level[];
  readonly #series: SeriesRecorder;
  readonly #shareColumns: number;
  readonly #requests = new Map<PodSpec, readonly number[]>();
  /** Pods whose request is counted. */
  readonly #counted = new Set<number>();

  /** `services`: names of the services whose success share has a column. */
  constructor(model: Model, services: readonly string[]) {
    const names = new Set(model.topology.nodes.flatMap((node) => Object.keys(node.allocatable)));
    names.delete("pods");
    this.#resources = [...names].sort((a, b) => (a < b ? -1 : 1));
    this.#capacity = this.#resources.map((name) =>
      model.topology.nodes.reduce((sum, node) => sum + amountOf(name, node.allocatable[name] ?? 0n), 0),
    );
    this.#levels = FIXED_COLUMNS.map(() => new Level(model.warmUpUs));
    this.#allocated = this.#resources.map(() => new Level(model.warmUpUs));
    this.#series = new SeriesRecorder(model.metrics.seriesIntervalUs, [
      ...FIXED_COLUMNS,
      ...this.#resources.map((name) => `utilisation/${name}`),
      ...services.map((name) => `availability/${name}`),
    ]);
    this.#shareColumns = FIXED_COLUMNS.length + this.#resources.length;
    this.#add(NODES, 0, model.topology.nodes.length);
  }

  podPending(now: Micros, delta: 1 | -1): void {
    this.#add(PENDING, now, delta);
  }

  podReady(now: Micros, delta: 1 | -1): void {
    this.#add(READY, now, delta);
  }

  nodeReady(now: Micros, delta: 1 | -1): void {
    this.#add(NODES, now, delta);
  }

  /** A service's success share is this from now on. */
  share(service: number, now: Micros, share: number): void {
    this.#series.set(this.#shareColumns + service, now, share);
  }

  /** The pod's request counts from now on; asking twice counts once. */
  allocate(pod: PodRecord, now: Micros): void {
    if (this.#counted.has(pod.id)) return;
    this.#counted.add(pod.id);
    this.#allocate(pod, now, 1);
  }

  /** The pod's request counts no more. */
  release(pod: PodRecord, now: Micros): void {
    if (this.#counted.delete(pod.id)) this.#allocate(pod, now, -1);
  }

  /** Metrics of the whole cluster over the time after the warm-up. */
  metrics(horizonUs: Micros): MetricValue[] {
    const values: MetricValue[] = [];
    const add = (metric: string, value: number, unit: string): void => {
      values.push({ metric, of: "cluster", value, unit });
    };
    const [pending, ready, nodes] = this.#levels as [Level, Level, Level];
    add("podsPending", pending.mean(horizonUs) ?? 0, "pods");
    add("podsPendingMax", pending.max, "pods");
    add("podsPendingAtEnd", pending.value, "pods");
    add("podsReady", ready.mean(horizonUs) ?? 0, "pods");
    add("nodesReady", nodes.mean(horizonUs) ?? 0, "nodes");
    this.#resources.forEach((name, i) => {
      const capacity = this.#capacity[i] as number;
      const level = this.#allocated[i] as Level;
      if (capacity === 0) return;
      const of = `resource/${name}`;
      values.push({
        metric: "utilisation",
        of,
        value: (level.mean(horizonUs) ?? 0) / capacity,
        unit: "share",
      });
      values.push({ metric: "utilisationMax", of, value: level.max / capacity, unit: "share" });
      values.push({ metric: "utilisationAtEnd", of, value: level.value / capacity, unit: "share" });
    });
    return values;
  }

  series(horizonUs: Micros): SeriesTable {
    return this.#series.table(horizonUs);
  }

  #add(column: number, now: Micros, delta: number): void {
    (this.#levels[column] as Level).add(now, delta);
    this.#series.add(column, now, delta);
  }

  #allocate(pod: PodRecord, now: Micros, sign: 1 | -1): void {
    const requests = this.#requestsOf(pod.template.spec);
    for (let i = 0; i < requests.length; i++) {
      const amount = requests[i] as number;
      if (amount === 0) continue;
      const level = this.#allocated[i] as Level;
      level.add(now, sign * amount);
      const capacity = this.#capacity[i] as number;
      if (capacity > 0) this.#series.set(FIXED_COLUMNS.length + i, now, level.value / capacity);
    }
  }

  #requestsOf(spec: PodSpec): readonly number[] {
    let requests = this.#requests.get(spec);
    if (requests === undefined) {
      const { effective } = podRequestsOf(spec);
      requests = this.#resources.map((name) => roundedAmount(effective, name));
      this.#requests.set(spec, requests);
    }
    return requests;
  }
}

/** As the scheduler counts: cpu in milli, everything else in whole units. */
function amountOf(name: string, quantity: Quantity): number {
  return name === "cpu" ? milliValue(quantity) : wholeValue(quantity);
}
