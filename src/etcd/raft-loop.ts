/**
 * One process' raft loop, as etcd's server runs it: a loop that takes what Raft wants done in batches ("Ready"), one at a
 * time. While the loop waits for the disk, messages are still stepped, but what follows from them leaves with the next
 * batch. A leader's messages leave before the batch is saved, everybody else's after it.
 */
import { RaftNode } from "../raft/node.js";
import type {
  ConfigurationChange,
  DurableImage,
  Effects,
  Entry,
  Message,
  RaftConfig,
  Role,
  Snapshot,
} from "../raft/types.js";
import { NONE } from "../raft/types.js";
import type { Beat } from "./tcp-types.js";

/** What the loop needs of its process. */
export interface RaftLoopHost {
  /** Starts an fsync; {@link RaftLoop.saved} is called when it is done. */
  save(): void;
  /** Hands a message to the transport. `beat`: it was made by that tick of this loop, or answers a message of another's tick. */
  send(message: Message, beat: Beat | undefined): void;
  /** The role or the leader as of the batch that is handled now. */
  softState(role: Role, leader: number): void;
  /** The last read that Raft confirmed since the batch before. */
  readState(context: number, index: number): void;
  /** To be applied in order; `snapshot` first. */
  apply(snapshot: Snapshot | undefined, entries: readonly Entry[]): void;
  /** The host's own proposals that Raft refused. `isChange` tells changes of members. */
  dropped(data: number): void;
  /** The role, or the campaign, or the leader that the member knows has changed, at this moment; for whoever records it. */
  changed(role: Role, roleBefore: Role, leader: number, leaderBefore: number): void;
  /** Raft is about to take a tick: the loop is not blocked. */
  ticked?(): void;
}

/** How much of a batch survives that was being written when the power failed. */
export interface TornWrite {
  /** From 0 to below 1: of its records (votes and terms, runs of entries, snapshots), the first ones. */
  readonly share: number;
  /** Of the record after those, so many entries. */
  readonly entries: number;
}

const WHOLLY_LOST: TornWrite = { share: 0, entries: 0 };
const NOTHING: readonly Entry[] = Object.freeze([]);

interface Outgoing {
  readonly message: Message;
  /** The write it waits for; 0: none. */
  readonly after: number;
  readonly beat: Beat | undefined;
}

export class RaftLoop {
  readonly node: RaftNode;
  readonly #host: RaftLoopHost;
  readonly #incarnation: number;
  /** E, the election timeout in ticks. */
  readonly electionTicks: number;
  #outgoing: Outgoing[] = [];
  #committed: Entry[] = [];
  #snapshot: Snapshot | undefined;
  #readContext = -1;
  #readIndex = 0;
  #softStateChanged = false;
  /** The write that the disk is busy with; 0: the loop is free. */
  #saving = 0;
  /** Messages of the batch being saved, which leave after it. */
  #held: Outgoing[] = [];
  #missedTick = false;
  /** A snapshot of the batch being saved and what is committed behind it: applied once they are on the disk. */
  #waitingSnapshot: Snapshot | undefined;
  #waitingCommitted: readonly Entry[] = NOTHING;
  #isHandling = false;
  #role: Role = "follower";
  #leader = NONE;
  #term: number;
  /** Ticks of this process. */
  ticks = 0;
  /** The commit index as of the batch handled last. */
  #batchCommitIndex: number;
  /**
   * The commit index that the disk has. A hard state in which only that has changed stays in the process' own buffer
   * until something else is written (raft.MustSync, and the page writer of etcd's write-ahead log).
   */
  #savedCommitIndex: number;

  constructor(
    config: RaftConfig,
    image: DurableImage,
    appliedIndex: number,
    incarnation: number,
    host: RaftLoopHost,
  ) {
    this.#host = host;
    this.#incarnation = incarnation;
    this.electionTicks = config.electionTicks;
    this.node = RaftNode.restart(config, image.hardState, image.entries, appliedIndex, image.snapshot);
    this.#batchCommitIndex = image.hardState.commitIndex;
    this.#savedCommitIndex = image.hardState.commitIndex;
    this.#term = image.hardState.term;
  }

  /** What the disk knows to be committed and the state machine has not, is applied. Once, before anything else. */
  start(): void {
    this.#step(this.node.persisted(this.node.durableSequence), undefined);
  }

  /** The ticker fired. While the loop waits for the disk one tick is kept, others are missed. */
  tick(): void {
    if (this.#saving > 0) {
      this.#missedTick = true;
      return;
    }
    this.#tick();
  }

  /** Several ticks at once: the fast-forward of a process that has just found its peers. */
  advanceTicks(count: number): void {
    for (let i = 0; i < count; i++) this.#tick();
  }

  /** `beat`: of the leader's process, where the message came of one; an answer keeps it. */
  receive(message: Message, beat: Beat | undefined): void {
    this.#step(
      this.node.receive(message),
      beat !== undefined && message.type === "Heartbeat" ? beat : undefined,
    );
  }

  propose(data: number): void {
    this.#step(this.node.propose([data]), undefined);
  }

  proposeChange(change: ConfigurationChange, data: number): void {
    this.#step(this.node.proposeChange(change, data), undefined);
  }

  readIndex(context: number): void {
    this.#step(this.node.readIndex(context), undefined);
  }

  campaign(): void {
    this.#step(this.node.campaign(), undefined);
  }

  transferLeadership(transferee: number): void {
    this.#step(this.node.transferLeadership(transferee), undefined);
  }

  reportUnreachable(member: number): void {
    this.#step(this.node.reportUnreachable(member), undefined);
  }

  reportSnapshot(member: number, isDelivered: boolean): void {
    this.#step(this.node.reportSnapshot(member, isDelivered), undefined);
  }

  /** Nothing, if one that was installed meanwhile reaches further. */
  takeSnapshot(index: number, compactThrough: number): void {
    if (index <= (this.node.snapshot?.index ?? 0)) return;
    this.#step(this.node.takeSnapshot(index, compactThrough), undefined);
  }

  /** The fsync is done. */
  saved(): void {
    const sequence = this.#saving;
    this.#saving = 0;
    this.#savedCommitIndex = this.#batchCommitIndex;
    // What is committed by this fsync, and what applying leads to, belongs to the next batch: this one's messages go first.
    this.#isHandling = true;
    this.#absorb(this.node.persisted(sequence), undefined);
    this.#applyWaiting();
    this.#isHandling = false;
    this.#sendHeld();
    if (this.#missedTick) {
      this.#missedTick = false;
      this.#tick();
    }
    this.#handleReady();
  }

  /**
   * What a crash leaves: with `keepsWritten` (a process died, the kernel lives) also the batch being written; else what
   * was synced, and of that batch perhaps some first part (`torn`).
   */
  image(keepsWritten: boolean, torn: TornWrite = WHOLLY_LOST): DurableImage {
    const { node } = this;
    const { durableSequence } = node;
    const isWriting = keepsWritten && this.#saving > 0;
    const pending = this.#saving > 0 ? this.#saving - durableSequence : 0;
    const survived = isWriting ? pending : Math.min(pending, Math.floor(torn.share * (pending + 1)));
    const image = node.durableImage(durableSequence + survived, survived < pending ? torn.entries : 0);
    const { entries, snapshot, hardState } = image;
    const last = entries[entries.length - 1]?.index ?? snapshot?.index ?? 0;
    const saved = isWriting ? this.#batchCommitIndex : this.#savedCommitIndex;
    const commitIndex = Math.max(hardState.commitIndex, Math.min(saved, last));
    return { ...image, hardState: { ...hardState, commitIndex } };
  }

  /** Whether the loop waits for the disk. */
  get isSaving(): boolean {
    return this.#saving > 0;
  }

  #tick(): void {
    this.ticks += 1;
    this.#host.ticked?.();
    const beat =
      this.node.role === "leader" ? { incarnation: this.#incarnation, tick: this.ticks } : undefined;
    this.#step(this.node.tick(), beat);
  }

  #step(effects: Effects, beat: Beat | undefined): void {
    if (this.#isBatchOfMessages(effects)) {
      this.#sendAtOnce(effects, beat);
      return;
    }
    this.#absorb(effects, beat);
    this.#handleReady();
  }

  /** The step's messages are all there is in the batch, and the loop is free to take it: so it is with heartbeats. */
  #isBatchOfMessages(effects: Effects): boolean {
    return (
      !this.#isHandling &&
      this.#saving === 0 &&
      !effects.softStateChanged &&
      effects.committed.length === 0 &&
      effects.dropped.length === 0 &&
      effects.readStates.length === 0 &&
      effects.snapshot === undefined &&
      effects.writeSequence === this.node.durableSequence &&
      this.node.term === this.#term &&
      this.node.role !== "pre-candidate"
    );
  }

  #sendAtOnce({ messages }: Effects, beat: Beat | undefined): void {
    if (messages.length === 0) return;
    this.#batchCommitIndex = this.node.commitIndex;
    this.#isHandling = true;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as Message;
      this.#host.send(message, beat !== undefined && isBeat(message) ? beat : undefined);
    }
    this.#isHandling = false;
  }

  /** Copies a step's effects into the batch that is being collected. */
  #absorb(effects: Effects, beat: Beat | undefined): void {
    const { messages, sendAfter, committed, dropped, readStates } = effects;
    let isPreCampaign = false;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as Message;
      if (message.type === "PreVote") isPreCampaign = true;
      const after = sendAfter[i] as number;
      this.#outgoing.push({ message, after, beat: isBeat(message) ? beat : undefined });
    }
    if (effects.snapshot !== undefined) {
      this.#snapshot = effects.snapshot;
      this.#committed = [];
    }
    for (const entry of committed) this.#committed.push(entry);
    // Asked before it is read: a read beyond an array's end is slow, and most steps come by here.
    const last = readStates.length > 0 ? readStates[readStates.length - 1] : undefined;
    if (last !== undefined) {
      this.#readContext = last.context;
      this.#readIndex = last.index;
    }
    if (effects.softStateChanged) this.#softStateChanged = true;
    if (effects.softStateChanged || isPreCampaign || this.node.term !== this.#term)
      this.#noteChange(isPreCampaign);
    for (const data of dropped) this.#host.dropped(data);
  }

  #noteChange(isPreCampaign: boolean): void {
    const { role, leader, term } = this.node;
    const roleBefore = this.#role;
    const leaderBefore = this.#leader;
    const isCampaign = isPreCampaign || (role === "candidate" && term !== this.#term);
    this.#role = role;
    this.#leader = leader;
    this.#term = term;
    if (role !== roleBefore || leader !== leaderBefore || isCampaign)
      this.#host.changed(role, roleBefore, leader, leaderBefore);
  }

  /** Takes batch after batch until there is none, or until one waits for the disk. */
  #handleReady(): void {
    if (this.#isHandling) return;
    this.#isHandling = true;
    while (this.#saving === 0 && this.#hasReady()) this.#handleOne();
    this.#isHandling = false;
  }

  #hasReady(): boolean {
    return (
      this.#outgoing.length > 0 ||
      this.#committed.length > 0 ||
      this.#softStateChanged ||
      this.#readContext >= 0 ||
      this.#snapshot !== undefined ||
      this.node.writeSequence > this.node.durableSequence
    );
  }

  #handleOne(): void {
    const { node } = this;
    const host = this.#host;
    const outgoing = this.#outgoing;
    const committed = this.#committed;
    const snapshot = this.#snapshot;
    const readContext = this.#readContext;
    const isLeader = node.role === "leader";
    this.#outgoing = [];
    this.#committed = [];
    this.#snapshot = undefined;
    this.#readContext = -1;
    this.#batchCommitIndex = node.commitIndex;
    if (node.writeSequence > node.durableSequence) this.#saving = node.writeSequence;
    if (this.#softStateChanged) {
      this.#softStateChanged = false;
      host.softState(node.role, node.leader);
    }
    if (readContext >= 0) host.readState(readContext, this.#readIndex);
    this.#queue(outgoing, isLeader);
    if (snapshot !== undefined) {
      // Raft has written what it installed, so this batch is saved.
      this.#waitingSnapshot = snapshot;
      this.#waitingCommitted = committed;
    } else if (committed.length > 0) host.apply(undefined, committed);
    if (this.#saving > 0) host.save();
    else this.#sendHeld();
  }

  /** A leader sends at once what does not wait for a write of its own; of several acknowledgements in a batch the last is sent. */
  #queue(outgoing: Outgoing[], isLeader: boolean): void {
    let acknowledged = false;
    for (let i = outgoing.length - 1; i >= 0; i--) {
      const one = outgoing[i] as Outgoing;
      if (one.message.type !== "AppendEntriesResponse") continue;
      if (acknowledged) outgoing.splice(i, 1);
      acknowledged = true;
    }
    for (const one of outgoing) {
      if (isLeader && one.after <= this.node.durableSequence) this.#host.send(one.message, one.beat);
      else this.#held.push(one);
    }
  }

  #applyWaiting(): void {
    const snapshot = this.#waitingSnapshot;
    if (snapshot === undefined) return;
    const committed = this.#waitingCommitted;
    this.#waitingSnapshot = undefined;
    this.#waitingCommitted = NOTHING;
    this.#host.apply(snapshot, committed);
  }

  #sendHeld(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const one of held) this.#host.send(one.message, one.beat);
  }
}

/** Whether it is among what each tick of a leader leads to. */
function isBeat(message: Message): boolean {
  // Read once: messages are of many shapes, which makes each read a search.
  const { type } = message;
  return type === "Heartbeat" || type === "HeartbeatResponse";
}
