/** One lie in a history: a single answer is changed. */
import type { KeyValue, KvOutcome, Operation, RangeOutcome } from "../../src/consistency/history.js";
import type { RandomStream } from "../../src/engine/random.js";

/** The history with one answer changed in one respect, where there is an answer. */
export function corrupt(history: readonly Operation[], random: RandomStream): readonly Operation[] {
  const answered = [...history.keys()].filter((at) => history[at]?.answer !== undefined);
  const at = answered[random.below(Math.max(1, answered.length))];
  const operation = at === undefined ? undefined : history[at];
  if (at === undefined || operation?.answer === undefined) return history;
  const { header, outcome } = operation.answer;
  const changed =
    random.below(3) === 0 || outcome.type === "put"
      ? { header: { revision: Math.max(1, header.revision + random.below(5) - 2) }, outcome }
      : { header, outcome: lie(outcome, history, random) };
  return history.with(at, { ...operation, answer: changed });
}

function lie(outcome: KvOutcome, history: readonly Operation[], random: RandomStream): KvOutcome {
  switch (outcome.type) {
    case "put":
    case "lease":
      return outcome;
    case "deleteRange":
      return { type: "deleteRange", deleted: outcome.deleted === 0 ? 1 : outcome.deleted - 1 };
    case "range":
      return lieOfRange(outcome, history, random);
    case "txn": {
      const results = outcome.results.map((result) => lie(result, history, random));
      if (random.below(2) === 0) return { ...outcome, succeeded: !outcome.succeeded };
      return { ...outcome, results: results as typeof outcome.results };
    }
  }
}

/** Another sight of the store from the same history, or one number off. */
function lieOfRange(
  outcome: RangeOutcome,
  history: readonly Operation[],
  random: RandomStream,
): RangeOutcome {
  const [kv] = outcome.kvs;
  if (kv === undefined || random.below(2) === 0) {
    const sights = history
      .map((operation) => operation.answer?.outcome)
      .filter((other) => other?.type === "range");
    const other = sights[random.below(Math.max(1, sights.length))];
    return other ?? { type: "range", kvs: [], count: 0 };
  }
  const lies: readonly Partial<KeyValue>[] = [
    { value: `${kv.value}?` },
    { version: kv.version + 1 },
    { modRevision: kv.modRevision - 1 },
    { createRevision: kv.createRevision + 1 },
  ];
  const wrong = { ...kv, ...lies[random.below(lies.length)] };
  return { ...outcome, kvs: outcome.kvs.with(0, wrong) };
}
