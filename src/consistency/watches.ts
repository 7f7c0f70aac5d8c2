/**
 * What a watch promises (etcd's API guarantees, as its robustness tests take them apart): its events are of the asked range
 * ("filter"), never fall in revision ("ordered"), never come twice ("unique"), all those of one revision come in one
 * response ("atomic"), none is left out between the first and the last that the watcher knows of ("reliable"), a watch from
 * a revision begins with the first change there ("resumable"), and a progress notification at a revision says that all up
 * to it has been told ("bookmarkable"). Besides: each event is the change that was committed ("content"), and nothing is
 * told before it was asked for ("future").
 */
import type { Micros } from "../units/time.js";
import type { ChangeEvent, StoreHistory } from "./changes.js";
import { atText, covers, describeKv, type KeyRange, rangeText, type Violation } from "./history.js";
import { sameKv } from "./store-model.js";

/** One watch of one client on one member, as the client saw it. */
export interface WatchRecord {
  readonly client: string | number;
  /** The client's own count. */
  readonly number: number;
  /** `startRevision` 0: from the moment of creation on. */
  readonly request: KeyRange & { readonly startRevision: number };
  /** The store's revision in the answer that the watch stands; absent if the client does not know. */
  readonly createdRevision?: number | undefined;
  /** In the order of arrival. */
  readonly responses: readonly WatchRecordResponse[];
  /** It was refused or ended because what it asked for next is compacted away. */
  readonly compacted?: { readonly atUs: Micros; readonly revision: number } | undefined;
}

export interface WatchRecordResponse {
  readonly atUs: Micros;
  /** The member's revision when it sent. */
  readonly header: { readonly revision: number };
  /** None: a progress notification. */
  readonly events: readonly ChangeEvent[];
}

/** What is wrong with the watches, watch by watch in the order given. `store` holds all that was ever committed. */
export function checkWatches(watches: readonly WatchRecord[], store: StoreHistory): Violation[] {
  return watches.flatMap((watch) => new WatchCheck(watch, store).run());
}

class WatchCheck {
  readonly #watch: WatchRecord;
  readonly #store: StoreHistory;
  readonly #violations: Violation[] = [];
  /** Of the last event, and of the last progress notification. */
  #eventRevision = 0;
  #progressRevision = 0;
  /** The next revision that the watcher has to be told of; undefined until it is known. */
  #nextRevision: number | undefined;
  /** Revision and key of the events so far. */
  readonly #told = new Set<string>();
  /** A response with events came before the present one. */
  #hasBegun = false;

  constructor(watch: WatchRecord, store: StoreHistory) {
    this.#watch = watch;
    this.#store = store;
    if (watch.request.startRevision > 0) this.#nextRevision = watch.request.startRevision;
    else if (watch.createdRevision !== undefined) this.#nextRevision = watch.createdRevision + 1;
  }

  run(): Violation[] {
    for (const response of this.#watch.responses) {
      if (response.events.length === 0) this.#progress(response);
      else this.#events(response);
    }
    this.#compacted();
    return this.#violations;
  }

  #progress(response: WatchRecordResponse): void {
    const { revision } = response.header;
    const lowest = Math.max(this.#progressRevision, this.#eventRevision);
    if (revision < lowest) {
      this.#wrong(
        "watch-bookmarkable",
        response,
        `a notification of progress at revision ${revision} after ${lowest}`,
      );
    }
    this.#expectThrough(revision, response);
    this.#progressRevision = Math.max(this.#progressRevision, revision);
    this.#nextRevision = Math.max(this.#nextRevision ?? 0, revision + 1);
  }

  #events(response: WatchRecordResponse): void {
    const first = response.events[0]?.kv.modRevision ?? 0;
    if (first === this.#eventRevision) {
      this.#wrong(
        "watch-atomic",
        response,
        `more of revision ${first}, of which the response before told already`,
      );
    }
    const byRevision = new Map<number, ChangeEvent[]>();
    for (const event of response.events) {
      this.#event(event, response);
      const revision = event.kv.modRevision;
      byRevision.set(revision, [...(byRevision.get(revision) ?? []), event]);
    }
    for (const [revision, events] of byRevision) this.#revision(revision, events, response);
    if (this.#eventRevision > response.header.revision) {
      const what = `events up to revision ${this.#eventRevision} from a member at revision ${response.header.revision}`;
      this.#wrong("watch-future", response, what);
    }
    this.#hasBegun = true;
  }

  /** What can be said of one event by itself. */
  #event(event: ChangeEvent, response: WatchRecordResponse): void {
    const { key, modRevision } = event.kv;
    const { request } = this.#watch;
    if (!covers(request, key))
      this.#wrong("watch-filter", response, `${eventText(event)} is not of the range`);
    if (modRevision < this.#eventRevision) {
      this.#wrong("watch-ordered", response, `${eventText(event)} after revision ${this.#eventRevision}`);
    }
    const name = `${modRevision}\0${key}`;
    if (this.#told.has(name))
      this.#wrong("watch-unique", response, `${eventText(event)} for the second time`);
    this.#told.add(name);
    if (modRevision <= this.#progressRevision) {
      const what = `${eventText(event)} after a notification of progress at revision ${this.#progressRevision}`;
      this.#wrong("watch-bookmarkable", response, what);
    }
    if (request.startRevision > 0 && modRevision < request.startRevision) {
      this.#wrong("watch-resumable", response, `${eventText(event)}, before the revision asked for`);
    }
    this.#eventRevision = Math.max(this.#eventRevision, modRevision);
  }

  /** A response's events of one revision against what was committed there, and the gap before it. */
  #revision(revision: number, events: readonly ChangeEvent[], response: WatchRecordResponse): void {
    if (this.#nextRevision !== undefined && revision < this.#nextRevision) return;
    this.#expectThrough(revision - 1, response);
    this.#nextRevision = revision + 1;
    const change = this.#store.change(revision);
    if (change === undefined) {
      this.#wrong(
        "watch-content",
        response,
        `${events.map(eventText).join(", ")}: there was no change at this revision`,
      );
      return;
    }
    const expected = change.events.filter((event) => covers(this.#watch.request, event.kv.key));
    const got = events.filter((event) => covers(this.#watch.request, event.kv.key));
    if (
      expected.length !== got.length ||
      !expected.every((event) => got.some((other) => sameEvent(event, other)))
    ) {
      // Some of a revision and not all of it is what atomicity rules out; anything else is simply not what happened.
      const isPart = got.every((event) => expected.some((other) => sameEvent(event, other)));
      const what = `told ${got.map(eventText).join(", ")}; committed was ${expected.map(eventText).join(", ")}`;
      this.#wrong(isPart ? "watch-atomic" : "watch-content", response, what);
    }
    const knownUs = change.calledUs ?? Number.NEGATIVE_INFINITY;
    if (knownUs > response.atUs) {
      this.#wrong(
        "watch-future",
        response,
        `revision ${revision}, whose write was only called ${atText(knownUs)}`,
      );
    }
  }

  /** All changes of the range up to the revision should have been told by now. */
  #expectThrough(revision: number, response: WatchRecordResponse): void {
    const from = this.#nextRevision;
    if (from === undefined) return;
    for (let at = Math.max(from, this.#store.firstRevision + 1); at <= revision; at += 1) {
      const missed = this.#store
        .change(at)
        ?.events.filter((event) => covers(this.#watch.request, event.kv.key));
      if (missed === undefined || missed.length === 0) continue;
      this.#wrong(
        !this.#hasBegun && this.#watch.request.startRevision > 0 ? "watch-resumable" : "watch-reliable",
        response,
        `${missed.map(eventText).join(", ")} left out before revision ${revision + 1}`,
      );
    }
    this.#nextRevision = Math.max(from, revision + 1);
  }

  #compacted(): void {
    const { compacted } = this.#watch;
    if (compacted === undefined || this.#nextRevision === undefined) return;
    // A watcher that waits for the compact revision itself can still have it: the latest versions are kept.
    if (this.#nextRevision < compacted.revision) return;
    const text =
      `${this.#name()}: ended ${atText(compacted.atUs)} as compacted through ${compacted.revision}, ` +
      `though it waited for revision ${this.#nextRevision}`;
    this.#violations.push({ rule: "watch-resumable", atUs: compacted.atUs, text });
  }

  #wrong(rule: string, response: WatchRecordResponse, what: string): void {
    this.#violations.push({
      rule,
      atUs: response.atUs,
      text: `${this.#name()}, ${atText(response.atUs)}: ${what}`,
    });
  }

  #name(): string {
    const { client, number, request } = this.#watch;
    const from = request.startRevision > 0 ? `from revision ${request.startRevision}` : "from its creation";
    return `watch ${number} of client ${client} on ${rangeText(request)} ${from}`;
  }
}

function sameEvent(a: ChangeEvent, b: ChangeEvent): boolean {
  if (a.type !== b.type || a.kv.key !== b.kv.key || a.kv.modRevision !== b.kv.modRevision) return false;
  return a.type === "delete" || sameKv(a.kv, b.kv);
}

function eventText({ type, kv }: ChangeEvent): string {
  return type === "put" ? `put of ${describeKv(kv)}` : `delete of ${kv.key} at ${kv.modRevision}`;
}
