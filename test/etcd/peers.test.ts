import { describe, expect, it } from "vitest";
import type { InstallSnapshot } from "../../src/raft/types.js";
import { append, heartbeat, PeersRig } from "./peers-rig.js";
import { retransmissions } from "./tcp-rig.js";

const SNAPSHOT: InstallSnapshot = {
  type: "InstallSnapshot",
  from: 1,
  to: 2,
  term: 1,
  snapshot: {
    index: 9,
    term: 1,
    configuration: { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false },
  },
};

describe("streams between two members", () => {
  it("stand one and a half round trips after a reader's dial for who writes, two for who reads", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    expect(rig.process(0).peers.activePeers).toBe(0);
    rig.until(29);
    expect(rig.process(0).peers.activePeers).toBe(0);
    rig.until(31);
    expect(rig.process(0).peers.activePeers).toBe(1);
    expect(rig.process(0).peers.activeSinceUs(1)).toBe(30_000);
    expect(rig.process(0).peers.isClean(1)).toBe(true);
  });

  it("carry a message one way, one event each", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.until(2500);
    const { steps } = rig.simulation;
    rig.send(heartbeat(0, 1));
    rig.send(append(0, 1));
    rig.until(3000);
    expect(rig.process(1).arrivals()).toEqual([2510]);
    expect(rig.process(1).arrivals("AppendEntries")).toEqual([2510]);
    expect(rig.simulation.steps - steps).toBe(2);
  });

  it("cost nothing while they are idle", () => {
    const rig = new PeersRig(3);
    rig.until(3000);
    const { steps } = rig.simulation;
    rig.until(100_000_000);
    expect(rig.simulation.steps).toBe(steps);
  });

  it("keep appends and other messages apart: a large append does not hold up heartbeats", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.until(1000);
    rig.send(append(0, 1), 1_000_000);
    rig.send(heartbeat(0, 1));
    rig.until(2000);
    expect(rig.process(1).arrivals()).toEqual([1010]);
    expect(rig.process(1).arrivals("AppendEntries")[0]).toBeGreaterThan(1100);
  });

  it("tell with a message the beat that it was sent with", () => {
    const rig = new PeersRig(2);
    rig.until(1000);
    const beat = { incarnation: 3, tick: 7 };
    rig.process(0).peers.send(heartbeat(0, 1), 50, beat);
    rig.until(2000);
    expect(rig.process(1).lastBeat).toBe(beat);
  });
});

describe("a member without streams", () => {
  it("sends each message by a request, a handshake first", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.send(heartbeat(0, 1));
    rig.until(1000);
    expect(rig.process(1).arrivals()).toEqual([30]);
  });

  it("has four requests under way and 64 messages waiting, and reports the rest unreachable", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.kill(1);
    rig.start(1, []);
    // Member 1 does not know member 0: no streams, requests alone.
    rig.until(1000);
    for (let n = 0; n < 70; n++) rig.send(heartbeat(0, 1, n));
    rig.until(1000);
    rig.until(1001);
    expect(rig.process(0).unreachables.filter(({ at }) => at === 1000).length).toBe(2);
    rig.until(3000);
    const arrivals = rig.process(1).arrivals();
    expect(arrivals.length).toBe(68);
    // Four a round trip, after the handshake.
    expect(arrivals.slice(0, 9)).toEqual([1030, 1030, 1030, 1030, 1050, 1050, 1050, 1050, 1070]);
  });

  it("uses a kept connection for five seconds, then dials anew", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.kill(1);
    rig.start(1, []);
    for (const at of [1000, 3000, 9000]) rig.at(at, () => rig.send(heartbeat(0, 1)));
    rig.until(10_000);
    expect(rig.process(1).arrivals()).toEqual([1030, 3010, 9030]);
  });

  it("is answered by requests where its peer does not know it yet, and by streams once it does", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.kill(1);
    const newcomer = rig.start(1, []);
    rig.until(1000);
    newcomer.peers.send(heartbeat(1, 0), 50);
    rig.until(2000);
    expect(rig.process(0).arrivals()).toEqual([1030]);
    newcomer.peers.addPeer(0, 0);
    rig.until(3000);
    newcomer.peers.send(heartbeat(1, 0), 50);
    rig.until(3100);
    expect(rig.process(0).arrivals()).toEqual([1030, 3010]);
    expect(rig.process(0).peers.activePeers).toBe(1);
  });
});

describe("a member whose process dies", () => {
  it("is unreachable as soon as its kernel's goodbye is there, and dialled every 100 ms until it is back", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.at(1000, () => rig.kill(1));
    rig.until(1990);
    expect(rig.process(0).unreachables[0]).toEqual({ at: 1010, member: 1 });
    expect(rig.process(0).peers.activePeers).toBe(0);
    // Two readers, ten dials a second each: the first two of each cost events, all others none until somebody listens.
    const { steps } = rig.simulation;
    rig.until(2990);
    expect(rig.simulation.steps - steps).toBeLessThanOrEqual(2 * 2 * 2);
    const { refusals } = rig.network.tally;
    const process = rig.start(1);
    expect(rig.network.tally.refusals - refusals).toBeGreaterThanOrEqual(2 * 17);
    rig.until(3200);
    expect(rig.process(0).peers.activePeers).toBe(1);
    rig.send(heartbeat(0, 1));
    rig.until(3300);
    expect(process.arrivals()).toEqual([3210]);
  });

  it("behind a cut, and is back after the heal, answers by requests until its peers' readers notice", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.at(1000, () => rig.cutBoth(0, 1));
    rig.at(1001, () => rig.kill(1));
    rig.at(3000, () => rig.healBoth(0, 1));
    rig.at(3001, () => rig.start(1));
    // It is heard of by requests: at 3500 ms with a handshake, as nothing was sent before.
    rig.at(3500, () => rig.send(heartbeat(1, 0)));
    rig.at(9000, () => rig.send(heartbeat(1, 0)));
    rig.until(10_000);
    // The old process' goodbye comes the fifth time it is sent, 31 × 220 ms and more after the cut; then the reader dials again.
    expect(rig.process(0).arrivals()).toEqual([3530, 9010]);
    expect(rig.process(1).peers.activePeers).toBe(1);
  });

  it("with its host's power is not missed by a silent reader until keep-alive asks", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.at(1000, () => {
      rig.process(1).peers.stop();
      rig.network.powerOff(1);
    });
    rig.at(3000, () => rig.network.powerOn(1));
    rig.at(3001, () => rig.start(1));
    for (let n = 0; n < 70; n++) rig.at(3500 + 500 * n, () => rig.send(heartbeat(1, 0, n)));
    rig.until(40_000);
    const arrivals = rig.process(0).arrivals();
    // A request each, on a kept connection: the loop's first has a handshake. Then, 30 s after the last keep-alive message
    // of the old process was heard, the readers of member 0 dial, and streams stand.
    expect(arrivals[0]).toBe(3530);
    expect(arrivals[10]).toBe(8510);
    const { steps } = rig.simulation;
    rig.until(41_000);
    rig.send(heartbeat(1, 0));
    rig.until(41_100);
    // One event: a stream, not a request with its answer.
    expect(rig.simulation.steps - steps).toBeLessThan(4);
  });
});

describe("a member cut off", () => {
  it("hears an append stream's first retransmission before that of the busier message stream", () => {
    // Link keep-alives come every 5/3 s from each writer's start; the append stream of an idle leader has nothing else.
    const rig = new PeersRig(2, { oneWayMs: 15 });
    for (let n = 0; n < 120; n++) rig.at(1000 + 100 * n, () => rig.send(heartbeat(0, 1, n)));
    rig.at(2050, () => rig.cutBoth(0, 1));
    rig.at(4000, () => rig.send(append(0, 1)));
    rig.at(6050, () => rig.healBoth(0, 1));
    rig.until(13_000);
    const appended = rig.process(1).arrivals("AppendEntries")[0];
    const beats = rig
      .process(1)
      .arrivals()
      .filter((at) => at > 2100);
    // Writers start at 0: keep-alives at 1666.667 and, in the dark, 3333.334 ms; the fourth time is the first after the heal.
    const fourth = retransmissions(3333.334, 232, 4)[3] as number;
    expect(appended).toBe(fourth + 30 + 15);
    // The heartbeat of 2000 ms had arrived and its acknowledgement was back at 2030; that of 2100 ms was the first lost.
    expect(beats[0]).toBe((retransmissions(2100, 232, 5)[4] as number) + 15);
    expect(appended).toBeLessThan(beats[0] as number);
  });

  it("for so long that writes block loses its streams five seconds after that", () => {
    const rig = new PeersRig(2, { oneWayMs: 15 });
    rig.at(1000, () => rig.cutBoth(0, 1));
    for (let n = 0; n < 100; n++) rig.at(1000 + 50 * n, () => rig.send(append(0, 1, n), 1000));
    rig.until(20_000);
    // 55,000 bytes are taken, the message after that blocks: the 56th, about 2.75 s after the cut.
    const [first] = rig.process(0).unreachables;
    expect(first?.at).toBeGreaterThan(1000 + 2700 + 5000);
    expect(first?.at).toBeLessThan(1000 + 2900 + 5100);
    // Nothing of it is heard of after a heal by the peer's old reader but what the kernel had taken.
    rig.healBoth(0, 1);
    rig.until(120_000);
    const indexes = rig
      .process(1)
      .heard.map(({ message }) => (message.type === "AppendEntries" ? message.prevLogIndex : -1));
    expect(indexes).toEqual(Array.from({ length: indexes.length }, (_, n) => n));
    expect(indexes.length).toBeGreaterThan(50);
    expect(indexes.length).toBeLessThan(60);
  });
});

describe("a snapshot", () => {
  it("goes by a request of its own, of the database's size, and is reported when answered", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.until(1000);
    rig.send(SNAPSHOT, 2_000_000);
    rig.send(append(0, 1));
    rig.until(3000);
    const heard = rig.process(1);
    // 1382 packets: rounds of 10, 20, … 640 and the rest: seven further round trips after the handshake.
    expect(heard.arrivals("InstallSnapshot")).toEqual([1000 + 20 + 7 * 20 + 10]);
    expect(heard.arrivals("AppendEntries")).toEqual([1010]);
    expect(rig.process(0).snapshots).toEqual([{ at: 1180, member: 1, isDelivered: true }]);
  });

  it("may be on its way for longer than a kept connection lives", () => {
    const rig = new PeersRig(2, { oneWayMs: 200 });
    rig.until(2000);
    rig.send(SNAPSHOT, 100_000_000);
    rig.until(60_000);
    expect(rig.process(1).arrivals("InstallSnapshot")[0]).toBeGreaterThan(2000 + 5400);
    expect(rig.process(0).snapshots.map(({ isDelivered }) => isDelivered)).toEqual([true]);
  });

  it("to a dead process fails, and the member is unreachable", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.until(1000);
    rig.kill(1);
    rig.until(1100);
    rig.send(SNAPSHOT, 2_000_000);
    rig.until(1200);
    expect(rig.process(0).snapshots).toEqual([{ at: 1120, member: 1, isDelivered: false }]);
    expect(rig.process(0).unreachables.some(({ at }) => at === 1120)).toBe(true);
  });
});

describe("a removed member", () => {
  it("is sent nothing, its streams are refused, and its requests as well", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.until(1000);
    rig.process(0).peers.removePeer(1);
    rig.send(heartbeat(0, 1));
    rig.until(2000);
    rig.send(heartbeat(1, 0));
    rig.until(3000);
    expect(rig.process(1).arrivals()).toEqual([]);
    expect(rig.process(0).arrivals()).toEqual([]);
    expect(rig.process(0).peers.activePeers).toBe(0);
    expect(rig.process(1).peers.activePeers).toBe(0);
    expect(rig.process(1).unreachables.length).toBeGreaterThan(0);
    expect(rig.process(1).isToldOfRemoval).toBe(true);
    expect(rig.process(0).isToldOfRemoval).toBe(false);
  });

  it("that is added again has streams again", () => {
    const rig = new PeersRig(2, { oneWayMs: 10 });
    rig.until(1000);
    rig.process(0).peers.removePeer(1);
    rig.until(2000);
    rig.process(0).peers.addPeer(1, 1);
    rig.until(3000);
    rig.send(heartbeat(1, 0));
    rig.until(4000);
    expect(rig.process(0).arrivals()).toEqual([3010]);
  });
});
