import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Socket } from "../../src/etcd/tcp-types.js";
import { Rig, retransmissions } from "./tcp-rig.js";

const send = (diary: { socket: Socket | undefined }, item: string, bytes = 100): void =>
  diary.socket?.send(item, bytes);

describe("a connection that nothing is wrong with", () => {
  it("delivers each item one delay later, in order, by one event each", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    const steps = rig.simulation.steps;
    rig.at(300, () => {
      send(a, "x");
      send(a, "y");
      send(b, "z");
    });
    rig.until(400);
    expect(b.heard).toEqual([
      { at: 315, what: "x" },
      { at: 315, what: "y" },
    ]);
    expect(a.heard).toEqual([{ at: 315, what: "z" }]);
    expect(rig.simulation.steps - steps).toBe(1 + 3);
  });

  it("keeps the order whatever the delays are", () => {
    const rig = new Rig({ variate: { kind: "uniform", min: 0, max: 50_000 } });
    const { a, b } = rig.pair();
    const sent = Array.from({ length: 200 }, (_, n) => `${n}`);
    for (const [n, item] of sent.entries()) rig.at(300 + n, () => send(a, item));
    rig.until(1000);
    expect(b.items).toEqual(sent);
    expect(new Set(b.heard.map(({ at }) => at)).size).toBeGreaterThan(20);
  });

  it("draws a beat's delay from its number, so that what is left out in between changes nothing", () => {
    const arrivals = (beats: readonly number[]): Map<unknown, number> => {
      const rig = new Rig({ variate: { kind: "uniform", min: 0, max: 50_000 } });
      const { a, b } = rig.pair();
      for (const tick of beats)
        rig.at(300 + 100 * tick, () => a.socket?.send(tick, 10, { incarnation: 1, tick }));
      rig.until(3000);
      return new Map(b.heard.map(({ at, what }) => [what, at]));
    };
    const all = arrivals([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const some = arrivals([1, 4, 9]);
    for (const [tick, at] of some) expect(all.get(tick)).toBe(at);
    expect(some.size).toBe(3);
  });

  it.each([
    // 104 packets: rounds of 10, 20, 40 and the rest in the fourth, so three more round trips of 30.7 ms.
    [1000, 3 * 30.7],
    // 518 packets: rounds of 10, 20, 40, 80, 160 and the rest.
    [5000, 5 * 30.7],
  ])("brings an append of %i entries of 150 bytes through slow start in so many more round trips", (entries, extra) => {
    const rig = new Rig({ oneWayMs: 15.35 });
    const { a, b } = rig.pair();
    rig.at(300, () => send(a, "append", entries * 150));
    rig.until(2000);
    expect(b.heard[0]?.at).toBeCloseTo(300 + 15.35 + extra, 3);
  });

  it("starts with ten packets again after a pause, and not while it is used", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    rig.at(300, () => send(a, "first", 70 * 1448));
    rig.at(400, () => send(a, "second", 70 * 1448));
    rig.at(1000, () => send(a, "third", 70 * 1448));
    rig.until(2000);
    expect(b.heard.map(({ at }) => at)).toEqual([300 + 60 + 15, 400 + 15, 1000 + 60 + 15]);
  });
});

describe("a dial", () => {
  it("takes a round trip, and the accepting side hears of it half a round trip later", () => {
    const rig = new Rig({ oneWayMs: 15 });
    rig.listen(1);
    const a = rig.dial(0, 1);
    rig.until(100);
    expect(a.connectedAt).toBe(30);
    expect(rig.accepted[0]?.connectedAt).toBe(45);
  });

  it("is refused a round trip later where nobody listens", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const a = rig.dial(0, 1);
    rig.until(100);
    expect(a.end).toEqual({ at: 30, reason: "refused" });
    expect(rig.network.connections).toBe(0);
  });

  it("tries again after about 1 and 3 s where its first packets are lost", () => {
    const rig = new Rig({ oneWayMs: 15 });
    rig.listen(1);
    rig.network.cut(0, 1);
    const a = rig.dial(0, 1);
    rig.at(1500, () => rig.network.heal(0, 1));
    rig.until(5000);
    // 1000 ms end at the mark 1024; 2000 ms later the next mark is 3040.
    expect(a.connectedAt).toBe(3040 + 30);
  });

  it("ends at its limit, or after about 127 s without one", () => {
    const rig = new Rig();
    rig.network.powerOff(1);
    const limited = rig.dial(0, 1, 2000);
    const patient = rig.dial(0, 1);
    rig.until(200_000);
    expect(limited.end).toEqual({ at: 2000, reason: "dialTimeout" });
    expect(patient.end?.reason).toBe("dialTimeout");
    expect(patient.end?.at).toBeGreaterThan(127_000);
    expect(patient.end?.at).toBeLessThan(127_000 + 5000);
  });

  it("that the process answered and did not live to accept ends in a reset", () => {
    const rig = new Rig({ oneWayMs: 15 });
    rig.listen(1);
    const a = rig.dial(0, 1);
    rig.at(20, () => {
      rig.network.exit(1);
      rig.listen(1);
    });
    rig.until(100);
    expect(a.connectedAt).toBe(30);
    expect(a.end).toEqual({ at: 60, reason: "reset" });
    expect(rig.accepted).toEqual([]);
  });
});

describe("a black hole", () => {
  it("loses what is under way and comes back at the first doubled retransmission after the heal", () => {
    // Round trip 2.5 ms, timeout 204 ms. Waits end at 999 + 204 → 1204, + 408 → 1632, + 816 → 2464, + 1632 → 4128 and
    // + 3264 → 7424: the first after the heal.
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a, b } = rig.pair();
    rig.at(999, () => send(a, "lost on its way"));
    rig.at(1000, () => rig.cutBoth(0, 1));
    for (let n = 1; n < 40; n++) rig.at(1000 + 100 * n, () => send(a, `${n}`));
    rig.at(5000, () => rig.healBoth(0, 1));
    rig.until(20_000);
    const retransmission = 7424;
    expect(b.heard[0]).toEqual({ at: retransmission + 1.25, what: "lost on its way" });
    // The rest comes a round trip later: forty small items are few packets.
    expect(b.heard[1]).toEqual({ at: retransmission + 3.75, what: "1" });
    expect(b.heard[3]).toEqual({ at: retransmission + 3.75, what: "3" });
    expect(b.items).toEqual(["lost on its way", ...Array.from({ length: 39 }, (_, n) => `${n + 1}`)]);
  });

  it("is retransmitted into only when nothing new has left for two round trips, or the window is full", () => {
    // As a kernel did under an emulated line: something every 14 ms, timeout 232 ms, 18 packets before the window is full;
    // the first retransmission comes two round trips and two to three ticks after the last of them.
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    for (let n = -20; n < 60; n++) rig.at(940 + 14 * n, () => send(a, `${n}`));
    rig.at(1000, () => rig.cutBoth(0, 1));
    rig.at(1900, () => rig.healBoth(0, 1));
    rig.until(3000);
    // The first that is unanswered left at 982, the 18th with it at 1220; then 1292, + 464 → 1760, + 928 → 2720, which is
    // answered at 2750; then all the rest leaves.
    const lost = b.heard.find(({ what }) => what === "4");
    expect(lost?.at).toBe(2765);
    expect(b.items.length).toBe(80);
  });

  it("counts from the last item whose acknowledgement had not come back", () => {
    const rig = new Rig({ oneWayMs: 15.35 });
    const { a, b } = rig.pair();
    // It arrives before the cut, its acknowledgement does not.
    rig.at(980, () => send(a, "arrived"));
    rig.at(1000, () => rig.cutBoth(0, 1));
    rig.at(1100, () => send(a, "waits"));
    rig.at(1900, () => rig.healBoth(0, 1));
    rig.until(10_000);
    // Timeout 232 ms: 980 + 232 → 1216, + 464 → 1696, + 928 → 2656; what waits comes a round trip and a delay later.
    expect(b.heard).toEqual([
      { at: 995.35, what: "arrived" },
      { at: 2702.05, what: "waits" },
    ]);
  });

  it("shorter than the timeout delays a last item to the timeout, and no longer than a round trip if three more follow", () => {
    const alone = new Rig({ oneWayMs: 15 });
    const one = alone.pair();
    alone.at(1000, () => alone.cutBoth(0, 1));
    alone.at(1001, () => send(one.a, "x"));
    alone.at(1010, () => alone.healBoth(0, 1));
    alone.until(3000);
    expect(one.b.heard).toEqual([{ at: 1236 + 15, what: "x" }]);

    const followed = new Rig({ oneWayMs: 15 });
    const { a, b } = followed.pair();
    followed.at(1000, () => followed.cutBoth(0, 1));
    followed.at(1001, () => send(a, "x"));
    followed.at(1010, () => followed.healBoth(0, 1));
    for (let n = 0; n < 4; n++) followed.at(1020 + n, () => send(a, `${n}`));
    followed.until(3000);
    // The third that follows leaves at 1022; word of it is back a round trip later; the lost one arrives 15 ms after that.
    expect(b.heard.map(({ at }) => at)).toEqual([1067, 1067, 1067, 1067, 1067]);
    expect(b.items).toEqual(["x", "0", "1", "2", "3"]);
  });

  it("takes what had come behind a lost item too, if it comes again before that arrived", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    rig.at(1000, () => rig.cutBoth(0, 1));
    rig.at(1001, () => send(a, "lost"));
    rig.at(1002, () => rig.healBoth(0, 1));
    rig.at(1003, () => send(a, "kept"));
    rig.at(1015, () => send(a, "lost as well"));
    rig.at(1020, () => rig.cutBoth(0, 1));
    rig.at(1025, () => rig.healBoth(0, 1));
    rig.until(3000);
    // 1001 + 232 → 1236. What the receiver kept comes with the lost item, the other a round trip later.
    expect(b.heard).toEqual([
      { at: 1251, what: "lost" },
      { at: 1251, what: "kept" },
      { at: 1281, what: "lost as well" },
    ]);
  });

  it("is given up after fifteen retransmissions, each at most 120 s after the one before", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    rig.at(1000, () => {
      rig.cutBoth(0, 1);
      send(a, "never");
    });
    rig.until(3_000_000);
    // Waits of 0.204 × 2^k: ten of them through 104 s, and six of 120 s, each up to 2 s late.
    const seconds = 0.204 * 1023 + 6 * 120;
    expect(a.end?.reason).toBe("timeout");
    expect(a.end?.at).toBeGreaterThan(1000 + seconds * 1000);
    expect(a.end?.at).toBeLessThan(1000 + seconds * 1000 + 20_000);
  });

  it("comes back with one doubling after each of two cuts, since an answer ends the doubling", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a, b } = rig.pair();
    for (const start of [1000, 4000]) {
      rig.at(start, () => rig.cutBoth(0, 1));
      rig.at(start + 1, () => send(a, `${start}`));
      rig.at(start + 100, () => rig.healBoth(0, 1));
    }
    rig.until(10_000);
    expect(b.heard.map(({ at }) => at)).toEqual([1208 + 1.25, 4208 + 1.25]);
  });
});

describe("a return from a black hole", () => {
  /** When the first item sent so long after a cut arrives, ms after the cut, healed 4 s after it. */
  const returns = (oneWayMs: number): number[] =>
    Array.from({ length: 300 }, (_, n) => {
      const rig = new Rig({ oneWayMs });
      const { a, b } = rig.pair();
      const cut = 1000 + 7.77 * n;
      rig.at(cut, () => rig.cutBoth(0, 1));
      rig.at(cut + (n % 100), () => send(a, "x"));
      rig.at(cut + 4000, () => rig.healBoth(0, 1));
      rig.until(20_000);
      return (b.heard[0]?.at ?? Number.NaN) - cut;
    });

  it("comes at 0.21 s × 31 on average at a round trip of 2.5 ms", () => {
    const all = returns(1.25).map((ms, n) => ms - (n % 100));
    const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
    expect(mean / (210 * 31)).toBeGreaterThan(0.98);
    expect(mean / (210 * 31)).toBeLessThan(1.02);
  });

  const golden = "../shared/golden/etcd-3.5/leader-isolated-a.json";
  if (!existsSync(golden)) console.log(`no ${golden}: the measured returns are not compared`);
  it.skipIf(!existsSync(golden))("is where the real one's last return was measured", () => {
    const { trials } = JSON.parse(readFileSync(golden, "utf8")) as {
      trials: { winner: string; last_rejoin_after_cut_ms: number }[];
    };
    // The old leader is m1; the message stream carries something every 100 ms, so the clock starts within that of the cut.
    for (const [winner, oneWayMs] of [
      ["m2", 1.25],
      ["m3", 15.35],
    ] as const) {
      const simulated = returns(oneWayMs);
      const measured = trials.filter((trial) => trial.winner === winner);
      expect(measured.length).toBeGreaterThan(1);
      for (const { last_rejoin_after_cut_ms: ms } of measured) {
        expect(ms).toBeGreaterThan(Math.min(...simulated));
        // The next heartbeat tells of the leader if the first item does not.
        expect(ms).toBeLessThan(Math.max(...simulated) + 100);
      }
    }
  });
});

describe("a cut of one direction", () => {
  it("lets items through until the first timeout, each once, and then stops the other direction as well", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a, b } = rig.pair();
    rig.at(1000, () => rig.network.cut(1, 0));
    for (let n = 0; n < 8; n++) rig.at(1000 + 50 * n, () => send(a, `${n}`));
    rig.until(1900);
    // The first is unanswered at 1208 ms: what is handed over after that waits.
    expect(b.items).toEqual(["0", "1", "2", "3", "4"]);
    rig.at(2000, () => rig.network.heal(1, 0));
    rig.until(5000);
    expect(b.items).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
    const third = retransmissions(1000, 204, 3)[2] as number;
    expect(b.heard[5]?.at).toBe(third + 2.5 + 1.25);
  });

  it("so short that an acknowledgement still passes costs nothing", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    rig.at(1000, () => {
      rig.network.cut(1, 0);
      send(a, "x");
    });
    rig.at(1005, () => rig.network.heal(1, 0));
    // After the timeout of 232 ms that would have run out without the acknowledgement.
    rig.at(1240, () => send(a, "y"));
    rig.until(3000);
    expect(b.heard.map(({ at }) => at)).toEqual([1015, 1255]);
  });

  it("lets no more than a window through", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    rig.at(1000, () => rig.network.cut(1, 0));
    for (let n = 0; n < 15; n++) rig.at(1001 + n, () => send(a, `${n}`, 1448));
    rig.until(1200);
    expect(b.heard.length).toBe(10);
  });
});

describe("a process that dies", () => {
  it("says goodbye behind what it sent", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    rig.at(1000, () => {
      send(b, "last words");
      rig.network.exit(1);
    });
    rig.until(2000);
    expect(a.heard).toEqual([{ at: 1015, what: "last words" }]);
    expect(a.end).toEqual({ at: 1015, reason: "closed" });
    expect(b.end).toBeUndefined();
    expect(rig.network.connections).toBe(0);
  });

  it("behind a cut is heard of at a retransmission after the heal", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    rig.at(1000, () => {
      rig.cutBoth(0, 1);
      rig.network.exit(1);
    });
    rig.at(2000, () => rig.healBoth(0, 1));
    rig.until(5000);
    expect(a.end).toEqual({ at: (retransmissions(1000, 204, 3)[2] as number) + 1.25, reason: "closed" });
  });

  it("answers with a reset what comes for it, whatever process is there now", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    rig.at(1000, () => {
      rig.cutBoth(0, 1);
      rig.network.exit(1);
      rig.listen(1);
    });
    rig.at(1300, () => rig.healBoth(0, 1));
    rig.at(1400, () => send(a, "who is there"));
    rig.until(5000);
    expect(a.end).toEqual({ at: 1402.5, reason: "reset" });
    expect(rig.accepted.at(-1)?.heard).toEqual([]);
  });

  it("and whose goodbye got lost for good leaves the other end to its keep-alive", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    rig.at(1000, () => rig.network.cut(1, 0));
    rig.at(1001, () => rig.network.exit(1));
    rig.until(400_000);
    // Probed after 30 s of silence; no answer comes through, nine probes, 15 s apart.
    expect(a.end?.reason).toBe("timeout");
    expect(a.end?.at).toBeGreaterThan(30_000 + 9 * 15_000);
    expect(a.end?.at).toBeLessThan(31_100 + 9 * 15_000 + 10 * 2048);
    expect(rig.network.connections).toBe(0);
  });
});

describe("a host without power", () => {
  it("is silent, and its peers hear nothing until they send something after its return", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    rig.at(1000, () => rig.network.powerOff(1));
    rig.at(1100, () => send(a, "into the dark"));
    rig.at(2000, () => {
      rig.network.powerOn(1);
      rig.listen(1);
    });
    rig.until(10_000);
    expect(a.end).toEqual({ at: (retransmissions(1100, 204, 3)[2] as number) + 2.5, reason: "reset" });
  });

  it("is found out by keep-alive where nothing is sent", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    rig.at(1000, () => rig.network.powerOff(1));
    rig.at(2000, () => rig.network.powerOn(1));
    rig.until(100_000);
    expect(a.end?.reason).toBe("reset");
    // 30 s after the handshake's end, which was the last it heard; timers that long fire every 2.048 s.
    expect(a.end?.at).toBeGreaterThan(30_000);
    expect(a.end?.at).toBeLessThan(30_020 + 2048);
  });

  it("still delivers what had left it", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    rig.at(1000, () => {
      send(b, "left");
      send(b, "too large", 100 * 1448);
    });
    rig.at(1001, () => rig.network.powerOff(1));
    rig.until(2000);
    expect(a.items).toEqual(["left"]);
    expect(a.end).toBeUndefined();
  });
});

describe("pulses", () => {
  it("cost nothing while nothing is wrong", () => {
    const rig = new Rig();
    const { a } = rig.pair();
    a.socket?.pulse(1_666_667, rig.simulation.now, 20);
    // The dial's own timers are over by then.
    rig.until(2000);
    const steps = rig.simulation.steps;
    rig.until(3_600_000);
    expect(rig.simulation.steps).toBe(steps);
  });

  it("set the clock of the back-off on a connection that is otherwise idle", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a, b } = rig.pair();
    a.socket?.pulse(1_666_667, 300_000, 20);
    rig.at(2000, () => rig.cutBoth(0, 1));
    rig.at(4000, () => send(a, "x"));
    rig.at(4500, () => rig.healBoth(0, 1));
    rig.until(20_000);
    // Pulses at 300 + 1666.667 n: the first in the dark at 3633.334 ms.
    const third = retransmissions(3633.334, 204, 3)[2] as number;
    expect(b.heard).toEqual([{ at: third + 2.5 + 1.25, what: "x" }]);
  });

  it("are among what was under way at a cut", () => {
    const rig = new Rig({ oneWayMs: 15 });
    const { a, b } = rig.pair();
    a.socket?.pulse(1_000_000, 300_000, 20);
    rig.at(1310, () => rig.cutBoth(0, 1));
    rig.at(1400, () => send(a, "x"));
    rig.at(1500, () => rig.healBoth(0, 1));
    rig.until(20_000);
    expect(b.heard).toEqual([{ at: 1536 + 30 + 15, what: "x" }]);
  });

  it("tell of a dead process within a period", () => {
    const rig = new Rig({ oneWayMs: 1.25 });
    const { a } = rig.pair();
    a.socket?.pulse(1_666_667, 300_000, 20);
    rig.at(1000, () => rig.network.powerOff(1));
    rig.at(1100, () => rig.network.powerOn(1));
    rig.until(20_000);
    expect(a.end).toEqual({ at: 300 + 1666.667 + 2.5, reason: "reset" });
  });
});

describe("a line that loses packets", () => {
  it("delivers everything in order, late by a round trip or by the timeout", () => {
    const rig = new Rig({ oneWayMs: 15, loss: 0.05, seed: "loss" });
    const { a, b } = rig.pair();
    const sent = Array.from({ length: 2000 }, (_, n) => `${n}`);
    for (const [n, item] of sent.entries()) rig.at(1000 + 10 * n, () => send(a, item));
    rig.until(60_000);
    expect(b.items).toEqual(sent);
    const late = b.heard.map(({ at, what }) => at - (1000 + 10 * Number(what)) - 15);
    const share = late.filter((ms) => ms > 0.5).length / late.length;
    // One in twenty is lost, and about five more wait behind each.
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.45);
    // Mostly fast retransmission: three packets of 10 ms and a round trip.
    expect(late.filter((ms) => ms > 61).length / late.length).toBeLessThan(0.1);
  });

  it("recovers a lone item after the timeout", () => {
    const rig = new Rig({ oneWayMs: 15, loss: 0.3, seed: "lone" });
    const { a, b } = rig.pair();
    for (let n = 0; n < 40; n++) rig.at(20_000 + 20_000 * n, () => send(a, `${n}`));
    rig.until(1_000_000);
    expect(b.heard.length).toBe(40);
    for (const { at, what } of b.heard) {
      const sent = 20_000 + 20_000 * Number(what);
      expect([sent, ...retransmissions(sent, 232, 6)]).toContain(at - 15);
    }
    const late = b.heard.map(({ at, what }) => at - 15 - (20_000 + 20_000 * Number(what)));
    expect(late.filter((ms) => ms > 0).length).toBeGreaterThan(4);
  });
});
