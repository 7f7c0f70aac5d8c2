/**
 * One process of an etcd member from the moment its boot is over: raft loop, state machine and API together. It dies with
 * the process; what lives on is on the member's disk (member.ts).
 */
import { assert } from "../assert.js";
import type { CountedDraws } from "../engine/random.js";
import { quantile } from "../engine/variates.js";
import { isVoter, membersOf } from "../raft/configuration.js";
import {
  type Configuration,
  type ConfigurationChange,
  type DurableImage,
  EMPTY_DATA,
  type Entry,
  type Message,
  NONE,
  type RaftConfig,
  type Role,
  type Snapshot,
} from "../raft/types.js";
import type { Micros } from "../units/time.js";
import { Api } from "./api.js";
import { ETCD_LIMITS, type MemberNumber, raftId, requestTimeoutUs } from "./model.js";
import type { PeerTransport, PeerUpcalls } from "./peer-types.js";
import type { GroupContext } from "./process-types.js";
import { RaftLoop, type RaftLoopHost } from "./raft-loop.js";
import { ReadLoop } from "./read-loop.js";
import { Store, type StoreSnapshot } from "./store.js";
import type { Beat } from "./tcp-types.js";
import { WatchHub } from "./watch.js";

/** Applying takes this long at least before it is an event of its own, µs. */
const APPLY_EVENT_US = 200;
/** A process that was removed from its group ends so much later (server.go: 10 × 100 ms). */
const REMOVED_EXIT_US = 1_000_000;
/** Waits for peers, to fast-forward the election timer, look so often and so long. */
const PEER_LOOK_US = 50_000;
const PEER_LOOKS = 100;

interface Batch {
  readonly snapshot: Snapshot | undefined;
  readonly entries: readonly Entry[];
}

/** What a process is started with. */
export interface ServerSetup {
  readonly member: MemberNumber;
  readonly incarnation: number;
  readonly config: RaftConfig;
  readonly image: DurableImage;
  readonly store: Store;
  /** Of `store`. */
  readonly appliedIndex: number;
  /** The state at the beginning of the image's log; undefined: empty. */
  readonly base: StoreSnapshot | undefined;
  /** With --force-new-cluster or as the only member: it takes itself for a group of one at its start. */
  readonly startsAlone: boolean;
}

export class Server implements RaftLoopHost, PeerUpcalls {
  readonly member: MemberNumber;
  readonly incarnation: number;
  readonly loop: RaftLoop;
  readonly peers: PeerTransport;
  readonly api: Api;
  readonly reads: ReadLoop;
  store: Store;
  /** The state at the log's beginning. */
  base: StoreSnapshot | undefined;
  watches: WatchHub;
  appliedIndex: number;
  /** As of the last batch handed out to be applied; the API's word. */
  committedIndex: number;
  /** Whom this process' API takes for the leader: a Raft identity, or NONE. */
  leader = NONE;
  /** It has published itself: it answers clients. */
  isReady = false;
  readonly #group: GroupContext;
  readonly #fsyncs: CountedDraws;
  readonly #startsAlone: boolean;
  #fsyncCount = 0;
  #queue: Batch[] = [];
  #isApplying = false;
  /** Index of the last snapshot, taken or installed. */
  #snapshotIndex: number;
  /** Snapshots on their way, or there for less than the release delay. */
  #snapshotsInFlight = 0;
  /** InstallSnapshot messages that wait until the state machine has got there. */
  #waitingSnapshots: Message[] = [];
  /** Applied through here when the backend was last committed, and the number of that commit's interval. */
  #backendIndex: number;
  #backendInterval: number;
  readonly #startedUs: Micros;

  constructor(group: GroupContext, setup: ServerSetup, makePeers: (upcalls: PeerUpcalls) => PeerTransport) {
    this.#group = group;
    this.member = setup.member;
    this.incarnation = setup.incarnation;
    this.store = setup.store;
    this.base = setup.base;
    this.watches = new WatchHub(setup.store);
    this.appliedIndex = setup.appliedIndex;
    this.committedIndex = setup.appliedIndex;
    this.#backendIndex = setup.appliedIndex;
    this.#startedUs = group.clock.now;
    this.#backendInterval = 0;
    this.#startsAlone = setup.startsAlone;
    this.#snapshotIndex = setup.image.snapshot?.index ?? 0;
    this.#fsyncs = group.streams.counted(`etcd/${group.model.members[this.member]?.name}/fsync`);
    this.loop = new RaftLoop(setup.config, setup.image, setup.appliedIndex, setup.incarnation, this);
    this.peers = makePeers(this);
    this.reads = new ReadLoop(
      {
        ask: (context) => this.loop.readIndex(context),
        nextContext: () => group.nextNumber(),
        after: (delayUs, action) => this.after(delayUs, action),
      },
      requestTimeoutUs(group.model),
    );
    this.api = new Api(group, this);
  }

  /** The loop turns, peers are dialled, the member makes itself known. */
  start(): void {
    for (const id of membersOf(this.configuration)) this.#addPeer(id);
    this.peers.start();
    if (this.#startsAlone) this.loop.advanceTicks(this.#electionTicks - 1);
    else this.#lookForPeers(PEER_LOOKS);
    this.api.publish();
  }

  stop(): void {
    this.peers.stop();
  }

  get configuration(): Configuration {
    return this.loop.node.configuration;
  }

  get isLearner(): boolean {
    return !isVoter(this.configuration, raftId(this.member));
  }

  get isLeader(): boolean {
    return this.leader === raftId(this.member);
  }

  /** The index through which the database file has the state: the backend commits at fixed intervals from its opening. */
  get backendIndex(): number {
    return this.#interval() > this.#backendInterval ? this.appliedIndex : this.#backendIndex;
  }

  after(delayUs: Micros, action: () => void): void {
    this.#group.after(this.member, this.incarnation, delayUs, action);
  }

  // What the raft loop asks for.

  save(): void {
    const fsyncUs = this.#group.fsyncOf(this.member);
    const u = fsyncUs.kind === "constant" ? 0 : this.#fsyncs.uniform(this.incarnation, ++this.#fsyncCount);
    this.#group.saveAfter(this.member, this.incarnation, Math.max(1, Math.round(quantile(fsyncUs, u))));
  }

  send(message: Message, beat: Beat | undefined): void {
    this.#group.observer.sent?.(this.member, message);
    if (message.type === "InstallSnapshot") {
      this.#waitingSnapshots.push(message);
      this.#snapshotsInFlight++;
      this.#sendSnapshots();
      return;
    }
    const bytes = this.#bytesOf(message);
    this.peers.send(message, bytes, beat);
  }

  changed(role: Role, roleBefore: Role, leader: number, leaderBefore: number): void {
    const { observer } = this.#group;
    const { term } = this.loop.node;
    if (role !== roleBefore || leader === leaderBefore) observer.role?.(this.member, role, roleBefore, term);
    if (leader !== leaderBefore) {
      observer.leader?.(this.member, leader === NONE ? undefined : leader - 1, term);
      if (leader !== NONE) this.api.leaderKnown();
    }
  }

  softState(role: Role, leader: number): void {
    const isNew = leader !== NONE && leader !== this.leader;
    this.leader = leader;
    if (role !== "leader") this.store.leases.demote();
    if (isNew) this.reads.leaderChanged();
  }

  readState(context: number, index: number): void {
    this.reads.confirmed(context, index, this.appliedIndex);
  }

  apply(snapshot: Snapshot | undefined, entries: readonly Entry[]): void {
    this.committedIndex = entries[entries.length - 1]?.index ?? snapshot?.index ?? this.committedIndex;
    this.#queue.push({ snapshot, entries });
    if (!this.#isApplying) this.#applyNext();
  }

  dropped(data: number): void {
    const proposal = this.#group.proposal(data);
    if (proposal !== undefined && proposal.incarnation === this.incarnation) this.api.refused(proposal.id);
  }

  // What the transport tells.

  received(message: Message, beat?: Beat): void {
    this.#group.observer.received?.(this.member, message);
    this.loop.receive(message, beat);
  }

  unreachable(member: MemberNumber): void {
    this.loop.reportUnreachable(raftId(member));
  }

  snapshotSent(member: MemberNumber, isDelivered: boolean): void {
    if (isDelivered) this.after(ETCD_LIMITS.releaseDelayUs, () => this.#snapshotsInFlight--);
    else this.#snapshotsInFlight--;
    this.#group.observer.happened?.(this.member, isDelivered ? "snapshotDelivered" : "snapshotFailed");
    this.loop.reportSnapshot(raftId(member), isDelivered);
  }

  // The state machine.

  #applyNext(): void {
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      const { applyUs } = this.#group.model.costs;
      const costUs = Math.round(batch.entries.length * applyUs);
      const now = batch;
      if (costUs >= APPLY_EVENT_US) {
        this.#isApplying = true;
        this.after(costUs, () => {
          this.#isApplying = false;
          this.#applyBatch(now);
          if (!this.#isApplying) this.#applyNext();
        });
        return;
      }
      this.#applyBatch(now);
    }
  }

  #applyBatch({ snapshot, entries }: Batch): void {
    this.#noteBackend();
    if (snapshot !== undefined) this.#install(snapshot);
    for (const entry of entries) {
      if (entry.index <= this.appliedIndex) continue;
      this.#applyEntry(entry);
      this.appliedIndex = entry.index;
      if (this.#waitingSnapshots.length > 0) this.#sendSnapshots();
    }
    this.reads.applied(this.appliedIndex);
    this.#takeSnapshotIfDue();
  }

  #applyEntry(entry: Entry): void {
    const { observer } = this.#group;
    const proposal = entry.data === EMPTY_DATA ? undefined : this.#group.proposal(entry.data);
    observer.applied?.(this.member, entry.index, proposal?.request);
    if (entry.change !== undefined) {
      this.#applyChange(entry.change);
      if (proposal !== undefined) this.api.applied(proposal, this.api.membersOutcome());
      return;
    }
    if (proposal?.request === undefined) {
      this.reads.firstCommitInTerm();
      if (this.isLeader) {
        this.store.leases.promote(this.#group.model.electionUs, this.#group.clock.now);
        this.api.watchLeases();
      }
      return;
    }
    const { now } = this.#group.clock;
    const { outcome, events, raisesAlarm } = this.store.apply(proposal.request, entry.index, now);
    if (events.length > 0) {
      observer.wrote?.(this.member, proposal.request, events);
      if (this.watches.count > 0) this.api.notifyWatches(events);
    }
    if (raisesAlarm) this.api.appliedOverQuota(proposal, outcome);
    else this.api.applied(proposal, outcome);
    if (outcome.type === "lease") this.api.watchLeases();
  }

  #applyChange(change: ConfigurationChange): void {
    for (const { type, member } of change.changes) {
      if (type === "remove") {
        this.store.unpublish(member - 1);
        if (member === raftId(this.member)) {
          this.after(REMOVED_EXIT_US, () => this.#group.exitRemoved(this.member, this.incarnation));
        } else this.peers.removePeer(member - 1);
      } else if (type !== "update") this.#addPeer(member);
    }
  }

  #install(snapshot: Snapshot): void {
    this.#group.observer.happened?.(this.member, "snapshotInstalled");
    this.base = this.#group.snapshotAt(snapshot.index);
    this.store = Store.restore(this.base, this.#group.model);
    this.watches.moveTo(this.store);
    this.api.syncWatches();
    this.appliedIndex = snapshot.index;
    this.#snapshotIndex = snapshot.index;
    const members = membersOf(snapshot.configuration);
    for (let m = 0; m < this.#group.model.members.length; m++) {
      if (m === this.member) continue;
      if (members.includes(raftId(m))) this.#addPeer(raftId(m));
      else this.peers.removePeer(m);
    }
  }

  #takeSnapshotIfDue(): void {
    const { snapshotCount, snapshotCatchUpEntries } = this.#group.model;
    const index = this.appliedIndex;
    if (index - this.#snapshotIndex <= snapshotCount) return;
    this.#snapshotIndex = index;
    this.#group.observer.happened?.(this.member, "snapshotTaken");
    this.base = this.store.snapshot();
    const keep = this.#snapshotsInFlight > 0 ? 0 : index - snapshotCatchUpEntries;
    this.loop.takeSnapshot(index, Math.max(keep, 0));
  }

  /** Those for which the state machine has just the index, and which still make sense. */
  #sendSnapshots(): void {
    const due = this.#waitingSnapshots.filter(
      (message) => message.type === "InstallSnapshot" && message.snapshot.index <= this.appliedIndex,
    );
    if (due.length === 0) return;
    this.#waitingSnapshots = this.#waitingSnapshots.filter((message) => !due.includes(message));
    for (const message of due) {
      if (message.type !== "InstallSnapshot") continue;
      const { index } = message.snapshot;
      assert(index === this.appliedIndex, `a snapshot at ${index}, but ${this.appliedIndex} is applied`);
      this.#group.keepSnapshot(index, this.store.snapshot());
      this.peers.send(message, this.store.backendBytes);
    }
  }

  #addPeer(id: number): void {
    if (id !== raftId(this.member)) this.peers.addPeer(id - 1, this.#group.hostOf(id - 1));
  }

  get #electionTicks(): number {
    return this.loop.electionTicks;
  }

  /** With at least two peers connected the timer is advanced, so that a restarted group elects fast. */
  #lookForPeers(looks: number): void {
    if (looks === 0) return;
    this.after(PEER_LOOK_US, () => {
      if (this.peers.activePeers > 1) {
        this.#group.observer.happened?.(this.member, "timerAdvanced");
        this.loop.advanceTicks(this.#electionTicks - 2);
      } else this.#lookForPeers(looks - 1);
    });
  }

  #interval(): number {
    return Math.floor((this.#group.clock.now - this.#startedUs) / ETCD_LIMITS.backendIntervalUs);
  }

  #noteBackend(): void {
    const interval = this.#interval();
    if (interval === this.#backendInterval) return;
    this.#backendInterval = interval;
    this.#backendIndex = this.appliedIndex;
  }

  #bytesOf(message: Message): number {
    switch (message.type) {
      case "AppendEntries": {
        let bytes = MESSAGE_BYTES;
        for (const entry of message.entries) {
          bytes += ENTRY_BYTES + (this.#group.proposal(entry.data)?.bytes ?? 0);
        }
        return bytes;
      }
      case "Propose": {
        let bytes = MESSAGE_BYTES;
        for (const data of message.data) bytes += this.#group.proposal(data)?.bytes ?? 0;
        return bytes;
      }
      default:
        return MESSAGE_BYTES;
    }
  }
}

/** A raft message without entries, protobuf and framing, about. */
const MESSAGE_BYTES = 60;
/** An entry around its data. */
const ENTRY_BYTES = 20;
