/**
 * Whether a recorded history of a key-value store could have come from one store that does one request after the other,
 * each at some moment between its call and its return (linearizability, Herlihy & Wing 1990), and if not, where it first
 * goes wrong.
 *
 * With revisions (the default) the whole store is checked at once, every answer's revision included. Without them each key
 * is checked by itself, since a history is linearizable if and only if it is so object by object (their locality theorem;
 * Horn & Kroening 2015 and Lowe 2017 use it to cut the search); keys that one request touches together stay together.
 */
import { assert } from "../assert.js";
import { atText, describeKv, describeOperation, type KeyValue, nameOf, type Operation } from "./history.js";
import { findContradiction } from "./revision-laws.js";
import { searchLinearization } from "./search.js";
import { KeyTable, type StoreState } from "./store.js";
import { keysOf, onlyKeyOf, StoreModel } from "./store-model.js";
import { findValueContradiction } from "./value-laws.js";

export interface LinearizabilityOptions {
  /** Whether answers' revisions and versions count; default true. */
  readonly revisions?: boolean;
  /** The store before the first operation; default: empty, at revision 1. */
  readonly initial?: { readonly revision: number; readonly kvs: readonly KeyValue[] };
  /** Steps of the store that are tried before giving up; default {@link DEFAULT_MAX_STEPS}. */
  readonly maxSteps?: number;
}

/** About two seconds. With revisions a history of 2,000 operations, 20 of them unknown, takes some 10,000. */
export const DEFAULT_MAX_STEPS = 1_000_000;

export type LinearizabilityResult =
  /** `order`: the operations that took effect, one after the other; without revisions key by key. */
  | { readonly verdict: "linearizable"; readonly order: readonly Operation[]; readonly steps: number }
  | { readonly verdict: "violation"; readonly counterexample: Counterexample; readonly steps: number }
  /** The budget was used up. */
  | { readonly verdict: "undecided"; readonly steps: number };

/** The first answer that cannot be explained, and what stands around it. */
export interface Counterexample {
  /** Up to before its return the history is linearizable; with it, it is not. */
  readonly culprit: Operation;
  /** A linearization of what was answered before. */
  readonly prefix: readonly Operation[];
  /** After the longest order that could be found none of these could come next: the culprit or what it rules out, and what ran beside it. */
  readonly unplaced: readonly Operation[];
  /** For people: several lines. */
  readonly text: string;
}

/** Operations in any order; a client's operations need not be one at a time. Serializable reads and reads of the past are not for this. */
export function checkLinearizability(
  history: readonly Operation[],
  options: LinearizabilityOptions = {},
): LinearizabilityResult {
  const check = new Check(options);
  const operations = history.filter(isOfConsequence).sort(byCall);
  for (const operation of operations) checkShape(operation);
  const order: Operation[] = [];
  let isUndecided = false;
  const whole = { operations, keys: check.initialKeys };
  for (const part of check.usesRevisions ? [whole] : partition(whole)) {
    const decision = check.decide(part.operations, part.keys);
    if (decision.verdict === "none") {
      const counterexample = check.explain(part.operations, part.keys);
      return { verdict: "violation", counterexample, steps: check.steps };
    }
    if (decision.verdict === "undecided") isUndecided = true;
    order.push(...decision.order);
  }
  if (isUndecided) return { verdict: "undecided", steps: check.steps };
  return { verdict: "linearizable", order, steps: check.steps };
}

/** A read without an answer tells nothing and does nothing. */
function isOfConsequence({ request, answer }: Operation): boolean {
  return answer !== undefined || request.type !== "range";
}

function checkShape({ request, answer, callUs, returnUs }: Operation): void {
  assert(
    (answer === undefined) === (returnUs === undefined),
    "an operation has answer and return, or neither",
  );
  assert(returnUs === undefined || callUs <= returnUs, "an operation returns after its call");
  const isPast = request.type === "range" && (request.serializable === true || (request.revision ?? 0) > 0);
  assert(!isPast, "a linearizable read asks for the present");
}

function byCall(a: Operation, b: Operation): number {
  return a.callUs - b.callUs;
}

/** Operations to be checked together, and the keys they need to know of besides those they name. */
interface Part {
  readonly operations: readonly Operation[];
  readonly keys: readonly string[];
}

/** Operations by key, keys ascending; all together as soon as one of them may touch more than one key. */
function partition(whole: Part): readonly Part[] {
  const parts = new Map<string, Operation[]>();
  for (const operation of whole.operations) {
    const key = onlyKeyOf(operation.request);
    if (key === undefined) return [whole];
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [operation]);
    else part.push(operation);
  }
  return [...parts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, operations]) => ({ operations, keys: [key] }));
}

interface Decision {
  readonly verdict: "found" | "none" | "undecided";
  readonly order: readonly Operation[];
  readonly state: StoreState;
  /** Why not, where revisions or values alone say so. */
  readonly contradiction?: string;
}

class Check {
  readonly usesRevisions: boolean;
  readonly initialKeys: readonly string[];
  steps = 0;
  readonly #initialKvs: readonly KeyValue[];
  readonly #initialRevision: number;
  /** Of each decision; while explaining, of all together. */
  #stepsLeft: number;
  #isExplaining = false;

  constructor(options: LinearizabilityOptions) {
    this.usesRevisions = options.revisions ?? true;
    this.#initialKvs = options.initial?.kvs ?? [];
    this.initialKeys = this.#initialKvs.map((kv) => kv.key);
    this.#initialRevision = options.initial?.revision ?? 1;
    this.#stepsLeft = options.maxSteps ?? DEFAULT_MAX_STEPS;
  }

  /** `operations` ascend by call. */
  decide(operations: readonly Operation[], keys: readonly string[]): Decision {
    const table = new KeyTable([...keys, ...keysOf(operations)]);
    const initial = table.state(this.#initialRevision, this.#initialKvs);
    const contradiction = this.usesRevisions
      ? findContradiction(operations, this.#initialRevision)
      : findValueContradiction(operations, this.#initialKvs);
    if (contradiction !== undefined) {
      return { verdict: "none", order: [], state: initial, contradiction: contradiction.text };
    }
    const model = new StoreModel(operations, table, initial, this.usesRevisions);
    const result = searchLinearization(model.spans, model, this.#stepsLeft);
    this.steps += result.steps;
    if (this.#isExplaining) this.#stepsLeft = Math.max(0, this.#stepsLeft - result.steps);
    const order = result.order.map((number) => operations[number] as Operation);
    return { verdict: result.verdict, order, state: result.state };
  }

  /**
   * Of a history that is not linearizable: the first return that makes it so. What was still under way then counts as of
   * unknown outcome; a prefix of a linearizable history is linearizable, so the place can be found by halving.
   */
  explain(operations: readonly Operation[], keys: readonly string[]): Counterexample {
    this.#isExplaining = true;
    const answered = operations.filter(isAnswered).sort((a, b) => a.returnUs - b.returnUs);
    let good = 0;
    let bad = answered.length;
    while (bad - good > 1) {
      const middle = (good + bad) >>> 1;
      if (this.decide(until(operations, answered, middle), keys).verdict === "none") bad = middle;
      else good = middle;
    }
    const before = this.decide(until(operations, answered, good), keys);
    const window = until(operations, answered, bad);
    const failed = this.decide(window, keys);
    const culprit = answered[bad - 1] as AnsweredOperation;
    const unplaced = failed.contradiction === undefined ? candidates(window, failed.order) : [culprit];
    return { culprit, prefix: before.order, unplaced, text: explanation(culprit, before, failed, unplaced) };
  }
}

type AnsweredOperation = Operation & { readonly returnUs: number };

function isAnswered(operation: Operation): operation is AnsweredOperation {
  return operation.answer !== undefined && operation.returnUs !== undefined;
}

/** The history up to the count-th return, that one included. */
function until(
  operations: readonly Operation[],
  answered: readonly AnsweredOperation[],
  count: number,
): Operation[] {
  const last = answered[count - 1];
  if (last === undefined) return [];
  const kept = new Set<Operation>(answered.slice(0, count));
  return operations
    .filter((operation) => operation.callUs <= last.returnUs)
    .map((operation) => {
      if (kept.has(operation) || operation.answer === undefined) return operation;
      const { client, number, callUs, request } = operation;
      return { client, number, callUs, request };
    })
    .filter(isOfConsequence);
}

/** The operations that could have come next after `order`: called before the first return of those that are left. */
function candidates(window: readonly Operation[], order: readonly Operation[]): Operation[] {
  const placed = new Set(order);
  const left = window.filter((operation) => !placed.has(operation));
  const firstReturnUs = Math.min(...left.filter(isAnswered).map((operation) => operation.returnUs));
  const next = left.filter((operation) => operation.callUs <= firstReturnUs);
  return [...next.filter(isAnswered), ...next.filter((operation) => !isAnswered(operation))];
}

/** Operations of a linearization that are shown before the place where it ends. */
const SHOWN = 6;

function explanation(
  culprit: Operation,
  before: Decision,
  failed: Decision,
  unplaced: readonly Operation[],
): string {
  const lines = [
    `Not linearizable as of ${atText(culprit.returnUs ?? culprit.callUs)}, by the answer to ${nameOf(culprit)}:`,
  ];
  if (failed.contradiction !== undefined) {
    lines.push(`  ${failed.contradiction}`);
  } else {
    const shown = failed.order.slice(-SHOWN);
    const left = failed.order.length - shown.length;
    lines.push(
      `The longest order that explains the answers so far${left > 0 ? ` (after ${left} others)` : ""}:`,
    );
    for (const operation of shown) lines.push(`  ${describeOperation(operation)}`);
    lines.push(`leads to ${describeState(failed.state)}; after it none of these fits:`);
    for (const operation of unplaced.slice(0, SHOWN)) lines.push(`  ${describeOperation(operation)}`);
    if (unplaced.length > SHOWN) lines.push(`  and ${unplaced.length - SHOWN} more`);
  }
  if (before.verdict === "undecided")
    lines.push("(An earlier place may be wrong already; the budget did not allow to look.)");
  return lines.join("\n");
}

function describeState(state: StoreState): string {
  const kvs = state.kvs.filter((kv) => kv !== undefined);
  return `revision ${state.revision} with ${kvs.length === 0 ? "no keys" : kvs.map(describeKv).join(", ")}`;
}
