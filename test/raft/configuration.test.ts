/** Who takes part, as a table of changes and what they make of a configuration (§6; dissertation §4). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChangeResult } from "../../src/raft/configuration.js";
import {
  changeConfiguration,
  changeSimply,
  describeConfiguration,
  enterJoint,
  isJoint,
  leaveJoint,
  membersOf,
  simpleConfiguration,
} from "../../src/raft/configuration.js";
import type { Configuration, MemberChange } from "../../src/raft/types.js";

/** "+2 ~3 -1 =4": voter 2, learner 3, without 1, an update of 4. */
function changes(text: string): MemberChange[] {
  const types = { "+": "add-voter", "~": "add-learner", "-": "remove", "=": "update" } as const;
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => ({ type: types[word[0] as keyof typeof types], member: Number(word.slice(1)) }));
}

/** Steps "joint ...", "auto joint ...", "leave" and "simple ...", one after the other; what refuses leaves things as they were. */
function run(start: Configuration, steps: readonly string[]): string[] {
  let now = start;
  return steps.map((step) => {
    const result = stepOf(now, step);
    if (result.configuration === undefined) return `refused: ${result.refusal}`;
    now = result.configuration;
    return describeConfiguration(now);
  });
}

function stepOf(now: Configuration, step: string): ChangeResult {
  if (step === "leave") return leaveJoint(now);
  if (step.startsWith("joint")) return enterJoint(now, changes(step.slice("joint".length)), false);
  if (step.startsWith("auto joint")) return enterJoint(now, changes(step.slice("auto joint".length)), true);
  return changeSimply(now, changes(step.slice("simple".length)));
}

const EMPTY = simpleConfiguration([]);

describe("changes one after the other, from nothing", () => {
  it.each<[string, [string, string][]]>([
    [
      "the wish to leave by itself is carried along, and joint within joint is refused",
      [
        ["simple +1", "1"],
        ["auto joint +2 +3", "1 2 3 with 1 (leaving by itself)"],
        ["joint", "refused: the configuration is joint already"],
        ["leave", "1 2 3"],
      ],
    ],
    [
      "doing again what is done, and undoing what is not, changes nothing",
      [
        ["simple +1", "1"],
        ["joint -1 -2 -9 +2 +3 +4 +2 +3 +4 ~2 ~2 -4 -4 ~1 ~1", "3 with 1; learners 2; learners next 1"],
        ["leave", "3; learners 1 2"],
      ],
    ],
    [
      "a voter made learner in a joint configuration waits until that is left",
      [
        ["simple +1", "1"],
        ["joint +2 ~1", "2 with 1; learners next 1"],
        ["leave", "2; learners 1"],
      ],
    ],
    [
      "what does not fit is refused and changes nothing",
      [
        ["leave", "refused: the configuration is not joint"],
        ["joint", "refused: a configuration without voters cannot be made joint"],
        ["joint +1", "refused: a configuration without voters cannot be made joint"],
        ["simple +1", "1"],
        ["leave", "refused: the configuration is not joint"],
        ["joint", "1 with 1"],
        ["joint", "refused: the configuration is joint already"],
        ["leave", "1"],
        ["joint -1 +2 +3 ~4", "2 3 with 1; learners 4"],
        ["joint +12", "refused: the configuration is joint already"],
        ["simple ~15", "refused: a joint configuration must be left first"],
        ["leave", "2 3; learners 4"],
        ["simple ~9", "2 3; learners 4 9"],
      ],
    ],
    [
      "in single steps, voters come, go, and are made learners",
      [
        ["simple +1", "1"],
        ["simple +1", "1"],
        ["simple +2", "1 2"],
        ["simple ~1", "2; learners 1"],
        ["simple ~1", "2; learners 1"],
        ["simple -1", "2"],
        ["simple -1", "2"],
        ["simple +3", "2 3"],
        ["simple -3", "2"],
        ["simple -4", "2"],
      ],
    ],
    [
      "promotion and demotion, also back and forth within one change",
      [
        ["simple +1", "1"],
        ["simple +2", "1 2"],
        ["simple +3", "1 2 3"],
        ["simple ~1 +1", "1 2 3"],
        ["simple ~2", "1 3; learners 2"],
        ["simple +2 ~2", "1 3; learners 2"],
        ["simple +2", "1 2 3"],
      ],
    ],
    [
      "in one step no more than one voter may change, and one must stay",
      [
        ["simple ~1", "refused: no voter would be left"],
        ["simple +1", "1"],
        ["simple +2 ~3", "1 2; learners 3"],
        ["simple -1 +5", "refused: more than one voter changes, which takes a joint configuration"],
        ["simple -1 -2", "refused: no voter would be left"],
        ["simple +3 +4", "refused: more than one voter changes, which takes a joint configuration"],
        ["simple ~1 +5", "refused: more than one voter changes, which takes a joint configuration"],
        ["simple ~1 ~2", "refused: no voter would be left"],
        ["simple ~2 ~3 ~4 ~5", "1; learners 2 3 4 5"],
        ["simple -1", "refused: no voter would be left"],
        ["simple -2 -3 -4 -5", "1"],
      ],
    ],
    [
      "an update, and member 0, are passed over",
      [
        ["simple +1 -0 +0 ~0", "1"],
        ["simple +2 =1", "1 2"],
        ["simple =1 =2 =3 =1 =2 =3", "1 2"],
      ],
    ],
  ])("%s", (_, table) => {
    expect(
      run(
        EMPTY,
        table.map(([step]) => step),
      ),
    ).toEqual(table.map(([, expected]) => expected));
  });
});

describe("how a change in the log is made", () => {
  const three = simpleConfiguration([1, 2, 3]);
  it.each([
    ["auto", "+4", "1 2 3 4"],
    ["auto", "+4 -1", "2 3 4 with 1 2 3 (leaving by itself)"],
    ["implicit", "+4", "1 2 3 4 with 1 2 3 (leaving by itself)"],
    ["explicit", "+4", "1 2 3 4 with 1 2 3"],
    ["explicit", "", "1 2 3 with 1 2 3"],
  ] as const)("%s, of %s", (transition, text, expected) => {
    const { configuration } = changeConfiguration(three, { transition, changes: changes(text) });
    expect(configuration && describeConfiguration(configuration)).toBe(expected);
  });

  it("auto without parts leaves a joint configuration", () => {
    const leave = { transition: "auto", changes: [] } as const;
    expect(changeConfiguration(three, leave).refusal).toBe("the configuration is not joint");
    const joint = enterJoint(three, changes("-3"), false).configuration ?? expect.fail();
    expect(changeConfiguration(joint, leave).configuration).toEqual(simpleConfiguration([1, 2]));
  });
});

it("whatever is done, nobody is voter and learner at once, next learners are outgoing voters, and a voter is left", () => {
  const someChange = fc.record({
    type: fc.constantFrom("add-voter", "add-learner", "remove", "update"),
    member: fc.nat(5),
  });
  const someStep = fc.record({
    transition: fc.constantFrom("auto", "implicit", "explicit"),
    changes: fc.array(someChange, { maxLength: 5 }),
  });
  fc.assert(
    fc.property(fc.array(someStep, { maxLength: 12 }), (steps) => {
      let now = simpleConfiguration([1, 2, 3], [4]);
      for (const step of steps) now = changeConfiguration(now, step).configuration ?? now;
      const { voters, votersOutgoing, learners, learnersNext, autoLeave } = now;
      expect(voters.length).toBeGreaterThan(0);
      for (const id of learners) expect(voters.includes(id) || votersOutgoing.includes(id)).toBe(false);
      for (const id of learnersNext)
        expect([votersOutgoing.includes(id), voters.includes(id)]).toEqual([true, false]);
      if (!isJoint(now)) expect([learnersNext, autoLeave]).toEqual([[], false]);
      expect(membersOf(now)).toEqual([...new Set(membersOf(now))].sort((a, b) => a - b));
    }),
  );
});

it("a change in one step leaves no two majorities, before and after, without a member in common", () => {
  const someChange = fc.record({
    type: fc.constantFrom("add-voter", "add-learner", "remove"),
    member: fc.integer({ min: 1, max: 6 }),
  });
  const voters = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1 });
  fc.assert(
    fc.property(voters, fc.array(someChange, { maxLength: 3 }), (before, some) => {
      const after = changeSimply(simpleConfiguration(before), some).configuration;
      if (after === undefined) return;
      const common = after.voters.filter((id) => before.includes(id)).length;
      const outside = before.length - common + (after.voters.length - common);
      // Two majorities need so many members; without one in common they would have to fit.
      const needed = Math.floor(before.length / 2) + 1 + Math.floor(after.voters.length / 2) + 1;
      expect(needed).toBeGreaterThan(common + outside);
    }),
  );
});
