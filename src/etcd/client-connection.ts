/** One connection of a client at a member: requests one after the other, and the watches opened on it. */
import { assert } from "../assert.js";
import type { Api } from "./api.js";
import {
  type ClientMessage,
  type Outcome,
  RESPONSE_BYTES,
  type Request,
  type WatchRequest,
} from "./requests.js";
import type { Socket, SocketOwner } from "./tcp-types.js";

export class ClientConnection implements SocketOwner {
  readonly #api: Api;
  readonly #socket: Socket;
  /** How to give up what is being answered, by the request's number. */
  readonly #cancels = new Map<number, () => void>();
  /** By the number of the request that made them. */
  readonly #watches = new Map<number, number>();

  constructor(api: Api, socket: Socket) {
    this.#api = api;
    this.#socket = socket;
  }

  received(_: Socket, item: NonNullable<unknown>): void {
    const message = item as ClientMessage;
    assert(message.type === "request", "clients send requests");
    const { number, request } = message;
    const cancel = this.#api.take(request, (outcome, revision) => {
      this.#cancels.delete(number);
      this.#answer(number, request, outcome, revision);
    });
    this.#cancels.set(number, cancel);
  }

  closed(): void {
    for (const cancel of this.#cancels.values()) cancel();
    for (const watch of this.#watches.values()) this.#api.watches.close(watch);
    this.#cancels.clear();
    this.#watches.clear();
  }

  #answer(number: number, request: Request, outcome: Outcome, revision: number): void {
    if (!this.#socket.isOpen) return;
    if (request.type === "watch" && outcome.type === "watchCreated") {
      // A watch begins when it is made, not when it was asked for.
      this.#open(number, request, this.#api.revision);
      return;
    }
    if (request.type === "watchCancel") {
      const watch = this.#watches.get(request.watch);
      if (watch !== undefined) this.#api.watches.close(watch);
      this.#watches.delete(request.watch);
    }
    this.#send(number, outcome, revision);
  }

  #open(number: number, request: WatchRequest, revision: number): void {
    const opened = this.#api.watches.open(request, this.#socket, number);
    if (typeof opened === "number") this.#watches.set(number, opened);
    this.#send(number, typeof opened === "number" ? { type: "watchCreated" } : opened, revision);
  }

  #send(number: number, outcome: Outcome, revision: number): void {
    const item: ClientMessage = { type: "response", number, response: this.#api.response(outcome, revision) };
    this.#socket.send(item, RESPONSE_BYTES);
  }
}
