/** Random lives of three members' transports: after everything is healed, streams stand between all of them. */
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import { append, heartbeat, PeersRig } from "./peers-rig.js";

const MEMBERS = 3;
const PAIRS = [
  [0, 1],
  [0, 2],
  [1, 0],
  [1, 2],
  [2, 0],
  [2, 1],
] as const;

class Life {
  readonly rig: PeersRig;
  readonly counts = { cut: 0, heal: 0, kill: 0, power: 0, unreachable: 0, heard: 0 };
  readonly #cuts: [number, number][] = [];
  readonly #state: ("up" | "killed" | "dark")[] = ["up", "up", "up"];
  #next = 0;

  constructor(seed: number) {
    this.rig = new PeersRig(MEMBERS, {
      variate: { kind: "uniform", min: 1000, max: 16_000 },
      seed: `peers ${seed}`,
    });
    const chance = new RandomStreams(`peer lives/${seed}`).stream("plan");
    const below = (bound: number): number => chance.below(bound);
    for (let ms = 100; ms < 30_000; ms += 100)
      this.rig.at(ms, () => {
        for (const [from, to] of PAIRS) this.#say(from, to, below(2) === 0);
      });
    for (let n = 0; n < 15; n++) this.rig.at(below(25_000), () => this.#disturb(below));
    this.rig.at(30_000, () => this.#mend());
    this.rig.until(120_000);
    this.#count();
  }

  #say(from: number, to: number, isAppend: boolean): void {
    if (this.#state[from] !== "up") return;
    const message = isAppend ? append(from, to, this.#next++) : heartbeat(from, to, this.#next++);
    this.rig.process(from).peers.send(message, 300);
  }

  #disturb(below: (bound: number) => number): void {
    const { network } = this.rig;
    const [from, to] = PAIRS[below(PAIRS.length)] as readonly [number, number];
    const what = below(8);
    if (what < 3) {
      this.counts.cut++;
      this.#cuts.push([from, to]);
      network.cut(from, to);
    } else if (what < 6) {
      const healed = this.#cuts.splice(below(this.#cuts.length + 1), 1)[0];
      if (healed === undefined) return;
      this.counts.heal++;
      network.heal(...healed);
    } else if (this.#state[from] !== "up") this.#restart(from);
    else {
      this.#count();
      this.rig.process(from).peers.stop();
      if (what === 6) {
        this.counts.kill++;
        network.exit(from);
      } else {
        this.counts.power++;
        network.powerOff(from);
      }
      this.#state[from] = what === 6 ? "killed" : "dark";
    }
  }

  #restart(member: number): void {
    if (this.#state[member] === "dark") this.rig.network.powerOn(member);
    this.#state[member] = "up";
    this.rig.start(member);
  }

  #mend(): void {
    for (const [from, to] of this.#cuts.splice(0)) this.rig.network.heal(from, to);
    for (let member = 0; member < MEMBERS; member++) if (this.#state[member] !== "up") this.#restart(member);
  }

  #count(): void {
    this.counts.unreachable = Math.max(this.counts.unreachable, this.rig.process(0).unreachables.length);
    this.counts.heard += this.rig.process(0).heard.length;
  }
}

describe("lives of members' transports", () => {
  const lives = Array.from({ length: 60 }, (_, seed) => new Life(seed));

  it("end with clean streams between all members, once all is healed and keep-alive has asked", () => {
    for (const [seed, { rig }] of lives.entries())
      for (const [from, to] of PAIRS) {
        expect(rig.process(from).peers.isClean(to), `seed ${seed}, ${from} to ${to}`).toBe(true);
        expect(rig.process(from).peers.activePeers, `seed ${seed}`).toBe(MEMBERS - 1);
      }
  });

  it("bring no message twice", () => {
    for (const [seed, { rig }] of lives.entries())
      for (const process of rig.processes) {
        const said = process.heard.map(({ message }) =>
          message.type === "AppendEntries"
            ? message.prevLogIndex
            : message.type === "Heartbeat"
              ? message.context
              : -1,
        );
        expect(new Set(said).size, `seed ${seed}`).toBe(said.length);
      }
  });

  it("keep few connections: four streams a pair and what requests are kept for five seconds", () => {
    for (const [seed, { rig }] of lives.entries())
      expect(rig.network.connections, `seed ${seed}`).toBe((4 * PAIRS.length) / 2);
  });

  it("meet every disturbance, and are the same twice", () => {
    const sum: Record<string, number> = {};
    for (const { counts } of lives)
      for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count;
    for (const [name, count] of Object.entries(sum)) expect(count, name).toBeGreaterThan(20);
    const again = new Life(5);
    expect(again.rig.processes.map(({ heard }) => heard)).toEqual(
      lives[5]?.rig.processes.map(({ heard }) => heard),
    );
  });
});
