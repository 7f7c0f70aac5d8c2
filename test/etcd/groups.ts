/** Groups to test with: every delay and cost is constant, so that what happens is read off by hand. */
import type { CallResult, ClientHost } from "../../src/etcd/client.js";
import { ETCD_MODEL_DEFAULTS, type EtcdModel, type MemberNumber } from "../../src/etcd/model.js";
import type { Outcome, Request, Response } from "../../src/etcd/requests.js";
import { EtcdWorld } from "../../src/etcd/world.js";
import type { EtcdObserver } from "../../src/etcd/world-types.js";
import { MILLISECOND, type Micros, SECOND } from "../../src/units/time.js";
import type { Variate } from "../../src/units/variate.js";

export const MS = MILLISECOND;
export const S = SECOND;

export function constant(value: number): Variate {
  return { kind: "constant", value };
}

/** `voters` founders, one host each, one more host for clients; 1 ms each way, an fsync of 1 ms, 1 ms to handle a request. */
export function modelOf(
  voters: number,
  changes: Partial<EtcdModel> = {},
  others: readonly Partial<EtcdModel["members"][number]>[] = [],
): EtcdModel {
  const members = Array.from({ length: voters + others.length }, (_, m) => ({
    name: `m${m + 1}`,
    host: m,
    ...(m < voters ? {} : others[m - voters]),
  }));
  const hosts = [...members.map(({ name }) => ({ name, centre: "P" })), { name: "client", centre: "P" }];
  const path = { oneWayUs: constant(MS), loss: 0 };
  return {
    hosts,
    paths: hosts.map(() => hosts.map(() => path)),
    members,
    ...ETCD_MODEL_DEFAULTS,
    costs: {
      requestUs: constant(MS),
      fsyncUs: constant(MS),
      applyUs: 0,
      bootUs: constant(50 * MS),
    },
    ...changes,
  };
}

/** An answer with the time it took. */
export interface Answered {
  readonly outcome: Outcome;
  readonly response: Response;
  readonly tookUs: Micros;
}

export class Lab {
  readonly world: EtcdWorld;
  readonly client: ClientHost;
  readonly model: EtcdModel;

  constructor(model: EtcdModel, seed = "lab", observer: EtcdObserver = {}) {
    this.model = model;
    this.world = new EtcdWorld(model, seed, observer);
    this.client = this.world.clientHost(model.hosts.length - 1);
    this.world.group.start();
  }

  get group(): EtcdWorld["group"] {
    return this.world.group;
  }

  run(forUs: Micros): void {
    this.world.run(this.world.now + forUs);
  }

  /** Until something holds, looked at every `stepUs`. */
  until(what: string, holds: () => boolean, limitUs: Micros = 30 * S, stepUs: Micros = MS): void {
    const end = this.world.now + limitUs;
    while (!holds()) {
      if (this.world.now >= end) throw new Error(`in vain until ${what}`);
      this.run(stepUs);
    }
  }

  /** Until every founder is ready and one leads. */
  settle(): this {
    this.until("everybody is ready", () =>
      this.group.members.every(({ isReady, model }) => isReady || model.joinsLater === true),
    );
    return this;
  }

  get leader(): MemberNumber {
    const leader = this.group.leader();
    if (leader === undefined) throw new Error("nobody leads");
    return leader;
  }

  /** Some voter that does not lead, the `nth` of them. */
  follower(nth = 0): MemberNumber {
    const others = this.group.members.filter(
      ({ number, isUp, model }) => isUp && number !== this.group.leader() && model.isLearner !== true,
    );
    const one = others[nth];
    if (one === undefined) throw new Error("no such follower");
    return one.number;
  }

  /** Asks and goes on; the result is there when it is. */
  send(member: MemberNumber, request: Request, timeoutUs: Micros = Number.POSITIVE_INFINITY): Waiting {
    const waiting = new Waiting(this.world.now);
    this.client.call(this.group.hostOf(member), request, timeoutUs, (result) => {
      waiting.result = result;
      waiting.endUs = this.world.now;
    });
    return waiting;
  }

  /** Asks and runs until the answer is there; asks again where the connection kept was to a process that is gone. */
  ask(member: MemberNumber, request: Request, limitUs: Micros = 20 * S): Answered {
    let waiting = this.send(member, request);
    this.until(`a word on ${request.type}`, () => waiting.result !== undefined, limitUs, 100);
    if (waiting.result?.type === "connection") waiting = this.send(member, request);
    this.until(`an answer to ${request.type}`, () => waiting.result !== undefined, limitUs, 100);
    return waiting.answered;
  }

  put(member: MemberNumber, key: string, value = "v"): Answered {
    return this.ask(member, { type: "put", key, value });
  }

  /** Cuts everything between a member and the other members, both ways; clients still reach it. */
  isolate(member: MemberNumber): void {
    for (const { number } of this.group.members) {
      if (number === member) continue;
      this.cut(member, number);
      this.cut(number, member);
    }
  }

  rejoin(member: MemberNumber): void {
    for (const { number } of this.group.members) {
      if (number === member) continue;
      this.world.network.heal(this.group.hostOf(member), this.group.hostOf(number));
      this.world.network.heal(this.group.hostOf(number), this.group.hostOf(member));
    }
  }

  cut(from: MemberNumber, to: MemberNumber): void {
    this.world.network.cut(this.group.hostOf(from), this.group.hostOf(to));
  }
}

/** A call under way. */
export class Waiting {
  result: CallResult | undefined;
  endUs = 0;
  readonly #sinceUs: Micros;

  constructor(sinceUs: Micros) {
    this.#sinceUs = sinceUs;
  }

  get answered(): Answered {
    if (this.result?.type !== "response") throw new Error(`no response but ${JSON.stringify(this.result)}`);
    const { response } = this.result;
    return { outcome: response.outcome, response, tookUs: this.endUs - this.#sinceUs };
  }
}
