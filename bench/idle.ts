/**
 * Idle time on a clock. First event by event: five idle members with drawn delays, bare ones and those of etcd on TCP, how
 * much faster than real time they run, and what an event costs beside the cheapest event there is, one that only puts
 * itself on the list again. Then a year of hourly leader crashes with quiet time left out, beside the same hours
 * played event by event.
 */
import { built, cpuSeconds, figure, median } from "./built.js";

const { BareGroup } = await built<typeof import("../src/etcd/bare-group.js")>("etcd/bare-group");
const { RandomStreams } = await built<typeof import("../src/engine/random.js")>("engine/random");
const { Simulation } = await built<typeof import("../src/engine/simulation.js")>("engine/simulation");

const { MEASURED_COSTS } = await built<typeof import("../src/etcd/defaults.js")>("etcd/defaults");
const { ETCD_MODEL_DEFAULTS } = await built<typeof import("../src/etcd/model.js")>("etcd/model");
const { SequentialWriter } = await built<typeof import("../src/etcd/workloads.js")>("etcd/workloads");
const { EtcdWorld } = await built<typeof import("../src/etcd/world.js")>("etcd/world");

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

/** Of the real group, whose log is kept short: a process that starts reads it. */
function etcdModel(skips: boolean): import("../src/etcd/model.js").EtcdModel {
  const hosts = Array.from({ length: 6 }, (_, h) => ({ name: `host-${h}`, centre: "one" }));
  return {
    ...ETCD_MODEL_DEFAULTS,
    skips,
    hosts,
    paths: hosts.map(() => hosts.map(() => path)),
    members: Array.from({ length: 5 }, (_, m) => ({ name: `member-${m}`, host: m })),
    costs: MEASURED_COSTS,
    snapshotCount: 1_000,
    snapshotCatchUpEntries: 500,
  };
}

/** Five members of etcd that have nothing to do, event by event, once their leader is elected. */
function playEtcdIdle(hours: number) {
  const world = new EtcdWorld(etcdModel(false), "bench/1");
  world.group.start();
  world.run(10 * SECOND);
  const before = world.simulation.steps;
  const seconds = cpuSeconds(() => world.run(10 * SECOND + hours * HOUR));
  return { seconds, nanosecondsAStep: (seconds * 1e9) / (world.simulation.steps - before) };
}

/** As {@link crashing}. */
function playEtcdCrashes(hours: number, skips: boolean) {
  const world = new EtcdWorld(etcdModel(skips), "bench/1");
  let [elections, written] = [0, 0];
  world.group.start();
  new SequentialWriter(world.clientHost(5), {
    client: "writer",
    sink: {
      ended: ({ ok }) => {
        if (ok) written++;
      },
    },
    timeoutUs: 7 * SECOND,
    target: { member: 0, host: 0 },
    startUs: 5 * SECOND,
    pauseAfterOkUs: 600 * SECOND,
    pauseAfterFailureUs: 600 * SECOND,
  });
  const crash = (): void => {
    const leader = world.group.leader();
    if (leader === undefined) return;
    elections++;
    world.group.kill(leader);
    world.at(world.now + 60 * SECOND, () => world.group.startMember(leader));
  };
  for (let hour = 1; hour < hours; hour++) world.at(hour * HOUR, crash);
  const seconds = cpuSeconds(() => world.run(hours * HOUR));
  return { seconds, elections, written, steps: world.simulation.steps };
}

/** Says how fast idle members were; whether that is as fast as is promised. */
function report(
  who: string,
  hours: number,
  turns: readonly { seconds: number; nanosecondsAStep: number }[],
): void {
  const speed = (hours * 3600) / median(turns.map((turn) => turn.seconds));
  const cost = median(turns.map((turn) => turn.nanosecondsAStep));
  console.log(
    `idle five ${who}, event by event: ${figure(speed)} times as fast as real time, ${figure(cost)} ns an event, ` +
      `${figure(cost / bare)} times an event that does nothing (${figure(bare)} ns)`,
  );
  if (speed >= TIMES_REAL_TIME_MIN) return;
  console.error(`less than the ${figure(TIMES_REAL_TIME_MIN)} times that are promised`);
  process.exitCode = 1;
}

playEtcdIdle(3);
const turns = [1, 2, 3].map(() => ({
  bareMembers: play(idle, 12),
  etcd: playEtcdIdle(6),
  bare: bareEvent(),
}));
const bare = median(turns.map((turn) => turn.bare));
report(
  "bare members",
  12,
  turns.map((turn) => turn.bareMembers),
);
report(
  "members of etcd",
  6,
  turns.map((turn) => turn.etcd),
);

const year = play(crashing(HOURS_A_YEAR, true), HOURS_A_YEAR);
const halfDay = play(crashing(12, false), 12);
const wholeYear = (halfDay.seconds * HOURS_A_YEAR) / 12;
console.log(
  `year of bare members with hourly leader crashes: ${figure(year.seconds)} s of CPU and ${figure(year.steps)} events; ` +
    `event by event it would be ${figure(wholeYear)} s (from half a day): ${figure(wholeYear / year.seconds)} times as fast`,
);
const etcdYear = playEtcdCrashes(HOURS_A_YEAR, true);
const etcdHours = playEtcdCrashes(6, false);
const etcdWhole = (etcdHours.seconds * HOURS_A_YEAR) / 6;
console.log(
  `year of members of etcd with as many: ${figure(etcdYear.seconds)} s of CPU and ${figure(etcdYear.steps)} events for ` +
    `${figure(etcdYear.elections)} crashes and ${figure(etcdYear.written)} writes; event by event it would be ` +
    `${figure(etcdWhole)} s (from six hours): ${figure(etcdWhole / etcdYear.seconds)} times as fast`,
);
