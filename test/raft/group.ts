/**
 * A small host for tests: members, a network and disks, moved by hand or to rest. Messages lie in one bag until they
 * are delivered; fsyncs are instantaneous unless a member's disk is held. Each step is checked by RaftInvariants.
 */
import { assert } from "../../src/assert.js";
import { RaftInvariants } from "../../src/raft/checkers.js";
import { RaftNode } from "../../src/raft/node.js";
import type {
  ConfigurationChange,
  DurableImage,
  Effects,
  Entry,
  HardState,
  MemberId,
  Message,
  RaftConfig,
} from "../../src/raft/types.js";
import { ETCD_DEFAULTS, NONE } from "../../src/raft/types.js";

export interface GroupOptions extends Partial<Omit<RaftConfig, "id" | "voters">> {
  /** Members that start with something on disk. */
  readonly disks?: Readonly<Record<MemberId, DurableImage>>;
  /** A host with a bug: sends without waiting for the disk. */
  readonly ignoresSendAfter?: boolean;
  /** The test forges messages that no group would send, so its state may be one that no group could reach. */
  readonly isForged?: boolean;
}

const BLANK: DurableImage = { hardState: { term: 0, votedFor: NONE, commitIndex: 0 }, entries: [] };

interface Waiting {
  readonly message: Message;
  readonly sendAfter: number;
}

export class Group {
  readonly voters: readonly MemberId[];
  readonly invariants = new RaftInvariants();
  readonly options: GroupOptions;
  readonly #nodes = new Map<MemberId, RaftNode>();
  readonly #down = new Map<MemberId, ReturnType<RaftNode["durableImage"]>>();
  readonly #readFloors = new Map<string, number>();
  readonly #waiting = new Map<MemberId, Waiting[]>();
  /** Data applied at each member, in order, since its last start. */
  readonly applied = new Map<MemberId, number[]>();
  /** Reads answered at each member, in order: what the host called them, and the index they wait for. */
  readonly reads = new Map<MemberId, { context: number; index: number }[]>();
  /** Proposals refused, in order. */
  readonly dropped: number[] = [];
  /** Sent and not yet delivered, oldest first. */
  readonly network: Message[] = [];
  readonly heldDisks = new Set<MemberId>();
  /** Directed links cut, as "from>to". */
  readonly cut = new Set<string>();
  /** Whether the transport tells the senders of snapshots what became of them. */
  reportsSnapshots = true;
  /** For who wants to tell the story: a message arrives; a member has made a step. */
  onDeliver: ((message: Message) => void) | undefined;
  onStep: ((node: RaftNode, effects: Effects) => void) | undefined;
  steps = 0;
  /** How often what is seldom happened. */
  readonly seen = {
    successions: 0,
    installed: 0,
    configurations: 0,
    jointConfigurations: 0,
    readsAnswered: 0,
  };
  /** How often a member gave up the end of its log for a leader's. */
  conflicts = 0;

  constructor(voters: readonly MemberId[], options: GroupOptions = {}) {
    this.voters = voters;
    this.options = options;
    for (const id of voters) {
      this.#boot(id, options.disks?.[id] ?? BLANK);
    }
  }

  get nodes(): RaftNode[] {
    return [...this.#nodes.values()];
  }

  isUp(id: MemberId): boolean {
    return this.#nodes.has(id);
  }

  node(id: MemberId): RaftNode {
    const node = this.#nodes.get(id);
    assert(node !== undefined, `member ${id} is down`);
    return node;
  }

  /** Everybody who ever started, in the order of first starts. */
  get everybody(): MemberId[] {
    return [...this.applied.keys()];
  }

  get leader(): MemberId | undefined {
    const leaders = this.nodes.filter((node) => node.role === "leader").sort((a, b) => b.term - a.term);
    return leaders[0]?.id;
  }

  /** "term term term ..." of the member's log. */
  terms(id: MemberId): string {
    const { log } = this.node(id);
    const count = log.lastIndex - log.firstIndex + 1;
    return Array.from({ length: count }, (_, i) => log.termAt(log.firstIndex + i)).join(" ");
  }

  tick(id: MemberId, count = 1): void {
    for (let i = 0; i < count; i++) this.#take(id, this.node(id).tick());
  }

  campaign(id: MemberId): void {
    this.#take(id, this.node(id).campaign());
  }

  propose(id: MemberId, ...data: number[]): void {
    this.#take(id, this.node(id).propose(data));
  }

  reportUnreachable(id: MemberId, member: MemberId): void {
    this.#take(id, this.node(id).reportUnreachable(member));
  }

  takeSnapshot(id: MemberId, index?: number, compactThrough?: number): void {
    this.#take(id, this.node(id).takeSnapshot(index ?? this.node(id).commitIndex, compactThrough));
  }

  reportSnapshot(id: MemberId, member: MemberId, isDelivered: boolean): void {
    if (this.isUp(id)) this.#take(id, this.node(id).reportSnapshot(member, isDelivered));
  }

  proposeChange(id: MemberId, change: ConfigurationChange, data = 0): void {
    this.#take(id, this.node(id).proposeChange(change, data));
  }

  /** A new process with an empty disk, which knows no more than the group's first configuration. */
  add(id: MemberId): void {
    this.#boot(id, BLANK);
  }

  /** A read. Whatever anybody knows to be committed by now, its answer must cover. */
  readIndex(id: MemberId, context: number): void {
    this.#readFloors.set(`${id}/${context}`, this.invariants.committedIndex);
    this.#take(id, this.node(id).readIndex(context));
  }

  transferLeadership(id: MemberId, transferee: MemberId): void {
    this.#take(id, this.node(id).transferLeadership(transferee));
  }

  forgetLeader(id: MemberId): void {
    this.#take(id, this.node(id).forgetLeader());
  }

  /** Gives a message to its receiver, if it is up. */
  deliver(message: Message): void {
    const node = this.#nodes.get(message.to);
    if (node === undefined) {
      this.lose(message);
      return;
    }
    this.onDeliver?.(message);
    const { lastIndex, lastTerm } = endOf(node);
    const { role } = node;
    this.#take(message.to, node.receive(message));
    if (message.type === "TimeoutNow" && role !== node.role) this.seen.successions += 1;
    if (node.log.firstIndex <= lastIndex && node.log.termAt(lastIndex) !== lastTerm) this.conflicts += 1;
    if (message.type === "InstallSnapshot" && this.reportsSnapshots)
      this.reportSnapshot(message.from, message.to, true);
  }

  /** A message is gone. Snapshots travel on their own, and their sender's transport knows what became of them. */
  lose(message: Message): void {
    if (message.type === "InstallSnapshot") this.reportSnapshot(message.from, message.to, false);
  }

  /** Delivers everything that is on its way and whatever comes of it, in order of sending. Cut links lose theirs. */
  settle(): void {
    for (let message = this.network.shift(); message !== undefined; message = this.network.shift()) {
      if (this.cut.has(`${message.from}>${message.to}`)) this.lose(message);
      else this.deliver(message);
      assert(this.steps < 1_000_000, "the group does not come to rest");
    }
  }

  /** Takes the messages of one kind off the network. */
  takeMessages<T extends Message["type"]>(type: T): Extract<Message, { type: T }>[] {
    const taken: Extract<Message, { type: T }>[] = [];
    for (let i = 0; i < this.network.length; i++) {
      const message = this.network[i] as Message;
      if (message.type !== type) continue;
      taken.push(message as Extract<Message, { type: T }>);
      this.network.splice(i--, 1);
    }
    return taken;
  }

  /** Everything `id` has written is durable. */
  sync(id: MemberId): void {
    const node = this.node(id);
    if (node.writeSequence > node.durableSequence) this.persisted(id, node.writeSequence);
  }

  /** The member's disk has got as far as `sequence`. */
  persisted(id: MemberId, sequence: number): void {
    this.#take(id, this.node(id).persisted(sequence));
  }

  /** The process dies; of its writes those through `sequence` survive, and of the next its first `tornEntries` entries. */
  crash(id: MemberId, sequence = this.node(id).durableSequence, tornEntries = 0): void {
    this.#down.set(id, this.node(id).durableImage(sequence, tornEntries));
    this.#nodes.delete(id);
    this.#waiting.delete(id);
    this.heldDisks.delete(id);
    this.invariants.crashed(id);
  }

  restart(id: MemberId, tamper: (hardState: HardState) => HardState = (hardState) => hardState): void {
    const image = this.#down.get(id);
    assert(image !== undefined, `member ${id} is not down`);
    this.#down.delete(id);
    this.#boot(id, { ...image, hardState: tamper(image.hardState) });
  }

  isolate(id: MemberId): void {
    for (const other of this.applied.keys()) {
      this.cut.add(`${id}>${other}`);
      this.cut.add(`${other}>${id}`);
    }
  }

  heal(): void {
    this.cut.clear();
  }

  #boot(id: MemberId, { hardState, snapshot, entries }: DurableImage): void {
    const { disks: _disks, ignoresSendAfter: _ignores, isForged: _forged, ...settings } = this.options;
    const config: RaftConfig = {
      ...ETCD_DEFAULTS,
      // Without another wish the lower identity fires first, so that stories are easy to tell.
      drawElectionTicks: (member) => Math.min(10 + member, 19),
      ...settings,
      id,
      voters: this.voters,
    };
    const node = RaftNode.restart(config, hardState, entries, 0, snapshot);
    this.#nodes.set(id, node);
    this.#waiting.set(id, []);
    this.applied.set(id, snapshot === undefined ? [] : this.#committedThrough(snapshot.index));
    this.reads.set(id, []);
    this.invariants.observe(node);
  }

  /** A state machine made from a snapshot. */
  #committedThrough(index: number): number[] {
    return Array.from({ length: index }, (_, i) => this.invariants.committedEntry(i + 1)?.data ?? Number.NaN);
  }

  #take(id: MemberId, effects: Effects): void {
    this.steps += 1;
    const waiting = this.#waiting.get(id);
    const applied = this.applied.get(id);
    assert(waiting !== undefined && applied !== undefined, `member ${id} is down`);
    for (const [i, message] of effects.messages.entries()) {
      waiting.push({ message, sendAfter: effects.sendAfter[i] ?? 0 });
    }
    if (effects.snapshot !== undefined) {
      this.seen.installed += 1;
      applied.splice(0, applied.length, ...this.#committedThrough(effects.snapshot.index));
    }
    for (const { change } of effects.committed) {
      if (change === undefined) continue;
      this.seen.configurations += 1;
      if (change.transition !== "auto" || change.changes.length > 1) this.seen.jointConfigurations += 1;
    }
    for (const entry of effects.committed) applied.push(entry.data);
    this.dropped.push(...effects.dropped);
    for (const read of effects.readStates) {
      const floor = this.#readFloors.get(`${id}/${read.context}`);
      assert(
        floor !== undefined && read.index >= floor,
        `a read answered with ${read.index}, ${floor} was committed`,
      );
      this.reads.get(id)?.push(read);
      this.seen.readsAnswered += 1;
    }
    const node = this.node(id);
    if (this.options.isForged !== true) this.invariants.observe(node);
    this.onStep?.(node, effects);
    this.#release(node, waiting);
    if (!this.heldDisks.has(id)) this.sync(id);
  }

  #release(node: RaftNode, waiting: Waiting[]): void {
    for (let i = 0; i < waiting.length; i++) {
      const { message, sendAfter } = waiting[i] as Waiting;
      if (sendAfter > node.durableSequence && this.options.ignoresSendAfter !== true) continue;
      this.network.push(message);
      waiting.splice(i--, 1);
    }
  }
}

function endOf(node: RaftNode): { lastIndex: number; lastTerm: number } {
  return { lastIndex: node.log.lastIndex, lastTerm: node.log.termAt(node.log.lastIndex) };
}

/** Entries with these terms and made-up data. */
export function entriesOfTerms(...terms: number[]): Entry[] {
  return terms.map((term, i) => ({ term, index: i + 1, data: term * 1000 + i + 1 }));
}

/** A disk with a log of these terms, in term `term`. */
export function disk(term: number, terms: readonly number[], commitIndex = 0, votedFor: MemberId = NONE) {
  return { hardState: { term, votedFor, commitIndex }, entries: entriesOfTerms(...terms) };
}
