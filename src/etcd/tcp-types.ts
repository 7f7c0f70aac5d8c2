/** TCP as the room's other files see it. */
import type { Micros } from "../units/time.js";
import type { HostId } from "./model.js";

/** Why a connection is over, as seen by one end. */
export type CloseReason =
  /** The other end closed it or its process died: its kernel said so. */
  | "closed"
  /** The other host does not know the connection (any more): its process is another one. */
  | "reset"
  /** Nobody listens there. */
  | "refused"
  /** No answer within the dial's time limit. */
  | "dialTimeout"
  /** Retransmissions or keep-alives went unanswered for too long. */
  | "timeout";

/** One end of a connection, in the hands of a process. */
export interface Socket {
  readonly local: HostId;
  readonly remote: HostId;
  /** Whether something can still be written to it, as far as this end knows. */
  readonly isOpen: boolean;
  /**
   * Hands over one item of `bytes` bytes, to arrive in order, once, and never if the connection breaks first. Never
   * blocks. `beat`: the item belongs to a member's tick of that number; its delay is drawn from that number instead of
   * the path's sequence, so that a run that leaves quiet ticks out meets the same delays. Not on a closed socket.
   */
  send(item: NonNullable<unknown>, bytes: number, beat?: Beat | undefined): void;
  /**
   * From `startUs` on, every `periodUs`, so many bytes go out that the other end's owner never hears of: what a protocol
   * sends to keep a link alive. Costs no events while nothing is wrong with the connection.
   */
  pulse(periodUs: Micros, startUs: Micros, bytes: number): void;
  /** Nothing comes back for longer than it should: the kernel waits with what it is given until a retransmission is answered. */
  readonly isStalled: boolean;
  /** Nothing is wrong with it: what is sent now arrives after the path's delay and is acknowledged, neither cut nor lost. */
  readonly isClean: boolean;
  /** Bytes handed over of which no acknowledgement is back. */
  readonly unacknowledgedBytes: number;
  /** Whether {@link passed} may stand for small items that leave every `everyUs`, each up to `spreadUs` earlier or later. */
  canPass(everyUs: Micros, spreadUs: Micros): boolean;
  /** So many small items were left out that would have been sent one by one, `everyUs` apart, the last at `lastUs`. */
  passed(items: number, everyUs: Micros, lastUs: Micros): void;
  /** Closes this end; what was handed over still arrives, then the other end hears "closed". No callback here. */
  close(): void;
}

/** The n-th tick of a process, the process being the incarnation-th of its host. */
export interface Beat {
  readonly incarnation: number;
  readonly tick: number;
}

/** What a socket's owner is told. Set by the owner; called from the event loop, never from within `send`, `dial` or `close`. */
export interface SocketOwner {
  /** The dial succeeded (dialling end only). */
  connected?(socket: Socket): void;
  /** `beat`: the one the item was sent with. */
  received(socket: Socket, item: NonNullable<unknown>, beat?: Beat): void;
  /** The connection is over; not called after this end's own `close`. */
  closed(socket: Socket, reason: CloseReason): void;
}

/** Who dials again and again. */
export interface Redialler extends SocketOwner {
  /** The dial that began at `sinceUs` is the first of which is not known that it is refused: what becomes of it is heard as of any other. */
  dialled(socket: Socket, sinceUs: Micros): void;
  /** As {@link dialled}, where the first such dial is still to be made, by the owner, at `nextUs`. */
  resumed(nextUs: Micros): void;
}

/** A process that takes connections on its host. */
export interface Listener {
  /** Returns the new socket's owner. `purpose` is the dialler's. */
  accept(socket: Socket, purpose: NonNullable<unknown>): SocketOwner;
}

export interface Network {
  /** Dials; `owner.connected` or `owner.closed` follows. `timeoutUs` 0: the kernel's own limit (about two minutes). */
  dial(
    from: HostId,
    to: HostId,
    purpose: NonNullable<unknown>,
    timeoutUs: Micros,
    owner: SocketOwner,
    beat?: Beat,
  ): Socket;
  /**
   * Dials every `everyUs` from `firstUs` on, until a dial is not known to be refused; of the refused ones the owner does
   * not hear, and they cost nothing. Undefined where nothing can be said beforehand: somebody listens there now, or
   * the paths may lose packets or keep them for too long. Else what ends it, for an owner that wants no more.
   */
  redial(
    from: HostId,
    to: HostId,
    purpose: NonNullable<unknown>,
    timeoutUs: Micros,
    owner: Redialler,
    firstUs: Micros,
    everyUs: Micros,
  ): (() => void) | undefined;
  listen(host: HostId, listener: Listener): void;
  /** The host's process ends (kill -9): its kernel closes every socket of the host and refuses dials from then on. What is on its way still arrives. Owners on this host hear nothing. */
  exit(host: HostId): void;
  /** Power fails: the host is silent, neither sends nor hears; its sockets are gone without a word. */
  powerOff(host: HostId): void;
  /** Power is back: its kernel answers what it does not know with a reset. */
  powerOn(host: HostId): void;
  /** Drops everything from one host to another, what is on its way included. Counted: two cuts need two heals. */
  cut(from: HostId, to: HostId): void;
  heal(from: HostId, to: HostId): void;
  /** Other delays and losses from now on. */
  setPath(from: HostId, to: HostId, path: import("./model.js").PathModel): void;
  /** Whether packets pass now from host to host: not cut, both powered. */
  carries(from: HostId, to: HostId): boolean;
}
