/** The events of this room, by name, and the part of a simulation that it needs: whoever hosts it wires the handlers. */
import type { Handlers, Simulation } from "../engine/simulation.js";

export const ETCD_EVENTS = [
  /** A TCP segment's content arrives: slot of the arrival. */
  "tcp-arrive",
  /** A retransmission, dial or keep-alive timer of a connection: (connection, generation). */
  "tcp-timer",
  /** A timer of a member's peer transport (redials, stream keep-alives): (member, code). */
  "peer-timer",
  /** (member, incarnation). */
  "member-tick",
  /** What the member's raft loop was writing is on disk: (member, incarnation). */
  "member-saved",
  /** A timer of a member's own (boot, publish, read retry, lease check, backend commit): (member, slot). */
  "member-timer",
  /** A client's own timer (think time, attempt timeout, next operation): (client, slot). */
  "client-timer",
  /** Something that the study's author planned: (number, 0). */
  "etcd-planned",
] as const;

export type EtcdEvent = (typeof ETCD_EVENTS)[number];

/** The clock as this room sees it; a simulation with more kinds of events will do. */
export type EtcdClock = Pick<Simulation<EtcdEvent>, "now" | "schedule" | "after" | "kinds" | "nothingBefore">;

/** Handlers of some of the room's events. */
export type EtcdHandlers<Name extends EtcdEvent> = Pick<Handlers<EtcdEvent>, Name>;
