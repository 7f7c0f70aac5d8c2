/** The databases that one process sends to peers far behind (etcd 3.5: sendMergedSnap), and for how long its log waits for them. */
import { membersOf } from "../raft/configuration.js";
import type { InstallSnapshot } from "../raft/types.js";
import { ETCD_LIMITS, type MemberNumber } from "./model.js";
import type { GroupContext } from "./process-types.js";
import type { Server } from "./server.js";

/** That wait for the state machine, at most (maxInFlightMsgSnap). */
const WAITING_MAX = 16;

export class OutgoingSnapshots {
  readonly #group: GroupContext;
  readonly #server: Server;
  /** Until the state machine has got to their index. */
  #waiting: InstallSnapshot[] = [];
  /** Those on their way, by peer. */
  readonly #sent = new Map<MemberNumber, number>();
  /** Those on their way, or there for less than the release delay: the log is not compacted. */
  #held = 0;

  constructor(group: GroupContext, server: Server) {
    this.#group = group;
    this.#server = server;
  }

  /** Whether what was sent still needs the log behind it. */
  get holdsLog(): boolean {
    return this.#held > 0;
  }

  add(message: InstallSnapshot): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(message);
    this.sendDue();
  }

  /**
   * One goes out when the state machine has just its index. One that comes too late for that, because this member no
   * longer led when its batch was through, has nobody to wait for it.
   */
  sendDue(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    const { appliedIndex, configuration, store, peers } = this.#server;
    this.#waiting = waiting.filter(({ snapshot }) => snapshot.index > appliedIndex);
    for (const message of waiting) {
      const { to, snapshot } = message;
      if (snapshot.index !== appliedIndex || !membersOf(configuration).includes(to)) continue;
      this.#held++;
      this.#sent.set(to - 1, (this.#sent.get(to - 1) ?? 0) + 1);
      this.#group.keepContent(snapshot, store.snapshot());
      peers.send(message, store.backendBytes);
    }
  }

  /** The transport is through with one. */
  finished(member: MemberNumber, isDelivered: boolean): void {
    const left = this.#sent.get(member) ?? 0;
    if (left === 0) return;
    this.#sent.set(member, left - 1);
    if (isDelivered) this.#server.after(ETCD_LIMITS.releaseDelayUs, () => this.#held--);
    else this.#held--;
  }

  /** What was on its way to the peer is given up without a report. */
  removed(member: MemberNumber): void {
    this.#held -= this.#sent.get(member) ?? 0;
    this.#sent.delete(member);
  }
}
