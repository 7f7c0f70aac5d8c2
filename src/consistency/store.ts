/**
 * etcd's key-value store as a sequential specification: what each request does to it, one after the other. States are
 * immutable; a request that changes nothing gives back the very state it was given.
 *
 * Revisions as in etcd: an empty store stands at 1; each request that changes anything makes the next revision, however
 * many keys it changes; a put keeps the key's createRevision and raises its version; deleting what is not there changes
 * nothing. Reads inside a transaction see what it has written before them.
 */
import {
  type Compare,
  covers,
  type KeyRange,
  type KeyValue,
  type KvOutcome,
  type KvRequest,
  type TxnPart,
  type TxnPartOutcome,
} from "./history.js";

export interface StoreState {
  readonly revision: number;
  /** By key, in the order of {@link KeyTable.keys}. */
  readonly kvs: readonly (KeyValue | undefined)[];
}

/** The keys that a history speaks of, in order, so that a state is a short array. */
export class KeyTable {
  readonly keys: readonly string[];
  readonly #numbers = new Map<string, number>();

  constructor(keys: Iterable<string>) {
    this.keys = [...new Set(keys)].sort((a, b) => (a < b ? -1 : 1));
    for (const [number, key] of this.keys.entries()) this.#numbers.set(key, number);
  }

  /** The key's place, or undefined where nobody ever spoke of it. */
  numberOf(key: string): number | undefined {
    return this.#numbers.get(key);
  }

  /** The places that a range covers, ascending. */
  within(range: KeyRange): readonly number[] {
    if (range.rangeEnd === undefined) {
      const number = this.#numbers.get(range.key);
      return number === undefined ? [] : [number];
    }
    const found: number[] = [];
    for (const [number, key] of this.keys.entries()) if (covers(range, key)) found.push(number);
    return found;
  }

  state(revision: number, kvs: readonly KeyValue[]): StoreState {
    const byKey: (KeyValue | undefined)[] = this.keys.map(() => undefined);
    for (const kv of kvs) {
      const number = this.#numbers.get(kv.key);
      if (number !== undefined) byKey[number] = kv;
    }
    return { revision, kvs: byKey };
  }
}

export interface Applied {
  readonly state: StoreState;
  readonly outcome: KvOutcome;
}

/**
 * Applies one request. `branch` says which way a transaction goes and overrides its comparisons (for stores whose
 * revisions are not known, see {@link decideTxn}).
 */
export function applyRequest(
  table: KeyTable,
  state: StoreState,
  request: KvRequest,
  branch?: boolean,
): Applied {
  const draft = new Draft(table, state);
  switch (request.type) {
    case "put":
    case "range":
    case "deleteRange": {
      const outcome = draft.apply(request);
      return { state: draft.finish(), outcome };
    }
    case "leaseRevoke":
      draft.revoke(request.id);
      return { state: draft.finish(), outcome: { type: "lease" } };
    case "txn": {
      const succeeded =
        branch ?? request.compare.every((compare) => holds(compare, kvOf(table, state, compare.key)));
      const results = (succeeded ? request.success : request.failure).map((part) => draft.apply(part));
      return { state: draft.finish(), outcome: { type: "txn", succeeded, results } };
    }
  }
}

/**
 * Which way a transaction goes where only keys and values are known and no revision, version or lease is: true, false,
 * or undefined where that cannot be told. A key's absence decides comparisons, since all its numbers are then 0.
 */
export function decideTxn(
  table: KeyTable,
  state: StoreState,
  compares: readonly Compare[],
): boolean | undefined {
  let isSure = true;
  for (const compare of compares) {
    const kv = kvOf(table, state, compare.key);
    if (kv === undefined || compare.target === "value") {
      if (!holds(compare, kv)) return false;
    } else if (compare.target !== "lease" && Number(compare.operand) <= 0) {
      // Every revision and version of a key that exists is above 0.
      if (!holds(compare, { ...kv, createRevision: 1, modRevision: 1, version: 1 })) return false;
    } else {
      isSure = false;
    }
  }
  return isSure ? true : undefined;
}

function kvOf(table: KeyTable, state: StoreState, key: string): KeyValue | undefined {
  const number = table.numberOf(key);
  return number === undefined ? undefined : state.kvs[number];
}

function holds(compare: Compare, kv: KeyValue | undefined): boolean {
  // etcd: a comparison of values fails on a missing key, whatever the relation.
  if (compare.target === "value" && kv === undefined) return false;
  const actual = kv === undefined ? 0 : kv[compare.target];
  const { operand } = compare;
  switch (compare.result) {
    case "equal":
      return actual === operand;
    case "notEqual":
      return actual !== operand;
    case "greater":
      return actual > operand;
    case "less":
      return actual < operand;
  }
}

/** A state that is being changed; all changes belong to one revision. */
class Draft {
  readonly #table: KeyTable;
  readonly #from: StoreState;
  #kvs: (KeyValue | undefined)[] | undefined;

  constructor(table: KeyTable, from: StoreState) {
    this.#table = table;
    this.#from = from;
  }

  apply(part: TxnPart): TxnPartOutcome {
    switch (part.type) {
      case "put":
        this.#put(part.key, part.value, part.lease ?? 0);
        return { type: "put" };
      case "deleteRange": {
        const present = this.#table.within(part).filter((number) => this.#current[number] !== undefined);
        for (const number of present) this.#writable()[number] = undefined;
        return { type: "deleteRange", deleted: present.length };
      }
      case "range": {
        const kvs: KeyValue[] = [];
        for (const number of this.#table.within(part)) {
          const kv = this.#current[number];
          if (kv !== undefined) kvs.push(kv);
        }
        const limit = part.limit ?? 0;
        return { type: "range", kvs: limit > 0 ? kvs.slice(0, limit) : kvs, count: kvs.length };
      }
    }
  }

  revoke(lease: number): void {
    for (const [number, kv] of this.#from.kvs.entries()) {
      if (kv !== undefined && kv.lease === lease) this.#writable()[number] = undefined;
    }
  }

  finish(): StoreState {
    return this.#kvs === undefined ? this.#from : { revision: this.#from.revision + 1, kvs: this.#kvs };
  }

  get #current(): readonly (KeyValue | undefined)[] {
    return this.#kvs ?? this.#from.kvs;
  }

  #writable(): (KeyValue | undefined)[] {
    this.#kvs ??= this.#from.kvs.slice();
    return this.#kvs;
  }

  #put(key: string, value: string, lease: number): void {
    const number = this.#table.numberOf(key);
    if (number === undefined) return;
    const before = this.#current[number];
    const revision = this.#from.revision + 1;
    this.#writable()[number] = {
      key,
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      lease,
    };
  }
}
