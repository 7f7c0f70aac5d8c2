/** What a run of lives has been through: every kind of fault, every turn of the protocol, and how often. */
import type { TcpTally } from "../etcd/tcp-end.js";

/** Kinds of faults, as they are counted: only where they took hold. */
export const FAULT_KINDS = [
  "kill -9",
  "power off",
  "power off of several at once",
  "restart",
  "cut of one direction",
  "isolated member",
  "isolated member, from clients too",
  "isolated centre",
  "flapping line",
  "lossy line",
  "line with jitter",
  "slow line",
  "slow disk",
  "learner to be added",
  "voter to be added",
  "learner to be promoted",
  "member to be removed",
  "disk lost",
  "lead to be moved",
  "compaction",
  "burst of puts",
  "quota filled",
] as const;

/** Turns of the protocol and of the server around it. */
export const TURNS = [
  "pre-vote round",
  "pre-vote granted",
  "pre-vote refused by lease",
  "pre-vote refused by log",
  "candidacy",
  "vote granted",
  "vote refused by log",
  "vote refused, given to another",
  "vote request unheard by lease",
  "leader elected",
  "candidate gave way",
  "leader stepped down for a higher term",
  "leader stepped down by check quorum",
  "append while probing",
  "append while replicating",
  "append refused",
  "append refused with a term as hint",
  "log truncated",
  "snapshot taken",
  "snapshot sent",
  "snapshot delivered",
  "snapshot failed",
  "snapshot installed",
  "read index asked of the leader",
  "read held before the term's first commit",
  "read asked again",
  "read given up for a new leader",
  "proposal handed on",
  "proposal held without a leader",
  "proposal refused in a transfer",
  "request timed out at the member",
  "too many requests",
  "transfer of the lead done",
  "transfer of the lead given up",
  "transfer of the lead refused",
  "learner added",
  "voter added",
  "learner promoted",
  "member removed",
  "leader removed",
  "promotion refused, not in sync",
  "change refused, too few started",
  "change refused, unhealthy",
  "removed member ended itself",
  "restart with unsynced entries lost",
  "restart with a torn write",
  "election timer advanced at start",
  "message by a request of its own",
  "request handed on to the leader",
  "lease expired",
  "lease renewed",
  "watch brought up",
  "watch resumed",
  "watch compacted",
  "store compacted",
  "quota alarm raised",
  "quota alarm taken back",
  "learner refused a request",
  "serializable read behind",
  "client timed out",
  "client found a connection closed",
  "client was refused",
  "client was reset",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];
export type Turn = (typeof TURNS)[number];

const TCP_TURNS: Readonly<Record<keyof TcpTally, string>> = {
  retransmissions: "TCP retransmission",
  fastRetransmissions: "TCP fast retransmission",
  resets: "TCP reset",
  refusals: "TCP refusal",
  dialTimeouts: "TCP dial timed out",
  keepAliveProbes: "TCP keep-alive probe",
  timeouts: "TCP connection given up",
};

/** By kind; every kind is there. Plain data. */
export interface Counts {
  readonly faults: Record<string, number>;
  readonly turns: Record<string, number>;
}

export function noCounts(): Counts {
  const zeros = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
  return { faults: zeros(FAULT_KINDS), turns: zeros([...TURNS, ...Object.values(TCP_TURNS)]) };
}

export class Counter {
  readonly counts = noCounts();

  fault(kind: FaultKind): void {
    this.counts.faults[kind] = (this.counts.faults[kind] ?? 0) + 1;
  }

  turn(turn: Turn): void {
    this.counts.turns[turn] = (this.counts.turns[turn] ?? 0) + 1;
  }

  tcp(tally: TcpTally): void {
    for (const [name, turn] of Object.entries(TCP_TURNS))
      this.counts.turns[turn] = (this.counts.turns[turn] ?? 0) + tally[name as keyof TcpTally];
  }
}

/** Adds `more` to `sum`. */
export function addCounts(sum: Counts, more: Counts): void {
  for (const part of ["faults", "turns"] as const)
    for (const [name, count] of Object.entries(more[part])) sum[part][name] = (sum[part][name] ?? 0) + count;
}

/** Kinds that never occurred. */
export function missingOf({ faults, turns }: Counts): string[] {
  return [...Object.entries(faults), ...Object.entries(turns)]
    .filter(([, count]) => count === 0)
    .map(([name]) => name);
}
