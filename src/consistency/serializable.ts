/**
 * Serializable reads: a member answers from its own state, so it may be behind; but what it says was true at the revision
 * it names, it never knows what nobody had yet asked for, and it never goes back while its process lives.
 *
 * (etcd's API guarantees; its robustness tests compare such reads with a replay in the same way, tests/robustness/validate.)
 */
import type { Micros } from "../units/time.js";
import type { StoreHistory } from "./changes.js";
import {
  atText,
  describeKv,
  describeRequest,
  type KeyValue,
  nameOf,
  type Range,
  type RangeOutcome,
  type Violation,
} from "./history.js";
import { sameKv } from "./store-model.js";

/** An answered read of a member's own state. */
export interface SerializableRead {
  readonly client: string | number;
  readonly number: number;
  readonly callUs: Micros;
  readonly returnUs: Micros;
  /** The process that answered: member and incarnation, e.g. "m1/3". */
  readonly process: string;
  readonly request: Range;
  readonly answer: { readonly header: { readonly revision: number }; readonly outcome: RangeOutcome };
}

/**
 * What is wrong with the reads, by time; nothing: an empty list. `store` holds all that was ever committed. Reads of an old
 * revision (`request.revision`) are checked at that revision.
 */
export function checkSerializableReads(reads: readonly SerializableRead[], store: StoreHistory): Violation[] {
  const violations: Violation[] = [];
  for (const read of reads) {
    const violation = checkOne(read, store);
    if (violation !== undefined) violations.push(violation);
  }
  violations.push(...checkProcesses(reads));
  return violations.sort((a, b) => a.atUs - b.atUs);
}

function checkOne(read: SerializableRead, store: StoreHistory): Violation | undefined {
  const { header, outcome } = read.answer;
  const wrong = (rule: string, what: string): Violation => ({
    rule,
    atUs: read.returnUs,
    text: `${describeRead(read)}: ${what}`,
  });
  if (header.revision > store.lastRevision) {
    return wrong("serializable-future", `no revision above ${store.lastRevision} was ever committed`);
  }
  const knownUs = store.notBeforeUs(header.revision);
  if (knownUs > read.returnUs) {
    const late = `a write up to revision ${header.revision} was only called ${atText(knownUs)}`;
    return wrong("serializable-future", late);
  }
  const asked = read.request.revision ?? 0;
  const revision = asked > 0 ? asked : header.revision;
  if (revision > header.revision) {
    return wrong("serializable-future", `revision ${asked} was still to come at the member`);
  }
  if (revision < store.firstRevision) return undefined;
  const expected = store.at(read.request, revision);
  const limit = read.request.limit ?? 0;
  const shown = limit > 0 ? expected.slice(0, limit) : expected;
  if (outcome.count === expected.length && sameKvs(shown, outcome.kvs)) return undefined;
  return wrong("serializable-state", `at revision ${revision} there was ${describeKvs(shown)}`);
}

/** Each process' revisions, from a read's answer to a later read's call. */
function checkProcesses(reads: readonly SerializableRead[]): Violation[] {
  const byProcess = new Map<string, SerializableRead[]>();
  for (const read of reads) {
    const own = byProcess.get(read.process);
    if (own === undefined) byProcess.set(read.process, [read]);
    else own.push(read);
  }
  return [...byProcess.values()].flatMap(checkProcess);
}

function checkProcess(reads: readonly SerializableRead[]): Violation[] {
  const violations: Violation[] = [];
  const byReturn = reads.slice().sort((a, b) => a.returnUs - b.returnUs);
  let highest: SerializableRead | undefined;
  let answered = 0;
  for (const read of reads.slice().sort((a, b) => a.callUs - b.callUs)) {
    for (; answered < byReturn.length; answered += 1) {
      const before = byReturn[answered] as SerializableRead;
      if (before.returnUs >= read.callUs) break;
      if (highest === undefined || revisionOf(before) > revisionOf(highest)) highest = before;
    }
    if (highest === undefined || revisionOf(read) >= revisionOf(highest)) continue;
    const text = `${describeRead(read)}: the same process had answered ${nameOf(highest)} at revision ${revisionOf(highest)} ${atText(highest.returnUs)}`;
    violations.push({ rule: "serializable-monotonic", atUs: read.returnUs, text });
  }
  return violations;
}

function revisionOf(read: SerializableRead): number {
  return read.answer.header.revision;
}

function describeRead(read: SerializableRead): string {
  const { header, outcome } = read.answer;
  return (
    `${nameOf(read)} ${describeRequest(read.request)} at ${read.process} -> ${describeKvs(outcome.kvs)}, ` +
    `revision ${header.revision} (called ${atText(read.callUs)}, answered ${atText(read.returnUs)})`
  );
}

export function describeKvs(kvs: readonly KeyValue[]): string {
  return kvs.length === 0 ? "nothing" : kvs.map(describeKv).join(", ");
}

function sameKvs(a: readonly KeyValue[], b: readonly KeyValue[]): boolean {
  return a.length === b.length && a.every((kv, number) => sameKv(kv, b[number] as KeyValue));
}
