/**
 * What takes time at a member of etcd 3.5.30, as measured on one machine with emulated distances. Two figures are fitted,
 * request handling and fsync, to the latencies of requests alone; the others follow from recorded figures. The one home of
 * these numbers: `validate:etcd` and studies of etcd both run by them.
 */
import { MILLISECOND } from "../units/time.js";
import type { EtcdCosts } from "./model.js";

export const MEASURED_COSTS: EtcdCosts = {
  /** Fitted. A serializable read beside the member takes 1.4 to 2.2 ms, of which the network is 0.3 to 0.4. */
  requestUs: { kind: "uniform", min: 1420, max: 2220 },
  /** Fitted: the median. The spread is that of the recorded wal_fsync histograms without the stalls above 8 ms. */
  fsyncUs: { kind: "logNormal", mu: Math.log(550), sigma: 0.6 },
  /** 5,000 entries are applied in well below 0.1 s (catch-up). */
  applyUs: 15,
  /**
   * From the start of the process until it dials: recovery after force-new-cluster takes whole ticks (10 to 19, no
   * network) and 60 to 90 ms more, which hold this, the ticker's start and the first write.
   */
  bootUs: { kind: "uniform", min: 50 * MILLISECOND, max: 60 * MILLISECOND },
};
