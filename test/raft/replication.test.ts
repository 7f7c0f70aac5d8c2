/** The Raft paper's statements about the log, and the flow control of etcd's library. */
import { describe, expect, it } from "vitest";
import { checkEverything } from "../../src/raft/checkers.js";
import type { Message } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { disk, entriesOfTerms, Group } from "./group.js";

const PLAIN: GroupOptions = { preVote: false, checkQuorum: false };
const FORGED: GroupOptions = { ...PLAIN, isForged: true };

/** A group led by member 1 whose log, everywhere, is the leader's empty entry, committed. */
function led(size = 3, options: GroupOptions = PLAIN): Group {
  const group = new Group(
    Array.from({ length: size }, (_, i) => i + 1),
    options,
  );
  group.campaign(1);
  group.settle();
  group.tick(1);
  group.settle();
  expect(group.nodes.every((node) => node.commitIndex === 1)).toBe(true);
  return group;
}

function acknowledge(group: Group, from: number, index: number): void {
  const { term } = group.node(1);
  group.deliver({
    type: "AppendEntriesResponse",
    from,
    to: 1,
    term,
    success: true,
    index,
    hintIndex: 0,
    hintTerm: 0,
  });
}

function appendTo1(
  prevLogIndex: number,
  prevLogTerm: number,
  terms: readonly number[],
  term: number,
  leaderCommit = 0,
): Message {
  const entries = terms.map((t, i) => ({
    term: t,
    index: prevLogIndex + 1 + i,
    data: t * 1000 + prevLogIndex + 1 + i,
  }));
  return { type: "AppendEntries", from: 2, to: 1, term, prevLogIndex, prevLogTerm, entries, leaderCommit };
}

describe("replication (§5.3)", () => {
  it("a leader appends proposals to its log and sends them to everybody", () => {
    const group = led();
    group.propose(1, 41, 42);
    expect(group.node(1).log.lastIndex).toBe(3);
    expect(group.takeMessages("AppendEntries")).toMatchObject(
      [2, 3].map((to) => ({
        to,
        prevLogIndex: 1,
        prevLogTerm: 1,
        leaderCommit: 1,
        entries: [{ data: 41 }, { data: 42 }],
      })),
    );
  });

  // Beside the leader's own disk; majorities by hand: 2 of 3, 3 of 5.
  it.each<[number, number[], boolean]>([
    [1, [], true],
    [3, [], false],
    [3, [2], true],
    [3, [2, 3], true],
    [5, [], false],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 3, 4, 5], true],
  ])("among %d members an entry that %j acknowledge besides the leader is committed: %s", (size, others, isCommitted) => {
    const group = led(size);
    for (const id of group.voters) if (id !== 1 && !others.includes(id)) group.isolate(id);
    group.propose(1, 42);
    group.settle();
    expect(group.applied.get(1)).toEqual(isCommitted ? [0, 42] : [0]);
  });

  it("followers learn the commit index with the next message and apply what the leader has", () => {
    const group = led();
    group.propose(1, 42);
    group.settle();
    for (const id of group.voters) expect(group.applied.get(id)).toEqual([0, 42]);
  });

  it("an entry is committed together with all before it, also those of earlier terms", () => {
    for (const terms of [[], [2], [1, 2], [1]]) {
      const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(2, terms) } });
      group.campaign(1);
      group.settle();
      group.propose(1, 42);
      group.settle();
      const earlier = entriesOfTerms(...terms).map((entry) => entry.data);
      for (const id of group.voters) expect(group.applied.get(id)).toEqual([...earlier, 0, 42]);
    }
  });

  it.each<[number, number[]]>([
    [1, [1001]],
    [2, [1001, 1002]],
    [3, [1001, 1002, 1003]],
    [9, [1001, 1002, 1003]],
  ])("a follower that is told commit index %d applies %j", (leaderCommit, expected) => {
    const group = new Group([1, 2, 3], FORGED);
    group.deliver(appendTo1(0, 0, [1, 1, 1], 1, leaderCommit));
    expect(group.applied.get(1)).toEqual(expected);
  });

  // The follower's log is terms [1, 2].
  it.each<[number, number, boolean]>([
    [0, 0, true],
    [1, 1, true],
    [2, 2, true],
    [1, 2, false],
    [2, 1, false],
    [3, 3, false],
  ])("an append after (index %d, term %d) is accepted by a log of terms 1 2: %s", (index, term, success) => {
    const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(2, [1, 2]) } });
    group.deliver(appendTo1(index, term, [], 3));
    expect(group.takeMessages("AppendEntriesResponse")).toMatchObject([{ success, index }]);
  });

  it.each<[number, number, number[], string]>([
    [2, 2, [3], "1 2 3"],
    [1, 1, [3, 4], "1 3 4"],
    [0, 0, [1], "1 2"],
    [0, 0, [3], "3"],
  ])("after (index %d, term %d), entries of terms %j turn a log of terms 1 2 into %s", (index, term, terms, expected) => {
    const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(2, [1, 2]) } });
    group.deliver(appendTo1(index, term, terms, 4));
    expect(group.terms(1)).toBe(expected);
  });

  it("a follower commits no further than the leader's message vouches for, whatever else its log holds", () => {
    // Entries 2 and 3 are leftovers of term 1; the leader of term 2 has committed three others.
    const group = new Group([1, 2, 3], { ...FORGED, disks: { 1: disk(1, [1, 1, 1]) } });
    group.deliver(appendTo1(1, 1, [], 2, 3));
    expect(group.node(1).commitIndex).toBe(1);
    group.deliver(appendTo1(1, 1, [2], 2, 3));
    expect(group.node(1).commitIndex).toBe(2);
  });

  it("a late, shorter append takes nothing back", () => {
    const group = new Group([1, 2, 3], PLAIN);
    group.deliver(appendTo1(0, 0, [1, 1, 1], 1));
    group.deliver(appendTo1(0, 0, [1], 1));
    group.deliver(appendTo1(1, 1, [1], 1));
    expect(group.terms(1)).toBe("1 1 1");
  });

  it("the leader of figure 7 brings each of the followers' logs to its own", () => {
    const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers: Record<string, number[]> = {
      a: [1, 1, 1, 4, 4, 5, 5, 6, 6],
      b: [1, 1, 1, 4],
      c: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      d: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      e: [1, 1, 1, 4, 4, 4, 4],
      f: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    };
    // All at once, as in the paper's picture: 1 leads, 2..7 are a..f. In term 8 it needs the votes of a, b, e and f.
    const disks = Object.fromEntries(Object.values(followers).map((terms, i) => [i + 2, disk(7, terms)]));
    const group = new Group([1, 2, 3, 4, 5, 6, 7], {
      ...PLAIN,
      disks: { ...disks, 1: disk(7, leaderTerms) },
    });
    group.campaign(1);
    group.settle();
    for (const id of group.voters) expect(group.terms(id)).toBe([...leaderTerms, 8].join(" "));
    expect(group.conflicts).toBe(4); // c, d, e and f
    checkEverything(group.nodes, group.invariants);
  });

  it("a follower's hint skips a whole term at once", () => {
    // f of figure 7: by single steps the leader would go back from 10 to 3 in eight refusals.
    const disks = {
      1: disk(7, [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]),
      2: disk(7, [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]),
    };
    const group = new Group([1, 2, 3], { ...PLAIN, disks });
    group.campaign(1);
    let refusals = 0;
    for (let m = group.network.shift(); m !== undefined; m = group.network.shift()) {
      if (m.type === "AppendEntriesResponse" && m.from === 2 && !m.success) refusals += 1;
      group.deliver(m);
    }
    expect(group.terms(2)).toBe("1 1 1 4 4 5 5 6 6 6 8");
    expect(refusals).toBe(1);
  });
});

describe("commitment (§5.4.2)", () => {
  it("only entries of the leader's term are committed by counting", () => {
    // Logs of terms 1 2 in term 2; the leader of term 3 adds its empty entry at index 3.
    for (const [acknowledged, commitIndex] of [
      [1, 0],
      [2, 0],
      [3, 3],
    ] as const) {
      const group = new Group([1, 2, 3], { ...FORGED, disks: { 1: disk(2, [1, 2]) } });
      group.campaign(1);
      group.deliver({ type: "RequestVoteResponse", from: 2, to: 1, term: 3, voteGranted: true });
      acknowledge(group, 2, acknowledged);
      expect(group.node(1).commitIndex).toBe(commitIndex);
    }
  });

  it("figure 8: an entry of term 2 on a majority is not committed by a leader of term 4, and may be overwritten", () => {
    // (c): S1 leads again in term 4 and has replicated entry 2 of term 2 to S3, but nothing of term 4 yet.
    const disks = {
      1: disk(3, [1, 2]),
      2: disk(3, [1, 2]),
      3: disk(3, [1]),
      4: disk(3, [1]),
      5: disk(3, [1, 3]),
    };
    const group = new Group([1, 2, 3, 4, 5], { ...PLAIN, entriesPerMessageMax: 1, disks });
    group.campaign(1);
    for (const m of group.takeMessages("RequestVote")) if (m.to === 2 || m.to === 3) group.deliver(m);
    for (const m of group.takeMessages("RequestVoteResponse")) group.deliver(m);
    expect(group.node(1)).toMatchObject({ role: "leader", term: 4 });
    while (group.node(3).log.lastIndex < 2) {
      const m = group.network.shift() as Message;
      if (m.from === 3 || m.to === 3) group.deliver(m);
    }
    for (const m of group.takeMessages("AppendEntriesResponse")) group.deliver(m);
    expect(group.terms(3)).toBe("1 2");
    expect(group.node(1).commitIndex).toBe(0);
    // (d): S1 fails. S5's last entry, of term 3, is newer than all others', so it wins; but not in term 4, in which S2
    // and S3 have voted.
    group.crash(1);
    group.network.length = 0;
    group.campaign(5);
    group.settle();
    expect(group.node(5)).toMatchObject({ role: "candidate", term: 4 });
    group.campaign(5);
    group.settle();
    expect(group.node(5)).toMatchObject({ role: "leader", term: 5 });
    for (const id of [2, 3, 4]) expect(group.terms(id)).toBe("1 3 5");
    checkEverything(group.nodes, group.invariants);
  });
});

describe("what waits for the disk", () => {
  it("a follower acknowledges entries only when they are on its disk", () => {
    const group = led();
    group.heldDisks.add(2);
    group.cut.add("1>3");
    group.propose(1, 42);
    group.settle();
    expect(group.node(1).commitIndex).toBe(1);
    group.sync(2);
    group.settle();
    expect(group.node(1).commitIndex).toBe(2);
  });

  it("a leader sends before its own disk has answered, and counts itself when it has", () => {
    const group = led();
    group.heldDisks.add(1);
    group.cut.add("1>3");
    group.propose(1, 42);
    group.settle();
    expect(group.node(2).log.lastIndex).toBe(2);
    expect(group.node(1).commitIndex).toBe(1);
    group.sync(1);
    expect(group.node(1).commitIndex).toBe(2);
  });

  it("a leader may commit on the disks of the others alone", () => {
    const group = led();
    group.heldDisks.add(1);
    group.propose(1, 42);
    group.settle();
    expect(group.node(1)).toMatchObject({ commitIndex: 2 });
    expect(group.node(1).log.stableIndex).toBe(1);
  });

  it("a report for a write that was overtaken by a conflict proves nothing about the new entries", () => {
    const group = new Group([1, 2, 3], PLAIN);
    group.heldDisks.add(1);
    group.deliver(appendTo1(0, 0, [1, 1, 1], 1));
    const old = group.node(1).writeSequence;
    group.deliver(appendTo1(1, 1, [2, 2], 2));
    group.persisted(1, old);
    expect(group.node(1).log.stableIndex).toBe(1);
    expect(
      group
        .node(1)
        .durableImage()
        .entries.map((entry) => entry.term),
    ).toEqual([1, 1, 1]);
    group.sync(1);
    expect(group.node(1).log.stableIndex).toBe(3);
    expect(
      group
        .node(1)
        .durableImage()
        .entries.map((entry) => entry.term),
    ).toEqual([1, 2, 2]);
  });

  it("a crash loses what was not synced, and nothing that was committed", () => {
    const group = led();
    group.propose(1, 7);
    group.settle();
    group.heldDisks.add(2);
    group.propose(1, 8);
    group.settle();
    expect(group.node(2).log.lastIndex).toBe(3);
    group.crash(2);
    group.restart(2);
    expect(group.node(2).log.lastIndex).toBe(2);
    // Entry 3 is committed on 1 and 3. The leader dies; whoever wins must have it: not 2.
    group.crash(1);
    group.campaign(2);
    group.settle();
    expect(group.node(2).role).toBe("candidate");
    group.campaign(3);
    group.settle();
    expect(group.applied.get(3)).toEqual([0, 7, 8, 0]);
    expect(group.applied.get(2)).toEqual([0, 7, 8, 0]);
  });

  it("a restarted member applies again from the start, or from where its state machine is", () => {
    const group = led();
    group.propose(1, 7);
    group.settle();
    group.propose(1, 8);
    group.settle();
    group.crash(2);
    group.restart(2);
    // Its disk knew the commit index as of its last write.
    group.tick(2);
    expect(group.applied.get(2)).toEqual([0, 7]);
    group.tick(1);
    group.settle();
    expect(group.applied.get(2)).toEqual([0, 7, 8]);
  });
});

describe("proposals away from the leader", () => {
  it("a follower hands them to the leader it knows", () => {
    const group = led();
    group.propose(2, 42);
    expect(group.takeMessages("Propose")).toEqual([{ type: "Propose", from: 2, to: 1, term: 0, data: [42] }]);
  });

  it("are refused where no leader is known", () => {
    const group = new Group([1, 2, 3]);
    group.propose(2, 42, 43);
    expect(group.dropped).toEqual([42, 43]);
  });

  it("are lost without a word while a follower believes in a dead leader", () => {
    const group = led();
    group.crash(1);
    group.propose(2, 42);
    group.settle();
    expect(group.dropped).toEqual([]);
    expect(group.node(2).log.lastIndex).toBe(1);
  });
});

describe("flow control", () => {
  it("a probed follower gets one message with entries until it answers or a heartbeat does", () => {
    const group = new Group([1, 2, 3], PLAIN);
    group.campaign(1);
    group.deliver({ type: "RequestVoteResponse", from: 3, to: 1, term: 1, voteGranted: true });
    group.propose(1, 5);
    group.propose(1, 6);
    expect(group.takeMessages("AppendEntries").map((m) => [m.to, m.entries.length])).toEqual([
      [2, 1],
      [3, 1],
    ]);
    group.deliver({ type: "HeartbeatResponse", from: 2, to: 1, term: 1, context: 0 });
    expect(group.takeMessages("AppendEntries")).toMatchObject([{ to: 2, prevLogIndex: 0 }]);
    group.propose(1, 7);
    expect(group.takeMessages("AppendEntries")).toEqual([]);
  });

  it("a replicating follower is sent entries without waiting, until the window is full; an answer opens it", () => {
    const group = led(3, { ...FORGED, inflightMessagesMax: 3 });
    group.cut.add("1>3");
    for (let data = 1; data <= 5; data++) group.propose(1, data);
    const sent = group.takeMessages("AppendEntries").filter((m) => m.to === 2);
    expect(sent.map((m) => [m.prevLogIndex, m.entries.length])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    expect(group.node(1).progress(2)).toMatchObject({ isPaused: true, nextIndex: 5 });
    // The answer to the second frees two places; all that is left goes out in one message.
    acknowledge(group, 2, 3);
    const entries = group.takeMessages("AppendEntries").filter((m) => m.to === 2 && m.entries.length > 0);
    expect(entries.map((m) => [m.prevLogIndex, m.entries.length])).toEqual([[4, 2]]);
  });

  it("a follower that was paused while its entries were committed is told so when it answers", () => {
    const group = led(3, { ...PLAIN, inflightMessagesMax: 1 });
    group.heldDisks.add(2);
    group.propose(1, 5);
    group.settle();
    expect(group.node(1).commitIndex).toBe(2);
    expect(group.node(2).commitIndex).toBe(1);
    group.sync(2);
    group.settle();
    expect(group.node(2).commitIndex).toBe(2);
  });

  it("a heartbeat's answer opens one place of a full window", () => {
    const group = led(3, { ...PLAIN, inflightMessagesMax: 2 });
    for (let data = 1; data <= 4; data++) group.propose(1, data);
    group.network.length = 0;
    group.deliver({ type: "HeartbeatResponse", from: 2, to: 1, term: 1, context: 0 });
    expect(group.takeMessages("AppendEntries")).toMatchObject([{ to: 2, prevLogIndex: 3 }]);
    expect(group.node(1).progress(2)?.isPaused).toBe(true);
  });

  it("a message carries at most so many entries, and a long way is made in several", () => {
    const group = new Group([1, 2, 3], {
      ...PLAIN,
      entriesPerMessageMax: 4,
      disks: { 1: disk(1, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) },
    });
    group.campaign(1);
    let most = 0;
    for (let m = group.network.shift(); m !== undefined; m = group.network.shift()) {
      if (m.type === "AppendEntries") most = Math.max(most, m.entries.length);
      group.deliver(m);
    }
    expect(most).toBe(4);
    expect(group.node(3).log.lastIndex).toBe(11);
  });

  it("an append older than what is committed is answered with all that is", () => {
    const group = led();
    const late = { ...appendTo1(0, 0, [], 1), from: 1, to: 2 };
    group.deliver(late);
    expect(group.takeMessages("AppendEntriesResponse")).toMatchObject([{ success: true, index: 1 }]);
  });

  it("a lost append is found by the refusal of what comes after it, and repaired", () => {
    const group = led();
    group.propose(1, 1);
    group.network.length = 0;
    group.tick(1);
    group.settle();
    expect(group.applied.get(2)).toEqual([0, 1]);
  });

  it("a follower whose commit index was lost on the way learns it from a heartbeat", () => {
    const group = led();
    group.propose(1, 1);
    for (const m of group.takeMessages("AppendEntries")) group.deliver(m);
    for (const m of group.takeMessages("AppendEntriesResponse")) group.deliver(m);
    group.network.length = 0;
    expect(group.node(2).commitIndex).toBe(1);
    group.tick(1);
    for (const m of group.takeMessages("Heartbeat")) group.deliver(m);
    expect(group.node(2).commitIndex).toBe(2);
  });

  it("a caught-up follower that was reported unreachable is replicated to again after a heartbeat", () => {
    const group = led();
    group.reportUnreachable(1, 2);
    expect(group.node(1).progress(2)?.state).toBe("probe");
    group.tick(1);
    group.settle();
    expect(group.node(1).progress(2)?.state).toBe("replicate");
  });

  it("an old refusal of another probe changes nothing", () => {
    const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(1, [1, 1, 1, 1]) } });
    group.campaign(1);
    group.deliver({ type: "RequestVoteResponse", from: 3, to: 1, term: 2, voteGranted: true });
    const refuse = (index: number): Message => {
      return {
        type: "AppendEntriesResponse",
        from: 2,
        to: 1,
        term: 2,
        success: false,
        index,
        hintIndex: 1,
        hintTerm: 1,
      };
    };
    group.deliver(refuse(4));
    expect(group.node(1).progress(2)).toMatchObject({ nextIndex: 2, state: "probe" });
    group.network.length = 0;
    group.deliver(refuse(4));
    expect(group.node(1).progress(2)).toMatchObject({ nextIndex: 2, state: "probe", isPaused: true });
    expect(group.network).toEqual([]);
  });

  it("an old refusal, overtaken by an acknowledgement, changes nothing", () => {
    const group = led();
    group.propose(1, 1);
    group.settle();
    const { nextIndex } = group.node(1).progress(2) ?? { nextIndex: 0 };
    group.deliver({
      type: "AppendEntriesResponse",
      from: 2,
      to: 1,
      term: 1,
      success: false,
      index: 1,
      hintIndex: 0,
      hintTerm: 0,
    });
    expect(group.node(1).progress(2)).toMatchObject({ nextIndex, state: "replicate" });
  });
});
