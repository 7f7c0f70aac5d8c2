/** PreVote (dissertation §9.6) and CheckQuorum (§6.2) with the lease of §4.2.3, as etcd 3.5 has them. */
import { describe, expect, it } from "vitest";
import type { Message } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { disk, Group } from "./group.js";

const E = 10;

function led(size = 3, options: GroupOptions = {}): Group {
  const group = new Group(
    Array.from({ length: size }, (_, i) => i + 1),
    options,
  );
  group.campaign(1);
  group.settle();
  group.tick(1);
  group.settle();
  expect(group.leader).toBe(1);
  return group;
}

/** One tick for everybody who is up, then everything delivered. */
function tickAll(group: Group, count = 1): void {
  for (let i = 0; i < count; i++) {
    for (const id of group.voters) if (group.isUp(id)) group.tick(id);
    group.settle();
  }
}

describe("PreVote", () => {
  it("a pre-candidate keeps its term and vote, forgets its leader, and asks for the next term", () => {
    const group = led();
    const { term, votedFor } = group.node(2);
    group.campaign(2);
    expect(group.node(2)).toMatchObject({ role: "pre-candidate", term, votedFor, leader: 0 });
    expect(group.takeMessages("PreVote").map((m) => [m.to, m.term])).toEqual([
      [1, term + 1],
      [3, term + 1],
    ]);
  });

  it("a granted pre-vote binds nobody: no term, no vote, no timer is touched", () => {
    const group = new Group([1, 2, 3]);
    group.tick(1, 4);
    for (const from of [2, 3]) {
      group.deliver({ type: "PreVote", from, to: 1, term: 1, lastLogIndex: 0, lastLogTerm: 0 });
    }
    expect(group.takeMessages("PreVoteResponse")).toMatchObject([
      { to: 2, term: 1, voteGranted: true },
      { to: 3, term: 1, voteGranted: true },
    ]);
    expect(group.node(1)).toMatchObject({ term: 0, votedFor: 0, electionElapsed: 4, role: "follower" });
  });

  it("a granted vote resets the voter's timer", () => {
    const group = new Group([1, 2, 3]);
    group.tick(1, 4);
    group.deliver({
      type: "RequestVote",
      from: 2,
      to: 1,
      term: 1,
      lastLogIndex: 0,
      lastLogTerm: 0,
      isTransfer: false,
    });
    expect(group.node(1)).toMatchObject({ term: 1, votedFor: 2, electionElapsed: 0 });
  });

  it("a member with an older log gets no pre-votes and raises no term; one with the whole log does", () => {
    const group = new Group([1, 2, 3], {
      disks: { 1: disk(1, [1, 1]), 2: disk(1, [1]), 3: disk(1, [1, 1]) },
    });
    group.campaign(2);
    group.settle();
    expect(group.node(2)).toMatchObject({ role: "follower", term: 1 });
    group.campaign(3);
    group.settle();
    expect(group.node(3)).toMatchObject({ role: "leader", term: 2 });
  });

  it("a pre-candidate that is refused with a higher term takes that term over", () => {
    const group = new Group([1, 2, 3], { disks: { 2: disk(5, [1]), 3: disk(5, [1]) } });
    group.campaign(1);
    group.settle();
    expect(group.node(1)).toMatchObject({ role: "follower", term: 5 });
  });

  it("a pre-candidate that hears a leader of its term follows it", () => {
    const group = led();
    group.campaign(2);
    group.takeMessages("PreVote");
    group.tick(1);
    group.settle();
    expect(group.node(2)).toMatchObject({ role: "follower", leader: 1, term: 1 });
  });

  it("two duelling pre-candidates: both may be granted, one leads, and the terms do not run away", () => {
    const group = new Group([1, 2, 3]);
    group.campaign(1);
    group.campaign(2);
    tickAll(group, 3 * E);
    expect(group.leader).toBeDefined();
    expect(group.nodes.every((node) => node.term === group.node(1).term && node.term <= 2)).toBe(true);
  });

  it.each<[boolean, number]>([
    [true, 0],
    [false, 1],
  ])("after a partition of one member: with pre-vote %s there are %d leader changes on heal", (preVote, changes) => {
    const group = led(3, { preVote });
    group.isolate(3);
    tickAll(group, 6 * E);
    const { term } = group.node(1);
    if (preVote) expect(group.node(3).term).toBe(term);
    else expect(group.node(3).term).toBeGreaterThan(term);
    group.heal();
    tickAll(group, 4 * E);
    expect(group.leader).toBeDefined();
    expect(group.invariants.leaders.size - 1).toBe(changes);
    const leaders = group.nodes.map((node) => node.leader);
    expect(new Set(leaders)).toEqual(new Set([group.leader]));
  });
});

describe("CheckQuorum", () => {
  it("an isolated leader steps down after E to 2E ticks, in its term, and knows no leader", () => {
    const seen = new Set<number>();
    for (let phase = 0; phase < E; phase++) {
      const group = led(3);
      for (let i = 0; i < phase; i++) {
        group.tick(1);
        group.settle();
      }
      group.isolate(1);
      let ticks = 0;
      while (group.node(1).role === "leader" && ticks < 5 * E) {
        group.tick(1);
        ticks += 1;
        group.settle();
      }
      expect(ticks).toBeGreaterThanOrEqual(E);
      expect(ticks).toBeLessThanOrEqual(2 * E);
      expect(group.node(1)).toMatchObject({ role: "follower", leader: 0, term: 1 });
      seen.add(ticks);
    }
    expect(seen.size).toBeGreaterThan(E / 2);
  });

  it("without it an isolated leader goes on for ever", () => {
    const group = led(3, { checkQuorum: false });
    group.isolate(1);
    group.tick(1, 100 * E);
    expect(group.node(1).role).toBe("leader");
  });

  it("a leader that hears from a bare majority stays", () => {
    const group = led(5);
    for (const id of [2, 3]) group.isolate(id);
    for (let i = 0; i < 10 * E; i++) {
      group.tick(1);
      group.settle();
    }
    expect(group.node(1).role).toBe("leader");
  });

  it.each([
    "PreVote",
    "RequestVote",
  ] as const)("a member that has heard its leader within E ticks does not answer a %s of a higher term", (type) => {
    const group = led();
    const asked = { from: 3, to: 2, term: 9, lastLogIndex: 99, lastLogTerm: 9 };
    const request: Message = type === "PreVote" ? { type, ...asked } : { type, ...asked, isTransfer: false };
    group.tick(2, E - 1);
    group.deliver(request);
    expect(group.network).toEqual([]);
    expect(group.node(2)).toMatchObject({ term: 1, leader: 1 });
    group.tick(2);
    group.deliver(request);
    expect(group.network).toMatchObject([{ type: `${type}Response`, to: 3, term: 9, voteGranted: true }]);
  });

  it("a leader does not listen to campaigns while it holds its quorum", () => {
    const group = led();
    group.deliver({
      type: "RequestVote",
      from: 3,
      to: 1,
      term: 9,
      lastLogIndex: 99,
      lastLogTerm: 9,
      isTransfer: false,
    });
    expect(group.node(1)).toMatchObject({ role: "leader", term: 1 });
  });

  it("without it any campaign of a higher term is heard", () => {
    const group = led(3, { checkQuorum: false });
    group.deliver({
      type: "RequestVote",
      from: 3,
      to: 1,
      term: 9,
      lastLogIndex: 99,
      lastLogTerm: 9,
      isTransfer: false,
    });
    expect(group.node(1)).toMatchObject({ role: "follower", term: 9, votedFor: 3 });
  });

  it("a member stuck in a higher term is freed: it answers the leader, who takes the term over and is elected anew", () => {
    const group = led(3, { preVote: false });
    group.isolate(3);
    group.tick(3, 3 * E);
    expect(group.node(3).role).toBe("candidate");
    group.heal();
    group.network.length = 0;
    tickAll(group, 4 * E);
    expect(group.leader).toBeDefined();
    expect(new Set(group.nodes.map((node) => node.term)).size).toBe(1);
  });

  it("a leader is superseded once its followers' leases are out", () => {
    const group = led();
    group.isolate(1);
    tickAll(group, 3 * E);
    expect(group.leader).toBe(2);
    expect(group.node(1).role).not.toBe("leader");
    group.heal();
    tickAll(group, 2);
    expect(group.nodes.map((node) => node.leader)).toEqual([2, 2, 2]);
    expect(group.invariants.leaders.size).toBe(2);
  });

  it("no leader is elected while a majority hears the old one, though others cannot", () => {
    const group = led(5);
    group.cut.add("1>4").add("1>5");
    tickAll(group, 10 * E);
    expect(group.leader).toBe(1);
    expect(group.invariants.leaders.size).toBe(1);
  });
});

describe("the first timeout after a leader's crash", () => {
  it("comes at the drawn tick, and two members that drew the same split the vote", () => {
    const apart = led(3, { drawElectionTicks: (id) => E + id });
    apart.crash(1);
    tickAll(apart, E + 1);
    expect(apart.leader).toBeUndefined();
    tickAll(apart, 1);
    expect(apart.leader).toBe(2);
    const together = led(3, { drawElectionTicks: (_id, _term, nth) => E + nth });
    together.crash(1);
    for (let i = 0; i < 2 * E && together.node(2).role === "follower"; i++) {
      together.tick(2);
      together.tick(3);
    }
    expect(together.nodes.map((node) => node.role)).toEqual(["pre-candidate", "pre-candidate"]);
    // Each grants the other the pre-vote, so both campaign and each has voted for itself.
    for (const m of together.takeMessages("PreVote")) together.deliver(m);
    for (const m of together.takeMessages("PreVoteResponse")) together.deliver(m);
    expect(together.nodes.map((node) => node.role)).toEqual(["candidate", "candidate"]);
    together.settle();
    expect(together.leader).toBeUndefined();
  });
});
