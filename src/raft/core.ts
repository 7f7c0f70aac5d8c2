import { assert } from "../assert.js";
import { RaftLog } from "./log.js";
import { Progress } from "./progress.js";
import { majorityIndex } from "./quorum.js";
import { PendingReads } from "./reads.js";
import type {
  DurableImage,
  Effects,
  Entry,
  MemberId,
  Message,
  RaftConfig,
  ReadState,
  Role,
} from "./types.js";
import { NONE } from "./types.js";
import { WriteAheadLog } from "./wal.js";

/** The effects while a step fills them. */
interface EffectsInMaking extends Effects {
  readonly messages: Message[];
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
  /** One for each voter, in the order of identities; the member itself is among them. Meaningful at a leader. */
  readonly progress: readonly Progress[];
  /** Answers in the election under way, beside `progress`. */
  readonly ballots: Ballot[];
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
  #deliveredIndex: number;

  constructor(config: RaftConfig, image: DurableImage, appliedIndex: number) {
    checkConfig(config);
    const { term, votedFor, commitIndex } = image.hardState;
    this.id = config.id;
    this.config = config;
    this.log = new RaftLog(image.entries, commitIndex);
    this.wal = new WriteAheadLog(image);
    const voters = config.voters.slice().sort((a, b) => a - b);
    this.progress = voters.map((id) => new Progress(id, config.inflightMessagesMax));
    this.ballots = voters.map(() => "none");
    this.term = term;
    this.votedFor = votedFor;
    assert(
      appliedIndex <= commitIndex,
      `applied index ${appliedIndex} beyond the commit index ${commitIndex}`,
    );
    assert(this.log.lastTerm <= term, `the log's last term ${this.log.lastTerm} is above the term ${term}`);
    this.#deliveredIndex = appliedIndex;
    this.effects = {
      messages: [],
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

  /** Puts `entries`, which follow each other, behind `lastKept`, cuts off what was there, and has it written. */
  writeEntries(lastKept: number, entries: readonly Entry[]): void {
    if (lastKept < this.log.lastIndex) this.log.truncateAfter(lastKept);
    for (const entry of entries) this.log.append(entry);
    const { term, votedFor, log } = this;
    log.writing(this.wal.writeEntries(term, votedFor, log.commitIndex, lastKept, entries));
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

  /** The progress of `id`; undefined for a member without a vote. */
  progressOf(id: MemberId): Progress | undefined {
    for (const progress of this.progress) if (progress.id === id) return progress;
    return undefined;
  }

  /** Whether this member alone is the majority. */
  get isOnlyVoter(): boolean {
    return this.progress.length === 1 && this.progressOf(this.id) !== undefined;
  }

  /** The highest of its values that a majority of the voters has reached. */
  quorumIndex(valueOf: (progress: Progress) => number): number {
    return majorityIndex(this.progress.map(valueOf));
  }

  /** Clears the effects of the step before. */
  beginStep(): void {
    const effects = this.effects;
    if (effects.messages.length > 0) {
      effects.messages.length = 0;
      effects.sendAfter.length = 0;
    }
    if (effects.committed.length > 0) effects.committed.length = 0;
    if (effects.dropped.length > 0) effects.dropped.length = 0;
    if (effects.readStates.length > 0) effects.readStates.length = 0;
  }

  /** Completes the effects of a step that began with this role and leader. */
  endStep(roleBefore: Role, leaderBefore: MemberId): Effects {
    const effects = this.effects;
    const commitIndex = this.log.commitIndex;
    while (this.#deliveredIndex < commitIndex) {
      this.#deliveredIndex += 1;
      effects.committed.push(this.log.entry(this.#deliveredIndex));
    }
    effects.softStateChanged = this.role !== roleBefore || this.leader !== leaderBefore;
    effects.writeSequence = this.wal.writeSequence;
    return effects;
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
  assert(voters.includes(id), `member ${id} is not among the voters ${voters.join(", ")}`);
  assert(new Set(voters).size === voters.length, `a voter is named twice: ${voters.join(", ")}`);
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
