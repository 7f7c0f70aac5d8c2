/**
 * Whether a change of members is let through: etcd's strict reconfiguration check, which refuses what would leave fewer
 * than a quorum of started or connected members (server/etcdserver/api/membership and server.go of 3.5).
 */
import type { Micros } from "../units/time.js";
import type { MemberNumber } from "./model.js";
import type { PeerTransport } from "./peer-types.js";

/** Voters as the answering member sees them. */
export interface VotersSeen {
  /** Voters now. */
  readonly voters: number;
  /** Of them, those that have published themselves. */
  readonly started: number;
}

export function quorumOf(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** A voter may be added: with it, the started ones are still a quorum; or it is the second of two. */
export function isReadyToAddVoter({ voters, started }: VotersSeen): boolean {
  const members = voters + 1;
  return (started === 1 && members === 2) || started >= quorumOf(members);
}

/** `others`: the voters without the one to be removed. */
export function isReadyToRemoveVoter(others: VotersSeen): boolean {
  return others.started >= quorumOf(others.voters);
}

/** The learner counts as started. */
export function isReadyToPromote({ voters, started }: VotersSeen): boolean {
  return started + 1 >= quorumOf(voters + 1);
}

/**
 * `connected`: voters with which a connection has stood for the health interval, this member included. The new one
 * counts as not connected; a group of one may grow all the same.
 */
export function isConnectedAfterAdding(connected: number, voters: number): boolean {
  return voters === 1 || connected >= quorumOf(voters + 1);
}

/** A connected voter is removed: the rest of the connected must be a quorum of the rest. */
export function isConnectedAfterRemoving(connected: number, voters: number): boolean {
  return connected - 1 >= 1 + Math.floor((voters - 1) / 2);
}

/** Whether a connection with the other member has stood since before `sinceUs`. */
export function isConnectedSince(
  peers: Pick<PeerTransport, "activeSinceUs">,
  member: MemberNumber,
  sinceUs: Micros,
): boolean {
  const activeSinceUs = peers.activeSinceUs(member);
  return activeSinceUs !== undefined && activeSinceUs < sinceUs;
}
