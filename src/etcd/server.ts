/**
 * One process of an etcd member from the moment its boot is over: raft loop, state machine and API together. It dies with
 * the process; what lives on is on the member's disk (member.ts).
 */
import type { CountedDraws } from "../engine/random.js";
import { quantile } from "../engine/variates.js";
import { membersOf } from "../raft/configuration.js";
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
import { MESSAGE_BYTES, messageBytes } from "./message-bytes.js";
import { ETCD_LIMITS, type MemberNumber, raftId, requestTimeoutUs } from "./model.js";
import { OutgoingSnapshots } from "./outgoing-snapshots.js";
import type { PeerTransport, PeerUpcalls } from "./peer-types.js";
import type { GroupContext } from "./process-types.js";
import { RaftLoop, type RaftLoopHost } from "./raft-loop.js";
import { ReadLoop } from "./read-loop.js";
import { Store, type StoreSnapshot } from "./store.js";
import type { Beat } from "./tcp-types.js";
import { WatchHub } from "./watch.js";

/** A loop that ticked within so many ticks is not blocked (server.go, isActive). */
const ACTIVE_TICKS = 3;
/** Applying takes this long at least before it is an event of its own, µs. */
const APPLY_EVENT_US = 200;
/** A process that was removed from its group ends so much later (server.go: 10 × 100 ms). */
const REMOVED_EXIT_US = 1_000_000;
/** Waits for peers, to fast-forward the election timer, look so often and so long. */
const PEER_LOOK_US = 50_000;
const PEER_LOOKS = 100;

/** The state machine as of an index, kept as a file. */
export interface StoreBase {
  readonly index: number;
  readonly store: StoreSnapshot;
}

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
  /** The states that the disk has, of which one is that at the beginning of the image's log; none: that is empty. */
  readonly bases: readonly StoreBase[];
  /** It starts empty, to be told by the others what there is. */
  readonly isJoining: boolean;
  /** As the only member: it takes itself for a group of one at its start. */
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
  /** The states at the log's beginning now and before: the disk has the later one only once it is written. */
  bases: readonly StoreBase[];
  watches: WatchHub;
  appliedIndex: number;
  /** As of the last batch handed out to be applied; the API's word. */
  committedIndex: number;
  /** Whom this process' API takes for the leader: a Raft identity, or NONE. */
  leader = NONE;
  /** When this process last began to lead; -Infinity: never. */
  leadElectedUs = Number.NEGATIVE_INFINITY;
  /** It has published itself: it answers clients. */
  isReady = false;
  readonly #group: GroupContext;
  readonly #fsyncs: CountedDraws;
  readonly #startsAlone: boolean;
  #isJoining: boolean;
  #fsyncCount = 0;
  #queue: Batch[] = [];
  #isApplying = false;
  /** Index of the last snapshot, taken or installed. */
  #snapshotIndex: number;
  readonly #snapshots: OutgoingSnapshots;
  /** Applied through here when the backend was last committed, and the number of that commit's interval. */
  #backendIndex: number;
  #backendInterval: number;
  /** The loop's last tick. */
  #tickedUs: Micros;
  /** When this process' boot was over: backend commits and looks at leases are counted from then. */
  readonly startedUs: Micros;

  constructor(group: GroupContext, setup: ServerSetup, makePeers: (upcalls: PeerUpcalls) => PeerTransport) {
    this.#group = group;
    this.member = setup.member;
    this.incarnation = setup.incarnation;
    this.store = setup.store;
    this.bases = setup.bases;
    this.watches = new WatchHub(setup.store);
    this.appliedIndex = setup.appliedIndex;
    this.committedIndex = setup.appliedIndex;
    this.#backendIndex = setup.appliedIndex;
    this.startedUs = group.clock.now;
    this.#tickedUs = group.clock.now;
    this.#backendInterval = 0;
    this.#startsAlone = setup.startsAlone;
    this.#isJoining = setup.isJoining;
    this.#snapshotIndex = setup.image.snapshot?.index ?? 0;
    this.#fsyncs = group.streams.counted(`etcd/${group.model.members[this.member]?.name}/fsync`);
    this.loop = new RaftLoop(setup.config, setup.image, setup.appliedIndex, setup.incarnation, this);
    this.peers = makePeers(this);
    this.reads = new ReadLoop(
      {
        ask: (context) => this.loop.readIndex(context),
        nextContext: () => group.nextNumber(),
        nowUs: () => group.clock.now,
        after: (delayUs, action) => this.after(delayUs, action),
      },
      requestTimeoutUs(group.model),
    );
    this.#snapshots = new OutgoingSnapshots(group, this);
    this.api = new Api(group, this);
  }

  /** The loop turns, peers are dialled, the member makes itself known. */
  start(): void {
    for (const id of membersOf(this.configuration)) this.#addPeer(id);
    this.peers.start();
    this.loop.start();
    if (this.appliedIndex > 0 && !membersOf(this.configuration).includes(raftId(this.member))) this.#leave();
    if (this.#startsAlone) this.loop.advanceTicks(this.#electionTicks - 1);
    else this.#lookForPeers(PEER_LOOKS);
    this.api.publish();
  }

  stop(): void {
    this.peers.stop();
  }

  /**
   * The ticker fired. A member that joins knows of no group and cannot campaign before it was told of one; here it begins
   * with the founders' configuration, in which it may have a part, so that its ticks do not count until it is in a term.
   * From then on they must: it holds itself bound to the leader that it heard, and nothing but ticks ends that.
   */
  tick(): void {
    if (this.#isJoining && this.loop.node.term === 0) return;
    this.#isJoining = false;
    this.loop.tick();
  }

  /** So many ticks were left out in which nothing happened. */
  passedTicks(count: number): void {
    this.loop.ticks += count;
    this.#tickedUs += count * this.#group.model.heartbeatUs;
  }

  get configuration(): Configuration {
    return this.loop.node.configuration;
  }

  get isLearner(): boolean {
    const { learners, learnersNext } = this.configuration;
    const id = raftId(this.member);
    return learners.includes(id) || learnersNext.includes(id);
  }

  /**
   * Whether this member leads, asked before something is done that a leader alone may do: a loop that has ticked lately is
   * believed; one that waits for its disk may not have heard of its successor, and asks as a read does (etcd's
   * ensureLeadership). `then` may be called at once.
   */
  ensureLeadership(then: (isLeader: boolean) => void): void {
    if (this.#group.clock.now < this.#tickedUs + ACTIVE_TICKS * this.#group.model.heartbeatUs) then(true);
    else
      this.reads.add((failure) =>
        then(failure === undefined && this.loop.node.leader === raftId(this.member)),
      );
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

  ticked(): void {
    this.#tickedUs = this.#group.clock.now;
  }

  save(): void {
    const fsyncUs = this.#group.fsyncOf(this.member);
    const u = fsyncUs.kind === "constant" ? 0 : this.#fsyncs.uniform(this.incarnation, ++this.#fsyncCount);
    this.#group.saveAfter(this.member, this.incarnation, Math.max(1, Math.round(quantile(fsyncUs, u))));
  }

  send(message: Message, beat: Beat | undefined): void {
    this.#group.observer.sent?.(this.member, message);
    // What goes with a beat is a heartbeat or its answer.
    if (beat === undefined && message.type === "InstallSnapshot") {
      this.#snapshots.add(message);
      return;
    }
    const bytes = beat === undefined ? messageBytes(message, this.#group) : MESSAGE_BYTES;
    this.peers.send(message, bytes, beat);
  }

  changed(role: Role, roleBefore: Role, leader: number, leaderBefore: number): void {
    const { observer } = this.#group;
    const { term } = this.loop.node;
    if (role !== roleBefore || leader === leaderBefore) observer.role?.(this.member, role, roleBefore, term);
    if (leader !== leaderBefore) {
      observer.leader?.(this.member, leader === NONE ? undefined : leader - 1, term);
      if (leader !== NONE) this.api.proposals.leaderKnown();
    }
  }

  softState(role: Role, leader: number): void {
    const isNew = leader !== NONE && leader !== this.leader;
    this.leader = leader;
    if (role !== "leader") this.store.leases.demote();
    if (isNew && this.isLeader) this.leadElectedUs = this.#group.clock.now;
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
    if (proposal !== undefined && proposal.incarnation === this.incarnation)
      this.api.proposals.refused(proposal.id);
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
    this.#snapshots.finished(member, isDelivered);
    this.#group.observer.happened?.(this.member, isDelivered ? "snapshotDelivered" : "snapshotFailed");
    this.loop.reportSnapshot(raftId(member), isDelivered);
  }

  // The state machine.

  #applyNext(): void {
    // What is applied may have Raft hand out more, which waits for its turn.
    this.#isApplying = true;
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      const { applyUs } = this.#group.model.costs;
      const costUs = Math.round(batch.entries.length * applyUs);
      if (costUs >= APPLY_EVENT_US) {
        const now = batch;
        this.after(costUs, () => {
          this.#applyBatch(now);
          this.#applyNext();
        });
        return;
      }
      this.#applyBatch(batch);
    }
    this.#isApplying = false;
  }

  #applyBatch({ snapshot, entries }: Batch): void {
    this.#noteBackend();
    if (snapshot !== undefined) this.#install(snapshot);
    for (const entry of entries) {
      if (entry.index <= this.appliedIndex) continue;
      this.#applyEntry(entry);
      this.appliedIndex = entry.index;
      this.#snapshots.sendDue();
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
      if (proposal !== undefined) this.api.proposals.applied(proposal, this.api.members.list());
      return;
    }
    if (proposal?.request === undefined) {
      this.reads.firstCommitInTerm();
      if (this.isLeader) {
        this.store.leases.promote(this.#group.model.electionUs, this.#group.clock.now);
        this.api.leases.watchEnds();
      }
      return;
    }
    const { now } = this.#group.clock;
    const { outcome, events, raisesAlarm } = this.store.apply(proposal.request, entry.index, now);
    if (events.length > 0) {
      observer.wrote?.(this.member, proposal.request, events);
      if (this.watches.count > 0) this.api.watches.notify(events);
    }
    if (raisesAlarm) this.api.proposals.appliedOverQuota(proposal, outcome);
    else this.api.proposals.applied(proposal, outcome);
    if (outcome.type === "lease") this.api.leases.watchEnds();
  }

  #applyChange(change: ConfigurationChange): void {
    for (const { type, member } of change.changes) {
      if (type === "remove") {
        this.store.unpublish(member - 1);
        if (member === raftId(this.member)) this.#leave();
        else this.#removePeer(member - 1);
      } else if (type !== "update") this.#addPeer(member);
    }
  }

  #install(snapshot: Snapshot): void {
    this.#group.observer.happened?.(this.member, "snapshotInstalled");
    const { index } = snapshot;
    const store = this.#group.contentOf(snapshot);
    this.store.leases.demote();
    this.store = Store.restore(store, this.#group.model);
    this.bases = [{ index, store }];
    this.watches.moveTo(this.store);
    this.api.watches.sync();
    this.appliedIndex = index;
    this.#snapshotIndex = index;
    this.#backendIndex = index;
    const members = membersOf(snapshot.configuration);
    for (let m = 0; m < this.#group.model.members.length; m++) {
      if (members.includes(raftId(m))) this.#addPeer(raftId(m));
      else if (m !== this.member) this.#removePeer(m);
    }
  }

  #takeSnapshotIfDue(): void {
    const { snapshotCount, snapshotCatchUpEntries } = this.#group.model;
    const index = this.appliedIndex;
    if (index - this.#snapshotIndex <= snapshotCount) return;
    this.#group.observer.happened?.(this.member, "snapshotTaken");
    this.#snapshotIndex = index;
    // The backend is committed first, so that it is never behind the log's beginning.
    this.#backendIndex = index;
    this.bases = [...this.bases.slice(-1), { index, store: this.store.snapshot() }];
    const keep = this.#snapshots.holdsLog ? 0 : index - snapshotCatchUpEntries;
    this.loop.takeSnapshot(index, Math.max(keep, 0));
  }

  /**
   * It is no member any more: etcd's server stops itself. Members keep their numbers here, so one that joins anew finds
   * its own removal in the log; it stays.
   */
  #leave(): void {
    this.after(REMOVED_EXIT_US, () => {
      if (membersOf(this.configuration).includes(raftId(this.member))) return;
      this.#group.exitRemoved(this.member, this.incarnation);
    });
  }

  #removePeer(member: MemberNumber): void {
    this.peers.removePeer(member);
    this.#snapshots.removed(member);
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
      if (this.peers.activePeers > 1 && !this.#isJoining) {
        this.#group.observer.happened?.(this.member, "timerAdvanced");
        this.loop.advanceTicks(this.#electionTicks - 2);
      } else this.#lookForPeers(looks - 1);
    });
  }

  #interval(): number {
    return Math.floor((this.#group.clock.now - this.startedUs) / ETCD_LIMITS.backendIntervalUs);
  }

  #noteBackend(): void {
    const interval = this.#interval();
    if (interval === this.#backendInterval) return;
    this.#backendInterval = interval;
    this.#backendIndex = this.appliedIndex;
  }
}
