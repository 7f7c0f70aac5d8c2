/** A whole centre is cut off and its members killed; later it is healed and they are restarted. */

import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { summaryOf } from "./judge.js";
import { countsOfRounds, electionOf, winners } from "./leader-kill.js";
import { Life } from "./life.js";
import { type MeasuredClient, memberOf, membersAt, readSetup, type Setup } from "./setup.js";
import { addTrial, type Columns } from "./statistic.js";
import {
  clientsOf,
  column,
  columnsByClient,
  firstWrites,
  initialLeader,
  lineTime,
  startRetryClients,
  stopAll,
} from "./trials.js";

export interface CentreLossPlan {
  readonly setup: Setup;
  readonly leader: number;
  readonly lost: readonly number[];
  readonly clients: readonly MeasuredClient[];
  readonly attemptTimeoutMs: number;
  readonly holdMs: number;
  /** Measured write latencies before the event, by client: how busy the measuring machine was, see {@link slowness}. */
  readonly beforeMs: readonly number[];
  readonly trials: number;
}

/** From the cut to the heal and the restarts, where the file does not say. */
const HOLD_MS = 3800;
/** The clients of this case rest as long after a success as after a failure. */
const PAUSE_MS = 5;
/** Writes before the event, whose latencies were taken. */
const BEFORE_MS = 1200;
/** The event came at a random moment after them. */
const MOMENT_MS = 300;

export function readCentreLoss(fields: Fields): MeasuredCase<CentreLossPlan> {
  const setup = readSetup(fields);
  const trials = fields.each("trials", (trial) => trial);
  const leader = initialLeader(fields, trials, setup);
  const clients = clientsOf(trials, "first_ok_ms", setup);
  const lost = fields.has("lost")
    ? fields.texts("lost").map((name) => memberOf(name, setup, fields, "lost"))
    : membersAt(fields.text("lost_dc"), setup);
  const before = columnsByClient("latency before", "latency", trials, "latency_before_ms", clients);
  if (lost.length === 0 || lost.length === setup.members.length)
    fields.mistake("lost", "expected some of the members");
  return {
    kind: "centre-loss",
    plan: {
      setup,
      leader,
      lost,
      clients,
      attemptTimeoutMs: fields.positive("attempt_timeout_ms"),
      holdMs: fields.numberOr("hold_ms", HOLD_MS),
      beforeMs: before.map(({ measured }) => summaryOf(measured).median),
      trials: trials.length,
    },
    statistics: [
      column("first pre-candidate", "time", trials, (trial) => lineTime(trial, "preCandidate")),
      column("new leader", "time", trials, (trial) => lineTime(trial, "leader")),
      column("first write, any client", "time", trials, (trial) => trial.maybe("first_ok_any_ms")),
      ...columnsByClient("first write", "time", trials, "first_ok_ms", clients),
      ...columnsByClient("longest gap", "time", trials, "max_gap_between_ok_ms", clients),
      ...before,
      ...columnsByClient("latency after", "latency", trials, "latency_after_ms", clients),
      column("all members back and equal", "time", trials, (trial) => trial.maybe("return_to_healthy_ms")),
      ...countsOfRounds(trials),
      ...winners(trials, setup),
    ],
    trialsPerLife: trials.length,
    summary: `${lost.map((member) => setup.members[member]?.name).join(", ")} lost, ${trials.length} trials`,
  };
}

/**
 * How much longer the measured writes took than they do here on an untroubled group, ms, the least of all clients (what
 * one of them takes beyond that is etcd's own). The clients rest so much longer here: a write every so many ms is what
 * the requests between members, which carry a restarted member's messages for some seconds, have to cope with.
 */
function slowness(life: Life, { leader, clients, attemptTimeoutMs, beforeMs }: CentreLossPlan): number {
  life.settle(leader);
  const calm = startRetryClients(life, clients, attemptTimeoutMs, PAUSE_MS);
  const startUs = life.nowUs;
  life.run(BEFORE_MS);
  stopAll(calm);
  const excesses = calm.map(({ seen }, index) => {
    const here = seen.medianLatency(startUs, life.nowUs);
    const measured = beforeMs[index];
    return here === null || measured === undefined || Number.isNaN(measured) ? 0 : measured - here;
  });
  return Math.max(0, Math.min(...excesses));
}

export function playCentreLoss(plan: CentreLossPlan, seed: string): Columns {
  const { setup, leader, lost } = plan;
  const life = new Life(setup, seed);
  const links = life.linksAround(lost);
  const left = life.members.filter((member) => !lost.includes(member));
  const columns: Columns = {};
  const pauseMs = PAUSE_MS + slowness(life, plan);
  for (let trial = 0; trial < plan.trials; trial++) {
    life.settle(leader);
    const clients = startRetryClients(life, plan.clients, plan.attemptTimeoutMs, pauseMs);
    const startUs = life.nowUs;
    life.run(BEFORE_MS + life.uniform(0, MOMENT_MS));
    const eventUs = life.nowUs;
    life.log = [];
    life.cut(links);
    life.kill(lost);
    life.run(plan.holdMs);
    stopAll(clients);
    const healUs = life.nowUs;
    const firstOk = Math.max(0, ...clients.map(({ seen }) => seen.firstAfter(eventUs) ?? plan.holdMs));
    const byClient = clients.map(({ client, seen }) => [
      [`longest gap ${client.name}`, seen.longestGap(eventUs, healUs)],
      [`latency before ${client.name}`, seen.medianLatency(startUs, eventUs)],
      [`latency after ${client.name}`, seen.medianLatency(eventUs + firstOk * MILLISECOND, healUs)],
    ]);
    const values = {
      ...electionOf(life, left, eventUs, healUs),
      ...firstWrites(clients, eventUs),
      ...Object.fromEntries(byClient.flat()),
    };
    life.heal(links);
    for (const member of lost) life.start(member);
    const isBack = life.waitFor(() => life.isHealthy());
    addTrial(columns, {
      ...values,
      "all members back and equal": isBack ? (life.nowUs - healUs) / MILLISECOND : null,
    });
  }
  return columns;
}
