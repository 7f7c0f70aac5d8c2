/** A recording of the scheduler against simulations of it, with the tolerances that its authors ask for. */
import type { Check } from "./compare.js";
import { median, spread } from "./samples.js";
import { type CreatedAndBound, SCHEDULER_BURST, SCHEDULER_QPS, type SchedStages } from "./sched-stages.js";

/** Single steps: the recording machine's noise. */
const STEP_MS = 100;
/** Where the machine decides how long something takes, the recorded one lies within the simulated range, and this. */
const RANGE_MS = 300;
const RATE_SHARE = 0.1;
/** Tokens that a controller has before it is held to its rate. */
const CONTROLLER_BURST = 30;
const STALL_MS = 1000;

export function compareSched(measured: SchedStages, simulated: readonly SchedStages[]): Check[] {
  return [
    ...measured.bursts.flatMap((burst, index) =>
      burstChecks(
        `burst ${index}`,
        burst,
        simulated.flatMap(({ bursts }) => bursts[index] ?? []),
      ),
    ),
    ...deploymentChecks(measured, simulated),
    ...steps("gates removed → bound", measured, simulated, (stages) => stages.gates),
    ...nodeChecks(measured, simulated),
    ...retryChecks(measured, simulated),
    ...preemptionChecks(measured, simulated),
    ...stallChecks(measured, simulated),
  ];
}

function burstChecks(
  name: string,
  measured: CreatedAndBound,
  simulated: readonly CreatedAndBound[],
): Check[] {
  const whole = ({ created, bound }: CreatedAndBound): number => last(bound) - (created[0] ?? Number.NaN);
  return [
    everyPod(name, measured, simulated),
    rate(
      `${name}: binds a second, later half`,
      measured.bound,
      simulated.map(({ bound }) => bound),
      0.5,
    ),
    share(`${name}: first created → last bound`, whole(measured), simulated.map(whole)),
    atOnce(`${name}: first ${SCHEDULER_BURST} bound`, measured, simulated, SCHEDULER_BURST),
  ];
}

function deploymentChecks({ deployment: measured }: SchedStages, simulated: readonly SchedStages[]): Check[] {
  if (measured === undefined) return [];
  const name = "Deployment from nothing";
  const found = simulated.flatMap(({ deployment }) => deployment ?? []);
  const whole = ({ created }: CreatedAndBound): number => last(created) - (created[0] ?? Number.NaN);
  const first = ({ created }: CreatedAndBound): number =>
    (created[Math.min(CONTROLLER_BURST, created.length) - 1] ?? Number.NaN) - (created[0] ?? Number.NaN);
  const afterBurst = Math.min(1, (2 * CONTROLLER_BURST) / measured.created.length);
  const lag = ({ created, bound }: CreatedAndBound): number =>
    median(created.map((ms, rank) => (bound[rank] ?? Number.NaN) - ms));
  return [
    everyPod(name, measured, found),
    near(`${name}: first ${CONTROLLER_BURST} created`, [first(measured)], found.map(first), RANGE_MS),
    rate(
      `${name}: created a second`,
      measured.created,
      found.map(({ created }) => created),
      afterBurst,
    ),
    share(`${name}: first → last created`, whole(measured), found.map(whole)),
    near(`${name}: created → bound, median`, [lag(measured)], found.map(lag), STEP_MS),
  ];
}

function nodeChecks({ nodes: measured }: SchedStages, simulated: readonly SchedStages[]): Check[] {
  if (measured.length === 0) return [];
  const all = (
    stages: SchedStages,
    of: (node: SchedStages["nodes"][number]) => readonly number[],
  ): number[] => stages.nodes.flatMap(of);
  const untainted = (stages: SchedStages): number[] =>
    all(stages, ({ untaintedAfter }) => list(untaintedAfter));
  const pods = (stages: SchedStages): number => all(stages, ({ boundAfter }) => boundAfter).length;
  const waiting = measured.reduce((sum, { podsWaiting }) => sum + podsWaiting, 0);
  return [
    within(
      "node that fits: created → not-ready taint off",
      measured.flatMap((node) => list(node.untaintedAfter)),
      simulated.flatMap(untainted),
      RANGE_MS,
    ),
    counted("... pods that waited for it, bound", waiting, simulated.map(pods)),
    ...measured.map(({ boundAfter }, index) =>
      near(
        `node ${index}: taint off → pods bound`,
        boundAfter,
        simulated.flatMap(({ nodes }) => nodes[index]?.boundAfter ?? []),
        STEP_MS,
      ),
    ),
    withinCounts(
      "attempts of each pod that waited",
      measured.flatMap(({ attemptsByPod }) => attemptsByPod),
      simulated.flatMap((stages) => all(stages, ({ attemptsByPod }) => attemptsByPod)),
    ),
  ];
}

function retryChecks({ retries: measured }: SchedStages, simulated: readonly SchedStages[]): Check[] {
  if (measured === undefined) return [];
  const found = simulated.flatMap(({ retries }) => retries ?? []);
  const late = (delays: readonly number[]): number => delays.filter((delay) => delay > STEP_MS).length;
  const lateFound = found.map(({ attemptAfter }) => late(attemptAfter) / Math.max(1, attemptAfter.length));
  const shareLate = median(lateFound);
  return [
    share(
      "useless nodes: attempts",
      measured.attempts,
      found.map(({ attempts }) => attempts),
      "number",
    ),
    near(
      "useless nodes: event → attempt",
      measured.attemptAfter,
      found.flatMap(({ attemptAfter }) => attemptAfter),
      STEP_MS,
    ),
    {
      quantity: "... attempts held back",
      tolerance: `later than ${STEP_MS} ms: at most 5 %`,
      measured: `${late(measured.attemptAfter)} of ${measured.attemptAfter.length}`,
      simulated: `${(100 * shareLate).toFixed(1)} %`,
      off: "",
      pass: shareLate <= 0.05,
    },
  ];
}

function preemptionChecks(
  { preemptions: measured }: SchedStages,
  simulated: readonly SchedStages[],
): Check[] {
  if (measured.nominatedAfter.length === 0) return [];
  const found = simulated.map(({ preemptions }) => preemptions);
  const all = (of: (one: SchedStages["preemptions"]) => readonly number[]): number[] => found.flatMap(of);
  return [
    counted(
      "preemption: victims",
      measured.victims,
      found.map(({ victims }) => victims),
    ),
    near(
      "preemptor created → nominated",
      measured.nominatedAfter,
      all((one) => one.nominatedAfter),
      STEP_MS,
    ),
    near(
      "nominated → victims deleted",
      measured.deletedAfter,
      all((one) => one.deletedAfter),
      STEP_MS,
    ),
    near(
      "last victim ended → preemptor bound",
      measured.boundAfter,
      all((one) => one.boundAfter),
      STEP_MS,
    ),
    counted(
      "preemptors bound",
      measured.boundAfter.length,
      found.map(({ boundAfter }) => boundAfter.length),
    ),
    withinCounts(
      "attempts of each preemptor",
      measured.attempts,
      all(({ attempts }) => attempts),
    ),
  ];
}

/** As long as the binds before it take: what was queued, at the client's rate. */
function stallChecks({ stalls: measured }: SchedStages, simulated: readonly SchedStages[]): Check[] {
  const text = ({ length, queuedBinds }: { length: number; queuedBinds: number }): string =>
    `${(length / 1000).toFixed(2)} s behind ${queuedBinds}`;
  const byLength = (a: { length: number }, b: { length: number }): number => a.length - b.length;
  return measured.map((stall, index) => {
    const found = simulated.flatMap(({ stalls }) => stalls[index] ?? []).sort(byLength);
    const own = found.map(({ length, queuedBinds }) => length - (1000 * queuedBinds) / SCHEDULER_QPS);
    const off = Math.max(...own.map(Math.abs), 0);
    const apart = Math.abs(median(found.map(({ length }) => length)) - stall.length);
    const middle = found[Math.floor(found.length / 2)];
    return {
      quantity: `stall ${index} behind a pod that fits nowhere`,
      tolerance: "queued binds / 50 s ±1 s; as recorded ±1 s or 10 %",
      measured: text(stall),
      simulated: middle === undefined ? "none" : text(middle),
      off: `${seconds(off)}; ${seconds(apart)}`,
      pass:
        found.length === simulated.length &&
        off <= STALL_MS &&
        apart <= Math.max(STALL_MS, RATE_SHARE * stall.length),
    };
  });
}

function steps(
  quantity: string,
  measured: SchedStages,
  simulated: readonly SchedStages[],
  of: (stages: SchedStages) => readonly number[],
): Check[] {
  const own = of(measured);
  if (own.length === 0) return [];
  return [
    near(quantity, own, simulated.flatMap(of), STEP_MS),
    counted(
      "... pods bound",
      own.length,
      simulated.map((stages) => of(stages).length),
    ),
  ];
}

/** Medians next to each other. */
function near(
  quantity: string,
  measured: readonly number[],
  simulated: readonly number[],
  ms: number,
): Check {
  const off = Math.abs(median(simulated) - median(measured));
  return {
    quantity,
    tolerance: `median ±${seconds(ms)}`,
    measured: spread(measured),
    simulated: spread(simulated),
    off: seconds(off),
    pass: off <= ms,
  };
}

function within(
  quantity: string,
  measured: readonly number[],
  simulated: readonly number[],
  ms: number,
): Check {
  const low = Math.min(...simulated);
  const high = Math.max(...simulated);
  const off = Math.max(0, ...measured.map((one) => Math.max(low - one, one - high)));
  return {
    quantity,
    tolerance: `simulated range ±${seconds(ms)}`,
    measured: spread(measured),
    simulated: spread(simulated),
    off: `${seconds(off)} outside`,
    pass: simulated.length > 0 && off <= ms,
  };
}

function withinCounts(quantity: string, measured: readonly number[], simulated: readonly number[]): Check {
  const low = Math.min(...simulated) - 1;
  const high = Math.max(...simulated) + 1;
  const outside = measured.filter((one) => one < low || one > high).length;
  const text = (counts: readonly number[]): string =>
    counts.length === 0 ? "none" : `${Math.min(...counts)} to ${Math.max(...counts)}`;
  return {
    quantity,
    tolerance: "simulated range ±1",
    measured: text(measured),
    simulated: text(simulated),
    off: `${outside} outside`,
    pass: simulated.length > 0 && outside === 0,
  };
}

/** The same number in every simulation. */
function counted(quantity: string, measured: number, simulated: readonly number[]): Check {
  const other = simulated.filter((one) => one !== measured).length;
  return {
    quantity,
    tolerance: "the same",
    measured: String(measured),
    simulated: [...new Set(simulated)].sort((a, b) => a - b).join(", "),
    off: `other in ${other} of ${simulated.length} seeds`,
    pass: simulated.length > 0 && other === 0,
  };
}

function everyPod(name: string, measured: CreatedAndBound, simulated: readonly CreatedAndBound[]): Check {
  return counted(
    `${name}: pods bound`,
    measured.bound.length,
    simulated.map(({ bound }) => bound.length),
  );
}

/** ±10 % of a length of time or a number. */
function share(
  quantity: string,
  measured: number,
  simulated: readonly number[],
  unit: "ms" | "number" = "ms",
): Check {
  const off = Math.abs(median(simulated) / measured - 1);
  const text = (value: number): string => (unit === "ms" ? seconds(value) : String(value));
  return {
    quantity,
    tolerance: "±10 %",
    measured: text(measured),
    simulated: text(median(simulated)),
    off: `${(100 * off).toFixed(1)} %`,
    pass: off <= RATE_SHARE,
  };
}

/** Events a second from this share of them on. */
function rate(
  quantity: string,
  measured: readonly number[],
  simulated: readonly (readonly number[])[],
  from: number,
): Check {
  const perSecond = (moments: readonly number[]): number => {
    const first = Math.min(moments.length - 1, Math.floor(from * moments.length));
    return (1000 * (moments.length - 1 - first)) / (last(moments) - (moments[first] ?? Number.NaN));
  };
  const own = perSecond(measured);
  const found = median(simulated.map(perSecond));
  const off = Math.abs(found / own - 1);
  return {
    quantity,
    tolerance: "±10 %",
    measured: own.toFixed(1),
    simulated: found.toFixed(1),
    off: `${(100 * off).toFixed(1)} %`,
    // Too few to have a rate.
    pass: off <= RATE_SHARE || (Number.isNaN(own) && Number.isNaN(found)),
  };
}

/** The client's burst is bound as soon as it is created; the recording machine may have been too busy for that. */
function atOnce(
  quantity: string,
  measured: CreatedAndBound,
  simulated: readonly CreatedAndBound[],
  burst: number,
): Check {
  const delay = ({ created, bound }: CreatedAndBound): number => {
    const rank = Math.min(burst, created.length) - 1;
    return (bound[rank] ?? Number.NaN) - (created[rank] ?? Number.NaN);
  };
  const found = median(simulated.map(delay));
  return {
    quantity,
    tolerance: `at most ${seconds(RANGE_MS)} after they were created, or as recorded`,
    measured: seconds(delay(measured)),
    simulated: seconds(found),
    off: "",
    pass: found <= Math.max(RANGE_MS, delay(measured)),
  };
}

function last(values: readonly number[]): number {
  return values.at(-1) ?? Number.NaN;
}

function list(value: number | undefined): number[] {
  return value === undefined ? [] : [value];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
