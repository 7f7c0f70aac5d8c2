/**
 * A recording against simulations of it, quantity by quantity, with the tolerances that its authors ask for. The
 * phase of the recorded passes is given; everything else is drawn anew with every seed.
 */
import type { Recording } from "./recording.js";
import { EVERY_RANK, meanOf, median, ranksApart, spread } from "./samples.js";
import type { CrashStages, Replacement, Stages } from "./stages.js";

/** One quantity, compared. Figures in seconds where not said otherwise. */
export interface Check {
  readonly quantity: string;
  readonly tolerance: string;
  readonly measured: string;
  readonly simulated: string;
  /** How far off. */
  readonly off: string;
  readonly pass: boolean;
}

/** What the recorded controllers were told. */
export interface Rules {
  readonly periodMs: number;
  readonly evictionRate: number;
  readonly secondaryEvictionRate: number;
  readonly tolerationMs: number;
}

/** An EndpointSlice sync that had to come again is this late, give or take {@link STEP_MS}. */
const LATE_MS = 1000;
const LATE_FROM_MS = 700;
/** Single steps: the recording machine's noise. */
const STEP_MS = 300;
const MEDIAN_STEP_MS = 100;
/**
 * Where one pass marks many nodes, requests of some twenty workers wait for the controller's client in an order that
 * the machine's noise decides: the medians are asked for, and the bulk of the rest more loosely.
 */
const MEDIAN_MS = 300;
const WINGS: readonly number[] = [0.1, 0.25, 0.75, 0.9];
const WINGS_MS = 500;
/** A crash whose last renewal lies at the edge of a pass may be seen by this one or the next; so many seeds must agree. */
const AGREEING_SEEDS = 0.1;
const UNKNOWN_MS = 500;
/** Order of stops and resumptions: so many seeds must show the recorded one. */
const SAME_ORDER_SEEDS = 0.9;

interface Runs {
  readonly recording: Recording;
  readonly measured: Stages;
  readonly simulated: readonly Stages[];
  readonly rules: Rules;
  readonly zones: boolean;
}

/** All checks of a recording of single crashes or of zones. */
export function compare(
  recording: Recording,
  measured: Stages,
  simulated: readonly Stages[],
  rules: Rules,
): Check[] {
  const zones = recording.family === "zones";
  const runs: Runs = {
    recording,
    measured,
    simulated,
    rules,
    zones,
  };
  return [
    unknownByCrash(measured, simulated),
    unknownMean(measured, simulated),
    steps("Unknown → NoSchedule", runs, (crash) => since(crash.unknown, [crash.noSchedule])),
    zones
      ? firstNoExecute(measured, simulated)
      : steps("Unknown → NoExecute", runs, (crash) => since(crash.unknown, [crash.noExecute])),
    steps("Unknown → pod NotReady", runs, (crash) =>
      since(
        crash.unknown,
        crash.pods.map((pod) => pod.notReady),
      ),
    ),
    ...endpoints(runs),
    deletions(runs),
    ...replacements(runs),
    ...(zones ? [...zoneChecks(runs), ...recoveries(runs)] : []),
  ].filter((check) => check !== undefined);
}

/**
 * A node that crashed alone: its own Unknown. Nodes that crashed together: the first of them, the second and so on,
 * since the order within a pass is that of a hash map and their turns wait for each other.
 */
function unknownByCrash(measured: Stages, simulated: readonly Stages[]): Check {
  let worst = 0;
  let edges = 0;
  let misses = 0;
  for (const indices of crashedTogether(measured)) {
    const unknowns = (stages: Stages): number[] =>
      indices.flatMap((index) => stages.crashes[index]?.unknown ?? []).sort((a, b) => a - b);
    const own = unknowns(measured);
    const found = simulated.map(unknowns);
    for (let rank = 0; rank < indices.length; rank++) {
      const at = own[rank];
      const near = found.flatMap((times) => times.slice(rank, rank + 1)).filter((time) => isNear(time, at));
      const agreeing = at === undefined ? found.filter((times) => times.length <= rank).length : near.length;
      const share = agreeing / simulated.length;
      if (share < AGREEING_SEEDS) misses++;
      else if (share < 1 - AGREEING_SEEDS) edges++;
      if (at !== undefined && near.length > 0) worst = Math.max(worst, Math.abs(median(near) - at));
    }
  }
  const all = (stages: Stages): number[] =>
    stages.crashes.flatMap((crash) => since(crash.crash.ms, [crash.unknown]));
  return {
    quantity: "crash → Unknown, one by one",
    tolerance: "±0.5 s",
    measured: spread(all(measured)),
    simulated: spread(simulated.flatMap(all)),
    off: `${seconds(worst)} at most; ${misses} missed, ${edges} of ${measured.crashes.length} at the edge of a pass`,
    pass: misses === 0,
  };
}

function isNear(time: number, at: number | undefined): boolean {
  return at !== undefined && Math.abs(time - at) <= UNKNOWN_MS;
}

/** Indices of crashes of one moment and zone. */
function crashedTogether(stages: Stages): number[][] {
  const groups = new Map<string, number[]>();
  stages.crashes.forEach((crash, index) => {
    const key = `${crash.crash.ms}/${zoneOf(crash)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  });
  return [...groups.values()];
}

function unknownMean(measured: Stages, simulated: readonly Stages[]): Check {
  const of = (stages: Stages): number[] =>
    stages.crashes.flatMap((crash) => since(crash.crash.ms, [crash.unknown]));
  const off = Math.abs(meanOf(of(measured)) - meanOf(simulated.flatMap(of)));
  return {
    quantity: "crash → Unknown, mean",
    tolerance: "±1 s",
    measured: seconds(meanOf(of(measured))),
    simulated: seconds(meanOf(simulated.flatMap(of))),
    off: seconds(off),
    pass: off <= 1000,
  };
}

/** A step after each crash. */
function steps(
  quantity: string,
  { measured, simulated, zones }: Runs,
  of: (crash: CrashStages) => number[],
  toleranceMs = STEP_MS,
): Check | undefined {
  const all = (stages: Stages): number[] => stages.crashes.flatMap(of);
  return ranked(quantity, all(measured), simulated.map(all), zones, toleranceMs);
}

function ranked(
  quantity: string,
  measured: readonly number[],
  simulated: readonly (readonly number[])[],
  together: boolean,
  toleranceMs: number,
): Check | undefined {
  // Something that happened once, and rarely happens, cannot be compared.
  const rare = simulated.filter((values) => values.length > 0).length * 2 < simulated.length;
  if (measured.length === 0 || (measured.length === 1 && rare)) return undefined;
  const figures = { quantity, measured: spread(measured), simulated: spread(simulated.flat()) };
  if (!together || toleranceMs > STEP_MS) {
    const off = ranksApart(measured, simulated, EVERY_RANK);
    const tolerance = `±${seconds(toleranceMs)}, rank by rank`;
    return { ...figures, tolerance, off: `${seconds(off)} at most`, pass: off <= toleranceMs };
  }
  const middle = ranksApart(measured, simulated, [0.5]);
  const wings = ranksApart(measured, simulated, WINGS);
  return {
    ...figures,
    tolerance: `median ±${seconds(MEDIAN_MS)}; 10 % to 90 % ±${seconds(WINGS_MS)}`,
    off: `${seconds(middle)}; ${seconds(wings)}`,
    pass: middle <= MEDIAN_MS && wings <= WINGS_MS,
  };
}

/**
 * A zone's first taint finds its token waiting, but whether the worker's 100 ms tick comes before or after the marking
 * has used up the client's burst decides between a tenth of a second and more than one: the simulated range counts.
 */
function firstNoExecute(measured: Stages, simulated: readonly Stages[]): Check {
  const first = (stages: Stages, zone: string): number[] => {
    const crashes = stages.crashes.filter((crash) => zoneOf(crash) === zone);
    return since(earliest(crashes.map((crash) => crash.unknown)), [
      earliest(crashes.map((crash) => crash.noExecute)),
    ]);
  };
  const zones = zonesOf(measured);
  const own = zones.flatMap((zone) => first(measured, zone));
  const found = simulated.flatMap((stages) => zones.flatMap((zone) => first(stages, zone)));
  const outside = own.map((delay) => Math.max(Math.min(...found) - delay, delay - Math.max(...found), 0));
  const off = Math.max(0, ...outside);
  return {
    quantity: "first Unknown → first NoExecute, by zone",
    tolerance: `simulated range ±${seconds(STEP_MS)}`,
    measured: spread(own),
    simulated: spread(found),
    off: `${seconds(off)} outside`,
    pass: off <= STEP_MS,
  };
}

function endpoints({ zones, measured, simulated }: Runs): Check[] {
  const all = (stages: Stages): number[] =>
    stages.crashes.flatMap((crash) => crash.pods.flatMap((pod) => since(pod.notReady, [pod.endpointOut])));
  const own = all(measured);
  const found = simulated.map(all);
  const soon = (delays: readonly number[]): number[] => delays.filter((delay) => delay < LATE_FROM_MS);
  const late = (delays: readonly number[]): number[] => delays.filter((delay) => delay >= LATE_FROM_MS);
  const checks: Check[] = [];
  const prompt = ranked("pod NotReady → endpoint out", soon(own), found.map(soon), zones, STEP_MS);
  if (prompt !== undefined) checks.push(prompt);
  if (own.length === 0) return checks;
  const lateOwn = late(own);
  const lateFound = late(found.flat());
  const share = lateFound.length / found.flat().length;
  // A recording with next to none of them asks for no more.
  const least = zones ? 0 : Math.min(0.02, lateOwn.length / own.length / 2);
  const off = lateFound.length === 0 ? 0 : Math.abs(median(lateFound) - LATE_MS);
  checks.push({
    quantity: "... of which late by a retry",
    tolerance: `${percent(least)} to 20 %, at 1.0 ± 0.3 s`,
    measured: `${percent(lateOwn.length / own.length)}, ${spread(lateOwn)}`,
    simulated: `${percent(share)}, ${spread(lateFound)}`,
    off: `${seconds(off)} from 1 s in the median`,
    pass: share >= least && share <= 0.2 && off <= STEP_MS,
  });
  return checks;
}

/** Many pods of one node are held up by the controller's client. */
const DENSE_PODS = 10;

function deletions(runs: Runs): Check | undefined {
  const dense = runs.measured.crashes.some((crash) => crash.pods.length > DENSE_PODS);
  return steps(
    "NoExecute + toleration → pod deleted",
    runs,
    (crash) =>
      since(
        crash.noExecute,
        crash.pods.map((pod) => pod.deleting),
      ).map((delay) => delay - runs.rules.tolerationMs),
    dense && !runs.zones ? 500 : STEP_MS,
  );
}

function replacements({ recording, measured, simulated }: Runs): Check[] {
  const check = (quantity: string, of: (one: Replacement) => number[], target?: number): Check[] => {
    const own = measured.replacements.flatMap(of);
    const found = simulated.flatMap((stages) => stages.replacements.flatMap(of));
    if (own.length === 0) return [];
    const off = Math.abs(median(found) - (target ?? median(own)));
    return [
      {
        quantity,
        tolerance: target === undefined ? "median ±0.1 s" : `median ${seconds(target)} ±0.1 s`,
        measured: spread(own),
        simulated: spread(found),
        off: seconds(off),
        pass: found.length > 0 && off <= MEDIAN_STEP_MS,
      },
    ];
  };
  return [
    ...check("pod deleted → replacement created", (one) => since(one.deleted, [one.created])),
    ...check("created → bound", (one) => since(one.created, [one.bound])),
    ...check("bound → Ready", (one) => since(one.bound, [one.ready]), recording.startDelayMs),
    ...check("Ready → endpoint in", (one) => since(one.ready, [one.endpointIn])),
  ];
}

/** Taints of each zone: how many, when, in which rhythm. */
function zoneChecks({ recording, measured, simulated, rules }: Runs): Check[] {
  const startMs = recording.crashes[0]?.ms ?? 0;
  const passMs = rules.periodMs + UNKNOWN_MS;
  return zonesOf(measured).flatMap((zone) => {
    const taints = (stages: Stages): number[] =>
      stages.crashes
        .filter((crash) => zoneOf(crash) === zone)
        .flatMap((crash) => since(startMs, [crash.noExecute]))
        .sort((a, b) => a - b);
    const own = taints(measured);
    // What the recording's end cut off is not asked for, and what came within a pass of it may be missing.
    const endMs = recording.endMs - startMs;
    const sure = own.filter((at) => at < endMs - passMs).length;
    const found = simulated.map(taints);
    // One more or less: the token that escapes a stop may go to a node that comes back, or to one that does not.
    const counted = found.filter((times) => {
      const before = times.filter((at) => at <= endMs).length;
      return before >= sure - 1 && times.filter((at) => at < endMs - passMs).length <= own.length + 1;
    });
    const off = Math.max(
      0,
      ...own.slice(0, sure).map((at, rank) => {
        const there = found.flatMap((times) => times.slice(rank, rank + 1));
        return there.length === 0 ? Number.POSITIVE_INFINITY : Math.abs(median(there) - at);
      }),
    );
    const order = rhythm(own.slice(0, Math.max(sure, 1)), rules);
    const same = found.filter((times) => rhythm(times.slice(0, Math.max(sure, 1)), rules) === order).length;
    return [
      {
        quantity: `zone ${zone}: NoExecute taints`,
        tolerance: `number ±1; each ±1 pass (${seconds(passMs)})`,
        measured: `${own.length}: ${spread(own)}`,
        simulated: `${spreadOfCounts(found)}: ${spread(found.flat())}`,
        off: `${seconds(off)} at most; number as recorded in ${counted.length} of ${found.length} seeds`,
        pass: off <= passMs && counted.length >= SAME_ORDER_SEEDS * found.length,
      },
      {
        quantity: `zone ${zone}: order of taints, stops and resumptions`,
        tolerance: "as recorded",
        measured: order,
        simulated: mostCommon(found.map((times) => rhythm(times.slice(0, Math.max(sure, 1)), rules))),
        off: `the same in ${same} of ${found.length} seeds`,
        pass: same >= SAME_ORDER_SEEDS * found.length,
      },
      ...tokenGaps(zone, own, found, rules),
    ];
  });
}

/** Gaps of about one token at the normal and at the secondary rate. */
function tokenGaps(
  zone: string,
  own: readonly number[],
  found: readonly (readonly number[])[],
  rules: Rules,
): Check[] {
  const rates = [
    { rate: rules.evictionRate, toleranceMs: 200, shareMax: 1.05 },
    { rate: rules.secondaryEvictionRate, toleranceMs: 2000, shareMax: 1.07 },
  ];
  return rates.flatMap(({ rate, toleranceMs, shareMax }) => {
    const tokenMs = 1000 / rate;
    const regular = (times: readonly number[]): number[] =>
      gapsOf(times).filter((gap) => gap > 0.98 * tokenMs && gap < shareMax * tokenMs);
    const ownGaps = regular(own);
    const foundGaps = found.flatMap(regular);
    if (ownGaps.length === 0) return [];
    const off = Math.abs(median(foundGaps) - median(ownGaps));
    return [
      {
        quantity: `zone ${zone}: gaps at ${rate}/s`,
        tolerance: `median ±${seconds(toleranceMs)}`,
        measured: spread(ownGaps),
        simulated: spread(foundGaps),
        off: seconds(off),
        pass: foundGaps.length > 0 && off <= toleranceMs,
      },
    ];
  });
}

/** Gaps in words: `10` about a token at the normal rate, `slow` about one at the secondary rate, `stop` anything else. */
function rhythm(times: readonly number[], rules: Rules): string {
  const words: { word: string; count: number }[] = [];
  const fast = 1000 / rules.evictionRate;
  const slow = 1000 / rules.secondaryEvictionRate;
  for (const gap of gapsOf(times)) {
    const word = gap < 1.6 * fast ? "token" : Math.abs(gap - slow) < 0.12 * slow ? "slow" : "stop";
    const last = words.at(-1);
    if (last?.word === word) last.count++;
    else words.push({ word, count: 1 });
  }
  return ["taint", ...words.map(({ word, count }) => (count === 1 ? word : `${count} × ${word}`))].join(", ");
}

function recoveries(runs: Runs): Check[] {
  return [
    steps("Ready again → NoSchedule off", runs, (crash) => since(crash.ready, [crash.noScheduleOff])),
    steps(
      "Ready again → NoExecute off",
      runs,
      (crash) => since(crash.ready, [crash.noExecuteOff]),
      runs.rules.periodMs + UNKNOWN_MS,
    ),
  ].filter((check) => check !== undefined);
}

function since(from: number | undefined, to: readonly (number | undefined)[]): number[] {
  if (from === undefined) return [];
  return to.filter((at) => at !== undefined).map((at) => at - from);
}

function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((at) => at !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((at, index) => at - (times[index] ?? 0));
}

function zoneOf(crash: CrashStages): string {
  return crash.crash.node.slice(0, crash.crash.node.lastIndexOf("-"));
}

function zonesOf(stages: Stages): string[] {
  return [...new Set(stages.crashes.map(zoneOf))];
}

function spreadOfCounts(found: readonly (readonly number[])[]): string {
  const counts = found.map((times) => times.length);
  const least = Math.min(...counts);
  const most = Math.max(...counts);
  return least === most ? `${least}` : `${least} to ${most}`;
}

function mostCommon(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  let best = "";
  for (const [text, count] of counts) if (count > (counts.get(best) ?? 0)) best = text;
  return best;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
