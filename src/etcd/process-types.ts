/** What one process of a member needs of the group around it. */
import type { RandomStreams } from "../engine/random.js";
import type { ConfigurationChange, Snapshot } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { EtcdClock } from "./events.js";
import type { EtcdModel, HostId, MemberNumber } from "./model.js";
import type { LoggedRequest } from "./requests.js";
import type { StoreSnapshot } from "./store.js";
import type { Network } from "./tcp-types.js";
import type { EtcdObserver } from "./world-types.js";

/** What an entry of the log stands for, and whose it is. */
export interface Proposal {
  /** undefined: a change of members. */
  readonly request: LoggedRequest | undefined;
  readonly change: ConfigurationChange | undefined;
  readonly member: MemberNumber;
  /** The process that waits for it. */
  readonly incarnation: number;
  /** What that process knows it by. */
  readonly id: number;
  readonly bytes: number;
}

export interface GroupContext {
  readonly clock: EtcdClock;
  readonly network: Network;
  readonly model: EtcdModel;
  readonly streams: RandomStreams;
  readonly observer: EtcdObserver;
  hostOf(member: MemberNumber): HostId;
  /** How long a write-ahead log fsync of this member takes now, µs. */
  fsyncOf(member: MemberNumber): Variate;
  /** Keeps a proposal and returns the data of its entry. */
  propose(proposal: Proposal): number;
  proposal(data: number): Proposal | undefined;
  /** What goes with a snapshot of Raft's that is sent: the state machine as of its index. */
  keepContent(snapshot: Snapshot, content: StoreSnapshot): void;
  contentOf(snapshot: Snapshot): StoreSnapshot;
  /** A number never given before. */
  nextNumber(): number;
  /** Runs `action` unless the process is another one by then. */
  after(member: MemberNumber, incarnation: number, delayUs: Micros, action: () => void): void;
  /** "member-saved" for this process after `delayUs`. */
  saveAfter(member: MemberNumber, incarnation: number, delayUs: Micros): void;
  /** The process found itself removed from the group and ends. */
  exitRemoved(member: MemberNumber, incarnation: number): void;
}
