/**
 * Leases (etcd 3.5: server/lease/lessor.go). Every member knows which leases there are and for how long each was granted:
 * that is in the log. When one ends is known to the primary alone (the leader, once it has applied the first entry of
 * its term): not in the log, so a new leader gives every lease its full time again. Checkpoints of the remaining time
 * are off in 3.5 unless asked for, and not modelled.
 */
import { assert, present } from "../assert.js";
import { type Micros, SECOND } from "../units/time.js";
import { type EtcdModel, requestTimeoutUs } from "./model.js";
import type { Key } from "./requests.js";
import { LEASE_EXISTS, LEASE_NOT_FOUND, LEASE_TTL_TOO_LARGE, type Refusal } from "./store-errors.js";

/** Leases revoked per second, about; a check every 500 ms takes half as many. */
export const LEASE_REVOKE_RATE = 1000;

/** Seconds. */
const TTL_MAX = 9_000_000_000;

/** What a lessor takes of a model. */
export type LessorModel = Pick<EtcdModel, "electionUs" | "heartbeatUs">;

/** A lease as every member stores it. */
export interface GrantedLease {
  readonly id: number;
  /** Seconds. */
  readonly ttl: number;
}

interface Lease extends GrantedLease {
  readonly keys: Set<Key>;
  /** Infinity on members that are not primary. */
  expiryUs: Micros;
  /** When the lease is next looked at: at its end, and again a while later as long as its revocation is not applied. */
  lookUs: Micros;
  /** The time of its one valid item in the queue, never after `lookUs`; Infinity: none. */
  queuedUs: Micros;
}

/** Shortest time to live, seconds: one and a half election timeouts, in whole ticks first, then rounded up. */
export function minLeaseTtl(model: LessorModel): number {
  const ticks = Math.floor((3 * Math.floor(model.electionUs / model.heartbeatUs)) / 2);
  return Math.ceil((ticks * model.heartbeatUs) / SECOND);
}

export class Lessor {
  readonly #leases = new Map<number, Lease>();
  readonly #minTtl: number;
  readonly #retryUs: Micros;
  readonly #queue = new LookQueue();
  #isPrimary = false;

  constructor(model: LessorModel) {
    this.#minTtl = minLeaseTtl(model);
    this.#retryUs = requestTimeoutUs(model);
  }

  get isPrimary(): boolean {
    return this.#isPrimary;
  }

  get count(): number {
    return this.#leases.size;
  }

  has(id: number): boolean {
    return this.#leases.has(id);
  }

  /** By identity. */
  granted(): readonly GrantedLease[] {
    return [...this.#leases.values()].map(({ id, ttl }) => ({ id, ttl })).sort((a, b) => a.id - b.id);
  }

  /** The keys that a lease holds, sorted: every member has to delete them in the same order. */
  keysOf(id: number): readonly Key[] {
    const lease = this.#leases.get(id);
    return lease === undefined ? [] : [...lease.keys].sort();
  }

  grant(id: number, ttl: number, nowUs: Micros): GrantedLease | Refusal {
    if (id === 0) return LEASE_NOT_FOUND;
    if (ttl > TTL_MAX) return LEASE_TTL_TOO_LARGE;
    if (this.#leases.has(id)) return LEASE_EXISTS;
    return this.restore(id, ttl, nowUs);
  }

  /** As {@link grant}, of what was granted before. */
  restore(id: number, ttl: number, nowUs: Micros): GrantedLease {
    const lease = {
      id,
      ttl: Math.max(ttl, this.#minTtl),
      keys: new Set<Key>(),
      expiryUs: Number.POSITIVE_INFINITY,
      lookUs: Number.POSITIVE_INFINITY,
      queuedUs: Number.POSITIVE_INFINITY,
    };
    this.#leases.set(id, lease);
    if (this.#isPrimary) this.#refresh(lease, nowUs, 0);
    return lease;
  }

  /** Its keys were deleted in the same step. */
  remove(id: number): void {
    this.#leases.delete(id);
  }

  attach(id: number, key: Key): void {
    present(this.#leases.get(id), `lease ${id} was looked up before a key was put with it`).keys.add(key);
  }

  detach(id: number, key: Key): void {
    this.#leases.get(id)?.keys.delete(key);
  }

  /**
   * A lease lives on for its full time from now: that time in seconds. "expiring": its time was up and its revocation is
   * on its way; the answer has to wait until that is applied (then there is no such lease) or this member is primary no
   * longer.
   */
  renew(id: number, nowUs: Micros): number | "notFound" | "notPrimary" | "expiring" {
    if (!this.#isPrimary) return "notPrimary";
    const lease = this.#leases.get(id);
    if (lease === undefined) return "notFound";
    if (lease.expiryUs <= nowUs) return "expiring";
    this.#refresh(lease, nowUs, 0);
    return lease.ttl;
  }

  /** Whole seconds left, rounded towards zero and negative when overdue, and those granted. The primary alone knows. */
  timeToLive(
    id: number,
    nowUs: Micros,
  ): { readonly ttl: number; readonly grantedTtl: number } | "notFound" | "notPrimary" {
    const lease = this.#leases.get(id);
    if (lease === undefined) return "notFound";
    if (lease.expiryUs === Number.POSITIVE_INFINITY) return "notPrimary";
    const ttl = Math.trunc((lease.expiryUs - nowUs) / SECOND);
    return { ttl: ttl === 0 ? 0 : ttl, grantedTtl: lease.ttl };
  }

  /**
   * This member leads and has applied the first entry of its term: every lease gets its full time from now, and `extendUs`
   * (the election timeout) besides. With very many leases their ends are moved apart.
   */
  promote(extendUs: Micros, nowUs: Micros): void {
    this.#isPrimary = true;
    for (const lease of this.#leases.values()) this.#refresh(lease, nowUs, extendUs);
    if (this.#leases.size >= LEASE_REVOKE_RATE) this.#spread(extendUs, nowUs);
  }

  /** This member does not lead (any more). */
  demote(): void {
    if (!this.#isPrimary) return;
    this.#isPrimary = false;
    this.#queue.clear();
    for (const lease of this.#leases.values()) {
      lease.expiryUs = Number.POSITIVE_INFINITY;
      lease.lookUs = Number.POSITIVE_INFINITY;
      lease.queuedUs = Number.POSITIVE_INFINITY;
    }
  }

  /** No lease is due before this moment: until then nobody needs to ask for {@link expired}. Infinity: none is. */
  get nextDueUs(): Micros {
    return this.#queue.firstUs;
  }

  /**
   * The leases whose time is up, at most `limit`, first the one longest due. Each is named once and, unless it was revoked
   * by then, again after the request timeout. Asked for every 500 ms.
   */
  expired(nowUs: Micros, limit: number = LEASE_REVOKE_RATE / 2): readonly number[] {
    if (this.#queue.firstUs > nowUs) return [];
    const found: number[] = [];
    while (found.length < limit && this.#queue.firstUs <= nowUs) {
      const { atUs, id } = this.#queue.pop();
      const lease = this.#leases.get(id);
      if (lease === undefined || lease.queuedUs !== atUs) continue;
      lease.queuedUs = Number.POSITIVE_INFINITY;
      // An item that came too early goes back to its place, so that those in between come first.
      if (lease.lookUs === atUs) {
        lease.lookUs = nowUs + this.#retryUs;
        found.push(id);
      }
      this.#enqueue(lease);
    }
    return found;
  }

  #refresh(lease: Lease, nowUs: Micros, extendUs: Micros): void {
    lease.expiryUs = nowUs + extendUs + lease.ttl * SECOND;
    lease.lookUs = lease.expiryUs;
    // A later look needs no new item: the item there is will find that it came too early.
    if (lease.lookUs < lease.queuedUs) this.#enqueue(lease);
  }

  #enqueue(lease: Lease): void {
    lease.queuedUs = lease.lookUs;
    this.#queue.push(lease.lookUs, lease.id);
  }

  /**
   * After a long time without a leader all leases would end in the same second. Each window of a second keeps three
   * quarters of the revoke rate; what is beyond is put off in proportion. The window then ends with the last one put off.
   */
  #spread(extendUs: Micros, nowUs: Micros): void {
    const byExpiry = [...this.#leases.values()].sort((a, b) => a.expiryUs - b.expiryUs || a.id - b.id);
    const perSecond = Math.floor((3 * LEASE_REVOKE_RATE) / 4);
    let baseUs = present(byExpiry[0], "there are leases to spread").expiryUs - nowUs;
    let nextUs = baseUs + SECOND;
    let expiries = 0;
    for (const lease of byExpiry) {
      const remainingUs = lease.expiryUs - nowUs;
      if (remainingUs > nextUs) {
        baseUs = remainingUs;
        nextUs = baseUs + SECOND;
        expiries = 1;
        continue;
      }
      expiries++;
      if (expiries <= perSecond) continue;
      const delayUs = Math.trunc((SECOND * expiries) / perSecond - (remainingUs - baseUs));
      nextUs = baseUs + delayUs;
      this.#refresh(lease, nowUs, delayUs + extendUs);
    }
  }
}

/** A binary heap by (time, lease). */
class LookQueue {
  readonly #atUs: Micros[] = [];
  readonly #ids: number[] = [];

  get firstUs(): Micros {
    return this.#atUs[0] ?? Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.#atUs.length = 0;
    this.#ids.length = 0;
  }

  push(atUs: Micros, id: number): void {
    this.#atUs.push(atUs);
    this.#ids.push(id);
    let child = this.#ids.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  pop(): { readonly atUs: Micros; readonly id: number } {
    const last = this.#ids.length - 1;
    assert(last >= 0, "nothing is popped from an empty queue");
    this.#swap(0, last);
    const first = { atUs: this.#atUs.pop() as number, id: this.#ids.pop() as number };
    let parent = 0;
    for (;;) {
      let least = parent;
      for (let child = 2 * parent + 1; child <= 2 * parent + 2; child++)
        if (child < last && this.#isBefore(child, least)) least = child;
      if (least === parent) return first;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const atA = this.#atUs[a] as number;
    const atB = this.#atUs[b] as number;
    return atA < atB || (atA === atB && (this.#ids[a] as number) < (this.#ids[b] as number));
  }

  #swap(a: number, b: number): void {
    const atUs = this.#atUs[a] as number;
    this.#atUs[a] = this.#atUs[b] as number;
    this.#atUs[b] = atUs;
    const id = this.#ids[a] as number;
    this.#ids[a] = this.#ids[b] as number;
    this.#ids[b] = id;
  }
}
