/** Write and read latencies of clients in each centre, one request at a time, nothing else going on. */
import { LatencyProbe } from "../../../etcd/workloads.js";
import { MILLISECOND } from "../../../units/time.js";
import type { MeasuredCase } from "./case.js";
import type { Fields } from "./fields.js";
import { Life } from "./life.js";
import { clientOf, type MeasuredClient, memberOf, readSetup, type Setup, toUs } from "./setup.js";
import type { Columns, Value } from "./statistic.js";

export type Operation = "put" | "lin" | "ser";

export interface LatencyPlan {
  readonly setup: Setup;
  readonly leader: number;
  readonly samples: readonly {
    readonly name: string;
    readonly client: MeasuredClient;
    readonly op: Operation;
    readonly count: number;
  }[];
}

/** From an answer to the next request: backend commits (one each 100 ms with writes) tell how long the puts took in all. */
const PAUSE_MS = 10;
const TIMEOUT_MS = 5000;

export function readLatency(fields: Fields): MeasuredCase<LatencyPlan> {
  const setup = readSetup(fields);
  const leader = memberOf(fields.textOr("leader", setup.members[0]?.name ?? ""), setup, fields, "leader");
  const read = fields.each("samples", (sample) => {
    const client = clientOf(`${sample.text("client_dc")}->${sample.text("member")}`, setup, sample, "member");
    const op = operationOf(sample);
    const measured = sample.numbers("raw_ms").map((ms): Value => (ms < 0 ? null : ms));
    return { name: `${client.name} ${op}`, client, op, measured };
  });
  return {
    kind: "latency",
    plan: {
      setup,
      leader,
      samples: read.map(({ name, client, op, measured }) => ({ name, client, op, count: measured.length })),
    },
    statistics: read.map(({ name, measured }) => ({ name, rule: "latency", measured })),
    trialsPerLife: Math.min(...read.map(({ measured }) => Math.max(1, measured.length))),
    summary: `leader ${setup.members[leader]?.name}, ${read.length} series`,
  };
}

function operationOf(sample: Fields): Operation {
  const op = sample.text("op");
  if (op === "put" || op === "lin" || op === "ser") return op;
  sample.mistake("op", "expected put, lin or ser");
  return "put";
}

export function playLatency({ setup, leader, samples }: LatencyPlan, seed: string): Columns {
  const life = new Life(setup, seed);
  life.settle(leader);
  life.run(life.uniform(200, 1500));
  const columns: Columns = {};
  for (const { name, client, op, count } of samples) columns[name] = probe(life, client, op, count, PAUSE_MS);
  return columns;
}

/** So many requests one after the other; null: no answer within 5 s. */
export function probe(
  life: Life,
  client: MeasuredClient,
  op: Operation,
  count: number,
  pauseMs: number,
): Value[] {
  const series = new LatencyProbe(life.client(client.centre), {
    client: `${client.name}-${op}-${life.nowUs}`,
    target: life.target(client.member),
    op,
    count,
    pauseUs: toUs(pauseMs),
    timeoutUs: toUs(TIMEOUT_MS),
    key: "latency",
  });
  life.waitFor(() => series.isFinished, count * (TIMEOUT_MS + pauseMs) + TIMEOUT_MS);
  return series.latenciesUs.map((us) => (us < 0 ? null : us / MILLISECOND));
}
