/** Links that come and go for a minute while clients write at fixed times. */
import { OpenLoopWriter } from "../../../etcd/workloads.js";
import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { Attempts, Life } from "./life.js";
import { clientOf, type MeasuredClient, memberOf, readSetup, type Setup, toUs } from "./setup.js";
import { addTrial, type Columns } from "./statistic.js";
import { column, initialLeader } from "./trials.js";

export interface FlappingPlan {
  readonly setup: Setup;
  readonly leader: number;
  /** Whose links flap; null: those of whoever leads at each cut. */
  readonly member: number | null;
  readonly upMs: number;
  readonly downMs: number;
  readonly durationMs: number;
  readonly clients: readonly MeasuredClient[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly trials: number;
  /** When the links went down and up in each measured trial, ms, in turn; empty: not recorded. */
  readonly phasesMs: readonly (readonly number[])[];
}

/** How often the measuring program asked who leads, where it waited for a leader before a cut. */
const LEADER_POLL_MS = 10;

export function readFlapping(fields: Fields): MeasuredCase<FlappingPlan> {
  const setup = readSetup(fields);
  const trials = fields.each("trials", (trial) => trial);
  const names = [...new Set(trials.flatMap((trial) => trial.fields("clients").keys()))];
  const clients = names.map((name) => clientOf(name, setup, trials[0] ?? fields, "clients"));
  const byClient = (key: string) => (name: string) => (trial: Fields) => {
    const seen = trial.fields("clients");
    return seen.has(name) ? seen.fields(name).maybe(key) : null;
  };
  return {
    kind: "flapping",
    plan: {
      setup,
      leader: initialLeader(fields, [], setup),
      member: flappingMember(fields, trials, setup),
      upMs: fields.positive("up_ms"),
      downMs: fields.positive("down_ms"),
      durationMs: fields.positive("duration_ms"),
      clients,
      intervalMs: fields.positive("attempt_interval_ms"),
      timeoutMs: fields.positive("attempt_timeout_ms"),
      trials: trials.length,
      phasesMs: trials.map(phasesOf),
    },
    statistics: [
      column("leader elections", "count", trials, (trial) => {
        const elections = trial.raw("leader_elections");
        return Array.isArray(elections) ? elections.length : trial.number("leader_elections");
      }),
      column("pre-candidacies", "count", trials, (trial) => trial.maybe("pre_candidates")),
      column("candidacies", "printed", trials, (trial) => trial.maybe("candidates")),
      column("leaders that stepped down", "printed", trials, (trial) => trial.maybe("stepdowns")),
      ...names.map((name) => column(`writes answered, ${name}`, "count", trials, byClient("fraction")(name))),
      ...names.map((name) =>
        column(`longest gap, ${name}`, "count", trials, byClient("longest_gap_ms")(name)),
      ),
    ],
    trialsPerLife: trials.length,
    summary: `${fields.textOr("mode", "")} ${fields.positive("down_ms")} ms down, ${fields.positive("up_ms")} ms up, ${trials.length} trials`,
  };
}

/** Times of `[[ms, "down" | "up", member], …]`, where they begin with a cut and take turns. */
function phasesOf(trial: Fields): number[] {
  const phases = trial.raw("phases");
  if (!Array.isArray(phases)) return [];
  const times = (phases as unknown[]).map((phase, index) => {
    const [ms, what] = Array.isArray(phase) ? (phase as unknown[]) : [];
    return typeof ms === "number" && what === (index % 2 === 0 ? "down" : "up") ? ms : Number.NaN;
  });
  return times.every((ms, index) => ms >= (times[index - 1] ?? 0)) ? times : [];
}

/** By the phases that were recorded (`[ms, "down", member]`), else by the mode. */
function flappingMember(fields: Fields, trials: readonly Fields[], setup: Setup): number | null {
  const mode = fields.textOr("mode", "");
  if (/follow/i.test(mode)) return null;
  const targets = new Set<string>();
  for (const trial of trials) {
    const phases = trial.raw("phases");
    for (const phase of Array.isArray(phases) ? (phases as unknown[]) : []) {
      if (Array.isArray(phase) && typeof phase[2] === "string") targets.add(phase[2]);
    }
  }
  const [only] = targets;
  if (targets.size > 1) return null;
  if (only !== undefined) return memberOf(only, setup, fields, "trials");
  if (!/fixed/i.test(mode)) fields.mistake("mode", "expected fixed or follow, or the phases of the trials");
  return 0;
}

export function playFlapping(plan: FlappingPlan, seed: string): Columns {
  const life = new Life(plan.setup, seed);
  const columns: Columns = {};
  for (let trial = 0; trial < plan.trials; trial++) {
    life.settle(plan.leader);
    life.run(life.uniform(200, 1500));
    addTrial(columns, playTrial(life, plan, plan.phasesMs[trial] ?? []));
  }
  return columns;
}

function playTrial(life: Life, plan: FlappingPlan, phasesMs: readonly number[]) {
  life.log = [];
  const startUs = life.nowUs;
  const endUs = startUs + toUs(plan.durationMs);
  const clients = startClients(life, plan);
  // The measuring program fell behind by some ms each phase, so that cuts met the writes at all their moments.
  const scheduleMs = phasesMs.length > 0 ? phasesMs : regularPhases(plan);
  let lateUs = 0;
  for (let phase = 0; phase < scheduleMs.length; phase += 2) {
    life.runUntil(Math.min(endUs, startUs + toUs(scheduleMs[phase] ?? 0) + lateUs));
    const waitedFromUs = life.nowUs;
    const target = plan.member ?? leaderNow(life, endUs);
    if (target === undefined || life.nowUs >= endUs) break;
    // A cut that had to wait for a leader moves what follows.
    lateUs += life.nowUs - waitedFromUs;
    const links = life.linksAround([target]);
    life.cut(links);
    const upMs = scheduleMs[phase + 1];
    life.runUntil(upMs === undefined ? endUs : Math.min(endUs, startUs + toUs(upMs) + lateUs));
    life.heal(links);
  }
  life.runUntil(endUs);
  const count = (what: string): number =>
    life.log.filter((line) => line.what === what && line.us < endUs).length;
  const counts = {
    "leader elections": count("leader"),
    "pre-candidacies": count("pre-candidate"),
    candidacies: count("candidate"),
    "leaders that stepped down": count("stepped down"),
  };
  // What was asked in the last second is still waited for.
  life.waitFor(() => clients.every(({ writer }) => writer.isFinished));
  const byClient = clients.flatMap(({ client, seen }) => [
    [`writes answered, ${client.name}`, seen.successes.length / seen.count],
    [`longest gap, ${client.name}`, longestSilence(seen, startUs, endUs)],
  ]);
  return { ...counts, ...Object.fromEntries(byClient) };
}

function regularPhases({ durationMs, downMs, upMs }: FlappingPlan): number[] {
  const phases: number[] = [];
  for (let ms = 0; ms < durationMs; ms += downMs + upMs) phases.push(ms, ms + downMs);
  return phases;
}

function startClients(life: Life, { clients, intervalMs, timeoutMs, durationMs }: FlappingPlan) {
  return clients.map((client) => {
    const seen = new Attempts();
    const writer = new OpenLoopWriter(life.client(client.centre), {
      client: `${client.name}@${life.nowUs}`,
      target: life.target(client.member),
      sink: seen,
      intervalUs: toUs(intervalMs),
      timeoutUs: toUs(timeoutMs),
      count: Math.floor(durationMs / intervalMs),
      keyFor: () => client.name,
    });
    return { client, seen, writer };
  });
}

function leaderNow(life: Life, endUs: number): number | undefined {
  const { group } = life.world;
  const sees = (): number | undefined => {
    const leader = group.leader();
    return leader !== undefined && group.member(leader).role === "leader" ? leader : undefined;
  };
  while (sees() === undefined && life.nowUs < endUs) life.run(LEADER_POLL_MS);
  return sees();
}

/** Longest time without an answer, from the start to the end. */
function longestSilence(seen: Attempts, startUs: number, endUs: number): number {
  const ends = seen.successes.map((one) => one.endUs).sort((a, b) => a - b);
  let before = startUs;
  let longest = 0;
  for (const at of [...ends, endUs]) {
    longest = Math.max(longest, at - before);
    before = Math.max(before, at);
  }
  return longest / MILLISECOND;
}
