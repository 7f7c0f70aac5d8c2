/**
 * A recording against simulations of it, quantity by quantity, with the tolerances that its authors ask for. The
 * phase of the recorded passes is given; everything else is drawn anew with every seed.
 */
import type { Recording } from "./recording.js";
import { meanOf, median, ranksApart, spread } from "./samples.js";
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
const LATE_FROM_MS = 600;
/** Single steps: the recording machine's noise. */
const STEP_MS = 300;
const MEDIAN_STEP_MS = 100;
/** A crash whose last renewal lies at the edge of a pass may be seen by this one or the next; so many seeds must agree. */
const AGREEING_SEEDS = 0.1;
const UNKNOWN_MS = 500;
/** Order of stops and resumptions: so many seeds must show the recorded one. */
const SAME_ORDER_SEEDS = 0.9;

/** All checks of a recording of single crashes or of zones. */
export function compare(
  recording: Recording,
  measured: Stages,
  simulated: readonly Stages[],
  rules: Rules,
): Check[] {
  const zones = recording.family === "zones";
  return [
    unknownByCrash(measured, simulated),
    unknownMean(measured, simulated),
    steps("Unknown → NoSchedule", measured, simulated, (crash) => since(crash.unknown, [crash.noSchedule])),
    noExecuteAfterUnknown(zones, measured, simulated),
    steps("Unknown → pod NotReady", measured, simulated, (crash) =>
      since(
        crash.unknown,
        crash.pods.map((pod) => pod.notReady),
      ),
    ),
    ...endpoints(zones, measured, simulated),
    deletions(measured, simulated, rules),
    ...replacements(recording, measured, simulated),
    ...(zones
      ? [...zoneChecks(recording, measured, simulated, rules), ...recoveries(measured, simulated, rules)]
      : []),
  ].filter((check) => check !== undefined);
}

function unknownByCrash(measured: Stages, simulated: readonly Stages[]): Check {
  let worst = 0;
  let edges = 0;
  let misses = 0;
  measured.crashes.forEach((crash, index) => {
    const found = simulated.map((stages) => stages.crashes[index]?.unknown);
    const agreeing = found.filter((at) =>
      crash.unknown === undefined
        ? at === undefined
        : at !== undefined && Math.abs(at - crash.unknown) <= UNKNOWN_MS,
    ).length;
    const share = agreeing / simulated.length;
    if (share < AGREEING_SEEDS) misses++;
    else if (share < 1 - AGREEING_SEEDS) edges++;
    const near = found.filter((at) => at !== undefined && Math.abs(at - (crash.unknown ?? 0)) <= UNKNOWN_MS);
    if (crash.unknown !== undefined && near.length > 0) {
      worst = Math.max(worst, Math.abs(median(near as number[]) - crash.unknown));
    }
  });
  const flat = measured.crashes.flatMap((crash) => since(crash.crash.ms, [crash.unknown]));
  const own = simulated.flatMap((stages) =>
    stages.crashes.flatMap((crash) => since(crash.crash.ms, [crash.unknown])),
  );
  return {
    quantity: "crash → Unknown, by crash",
    tolerance: "±0.5 s",
    measured: spread(flat),
    simulated: spread(own),
    off: `${seconds(worst)} at most; ${misses} missed, ${edges} of ${measured.crashes.length} at the edge of a pass`,
    pass: misses === 0,
  };
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

/** A step after each crash: rank by rank within the machine's noise. */
function steps(
  quantity: string,
  measured: Stages,
  simulated: readonly Stages[],
  of: (crash: CrashStages) => number[],
  toleranceMs = STEP_MS,
): Check | undefined {
  const all = (stages: Stages): number[] => stages.crashes.flatMap(of);
  return ranked(quantity, all(measured), simulated.map(all), toleranceMs);
}

function ranked(
  quantity: string,
  measured: readonly number[],
  simulated: readonly (readonly number[])[],
  toleranceMs: number,
): Check | undefined {
  if (measured.length === 0) return undefined;
  const off = ranksApart(measured, simulated);
  return {
    quantity,
    tolerance: `±${seconds(toleranceMs)}, rank by rank`,
    measured: spread(measured),
    simulated: spread(simulated.flat()),
    off: `${seconds(off)} at most`,
    pass: off <= toleranceMs,
  };
}

/** With one crash at a time every bucket is full; of a zone only the first taint finds its token waiting. */
function noExecuteAfterUnknown(
  zones: boolean,
  measured: Stages,
  simulated: readonly Stages[],
): Check | undefined {
  if (!zones) {
    return steps("Unknown → NoExecute", measured, simulated, (crash) =>
      since(crash.unknown, [crash.noExecute]),
    );
  }
  const first = (stages: Stages): number[] =>
    zonesOf(stages).flatMap((zone) => {
      const crashes = stages.crashes.filter((crash) => zoneOf(crash) === zone);
      const unknown = earliest(crashes.map((crash) => crash.unknown));
      return since(unknown, [earliest(crashes.map((crash) => crash.noExecute))]);
    });
  return ranked("first Unknown → first NoExecute, by zone", first(measured), simulated.map(first), STEP_MS);
}

function endpoints(zones: boolean, measured: Stages, simulated: readonly Stages[]): Check[] {
  const all = (stages: Stages): number[] =>
    stages.crashes.flatMap((crash) => crash.pods.flatMap((pod) => since(pod.notReady, [pod.endpointOut])));
  const own = all(measured);
  const found = simulated.map(all);
  const soon = (delays: readonly number[]): number[] => delays.filter((delay) => delay < LATE_FROM_MS);
  const late = (delays: readonly number[]): number[] => delays.filter((delay) => delay >= LATE_FROM_MS);
  const checks: Check[] = [];
  const prompt = ranked("pod NotReady → endpoint out", soon(own), found.map(soon), STEP_MS);
  if (prompt !== undefined) checks.push(prompt);
  if (own.length === 0) return checks;
  const lateOwn = late(own);
  const lateFound = late(found.flat());
  const share = lateFound.length / found.flat().length;
  const least = zones ? 0 : 0.02;
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

function deletions(measured: Stages, simulated: readonly Stages[], rules: Rules): Check | undefined {
  const dense = measured.crashes.some((crash) => crash.pods.length > DENSE_PODS);
  return steps(
    "NoExecute + toleration → pod deleted",
    measured,
    simulated,
    (crash) =>
      since(
        crash.noExecute,
        crash.pods.map((pod) => pod.deleting),
      ).map((delay) => delay - rules.tolerationMs),
    dense ? 500 : STEP_MS,
  );
}

function replacements(recording: Recording, measured: Stages, simulated: readonly Stages[]): Check[] {
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
function zoneChecks(
  recording: Recording,
  measured: Stages,
  simulated: readonly Stages[],
  rules: Rules,
): Check[] {
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
    const counted = found.filter((times) => {
      const before = times.filter((at) => at <= endMs).length;
      return before >= sure && times.filter((at) => at < endMs - passMs).length <= own.length;
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
        tolerance: `number; each ±1 pass (${seconds(passMs)})`,
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

function recoveries(measured: Stages, simulated: readonly Stages[], rules: Rules): Check[] {
  return [
    steps("Ready again → NoSchedule off", measured, simulated, (crash) =>
      since(crash.ready, [crash.noScheduleOff]),
    ),
    steps(
      "Ready again → NoExecute off",
      measured,
      simulated,
      (crash) => since(crash.ready, [crash.noExecuteOff]),
      rules.periodMs + UNKNOWN_MS,
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
