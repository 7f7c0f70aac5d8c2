/**
 * Zone disruption: how many nodes of a zone are not ready decides how fast its nodes may be tainted
 * (pkg/controller/nodelifecycle: ComputeZoneState, setLimiterInZone, handleDisruption).
 */

import { LABEL_EXCLUDE_DISRUPTION } from "../api/well-known.js";
import { LABEL_REGION, LABEL_ZONE, type TopologyNode } from "../topology/topology.js";
import type { Micros } from "../units/time.js";
import { EvictionQueue } from "./eviction-queue.js";
import type { ControllerManagerModel } from "./model.js";
import type { NodeReady } from "./store.js";

export type ZoneState = "Initial" | "Normal" | "PartialDisruption" | "FullDisruption";

/** "more than 2 not ready": smaller losses never count as a disruption short of the whole zone. */
const SMALL_LOSS_MAX = 2;

/** The share is compared in single precision, as the controller does: 11 of 20 are 0.55. */
export function zoneState(ready: number, notReady: number, unhealthyZoneThreshold: number): ZoneState {
  if (ready === 0 && notReady > 0) return "FullDisruption";
  const share = Math.fround(notReady / (notReady + ready));
  if (notReady > SMALL_LOSS_MAX && share >= Math.fround(unhealthyZoneThreshold)) return "PartialDisruption";
  return "Normal";
}

/** Taints a second for a zone of `nodes` nodes in this state. */
function zoneEvictionRate(state: ZoneState, nodes: number, model: ControllerManagerModel): number {
  if (state !== "PartialDisruption") return model.nodeEvictionRate;
  return nodes > model.largeClusterSizeThreshold ? model.secondaryNodeEvictionRate : 0;
}

/** Ready and other nodes of each zone, as one pass found them. */
export interface ZoneCounts {
  readonly ready: number[];
  readonly other: number[];
}

/** What the end of a pass does. */
export type DisruptionChange =
  | { readonly kind: "none" }
  /** Every zone is lost: taints are withdrawn everywhere and all rates are 0. */
  | { readonly kind: "enterMasterDisruption" }
  /** The first node is back: every probe time starts anew and every zone gets its state's rate. */
  | { readonly kind: "leaveMasterDisruption" }
  /** These zones (indices) changed. */
  | { readonly kind: "zones"; readonly changed: readonly number[] };

export function disruptionChange(
  before: readonly ZoneState[],
  after: readonly ZoneState[],
): DisruptionChange {
  const allWere = before.every((state) => state === "FullDisruption");
  const allAre = after.every((state) => state === "FullDisruption");
  if (allWere && allAre) return { kind: "none" };
  if (allAre) return { kind: "enterMasterDisruption" };
  if (allWere) return { kind: "leaveMasterDisruption" };
  const changed = after.flatMap((state, zone) => (state === before[zone] ? [] : [zone]));
  return changed.length === 0 ? { kind: "none" } : { kind: "zones", changed };
}

/** The zones of a cluster: their queues, their states and which nodes belong to them. */
export class Zones {
  readonly #model: ControllerManagerModel;
  readonly #zoneOf: readonly number[];
  readonly #excluded: readonly boolean[];
  readonly #zonesCount: number;
  #sizes: number[] = [];
  #queues: EvictionQueue[] = [];
  #states: ZoneState[] = [];

  constructor(nodes: readonly TopologyNode[], model: ControllerManagerModel) {
    const ids = new Map<string, number>();
    this.#model = model;
    this.#excluded = nodes.map((node) => LABEL_EXCLUDE_DISRUPTION in node.labels);
    this.#zoneOf = nodes.map((node) => {
      // Region and zone together; nodes without the labels are a zone by themselves.
      const key = `${node.labels[LABEL_REGION] ?? ""}/${node.labels[LABEL_ZONE] ?? ""}`;
      const zone = ids.get(key) ?? ids.size;
      ids.set(key, zone);
      return zone;
    });
    this.#zonesCount = ids.size;
  }

  /** In the order in which the nodes first name them. */
  get states(): readonly ZoneState[] {
    return this.#states;
  }

  get queues(): readonly EvictionQueue[] {
    return this.#queues;
  }

  /** A new leader knows nothing of the past; `exists`: the nodes that there are. */
  start(exists: readonly boolean[]): void {
    this.#sizes = Array.from({ length: this.#zonesCount }, () => 0);
    for (const [node, there] of exists.entries()) if (there) this.join(node);
    this.#queues = this.#sizes.map(() => new EvictionQueue(this.#model.nodeEvictionRate));
    this.#states = this.#sizes.map(() => "Initial");
  }

  /** One more node. */
  join(node: number): void {
    const zone = this.#zoneOf[node] as number;
    if (this.#excluded[node] !== true) this.#sizes[zone] = (this.#sizes[zone] as number) + 1;
  }

  queueOf(node: number): EvictionQueue {
    return this.#queues[this.#zoneOf[node] as number] as EvictionQueue;
  }

  counts(): ZoneCounts {
    return { ready: this.#sizes.map(() => 0), other: this.#sizes.map(() => 0) };
  }

  count(counts: ZoneCounts, node: number, ready: NodeReady): void {
    if (this.#excluded[node] === true) return;
    const column = ready === "True" ? counts.ready : counts.other;
    const zone = this.#zoneOf[node] as number;
    column[zone] = (column[zone] as number) + 1;
  }

  /** What these counts change, if anything. */
  change(counts: ZoneCounts): DisruptionChange {
    return disruptionChange(this.#states, this.#statesOf(counts));
  }

  /** Takes over the states that the counts give; rates follow. */
  settle(counts: ZoneCounts, now: Micros): void {
    const after = this.#statesOf(counts);
    const change = disruptionChange(this.#states, after);
    this.#states = after;
    for (const [zone, state] of after.entries()) {
      if (change.kind === "none" || (change.kind === "zones" && !change.changed.includes(zone))) continue;
      const stopped = change.kind === "enterMasterDisruption";
      const rate = stopped ? 0 : zoneEvictionRate(state, this.#sizes[zone] as number, this.#model);
      this.#queues[zone]?.bucket.swap(rate, now);
    }
  }

  #statesOf(counts: ZoneCounts): ZoneState[] {
    return this.#sizes.map((_, zone) =>
      zoneState(
        counts.ready[zone] as number,
        counts.other[zone] as number,
        this.#model.unhealthyZoneThreshold,
      ),
    );
  }
}
