/** Linearizable reads by rounds (etcd 3.5: linearizableReadLoop), with an answer to a round where the test gives one. */
import { describe, expect, it } from "vitest";
import { ReadLoop } from "../../src/etcd/read-loop.js";
import { MILLISECOND as MS, SECOND as S } from "../../src/units/time.js";

const TIMEOUT_US = 7 * S;

class Bench {
  now = 0;
  readonly asked: { atUs: number; context: number }[] = [];
  readonly done: string[] = [];
  readonly loop: ReadLoop;
  #timers: { atUs: number; action: () => void }[] = [];
  #contexts = 0;

  constructor() {
    this.loop = new ReadLoop(
      {
        ask: (context) => this.asked.push({ atUs: this.now, context }),
        nextContext: () => ++this.#contexts,
        nowUs: () => this.now,
        after: (delayUs, action) => this.#timers.push({ atUs: this.now + delayUs, action }),
      },
      TIMEOUT_US,
    );
  }

  get timers(): number {
    return this.#timers.length;
  }

  read(name: string): void {
    this.loop.add((failure) => this.done.push(`${name}: ${failure ?? "served"} at ${this.now / MS}`));
  }

  runTo(atUs: number): void {
    for (;;) {
      const [next] = this.#timers.filter((timer) => timer.atUs <= atUs).sort((a, b) => a.atUs - b.atUs);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = next.atUs;
      next.action();
    }
    this.now = atUs;
  }
}

describe("Rounds", () => {
  it("There is one round at a time; who comes while it is under way shares the next one.", () => {
    const bench = new Bench();
    for (const name of ["a", "b", "c"]) bench.read(name);
    expect(bench.asked.map(({ context }) => context)).toEqual([1]);
    bench.loop.confirmed(1, 5, 5);
    expect(bench.done).toEqual(["a: served at 0"]);
    expect(bench.asked.map(({ context }) => context)).toEqual([1, 2]);
    bench.loop.confirmed(2, 5, 5);
    expect(bench.done.slice(1)).toEqual(["b: served at 0", "c: served at 0"]);
    expect(bench.loop.isIdle).toBe(true);
  });

  it("A confirmed round waits until its index is applied.", () => {
    const bench = new Bench();
    bench.read("a");
    bench.loop.confirmed(1, 9, 7);
    bench.loop.applied(8);
    expect(bench.done).toEqual([]);
    bench.loop.applied(9);
    expect(bench.done).toEqual(["a: served at 0"]);
  });

  it("An answer to a round given up serves nobody.", () => {
    const bench = new Bench();
    bench.read("a");
    bench.loop.leaderChanged();
    bench.read("b");
    bench.loop.confirmed(1, 5, 5);
    expect(bench.done).toEqual(["a: leaderChanged at 0"]);
    bench.loop.confirmed(2, 5, 5);
    expect(bench.done[1]).toBe("b: served at 0");
  });
});

describe("When no answer comes", () => {
  it("Raft is asked again every 500 ms, and after 7 s the round is given up; the next begins then and has 7 s of its own.", () => {
    const bench = new Bench();
    bench.read("a");
    bench.runTo(100 * MS);
    bench.read("b");
    bench.runTo(7 * S);
    expect(bench.asked.filter(({ context }) => context === 1).map(({ atUs }) => atUs / MS)).toEqual(
      Array.from({ length: 14 }, (_, k) => 500 * k),
    );
    expect(bench.done).toEqual(["a: timeout at 7000"]);
    bench.runTo(13_999 * MS);
    expect(bench.done.length).toBe(1);
    bench.runTo(14 * S);
    expect(bench.done[1]).toBe("b: timeout at 14000");
  });

  it("A new leader ends the round, but not one that is confirmed already.", () => {
    const bench = new Bench();
    bench.read("a");
    bench.loop.confirmed(1, 9, 7);
    bench.loop.leaderChanged();
    expect(bench.done).toEqual([]);
    bench.loop.applied(9);
    bench.read("b");
    bench.loop.leaderChanged();
    expect(bench.done).toEqual(["a: served at 0", "b: leaderChanged at 0"]);
  });

  it("The first entry of a term asks at once, and the 500 ms begin anew.", () => {
    const bench = new Bench();
    bench.read("a");
    bench.runTo(300 * MS);
    bench.loop.firstCommitInTerm();
    bench.runTo(700 * MS);
    expect(bench.asked.map(({ atUs }) => atUs / MS)).toEqual([0, 300]);
    bench.runTo(900 * MS);
    expect(bench.asked.map(({ atUs }) => atUs / MS)).toEqual([0, 300, 800]);
  });

  it("Reads that are answered cost one timer among them, not two each.", () => {
    const bench = new Bench();
    for (let k = 1; k <= 400; k++) {
      bench.read(`r${k}`);
      bench.runTo(k * MS);
      bench.loop.confirmed(k, 1, 1);
    }
    expect(bench.done.length).toBe(400);
    expect(bench.timers).toBe(1);
  });
});
