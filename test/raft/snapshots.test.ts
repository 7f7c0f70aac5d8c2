/** Log compaction (§7): snapshots taken, sent, installed, and found again at a restart. */
import { describe, expect, it } from "vitest";
import type { Message } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { Group } from "./group.js";

/** Member 1 leads; everybody has committed and applied `count` entries, the first of them empty. */
function led(count = 6, options: GroupOptions = {}): Group {
  const group = new Group([1, 2, 3], options);
  group.campaign(1);
  group.settle();
  for (let data = 2; data <= count; data++) group.propose(1, data);
  group.settle();
  group.tick(1);
  group.settle();
  return group;
}

/** Member 3 misses what comes after `count` entries; then the leader compacts all it has. */
function behindCompacted(): Group {
  const group = led(3);
  group.isolate(3);
  group.propose(1, 4, 5, 6);
  group.settle();
  group.takeSnapshot(1);
  group.heal();
  return group;
}

describe("a compacted log (§7)", () => {
  it("begins behind what was compacted, keeps the last term, and goes on as before", () => {
    const group = led(6);
    group.takeSnapshot(1, 5, 3);
    const { log, snapshot } = group.node(1);
    expect(snapshot).toMatchObject({ index: 5, term: 1, configuration: { voters: [1, 2, 3] } });
    expect([log.firstIndex, log.lastIndex, log.termAt(3), log.termAt(2)]).toEqual([4, 6, 1, -1]);
    expect(() => log.entry(3)).toThrow(/no entry 3/);
    group.propose(1, 7);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  it("may be compacted away whole, and votes are still judged by its last entry", () => {
    const group = led(6);
    for (const id of [1, 2, 3]) group.takeSnapshot(id);
    expect(group.terms(2)).toBe("");
    group.crash(1);
    const ask = { from: 3, to: 2, term: 2, lastLogTerm: 1, isTransfer: true };
    group.deliver({ type: "RequestVote", ...ask, lastLogIndex: 5 });
    group.deliver({ type: "RequestVote", ...ask, lastLogIndex: 6 });
    expect(group.takeMessages("RequestVoteResponse").map((m) => m.voteGranted)).toEqual([false, true]);
  });

  it("is compacted no further than its snapshot, and no snapshot is taken beyond what is applied", () => {
    const group = led(4);
    expect(() => group.takeSnapshot(1, 5)).toThrow(/no snapshot at 5/);
    expect(() => group.takeSnapshot(1, 3, 4)).toThrow(/compaction through 4/);
    group.takeSnapshot(1, 3);
    expect(() => group.takeSnapshot(1, 3)).toThrow(/no snapshot at 3/);
  });

  it("still feeds a follower from the entries that were kept", () => {
    const group = led(3);
    group.isolate(3);
    group.propose(1, 4, 5, 6);
    group.settle();
    group.takeSnapshot(1, 6, 3);
    group.heal();
    group.tick(1);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6]);
    expect(group.node(3).snapshot).toBeUndefined();
  });
});

describe("a follower behind the compacted log", () => {
  it("is sent the snapshot, installs it, and is replicated to from there", () => {
    const group = behindCompacted();
    group.tick(1);
    group.settle();
    expect(group.node(3).snapshot).toEqual(group.node(1).snapshot);
    expect(group.node(3).log.firstIndex).toBe(7);
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6]);
    expect(group.node(1).progress(3)).toMatchObject({ state: "replicate", matchIndex: 6 });
    group.propose(1, 7);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  it("is sent nothing else while the snapshot is under way", () => {
    const group = behindCompacted();
    group.tick(1);
    while (!group.network.some((m) => m.type === "InstallSnapshot"))
      group.deliver(group.network.shift() ?? expect.fail("no snapshot"));
    const [snapshot] = group.takeMessages("InstallSnapshot");
    expect(group.node(1).progress(3)).toMatchObject({ state: "snapshot", isPaused: true, nextIndex: 7 });
    group.propose(1, 7);
    group.tick(1);
    group.settle();
    expect(group.node(3).log.lastIndex).toBe(3);
    group.deliver(snapshot ?? expect.fail());
    group.settle();
    group.tick(1);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  it("acknowledges the snapshot when it is on its disk, not before", () => {
    const group = behindCompacted();
    group.heldDisks.add(3);
    group.tick(1);
    group.settle();
    expect(group.node(3).log).toMatchObject({ lastIndex: 6, stableIndex: 3 });
    expect(group.node(1).progress(3)?.matchIndex).toBe(3);
    group.sync(3);
    group.settle();
    group.tick(1);
    group.settle();
    expect(group.node(1).progress(3)?.matchIndex).toBe(6);
  });

  it("whose snapshot was not synced when it crashed is as far back as before", () => {
    const group = behindCompacted();
    group.heldDisks.add(3);
    group.tick(1);
    group.settle();
    group.crash(3);
    group.restart(3);
    expect(group.node(3).log).toMatchObject({ firstIndex: 1, lastIndex: 3 });
    group.tick(1);
    group.settle();
    group.tick(1);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6]);
  });

  it("that is not heard from is sent no snapshot", () => {
    const group = led(3);
    group.crash(3);
    group.propose(1, 4);
    group.settle();
    group.takeSnapshot(1);
    // One check of the quorum marks it silent; then its probing is renewed.
    for (let i = 0; i < 11; i++) {
      group.tick(1);
      group.settle();
    }
    group.reportUnreachable(1, 3);
    group.propose(1, 5);
    expect(group.takeMessages("InstallSnapshot")).toEqual([]);
  });
});

describe("what the transport tells of a snapshot", () => {
  /** The leader has sent member 3 a snapshot, which is held back. */
  function underWay(): { group: Group; snapshot: Message } {
    const group = behindCompacted();
    group.tick(1);
    while (!group.network.some((m) => m.type === "InstallSnapshot"))
      group.deliver(group.network.shift() ?? expect.fail("no snapshot"));
    const snapshot = group.takeMessages("InstallSnapshot")[0] ?? expect.fail();
    group.settle();
    return { group, snapshot };
  }

  it("delivered: the leader probes behind it, at the next heartbeat's answer", () => {
    const { group } = underWay();
    group.reportSnapshot(1, 3, true);
    expect(group.node(1).progress(3)).toMatchObject({ state: "probe", nextIndex: 7, isPaused: true });
  });

  it("failed: the leader probes where it was, and sends another", () => {
    const { group } = underWay();
    group.reportSnapshot(1, 3, false);
    expect(group.node(1).progress(3)).toMatchObject({ state: "probe", nextIndex: 4, isPaused: true });
    group.tick(1);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6]);
  });

  it("is nothing to a leader that has sent none", () => {
    const group = led();
    group.reportSnapshot(1, 3, true);
    expect(group.node(1).progress(3)).toMatchObject({ state: "replicate", isPaused: false });
  });

  it("an older snapshot than the one under way frees the follower, if the log reaches back to it", () => {
    const { group, snapshot } = underWay();
    group.propose(1, 7);
    group.settle();
    // The leader has newer entries than the snapshot; its log begins right behind it.
    group.deliver(snapshot);
    group.settle();
    expect(group.node(1).progress(3)).toMatchObject({ state: "replicate", matchIndex: 7 });
  });
});

describe("an installed snapshot", () => {
  it("older than what is committed changes nothing and is answered with what is committed", () => {
    const group = led(6);
    group.takeSnapshot(1, 4, 2);
    const { snapshot } = group.node(1);
    group.deliver({
      type: "InstallSnapshot",
      from: 1,
      to: 2,
      term: 1,
      snapshot: snapshot ?? expect.fail(),
    });
    expect(group.node(2).log).toMatchObject({ firstIndex: 1, lastIndex: 6 });
    expect(group.takeMessages("AppendEntriesResponse")).toMatchObject([{ success: true, index: 6 }]);
  });

  it("whose last entry the log has only moves the commit index", () => {
    const group = led(2);
    group.propose(1, 3);
    const appends = group.takeMessages("AppendEntries");
    for (const append of appends) group.deliver(append);
    const answers = group.takeMessages("AppendEntriesResponse");
    for (const answer of answers) group.deliver(answer);
    group.network.length = 0;
    expect(group.node(3)).toMatchObject({ commitIndex: 2, log: { lastIndex: 3 } });
    group.takeSnapshot(1);
    const snapshot = group.node(1).snapshot ?? expect.fail();
    group.deliver({ type: "InstallSnapshot", from: 1, to: 3, term: 1, snapshot });
    expect(group.node(3)).toMatchObject({ commitIndex: 3, log: { firstIndex: 1 }, snapshot: undefined });
    expect(group.applied.get(3)).toEqual([0, 2, 3]);
  });

  it("replaces a log that went another way, all of it", () => {
    const group = led(3);
    // Member 3 led term 2 for a moment and kept entries of its own.
    group.forgetLeader(2);
    group.campaign(3);
    while (group.node(3).role !== "leader") group.deliver(group.network.shift() ?? expect.fail());
    group.isolate(3);
    group.propose(3, 91, 92, 93, 94);
    group.settle();
    expect(group.node(3).log.lastIndex).toBe(8);
    group.tick(1, 12);
    group.settle();
    expect(group.leader).toBe(3);
    for (let i = 0; i < 25; i++) {
      for (const id of [1, 2]) group.tick(id);
      group.settle();
    }
    const leader = [1, 2].find((id) => group.node(id).role === "leader") ?? expect.fail("no leader");
    group.propose(leader, 4, 5);
    group.settle();
    group.takeSnapshot(leader);
    group.tick(3, 25);
    group.heal();
    for (let i = 0; i < 3; i++) {
      group.tick(leader);
      group.settle();
    }
    expect(group.node(3).log.firstIndex).toBe(group.node(leader).log.firstIndex);
    expect(group.applied.get(3)).toEqual(group.applied.get(leader));
  });
});

describe("a restart with a snapshot", () => {
  it("begins behind it, also where entries had been kept, and applies only what follows", () => {
    const group = led(6);
    group.takeSnapshot(2, 4, 2);
    expect(group.node(2).log.firstIndex).toBe(3);
    group.crash(2);
    group.restart(2);
    expect(group.node(2).log).toMatchObject({ firstIndex: 5, lastIndex: 6 });
    expect(group.node(2).snapshot?.index).toBe(4);
    group.tick(1);
    group.settle();
    expect(group.applied.get(2)).toEqual([0, 2, 3, 4, 5, 6]);
  });

  it("finds the log as it was if the snapshot had not been synced", () => {
    const group = led(6);
    group.heldDisks.add(2);
    group.takeSnapshot(2, 4);
    group.crash(2);
    group.restart(2);
    expect(group.node(2).log).toMatchObject({ firstIndex: 1, lastIndex: 6 });
    expect(group.node(2).snapshot).toBeUndefined();
  });

  it("finds what was written after it", () => {
    const group = led(6);
    group.takeSnapshot(2);
    group.propose(1, 7, 8);
    group.settle();
    group.crash(2);
    group.restart(2);
    expect(group.node(2).log).toMatchObject({ firstIndex: 7, lastIndex: 8 });
    group.tick(1);
    group.settle();
    expect(group.applied.get(2)).toEqual([0, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("elects a leader among members that have nothing but snapshots", () => {
    const group = led(6);
    for (const id of [1, 2, 3]) group.takeSnapshot(id);
    for (const id of [1, 2, 3]) group.crash(id);
    for (const id of [1, 2, 3]) group.restart(id);
    group.campaign(2);
    group.settle();
    group.propose(2, 7);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 2, 3, 4, 5, 6, 0, 7]);
  });
});
