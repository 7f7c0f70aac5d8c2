/**
 * Whether what was acknowledged is still there in the end. While a quorum's disks survive, nothing acknowledged may be
 * missing; after a recovery from what one member had (force-new-cluster, a snapshot), what is missing is the recovery
 * point that was reached: how many writes, and how old the oldest acknowledgement was.
 */
import type { Micros } from "../units/time.js";
import type { StoreHistory } from "./changes.js";
import {
  atText,
  covers,
  describeKv,
  describeOperation,
  hasWritten,
  type KeyValue,
  type KvRequest,
  type Operation,
  type Put,
  type Violation,
} from "./history.js";

/** The store in the end. */
export interface FinalState {
  readonly revision: number;
  /** All keys. */
  readonly kvs: readonly KeyValue[];
  /** All changes that led there, where known: then each write is looked for at its own revision. */
  readonly history?: StoreHistory;
}

export interface LostWrite {
  readonly operation: Operation;
  /** From its acknowledgement to the cut; below zero: acknowledged after it. */
  readonly ageUs: Micros;
}

export interface DurabilityReport {
  /** Writes that were acknowledged and could be judged. */
  readonly acknowledged: number;
  /** Oldest acknowledgement first. */
  readonly lost: readonly LostWrite[];
  /** Undefined: nothing was lost. */
  readonly oldestAgeUs: Micros | undefined;
}

/**
 * What was acknowledged and is not there. `cutUs`: the moment from which ages count back, e.g. of the loss of the quorum.
 * Only operations up to the recovery belong in `history`: later ones may use the same revisions again.
 */
export function findLostWrites(
  history: readonly Operation[],
  final: FinalState,
  cutUs: Micros,
): DurabilityReport {
  const writes = history.filter((one) => one.answer !== undefined && hasWritten(one.answer.outcome));
  const judge = final.history === undefined ? byKeys(history, final) : byRevision(final.history);
  const lost = writes
    .filter((operation) => !judge(operation))
    .map((operation) => ({ operation, ageUs: cutUs - (operation.returnUs ?? cutUs) }))
    .sort((a, b) => b.ageUs - a.ageUs);
  return { acknowledged: writes.length, lost, oldestAgeUs: lost[0]?.ageUs };
}

/** For a life in which a quorum's disks survived: each lost write is a violation. */
export function checkDurability(history: readonly Operation[], final: FinalState): Violation[] {
  return findLostWrites(history, final, 0).lost.map(({ operation }) => ({
    rule: "durability",
    atUs: operation.returnUs ?? operation.callUs,
    text: `${describeOperation(operation)}: acknowledged ${atText(operation.returnUs ?? 0)}, and not there in the end (revision ${final.revision}${finalText(operation, final)})`,
  }));
}

/** Whether the change at the operation's revision is the one that it made. */
function byRevision(history: StoreHistory): (operation: Operation) => boolean {
  return (operation) => {
    const revision = operation.answer?.header.revision ?? 0;
    // Older than what is known.
    if (revision <= history.firstRevision) return true;
    const events = history.change(revision)?.events;
    if (events === undefined) return false;
    const isPut = (put: Put) =>
      events.some(
        (event) => event.type === "put" && event.kv.key === put.key && event.kv.value === put.value,
      );
    return writesOf(operation).every((write) =>
      write.type === "put"
        ? isPut(write)
        : events.some((event) => event.type === "delete" && covers(write, event.kv.key)),
    );
  };
}

/**
 * From the last keys alone: a put is there if its key has it or a later change; a missing key must have been deleted by a
 * request that can have come after. A delete is judged by the store's revision and the key's.
 */
function byKeys(history: readonly Operation[], final: FinalState): (operation: Operation) => boolean {
  const kvs = new Map(final.kvs.map((kv) => [kv.key, kv]));
  return (operation) => {
    const revision = operation.answer?.header.revision ?? 0;
    if (revision > final.revision) return false;
    return writesOf(operation).every((write) => {
      if (write.type === "deleteRange") {
        // A key of the range that has been there since before the delete was not deleted.
        return final.kvs.every((kv) => !covers(write, kv.key) || kv.createRevision > revision);
      }
      const kv = kvs.get(write.key);
      if (kv === undefined) return history.some((other) => canHaveDeleted(other, write.key, revision));
      return kv.modRevision > revision || (kv.modRevision === revision && kv.value === write.value);
    });
  };
}

function canHaveDeleted({ request, answer }: Operation, key: string, after: number): boolean {
  if (answer !== undefined && answer.header.revision <= after) return false;
  return mayDelete(request, key);
}

function mayDelete(request: KvRequest, key: string): boolean {
  switch (request.type) {
    case "put":
    case "range":
      return false;
    case "deleteRange":
      return covers(request, key);
    case "leaseRevoke":
      return true;
    case "txn":
      return [...request.success, ...request.failure].some((part) => mayDelete(part, key));
  }
}

type Write = Put | Extract<KvRequest, { readonly type: "deleteRange" }>;

/** What the operation wrote, by its answer. */
function writesOf({ request, answer }: Operation): readonly Write[] {
  if (answer === undefined) return [];
  if (request.type === "put" || request.type === "deleteRange") return [request];
  if (request.type !== "txn" || answer.outcome.type !== "txn") return [];
  const { succeeded, results } = answer.outcome;
  return (succeeded ? request.success : request.failure).filter((part, number): part is Write => {
    const result = results[number];
    return part.type !== "range" && result !== undefined && hasWritten(result);
  });
}

function finalText(operation: Operation, final: FinalState): string {
  return writesOf(operation)
    .map((write) => {
      const kv = final.kvs.find((one) => covers(write, one.key));
      return kv === undefined ? `, no ${write.key}` : `, ${describeKv(kv)}`;
    })
    .join("");
}
