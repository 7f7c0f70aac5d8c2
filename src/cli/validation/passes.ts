/** When the recorded controller began its monitor passes, read from the moments at which nodes turned Unknown. */
import type { Recording } from "./recording.js";

export interface PassRhythm {
  /** Beginnings of all passes in ms, ascending: those that marked nodes, and between and around them whole passes. */
  readonly startsMs: readonly number[];
  /** Passes that were seen to mark nodes. */
  readonly seen: number;
}

/** From the beginning of a pass to the watching client's word that a node is Unknown: a request and a watch. */
const HEARD_AFTER_MS = 15;
/** Unknown moments less than this share of a period apart are of one pass. */
const SAME_PASS = 0.6;
/** What a pass takes by itself, in ms for each node: from the recordings of 100 nodes. */
export const IDLE_PER_NODE_MS = 0.1;
/** A simulated pass is moved to a recorded one that is no further away; beyond, their lengths contradict each other. */
export const MOVED_BY_AT_MOST_MS = 500;

/** Passes are `periodMs` and their own duration apart, so the moments are whole passes from each other. */
export function passRhythm(recording: Recording, periodMs: number, nodes: number): PassRhythm {
  const seen = passMoments(recording, periodMs).map((ms) => ms - HEARD_AFTER_MS);
  const lengthMs = periodMs + IDLE_PER_NODE_MS * nodes;
  const first = seen[0];
  if (first === undefined) return { startsMs: [], seen: 0 };
  const startsMs: number[] = [];
  for (let at = first - lengthMs; at > 0; at -= lengthMs) startsMs.unshift(at);
  seen.forEach((from, i) => {
    const to = seen[i + 1] ?? Math.max(from, recording.endMs);
    const passes = Math.max(1, Math.round((to - from) / (lengthMs + 5)));
    const step = i + 1 < seen.length ? (to - from) / passes : lengthMs;
    for (let pass = 0; pass < passes; pass++) startsMs.push(from + pass * step);
  });
  return { startsMs, seen: seen.length };
}

/** The recorded pass next to a natural beginning, or that beginning itself where none is near. */
export function movedTo(rhythm: PassRhythm, naturalMs: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const at of rhythm.startsMs) {
    if (Math.abs(at - naturalMs) < Math.abs(nearest - naturalMs)) nearest = at;
  }
  return Math.abs(nearest - naturalMs) <= MOVED_BY_AT_MOST_MS ? nearest : naturalMs;
}

/** First Unknown of each pass that marked a node. */
function passMoments(recording: Recording, periodMs: number): number[] {
  const moments: number[] = [];
  for (const row of recording.timeline) {
    if (row.kind !== "node" || row.what !== "Ready=Unknown") continue;
    const last = moments.at(-1);
    if (last === undefined || row.ms - last > SAME_PASS * periodMs) moments.push(row.ms);
  }
  return moments;
}
