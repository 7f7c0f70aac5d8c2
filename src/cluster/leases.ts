/**
 * Node lease renewals and status reports, without an event for any of them: what the node lifecycle controller would
 * find at a moment is computed when it looks.
 *
 * A renewal comes `leaseRenewUs × (1 + jitter × u)` after the one before. It counts when the node is on the network
 * and its centre can write to the API at that moment. A failed one is tried five times at once and then with a
 * back-off of 200 ms doubling to 7 s (client-go's lease controller), which in simulated time is one attempt at once
 * and then each back-off. Status reports follow five minutes apart, at the loop of `statusPeriodUs` that finds them due;
 * a failed one is repeated with the next loop. To the controller a report is as good as a renewal, since its heartbeat
 * time changes.
 */
import type { CountedDraws } from "../engine/random.js";
import { MINUTE, type Micros } from "../units/time.js";
import type { ClusterCore } from "./core.js";
import { Heartbeat, type HeartbeatRules, type Pin } from "./heartbeat.js";
import { retryWaitUs } from "./retry-backoff.js";

/** KubeletConfiguration nodeStatusReportFrequency. */
const STATUS_REPORT_US = 5 * MINUTE;

export class LeaseBook {
  readonly #core: ClusterCore;
  readonly #leases: Heartbeat;
  readonly #reports: Heartbeat;
  /** What held when everything was last settled, by centre and by node. */
  readonly #writable: boolean[];
  readonly #onNetwork: Uint8Array;
  readonly #nodesOf: number[][];
  readonly #centreOf: number[];

  constructor(core: ClusterCore) {
    this.#core = core;
    const { topology } = core.model;
    const nodes = topology.nodes.length;
    this.#leases = new Heartbeat(nodes, leaseRules(core));
    this.#reports = new Heartbeat(nodes, reportRules(core));
    this.#onNetwork = new Uint8Array(nodes).fill(1);
    this.#nodesOf = topology.centres.map(() => []);
    for (const node of topology.nodes) this.#nodesOf[node.centre]?.push(node.id);
    this.#centreOf = topology.nodes.map((node) => node.centre);
    this.#writable = topology.centres.map((centre) => core.api.writable(centre.id));
    core.api.onAvailability(() => this.#availabilityChanged());
  }

  /** Before the run: the API as it stands. */
  start(): void {
    this.#availabilityChanged();
  }

  /** Moment of the node's last renewal or status report that got through by `now`; negative: before the run. */
  lastRenewal(node: number, now: Micros): Micros {
    this.#settle(node, now);
    return Math.max(this.#leases.last(node), this.#reports.last(node));
  }

  /** Moment of the node's last lease renewal alone. */
  lastLeaseRenewal(node: number, now: Micros): Micros {
    this.#settle(node, now);
    return this.#leases.last(node);
  }

  /** The node lost its network or has it back; what came before is settled as it was. */
  setOnNetwork(node: number, onNetwork: boolean): void {
    this.#settle(node, this.#core.sim.now);
    this.#onNetwork[node] = onNetwork ? 1 : 0;
  }

  /** The node lost power: nothing more from it. */
  stop(node: number): void {
    this.#settle(node, this.#core.sim.now);
    this.#leases.stop(node);
    this.#reports.stop(node);
  }

  /** Its kubelet has started: the lease is renewed at once; the status report is the kubelet's ({@link reported}). */
  resume(node: number): void {
    this.#leases.resume(node, this.#core.sim.now);
    this.#reports.resume(node, this.#core.sim.now + STATUS_REPORT_US);
  }

  /** The kubelet posted its status just now, outside the five-minute rhythm. */
  reported(node: number): void {
    this.#settle(node, this.#core.sim.now);
    this.#reports.beat(node, this.#core.sim.now);
  }

  /** Makes a node keep to the renewals of a recorded run; in order of time, before the run. */
  pinLease(node: number, pin: Pin): void {
    this.#leases.pin(node, pin);
  }

  /** The same for its status reports. */
  pinReport(node: number, pin: Pin): void {
    this.#reports.pin(node, pin);
  }

  #settle(node: number, now: Micros): void {
    const succeeds = this.#onNetwork[node] === 1 && this.#writable[this.#centreOf[node] as number] === true;
    this.#leases.settle(node, now, succeeds);
    this.#reports.settle(node, now, succeeds);
  }

  #availabilityChanged(): void {
    for (let centre = 0; centre < this.#writable.length; centre++) {
      const writable = this.#core.api.writable(centre);
      if (writable === this.#writable[centre]) continue;
      for (const node of this.#nodesOf[centre] as number[]) this.#settle(node, this.#core.sim.now);
      this.#writable[centre] = writable;
    }
  }
}

function leaseRules(core: ClusterCore): HeartbeatRules {
  const { leaseRenewUs, leaseJitter } = core.model.kubelet;
  const phase = core.streams.counted("lease/phase");
  const jitter = core.streams.counted("lease/jitter");
  return {
    first: (node) => Math.floor(phase.uniform(node) * leaseRenewUs),
    interval: (node, k) => jittered(leaseRenewUs, leaseJitter, jitter, node, k),
    retry: (_, failures) => retryWaitUs(failures),
  };
}

function reportRules(core: ClusterCore): HeartbeatRules {
  const { statusPeriodUs, leaseJitter } = core.model.kubelet;
  const phase = core.streams.counted("node-status/phase");
  const loop = core.streams.counted("node-status/loop");
  const retry = core.streams.counted("node-status/retry");
  return {
    first: (node) => Math.floor(phase.uniform(node) * STATUS_REPORT_US),
    interval: (node, k) => STATUS_REPORT_US + Math.floor(loop.uniform(node, k) * statusPeriodUs),
    retry: (node, failures) => jittered(statusPeriodUs, leaseJitter, retry, node, failures),
  };
}

function jittered(period: Micros, jitter: number, draws: CountedDraws, node: number, k: number): Micros {
  return Math.round(period * (1 + jitter * draws.uniform(node, k)));
}
