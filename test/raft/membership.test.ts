/** Configuration changes in a living group (§6; dissertation §4), and learners (dissertation §4.2.1). */
import { describe, expect, it } from "vitest";
import { describeConfiguration } from "../../src/raft/configuration.js";
import type { ConfigurationChange, MemberChange, MemberId } from "../../src/raft/types.js";
import { LEAVE_JOINT } from "../../src/raft/types.js";
import type { GroupOptions } from "./group.js";
import { Group } from "./group.js";

function led(voters: readonly MemberId[] = [1, 2, 3], options: GroupOptions = {}): Group {
  const group = new Group(voters, options);
  group.campaign(1);
  group.settle();
  beat(group);
  return group;
}

/** One heartbeat of every leader, and what comes of it. */
function beat(group: Group): void {
  for (const node of group.nodes) if (node.role === "leader") group.tick(node.id);
  group.settle();
}

function add(member: MemberId): MemberChange {
  return { type: "add-voter", member };
}

function learn(member: MemberId): MemberChange {
  return { type: "add-learner", member };
}

function remove(member: MemberId): MemberChange {
  return { type: "remove", member };
}

function change(...changes: MemberChange[]): ConfigurationChange {
  return { transition: "auto", changes };
}

function configurations(group: Group): string[] {
  return group.nodes.map((node) => describeConfiguration(node.configuration));
}

describe("one voter at a time (dissertation §4.1)", () => {
  it("a new member catches up from the beginning and counts once its change is committed", () => {
    const group = led();
    group.propose(1, 42);
    group.settle();
    group.add(4);
    group.proposeChange(1, change(add(4)), 77);
    group.settle();
    beat(group);
    expect(configurations(group)).toEqual(Array(4).fill("1 2 3 4"));
    expect(group.applied.get(4)).toEqual([0, 42, 77]);
    // Three of four now.
    group.isolate(3);
    group.propose(1, 43);
    group.settle();
    expect(group.node(1).commitIndex).toBe(4);
    group.isolate(2);
    group.propose(1, 44);
    group.settle();
    expect(group.node(1).commitIndex).toBe(4);
  });

  it("a new member is probed at once, without waiting for a heartbeat", () => {
    const group = led();
    group.add(4);
    group.proposeChange(1, change(add(4)));
    group.settle();
    expect(group.node(4).log.lastIndex).toBe(2);
  });

  it("a new member behind the compacted log learns of the group from a snapshot", () => {
    const group = led();
    group.propose(1, 42);
    group.settle();
    group.takeSnapshot(1);
    group.add(4);
    group.proposeChange(1, change(add(4)), 77);
    group.settle();
    beat(group);
    expect(group.applied.get(4)).toEqual([0, 42, 77]);
    expect(group.node(4).voters).toEqual([1, 2, 3, 4]);
  });

  it("is in force from the commit on, not from the append on", () => {
    const group = led();
    group.isolate(2);
    group.isolate(3);
    group.proposeChange(1, change(remove(3)));
    group.settle();
    expect(group.node(1).voters).toEqual([1, 2, 3]);
    group.heal();
    beat(group);
    expect(group.node(1).voters).toEqual([1, 2]);
  });

  it("a second change is refused while one is under way: an empty entry takes its place", () => {
    const group = led();
    group.proposeChange(1, change(remove(3)), 77);
    group.proposeChange(1, change(remove(2)), 78);
    group.settle();
    expect(group.applied.get(1)).toEqual([0, 77, 0]);
    expect(group.node(1).voters).toEqual([1, 2]);
    group.proposeChange(1, change(remove(2)), 79);
    group.settle();
    expect(group.node(1).voters).toEqual([1]);
  });

  it("a new leader takes no change before its predecessors' entries are committed", () => {
    const group = led();
    group.propose(1, 42);
    group.network.length = 0;
    group.campaign(1);
    group.transferLeadership(1, 2);
    beat(group);
    const leader = group.leader ?? expect.fail();
    expect(leader).toBe(2);
    group.isolate(2);
    group.propose(2, 43);
    group.settle();
    // Its own empty entry was committed before; a later leader that finds one uncommitted must wait.
    const other = led();
    other.isolate(2);
    other.propose(1, 42);
    for (const append of other.takeMessages("AppendEntries")) other.deliver(append);
    other.network.length = 0;
    other.isolate(1);
    other.heal();
    other.isolate(1);
    other.forgetLeader(2);
    other.forgetLeader(3);
    other.campaign(3);
    while (other.node(3).role !== "leader") other.deliver(other.network.shift() ?? expect.fail());
    other.proposeChange(3, change(remove(1)), 77);
    other.settle();
    expect(other.node(3).voters).toEqual([1, 2, 3]);
    expect(other.applied.get(3)).toEqual([0, 42, 0, 0]);
  });

  it("what would leave no voter is refused", () => {
    const group = led([1]);
    group.proposeChange(1, change(remove(1)), 77);
    expect(group.applied.get(1)).toEqual([0, 0]);
    expect(group.node(1).voters).toEqual([1]);
  });

  it("a follower hands it to the leader; without a leader it is dropped", () => {
    const group = led();
    group.proposeChange(2, change(remove(3)), 77);
    group.settle();
    expect(group.node(1).voters).toEqual([1, 2]);
    const leaderless = new Group([1, 2, 3]);
    leaderless.proposeChange(2, change(remove(3)), 77);
    expect(leaderless.dropped).toEqual([77]);
  });

  it("removing a member may commit what it held up", () => {
    const group = led([1, 2, 3, 4]);
    group.isolate(4);
    group.proposeChange(1, change(remove(4)), 77);
    // The change itself goes to 2 and 3; what follows only to 2.
    for (const append of group.takeMessages("AppendEntries").filter((m) => m.to !== 4)) group.deliver(append);
    group.propose(1, 42);
    const toTwo = group.takeMessages("AppendEntries").filter((m) => m.to === 2);
    for (const append of toTwo) group.deliver(append);
    const answers = group.takeMessages("AppendEntriesResponse").sort((a, b) => b.index - a.index);
    for (const answer of answers) group.deliver(answer);
    expect(group.node(1)).toMatchObject({ commitIndex: 3, voters: [1, 2, 3] });
  });
});

describe("a leader that is removed", () => {
  it("leads on without a vote of its own, refuses proposals, and falls silent with its followers' leases", () => {
    const group = led();
    group.proposeChange(1, change(remove(1)));
    group.settle();
    expect(group.node(1)).toMatchObject({ role: "leader", voters: [2, 3] });
    group.propose(1, 42);
    expect(group.dropped).toEqual([42]);
    beat(group);
    expect(group.node(2).voters).toEqual([2, 3]);
    group.transferLeadership(1, 2);
    group.settle();
    expect(group.leader).toBe(2);
    // It is told of nothing any more, and does not campaign.
    for (let i = 0; i < 40; i++) {
      group.tick(1);
      beat(group);
    }
    expect(group.node(1).role).not.toBe("candidate");
    expect(group.leader).toBe(2);
  });

  it("counts no vote of its own for what it still commits", () => {
    const group = led([1, 2, 3, 4]);
    group.isolate(4);
    group.proposeChange(1, change(remove(1)), 77);
    group.propose(1, 42);
    group.settle();
    // 2 and 3 are a majority of 2, 3, 4.
    expect(group.node(1)).toMatchObject({ commitIndex: 3, voters: [2, 3, 4] });
  });

  it("steps down at once where it was told to", () => {
    const group = led([1, 2, 3], { stepDownOnRemoval: true });
    group.proposeChange(1, change(remove(1)));
    group.settle();
    expect(group.node(1)).toMatchObject({ role: "follower", leader: 0 });
  });

  it("as one that is made a learner", () => {
    const group = led([1, 2, 3], { stepDownOnRemoval: true });
    group.proposeChange(1, change(learn(1)));
    group.settle();
    expect(group.node(1)).toMatchObject({ role: "follower" });
    group.tick(1, 40);
    expect(group.node(1).role).toBe("follower");
  });
});

describe("joint consensus (§6)", () => {
  it("replaces two voters at once and is left by the leader itself", () => {
    const group = led();
    group.add(4);
    group.add(5);
    group.proposeChange(1, change(add(4), add(5), remove(2), remove(3)));
    group.settle();
    expect(describeConfiguration(group.node(1).configuration)).toBe("1 4 5");
    group.propose(1, 42);
    group.settle();
    expect(group.applied.get(4)?.at(-1)).toBe(42);
  });

  it("needs both majorities while it lasts", () => {
    const group = led();
    group.add(4);
    group.add(5);
    group.proposeChange(1, { transition: "explicit", changes: [add(4), add(5), remove(2), remove(3)] });
    group.settle();
    beat(group);
    expect(describeConfiguration(group.node(1).configuration)).toBe("1 4 5 with 1 2 3");
    const { commitIndex } = group.node(1);
    // A majority of the new half alone.
    group.isolate(2);
    group.isolate(3);
    group.propose(1, 42);
    group.settle();
    expect(group.node(1).commitIndex).toBe(commitIndex);
    group.heal();
    beat(group);
    expect(group.node(1).commitIndex).toBe(commitIndex + 1);
    // A majority of the old half alone.
    group.isolate(4);
    group.isolate(5);
    group.propose(1, 43);
    group.settle();
    expect(group.node(1).commitIndex).toBe(commitIndex + 1);
    group.heal();
    beat(group);
    expect(group.node(1).commitIndex).toBe(commitIndex + 2);
  });

  it("elects by both majorities, too", () => {
    const group = led();
    group.add(4);
    group.add(5);
    group.proposeChange(1, { transition: "explicit", changes: [add(4), add(5), remove(2), remove(3)] });
    group.settle();
    beat(group);
    group.crash(1);
    group.isolate(2);
    for (const id of [2, 3, 4, 5]) group.forgetLeader(id);
    group.campaign(4);
    group.settle();
    // 4 and 5 of 1 4 5, but only 3 of 1 2 3.
    expect(group.leader).toBeUndefined();
    group.heal();
    group.campaign(4);
    group.settle();
    expect(group.leader).toBe(4);
  });

  it("an explicit one waits to be told, and takes no other change meanwhile", () => {
    const group = led();
    group.proposeChange(1, { transition: "explicit", changes: [remove(3)] });
    group.settle();
    group.proposeChange(1, change(remove(2)));
    group.settle();
    expect(describeConfiguration(group.node(1).configuration)).toBe("1 2 with 1 2 3");
    group.proposeChange(1, LEAVE_JOINT);
    group.settle();
    expect(describeConfiguration(group.node(1).configuration)).toBe("1 2");
    group.proposeChange(1, LEAVE_JOINT, 77);
    group.settle();
    expect(group.applied.get(1)?.at(-1)).toBe(0);
  });

  it("is left by the next leader if the one that began it is gone", () => {
    const group = led();
    group.proposeChange(1, { transition: "implicit", changes: [learn(4)] });
    // The others have the change; the leader dies before it knows.
    for (const append of group.takeMessages("AppendEntries")) group.deliver(append);
    group.crash(1);
    group.network.length = 0;
    for (const id of [2, 3]) group.forgetLeader(id);
    group.campaign(2);
    while (group.node(2).votersOutgoing.length === 0)
      group.deliver(group.network.shift() ?? expect.fail("never joint"));
    expect(describeConfiguration(group.node(2).configuration)).toBe(
      "1 2 3 with 1 2 3 (leaving by itself); learners 4",
    );
    group.settle();
    beat(group);
    expect(configurations(group)).toEqual(Array(2).fill("1 2 3; learners 4"));
  });

  it("is found again after a restart, also from a snapshot", () => {
    const group = led();
    group.proposeChange(1, { transition: "explicit", changes: [learn(3)] });
    group.settle();
    beat(group);
    const joint = group.node(2).configuration;
    expect(describeConfiguration(joint)).toBe("1 2 with 1 2 3; learners next 3");
    group.takeSnapshot(2);
    for (const id of [2, 3]) {
      group.propose(1, id);
      group.settle();
      group.crash(id);
      group.restart(id);
      expect(group.node(id).configuration).toEqual(joint);
    }
  });
});

describe("a transfer of the lead", () => {
  it("to a member that is removed meanwhile is given up", () => {
    const group = led();
    group.proposeChange(1, change(remove(3)));
    group.isolate(3);
    const held = group.takeMessages("AppendEntries");
    group.transferLeadership(1, 3);
    expect(group.node(1).leadTransferee).toBe(3);
    for (const append of held.filter((m) => m.to === 2)) group.deliver(append);
    group.settle();
    expect(group.node(1)).toMatchObject({ leadTransferee: 0, voters: [1, 2], role: "leader" });
  });

  it("to a learner is not begun", () => {
    const group = led([1, 2, 3], { learners: [4] });
    group.transferLeadership(1, 4);
    expect(group.node(1).leadTransferee).toBe(0);
  });
});

describe("learners (dissertation §4.2.1)", () => {
  /** Voters 1 2 3, learner 4. */
  function withLearner(): Group {
    const group = new Group([1, 2, 3], { learners: [4] });
    group.add(4);
    group.campaign(1);
    group.settle();
    beat(group);
    return group;
  }

  it("get the log and apply it", () => {
    const group = withLearner();
    group.propose(1, 42);
    group.settle();
    expect(group.applied.get(4)).toEqual([0, 42]);
  });

  it("do not count towards a commit, nor for the check of the quorum", () => {
    const group = withLearner();
    group.isolate(2);
    group.isolate(3);
    group.propose(1, 42);
    group.settle();
    expect(group.node(1).commitIndex).toBe(1);
    for (let i = 0; i < 20; i++) beat(group);
    expect(group.node(1).role).toBe("follower");
  });

  it("never campaign, whether by timeout, by command, or by a leader's word", () => {
    const group = withLearner();
    group.crash(1);
    group.tick(4, 60);
    group.campaign(4);
    group.deliver({ type: "TimeoutNow", from: 1, to: 4, term: 1 });
    expect(group.node(4)).toMatchObject({ role: "follower", term: 1 });
    expect(group.network).toEqual([]);
  });

  it("are not asked for votes, and answer when they are, since they may be voters by now", () => {
    const group = withLearner();
    group.crash(1);
    group.forgetLeader(2);
    group.campaign(2);
    expect(group.takeMessages("PreVote").map((m) => m.to)).toEqual([1, 3]);
    group.deliver({
      type: "RequestVote",
      from: 2,
      to: 4,
      term: 2,
      lastLogIndex: 1,
      lastLogTerm: 1,
      isTransfer: true,
    });
    expect(group.takeMessages("RequestVoteResponse")).toMatchObject([{ from: 4, voteGranted: true }]);
  });

  it("are promoted by a change, and vote from then on", () => {
    const group = withLearner();
    group.proposeChange(1, change(add(4)));
    group.settle();
    beat(group);
    expect(configurations(group)).toEqual(Array(4).fill("1 2 3 4"));
    group.crash(1);
    group.tick(4, 14);
    for (const id of [2, 3]) group.forgetLeader(id);
    group.settle();
    expect(group.node(4).role).toBe("leader");
  });

  it("read through the leader", () => {
    const group = withLearner();
    group.readIndex(4, 7);
    group.settle();
    expect(group.reads.get(4)).toEqual([{ context: 7, index: 1 }]);
  });

  it("do not vouch for the leader in a round of reads", () => {
    const group = withLearner();
    group.isolate(2);
    group.isolate(3);
    group.readIndex(1, 7);
    group.settle();
    expect(group.reads.get(1)).toEqual([]);
  });

  it("beside a single voter, who need not wait for them", () => {
    const group = new Group([1], { learners: [2] });
    group.campaign(1);
    group.propose(1, 42);
    group.readIndex(1, 7);
    expect(group.reads.get(1)).toEqual([{ context: 7, index: 2 }]);
  });
});

it("with its checks off the leader puts in the log what its host says", () => {
  const group = led([1], { checksConfigurationChanges: false });
  group.heldDisks.add(1);
  // The second change does not fit what is in force yet, but what will be when its turn comes.
  group.proposeChange(1, { transition: "explicit", changes: [learn(2), learn(3)] });
  group.proposeChange(1, LEAVE_JOINT);
  group.sync(1);
  group.settle();
  expect(describeConfiguration(group.node(1).configuration)).toBe("1; learners 2 3");
});

it("an entry keeps the change it brought known, so that a member that restarts does not elect by voters of long ago", () => {
  const group = led();
  group.add(4);
  group.add(5);
  group.proposeChange(1, change(add(4)));
  group.settle();
  group.proposeChange(1, change(add(5)));
  group.settle();
  // Member 3 has both entries on disk, the second together with the knowledge that the first is committed.
  expect(group.node(3).log.lastIndex).toBe(3);
  group.crash(3);
  group.restart(3);
  expect(group.node(3).voters.length).toBeGreaterThanOrEqual(4);
});
