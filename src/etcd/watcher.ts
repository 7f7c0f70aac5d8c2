/** A client that follows a range by a watch and, when that breaks, goes on where it was at another member. */
import { assert } from "../assert.js";
import type { Micros } from "../units/time.js";
import type { ClientHost, Sleeper, Watch, WatchEnd, WatchListener } from "./client.js";
import type { Target } from "./client-record.js";
import type { MemberNumber } from "./model.js";
import type { Key, Response, WatchRequest, WatchResponse } from "./requests.js";

export interface WatcherOptions {
  readonly client: string;
  /** The first one first, then in turn. */
  readonly targets: readonly Target[];
  readonly key: Key;
  readonly rangeEnd?: Key;
  /** 0: from when the watch stands. */
  readonly startRevision: number;
  /** For a watch to be dialled and accepted. */
  readonly openTimeoutUs: Micros;
  /** From the end of a watch to the next attempt. */
  readonly retryPauseUs: Micros;
  /** A watch that has said nothing for so long is given up. Absent: never, as with an idle connection without keep-alives. */
  readonly silenceUs?: Micros;
  readonly progressNotify?: boolean;
  /** The first attempt; absent: at once. */
  readonly startUs?: Micros;
  /** Called with each batch instead of keeping it. */
  readonly onBatch?: (batch: WatchedBatch) => void;
}

/** Some events as they came. */
export interface WatchedBatch {
  readonly atUs: Micros;
  readonly member: MemberNumber;
  readonly response: WatchResponse;
}

/** The end of one watch. */
export interface Interruption {
  readonly atUs: Micros;
  readonly member: MemberNumber;
  readonly end: WatchEnd;
}

/** Revisions that were compacted before the watcher could see them, both ends included. */
export interface RevisionGap {
  readonly from: number;
  readonly to: number;
}

export class Watcher implements Sleeper, WatchListener {
  readonly #host: ClientHost;
  readonly #options: WatcherOptions;
  readonly #batches: WatchedBatch[] = [];
  readonly #interruptions: Interruption[] = [];
  readonly #gaps: RevisionGap[] = [];
  readonly #silence: Sleeper = { wake: () => this.#listen() };
  #isListening = false;
  #watch: Watch | undefined;
  #target = 0;
  #nextRevision: number;
  #heardUs: Micros = 0;
  #isStopped = false;

  constructor(host: ClientHost, options: WatcherOptions) {
    assert(options.targets.length > 0 && options.retryPauseUs > 0, "a watcher has members to ask, and rests");
    this.#host = host;
    this.#options = options;
    this.#nextRevision = options.startRevision;
    host.wakeAt(options.startUs ?? host.now, this);
  }

  /** All batches in order, unless they went to `onBatch`. */
  get batches(): readonly WatchedBatch[] {
    return this.#batches;
  }

  get interruptions(): readonly Interruption[] {
    return this.#interruptions;
  }

  get gaps(): readonly RevisionGap[] {
    return this.#gaps;
  }

  /** Where it will go on; everything of the range before it was seen, or is in a gap. */
  get nextRevision(): number {
    return this.#nextRevision;
  }

  stop(): void {
    this.#isStopped = true;
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** The next attempt. */
  wake(): void {
    if (this.#isStopped) return;
    const { key, rangeEnd, progressNotify, openTimeoutUs } = this.#options;
    const request: WatchRequest = {
      type: "watch",
      key,
      startRevision: this.#nextRevision,
      ...(rangeEnd === undefined ? {} : { rangeEnd }),
      ...(progressNotify === undefined ? {} : { progressNotify }),
    };
    this.#heardUs = this.#host.now;
    this.#watch = this.#host.watch(this.#asked.host, request, openTimeoutUs, this);
  }

  created(response: Response): void {
    if (this.#nextRevision === 0) this.#nextRevision = response.header.revision + 1;
    this.#heardUs = this.#host.now;
    const { silenceUs } = this.#options;
    if (silenceUs !== undefined && !this.#isListening) {
      this.#isListening = true;
      this.#host.wakeAt(this.#heardUs + silenceUs, this.#silence);
    }
  }

  events(response: WatchResponse): void {
    const now = this.#host.now;
    this.#heardUs = now;
    // An empty response says that everything up to its revision was told.
    const last = response.events.at(-1)?.kv.modRevision ?? response.header.revision;
    this.#nextRevision = Math.max(this.#nextRevision, last + 1);
    const batch: WatchedBatch = { atUs: now, member: this.#asked.member, response };
    if (this.#options.onBatch === undefined) this.#batches.push(batch);
    else this.#options.onBatch(batch);
  }

  ended(end: WatchEnd): void {
    const now = this.#host.now;
    const { targets, retryPauseUs } = this.#options;
    this.#watch = undefined;
    this.#interruptions.push({ atUs: now, member: this.#asked.member, end });
    if (end.type === "canceled" && end.compactRevision > this.#nextRevision) {
      this.#gaps.push({ from: this.#nextRevision, to: end.compactRevision - 1 });
      this.#nextRevision = end.compactRevision;
    }
    this.#target = (this.#target + 1) % targets.length;
    this.#host.wakeAt(now + retryPauseUs, this);
  }

  get #asked(): Target {
    return this.#options.targets[this.#target] as Target;
  }

  /** Gives up a watch that stands and is silent; a timer outlives the watches. */
  #listen(): void {
    const { silenceUs } = this.#options;
    const watch = this.#watch;
    this.#isListening = false;
    if (this.#isStopped || watch === undefined || silenceUs === undefined) return;
    if (this.#host.now >= this.#heardUs + silenceUs) {
      watch.close();
      this.ended({ type: "timeout" });
      return;
    }
    this.#isListening = true;
    this.#host.wakeAt(this.#heardUs + silenceUs, this.#silence);
  }
}
