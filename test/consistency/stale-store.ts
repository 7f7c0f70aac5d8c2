/** What members that are behind and watchers see of a store, for the tests: correct by construction. */
import { type Change, replayChanges, type StoreHistory } from "../../src/consistency/changes.js";
import { covers, type KeyRange, type Operation } from "../../src/consistency/history.js";
import { checkLinearizability } from "../../src/consistency/linearizability.js";
import type { SerializableRead } from "../../src/consistency/serializable.js";
import type { WatchRecord, WatchRecordResponse } from "../../src/consistency/watches.js";
import type { RandomStream } from "../../src/engine/random.js";
import { randomHistory } from "./random-history.js";

/** All changes of a random life of a store in which every write was answered. */
export function randomStore(seed: number, operations = 80): { history: Operation[]; store: StoreHistory } {
  const history = randomHistory({
    seed,
    clients: 4,
    operations,
    keys: 4,
    mix: { txn: 2, revoke: 1, range: 1 },
  });
  const result = checkLinearizability(history);
  if (result.verdict !== "linearizable") throw new Error(result.verdict);
  return { history, store: replayChanges(result.order) };
}

/** Reads at a member that follows some revisions behind, one read after the other. */
export function staleReads(store: StoreHistory, random: RandomStream, count: number): SerializableRead[] {
  const reads: SerializableRead[] = [];
  let revision = store.firstRevision;
  let atUs = 0;
  for (let number = 0; number < count; number += 1) {
    revision = Math.min(store.lastRevision, revision + random.below(4));
    atUs = Math.max(atUs + 10, store.notBeforeUs(revision));
    const range = randomRange(random);
    const kvs = store.at(range, revision);
    reads.push({
      client: "r",
      number,
      callUs: atUs,
      returnUs: atUs + 5,
      process: "m2/1",
      request: { type: "range", serializable: true, ...range },
      answer: { header: { revision }, outcome: { type: "range", kvs, count: kvs.length } },
    });
  }
  return reads;
}

/** A watch that is told in portions of drawn size, with notifications of progress in between. */
export function randomWatch(store: StoreHistory, random: RandomStream, number: number): WatchRecord {
  const range = randomRange(random);
  const createdRevision = store.firstRevision + random.below(store.lastRevision);
  const isFromCreation = random.below(3) === 0;
  const startRevision = isFromCreation ? 0 : 1 + random.below(store.lastRevision);
  const responses: WatchRecordResponse[] = [];
  let portion: Change[] = [];
  let atUs = 0;
  for (const change of store.changes) {
    if (change.revision < (isFromCreation ? createdRevision + 1 : startRevision)) continue;
    atUs = Math.max(atUs, change.calledUs ?? 0) + 1;
    portion.push(change);
    if (random.below(3) === 0) continue;
    const events = portion.flatMap((one) => one.events.filter((event) => covers(range, event.kv.key)));
    if (events.length > 0) responses.push({ atUs, header: { revision: change.revision }, events });
    if (random.below(4) === 0) responses.push({ atUs, header: { revision: change.revision }, events: [] });
    portion = [];
  }
  const created = isFromCreation && random.below(2) === 0 ? { createdRevision } : {};
  return { client: "w", number, request: { ...range, startRevision }, ...created, responses };
}

function randomRange(random: RandomStream): KeyRange {
  const key = `k${random.below(4)}`;
  const kind = random.below(3);
  return kind === 0 ? { key } : { key, rangeEnd: kind === 1 ? "\0" : `k${random.below(5)}` };
}
