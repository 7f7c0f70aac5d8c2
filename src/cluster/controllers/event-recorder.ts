/**
 * A controller's Events. They change nothing modelled, but they go through the controller's own client, one after
 * another, and so take tokens from its real work (measured: reference roll-outs are slower by it).
 */
import type { ApiClient } from "../core.js";

/**
 * Events for one object before the rest is dropped (client-go EventCorrelator: burst 25, refilled one in five minutes;
 * the refill is left out, it is one request in 300 s).
 */
const BURST_PER_OBJECT = 25;
/** Events that may wait (client-go broadcaster's queue). */
const WAITING_MAX = 1_000;

export class EventRecorder {
  readonly #client: ApiClient;
  readonly #sent = new Map<number, number>();
  #waiting = 0;
  #sending = false;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** One Event about the object. */
  event(object: number): void {
    const sent = this.#sent.get(object) ?? 0;
    if (sent >= BURST_PER_OBJECT || this.#waiting >= WAITING_MAX) return;
    this.#sent.set(object, sent + 1);
    this.#waiting++;
    this.#next();
  }

  /** The process died, and its client with it. */
  reset(): void {
    this.#sent.clear();
    this.#waiting = 0;
    this.#sending = false;
  }

  #next(): void {
    if (this.#sending || this.#waiting === 0) return;
    this.#sending = true;
    this.#waiting--;
    this.#client.submitNoop(() => {
      this.#sending = false;
      this.#next();
    });
  }
}
