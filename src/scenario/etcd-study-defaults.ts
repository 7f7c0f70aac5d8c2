/** Every default of the EtcdStudy format, in the author's own spelling, each with its source. */
import { MEASURED_COSTS } from "../etcd/defaults.js";
import { ETCD_MODEL_DEFAULTS } from "../etcd/model.js";
import { formatDuration, MILLISECOND } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { DistributionSpec } from "./scalars.js";

export const ETCD_STUDY_DEFAULTS = {
  seed: "1",
  replications: 8,
  /** A group elects its first leader within about two election timeouts. */
  warmUp: "10s",
  /** Longer than any write over a WAN, shorter than any election by the default timers. */
  outageGap: "500ms",
} as const;

export const ETCD_NETWORK_DEFAULTS = {
  /** Half of what connections inside a centre took to be made in the measurements. */
  withinCentre: "170us",
  /** As between a metro and a remote centre in the measurements. */
  oneWay: "15ms",
  jitter: "0s",
  loss: 0,
} as const;

/** etcd's own flags (3.5). */
export const ETCD_FLAG_DEFAULTS = {
  heartbeatInterval: formatDuration(ETCD_MODEL_DEFAULTS.heartbeatUs),
  electionTimeout: formatDuration(ETCD_MODEL_DEFAULTS.electionUs),
  preVote: ETCD_MODEL_DEFAULTS.preVote,
  checkQuorum: ETCD_MODEL_DEFAULTS.checkQuorum,
  tickPhase: ETCD_MODEL_DEFAULTS.tickPhase,
  snapshotCount: ETCD_MODEL_DEFAULTS.snapshotCount,
  snapshotCatchUpEntries: ETCD_MODEL_DEFAULTS.snapshotCatchUpEntries,
  quota: "2Gi",
  strictReconfigCheck: ETCD_MODEL_DEFAULTS.strictReconfigCheck,
  maxLearners: ETCD_MODEL_DEFAULTS.maxLearners,
} as const;

/** As measured (etcd/defaults.ts), spelled as an author would. */
export const ETCD_COST_DEFAULTS = {
  request: written(MEASURED_COSTS.requestUs),
  fsync: written(MEASURED_COSTS.fsyncUs),
  apply: microseconds(MEASURED_COSTS.applyUs),
  boot: written(MEASURED_COSTS.bootUs),
} as const;

export const ETCD_CLIENT_DEFAULTS = {
  op: "put",
  asks: "nearest",
  failover: true,
  /** As the clients of the measurements: 10 ms after an answer, 5 ms after a failure. */
  pause: "10ms",
  retryPause: "5ms",
  timeout: "1s",
} as const;

/** The spelling of a distribution that reads back as the same one. */
function written(variate: Variate): DistributionSpec {
  switch (variate.kind) {
    case "constant":
      return microseconds(variate.value);
    case "uniform":
      return { uniform: { min: microseconds(variate.min), max: microseconds(variate.max) } };
    case "logNormal":
      return {
        logNormal: { median: microseconds(Math.round(Math.exp(variate.mu))), sigma: variate.sigma },
      };
    default:
      throw new RangeError(`no spelling for a distribution of kind ${variate.kind}`);
  }
}

/** Whole milliseconds where they are, else microseconds: all of them ASCII. */
function microseconds(us: number): string {
  return us % MILLISECOND === 0 ? formatDuration(us) : `${us}us`;
}
