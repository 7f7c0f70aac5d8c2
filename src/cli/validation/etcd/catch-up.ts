/** A follower is killed, falls so many entries behind, and is started again. */
import { ConcurrentWriters } from "../../../etcd/workloads.js";
import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { Life } from "./life.js";
import { memberOf, readSetup, type Setup, toUs } from "./setup.js";
import { addTrial, type Columns } from "./statistic.js";
import { column } from "./trials.js";

interface CatchUpRun {
  /** Entries behind. */
  readonly entries: number;
  /** How long the measuring program took to write them, at least. */
  readonly bulkMs: number;
  /** Waited before. */
  readonly restMs: number;
}

export interface CatchUpPlan {
  readonly setup: Setup;
  readonly leader: number;
  readonly follower: number;
  readonly valueBytes: number;
  readonly runs: readonly CatchUpRun[];
}

const POLL_MS = 2;
/**
 * From the kill to the new process where nothing is written between: the old one's exit is waited for. The peers' redials,
 * 100 ms apart since the kill, are met at that phase: with it a member that missed nothing answers 187 ms after its start.
 */
const START_MS = 13.5;
/** After a bulk of writes, whose duration nobody knows beforehand, any phase is met. */
const REDIAL_MS = 100;
const REST_MS = 31_000;
const PATIENCE_MS = 60_000;
/** The bulk of writes comes from so many writers at once. */
const WRITERS = 50;
const WRITER_TIMEOUT_MS = 5000;

export function readCatchUp(fields: Fields): MeasuredCase<CatchUpPlan> {
  const setup = readSetup(fields);
  const runs = fields.each("runs", (run) => run);
  const follower = memberOf(fields.text("follower"), setup, fields, "follower");
  const leaderName = typeof fields.raw("leader") === "string" ? fields.text("leader") : undefined;
  const leader =
    leaderName === undefined
      ? Math.max(
          0,
          setup.members.findIndex((_, member) => member !== follower),
        )
      : memberOf(leaderName, setup, fields, "leader");
  const behind = runs.map((run) => run.number("entries_behind"));
  const levels = [...new Set(behind)];
  const statistics = levels.flatMap((level) => {
    const chosen = runs.filter((_, index) => behind[index] === level);
    return [
      column(`${level} behind: API answers`, "time", chosen, (run) => run.maybe("api_up_ms")),
      column(`${level} behind: caught up`, "time", chosen, (run) => run.maybe("caught_up_ms")),
      column(`${level} behind: by snapshot`, "share", chosen, (run) =>
        run.flagOr("by_snapshot", false) ? 1 : 0,
      ),
    ];
  });
  return {
    kind: "catch-up",
    plan: {
      setup,
      leader,
      follower,
      valueBytes: fields.numberOr("value_bytes", 100),
      runs: plansOf(runs, behind),
    },
    statistics,
    trialsPerLife: Math.min(...levels.map((level) => behind.filter((one) => one === level).length)),
    summary: `${setup.members[follower]?.name} behind by ${levels.join(", ")}, ${runs.length} runs`,
  };
}

/**
 * The log is not compacted for 30 s after a snapshot has been sent (etcd's releaseDelayAfterSnapshot), so that two runs
 * by snapshot in a row had so much time between them.
 */
function plansOf(runs: readonly Fields[], behind: readonly number[]): CatchUpRun[] {
  const isBySnapshot = runs.map((run) => run.flagOr("by_snapshot", false));
  return runs.map((run, index) => ({
    entries: behind[index] ?? 0,
    bulkMs: run.numberOr("bulk_ms", 0),
    restMs: isBySnapshot[index] === true && isBySnapshot[index - 1] === true ? REST_MS : 0,
  }));
}

export function playCatchUp(plan: CatchUpPlan, seed: string): Columns {
  const { setup, leader, follower } = plan;
  let received = 0;
  const life = new Life(setup, seed, {
    sent: (_, message) => {
      if (message.type === "InstallSnapshot" && message.to === follower + 1) received++;
    },
  });
  const columns: Columns = {};
  for (const { entries, bulkMs, restMs } of plan.runs) {
    life.settle(leader);
    life.run(restMs);
    life.kill([follower]);
    const bulkUs = life.nowUs + toUs(bulkMs);
    write(life, plan, entries);
    life.runUntil(bulkUs);
    life.run(START_MS + (entries === 0 ? 0 : life.uniform(0, REDIAL_MS)));
    const goal = life.world.group.member(leader).appliedIndex;
    received = 0;
    const startUs = life.nowUs;
    life.start(follower);
    let apiUp: number | null = null;
    const isCaughtUp = life.waitFor(
      () => {
        const member = life.world.group.member(follower);
        if (member.isReady && apiUp === null) apiUp = (life.nowUs - startUs) / MILLISECOND;
        return apiUp !== null && member.appliedIndex >= goal;
      },
      PATIENCE_MS,
      POLL_MS,
    );
    addTrial(columns, {
      [`${entries} behind: API answers`]: apiUp,
      [`${entries} behind: caught up`]: isCaughtUp ? (life.nowUs - startUs) / MILLISECOND : null,
      [`${entries} behind: by snapshot`]: received > 0 ? 1 : 0,
    });
  }
  return columns;
}

/** So many puts, many at a time, at the leader from its own centre. */
function write(life: Life, { leader, valueBytes }: CatchUpPlan, entries: number): void {
  if (entries === 0) return;
  let left = entries;
  const writers = new ConcurrentWriters(life.client(life.centreOf(leader)), {
    client: `bulk@${life.nowUs}`,
    target: life.target(leader),
    sink: {
      ended: ({ ok }) => {
        if (ok) left--;
        if (left <= WRITERS) writers.stop();
      },
    },
    writers: WRITERS,
    valueBytes,
    timeoutUs: toUs(WRITER_TIMEOUT_MS),
    pauseAfterFailureUs: MILLISECOND,
  });
  life.waitFor(() => writers.writers.every((writer) => writer.isFinished));
}
