/**
 * What clients ask of a member and what they are told: etcd's v3 API in its own words, without authentication. Requests
 * and responses are immutable; those that go through the log are the log's content ({@link LoggedRequest}).
 */
import type { MemberNumber } from "./model.js";

/** A key or the end of a range; ranges are half open, ordered bytewise by UTF-16 code unit; "\0" as the end: all keys from `key` on. */
export type Key = string;

export interface PutRequest {
  readonly type: "put";
  readonly key: Key;
  readonly value: string;
  /** Bytes that the value stands for, when it is longer than its text. */
  readonly bytes?: number;
  readonly lease?: number;
}

export interface RangeRequest {
  readonly type: "range";
  readonly key: Key;
  readonly rangeEnd?: Key;
  /** 0 or absent: the latest. */
  readonly revision?: number;
  readonly limit?: number;
  /** Answered from this member's own state without asking anybody. */
  readonly serializable?: boolean;
}

export interface DeleteRangeRequest {
  readonly type: "deleteRange";
  readonly key: Key;
  readonly rangeEnd?: Key;
}

/** `target` is compared with the key's own; a missing key has revisions and version 0. */
export interface Compare {
  readonly key: Key;
  readonly target: "value" | "version" | "createRevision" | "modRevision" | "lease";
  readonly result: "equal" | "greater" | "less" | "notEqual";
  readonly operand: string | number;
}

export type TxnOperation = PutRequest | RangeRequest | DeleteRangeRequest;

export interface TxnRequest {
  readonly type: "txn";
  readonly compare: readonly Compare[];
  readonly success: readonly TxnOperation[];
  readonly failure: readonly TxnOperation[];
}

export interface CompactRequest {
  readonly type: "compact";
  readonly revision: number;
}

export interface LeaseGrantRequest {
  readonly type: "leaseGrant";
  /** Seconds. */
  readonly ttl: number;
  /** 0: the member chooses. */
  readonly id: number;
}

export interface LeaseRevokeRequest {
  readonly type: "leaseRevoke";
  readonly id: number;
}

/** Handled by the leader's lessor, not by the log; a follower passes it on. */
export interface LeaseKeepAliveRequest {
  readonly type: "leaseKeepAlive";
  readonly id: number;
}

export interface LeaseTimeToLiveRequest {
  readonly type: "leaseTimeToLive";
  readonly id: number;
}

export interface AlarmRequest {
  readonly type: "alarm";
  readonly action: "get" | "activate" | "deactivate";
  readonly alarm: "nospace";
  readonly member: MemberNumber;
}

export interface MemberAddRequest {
  readonly type: "memberAdd";
  readonly member: MemberNumber;
  readonly isLearner: boolean;
}

export interface MemberRemoveRequest {
  readonly type: "memberRemove";
  readonly member: MemberNumber;
}

export interface MemberPromoteRequest {
  readonly type: "memberPromote";
  readonly member: MemberNumber;
}

export interface MemberListRequest {
  readonly type: "memberList";
  readonly serializable?: boolean;
}

/** Only the leader takes it. */
export interface MoveLeaderRequest {
  readonly type: "moveLeader";
  readonly target: MemberNumber;
}

export interface StatusRequest {
  readonly type: "status";
}

/** Drops the backend's free pages: brings its size down to what is in use. */
export interface DefragmentRequest {
  readonly type: "defragment";
}

/** From `startRevision` (0: from now on) every change of the range, in order of revision. Events come as {@link WatchResponse}s with the request's number. */
export interface WatchRequest {
  readonly type: "watch";
  readonly key: Key;
  readonly rangeEnd?: Key;
  readonly startRevision: number;
  /** Empty responses that tell the member's revision, every ten minutes when idle. */
  readonly progressNotify?: boolean;
}

export interface WatchCancelRequest {
  readonly type: "watchCancel";
  /** The number of the watch's request. */
  readonly watch: number;
}

export type Request =
  | PutRequest
  | RangeRequest
  | DeleteRangeRequest
  | TxnRequest
  | CompactRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | LeaseKeepAliveRequest
  | LeaseTimeToLiveRequest
  | AlarmRequest
  | MemberAddRequest
  | MemberRemoveRequest
  | MemberPromoteRequest
  | MemberListRequest
  | MoveLeaderRequest
  | StatusRequest
  | DefragmentRequest
  | WatchRequest
  | WatchCancelRequest;

/** What a member proposes of its own accord. */
export interface PublishRequest {
  readonly type: "publish";
  readonly member: MemberNumber;
}

/** The requests that are entries of the log. Changes of members are Raft's own kind of entry. */
export type LoggedRequest =
  | PutRequest
  | DeleteRangeRequest
  | TxnRequest
  | CompactRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | AlarmRequest
  | PublishRequest;

/** gRPC's codes, as far as etcd uses them here. */
export type ErrorCode =
  | "Unavailable"
  | "DeadlineExceeded"
  | "OutOfRange"
  | "NotFound"
  | "FailedPrecondition"
  | "ResourceExhausted"
  | "InvalidArgument"
  | "Unknown";

export interface KeyValue {
  readonly key: Key;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** 0: none. */
  readonly lease: number;
}

/** Who answered and how far it was. */
export interface ResponseHeader {
  readonly member: MemberNumber;
  readonly term: number;
  /** The store's revision when the answer was made. */
  readonly revision: number;
}

export type TxnResult =
  | { readonly type: "put" }
  | { readonly type: "range"; readonly kvs: readonly KeyValue[]; readonly count: number }
  | { readonly type: "deleteRange"; readonly deleted: number };

export interface MemberView {
  readonly member: MemberNumber;
  readonly isLearner: boolean;
  /** It has published itself. */
  readonly isStarted: boolean;
}

/** The outcome of applying or answering, without the header. */
export type Outcome =
  | { readonly type: "put" }
  | { readonly type: "range"; readonly kvs: readonly KeyValue[]; readonly count: number }
  | { readonly type: "deleteRange"; readonly deleted: number }
  | { readonly type: "txn"; readonly succeeded: boolean; readonly results: readonly TxnResult[] }
  | { readonly type: "compact" }
  | {
      readonly type: "lease";
      readonly id: number /** Seconds; -1: there is no such lease. */;
      readonly ttl: number;
    }
  | { readonly type: "alarm"; readonly members: readonly MemberNumber[] }
  | { readonly type: "members"; readonly members: readonly MemberView[] }
  | { readonly type: "moved" }
  | {
      readonly type: "status";
      readonly leader: MemberNumber | undefined;
      readonly appliedIndex: number;
      readonly committedIndex: number;
      readonly backendBytes: number;
      readonly isLearner: boolean;
    }
  | { readonly type: "defragmented" }
  | { readonly type: "watchCreated" }
  | {
      readonly type: "watchCanceled" /** Above 0: the watch asked for revisions that are compacted. */;
      readonly compactRevision: number;
    }
  | { readonly type: "published" }
  | { readonly type: "error"; readonly code: ErrorCode; readonly message: string };

export interface Response {
  readonly header: ResponseHeader;
  readonly outcome: Outcome;
}

export interface WatchEvent {
  readonly type: "put" | "delete";
  readonly kv: KeyValue;
}

/** Some events of one watch: all those of a revision together, or none. */
export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly watch: number;
  readonly events: readonly WatchEvent[];
}

/** What travels on a client's connection. */
export type ClientMessage =
  | { readonly type: "request"; readonly number: number; readonly request: Request }
  | { readonly type: "response"; readonly number: number; readonly response: Response }
  | { readonly type: "watch"; readonly response: WatchResponse };

/** Bytes of a response without values: status line, headers, JSON around it. */
export const RESPONSE_BYTES = 300;
