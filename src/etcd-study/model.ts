/**
 * The wall of this room: what a study of etcd is, as plain data. A study is one question, put to one or several cells
 * (layouts, timers, …); each cell is a group of members with clients, and what happens to it. Times are whole µs, counted
 * from the run's start.
 */
import type { EtcdModel, HostId, MemberNumber } from "../etcd/model.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";

export interface EtcdStudyModel {
  readonly name: string;
  /** As the author asked it; "": not written down. */
  readonly question: string;
  readonly seed: string;
  /** Runs of each cell. */
  readonly replications: number;
  /** What was varied, in order; none: there is one cell. */
  readonly axes: readonly StudyAxis[];
  /** The full product of the axes, the last one varying fastest. */
  readonly cells: readonly StudyCell[];
}

export interface StudyAxis {
  readonly name: string;
  /** Texts of its values, in order. */
  readonly labels: readonly string[];
}

export interface StudyCell {
  /** Unique: what its values are, or "base" where nothing is varied. */
  readonly name: string;
  /** Its value on each axis. */
  readonly labels: readonly string[];
  /** Left out of results. */
  readonly warmUpUs: Micros;
  readonly horizonUs: Micros;
  /** A client that is not answered for longer is without service. */
  readonly outageGapUs: Micros;
  /** Hosts: one for each member in the same order, one for each client, then the operator's. */
  readonly etcd: EtcdModel;
  readonly clients: readonly ClientPlan[];
  readonly events: readonly EventPlan[];
  /** Where the operator's requests come from: it reaches every member, whatever is cut. */
  readonly operatorHost: HostId;
}

export interface ClientPlan {
  readonly name: string;
  readonly host: HostId;
  readonly op: "put" | "lin" | "ser";
  /** What a reader reads: a writer's key, which is its name. A writer's own name. */
  readonly key: string;
  /** Whom it asks: the first one, and after a failure the next in turn. */
  readonly targets: readonly MemberNumber[];
  /** "sequential": the next operation so long after the answer to the last; "openLoop": so long after its beginning. */
  readonly pace:
    | { readonly kind: "sequential"; readonly pauseUs: Variate; readonly retryPauseUs: Micros }
    | { readonly kind: "openLoop"; readonly everyUs: Variate };
  readonly timeoutUs: Micros;
  /** What a value stands for, when it is longer than its text. */
  readonly valueBytes: number | undefined;
}

/** Who is struck. What depends on the moment is chosen then. */
export type StudyScope =
  | { readonly kind: "members"; readonly members: readonly MemberNumber[] }
  /** The members of a centre and, where the network is struck, its clients. */
  | { readonly kind: "centre"; readonly centre: string }
  /** Whoever leads; where nobody does, as soon as somebody does. */
  | { readonly kind: "leader" }
  /** The centre of whoever leads. */
  | { readonly kind: "leaderCentre" };

/** One direction between two hosts. */
export type StudyLink = readonly [from: HostId, to: HostId];

export type StudyAction =
  /** kill -9; in the end the processes are started again. */
  | { readonly kind: "kill"; readonly scope: StudyScope }
  /** Unsynced writes are lost; in the end power is back and the processes start. */
  | { readonly kind: "powerOff"; readonly scope: StudyScope }
  /** What is struck can no longer reach the rest ("out"), be reached by it ("in"), or both. */
  | { readonly kind: "isolate"; readonly scope: StudyScope; readonly direction: "both" | "in" | "out" }
  | { readonly kind: "cut"; readonly links: readonly StudyLink[] }
  /** Links with another delay or loss; undefined: as it was. */
  | {
      readonly kind: "degrade";
      readonly links: readonly StudyLink[];
      readonly oneWayUs: Variate | undefined;
      readonly loss: number | undefined;
    }
  | { readonly kind: "slowDisk"; readonly scope: StudyScope; readonly fsyncUs: Variate }
  | { readonly kind: "start"; readonly scope: StudyScope }
  | { readonly kind: "moveLeader"; readonly member: MemberNumber }
  | { readonly kind: "addMember"; readonly member: MemberNumber; readonly isLearner: boolean }
  | { readonly kind: "promote"; readonly member: MemberNumber }
  | { readonly kind: "removeMember"; readonly member: MemberNumber }
  | { readonly kind: "forceNewCluster"; readonly member: MemberNumber }
  | { readonly kind: "backup"; readonly member: MemberNumber }
  /** A new group of these members, made of the last backup that the named event took. */
  | { readonly kind: "restore"; readonly members: readonly MemberNumber[]; readonly from: number };

export type StudyOccurrence =
  | { readonly kind: "at"; readonly timesUs: readonly Micros[] }
  /** Again and again until the horizon, or so many times. */
  | {
      readonly kind: "every";
      readonly startUs: Micros;
      readonly everyUs: Micros;
      readonly count: number | undefined;
    }
  /** A time to failure, counted from `notBeforeUs` and from the end of each occurrence. */
  | { readonly kind: "drawn"; readonly timeToFailureUs: Variate; readonly notBeforeUs: Micros }
  /** So long after each occurrence of another event (its place among the events). */
  | { readonly kind: "after"; readonly event: number; readonly delayUs: Variate };

export interface EventPlan {
  /** Unique. */
  readonly name: string;
  readonly action: StudyAction;
  readonly occurrence: StudyOccurrence;
  /** Each occurrence comes up to so much later, all equally likely. */
  readonly spreadUs: Micros;
  /** It ends after this; undefined: never. */
  readonly endAfterUs: Variate | undefined;
}
