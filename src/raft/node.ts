/**
 * One member of a Raft group as a pure state machine: an input goes in, the effects come out, and nothing else
 * happens. No clock, no chance, no network, no disk is in here; two nodes that are given the same inputs do the same.
 *
 * The host's contract. The host
 * 1. calls {@link RaftNode.tick} once per tick of the member's own ticker, for as long as the member is up;
 * 2. sends each of `effects.messages[i]` once write `effects.sendAfter[i]` is durable (0: at once), later or never,
 *    and gives what arrives to {@link RaftNode.receive}; the network may delay, drop, repeat and reorder;
 * 3. keeps the member's disk busy: while `effects.writeSequence` is above what it last reported, an fsync should be
 *    under way. One that is started now covers all writes through the present sequence; when it ends, the host calls
 *    {@link RaftNode.persisted} with that sequence and releases the messages that waited for it. Reports never go back;
 * 4. where there is `effects.snapshot` replaces its state machine by that of the snapshot's index; applies
 *    `effects.committed` in order; serves `effects.readStates` when it has applied their indexes;
 * 5. holds `effects.dropped` if it wants them proposed again: when `effects.softStateChanged` and a leader is known;
 * 6. on a crash throws away the node and every message not yet sent, reads {@link RaftNode.durableImage}, and starts
 *    again with {@link RaftNode.restart}. Proposals, reads, timers, and unsynced writes are gone;
 * 7. reports what became of a snapshot it sent ({@link RaftNode.reportSnapshot}), as snapshots travel on their own, and
 *    stops a member that has been removed: nobody speaks to it any more, and it does not know what it does not know.
 * It reads the effects before the next call on the same node: they are one object, used again and again.
 *
 * Storage writes are asynchronous in the sense of etcd's raft library: a step never waits for the disk, messages say
 * which write they wait for.
 *
 * Semantics are those of etcd's raft library as of 3.5, but for these: a leader's own log counts towards a majority when
 * its own fsync is reported, not when the next batch begins; acknowledgements of reads add up over rounds; a single
 * voter, too, answers no read before its term's first commit; a change comes into force in the step that commits it, and
 * one that cannot be made is refused when it is proposed. From later versions of the library come `stepDownOnRemoval`,
 * `checksConfigurationChanges`, `forgetLeader`, and the rule by which any snapshot that the log reaches back to will do.
 */
import { AssertionError, assert, unreachable } from "../assert.js";
import { RaftCore } from "./core.js";
import { describeCore } from "./describe.js";
import { campaign, countOwnVote, forgetLeader, tickElection, tickHeartbeat } from "./election.js";
import type { LogView } from "./log.js";
import { followConfiguration, handleProposeChange } from "./membership.js";
import type { ProgressState } from "./progress.js";
import { isQuiet, lastHeartbeatWithin, passTicksAsFollower, passTicksAsLeader } from "./quiet.js";
import { handleReadIndex } from "./reads.js";
import { receiveMessage } from "./receive.js";
import { handleOwnPersisted, handlePropose, handleUnreachable } from "./replication.js";
import { handleSnapshotReport, takeSnapshot } from "./snapshots.js";
import { handleTransferLeadership } from "./transfer.js";
import type {
  Configuration,
  ConfigurationChange,
  DurableImage,
  Effects,
  Entry,
  HardState,
  Input,
  MemberId,
  Message,
  RaftConfig,
  Role,
  Snapshot,
} from "./types.js";
import { EMPTY_DATA, NONE } from "./types.js";

const BLANK: HardState = { term: 0, votedFor: NONE, commitIndex: 0 };

/** A leader's view of one member, for whoever wants to show it. */
export interface ProgressView {
  readonly id: MemberId;
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly state: ProgressState;
  readonly isPaused: boolean;
}

export class RaftNode {
  readonly #core: RaftCore;

  private constructor(core: RaftCore) {
    this.#core = core;
  }

  /** A member with an empty disk. */
  static start(config: RaftConfig): RaftNode {
    return RaftNode.restart(config, BLANK, []);
  }

  /**
   * A member that comes back with what its disk holds. Its first effects hold the entries from `appliedIndex` + 1
   * through the commit index, for a state machine that has lost what came after `appliedIndex`; but none that is in the
   * snapshot, from which the host makes a state machine that is behind it.
   */
  static restart(
    config: RaftConfig,
    hardState: HardState,
    entries: readonly Entry[],
    appliedIndex = 0,
    snapshot?: Snapshot,
  ): RaftNode {
    const image = snapshot === undefined ? { hardState, entries } : { hardState, snapshot, entries };
    return new RaftNode(new RaftCore(config, image, appliedIndex));
  }

  get id(): MemberId {
    return this.#core.id;
  }

  /** Who takes part, as far as this member knows it to be committed. */
  get configuration(): Configuration {
    return this.#core.configuration;
  }

  get voters(): readonly MemberId[] {
    return this.#core.configuration.voters;
  }

  get votersOutgoing(): readonly MemberId[] {
    return this.#core.configuration.votersOutgoing;
  }

  /** The latest snapshot, taken here or installed. */
  get snapshot(): Snapshot | undefined {
    return this.#core.snapshot;
  }

  get term(): number {
    return this.#core.term;
  }

  get votedFor(): MemberId {
    return this.#core.votedFor;
  }

  /** The term on the member's disk, as far as reported. */
  get durableTerm(): number {
    return this.#core.wal.durableTerm;
  }

  /** The vote on the member's disk, as far as reported. */
  get durableVotedFor(): MemberId {
    return this.#core.wal.durableVotedFor;
  }

  get role(): Role {
    return this.#core.role;
  }

  /** The leader of this term, as far as the member knows, or NONE. */
  get leader(): MemberId {
    return this.#core.leader;
  }

  get commitIndex(): number {
    return this.#core.log.commitIndex;
  }

  get log(): LogView {
    return this.#core.log;
  }

  /** The member that this leader is handing over to, or NONE. */
  get leadTransferee(): MemberId {
    return this.#core.leadTransferee;
  }

  /** Ticks since the member heard from its leader or began to campaign; at a leader since it last counted its quorum. */
  get electionElapsed(): number {
    return this.#core.electionElapsed;
  }

  /** Ticks without a leader after which this member campaigns. */
  get randomizedElectionTicks(): number {
    return this.#core.randomizedElectionTicks;
  }

  /** Sequence of the latest write that was reported durable. */
  get durableSequence(): number {
    return this.#core.wal.durableSequence;
  }

  /** Sequence of the latest write. */
  get writeSequence(): number {
    return this.#core.wal.writeSequence;
  }

  /** A leader's picture of `member`; undefined at others. */
  progress(member: MemberId): ProgressView | undefined {
    return this.#core.role === "leader" ? this.#core.progressOf(member) : undefined;
  }

  /**
   * What a crash leaves on the disk: everything through the last write reported durable, or through a later write
   * `sequence` that may have made it without being reported, and of the write after that one the first `tornEntries`
   * entries.
   */
  durableImage(sequence: number = this.#core.wal.durableSequence, tornEntries = 0): DurableImage {
    return this.#core.wal.imageAt(sequence, tornEntries);
  }

  /** Any input, for hosts that keep inputs as values. */
  step(input: Input): Effects {
    switch (input.type) {
      case "tick":
        return this.tick();
      case "receive":
        return this.receive(input.message);
      case "propose":
        return this.propose(input.data);
      case "proposeChange":
        return this.proposeChange(input.change, input.data);
      case "persisted":
        return this.persisted(input.writeSequence);
      case "campaign":
        return this.campaign();
      case "reportUnreachable":
        return this.reportUnreachable(input.member);
      case "reportSnapshot":
        return this.reportSnapshot(input.member, input.isDelivered);
      case "takeSnapshot":
        return this.takeSnapshot(input.index, input.compactThrough);
      case "readIndex":
        return this.readIndex(input.context);
      case "transferLeadership":
        return this.transferLeadership(input.transferee);
      case "forgetLeader":
        return this.forgetLeader();
      default:
        return unreachable(input);
    }
  }

  /** One tick of the member's own ticker has passed. */
  tick(): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    if (role === "leader") tickHeartbeat(core);
    else tickElection(core);
    return endStep(core, role, leader);
  }

  /** A message has arrived. */
  receive(message: Message): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    // The message is built only when it is needed, here and in the other places that every heartbeat passes.
    if (message.to !== core.id) misdelivered(message, core.id);
    receiveMessage(core, message);
    return endStep(core, role, leader);
  }

  /** The host wants `data` in the log, in this order. At least one item. */
  propose(data: readonly number[]): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    assert(data.length > 0, "an empty proposal");
    handlePropose(core, data, false);
    return endStep(core, role, leader);
  }

  /** The host wants the group changed; `data` is that of the entry. Whether and when shows in {@link RaftNode.configuration}. */
  proposeChange(change: ConfigurationChange, data: number = EMPTY_DATA): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    handleProposeChange(core, change, data, false);
    return endStep(core, role, leader);
  }

  /** Everything written through `writeSequence` is durable now. */
  persisted(writeSequence: number): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    core.wal.persisted(writeSequence);
    core.log.persisted(writeSequence);
    if (role === "leader") handleOwnPersisted(core);
    else countOwnVote(core);
    return endStep(core, role, leader);
  }

  /** Campaign now, as if the timeout had come. */
  campaign(): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    campaign(core);
    return endStep(core, role, leader);
  }

  /** The transport knows that messages to `member` were lost: a leader goes back to probing it. */
  reportUnreachable(member: MemberId): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    if (role === "leader") handleUnreachable(core, member);
    return endStep(core, role, leader);
  }

  /** The transport has delivered a snapshot to `member`, or has failed to. Without such a report a leader waits for that member's answer alone. */
  reportSnapshot(member: MemberId, isDelivered: boolean): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    if (role === "leader") handleSnapshotReport(core, member, isDelivered);
    return endStep(core, role, leader);
  }

  /**
   * The host has saved its state machine as of `index`, which it has applied. The log forgets the entries through
   * `compactThrough`, at most `index`; after a restart it begins behind the snapshot.
   */
  takeSnapshot(index: number, compactThrough: number = index): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    takeSnapshot(core, index, compactThrough);
    return endStep(core, role, leader);
  }

  /**
   * The host wants to read linearizably and calls the read `context`. The answer comes as one of `readStates`, now or in
   * a later step, or never: the host asks again after a while, as etcd does every 500 ms.
   */
  readIndex(context: number): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    handleReadIndex(core, core.id, context);
    return endStep(core, role, leader);
  }

  /** The lead shall go to `transferee`. Whether it does shows in its time; a leader tries for E ticks. */
  transferLeadership(transferee: MemberId): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    handleTransferLeadership(core, transferee);
    return endStep(core, role, leader);
  }

  /** The host knows that the leader is gone, or wants others to be electable: a follower believes in none until it hears one. */
  forgetLeader(): Effects {
    const core = this.#core;
    const { role, leader } = core;
    core.beginStep();
    forgetLeader(core);
    return endStep(core, role, leader);
  }

  /**
   * Whether this leader, about to tick, and `followers` (those members that are up) are at rest: ticks, heartbeats and
   * their answers would change counters only. No message may be under way. The conditions are in quiet.ts.
   */
  isQuietWith(followers: readonly RaftNode[]): boolean {
    return isQuiet(this.#core, RaftNode.#cores(followers));
  }

  /** Of this leader's next `count` ticks the last one, counted from 1, that sends heartbeats; 0 if none does. */
  lastHeartbeatWithin(count: number): number {
    return lastHeartbeatWithin(this.#core, count);
  }

  /** Instead of `count` calls of {@link RaftNode.tick} and all heartbeats and answers of that time: the leader's part. The group must be quiet. */
  passTicksAsLeader(followers: readonly RaftNode[], count: number): void {
    passTicksAsLeader(this.#core, RaftNode.#cores(followers), count);
  }

  /** The part of a follower of a quiet group; `sinceHeard` of its ticks come after the last heartbeat, undefined if none arrives. */
  passTicksAsFollower(count: number, sinceHeard: number | undefined): void {
    passTicksAsFollower(this.#core, count, sinceHeard);
  }

  /** The whole state in words, on several lines. */
  describe(): string {
    return describeCore(this.#core);
  }

  static #cores(nodes: readonly RaftNode[]): RaftCore[] {
    return nodes.map((node) => node.#core);
  }
}

function misdelivered(message: Message, id: MemberId): never {
  throw new AssertionError(`a message for ${message.to} came to ${id}`);
}

function endStep(core: RaftCore, roleBefore: Role, leaderBefore: MemberId): Effects {
  if (core.configuredIndex < core.log.commitIndex || core.configuration.autoLeave) followConfiguration(core);
  return core.endStep(roleBefore, leaderBefore);
}
