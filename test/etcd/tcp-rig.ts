/** Hosts, lines and processes that write down what they hear, for the tests of connections. */
import { RandomStreams } from "../../src/engine/random.js";
import { Simulation } from "../../src/engine/simulation.js";
import { ETCD_EVENTS, type EtcdEvent } from "../../src/etcd/events.js";
import type { HostModel, PathModel } from "../../src/etcd/model.js";
import { PeerTimers } from "../../src/etcd/peer-timers.js";
import { TcpNetwork } from "../../src/etcd/tcp.js";
import type { CloseReason, Listener, Socket, SocketOwner } from "../../src/etcd/tcp-types.js";
import type { Variate } from "../../src/units/variate.js";

export const MS = 1000;

export interface Heard {
  /** ms. */
  readonly at: number;
  readonly what: unknown;
}

/** Writes down what arrives and how it ended. */
export class Diary implements SocketOwner {
  readonly heard: Heard[] = [];
  socket: Socket | undefined;
  connectedAt: number | undefined;
  end: { readonly at: number; readonly reason: CloseReason } | undefined;
  readonly #clock: { readonly now: number };
  onItem: ((socket: Socket, item: NonNullable<unknown>) => void) | undefined;

  constructor(clock: { readonly now: number }) {
    this.#clock = clock;
  }

  connected(socket: Socket): void {
    this.socket = socket;
    this.connectedAt = this.#clock.now / MS;
  }

  received(socket: Socket, item: NonNullable<unknown>): void {
    this.socket = socket;
    this.heard.push({ at: this.#clock.now / MS, what: item });
    this.onItem?.(socket, item);
  }

  closed(_socket: Socket, reason: CloseReason): void {
    this.end = { at: this.#clock.now / MS, reason };
  }

  get items(): unknown[] {
    return this.heard.map(({ what }) => what);
  }
}

export interface RigOptions {
  readonly hosts?: number;
  /** By host from, host to, ms one way; a number for all. */
  readonly oneWayMs?: number | ((from: number, to: number) => number);
  readonly variate?: Variate;
  readonly loss?: number;
  readonly seed?: string;
}

export class Rig {
  readonly simulation = new Simulation<EtcdEvent>(ETCD_EVENTS);
  readonly network: TcpNetwork;
  readonly timers: PeerTimers;
  readonly hostCount: number;
  /** Sockets' owners that hosts accepted, in order. */
  readonly accepted: Diary[] = [];

  constructor(options: RigOptions = {}) {
    const count = options.hosts ?? 2;
    this.hostCount = count;
    const hosts: HostModel[] = Array.from({ length: count }, (_, n) => ({ name: `h${n}`, centre: "P" }));
    const oneWay = options.oneWayMs ?? 15;
    const paths: PathModel[][] = hosts.map((_, from) =>
      hosts.map((_, to) => ({
        oneWayUs: options.variate ?? {
          kind: "constant",
          value: (typeof oneWay === "number" ? oneWay : oneWay(from, to)) * MS,
        },
        loss: options.loss ?? 0,
      })),
    );
    const streams = new RandomStreams(options.seed ?? "tcp");
    this.network = new TcpNetwork(this.simulation, { hosts, paths }, streams);
    this.timers = new PeerTimers(this.simulation);
    const idle = (): void => {};
    this.simulation.handle({
      "member-tick": idle,
      "member-saved": idle,
      "member-timer": idle,
      "client-timer": idle,
      ...this.network.handlers,
      ...this.timers.handlers,
      "etcd-planned": (number) => this.#plans[number]?.(),
    });
  }

  readonly #plans: (() => void)[] = [];

  /** Does something at a moment, ms. */
  at(ms: number, action: () => void): void {
    const { simulation } = this;
    simulation.schedule(Math.round(ms * MS), simulation.kinds["etcd-planned"], this.#plans.push(action) - 1);
  }

  /** Runs until so many ms. */
  until(ms: number): void {
    this.simulation.run(Math.round(ms * MS));
  }

  listen(host: number): void {
    this.network.listen(host, this.listener());
  }

  listener(): Listener {
    return {
      accept: (socket) => {
        const diary = new Diary(this.simulation);
        diary.connected(socket);
        this.accepted.push(diary);
        return diary;
      },
    };
  }

  dial(from: number, to: number, timeoutMs = 0): Diary {
    const diary = new Diary(this.simulation);
    this.network.dial(from, to, "test", timeoutMs * MS, diary);
    return diary;
  }

  /** A connection from host 0 to host 1 that stands: its ends. */
  pair(): { readonly a: Diary; readonly b: Diary } {
    this.listen(1);
    const a = this.dial(0, 1);
    for (let tries = 0; this.accepted.length === 0 && tries < 50; tries++)
      this.until(this.simulation.now / MS + 200);
    const b = this.accepted.at(-1);
    if (b === undefined) throw new Error("the dial did not succeed");
    return { a, b };
  }

  cutBoth(from: number, to: number): void {
    this.network.cut(from, to);
    this.network.cut(to, from);
  }

  healBoth(from: number, to: number): void {
    this.network.heal(from, to);
    this.network.heal(to, from);
  }
}

/**
 * When an item sent at `sentMs` is sent again, ms, with the first timeout given: each wait twice as long as the one before,
 * each end of a wait put off to the next mark, every 4 ms for waits below 252 ms, 32 below 2.016 s, 256 below 16.128 s.
 */
export function retransmissions(sentMs: number, timeoutMs: number, count: number): number[] {
  const times: number[] = [];
  let from = sentMs;
  for (let k = 0; k < count; k++) {
    const wait = timeoutMs * 2 ** k;
    const mark = wait < 252 ? 4 : wait < 2016 ? 32 : wait < 16_128 ? 256 : 2048;
    from = mark * (Math.floor((from + wait) / mark) + 1);
    times.push(from);
  }
  return times;
}
