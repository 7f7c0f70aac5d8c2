/** What the cases with an outage have in common: their trials' fields, and clients that try again. */
import { retryWriter, type SequentialWriter } from "../../../etcd/workloads.js";
import type { Micros } from "../../../units/time.js";
import type { Fields } from "./fields.js";
import { Attempts, type Life } from "./life.js";
import { clientOf, type MeasuredClient, type Setup, toUs } from "./setup.js";
import type { Rule, Statistic, Value } from "./statistic.js";

/** Writes before the event: so long, then a moment drawn. */
export const WRITES_BEFORE_MS = [200, 1500] as const;

/** The clients that a trial's field has a value for (`{"M->m2": 1344.01, …}`), in the order of the first trial. */
export function clientsOf(trials: readonly Fields[], key: string, setup: Setup): MeasuredClient[] {
  const names = new Set<string>();
  for (const trial of trials)
    for (const name of trial.isNothing(key) ? [] : trial.fields(key).keys()) names.add(name);
  const first = trials[0];
  if (first === undefined) return [];
  return [...names].map((name) => clientOf(name, setup, first, key));
}

/** A statistic of each trial. */
export function column(
  name: string,
  rule: Rule,
  trials: readonly Fields[],
  read: (trial: Fields) => Value,
): Statistic {
  return { name, rule, measured: trials.map(read) };
}

/** One per client, from a field with a value for each. */
export function columnsByClient(
  name: string,
  rule: Rule,
  trials: readonly Fields[],
  key: string,
  clients: readonly MeasuredClient[],
): Statistic[] {
  return clients.map((client) =>
    column(`${name} ${client.name}`, rule, trials, (trial) =>
      trial.isNothing(key) ? null : trial.fields(key).maybe(client.name),
    ),
  );
}

/** The time of `{t, m}`, null where it did not happen. */
export function lineTime(trial: Fields, key: string): Value {
  return trial.isNothing(key) ? null : trial.fields(key).number("t");
}

/** 1 where the field names this member. */
export function isMember(trial: Fields, key: string, name: string): Value {
  return trial.isNothing(key) ? 0 : trial.text(key) === name ? 1 : 0;
}

/**
 * The member that leads before the event: as the file says, else whom the members' logs say they lost, else the one
 * whose clients are left out, else the first.
 */
export function initialLeader(fields: Fields, trials: readonly Fields[], setup: Setup): number {
  for (const key of ["leader", "initial_leader", "old_leader"]) {
    if (typeof fields.raw(key) !== "string") continue;
    const named = setup.members.findIndex(({ name }) => name === fields.raw(key));
    if (named >= 0) return named;
    fields.mistake(key, "expected a member");
  }
  for (const trial of trials) {
    const lost = /lost leader (\S+)/.exec(JSON.stringify(trial.raw("timeline") ?? ""))?.[1];
    const member = setup.members.findIndex(({ name }) => name === lost);
    if (member >= 0) return member;
  }
  return 0;
}

/** A client that writes one key after the other and tries again, and what it saw. */
export interface RetryClient {
  readonly client: MeasuredClient;
  readonly seen: Attempts;
  readonly writer: SequentialWriter;
}

export function startRetryClients(
  life: Life,
  clients: readonly MeasuredClient[],
  timeoutMs: number,
  pauseAfterOkMs: number,
): RetryClient[] {
  return clients.map((client) => {
    const seen = new Attempts();
    const writer = retryWriter(life.client(client.centre), {
      client: `${client.name}@${life.nowUs}`,
      target: life.target(client.member),
      sink: seen,
      timeoutUs: toUs(timeoutMs),
      pauseAfterOkUs: toUs(pauseAfterOkMs),
      keyFor: () => client.name,
    });
    return { client, seen, writer };
  });
}

export function stopAll(clients: readonly { readonly writer: { stop(): void } }[]): void {
  for (const { writer } of clients) writer.stop();
}

/** First success of each client after the event, and of any: the values of `first write …`. */
export function firstWrites(clients: readonly RetryClient[], eventUs: Micros): Record<string, Value> {
  const values: Record<string, Value> = {};
  let any: number | null = null;
  for (const { client, seen } of clients) {
    const first = seen.firstAfter(eventUs);
    values[`first write ${client.name}`] = first;
    if (first !== null) any = Math.min(any ?? first, first);
  }
  values["first write, any client"] = any;
  return values;
}
