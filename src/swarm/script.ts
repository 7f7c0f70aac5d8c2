/** What an administrator does, step by step, written as one function: each step waits for its answer. */

import type { CallResult, ClientHost } from "../etcd/client.js";
import { type ClientOperation, OperationRecord, type RecordSink, targetOf } from "../etcd/client-record.js";
import type { EtcdModel, MemberNumber } from "../etcd/model.js";
import type { Outcome, Request } from "../etcd/requests.js";
import type { Micros } from "../units/time.js";

/** A request to a member, or a rest. */
export type Step =
  | { readonly type: "ask"; readonly member: MemberNumber; readonly request: Request }
  | { readonly type: "rest"; readonly forUs: Micros };

/** Resumed with what became of an "ask"; undefined: no answer came. */
export type Script = Generator<Step, void, Outcome | undefined>;

const TIMEOUT_US: Micros = 4_000_000;
/** The leader itself waits longer than that for its successor. */
const TRANSFER_TIMEOUT_US: Micros = 15_000_000;

export class Administrator {
  readonly #host: ClientHost;
  readonly #model: EtcdModel;
  readonly #sink: RecordSink;
  #number = 0;

  constructor(host: ClientHost, model: EtcdModel, sink: RecordSink) {
    this.#host = host;
    this.#model = model;
    this.#sink = sink;
  }

  /** Runs beside whatever else is under way. */
  run(script: Script): void {
    this.#step(script, undefined);
  }

  #step(script: Script, answer: Outcome | undefined): void {
    const next = script.next(answer);
    if (next.done === true) return;
    const step = next.value;
    if (step.type === "rest") {
      this.#host.wakeAt(this.#host.now + step.forUs, { wake: () => this.#step(script, undefined) });
      return;
    }
    const target = targetOf(this.#model, step.member);
    const record = this.#record(step.member, step.request);
    const timeoutUs = step.request.type === "moveLeader" ? TRANSFER_TIMEOUT_US : TIMEOUT_US;
    this.#host.call(target.host, step.request, timeoutUs, (result) => {
      if (record !== undefined) {
        record.end(this.#host.now, result);
        this.#sink.ended?.(record);
      }
      this.#step(script, outcomeOf(result));
    });
  }

  /** Of what changes keys: it belongs to the history. */
  #record(member: MemberNumber, request: Request): OperationRecord | undefined {
    const op: ClientOperation | undefined =
      request.type === "put" ? "put" : request.type === "deleteRange" ? "delete" : undefined;
    if (op === undefined || (request.type !== "put" && request.type !== "deleteRange")) return undefined;
    const value = request.type === "put" ? request.value : "";
    const record = new OperationRecord(
      "admin",
      member,
      op,
      this.#number++,
      request.key,
      value,
      request,
      this.#host.now,
    );
    this.#sink.begun?.(record);
    return record;
  }
}

function outcomeOf(result: CallResult): Outcome | undefined {
  return result.type === "response" ? result.response.outcome : undefined;
}
