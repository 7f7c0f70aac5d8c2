/** Random lives of an etcd group: a sample of what `npm run swarm:etcd` plays, and what it must not overlook. */
import { describe, expect, it } from "vitest";
import { randomLife } from "../../src/swarm/generate.js";
import { playLife } from "../../src/swarm/life.js";
import { type LifePlan, PLANT_NAMES, type PlantName } from "../../src/swarm/plan.js";
import { shrink } from "../../src/swarm/shrink.js";
import { addResults, NO_LIVES, playBatch } from "../../src/swarm/task.js";
import { SECOND } from "../../src/units/time.js";

const LIVES = 60;
const SHRINK_TRIES = 60;

/** Of each defect: the lives among which one must show it, and the rule that it breaks first. */
const CAUGHT: Readonly<
  Record<PlantName, { readonly from: number; readonly to: number; readonly rule: string }>
> = {
  "read-without-index": { from: 1, to: 3, rule: "linearizability" },
  "commit-without-majority": { from: 1, to: 3, rule: "Committed Is Durable" },
  "lost-fsync": { from: 1, to: 4, rule: "Nothing Durable Is Lost" },
  "double-vote": { from: 1, to: 4, rule: "One Vote per Term" },
  "wiped-member": { from: 1, to: 4, rule: "Terms Never Fall" },
  "lease-not-extended": { from: 1, to: 5, rule: "lease-safety" },
  "watch-skips-after-snapshot": { from: 86, to: 90, rule: "watch-resumable" },
};

function caughtBy(name: PlantName): LifePlan {
  const { from, to, rule } = CAUGHT[name];
  for (let seed = from; seed < to; seed++) {
    const plan = randomLife(String(seed), name);
    if (playLife(plan).finding?.rule === rule) return plan;
  }
  throw new Error(`${name} was not found in lives ${from} to ${to - 1}`);
}

describe("the swarm of etcd lives", () => {
  it(`finds nothing wrong in ${LIVES} lives, each of a minute, five faults and 200 operations at least`, () => {
    const result = playBatch({}, { from: 1, to: 1 + LIVES });
    expect(result.findings).toEqual([]);
    expect(result.undecided).toBe(0);
    expect(result.operationsFewest).toBeGreaterThanOrEqual(200);
    expect(result.simulatedUs).toBeGreaterThanOrEqual(LIVES * 60 * SECOND);
    for (let seed = 1; seed <= LIVES; seed++) {
      const { faults, faultsEndUs } = randomLife(String(seed));
      expect(faults.length).toBeGreaterThanOrEqual(5);
      expect(faultsEndUs).toBeGreaterThanOrEqual(60 * SECOND);
    }
    for (const turn of [
      "leader elected",
      "snapshot installed",
      "log truncated",
      "member removed",
      "lease expired",
    ])
      expect(result.counts.turns[turn], turn).toBeGreaterThan(0);
  }, 60_000);

  for (const name of PLANT_NAMES)
    it(`finds the defect "${name}"`, () => {
      expect(caughtBy(name).plant).toBe(name);
    }, 30_000);

  it("shrinks a life that goes wrong to a few faults, and the shorter plan goes wrong again when read from a file", () => {
    const plan = caughtBy("double-vote");
    const rule = CAUGHT["double-vote"].rule;
    const isWrong = (candidate: LifePlan): boolean => playLife(candidate).finding?.rule === rule;
    const { plan: short } = shrink(plan, isWrong, SHRINK_TRIES);
    expect(short.faults.length).toBeLessThanOrEqual(2);
    expect(short.model.members.length).toBeLessThan(plan.model.members.length);
    expect(short.clients.length).toBe(0);
    const read = JSON.parse(JSON.stringify(short)) as LifePlan;
    expect(playLife(read).finding).toEqual(playLife(short).finding);
    expect(shrink(plan, isWrong, SHRINK_TRIES).plan).toEqual(short);
  }, 60_000);

  it("finds nothing wrong with the same plan without the defect", () => {
    const { plant, ...sound } = caughtBy("read-without-index");
    expect(plant).toBe("read-without-index");
    expect(playLife(sound).finding).toBeUndefined();
  }, 30_000);

  it("plays a life the same way twice, whichever batch it is in", () => {
    const whole = playBatch({}, { from: 11, to: 15 });
    const parts = [3, 0, 2, 1].map((i) => playBatch({}, { from: 11 + i, to: 12 + i }));
    expect(parts.reduce(addResults, NO_LIVES)).toEqual(whole);
  }, 30_000);
});
