/** Months of hourly leader crashes in a moment, because quiet time is left out. The year whole is on the bench (bench/idle.ts). */
import { expect, it } from "vitest";
import { RandomStreams } from "../../src/engine/random.js";
import { BareGroup } from "../../src/etcd/bare-group.js";
import type { BareFault, BareGroupModel, BareOutcome } from "../../src/etcd/bare-model.js";
import { HOUR, MINUTE, type Micros, SECOND } from "../../src/units/time.js";
import { paths } from "./bare-run.js";

const SEASON = 91 * 24 * HOUR;

/** Five members, a centre's width apart; each period the leader dies, and is back after a minute; two writes a period. */
function crashing(periods: number, periodUs: Micros, skips: boolean): BareGroupModel {
  const plan = Array.from({ length: periods - 1 }, (_, i): BareFault => {
    return { type: "crash", atUs: (i + 1) * periodUs, member: "leader", downUs: MINUTE };
  });
  return {
    members: 5,
    tickUs: SECOND / 10,
    phaseSpreadUs: SECOND / 10,
    paths: paths(5, { kind: "uniform", min: 500, max: 15_000 }),
    fsyncUs: 1_000,
    snapshotEntries: 1_000,
    clients: [{ member: 0, firstUs: 5 * SECOND, thinkUs: periodUs / 2, timeoutUs: 7 * SECOND }],
    plan,
    skips,
  };
}

function play(periods: number, periodUs: Micros, skips: boolean) {
  const changes: string[] = [];
  const elections: number[] = [];
  const outcomes: Record<BareOutcome, number> = { applied: 0, refused: 0, timeout: 0 };
  let crashedUs = 0;
  const group = new BareGroup(crashing(periods, periodUs, skips), new RandomStreams("year/1"), {
    changed: (member, { role, term }) => {
      if (role !== "leader") return;
      changes.push(`${group.nowUs} m${member} leads in term ${term}`);
      elections.push(group.nowUs - crashedUs);
    },
    applied: (member, index) => periods < 100 && changes.push(`${group.nowUs} m${member} applied ${index}`),
    answered: (_client, sentUs, outcome) => {
      outcomes[outcome] += 1;
      changes.push(`${group.nowUs} asked at ${sentUs}: ${outcome}`);
    },
    crashed: () => {
      crashedUs = group.nowUs;
    },
  });
  group.run(periods * periodUs);
  return { group, changes, elections, outcomes };
}

it("an hour of crashes is the same with every event and without the quiet ones", () => {
  const [whole, short] = [play(6, 10 * MINUTE, false), play(6, 10 * MINUTE, true)];
  expect(short.changes).toEqual(whole.changes);
  expect(short.elections).toHaveLength(6);
  expect(short.group.steps).toBeLessThan(whole.group.steps / 100);
});

it("three months are played in less than a thousandth of its events: each crash costs the group a second or two", () => {
  const hours = SEASON / HOUR;
  const { group, elections, outcomes } = play(hours, HOUR, true);
  // The first is the start; nobody leads twice without a crash between.
  expect(elections).toHaveLength(hours);
  const meanUs = elections.reduce((sum, one) => sum + one, 0) / elections.length;
  expect(meanUs).toBeGreaterThan(SECOND);
  expect(meanUs).toBeLessThan(1.6 * SECOND);
  expect(outcomes.applied + outcomes.refused + outcomes.timeout).toBeGreaterThan(1.98 * hours);
  // The client's own member is the dead one at times.
  expect(outcomes.applied).toBeGreaterThan(1.8 * hours);
  // Event by event: 130 a second.
  expect(group.steps).toBeLessThan((130 * hours * 3600) / 1000);
  expect(group.roundsPassed).toBeGreaterThan(0.999 * hours * 36_000);
});
