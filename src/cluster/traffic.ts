/**
 * Users as a fluid: requests come at a constant rate, each to an endpoint picked evenly among those that the proxies
 * of the entry centre believe ready, and is answered if that pod really serves and is reached. So the share answered
 * is piecewise constant; it is computed when something that it depends on changes, and integrated exactly.
 */
import { assert } from "../assert.js";
import { type Micros, SECOND } from "../units/time.js";
import type { ClusterCore } from "./core.js";
import type { PodRecord } from "./store.js";
import { UserEntries } from "./user-entry.js";

/** The kubelets' truth. */
export interface ServingPods {
  isServing(pod: PodRecord): boolean;
  onServing(listener: (pod: PodRecord) => void): void;
}

/** The proxies' belief. */
export interface BelievedEndpoints {
  endpoints(service: number, centre: number): readonly number[];
  onChange(listener: (service: number, centre: number) => void): void;
}

export type ShareListener = (service: number, atUs: Micros, share: number) => void;

interface Flow {
  /** Requests a second by home centre of the users, and in all. */
  readonly rates: number[];
  total: number;
  /** Share answered of what enters at each centre. */
  readonly shareAt: number[];
  /** Over all users, weighted by their rates. */
  share: number;
  sinceUs: Micros;
  /** ∫ share dt from the warm-up's end to `sinceUs`, in µs. */
  answeredUs: number;
}

export class Traffic {
  readonly #core: ClusterCore;
  readonly #serving: ServingPods;
  readonly #proxies: BelievedEndpoints;
  readonly #entries: UserEntries;
  readonly #flows = new Map<number, Flow>();
  readonly #listeners: ShareListener[] = [];
  readonly #centreOfNode: readonly number[];
  #started = false;

  /** After the initial objects are in the store. */
  constructor(core: ClusterCore, serving: ServingPods, proxies: BelievedEndpoints) {
    this.#core = core;
    this.#serving = serving;
    this.#proxies = proxies;
    this.#entries = new UserEntries(core);
    this.#centreOfNode = core.model.topology.nodes.map(({ centre }) => centre);
    for (const { namespace, service, ratePerSecond } of core.model.traffic) {
      const record = core.store.services.find((one) => one.namespace === namespace && one.name === service);
      assert(record !== undefined, `traffic goes to service ${namespace}/${service}, which exists`);
      this.#addRates(record.id, ratePerSecond);
    }
    serving.onServing((pod) => this.#servingChanged(pod));
    proxies.onChange((service, centre) => this.#recompute(service, centre));
    this.#entries.onChange(() => this.#weighAll());
    this.handlers = this.#entries.handlers;
  }

  readonly handlers: UserEntries["handlers"];

  /** Ids of the services that somebody asks for, ascending. */
  get services(): readonly number[] {
    return [...this.#flows.keys()].sort((a, b) => a - b);
  }

  /** Before the run, once proxies and kubelets have taken over what is there; listeners hear the first shares. */
  start(): void {
    this.#started = true;
    for (const [service, flow] of this.#flows) {
      flow.sinceUs = this.#core.sim.now;
      flow.share = this.#shareNow(service, flow);
      for (const listener of this.#listeners) listener(service, flow.sinceUs, flow.share);
    }
  }

  onShare(listener: ShareListener): void {
    this.#listeners.push(listener);
  }

  /** Something in the network changed: darkness, a cut, an isolation, or its end. */
  networkChanged(): void {
    this.#entries.networkChanged();
    for (const service of this.#flows.keys()) this.#recompute(service, -1);
  }

  /** Requests a second of all users of the service. */
  ratePerSecond(service: number): number {
    return this.#flow(service).total;
  }

  /** Share of the users' requests answered now, 0 to 1. */
  share(service: number): number {
    return this.#flow(service).share;
  }

  /** Share answered of what enters at a centre now. */
  shareAt(service: number, centre: number): number {
    return this.#flow(service).shareAt[centre] ?? 0;
  }

  /** Requests from the warm-up's end to `untilUs`; a real number, as of a fluid. */
  requested(service: number, untilUs: Micros): number {
    const span = Math.max(0, untilUs - this.#core.model.warmUpUs);
    return (this.#flow(service).total * span) / SECOND;
  }

  /** Those of {@link requested} that were answered; `untilUs` is not before the last change. */
  answered(service: number, untilUs: Micros): number {
    const flow = this.#flow(service);
    return (flow.total * (flow.answeredUs + flow.share * this.#warmSpan(flow.sinceUs, untilUs))) / SECOND;
  }

  #addRates(service: number, ratePerSecond: readonly number[]): void {
    let flow = this.#flows.get(service);
    if (flow === undefined) {
      const centres = this.#core.model.topology.centres;
      const zeros = (): number[] => centres.map(() => 0);
      flow = { rates: zeros(), total: 0, shareAt: zeros(), share: 0, sinceUs: 0, answeredUs: 0 };
      this.#flows.set(service, flow);
    }
    for (const [home, rate] of ratePerSecond.entries()) {
      flow.rates[home] = (flow.rates[home] ?? 0) + rate;
      flow.total += rate;
    }
  }

  #servingChanged(pod: PodRecord): void {
    for (const service of pod.services) if (this.#flows.has(service)) this.#recompute(service, -1);
  }

  /** Asks again for one entry centre, or for all (-1). */
  #recompute(service: number, centre: number): void {
    const flow = this.#flows.get(service);
    if (flow === undefined || !this.#started) return;
    if (centre >= 0) {
      flow.shareAt[centre] = this.#shareFrom(service, centre);
      this.#settle(service, flow, this.#weigh(flow));
    } else this.#settle(service, flow, this.#shareNow(service, flow));
  }

  #weighAll(): void {
    for (const [service, flow] of this.#flows) this.#settle(service, flow, this.#weigh(flow));
  }

  #shareNow(service: number, flow: Flow): number {
    for (let centre = 0; centre < flow.shareAt.length; centre++) {
      flow.shareAt[centre] = this.#shareFrom(service, centre);
    }
    return this.#weigh(flow);
  }

  /** What entered until now was answered at the old share. */
  #settle(service: number, flow: Flow, share: number): void {
    if (share === flow.share) return;
    const now = this.#core.sim.now;
    flow.answeredUs += flow.share * this.#warmSpan(flow.sinceUs, now);
    flow.sinceUs = now;
    flow.share = share;
    for (const listener of this.#listeners) listener(service, now, share);
  }

  #weigh(flow: Flow): number {
    if (flow.total === 0) return 0;
    let answered = 0;
    for (let home = 0; home < flow.rates.length; home++) {
      const entry = this.#entries.entryOf(home);
      if (entry >= 0) answered += (flow.rates[home] ?? 0) * (flow.shareAt[entry] ?? 0);
    }
    return answered / flow.total;
  }

  /** Mean over the believed endpoints of what becomes of a request that enters at `entry`; 0 where none is believed. */
  #shareFrom(service: number, entry: number): number {
    const { store, network } = this.#core;
    const pods = this.#proxies.endpoints(service, entry);
    if (pods.length === 0 || !network.centreLit(entry)) return 0;
    // Endpoints by centre first, so that a request's way there and back is asked for once a centre.
    const answering = new Array<number>(this.#core.model.topology.centres.length).fill(0);
    for (const id of pods) {
      const pod = store.pod(id);
      if (pod.node < 0 || !network.nodeOnNetwork(pod.node) || !this.#serving.isServing(pod)) continue;
      const centre = this.#centreOfNode[pod.node] ?? -1;
      answering[centre] = (answering[centre] ?? 0) + 1;
    }
    let answered = 0;
    for (const [centre, count] of answering.entries()) {
      if (count === 0 || !network.connected(entry, centre)) continue;
      answered += count * (1 - network.roundTripLoss(entry, centre));
    }
    return answered / pods.length;
  }

  /** The part of [from, to) after the warm-up. */
  #warmSpan(from: Micros, to: Micros): Micros {
    return Math.max(0, to - Math.max(from, this.#core.model.warmUpUs));
  }

  #flow(service: number): Flow {
    const flow = this.#flows.get(service);
    assert(flow !== undefined, `service ${service} has users`);
    return flow;
  }
}
