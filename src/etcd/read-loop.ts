/**
 * Linearizable reads at one process: one ReadIndex round at a time, for all reads that wait when it begins. Who comes
 * later waits for the next round (etcd's linearizableReadLoop).
 */
import type { Micros } from "../units/time.js";
import { ETCD_LIMITS } from "./model.js";

/** Why a read was not served; etcd's own words are the server's. */
export type ReadFailure = "leaderChanged" | "timeout";

/** A read that waits. */
export type ReadWaiter = (failure: ReadFailure | undefined) => void;

export interface ReadLoopHost {
  /** Asks Raft; an answer may come as {@link ReadLoop.confirmed} with the same number, or never. */
  ask(context: number): void;
  /** A number that no process of the group has used. */
  nextContext(): number;
  nowUs(): Micros;
  after(delayUs: Micros, action: () => void): void;
}

export class ReadLoop {
  readonly #host: ReadLoopHost;
  readonly #timeoutUs: Micros;
  #waiting: ReadWaiter[] = [];
  #current: ReadWaiter[] | undefined;
  #context = -1;
  /** The index that this round's reads wait to be applied; -1: not confirmed yet. */
  #confirmedIndex = -1;
  #deadlineUs: Micros = 0;
  /** When Raft is asked again. */
  #retryUs: Micros = 0;
  #isLooking = false;

  constructor(host: ReadLoopHost, timeoutUs: Micros) {
    this.#host = host;
    this.#timeoutUs = timeoutUs;
  }

  /** Whether nobody waits. */
  get isIdle(): boolean {
    return this.#current === undefined;
  }

  add(waiter: ReadWaiter): void {
    this.#waiting.push(waiter);
    if (this.#current === undefined) this.#begin();
  }

  /** Raft confirmed a round; answers to rounds given up are let go by. */
  confirmed(context: number, index: number, appliedIndex: number): void {
    if (this.#current === undefined || context !== this.#context || this.#confirmedIndex >= 0) return;
    this.#confirmedIndex = index;
    this.applied(appliedIndex);
  }

  /** The state machine got further. */
  applied(appliedIndex: number): void {
    if (this.#confirmedIndex < 0 || appliedIndex < this.#confirmedIndex) return;
    this.#end(undefined);
  }

  /** This member knows a leader, another one than before or the same again: a round under way is given up. */
  leaderChanged(): void {
    if (this.#current !== undefined && this.#confirmedIndex < 0) this.#end("leaderChanged");
  }

  /** The first entry of a term was applied: a new leader answers reads from now on. */
  firstCommitInTerm(): void {
    if (this.#current !== undefined && this.#confirmedIndex < 0) this.#ask();
  }

  #begin(): void {
    this.#current = this.#waiting;
    this.#waiting = [];
    this.#context = this.#host.nextContext();
    this.#confirmedIndex = -1;
    this.#deadlineUs = this.#host.nowUs() + this.#timeoutUs;
    this.#ask();
  }

  #ask(): void {
    this.#retryUs = this.#host.nowUs() + ETCD_LIMITS.readIndexRetryUs;
    this.#lookLater();
    this.#host.ask(this.#context);
  }

  /** One timer for all rounds: later rounds are due later, so that a round that is answered costs no event. */
  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const dueUs = Math.min(this.#retryUs, this.#deadlineUs);
    this.#host.after(dueUs - this.#host.nowUs(), () => {
      this.#isLooking = false;
      this.#look();
    });
  }

  #look(): void {
    if (this.#current === undefined || this.#confirmedIndex >= 0) return;
    const now = this.#host.nowUs();
    if (now >= this.#deadlineUs) this.#end("timeout");
    else if (now >= this.#retryUs) this.#ask();
    else this.#lookLater();
  }

  #end(failure: ReadFailure | undefined): void {
    const done = this.#current ?? [];
    this.#current = undefined;
    this.#confirmedIndex = -1;
    for (const waiter of done) waiter(failure);
    if (this.#current === undefined && this.#waiting.length > 0) this.#begin();
  }
}
