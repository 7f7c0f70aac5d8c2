/** Members' transports on a network, which write down what they are told. */
import type { MemberNumber } from "../../src/etcd/model.js";
import type { PeerUpcalls } from "../../src/etcd/peer-types.js";
import { HttpPeers } from "../../src/etcd/peers.js";
import type { Beat } from "../../src/etcd/tcp-types.js";
import type { AppendEntries, Heartbeat, Message } from "../../src/raft/types.js";
import { MS, Rig, type RigOptions } from "./tcp-rig.js";

/** One process of a member. */
export class Process implements PeerUpcalls {
  readonly peers: HttpPeers;
  readonly heard: { readonly at: number; readonly message: Message }[] = [];
  readonly unreachables: { readonly at: number; readonly member: MemberNumber }[] = [];
  readonly snapshots: {
    readonly at: number;
    readonly member: MemberNumber;
    readonly isDelivered: boolean;
  }[] = [];
  lastBeat: Beat | undefined;
  isToldOfRemoval = false;
  readonly #rig: PeersRig;

  constructor(rig: PeersRig, member: MemberNumber) {
    this.#rig = rig;
    const { network, timers } = rig;
    this.peers = new HttpPeers({
      network,
      timers,
      model: { electionUs: 1_000_000 },
      self: member,
      host: member,
      upcalls: this,
    });
  }

  received(message: Message, beat?: Beat): void {
    this.heard.push({ at: this.#rig.nowMs, message });
    this.lastBeat = beat;
  }

  removed(): void {
    this.isToldOfRemoval = true;
  }

  unreachable(member: MemberNumber): void {
    this.unreachables.push({ at: this.#rig.nowMs, member });
  }

  snapshotSent(member: MemberNumber, isDelivered: boolean): void {
    this.snapshots.push({ at: this.#rig.nowMs, member, isDelivered });
  }

  /** When each message arrived, ms, by its context or index. */
  arrivals(type: Message["type"] = "Heartbeat"): number[] {
    return this.heard.filter(({ message }) => message.type === type).map(({ at }) => at);
  }
}

export class PeersRig extends Rig {
  readonly processes: Process[] = [];

  constructor(members: number, options: RigOptions = {}) {
    super({ hosts: members, ...options });
    for (let member = 0; member < members; member++) this.start(member);
  }

  get nowMs(): number {
    return this.simulation.now / MS;
  }

  process(member: MemberNumber): Process {
    const process = this.processes[member];
    if (process === undefined) throw new Error(`no process of member ${member}`);
    return process;
  }

  /** Starts a process that knows all members. */
  start(member: MemberNumber, known?: readonly MemberNumber[]): Process {
    const process = new Process(this, member);
    this.processes[member] = process;
    this.network.listen(member, { accept: (socket, purpose) => process.peers.accept(socket, purpose) });
    const all = known ?? Array.from({ length: this.hostCount }, (_, m) => m);
    for (const other of all) if (other !== member) process.peers.addPeer(other, other);
    process.peers.start();
    return process;
  }

  kill(member: MemberNumber): void {
    this.process(member).peers.stop();
    this.network.exit(member);
  }

  send(message: Message, bytes = 100): void {
    this.process(message.from - 1).peers.send(message, bytes);
  }
}

/** From and to are member numbers. */
export function heartbeat(from: MemberNumber, to: MemberNumber, context = 0): Heartbeat {
  return { type: "Heartbeat", from: from + 1, to: to + 1, term: 1, leaderCommit: 0, context };
}

export function append(from: MemberNumber, to: MemberNumber, index = 0): AppendEntries {
  return {
    type: "AppendEntries",
    from: from + 1,
    to: to + 1,
    term: 1,
    prevLogIndex: index,
    prevLogTerm: 1,
    entries: [],
    leaderCommit: 0,
  };
}
