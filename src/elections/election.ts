/**
 * One leader election among RaftNodes and nothing else: no clients, no log traffic. The host of the published election
 * experiments (Raft paper §9.3, dissertation chapter 9), on the engine's clock.
 *
 * RaftNode counts ticks and, as etcd's library does, starts its timer anew at every change of term. The paper's servers
 * have continuous timers and start them anew on three occasions only: on hearing the current leader, on granting a vote,
 * on starting an election (figure 2, "Rules for Servers"). So the timers are the host's. It never ticks its nodes, reads
 * the three occasions off their inputs and effects, and calls {@link RaftNode.campaign} when a timer of its own fires.
 */
import { assert, present } from "../assert.js";
import type { RandomStreams } from "../engine/random.js";
import { Simulation } from "../engine/simulation.js";
import { SlotTable } from "../engine/slots.js";
import { RaftNode } from "../raft/node.js";
import type { Effects, Entry, MemberId, Message, RaftConfig, Role } from "../raft/types.js";
import { ETCD_DEFAULTS, NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";

/** A span to draw from, uniformly, both ends within. */
export interface Span {
  readonly fromUs: Micros;
  readonly toUs: Micros;
}

/** What one election is played with. */
export interface ElectionSetting {
  /** Members of the group. */
  readonly servers: number;
  /** Of each member that is up: the entries in its log, all of one term. The longer log is the more up to date (§5.4.1). */
  readonly logLengths: readonly number[];
  readonly electionTimeout: Span;
  /** Timeouts are rounded to a multiple of this; 1 for none. */
  readonly timerStepUs: Micros;
  /** Of each message, drawn anew. */
  readonly oneWay: Span;
  /**
   * One durable write; see {@link writesOf} for how many each step takes. A server does nothing else meanwhile, and what
   * it has to send waits. 0: no disk.
   */
  readonly diskWriteUs: Micros;
  /**
   * Before the crash the leader broadcasts one heartbeat, and crashes at a uniform moment of this interval after it.
   * Undefined: there was no leader, all timers start at the beginning.
   */
  readonly heartbeatIntervalUs: Micros | undefined;
  /** Elections that last longer are given up. */
  readonly limitUs: Micros;
}

/** Times count from the crash, or from the beginning where there was no leader. */
export interface ElectionOutcome {
  /** The leader of the last term becomes one. Infinity: given up. */
  readonly electedUs: Micros;
  /** All other members that are up have heard it. Infinity: given up. */
  readonly heardUs: Micros;
  /** Terms begun since the start, through the leader's. */
  readonly terms: number;
}

type Happening = "timer" | "arrival" | "diskFree";
const HAPPENINGS: readonly Happening[] = ["timer", "arrival", "diskFree"];

/** The term before the election, in which the crashed leader led and all entries were made. */
const TERM_BEFORE = 1;
/** Keeps the addresses of the members' draws apart. */
const MEMBERS_MAX = 16;
/** RaftNode's own timer is never used. */
const UNUSED_TIMER = { electionTicks: 2, heartbeatTicks: 1, drawElectionTicks: () => 2 } as const;

interface Server {
  readonly node: RaftNode;
  /** Raised whenever the timer is set or stopped; an older timer event is stale. */
  timerGeneration: number;
  timersSet: number;
  /** Writing until the event `diskFree`. */
  isWriting: boolean;
  /** What came in meanwhile, in order: a message, or the generation of a timer that fired. */
  readonly waiting: (Message | number)[];
  /** What may leave when the write ends. */
  readonly outbox: Message[];
}

/** Plays the `trial`-th election. Draws are addressed by (trial, member, how often), so trials do not depend on each other. */
export function playElection(
  setting: ElectionSetting,
  streams: RandomStreams,
  trial: number,
): ElectionOutcome {
  return new Election(setting, streams, trial).play();
}

class Election {
  readonly #setting: ElectionSetting;
  readonly #streams: RandomStreams;
  readonly #trial: number;
  readonly #simulation = new Simulation<Happening>(HAPPENINGS);
  readonly #messages = new SlotTable<Message>();
  /** By id - 1; ids beyond are of members that are down. */
  readonly #servers: readonly Server[];
  readonly #crashedAt: Micros;
  #messagesSent = 0;
  #leader: MemberId = NONE;
  #leaderTerm = 0;
  #electedAt = Number.POSITIVE_INFINITY;
  #heardAt = Number.POSITIVE_INFINITY;

  constructor(setting: ElectionSetting, streams: RandomStreams, trial: number) {
    this.#setting = setting;
    this.#streams = streams;
    this.#trial = trial;
    const up = setting.logLengths.length;
    assert(up <= setting.servers, `${up} of ${setting.servers} servers are up`);
    assert(setting.servers < MEMBERS_MAX, `${setting.servers} servers`);
    const voters = Array.from({ length: setting.servers }, (_, i) => i + 1);
    this.#servers = setting.logLengths.map((length, i) => newServer(i + 1, voters, length));
    this.#crashedAt =
      setting.heartbeatIntervalUs === undefined
        ? 0
        : this.#draw("crash", { fromUs: 0, toUs: setting.heartbeatIntervalUs }, 0, 0);
    this.#simulation.handle({
      timer: (member, generation) => this.#take(this.#server(member), generation),
      arrival: (member, handle) => this.#take(this.#server(member), this.#messages.take(handle)),
      diskFree: (member) => this.#onDiskFree(this.#server(member)),
    });
  }

  play(): ElectionOutcome {
    const { heartbeatIntervalUs, servers, limitUs } = this.#setting;
    for (const server of this.#servers) {
      if (heartbeatIntervalUs === undefined) this.#setTimer(server);
      else this.#send(lastHeartbeat(servers, server.node.id));
    }
    this.#simulation.run(this.#crashedAt + limitUs);
    return {
      electedUs: this.#electedAt - this.#crashedAt,
      heardUs: this.#heardAt - this.#crashedAt,
      terms: this.#leaderTerm - TERM_BEFORE,
    };
  }

  #take(server: Server, input: Message | number): void {
    if (server.isWriting) server.waiting.push(input);
    else this.#step(server, input);
  }

  #step(server: Server, input: Message | number): void {
    const { node } = server;
    const { role, term } = node;
    if (typeof input !== "number") {
      const effects = node.receive(input);
      const isFromLeader = input.type === "AppendEntries" || input.type === "Heartbeat";
      if (isFromLeader && input.term === node.term) {
        this.#setTimer(server);
        this.#checkHeard();
      }
      this.#follow(server, effects, role, term);
    } else if (input === server.timerGeneration) {
      this.#setTimer(server);
      this.#follow(server, node.campaign(), role, term);
    }
  }

  /** Carries out the effects of a step that began in this role and term: timers, the write, and what leaves after it. */
  #follow(server: Server, effects: Effects, roleBefore: Role, termBefore: number): void {
    const { node, outbox } = server;
    let grantsVote = false;
    for (const message of effects.messages) {
      if (message.type === "RequestVoteResponse" && message.voteGranted) grantsVote = true;
      outbox.push(message);
    }
    const becomesLeader = node.role === "leader" && roleBefore !== "leader";
    if (becomesLeader) this.#lead(server);
    else if (grantsVote || (roleBefore === "leader" && node.role !== "leader")) this.#setTimer(server);
    if (effects.writeSequence === node.durableSequence) {
      this.#flush(server);
      return;
    }
    const us = this.#setting.diskWriteUs * writesOf(node, node.term > termBefore, grantsVote);
    if (us === 0) {
      this.#written(server);
      return;
    }
    server.isWriting = true;
    this.#simulation.after(us, this.#simulation.kinds.diskFree, node.id);
  }

  #lead(server: Server): void {
    server.timerGeneration += 1;
    this.#leader = server.node.id;
    this.#leaderTerm = server.node.term;
    this.#electedAt = this.#simulation.now;
  }

  #written(server: Server): void {
    const { node } = server;
    const { role, term } = node;
    this.#follow(server, node.persisted(node.writeSequence), role, term);
  }

  #onDiskFree(server: Server): void {
    server.isWriting = false;
    this.#written(server);
    while (!server.isWriting) {
      const input = server.waiting.shift();
      if (input === undefined) return;
      this.#step(server, input);
    }
  }

  #flush(server: Server): void {
    for (const message of server.outbox) this.#send(message);
    server.outbox.length = 0;
  }

  #send(message: Message): void {
    if (message.to > this.#servers.length) return;
    const us = this.#draw("network", this.#setting.oneWay, this.#messagesSent++, 0);
    this.#simulation.after(us, this.#simulation.kinds.arrival, message.to, this.#messages.put(message));
  }

  #setTimer(server: Server): void {
    const { electionTimeout, timerStepUs } = this.#setting;
    server.timerGeneration += 1;
    const us = this.#draw("timeout", electionTimeout, server.timersSet++, server.node.id);
    const roundedUs = Math.round(us / timerStepUs) * timerStepUs;
    this.#simulation.after(roundedUs, this.#simulation.kinds.timer, server.node.id, server.timerGeneration);
  }

  #checkHeard(): void {
    for (const { node } of this.#servers) {
      if (node.leader !== this.#leader || node.term !== this.#leaderTerm) return;
    }
    this.#heardAt = this.#simulation.now;
    this.#simulation.stop();
  }

  #draw(purpose: string, span: Span, nth: number, member: MemberId): Micros {
    const width = span.toUs - span.fromUs;
    if (width === 0) return span.fromUs;
    const u = this.#streams.counted(purpose).uniform(this.#trial, nth * MEMBERS_MAX + member);
    return span.fromUs + Math.floor(u * (width + 1));
  }

  #server(member: MemberId): Server {
    return present(this.#servers[member - 1], `member ${member} is down`);
  }
}

/**
 * The durable writes of one step at `node`, as LogCabin's servers made them when the paper's figures were taken: a
 * candidate writes term and own vote in one; a follower writes a new term, and then the vote it grants; what changes the
 * log writes the entry, and then the list of entries.
 */
export function writesOf(node: Pick<RaftNode, "role">, isNewTerm: boolean, grantsVote: boolean): number {
  if (isNewTerm && node.role === "candidate") return 1;
  if (isNewTerm || grantsVote) return (isNewTerm ? 1 : 0) + (grantsVote ? 1 : 0);
  return 2;
}

/** An AppendEntries without entries, as the paper's heartbeats are (§5.2). */
function lastHeartbeat(from: MemberId, to: MemberId): Message {
  return {
    type: "AppendEntries",
    from,
    to,
    term: TERM_BEFORE,
    prevLogIndex: 0,
    prevLogTerm: 0,
    entries: [],
    leaderCommit: 0,
  };
}

function newServer(id: MemberId, voters: readonly MemberId[], logLength: number): Server {
  const config: RaftConfig = {
    ...ETCD_DEFAULTS,
    ...UNUSED_TIMER,
    id,
    voters,
    preVote: false,
    checkQuorum: false,
  };
  const entries = Array.from(
    { length: logLength },
    (_, i): Entry => ({ term: TERM_BEFORE, index: i + 1, data: i + 1 }),
  );
  const hardState = { term: TERM_BEFORE, votedFor: NONE, commitIndex: 0 };
  const node = RaftNode.restart(config, hardState, entries);
  node.persisted(node.writeSequence);
  return { node, timerGeneration: 0, timersSet: 0, isWriting: false, waiting: [], outbox: [] };
}
