/**
 * What arrives while the run goes on: plain data in, a list of arrivals out. Each draw is addressed by the name of the
 * arrivals and the ordinal of the arrival, so neither other arrivals nor the policy can shift it.
 */
import type { PodTemplate } from "../api/objects.js";
import { assert, unreachable } from "../assert.js";
import type { RandomStreams } from "../engine/random.js";
import { quantile } from "../engine/variates.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";

/** When things arrive. */
export type ArrivalProcess =
  | { readonly kind: "poisson"; readonly ratePerSecond: number }
  | { readonly kind: "deterministic"; readonly intervalUs: Micros }
  /** A trace, ascending. */
  | { readonly kind: "times"; readonly atUs: readonly Micros[] };

/** One kind of pod that arrives. */
export interface ArrivalClassSpec {
  readonly name: string;
  readonly weight: number;
  readonly namespace: string;
  readonly template: PodTemplate;
  /** How long its containers run, in µs; undefined: for ever. */
  readonly durationUs?: Variate;
}

export interface ArrivalSpec {
  /** Unique in a scenario: it addresses the draws. */
  readonly name: string;
  readonly process: ArrivalProcess;
  readonly startUs: Micros;
  /** Nothing arrives at or after it. */
  readonly endUs: Micros;
  readonly count?: number;
  /** `weighted`: a draw each; `sequence`: in the order given, from the start again after the last. */
  readonly order: "weighted" | "sequence";
  readonly classes: readonly ArrivalClassSpec[];
}

export interface Arrival {
  readonly atUs: Micros;
  /** Index into the spec's classes. */
  readonly template: number;
  /** undefined: runs for ever. */
  readonly durationUs: Micros | undefined;
  /** Counts the arrivals of one spec from 0; of a trace, its times, so that a window does not shift the draws. */
  readonly ordinal: number;
}

/** The arrivals before min(end, horizon), in order of time. A function of the spec, the streams' root and the horizon. */
export function generateArrivals(
  spec: ArrivalSpec,
  streams: Pick<RandomStreams, "counted">,
  horizonUs: Micros,
): Arrival[] {
  assert(spec.classes.length > 0, `arrivals ${spec.name} have at least one class`);
  const classDraws = streams.counted(`arrival-class/${spec.name}`);
  const durationDraws = streams.counted(`arrival-duration/${spec.name}`);
  const sums = runningSums(spec.classes);
  const arrivals: Arrival[] = [];
  for (const { atUs, ordinal } of arrivalTimes(spec, streams, Math.min(spec.endUs, horizonUs))) {
    const template =
      spec.order === "sequence"
        ? ordinal % spec.classes.length
        : chooseClass(sums, classDraws.uniform(ordinal));
    const variate = spec.classes[template]?.durationUs;
    const drawn = variate === undefined ? undefined : quantile(variate, durationDraws.uniform(ordinal));
    const durationUs = drawn === undefined ? undefined : Math.max(0, Math.round(drawn));
    arrivals.push({ atUs, template, durationUs, ordinal });
  }
  return arrivals;
}

function* arrivalTimes(
  spec: ArrivalSpec,
  streams: Pick<RandomStreams, "counted">,
  endUs: Micros,
): Generator<Pick<Arrival, "atUs" | "ordinal">> {
  const { process, startUs } = spec;
  const countMax = spec.count ?? Number.POSITIVE_INFINITY;
  switch (process.kind) {
    case "poisson": {
      assert(process.ratePerSecond > 0, `arrivals ${spec.name} have a positive rate`);
      const gaps = streams.counted(`arrival-gap/${spec.name}`);
      const meanGapUs = 1e6 / process.ratePerSecond;
      // The sum stays unrounded, so that rounding does not bias the rate.
      let at = startUs;
      for (let ordinal = 0; ordinal < countMax; ordinal++) {
        at += -meanGapUs * Math.log1p(-gaps.uniform(ordinal));
        if (Math.round(at) >= endUs) return;
        yield { atUs: Math.round(at), ordinal };
      }
      return;
    }
    case "deterministic": {
      assert(process.intervalUs > 0, `arrivals ${spec.name} have a positive interval`);
      for (let ordinal = 0; ordinal < countMax; ordinal++) {
        const at = startUs + ordinal * process.intervalUs;
        if (at >= endUs) return;
        yield { atUs: at, ordinal };
      }
      return;
    }
    case "times": {
      let left = countMax;
      for (const [ordinal, atUs] of process.atUs.entries()) {
        if (left <= 0) return;
        if (atUs < startUs || atUs >= endUs) continue;
        left -= 1;
        yield { atUs, ordinal };
      }
      return;
    }
    default:
      unreachable(process);
  }
}

function runningSums(classes: readonly ArrivalClassSpec[]): number[] {
  let sum = 0;
  return classes.map(({ weight }) => {
    sum += weight;
    return sum;
  });
}

/** The first class whose running sum of weights is above u times the whole. */
function chooseClass(sums: readonly number[], u: number): number {
  const target = u * (sums[sums.length - 1] ?? 0);
  const found = sums.findIndex((sum) => sum > target);
  return found < 0 ? sums.length - 1 : found;
}
