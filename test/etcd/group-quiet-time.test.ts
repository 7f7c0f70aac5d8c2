/** A group of etcd members with its quiet time left out is seen to do the same as with every event. */
import { expect, it } from "vitest";
import { type RandomStream, RandomStreams } from "../../src/engine/random.js";
import { MEASURED_COSTS } from "../../src/etcd/defaults.js";
import { ETCD_MODEL_DEFAULTS, type EtcdModel } from "../../src/etcd/model.js";
import { SequentialWriter } from "../../src/etcd/workloads.js";
import { EtcdWorld } from "../../src/etcd/world.js";
import { MILLISECOND, SECOND } from "../../src/units/time.js";
import type { Variate } from "../../src/units/variate.js";

const END = 150 * SECOND;

const DELAYS: readonly Variate[] = [
  { kind: "constant", value: 1_000 },
  { kind: "uniform", min: 500, max: 15_000 },
  { kind: "uniform", min: 200, max: 44_000 },
  { kind: "boundedPareto", shape: 1.2, min: 300, max: 30_000 },
];

/** Everything that is seen of a random group's life; its draws are used up alike in both runs. */
function life(seed: number, skips: boolean) {
  const dice = new RandomStreams(`quiet-lives/${seed}`).stream("plan");
  const count = [3, 5, 5, 7][dice.below(4)] as number;
  const model = modelOf(dice, count, skips);
  const lines: string[] = [];
  let world: EtcdWorld | undefined;
  const note = (text: string) => lines.push(`${world?.now ?? 0} ${text}`);
  const made = new EtcdWorld(model, `quiet-lives/${seed}`, {
    process: (m, isUp) => note(`m${m} ${isUp ? "up" : "down"}`),
    ready: (m) => note(`m${m} ready`),
    role: (m, role, before, term) => note(`m${m} ${role}, was ${before}, term ${term}`),
    leader: (m, leader, term) => note(`m${m} follows ${leader} in term ${term}`),
    applied: (m, index) => note(`m${m} applied ${index}`),
    happened: (m, what) => note(`m${m} ${what}`),
  });
  world = made;
  made.group.start();
  addWriter(made, dice, count, note);
  if (dice.below(2) === 0) addWriter(made, dice, count, note);
  for (let i = 0; i < 5; i++) plan(made, dice, count);
  for (const look of [END / 3, END / 2, END]) {
    made.run(Math.round(look));
    for (let m = 0; m < count; m++) note(made.group.member(m).server?.loop.node.describe() ?? "down");
  }
  return { lines, rounds: made.group.ticks.roundsPassed };
}

function modelOf(dice: RandomStream, count: number, skips: boolean): EtcdModel {
  const hosts = Array.from({ length: count + 1 }, (_, h) => ({ name: `h${h}`, centre: "c" }));
  const path = { oneWayUs: DELAYS[dice.below(DELAYS.length)] as Variate, loss: 0 };
  return {
    ...ETCD_MODEL_DEFAULTS,
    tickPhase: dice.below(2) === 0 ? "together" : "drawn",
    preVote: dice.below(3) > 0,
    checkQuorum: dice.below(4) > 0,
    skips,
    hosts,
    paths: hosts.map(() => hosts.map(() => path)),
    members: Array.from({ length: count }, (_, m) => ({ name: `m${m}`, host: m })),
    costs: MEASURED_COSTS,
  };
}

function addWriter(world: EtcdWorld, dice: RandomStream, count: number, note: (text: string) => void): void {
  const host = world.clientHost(count);
  const member = dice.below(count);
  new SequentialWriter(host, {
    client: "c",
    sink: { ended: (op) => note(`write ${op.number} from ${op.startUs}: ${op.ok} ${op.error}`) },
    timeoutUs: 2 * SECOND,
    target: { member, host: member },
    pauseAfterOkUs: [900 * MILLISECOND, 5 * SECOND, 40 * SECOND][dice.below(3)] as number,
    pauseAfterFailureUs: SECOND,
  });
}

/** A death with a restart, a power failure, or a cut in one or both directions. */
function plan(world: EtcdWorld, dice: RandomStream, count: number): void {
  const { group, network } = world;
  const atUs = 8 * SECOND + dice.below(END - 10 * SECOND);
  const forUs = SECOND + dice.below([3, 15, 60][dice.below(3)] as number) * SECOND;
  const kind = dice.below(5);
  const one = dice.below(count);
  const other = (one + 1 + dice.below(count - 1)) % count;
  world.at(atUs, () => {
    if (kind < 3) {
      const victim = kind === 0 ? group.leader() : one;
      if (victim === undefined || !group.member(victim).isUp) return;
      if (kind < 2) group.kill(victim);
      else group.powerOff(victim);
      world.at(world.now + forUs, () => {
        group.powerOn(victim);
        group.startMember(victim);
      });
      return;
    }
    const directions =
      kind === 3
        ? [[one, other]]
        : [
            [one, other],
            [other, one],
          ];
    for (const [from, to] of directions) network.cut(from as number, to as number);
    world.at(world.now + forUs, () => {
      for (const [from, to] of directions) network.heal(from as number, to as number);
    });
  });
}

it("leaders, terms, applied entries, answers and states are equal over random lives", () => {
  let rounds = 0;
  const lives = 12;
  for (let seed = 1; seed <= lives; seed++) {
    const [whole, short] = [life(seed, false), life(seed, true)];
    for (let i = 0; i < Math.max(whole.lines.length, short.lines.length); i++)
      if (whole.lines[i] !== short.lines[i])
        expect(`life ${seed}: ${short.lines[i]}`).toBe(`life ${seed}: ${whole.lines[i]}`);
    rounds += short.rounds;
    expect(whole.rounds).toBe(0);
  }
  expect(rounds).toBeGreaterThan(0.4 * lives * (END / (100 * MILLISECOND)));
});
