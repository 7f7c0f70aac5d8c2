/** kill -9 of the leader while clients write: what is in flight still arrives. */
import { OpenLoopWriter } from "../../../etcd/workloads.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { Attempts, firstLine, Life } from "./life.js";
import { type MeasuredClient, readSetup, type Setup, toUs } from "./setup.js";
import { addTrial, type Columns } from "./statistic.js";
import {
  clientsOf,
  column,
  columnsByClient,
  firstWrites,
  initialLeader,
  isMember,
  lineTime,
  startRetryClients,
  stopAll,
  WRITES_BEFORE_MS,
} from "./trials.js";

export interface LeaderKillPlan {
  readonly setup: Setup;
  readonly leader: number;
  readonly clients: readonly MeasuredClient[];
  readonly attemptTimeoutMs: number;
  readonly pauseMs: number;
  /** The client that fires without waiting. */
  readonly dense: {
    readonly client: MeasuredClient;
    readonly intervalMs: number;
    readonly timeoutMs: number;
  } | null;
  readonly trials: number;
}

/** From a success to the next attempt, in all cases but the loss of a centre. */
export const PAUSE_AFTER_OK_MS = 10;
/** Looked at so long after the last client's first success, so that the trial's own end disturbs nothing. */
const AFTER_MS = 500;

export function readLeaderKill(fields: Fields): MeasuredCase<LeaderKillPlan> {
  const setup = readSetup(fields);
  const trials = fields.each("trials", (trial) => trial);
  const leader = initialLeader(fields, trials, setup);
  const clients = clientsOf(trials, "first_ok_ms", setup);
  const isDense = trials.some((trial) => trial.has("first_ok_dense_ms"));
  const [first] = clients;
  return {
    kind: "leader-kill",
    plan: {
      setup,
      leader,
      clients,
      attemptTimeoutMs: fields.positive("attempt_timeout_ms"),
      pauseMs: PAUSE_AFTER_OK_MS,
      dense:
        isDense && first !== undefined
          ? {
              client: first,
              intervalMs: fields.positive("dense_interval_ms"),
              timeoutMs: fields.positive("dense_timeout_ms"),
            }
          : null,
      trials: trials.length,
    },
    statistics: [
      ...(setup.preVote
        ? [column("first pre-candidate", "time", trials, (trial) => lineTime(trial, "preCandidate"))]
        : []),
      column("first candidate", setup.preVote ? "printed" : "time", trials, (trial) =>
        lineTime(trial, "candidate"),
      ),
      column("new leader", "time", trials, (trial) => lineTime(trial, "leader")),
      column("first write, any client", "time", trials, (trial) => trial.maybe("first_ok_any_ms")),
      ...columnsByClient("first write", "time", trials, "first_ok_ms", clients),
      ...(isDense
        ? [column("first write, dense client", "time", trials, (trial) => trial.maybe("first_ok_dense_ms"))]
        : []),
      ...countsOfRounds(trials),
      ...winners(trials, setup),
    ],
    trialsPerLife: trials.length,
    summary: `leader ${setup.members[leader]?.name} killed, ${trials.length} trials`,
  };
}

export function countsOfRounds(trials: readonly Fields[]) {
  return [
    column("pre-votes begun", "printed", trials, (trial) => trial.maybe("preVoteRounds")),
    column("votes begun", "printed", trials, (trial) => trial.maybe("voteRounds")),
  ];
}

export function winners(trials: readonly Fields[], setup: Setup) {
  return setup.members.map(({ name }) =>
    column(`won by ${name}`, "printed", trials, (trial) => isMember(trial, "winner", name)),
  );
}

export function playLeaderKill(plan: LeaderKillPlan, seed: string): Columns {
  const { setup, leader } = plan;
  const life = new Life(setup, seed);
  const columns: Columns = {};
  for (let trial = 0; trial < plan.trials; trial++) {
    life.settle(leader);
    if (setup.randomPhases) {
      life.restartFollowers(leader);
      life.settle(leader);
    }
    const clients = startRetryClients(life, plan.clients, plan.attemptTimeoutMs, plan.pauseMs);
    const dense = startDense(life, plan);
    life.run(life.uniform(...WRITES_BEFORE_MS));
    const eventUs = life.nowUs;
    life.log = [];
    life.kill([leader]);
    const all = dense === undefined ? clients : [...clients, dense];
    life.waitFor(() => all.every(({ seen }) => seen.firstAfter(eventUs) !== null));
    life.run(AFTER_MS);
    stopAll(all);
    addTrial(columns, {
      ...electionOf(
        life,
        life.members.filter((member) => member !== leader),
        eventUs,
      ),
      ...firstWrites(clients, eventUs),
      ...(dense === undefined ? {} : { "first write, dense client": dense.seen.firstAfter(eventUs) }),
    });
    life.start(leader);
  }
  return columns;
}

function startDense(life: Life, { dense }: LeaderKillPlan) {
  if (dense === null) return undefined;
  const seen = new Attempts();
  const writer = new OpenLoopWriter(life.client(dense.client.centre), {
    client: `dense@${life.nowUs}`,
    target: life.target(dense.client.member),
    sink: seen,
    intervalUs: toUs(dense.intervalMs),
    timeoutUs: toUs(dense.timeoutMs),
    keyFor: () => "dense",
  });
  return { seen, writer };
}

/** What these members' logs say of the election after the event. */
export function electionOf(life: Life, members: readonly number[], eventUs: number, toUs?: number) {
  const { log, setup } = life;
  const count = (what: string): number =>
    log.filter((line) => line.what === what && members.includes(line.member) && line.us <= (toUs ?? Infinity))
      .length;
  const leader = firstLine(log, "leader", members, eventUs, toUs);
  const winner = log.find((line) => line.what === "leader" && members.includes(line.member))?.member;
  return {
    "first pre-candidate": firstLine(log, "pre-candidate", members, eventUs, toUs),
    "first candidate": firstLine(log, "candidate", members, eventUs, toUs),
    "new leader": leader,
    "pre-votes begun": count("pre-candidate"),
    "votes begun": count("candidate"),
    ...Object.fromEntries(
      setup.members.map(({ name }, member) => [
        `won by ${name}`,
        leader !== null && winner === member ? 1 : 0,
      ]),
    ),
  };
}
