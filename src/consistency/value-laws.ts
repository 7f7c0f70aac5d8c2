/**
 * What values alone must keep to, key by key and without any search: necessary for linearizability, and quick where the
 * search would have to try every order of concurrent writes. A value that is shown was put by somebody, who had called by
 * then; and if only one request can have put it, no other write may certainly lie between that and the sight of it.
 */
import {
  atText,
  describeOperation,
  hasWritten,
  type KeyValue,
  type KvOutcome,
  nameOf,
  type Operation,
  shownKvs,
  type TxnPart,
} from "./history.js";
import type { Contradiction } from "./revision-laws.js";

/** A request that put a value or may have, or deleted; it took effect from its call on and no later than `untilUs`. */
interface Writer {
  readonly operation: Operation;
  /** Infinity: perhaps never. Lowered to the answer of the first read that shows what it alone can have put. */
  untilUs: number;
}

interface Sight {
  readonly operation: Operation;
  readonly value: string;
}

/** All that is known of one key. */
class KeyFacts {
  /** By value: who may have put it. */
  readonly writers = new Map<string, Writer[]>();
  /** The writers once each, and deletes that are known to have found the key. */
  readonly all: Writer[] = [];
  readonly sights: Sight[] = [];
}

/** The first contradiction that is found, or undefined. `initial` was there before the first operation. */
export function findValueContradiction(
  operations: readonly Operation[],
  initial: readonly KeyValue[],
): Contradiction | undefined {
  const keys = new Map<string, KeyFacts>();
  for (const operation of operations) gather(operation, keys);
  const before = new Map(initial.map((kv) => [kv.key, kv.value]));
  for (const [key, facts] of [...keys].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const found = findUnwritten(key, facts, before.get(key)) ?? findStale(key, facts, before.get(key));
    if (found !== undefined) return found;
  }
  return undefined;
}

function gather(operation: Operation, keys: Map<string, KeyFacts>): void {
  const factsOf = (key: string): KeyFacts => {
    const facts = keys.get(key) ?? new KeyFacts();
    keys.set(key, facts);
    return facts;
  };
  const untilUs = operation.returnUs ?? Number.POSITIVE_INFINITY;
  for (const part of writesThatCount(operation)) {
    const facts = factsOf(part.key);
    const writer = { operation, untilUs };
    facts.all.push(writer);
    if (part.type !== "put") continue;
    const same = facts.writers.get(part.value);
    if (same === undefined) facts.writers.set(part.value, [writer]);
    else if (same.at(-1)?.operation !== operation) same.push(writer);
  }
  if (operation.answer === undefined) return;
  for (const kv of shownKvs(operation.answer.outcome))
    factsOf(kv.key).sights.push({ operation, value: kv.value });
}

/** What the request wrote to single keys: of an answered one what it certainly did, of another what it may have put. */
function writesThatCount({ request, answer }: Operation): readonly TxnPart[] {
  const isPut = (part: TxnPart) => part.type === "put";
  const parts = request.type === "txn" ? undefined : request.type === "leaseRevoke" ? [] : [request];
  if (answer === undefined) {
    return (parts ?? (request.type === "txn" ? [...request.success, ...request.failure] : [])).filter(isPut);
  }
  const { outcome } = answer;
  const isCertain = (part: TxnPart, result: KvOutcome | undefined) =>
    part.type !== "range" &&
    (part.type === "put" || part.rangeEnd === undefined) &&
    result !== undefined &&
    hasWritten(result);
  if (parts !== undefined) return parts.filter((part) => isCertain(part, outcome));
  if (request.type !== "txn" || outcome.type !== "txn") return [];
  const taken = outcome.succeeded ? request.success : request.failure;
  return taken.filter((part, number) => isCertain(part, outcome.results[number]));
}

function findUnwritten(key: string, facts: KeyFacts, before: string | undefined): Contradiction | undefined {
  for (const { operation, value } of facts.sights) {
    if (value === before) continue;
    const writers = facts.writers.get(value) ?? [];
    const returnUs = operation.returnUs ?? Number.POSITIVE_INFINITY;
    if (writers.some((writer) => writer.operation.callUs <= returnUs)) continue;
    const text = `${describeOperation(operation)}: shows ${key}=${value}; nobody had asked to put that by then`;
    return { operations: [operation], text };
  }
  return undefined;
}

/** A sight of a value whose only writer had been followed by another write that was over before the read was called. */
function findStale(key: string, facts: KeyFacts, before: string | undefined): Contradiction | undefined {
  const onlyWriter = (value: string): Writer | undefined => {
    const writers = facts.writers.get(value) ?? [];
    return writers.length === 1 && value !== before ? writers[0] : undefined;
  };
  for (const { operation, value } of facts.sights) {
    const writer = onlyWriter(value);
    if (writer !== undefined) writer.untilUs = Math.min(writer.untilUs, operation.returnUs ?? writer.untilUs);
  }
  const byEnd = facts.all
    .filter((writer) => writer.untilUs < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.untilUs - b.untilUs);
  const byCall = facts.sights.slice().sort((a, b) => a.operation.callUs - b.operation.callUs);
  let latest: Writer | undefined;
  let ended = 0;
  for (const { operation, value } of byCall) {
    for (; ended < byEnd.length; ended += 1) {
      const writer = byEnd[ended] as Writer;
      if (writer.untilUs >= operation.callUs) break;
      if (latest === undefined || writer.operation.callUs > latest.operation.callUs) latest = writer;
    }
    const own = onlyWriter(value);
    if (own === undefined || latest === undefined || latest.operation.callUs <= own.untilUs) continue;
    const text =
      `${describeOperation(operation)}: ${key}=${value} is that of ${nameOf(own.operation)}, in effect no later than ` +
      `${atText(own.untilUs)}, and was overwritten before the read was called: ${describeOperation(latest.operation)}`;
    return { operations: [own.operation, latest.operation, operation], text };
  }
  return undefined;
}
