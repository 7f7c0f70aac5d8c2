/** What etcd's state machine and its request checks refuse, in the words its clients see (api/v3rpc/rpctypes of 3.5). */
import type { ErrorCode, Outcome } from "./requests.js";

/** A refusal. */
export type Refusal = Extract<Outcome, { readonly type: "error" }>;

export const EMPTY_KEY = refusal("InvalidArgument", "etcdserver: key is not provided");
export const TOO_MANY_OPERATIONS = refusal(
  "InvalidArgument",
  "etcdserver: too many operations in txn request",
);
export const DUPLICATE_KEY = refusal("InvalidArgument", "etcdserver: duplicate key given in txn request");
export const COMPACTED = refusal("OutOfRange", "etcdserver: mvcc: required revision has been compacted");
export const FUTURE_REVISION = refusal(
  "OutOfRange",
  "etcdserver: mvcc: required revision is a future revision",
);
export const NO_SPACE = refusal("ResourceExhausted", "etcdserver: mvcc: database space exceeded");
export const LEASE_NOT_FOUND = refusal("NotFound", "etcdserver: requested lease not found");
export const LEASE_EXISTS = refusal("FailedPrecondition", "etcdserver: lease already exists");
export const LEASE_TTL_TOO_LARGE = refusal("OutOfRange", "etcdserver: too large lease TTL");

function refusal(code: ErrorCode, message: string): Refusal {
  return Object.freeze({ type: "error", code, message });
}
