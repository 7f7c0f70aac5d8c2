/** What a client did and what became of it: the history that every check and every measured figure is made of. */
import type { Micros } from "../units/time.js";
import type { CallResult } from "./client.js";
import type { EtcdModel, HostId, MemberNumber } from "./model.js";
import type { Request, Response } from "./requests.js";

/** A member and where it is asked. */
export interface Target {
  readonly member: MemberNumber;
  readonly host: HostId;
}

/** The member as a client addresses it. */
export function targetOf(model: Pick<EtcdModel, "members">, member: MemberNumber): Target {
  const host = model.members[member]?.host;
  if (host === undefined) throw new RangeError(`there is no member ${member}`);
  return { member, host };
}

/** "lin" and "ser": linearizable and serializable reads; "cas": a compare-and-swap transaction. */
export type ClientOperation =
  | "put"
  | "lin"
  | "ser"
  | "cas"
  | "delete"
  | "leaseGrant"
  | "leaseKeepAlive"
  | "leaseRevoke";

/** One operation of one client. Written when it begins and completed when it ends; immutable to everybody else. */
export interface ClientRecord {
  readonly client: string;
  /** Whom it asked. */
  readonly member: MemberNumber;
  readonly op: ClientOperation;
  /** Counts this client's operations from 0. */
  readonly number: number;
  readonly key: string;
  /** What a write writes; "" for what writes nothing. */
  readonly value: string;
  readonly request: Request;
  readonly startUs: Micros;
  /** Undefined: still in flight. */
  readonly endUs: Micros | undefined;
  /** It was answered, and not by an error. */
  readonly ok: boolean;
  /** An error's message, "timeout", or why its connection was over. */
  readonly error: string | undefined;
  /** Known to have left the client; false only when it is known that it has not. */
  readonly isSent: boolean;
  readonly response: Response | undefined;
}

/**
 * What is known of an operation's effect. "failed": it has none and never will have. "unknown": it may have taken effect,
 * or may yet. An operation that only reads and was not answered has "failed".
 */
export type OutcomeClass = "ok" | "failed" | "unknown";

/** What the client may conclude about the operation's effect; one in flight is unknown. */
export function outcomeClass(record: ClientRecord): OutcomeClass {
  if (record.ok) return "ok";
  if (record.op === "lin" || record.op === "ser") return record.endUs === undefined ? "unknown" : "failed";
  if (record.endUs !== undefined && !record.isSent) return "failed";
  const outcome = record.response?.outcome;
  return outcome?.type === "error" && isRefusal(outcome.code, outcome.message) ? "failed" : "unknown";
}

/**
 * Whether an error says that the request has no effect. These codes come from checks before the request is proposed, or
 * from its application without a change. "Unavailable" and "DeadlineExceeded" mostly say that nobody knows. "database
 * space exceeded" is the trap among the "ResourceExhausted": the write that raises the alarm is applied and answered
 * with that error all the same (quotaApplierV3 in etcd 3.5's server/etcdserver/apply.go).
 */
function isRefusal(code: string, message: string): boolean {
  switch (code) {
    case "InvalidArgument":
    case "FailedPrecondition":
    case "NotFound":
    case "OutOfRange":
      return true;
    case "ResourceExhausted":
      return message.includes("too many requests");
    case "Unavailable":
      return (
        message.includes("no leader") ||
        message.includes("not supported for learner") ||
        message.includes("unhealthy cluster")
      );
    case "Unknown":
      // The member asked leads and is handing over: Raft did not take it. A follower would have passed it on unheard.
      return message === "raft proposal dropped";
    default:
      return false;
  }
}

/** Where records go. */
export interface RecordSink {
  /** An operation begins; the record is completed later, in place. */
  begun?(record: ClientRecord): void;
  /** It ended, before its client goes on. */
  ended?(record: ClientRecord): void;
}

/** Records in the order in which the operations began, those in flight included. Several clients may share one. */
export class History implements RecordSink {
  readonly records: ClientRecord[] = [];

  begun(record: ClientRecord): void {
    this.records.push(record);
  }
}

/** A record in the hands of the client that makes it. */
export class OperationRecord implements ClientRecord {
  endUs: Micros | undefined = undefined;
  ok = false;
  error: string | undefined = undefined;
  isSent = true;
  response: Response | undefined = undefined;

  constructor(
    readonly client: string,
    readonly member: MemberNumber,
    readonly op: ClientOperation,
    readonly number: number,
    readonly key: string,
    readonly value: string,
    readonly request: Request,
    readonly startUs: Micros,
  ) {}

  end(atUs: Micros, result: CallResult): void {
    this.endUs = atUs;
    if (result.type === "response") {
      this.response = result.response;
      const outcome = result.response.outcome;
      this.ok = outcome.type !== "error";
      if (outcome.type === "error") this.error = outcome.message;
      return;
    }
    this.isSent = result.isSent;
    this.error = result.type === "timeout" ? "timeout" : result.reason;
  }
}
