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
/** Idle passes of the recordings are a little longer still. */
const DRIFT_MS = 5;
/** A simulated pass is moved to a recorded one no further away than this share of a period. */
const MOVED_BY_AT_MOST = 0.4;

/**
 * Passes are `periodMs` and their own duration apart, so the moments are whole passes from each other. What marking
 * took comes before the next pass; the rest is shared by all passes between two moments.
 */
export function passRhythm(recording: Recording, periodMs: number, nodes: number): PassRhythm {
  const seen = markingPasses(recording, periodMs);
  const lengthMs = periodMs + IDLE_PER_NODE_MS * nodes;
  const startsMs: number[] = [];
  for (let at = (seen[0]?.startMs ?? 0) - lengthMs; at > 0; at -= lengthMs) startsMs.unshift(at);
  seen.forEach(({ startMs, markingMs }, i) => {
    startsMs.push(startMs);
    const next = seen[i + 1]?.startMs;
    const toNext = (next ?? recording.endMs) - startMs;
    const passes = Math.max(1, Math.round((toNext - markingMs) / (lengthMs + DRIFT_MS)));
    // No pass is shorter than an idle one.
    const marking = Math.max(0, Math.min(markingMs, toNext - passes * lengthMs));
    const idleFrom = startMs + marking;
    const step = next === undefined ? lengthMs : (toNext - marking) / passes;
    for (let pass = 1; pass < passes; pass++) startsMs.push(idleFrom + pass * step);
  });
  return { startsMs, seen: seen.length };
}

/** The recorded pass next to a natural beginning, or that beginning itself where none is near. */
export function movedTo(rhythm: PassRhythm, naturalMs: number, periodMs: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  for (const at of rhythm.startsMs) {
    if (Math.abs(at - naturalMs) < Math.abs(nearest - naturalMs)) nearest = at;
  }
  return Math.abs(nearest - naturalMs) <= MOVED_BY_AT_MOST * periodMs ? nearest : naturalMs;
}

/** Passes that marked a node: their beginning, and how long until the last pod was marked. */
function markingPasses(recording: Recording, periodMs: number): { startMs: number; markingMs: number }[] {
  const passes: { startMs: number; markingMs: number }[] = [];
  for (const { ms, kind, what } of recording.timeline) {
    const last = passes.at(-1);
    const within = last !== undefined && ms - last.startMs <= SAME_PASS * periodMs;
    if (kind === "node" && what === "Ready=Unknown" && !within) {
      passes.push({ startMs: ms - HEARD_AFTER_MS, markingMs: 0 });
    } else if (within && kind === "pod" && what === "notready") {
      last.markingMs = ms - last.startMs;
    }
  }
  return passes;
}
