/**
 * Links between the leader and the others dropped, both ways or one way, for a while, then healed: clients write at the
 * others, and read at the leader.
 */

import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { countsOfRounds, electionOf, PAUSE_AFTER_OK_MS, winners } from "./leader-kill.js";
import { firstLine, Life, type Link } from "./life.js";
import { retryReader } from "./readers.js";
import { type MeasuredClient, membersAt, readSetup, type Setup } from "./setup.js";
import { addTrial, type Columns, type Rule } from "./statistic.js";
import {
  clientsOf,
  column,
  columnsByClient,
  firstWrites,
  initialLeader,
  lineTime,
  startRetryClients,
  stopAll,
  WRITES_BEFORE_MS,
} from "./trials.js";

export interface IsolatedPlan {
  readonly setup: Setup;
  readonly leader: number;
  /** What is dropped. */
  readonly links: readonly Link[];
  readonly clients: readonly MeasuredClient[];
  readonly attemptTimeoutMs: number;
  readonly holdMs: number;
  readonly trials: number;
}

/** The old leader was watched so long after it first heard the new one. */
const WATCHED_AFTER_REJOIN_MS = 2500;
/** Given up when it hears nobody for so long. */
const REJOIN_PATIENCE_MS = 60_000;
/** The readers at the old leader: about 12 linearizable and 90 serializable attempts in 4 s of a cut. */
const LIN_TIMEOUT_MS = 300;
const LIN_PAUSE_MS = 20;
const SER_PAUSE_MS = 40;

export function readLeaderIsolated(fields: Fields): MeasuredCase<IsolatedPlan> {
  const setup = readSetup(fields);
  const trials = fields.each("trials", (trial) => trial);
  const leader = initialLeader(fields, trials, setup);
  const clients = clientsOf(trials, "first_ok_ms", setup);
  const { links, isIsolated, isBothWays } = cutOf(fields, leader, setup);
  const never: Rule = { says: "no linearizable read at an isolated leader", min: 0, max: 0 };
  const changes = isBothWays ? leaderChanges(setup) : "count";
  const has = (key: string): boolean => trials.some((trial) => trial.has(key));
  const optional = (name: string, rule: Rule, key: string) =>
    has(key) ? [column(name, rule, trials, (trial) => trial.maybe(key))] : [];
  return {
    kind: "leader-isolated",
    plan: {
      setup,
      leader,
      links,
      clients,
      attemptTimeoutMs: fields.positive("attempt_timeout_ms"),
      holdMs: fields.positive("hold_ms"),
      trials: trials.length,
    },
    statistics: [
      ...(setup.preVote
        ? [column("first pre-candidate", "time", trials, (trial) => lineTime(trial, "preCandidate"))]
        : [column("first candidate", "time", trials, (trial) => lineTime(trial, "candidate"))]),
      column("new leader", "time", trials, (trial) => lineTime(trial, "leader")),
      column("first write, any client", "time", trials, (trial) => trial.maybe("first_ok_any_ms")),
      ...columnsByClient("first write", "time", trials, "first_ok_ms", clients),
      ...optional("old leader steps down", "time", "old_leader_stepdown_ms"),
      ...optional("old leader hears the new one, after the heal", "time", "rejoin_after_heal_ms"),
      ...optional("old leader follows for good, after the cut", "time", "last_rejoin_after_cut_ms"),
      ...optional(
        "linearizable reads at the old leader",
        isIsolated ? never : "printed",
        "lin_reads_ok_during_cut",
      ),
      ...optional("serializable reads at the old leader", "printed", "ser_reads_ok_during_cut"),
      ...optional("leader changes after the heal", changes, "leader_changes_after_heal"),
      ...(has("max_write_gap_around_heal_ms")
        ? columnsByClient("gap around the heal", "printed", trials, "max_write_gap_around_heal_ms", clients)
        : []),
      ...countsOfRounds(trials),
      ...winners(trials, setup),
    ],
    trialsPerLife: trials.length,
    summary: `leader ${setup.members[leader]?.name} cut off for ${fields.positive("hold_ms")} ms (${fields.textOr("direction", "both")}), ${trials.length} trials`,
  };
}

/** With pre-vote nobody loses the lead by a heal; without it the one who comes back with a higher term takes it away. */
function leaderChanges(setup: Setup): Rule {
  return setup.preVote ? { says: "no leader change on heal with pre-vote", min: 0, max: 0 } : "count";
}

/** What is dropped, and whether the leader can certainly reach no majority and come back: all links, one or both ways. */
interface Cut {
  readonly links: Link[];
  readonly isIsolated: boolean;
  readonly isBothWays: boolean;
}

/**
 * From explicit links (`[["m1", "m2"], …]` or `[{from, to}, …]`), else from `direction`: "both", a pair ("m1->m2",
 * "leader->followers", centres too), or a word for from ("out") or to ("in") the leader.
 */
function cutOf(fields: Fields, leader: number, setup: Setup): Cut {
  const others = [...setup.members.keys()].filter((member) => member !== leader);
  const outward = others.map((to) => ({ from: leader, to }));
  const inward = others.map((from) => ({ from, to: leader }));
  const cut = (links: Link[]): Cut => {
    const has = (wanted: readonly Link[]): boolean =>
      wanted.every((one) => links.some(({ from, to }) => from === one.from && to === one.to));
    return { links, isIsolated: has(outward) || has(inward), isBothWays: has(outward) && has(inward) };
  };
  for (const key of ["links", "cut", "cuts", "drop", "dropped", "blocked"]) {
    if (Array.isArray(fields.raw(key))) return cut(explicitLinks(fields, key, setup));
  }
  const direction = fields.textOr("direction", "both");
  if (/^both/i.test(direction)) return cut([...outward, ...inward]);
  const [, fromName, toName] = /^(.+?)\s*(?:->|→|_to_|-to-| to )\s*(.+)$/.exec(direction) ?? [];
  const side = (name: string): number[] =>
    LEADER.test(name) ? [leader] : OTHERS.test(name) ? others : membersAt(name, setup);
  const pairs = side(fromName ?? "").flatMap((from) => side(toName ?? "").map((to) => ({ from, to })));
  const links = pairs.filter(({ from, to }) => from !== to);
  if (links.length > 0) return cut(links);
  if (OUTWARD.test(direction)) return cut(outward);
  if (INWARD.test(direction)) return cut(inward);
  fields.mistake(
    "direction",
    'expected "both", a pair like "m1->m2", or a direction from ("out") or to ("in") the leader',
  );
  return cut(outward);
}

const LEADER = /^(the )?(old[-_ ]?)?leader$/i;
const OTHERS = /^(the )?(others?|followers?|rest|all|peers|majority)$/i;
const OUTWARD = /^(out|from|egress|send|tx)|out$|outgoing|outbound|from[-_ ]?leader/i;
const INWARD = /^(in|to|ingress|recei|rx)|in$|incoming|inbound|to[-_ ]?leader/i;

function explicitLinks(fields: Fields, key: string, setup: Setup): Link[] {
  const list = fields.raw(key) as readonly unknown[];
  return list.flatMap((item): Link[] => {
    const [from, to] = Array.isArray(item)
      ? (item as unknown[])
      : typeof item === "object" && item !== null
        ? [(item as Record<string, unknown>).from, (item as Record<string, unknown>).to]
        : String(item).split("->");
    const links = membersAt(String(from), setup).flatMap((a) =>
      membersAt(String(to), setup).map((b) => ({ from: a, to: b })),
    );
    if (links.length === 0) fields.mistake(key, "expected pairs of members");
    return links;
  });
}

export function playLeaderIsolated(plan: IsolatedPlan, seed: string): Columns {
  const { setup, leader } = plan;
  const life = new Life(setup, seed);
  const others = life.members.filter((member) => member !== leader);
  const columns: Columns = {};
  for (let trial = 0; trial < plan.trials; trial++) {
    life.settle(leader);
    if (setup.randomPhases) {
      life.restartFollowers(leader);
      life.settle(leader);
    }
    const clients = startRetryClients(life, plan.clients, plan.attemptTimeoutMs, PAUSE_AFTER_OK_MS);
    const lin = retryReader(life, leader, false, LIN_TIMEOUT_MS, LIN_PAUSE_MS);
    const ser = retryReader(life, leader, true, LIN_TIMEOUT_MS, SER_PAUSE_MS);
    life.run(life.uniform(...WRITES_BEFORE_MS));
    const cutUs = life.nowUs;
    life.log = [];
    life.cut(plan.links);
    life.run(plan.holdMs);
    const healUs = life.nowUs;
    life.heal(plan.links);
    const rejoined = (): number | null => firstLine(life.log, "elected", [leader], healUs);
    // Who never lost the lead has nobody to hear.
    const keptLead = (): boolean =>
      life.log.every(({ what, member }) => member !== leader || what !== "lost");
    life.waitFor(() => rejoined() !== null || keptLead(), REJOIN_PATIENCE_MS);
    life.run(WATCHED_AFTER_REJOIN_MS);
    // The recordings go on until the group was fit for the next trial.
    life.waitFor(() => life.isAgreed(), REJOIN_PATIENCE_MS);
    const elected = life.log.filter(
      (line) => line.what === "elected" && line.member === leader && line.us >= healUs,
    );
    const last = elected.at(-1);
    addTrial(columns, {
      ...electionOf(life, others, cutUs, healUs),
      ...firstWrites(clients, cutUs),
      "old leader steps down": firstLine(life.log, "stepped down", [leader], cutUs),
      "old leader hears the new one, after the heal": rejoined(),
      "old leader follows for good, after the cut":
        last === undefined ? null : (last.us - cutUs) / MILLISECOND,
      "linearizable reads at the old leader": lin.seen.startedWithin(cutUs, healUs),
      "serializable reads at the old leader": ser.seen.startedWithin(cutUs, healUs),
      "leader changes after the heal": life.log.filter((line) => line.what === "leader" && line.us >= healUs)
        .length,
      ...Object.fromEntries(
        clients.map(({ client, seen }) => [
          `gap around the heal ${client.name}`,
          seen.longestGap(healUs, life.nowUs),
        ]),
      ),
    });
    stopAll([...clients, lin, ser]);
    life.waitFor(() => clients.every(({ writer }) => writer.isFinished), 2 * plan.attemptTimeoutMs);
  }
  return columns;
}
