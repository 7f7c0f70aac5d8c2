/** Majorities of one and of two sets of voters, as tables: how far a commit goes, and how a vote stands (§6). */
import { describe, expect, it } from "vitest";
import { simpleConfiguration } from "../../src/raft/configuration.js";
import { RaftCore } from "../../src/raft/core.js";
import type { Configuration, MemberId } from "../../src/raft/types.js";
import { ETCD_DEFAULTS, NONE } from "../../src/raft/types.js";

function coreWith(
  voters: readonly MemberId[],
  outgoing: readonly MemberId[],
  learners: readonly MemberId[] = [],
) {
  const config = { ...ETCD_DEFAULTS, id: voters[0] ?? 1, voters, drawElectionTicks: () => 10 };
  const hardState = { term: 1, votedFor: NONE, commitIndex: 0 };
  const core = new RaftCore(config, { hardState, entries: [] }, 0);
  const simple = simpleConfiguration(voters, learners);
  const configuration: Configuration = { ...simple, votersOutgoing: simpleConfiguration(outgoing).voters };
  core.adopt(configuration);
  return core;
}

/** The commit index with these match indexes, in the order of identities. */
function committed(voters: MemberId[], outgoing: MemberId[], ...reached: number[]): number {
  const core = coreWith(voters, outgoing);
  const of = new Map(core.progress.map(({ id }, i) => [id, reached[i] ?? 0]));
  return core.quorumIndex(({ id }) => of.get(id) ?? 0);
}

/** How the vote stands with these answers, in the order of identities: y, n, or _ for none. */
function vote(voters: MemberId[], outgoing: MemberId[], answers: string): string {
  const core = coreWith(voters, outgoing);
  return core.quorumVote((i) => (answers[i] === "y" ? "granted" : answers[i] === "n" ? "refused" : "none"));
}

describe("the commit index of a majority", () => {
  it.each([
    [[1], [0], 0],
    [[1], [12], 12],
    [[1, 2], [0, 0], 0],
    [[1, 2], [12, 0], 0],
    [[1, 2], [12, 5], 5],
    [[1, 2, 3], [12, 0, 0], 0],
    [[1, 2, 3], [12, 5, 0], 5],
    [[1, 2, 3], [12, 5, 6], 6],
    [[1, 2, 3], [12, 5, 4], 5],
    [[1, 2, 3], [5, 5, 12], 5],
    [[1, 2, 3], [100, 101, 103], 101],
    [[1, 2, 3, 4, 5], [101, 104, 103, 103, 0], 103],
    [[1, 2, 3, 4, 5], [101, 102, 103, 103, 0], 102],
  ])("of voters %j that have reached %j is %d", (voters, reached, expected) => {
    expect(committed(voters, [], ...reached)).toBe(expected);
  });
});

describe("the commit index of a joint configuration", () => {
  it.each([
    [[1], [2], [0, 0], 0],
    [[1], [2], [100, 0], 0],
    [[1], [2], [13, 100], 13],
    [[1], [1], [100], 100],
    [[1, 3], [2], [100, 0, 0], 0],
    [[1, 3], [2], [100, 0, 50], 0],
    [[1, 3], [2], [100, 45, 50], 45],
    [[1, 2], [2], [100, 0], 0],
    [[1, 2], [2], [0, 100], 0],
    [[1, 2], [2], [50, 100], 50],
    [[1, 2], [2], [100, 50], 50],
    [[1, 2], [3, 4], [50, 48, 49, 0], 0],
    [[1, 2], [3, 4], [50, 48, 49, 47], 47],
    [[1, 2, 3], [1, 4, 5], [9, 8, 0, 0, 0], 0],
    [[1, 2, 3], [1, 4, 5], [9, 8, 0, 7, 0], 7],
  ])("of %j with %j, where all together have reached %j, is %d", (voters, outgoing, reached, expected) => {
    expect(committed(voters, outgoing, ...reached)).toBe(expected);
    // It does not matter which half is the old one.
    expect(committed(outgoing, voters, ...reached)).toBe(expected);
  });
});

it("a learner's log counts for nothing", () => {
  const core = coreWith([1, 2, 3], [], [4, 5]);
  const reached = new Map([
    [1, 9],
    [2, 3],
    [3, 2],
    [4, 9],
    [5, 9],
  ]);
  expect(core.quorumIndex(({ id }) => reached.get(id) ?? 0)).toBe(3);
});

describe("a vote", () => {
  it.each([
    [[1], "_", "pending"],
    [[1], "n", "lost"],
    [[1], "y", "won"],
    [[4, 8], "__", "pending"],
    [[4, 8], "n_", "lost"],
    [[4, 8], "y_", "pending"],
    [[4, 8], "ny", "lost"],
    [[4, 8], "yy", "won"],
    [[2, 4, 7], "n__", "pending"],
    [[2, 4, 7], "nn_", "lost"],
    [[2, 4, 7], "yn_", "pending"],
    [[2, 4, 7], "yy_", "won"],
    [[2, 4, 7], "nyn", "lost"],
    [[1, 2, 3, 4, 5, 6, 7], "yyny___", "pending"],
    [[1, 2, 3, 4, 5, 6, 7], "yyny_ny", "won"],
    [[1, 2, 3, 4, 5, 6, 7], "yyny_nn", "pending"],
    [[1, 2, 3, 4, 5, 6, 7], "yynynnn", "lost"],
  ])("among %j with answers %s is %s", (voters, answers, expected) => {
    expect(vote(voters, [], answers)).toBe(expected);
  });

  it.each([
    [[1], [1], "_", "pending"],
    [[1], [1], "y", "won"],
    [[1], [1], "n", "lost"],
    [[1], [2], "y_", "pending"],
    [[1], [2], "yy", "won"],
    [[1], [2], "yn", "lost"],
    [[1], [2], "n_", "lost"],
    [[1, 2], [3, 4], "yy__", "pending"],
    [[1, 2], [3, 4], "yyn_", "lost"],
    [[1, 2], [3, 4], "yyyy", "won"],
    [[1, 2], [2, 3], "_n_", "lost"],
    [[1, 2], [2, 3], "yy_", "pending"],
    [[1, 2], [2, 3], "yyn", "lost"],
    [[1, 2], [2, 3], "yyy", "won"],
    [[1, 2, 3], [2, 3, 4], "_n__", "pending"],
    [[1, 2, 3], [2, 3, 4], "_nn_", "lost"],
    [[1, 2, 3], [2, 3, 4], "_yy_", "won"],
    [[1, 2, 3], [2, 3, 4], "yy__", "pending"],
    [[1, 2, 3], [2, 3, 4], "yyn_", "pending"],
    [[1, 2, 3], [2, 3, 4], "yynn", "lost"],
  ])("in %j with %j, with answers %s of all together, is %s", (voters, outgoing, answers, expected) => {
    expect(vote(voters, outgoing, answers)).toBe(expected);
    expect(vote(outgoing, voters, answers)).toBe(expected);
  });
});
