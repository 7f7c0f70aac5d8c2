/** What the kernel's side of a connection is made of: states and timers of an end, segments, and what an end needs around it. */
import type { Micros } from "../units/time.js";
import type { TcpEnd, TcpTally } from "./tcp-end.js";
import type { Beat, CloseReason } from "./tcp-types.js";

/** What an end is to its own kernel. */
export const EndState = {
  /** Dialling, or being dialled and not yet accepted. */
  CONNECTING: 0,
  /** A process holds it. */
  OPEN: 1,
  /** Closed by its process or left behind by it: the kernel still sends what is queued. */
  ORPHAN: 2,
  /** Its kernel does not know it. */
  GONE: 3,
} as const;

/** Timers of an end; a stamp of each says whether an event is still wanted. */
export const EndTimer = {
  RETRANSMIT: 0,
  /** The retransmitted head arrives. */
  HEAD: 1,
  /** Its acknowledgement is back. */
  ACK: 2,
  /** Three later packets told of a loss. */
  FAST: 3,
  PULSE: 4,
  /** The other end's kernel does not know the connection: its word of that arrives here. */
  RESET: 5,
  KEEP_ALIVE: 6,
  PROBE: 7,
  PROBE_ANSWER: 8,
  SYN: 9,
  SYN_ANSWER: 10,
  SYN_AGAIN: 11,
  DIAL_LIMIT: 12,
  COUNT: 16,
} as const;

/** What is in a segment that no process reads. */
export const ACCEPT: NonNullable<unknown> = Object.freeze({ segment: "last of the handshake" });
export const FIN: NonNullable<unknown> = Object.freeze({ segment: "goodbye" });
/** In a segment that is in no use. */
export const NOTHING: NonNullable<unknown> = Object.freeze({ segment: "nothing" });
export const PULSE: NonNullable<unknown> = Object.freeze({ segment: "pulse" });

/** What an end needs of its network. */
export interface EndHost {
  readonly clock: { readonly now: Micros };
  readonly tally: TcpTally;
  /** A number never used before. */
  stamp(): number;
  scheduleArrival(atUs: Micros, end: number, stamp: number): void;
  scheduleTimer(atUs: Micros, end: number, timer: number, stamp: number): void;
  /** The dialled end hears the handshake's last packet: whether a process takes it. */
  accept(end: TcpEnd): boolean;
  /** A packet reached an end that its kernel does not know. */
  answerUnknown(sender: TcpEnd): void;
  /** The connection is over for both; the owner of `told`, if any, hears why. */
  destroy(told: TcpEnd, reason: CloseReason): void;
  /** This end alone gives up. */
  giveUp(end: TcpEnd, reason: CloseReason): void;
  /** Closed by its process. */
  leave(end: TcpEnd): void;
}

/** An item with its place in time. */
export interface Segment {
  item: NonNullable<unknown>;
  packets: number;
  bytes: number;
  beat: Beat | undefined;
  /** When it left last, or will leave. */
  sentUs: Micros;
  arriveUs: Micros;
  /** When its acknowledgement is back, as far as is known; Infinity: never. */
  ackUs: Micros;
  /** Arrives (or did) behind a hole, where the receiver keeps it until the hole is filled. */
  isBehindHole: boolean;
}

/** What a dialling end asks for. */
export interface Dial {
  readonly purpose: NonNullable<unknown>;
  /** The first try belongs to a tick. */
  readonly beat: Beat | undefined;
  tries: number;
  /** The process that was there when the handshake's first packet came: the host's count of exits; -1: none listened. */
  listenerRun: number;
}
