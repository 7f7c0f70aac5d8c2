/**
 * What the leader alone can answer and a follower passes on: how long leases live, and whether a learner may be promoted.
 * Also the leader's look at leases whose time is up.
 */
import { NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import * as errors from "./api-errors.js";
import { CLIENT_PURPOSE } from "./client.js";
import { ETCD_LIMITS, raftId, requestTimeoutUs } from "./model.js";
import type { GroupContext } from "./process-types.js";
import type { Answer } from "./proposals.js";
import {
  type ClientMessage,
  type LeaseKeepAliveRequest,
  type LeaseTimeToLiveRequest,
  type Outcome,
  RESPONSE_BYTES,
  type Request,
} from "./requests.js";
import type { Server } from "./server.js";

/** A follower that could not reach the leader tries again after so long. */
const FORWARD_RETRY_US = 50_000;
/** A keep-alive waits for the revocation of its lease; how often it looks. */
const REVOCATION_LOOK_US = 10_000;

export class LeaderRequests {
  readonly #group: GroupContext;
  readonly #server: Server;
  readonly #timeoutUs: Micros;

  constructor(group: GroupContext, server: Server) {
    this.#group = group;
    this.#server = server;
    this.#timeoutUs = requestTimeoutUs(group.model);
  }

  /** Asks the leader as a client would, over and over until the request's time is up; `here` once this member leads itself. */
  forward(request: Request, here: () => void, answer: Answer): void {
    this.#forward(request, this.#group.clock.now + this.#timeoutUs, here, answer);
  }

  #forward(request: Request, deadlineUs: Micros, here: () => void, answer: Answer): void {
    const { clock, network } = this.#group;
    const again = (): void => {
      if (clock.now >= deadlineUs) answer(errors.REQUEST_TIMED_OUT);
      else
        this.#server.after(FORWARD_RETRY_US, () => {
          if (this.#server.isLeader && this.#server.store.leases.isPrimary) here();
          else this.#forward(request, deadlineUs, here, answer);
        });
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
      connected: (open) => {
        if (isDone) open.close();
        else open.send({ type: "request", number: 0, request } satisfies ClientMessage, RESPONSE_BYTES);
      },
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
}

export class LeaseRequests {
  readonly #group: GroupContext;
  readonly #server: Server;
  readonly #leader: LeaderRequests;
  #isWatching = false;

  constructor(group: GroupContext, server: Server, leader: LeaderRequests) {
    this.#group = group;
    this.#server = server;
    this.#leader = leader;
  }

  handle(request: LeaseKeepAliveRequest | LeaseTimeToLiveRequest, answer: Answer): void {
    const { store, isLeader } = this.#server;
    const here = (): void => this.handle(request, answer);
    if (!isLeader || !store.leases.isPrimary) this.#leader.forward(request, here, answer);
    else if (request.type === "leaseTimeToLive") this.#timeToLive(request, here, answer);
    else
      this.#server.ensureLeadership((isLeader) => {
        if (isLeader) this.#keepAlive(request, here, answer);
        else answer(errors.NOT_PRIMARY);
      });
  }

  /** While this member is primary and there are leases, it looks for those that ended: every 500 ms of its process. */
  watchEnds(): void {
    const { leases } = this.#server.store;
    if (this.#isWatching || !leases.isPrimary || leases.count === 0) return;
    this.#isWatching = true;
    const { clock } = this.#group;
    const { leaseCheckUs } = ETCD_LIMITS;
    const delayUs = leaseCheckUs - ((clock.now - this.#server.startedUs) % leaseCheckUs);
    this.#server.after(delayUs, () => {
      this.#isWatching = false;
      const expired = this.#server.store.leases.expired(clock.now);
      if (expired.length > 0) this.#server.ensureLeadership((isLeader) => isLeader && this.#revoke(expired));
      this.watchEnds();
    });
  }

  #revoke(leases: readonly number[]): void {
    for (const id of leases) this.#server.api.proposals.propose({ type: "leaseRevoke", id }, () => undefined);
  }

  #timeToLive({ id }: LeaseTimeToLiveRequest, here: () => void, answer: Answer): void {
    const left = this.#server.store.leases.timeToLive(id, this.#group.clock.now);
    if (left === "notPrimary") this.#server.after(FORWARD_RETRY_US, here);
    else answer({ type: "lease", id, ttl: left === "notFound" ? -1 : left.ttl });
  }

  #keepAlive({ id }: LeaseKeepAliveRequest, here: () => void, answer: Answer): void {
    const renewed = this.#server.store.leases.renew(id, this.#group.clock.now);
    if (typeof renewed === "number") answer({ type: "lease", id, ttl: renewed });
    else if (renewed === "notFound") answer(errors.LEASE_GONE);
    else this.#server.after(REVOCATION_LOOK_US, here);
  }
}

/** An answer of a member that was no leader after all: the asker tries again. */
function isTransient(outcome: Outcome): boolean {
  return outcome.type === "error" && outcome.code === "Unavailable";
}
