/** What really happened to the store, as the members' own logs tell: the changes by revision, and when leases ended. */
import { type Change, StoreHistory } from "../consistency/changes.js";
import type { LoggedRequest, WatchEvent } from "../etcd/requests.js";
import type { Micros } from "../units/time.js";
import { LifeViolation } from "./violation.js";

export class Truth {
  /** Requests that changed the store. */
  readonly effective = new Set<LoggedRequest>();
  /** When the end of a lease was first applied, by its identity. */
  readonly leaseEndsUs = new Map<number, Micros>();
  readonly #changes: { readonly request: LoggedRequest; readonly events: readonly WatchEvent[] }[] = [];
  #appliedIndex = 0;

  /** Whether this is the first member to apply the entry. */
  applied(index: number): boolean {
    if (index <= this.#appliedIndex) return false;
    this.#appliedIndex = index;
    return true;
  }

  /** A member applied a request that changed its store. */
  wrote(request: LoggedRequest, events: readonly WatchEvent[]): void {
    const revision = events[0]?.kv.modRevision ?? 0;
    const known = this.#changes[revision - 2];
    if (known === undefined) {
      if (revision !== this.#changes.length + 2)
        throw new LifeViolation("state-machines", `revision ${revision} after ${this.#changes.length + 1}`);
      this.#changes.push({ request, events });
      this.effective.add(request);
    } else if (known.request !== request) {
      throw new LifeViolation(
        "state-machines",
        `revision ${revision} is made by ${JSON.stringify(request)}, elsewhere by ${JSON.stringify(known.request)}`,
      );
    }
  }

  get revision(): number {
    return this.#changes.length + 1;
  }

  /** The last revision's events. */
  history(calledUs: (request: LoggedRequest) => Micros | undefined): StoreHistory {
    return new StoreHistory(
      this.#changes.map(({ request, events }, at): Change => {
        const called = calledUs(request);
        return called === undefined
          ? { revision: at + 2, events }
          : { revision: at + 2, events, calledUs: called };
      }),
    );
  }
}
