/** Linearizable reads without a log entry: ReadIndex by heartbeat round, and by lease (§8, dissertation §6.4). */
import { describe, expect, it } from "vitest";
import { RaftNode } from "../../src/raft/node.js";
import { ETCD_DEFAULTS } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { disk, Group } from "./group.js";

/** Member 1 leads and has committed its first entry everywhere. */
function led(size = 3, options: GroupOptions = {}): Group {
  const group = new Group(
    Array.from({ length: size }, (_, i) => i + 1),
    options,
  );
  group.campaign(1);
  group.settle();
  group.tick(1);
  group.settle();
  return group;
}

describe("a read at the leader", () => {
  it("is answered with the commit index after a majority has answered a heartbeat sent for it", () => {
    const group = led(5);
    group.propose(1, 42);
    group.settle();
    group.readIndex(1, 7);
    const heartbeats = group.takeMessages("Heartbeat");
    expect(heartbeats.map((m) => [m.to, m.context])).toEqual([2, 3, 4, 5].map((to) => [to, 1]));
    for (const heartbeat of heartbeats.slice(0, 2)) {
      expect(group.reads.get(1)).toEqual([]);
      group.deliver(heartbeat);
      group.settle();
    }
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 2 }]);
  });

  it("is not moved by answers to heartbeats sent before it", () => {
    const group = led();
    group.tick(1);
    const before = group.takeMessages("Heartbeat");
    group.readIndex(1, 7);
    group.network.length = 0;
    for (const heartbeat of before) group.deliver(heartbeat);
    group.settle();
    expect(group.reads.get(1)).toEqual([]);
  });

  it("takes the index of the moment it was asked, though more is committed before the answer", () => {
    const group = led();
    group.readIndex(1, 7);
    const round = group.takeMessages("Heartbeat");
    group.propose(1, 42);
    group.settle();
    for (const heartbeat of round) group.deliver(heartbeat);
    group.settle();
    expect(group.node(1).commitIndex).toBe(2);
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 1 }]);
  });

  it("is answered together with all before it, in their order", () => {
    const group = led();
    for (const context of [7, 8, 9]) group.readIndex(1, context);
    const last = group.takeMessages("Heartbeat").filter((m) => m.context === 3 && m.to === 2);
    for (const heartbeat of last) group.deliver(heartbeat);
    group.settle();
    expect(group.reads.get(1)?.map((read) => read.context)).toEqual([7, 8, 9]);
  });

  it("whose heartbeats were lost is carried by the next regular ones", () => {
    const group = led();
    group.readIndex(1, 7);
    group.network.length = 0;
    group.tick(1);
    group.settle();
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 1 }]);
  });

  it("waits for the first commit of the leader's own term, since what is committed is not known before (§8)", () => {
    const group = new Group([1, 2, 3], { disks: { 1: disk(1, [1, 1]), 2: disk(1, [1, 1]) } });
    group.isolate(3);
    group.campaign(1);
    while (group.node(1).role !== "leader") group.deliver(group.network.shift() ?? expect.fail("no leader"));
    group.readIndex(1, 7);
    expect(group.takeMessages("Heartbeat")).toEqual([]);
    group.settle();
    expect(group.node(1).commitIndex).toBe(3);
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 3 }]);
  });

  it("that cannot reach a majority is never answered", () => {
    const group = led();
    group.isolate(1);
    group.readIndex(1, 7);
    for (let i = 0; i < 20; i++) {
      group.tick(1);
      group.settle();
    }
    expect(group.node(1).role).toBe("follower");
    expect(group.reads.get(1)).toEqual([]);
  });

  it("is forgotten when the lead is lost, also if the member leads again", () => {
    const group = led();
    group.readIndex(1, 7);
    group.network.length = 0;
    group.isolate(1);
    for (let i = 0; i < 20; i++) group.tick(1);
    group.heal();
    group.network.length = 0;
    group.forgetLeader(2);
    group.campaign(1);
    group.settle();
    expect(group.node(1).role).toBe("leader");
    group.readIndex(1, 8);
    group.settle();
    expect(group.reads.get(1)?.map((read) => read.context)).toEqual([8]);
  });

  it("in a group of one is answered at once, but not before the term's first commit", () => {
    const group = new Group([1], { disks: { 1: disk(1, [1, 1], 1) } });
    group.heldDisks.add(1);
    group.campaign(1);
    group.sync(1);
    expect(group.node(1)).toMatchObject({ role: "leader", commitIndex: 1 });
    group.readIndex(1, 7);
    expect(group.reads.get(1)).toEqual([]);
    group.sync(1);
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 3 }]);
    group.readIndex(1, 8);
    expect(group.reads.get(1)?.at(-1)).toEqual({ context: 8, index: 3 });
  });
});

describe("a read at a follower", () => {
  it("is handed to the leader and answered under the follower's own name for it", () => {
    const group = led();
    // Both hosts call their reads 7; each gets its own answer.
    group.readIndex(2, 7);
    group.readIndex(3, 7);
    expect(group.network.map((m) => [m.type, m.from, m.to])).toEqual([
      ["ReadIndex", 2, 1],
      ["ReadIndex", 3, 1],
    ]);
    group.settle();
    expect(group.reads.get(2)).toEqual([{ context: 7, index: 1 }]);
    expect(group.reads.get(3)).toEqual([{ context: 7, index: 1 }]);
    expect(group.reads.get(1)).toEqual([]);
  });

  it("is lost where no leader is known, and at a leader that is dead", () => {
    const group = new Group([1, 2, 3]);
    group.readIndex(2, 7);
    expect(group.network).toEqual([]);
    const other = led();
    other.crash(1);
    other.readIndex(2, 7);
    other.settle();
    expect(other.reads.get(2)).toEqual([]);
  });
});

describe("reads by lease", () => {
  it("are answered at once, without a message", () => {
    const group = led(3, { readOnlyOption: "lease-based" });
    group.readIndex(1, 7);
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 1 }]);
    expect(group.network).toEqual([]);
    group.readIndex(2, 8);
    group.settle();
    expect(group.reads.get(2)).toEqual([{ context: 8, index: 1 }]);
  });

  it("are served by an isolated leader only until its check of the quorum", () => {
    const group = led(3, { readOnlyOption: "lease-based" });
    group.isolate(1);
    group.readIndex(1, 7);
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 1 }]);
    group.tick(1, 20);
    group.readIndex(1, 8);
    expect(group.reads.get(1)).toHaveLength(1);
  });

  it("need check-quorum", () => {
    const config = { ...ETCD_DEFAULTS, readOnlyOption: "lease-based", checkQuorum: false } as const;
    expect(() => RaftNode.start({ ...config, id: 1, voters: [1], drawElectionTicks: () => 10 })).toThrow(
      /check-quorum/,
    );
  });

  it("bind a follower to its leader: it does not forget it", () => {
    const group = led(3, { readOnlyOption: "lease-based" });
    group.forgetLeader(2);
    expect(group.node(2).leader).toBe(1);
  });
});
