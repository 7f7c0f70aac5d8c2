/** Leadership transfer (dissertation §3.10) and forgetting a leader. */
import { describe, expect, it } from "vitest";
import type { GroupOptions } from "./group.js";
import { Group } from "./group.js";

function led(options: GroupOptions = {}): Group {
  const group = new Group([1, 2, 3], options);
  group.campaign(1);
  group.settle();
  group.tick(1);
  group.settle();
  return group;
}

describe("leadership transfer (dissertation §3.10)", () => {
  it("to a member with the whole log: it is told at once, campaigns without asking around, and no lease holds it up", () => {
    const group = led();
    group.transferLeadership(1, 3);
    expect(group.network).toMatchObject([{ type: "TimeoutNow", to: 3, term: 1 }]);
    group.deliver(group.network.shift() ?? expect.fail());
    expect(group.takeMessages("PreVote")).toEqual([]);
    expect(group.network).toMatchObject([
      { type: "RequestVote", to: 1, term: 2, isTransfer: true },
      { type: "RequestVote", to: 2, term: 2, isTransfer: true },
    ]);
    group.settle();
    expect(group.node(3)).toMatchObject({ role: "leader", term: 2 });
    expect(group.node(1)).toMatchObject({ role: "follower", leader: 3, leadTransferee: 0 });
  });

  it("to a member that is behind: it gets the entries first", () => {
    const group = led();
    group.isolate(3);
    group.propose(1, 41, 42);
    group.settle();
    group.heal();
    group.transferLeadership(1, 3);
    expect(group.takeMessages("TimeoutNow")).toEqual([]);
    group.tick(1);
    group.settle();
    expect(group.leader).toBe(3);
    expect(group.applied.get(3)).toEqual([0, 41, 42, 0]);
  });

  it("to a member behind the compacted log: it gets a snapshot first", () => {
    const group = led();
    group.isolate(3);
    group.propose(1, 41, 42);
    group.settle();
    group.takeSnapshot(1);
    group.heal();
    group.transferLeadership(1, 3);
    for (let i = 0; i < 3; i++) {
      group.tick(1);
      group.settle();
    }
    expect(group.leader).toBe(3);
    expect(group.node(3).log.firstIndex).toBe(4);
  });

  it("asked of a follower is passed on to the leader", () => {
    const group = led();
    group.transferLeadership(2, 3);
    expect(group.network).toMatchObject([{ type: "TransferLeadership", from: 2, to: 1, transferee: 3 }]);
    group.settle();
    expect(group.leader).toBe(3);
  });

  it("asked of one that knows no leader changes nothing", () => {
    const group = new Group([1, 2, 3]);
    group.transferLeadership(2, 3);
    expect(group.network).toEqual([]);
  });

  it.each([1, 9])("to member %d, itself or a stranger, does nothing", (transferee) => {
    const group = led();
    group.transferLeadership(1, transferee);
    expect(group.network).toEqual([]);
    expect(group.node(1).leadTransferee).toBe(0);
    group.propose(1, 42);
    expect(group.dropped).toEqual([]);
  });

  it("makes the leader refuse its own host's proposals meanwhile, and lose those of others", () => {
    const group = led();
    group.isolate(3);
    group.transferLeadership(1, 3);
    group.propose(1, 41);
    group.propose(2, 42);
    group.settle();
    expect(group.dropped).toEqual([41]);
    expect(group.node(1).log.lastIndex).toBe(1);
  });

  it("is given up after E ticks, and proposals are taken again", () => {
    const group = led();
    group.isolate(3);
    group.transferLeadership(1, 3);
    for (let tick = 1; tick < 10; tick++) {
      group.tick(1);
      group.settle();
    }
    expect(group.node(1).leadTransferee).toBe(3);
    group.tick(1);
    group.settle();
    expect(group.node(1)).toMatchObject({ leadTransferee: 0, role: "leader" });
    group.propose(1, 42);
    group.settle();
    expect(group.applied.get(1)).toEqual([0, 42]);
  });

  it("to another member replaces the one under way; to the same changes nothing and gains no time", () => {
    const group = led();
    group.isolate(3);
    group.transferLeadership(1, 3);
    group.tick(1, 4);
    group.transferLeadership(1, 3);
    expect(group.node(1).electionElapsed).toBe(4);
    group.transferLeadership(1, 2);
    expect(group.node(1)).toMatchObject({ leadTransferee: 2, electionElapsed: 0 });
    group.settle();
    expect(group.leader).toBe(2);
  });

  it("to itself takes back the one under way", () => {
    const group = led();
    group.isolate(3);
    group.transferLeadership(1, 3);
    group.transferLeadership(1, 1);
    expect(group.node(1).leadTransferee).toBe(0);
  });

  it("ends with the lead: a leader of a higher term has nothing to hand over", () => {
    const group = led({ checkQuorum: false, preVote: false });
    group.isolate(3);
    group.transferLeadership(1, 3);
    group.campaign(2);
    group.settle();
    expect(group.leader).toBe(2);
    expect(group.node(1)).toMatchObject({ role: "follower", leadTransferee: 0 });
  });

  it("told to a member that campaigns already, the wish changes nothing", () => {
    const group = led();
    group.transferLeadership(1, 3);
    const [wish] = group.takeMessages("TimeoutNow");
    group.campaign(3);
    expect(group.node(3).role).toBe("pre-candidate");
    group.deliver(wish ?? expect.fail());
    expect(group.node(3)).toMatchObject({ role: "pre-candidate", term: 1 });
  });
});

describe("forgetting the leader", () => {
  it("frees a follower to grant a pre-vote, in its term, until it hears the leader again", () => {
    const group = led();
    group.forgetLeader(2);
    expect(group.node(2)).toMatchObject({ leader: 0, term: 1, votedFor: 1 });
    group.isolate(1);
    group.campaign(3);
    group.settle();
    expect(group.leader).toBe(3);
    const other = led();
    other.forgetLeader(2);
    other.tick(1);
    other.settle();
    expect(other.node(2).leader).toBe(1);
  });

  it("is nothing to a leader", () => {
    const group = led();
    group.forgetLeader(1);
    expect(group.node(1)).toMatchObject({ role: "leader", leader: 1 });
  });
});
