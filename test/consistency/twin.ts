/** A second judge for small histories: tries every order of every subset that holds all answered operations. */
import type { KeyValue, KvOutcome, KvRequest, Operation } from "../../src/consistency/history.js";
import { NaiveStore } from "./naive-store.js";

/** Whether the history is linearizable, by trying all there is. For up to about seven operations. */
export function isLinearizableByTrying(history: readonly Operation[], usesRevisions = true): boolean {
  const place = (store: NaiveStore, left: readonly Operation[]): boolean => {
    if (left.every((operation) => operation.answer === undefined)) return true;
    return left.some((operation) => {
      const isTooEarly = left.some(
        (other) => other.returnUs !== undefined && other.returnUs < operation.callUs,
      );
      if (isTooEarly) return false;
      const rest = left.filter((other) => other !== operation);
      return waysOf(operation, usesRevisions).some((request) => {
        const next = store.copy();
        const answer = next.apply(request);
        const told = operation.answer;
        if (told !== undefined) {
          if (usesRevisions && told.header.revision !== answer.header.revision) return false;
          if (seen(told.outcome, usesRevisions) !== seen(answer.outcome, usesRevisions)) return false;
        }
        return place(next, rest);
      });
    });
  };
  return place(new NaiveStore(), history);
}

/**
 * Without revisions a comparison with a revision above 0 can go either way on a key that exists, and not on one that does
 * not: it is replaced by the question whether the key exists, or by nothing.
 */
function waysOf({ request }: Operation, usesRevisions: boolean): readonly KvRequest[] {
  if (usesRevisions || request.type !== "txn") return [request];
  const [compare] = request.compare;
  if (compare === undefined || request.compare.length > 1) throw new Error("the twin knows one comparison");
  if (compare.target !== "modRevision" || compare.result !== "equal")
    throw new Error("the twin knows one kind");
  if (compare.operand === 0) return [request];
  const exists = { ...compare, result: "greater", operand: 0 } as const;
  const never = { key: compare.key, target: "version", result: "less", operand: 0 } as const;
  return [
    { ...request, compare: [exists] },
    { ...request, compare: [never] },
  ];
}

function seen(outcome: KvOutcome, usesRevisions: boolean): string {
  return JSON.stringify(outcome, (_, value: unknown) => {
    if (usesRevisions || typeof value !== "object" || value === null || !("modRevision" in value))
      return value;
    const { key, value: held } = value as KeyValue;
    return { key, value: held };
  });
}
