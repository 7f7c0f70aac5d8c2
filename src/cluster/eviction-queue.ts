/**
 * The queue of a zone's nodes that await their NoExecute taint, and the token bucket that lets them through
 * (pkg/controller/nodelifecycle/scheduler: RateLimitedTimedQueue).
 */
import { type Micros, SECOND } from "../units/time.js";

/** A bucket of one token, so that "has a token" and "is full" are the same and one moment says all. */
export class EvictionBucket {
  #perSecond: number;
  /** From this moment it holds its token. */
  #fullAtUs: Micros = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  /** From when a token can be had; Infinity at rate 0. */
  get readyUs(): Micros {
    return this.#perSecond > 0 ? this.#fullAtUs : Number.POSITIVE_INFINITY;
  }

  /** Takes the token if it is there. */
  tryAccept(now: Micros): boolean {
    if (now < this.readyUs) return false;
    this.#fullAtUs = now + Math.ceil(SECOND / this.#perSecond);
    return true;
  }

  /** A new rate is a new bucket: full, unless the old one had nothing to give (SwapLimiter). Same rate: no change. */
  swap(perSecond: number, now: Micros): void {
    if (perSecond === this.#perSecond) return;
    const drained = now < this.readyUs;
    this.#perSecond = perSecond;
    this.#fullAtUs = drained && perSecond > 0 ? now + Math.ceil(SECOND / perSecond) : now;
  }
}

/** First in, first out; a node is taken in once until it is removed. */
export class EvictionQueue {
  readonly bucket: EvictionBucket;
  readonly #waiting = new Set<number>();
  /** Taken in and not removed: a node that had its turn stays here, so that it does not queue again. */
  readonly #known = new Set<number>();

  constructor(perSecond: number) {
    this.bucket = new EvictionBucket(perSecond);
  }

  get size(): number {
    return this.#waiting.size;
  }

  head(): number | undefined {
    for (const node of this.#waiting) return node;
    return undefined;
  }

  /** False: it was taken in before. */
  add(node: number): boolean {
    if (this.#known.has(node)) return false;
    this.#known.add(node);
    this.#waiting.add(node);
    return true;
  }

  /** Forgets the node; it may be added again. */
  remove(node: number): void {
    this.#known.delete(node);
    this.#waiting.delete(node);
  }

  /** The node had its turn. */
  done(node: number): void {
    this.#waiting.delete(node);
  }

  /** Its turn failed: to the end of the queue. */
  again(node: number): void {
    if (this.#waiting.delete(node)) this.#waiting.add(node);
  }
}
