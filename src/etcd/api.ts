/**
 * A process' face to clients: takes requests, has them go through the log, asks for a read index or answers at once. What
 * takes more than a few lines has a file of its own.
 */
import type { CountedDraws } from "../engine/random.js";
import { quantile } from "../engine/variates.js";
import { NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import * as errors from "./api-errors.js";
import { ClientConnection } from "./client-connection.js";
import { LeaderRequests, LeaseRequests } from "./leader-requests.js";
import { MemberRequests } from "./member-requests.js";
import type { GroupContext } from "./process-types.js";
import { type Answer, type Cancel, Proposals } from "./proposals.js";
import { isReadOnlyTxn, isSerializableTxn, refusalOf } from "./request-checks.js";
import type { LoggedRequest, Outcome, RangeRequest, Request, Response, TxnRequest } from "./requests.js";
import type { Server } from "./server.js";
import { NO_SPACE } from "./store-errors.js";
import type { Socket, SocketOwner } from "./tcp-types.js";
import { WatchStreams } from "./watch-streams.js";

/** A member that could not publish itself because its proposal was refused tries again after so long; etcd at once. */
const PUBLISH_RETRY_US = 10_000;

export class Api {
  readonly proposals: Proposals;
  readonly leases: LeaseRequests;
  readonly members: MemberRequests;
  readonly watches: WatchStreams;
  readonly #group: GroupContext;
  readonly #server: Server;
  readonly #handling: CountedDraws;
  #handled = 0;
  /** Requests of connections made before the process was ready. */
  #early: (() => void)[] = [];

  constructor(group: GroupContext, server: Server) {
    const leader = new LeaderRequests(group, server);
    this.#group = group;
    this.#server = server;
    this.proposals = new Proposals(group, server);
    this.leases = new LeaseRequests(group, server, leader);
    this.members = new MemberRequests(group, server, leader);
    this.watches = new WatchStreams(group, server);
    this.#handling = group.streams.counted(`etcd/${group.model.members[server.member]?.name}/request`);
  }

  /** A client's connection. */
  accept(socket: Socket): SocketOwner {
    return new ClientConnection(this, socket);
  }

  /** Makes the member known through the log; it is ready once that is applied. Again and again until it succeeds. */
  publish(): void {
    const { member } = this.#server;
    this.proposals.propose({ type: "publish", member }, (outcome) => {
      if (outcome.type === "published") this.#ready();
      // A refusal comes from within a step of Raft.
      else this.#server.after(PUBLISH_RETRY_US, () => this.publish());
    });
  }

  /** A request has come in; its handling takes half the request's time before, half after. Answered with the store's revision as of the outcome. */
  take(request: Request, answer: (outcome: Outcome, revision: number) => void): Cancel {
    let isCanceled = false;
    let cancel: Cancel | undefined;
    const half = this.#halfHandlingUs();
    const begin = (): void => {
      if (isCanceled) return;
      cancel = this.#handle(request, (outcome) => {
        if (isCanceled) return;
        // The answer names the revision it was made at, whatever is applied until it leaves.
        const { revision } = this.#server.store;
        this.#server.after(half, () => {
          if (!isCanceled) answer(outcome, revision);
        });
      });
    };
    this.#server.after(half, () => {
      if (this.#server.isReady) begin();
      else this.#early.push(begin);
    });
    return () => {
      isCanceled = true;
      cancel?.();
    };
  }

  /** The store's, now. */
  get revision(): number {
    return this.#server.store.revision;
  }

  response(outcome: Outcome, revision: number): Response {
    const { member, loop } = this.#server;
    return { header: { member, term: loop.node.term, revision }, outcome };
  }

  #halfHandlingUs(): Micros {
    const { requestUs } = this.#group.model.costs;
    const u =
      requestUs.kind === "constant" ? 0 : this.#handling.uniform(this.#server.incarnation, ++this.#handled);
    return Math.round(quantile(requestUs, u) / 2);
  }

  #ready(): void {
    this.#server.isReady = true;
    this.#group.observer.ready?.(this.#server.member);
    const early = this.#early;
    this.#early = [];
    for (const begin of early) begin();
  }

  /** Returns how to give the request up, where that makes a difference. */
  #handle(request: Request, answer: Answer): Cancel | undefined {
    const refusal = refusalOf(request) ?? this.#learnerRefusal(request);
    if (refusal !== undefined) {
      answer(refusal);
      return undefined;
    }
    switch (request.type) {
      case "range":
        return this.#range(request, answer);
      case "txn":
        return isReadOnlyTxn(request) ? this.#readTxn(request, answer) : this.#write(request, answer);
      case "put":
      case "deleteRange":
      case "leaseRevoke":
      case "compact":
      case "alarm":
        return this.#write(request, answer);
      case "leaseGrant":
        // Whoever does not name its lease is given a name by the member.
        return this.#write(request.id === 0 ? { ...request, id: this.#group.nextNumber() } : request, answer);
      case "memberAdd":
      case "memberRemove":
      case "memberPromote":
        return this.members.change(request, answer);
      default:
        this.#answerHere(request, answer);
        return undefined;
    }
  }

  /** Requests that are not given up. */
  #answerHere(
    request: Extract<
      Request,
      | { readonly type: "leaseKeepAlive" | "leaseTimeToLive" | "memberList" | "moveLeader" | "status" }
      | { readonly type: "defragment" | "watch" | "watchCancel" }
    >,
    answer: Answer,
  ): void {
    switch (request.type) {
      case "leaseKeepAlive":
      case "leaseTimeToLive":
        this.leases.handle(request, answer);
        return;
      case "memberList":
        if (request.serializable === true) answer(this.members.list());
        else this.#afterReadIndex(answer, () => this.members.list());
        return;
      case "moveLeader":
        this.members.moveLeader(request.target, answer);
        return;
      case "status":
        answer(this.#status());
        return;
      case "defragment":
        this.#server.store.defragment();
        answer({ type: "defragmented" });
        return;
      case "watch":
        answer({ type: "watchCreated" });
        return;
      case "watchCancel":
        answer({ type: "watchCanceled", compactRevision: 0 });
        return;
    }
  }

  #learnerRefusal(request: Request): Outcome | undefined {
    if (!this.#server.isLearner) return undefined;
    const isLocal = request.type === "status" || (request.type === "range" && request.serializable === true);
    return isLocal ? undefined : errors.NOT_SUPPORTED_FOR_LEARNER;
  }

  #range(request: RangeRequest, answer: Answer): undefined {
    if (request.serializable === true) answer(this.#server.store.range(request));
    else this.#afterReadIndex(answer, () => this.#server.store.range(request));
  }

  #readTxn(request: TxnRequest, answer: Answer): undefined {
    if (isSerializableTxn(request)) answer(this.#server.store.readTxn(request));
    else this.#afterReadIndex(answer, () => this.#server.store.readTxn(request));
  }

  #afterReadIndex(answer: Answer, read: () => Outcome): void {
    this.#server.reads.add((failure) => {
      if (failure === undefined) answer(read());
      else answer(failure === "timeout" ? errors.REQUEST_TIMED_OUT : errors.LEADER_CHANGED);
    });
  }

  /** What does not fit into this member's database is refused, once the group knows of it. */
  #write(request: LoggedRequest, answer: Answer): Cancel | undefined {
    const { proposals } = this;
    if (this.#server.store.quotaAvailable(request)) return proposals.propose(request, answer);
    return proposals.raiseAlarm(() => answer(NO_SPACE));
  }

  #status(): Outcome {
    const { leader, appliedIndex, committedIndex, store, isLearner } = this.#server;
    return {
      type: "status",
      leader: leader === NONE ? undefined : leader - 1,
      appliedIndex,
      committedIndex,
      backendBytes: store.backendBytes,
      isLearner,
    };
  }
}
