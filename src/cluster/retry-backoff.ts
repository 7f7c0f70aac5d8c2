/** Waits of a client between failed tries: 200 ms doubling to 7 s, as the kubelet's lease client has them. */
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";

const FIRST_US = 200 * MILLISECOND;
const MAX_US = 7 * SECOND;

/** The wait after so many failures in a row (≥ 1). */
export function retryWaitUs(failures: number): Micros {
  return failures > 6 ? MAX_US : Math.min(MAX_US, FIRST_US * 2 ** (failures - 1));
}

export class RetryBackoff {
  #failures = 0;
  /** Changes with every wait begun and every success: a timer with an older stamp is stale. */
  stamp = 0;

  next(): Micros {
    this.stamp++;
    return retryWaitUs(++this.#failures);
  }

  reset(): void {
    if (this.#failures === 0) return;
    this.stamp++;
    this.#failures = 0;
  }
}
