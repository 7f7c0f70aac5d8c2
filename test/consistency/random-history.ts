/** Histories of a store that is atomic by construction: each request takes effect at one moment between call and return. */
import type { KvAnswer, KvRequest, Operation } from "../../src/consistency/history.js";
import { type RandomStream, RandomStreams } from "../../src/engine/random.js";
import { NaiveStore } from "./naive-store.js";

export interface HistoryShape {
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
  readonly keys: number;
  /** So many operations have no answer; half of them take effect, some much later. */
  readonly unknown?: number;
  /** Shares of the requests, out of their sum; default put 4, get 4, delete 1, compare and put 2. */
  readonly mix?: Partial<Mix>;
  /** So many different values; default as many as operations. */
  readonly values?: number;
  /** Spans are 1 to this many µs, pauses as well. */
  readonly spanUs?: number;
}

interface Mix {
  readonly put: number;
  readonly get: number;
  readonly delete: number;
  readonly cas: number;
  readonly range: number;
  readonly txn: number;
  readonly revoke: number;
}

const DEFAULT_MIX: Mix = { put: 4, get: 4, delete: 1, cas: 2, range: 0, txn: 0, revoke: 0 };

interface Draft {
  readonly client: number;
  readonly number: number;
  readonly callUs: number;
  readonly effectUs: number;
  readonly returnUs: number;
  readonly isUnknown: boolean;
  readonly hasEffect: boolean;
  request: KvRequest;
  answer?: KvAnswer;
}

export function randomHistory(shape: HistoryShape): Operation[] {
  const random = new RandomStreams(`history/${shape.seed}`).stream("all");
  const spanUs = shape.spanUs ?? 100;
  const free = Array.from({ length: shape.clients }, () => random.below(spanUs));
  const unknown = new Set<number>();
  while (unknown.size < Math.min(shape.unknown ?? 0, shape.operations))
    unknown.add(random.below(shape.operations));
  const drafts: Draft[] = [];
  for (let number = 0; number < shape.operations; number += 1) {
    const client = free.indexOf(Math.min(...free));
    const callUs = free[client] as number;
    const isUnknown = unknown.has(number);
    const isLate = isUnknown && random.below(3) === 0;
    const effectUs = callUs + 1 + random.below(isLate ? 20 * spanUs : spanUs);
    const returnUs = isLate ? callUs + spanUs : effectUs + 1 + random.below(spanUs);
    free[client] = returnUs + 1 + random.below(spanUs);
    const hasEffect = !isUnknown || random.below(2) === 0;
    const request = randomRequest(random, shape, number);
    drafts.push({ client, number, callUs, effectUs, returnUs, isUnknown, hasEffect, request });
  }
  const store = new NaiveStore();
  for (const draft of drafts.slice().sort((a, b) => a.effectUs - b.effectUs || a.number - b.number)) {
    if (!draft.hasEffect) continue;
    draft.request = guessed(draft.request, store, random);
    draft.answer = store.apply(draft.request);
  }
  return drafts.map(({ client, number, callUs, returnUs, isUnknown, request, answer }) =>
    isUnknown || answer === undefined
      ? { client, number, callUs, request }
      : { client, number, callUs, returnUs, request, answer },
  );
}

/** A comparison of modRevision gets the right revision half of the time, as if the client had just read. */
function guessed(request: KvRequest, store: NaiveStore, random: RandomStream): KvRequest {
  if (request.type !== "txn" || random.below(2) === 0) return request;
  return {
    ...request,
    compare: request.compare.map((compare) =>
      compare.target === "modRevision"
        ? { ...compare, operand: store.kvs.get(compare.key)?.modRevision ?? 0 }
        : compare,
    ),
  };
}

function randomRequest(random: RandomStream, shape: HistoryShape, number: number): KvRequest {
  const mix = { ...DEFAULT_MIX, ...shape.mix };
  const key = `k${random.below(shape.keys)}`;
  const value = `v${shape.values === undefined ? number : random.below(shape.values)}`;
  const compare = {
    key,
    target: "modRevision",
    result: "equal",
    operand: random.below(3) === 0 ? 0 : 1 + random.below(shape.operations),
  } as const;
  const kinds: readonly [number, () => KvRequest][] = [
    [mix.put, () => ({ type: "put", key, value, lease: mix.revoke > 0 ? random.below(3) : 0 })],
    [mix.get, () => ({ type: "range", key })],
    [mix.delete, () => ({ type: "deleteRange", key })],
    [
      mix.cas,
      () => ({
        type: "txn",
        compare: [compare],
        success: [{ type: "put", key, value }],
        failure: [{ type: "range", key }],
      }),
    ],
    [mix.range, () => ({ type: random.below(4) === 0 ? "deleteRange" : "range", key, rangeEnd: "\0" })],
    [
      mix.txn,
      () => ({
        type: "txn",
        compare: [compare],
        success: [
          { type: "put", key, value },
          { type: "put", key: `k${shape.keys}`, value },
        ],
        failure: [{ type: "deleteRange", key }],
      }),
    ],
    [mix.revoke, () => ({ type: "leaseRevoke", id: 1 + random.below(2) })],
  ];
  let at = random.below(kinds.reduce((sum, [share]) => sum + share, 0));
  for (const [share, make] of kinds) {
    if (at < share) return make();
    at -= share;
  }
  throw new Error("unreachable");
}
