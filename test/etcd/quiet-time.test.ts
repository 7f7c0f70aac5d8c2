/** Leaving quiet time out changes nothing that can be seen: random groups, played both ways. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BareClient, BareFault, BareGroupModel } from "../../src/etcd/bare-model.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import type { Variate } from "../../src/units/variate.js";
import { type BareRun, paths, play } from "./bare-run.js";

const TICK = 100 * MILLISECOND;
const END = 40 * SECOND;

/** Whole moments of a coarse grid, so that events often fall on one instant, or any moment at all. */
const moment = (max: number) =>
  fc.oneof(
    fc.integer({ min: 0, max: Math.floor(max / (TICK / 2)) }).map((half) => half * (TICK / 2)),
    fc.integer({ min: 0, max }),
  );

const bounded: fc.Arbitrary<Variate> = fc.oneof(
  fc.constantFrom(0, 1, 500, 15_000, 25_000, 49_999).map((value): Variate => ({ kind: "constant", value })),
  fc
    .tuple(fc.nat(20_000), fc.nat(29_000))
    .map(([min, width]): Variate => ({ kind: "uniform", min, max: min + width })),
  fc
    .integer({ min: 600, max: 49_000 })
    .map((max): Variate => ({ kind: "boundedPareto", shape: 1.1, min: 300, max })),
  fc
    .array(fc.integer({ min: 0, max: 49_999 }), { minLength: 1, maxLength: 4 })
    .map((values): Variate => ({ kind: "empirical", values: values.sort((a, b) => a - b) })),
);

const unbounded: fc.Arbitrary<Variate> = fc.constantFrom<Variate>(
  { kind: "exponential", mean: 5_000 },
  { kind: "logNormal", mu: 9, sigma: 0.5 },
  { kind: "gamma", shape: 2, scale: 3_000 },
  { kind: "weibull", shape: 0.8, scale: 4_000 },
  // Bounded, but an answer may come after the next tick.
  { kind: "uniform", min: 1_000, max: 50_000 },
);

function models(oneWayUs: fc.Arbitrary<Variate>, loss: fc.Arbitrary<number>) {
  return fc.integer({ min: 1, max: 7 }).chain((members) => {
    const member = fc.integer({ min: 0, max: members - 1 });
    const client: fc.Arbitrary<BareClient> = fc.record({
      member,
      firstUs: moment(9 * SECOND),
      thinkUs: fc.oneof(moment(3 * SECOND), moment(20 * SECOND)).map((us) => us + 50_000),
      timeoutUs: fc.constantFrom(500 * MILLISECOND, 7 * SECOND),
    });
    const crash: fc.Arbitrary<BareFault> = fc.record({
      type: fc.constant("crash"),
      atUs: moment(END),
      member: fc.oneof(member, fc.constant<"leader">("leader")),
      downUs: fc.oneof(moment(5 * SECOND), moment(30 * SECOND)),
    });
    const cut: fc.Arbitrary<BareFault> = fc.record({
      type: fc.constant("cut"),
      atUs: moment(END),
      from: member,
      to: member,
      forUs: moment(9 * SECOND),
    });
    return fc.record({
      members: fc.constant(members),
      tickUs: fc.constant(TICK),
      phaseSpreadUs: fc.constantFrom(0, 13 * MILLISECOND, TICK),
      raft: fc.constantFrom([10, 1], [10, 1], [5, 1], [4, 2], [12, 5], [3, 1], [3, 2]).chain((ticks) =>
        fc.record({
          electionTicks: fc.constant(ticks[0] as number),
          heartbeatTicks: fc.constant(ticks[1] as number),
          checkQuorum: fc.boolean(),
          preVote: fc.boolean(),
          stepDownOnRemoval: fc.boolean(),
          appliesStableOnly: fc.boolean(),
        }),
      ),
      paths: fc.tuple(oneWayUs, oneWayUs, loss).map(([near, far, share]) => {
        const table = paths(members, near, share).map((row) => [...row]);
        // One direction is unlike the others.
        (table[0] as (typeof table)[number])[members - 1] = { oneWayUs: far, loss: share };
        return table;
      }),
      fsyncUs: fc.constantFrom(0, 1_000, 8_000, 150_000),
      snapshotEntries: fc.constantFrom(4, 20, 1_000),
      clients: fc.array(client, { maxLength: 3 }),
      plan: fc.array(fc.oneof({ weight: 3, arbitrary: crash }, cut), { maxLength: 8 }),
    });
  });
}

function bothWays(model: Omit<BareGroupModel, "skips">, seed: number, looksUs: readonly number[] = []) {
  const looks = looksUs.toSorted((a, b) => a - b);
  const whole = play({ ...model, skips: false }, seed, END, looks);
  const short = play({ ...model, skips: true }, seed, END, looks);
  return { whole, short };
}

/** The runs' lines are equal; where not, the first that differs is shown. */
function expectSame(short: BareRun, whole: BareRun): void {
  const length = Math.max(short.lines.length, whole.lines.length);
  for (let i = 0; i < length; i++)
    if (short.lines[i] !== whole.lines[i]) expect(`${i}: ${short.lines[i]}`).toBe(`${i}: ${whole.lines[i]}`);
}

const seeds = fc.nat(1_000_000);

describe("quiet time left out", () => {
  it("changes no leader, term, commit, answer or state, in random groups with crashes, cuts and clients", () => {
    let [cases, skipping, share] = [0, 0, 0];
    fc.assert(
      fc.property(
        models(bounded, fc.constant(0)),
        seeds,
        fc.array(moment(END - 1), { maxLength: 3 }),
        (model, seed, looksUs) => {
          const { whole, short } = bothWays(model, seed, looksUs);
          expectSame(short, whole);
          expect(whole.group.roundsPassed).toBe(0);
          cases += 1;
          if (short.group.roundsPassed > 0) skipping += 1;
          share += short.group.roundsPassed / (END / TICK);
        },
      ),
      { seed: 44, numRuns: 150 },
    );
    // A comparison of two runs that leave nothing out would say nothing.
    expect(skipping).toBeGreaterThan(0.8 * cases);
    expect(share / cases).toBeGreaterThan(0.4);
  });

  it("is never where a message may be lost, where a delay has no bound, or where an answer may come after the next tick", () => {
    const some = (variate: fc.Arbitrary<Variate>, loss: fc.Arbitrary<number>) =>
      models(variate, loss).filter((model) => model.members > 1);
    fc.assert(
      fc.property(
        fc.oneof(some(unbounded, fc.constant(0)), some(bounded, fc.constantFrom(0.0001, 0.05))),
        seeds,
        (model, seed) => {
          const { whole, short } = bothWays(model, seed);
          expectSame(short, whole);
          expect(short.group.roundsPassed).toBe(0);
        },
      ),
      { seed: 44, numRuns: 30 },
    );
  });

  const five: Omit<BareGroupModel, "skips"> = {
    members: 5,
    tickUs: TICK,
    phaseSpreadUs: TICK,
    paths: paths(5, { kind: "uniform", min: 300, max: 30_000 }),
    fsyncUs: 1_000,
    snapshotEntries: 100,
    clients: [],
    plan: [],
  };

  it("costs an idle group no event at all until something is planned", () => {
    const { whole, short } = bothWays(five, 1);
    expectSame(short, whole);
    expect(whole.group.steps).toBeGreaterThan(5_000);
    expect(short.group.steps).toBeLessThan(300);
  });

  it("ends before a leader's death, and its followers campaign when they would have", () => {
    const plan: BareFault[] = [
      { type: "crash", atUs: 21 * SECOND + 77, member: "leader", downUs: 9 * SECOND },
    ];
    const { whole, short } = bothWays({ ...five, plan }, 2);
    expectSame(short, whole);
    const elections = whole.lines.filter((line) => /^\d+ m\d leader/.test(line));
    expect(elections).toHaveLength(2);
    expect(short.group.roundsPassed).toBeGreaterThan(300);
  });

  it("does not begin before a process that has just started has ticked", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const backUs = 9 * SECOND + 7_321 * seed;
      const plan: BareFault[] = [{ type: "crash", atUs: 8 * SECOND, member: 3, downUs: backUs - 8 * SECOND }];
      const model = { ...five, paths: paths(5, { kind: "constant", value: 400 }), plan };
      const looks = Array.from({ length: 12 }, (_, i) => backUs + (250 + 61 * i) * MILLISECOND);
      const { whole, short } = bothWays(model, seed, looks);
      expectSame(short, whole);
    }
  });

  it("does not hide that a follower which lost a few heartbeats campaigns one tick before the next", () => {
    let campaigns = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const plan = Array.from({ length: 12 }, (_, i): BareFault => {
        const [from, to] = [(seed + i) % 3, (seed + i + 1 + (i % 2)) % 3];
        return {
          type: "cut",
          atUs: 2 * SECOND + i * 3 * SECOND + 11_003 * seed,
          from,
          to,
          forUs: (110 + seed) * MILLISECOND,
        };
      });
      const raft = { electionTicks: 3, heartbeatTicks: 1, preVote: seed % 2 === 0 };
      const { whole, short } = bothWays({ ...five, members: 3, raft, plan }, seed);
      expectSame(short, whole);
      campaigns += whole.lines.filter((line) => /^\d+ m\d (pre-)?candidate/.test(line)).length - 1;
    }
    expect(campaigns).toBeGreaterThan(30);
  });

  it("does not keep a leader in office whose quorum has died", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const dying = [0, 1, 2, 3, 4].filter((member) => member !== seed % 5).slice(0, 3);
      const plan = dying.map(
        (member): BareFault => ({ type: "crash", atUs: 9 * SECOND, member, downUs: END }),
      );
      const { whole, short } = bothWays({ ...five, plan }, seed);
      expectSame(short, whole);
    }
  });

  it("goes on while a member is down, and not while a link to a live one is cut", () => {
    const down: BareFault = { type: "crash", atUs: 5 * SECOND, member: 3, downUs: 100 * SECOND };
    const withDead = bothWays({ ...five, plan: [down] }, 3);
    expectSame(withDead.short, withDead.whole);
    expect(withDead.short.group.roundsPassed).toBeGreaterThan(300);

    const cutAll = [0, 1, 2, 3, 4].flatMap((from) =>
      [0, 1, 2, 3, 4]
        .filter((to) => to !== from)
        .map((to): BareFault => ({ type: "cut", atUs: 0, from, to, forUs: END + 1 })),
    );
    const cut = bothWays({ ...five, plan: cutAll }, 3);
    expectSame(cut.short, cut.whole);
    expect(cut.short.group.roundsPassed).toBe(0);
  });
});
