/** Quiet ticks passed at once leave every member as the ticks and messages themselves do. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import type { RaftNode } from "../../src/raft/node.js";
import { Group } from "./group.js";

interface Case {
  readonly size: number;
  readonly down: number;
  readonly learners: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  readonly proposals: number;
  readonly before: number;
  readonly rounds: number;
  readonly seed: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  size: fc.integer({ min: 1, max: 7 }),
  down: fc.integer({ min: 0, max: 3 }),
  learners: fc.integer({ min: 0, max: 2 }),
  electionTicks: fc.integer({ min: 3, max: 12 }),
  heartbeatTicks: fc.integer({ min: 1, max: 4 }),
  checkQuorum: fc.boolean(),
  preVote: fc.boolean(),
  proposals: fc.integer({ min: 0, max: 3 }),
  before: fc.integer({ min: 0, max: 25 }),
  rounds: fc.integer({ min: 1, max: 60 }),
  seed: fc.integer({ min: 0, max: 1_000_000 }),
});

/** A group led by member 1, some of whose members died after they had a part of the log. */
function ledGroup(one: Case): Group {
  const members = Array.from({ length: one.size + one.learners }, (_, i) => i + 1);
  const group = new Group(members.slice(0, one.size), {
    learners: members.slice(one.size),
    electionTicks: one.electionTicks,
    heartbeatTicks: Math.min(one.heartbeatTicks, one.electionTicks - 1),
    checkQuorum: one.checkQuorum,
    preVote: one.preVote,
    drawElectionTicks: (id) => one.electionTicks + (id % one.electionTicks),
  });
  for (const id of members.slice(one.size)) group.add(id);
  group.campaign(1);
  group.settle();
  for (let i = 0; i < one.proposals; i++) {
    if (i === 1) for (const id of dead(one)) group.crash(id);
    group.propose(1, 100 + i);
    group.settle();
  }
  for (const id of dead(one)) if (group.isUp(id)) group.crash(id);
  return group;
}

function dead(one: Case): number[] {
  const count = Math.min(one.down, one.size - 1);
  return Array.from({ length: count }, (_, i) => one.size - i);
}

/** In each round every member ticks once; each follower either before or after it hears the leader, as drawn. */
class Rounds {
  readonly #draws: ReturnType<RandomStreams["counted"]>;
  #round = 0;

  constructor(seed: number) {
    this.#draws = new RandomStreams(`quiet/${seed}`).counted("order");
  }

  play(group: Group, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#round += 1;
      group.tick(1);
      for (const id of followers(group)) if (!this.#hearsFirst(id, this.#round)) group.tick(id);
      group.settle();
      for (const id of followers(group)) if (this.#hearsFirst(id, this.#round)) group.tick(id);
    }
  }

  pass(group: Group, count: number): void {
    const leader = group.node(1);
    const others = followers(group).map((id) => group.node(id));
    const last = leader.lastHeartbeatWithin(count);
    leader.passTicksAsLeader(others, count);
    for (const follower of others) {
      const hearsFirst = this.#hearsFirst(follower.id, this.#round + last);
      follower.passTicksAsFollower(count, last === 0 ? undefined : count - last + (hearsFirst ? 1 : 0));
    }
    this.#round += count;
  }

  #hearsFirst(id: number, round: number): boolean {
    return this.#draws.uniform(id, round) < 0.5;
  }
}

function followers(group: Group): number[] {
  return group.everybody.filter((id) => id !== 1 && group.isUp(id));
}

function isQuiet(group: Group): boolean {
  const leader = group.node(1);
  return leader.isQuietWith(followers(group).map((id) => group.node(id)));
}

const describeAll = (group: Group) => group.nodes.map((node: RaftNode) => node.describe()).join("\n");

describe("quiet time", () => {
  it("passed at once leaves every field of every member as event by event, and so do the ticks after it", () => {
    let quiet = 0;
    fc.assert(
      fc.property(cases, (one) => {
        const [slow, fast] = [ledGroup(one), ledGroup(one)];
        const [slowRounds, fastRounds] = [new Rounds(one.seed), new Rounds(one.seed)];
        slowRounds.play(slow, one.before);
        fastRounds.play(fast, one.before);
        expect(describeAll(fast)).toBe(describeAll(slow));
        if (slow.node(1).role !== "leader" || !isQuiet(slow)) return;
        quiet += 1;
        slowRounds.play(slow, one.rounds);
        fastRounds.pass(fast, one.rounds);
        expect(describeAll(fast)).toBe(describeAll(slow));
        // Half of them fall silent: what was counted before decides what comes now.
        for (const id of followers(slow).filter((id) => id % 2 === 0)) {
          slow.crash(id);
          fast.crash(id);
        }
        slowRounds.play(slow, 2 * one.electionTicks);
        fastRounds.play(fast, 2 * one.electionTicks);
        expect(describeAll(fast)).toBe(describeAll(slow));
      }),
      { seed: 4, numRuns: 600 },
    );
    expect(quiet).toBeGreaterThan(300);
  });

  const five: Case = {
    size: 5,
    down: 0,
    learners: 0,
    electionTicks: 10,
    heartbeatTicks: 1,
    checkQuorum: true,
    preVote: true,
    proposals: 1,
    before: 3,
    rounds: 1,
    seed: 1,
  };
  const quietFive = () => {
    const group = ledGroup(five);
    new Rounds(five.seed).play(group, five.before);
    expect(isQuiet(group)).toBe(true);
    return group;
  };

  it("is over as soon as something is proposed, until all have it and know it to be committed", () => {
    const group = quietFive();
    group.propose(1, 7);
    expect(isQuiet(group)).toBe(false);
    group.settle();
    expect(isQuiet(group)).toBe(true);
  });

  it("is not while a read waits, a disk is behind, or the lead is handed over", () => {
    const reading = quietFive();
    reading.readIndex(1, 1);
    expect(isQuiet(reading)).toBe(false);
    reading.settle();
    expect(isQuiet(reading)).toBe(true);

    const writing = quietFive();
    writing.heldDisks.add(3);
    writing.propose(1, 7);
    writing.settle();
    expect(isQuiet(writing)).toBe(false);
    writing.sync(3);
    writing.settle();
    expect(isQuiet(writing)).toBe(true);

    const leaving = quietFive();
    leaving.transferLeadership(1, 2);
    expect(isQuiet(leaving)).toBe(false);
  });

  it("is not while a follower has not heard its leader for long, or believes in another", () => {
    const silent = quietFive();
    silent.tick(2, 9);
    expect(isQuiet(silent)).toBe(false);

    const forgetful = quietFive();
    forgetful.forgetLeader(2);
    expect(isQuiet(forgetful)).toBe(false);
  });

  it("is not where the quorum's next count would fail", () => {
    const group = quietFive();
    for (const id of [3, 4, 5]) group.crash(id);
    expect(isQuiet(group)).toBe(false);
    expect(() => group.node(1).passTicksAsLeader([group.node(2)], 1)).toThrow("no quiet group");
  });
});
