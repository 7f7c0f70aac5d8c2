/**
 * A process' requests that go through the log, from the client to the entry applied. Without a known leader they are held
 * and proposed later; what is sent towards a dead leader is lost, and ends with the request timeout.
 */
import type { ConfigurationChange } from "../raft/types.js";
import { NONE } from "../raft/types.js";
import type { Micros } from "../units/time.js";
import * as errors from "./api-errors.js";
import { ETCD_LIMITS, raftId, requestTimeoutUs } from "./model.js";
import type { GroupContext, Proposal } from "./process-types.js";
import { isConnectedSince, quorumOf } from "./reconfiguration.js";
import type { LoggedRequest, Outcome } from "./requests.js";
import type { Server } from "./server.js";

/** Bytes of a proposal around its value. */
const PROPOSAL_BYTES = 60;

export type Answer = (outcome: Outcome) => void;
/** Gives up what is being answered. */
export type Cancel = () => void;

/** A request being answered. */
interface Pending {
  readonly answer: Answer;
  readonly request: LoggedRequest | undefined;
  readonly change: ConfigurationChange | undefined;
  readonly sinceUs: Micros;
  /** Its data in the log; 0: held until a leader is known. */
  data: number;
}

export class Proposals {
  readonly #group: GroupContext;
  readonly #server: Server;
  readonly #timeoutUs: Micros;
  readonly #applyGapMax: number;
  /** By number, in order of their beginning; all have the same timeout. */
  readonly #requests = new Map<number, Pending>();
  /** Changes of members end with their client's patience only (EtcdServer.configure). */
  readonly #changes = new Map<number, Pending>();
  /** Numbers of those that wait for a leader; some may have been given up since. */
  #held: number[] = [];
  #isSweeping = false;

  constructor(group: GroupContext, server: Server) {
    this.#group = group;
    this.#server = server;
    this.#timeoutUs = requestTimeoutUs(group.model);
    this.#applyGapMax = group.model.applyGapMax ?? ETCD_LIMITS.applyGapMax;
  }

  /** `answer` is called once, unless the request is given up: with what applying it comes to, or with why it was not. */
  propose(request: LoggedRequest, answer: Answer): Cancel | undefined {
    const { committedIndex, appliedIndex } = this.#server;
    // Members publish themselves by the older API, which does not look at that.
    if (request.type !== "publish" && committedIndex > appliedIndex + this.#applyGapMax) {
      this.#group.observer.happened?.(this.#server.member, "tooManyRequests");
      answer(errors.TOO_MANY_REQUESTS);
      return undefined;
    }
    if (bytesOf(request) > ETCD_LIMITS.requestBytesMax) {
      answer(errors.REQUEST_TOO_LARGE);
      return undefined;
    }
    const cancel = this.#begin(this.#requests, { answer, request, change: undefined });
    this.#sweepLater();
    return cancel;
  }

  proposeChange(change: ConfigurationChange, answer: Answer): Cancel {
    return this.#begin(this.#changes, { answer, request: undefined, change });
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
        const pending = this.#pending(id);
        if (pending !== undefined && pending.data === 0) this.#hand(id, pending);
      }
    });
  }

  /** Raft took a proposal of this process back: there is no leader, or this one is handing over. */
  refused(id: number): void {
    const pending = this.#pending(id);
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
    this.raiseAlarm(() => this.applied(proposal, outcome));
  }

  /** This member's space is out. `then` is called when the group knows, or was not to be told in time. */
  raiseAlarm(then: () => void): Cancel | undefined {
    const { member } = this.#server;
    return this.propose({ type: "alarm", action: "activate", alarm: "nospace", member }, then);
  }

  #pending(id: number): Pending | undefined {
    return this.#requests.get(id) ?? this.#changes.get(id);
  }

  #begin(among: Map<number, Pending>, what: Pick<Pending, "answer" | "request" | "change">): Cancel {
    const id = this.#group.nextNumber();
    const pending: Pending = { ...what, sinceUs: this.#group.clock.now, data: 0 };
    among.set(id, pending);
    if (this.#server.loop.node.leader === NONE) this.#hold(id);
    else this.#hand(id, pending);
    // Who waits no longer is not proposed any more; what was proposed stays so.
    return () => among.delete(id);
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
    const pending = this.#pending(id);
    if (pending === undefined) return;
    this.#requests.delete(id);
    this.#changes.delete(id);
    pending.answer(outcome);
  }

  /** One timer for all: the timeouts end in the order of the requests. */
  #sweepLater(): void {
    if (this.#isSweeping) return;
    const first = this.#requests.values().next().value;
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
    for (const [id, pending] of this.#requests) {
      if (pending.sinceUs > before) return;
      if (pending.data > 0) this.#finish(id, this.#timedOut(pending.sinceUs));
      else {
        this.#held = this.#held.filter((held) => held !== id);
        this.#finish(id, errors.CONTEXT_DEADLINE);
      }
    }
  }

  /** Why a proposal made at `sinceUs` may have come to nothing, as far as this member can tell (parseProposeCtxErr). */
  #timedOut(sinceUs: Micros): Outcome {
    const { leader, leadElectedUs, peers, configuration, member, isLeader } = this.#server;
    const lostUs = leadElectedUs - 2 * this.#server.loop.electionTicks * this.#group.model.heartbeatUs;
    if (sinceUs > lostUs && sinceUs < leadElectedUs) return errors.TIMED_OUT_LEADER_FAILED;
    if (leader === NONE) return errors.REQUEST_TIMED_OUT;
    if (!isLeader)
      return isConnectedSince(peers, leader - 1, sinceUs)
        ? errors.REQUEST_TIMED_OUT
        : errors.TIMED_OUT_CONNECTION_LOST;
    const members = [...configuration.voters, ...configuration.learners];
    const connected = members.filter(
      (id) => id === raftId(member) || isConnectedSince(peers, id - 1, sinceUs),
    );
    return connected.length >= quorumOf(members.length)
      ? errors.REQUEST_TIMED_OUT
      : errors.TIMED_OUT_CONNECTION_LOST;
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
