/** Requests about the group itself: who takes part, and who leads. */
import { membersOf } from "../raft/configuration.js";
import { NONE } from "../raft/types.js";
import * as errors from "./api-errors.js";
import type { LeaderRequests } from "./leader-requests.js";
import { ETCD_LIMITS, type MemberNumber, raftId, requestTimeoutUs } from "./model.js";
import type { GroupContext } from "./process-types.js";
import type { Answer, Cancel } from "./proposals.js";
import {
  isConnectedAfterAdding,
  isConnectedAfterRemoving,
  isConnectedSince,
  isReadyToAddVoter,
  isReadyToPromote,
  isReadyToRemoveVoter,
  type VotersSeen,
} from "./reconfiguration.js";
import type {
  MemberAddRequest,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberView,
  Outcome,
} from "./requests.js";
import type { Server } from "./server.js";

export class MemberRequests {
  readonly #group: GroupContext;
  readonly #server: Server;
  readonly #leader: LeaderRequests;

  constructor(group: GroupContext, server: Server, leader: LeaderRequests) {
    this.#group = group;
    this.#server = server;
    this.#leader = leader;
  }

  list(): Outcome {
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

  change(
    request: MemberAddRequest | MemberRemoveRequest | MemberPromoteRequest,
    answer: Answer,
  ): Cancel | undefined {
    if (request.type === "memberPromote" && this.#server.loop.node.role !== "leader") {
      // Only a leader knows how far a learner is.
      this.#leader.forward(request, () => this.change(request, answer), answer);
      return undefined;
    }
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      answer(refusal);
      return undefined;
    }
    const member = raftId(request.member);
    const isLearner = request.type === "memberAdd" && request.isLearner;
    const type = request.type === "memberRemove" ? "remove" : isLearner ? "add-learner" : "add-voter";
    return this.#server.api.proposals.proposeChange(
      { transition: "auto", changes: [{ type, member }] },
      answer,
    );
  }

  /** The server looks once a tick whether the lead has gone over. */
  moveLeader(target: MemberNumber, answer: Answer): void {
    const { configuration, loop } = this.#server;
    if (!this.#server.isLeader) {
      answer(errors.NOT_LEADER);
      return;
    }
    if (!configuration.voters.includes(raftId(target))) {
      answer(errors.BAD_TRANSFEREE);
      return;
    }
    const deadlineUs = this.#group.clock.now + requestTimeoutUs(this.#group.model);
    loop.transferLeadership(raftId(target));
    const look = (): void => {
      if (this.#server.leader === raftId(target)) answer({ type: "moved" });
      else if (this.#group.clock.now >= deadlineUs) answer(errors.TRANSFER_TIMED_OUT);
      else this.#server.after(this.#group.model.heartbeatUs, look);
    };
    look();
  }

  #refusal(request: MemberAddRequest | MemberRemoveRequest | MemberPromoteRequest): Outcome | undefined {
    if (request.type === "memberAdd") return this.#addRefusal(request);
    const { configuration } = this.#server;
    const id = raftId(request.member);
    if (!membersOf(configuration).includes(id)) return errors.MEMBER_NOT_FOUND;
    const isLearner = configuration.learners.includes(id);
    return request.type === "memberPromote"
      ? this.#promoteRefusal(id, isLearner)
      : this.#removeRefusal(id, isLearner);
  }

  #addRefusal({ member, isLearner }: MemberAddRequest): Outcome | undefined {
    const { configuration } = this.#server;
    const { strictReconfigCheck, maxLearners } = this.#group.model;
    if (strictReconfigCheck) {
      if (!isLearner && !isReadyToAddVoter(this.#seen())) return errors.NOT_ENOUGH_STARTED;
      if (!isConnectedAfterAdding(this.#connected(), configuration.voters.length)) return errors.UNHEALTHY;
    }
    if (membersOf(configuration).includes(raftId(member))) return errors.MEMBER_EXISTS;
    return isLearner && configuration.learners.length >= maxLearners ? errors.TOO_MANY_LEARNERS : undefined;
  }

  #promoteRefusal(id: number, isLearner: boolean): Outcome | undefined {
    if (!isLearner) return errors.MEMBER_NOT_LEARNER;
    const { node } = this.#server.loop;
    const learner = node.progress(id)?.matchIndex ?? 0;
    const own = node.progress(raftId(this.#server.member))?.matchIndex ?? 0;
    if (learner < own * ETCD_LIMITS.learnerReadyShare) return errors.LEARNER_NOT_READY;
    if (!this.#group.model.strictReconfigCheck) return undefined;
    return isReadyToPromote(this.#seen()) ? undefined : errors.NOT_ENOUGH_STARTED;
  }

  #removeRefusal(id: number, isLearner: boolean): Outcome | undefined {
    if (!this.#group.model.strictReconfigCheck || isLearner) return undefined;
    if (!isReadyToRemoveVoter(this.#seen(id))) return errors.NOT_ENOUGH_STARTED;
    const { configuration, peers, member } = this.#server;
    // Who is down is no part of the quorum that there is.
    if (id !== raftId(member) && peers.activeSinceUs(id - 1) === undefined) return undefined;
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
    const sinceUs = this.#group.clock.now - ETCD_LIMITS.healthyUs;
    return configuration.voters.filter(
      (id) => id === raftId(member) || isConnectedSince(peers, id - 1, sinceUs),
    ).length;
  }
}
