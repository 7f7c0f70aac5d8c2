/** The lead is handed over by request while a client writes back to back. */
import { SequentialWriter } from "../../../etcd/workloads.js";
import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { Attempts, firstLine, Life } from "./life.js";
import { type MeasuredClient, memberOf, readSetup, type Setup, toUs } from "./setup.js";
import { addTrial, type Columns } from "./statistic.js";
import { column } from "./trials.js";

export interface MoveLeaderPlan {
  readonly setup: Setup;
  readonly client: MeasuredClient;
  readonly attemptTimeoutMs: number;
  readonly moves: readonly { readonly from: number; readonly to: number; readonly trials: number }[];
}

/** The writer waited so long for each write. */
const ATTEMPT_TIMEOUT_MS = 1000;
const BEFORE_MS = [500, 1000] as const;
const AFTER_MS = 1500;
const PATIENCE_MS = 10_000;

export function readMoveLeader(fields: Fields): MeasuredCase<MoveLeaderPlan> {
  const setup = readSetup(fields);
  const read = fields.each("moves", (move) => {
    const trials = move.each("trials", (trial) => trial);
    const from = memberOf(move.text("from"), setup, move, "from");
    const to = memberOf(move.text("to"), setup, move, "to");
    const name = `${move.text("from")} to ${move.text("to")}`;
    const statistics = [
      column(`${name}: new leader`, "latency", trials, (trial) => trial.maybe("became_leader_ms")),
      column(`${name}: API call`, "latency", trials, (trial) => trial.maybe("api_ms")),
      column(`${name}: normal write`, "latency", trials, (trial) => trial.maybe("normal_write_ms")),
      // A lost write's gap is its timeout: left out, and its share judged. Of the others' it is a maximum of small
      // latencies, which holds the measuring machine's stalls.
      column(`${name}: longest gap between writes`, "printed", trials, (trial) =>
        trial.flagOr("write_lost", false) ? null : trial.maybe("max_write_gap_ms"),
      ),
      column(`${name}: a write lost`, "share", trials, (trial) =>
        trial.flagOr("write_lost", false) ? 1 : 0,
      ),
    ];
    return { from, to, trials: trials.length, statistics };
  });
  return {
    kind: "move-leader",
    plan: {
      setup,
      client: writerOf(fields, setup),
      attemptTimeoutMs: fields.numberOr("attempt_timeout_ms", ATTEMPT_TIMEOUT_MS),
      moves: read.map(({ from, to, trials }) => ({ from, to, trials })),
    },
    statistics: read.flatMap(({ statistics }) => statistics),
    trialsPerLife: Math.min(...read.map(({ trials }) => trials)),
    summary: `${read.length} moves, ${read.reduce((sum, { trials }) => sum + trials, 0)} trials`,
  };
}

/** The writer: in the second centre, at its first member, unless the file says. */
function writerOf(fields: Fields, setup: Setup): MeasuredClient {
  const centre = fields.textOr("client_dc", setup.centres[1] ?? setup.centres[0] ?? "");
  const named = fields.isNothing("client_member") ? undefined : fields.text("client_member");
  const member = setup.members.findIndex((one) =>
    named === undefined ? one.centre === centre : one.name === named,
  );
  if (member < 0) fields.mistake("client_dc", `expected one of ${setup.centres.join(", ")}`);
  return { name: `${centre}->${setup.members[member]?.name}`, centre, member: Math.max(0, member) };
}

export function playMoveLeader(plan: MoveLeaderPlan, seed: string): Columns {
  const { setup } = plan;
  const life = new Life(setup, seed);
  const columns: Columns = {};
  for (const { from, to, trials } of plan.moves) {
    const name = `${setup.members[from]?.name} to ${setup.members[to]?.name}`;
    for (let trial = 0; trial < trials; trial++) {
      life.settle(from);
      addTrial(columns, playTrial(life, plan, name, from, to));
    }
  }
  return columns;
}

function playTrial(
  life: Life,
  { client, attemptTimeoutMs }: MoveLeaderPlan,
  name: string,
  from: number,
  to: number,
) {
  const seen = new Attempts();
  const writer = new SequentialWriter(life.client(client.centre), {
    client: `writer@${life.nowUs}`,
    target: life.target(client.member),
    sink: seen,
    timeoutUs: toUs(attemptTimeoutMs),
    pauseAfterOkUs: 0,
    pauseAfterFailureUs: MILLISECOND,
    keyFor: () => "move",
  });
  const startUs = life.nowUs;
  life.run(life.uniform(...BEFORE_MS));
  const eventUs = life.nowUs;
  life.log = [];
  let answeredUs: number | undefined;
  let isMoved = false;
  life
    .client(life.centreOf(from))
    .call(life.target(from).host, { type: "moveLeader", target: to }, PATIENCE_MS * MILLISECOND, (result) => {
      answeredUs = life.nowUs;
      isMoved = result.type === "response" && result.response.outcome.type !== "error";
    });
  life.waitFor(() => answeredUs !== undefined, PATIENCE_MS);
  life.runUntil(eventUs + AFTER_MS * MILLISECOND);
  writer.stop();
  life.waitFor(() => writer.isFinished, 2 * attemptTimeoutMs);
  const isLost = seen.failures > 0;
  return {
    [`${name}: new leader`]: firstLine(life.log, "leader", [to], eventUs),
    [`${name}: API call`]: isMoved && answeredUs !== undefined ? (answeredUs - eventUs) / MILLISECOND : null,
    [`${name}: normal write`]: seen.medianLatency(startUs, eventUs),
    [`${name}: longest gap between writes`]: isLost ? null : seen.longestGap(eventUs, life.nowUs),
    [`${name}: a write lost`]: isLost ? 1 : 0,
  };
}
