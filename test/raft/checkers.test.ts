/** The checkers themselves: each property broken by hand must be named. */
import { describe, expect, it } from "vitest";
import type { RaftProperty, RaftView } from "../../src/raft/checkers.js";
import { checkEverything, RaftInvariants, RaftViolation } from "../../src/raft/checkers.js";
import type { Entry } from "../../src/raft/types.js";
import { entriesOfTerms, Group } from "./group.js";

interface Made {
  id: number;
  term: number;
  votedFor?: number;
  role?: RaftView["role"];
  commitIndex?: number;
  entries?: readonly Entry[];
  stableIndex?: number;
  compactedIndex?: number;
}

function view(made: Made): RaftView {
  const entries = made.entries ?? [];
  const { id, term, votedFor = 0, role = "follower", commitIndex = 0, stableIndex = entries.length } = made;
  const log = {
    firstIndex: (made.compactedIndex ?? 0) + 1,
    lastIndex: entries.length,
    stableIndex,
    commitIndex,
    entry: (index: number) => entries[index - 1] as Entry,
    termAt: (index: number) => (index === 0 ? 0 : (entries[index - 1]?.term ?? -1)),
  };
  const durable = { durableTerm: term, durableVotedFor: votedFor };
  return { id, voters: [1, 2, 3], term, votedFor, ...durable, role, commitIndex, log };
}

function violationOf(action: () => void): RaftProperty | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof RaftViolation) return error.property;
    throw error;
  }
  return undefined;
}

/** What the last of the views violates, if those before it violate nothing. */
function lastViolates(...made: Made[]): RaftProperty | undefined {
  const invariants = new RaftInvariants();
  for (const one of made.slice(0, -1)) invariants.observe(view(one));
  return violationOf(() => invariants.observe(view(made.at(-1) as Made)));
}

const other = (entries: readonly Entry[], index: number): Entry[] =>
  entries.map((entry) => (entry.index === index ? { ...entry, data: -1 } : entry));

describe("each property, broken", () => {
  const log = entriesOfTerms(1, 1, 2);

  it("Election Safety", () => {
    const leaders: Made[] = [
      { id: 1, term: 2, role: "leader" },
      { id: 2, term: 2, role: "leader" },
    ];
    expect(lastViolates(...leaders)).toBe("Election Safety");
    expect(violationOf(() => checkEverything(leaders.map(view)))).toBe("Election Safety");
  });

  it("Leader Append-Only", () => {
    const before: Made = { id: 1, term: 2, role: "leader", entries: log };
    expect(lastViolates(before, { ...before, entries: log.slice(0, 2) })).toBe("Leader Append-Only");
    expect(lastViolates(before, { ...before, role: "follower", entries: log.slice(0, 2) })).toBeUndefined();
  });

  it("Log Matching", () => {
    const logs: Made[] = [
      { id: 1, term: 2, entries: log },
      { id: 2, term: 2, entries: other(log, 2) },
    ];
    expect(lastViolates(...logs)).toBe("Log Matching");
    expect(violationOf(() => checkEverything(logs.map(view)))).toBe("Log Matching");
    // The same (index 3, term 2) after an entry of another term.
    expect(
      lastViolates({ id: 1, term: 2, entries: log }, { id: 2, term: 2, entries: entriesOfTerms(1, 2, 2) }),
    ).toBe("Log Matching");
  });

  it("Leader Completeness", () => {
    const committed: Made[] = [
      { id: 2, term: 2, entries: log },
      { id: 1, term: 2, role: "leader", entries: log, commitIndex: 3 },
    ];
    const incomplete: Made = { id: 3, term: 3, role: "leader", entries: log.slice(0, 2) };
    expect(lastViolates(...committed, incomplete)).toBe("Leader Completeness");
    expect(lastViolates(...committed, { ...incomplete, entries: log })).toBeUndefined();
    // The other way round: the newer leader is there first, the older one commits later.
    expect(lastViolates(committed[0] as Made, incomplete, committed[1] as Made)).toBe("Leader Completeness");
  });

  it("State Machine Safety", () => {
    const members: Made[] = [
      { id: 1, term: 2, entries: log },
      { id: 2, term: 2, entries: log, commitIndex: 3 },
      { id: 3, term: 3, entries: entriesOfTerms(1, 1, 3), commitIndex: 3 },
    ];
    expect(lastViolates(...members)).toBe("State Machine Safety");
    expect(violationOf(() => checkEverything(members.map(view)))).toBe("State Machine Safety");
  });

  it("State Machine Safety, of what a snapshot stands for", () => {
    const committed: Made[] = [
      { id: 1, term: 2, entries: log },
      { id: 2, term: 2, entries: log, commitIndex: 3 },
    ];
    const elsewhere = entriesOfTerms(1, 2, 2);
    const compacted: Made = { id: 3, term: 3, entries: log, commitIndex: 3, compactedIndex: 2 };
    expect(lastViolates(...committed, compacted)).toBeUndefined();
    expect(lastViolates(...committed, { ...compacted, entries: elsewhere })).toBe("State Machine Safety");
    // Nobody has committed so far.
    expect(lastViolates(committed[0] as Made, { ...compacted, compactedIndex: 3 })).toBe(
      "State Machine Safety",
    );
    // What was compacted away does not come back.
    expect(lastViolates(...committed, compacted, { ...compacted, compactedIndex: 1 })).toBe(
      "State Machine Safety",
    );
  });

  it("Committed Is Durable", () => {
    const committed: Made = { id: 1, term: 2, role: "leader", entries: log, commitIndex: 3 };
    expect(lastViolates(committed)).toBe("Committed Is Durable");
    expect(lastViolates({ id: 2, term: 2, entries: log, stableIndex: 2 }, committed)).toBe(
      "Committed Is Durable",
    );
    expect(lastViolates({ id: 2, term: 2, entries: log }, committed)).toBeUndefined();
  });

  it("One Vote per Term, and Terms Never Fall", () => {
    const voted: Made = { id: 1, term: 2, votedFor: 2 };
    expect(lastViolates(voted, { ...voted, votedFor: 3 })).toBe("One Vote per Term");
    expect(lastViolates(voted, { ...voted, votedFor: 0 })).toBe("One Vote per Term");
    expect(lastViolates(voted, { id: 1, term: 1 })).toBe("Terms Never Fall");
    expect(lastViolates(voted, { id: 1, term: 3 })).toBeUndefined();
  });

  it("Nothing Durable Is Lost", () => {
    const invariants = new RaftInvariants();
    invariants.observe(view({ id: 1, term: 2, entries: log, stableIndex: 2 }));
    invariants.crashed(1);
    invariants.observe(view({ id: 1, term: 2, entries: log.slice(0, 2) }));
    invariants.crashed(1);
    const back = view({ id: 1, term: 2, entries: log.slice(0, 1) });
    expect(violationOf(() => invariants.observe(back))).toBe("Nothing Durable Is Lost");
  });
});

it("a member that votes twice across a restart gives two leaders of one term, and is caught at once", () => {
  const group = new Group([1, 2, 3], { preVote: false, checkQuorum: false });
  group.campaign(1);
  for (const m of group.takeMessages("RequestVote")) if (m.to === 3) group.deliver(m);
  group.crash(3);
  expect(violationOf(() => group.restart(3, (hardState) => ({ ...hardState, votedFor: 0 })))).toBe(
    "One Vote per Term",
  );
});

it("a host that sends before the disk has answered makes two leaders of one term out of a crash", () => {
  const group = new Group([1, 2, 3], { preVote: false, checkQuorum: false, ignoresSendAfter: true });
  group.campaign(1);
  group.heldDisks.add(3);
  const toThree = (type: "RequestVote") => group.takeMessages(type).filter((m) => m.to === 3);
  for (const m of toThree("RequestVote")) group.deliver(m);
  const [granted] = group.takeMessages("RequestVoteResponse");
  group.crash(3);
  group.restart(3);
  group.campaign(2);
  for (const m of toThree("RequestVote")) group.deliver(m);
  for (const m of group.takeMessages("RequestVoteResponse")) group.deliver(m);
  expect(group.node(2)).toMatchObject({ role: "leader", term: 1 });
  expect(granted).toMatchObject({ to: 1, voteGranted: true });
  expect(violationOf(() => granted !== undefined && group.deliver(granted))).toBe("Election Safety");
});
