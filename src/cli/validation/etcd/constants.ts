/**
 * What is not in the files. Two constants are fitted, on the latency cases alone ({@link COSTS}: request handling and
 * fsync); the others follow from recorded figures as said beside them. All are kept for every case.
 */
import { MEASURED_COSTS } from "../../../etcd/defaults.js";
import type { EtcdCosts } from "../../../etcd/model.js";
import type { Micros } from "../../../units/time.js";

/**
 * What the emulator and the kernels add to a nominal one-way delay, µs: half of the TCP connect times recorded, less the
 * nominal delay. Inside a centre 0.33 ms round trip, 2.5 ms for 1 ms one way, 30.7 ms for 15 ms; linear between them,
 * constant beyond.
 */
export function overheadUs(nominalMs: number): Micros {
  const points: readonly (readonly [number, number])[] = [
    [0, 170],
    [1, 250],
    [15, 350],
  ];
  let [belowMs, belowUs] = points[0] as readonly [number, number];
  for (const [ms, us] of points) {
    if (nominalMs <= ms) {
      const share = ms === belowMs ? 1 : (nominalMs - belowMs) / (ms - belowMs);
      return Math.round(belowUs + share * (us - belowUs));
    }
    [belowMs, belowUs] = [ms, us];
  }
  return belowUs;
}

/** Fitted here, kept where studies of etcd find them too. */
export const COSTS: EtcdCosts = MEASURED_COSTS;
