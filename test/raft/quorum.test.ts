import fc from "fast-check";
import { expect, it } from "vitest";
import { majority, majorityIndex, voteResult } from "../../src/raft/quorum.js";

it.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [7, 4],
])("a majority of %d is %d", (size, expected) => {
  expect(majority(size)).toBe(expected);
});

it("the majority's index is the highest that a majority has reached", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }), (indexes) => {
      const reached = (index: number) =>
        indexes.filter((match) => match >= index).length >= majority(indexes.length);
      const index = majorityIndex(indexes.slice());
      expect(reached(index)).toBe(true);
      expect(reached(index + 1)).toBe(false);
    }),
  );
});

it("a vote is won with a majority of grants, lost when none can come any more, else open", () => {
  for (let size = 1; size <= 7; size++) {
    for (let granted = 0; granted <= size; granted++) {
      for (let refused = 0; refused <= size - granted; refused++) {
        const isWon = granted > size / 2;
        const canBeWon = size - refused > size / 2;
        const expected = isWon ? "won" : canBeWon ? "pending" : "lost";
        expect(voteResult(granted, refused, size)).toBe(expected);
      }
    }
  }
});
