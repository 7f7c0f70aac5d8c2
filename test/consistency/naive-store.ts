/** A second, plain implementation of the store for the tests: mutable, over a map, without the cleverness of src/consistency. */
import type {
  Compare,
  KeyValue,
  KvAnswer,
  KvRequest,
  TxnPart,
  TxnPartOutcome,
} from "../../src/consistency/history.js";

export class NaiveStore {
  revision = 1;
  kvs = new Map<string, KeyValue>();

  copy(): NaiveStore {
    const copy = new NaiveStore();
    copy.revision = this.revision;
    copy.kvs = new Map(this.kvs);
    return copy;
  }

  apply(request: KvRequest): KvAnswer {
    const next = this.revision + 1;
    let hasChanged = false;
    const part = (one: TxnPart): TxnPartOutcome => {
      if (one.type === "put") {
        const old = this.kvs.get(one.key);
        hasChanged = true;
        this.kvs.set(one.key, {
          key: one.key,
          value: one.value,
          createRevision: old === undefined ? next : old.createRevision,
          modRevision: next,
          version: old === undefined ? 1 : old.version + 1,
          lease: one.lease ?? 0,
        });
        return { type: "put" };
      }
      const end = one.rangeEnd;
      const keys = [...this.kvs.keys()]
        .filter((key) =>
          end === undefined ? key === one.key : key >= one.key && (end === "\0" || key < end),
        )
        .sort((a, b) => (a < b ? -1 : 1));
      if (one.type === "deleteRange") {
        for (const key of keys) this.kvs.delete(key);
        if (keys.length > 0) hasChanged = true;
        return { type: "deleteRange", deleted: keys.length };
      }
      const kvs = keys.map((key) => this.kvs.get(key) as KeyValue);
      return { type: "range", kvs: one.limit ? kvs.slice(0, one.limit) : kvs, count: kvs.length };
    };
    const answer = (outcome: KvAnswer["outcome"]): KvAnswer => {
      if (hasChanged) this.revision = next;
      return { header: { revision: this.revision }, outcome };
    };
    if (request.type === "leaseRevoke") {
      for (const kv of [...this.kvs.values()]) {
        if (kv.lease !== request.id) continue;
        this.kvs.delete(kv.key);
        hasChanged = true;
      }
      return answer({ type: "lease" });
    }
    if (request.type !== "txn") return answer(part(request));
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const results = (succeeded ? request.success : request.failure).map(part);
    return answer({ type: "txn", succeeded, results });
  }

  #holds({ key, target, result, operand }: Compare): boolean {
    const kv = this.kvs.get(key);
    if (kv === undefined && target === "value") return false;
    const actual = kv === undefined ? 0 : kv[target];
    if (result === "equal") return actual === operand;
    if (result === "notEqual") return actual !== operand;
    return result === "less" ? actual < operand : actual > operand;
  }
}
