/**
 * etcd's members as hosts of Raft nodes: tickers, disks, peer connections, and the log's entries handed to the API
 * servers as each member applies them.
 *
 * A message leaves once what it promises is on the sender's disk, takes the drawn latency of its line, keeps its
 * order on its connection, and is gone if the line is cut or the receiver is down when it would arrive. A message
 * lost by chance comes one retransmission later, since peers talk over TCP.
 */
import { assert } from "../assert.js";
import { SlotTable } from "../engine/slots.js";
import { RaftNode } from "../raft/node.js";
import {
  type DurableImage,
  type Effects,
  ETCD_DEFAULTS,
  type Message,
  NONE,
  type RaftConfig,
} from "../raft/types.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { ClusterCore, Etcd } from "./core.js";
import type { NetworkState } from "./network.js";

/** Members started together tick within so much of each other (measured, docs/MODEL.md §3). */
const TOGETHER_SPREAD_US = 13 * MILLISECOND;
/** Linux' smallest retransmission time. */
const RETRANSMISSION_US = 200 * MILLISECOND;

/** More draws than a process makes in one term. */
const DRAWS_PER_START = 1_000_000;

interface WaitingMessage {
  readonly message: Message;
  readonly after: number;
}

interface Member {
  readonly id: number;
  readonly name: string;
  readonly centre: number;
  readonly config: RaftConfig;
  /** undefined while it is down. */
  node: RaftNode | undefined;
  image: DurableImage;
  /** Stale ticks, syncs and starts carry an older generation. */
  generation: number;
  appliedIndex: number;
  /** Write sequence that the sync under way covers; 0: the disk is idle. */
  syncing: number;
  waiting: WaitingMessage[];
  /** Proposals that wait for a leader to be known, and since when. */
  held: { readonly data: number; readonly sinceUs: Micros }[];
  /** By member: no message arrives before the one sent earlier. */
  readonly arrivalUs: Micros[];
}

export class EtcdMembers implements Etcd {
  readonly #core: ClusterCore;
  readonly #network: NetworkState;
  readonly #members: Member[];
  readonly #inFlight = new SlotTable<Message>();
  readonly #appliedListeners: ((member: number, index: number, data: number) => void)[] = [];
  /** etcd's own limit on a request: 5 s + 2 × election timeout (server/config/config.go). */
  readonly #requestTimeoutUs: Micros;
  #leaderTerm = 0;
  #leaderMember = -1;

  constructor(core: ClusterCore, network: NetworkState) {
    this.#core = core;
    this.#network = network;
    const { etcd } = core.model.controlPlane;
    this.#requestTimeoutUs = 5 * SECOND + 2 * etcd.electionTimeoutUs;
    const voters = etcd.members.map((_, id) => id + 1);
    const electionTicks = Math.floor(etcd.electionTimeoutUs / etcd.heartbeatIntervalUs);
    this.#members = etcd.members.map((member, id) => {
      const draws = core.streams.counted(`etcd/${member.name}/election-timeout`);
      return {
        id,
        name: member.name,
        centre: member.centre,
        config: {
          ...ETCD_DEFAULTS,
          id: id + 1,
          voters,
          electionTicks,
          preVote: etcd.preVote,
          checkQuorum: etcd.checkQuorum,
          // `nth` starts again with each start of the process, so the draw's address has the start in it.
          drawElectionTicks: (_, term, nth) =>
            electionTicks +
            Math.floor(
              draws.uniform(term, this.#member(id).generation * DRAWS_PER_START + nth) * electionTicks,
            ),
        },
        node: undefined,
        image: { hardState: { term: 0, votedFor: NONE, commitIndex: 0 }, entries: [] },
        generation: 0,
        appliedIndex: 0,
        syncing: 0,
        waiting: [],
        held: [],
        arrivalUs: etcd.members.map(() => 0),
      };
    });
  }

  /** Before the run: every member starts; the first listed campaigns at once, so the study begins with it in the lead. */
  start(): void {
    for (const member of this.#members) {
      member.node = RaftNode.start(member.config);
      this.#startTicking(member);
    }
    const first = this.#members[0];
    if (first?.node !== undefined) this.#process(first, first.node.campaign());
  }

  readonly handlers = {
    "etcd-tick": (member: number, generation: number) => this.#tick(this.#member(member), generation),
    "etcd-deliver": (_: number, slot: number) => this.#deliver(this.#inFlight.take(slot)),
    "etcd-persisted": (member: number, generation: number) =>
      this.#persisted(this.#member(member), generation),
    "etcd-started": (member: number, generation: number) => this.#started(this.#member(member), generation),
  };

  memberUp(member: number): boolean {
    return this.#member(member).node !== undefined;
  }

  memberCentre(member: number): number {
    return this.#member(member).centre;
  }

  leader(): number {
    let leader = -1;
    let term = -1;
    for (const member of this.#members) {
      if (member.node?.role === "leader" && member.node.term > term) {
        leader = member.id;
        term = member.node.term;
      }
    }
    return leader;
  }

  writableAt(id: number): boolean {
    const member = this.#member(id);
    const known = member.node?.leader ?? NONE;
    if (member.node === undefined || known === NONE) return false;
    const leader = this.#member(known - 1);
    if (leader.node === undefined || leader.node.role !== "leader" || leader.node.term !== member.node.term)
      return false;
    if (!this.#network.connected(member.centre, leader.centre)) return false;
    let alive = 0;
    for (const voter of this.#members) {
      if (voter.node !== undefined && this.#network.connected(leader.centre, voter.centre)) alive++;
    }
    return 2 * alive > this.#members.length;
  }

  propose(id: number, data: number): void {
    const member = this.#member(id);
    assert(data > 0, "0 is Raft's own empty entry");
    if (member.node === undefined) return;
    this.#process(member, member.node.propose([data]));
  }

  onApplied(listener: (member: number, index: number, data: number) => void): void {
    this.#appliedListeners.push(listener);
  }

  /** The nodes that are up, for invariant checks. */
  nodes(): RaftNode[] {
    return this.#members.flatMap((member) => (member.node === undefined ? [] : [member.node]));
  }

  /** The process dies: what was not synced is lost, what was on its way to it too. */
  crash(id: number): void {
    const member = this.#member(id);
    if (member.node === undefined) {
      member.generation++;
      return;
    }
    member.image = member.node.durableImage();
    member.node = undefined;
    member.generation++;
    member.syncing = 0;
    member.waiting = [];
    member.held = [];
    this.#core.observer.process(`etcd/${member.name}`, "exit");
    this.#noteLeader();
    this.#core.api.availabilityMayHaveChanged();
  }

  /** Power or process is back: it takes part again after its start-up time. */
  restart(id: number): void {
    const member = this.#member(id);
    if (member.node !== undefined) return;
    member.generation++;
    const delay = this.#core.noise.us("etcd-start", this.#core.model.controlPlane.etcd.startUs);
    this.#core.sim.after(delay, this.#core.sim.kinds["etcd-started"], id, member.generation);
  }

  #started(member: Member, generation: number): void {
    if (member.generation !== generation) return;
    const { hardState, entries } = member.image;
    const applied = Math.min(member.appliedIndex, hardState.commitIndex);
    member.node = RaftNode.restart(member.config, hardState, entries, applied);
    this.#core.observer.process(`etcd/${member.name}`, "start");
    this.#startTicking(member);
    this.#core.api.availabilityMayHaveChanged();
  }

  #startTicking(member: Member): void {
    const { sim, model, streams } = this.#core;
    const { heartbeatIntervalUs, tickPhase } = model.controlPlane.etcd;
    const spread =
      tickPhase === "together" && member.generation === 0 ? TOGETHER_SPREAD_US : heartbeatIntervalUs;
    const phase = Math.floor(
      streams.counted(`etcd/${member.name}/tick-phase`).uniform(member.generation) * spread,
    );
    sim.after(phase, sim.kinds["etcd-tick"], member.id, member.generation);
  }

  #tick(member: Member, generation: number): void {
    if (member.generation !== generation || member.node === undefined) return;
    const { sim, model } = this.#core;
    this.#process(member, member.node.tick());
    sim.after(model.controlPlane.etcd.heartbeatIntervalUs, sim.kinds["etcd-tick"], member.id, generation);
  }

  #deliver(message: Message): void {
    const to = this.#member(message.to - 1);
    const from = this.#member(message.from - 1);
    if (to.node === undefined || !this.#network.carries(from.centre, to.centre)) return;
    this.#process(to, to.node.receive(message));
  }

  #persisted(member: Member, generation: number): void {
    if (member.generation !== generation || member.node === undefined) return;
    const durable = member.syncing;
    member.syncing = 0;
    const released = member.waiting.filter((waiting) => waiting.after <= durable);
    if (released.length > 0) member.waiting = member.waiting.filter((waiting) => waiting.after > durable);
    const effects = member.node.persisted(durable);
    for (const { message } of released) this.#send(member, message);
    this.#process(member, effects);
  }

  #process(member: Member, effects: Effects): void {
    const node = member.node;
    assert(node !== undefined, "effects come from a node that is up");
    const { messages, sendAfter, committed, dropped } = effects;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as Message;
      const after = sendAfter[i] as number;
      if (after <= node.durableSequence) this.#send(member, message);
      else member.waiting.push({ message, after });
    }
    if (effects.writeSequence > node.durableSequence && member.syncing === 0)
      this.#sync(member, effects.writeSequence);
    for (const data of dropped) member.held.push({ data, sinceUs: this.#core.sim.now });
    for (const entry of committed) {
      member.appliedIndex = entry.index;
      for (const listener of this.#appliedListeners) listener(member.id, entry.index, entry.data);
    }
    if (effects.softStateChanged) this.#softStateChanged(member);
  }

  #softStateChanged(member: Member): void {
    this.#noteLeader();
    this.#core.api.availabilityMayHaveChanged();
    const node = member.node;
    if (node === undefined || node.leader === NONE || member.held.length === 0) return;
    const oldestUs = this.#core.sim.now - this.#requestTimeoutUs;
    const held = member.held
      .filter((proposal) => proposal.sinceUs > oldestUs)
      .map((proposal) => proposal.data);
    member.held = [];
    if (held.length > 0) this.#process(member, node.propose(held));
  }

  #noteLeader(): void {
    const leader = this.leader();
    const term = leader < 0 ? this.#leaderTerm : (this.#member(leader).node?.term ?? 0);
    if (leader === this.#leaderMember && term === this.#leaderTerm) return;
    this.#leaderMember = leader;
    this.#leaderTerm = term;
    this.#core.observer.leader("etcd", leader, term);
  }

  #sync(member: Member, writeSequence: number): void {
    const { sim, noise, model } = this.#core;
    member.syncing = writeSequence;
    const duration = noise.us(`fsync/${member.name}`, model.controlPlane.etcd.fsyncUs);
    sim.after(duration, sim.kinds["etcd-persisted"], member.id, member.generation);
  }

  #send(member: Member, message: Message): void {
    const { sim } = this.#core;
    const to = this.#member(message.to - 1);
    if (!this.#network.carries(member.centre, to.centre)) return;
    let delay = this.#network.latencyUs(member.centre, to.centre);
    if (this.#network.loses(member.centre, to.centre)) delay += RETRANSMISSION_US;
    const at = Math.max(member.arrivalUs[to.id] as number, sim.now + delay);
    member.arrivalUs[to.id] = at;
    sim.schedule(at, sim.kinds["etcd-deliver"], to.id, this.#inFlight.put(message));
  }

  #member(id: number): Member {
    const member = this.#members[id];
    assert(member !== undefined, `etcd member ${id} exists`);
    return member;
  }
}
