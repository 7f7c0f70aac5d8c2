/** Delayed actions of the members' transports: the owner of "peer-timer". */
import { SlotTable } from "../engine/slots.js";
import type { Micros } from "../units/time.js";
import type { EtcdClock, EtcdHandlers } from "./events.js";

/** One for a whole group; wire its `handlers` into the simulation that `clock` is of. Whoever puts an action in checks when it runs that it is still wanted. */
export class PeerTimers {
  readonly handlers: EtcdHandlers<"peer-timer">;
  readonly #clock: EtcdClock;
  readonly #actions = new SlotTable<() => void>();

  constructor(clock: EtcdClock) {
    this.#clock = clock;
    this.handlers = { "peer-timer": (_member, slot) => this.#actions.take(slot)() };
  }

  get nowUs(): Micros {
    return this.#clock.now;
  }

  after(delayUs: Micros, member: number, action: () => void): void {
    this.#clock.after(delayUs, this.#clock.kinds["peer-timer"], member, this.#actions.put(action));
  }
}
