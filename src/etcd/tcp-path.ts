/** One direction between two hosts, as the kernel of either sees it: whether it carries, how long a packet takes, which are lost. */
import type { CountedDraws, RandomStreams } from "../engine/random.js";
import { mean, quantile, variance } from "../engine/variates.js";
import { MILLISECOND, type Micros } from "../units/time.js";
import type { HostId, PathModel } from "./model.js";
import type { Beat } from "./tcp-types.js";

/** Linux' least variance term of a retransmission timeout (200 ms), with what its timer wheel adds: measured on 2.5 and 30.7 ms round trips. */
const RTO_VARIANCE_LEAST_US: Micros = 207.5 * MILLISECOND;

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
  }

  /** One packet's (or one train of packets') delay, whole µs. A beat's is drawn from its number, any other from the path's sequence. */
  delayUs(beat?: Beat): Micros {
    if (this.#isConstant) return this.meanUs;
    const u =
      beat === undefined
        ? this.#draws.uniform(this.#delays++)
        : this.#beatDraws.uniform(beat.tick, beat.incarnation);
    return Math.max(0, Math.round(quantile(this.#variate, u)));
  }

  /** Whether at least one of so many packets is lost. Draws only where packets can be. */
  loses(packets: number): boolean {
    if (this.loss <= 0) return false;
    return this.#lossDraws.uniform(this.#losses++) >= (1 - this.loss) ** packets;
  }
}

/** Linux' retransmission timeout on a line that has been measured for a while: the round trip and four deviations of it, at least 200 ms. */
export function retransmissionTimeoutUs(path: TcpPath, back: TcpPath): Micros {
  const deviation = path.varianceUs2 + back.varianceUs2;
  const variation = deviation === 0 ? 0 : 4 * Math.sqrt(deviation);
  return path.meanUs + back.meanUs + Math.round(Math.max(RTO_VARIANCE_LEAST_US, variation));
}
