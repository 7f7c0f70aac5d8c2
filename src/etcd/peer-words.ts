/** What the parts of a member's transport say to each other over connections, and what they share. */
import type { Message } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import type { HostId, MemberNumber } from "./model.js";
import type { PeerUpcalls } from "./peer-types.js";
import type { Beat, Network, Redialler, Socket, SocketOwner } from "./tcp-types.js";

/** "append" carries AppendEntries only (msgAppV2), "message" everything else; "post" one message at a time, "snapshot" one database. */
export type PeerChannel = StreamChannel | "post" | "snapshot";
export type StreamChannel = "append" | "message";

/** What a member dials another for. */
export class PeerPurpose {
  readonly channel: PeerChannel;
  readonly from: MemberNumber;

  constructor(channel: PeerChannel, from: MemberNumber) {
    this.channel = channel;
    this.from = from;
  }
}

/** A reader's GET: the one who accepted the connection writes to it from then on. */
export const STREAM_REQUEST = Object.freeze({ peer: "stream request" });
export const STREAM_ACCEPTED = Object.freeze({ peer: "stream accepted" });
/** The member is not known (yet). */
export const STREAM_REFUSED = Object.freeze({ peer: "stream refused" });
/** The member was removed. */
export const STREAM_GONE = Object.freeze({ peer: "stream gone" });
export const POST_TAKEN = Object.freeze({ peer: "post taken" });
/** The sender was removed. */
export const POST_REFUSED = Object.freeze({ peer: "post refused" });

/** Bytes of an HTTP request's head, and of an answer's. */
export const REQUEST_HEAD_BYTES = 400;
export const ANSWER_HEAD_BYTES = 150;

/** The part of a process that its transport's parts work in. */
export interface PeerContext {
  readonly nowUs: Micros;
  readonly self: MemberNumber;
  readonly upcalls: PeerUpcalls;
  /** Nothing happens if the process has ended by then. */
  after(delayUs: Micros, action: () => void): void;
  /** `beat`: what is to be sent belongs to that tick, and so does the dial. */
  dial(to: HostId, purpose: PeerPurpose, owner: SocketOwner, beat?: Beat): Socket;
  /** As {@link Network.redial}, at the pace of streams. */
  redial(to: HostId, purpose: PeerPurpose, owner: Redialler, firstUs: Micros): (() => void) | undefined;
}

/** A message that waits to be sent. */
export interface Outgoing {
  readonly message: Message;
  readonly bytes: number;
  readonly beat: Beat | undefined;
}

/** Whether a peer is reached, as etcd keeps it: any channel's last success or failure counts. */
export class PeerStatus {
  readonly #context: PeerContext;
  #sinceUs: Micros | undefined;

  constructor(context: PeerContext) {
    this.#context = context;
  }

  get sinceUs(): Micros | undefined {
    return this.#sinceUs;
  }

  activate(): void {
    this.#sinceUs ??= this.#context.nowUs;
  }

  deactivate(): void {
    this.#sinceUs = undefined;
  }
}
