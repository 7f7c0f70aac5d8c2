/** A group of etcd members as whoever studies it sees it. */
import type { Message, Role } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { MemberNumber } from "./model.js";
import type { LoggedRequest, WatchEvent } from "./requests.js";
import type { Store, StoreSnapshot } from "./store.js";

/** How a process is started other than plainly with what its disk holds. */
export interface StartOptions {
  /** --force-new-cluster: the member alone, without what its log holds beyond its commit index. */
  readonly forceNewCluster?: boolean;
  /** A snapshot file restored (etcdutl snapshot restore) into a new group of these members; each is started with the same file. */
  readonly restore?: { readonly backup: Backup; readonly members: readonly MemberNumber[] };
  /** The disk is lost: it starts empty, as a new member that was added would. */
  readonly wiped?: boolean;
}

/** A saved database (etcdctl snapshot save), or a copy of a member's database file. */
export interface Backup {
  readonly revision: number;
  readonly takenUs: Micros;
  readonly store: StoreSnapshot;
}

/** Turns that a process takes without anybody else being told. */
export type Happening =
  /** A request waits for a leader. */
  | "proposalHeld"
  /** Raft took a request back while a leader was known: it is handing over. */
  | "proposalRefused"
  /** More was committed than applied, by too much. */
  | "tooManyRequests"
  /** The election timer of a process that found its peers was advanced. */
  | "timerAdvanced"
  | "snapshotTaken"
  | "snapshotInstalled"
  | "snapshotDelivered"
  | "snapshotFailed"
  /** A watch that was behind was told of what it had missed. */
  | "watchBroughtUp"
  /** A watch wanted revisions that are compacted. */
  | "watchCompacted";

/** What the members tell whoever listens; all optional. Called at the moment it happens; the listener changes nothing in the group. */
export interface EtcdObserver {
  /** A process begins or ends; `isUp` false at its death. */
  process?(member: MemberNumber, isUp: boolean): void;
  /** It has published itself and answers clients. */
  ready?(member: MemberNumber): void;
  /** "became pre-candidate", "became candidate", "became leader", "became follower" (stepped down: from "leader"). */
  role?(member: MemberNumber, role: Role, before: Role, term: number): void;
  /** "elected leader", "lost leader": who this member takes for the leader. */
  leader?(member: MemberNumber, leader: MemberNumber | undefined, term: number): void;
  /** An entry applied; `request` undefined for Raft's own. */
  applied?(member: MemberNumber, index: number, request: LoggedRequest | undefined): void;
  /** A message between members is handed to the transport. */
  sent?(member: MemberNumber, message: Message): void;
  /** A message of another member is there and will be stepped next. */
  received?(member: MemberNumber, message: Message): void;
  /** A request applied has changed the store: all changes of one revision. */
  wrote?(member: MemberNumber, request: LoggedRequest, events: readonly WatchEvent[]): void;
  /** Something that shows nowhere else. */
  happened?(member: MemberNumber, what: Happening): void;
}

/** A member as it stands. */
export interface MemberFace {
  readonly number: MemberNumber;
  readonly name: string;
  readonly isUp: boolean;
  /** Answers clients. */
  readonly isReady: boolean;
  readonly role: Role | undefined;
  readonly term: number;
  readonly leader: MemberNumber | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastLogIndex: number;
  /** Its state machine; undefined while it is down. */
  readonly store: Store | undefined;
}

/** What can be done to a group from outside. */
export interface EtcdGroupFace {
  /** Founders start now. */
  start(): void;
  /** kill -9: what was written is kept by the kernel, what was sent still arrives. */
  kill(member: MemberNumber): void;
  /** Power fails: unsynced writes are lost, packets are not answered. */
  powerOff(member: MemberNumber): void;
  powerOn(member: MemberNumber): void;
  /** A process is started on the member's disk; it boots, catches up, publishes itself. */
  startMember(member: MemberNumber, options?: StartOptions): void;
  /** The member that leads in the highest term, if any says it does. */
  leader(): MemberNumber | undefined;
  member(member: MemberNumber): MemberFace;
  /** A copy of the member's database as its file has it: up to a backend commit old. */
  databaseFile(member: MemberNumber): Backup;
}
