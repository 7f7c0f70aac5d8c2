/**
 * A process' face to clients: takes requests, has them go through the log or asks for a read index, and answers. Requests
 * without a known leader are held; those sent towards a dead leader are lost and end with the request timeout.
 */
import { assert } from "../assert.js";
import type { CountedDraws } from "../engine/random.js";
import { quantile } from "../engine/variates.js";
import { membersOf } from "../raft/configuration.js";
import type { ConfigurationChange } from "../raft/types.js";
import { NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import * as errors from "./api-errors.js";
import { CLIENT_PURPOSE } from "./client.js";
import { ETCD_LIMITS, type MemberNumber, raftId, requestTimeoutUs } from "./model.js";
import type { GroupContext, Proposal } from "./process-types.js";
import {
  isConnectedAfterAdding,
  isConnectedAfterRemoving,
  isReadyToAddVoter,
  isReadyToPromote,
  isReadyToRemoveVoter,
  type VotersSeen,
} from "./reconfiguration.js";
import { isReadOnlyTxn, isSerializableTxn, refusalOf } from "./request-checks.js";
import type {
  ClientMessage,
  LoggedRequest,
  MemberView,
  Outcome,
  RangeRequest,
  Request,
  Response,
  TxnRequest,
  WatchEvent,
  WatchRequest,
} from "./requests.js";
import type { Server } from "./server.js";
import { NO_SPACE } from "./store-errors.js";
import type { Socket, SocketOwner } from "./tcp-types.js";
import { WATCH_PROGRESS_US, WATCH_SYNC_US, type WatchDelivery } from "./watch.js";

/** Bytes of a response without values: status line, headers, JSON around it. */
const RESPONSE_BYTES = 300;
/** Bytes of a proposal around its value. */
const PROPOSAL_BYTES = 60;
/** A follower that could not reach the leader for a lease or a promotion tries again after so long. */
const FORWARD_RETRY_US = 50_000;

/** A request being answered. */
interface Pending {
  readonly answer: (outcome: Outcome) => void;
  readonly request: LoggedRequest | undefined;
  readonly change: ConfigurationChange | undefined;
  readonly sinceUs: Micros;
  /** Its data in the log; 0: held until a leader is known. */
  data: number;
}

export class Api {
  readonly #group: GroupContext;
  readonly #server: Server;
  readonly #timeoutUs: Micros;
  readonly #handling: CountedDraws;
  readonly #applyGapMax: number;
  #handled = 0;
  /** By number, in order of their beginning; all have the same timeout. */
  readonly #pending = new Map<number, Pending>();
  /** Numbers of those that wait for a leader. */
  #held: number[] = [];
  #isSweeping = false;
  #isWatchingLeases = false;
  /** Requests of connections made before the process was ready. */
  #early: (() => void)[] = [];
  #isSyncingWatches = false;
  readonly #watchSockets = new Map<number, { readonly socket: Socket; readonly number: number }>();

  constructor(group: GroupContext, server: Server) {
    this.#group = group;
    this.#server = server;
    this.#timeoutUs = requestTimeoutUs(group.model);
    this.#applyGapMax = group.model.applyGapMax ?? ETCD_LIMITS.applyGapMax;
    this.#handling = group.streams.counted(`etcd/${group.model.members[server.member]?.name}/request`);
  }

  /** A client's connection. */
  accept(socket: Socket): SocketOwner {
    return new ClientConnection(this, socket);
  }

  /** Makes the member known through the log; it is ready once that is applied. Again and again until it succeeds. */
  publish(): void {
    const { member } = this.#server;
    this.#propose({ type: "publish", member }, (outcome) => {
      if (outcome.type === "published") this.#ready();
      else this.publish();
    });
  }

  /** This process' raft knows a leader: what was held is proposed. */
  leaderKnown(): void {
    if (this.#held.length === 0) return;
    // Not from within a step of Raft.
    this.#server.after(0, () => {
      if (this.#server.loop.node.leader === NONE) return;
      const held = this.#held;
      this.#held = [];
      for (const id of held) {
        const pending = this.#pending.get(id);
        if (pending !== undefined && pending.data === 0) this.#hand(id, pending);
      }
    });
  }

  /** Raft took a proposal of this process back: there is no leader, or this one is handing over. */
  refused(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (this.#server.loop.node.leader === NONE) {
      pending.data = 0;
      this.#hold(id);
    } else {
      this.#group.observer.happened?.(this.#server.member, "proposalRefused");
      this.#finish(id, errors.PROPOSAL_DROPPED);
    }
  }

  /** An entry was applied; if it is one of this process' own, its client is answered. */
  applied(proposal: Proposal, outcome: Outcome): void {
    const { member, incarnation } = this.#server;
    if (proposal.member !== member || proposal.incarnation !== incarnation) return;
    this.#finish(proposal.id, outcome);
  }

  /** As applied, but the database went over its quota: the alarm is raised first. */
  appliedOverQuota(proposal: Proposal, outcome: Outcome): void {
    const { member } = this.#server;
    this.#propose({ type: "alarm", action: "activate", alarm: "nospace", member }, () =>
      this.applied(proposal, outcome),
    );
  }

  /** All changes of one revision. */
  notifyWatches(events: readonly WatchEvent[]): void {
    for (const delivery of this.#server.watches.notify(events)) this.#deliver(delivery);
  }

  /** While watches are behind, they are brought up a piece at a time. */
  syncWatches(): void {
    if (this.#isSyncingWatches || this.#server.watches.unsyncedCount === 0) return;
    this.#isSyncingWatches = true;
    this.#server.after(WATCH_SYNC_US, () => {
      this.#isSyncingWatches = false;
      for (const delivery of this.#server.watches.sync()) {
        const what = delivery.compactRevision > 0 ? "watchCompacted" : "watchBroughtUp";
        this.#group.observer.happened?.(this.#server.member, what);
        this.#deliver(delivery);
      }
      this.syncWatches();
    });
  }

  membersOutcome(): Outcome {
    const { configuration, store } = this.#server;
    const members = membersOf(configuration).map(
      (id): MemberView => ({
        member: id - 1,
        isLearner: !configuration.voters.includes(id) && !configuration.votersOutgoing.includes(id),
        isStarted: store.published.has(id - 1),
      }),
    );
    return { type: "members", members };
  }

  /** While this member is primary and has leases, it looks for those that ended. */
  watchLeases(): void {
    if (this.#isWatchingLeases) return;
    const { leases } = this.#server.store;
    if (!leases.isPrimary || leases.granted().length === 0) return;
    this.#isWatchingLeases = true;
    this.#server.after(ETCD_LIMITS.leaseCheckUs, () => {
      this.#isWatchingLeases = false;
      for (const id of this.#server.store.leases.expired(this.#group.clock.now))
        this.#propose({ type: "leaseRevoke", id }, () => undefined);
      this.watchLeases();
    });
  }

  /** A request has come in; its handling takes half the request's time before, half after. */
  take(request: Request, socket: Socket, answer: (outcome: Outcome) => void): () => void {
    let isCanceled = false;
    let cancel: (() => void) | undefined;
    const half = this.#halfHandlingUs();
    const begin = (): void => {
      if (isCanceled) return;
      cancel = this.#handle(request, socket, (outcome) => {
        if (isCanceled) return;
        this.#server.after(half, () => {
          if (!isCanceled) answer(outcome);
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

  response(outcome: Outcome): Response {
    const { member, store, loop } = this.#server;
    return { header: { member, term: loop.node.term, revision: store.revision }, outcome };
  }

  /** Opens a watch for a request on a connection; it is known by the number returned, or was refused. */
  openWatch(request: WatchRequest, socket: Socket, number: number): number | Outcome {
    const watch = this.#group.nextNumber();
    const outcome = this.#server.watches.create(watch, request);
    if (outcome.type !== "watchCreated") return outcome;
    this.#watchSockets.set(watch, { socket, number });
    this.syncWatches();
    if (request.progressNotify === true) this.#tellProgressLater(watch);
    return watch;
  }

  closeWatch(watch: number): void {
    this.#watchSockets.delete(watch);
    this.#server.watches.cancel(watch);
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
  #handle(request: Request, socket: Socket, answer: (outcome: Outcome) => void): (() => void) | undefined {
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
        return this.#write(request, answer);
      case "leaseGrant":
        // Whoever does not name its lease is given a name by the member.
        return this.#write(request.id === 0 ? { ...request, id: this.#group.nextNumber() } : request, answer);
      case "alarm":
        if (request.action === "get")
          answer({ type: "alarm", members: [...this.#server.store.alarms].sort((a, b) => a - b) });
        else return this.#propose(request, answer);
        return undefined;
      case "leaseKeepAlive":
      case "leaseTimeToLive":
        return this.#lease(request, answer);
      case "memberList":
        if (request.serializable === true) answer(this.membersOutcome());
        else this.#afterReadIndex(answer, () => this.membersOutcome());
        return undefined;
      case "memberAdd":
      case "memberRemove":
      case "memberPromote":
        return this.#changeMembers(request, answer);
      case "moveLeader":
        this.#moveLeader(request.target, answer);
        return undefined;
      case "status":
        answer(this.#status());
        return undefined;
      case "defragment":
        this.#server.store.defragment();
        answer({ type: "defragmented" });
        return undefined;
      case "watch":
        answer({ type: "watchCreated" });
        return undefined;
      case "watchCancel":
        answer({ type: "watchCanceled", compactRevision: 0 });
        return undefined;
    }
  }

  #learnerRefusal(request: Request): Outcome | undefined {
    if (!this.#server.isLearner) return undefined;
    const isLocal = request.type === "status" || (request.type === "range" && request.serializable === true);
    return isLocal ? undefined : errors.NOT_SUPPORTED_FOR_LEARNER;
  }

  // Reads.

  #range(request: RangeRequest, answer: (outcome: Outcome) => void): undefined {
    if (request.serializable === true) answer(this.#server.store.range(request));
    else this.#afterReadIndex(answer, () => this.#server.store.range(request));
  }

  #readTxn(request: TxnRequest, answer: (outcome: Outcome) => void): undefined {
    if (isSerializableTxn(request)) answer(this.#server.store.readTxn(request));
    else this.#afterReadIndex(answer, () => this.#server.store.readTxn(request));
  }

  #afterReadIndex(answer: (outcome: Outcome) => void, read: () => Outcome): void {
    this.#server.reads.add((failure) => {
      if (failure === undefined) answer(read());
      else answer(failure === "timeout" ? errors.REQUEST_TIMED_OUT : errors.LEADER_CHANGED);
    });
  }

  // What goes through the log.

  #write(request: LoggedRequest, answer: (outcome: Outcome) => void): (() => void) | undefined {
    const { store, member } = this.#server;
    if (!store.quotaAvailable(request)) {
      this.#propose({ type: "alarm", action: "activate", alarm: "nospace", member }, () => undefined);
      answer(NO_SPACE);
      return undefined;
    }
    return this.#propose(request, answer);
  }

  #propose(request: LoggedRequest, answer: (outcome: Outcome) => void): (() => void) | undefined {
    return this.#begin(request, undefined, answer);
  }

  #begin(
    request: LoggedRequest | undefined,
    change: ConfigurationChange | undefined,
    answer: (outcome: Outcome) => void,
  ): (() => void) | undefined {
    const { committedIndex, appliedIndex } = this.#server;
    if (request !== undefined && committedIndex > appliedIndex + this.#applyGapMax) {
      this.#group.observer.happened?.(this.#server.member, "tooManyRequests");
      answer(errors.TOO_MANY_REQUESTS);
      return undefined;
    }
    if (request !== undefined && bytesOf(request) > ETCD_LIMITS.requestBytesMax) {
      answer(errors.REQUEST_TOO_LARGE);
      return undefined;
    }
    const id = this.#group.nextNumber();
    const pending: Pending = { answer, request, change, sinceUs: this.#group.clock.now, data: 0 };
    this.#pending.set(id, pending);
    this.#sweepLater();
    if (this.#server.loop.node.leader === NONE) this.#hold(id);
    else this.#hand(id, pending);
    // Who waits no longer is not proposed any more; what was proposed stays so.
    return () => this.#pending.delete(id);
  }

  #hold(id: number): void {
    this.#held.push(id);
    this.#group.observer.happened?.(this.#server.member, "proposalHeld");
  }

  #hand(id: number, pending: Pending): void {
    const { request, change } = pending;
    const { member, incarnation, loop } = this.#server;
    const bytes = request === undefined ? PROPOSAL_BYTES : bytesOf(request);
    pending.data = this.#group.propose({ request, change, member, incarnation, id, bytes });
    if (change === undefined) loop.propose(pending.data);
    else loop.proposeChange(change, pending.data);
  }

  #finish(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.answer(outcome);
  }

  /** One timer for all: the timeouts end in the order of the requests. */
  #sweepLater(): void {
    if (this.#isSweeping) return;
    const first = this.#pending.values().next().value;
    if (first === undefined) return;
    this.#isSweeping = true;
    this.#server.after(Math.max(0, first.sinceUs + this.#timeoutUs - this.#group.clock.now), () => {
      this.#isSweeping = false;
      this.#sweep();
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const before = this.#group.clock.now - this.#timeoutUs;
    for (const [id, pending] of this.#pending) {
      if (pending.sinceUs > before) return;
      if (pending.data > 0) this.#finish(id, errors.REQUEST_TIMED_OUT);
      else {
        this.#held = this.#held.filter((held) => held !== id);
        this.#finish(id, errors.CONTEXT_DEADLINE);
      }
    }
  }

  // Leases: the leader's lessor alone knows when one ends.

  #lease(request: Extract<Request, { readonly id: number }>, answer: (outcome: Outcome) => void): undefined {
    const { store, isLeader } = this.#server;
    const now = this.#group.clock.now;
    if (!isLeader || !store.leases.isPrimary) {
      this.#forward(request, now + this.#timeoutUs, answer);
      return;
    }
    if (request.type === "leaseTimeToLive") {
      const left = store.leases.timeToLive(request.id, now);
      if (left === "notPrimary") this.#forward(request, now + this.#timeoutUs, answer);
      else answer({ type: "lease", id: request.id, ttl: left === "notFound" ? -1 : left.ttl });
      return;
    }
    const renewed = store.leases.renew(request.id, now);
    if (typeof renewed === "number") answer({ type: "lease", id: request.id, ttl: renewed });
    else if (renewed === "notPrimary") this.#forward(request, now + this.#timeoutUs, answer);
    else answer(errors.LEASE_GONE);
  }

  /** Asks the leader as a client would, over and over until the request's time is up. */
  #forward(request: Request, deadlineUs: Micros, answer: (outcome: Outcome) => void): void {
    const { clock, network } = this.#group;
    const again = (): void => {
      if (clock.now >= deadlineUs) answer(errors.REQUEST_TIMED_OUT);
      else this.#server.after(FORWARD_RETRY_US, () => this.#retryForward(request, deadlineUs, answer));
    };
    const { leader, member } = this.#server;
    if (leader === NONE || leader === raftId(member)) {
      again();
      return;
    }
    let isDone = false;
    const done = (outcome: Outcome | undefined): void => {
      if (isDone) return;
      isDone = true;
      if (outcome === undefined) again();
      else answer(outcome);
    };
    const from = this.#group.hostOf(member);
    const timeoutUs = Math.max(1, deadlineUs - clock.now);
    const socket = network.dial(from, this.#group.hostOf(leader - 1), CLIENT_PURPOSE, timeoutUs, {
      connected: (open) =>
        open.send({ type: "request", number: 0, request } satisfies ClientMessage, RESPONSE_BYTES),
      received: (open, item) => {
        const message = item as ClientMessage;
        open.close();
        if (message.type === "response")
          done(isTransient(message.response.outcome) ? undefined : message.response.outcome);
      },
      closed: () => done(undefined),
    });
    this.#server.after(timeoutUs, () => {
      if (!isDone && socket.isOpen) socket.close();
      done(undefined);
    });
  }

  /** By now this member may lead itself. */
  #retryForward(request: Request, deadlineUs: Micros, answer: (outcome: Outcome) => void): void {
    if (!this.#server.isLeader) this.#forward(request, deadlineUs, answer);
    else if (request.type === "memberPromote") this.#changeMembers(request, answer);
    else if ("id" in request && (request.type === "leaseKeepAlive" || request.type === "leaseTimeToLive"))
      this.#lease(request, answer);
  }

  // Members.

  #changeMembers(
    request: Extract<Request, { readonly type: "memberAdd" | "memberRemove" | "memberPromote" }>,
    answer: (outcome: Outcome) => void,
  ): (() => void) | undefined {
    if (request.type === "memberPromote" && this.#server.loop.node.role !== "leader") {
      this.#forward(request, this.#group.clock.now + this.#timeoutUs, answer);
      return undefined;
    }
    const refusal = this.#changeRefusal(request);
    if (refusal !== undefined) {
      answer(refusal);
      return undefined;
    }
    const member = raftId(request.member);
    const type =
      request.type === "memberRemove"
        ? "remove"
        : request.type === "memberAdd" && request.isLearner
          ? "add-learner"
          : "add-voter";
    return this.#begin(undefined, { transition: "auto", changes: [{ type, member }] }, answer);
  }

  #changeRefusal(
    request: Extract<Request, { readonly type: "memberAdd" | "memberRemove" | "memberPromote" }>,
  ): Outcome | undefined {
    const { configuration, peers, member: self } = this.#server;
    const { strictReconfigCheck, maxLearners } = this.#group.model;
    const id = raftId(request.member);
    const exists = membersOf(configuration).includes(id);
    const isLearner = configuration.learners.includes(id);
    if (request.type === "memberAdd") {
      if (strictReconfigCheck && !request.isLearner && !isReadyToAddVoter(this.#seen()))
        return errors.NOT_ENOUGH_STARTED;
      if (strictReconfigCheck && !isConnectedAfterAdding(this.#connected(), configuration.voters.length))
        return errors.UNHEALTHY;
      if (exists) return errors.MEMBER_EXISTS;
      if (request.isLearner && configuration.learners.length >= maxLearners) return errors.TOO_MANY_LEARNERS;
      return undefined;
    }
    if (!exists) return errors.MEMBER_NOT_FOUND;
    if (request.type === "memberPromote") {
      if (!isLearner) return errors.MEMBER_NOT_LEARNER;
      const learner = this.#server.loop.node.progress(id)?.matchIndex ?? 0;
      const own = this.#server.loop.node.progress(raftId(self))?.matchIndex ?? 0;
      if (learner < own * ETCD_LIMITS.learnerReadyShare) return errors.LEARNER_NOT_READY;
      return strictReconfigCheck && !isReadyToPromote(this.#seen()) ? errors.NOT_ENOUGH_STARTED : undefined;
    }
    if (!strictReconfigCheck || isLearner) return undefined;
    if (!isReadyToRemoveVoter(this.#seen(id))) return errors.NOT_ENOUGH_STARTED;
    if (request.member !== self && peers.activeSinceUs(request.member) === undefined) return undefined;
    return isConnectedAfterRemoving(this.#connected(), configuration.voters.length)
      ? undefined
      : errors.UNHEALTHY;
  }

  #seen(without: number = NONE): VotersSeen {
    const { configuration, store } = this.#server;
    const voters = configuration.voters.filter((id) => id !== without);
    return { voters: voters.length, started: voters.filter((id) => store.published.has(id - 1)).length };
  }

  /** Voters with which a connection has stood for the health interval, this member included. */
  #connected(): number {
    const { configuration, peers, member } = this.#server;
    const before = this.#group.clock.now - ETCD_LIMITS.healthyUs;
    return configuration.voters.filter((id) => {
      if (id === raftId(member)) return true;
      const since = peers.activeSinceUs(id - 1);
      return since !== undefined && since < before;
    }).length;
  }

  // The rest.

  #moveLeader(target: MemberNumber, answer: (outcome: Outcome) => void): void {
    const { configuration, loop } = this.#server;
    if (!this.#server.isLeader) {
      answer(errors.NOT_LEADER);
      return;
    }
    if (!configuration.voters.includes(raftId(target))) {
      answer(errors.BAD_TRANSFEREE);
      return;
    }
    const deadlineUs = this.#group.clock.now + this.#timeoutUs;
    loop.transferLeadership(raftId(target));
    const look = (): void => {
      if (this.#server.leader === raftId(target)) answer({ type: "moved" });
      else if (this.#group.clock.now >= deadlineUs) answer(errors.TRANSFER_TIMED_OUT);
      else this.#server.after(this.#group.model.heartbeatUs, look);
    };
    look();
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

  #tellProgressLater(watch: number): void {
    this.#server.after(WATCH_PROGRESS_US, () => {
      if (!this.#watchSockets.has(watch)) return;
      for (const delivery of this.#server.watches.progress([watch])) this.#deliver(delivery);
      this.#tellProgressLater(watch);
    });
  }

  #deliver({ watch, events, revision, compactRevision }: WatchDelivery): void {
    const open = this.#watchSockets.get(watch);
    if (open === undefined || !open.socket.isOpen) return;
    const { member, loop } = this.#server;
    const header = { member, term: loop.node.term, revision };
    if (compactRevision > 0) {
      this.#watchSockets.delete(watch);
      const response: Response = { header, outcome: { type: "watchCanceled", compactRevision } };
      const item: ClientMessage = { type: "response", number: open.number, response };
      open.socket.send(item, RESPONSE_BYTES);
      return;
    }
    let bytes = RESPONSE_BYTES;
    for (const { kv } of events) bytes += kv.key.length + kv.value.length;
    const item: ClientMessage = { type: "watch", response: { header, watch: open.number, events } };
    open.socket.send(item, bytes);
  }
}

/** One connection of a client: requests one after the other, and the watches opened on it. */
class ClientConnection implements SocketOwner {
  readonly #api: Api;
  readonly #socket: Socket;
  /** How to give up what is being answered, by the request's number. */
  readonly #cancels = new Map<number, () => void>();
  /** By the number of the request that made them. */
  readonly #watches = new Map<number, number>();

  constructor(api: Api, socket: Socket) {
    this.#api = api;
    this.#socket = socket;
  }

  received(_: Socket, item: NonNullable<unknown>): void {
    const message = item as ClientMessage;
    assert(message.type === "request", "clients send requests");
    const { number, request } = message;
    const cancel = this.#api.take(request, this.#socket, (outcome) => {
      this.#cancels.delete(number);
      this.#answer(number, request, outcome);
    });
    this.#cancels.set(number, cancel);
  }

  closed(): void {
    for (const cancel of this.#cancels.values()) cancel();
    for (const watch of this.#watches.values()) this.#api.closeWatch(watch);
    this.#cancels.clear();
    this.#watches.clear();
  }

  #answer(number: number, request: Request, outcome: Outcome): void {
    if (!this.#socket.isOpen) return;
    if (request.type === "watch" && outcome.type === "watchCreated") {
      this.#open(number, request);
      return;
    }
    if (request.type === "watchCancel") {
      const watch = this.#watches.get(request.watch);
      if (watch !== undefined) this.#api.closeWatch(watch);
      this.#watches.delete(request.watch);
    }
    this.#send(number, outcome);
  }

  #open(number: number, request: WatchRequest): void {
    const opened = this.#api.openWatch(request, this.#socket, number);
    if (typeof opened === "number") this.#watches.set(number, opened);
    this.#send(number, typeof opened === "number" ? { type: "watchCreated" } : opened);
  }

  #send(number: number, outcome: Outcome): void {
    const item: ClientMessage = { type: "response", number, response: this.#api.response(outcome) };
    this.#socket.send(item, RESPONSE_BYTES);
  }
}

function bytesOf(request: LoggedRequest): number {
  switch (request.type) {
    case "put":
      return PROPOSAL_BYTES + request.key.length + (request.bytes ?? request.value.length);
    case "txn":
      return [...request.success, ...request.failure].reduce(
        (sum, one) => sum + (one.type === "put" ? bytesOf(one) : PROPOSAL_BYTES),
        PROPOSAL_BYTES,
      );
    default:
      return PROPOSAL_BYTES;
  }
}

/** An answer of a member that was no leader after all: the asker tries again. */
function isTransient(outcome: Outcome): boolean {
  return outcome.type === "error" && outcome.code === "Unavailable";
}
