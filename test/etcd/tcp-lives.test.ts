/** Random lives of connections: whatever happens to lines and hosts, each direction of a connection is a list of which the other end hears a beginning. */
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import type { Socket, SocketOwner } from "../../src/etcd/tcp-types.js";
import { Rig } from "./tcp-rig.js";

const HOSTS = 3;
const HEALED_MS = 60_000;

interface Line {
  readonly sent: number[];
  readonly heard: number[];
  /** Of the end that hears. */
  isOver: boolean;
}

class Life {
  readonly rig: Rig;
  readonly lines: Line[] = [];
  readonly log: string[] = [];
  readonly counts = { cut: 0, heal: 0, exit: 0, power: 0, path: 0, closed: 0, reset: 0, timeout: 0, item: 0 };
  readonly #sockets: { readonly socket: Socket; readonly line: Line }[] = [];
  readonly #cuts: [number, number][] = [];
  readonly #isPowered = [true, true, true];
  #next = 0;

  constructor(seed: number) {
    this.rig = new Rig({
      hosts: HOSTS,
      variate: { kind: "uniform", min: 500, max: 20_000 },
      loss: seed % 3 === 0 ? 0.02 : 0,
      seed: `life ${seed}`,
    });
    for (let host = 0; host < HOSTS; host++) this.#listen(host);
    const chance = new RandomStreams(`tcp lives/${seed}`).stream("plan");
    const below = (bound: number): number => chance.below(bound);
    for (let n = 0; n < 12; n++) this.rig.at(below(20_000), () => this.#dial(below(HOSTS), below(HOSTS)));
    for (let n = 0; n < 400; n++) this.rig.at(below(HEALED_MS), () => this.#send(below));
    for (let n = 0; n < 25; n++) this.rig.at(1000 + below(40_000), () => this.#disturb(below));
    this.rig.at(HEALED_MS, () => this.#healAll());
    this.rig.at(HEALED_MS + 1, () => {
      for (const { socket, line } of this.#sockets) if (socket.isOpen) this.#hand(socket, line, 100);
    });
  }

  run(): void {
    this.rig.until(1_000_000);
  }

  #listen(host: number): void {
    this.rig.network.listen(host, {
      accept: (socket, purpose) =>
        this.#owner(socket, (purpose as { there: Line }).there, (purpose as { back: Line }).back),
    });
  }

  /** `hears`: what this end is to hear; `says`: what it sends. */
  #owner(socket: Socket | undefined, hears: Line, says: Line): SocketOwner {
    if (socket !== undefined) this.#sockets.push({ socket, line: says });
    return {
      connected: (made) => this.#sockets.push({ socket: made, line: says }),
      received: (_socket, item) => {
        hears.heard.push(item as number);
        this.counts.item++;
        this.log.push(`${this.rig.simulation.now} ${String(item)}`);
      },
      closed: (_socket, reason) => {
        hears.isOver = true;
        if (reason === "closed" || reason === "reset" || reason === "timeout") this.counts[reason]++;
        this.log.push(`${this.rig.simulation.now} ${reason}`);
      },
    };
  }

  #dial(from: number, to: number): void {
    if (this.#isPowered[from] !== true) return;
    const there: Line = { sent: [], heard: [], isOver: false };
    const back: Line = { sent: [], heard: [], isOver: false };
    this.lines.push(there, back);
    this.rig.network.dial(from, to, { there, back }, 0, this.#owner(undefined, back, there));
  }

  #send(below: (bound: number) => number): void {
    if (this.#sockets.length === 0) return;
    const { socket, line } = this.#sockets[below(this.#sockets.length)] as { socket: Socket; line: Line };
    if (!socket.isOpen) return;
    const items = 1 + below(6);
    for (let n = 0; n < items; n++) this.#hand(socket, line, below(10) === 0 ? 60_000 : 200);
    if (below(60) === 0) {
      line.isOver = true;
      socket.close();
    }
  }

  #hand(socket: Socket, line: Line, bytes: number): void {
    line.sent.push(this.#next);
    socket.send(this.#next++, bytes);
  }

  #disturb(below: (bound: number) => number): void {
    const { network } = this.rig;
    const host = below(HOSTS);
    const other = (host + 1 + below(HOSTS - 1)) % HOSTS;
    const what = below(10);
    if (what < 4) {
      this.counts.cut++;
      network.cut(host, other);
      this.#cuts.push([host, other]);
      if (below(2) === 0) {
        network.cut(other, host);
        this.#cuts.push([other, host]);
      }
    } else if (what < 8) {
      const healed = this.#cuts.splice(below(this.#cuts.length + 1), 1)[0];
      if (healed === undefined) return;
      this.counts.heal++;
      network.heal(...healed);
    } else if (what === 8) {
      this.counts.path++;
      network.setPath(host, other, { oneWayUs: { kind: "uniform", min: 0, max: 60_000 }, loss: 0 });
    } else if (below(2) === 0) {
      this.counts.exit++;
      network.exit(host);
      if (this.#isPowered[host] === true) this.#listen(host);
    } else {
      this.counts.power++;
      if (this.#isPowered[host] === true) network.powerOff(host);
      else {
        network.powerOn(host);
        this.#listen(host);
      }
      this.#isPowered[host] = this.#isPowered[host] !== true;
    }
  }

  #healAll(): void {
    for (const [from, to] of this.#cuts.splice(0)) this.rig.network.heal(from, to);
    for (let host = 0; host < HOSTS; host++) {
      if (this.#isPowered[host] === true) continue;
      this.rig.network.powerOn(host);
      this.#listen(host);
      this.#isPowered[host] = true;
    }
  }

  /** Sockets that are still open on both sides, with what was handed to them. */
  *open(): Iterable<{ readonly socket: Socket; readonly line: Line }> {
    for (const one of this.#sockets) if (one.socket.isOpen) yield one;
  }
}

describe("lives of connections", () => {
  const lives = Array.from({ length: 150 }, (_, seed) => {
    const life = new Life(seed);
    life.run();
    return life;
  });

  it("deliver a beginning of what was sent: nothing twice, nothing out of order, nothing from nowhere", () => {
    for (const [seed, life] of lives.entries())
      for (const line of life.lines)
        expect(line.heard, `seed ${seed}`).toEqual(line.sent.slice(0, line.heard.length));
  });

  it("deliver everything, once all is healed, to where a connection stays open", () => {
    let checked = 0;
    for (const [seed, life] of lives.entries())
      for (const { socket, line } of life.open()) {
        checked++;
        expect(line.heard, `seed ${seed}`).toEqual(line.sent);
        expect(socket.unacknowledgedBytes, `seed ${seed}`).toBe(0);
        expect(socket.isStalled, `seed ${seed}`).toBe(false);
      }
    expect(checked).toBeGreaterThan(100);
  });

  it("leave nothing half open: after the end every connection stands or is forgotten", () => {
    for (const [seed, life] of lives.entries())
      expect([...life.open()].length, `seed ${seed}`).toBe(2 * life.rig.network.connections);
  });

  it("meet every kind of disturbance and of end", () => {
    const sum: Record<string, number> = {};
    for (const { counts } of lives)
      for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
    for (const name of ["cut", "heal", "exit", "power", "path", "closed", "reset", "item"])
      expect(sum[name], name).toBeGreaterThan(50);
  });

  it("are the same twice", () => {
    for (const seed of [1, 3, 77]) {
      const again = new Life(seed);
      again.run();
      expect(again.log).toEqual(lives[seed]?.log);
    }
  });
});
