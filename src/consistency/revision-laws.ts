/**
 * What revisions alone must keep to, seen without any search: necessary for linearizability, quick, and with two
 * operations to show where it fails. The store's revision never falls from an answer to a later call, a change's revision
 * is its own, and what was written at a revision is the same for all who see it.
 */
import {
  describeKv,
  describeOperation,
  hasWritten,
  type KeyValue,
  nameOf,
  type Operation,
  shownKvs,
} from "./history.js";

/** Operations that cannot stand together, and why. */
export interface Contradiction {
  readonly operations: readonly Operation[];
  readonly text: string;
}

/** The first contradiction that is found, or undefined. `operations` in any order. */
export function findContradiction(
  operations: readonly Operation[],
  initialRevision: number,
): Contradiction | undefined {
  const known = operations.filter((operation) => operation.answer !== undefined);
  return (
    findImpossible(known, initialRevision) ??
    findSharedRevision(known) ??
    findDisagreement(known) ??
    findStep(known)
  );
}

/** Answers that contradict themselves. */
function findImpossible(known: readonly Operation[], initialRevision: number): Contradiction | undefined {
  for (const operation of known) {
    const revision = revisionOf(operation);
    if (revision < initialRevision) {
      const text = `${describeOperation(operation)}: the store began at revision ${initialRevision}`;
      return { operations: [operation], text };
    }
    for (const kv of shownKvsOf(operation)) {
      if (kv.modRevision <= revision && kv.createRevision <= kv.modRevision) continue;
      const text = `${describeOperation(operation)}: shows ${describeKv(kv)} at revision ${revision}`;
      return { operations: [operation], text };
    }
  }
  return undefined;
}

function findSharedRevision(known: readonly Operation[]): Contradiction | undefined {
  const writers = new Map<number, Operation>();
  for (const operation of known) {
    if (!hasWrittenBy(operation)) continue;
    const other = writers.get(revisionOf(operation));
    if (other !== undefined) {
      const text = `Both made revision ${revisionOf(operation)}: ${describeOperation(other)}; ${describeOperation(operation)}`;
      return { operations: [other, operation], text };
    }
    writers.set(revisionOf(operation), operation);
  }
  return undefined;
}

/** Two answers that show one key at one revision differently, or another than the one put there. */
function findDisagreement(known: readonly Operation[]): Contradiction | undefined {
  const shown = new Map<string, { readonly kv: KeyValue; readonly by: Operation }>();
  const puts = new Map<number, Operation>();
  for (const operation of known)
    if (operation.request.type === "put") puts.set(revisionOf(operation), operation);
  for (const operation of known) {
    for (const kv of shownKvsOf(operation)) {
      const put = puts.get(kv.modRevision);
      if (put?.request.type === "put" && (put.request.key !== kv.key || put.request.value !== kv.value)) {
        const text = `${describeOperation(operation)}: but revision ${kv.modRevision} is that of ${describeOperation(put)}`;
        return { operations: [put, operation], text };
      }
      const name = `${kv.modRevision}\0${kv.key}`;
      const other = shown.get(name);
      if (other === undefined) {
        shown.set(name, { kv, by: operation });
      } else if (
        other.kv.value !== kv.value ||
        other.kv.version !== kv.version ||
        other.kv.createRevision !== kv.createRevision
      ) {
        const text = `Two sights of ${kv.key} at revision ${kv.modRevision}: ${describeOperation(other.by)}; ${describeOperation(operation)}`;
        return { operations: [other.by, operation], text };
      }
    }
  }
  return undefined;
}

/** A revision below one that was answered before the call; for a change, not above it. */
function findStep(known: readonly Operation[]): Contradiction | undefined {
  const byReturn = known.slice().sort((a, b) => returnOf(a) - returnOf(b));
  const byCall = known.slice().sort((a, b) => a.callUs - b.callUs);
  let highest: Operation | undefined;
  let answered = 0;
  for (const operation of byCall) {
    for (; answered < byReturn.length; answered += 1) {
      const before = byReturn[answered] as Operation;
      if (returnOf(before) >= operation.callUs) break;
      if (highest === undefined || revisionOf(before) > revisionOf(highest)) highest = before;
    }
    if (highest === undefined) continue;
    const floor = revisionOf(highest) + (hasWrittenBy(operation) ? 1 : 0);
    if (revisionOf(operation) >= floor) continue;
    const text =
      `${describeOperation(operation)}: called after revision ${revisionOf(highest)} had been answered, ` +
      `to ${nameOf(highest)}: ${describeOperation(highest)}; expected revision ${floor} or later`;
    return { operations: [highest, operation], text };
  }
  return undefined;
}

function revisionOf(operation: Operation): number {
  return operation.answer?.header.revision ?? 0;
}

function returnOf(operation: Operation): number {
  return operation.returnUs ?? Number.POSITIVE_INFINITY;
}

function hasWrittenBy(operation: Operation): boolean {
  return operation.answer !== undefined && hasWritten(operation.answer.outcome);
}

function shownKvsOf(operation: Operation): readonly KeyValue[] {
  return operation.answer === undefined ? [] : shownKvs(operation.answer.outcome);
}
