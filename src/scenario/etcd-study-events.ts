/** Events of a study: names turned into members and hosts, `each...` scopes into one event for each thing. */
import type { EtcdModel, MemberNumber } from "../etcd/model.js";
import type { EventPlan, StudyAction, StudyLink, StudyOccurrence, StudyScope } from "../etcd-study/model.js";
import type { Variate } from "../units/variate.js";
import type { Problems } from "../workload/problems.js";
import { hostsNamed } from "./etcd-study-compile.js";
import { ETCD_STUDY_DEFAULTS } from "./etcd-study-defaults.js";
import type { EtcdCellWritten, EtcdEventWritten, EtcdScopeWritten } from "./etcd-study-schema.js";
import { keysGiven } from "./fields.js";
import { durationUs, shareOf, variateUs } from "./scalars.js";
import { addProblem, addUnknown, type Place, placeBelow } from "./shape.js";

/** What a compiled event is made with. */
interface Context {
  readonly spec: EtcdCellWritten;
  readonly etcd: EtcdModel;
  readonly problems: Problems;
}

/** Whom an event strikes, and what it is called if it strikes each of several. */
interface Struck {
  readonly name: string;
  readonly scope: StudyScope;
}

/** `place` is the cell's document at `spec`. */
export function compileEtcdEvents(
  spec: EtcdCellWritten,
  etcd: EtcdModel,
  place: Place,
  problems: Problems,
): EventPlan[] {
  const context: Context = { spec, etcd, problems };
  const plans: EventPlan[] = [];
  const written = spec.events ?? [];
  const given = new Set(written.flatMap(({ name }) => (name === undefined ? [] : [name])));
  for (const [index, event] of written.entries()) {
    const at = placeBelow(place, "events", index);
    const each = keysGiven(event.scope).some((key) => key.startsWith("each"));
    const occurrence = occurrenceOf(event, plans, at, context);
    const struck = struckBy(event, placeBelow(at, "scope"), context);
    for (const { name: target, action } of actionsOf(event, struck, plans, at, context)) {
      const whole = event.name ?? `${event.kind}-${target}`;
      const wanted = each && event.name !== undefined ? `${event.name}/${target}` : whole;
      if (plans.some(({ name }) => name === wanted) && event.name !== undefined) {
        const message = "expected each event to have a name of its own";
        addProblem(at, ["name"], { message, value: event.name }, problems);
      }
      plans.push({
        name: event.name === undefined ? freeName(wanted, plans, given) : wanted,
        action,
        occurrence,
        spreadUs: durationUs(event.spread ?? "0s"),
        endAfterUs: event.for === undefined ? undefined : variateUs(event.for),
      });
    }
  }
  return plans;
}

function freeName(wanted: string, plans: readonly EventPlan[], given: ReadonlySet<string>): string {
  const isTaken = (name: string): boolean => given.has(name) || plans.some((plan) => plan.name === name);
  if (!isTaken(wanted)) return wanted;
  for (let ordinal = 2; ; ordinal++) if (!isTaken(`${wanted}-${ordinal}`)) return `${wanted}-${ordinal}`;
}

function occurrenceOf(
  event: EtcdEventWritten,
  plans: readonly EventPlan[],
  place: Place,
  { spec, problems }: Context,
): StudyOccurrence {
  const { at, every, start, count, timeToFailure, after } = event;
  const warmUpUs = durationUs(spec.warmUp ?? ETCD_STUDY_DEFAULTS.warmUp);
  if (at !== undefined) {
    const times = typeof at === "string" ? [at] : at;
    return { kind: "at", timesUs: times.map(durationUs) };
  }
  if (every !== undefined) {
    const everyUs = durationUs(every);
    return {
      kind: "every",
      startUs: start === undefined ? warmUpUs + everyUs : durationUs(start),
      everyUs,
      count,
    };
  }
  if (timeToFailure !== undefined) {
    const notBeforeUs = start === undefined ? warmUpUs : durationUs(start);
    return { kind: "drawn", timeToFailureUs: variateUs(timeToFailure), notBeforeUs };
  }
  const name = after?.event ?? "";
  const index = plans.findIndex((plan) => plan.name === name);
  if (index < 0) {
    const known = plans.map((plan) => plan.name);
    const below = ["after", "event"];
    addUnknown(place, below, { what: "the name of an event further up", value: name, known }, problems);
  }
  return { kind: "after", event: index, delayUs: variateUs(after?.delay ?? "0s") };
}

/** Empty where it strikes links, or nobody that is known. */
function struckBy({ scope }: EtcdEventWritten, place: Place, context: Context): Struck[] {
  const { etcd, spec, problems } = context;
  const { centres } = spec.network;
  const one = (name: string, below: readonly (string | number)[]): MemberNumber[] => {
    const member = etcd.members.findIndex((candidate) => candidate.name === name);
    if (member >= 0) return [member];
    const known = etcd.members.map((candidate) => candidate.name);
    addUnknown(place, below, { what: "a member", value: name, known }, problems);
    return [];
  };
  const [key] = keysGiven(scope) as (keyof EtcdScopeWritten)[];
  switch (key) {
    case "member": {
      const members = one(scope.member ?? "", [key]);
      return members.length === 0 ? [] : [{ name: scope.member ?? "", scope: { kind: "members", members } }];
    }
    case "members": {
      const names = scope.members ?? [];
      const members = names.flatMap((name, index) => one(name, [key, index]));
      return members.length < names.length
        ? []
        : [{ name: names.join("+"), scope: { kind: "members", members } }];
    }
    case "centre": {
      const centre = scope.centre ?? "";
      if (centres.includes(centre)) return [{ name: centre, scope: { kind: "centre", centre } }];
      addUnknown(place, [key], { what: "a centre", value: centre, known: centres }, problems);
      return [];
    }
    case "leader":
      return [{ name: "leader", scope: { kind: "leader" } }];
    case "leaderCentre":
      return [{ name: "leader-centre", scope: { kind: "leaderCentre" } }];
    case "eachMember":
      return etcd.members.map(({ name }, member) => ({
        name,
        scope: { kind: "members", members: [member] },
      }));
    case "eachCentre":
      return centres.map((centre) => ({ name: centre, scope: { kind: "centre", centre } }));
    default:
      return [];
  }
}

interface NamedAction {
  readonly name: string;
  readonly action: StudyAction;
}

function actionsOf(
  event: EtcdEventWritten,
  struck: readonly Struck[],
  plans: readonly EventPlan[],
  place: Place,
  context: Context,
): NamedAction[] {
  const { kind } = event;
  switch (kind) {
    case "cut":
    case "degrade": {
      const { name, links } = linksOf(event.scope, placeBelow(place, "scope"), context);
      const oneWayUs: Variate | undefined = event.oneWay === undefined ? undefined : variateUs(event.oneWay);
      const loss = event.loss === undefined ? undefined : shareOf(event.loss);
      return [{ name, action: kind === "cut" ? { kind, links } : { kind, links, oneWayUs, loss } }];
    }
    case "kill":
    case "powerOff":
    case "start":
      return struck.map(({ name, scope }) => ({ name, action: { kind, scope } }));
    case "isolate": {
      const direction = event.direction ?? "both";
      return struck.map(({ name, scope }) => ({ name, action: { kind, scope, direction } }));
    }
    case "slowDisk": {
      const fsyncUs = variateUs(event.fsync ?? "0s");
      return struck.map(({ name, scope }) => ({ name, action: { kind, scope, fsyncUs } }));
    }
    default:
      return struck.flatMap(({ name, scope }) =>
        scope.kind === "members"
          ? [{ name, action: onMembers(event, scope.members, plans, place, context) }]
          : [],
      );
  }
}

/** What is asked of, or done to, members that the author has named. */
function onMembers(
  event: EtcdEventWritten,
  members: readonly MemberNumber[],
  plans: readonly EventPlan[],
  place: Place,
  { etcd, problems }: Context,
): StudyAction {
  const member = members[0] ?? 0;
  switch (event.kind) {
    case "addMember":
      return { kind: "addMember", member, isLearner: etcd.members[member]?.isLearner === true };
    case "moveLeader":
    case "promote":
    case "removeMember":
    case "forceNewCluster":
    case "backup":
      return { kind: event.kind, member };
    default: {
      const backups = plans.filter(({ action }) => action.kind === "backup").map(({ name }) => name);
      const from = event.from ?? "";
      if (event.from !== undefined && !backups.includes(from)) {
        addUnknown(
          place,
          ["from"],
          { what: "the name of a backup further up", value: from, known: backups },
          problems,
        );
      }
      return { kind: "restore", members, from: plans.findIndex(({ name }) => name === from) };
    }
  }
}

function linksOf(
  scope: EtcdScopeWritten,
  place: Place,
  { etcd, spec, problems }: Context,
): { readonly name: string; readonly links: StudyLink[] } {
  const isBoth = scope.between !== undefined;
  // A scope that is none of a link is told of with the scopes that there are.
  if (!isBoth && scope.link === undefined) return { name: "", links: [] };
  const [from, to] = scope.between ?? [scope.link?.from ?? "", scope.link?.to ?? ""];
  const keys = isBoth ? (["between", 0, "between", 1] as const) : (["link", "from", "link", "to"] as const);
  const hosts = (name: string, at: readonly (string | number)[]): number[] =>
    hostsNamed(name, spec.network.centres, etcd.hosts, etcd.members.length, at, place, problems);
  const [a, b] = [hosts(from, [keys[0], keys[1]]), hosts(to, [keys[2], keys[3]])];
  if (from === to) addProblem(place, [keys[0]], { message: "expected two different ends" }, problems);
  const there = a.flatMap((one) => b.map((other): StudyLink => [one, other]));
  if (!isBoth) return { name: `${from}-to-${to}`, links: there };
  return { name: `${from}-${to}`, links: [...there, ...there.map(([x, y]): StudyLink => [y, x])] };
}
