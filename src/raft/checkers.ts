/**
 * The five properties of figure 3, and four more on which they stand, as checkers over the members of a group.
 * {@link RaftInvariants} is told after every event which member stepped and looks only at what changed there;
 * {@link checkEverything} looks at all there is.
 */
import { AssertionError } from "../assert.js";
import type { LogView } from "./log.js";
import { majority } from "./quorum.js";
import type { Entry, MemberId, Role } from "./types.js";
import { NONE } from "./types.js";

/** What the checkers look at. RaftNode is one. */
export interface RaftView {
  readonly id: MemberId;
  readonly voters: readonly MemberId[];
  /** The other half of a joint configuration; empty or absent without one. */
  readonly votersOutgoing?: readonly MemberId[];
  readonly term: number;
  readonly votedFor: MemberId;
  /** Term and vote on the member's disk, as far as reported. */
  readonly durableTerm: number;
  readonly durableVotedFor: MemberId;
  readonly role: Role;
  readonly commitIndex: number;
  readonly log: LogView;
}

/** The properties, as messages of violations begin. */
export type RaftProperty =
  | "Election Safety"
  | "Leader Append-Only"
  | "Log Matching"
  | "Leader Completeness"
  | "State Machine Safety"
  | "One Vote per Term"
  | "Terms Never Fall"
  | "Committed Is Durable"
  | "Nothing Durable Is Lost";

/** A property of Raft did not hold. */
export class RaftViolation extends AssertionError {
  readonly property: RaftProperty;

  constructor(property: RaftProperty, what: string) {
    super(`${property}: ${what}`);
    this.property = property;
  }
}

/** What was last seen of one member, whether it is up or not. */
interface Seen {
  term: number;
  votedFor: MemberId;
  durableTerm: number;
  durableVotedFor: MemberId;
  wasLeader: boolean;
  /** Crashed since it was last observed. */
  isBack: boolean;
  /** The member's log, entry by entry: the same objects. What it has compacted away stays here. */
  readonly entries: Entry[];
  /** Entries through here were compacted away at the member. */
  compactedIndex: number;
  /** As far as the member's log is known to be on its disk. */
  stableIndex: number;
  commitIndex: number;
  /** The halves of its configuration. */
  quorums: readonly (readonly MemberId[])[];
}

/** An entry of a (term, index), with the term of the one before it. By induction that fixes the whole log up to there. */
interface Link {
  readonly data: number;
  readonly previousTerm: number;
}

/**
 * Watches a group. Call {@link RaftInvariants.observe} with a member after each of its steps, {@link RaftInvariants.crashed}
 * when it crashes, and observe it again when it is back; a step that changed nothing costs a few comparisons.
 * Violations are thrown as {@link RaftViolation}.
 */
export class RaftInvariants {
  readonly #seen = new Map<MemberId, Seen>();
  readonly #leaderOfTerm = new Map<number, MemberId>();
  /** Links by index (from 1), then by term. */
  readonly #links: Map<number, Link>[] = [];
  /** Entry i of what the group has committed is at i-1; beside it the term in which it was first seen committed. */
  readonly #committed: Entry[] = [];
  readonly #committedInTerm: number[] = [];

  /** Index of the last entry that some member holds committed. */
  get committedIndex(): number {
    return this.#committed.length;
  }

  /** The entry committed at `index`, if any. */
  committedEntry(index: number): Entry | undefined {
    return this.#committed[index - 1];
  }

  /** The leaders there have been, in the order of their terms' discovery. */
  get leaders(): ReadonlyMap<number, MemberId> {
    return this.#leaderOfTerm;
  }

  /** Checks what is new at `node`. */
  observe(node: RaftView): void {
    const seen = this.#seenOf(node.id);
    const { log } = node;
    this.#checkTermAndVote(node, seen);
    if (log.firstIndex - 1 !== seen.compactedIndex) this.#followCompaction(node, seen);
    const lastSeen = seen.entries.length;
    const isLogChanged =
      log.lastIndex !== lastSeen ||
      (lastSeen >= log.firstIndex && log.entry(lastSeen) !== seen.entries[lastSeen - 1]);
    if (isLogChanged) this.#followLog(node, seen);
    seen.isBack = false;
    seen.stableIndex = log.stableIndex;
    const isLeader = node.role === "leader";
    if (isLeader && !seen.wasLeader) this.#checkNewLeader(node, seen);
    seen.wasLeader = isLeader;
    const quorumsBefore = seen.quorums;
    if (quorumsBefore[0] !== node.voters || quorumsBefore[1] !== node.votersOutgoing)
      seen.quorums = [node.voters, node.votersOutgoing ?? []];
    if (node.commitIndex !== seen.commitIndex) this.#followCommit(node, seen, quorumsBefore);
  }

  /** Member `id` has crashed: what of its memory was not durable may be gone when it is back, and nothing else. */
  crashed(id: MemberId): void {
    const seen = this.#seenOf(id);
    seen.wasLeader = false;
    seen.isBack = true;
  }

  #seenOf(id: MemberId): Seen {
    let seen = this.#seen.get(id);
    if (seen === undefined) {
      seen = {
        term: 0,
        votedFor: NONE,
        durableTerm: 0,
        durableVotedFor: NONE,
        wasLeader: false,
        isBack: false,
        entries: [],
        compactedIndex: 0,
        stableIndex: 0,
        commitIndex: 0,
        quorums: [],
      };
      this.#seen.set(id, seen);
    }
    return seen;
  }

  #checkTermAndVote(node: RaftView, seen: Seen): void {
    const { id, term, votedFor } = node;
    if (seen.isBack) {
      seen.term = seen.durableTerm;
      seen.votedFor = seen.durableVotedFor;
    }
    seen.durableTerm = node.durableTerm;
    seen.durableVotedFor = node.durableVotedFor;
    if (term === seen.term && votedFor === seen.votedFor) return;
    if (term < seen.term) {
      throw new RaftViolation("Terms Never Fall", `member ${id} went from term ${seen.term} to ${term}`);
    }
    if (term === seen.term && seen.votedFor !== NONE) {
      throw new RaftViolation(
        "One Vote per Term",
        `member ${id} had voted for ${seen.votedFor} in term ${term}; now its vote is ${votedFor}`,
      );
    }
    if (term > seen.term) seen.wasLeader = false;
    seen.term = term;
    seen.votedFor = votedFor;
  }

  /**
   * The log begins elsewhere. Whether the member compacted it or was given a snapshot: what it stands for is what the
   * group has committed. Only after a restart may it begin earlier, since the unsynced snapshot is gone.
   */
  #followCompaction(node: RaftView, seen: Seen): void {
    const { log } = node;
    const base = log.firstIndex - 1;
    if (base < seen.compactedIndex && !seen.isBack) {
      throw new RaftViolation(
        "State Machine Safety",
        `member ${node.id} has entry ${base + 1}, which it had compacted away`,
      );
    }
    seen.compactedIndex = base;
    if (base === 0) return;
    const committed = this.#committed[base - 1];
    if (committed === undefined || committed.term !== log.termAt(base)) {
      throw new RaftViolation(
        "State Machine Safety",
        `member ${node.id} has a snapshot of (index ${base}, term ${log.termAt(base)}), where ${committed === undefined ? "nothing" : `an entry of term ${committed.term}`} is committed`,
      );
    }
    if (seen.entries[base - 1] === committed) return;
    // Installed from a leader: the rest of the old log is gone with it.
    for (let index = 1; index <= base; index++) seen.entries[index - 1] = this.#committed[index - 1] as Entry;
    seen.entries.length = base;
  }

  /** Brings the copy of the log up to date and checks what was added or removed. */
  #followLog(node: RaftView, seen: Seen): void {
    const { entries } = seen;
    const { log } = node;
    let common = Math.min(log.lastIndex, entries.length);
    while (common >= log.firstIndex && log.entry(common) !== entries[common - 1]) common--;
    if (common < entries.length && node.role === "leader" && seen.wasLeader) {
      throw new RaftViolation(
        "Leader Append-Only",
        `leader ${node.id} of term ${node.term} changed its log from index ${common + 1} on`,
      );
    }
    if (seen.isBack && common < seen.stableIndex) {
      throw new RaftViolation(
        "Nothing Durable Is Lost",
        `member ${node.id} had its log through ${seen.stableIndex} on disk and came back with it through ${common}`,
      );
    }
    entries.length = common;
    for (let index = common + 1; index <= log.lastIndex; index++) {
      const entry = log.entry(index);
      this.#checkLink(node.id, entry, log.termAt(index - 1), index);
      entries.push(entry);
    }
  }

  #checkLink(id: MemberId, entry: Entry, previousTerm: number, index: number): void {
    if (entry.index !== index) {
      throw new RaftViolation("Log Matching", `member ${id} has entry ${entry.index} at index ${index}`);
    }
    let links = this.#links[index - 1];
    if (links === undefined) {
      links = new Map();
      this.#links[index - 1] = links;
    }
    const link = links.get(entry.term);
    if (link === undefined) {
      links.set(entry.term, { data: entry.data, previousTerm });
    } else if (link.data !== entry.data || link.previousTerm !== previousTerm) {
      throw new RaftViolation(
        "Log Matching",
        `two logs differ at or before (index ${index}, term ${entry.term}); one of them is member ${id}'s`,
      );
    }
  }

  #checkNewLeader(node: RaftView, seen: Seen): void {
    const other = this.#leaderOfTerm.get(node.term);
    if (other !== undefined && other !== node.id) {
      throw new RaftViolation(
        "Election Safety",
        `members ${other} and ${node.id} both lead in term ${node.term}`,
      );
    }
    this.#leaderOfTerm.set(node.term, node.id);
    // The last entry committed in an earlier term stands for all before it, by Log Matching.
    let index = this.#committed.length;
    while (index > 0 && (this.#committedInTerm[index - 1] as number) >= node.term) index--;
    if (index > 0) this.#checkHolds(node.id, node.term, seen, index);
  }

  #checkHolds(leader: MemberId, term: number, seen: Seen, index: number): void {
    const committed = this.#committed[index - 1] as Entry;
    if (seen.entries[index - 1]?.term === committed.term) return;
    throw new RaftViolation(
      "Leader Completeness",
      `leader ${leader} of term ${term} lacks entry ${index} of term ${committed.term}, committed before`,
    );
  }

  #followCommit(node: RaftView, seen: Seen, quorumsBefore: Seen["quorums"]): void {
    const knownBefore = this.#committed.length;
    // What a snapshot stands for was compared when it was seen.
    const from = Math.max(seen.commitIndex + 1, node.log.firstIndex);
    for (let index = from; index <= node.commitIndex; index++) {
      const entry = node.log.entry(index);
      if (index > this.#committed.length) {
        this.#committed.push(entry);
        this.#committedInTerm.push(node.term);
      } else {
        checkSameEntry(node.id, entry, this.#committed[index - 1] as Entry);
      }
    }
    seen.commitIndex = node.commitIndex;
    if (this.#committed.length > knownBefore) this.#checkNewlyCommitted(node, seen, quorumsBefore);
  }

  #checkNewlyCommitted(node: RaftView, own: Seen, quorumsBefore: Seen["quorums"]): void {
    const index = this.#committed.length;
    const { term } = this.#committed[index - 1] as Entry;
    const holders = new Set<MemberId>();
    for (const [id, seen] of this.#seen) {
      if (seen.stableIndex >= index && seen.entries[index - 1]?.term === term) holders.add(id);
    }
    const count = (half: readonly MemberId[]) => half.filter((id) => holders.has(id)).length;
    const isQuorum = (half: readonly MemberId[]) => half.length === 0 || count(half) >= majority(half.length);
    // A change that came into force by this very commit was committed by the configuration before it.
    const isDurable =
      own.quorums.every(isQuorum) || (quorumsBefore.length > 0 && quorumsBefore.every(isQuorum));
    if (!isDurable) {
      const disks = own.quorums.filter((half) => half.length > 0);
      throw new RaftViolation(
        "Committed Is Durable",
        `member ${node.id} committed entry ${index} of term ${term}, which ${disks.map((half) => `${count(half)} of ${half.length}`).join(" and ")} disks hold`,
      );
    }
    // A leader of an old term may commit after a later one was elected: that one must have the entry, too.
    for (const [id, seen] of this.#seen) {
      if (seen.wasLeader && seen.term > node.term) this.#checkHolds(id, seen.term, seen, index);
    }
  }
}

/** Figure 3 from first principles over the members that are up, and what is known of the past. For tests and post-mortems. */
export function checkEverything(nodes: readonly RaftView[], past?: RaftInvariants): void {
  for (const [i, a] of nodes.entries()) {
    for (const b of nodes.slice(i + 1)) {
      if (a.role === "leader" && b.role === "leader" && a.term === b.term) {
        throw new RaftViolation("Election Safety", `members ${a.id} and ${b.id} both lead in term ${a.term}`);
      }
      checkLogsMatch(a, b);
      const from = Math.max(a.log.firstIndex, b.log.firstIndex);
      for (let index = from; index <= Math.min(a.commitIndex, b.commitIndex); index++) {
        checkSameEntry(b.id, b.log.entry(index), a.log.entry(index));
      }
    }
    if (past !== undefined) {
      for (let index = a.log.firstIndex; index <= a.commitIndex; index++) {
        const committed = past.committedEntry(index);
        if (committed !== undefined) checkSameEntry(a.id, a.log.entry(index), committed);
      }
    }
  }
}

/** If two logs hold an entry of the same index and term, they are the same through it (§5.3). */
function checkLogsMatch(a: RaftView, b: RaftView): void {
  let index = Math.min(a.log.lastIndex, b.log.lastIndex);
  const from = Math.max(a.log.firstIndex, b.log.firstIndex);
  while (index >= from && a.log.termAt(index) !== b.log.termAt(index)) index--;
  for (; index >= from; index--) {
    const [x, y] = [a.log.entry(index), b.log.entry(index)];
    if (x.term !== y.term || x.data !== y.data) {
      throw new RaftViolation(
        "Log Matching",
        `members ${a.id} and ${b.id} differ at index ${index}, yet agree above it`,
      );
    }
  }
}

function checkSameEntry(id: MemberId, entry: Entry, committed: Entry): void {
  if (entry.term === committed.term && entry.data === committed.data) return;
  throw new RaftViolation(
    "State Machine Safety",
    `member ${id} holds (term ${entry.term}, data ${entry.data}) for committed at index ${committed.index}, where another holds (term ${committed.term}, data ${committed.data})`,
  );
}
