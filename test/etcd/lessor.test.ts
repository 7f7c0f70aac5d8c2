/** Leases: their times, who knows them, and what goes with them. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LEASE_REVOKE_RATE, Lessor, minLeaseTtl } from "../../src/etcd/lessor.js";
import { Store } from "../../src/etcd/store.js";
import { HOUR, MILLISECOND, SECOND } from "../../src/units/time.js";

const TIMERS = { electionUs: SECOND, heartbeatUs: 100 * MILLISECOND };
const MODEL = { ...TIMERS, quotaBytes: 0 };
/** 5 s and two election timeouts. */
const RETRY_US = 7 * SECOND;

function primary(): Lessor {
  const lessor = new Lessor(TIMERS);
  lessor.promote(0, 0);
  return lessor;
}

describe("The shortest time to live", () => {
  it.each([
    [1000, 100, 2], // 15 ticks of 100 ms: 1.5 s
    [500, 50, 1], // 15 ticks of 50 ms: 0.75 s
    [2500, 250, 4], // 15 ticks of 250 ms: 3.75 s
    [1000, 150, 2], // 6 ticks make 9 of 150 ms: 1.35 s
    [1100, 100, 2], // 11 ticks make 16, rounded down, of 100 ms: 1.6 s
    [2000, 400, 3], // 5 ticks make 7, rounded down, of 400 ms: 2.8 s
  ])("with an election timeout of %i ms and ticks of %i ms is %i s", (electionMs, heartbeatMs, seconds) => {
    const timers = { electionUs: electionMs * MILLISECOND, heartbeatUs: heartbeatMs * MILLISECOND };
    expect(minLeaseTtl(timers)).toBe(seconds);
    expect(new Lessor(timers).grant(1, -5, 0)).toMatchObject({ id: 1, ttl: seconds });
  });
});

describe("A lease", () => {
  it("is granted once, with a number of its own and a time that is not absurd", () => {
    const lessor = primary();
    expect(lessor.grant(0, 10, 0)).toMatchObject({ code: "NotFound" });
    expect(lessor.grant(1, 9_000_000_001, 0)).toMatchObject({
      code: "OutOfRange",
      message: "etcdserver: too large lease TTL",
    });
    expect(lessor.grant(1, 9_000_000_000, 0)).toMatchObject({ ttl: 9_000_000_000 });
    expect(lessor.grant(1, 10, 0)).toMatchObject({
      code: "FailedPrecondition",
      message: "etcdserver: lease already exists",
    });
  });

  it("is due when its time is up, not a microsecond earlier", () => {
    const lessor = primary();
    lessor.grant(1, 10, 3);
    expect(lessor.nextDueUs).toBe(10 * SECOND + 3);
    expect(lessor.expired(10 * SECOND + 2)).toEqual([]);
    expect(lessor.expired(10 * SECOND + 3)).toEqual([1]);
  });

  it("is due again after the request timeout for as long as it is not revoked", () => {
    const lessor = primary();
    lessor.grant(1, 10, 0);
    expect(lessor.expired(10 * SECOND)).toEqual([1]);
    expect(lessor.expired(10 * SECOND + RETRY_US - 1)).toEqual([]);
    expect(lessor.expired(10 * SECOND + RETRY_US)).toEqual([1]);
    lessor.remove(1);
    expect(lessor.expired(HOUR)).toEqual([]);
    expect(lessor.nextDueUs).toBe(Number.POSITIVE_INFINITY);
  });

  it("lives on from the moment of a keep-alive, which waits once its time was up", () => {
    const lessor = primary();
    lessor.grant(1, 10, 0);
    expect(lessor.renew(1, 9 * SECOND)).toBe(10);
    expect(lessor.expired(18 * SECOND)).toEqual([]);
    expect(lessor.timeToLive(1, 18 * SECOND)).toEqual({ ttl: 1, grantedTtl: 10 });
    expect(lessor.renew(1, 19 * SECOND)).toBe("expiring");
    expect(lessor.expired(19 * SECOND)).toEqual([1]);
    expect(lessor.renew(2, 19 * SECOND)).toBe("notFound");
    expect(lessor.timeToLive(2, 19 * SECOND)).toBe("notFound");
  });

  it("has whole seconds left, rounded towards zero", () => {
    const lessor = primary();
    lessor.grant(1, 10, 0);
    const left = [0, 1, 9_000_001, 10_000_000, 10_999_999, 11_000_000].map((atUs) => {
      const found = lessor.timeToLive(1, atUs);
      return typeof found === "string" ? found : found.ttl;
    });
    expect(left).toEqual([10, 9, 0, 0, 0, -1]);
  });
});

describe("A member that is not primary", () => {
  it("neither ends nor prolongs leases, and does not know what is left of them", () => {
    const lessor = new Lessor(TIMERS);
    lessor.grant(1, 2, 0);
    expect(lessor.expired(HOUR)).toEqual([]);
    expect(lessor.nextDueUs).toBe(Number.POSITIVE_INFINITY);
    expect(lessor.renew(1, 0)).toBe("notPrimary");
    expect(lessor.timeToLive(1, 0)).toBe("notPrimary");
    expect(lessor.timeToLive(2, 0)).toBe("notFound");
  });

  it("gives every lease its full time and an election timeout when it becomes primary, however little was left", () => {
    const [old, next] = [primary(), new Lessor(TIMERS)];
    for (const lessor of [old, next]) {
      lessor.grant(1, 10, 0);
      lessor.grant(2, 60, 0);
    }
    old.demote();
    expect(old.expired(HOUR)).toEqual([]);
    next.promote(SECOND, 9 * SECOND);
    expect(next.timeToLive(1, 9 * SECOND)).toEqual({ ttl: 11, grantedTtl: 10 });
    expect(next.expired(20 * SECOND - 1)).toEqual([]);
    expect(next.expired(20 * SECOND)).toEqual([1]);
    expect(next.expired(70 * SECOND)).toEqual([1, 2]);
  });

  it("takes the extension back with the first keep-alive", () => {
    const lessor = new Lessor(TIMERS);
    lessor.grant(1, 10, 0);
    lessor.promote(SECOND, 0);
    expect(lessor.renew(1, MILLISECOND)).toBe(10);
    expect(lessor.expired(10 * SECOND + MILLISECOND)).toEqual([1]);
  });
});

describe("Very many leases", () => {
  function promoted(count: number): Lessor {
    const lessor = new Lessor(TIMERS);
    for (let id = 1; id <= count; id++) lessor.grant(id, 10, 0);
    lessor.promote(0, 0);
    return lessor;
  }

  it("are ended five hundred at a time, those longest due first", () => {
    const lessor = primary();
    for (let id = 1; id <= 1200; id++) lessor.grant(id, 10, 1200 - id);
    const batches = [0, 1, 2, 3].map((i) => lessor.expired(20 * SECOND + i));
    expect(batches.map((batch) => batch.length)).toEqual([500, 500, 200, 0]);
    expect(batches[0]?.slice(0, 2)).toEqual([1200, 1199]);
  });

  it("end together after a change of leader when fewer than the revoke rate", () => {
    const lessor = promoted(LEASE_REVOKE_RATE - 1);
    expect(lessor.expired(10 * SECOND, 5000)).toHaveLength(LEASE_REVOKE_RATE - 1);
  });

  it("are moved apart, at most three quarters of the revoke rate a second, when more", () => {
    const count = 10 * LEASE_REVOKE_RATE;
    const lessor = promoted(count);
    const perSecond: number[] = [];
    // Seven seconds, since those named are due again after that.
    for (let second = 10; second < 17; second++)
      perSecond.push(lessor.expired((second + 1) * SECOND - 1, count).length);
    // All end at 10 s; from the 751st on the n-th is put off by n / 750 s, the 1500th to 12 s sharp.
    expect(perSecond).toEqual([750, 749, 750, 750, 750, 750, 750]);
    expect(lessor.timeToLive(count, 0)).toEqual({ ttl: 10 + Math.floor(count / 750), grantedTtl: 10 });
  });

  it("are spread within each second of their own, less what they end later anyway", () => {
    const lessor = new Lessor(TIMERS);
    for (let id = 1; id <= 760; id++) lessor.grant(id, 10, 0);
    for (let id = 761; id <= 1000; id++) lessor.grant(id, 11, 0);
    for (let id = 1001; id <= 1800; id++) lessor.grant(id, 30, 0);
    lessor.promote(0, 0);
    const ends = new Map<number, number>();
    while (ends.size < 1800) {
      const nowUs = lessor.nextDueUs;
      for (const id of lessor.expired(nowUs, 1800)) if (!ends.has(id)) ends.set(id, nowUs);
    }
    const endUs = (id: number) => ends.get(id);
    // The n-th of a window is put off by n / 750 s from the window's start, 10 s and 30 s here; the 761st, which ends a
    // second later anyway, by 761 / 750 - 1 s, and as the window shrinks to that, the 762nd opens one of its own.
    expect([750, 751, 760, 761, 762, 1000].map(endUs)).toEqual([
      10_000_000, 11_001_333, 11_013_333, 11_014_666, 11_000_000, 11_000_000,
    ]);
    expect([1001, 1750, 1751, 1800].map(endUs)).toEqual([30_000_000, 30_000_000, 31_001_333, 31_066_666]);
  });

  it("end in the order of their times also if a keep-alive moved one behind another", () => {
    const lessor = primary();
    lessor.grant(1, 5, 0);
    lessor.grant(2, 7, 0);
    lessor.renew(1, 4 * SECOND);
    expect(lessor.expired(10 * SECOND, 1)).toEqual([2]);
    expect(lessor.expired(10 * SECOND)).toEqual([1]);
  });

  it("end when the obvious list of them says so, in order of time and number", () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant("grant" as const),
        id: fc.integer({ min: 1, max: 6 }),
        ttl: fc.integer({ min: 2, max: 9 }),
      }),
      fc.record({ type: fc.constant("renew" as const), id: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ type: fc.constant("remove" as const), id: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ type: fc.constant("promote" as const) }),
      fc.record({ type: fc.constant("demote" as const) }),
      fc.record({ type: fc.constant("check" as const), limit: fc.integer({ min: 1, max: 3 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 4 * SECOND }), step), { maxLength: 60 }),
        (steps) => {
          const lessor = new Lessor(TIMERS);
          const ends = new Map<number, { ttl: number; end: number; look: number }>();
          let isPrimary = false;
          let now = 0;
          for (const [waitUs, action] of steps) {
            now += waitUs;
            if (action.type === "grant") {
              const end = isPrimary ? now + action.ttl * SECOND : Number.POSITIVE_INFINITY;
              if (!ends.has(action.id)) ends.set(action.id, { ttl: action.ttl, end, look: end });
              lessor.grant(action.id, action.ttl, now);
            } else if (action.type === "renew") {
              const lease = ends.get(action.id);
              const expected = !isPrimary
                ? "notPrimary"
                : !lease
                  ? "notFound"
                  : lease.end <= now
                    ? "expiring"
                    : lease.ttl;
              expect(lessor.renew(action.id, now)).toBe(expected);
              if (typeof expected === "number" && lease) lease.end = lease.look = now + lease.ttl * SECOND;
            } else if (action.type === "remove") {
              ends.delete(action.id);
              lessor.remove(action.id);
            } else if (action.type === "promote") {
              isPrimary = true;
              for (const lease of ends.values()) lease.end = lease.look = now + (lease.ttl + 1) * SECOND;
              lessor.promote(SECOND, now);
            } else if (action.type === "demote") {
              isPrimary = false;
              for (const lease of ends.values()) lease.end = lease.look = Number.POSITIVE_INFINITY;
              lessor.demote();
            } else {
              const due = [...ends].filter(([, { look }]) => look <= now);
              due.sort(([a, { look: lookA }], [b, { look: lookB }]) => lookA - lookB || a - b);
              const expected = due.slice(0, action.limit).map(([id]) => id);
              if (expected.length > 0) expect(lessor.nextDueUs).toBeLessThanOrEqual(now);
              expect(lessor.expired(now, action.limit)).toEqual(expected);
              for (const id of expected) (ends.get(id) as { look: number }).look = now + RETRY_US;
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("The keys of a lease", () => {
  it("are deleted with it in one revision, in order", () => {
    const store = new Store(MODEL);
    store.apply({ type: "leaseGrant", id: 5, ttl: 10 }, 1, 0);
    for (const [i, key] of ["c", "a", "b"].entries())
      store.apply({ type: "put", key, value: "", lease: 5 }, i + 2, 0);
    expect(store.leases.keysOf(5)).toEqual(["a", "b", "c"]);
    const { outcome, events } = store.apply({ type: "leaseRevoke", id: 5 }, 5, 0);
    expect(outcome).toEqual({ type: "lease", id: 5, ttl: -1 });
    expect(events.map(({ type, kv }) => [type, kv.key, kv.modRevision])).toEqual([
      ["delete", "a", 5],
      ["delete", "b", 5],
      ["delete", "c", 5],
    ]);
  });

  it("are those whose last put named it, also after a restart", () => {
    const store = new Store(MODEL);
    let index = 0;
    store.apply({ type: "leaseGrant", id: 5, ttl: 10 }, ++index, 0);
    store.apply({ type: "leaseGrant", id: 6, ttl: 10 }, ++index, 0);
    const puts: [string, number][] = [
      ["moved", 5],
      ["moved", 6],
      ["freed", 5],
      ["freed", 0],
      ["deleted", 5],
      ["kept", 5],
      ["kept", 5],
    ];
    for (const [key, lease] of puts) store.apply({ type: "put", key, value: "", lease }, ++index, 0);
    store.apply({ type: "deleteRange", key: "deleted" }, ++index, 0);
    for (const each of [store, Store.restore(store.snapshot(), MODEL)]) {
      expect(each.leases.keysOf(5)).toEqual(["kept"]);
      expect(each.leases.keysOf(6)).toEqual(["moved"]);
    }
  });

  it("outlive a restart of their primary by the whole time again", () => {
    const store = new Store(MODEL);
    store.leases.promote(SECOND, 0);
    store.apply({ type: "leaseGrant", id: 5, ttl: 10 }, 1, 0);
    const restarted = Store.restore(store.snapshot(), MODEL);
    expect(restarted.leases.isPrimary).toBe(false);
    expect(restarted.leases.expired(HOUR)).toEqual([]);
    restarted.leases.promote(SECOND, 9 * SECOND);
    expect(restarted.leases.timeToLive(5, 9 * SECOND)).toEqual({ ttl: 11, grantedTtl: 10 });
  });
});
