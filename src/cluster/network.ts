/**
 * What is dark, cut or isolated now. Failures change it; everybody asks it. Overlapping failures are counted, so that
 * the end of one does not heal another.
 */
import { assert } from "../assert.js";
import { linkBetween } from "../topology/topology.js";
import { type Micros, SECOND } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { ClusterCore, Network } from "./core.js";

/** Linux' first retransmission on these lines; it doubles (measured, docs/MODEL.md §2). */
const RETRANSMISSION_US = 0.21 * SECOND;
/**
 * No wait grows longer than this, the last that begins before a broken stream is given up and dialled anew: 13 to 39 s
 * after the cut (measured, docs/MODEL.md §2: centres healed after 100 and 150 s were back 9 to 16 s later).
 */
const RETRANSMISSION_MAX_US = RETRANSMISSION_US * 2 ** 7;

/**
 * A user waits about 5 s, and TCP sends what is lost again after 0.2, 0.6, 1.4 and 3 s: a request fails only when each
 * of five transmissions is lost.
 */
const TRANSMISSIONS = 5;

interface DirectedLink {
  readonly from: number;
  readonly to: number;
  readonly oneWayUs: Variate;
  readonly purpose: string;
  readonly lossPurpose: string;
  readonly loss: number;
  cuts: number;
  /** When the present cut began. */
  cutUs: Micros;
}

export class NetworkState implements Network {
  readonly #core: ClusterCore;
  readonly #centreCount: number;
  readonly #links: DirectedLink[] = [];
  readonly #centreDark: number[];
  readonly #nodeDark: Int32Array;
  readonly #nodeIsolated: Int32Array;
  readonly #centreOfNode: Int32Array;
  readonly #within: Variate;

  constructor(core: ClusterCore) {
    const { topology } = core.model;
    this.#core = core;
    this.#centreCount = topology.centres.length;
    this.#within = topology.withinCentreUs;
    this.#centreDark = topology.centres.map(() => 0);
    this.#nodeDark = new Int32Array(topology.nodes.length);
    this.#nodeIsolated = new Int32Array(topology.nodes.length);
    this.#centreOfNode = Int32Array.from(topology.nodes, (node) => node.centre);
    for (let from = 0; from < this.#centreCount; from++) {
      for (let to = 0; to < this.#centreCount; to++) {
        const link = from === to ? undefined : linkBetween(topology, from, to);
        const name = `link/${topology.centres[from]?.name}/${topology.centres[to]?.name}`;
        this.#links.push({
          from,
          to,
          oneWayUs: link?.oneWayUs ?? this.#within,
          purpose: name,
          lossPurpose: `loss/${name}`,
          loss: link?.loss ?? 0,
          cuts: 0,
          cutUs: 0,
        });
      }
    }
  }

  carries(from: number, to: number): boolean {
    return this.#dark(from) === 0 && this.#dark(to) === 0 && (from === to || this.#link(from, to).cuts === 0);
  }

  connected(a: number, b: number): boolean {
    return this.carries(a, b) && this.carries(b, a);
  }

  centreLit(centre: number): boolean {
    return this.#dark(centre) === 0;
  }

  nodeLit(node: number): boolean {
    return this.#nodeDark[node] === 0;
  }

  nodeOnNetwork(node: number): boolean {
    return this.#nodeDark[node] === 0 && this.#nodeIsolated[node] === 0;
  }

  nodesConnected(a: number, b: number): boolean {
    if (a === b) return this.nodeLit(a);
    if (!this.nodeOnNetwork(a) || !this.nodeOnNetwork(b)) return false;
    return this.connected(this.#centreOfNode[a] as number, this.#centreOfNode[b] as number);
  }

  latencyUs(from: number, to: number): Micros {
    const link = this.#link(from, to);
    return this.#core.noise.us(link.purpose, link.oneWayUs);
  }

  /** Whether one message is lost on the way, by chance alone. */
  loses(from: number, to: number): boolean {
    const link = this.#link(from, to);
    return link.loss > 0 && this.#core.noise.uniform(link.lossPurpose) < link.loss;
  }

  roundTripLoss(a: number, b: number): number {
    if (a === b) return 0;
    const there = 1 - allLost(this.#link(a, b).loss);
    const back = 1 - allLost(this.#link(b, a).loss);
    return 1 - there * back;
  }

  /** Power of a centre's own equipment (network and control plane processes); its nodes go by {@link darkenNode}. */
  darkenCentre(centre: number): void {
    this.#centreDark[centre] = this.#dark(centre) + 1;
  }

  /** Undoes one {@link darkenCentre}; true when the centre is lit again. */
  lightCentre(centre: number): boolean {
    assert(this.#dark(centre) > 0, "a centre is lit again only after it went dark");
    this.#centreDark[centre] = this.#dark(centre) - 1;
    return this.#dark(centre) === 0;
  }

  /** True when the node just went dark. */
  darkenNode(node: number): boolean {
    return this.#count(this.#nodeDark, node, 1) === 1;
  }

  /** True when the node is lit again. */
  lightNode(node: number): boolean {
    return this.#count(this.#nodeDark, node, -1) === 0;
  }

  /** Cuts a node off from its centre; true when it just lost the network. */
  isolateNode(node: number): boolean {
    return this.#count(this.#nodeIsolated, node, 1) === 1;
  }

  /** True when the node is on the network again. */
  rejoinNode(node: number): boolean {
    return this.#count(this.#nodeIsolated, node, -1) === 0;
  }

  /** Drops everything from one centre to another. */
  cut(from: number, to: number): void {
    const link = this.#link(from, to);
    if (link.cuts++ === 0) link.cutUs = this.#core.sim.now;
  }

  /**
   * Ends one cut. With `healRetransmission` the link carries again only at the first moment
   * t0 + 0.21 s × (2^k − 1) after the heal, t0 being the cut's beginning and each wait at most 27 s: until then the TCP
   * connections that lived through it wait in retransmission back-off. The moment comes as event
   * `link-carries`.
   */
  heal(from: number, to: number): void {
    const { sim, model } = this.#core;
    const link = this.#link(from, to);
    assert(link.cuts > 0, "a link heals only after a cut");
    if (!model.network.healRetransmission || link.cuts > 1) {
      link.cuts--;
      return;
    }
    let wait = RETRANSMISSION_US;
    let at = link.cutUs + wait;
    while (at < sim.now) {
      wait = Math.min(RETRANSMISSION_MAX_US, 2 * wait);
      at += wait;
    }
    sim.schedule(Math.ceil(at), sim.kinds["link-carries"], from * this.#centreCount + to);
  }

  /** The moment of `link-carries` has come. */
  carriesAgain(linkIndex: number): void {
    const link = this.#links[linkIndex];
    assert(link !== undefined && link.cuts > 0, "a link that carries again was cut");
    link.cuts--;
  }

  #count(counts: Int32Array, node: number, by: number): number {
    const count = (counts[node] as number) + by;
    assert(count >= 0, "a node's repair follows its failure");
    counts[node] = count;
    return count;
  }

  #dark(centre: number): number {
    return this.#centreDark[centre] as number;
  }

  #link(from: number, to: number): DirectedLink {
    return this.#links[from * this.#centreCount + to] as DirectedLink;
  }
}

/** The chance that every transmission is lost. Multiplied out: the last bit of a power depends on the engine's version. */
function allLost(loss: number): number {
  let chance = 1;
  for (let i = 0; i < TRANSMISSIONS; i++) chance *= loss;
  return chance;
}
