/**
 * Makes a plan that goes wrong smaller while it goes wrong in the same way: fewer faults (delta debugging, Zeller and
 * Hildebrandt 2002), clients, operations and members, a shorter life, plainer lines and disks. The same plan gives the same
 * result, as each try is a life of its own.
 */
import { ETCD_MODEL_DEFAULTS, type EtcdModel, type HostId, type MemberNumber } from "../etcd/model.js";
import { MILLISECOND, type Micros, SECOND } from "../units/time.js";
import type { ClientPlan, Fault, LifePlan, Who } from "./plan.js";

export interface Shrunk {
  readonly plan: LifePlan;
  /** Lives that were tried. */
  readonly tries: number;
}

/** `isWrong` says whether a plan still goes wrong in the way that is of interest; it does for `plan`. */
export function shrink(plan: LifePlan, isWrong: (plan: LifePlan) => boolean, triesMost = 600): Shrunk {
  let best = plan;
  let tries = 0;
  const accept = (candidate: LifePlan | undefined): boolean => {
    if (candidate === undefined || tries >= triesMost) return false;
    tries++;
    if (!isWrong(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let isSmaller = true; isSmaller && tries < triesMost; ) {
    const before = best;
    removeFaults(() => best, accept);
    removeClients(() => best, accept);
    shorten(() => best, accept);
    removeMembers(() => best, accept);
    simplify(() => best, accept);
    shortenFaults(() => best, accept);
    isSmaller = best !== before;
  }
  return { plan: best, tries };
}

type Best = () => LifePlan;
type Accept = (candidate: LifePlan | undefined) => boolean;

/** All but a run of faults, the runs ever shorter. */
function removeFaults(best: Best, accept: Accept): void {
  for (let size = best().faults.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best().faults.length; ) {
      const { faults } = best();
      const left = [...faults.slice(0, from), ...faults.slice(from + size)];
      if (!accept({ ...best(), faults: left })) from += size;
    }
  }
}

function removeClients(best: Best, accept: Accept): void {
  for (let at = best().clients.length - 1; at >= 0; at--) {
    const clients = best().clients.filter((_, i) => i !== at);
    accept({ ...best(), clients, operationsLeast: 0 });
  }
  for (const most of [5, 10, 20, 50, 100]) {
    const clients = best().clients.map((client): ClientPlan => {
      if (client.type !== "mixed" || (client.operationsMost ?? Number.POSITIVE_INFINITY) <= most)
        return client;
      return { ...client, operationsMost: most };
    });
    if (clients.some((client, i) => client !== best().clients[i])) {
      if (accept({ ...best(), clients, operationsLeast: 0 })) break;
    }
  }
}

/** Ends sooner, without what would come after, and begins later faults sooner. */
function shorten(best: Best, accept: Accept): void {
  for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) {
    const endUs = Math.max(5 * SECOND, Math.floor(best().faultsEndUs * share));
    if (endUs >= best().faultsEndUs) continue;
    const faults = best().faults.filter(({ atUs }) => atUs < endUs);
    if (accept({ ...best(), faults, faultsEndUs: endUs, operationsLeast: 0 })) break;
  }
  const { faults } = best();
  const firstUs = faults[0]?.atUs ?? 0;
  const byUs = firstUs - 3 * SECOND;
  if (byUs > SECOND) {
    const sooner = faults.map((fault): Fault => ({ ...fault, atUs: fault.atUs - byUs }));
    accept({ ...best(), faults: sooner, faultsEndUs: best().faultsEndUs - byUs, operationsLeast: 0 });
  }
}

function shortenFaults(best: Best, accept: Accept): void {
  for (let at = 0; at < best().faults.length; at++) {
    for (const share of [0.25, 0.5]) {
      const fault = best().faults[at];
      if (fault === undefined || !("forUs" in fault) || fault.forUs < 500 * MILLISECOND) break;
      const forUs = Math.floor(fault.forUs * share);
      if (accept(withFault(best(), at, { ...fault, forUs }))) break;
    }
  }
}

function withFault(plan: LifePlan, at: number, fault: Fault): LifePlan {
  return { ...plan, faults: plan.faults.map((one, i) => (i === at ? fault : one)) };
}

/** Round numbers, lines without chance, etcd's own settings. */
function simplify(best: Best, accept: Accept): void {
  const { heartbeatUs, electionUs, preVote, checkQuorum, snapshotCount, quotaBytes } = ETCD_MODEL_DEFAULTS;
  const { strictReconfigCheck } = ETCD_MODEL_DEFAULTS;
  const changes: Partial<EtcdModel>[] = [
    { heartbeatUs, electionUs },
    { preVote },
    { checkQuorum },
    { strictReconfigCheck },
    { snapshotCount },
    { quotaBytes },
    { costs: { ...best().model.costs, fsyncUs: { kind: "constant", value: 1000 }, applyUs: 20 } },
    { costs: { ...best().model.costs, bootUs: { kind: "constant", value: 100_000 } } },
    {
      paths: best().model.paths.map((row) =>
        row.map(() => ({ oneWayUs: { kind: "constant", value: 500 }, loss: 0 })),
      ),
    },
  ];
  for (const change of changes) {
    const model = { ...best().model, ...change };
    if (JSON.stringify(model) !== JSON.stringify(best().model)) accept({ ...best(), model });
  }
  const whole = (us: Micros): Micros => Math.round(us / SECOND) * SECOND;
  const faults = best().faults.map((fault): Fault => ({ ...fault, atUs: whole(fault.atUs) }));
  if (JSON.stringify(faults) !== JSON.stringify(best().faults)) accept({ ...best(), faults });
}

function removeMembers(best: Best, accept: Accept): void {
  for (let member = best().model.members.length - 1; member >= 0; member--)
    accept(withoutMember(best(), member));
}

/** Member and host are gone, all behind them move up; what befell it alone does not happen. */
function withoutMember(plan: LifePlan, gone: MemberNumber): LifePlan | undefined {
  const { model } = plan;
  const host = model.members[gone]?.host;
  const founders = model.members.filter(
    (one, m) => m !== gone && one.joinsLater !== true && one.isLearner !== true,
  );
  if (host === undefined || founders.length === 0) return undefined;
  const hostOf = (old: HostId): HostId => (old > host ? old - 1 : old);
  const memberOf = (old: MemberNumber): MemberNumber => (old > gone ? old - 1 : old);
  const isKept = (_: unknown, i: number): boolean => i !== host;
  return {
    ...plan,
    adminHost: hostOf(plan.adminHost),
    model: {
      ...model,
      hosts: model.hosts.filter(isKept),
      paths: model.paths.filter(isKept).map((row) => row.filter(isKept)),
      members: model.members
        .filter((_, m) => m !== gone)
        .map((member) => ({ ...member, host: hostOf(member.host) })),
    },
    clients: plan.clients.map((client) => ({
      ...client,
      host: hostOf(client.host),
      targets: client.targets.filter((member) => member !== gone).map(memberOf),
    })),
    faults: plan.faults.flatMap((fault) => renumbered(fault, gone, host, memberOf, hostOf)),
  };
}

/** The fault without the member: nothing, if it was about that one only. */
function renumbered(
  fault: Fault,
  gone: MemberNumber,
  host: HostId,
  memberOf: (member: MemberNumber) => MemberNumber,
  hostOf: (host: HostId) => HostId,
): readonly Fault[] {
  const who = (one: Who): Who => (one === "leader" ? one : memberOf(one));
  switch (fault.type) {
    case "kill":
    case "isolate":
    case "slow-disk":
    case "remove":
      return fault.member === gone ? [] : [{ ...fault, member: who(fault.member) }];
    case "lose-disk":
      if (fault.member === gone || fault.replacement === gone) return [];
      return [{ ...fault, member: who(fault.member), replacement: memberOf(fault.replacement) }];
    case "add":
    case "promote":
    case "wipe":
      return fault.member === gone ? [] : [{ ...fault, member: memberOf(fault.member) }];
    case "burst":
      return fault.member === gone
        ? []
        : [{ ...fault, member: memberOf(fault.member), host: hostOf(fault.host) }];
    case "move-leader":
      return fault.target === gone ? [] : [{ ...fault, target: memberOf(fault.target) }];
    case "power-off": {
      const members = fault.members.filter((one) => one !== gone).map(who);
      return members.length === 0 ? [] : [{ ...fault, members }];
    }
    case "cut":
    case "line":
      if (fault.from === host || fault.to === host) return [];
      return [{ ...fault, from: hostOf(fault.from), to: hostOf(fault.to) }];
    case "flap": {
      const [a, b] = fault.between;
      return a === host || b === host ? [] : [{ ...fault, between: [hostOf(a), hostOf(b)] }];
    }
    default:
      return [fault];
  }
}
