/**
 * Idle time on a clock. First event by event: five idle bare members with drawn delays, how much faster than real time
 * they run, and what an event costs beside the cheapest event there is, one that only puts itself on the list again.
 * Then a year of hourly leader crashes with quiet time left out, beside the same hours played event by event.
 */
import { built, cpuSeconds, figure, median } from "./built.js";

const { BareGroup } = await built<typeof import("../src/etcd/bare-group.js")>("etcd/bare-group");
const { RandomStreams } = await built<typeof import("../src/engine/random.js")>("engine/random");
const { Simulation } = await built<typeof import("../src/engine/simulation.js")>("engine/simulation");

type Model = import("../src/etcd/bare-model.js").BareGroupModel;

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const HOURS_A_YEAR = 365 * 24;
const TIMES_REAL_TIME_MIN = 20_000;

const path = { oneWayUs: { kind: "uniform", min: 500, max: 15_000 }, loss: 0 } as const;
const idle: Model = {
  members: 5,
  tickUs: SECOND / 10,
  phaseSpreadUs: SECOND / 10,
  paths: Array.from({ length: 5 }, () => Array.from({ length: 5 }, () => path)),
  fsyncUs: 1_000,
  snapshotEntries: 1_000,
  clients: [],
  plan: [],
  skips: false,
};

/** A client writes every ten minutes; each hour the leader dies, and is back a minute later. */
function crashing(hours: number, skips: boolean): Model {
  const plan = Array.from({ length: hours - 1 }, (_, i) => ({
    type: "crash" as const,
    atUs: (i + 1) * HOUR,
    member: "leader" as const,
    downUs: 60 * SECOND,
  }));
  const client = { member: 0, firstUs: 5 * SECOND, thinkUs: 600 * SECOND, timeoutUs: 7 * SECOND };
  return { ...idle, skips, plan, clients: [client] };
}

function play(model: Model, hours: number) {
  const group = new BareGroup(model, new RandomStreams("bench/1"));
  const seconds = cpuSeconds(() => group.run(hours * HOUR));
  return { seconds, steps: group.steps, nanosecondsAStep: (seconds * 1e9) / group.steps };
}

/** ns an event on a list as short as the group's, where all that happens is the next event. */
function bareEvent(): number {
  const simulation = new Simulation(["bare"]);
  simulation.handle({ bare: (subject) => simulation.after(100_000 + subject, 0, subject) });
  for (let i = 0; i < 10; i++) simulation.schedule(i, 0, i);
  const seconds = cpuSeconds(() => simulation.run(50_000 * SECOND));
  return (seconds * 1e9) / simulation.steps;
}

const turns = [1, 2, 3].map(() => ({ ...play(idle, 12), bare: bareEvent() }));
const speed = (12 * 3600) / median(turns.map((turn) => turn.seconds));
const cost = median(turns.map((turn) => turn.nanosecondsAStep));
const bare = median(turns.map((turn) => turn.bare));
console.log(
  `idle five members, event by event: ${figure(speed)} times as fast as real time, ${figure(cost)} ns an event, ` +
    `${figure(cost / bare)} times an event that does nothing (${figure(bare)} ns)`,
);
if (speed < TIMES_REAL_TIME_MIN) {
  console.error(`less than the ${figure(TIMES_REAL_TIME_MIN)} times that are promised`);
  process.exitCode = 1;
}

const year = play(crashing(HOURS_A_YEAR, true), HOURS_A_YEAR);
const halfDay = play(crashing(12, false), 12);
const wholeYear = (halfDay.seconds * HOURS_A_YEAR) / 12;
console.log(
  `year with hourly leader crashes: ${figure(year.seconds)} s of CPU and ${figure(year.steps)} events; event by event ` +
    `it would be ${figure(wholeYear)} s (from half a day): ${figure(wholeYear / year.seconds)} times as fast`,
);
