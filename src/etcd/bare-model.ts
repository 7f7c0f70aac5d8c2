/** What a group of bare Raft members is set up with, as plain data, and what can be seen of it. */
import type { RaftNode } from "../raft/node.js";
import type { RaftConfig } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { MemberNumber, PathModel } from "./model.js";

export interface BareGroupModel {
  /** All of them voters and up from the beginning. */
  readonly members: number;
  readonly tickUs: Micros;
  /** Each process' first tick comes after a drawn part of this span; 0: everybody ticks at the same moments. */
  readonly phaseSpreadUs: Micros;
  /** Of the protocol, what differs from etcd's defaults. */
  readonly raft?: Partial<Omit<RaftConfig, "id" | "voters" | "drawElectionTicks">>;
  /** By member from, member to. */
  readonly paths: readonly (readonly PathModel[])[];
  /** One fsync, of whatever is to be written when it starts. */
  readonly fsyncUs: Micros;
  /** Entries applied between snapshots; half as many are kept behind one for slow followers. */
  readonly snapshotEntries: number;
  readonly clients: readonly BareClient[];
  readonly plan: readonly BareFault[];
  /** Leave quiet time out. Changes nothing that an observer sees. */
  readonly skips: boolean;
}

/** Proposes at its member, waits until that member has applied it or a time has passed, thinks, and proposes again. */
export interface BareClient {
  readonly member: MemberNumber;
  readonly firstUs: Micros;
  readonly thinkUs: Micros;
  readonly timeoutUs: Micros;
}

export type BareFault =
  /** Of a member, or of whoever leads then: it loses what its disk has not, and starts again later. Nothing if nobody is to be crashed. */
  | {
      readonly type: "crash";
      readonly atUs: Micros;
      readonly member: MemberNumber | "leader";
      readonly downUs: Micros;
    }
  /** Everything from one to the other is lost, what is under way included. */
  | {
      readonly type: "cut";
      readonly atUs: Micros;
      readonly from: MemberNumber;
      readonly to: MemberNumber;
      readonly forUs: Micros;
    };

export type BareOutcome = "applied" | "refused" | "timeout";

/** Is told what can be seen of a group; the clock is the group's `nowUs`. */
export interface BareObserver {
  /** The member's role, term or leader is another than before, or the member has started. */
  changed?(member: MemberNumber, node: RaftNode): void;
  /** The member has applied an entry; after a restart again. */
  applied?(member: MemberNumber, index: number, term: number, data: number): void;
  answered?(client: number, sentUs: Micros, outcome: BareOutcome): void;
  crashed?(member: MemberNumber): void;
}
