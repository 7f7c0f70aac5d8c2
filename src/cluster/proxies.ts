/**
 * kube-proxy, by centre: the endpoints that a centre's nodes send requests to. They follow the EndpointSlices as the
 * centre's watchers see them, a sync later; a centre that hears nothing keeps what it believes.
 */
import type { ClusterCore } from "./core.js";

interface Belief {
  /** What requests are sent to, ascending pod ids. */
  pods: readonly number[];
  /** What the watch showed last. */
  seen: readonly number[];
  /** A sync is on its way; its event carries the generation. */
  syncing: boolean;
  generation: number;
}

export class Proxies {
  readonly #core: ClusterCore;
  readonly #centres: number;
  readonly #beliefs: Belief[] = [];
  readonly #listeners: ((service: number, centre: number) => void)[] = [];

  constructor(core: ClusterCore) {
    this.#core = core;
    this.#centres = core.model.topology.centres.length;
    core.api.onDispatch((centre, change) => {
      if (change.type === "endpoints") this.#see(change.service, centre, change.pods);
    });
  }

  /** Before the run: all centres believe what the EndpointSlices say. */
  start(): void {
    for (const { id, endpoints } of this.#core.store.services) {
      for (let centre = 0; centre < this.#centres; centre++) {
        const belief = this.#belief(id, centre);
        belief.pods = endpoints;
        belief.seen = endpoints;
        if (endpoints.length > 0) this.#core.observer.proxies(id, centre, endpoints);
      }
    }
  }

  /** Ids of the pods that users in this centre are sent to. */
  endpoints(service: number, centre: number): readonly number[] {
    return this.#belief(service, centre).pods;
  }

  /** `listener` hears of each change of {@link endpoints}. */
  onChange(listener: (service: number, centre: number) => void): void {
    this.#listeners.push(listener);
  }

  readonly handlers = {
    /** Subject: service × centres + centre. */
    "proxy-sync": (subject: number, generation: number) => this.#sync(subject, generation),
  };

  /** Changes that come while a sync is due are written by that sync. */
  #see(service: number, centre: number, pods: readonly number[]): void {
    const { sim, noise, model } = this.#core;
    const belief = this.#belief(service, centre);
    belief.seen = pods;
    if (belief.syncing) return;
    belief.syncing = true;
    const delay = noise.us("proxy-sync", model.network.proxySyncUs);
    sim.after(delay, sim.kinds["proxy-sync"], service * this.#centres + centre, ++belief.generation);
  }

  #sync(subject: number, generation: number): void {
    const centre = subject % this.#centres;
    const service = (subject - centre) / this.#centres;
    const belief = this.#belief(service, centre);
    if (belief.generation !== generation) return;
    belief.syncing = false;
    if (belief.pods === belief.seen) return;
    belief.pods = belief.seen;
    this.#core.observer.proxies(service, centre, belief.pods);
    for (const listener of this.#listeners) listener(service, centre);
  }

  #belief(service: number, centre: number): Belief {
    const index = service * this.#centres + centre;
    let belief = this.#beliefs[index];
    if (belief === undefined) {
      belief = { pods: [], seen: [], syncing: false, generation: 0 };
      this.#beliefs[index] = belief;
    }
    return belief;
  }
}
