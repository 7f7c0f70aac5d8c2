/** client-go's flowcontrol token bucket as a reservation: who comes now may go when? */
import type { Micros } from "../units/time.js";
import { SECOND } from "../units/time.js";

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atUs: Micros = 0;

  /** `perSecond` 0: no limit. */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** Takes one token and returns the moment from which it may be used, in order of calls. */
  reserve(now: Micros): Micros {
    if (this.#perSecond === 0) return now;
    this.#refill(now);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? now : now + Math.ceil((-this.#tokens / this.#perSecond) * SECOND);
  }

  /** Full again, as in a process just started. */
  reset(now: Micros): void {
    this.#tokens = this.#burst;
    this.#atUs = now;
  }

  #refill(now: Micros): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#atUs) * this.#perSecond) / SECOND);
    this.#atUs = now;
  }
}
