/**
 * A life of an etcd group as plain data: who there is, what clients do, what befalls them and when. Written to a file it
 * can be replayed; taken apart it can be made smaller (shrink.ts). What it does not say is drawn from `seed`.
 */

import type { MixedOperation } from "../etcd/mixed-client.js";
import type { EtcdModel, HostId, MemberNumber } from "../etcd/model.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";

export interface LifePlan {
  /** Names the draws of network, disks and clients. */
  readonly seed: string;
  readonly model: EtcdModel;
  /** The host from which members are added, removed and so on. */
  readonly adminHost: HostId;
  readonly clients: readonly ClientPlan[];
  /** In order of time. */
  readonly faults: readonly Fault[];
  /** Everything is healed and started then; clients go on until there are `operationsLeast`. */
  readonly faultsEndUs: Micros;
  readonly operationsLeast: number;
  /** From then on it may take so long until all members lead a normal life again. */
  readonly healingMostUs: Micros;
  /** A defect built in on purpose (plants.ts). */
  readonly plant?: PlantName;
}

export const PLANT_NAMES = [
  "read-without-index",
  "commit-without-majority",
  "lost-fsync",
  "double-vote",
  "wiped-member",
  "lease-not-extended",
  "watch-skips-after-snapshot",
] as const;

export type PlantName = (typeof PLANT_NAMES)[number];

interface ClientBase {
  readonly name: string;
  readonly host: HostId;
  /** Members it may ask, the first one first. */
  readonly targets: readonly MemberNumber[];
  readonly timeoutUs: Micros;
  readonly startUs: Micros;
}

export type ClientPlan =
  | (ClientBase & {
      readonly type: "mixed";
      readonly keys: readonly string[];
      readonly pauseUs: Variate;
      readonly leaseTtl: number;
      /** What it does how often; absent: a bit of everything. */
      readonly weights?: Partial<Readonly<Record<MixedOperation, number>>>;
      /** Absent: until it is stopped. */
      readonly operationsMost?: number;
    })
  | (ClientBase & {
      readonly type: "watcher";
      readonly progressNotify: boolean;
      readonly silenceUs?: Micros /** Absent: it waits on for ever. */;
    })
  | (ClientBase & { readonly type: "lease-holder"; readonly ttl: number });

/** "leader": whoever leads when the fault comes; nobody then: nothing happens. */
export type Who = MemberNumber | "leader";

interface FaultBase {
  readonly atUs: Micros;
}

interface Lasting extends FaultBase {
  readonly forUs: Micros;
}

/** What befalls a group. Where a member is killed or loses power and is up again meanwhile, the end of the fault does nothing. */
export type Fault =
  | (Lasting & { readonly type: "kill"; readonly member: Who })
  /** `isMidWrite`: each one not before it has written what it has not synced, if that comes within a second. */
  | (Lasting & { readonly type: "power-off"; readonly members: readonly Who[]; readonly isMidWrite: boolean })
  /** One direction. */
  | (Lasting & { readonly type: "cut"; readonly from: HostId; readonly to: HostId })
  /** From the other members' hosts, or from all hosts. */
  | (Lasting & { readonly type: "isolate"; readonly member: Who; readonly fromClients: boolean })
  | (Lasting & { readonly type: "isolate-centre"; readonly centre: string })
  /** Both directions go and come. */
  | (Lasting & {
      readonly type: "flap";
      readonly between: readonly [HostId, HostId];
      readonly downUs: Micros;
      readonly upUs: Micros;
    })
  /** One direction is another one for a while: `what` says in which respect. */
  | (Lasting & {
      readonly type: "line";
      readonly what: "loss" | "jitter" | "slow";
      readonly from: HostId;
      readonly to: HostId;
      readonly oneWayUs: Variate;
      readonly loss: number;
    })
  | (Lasting & { readonly type: "slow-disk"; readonly member: Who; readonly fsyncUs: Variate })
  /** The member is added and, once that is answered, started `startAfterUs` later. */
  | (FaultBase & {
      readonly type: "add";
      readonly member: MemberNumber;
      readonly isLearner: boolean;
      readonly startAfterUs: Micros;
    })
  | (FaultBase & { readonly type: "promote"; readonly member: MemberNumber })
  | (FaultBase & { readonly type: "remove"; readonly member: Who })
  /** The member loses power and its disk: it is removed, and another, empty one takes its place. */
  | (FaultBase & {
      readonly type: "lose-disk";
      readonly member: Who;
      readonly replacement: MemberNumber;
    })
  | (FaultBase & { readonly type: "move-leader"; readonly target: MemberNumber })
  | (FaultBase & { readonly type: "compact"; readonly keep: number })
  /** So many puts at one member, faster than it may apply them. */
  | (FaultBase & {
      readonly type: "burst";
      readonly host: HostId;
      readonly member: MemberNumber;
      readonly puts: number;
      readonly intervalUs: Micros;
    })
  /** Large puts until the space is out; after `forUs` there is room again and the alarm is taken back. */
  | (Lasting & { readonly type: "fill" })
  /** A member loses its disk and comes back under its old name: never drawn, but for the plant. */
  | (Lasting & { readonly type: "wipe"; readonly member: MemberNumber });

export type FaultType = Fault["type"];
