/** The Raft paper's statements about elections and terms, one test each. Replication is in replication.test.ts. */
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import type { Message, Role } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { disk, Group } from "./group.js";

/** Plain Raft, as in the paper. */
const PLAIN: GroupOptions = { preVote: false, checkQuorum: false };

/** A group whose member 1 has the role `role`; nothing is under way. */
function withFirst(role: Role): Group {
  const group = new Group([1, 2, 3], PLAIN);
  if (role !== "follower") group.campaign(1);
  if (role === "leader") group.settle();
  group.network.length = 0;
  expect(group.node(1).role).toBe(role);
  return group;
}

const ROLES: readonly Role[] = ["follower", "candidate", "leader"];

function append(to: number, term: number, from = 2): Message {
  return {
    type: "AppendEntries",
    from,
    to,
    term,
    prevLogIndex: 0,
    prevLogTerm: 0,
    entries: [],
    leaderCommit: 0,
  };
}

function requestVote(from: number, term: number, lastLogTerm = 0, lastLogIndex = 0): Message {
  return { type: "RequestVote", from, to: 1, term, lastLogIndex, lastLogTerm, isTransfer: false };
}

function vote(from: number, term: number, voteGranted: boolean): Message {
  return { type: "RequestVoteResponse", from, to: 1, term, voteGranted };
}

describe("terms (§5.1)", () => {
  it.each(ROLES)("a %s that hears of a newer term adopts it and follows", (role) => {
    const group = withFirst(role);
    group.deliver(append(1, 7));
    expect(group.node(1)).toMatchObject({ term: 7, role: "follower", leader: 2 });
  });

  it.each(ROLES)("a %s ignores a message of an older term", (role) => {
    const group = withFirst(role);
    group.deliver(append(1, 7));
    const before = group.node(1).electionElapsed;
    group.tick(1, 3);
    group.deliver(append(1, 6, 3));
    expect(group.node(1)).toMatchObject({ term: 7, leader: 2, electionElapsed: before + 3 });
    expect(group.takeMessages("AppendEntriesResponse").filter((m) => m.to === 3)).toEqual([]);
  });
});

describe("elections (§5.2)", () => {
  it("a server starts as a follower that knows no leader", () => {
    const group = new Group([1, 2, 3], PLAIN);
    expect(group.node(1)).toMatchObject({ role: "follower", term: 0, leader: 0, votedFor: 0 });
  });

  it.each([1, 2, 4])("a leader sends a heartbeat to everybody every %d ticks", (heartbeatTicks) => {
    const group = new Group([1, 2, 3], { ...PLAIN, heartbeatTicks });
    group.campaign(1);
    group.settle();
    group.tick(1, heartbeatTicks - 1);
    expect(group.network).toEqual([]);
    group.tick(1);
    expect(group.takeMessages("Heartbeat").map((m) => m.to)).toEqual([2, 3]);
  });

  it.each([
    "follower",
    "candidate",
  ] as const)("a %s whose timeout comes votes for itself in the next term and asks for votes", (role) => {
    const group = withFirst(role);
    const { term, randomizedElectionTicks } = group.node(1);
    group.tick(1, randomizedElectionTicks - 1);
    expect(group.network).toEqual([]);
    group.tick(1);
    expect(group.node(1)).toMatchObject({ role: "candidate", term: term + 1, votedFor: 1 });
    expect(group.takeMessages("RequestVote").map((m) => [m.to, m.term])).toEqual([
      [2, term + 1],
      [3, term + 1],
    ]);
  });

  // Voters beside the candidate: who grants, who refuses. Majorities by hand: 1 of 1, 2 of 3, 3 of 5.
  it.each<[number, number[], number[], Role]>([
    [1, [], [], "leader"],
    [3, [2, 3], [], "leader"],
    [3, [2], [], "leader"],
    [5, [2, 3, 4, 5], [], "leader"],
    [5, [2, 3, 4], [], "leader"],
    [5, [2, 3], [], "leader"],
    [3, [], [2, 3], "follower"],
    [5, [], [2, 3, 4, 5], "follower"],
    [5, [2], [3, 4, 5], "follower"],
    [3, [], [], "candidate"],
    [5, [2], [], "candidate"],
    [5, [2], [3, 4], "candidate"],
    [4, [2], [], "candidate"],
    [4, [2, 3], [], "leader"],
    [4, [2], [3, 4], "follower"],
  ])("among %d voters, grants of %j and refusals of %j make a candidate a %s", (size, granting, refusing, role) => {
    const group = new Group(
      Array.from({ length: size }, (_, i) => i + 1),
      PLAIN,
    );
    group.campaign(1);
    for (const from of granting) group.deliver(vote(from, 1, true));
    for (const from of refusing) group.deliver(vote(from, 1, false));
    expect(group.node(1)).toMatchObject({ role, term: 1 });
  });

  it("a voter that answers twice counts once", () => {
    const group = new Group([1, 2, 3, 4, 5], PLAIN);
    group.campaign(1);
    group.deliver(vote(2, 1, true));
    group.deliver(vote(2, 1, true));
    expect(group.node(1).role).toBe("candidate");
  });

  it.each<[number, number, boolean]>([
    [0, 2, true],
    [0, 3, true],
    [2, 2, true],
    [3, 3, true],
    [2, 3, false],
    [3, 2, false],
  ])("a follower that has voted for %d in this term answers %d: %s", (votedFor, candidate, voteGranted) => {
    const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(1, [], 0, votedFor) } });
    group.deliver(requestVote(candidate, 1));
    expect(group.takeMessages("RequestVoteResponse")).toMatchObject([
      { to: candidate, term: 1, voteGranted },
    ]);
  });

  it.each([1, 2])("a candidate in term 1 that hears a leader of term %d follows it", (term) => {
    const group = withFirst("candidate");
    group.deliver(append(1, term));
    expect(group.node(1)).toMatchObject({ role: "follower", leader: 2, term });
  });

  it("the vote request and the vote leave only when the vote is on disk (figure 2)", () => {
    const group = new Group([1, 2, 3], PLAIN);
    group.heldDisks.add(1).add(2);
    group.campaign(1);
    expect(group.network).toEqual([]);
    group.sync(1);
    const [toTwo] = group.takeMessages("RequestVote");
    group.deliver(toTwo as Message);
    expect(group.network).toEqual([]);
    group.sync(2);
    expect(group.takeMessages("RequestVoteResponse")).toMatchObject([{ from: 2, voteGranted: true }]);
  });

  it("a member that is a group of one leads, and commits, only as its disk answers", () => {
    const group = new Group([1]);
    group.heldDisks.add(1);
    group.campaign(1);
    expect(group.node(1)).toMatchObject({ role: "candidate", term: 1 });
    // The first write is the term, the second the vote.
    group.persisted(1, 1);
    expect(group.node(1)).toMatchObject({ role: "candidate", durableTerm: 1, durableVotedFor: 0 });
    group.sync(1);
    expect(group.node(1)).toMatchObject({ role: "leader", term: 1, commitIndex: 0 });
    group.sync(1);
    expect(group.node(1).commitIndex).toBe(1);
  });

  it("a vote that never reached the disk may be given again, since nobody has heard of it", () => {
    const group = new Group([1, 2, 3], PLAIN);
    group.heldDisks.add(1);
    group.deliver(requestVote(2, 1));
    group.crash(1);
    group.restart(1);
    group.deliver(requestVote(3, 1));
    expect(group.takeMessages("RequestVoteResponse")).toMatchObject([{ to: 3, voteGranted: true }]);
  });

  it("a vote on disk binds after a restart", () => {
    const group = new Group([1, 2, 3], PLAIN);
    group.deliver(requestVote(2, 1));
    group.crash(1);
    group.restart(1);
    group.deliver(requestVote(3, 1));
    expect(group.takeMessages("RequestVoteResponse")).toMatchObject([
      { to: 2, voteGranted: true },
      { to: 3, voteGranted: false },
    ]);
  });
});

describe("randomised timeouts (§5.2)", () => {
  const draws = new RandomStreams("raft-paper").counted("timeouts");
  const drawElectionTicks = (id: number, term: number, nth: number) =>
    10 + Math.floor(draws.uniform(id * 1_000_000 + term, nth) * 10);

  it("are whole ticks in E..2E-1, drawn anew for each election, and all of them occur", () => {
    const group = new Group([1, 2, 3], { ...PLAIN, drawElectionTicks });
    const drawn = new Set<number>();
    for (let election = 0; election < 200; election++) {
      drawn.add(group.node(1).randomizedElectionTicks);
      group.tick(1, group.node(1).randomizedElectionTicks);
      expect(group.node(1).term).toBe(election + 1);
    }
    expect([...drawn].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it("make two of five followers fire together in fewer than 30 % of elections", () => {
    // The least of 5 draws from 10 is shared with probability 0.23 (sum over k of P(min = k, tie)).
    const rounds = 1000;
    let conflicts = 0;
    for (let round = 1; round <= rounds; round++) {
      const timeouts = [1, 2, 3, 4, 5].map((id) => drawElectionTicks(id, round, 0)).sort((a, b) => a - b);
      if (timeouts[0] === timeouts[1]) conflicts += 1;
    }
    expect(conflicts / rounds).toBeLessThan(0.3);
    expect(conflicts / rounds).toBeGreaterThan(0.1);
  });

  it("are not drawn anew by a pre-candidate, but at every other change of role", () => {
    const asked: string[] = [];
    const group = new Group([1, 2, 3], {
      drawElectionTicks: (id, term, nth) => {
        if (id === 1) asked.push(`${term}/${nth}`);
        return 10;
      },
    });
    group.tick(1, 20);
    expect(group.node(1).role).toBe("pre-candidate");
    expect(asked).toEqual(["0/0"]);
    group.settle();
    expect(group.node(1).role).toBe("leader");
    expect(asked).toEqual(["0/0", "1/0", "1/1"]);
  });
});

describe("the election restriction (§5.4.1)", () => {
  it("a vote request carries the last entry's index and term", () => {
    const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(2, [1, 2]) } });
    group.campaign(1);
    expect(group.takeMessages("RequestVote")).toMatchObject([
      { to: 2, term: 3, lastLogIndex: 2, lastLogTerm: 2 },
      { to: 3, term: 3, lastLogIndex: 2, lastLogTerm: 2 },
    ]);
  });

  // The voter's log, the candidate's (term, index) of its last entry, and whether it is as new.
  it.each<[number[], number, number, boolean]>([
    [[1], 1, 1, true],
    [[1], 1, 2, true],
    [[1, 1], 1, 1, false],
    [[1], 2, 1, true],
    [[1], 2, 2, true],
    [[1, 1], 2, 1, true],
    [[2], 1, 1, false],
    [[2], 1, 2, false],
    [[2, 2], 1, 1, false],
  ])("a voter with entries of terms %j, asked by one that ends in term %d at index %d: %s", (terms, lastTerm, lastIndex, voteGranted) => {
    const group = new Group([1, 2, 3], { ...PLAIN, disks: { 1: disk(2, terms) } });
    group.deliver(requestVote(2, 3, lastTerm, lastIndex));
    expect(group.takeMessages("RequestVoteResponse")).toMatchObject([{ voteGranted, term: 3 }]);
  });
});
