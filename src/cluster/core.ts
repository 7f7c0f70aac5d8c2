/**
 * What the parts of the cluster share, and the faces they show each other. Each part is one class with one owner;
 * cluster.ts builds them and wires events to handlers.
 */
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import type { Simulation } from "../engine/simulation.js";
import { quantile } from "../engine/variates.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { EventName } from "./events.js";
import type { Model } from "./model.js";
import type { Observer } from "./observer.js";
import type { ApplyOutcome, Change, ClusterStore, Operation } from "./store.js";

export interface ClusterCore {
  readonly model: Model;
  readonly sim: Simulation<EventName>;
  readonly streams: RandomStreams;
  readonly store: ClusterStore;
  readonly network: Network;
  readonly etcd: Etcd;
  readonly api: Api;
  readonly observer: Observer;
  /** Draws for costs of single steps (see {@link Noise}). */
  readonly noise: Noise;
}

/** What is dark, cut or isolated now. Changed by failures only; asks cost a lookup. */
export interface Network {
  /** Messages from a to b pass (both centres lit, this direction not cut). True within a lit centre. */
  carries(from: number, to: number): boolean;
  /** Both directions pass: what a TCP connection needs. */
  connected(a: number, b: number): boolean;
  centreLit(centre: number): boolean;
  nodeLit(node: number): boolean;
  /** The node is lit and not isolated from its own centre. */
  nodeOnNetwork(node: number): boolean;
  /** The two nodes are on the network and reach each other (a node reaches itself while lit). */
  nodesConnected(a: number, b: number): boolean;
  /** A draw of the one-way latency in whole µs, for a message sent now. */
  latencyUs(from: number, to: number): Micros;
  /** Share of users' requests from a to b that fail for want of packets, 0..1, retransmissions considered. */
  roundTripLoss(a: number, b: number): number;
}

/** etcd, hosted on Raft. Members by id. */
export interface Etcd {
  memberUp(member: number): boolean;
  memberCentre(member: number): number;
  /** Leader with the highest term that is up, or -1. */
  leader(): number;
  /** Would a proposal made at this member now be committed soon: it knows the leader, reaches it, and that has a quorum. */
  writableAt(member: number): boolean;
  /** Hands `data` (> 0) to a member; it is held there while no leader is known, and lost towards a dead one. */
  propose(member: number, data: number): void;
  /** Called for each member as it applies each entry, in log order (data 0 entries included). */
  onApplied(listener: (member: number, index: number, data: number) => void): void;
}

/** How a request ended for its client. */
export type RequestOutcome = ApplyOutcome | "unavailable" | "timeout";

/** A client of the API with its own rate limit, first come first served. */
export interface ApiClient {
  /** Sends one write; `done` is called once, when the answer arrives or the client gives up. */
  submit(operation: Operation, done?: (outcome: RequestOutcome) => void): void;
  /** Sends one request of no effect (a read, an Event): it takes its turn. */
  submitNoop(done?: (outcome: RequestOutcome) => void): void;
  /** Forgets everything in flight: the process died. No `done` is called any more. */
  reset(): void;
}

export interface Api {
  /** `where` gives the client's centre, or -1 while it is off the network. `qps` 0: unlimited. */
  client(name: string, where: () => number, qps: number, burst: number): ApiClient;
  /** Would a write sent now from this centre succeed? */
  writable(centre: number): boolean;
  /** The API server that the clients of this centre use, or -1. */
  attached(centre: number): number;
  /** `listener` hears each change when the watchers of a centre do, in order, centre by centre. */
  onDispatch(listener: (centre: number, change: Change) => void): void;
  /** `listener` is called after `writable` or `attached` may have changed for some centre. */
  onAvailability(listener: () => void): void;
  /** To be called after the network, an etcd member or an etcd leader changed. */
  availabilityMayHaveChanged(): void;
}

/** A part of the controller manager. Runs while its instance leads. */
export interface Controller {
  readonly name: string;
  /** A new leader in `centre`: memory is fresh, everything is looked at again. */
  start(centre: number): void;
  stop(): void;
  /** A change seen by the watchers of the leading centre. */
  onChange(change: Change): void;
}

/**
 * Costs of single steps. A draw is addressed by purpose, moment and how-manieth of that moment, so that one policy's
 * extra step shifts nobody else's draws.
 */
export class Noise {
  readonly #streams: RandomStreams;
  readonly #now: () => Micros;
  readonly #purposes = new Map<string, { readonly draws: CountedDraws; moment: Micros; nth: number }>();

  constructor(streams: RandomStreams, now: () => Micros) {
    this.#streams = streams;
    this.#now = now;
  }

  /** A draw of `variate` in whole µs, at least 0. */
  us(purpose: string, variate: Variate): Micros {
    if (variate.kind === "constant") return Math.max(0, Math.round(variate.value));
    return Math.max(0, Math.round(quantile(variate, this.uniform(purpose))));
  }

  /** Uniform in [0, 1). */
  uniform(purpose: string): number {
    let own = this.#purposes.get(purpose);
    if (own === undefined) {
      own = { draws: this.#streams.counted(`noise/${purpose}`), moment: -1, nth: 0 };
      this.#purposes.set(purpose, own);
    }
    const now = this.#now();
    if (now !== own.moment) {
      own.moment = now;
      own.nth = 0;
    }
    return own.draws.uniform(now, own.nth++);
  }
}
