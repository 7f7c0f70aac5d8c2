/** Who takes part in a group, and how that changes (§6; dissertation §4): plain data and functions of it. */
import type { Configuration, ConfigurationChange, MemberChange, MemberId } from "./types.js";
import { NONE } from "./types.js";

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

/** Whether it has a vote, in either half. */
export function isVoter(configuration: Configuration, id: MemberId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** A change made, or why it cannot be. */
export type ChangeResult =
  | { readonly configuration: Configuration; readonly refusal?: undefined }
  | { readonly configuration?: undefined; readonly refusal: string };

/** The configuration after `change`. */
export function changeConfiguration(before: Configuration, change: ConfigurationChange): ChangeResult {
  const { transition, changes } = change;
  if (transition === "auto" && changes.length === 0) return leaveJoint(before);
  if (transition !== "auto" || changes.length > 1)
    return enterJoint(before, changes, transition !== "explicit");
  return changeSimply(before, changes);
}

/** In one step: any learners, but one voter at most, so that majorities before and after overlap (dissertation §4.1). */
export function changeSimply(before: Configuration, changes: readonly MemberChange[]): ChangeResult {
  if (isJoint(before)) return { refusal: "a joint configuration must be left first" };
  const after = alter(before, changes);
  if (after.voters.length === 0) return { refusal: "no voter would be left" };
  const joining = after.voters.filter((id) => !before.voters.includes(id)).length;
  const leaving = before.voters.filter((id) => !after.voters.includes(id)).length;
  if (joining + leaving > 1)
    return { refusal: "more than one voter changes, which takes a joint configuration" };
  return { configuration: after };
}

/** Into a joint configuration, in which the voters before and after must both agree (§6). */
export function enterJoint(
  before: Configuration,
  changes: readonly MemberChange[],
  autoLeave: boolean,
): ChangeResult {
  if (isJoint(before)) return { refusal: "the configuration is joint already" };
  if (before.voters.length === 0) return { refusal: "a configuration without voters cannot be made joint" };
  const after = alter({ ...before, votersOutgoing: before.voters, autoLeave }, changes);
  if (after.voters.length === 0) return { refusal: "no voter would be left" };
  return { configuration: after };
}

/** From a joint configuration into its new half; voters that waited for it become learners. */
export function leaveJoint(before: Configuration): ChangeResult {
  if (!isJoint(before)) return { refusal: "the configuration is not joint" };
  return {
    configuration: simpleConfiguration(before.voters, [...before.learners, ...before.learnersNext]),
  };
}

/** "1 2 3", "2 3 4 with 1 2 3 (leaving by itself)", "1 2; learners 3; learners next 1". For people. */
export function describeConfiguration(configuration: Configuration): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  const joint = isJoint(configuration) ? ` with ${votersOutgoing.join(" ")}` : "";
  const leaving = autoLeave ? " (leaving by itself)" : "";
  const learning = learners.length > 0 ? `; learners ${learners.join(" ")}` : "";
  const next = learnersNext.length > 0 ? `; learners next ${learnersNext.join(" ")}` : "";
  return `${voters.join(" ")}${joint}${leaving}${learning}${next}`;
}

/** The changes one after the other, each on the new voters and the learners. Doing again what is done changes nothing. */
function alter(before: Configuration, changes: readonly MemberChange[]): Configuration {
  const voters = new Set(before.voters);
  const learners = new Set(before.learners);
  const learnersNext = new Set(before.learnersNext);
  for (const { type, member } of changes) {
    // etcd's way to say that a change in the log shall not be made.
    if (member === NONE || type === "update") continue;
    if (type === "add-learner" && (learners.has(member) || learnersNext.has(member))) continue;
    voters.delete(member);
    learners.delete(member);
    learnersNext.delete(member);
    if (type === "add-voter") voters.add(member);
    // Nobody is voter and learner at once, so an outgoing voter waits until it is out.
    else if (type === "add-learner")
      (before.votersOutgoing.includes(member) ? learnersNext : learners).add(member);
  }
  return {
    ...before,
    voters: sorted([...voters]),
    learners: sorted([...learners]),
    learnersNext: sorted([...learnersNext]),
  };
}

function sorted(ids: readonly MemberId[]): readonly MemberId[] {
  return ids.slice().sort((a, b) => a - b);
}
