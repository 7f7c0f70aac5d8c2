/** How a member's raft loop talks to the other members: the face of etcd's rafthttp. */
import type { Message } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { HostId, MemberNumber } from "./model.js";
import type { Beat } from "./tcp-types.js";

/** What a process hears from its transport; never from within one of the transport's own methods. */
export interface PeerUpcalls {
  /** `beat`: the one the message was sent with. */
  received(message: Message, beat?: Beat): void;
  /** A message to the member could not be sent, or its connection broke: the leader goes back to probing it. */
  unreachable(member: MemberNumber): void;
  snapshotSent(member: MemberNumber, isDelivered: boolean): void;
  /** A peer said that this member has been removed from the group; etcd ends itself then. */
  removed?(): void;
}

/** One process' transport: made when the process starts, dead with it. */
export interface PeerTransport {
  /** Dials what there is to dial. */
  start(): void;
  /** The process ends; its host's sockets are closed by whoever ended it. No timer of it does anything afterwards. */
  stop(): void;
  addPeer(member: MemberNumber, host: HostId): void;
  /** Closes everything to and from it. */
  removePeer(member: MemberNumber): void;
  /** Never blocks; what cannot be sent is dropped and reported unreachable, as etcd does. `bytes` is the message's length. */
  send(message: Message, bytes: number, beat?: Beat | undefined): void;
  /** Whether what is sent to the member now goes by its streams, without anything to wait for. */
  isClean(member: MemberNumber): boolean;
  /** Whether heartbeats, or answers to them, every `everyUs`, up to `spreadUs` earlier or later, can be left out. */
  canPassBeats(member: MemberNumber, everyUs: Micros, spreadUs: Micros): boolean;
  /** So many were left out; the last would have left at `lastUs`. */
  passedBeats(member: MemberNumber, beats: number, everyUs: Micros, lastUs: Micros): void;
  /** Whether the member is not reached and nothing is under way to it: a heartbeat more that fails changes nothing. */
  isSilent(member: MemberNumber): boolean;
  /** The other members with which a stream stands. */
  readonly activePeers: number;
  /** Since when a stream stands with this member; undefined: none stands. */
  activeSinceUs(member: MemberNumber): Micros | undefined;
}
