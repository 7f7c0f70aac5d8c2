/** One simulated run of a recording, noted down as a watching client of the same kind would note it. */
import { Cluster } from "../../cluster/cluster.js";
import type { Change } from "../../cluster/store.js";
import { RandomStreams } from "../../engine/random.js";
import { shelfWith } from "../../policies/shelf.js";
import { MILLISECOND } from "../../units/time.js";
import { movedTo, type PassRhythm } from "./passes.js";
import { horizonUs, type Rebuilt } from "./rebuild.js";
import type { Recording, TimelineRow } from "./recording.js";

/** The beginnings of passes are known to about so much: steps between them and their first word are noisy. */
const PHASE_KNOWN_TO_MS = 100;
const TAINT_PREFIX = "node.kubernetes.io/";

/** Simulates replication `replication` of the rebuilt cluster; rows in ms, initial objects included. */
export function simulateTimeline(
  recording: Recording,
  { model, policy }: Rebuilt,
  rhythm: PassRhythm,
  replication: number,
): TimelineRow[] {
  const streams = new RandomStreams(`${model.seed}/${replication}`);
  const cluster = new Cluster(
    { ...model, horizonUs: horizonUs(recording) },
    policy,
    shelfWith(),
    streams,
    {},
  );
  pinHeartbeats(recording, cluster);
  pinPasses(cluster, rhythm, (2 * streams.stream("validation/phase").uniform() - 1) * PHASE_KNOWN_TO_MS);
  const rows: TimelineRow[] = [];
  const watcher = new Watcher(cluster, rows);
  cluster.api.onDispatch((centre, change) => {
    if (centre === 0) watcher.see(change);
  });
  cluster.start();
  cluster.sim.run(Math.ceil(recording.endMs * MILLISECOND));
  return rows;
}

/** Crashed nodes keep to the last renewal and the last report that the recording gives. */
function pinHeartbeats(recording: Recording, cluster: Cluster): void {
  const ids = new Map(cluster.core.model.topology.nodes.map((node) => [node.name, node.id]));
  for (const crash of recording.crashes) {
    const node = ids.get(crash.node);
    if (node === undefined) continue;
    const silentUntilUs = Math.round(crash.ms * MILLISECOND);
    cluster.leases.pinLease(node, { atUs: Math.round(crash.lastRenewMs * MILLISECOND), silentUntilUs });
    cluster.leases.pinReport(node, { atUs: Math.round(crash.lastStatusMs * MILLISECOND), silentUntilUs });
  }
}

function pinPasses(cluster: Cluster, recorded: PassRhythm, shiftMs: number): void {
  const periodMs = cluster.core.model.controlPlane.controllerManager.nodeMonitorPeriodUs / MILLISECOND;
  const rhythm = { ...recorded, startsMs: recorded.startsMs.map((at) => at + shiftMs) };
  let pinned = false;
  cluster.nodeLifecycle.passRhythm = (naturalUs) => {
    if (pinned) return Math.round(movedTo(rhythm, naturalUs / MILLISECOND, periodMs) * MILLISECOND);
    // The first pass waits for the first recorded one.
    pinned = true;
    const naturalMs = naturalUs / MILLISECOND;
    return Math.round((rhythm.startsMs.find((at) => at >= naturalMs) ?? naturalMs) * MILLISECOND);
  };
}

/** Turns changes into rows: the differences to what was seen before. */
class Watcher {
  readonly #cluster: Cluster;
  readonly #rows: TimelineRow[];
  readonly #taints = new Map<number, ReadonlySet<string>>();
  readonly #ready = new Set<number>();
  readonly #endpoints = new Set<number>();

  constructor(cluster: Cluster, rows: TimelineRow[]) {
    this.#cluster = cluster;
    this.#rows = rows;
  }

  see(change: Change): void {
    switch (change.type) {
      case "nodeReady":
        this.#note("node", this.#nodeName(change.node), `Ready=${change.ready}`);
        break;
      case "nodeTaints":
        this.#taintsOf(change.node);
        break;
      case "podAdded":
        this.#note("pod", change.pod.name, "created");
        break;
      case "podBound":
        this.#note("pod", change.pod.name, "bound", this.#nodeName(change.pod.node));
        break;
      case "podStatus":
        this.#readiness(change.pod.id, change.pod.name, change.pod.ready);
        break;
      case "podDeleting":
        this.#note("pod", change.pod.name, "deleting");
        break;
      case "podRemoved":
        this.#note("pod", change.pod.name, "gone");
        break;
      case "endpoints":
        this.#endpointsOf(change.pods);
        break;
      default:
        break;
    }
  }

  #taintsOf(node: number): void {
    const taints = this.#cluster.store.node(node).taints;
    const now = new Set(taints.map((taint) => `${taint.key.replace(TAINT_PREFIX, "")}:${taint.effect}`));
    const before = this.#taints.get(node) ?? new Set<string>();
    for (const taint of before) if (!now.has(taint)) this.#note("taint", this.#nodeName(node), `-${taint}`);
    for (const taint of now) if (!before.has(taint)) this.#note("taint", this.#nodeName(node), `+${taint}`);
    this.#taints.set(node, now);
  }

  #readiness(pod: number, name: string, ready: boolean): void {
    if (this.#ready.has(pod) === ready) return;
    if (ready) this.#ready.add(pod);
    else this.#ready.delete(pod);
    this.#note("pod", name, ready ? "ready" : "notready");
  }

  #endpointsOf(pods: readonly number[]): void {
    const now = new Set(pods);
    for (const pod of [...this.#endpoints]) {
      if (now.has(pod)) continue;
      this.#endpoints.delete(pod);
      this.#note("ep", this.#cluster.store.pod(pod).name, "---");
    }
    for (const pod of now) {
      if (this.#endpoints.has(pod)) continue;
      this.#endpoints.add(pod);
      this.#note("ep", this.#cluster.store.pod(pod).name, "RS-");
    }
  }

  #note(kind: string, name: string, what: string, detail?: unknown): void {
    this.#rows.push({ ms: this.#cluster.sim.now / MILLISECOND, kind, name, what, detail });
  }

  #nodeName(node: number): string {
    return this.#cluster.core.model.topology.nodes[node]?.name ?? "";
  }
}
