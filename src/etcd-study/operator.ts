/** The operator at the keyboard: asks whoever leads for what events want, and tries again until it is done. */
import type { ClientHost } from "../etcd/client.js";
import { targetOf } from "../etcd/client-record.js";
import { type MemberNumber, requestTimeoutUs } from "../etcd/model.js";
import type { Request } from "../etcd/requests.js";
import type { EtcdWorld } from "../etcd/world.js";
import { type Micros, SECOND } from "../units/time.js";
import type { Occurrence } from "./happenings.js";
import type { Leadership } from "./leadership.js";
import type { StudyAction, StudyCell } from "./model.js";

type Wish = Extract<StudyAction, { readonly kind: "moveLeader" | "addMember" | "promote" | "removeMember" }>;

/** From a refusal to the next attempt. */
const RETRY_US: Micros = SECOND;

export class Operator {
  readonly #cell: StudyCell;
  readonly #world: EtcdWorld;
  readonly #leadership: Leadership;
  readonly #host: ClientHost;

  constructor(cell: StudyCell, world: EtcdWorld, leadership: Leadership) {
    this.#cell = cell;
    this.#world = world;
    this.#leadership = leadership;
    this.#host = world.clientHost(cell.operatorHost);
  }

  /** Tries until a member says yes; `done` is called then. What came of it is written into the occurrence. */
  ask(wish: Wish, occurrence: Occurrence, done: () => void): void {
    const asked = this.#whom();
    if (asked === undefined) {
      occurrence.refusal = "no member answers";
      this.#again(() => this.ask(wish, occurrence, done));
      return;
    }
    if (wish.kind === "moveLeader") this.#leadership.transferTo(wish.member);
    const { etcd } = this.#cell;
    // A little more than the member's own limit, so that its own words are heard.
    const timeoutUs = requestTimeoutUs(etcd) + RETRY_US;
    this.#host.call(targetOf(etcd, asked).host, requestOf(wish), timeoutUs, (result) => {
      const outcome = result.type === "response" ? result.response.outcome : undefined;
      if (outcome !== undefined && outcome.type !== "error") {
        occurrence.doneUs = this.#world.now - occurrence.atUs;
        occurrence.refusal = "";
        done();
        return;
      }
      occurrence.refusal = outcome?.type === "error" ? outcome.message : "not answered";
      if (wish.kind === "moveLeader") this.#leadership.transferTo(undefined);
      this.#again(() => this.ask(wish, occurrence, done));
    });
  }

  #again(action: () => void): void {
    const timeUs = this.#world.now + RETRY_US;
    if (timeUs < this.#cell.horizonUs) this.#world.at(timeUs, action);
  }

  /** The leader, else the first that answers. */
  #whom(): MemberNumber | undefined {
    const { group } = this.#world;
    return group.leader() ?? group.members.find(({ isReady }) => isReady)?.number;
  }
}

function requestOf(wish: Wish): Request {
  switch (wish.kind) {
    case "moveLeader":
      return { type: "moveLeader", target: wish.member };
    case "addMember":
      return { type: "memberAdd", member: wish.member, isLearner: wish.isLearner };
    case "promote":
      return { type: "memberPromote", member: wish.member };
    case "removeMember":
      return { type: "memberRemove", member: wish.member };
  }
}
