/**
 * The store of store.ts as the search's model, with revisions or without.
 *
 * With revisions each answer says at which revision of the whole store it was given, so known operations have hardly a
 * choice: a revision that no known answer claims must be an unknown operation's, and what later reads show of that
 * revision says whose. Without revisions only keys, values and counts are compared.
 */
import {
  covers,
  hasWritten,
  type KeyValue,
  type KvOutcome,
  type KvRequest,
  type Operation,
  type Put,
  shownKvs,
  type TxnPart,
} from "./history.js";
import type { SearchModel, Span } from "./search.js";
import { applyRequest, decideTxn, type KeyTable, type StoreState } from "./store.js";
import { ValueSupply } from "./value-supply.js";

/** What is known of a revision from what answers show of it: keys that it put, with the value where it was shown. */
export type Evidence = ReadonlyMap<number, ReadonlyMap<string, string | undefined>>;

/** In place of a value that no answer shows: such puts cannot be told apart. */
const UNSEEN = "\0unseen";

export class StoreModel implements SearchModel<StoreState> {
  readonly initial: StoreState;
  readonly spans: readonly Span[];
  readonly asksWhatMatters: boolean;
  readonly knownBranch: boolean;
  readonly #table: KeyTable;
  readonly #usesRevisions: boolean;
  readonly #operations: readonly Operation[];
  readonly #requests: readonly KvRequest[];
  readonly #pure: readonly boolean[];
  /** By operation: two ways are possible for a transaction of unknown outcome. */
  readonly #variants: readonly number[];
  /** The revisions that a known answer claims to have made. */
  readonly #claimed = new Set<number>();
  readonly #evidence: Evidence;
  /** Without revisions only: with them a wrong turn shows at once. */
  readonly #supply: ValueSupply | undefined;
  #lastRevision: number;
  readonly #valueHashes = new Map<string, number>();

  /** `operations` ascend by call. */
  constructor(
    operations: readonly Operation[],
    table: KeyTable,
    initial: StoreState,
    usesRevisions: boolean,
  ) {
    this.#operations = operations;
    this.#table = table;
    this.#usesRevisions = usesRevisions;
    this.initial = initial;
    this.asksWhatMatters = !usesRevisions;
    this.knownBranch = !usesRevisions;
    this.#requests = canonicalRequests(operations);
    this.#pure = operations.map((operation) => isPure(operation, usesRevisions));
    this.#variants = operations.map((operation) =>
      !usesRevisions && operation.answer === undefined && operation.request.type === "txn" ? 2 : 1,
    );
    this.spans = spansOf(operations, this.#requests);
    this.#evidence = usesRevisions ? gatherEvidence(operations) : new Map();
    this.#supply = usesRevisions ? undefined : new ValueSupply(operations, this.#requests);
    this.#lastRevision = initial.revision;
    for (const { answer } of operations) {
      if (answer === undefined) continue;
      this.#lastRevision = Math.max(this.#lastRevision, answer.header.revision);
      if (hasWritten(answer.outcome)) this.#claimed.add(answer.header.revision);
    }
  }

  variants(operation: number): number {
    return this.#variants[operation] as number;
  }

  isPure(operation: number): boolean {
    return this.#pure[operation] as boolean;
  }

  step(state: StoreState, operation: number, variant: number): StoreState | undefined {
    const { answer } = this.#operations[operation] as Operation;
    const request = this.#requests[operation] as KvRequest;
    if (!this.#usesRevisions) return this.#stepByValue(state, request, answer?.outcome, variant);
    const next = state.revision + 1;
    if (answer === undefined) {
      if (next > this.#lastRevision || this.#claimed.has(next)) return undefined;
      const after = applyRequest(this.#table, state, request).state;
      return after !== state && this.#fitsEvidence(after) ? after : undefined;
    }
    const told = answer.header.revision;
    if (told !== (hasWritten(answer.outcome) ? next : state.revision)) {
      if (request.type !== "leaseRevoke" || told !== next) return undefined;
    }
    const applied = applyRequest(this.#table, state, request);
    if (applied.state.revision !== told) return undefined;
    return sameOutcome(applied.outcome, answer.outcome, sameKv) ? applied.state : undefined;
  }

  mayMatter(unknown: number, _after: StoreState, next: number): boolean {
    const request = this.#requests[next] as KvRequest;
    if (request.type !== "put") return true;
    // A put right after it hides all that it did, where it did nothing to other keys.
    const written = this.#requests[unknown] as KvRequest;
    return writesBeyond(written, request.key);
  }

  isDeadEnd(before: StoreState, after: StoreState, operation: number): boolean {
    return this.#supply?.losesShown(before, after, operation) ?? false;
  }

  placed(operation: number, isPlaced: boolean): void {
    this.#supply?.placed(operation, isPlaced ? -1 : 1);
  }

  hash(state: StoreState): number {
    let hash = this.#usesRevisions ? state.revision : 0;
    for (const kv of state.kvs) {
      hash = Math.imul(hash, 31) + (kv === undefined ? 7 : this.#hashOf(kv));
    }
    return hash | 0;
  }

  equal(a: StoreState, b: StoreState): boolean {
    if (a === b) return true;
    if (this.#usesRevisions && a.revision !== b.revision) return false;
    // A lease is no part of what is compared without revisions, but its end takes the key away.
    const same = this.#usesRevisions
      ? sameKv
      : (one: KeyValue, other: KeyValue) => sameValue(one, other) && one.lease === other.lease;
    return a.kvs.every((kv, number) => {
      const other = b.kvs[number];
      return kv === other || (kv !== undefined && other !== undefined && same(kv, other));
    });
  }

  #stepByValue(
    state: StoreState,
    request: KvRequest,
    told: KvOutcome | undefined,
    variant: number,
  ): StoreState | undefined {
    let branch: boolean | undefined;
    if (request.type === "txn") {
      const decided = decideTxn(this.#table, state, request.compare);
      branch = told?.type === "txn" ? told.succeeded : variant === 0;
      if (decided !== undefined && decided !== branch) return undefined;
    }
    const applied = applyRequest(this.#table, state, request, branch);
    if (told !== undefined && !sameOutcome(applied.outcome, told, sameValue)) return undefined;
    return applied.state;
  }

  #fitsEvidence(after: StoreState): boolean {
    const shown = this.#evidence.get(after.revision);
    if (shown === undefined) return true;
    for (const [key, value] of shown) {
      const number = this.#table.numberOf(key);
      const kv = number === undefined ? undefined : after.kvs[number];
      if (kv === undefined || kv.modRevision !== after.revision) return false;
      if (value !== undefined && kv.value !== value) return false;
    }
    return true;
  }

  #hashOf(kv: KeyValue): number {
    let hash = this.#valueHashes.get(kv.value);
    if (hash === undefined) {
      hash = 17;
      for (let at = 0; at < kv.value.length; at += 1)
        hash = (Math.imul(hash, 31) + kv.value.charCodeAt(at)) | 0;
      this.#valueHashes.set(kv.value, hash);
    }
    if (!this.#usesRevisions) return hash;
    return Math.imul(hash, 31) + Math.imul(kv.modRevision, 7919) + kv.version;
  }
}

/** The keys that the operations speak of. */
export function keysOf(operations: readonly Operation[]): Set<string> {
  const keys = new Set<string>();
  for (const { request, answer } of operations) {
    for (const key of keysOfRequest(request)) keys.add(key);
    if (answer !== undefined) for (const kv of shownKvs(answer.outcome)) keys.add(kv.key);
  }
  return keys;
}

function keysOfRequest(request: KvRequest): readonly string[] {
  switch (request.type) {
    case "put":
      return [request.key];
    case "range":
    case "deleteRange":
      return request.rangeEnd === undefined ? [request.key] : [];
    case "leaseRevoke":
      return [];
    case "txn":
      return [
        ...request.compare.map((compare) => compare.key),
        ...request.success.flatMap(keysOfRequest),
        ...request.failure.flatMap(keysOfRequest),
      ];
  }
}

/** The one key that a request is about, or undefined if it may touch several. */
export function onlyKeyOf(request: KvRequest): string | undefined {
  if (request.type === "leaseRevoke") return undefined;
  if (request.type !== "txn") {
    return request.type !== "put" && request.rangeEnd !== undefined ? undefined : request.key;
  }
  const keys = new Set<string | undefined>(request.compare.map((compare) => compare.key));
  for (const part of [...request.success, ...request.failure]) keys.add(onlyKeyOf(part));
  return keys.size === 1 ? [...keys][0] : undefined;
}

function isPure({ request, answer }: Operation, usesRevisions: boolean): boolean {
  if (answer === undefined || hasWritten(answer.outcome)) return false;
  // Without revisions the answer to a lease's end does not say whether a key went with it.
  return usesRevisions || request.type !== "leaseRevoke";
}

/** What answers show of each revision. */
export function gatherEvidence(operations: readonly Operation[]): Evidence {
  const evidence = new Map<number, Map<string, string | undefined>>();
  const note = (revision: number, key: string, value: string | undefined) => {
    const keys = evidence.get(revision) ?? new Map<string, string | undefined>();
    if (value !== undefined || !keys.has(key)) keys.set(key, value);
    evidence.set(revision, keys);
  };
  for (const { answer } of operations) {
    if (answer === undefined) continue;
    for (const kv of shownKvs(answer.outcome)) {
      note(kv.createRevision, kv.key, undefined);
      note(kv.modRevision, kv.key, kv.value);
    }
  }
  return evidence;
}

/**
 * Requests of unknown outcome with one mark for all values that nobody was ever shown, so that puts which differ in
 * nothing else are alike. Not where a transaction compares values: the store has been shown them.
 */
function canonicalRequests(operations: readonly Operation[]): KvRequest[] {
  const comparesValues = operations.some(
    ({ request }) => request.type === "txn" && request.compare.some((compare) => compare.target === "value"),
  );
  if (comparesValues) return operations.map(({ request }) => request);
  const seen = new Set<string>();
  for (const { answer } of operations) {
    if (answer !== undefined) for (const kv of shownKvs(answer.outcome)) seen.add(`${kv.key}\0${kv.value}`);
  }
  const put = (part: Put): Put =>
    seen.has(`${part.key}\0${part.value}`) ? part : { ...part, value: UNSEEN };
  const change = (part: TxnPart): TxnPart => (part.type === "put" ? put(part) : part);
  return operations.map(({ request, answer }) => {
    if (answer !== undefined) return request;
    if (request.type === "put") return put(request);
    if (request.type !== "txn") return request;
    return { ...request, success: request.success.map(change), failure: request.failure.map(change) };
  });
}

function spansOf(operations: readonly Operation[], requests: readonly KvRequest[]): Span[] {
  const classes = new Map<string, number>();
  return operations.map(({ callUs, returnUs, answer }, number) => {
    if (answer !== undefined) return { callUs, returnUs, effectClass: -1 };
    const text = JSON.stringify(requests[number]);
    const effectClass = classes.get(text) ?? classes.size;
    classes.set(text, effectClass);
    return { callUs, effectClass };
  });
}

function writesBeyond(request: KvRequest, key: string): boolean {
  switch (request.type) {
    case "put":
      return request.key !== key;
    case "range":
      return false;
    case "deleteRange":
      return request.rangeEnd !== undefined || !covers(request, key);
    case "leaseRevoke":
      return true;
    case "txn":
      return [...request.success, ...request.failure].some((part) => writesBeyond(part, key));
  }
}

function sameOutcome(
  expected: KvOutcome,
  told: KvOutcome,
  same: (a: KeyValue, b: KeyValue) => boolean,
): boolean {
  switch (expected.type) {
    case "put":
    case "lease":
      return told.type === expected.type;
    case "deleteRange":
      return told.type === "deleteRange" && told.deleted === expected.deleted;
    case "range":
      return (
        told.type === "range" &&
        told.count === expected.count &&
        told.kvs.length === expected.kvs.length &&
        expected.kvs.every((kv, number) => same(kv, told.kvs[number] as KeyValue))
      );
    case "txn":
      return (
        told.type === "txn" &&
        told.succeeded === expected.succeeded &&
        told.results.length === expected.results.length &&
        expected.results.every((result, number) =>
          sameOutcome(result, told.results[number] as KvOutcome, same),
        )
      );
  }
}

export function sameKv(a: KeyValue, b: KeyValue): boolean {
  return (
    sameValue(a, b) &&
    a.createRevision === b.createRevision &&
    a.modRevision === b.modRevision &&
    a.version === b.version &&
    a.lease === b.lease
  );
}

function sameValue(a: KeyValue, b: KeyValue): boolean {
  return a.key === b.key && a.value === b.value;
}
