/** Majorities: the two questions a group asks of one. */

/** The least number of members that is a majority of `size`. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** How far a majority has come: the highest index that at least a majority of `matchIndexes` has reached. Sorts its argument in place. */
export function majorityIndex(matchIndexes: number[]): number {
  // Insertion sort, descending: groups have at most a handful of members, and this allocates nothing.
  for (let i = 1; i < matchIndexes.length; i++) {
    const value = matchIndexes[i] as number;
    let j = i - 1;
    while (j >= 0 && (matchIndexes[j] as number) < value) {
      matchIndexes[j + 1] = matchIndexes[j] as number;
      j--;
    }
    matchIndexes[j + 1] = value;
  }
  return matchIndexes[majority(matchIndexes.length) - 1] ?? 0;
}

export type VoteResult = "pending" | "won" | "lost";

/** How an election stands with so many votes granted and refused among `size` voters. */
export function voteResult(granted: number, refused: number, size: number): VoteResult {
  const needed = majority(size);
  if (granted >= needed) return "won";
  return size - refused < needed ? "lost" : "pending";
}
