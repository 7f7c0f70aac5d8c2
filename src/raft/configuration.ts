/** Who takes part in a group, as plain data. */
import type { Configuration, MemberId } from "./types.js";

const NOBODY: readonly MemberId[] = Object.freeze([]);

/** A configuration that is not joint. */
export function simpleConfiguration(
  voters: readonly MemberId[],
  learners: readonly MemberId[] = NOBODY,
): Configuration {
  return {
    voters: sorted(voters),
    votersOutgoing: NOBODY,
    learners: sorted(learners),
    learnersNext: NOBODY,
    autoLeave: false,
  };
}

/** Whether a change is half done: then both sets of voters must agree (§6). */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Everybody the leader sends to, each once, in the order of identities. */
export function membersOf(configuration: Configuration): readonly MemberId[] {
  const { voters, votersOutgoing, learners } = configuration;
  return sorted([...new Set([...voters, ...votersOutgoing, ...learners])]);
}

export function sorted(ids: readonly MemberId[]): readonly MemberId[] {
  return ids.slice().sort((a, b) => a - b);
}
