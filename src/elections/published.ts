/**
 * The published election experiments: figure 16 of the Raft paper (extended version, §9.3), the simulated WAN and the
 * split-vote rates of Ongaro's dissertation (chapter 9), with what each is played with. Quantiles of the figures were
 * read off the vector drawings in the dissertation's source.
 */
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { ElectionSetting, Span } from "./election.js";
import type { SplitVoteCase } from "./split-vote.js";

/** One published line. Times in ms. */
export interface PublishedRow {
  readonly name: string;
  readonly setting: ElectionSetting;
  /** What is timed: until the leader is elected, or until the others have heard it. */
  readonly until: "elected" | "heard";
  readonly meanMs: number | undefined;
  /** An upper quantile. */
  readonly tail: { readonly share: number; readonly ms: number } | undefined;
  /** The paper's "consistently over". */
  readonly medianAboveMs: number | undefined;
}

/**
 * The paper's broadcast time, "network round trip plus disk write of roughly 15 ms", is the one constant fitted to its
 * figures: here, what lies between a candidate's timer and the others' hearing it as leader, where nobody interferes.
 */
export const BROADCAST_US: Micros = 13 * MILLISECOND;

/** Gigabit Ethernet and a remote procedure call. Assumed; small beside the disk. */
const LAN: Span = { fromUs: 50, toUs: 150 };
/** RequestVote, its answer, the first AppendEntries. */
const MESSAGES_PER_ELECTION = 3;
/** Candidate's term and vote; voter's term, voter's vote; new leader's entry and list of entries (see `writesOf`). */
const WRITES_PER_ELECTION = 5;
const LAN_DISK_WRITE_US: Micros = Math.round(
  (BROADCAST_US - (MESSAGES_PER_ELECTION * (LAN.fromUs + LAN.toUs)) / 2) / WRITES_PER_ELECTION,
);

function lanSetting(fromMs: number, toMs: number, limitUs: Micros): ElectionSetting {
  return {
    servers: 5,
    // Four different logs: the longest can win with any two of the others, the second with both shorter ones, the
    // other two not at all.
    logLengths: [4, 3, 2, 1],
    electionTimeout: { fromUs: fromMs * MILLISECOND, toUs: toMs * MILLISECOND },
    // LogCabin's RaftConsensus::setElectionTimer rounds its draw to whole ms.
    timerStepUs: MILLISECOND,
    oneWay: LAN,
    diskWriteUs: LAN_DISK_WRITE_US,
    heartbeatIntervalUs: (fromMs * MILLISECOND) / 2,
    limitUs,
  };
}

function lanRow(fromMs: number, toMs: number, meanMs: number, p95Ms: number): PublishedRow {
  return {
    name: `${fromMs}-${toMs}`,
    setting: lanSetting(fromMs, toMs, 60 * SECOND),
    until: "heard",
    meanMs,
    tail: { share: 0.95, ms: p95Ms },
    medianAboveMs: undefined,
  };
}

/** Both halves of figure 16; 150-300 stands in both with the same line. */
export const FIGURE_16: readonly PublishedRow[] = [
  {
    name: "150-150",
    setting: lanSetting(150, 150, 20 * SECOND),
    until: "heard",
    meanMs: undefined,
    tail: undefined,
    medianAboveMs: 10_000,
  },
  lanRow(150, 151, 1530.2, 4008.4),
  lanRow(150, 155, 343.4, 763.9),
  lanRow(150, 175, 163.3, 313.6),
  lanRow(150, 200, 155.6, 296.3),
  lanRow(150, 300, 180.3, 265.2),
  lanRow(12, 24, 34.6, 66.8),
  lanRow(25, 50, 47.6, 83.1),
  lanRow(50, 100, 71.2, 119.8),
  lanRow(100, 200, 125.2, 182.5),
];

function wanRow(failed: number, meanMs: number, p999Ms: number): PublishedRow {
  return {
    name: `${failed} of 5 failed`,
    setting: {
      servers: 5,
      logLengths: Array.from({ length: 5 - failed }, () => 1),
      electionTimeout: { fromUs: 300 * MILLISECOND, toUs: 600 * MILLISECOND },
      timerStepUs: 1,
      oneWay: { fromUs: 30 * MILLISECOND, toUs: 40 * MILLISECOND },
      diskWriteUs: 0,
      heartbeatIntervalUs: undefined,
      limitUs: 60 * SECOND,
    },
    until: "elected",
    meanMs,
    tail: { share: 0.999, ms: p999Ms },
    medianAboveMs: undefined,
  };
}

/**
 * The dissertation's simulated WAN. The last line leaves the left-hand drawing at 2.3 s; its mean is the one marked on
 * the curve, its 99.9 % is read off the right-hand drawing, whose axis is logarithmic. The text rounds them to "about
 * 650 ms" and "3 s".
 */
export const WAN: readonly PublishedRow[] = [
  wanRow(0, 429.9, 1021.7),
  wanRow(1, 468.6, 1425),
  wanRow(2, 631.6, 2853.3),
];

/** A split-vote rate with its published share, which is rounded. */
export interface PublishedSplit extends SplitVoteCase {
  readonly published: number;
}

export const SPLIT_VOTES: readonly PublishedSplit[] = [
  { servers: 5, alive: 4, latency: 0.01, published: 0.0006 },
  { servers: 5, alive: 4, latency: 0.1, published: 0.0523 },
  { servers: 5, alive: 4, latency: 0.2, published: 0.1808 },
  { servers: 5, alive: 3, latency: 0.2, published: 0.488 },
  { servers: 9, alive: 5, latency: 0.1, published: 0.41 },
  { servers: 9, alive: 5, latency: 0.2, published: 0.672 },
];

const SPLIT_RANGE_US: Micros = SECOND;

/** One term of `split`: whoever has not won it by the end of the first timeouts does not. */
export function splitSetting({ servers, alive, latency }: SplitVoteCase): ElectionSetting {
  const oneWayUs = Math.round(latency * SPLIT_RANGE_US);
  return {
    servers,
    logLengths: Array.from({ length: alive }, () => 1),
    electionTimeout: { fromUs: SPLIT_RANGE_US, toUs: 2 * SPLIT_RANGE_US },
    timerStepUs: 1,
    oneWay: { fromUs: oneWayUs, toUs: oneWayUs },
    diskWriteUs: 0,
    heartbeatIntervalUs: undefined,
    limitUs: 2 * SPLIT_RANGE_US + 2 * oneWayUs,
  };
}
