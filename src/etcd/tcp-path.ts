/** One direction between two hosts, as the kernel of either sees it: whether it carries, how long a packet takes, which are lost. */
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { mean, quantile, upperBound, variance } from "../engine/variates.js";
import { MILLISECOND, type Micros } from "../units/time.js";
import type { HostId, PathModel } from "./model.js";
import type { Beat } from "./tcp-types.js";

/** A tick of Linux' timers at 250 Hz, which distributions' kernels have: no wait is finer. */
const JIFFY_US: Micros = 4 * MILLISECOND;

/** Linux' least variance term of a retransmission timeout (TCP_RTO_MIN). */
const RTO_VARIANCE_LEAST_US: Micros = 200 * MILLISECOND;

export class TcpPath {
  readonly from: HostId;
  readonly to: HostId;
  /** Whether packets pass now: not cut, both hosts powered. Kept by the network. */
  carries = true;
  cuts = 0;
  /** Of a packet, 0 to 1. */
  loss = 0;
  /** Expected one-way delay, whole µs. */
  meanUs: Micros = 0;
  varianceUs2 = 0;
  /** No packet takes longer; Infinity: any time. */
  slowestUs: Micros = 0;
  #variate: PathModel["oneWayUs"] = { kind: "constant", value: 0 };
  #isConstant = true;
  readonly #draws: CountedDraws;
  readonly #beatDraws: CountedDraws;
  readonly #lossDraws: CountedDraws;
  #delays = 0;
  #losses = 0;

  constructor(from: HostId, to: HostId, model: PathModel, streams: RandomStreams) {
    this.from = from;
    this.to = to;
    this.#draws = streams.counted(`tcp-delay/${from}/${to}`);
    this.#beatDraws = streams.counted(`tcp-beat/${from}/${to}`);
    this.#lossDraws = streams.counted(`tcp-loss/${from}/${to}`);
    this.set(model);
  }

  set(model: PathModel): void {
    this.loss = model.loss;
    this.#variate = model.oneWayUs;
    this.#isConstant = model.oneWayUs.kind === "constant";
    this.meanUs = Math.max(0, Math.round(mean(model.oneWayUs)));
    this.varianceUs2 = variance(model.oneWayUs);
    this.slowestUs = Math.max(0, Math.round(upperBound(model.oneWayUs)));
  }

  /** One packet's (or one train of packets') delay, whole µs. A beat's is drawn from its number, any other from the path's sequence. */
  delayUs(beat?: Beat): Micros {
    if (this.#isConstant) return this.meanUs;
    return this.delayAt(
      beat === undefined
        ? this.#draws.uniform(this.#delays++)
        : this.#beatDraws.uniform(beat.tick, beat.incarnation),
    );
  }

  /** The delay at a uniform that was drawn elsewhere, whole µs. */
  delayAt(u: number): Micros {
    const variate = this.#variate;
    // The two that most lines have are computed here: this is asked for every message.
    if (variate.kind === "constant") return this.meanUs;
    const delayUs =
      variate.kind === "uniform" ? variate.min + u * (variate.max - variate.min) : quantile(variate, u);
    return delayUs < 0 ? 0 : Math.round(delayUs);
  }

  /** Whether at least one of so many packets is lost. Draws only where packets can be. */
  loses(packets: number): boolean {
    if (this.loss <= 0) return false;
    // Multiplied out: the last bit of a power depends on the engine's version.
    let pass = 1;
    for (let i = 0; i < packets; i++) pass *= 1 - this.loss;
    return this.#lossDraws.uniform(this.#losses++) >= pass;
  }
}

/**
 * Linux' retransmission timeout on a line that has been measured for a while: the round trip and four deviations of it, at
 * least 200 ms, in whole ticks: 204 ms at a round trip of 2.5 ms, 232 ms at 30.7.
 */
export function retransmissionTimeoutUs(path: TcpPath, back: TcpPath): Micros {
  const deviation = path.varianceUs2 + back.varianceUs2;
  const variation = deviation === 0 ? 0 : 4 * Math.sqrt(deviation);
  const timeoutUs = path.meanUs + back.meanUs + Math.max(RTO_VARIANCE_LEAST_US, variation);
  return Math.ceil(timeoutUs / JIFFY_US) * JIFFY_US;
}

/**
 * When a kernel's timer that is set at a moment for a wait fires. Linux keeps timers in a wheel whose levels are eight times
 * as coarse each (kernel/time/timer.c): waits below 63 ticks fire on a tick, below 504 on every eighth tick, below 4032
 * on every 64th, longer ones on every 512th, always the next one. That is why a retransmission after 3.3 s comes up to
 * 256 ms late, and why the measured returns from a black hole follow 0.21 s × (2^k − 1) on average only.
 */
export function kernelTimerUs(setUs: Micros, waitUs: Micros): Micros {
  const ticks = waitUs / JIFFY_US;
  const grainUs = JIFFY_US * (ticks < 63 ? 1 : ticks < 504 ? 8 : ticks < 4032 ? 64 : 512);
  return (Math.floor((setUs + waitUs) / grainUs) + 1) * grainUs;
}
