/**
 * What is not in the files. Two constants are fitted, on the latency cases alone ({@link COSTS}: request handling and
 * fsync); the others follow from recorded figures as said beside them. All are kept for every case.
 */
import type { EtcdCosts } from "../../../etcd/model.js";
import { MILLISECOND, type Micros } from "../../../units/time.js";

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

export const COSTS: EtcdCosts = {
  /** Fitted. A serializable read beside the member takes 1.4 to 2.2 ms, of which the network is 0.3 to 0.4. */
  requestUs: { kind: "uniform", min: 1420, max: 2220 },
  /** Fitted: the median. The spread is that of the recorded wal_fsync histograms without the stalls above 8 ms. */
  fsyncUs: { kind: "logNormal", mu: Math.log(550), sigma: 0.6 },
  /** Median of the recorded backend_commit histograms: about 1 ms. Nobody waits for it. */
  backendCommitUs: { kind: "constant", value: 1 * MILLISECOND },
  /**
   * Half of what a pre-vote or a ReadIndex round trip takes longer than TCP's own: 31.1 to 31.3 ms from pre-candidate to
   * candidate where a connect takes 30.7 ms.
   */
  peerUs: { kind: "constant", value: 200 },
  /** 5,000 entries are applied in well below 0.1 s (catch-up). */
  applyUs: 15,
  /**
   * From the start of the process until it dials: recovery after force-new-cluster takes whole ticks (10 to 19, no
   * network) and 60 to 90 ms more, which hold this, the ticker's start and the first write.
   */
  bootUs: { kind: "uniform", min: 50 * MILLISECOND, max: 60 * MILLISECOND },
};
