/** A member: its disk, which outlives its processes, and the process that runs now, if one does. */
import { assert, present } from "../assert.js";
import { quantile } from "../engine/variates.js";
import { changeConfiguration, membersOf, simpleConfiguration } from "../raft/configuration.js";
import {
  type Configuration,
  type DurableImage,
  type Entry,
  ETCD_DEFAULTS,
  type MemberId,
  NONE,
  type RaftConfig,
  type Role,
} from "../raft/types.js";
import { ETCD_LIMITS, type MemberModel, type MemberNumber, raftId } from "./model.js";
import type { PeerTransport, PeerUpcalls } from "./peer-types.js";
import type { GroupContext } from "./process-types.js";
import type { TornWrite } from "./raft-loop.js";
import { Server, type StoreBase } from "./server.js";
import { Store, type StoreSnapshot } from "./store.js";
import type { Backup, MemberFace, StartOptions } from "./world-types.js";

/** Entries of about this size fill an append message, for Raft's limit by count. */
const ENTRY_BYTES_ASSUMED = 256;

/** What is on a member's disk while no process runs. */
interface Disk {
  image: DurableImage;
  /**
   * The state machine as of `appliedIndex`. A process that starts would make the same of the database file and the log;
   * where less than that survived, it is made anew.
   */
  store: Store;
  appliedIndex: number;
  /** Through here the database file had it. */
  backendIndex: number;
  /** States from which it can be made anew: among them that of the snapshot in the image, if there is one. */
  bases: readonly StoreBase[];
}

const BLANK: DurableImage = { hardState: { term: 0, votedFor: NONE, commitIndex: 0 }, entries: [] };

export class Member implements MemberFace {
  readonly number: MemberNumber;
  readonly model: MemberModel;
  readonly #group: GroupContext;
  readonly #makePeers: (member: MemberNumber, upcalls: PeerUpcalls) => PeerTransport;
  readonly #founders: { readonly voters: readonly MemberId[]; readonly learners: readonly MemberId[] };
  #disk: Disk;
  #server: Server | undefined;
  /** A process that boots counts as up, as its host knows it; it has no server yet. */
  #isBooting = false;
  #hasPower = true;
  /** Raised at every start and every end of a process: what belongs to another one is stale. */
  incarnation = 0;

  constructor(
    group: GroupContext,
    number: MemberNumber,
    makePeers: (member: MemberNumber, upcalls: PeerUpcalls) => PeerTransport,
  ) {
    this.#group = group;
    this.number = number;
    this.model = present(group.model.members[number], `there is no member ${number}`);
    this.#makePeers = makePeers;
    const founders = group.model.members.flatMap((one, m) =>
      one.joinsLater === true ? [] : [{ one, id: raftId(m) }],
    );
    this.#founders = {
      voters: founders.filter(({ one }) => one.isLearner !== true).map(({ id }) => id),
      learners: founders.filter(({ one }) => one.isLearner === true).map(({ id }) => id),
    };
    this.#disk = this.#emptyDisk();
  }

  get name(): string {
    return this.model.name;
  }

  get server(): Server | undefined {
    return this.#server;
  }

  get isUp(): boolean {
    return this.#server !== undefined || this.#isBooting;
  }

  get hasPower(): boolean {
    return this.#hasPower;
  }

  get isReady(): boolean {
    return this.#server?.isReady ?? false;
  }

  get role(): Role | undefined {
    return this.#server?.loop.node.role;
  }

  get term(): number {
    return this.#server?.loop.node.term ?? this.#disk.image.hardState.term;
  }

  get leader(): MemberNumber | undefined {
    const leader = this.#server?.loop.node.leader ?? NONE;
    return leader === NONE ? undefined : leader - 1;
  }

  get commitIndex(): number {
    return this.#server?.loop.node.commitIndex ?? this.#disk.image.hardState.commitIndex;
  }

  get appliedIndex(): number {
    return this.#server?.appliedIndex ?? this.#disk.appliedIndex;
  }

  get lastLogIndex(): number {
    return this.#server?.loop.node.log.lastIndex ?? lastIndexOf(this.#disk.image);
  }

  get store(): Store | undefined {
    return this.#server?.store;
  }

  /** What its disk holds; while a process runs, what a crash now would leave of it. */
  get image(): DurableImage {
    return this.#server?.loop.image(true) ?? this.#disk.image;
  }

  /** A process starts and boots; {@link boot} is due after the µs returned: `bootUs`, or as long as such a start takes. */
  start(options: StartOptions, bootUs: number | undefined): number {
    assert(!this.isUp && this.#hasPower, `${this.name} cannot be started: it runs, or has no power`);
    this.incarnation++;
    this.#isBooting = true;
    if (options.wiped === true) this.#disk = this.#emptyDisk();
    if (options.restore !== undefined) this.#restore(options.restore.backup, options.restore.members);
    if (options.forceNewCluster === true) this.#forceNewCluster();
    this.#group.observer.process?.(this.number, true);
    return bootUs ?? this.#drawBootUs();
  }

  /** Database and log are open: the process takes part from now on. */
  boot(options: StartOptions): Server {
    const { image, store, appliedIndex, bases } = this.#disk;
    this.#isBooting = false;
    const config = this.#config();
    // With --force-new-cluster the removals are in the log, but not in force when it looks at who there is.
    const startsAlone =
      membersOf(configurationOf(image, config)).length === 1 && options.forceNewCluster !== true;
    const { number: member, incarnation } = this;
    const isJoining = lastIndexOf(image) === 0 && (options.wiped === true || this.model.joinsLater === true);
    const setup = { member, incarnation, config, image, store, appliedIndex, bases, isJoining, startsAlone };
    const server = new Server(this.#group, setup, (upcalls) => this.#makePeers(member, upcalls));
    this.#server = server;
    return server;
  }

  /** The process dies; its kernel lives and has what was written. */
  kill(): void {
    if (!this.isUp) return;
    this.#end(true);
    this.#group.network.exit(this.model.host);
  }

  /** Power fails: what was not synced is gone, of the write under way some of its entries may be there. */
  powerOff(): void {
    if (!this.#hasPower) return;
    this.#hasPower = false;
    if (this.isUp) {
      const draws = this.#group.streams.counted(`etcd/${this.name}/torn`);
      const entries = Math.floor(draws.uniform(this.incarnation) * TORN_ENTRIES);
      this.#end(false, { share: draws.uniform(this.incarnation, 1), entries });
    }
    this.#group.network.powerOff(this.model.host);
  }

  powerOn(): void {
    if (this.#hasPower) return;
    this.#hasPower = true;
    this.#group.network.powerOn(this.model.host);
  }

  /** As etcd's snapshot save, or a copy of the file: the state as of the last backend commit. */
  databaseFile(): Backup {
    const server = this.#server;
    const disk = server === undefined ? this.#disk : diskOf(server, true);
    const store = this.#stateAt(disk, disk.backendIndex);
    return { revision: store.revision, takenUs: this.#group.clock.now, store: store.snapshot() };
  }

  #drawBootUs(): number {
    const { bootUs } = this.#group.model.costs;
    if (bootUs.kind === "constant") return Math.round(bootUs.value);
    const draws = this.#group.streams.counted(`etcd/${this.name}/boot`);
    return Math.round(quantile(bootUs, draws.uniform(this.incarnation)));
  }

  #end(keepsWritten: boolean, torn?: TornWrite): void {
    const server = this.#server;
    this.incarnation++;
    this.#isBooting = false;
    this.#server = undefined;
    if (server !== undefined) {
      server.stop();
      server.store.leases.demote();
      this.#disk = diskOf(server, keepsWritten, torn);
      this.#takeInstalled();
      this.#keepCommitted(Math.max(this.#disk.image.hardState.commitIndex, this.#disk.backendIndex));
    }
    this.#group.observer.process?.(this.number, false);
  }

  /** The disk has a snapshot that the state machine had not come to. */
  #takeInstalled(): void {
    const disk = this.#disk;
    const { snapshot } = disk.image;
    if (snapshot === undefined || snapshot.index <= disk.appliedIndex) return;
    const { index } = snapshot;
    const content = this.#group.contentOf(snapshot);
    disk.store = Store.restore(content, this.#group.model);
    disk.bases = [{ index, store: content }];
    disk.appliedIndex = index;
    disk.backendIndex = index;
  }

  /** The disk knows of no commit beyond `commitIndex`: the state is that of there, until the group tells more. */
  #keepCommitted(commitIndex: number): void {
    const disk = this.#disk;
    const known = Math.min(commitIndex, lastIndexOf(disk.image));
    disk.image = { ...disk.image, hardState: { ...disk.image.hardState, commitIndex: known } };
    if (disk.appliedIndex <= known) return;
    disk.store = this.#stateAt(disk, known);
    disk.appliedIndex = known;
    disk.backendIndex = Math.min(disk.backendIndex, known);
  }

  /** The member alone, with what its log and its database know to be committed; the others are removed from the group. */
  #forceNewCluster(): void {
    const disk = this.#disk;
    const { hardState, snapshot } = disk.image;
    const commitIndex = Math.max(hardState.commitIndex, disk.backendIndex);
    const entries = disk.image.entries.filter((entry) => entry.index <= commitIndex);
    const kept = { ...disk.image, entries, hardState: { ...hardState, commitIndex } };
    const configuration = configurationOf(kept, this.#config());
    const self = raftId(this.number);
    const appended: Entry[] = [];
    const add = (type: "add-voter" | "remove", member: MemberId): void => {
      const index = commitIndex + appended.length + 1;
      const change = { transition: "auto", changes: [{ type, member }] } as const;
      appended.push({ term: hardState.term, index, data: 0, change });
    };
    if (!configuration.voters.includes(self)) add("add-voter", self);
    for (const member of membersOf(configuration)) if (member !== self) add("remove", member);
    const image = {
      hardState: { ...hardState, commitIndex: commitIndex + appended.length },
      entries: [...entries, ...appended],
    };
    disk.image = snapshot === undefined ? image : { ...image, snapshot };
  }

  /** A data directory made of a saved database: a new group of these members, its log beginning with a snapshot. */
  #restore(backup: Backup, members: readonly MemberNumber[]): void {
    assert(members.includes(this.number), `${this.name} is none of the restored group's members`);
    const voters = members.map(raftId).sort((a, b) => a - b);
    const index = voters.length;
    const snapshot = { index, term: 1, configuration: { ...simpleConfiguration(voters, []) } };
    // The store counts entries from the new log's beginning.
    const base: StoreSnapshot = { ...backup.store, appliedIndex: index, published: [] };
    this.#disk = {
      image: { hardState: { term: 1, votedFor: NONE, commitIndex: index }, snapshot, entries: [] },
      store: Store.restore(base, this.#group.model),
      appliedIndex: index,
      backendIndex: index,
      bases: [{ index, store: base }],
    };
  }

  /** The state machine as of an index: what there is, or made anew from the log. */
  #stateAt({ store, appliedIndex, bases, image }: Disk, index: number): Store {
    if (appliedIndex === index) return store;
    const from = image.snapshot?.index ?? 0;
    assert(index < appliedIndex && index >= from, `no state at ${index} between ${from} and ${appliedIndex}`);
    const base = bases.find((one) => one.index === from)?.store;
    assert(base !== undefined || from === 0, `no state at ${from}, where the log begins`);
    const made = base === undefined ? new Store(this.#group.model) : Store.restore(base, this.#group.model);
    for (const entry of image.entries) {
      if (entry.index > index) break;
      for (const { type, member } of entry.change?.changes ?? [])
        if (type === "remove") made.unpublish(member - 1);
      const request = entry.change === undefined ? this.#group.proposal(entry.data)?.request : undefined;
      if (request !== undefined) made.apply(request, entry.index, this.#group.clock.now);
    }
    return made;
  }

  #emptyDisk(): Disk {
    return {
      image: BLANK,
      store: new Store(this.#group.model),
      appliedIndex: 0,
      backendIndex: 0,
      bases: [],
    };
  }

  #config(): RaftConfig {
    const { model, streams } = this.#group;
    const { heartbeatUs, electionUs, preVote, checkQuorum, readOnlyOption } = model;
    const electionTicks = Math.floor(electionUs / heartbeatUs);
    const draws = streams.counted(`etcd/${this.name}/election-timeout`);
    const { incarnation } = this;
    return {
      ...ETCD_DEFAULTS,
      id: raftId(this.number),
      voters: this.#founders.voters,
      learners: this.#founders.learners,
      electionTicks,
      preVote,
      checkQuorum,
      readOnlyOption,
      appliesStableOnly: true,
      entriesPerMessageMax: Math.floor(ETCD_LIMITS.appendBytesMax / ENTRY_BYTES_ASSUMED),
      // `nth` begins anew with each process, so the process is part of the address.
      drawElectionTicks: (_, term, nth) =>
        electionTicks +
        Math.floor(draws.uniform(term, incarnation * DRAWS_PER_PROCESS + nth) * electionTicks),
    };
  }
}

/** More draws than a process makes in one term. */
const DRAWS_PER_PROCESS = 1_000_000;
/** Entries of one write that a power failure may let through. */
const TORN_ENTRIES = 4;

function lastIndexOf(image: DurableImage): number {
  return image.entries[image.entries.length - 1]?.index ?? image.snapshot?.index ?? 0;
}

/** What a crash of this process leaves on its member's disk. */
function diskOf(server: Server, keepsWritten: boolean, torn?: TornWrite): Disk {
  const { store, appliedIndex, backendIndex, bases } = server;
  return { image: server.loop.image(keepsWritten, torn), store, appliedIndex, backendIndex, bases };
}

/** Who takes part according to what the disk knows to be committed. */
function configurationOf(image: DurableImage, config: RaftConfig): Configuration {
  let configuration =
    image.snapshot?.configuration ?? simpleConfiguration(config.voters, config.learners ?? []);
  for (const { index, change } of image.entries) {
    if (change === undefined || index > image.hardState.commitIndex) continue;
    configuration = changeConfiguration(configuration, change).configuration ?? configuration;
  }
  return configuration;
}
