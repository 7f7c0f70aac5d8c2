/** Random lives: a plan is a function of its seed. */
import { present } from "../assert.js";
import { RandomStreams } from "../engine/random.js";
import {
  ETCD_MODEL_DEFAULTS,
  type EtcdCosts,
  type EtcdModel,
  type HostModel,
  type MemberModel,
  type PathModel,
} from "../etcd/model.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import { Draws } from "./draws.js";
import { randomFaults } from "./generate-faults.js";
import type { ClientPlan, LifePlan, PlantName } from "./plan.js";

/** A life lasts at least so long under faults. */
const LIFE_LEAST_US: Micros = 60 * SECOND;
const OPERATIONS_LEAST = 200;
/** Some lives last longer: connections are given up after minutes only. */
const LONG_SHARE = 0.01;
const LONGER_US: Micros = 150 * SECOND;

const READS = { lin: 80, ser: 20 };

/** A black hole of up to 25 s comes back after as long again, and there may be more to do then; measured: at most 32 s. */
const HEALING_MOST_US: Micros = 60 * SECOND;

const CENTRES = ["local", "metro", "remote"];

/** The plan of one life. The same seed and plant give the same plan for ever, so long as this file and its helpers are not changed. */
export function randomLife(seed: string, plant?: PlantName): LifePlan {
  const draws = new Draws(new RandomStreams(`swarm-etcd/${seed}`).stream("plan"));
  const model = randomModel(draws);
  const isLong = draws.chance(LONG_SHARE);
  const faultsEndUs = LIFE_LEAST_US + (isLong ? LONGER_US : 0) + draws.upTo(8) * SECOND;
  const clients = randomClients(draws, model);
  const faults = randomFaults(draws, model, faultsEndUs, plant);
  return {
    seed,
    model,
    adminHost: adminHostOf(model),
    clients,
    faults,
    faultsEndUs,
    operationsLeast: OPERATIONS_LEAST,
    healingMostUs: isLong ? LONGER_US + HEALING_MOST_US : HEALING_MOST_US,
    ...(plant === undefined ? {} : { plant }),
  };
}

/** Hosts of clients come behind those of members, the last one is the administrator's. */
function adminHostOf(model: EtcdModel): number {
  return model.hosts.length - 1;
}

function randomModel(draws: Draws): EtcdModel {
  const voters = draws.weighted([
    [1, 1.5],
    [2, 1.5],
    [3, 8],
    [4, 1],
    [5, 4],
    [7, 0.5],
  ]);
  const learners = draws.chance(0.15) ? 1 : 0;
  const spares = 1 + draws.below(2);
  const centres = 1 + draws.below(CENTRES.length);
  const clientHosts = 2;
  const isSlowToApply = draws.chance(0.03);
  const hosts: HostModel[] = [];
  const members: MemberModel[] = [];
  const centre = (i: number): string => present(CENTRES[i % centres], "a centre");
  for (let m = 0; m < voters + learners + spares; m++) {
    hosts.push({ name: `h${m}`, centre: centre(m) });
    members.push({
      name: `m${m}`,
      host: m,
      ...(m >= voters + learners ? { joinsLater: true } : m >= voters ? { isLearner: true } : {}),
    });
  }
  for (let c = 0; c < clientHosts; c++) hosts.push({ name: `c${c}`, centre: centre(draws.below(centres)) });
  hosts.push({ name: "admin", centre: centre(0) });
  const heartbeatUs = draws.pick([100, 100, 100, 150, 250]) * MILLISECOND;
  return {
    ...ETCD_MODEL_DEFAULTS,
    hosts,
    paths: randomPaths(draws, hosts),
    members,
    heartbeatUs,
    electionUs: heartbeatUs * draws.pick([5, 10, 10]),
    preVote: draws.chance(0.75),
    checkQuorum: draws.chance(0.7),
    tickPhase: draws.pick(["together", "drawn"] as const),
    costs: isSlowToApply ? { ...randomCosts(draws), applyUs: 50_000 } : randomCosts(draws),
    snapshotCount: draws.pick([10, 10, 25, 60, ETCD_MODEL_DEFAULTS.snapshotCount]),
    snapshotCatchUpEntries: draws.pick([3, 5, 20]),
    // Room for some of the large puts of a fault.
    quotaBytes: draws.chance(0.3) ? 4 * 1024 * 1024 : ETCD_MODEL_DEFAULTS.quotaBytes,
    strictReconfigCheck: draws.chance(0.8),
    maxLearners: 1 + draws.below(2),
    ...(isSlowToApply ? { applyGapMax: 25 } : {}),
  };
}

function randomPaths(draws: Draws, hosts: readonly HostModel[]): PathModel[][] {
  const metroUs = 500 + draws.upTo(1500);
  const remoteUs = 5000 + draws.upTo(25_000);
  const isVarying = draws.chance(0.5);
  const between = (a: HostModel, b: HostModel): Variate => {
    const isRemote = (a.centre === "remote") !== (b.centre === "remote");
    const value = a === b ? 20 : a.centre === b.centre ? 150 : isRemote ? remoteUs : metroUs;
    return isVarying && a !== b
      ? { kind: "uniform", min: value, max: Math.round(1.3 * value) }
      : { kind: "constant", value };
  };
  return hosts.map((a) => hosts.map((b) => ({ oneWayUs: between(a, b), loss: 0 })));
}

function randomCosts(draws: Draws): EtcdCosts {
  const fsyncUs = draws.pick([300, 1000, 3000, 8000]);
  return {
    requestUs: { kind: "constant", value: 400 },
    fsyncUs: draws.chance(0.5)
      ? { kind: "constant", value: fsyncUs }
      : { kind: "exponential", mean: fsyncUs },
    applyUs: draws.weighted([
      [20, 8],
      [1000, 1],
    ]),
    bootUs: { kind: "uniform", min: 50 * MILLISECOND, max: 600 * MILLISECOND },
  };
}

function randomClients(draws: Draws, model: EtcdModel): ClientPlan[] {
  const admin = adminHostOf(model);
  const hosts = model.hosts.map((_, host) => host).filter((host) => host < admin);
  const members = model.members.map((_, member) => member);
  const clientHosts = hosts.filter((host) => host >= members.length);
  const founders = members.filter((member) => model.members[member]?.joinsLater !== true);
  const keys = Array.from({ length: 2 + draws.below(3) }, (_, i) => `k${i}`);
  const mixed = 2 + draws.below(4);
  // So that the operations of a life are a few hundred, however many clients share them.
  const pauseUs = Math.round((mixed / 5.5) * SECOND);
  const base = (name: string) => ({
    name,
    host: draws.pick(clientHosts),
    // Learners and members that are not there (yet) are asked too, last.
    targets: [...draws.shuffled(founders), ...members.filter((member) => !founders.includes(member))],
    timeoutUs: draws.pick([1, 2, 3, 10]) * SECOND,
    startUs: 500 * MILLISECOND + draws.upTo(1000) * MILLISECOND,
  });
  const clients: ClientPlan[] = Array.from({ length: mixed }, (_, i) => ({
    ...base(`c${i}`),
    type: "mixed",
    keys,
    pauseUs: { kind: "exponential", mean: pauseUs },
    leaseTtl: draws.pick([2, 5, 10]),
    // Who only reads stays where it is for as long as it is answered.
    ...(i > 0 && draws.chance(0.4) ? { weights: READS } : {}),
  }));
  for (const name of ["watcher", "late watcher"])
    clients.push({
      ...base(name),
      ...(name === "watcher" ? {} : { startUs: draws.between(15, 50) * SECOND }),
      type: "watcher",
      progressNotify: draws.chance(0.5),
      ...(draws.chance(0.5) ? { silenceUs: draws.pick([5, 20]) * SECOND } : {}),
    });
  clients.push({ ...base("holder"), type: "lease-holder", ttl: draws.pick([2, 4, 8]) });
  return clients;
}
