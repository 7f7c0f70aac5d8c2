/** From a file's text to its case. */
import type { CaseKind, MeasuredCase, Play } from "./case.js";
import { playCatchUp, readCatchUp } from "./catch-up.js";
import { playCentreLoss, readCentreLoss } from "./centre-loss.js";
import { Fields } from "./fields.js";
import { playFlapping, readFlapping } from "./flapping.js";
import { playLatency, readLatency } from "./latency.js";
import { playLeaderIsolated, readLeaderIsolated } from "./leader-isolated.js";
import { playLeaderKill, readLeaderKill } from "./leader-kill.js";
import { playMoveLeader, readMoveLeader } from "./move-leader.js";
import { playQuorumLoss, readQuorumLoss } from "./quorum-loss.js";
import { playSlowFollower, readSlowFollower } from "./slow-follower.js";
import type { Columns } from "./statistic.js";

/** A file of the folder: a case that can be compared, or why it is none. */
export type FileContent =
  | { readonly type: "case"; readonly measured: MeasuredCase }
  /** Data of something else than etcd. */
  | { readonly type: "other"; readonly about: string }
  /** Measured on etcd, but of a case that is not known here. */
  | { readonly type: "unknown"; readonly about: string };

/** What a file's `case` holds, and who reads it; the first that fits. */
const READERS: readonly (readonly [RegExp, (fields: Fields) => MeasuredCase])[] = [
  [/^centre-loss/, readCentreLoss],
  [/^quorum-loss/, readQuorumLoss],
  [/catch-up/, readCatchUp],
  [/^move-leader|leader-transfer/, readMoveLeader],
  [/^flap/, readFlapping],
  [/slow-follower|asymmetric|lossy|packet-loss/, readSlowFollower],
  [/write-read-latency|^latency/, readLatency],
  [/^leader-kill/, readLeaderKill],
  [/isolated|one-way|partition/, readLeaderIsolated],
];

const PLAYS: { readonly [Kind in CaseKind]: Play<never> } = {
  latency: playLatency,
  "leader-kill": playLeaderKill,
  "leader-isolated": playLeaderIsolated,
  "centre-loss": playCentreLoss,
  "quorum-loss": playQuorumLoss,
  "slow-follower": playSlowFollower,
  "catch-up": playCatchUp,
  "move-leader": playMoveLeader,
  flapping: playFlapping,
};

/** Reads a file; throws an UnusableFile with all its mistakes. */
export function readFile(text: string): FileContent {
  return Fields.read(text, (fields): FileContent => {
    const name = fields.text("case");
    if (!fields.has("members") && !fields.has("etcd")) return { type: "other", about: name };
    const reader = READERS.find(([pattern]) => pattern.test(name))?.[1];
    return reader === undefined
      ? { type: "unknown", about: name }
      : { type: "case", measured: reader(fields) };
  });
}

/** Plays one life of a case. `plan` is the case's own, as its kind says. */
export function playLife(kind: CaseKind, plan: unknown, seed: string): Columns {
  return PLAYS[kind](plan as never, seed);
}
