/** Delays, losses and deaths of followers: what a client in the leader's centre sees. One variant after the other. */
import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import { overheadUs } from "./constants.js";
import type { Fields } from "./fields.js";
import { probe } from "./latency.js";
import { Life, type Link } from "./life.js";
import { type MeasuredClient, memberOf, membersAt, readSetup, type Setup } from "./setup.js";
import type { Columns, Statistic, Value } from "./statistic.js";

interface PathChange extends Link {
  /** Null: as it was. */
  readonly oneWayUs: number | null;
  readonly loss: number;
}

export interface Variant {
  readonly label: string;
  readonly changes: readonly PathChange[];
  readonly killed: readonly number[];
  readonly puts: number;
  readonly reads: number;
}

export interface SlowFollowerPlan {
  readonly setup: Setup;
  readonly leader: number;
  readonly client: MeasuredClient;
  readonly variants: readonly Variant[];
}

const PAUSE_MS = 10;
const TRIALS_PER_LIFE = 5;
/** Between a variant's changes and its first put. */
const SETTLE_MS = 1000;

export function readSlowFollower(fields: Fields): MeasuredCase<SlowFollowerPlan> {
  const setup = readSetup(fields);
  const leaderName =
    typeof fields.raw("leader") === "string" ? fields.text("leader") : setup.members[0]?.name;
  const leader = memberOf(leaderName ?? "", setup, fields, "leader");
  const centre = fields.textOr("client_dc", setup.members[leader]?.centre ?? "");
  const client = { name: `${centre}->${leaderName}`, centre, member: leader };
  const statistics: Statistic[] = [];
  const variants = fields.each("variants", (variant, index) =>
    readVariant(variant, index, setup, statistics),
  );
  const requests = Math.max(1, ...variants.map(({ puts }) => puts));
  return {
    kind: "slow-follower",
    plan: { setup, leader, client, variants },
    statistics,
    // The counts of a variant are one to a life.
    trialsPerLife: Math.min(requests, TRIALS_PER_LIFE),
    summary: `leader ${leaderName}, ${variants.length} variants`,
  };
}

function readVariant(variant: Fields, index: number, setup: Setup, statistics: Statistic[]): Variant {
  const label = variant.textOr("label", `variant ${index}`);
  const changes = variant.isNothing("set")
    ? []
    : variant.each("set", (change) => changesOf(change, setup)).flat();
  const killed = variant.isNothing("kill")
    ? []
    : variant.texts("kill").map((name) => memberOf(name, setup, variant, "kill"));
  const series = (key: string): Value[] =>
    variant.isNothing(key) ? [] : variant.numbers(key).map((ms) => (ms < 0 ? null : ms));
  const puts = series("raw_put_ms");
  const reads = series("raw_lin_ms");
  // Where a request went unanswered it was because nobody led any more: when that came about is one event, told by the
  // count of requests before it, and no sample of anything.
  const isSettled = [...puts, ...reads].every((value) => value !== null);
  const latency = isSettled ? "latency" : "printed";
  statistics.push(
    { name: `${label}: put`, rule: latency, measured: puts },
    { name: `${label}: linearizable read`, rule: latency, measured: reads },
    {
      name: `${label}: puts not answered in 5 s`,
      rule: "count",
      measured: [failed(variant, "put_failed", puts)],
    },
    {
      name: `${label}: reads not answered in 5 s`,
      rule: "count",
      measured: [failed(variant, "lin_failed", reads)],
    },
    { name: `${label}: campaigns and leaders`, rule: "count", measured: [variant.maybe("elections") ?? 0] },
  );
  const answered = puts.filter((one) => one !== null);
  if (!isSettled && answered.length > 0) {
    statistics.push({ name: `${label}: answered put`, rule: "latency", measured: answered });
  }
  return { label, changes, killed, puts: puts.length, reads: reads.length };
}

function failed(variant: Fields, key: string, values: readonly Value[]): number {
  return variant.maybe(key) ?? values.filter((value) => value === null).length;
}

/** One-way changes by member or centre: `ms` of delay, `loss` of packets (a fraction). */
function changesOf(change: Fields, setup: Setup): PathChange[] {
  const ms = change.maybe("ms");
  const loss = change.numberOr("loss", 0);
  if (loss < 0 || loss > 1) change.mistake("loss", "expected a fraction from 0 to 1");
  if (ms !== null && ms < 0) change.mistake("ms", "expected a delay of at least 0");
  const at = (key: string): number[] => {
    const found = membersAt(change.text(key), setup);
    if (found.length === 0) change.mistake(key, "expected a member or a centre");
    return found;
  };
  const oneWayUs = ms === null ? null : Math.round(ms * MILLISECOND + overheadUs(ms));
  return at("from").flatMap((from) =>
    at("to")
      .filter((to) => to !== from)
      .map((to) => ({ from, to, oneWayUs, loss })),
  );
}

export function playSlowFollower(
  { setup, leader, client, variants }: SlowFollowerPlan,
  seed: string,
): Columns {
  const life = new Life(setup, seed);
  const columns: Columns = {};
  for (const variant of variants) {
    life.settle(leader);
    for (const change of variant.changes) {
      const nominal = setup.oneWayUs[placeOf(setup, change.from)]?.[placeOf(setup, change.to)] ?? 0;
      life.setPath(change, change.oneWayUs ?? nominal, change.loss);
    }
    life.kill(variant.killed);
    life.run(SETTLE_MS);
    life.log = [];
    const puts = probe(life, client, "put", variant.puts, PAUSE_MS);
    const reads = probe(life, client, "lin", variant.reads, PAUSE_MS);
    const elections = life.log.filter(({ what }) => CAMPAIGNS.includes(what)).length;
    const unanswered = (values: readonly Value[]): number => values.filter((value) => value === null).length;
    columns[`${variant.label}: put`] = puts;
    columns[`${variant.label}: linearizable read`] = reads;
    columns[`${variant.label}: answered put`] = puts.filter((one) => one !== null);
    columns[`${variant.label}: puts not answered in 5 s`] = [unanswered(puts)];
    columns[`${variant.label}: reads not answered in 5 s`] = [unanswered(reads)];
    columns[`${variant.label}: campaigns and leaders`] = [elections];
    for (const change of variant.changes) life.resetPath(change);
    for (const member of variant.killed) life.start(member);
  }
  return columns;
}

const CAMPAIGNS: readonly string[] = ["pre-candidate", "candidate", "leader"];

function placeOf(setup: Setup, member: number): number {
  return setup.centres.indexOf(setup.members[member]?.centre ?? "");
}
