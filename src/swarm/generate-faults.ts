/** What befalls a random life. */
import { unreachable } from "../assert.js";
import type { EtcdModel, HostId, MemberNumber } from "../etcd/model.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { Draws } from "./draws.js";
import type { Fault, FaultType, PlantName, Who } from "./plan.js";

const FAULTS_LEAST = 5;
const FAULTS_MOST = 11;
/** The first comes when the group has had time to begin, the last so that it still tells. */
const FIRST_US: Micros = 3 * SECOND;
const LAST_BEFORE_END_US: Micros = 4 * SECOND;

/** Lives longer than that are for what takes TCP minutes to notice. */
const LONG_US: Micros = 120 * SECOND;

type DrawnFault = Exclude<FaultType, "wipe">;

/** How often each type is drawn, in proportion. */
const WEIGHTS: Readonly<Record<DrawnFault, number>> = {
  kill: 14,
  "power-off": 12,
  cut: 10,
  isolate: 12,
  "isolate-centre": 4,
  flap: 5,
  line: 12,
  "slow-disk": 7,
  add: 7,
  promote: 4,
  remove: 5,
  "lose-disk": 3,
  "move-leader": 9,
  compact: 8,
  burst: 2,
  fill: 3,
};

/** At least five, in order of time. */
export function randomFaults(
  draws: Draws,
  model: EtcdModel,
  faultsEndUs: Micros,
  plant: PlantName | undefined,
): Fault[] {
  const maker = new FaultMaker(draws, model, faultsEndUs);
  const count = draws.between(FAULTS_LEAST, FAULTS_MOST);
  const types = (Object.keys(WEIGHTS) as DrawnFault[]).map((type) => [type, WEIGHTS[type]] as const);
  const faults: Fault[] = [];
  for (let i = 0; i < count; i++) faults.push(...maker.make(draws.weighted(types)));
  if (model.applyGapMax !== undefined) faults.push(...maker.make("burst"));
  if (faultsEndUs > LONG_US) faults.push(maker.longCut());
  if (plant === "wiped-member") faults.push(maker.wipe(), maker.wipe());
  return faults.sort((a, b) => a.atUs - b.atUs);
}

class FaultMaker {
  readonly #draws: Draws;
  readonly #model: EtcdModel;
  readonly #endUs: Micros;
  readonly #founders: readonly MemberNumber[];
  readonly #spares: readonly MemberNumber[];

  constructor(draws: Draws, model: EtcdModel, endUs: Micros) {
    this.#draws = draws;
    this.#model = model;
    this.#endUs = endUs;
    const members = model.members.map((_, member) => member);
    this.#founders = members.filter((member) => model.members[member]?.joinsLater !== true);
    this.#spares = members.filter((member) => model.members[member]?.joinsLater === true);
  }

  /** One fault, or some that belong together. */
  make(type: DrawnFault): readonly Fault[] {
    const fault = this.#one(type);
    // Who was away needs a snapshot when it is back, and may be gone before it has it.
    if (fault.type === "isolate" && fault.member !== "leader" && this.#draws.chance(0.25)) {
      const atUs = fault.atUs + fault.forUs + this.#draws.between(10, 800) * MILLISECOND;
      return [fault, { type: "kill", atUs, member: fault.member, forUs: this.#spanUs() }];
    }
    // A voter that has not started weighs on the next change.
    if (fault.type === "add" && !fault.isLearner && this.#draws.chance(0.4)) {
      const other = this.#spares.find((spare) => spare !== fault.member);
      if (other !== undefined) return [fault, { ...fault, atUs: fault.atUs + SECOND, member: other }];
    }
    // Who adds a learner mostly means to promote it, perhaps too early.
    if (fault.type !== "add" || !fault.isLearner || this.#draws.chance(0.3)) return [fault];
    const { member, atUs } = fault;
    const laterUs = this.#draws.pick([0.2, 3, 10, 20]) * SECOND;
    return [fault, { type: "promote", atUs: Math.min(atUs + laterUs, this.#endUs - SECOND), member }];
  }

  #one(type: DrawnFault): Fault {
    const draws = this.#draws;
    const atUs = this.#atUs();
    switch (type) {
      case "kill":
        return { type, atUs, member: this.#who(), forUs: this.#spanUs() };
      case "power-off":
        return {
          type,
          atUs,
          members: this.#membersAtOnce(),
          isMidWrite: draws.chance(0.7),
          forUs: this.#spanUs(),
        };
      case "cut": {
        const [from, to] = this.#hosts();
        return { type, atUs, from, to, forUs: this.#spanUs() };
      }
      case "isolate":
        return { type, atUs, member: this.#who(), fromClients: draws.chance(0.4), forUs: this.#spanUs() };
      case "isolate-centre":
        return { type, atUs, centre: draws.pick(this.#model.hosts).centre, forUs: this.#spanUs() };
      case "flap":
        return {
          type,
          atUs,
          between: this.#hosts(),
          downUs: draws.between(50, 2500) * MILLISECOND,
          upUs: draws.between(50, 2500) * MILLISECOND,
          forUs: draws.between(4, 15) * SECOND,
        };
      case "line":
        return this.#line(atUs);
      case "slow-disk":
        return { type, atUs, member: this.#who(), fsyncUs: this.#slowDisk(), forUs: this.#spanUs() };
      case "add":
        return {
          type,
          atUs,
          member: draws.pick(this.#spares),
          isLearner: draws.chance(0.6),
          startAfterUs: draws.pick([100 * MILLISECOND, 2 * SECOND, 8 * SECOND]),
        };
      case "promote":
        return { type, atUs, member: draws.pick([...this.#spares, ...this.#spares, ...this.#founders]) };
      case "remove":
        return {
          type,
          atUs,
          member: draws.chance(0.3) ? "leader" : this.#member(),
        };
      case "lose-disk":
        return { type, atUs, member: this.#who(), replacement: draws.pick(this.#spares) };
      case "move-leader":
        return { type, atUs, target: this.#member() };
      case "compact":
        return { type, atUs, keep: draws.pick([0, 5, 30]) };
      case "burst":
        return {
          type,
          atUs,
          host: this.#model.members.length,
          member: draws.pick(this.#founders),
          puts: 60,
          intervalUs: 2 * MILLISECOND,
        };
      case "fill":
        return { type, atUs, forUs: draws.between(2, 6) * SECOND };
      default:
        return unreachable(type);
    }
  }

  /** So long that TCP gives connections up. */
  longCut(): Fault {
    const isToClient = this.#draws.chance(0.5);
    const [from, to] = isToClient ? [this.#founders[0] ?? 0, this.#model.members.length] : this.#hosts();
    return { type: "cut", atUs: FIRST_US, from, to, forUs: this.#endUs - 2 * FIRST_US };
  }

  wipe(): Fault {
    return {
      type: "wipe",
      atUs: this.#atUs(),
      member: this.#draws.pick(this.#founders),
      forUs: 500 * MILLISECOND,
    };
  }

  #atUs(): Micros {
    const most = Math.floor((this.#endUs - FIRST_US - LAST_BEFORE_END_US) / MILLISECOND);
    return FIRST_US + this.#draws.upTo(most) * MILLISECOND + this.#draws.below(1000);
  }

  /** Mostly some seconds; sometimes too short for an election, sometimes long enough for a snapshot. */
  #spanUs(): Micros {
    return this.#draws.weighted([
      [this.#draws.between(20, 900) * MILLISECOND, 2],
      [this.#draws.between(1, 8) * SECOND, 6],
      [this.#draws.between(9, 25) * SECOND, 2],
    ]);
  }

  #member(): MemberNumber {
    return this.#draws.chance(0.85) ? this.#draws.pick(this.#founders) : this.#draws.pick(this.#spares);
  }

  #who(): Who {
    return this.#draws.chance(0.35) ? "leader" : this.#member();
  }

  #membersAtOnce(): Who[] {
    if (this.#draws.chance(0.75)) return [this.#who()];
    // A centre without power, or nearly everybody.
    return this.#draws.shuffled(this.#founders).slice(0, 1 + this.#draws.upTo(this.#founders.length - 1));
  }

  #hosts(): [HostId, HostId] {
    const draws = this.#draws;
    const { hosts } = this.#model;
    const from = draws.chance(0.8) ? this.#member() : draws.below(hosts.length);
    const others = hosts.map((_, host) => host).filter((host) => host !== from);
    const peers = others.filter((host) => host < this.#model.members.length);
    return [from, draws.pick(peers.length > 0 && draws.chance(0.8) ? peers : others)];
  }

  #line(atUs: Micros): Fault {
    const draws = this.#draws;
    const what = draws.pick(["loss", "jitter", "slow"] as const);
    const [from, to] = this.#hosts();
    const path = this.#model.paths[from]?.[to];
    const before: Variate = path?.oneWayUs ?? { kind: "constant", value: 0 };
    const oneWayUs: Variate =
      what === "loss"
        ? before
        : what === "jitter"
          ? { kind: "uniform", min: 100, max: draws.pick([5, 50, 400]) * MILLISECOND }
          : { kind: "constant", value: draws.pick([60, 300, 900]) * MILLISECOND };
    const loss = what === "loss" ? draws.pick([0.02, 0.1, 0.3]) : 0;
    return { type: "line", what, atUs, from, to, oneWayUs, loss, forUs: draws.between(3, 15) * SECOND };
  }

  #slowDisk(): Variate {
    const value = this.#draws.pick([50, 300, 1200]) * MILLISECOND;
    return this.#draws.chance(0.5) ? { kind: "constant", value } : { kind: "exponential", mean: value };
  }
}
