/** A process' watches and the connections that they were made on. */
import type { GroupContext } from "./process-types.js";
import type { ClientMessage, Outcome, Response, WatchEvent, WatchRequest } from "./requests.js";
import { RESPONSE_BYTES } from "./requests.js";
import type { Server } from "./server.js";
import type { Socket } from "./tcp-types.js";
import { WATCH_PROGRESS_US, WATCH_SYNC_US, type WatchDelivery } from "./watch.js";

interface Stream {
  readonly socket: Socket;
  /** Of the request that made the watch. */
  readonly number: number;
}

export class WatchStreams {
  readonly #group: GroupContext;
  readonly #server: Server;
  /** By the watch's number. */
  readonly #streams = new Map<number, Stream>();
  #isSyncing = false;

  constructor(group: GroupContext, server: Server) {
    this.#group = group;
    this.#server = server;
  }

  /** Opens a watch for a request on a connection; it is known by the number returned, or was refused. */
  open(request: WatchRequest, socket: Socket, number: number): number | Outcome {
    const watch = this.#group.nextNumber();
    const outcome = this.#server.watches.create(watch, request);
    if (outcome.type !== "watchCreated") return outcome;
    this.#streams.set(watch, { socket, number });
    this.sync();
    if (request.progressNotify === true) this.#tellProgressLater(watch);
    return watch;
  }

  close(watch: number): void {
    this.#streams.delete(watch);
    this.#server.watches.cancel(watch);
  }

  /** All changes of one revision. */
  notify(events: readonly WatchEvent[]): void {
    for (const delivery of this.#server.watches.notify(events)) this.#deliver(delivery);
  }

  /** While watches are behind, they are brought up a piece at a time. */
  sync(): void {
    if (this.#isSyncing || this.#server.watches.unsyncedCount === 0) return;
    this.#isSyncing = true;
    this.#server.after(WATCH_SYNC_US, () => {
      this.#isSyncing = false;
      for (const delivery of this.#server.watches.sync()) {
        const what = delivery.compactRevision > 0 ? "watchCompacted" : "watchBroughtUp";
        this.#group.observer.happened?.(this.#server.member, what);
        this.#deliver(delivery);
      }
      this.sync();
    });
  }

  #tellProgressLater(watch: number): void {
    this.#server.after(WATCH_PROGRESS_US, () => {
      if (!this.#streams.has(watch)) return;
      for (const delivery of this.#server.watches.progress([watch])) this.#deliver(delivery);
      this.#tellProgressLater(watch);
    });
  }

  #deliver({ watch, events, revision, compactRevision }: WatchDelivery): void {
    const stream = this.#streams.get(watch);
    if (stream === undefined || !stream.socket.isOpen) return;
    const { member, loop } = this.#server;
    const header = { member, term: loop.node.term, revision };
    if (compactRevision > 0) {
      this.#streams.delete(watch);
      const response: Response = { header, outcome: { type: "watchCanceled", compactRevision } };
      const item: ClientMessage = { type: "response", number: stream.number, response };
      stream.socket.send(item, RESPONSE_BYTES);
      return;
    }
    let bytes = RESPONSE_BYTES;
    for (const { kv } of events) bytes += kv.key.length + kv.value.length;
    const item: ClientMessage = { type: "watch", response: { header, watch: stream.number, events } };
    stream.socket.send(item, bytes);
  }
}
