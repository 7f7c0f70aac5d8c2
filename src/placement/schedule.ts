/** Places all pending pods of a cluster that stands still, one after the other, as one scheduler would. */
import type { PodInfo, QueuedPod } from "../policies/framework/types.js";
import { keyOfInfo, type PlacedPod, type PlacementCluster } from "./cluster.js";
import { pendingPods } from "./explain.js";
import { recreated } from "./what-if.js";

export type Outcome =
  | { readonly kind: "placed"; readonly node: string; readonly evicted: readonly string[] }
  | { readonly kind: "pending"; readonly message: string }
  | { readonly kind: "gated"; readonly message: string }
  | { readonly kind: "otherScheduler"; readonly message: string };

export interface Placement {
  /** `namespace/name` */
  readonly pod: string;
  readonly priority: number;
  readonly outcome: Outcome;
}

export interface ScheduleResult {
  /** In the order in which the pods were first taken from the queue. */
  readonly placements: readonly Placement[];
  /** Pods that preemption took from their nodes: `namespace/name` → the node. Those with a controller were placed anew. */
  readonly evicted: ReadonlyMap<string, string>;
  /** Evicted ones that nothing makes again. */
  readonly lost: ReadonlyMap<string, string>;
}

/** A preemptor's attempts in a row; each makes room for it, so that more are hardly ever needed. */
const PREEMPTIONS_MAX = 5;

/**
 * Changes the cluster: pods are bound, victims leave at once. Pods that fit nowhere are tried again as long as others
 * were placed meanwhile, since those may be what they wait for.
 */
export function schedulePending(cluster: PlacementCluster): ScheduleResult {
  return new Scheduling(cluster).run();
}

class Scheduling {
  readonly #cluster: PlacementCluster;
  readonly #outcomes = new Map<string, Placement>();
  readonly #evicted = new Map<string, string>();
  readonly #lost = new Map<string, string>();
  /** Of pods that failed: by shape, with the state of the cluster in which they did. */
  readonly #failures = new Map<number, { readonly version: number; readonly message: string }>();
  /** Victims that their controllers have made anew. */
  #returned: string[] = [];

  constructor(cluster: PlacementCluster) {
    this.#cluster = cluster;
  }

  run(): ScheduleResult {
    let waiting = pendingPods(this.#cluster).map(({ key }) => key);
    for (let progress = true; progress && waiting.length > 0; ) {
      const left = this.#queue(waiting).filter((key) => !this.#attempt(key));
      progress = left.length < waiting.length;
      waiting = [...left, ...this.#returned];
      progress ||= this.#returned.length > 0;
      this.#returned = [];
    }
    return { placements: [...this.#outcomes.values()], evicted: this.#evicted, lost: this.#lost };
  }

  /** In the order of the profile's queue sort plugin. */
  #queue(keys: readonly string[]): string[] {
    const queued = keys.map((key, sequence) => ({ key, entry: queuedPod(this.#cluster.pod(key), sequence) }));
    const [profile] = this.#cluster.profiles;
    const framework =
      queued.map(({ entry }) => this.#cluster.framework(entry.pod)).find((found) => found !== undefined) ??
      undefined;
    if (framework === undefined || profile === undefined) return [...keys];
    return queued.sort((a, b) => framework.compareQueued(a.entry, b.entry)).map(({ key }) => key);
  }

  /** Is the pod done with, placed or refused for good? */
  #attempt(key: string): boolean {
    const { info } = this.#cluster.pod(key);
    const framework = this.#cluster.framework(info);
    if (framework === undefined) {
      const message = `no profile for the scheduler ${info.shape.schedulerName}`;
      return this.#end(key, info, { kind: "otherScheduler", message });
    }
    const gate = framework.preEnqueue(info);
    if (gate !== undefined) return this.#end(key, info, { kind: "gated", message: gate.reasons.join(", ") });
    const message = this.#known(info) ?? this.#place(key, info);
    if (message === undefined) return true;
    this.#failures.set(info.shape.id, { version: this.#cluster.cache.version, message });
    this.#end(key, info, { kind: "pending", message });
    return false;
  }

  /** The message of a pod of the same shape that failed with nothing changed since. Each pod's claims are its own. */
  #known({ shape, nominatedNode }: PodInfo): string | undefined {
    const failure = shape.volumes.length > 0 ? undefined : this.#failures.get(shape.id);
    return nominatedNode < 0 && failure?.version === this.#cluster.cache.version
      ? failure.message
      : undefined;
  }

  /** Binds the pod, with preemption where that helps; the scheduler's message where nothing does. */
  #place(key: string, info: PodInfo): string | undefined {
    const cluster = this.#cluster;
    const evicted: string[] = [];
    let message = "";
    for (let preemptions = 0; preemptions <= PREEMPTIONS_MAX; preemptions++) {
      const decision = cluster.framework(info)?.schedule(info);
      if (decision === undefined) break;
      if (decision.kind === "scheduled") {
        const node = cluster.cache.node(decision.node).name;
        cluster.bind(key, node);
        this.#end(key, info, { kind: "placed", node, evicted });
        return undefined;
      }
      message = decision.message;
      const { preemption } = decision;
      if (preemption?.kind !== "nominated") break;
      const node = cluster.cache.node(preemption.node).name;
      for (const victim of preemption.victims) {
        evicted.push(keyOfInfo(victim));
        this.#evict(victim, node);
      }
      cluster.nominate(info, preemption.node);
    }
    cluster.denominate(info);
    return message;
  }

  /** The victim leaves at once; what controls it makes it anew, later than all that wait. */
  #evict(victim: PodInfo, node: string): void {
    const key = keyOfInfo(victim);
    this.#cluster.disrupt(victim);
    const { object } = this.#cluster.removePod(key);
    this.#cluster.deleteEphemeralClaims(object);
    this.#evicted.set(key, node);
    const again = recreated(object);
    if (again === undefined) {
      this.#lost.set(key, node);
      this.#outcomes.delete(key);
    } else {
      this.#cluster.addPod(again);
      this.#returned.push(key);
    }
  }

  #end(key: string, { shape }: PodInfo, outcome: Outcome): true {
    this.#outcomes.set(key, { pod: key, priority: shape.priority, outcome });
    return true;
  }
}

/** A pod without a creation time was made just now, after all others. */
function queuedPod({ object, info }: PlacedPod, sequence: number): QueuedPod {
  const created = object.metadata.creationTimestamp;
  const timestampUs = created === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(created) * 1000;
  return { pod: info, timestampUs, sequence };
}
