/** What a member's server tells clients when it cannot answer; etcd 3.5's own codes and words (api/v3rpc/rpctypes). */
import type { ErrorCode, Outcome } from "./requests.js";

function error(code: ErrorCode, message: string): Outcome {
  return Object.freeze({ type: "error", code, message });
}

/** Its time is up while it is held, not proposed yet: no leader was known. */
export const CONTEXT_DEADLINE = error("DeadlineExceeded", "context deadline exceeded");
/** Proposed, or asked, and nothing came of it in time. */
export const REQUEST_TIMED_OUT = error("Unavailable", "etcdserver: request timed out");
/** As before, and the leader of that time is gone. */
export const TIMED_OUT_LEADER_FAILED = error(
  "Unavailable",
  "etcdserver: request timed out, possibly due to previous leader failure",
);
/** As before, and the connection with the leader, or at a leader with a quorum, has not stood all that time. */
export const TIMED_OUT_CONNECTION_LOST = error(
  "Unavailable",
  "etcdserver: request timed out, possibly due to connection lost",
);
export const LEADER_CHANGED = error("Unavailable", "etcdserver: leader changed");
export const TOO_MANY_REQUESTS = error("ResourceExhausted", "etcdserver: too many requests");
export const REQUEST_TOO_LARGE = error("InvalidArgument", "etcdserver: request is too large");
/** The leader is handing over. */
export const PROPOSAL_DROPPED = error("Unknown", "raft proposal dropped");
export const NOT_SUPPORTED_FOR_LEARNER = error("Unavailable", "etcdserver: rpc not supported for learner");
export const NOT_LEADER = error("FailedPrecondition", "etcdserver: not leader");
export const BAD_TRANSFEREE = error("FailedPrecondition", "etcdserver: bad leader transferee");
export const TRANSFER_TIMED_OUT = error(
  "Unavailable",
  "etcdserver: request timed out, leader transfer took too long",
);
export const NOT_ENOUGH_STARTED = error(
  "FailedPrecondition",
  "etcdserver: re-configuration failed due to not enough started members",
);
export const UNHEALTHY = error("Unavailable", "etcdserver: unhealthy cluster");
export const MEMBER_EXISTS = error("FailedPrecondition", "etcdserver: member ID already exist");
export const MEMBER_NOT_FOUND = error("NotFound", "etcdserver: member not found");
export const MEMBER_NOT_LEARNER = error(
  "FailedPrecondition",
  "etcdserver: can only promote a learner member",
);
export const LEARNER_NOT_READY = error(
  "FailedPrecondition",
  "etcdserver: can only promote a learner member which is in sync with leader",
);
export const TOO_MANY_LEARNERS = error(
  "FailedPrecondition",
  "etcdserver: too many learner members in cluster",
);
/** A leader that cannot make sure that it still is one. */
export const NOT_PRIMARY = error("Unknown", "not a primary lessor");
export const LEASE_GONE = error("NotFound", "etcdserver: requested lease not found");
