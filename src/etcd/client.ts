/**
 * A client process of etcd as one of HTTP/1.1 with kept connections: a call in flight has a connection to itself, a free
 * one is kept and used again (the last used first), and where none is free one is dialled and the request goes out with
 * the end of the handshake. A call that runs out of time takes its connection with it, so its answer is never seen.
 */
import { assert } from "../assert.js";
import { SlotTable } from "../engine/slots.js";
import type { Micros } from "../units/time.js";
import type { EtcdClock } from "./events.js";
import type { HostId } from "./model.js";
import type { ClientMessage, ErrorCode, Request, Response, WatchRequest, WatchResponse } from "./requests.js";
import type { CloseReason, Network, Socket, SocketOwner } from "./tcp-types.js";

/** What a client's dial says it wants: a member tells clients from members by it. */
export const CLIENT_PURPOSE = { type: "client" } as const;

/** Bytes of a request without the value: path, headers and the JSON around it, roughly what was measured. */
export const REQUEST_BYTES = 150;

/** How a call ended. `isSent` false: the request never left this host, so it cannot have had an effect. */
export type CallResult =
  | { readonly type: "response"; readonly response: Response }
  | { readonly type: "timeout"; readonly isSent: boolean }
  | { readonly type: "connection"; readonly reason: CloseReason; readonly isSent: boolean };

/** Why a watch is over. */
export type WatchEnd =
  | { readonly type: "connection"; readonly reason: CloseReason }
  /** Not accepted within its time. */
  | { readonly type: "timeout" }
  /** The member ended it; above 0: what it asked for is compacted up to that revision. */
  | { readonly type: "canceled"; readonly compactRevision: number }
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string };

/** What is told of a watch, from the event loop only. Nothing after `ended`. */
export interface WatchListener {
  created?(response: Response): void;
  /** Events in order, or none: the member's revision only. */
  events(response: WatchResponse): void;
  ended(end: WatchEnd): void;
}

/** A watch that stands or is being made. */
export interface Watch {
  /** Ends it from this side by closing its connection; its listener hears nothing more. */
  close(): void;
}

/** Something that wants to be woken at a time of its own. */
export interface Sleeper {
  wake(): void;
}

const TIMED_OUT: CallResult = { type: "timeout", isSent: true };
const TIMED_OUT_UNSENT: CallResult = { type: "timeout", isSent: false };

/** One client process on a host of its own. The world hands its "client-timer" events to {@link timer}. */
export class ClientHost {
  readonly host: HostId;
  /** The subject of this client's events. */
  readonly subject: number;
  readonly #clock: EtcdClock;
  readonly #network: Network;
  readonly #timerKind: number;
  readonly #sleepers = new SlotTable<Sleeper>();
  /** Connections without a call, by the member's host, the last used last; some may have closed since. */
  readonly #kept: Connection[][] = [];
  #calls = 0;

  constructor(clock: EtcdClock, network: Network, host: HostId, subject: number) {
    this.host = host;
    this.subject = subject;
    this.#clock = clock;
    this.#network = network;
    this.#timerKind = clock.kinds["client-timer"];
  }

  get now(): Micros {
    return this.#clock.now;
  }

  /** Wakes it once at `atUs`. It cannot be called off: a sleeper that has changed its mind sleeps on. */
  wakeAt(atUs: Micros, sleeper: Sleeper): void {
    this.#clock.schedule(atUs, this.#timerKind, this.subject, this.#sleepers.put(sleeper));
  }

  /** Handler of this client's "client-timer" events. */
  timer(detail: number): void {
    this.#sleepers.take(detail).wake();
  }

  /**
   * Asks the member on `memberHost`. `done` is called once, from the event loop. `timeoutUs` covers the dial;
   * Infinity: no limit but the network's.
   */
  call(memberHost: HostId, request: Request, timeoutUs: Micros, done: (result: CallResult) => void): void {
    assert(timeoutUs > 0, "a call has some time");
    this.#connection(memberHost).begin(++this.#calls, request, this.#clock.now + timeoutUs, done);
  }

  /** Watches at the member on `memberHost`, on a connection of its own that must be dialled and accepted within `timeoutUs`. */
  watch(memberHost: HostId, request: WatchRequest, timeoutUs: Micros, listener: WatchListener): Watch {
    assert(timeoutUs > 0, "a watch has some time to be made");
    const watch = new WatchConnection(++this.#calls, request, listener);
    watch.open(this.#network.dial(this.host, memberHost, CLIENT_PURPOSE, 0, watch));
    if (timeoutUs < Number.POSITIVE_INFINITY) this.wakeAt(this.#clock.now + timeoutUs, watch);
    return watch;
  }

  #connection(memberHost: HostId): Connection {
    let kept = this.#kept[memberHost];
    if (kept === undefined) {
      kept = [];
      this.#kept[memberHost] = kept;
    }
    for (let last = kept.pop(); last !== undefined; last = kept.pop()) {
      if (last.isOpen) return last;
    }
    const connection = new Connection(this, kept);
    connection.open(this.#network.dial(this.host, memberHost, CLIENT_PURPOSE, 0, connection));
    return connection;
  }
}

/** Of a request on the wire, values included. */
export function requestBytes(request: Request): number {
  let bytes = REQUEST_BYTES;
  if (request.type === "put") bytes += valueBytes(request);
  else if (request.type === "txn") {
    for (const operation of request.success) bytes += valueBytes(operation);
    for (const operation of request.failure) bytes += valueBytes(operation);
  }
  return bytes;
}

function valueBytes(operation: Request): number {
  return operation.type === "put" ? (operation.bytes ?? operation.value.length) : 0;
}

/** A connection to one member with at most one call on it. */
class Connection implements SocketOwner, Sleeper {
  readonly #client: ClientHost;
  /** Where it waits between two calls. */
  readonly #kept: Connection[];
  #socket: Socket | undefined;
  #isConnected = false;
  /** The call in flight: its number (0: none), its request as long as it is unsent, its end. */
  #number = 0;
  #unsent: Request | undefined;
  #done: ((result: CallResult) => void) | undefined;
  #deadlineUs: Micros = Number.POSITIVE_INFINITY;
  /**
   * The earliest timer that is set, Infinity: none. A timer outlives its call and is set again for the call it finds,
   * so that calls that are answered in time cost one event in a timeout's time, not one each.
   */
  #timerAtUs: Micros = Number.POSITIVE_INFINITY;

  constructor(client: ClientHost, kept: Connection[]) {
    this.#client = client;
    this.#kept = kept;
  }

  get isOpen(): boolean {
    return this.#socket?.isOpen === true;
  }

  open(socket: Socket): void {
    this.#socket = socket;
  }

  begin(number: number, request: Request, deadlineUs: Micros, done: (result: CallResult) => void): void {
    assert(this.#number === 0, "a connection has one call at a time");
    this.#number = number;
    this.#done = done;
    this.#deadlineUs = deadlineUs;
    if (deadlineUs < this.#timerAtUs) this.#setTimer(deadlineUs);
    if (this.#isConnected) this.#send(request);
    else this.#unsent = request;
  }

  connected(): void {
    this.#isConnected = true;
    const request = this.#unsent;
    if (request === undefined) return;
    this.#unsent = undefined;
    this.#send(request);
  }

  received(_socket: Socket, item: NonNullable<unknown>): void {
    const message = item as ClientMessage;
    assert(message.type === "response" && message.number === this.#number, "an answer to another request");
    this.#finish({ type: "response", response: message.response }, true);
  }

  closed(_socket: Socket, reason: CloseReason): void {
    this.#socket = undefined;
    if (this.#number === 0) return;
    this.#finish({ type: "connection", reason, isSent: this.#unsent === undefined }, false);
  }

  wake(): void {
    const now = this.#client.now;
    if (now < this.#timerAtUs) return;
    this.#timerAtUs = Number.POSITIVE_INFINITY;
    if (now < this.#deadlineUs) {
      if (this.#deadlineUs < Number.POSITIVE_INFINITY) this.#setTimer(this.#deadlineUs);
      return;
    }
    this.#socket?.close();
    this.#socket = undefined;
    this.#finish(this.#unsent === undefined ? TIMED_OUT : TIMED_OUT_UNSENT, false);
  }

  #setTimer(atUs: Micros): void {
    this.#timerAtUs = atUs;
    this.#client.wakeAt(atUs, this);
  }

  #send(request: Request): void {
    const message: ClientMessage = { type: "request", number: this.#number, request };
    this.#socket?.send(message, requestBytes(request));
  }

  /** The connection is given back before the call's owner hears, whose next call may then use it. */
  #finish(result: CallResult, isKept: boolean): void {
    const done = this.#done;
    this.#number = 0;
    this.#unsent = undefined;
    this.#done = undefined;
    this.#deadlineUs = Number.POSITIVE_INFINITY;
    if (isKept) this.#kept.push(this);
    done?.(result);
  }
}

/** A connection that carries one watch. */
class WatchConnection implements SocketOwner, Sleeper, Watch {
  readonly #number: number;
  readonly #request: WatchRequest;
  readonly #listener: WatchListener;
  #socket: Socket | undefined;
  #isCreated = false;

  constructor(number: number, request: WatchRequest, listener: WatchListener) {
    this.#number = number;
    this.#request = request;
    this.#listener = listener;
  }

  open(socket: Socket): void {
    this.#socket = socket;
  }

  connected(socket: Socket): void {
    const message: ClientMessage = { type: "request", number: this.#number, request: this.#request };
    socket.send(message, REQUEST_BYTES);
  }

  received(socket: Socket, item: NonNullable<unknown>): void {
    if (this.#socket !== socket) return;
    const message = item as ClientMessage;
    if (message.type === "watch") {
      assert(message.response.watch === this.#number, "events of another watch");
      this.#listener.events(message.response);
      return;
    }
    assert(message.type === "response" && message.number === this.#number, "an answer to another watch");
    const outcome = message.response.outcome;
    if (outcome.type === "watchCreated") {
      this.#isCreated = true;
      this.#listener.created?.(message.response);
    } else if (outcome.type === "watchCanceled") {
      this.#end({ type: "canceled", compactRevision: outcome.compactRevision });
    } else {
      assert(outcome.type === "error", `a watch answered with "${outcome.type}"`);
      this.#end({ type: "error", code: outcome.code, message: outcome.message });
    }
  }

  closed(_socket: Socket, reason: CloseReason): void {
    this.#socket = undefined;
    this.#listener.ended({ type: "connection", reason });
  }

  /** The time to be made is over. */
  wake(): void {
    if (!this.#isCreated && this.#socket !== undefined) this.#end({ type: "timeout" });
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #end(end: WatchEnd): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#listener.ended(end);
  }
}
