/** Looks at a group after every event: the properties of Raft, equal state machines, and what turns it takes. */

import type { EtcdEvent } from "../etcd/events.js";
import { type EtcdModel, type MemberNumber, raftId } from "../etcd/model.js";
import type { LoggedRequest } from "../etcd/requests.js";
import type { EtcdWorld } from "../etcd/world.js";
import type { EtcdObserver, Happening } from "../etcd/world-types.js";
import { RaftInvariants } from "../raft/checkers.js";
import { changeConfiguration, simpleConfiguration } from "../raft/configuration.js";
import type { RaftNode } from "../raft/node.js";
import type { Configuration, ConfigurationChange, Message, Role } from "../raft/types.js";
import { NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { Counter, Turn } from "./counts.js";
import type { Truth } from "./truth.js";
import { LifeViolation } from "./violation.js";

/** State machines are compared at every so manieth index. */
const COMPARED_EVERY = 64;

const HAPPENINGS: Readonly<Record<Happening, Turn>> = {
  proposalHeld: "proposal held without a leader",
  proposalRefused: "proposal refused in a transfer",
  tooManyRequests: "too many requests",
  timerAdvanced: "election timer advanced at start",
  snapshotTaken: "snapshot taken",
  snapshotInstalled: "snapshot installed",
  snapshotDelivered: "snapshot delivered",
  snapshotFailed: "snapshot failed",
  watchBroughtUp: "watch brought up",
  watchCompacted: "watch compacted",
};

/** What was last seen of one process' log. */
interface LogSeen {
  node: RaftNode | undefined;
  lastIndex: number;
  lastTerm: number;
}

export class LifeObserver {
  readonly invariants = new RaftInvariants();
  readonly #model: EtcdModel;
  readonly #counter: Counter;
  readonly #truth: Truth;
  readonly #logs: LogSeen[];
  /** Members that a message reached in the event under way. */
  readonly #reached: MemberNumber[] = [];
  readonly #digests = new Map<number, number>();
  /** By member: when its processes began and ended. */
  readonly #processesUs: Micros[][];
  readonly #leaderTerms: { readonly atUs: Micros; readonly term: number }[] = [];
  /** The term in which a member became leader. */
  readonly #leadTerms: number[] = [];
  readonly #lastContexts: number[] = [];
  #configuration: Configuration;
  #configuredIndex = 0;
  #world: EtcdWorld | undefined;

  constructor(model: EtcdModel, counter: Counter, truth: Truth) {
    this.#model = model;
    this.#counter = counter;
    this.#truth = truth;
    this.#logs = model.members.map(() => ({ node: undefined, lastIndex: 0, lastTerm: 0 }));
    this.#processesUs = model.members.map(() => []);
    const founders = model.members.flatMap((one, m) =>
      one.joinsLater === true ? [] : [{ one, id: raftId(m) }],
    );
    this.#configuration = simpleConfiguration(
      founders.filter(({ one }) => one.isLearner !== true).map(({ id }) => id),
      founders.filter(({ one }) => one.isLearner === true).map(({ id }) => id),
    );
  }

  /** Looks on from now on. */
  attach(world: EtcdWorld): void {
    this.#world = world;
    world.simulation.observe((kind, subject) => this.#afterEvent(kind, subject));
  }

  readonly callbacks: EtcdObserver = {
    process: (member) => {
      this.#processesUs[member]?.push(this.#now);
      // A new process is looked at once it has booted; what it had in memory is gone either way.
      this.invariants.crashed(raftId(member));
      const log = this.#logs[member];
      if (log !== undefined) log.node = undefined;
    },
    role: (member, role, before, term) => this.#role(member, role, before, term),
    applied: (member, index, request) => this.#applied(member, index, request),
    sent: (member, message) => this.#sent(member, message),
    received: (member, message) => this.#received(member, message),
    wrote: (_, request, events) => this.#truth.wrote(request, events),
    happened: (member, what) => {
      // Before the log forgets entries, what is committed of them is noted.
      if (what === "snapshotTaken") this.#look(member);
      this.#counter.turn(HAPPENINGS[what]);
    },
  };

  /** Who takes part, as far as it is committed anywhere. */
  get configuration(): Configuration {
    for (; this.#configuredIndex < this.invariants.committedIndex; this.#configuredIndex++) {
      const change = this.invariants.committedEntry(this.#configuredIndex + 1)?.change;
      if (change === undefined) continue;
      this.#configured(change);
      this.#configuration =
        changeConfiguration(this.#configuration, change).configuration ?? this.#configuration;
    }
    return this.#configuration;
  }

  /** Counts a member's starts and ends up to a time. */
  processAt(member: MemberNumber, atUs: Micros): number {
    return (this.#processesUs[member] ?? []).filter((us) => us <= atUs).length;
  }

  leaderTermAt(atUs: Micros): number {
    let highest = 0;
    for (const { atUs: since, term } of this.#leaderTerms)
      if (since <= atUs) highest = Math.max(highest, term);
    return highest;
  }

  /** All members at one index hold the same; throws where not. */
  compare(member: MemberNumber): void {
    const store = this.#world?.group.member(member).store;
    if (store === undefined) return;
    this.#compareAt(member, this.#world?.group.member(member).appliedIndex ?? 0);
  }

  get #now(): Micros {
    return this.#world?.now ?? 0;
  }

  #node(member: MemberNumber): RaftNode | undefined {
    return this.#world?.group.member(member).server?.loop.node;
  }

  #afterEvent(kind: EtcdEvent, subject: number): void {
    switch (kind) {
      case "member-tick":
      case "member-saved":
      case "member-timer":
      case "peer-timer":
        this.#look(subject);
        break;
      case "etcd-planned":
        for (let m = 0; m < this.#logs.length; m++) this.#look(m);
        break;
    }
    for (let member = this.#reached.pop(); member !== undefined; member = this.#reached.pop())
      this.#look(member);
  }

  #look(member: MemberNumber): void {
    const node = this.#node(member);
    if (node === undefined) return;
    this.invariants.observe(node);
    const seen = this.#logs[member] as LogSeen;
    const { lastIndex } = node.log;
    if (seen.node === node && seen.lastIndex > 0 && seen.lastIndex >= node.log.firstIndex) {
      if (lastIndex < seen.lastIndex || node.log.termAt(seen.lastIndex) !== seen.lastTerm)
        this.#counter.turn("log truncated");
    }
    seen.node = node;
    seen.lastIndex = lastIndex;
    seen.lastTerm = node.log.termAt(lastIndex);
  }

  #role(member: MemberNumber, role: Role, before: Role, term: number): void {
    const counter = this.#counter;
    switch (role) {
      case "pre-candidate":
        counter.turn("pre-vote round");
        break;
      case "candidate":
        counter.turn("candidacy");
        break;
      case "leader":
        counter.turn("leader elected");
        this.#leadTerms[member] = term;
        this.#leaderTerms.push({ atUs: this.#now, term });
        break;
      case "follower":
        if (before === "candidate") counter.turn("candidate gave way");
        else if (before === "leader")
          counter.turn(
            term > (this.#leadTerms[member] ?? 0)
              ? "leader stepped down for a higher term"
              : "leader stepped down by check quorum",
          );
        break;
    }
  }

  #applied(member: MemberNumber, index: number, request: LoggedRequest | undefined): void {
    if ((index - 1) % COMPARED_EVERY === 0) this.#compareAt(member, index - 1);
    if (!this.#truth.applied(index)) return;
    // Who leads now is asked while it still does.
    void this.configuration;
    const counter = this.#counter;
    switch (request?.type) {
      case "leaseRevoke":
        if (!this.#truth.leaseEndsUs.has(request.id)) this.#truth.leaseEndsUs.set(request.id, this.#now);
        break;
      case "alarm":
        counter.turn(request.action === "activate" ? "quota alarm raised" : "quota alarm taken back");
        break;
      case "compact":
        counter.turn("store compacted");
        break;
    }
  }

  #configured(change: ConfigurationChange): void {
    const leader = this.#world?.group.leader();
    for (const { type, member } of change.changes) {
      if (type === "add-learner") this.#counter.turn("learner added");
      else if (type === "add-voter")
        this.#counter.turn(
          this.#configuration.learners.includes(member) ? "learner promoted" : "voter added",
        );
      else if (type === "remove") {
        this.#counter.turn("member removed");
        if (member - 1 === leader) this.#counter.turn("leader removed");
      }
    }
  }

  #compareAt(member: MemberNumber, index: number): void {
    const digest = this.#world?.group.member(member).store?.digest();
    if (digest === undefined) return;
    const other = this.#digests.get(index);
    if (other === undefined) this.#digests.set(index, digest);
    else if (other !== digest)
      throw new LifeViolation("state-machines", `member ${member} differs from another at index ${index}`);
  }

  #sent(member: MemberNumber, message: Message): void {
    const counter = this.#counter;
    switch (message.type) {
      case "AppendEntries": {
        const state = this.#node(member)?.progress(message.to)?.state;
        if (state === "probe") counter.turn("append while probing");
        else if (state === "replicate") counter.turn("append while replicating");
        break;
      }
      case "AppendEntriesResponse":
        if (message.success) break;
        counter.turn("append refused");
        if (message.hintTerm > 0) counter.turn("append refused with a term as hint");
        break;
      case "InstallSnapshot":
        counter.turn("snapshot sent");
        break;
      case "ReadIndex":
        counter.turn(
          this.#lastContexts[member] === message.context
            ? "read asked again"
            : "read index asked of the leader",
        );
        this.#lastContexts[member] = message.context;
        break;
      case "Propose":
        counter.turn("proposal handed on");
        break;
    }
  }

  /** Before the member steps the message. */
  #received(member: MemberNumber, message: Message): void {
    this.#reached.push(member);
    const node = this.#node(member);
    if (node === undefined) return;
    const counter = this.#counter;
    switch (message.type) {
      case "PreVote":
      case "RequestVote": {
        const isPre = message.type === "PreVote";
        if (message.term < node.term || (message.term === node.term && isPre)) break;
        const isUpToDate =
          message.lastLogTerm > node.log.termAt(node.log.lastIndex) ||
          (message.lastLogTerm === node.log.termAt(node.log.lastIndex) &&
            message.lastLogIndex >= node.log.lastIndex);
        const isTransfer = message.type === "RequestVote" && message.isTransfer;
        const isBound =
          this.#model.checkQuorum && node.leader !== NONE && node.electionElapsed < this.#electionTicks;
        if (message.term > node.term && isBound && !isTransfer)
          counter.turn(isPre ? "pre-vote refused by lease" : "vote request unheard by lease");
        else if (!isUpToDate) counter.turn(isPre ? "pre-vote refused by log" : "vote refused by log");
        else if (isPre) counter.turn("pre-vote granted");
        else if (message.term > node.term || node.votedFor === message.from || node.votedFor === NONE)
          counter.turn("vote granted");
        else counter.turn("vote refused, given to another");
        break;
      }
      case "ReadIndex":
        if (node.role === "leader" && node.log.termAt(node.commitIndex) !== node.term)
          counter.turn("read held before the term's first commit");
        break;
    }
  }

  get #electionTicks(): number {
    return Math.floor(this.#model.electionUs / this.#model.heartbeatUs);
  }
}
