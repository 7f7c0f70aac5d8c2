import { assert } from "../assert.js";
import { changeConfiguration, isJoint, membersOf, simpleConfiguration } from "./configuration.js";
import { RaftLog } from "./log.js";
import { Progress } from "./progress.js";
import { majorityIndex, type VoteResult, voteResult } from "./quorum.js";
import { PendingReads } from "./reads.js";
import type {
  Configuration,
  DurableImage,
  Effects,
  Entry,
  MemberId,
  Message,
  RaftConfig,
  ReadState,
  Role,
  Snapshot,
} from "./types.js";
import { NONE } from "./types.js";
import { WriteAheadLog } from "./wal.js";

/** The effects while a step fills them. */
interface EffectsInMaking extends Effects {
  readonly messages: Message[];
  snapshot: Snapshot | undefined;
  readonly sendAfter: number[];
  readonly committed: Entry[];
  readonly dropped: number[];
  readonly readStates: ReadState[];
  softStateChanged: boolean;
  writeSequence: number;
}

/** How a voter has answered in the election under way. */
export type Ballot = "none" | "granted" | "refused";

/**
 * The state of one member that elections and replication share (figure 2), with the few operations both need. Inside
 * this room only: the host sees RaftNode.
 */
export class RaftCore {
  readonly id: MemberId;
  readonly config: RaftConfig;
  readonly log: RaftLog;
  readonly wal: WriteAheadLog;
  configuration: Configuration;
  /** Changes committed through here are in force. */
  configuredIndex: number;
  /** At a leader: no change is in the log beyond here. */
  pendingChangeIndex = 0;
  /** Every member has a vote, and one only: the usual case, for which counting is simple. */
  #isPlain = true;
  /** The latest snapshot, from this member's own host or from a leader. */
  snapshot: Snapshot | undefined;
  /** One for each member of the configuration, in the order of identities, mostly with this one among them. Meaningful at a leader. */
  progress: readonly Progress[] = [];
  /** Answers in the election under way, beside `progress`. */
  ballots: Ballot[] = [];
  readonly reads = new PendingReads();
  readonly effects: EffectsInMaking;

  term: number;
  votedFor: MemberId;
  role: Role = "follower";
  /** The leader of `term`, as far as known. */
  leader: MemberId = NONE;
  /** The member this leader is handing over to. */
  leadTransferee: MemberId = NONE;

  /** Ticks since the member last heard from its leader or began to campaign; at a leader, since it last counted its quorum. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Ticks after which this member campaigns. Drawn anew at each {@link RaftCore.reset}. */
  randomizedElectionTicks = 0;
  #drawTerm = -1;
  #drawCount = 0;

  /** Sequence of the latest write that holds `term` and `votedFor`. */
  #hardStateSequence = 0;
  /** Entries through here were given to the host. */
  deliveredIndex: number;

  constructor(config: RaftConfig, image: DurableImage, appliedIndex: number) {
    checkConfig(config);
    const { term, votedFor, commitIndex } = image.hardState;
    this.id = config.id;
    this.config = config;
    this.snapshot = image.snapshot;
    this.log = new RaftLog(image.entries, commitIndex, image.snapshot);
    this.wal = new WriteAheadLog(image);
    this.configuration = this.configurationAt(commitIndex);
    this.configuredIndex = commitIndex;
    this.adopt(this.configuration);
    this.term = term;
    this.votedFor = votedFor;
    assert(
      appliedIndex <= commitIndex,
      `applied index ${appliedIndex} beyond the commit index ${commitIndex}`,
    );
    assert(this.log.lastTerm <= term, `the log's last term ${this.log.lastTerm} is above the term ${term}`);
    // A state machine that is behind the snapshot is made from it.
    this.deliveredIndex = Math.max(appliedIndex, image.snapshot?.index ?? 0);
    this.effects = {
      messages: [],
      snapshot: undefined,
      sendAfter: [],
      committed: [],
      dropped: [],
      readStates: [],
      softStateChanged: false,
      writeSequence: 0,
    };
    this.becomeFollower(term, NONE);
  }

  becomeFollower(term: number, leader: MemberId): void {
    this.reset(term);
    this.leader = leader;
    this.role = "follower";
  }

  /** The start of every role but pre-candidate: timers at zero, a fresh timeout, no leader, no ballots. */
  reset(term: number): void {
    assert(term >= this.term, `term ${term} after ${this.term}`);
    if (term !== this.term) this.setTermAndVote(term, NONE);
    this.leader = NONE;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.#drawElectionTicks();
    this.ballots.fill("none");
    this.leadTransferee = NONE;
    this.reads.clear();
  }

  /** Whether the disk has the present term and vote. */
  get isHardStateDurable(): boolean {
    return this.#hardStateSequence <= this.wal.durableSequence;
  }

  /** Changes the hard state and has it written. */
  setTermAndVote(term: number, votedFor: MemberId): void {
    this.term = term;
    this.votedFor = votedFor;
    this.#hardStateSequence = this.wal.writeHardState(term, votedFor, this.log.commitIndex);
  }

  /**
   * Puts `entries`, which follow each other, behind `lastKept`, cuts off what was there, and has it written, together
   * with the commit index they came with: who finds a configuration change in its log after a restart knows that the
   * change before it is in force, or it might be elected by a majority of long ago.
   */
  writeEntries(
    lastKept: number,
    entries: readonly Entry[],
    commitIndex: number = this.log.commitIndex,
  ): void {
    if (lastKept < this.log.lastIndex) this.log.truncateAfter(lastKept);
    for (const entry of entries) this.log.append(entry);
    const { term, votedFor, log } = this;
    log.writing(this.wal.writeEntries(term, votedFor, commitIndex, lastKept, entries));
  }

  /** Takes a leader's snapshot for the log, and has it written. */
  install(snapshot: Snapshot): void {
    const { term, votedFor, log } = this;
    log.restore(snapshot);
    this.snapshot = snapshot;
    log.writing(this.wal.writeSnapshot(term, votedFor, log.commitIndex, snapshot, true));
    this.deliveredIndex = snapshot.index;
    this.configuredIndex = snapshot.index;
    this.effects.snapshot = snapshot;
    this.adopt(snapshot.configuration);
  }

  /** The configuration as of `index`, which is committed: that of the latest snapshot, or of the log's beginning, and the changes since. */
  configurationAt(index: number): Configuration {
    const { voters, learners } = this.config;
    let configuration = this.snapshot?.configuration ?? simpleConfiguration(voters, learners);
    for (let i = (this.snapshot?.index ?? 0) + 1; i <= index; i++) {
      const { change } = this.log.entry(i);
      if (change === undefined) continue;
      const changed = changeConfiguration(configuration, change);
      assert(
        changed.configuration !== undefined,
        `a change in the log that fits nowhere: ${changed.refusal}`,
      );
      configuration = changed.configuration;
    }
    return configuration;
  }

  /** Members that stay keep their progress; new ones are probed at the log's end first, and are held active until they had time to answer. */
  adopt(configuration: Configuration): void {
    this.configuration = configuration;
    const { progress, ballots } = this;
    const { voters, votersOutgoing } = configuration;
    const members = membersOf(configuration);
    const before = members.map((id) => progress.findIndex((one) => one.id === id));
    this.progress = before.map((at, i) => {
      const id = members[i] as MemberId;
      const one = progress[at] ?? this.#newProgress(id);
      one.isVoter = voters.includes(id);
      one.isOutgoing = votersOutgoing.includes(id);
      return one;
    });
    this.ballots = before.map((at) => ballots[at] ?? "none");
    this.#isPlain = voters.length === members.length && !isJoint(configuration);
  }

  /** Tells the leader that the log equals its own through `index`, once it is on disk through there. */
  acknowledge(to: MemberId, index: number): void {
    const { id: from, term } = this;
    this.sendAfterEntries(
      { type: "AppendEntriesResponse", from, to, term, success: true, index, hintIndex: 0, hintTerm: 0 },
      index,
    );
  }

  /** Sends without waiting for the disk: a leader's appends and heartbeats, which promise nothing of its own disk. */
  send(message: Message): void {
    this.effects.messages.push(message);
    this.effects.sendAfter.push(0);
  }

  /** Sends once term and vote are durable (figure 2: "updated on stable storage before responding to RPCs"). */
  sendAfterHardState(message: Message): void {
    const sequence = this.#hardStateSequence;
    this.effects.messages.push(message);
    this.effects.sendAfter.push(sequence > this.wal.durableSequence ? sequence : 0);
  }

  /** Sends once term, vote, and the log through `index` are durable. */
  sendAfterEntries(message: Message, index: number): void {
    if (index <= this.log.stableIndex) {
      this.sendAfterHardState(message);
      return;
    }
    this.effects.messages.push(message);
    this.effects.sendAfter.push(this.wal.writeSequence);
  }

  /** The progress of `id`; undefined for a stranger. */
  progressOf(id: MemberId): Progress | undefined {
    for (const progress of this.progress) if (progress.id === id) return progress;
    return undefined;
  }

  /** Whether this member alone is the majority. */
  get isOnlyVoter(): boolean {
    const { voters } = this.configuration;
    return voters.length === 1 && voters[0] === this.id && !isJoint(this.configuration);
  }

  /** Whether this leader appends what is proposed: not while it hands over, nor once it has been removed. */
  get takesProposals(): boolean {
    return this.leadTransferee === NONE && this.progressOf(this.id) !== undefined;
  }

  /** The highest of its values that a majority of the voters has reached; in a joint configuration of both halves (§6). */
  quorumIndex(reached: (progress: Progress) => number): number {
    if (this.#isPlain) return majorityIndex(this.progress.map(reached));
    const index = majorityIndex(this.progress.filter((one) => one.isVoter).map(reached));
    if (!isJoint(this.configuration)) return index;
    return Math.min(index, majorityIndex(this.progress.filter((one) => one.isOutgoing).map(reached)));
  }

  /** How a vote stands; in a joint configuration both halves must agree (§6). Asks of each member of `progress` by its position. */
  quorumVote(ballotOf: (i: number) => Ballot): VoteResult {
    const incoming = this.#vote((progress) => progress.isVoter, ballotOf);
    if (this.#isPlain || !isJoint(this.configuration)) return incoming;
    const outgoing = this.#vote((progress) => progress.isOutgoing, ballotOf);
    if (incoming === outgoing) return incoming;
    return incoming === "lost" || outgoing === "lost" ? "lost" : "pending";
  }

  /** Clears the effects of the step before. */
  beginStep(): void {
    const effects = this.effects;
    // One by one, since that keeps the few places: with length 0 an array gives them up and asks for them again.
    while (effects.messages.length > 0) {
      effects.messages.pop();
      effects.sendAfter.pop();
    }
    if (effects.snapshot !== undefined) effects.snapshot = undefined;
    if (effects.committed.length > 0) effects.committed.length = 0;
    if (effects.dropped.length > 0) effects.dropped.length = 0;
    if (effects.readStates.length > 0) effects.readStates.length = 0;
  }

  /** Completes the effects of a step that began with this role and leader. */
  endStep(roleBefore: Role, leaderBefore: MemberId): Effects {
    const effects = this.effects;
    let last = this.log.commitIndex;
    if (this.config.appliesStableOnly) last = Math.min(last, this.log.stableIndex);
    while (this.deliveredIndex < last) {
      this.deliveredIndex += 1;
      effects.committed.push(this.log.entry(this.deliveredIndex));
    }
    effects.softStateChanged = this.role !== roleBefore || this.leader !== leaderBefore;
    effects.writeSequence = this.wal.writeSequence;
    return effects;
  }

  #vote(isAsked: (progress: Progress) => boolean, ballotOf: (i: number) => Ballot): VoteResult {
    let [size, granted, refused] = [0, 0, 0];
    for (let i = 0; i < this.progress.length; i++) {
      if (!isAsked(this.progress[i] as Progress)) continue;
      size += 1;
      const ballot = ballotOf(i);
      if (ballot === "granted") granted += 1;
      else if (ballot === "refused") refused += 1;
    }
    return voteResult(granted, refused, size);
  }

  #newProgress(id: MemberId): Progress {
    const progress = new Progress(id, this.config.inflightMessagesMax);
    progress.nextIndex = Math.max(this.log.lastIndex, 1);
    progress.recentActive = true;
    return progress;
  }

  #drawElectionTicks(): void {
    if (this.term !== this.#drawTerm) {
      this.#drawTerm = this.term;
      this.#drawCount = 0;
    }
    const ticks = this.config.drawElectionTicks(this.id, this.term, this.#drawCount);
    this.#drawCount += 1;
    const least = this.config.electionTicks;
    assert(
      Number.isInteger(ticks) && ticks >= least && ticks < 2 * least,
      `drew ${ticks} of ${least}..2x-1 ticks`,
    );
    this.randomizedElectionTicks = ticks;
  }
}

function checkConfig(config: RaftConfig): void {
  const { readOnlyOption, checkQuorum } = config;
  const { id, voters, electionTicks, heartbeatTicks, inflightMessagesMax, entriesPerMessageMax } = config;
  assert(Number.isInteger(id) && id > NONE, `member id ${id} is not a positive integer`);
  const founders = [...voters, ...(config.learners ?? [])];
  assert(new Set(founders).size === founders.length, `a member is named twice: ${founders.join(", ")}`);
  assert(Number.isInteger(heartbeatTicks) && heartbeatTicks >= 1, `heartbeat of ${heartbeatTicks} ticks`);
  assert(
    Number.isInteger(electionTicks) && electionTicks > heartbeatTicks,
    `election timeout of ${electionTicks} ticks, heartbeat of ${heartbeatTicks}`,
  );
  assert(
    readOnlyOption === "safe" || checkQuorum,
    "reads by lease need check-quorum: without it nothing keeps a lease",
  );
  assert(inflightMessagesMax >= 1, `window of ${inflightMessagesMax} messages`);
  assert(entriesPerMessageMax >= 1, `messages of ${entriesPerMessageMax} entries`);
}
