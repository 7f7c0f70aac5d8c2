/** From a checked cell of a study to what is run: hosts, lines, members and clients as dense numbers. */
import { mean } from "../engine/variates.js";
import type { EtcdCosts, EtcdModel, HostModel, MemberModel, MemberNumber, PathModel } from "../etcd/model.js";
import type { ClientPlan, StudyCell } from "../etcd-study/model.js";
import { wholeValue } from "../units/quantity.js";
import type { Micros } from "../units/time.js";
import type { Variate } from "../units/variate.js";
import type { Problems } from "../workload/problems.js";
import {
  ETCD_CLIENT_DEFAULTS,
  ETCD_COST_DEFAULTS,
  ETCD_FLAG_DEFAULTS,
  ETCD_NETWORK_DEFAULTS,
  ETCD_STUDY_DEFAULTS,
} from "./etcd-study-defaults.js";
import { compileEtcdEvents } from "./etcd-study-events.js";
import type { EtcdCellWritten, EtcdClientWritten, EtcdMemberWritten } from "./etcd-study-schema.js";
import { withDefaults } from "./fields.js";
import { type DistributionSpec, durationUs, quantityOf, shareOf, variateUs } from "./scalars.js";
import { addProblem, addUnknown, type Place } from "./shape.js";

/** `place` is the cell's document at `spec`. Undefined where something is unknown. */
export function compileEtcdCell(
  head: { readonly name: string; readonly labels: readonly string[] },
  written: EtcdCellWritten,
  horizonUs: Micros | undefined,
  place: Place,
  problems: Problems,
): StudyCell | undefined {
  const before = problems.errorCount;
  const { centres } = written.network;
  unique(centres, ["network", "centres"], "centre", place, problems);
  const members = membersOf(written, place, problems);
  const clients = clientsOf(written, place, problems);
  const hosts: HostModel[] = [
    ...members.map(({ name, centre }) => ({ name, centre })),
    ...clients.map(({ name, centre }) => ({ name, centre })),
    { name: "operator", centre: centres[0] ?? "" },
  ];
  const paths = pathsOf(written, hosts, members.length, place, problems);
  if (problems.errorCount > before) return undefined;
  const etcd: EtcdModel = {
    hosts,
    paths,
    members: members.map(memberModel),
    ...flagsOf(written),
    costs: costsOf(written),
  };
  const events = compileEtcdEvents(written, etcd, place, problems);
  const timesUs = {
    warmUpUs: durationUs(written.warmUp ?? ETCD_STUDY_DEFAULTS.warmUp),
    horizonUs: horizonUs ?? durationUs(written.horizon),
    outageGapUs: durationUs(written.metrics?.outageGap ?? ETCD_STUDY_DEFAULTS.outageGap),
  };
  return {
    ...head,
    ...timesUs,
    etcd,
    clients: clients.map((client, index) => clientPlan(client, members.length + index, clients, etcd)),
    events,
    operatorHost: hosts.length - 1,
  };
}

function membersOf(written: EtcdCellWritten, place: Place, problems: Problems): EtcdMemberWritten[] {
  const { members, network } = written;
  const { centres } = network;
  const isList = Array.isArray(members);
  const list = isList
    ? members
    : Object.entries(members).flatMap(([centre, count]) => numbered(centre, count));
  if (isList) {
    for (const [index, { centre }] of members.entries()) {
      if (centres.includes(centre)) continue;
      addUnknown(
        place,
        ["members", index, "centre"],
        { what: "a centre", value: centre, known: centres },
        problems,
      );
    }
  } else {
    for (const centre of Object.keys(members)) {
      if (centres.includes(centre)) continue;
      addUnknown(place, ["members", centre], { what: "a centre", value: centre, known: centres }, problems);
    }
  }
  unique(
    list.map(({ name }) => name),
    ["members"],
    "member",
    place,
    problems,
  );
  const voters = list.filter(({ learner, joinsLater }) => learner !== true && joinsLater !== true).length;
  if (voters === 0)
    addProblem(place, ["members"], { message: "expected at least one founder with a vote" }, problems);
  return list;
}

function numbered(centre: string, count: number): EtcdMemberWritten[] {
  return Array.from({ length: count }, (_, ordinal) => ({ name: `${centre}-${ordinal}`, centre }));
}

function memberModel({ name, learner, joinsLater }: EtcdMemberWritten, host: number): MemberModel {
  return {
    name,
    host,
    ...(joinsLater === true ? { joinsLater } : {}),
    ...(learner === true ? { isLearner: true } : {}),
  };
}

type PlacedClient = EtcdClientWritten & { readonly centre: string };

/** One for each centre where the author names none. */
function clientsOf(written: EtcdCellWritten, place: Place, problems: Problems): PlacedClient[] {
  const { clients = [], network } = written;
  const { centres } = network;
  const members = namesOf(written);
  const list = clients.flatMap((client, index): PlacedClient[] => {
    const { centre, asks, name } = client;
    if (asks !== undefined && asks !== ETCD_CLIENT_DEFAULTS.asks && !members.includes(asks)) {
      const known = [ETCD_CLIENT_DEFAULTS.asks, ...members];
      addUnknown(
        place,
        ["clients", index, "asks"],
        { what: "a member or nearest", value: asks, known },
        problems,
      );
    }
    if (centre === undefined)
      return centres.map((one) => ({ ...client, centre: one, name: `${name}-${one}` }));
    if (!centres.includes(centre)) {
      addUnknown(
        place,
        ["clients", index, "centre"],
        { what: "a centre", value: centre, known: centres },
        problems,
      );
    }
    return [{ ...client, centre }];
  });
  unique(
    list.map(({ name }) => name),
    ["clients"],
    "client",
    place,
    problems,
  );
  checkReaders(clients, list, place, problems);
  return list;
}

function checkReaders(
  written: readonly EtcdClientWritten[],
  list: readonly PlacedClient[],
  place: Place,
  problems: Problems,
): void {
  const writers = list.filter(isWriter).map(({ name }) => name);
  for (const [index, client] of written.entries()) {
    const path = ["clients", index];
    if (isWriter(client)) {
      if (client.reads !== undefined) {
        addProblem(
          place,
          [...path, "reads"],
          { message: "expected no reads: it writes its own key" },
          problems,
        );
      }
    } else if (client.reads !== undefined && !writers.includes(client.reads)) {
      addUnknown(
        place,
        [...path, "reads"],
        { what: "a writer", value: client.reads, known: writers },
        problems,
      );
    }
  }
}

function isWriter({ op = ETCD_CLIENT_DEFAULTS.op }: Pick<EtcdClientWritten, "op">): boolean {
  return op === "put";
}

const OPS = { put: "put", linearizableRead: "lin", serializableRead: "ser" } as const;

function clientPlan(
  client: PlacedClient,
  host: number,
  clients: readonly PlacedClient[],
  etcd: EtcdModel,
): ClientPlan {
  const { name, op = ETCD_CLIENT_DEFAULTS.op, timeout, every, pause, retryPause, valueSize } = client;
  const key = isWriter(client) ? name : (client.reads ?? clients.find(isWriter)?.name ?? name);
  const nearest = nearestFirst(host, etcd);
  const first = etcd.members.findIndex((member) => member.name === client.asks);
  const asked = first < 0 ? nearest : [first, ...nearest.filter((member) => member !== first)];
  const failover = client.failover ?? ETCD_CLIENT_DEFAULTS.failover;
  return {
    name,
    host,
    op: OPS[op],
    key,
    targets: failover ? asked : asked.slice(0, 1),
    pace:
      every === undefined
        ? {
            kind: "sequential",
            pauseUs: variateUs(pause ?? ETCD_CLIENT_DEFAULTS.pause),
            retryPauseUs: durationUs(retryPause ?? ETCD_CLIENT_DEFAULTS.retryPause),
          }
        : { kind: "openLoop", everyUs: variateUs(every) },
    timeoutUs: durationUs(timeout ?? ETCD_CLIENT_DEFAULTS.timeout),
    valueBytes: valueSize === undefined ? undefined : wholeValue(quantityOf(valueSize)),
  };
}

/** Members by mean delay there, those with a vote before learners and late ones, then in the file's order. */
function nearestFirst(host: number, { members, paths }: EtcdModel): MemberNumber[] {
  const rank = (member: MemberNumber): number => {
    const { joinsLater, isLearner, host: to } = members[member] as MemberModel;
    const late = joinsLater === true || isLearner === true ? 1 : 0;
    const path = paths[host]?.[to];
    return late * 1e15 + (path === undefined ? 0 : mean(path.oneWayUs));
  };
  return [...members.keys()].sort((a, b) => rank(a) - rank(b) || a - b);
}

interface Line {
  readonly oneWay?: DistributionSpec | undefined;
  readonly jitter?: string | undefined;
  readonly loss?: number | string | undefined;
}

/** By host from, host to. Later links win; the operator is beside everybody. */
function pathsOf(
  { network }: EtcdCellWritten,
  hosts: readonly HostModel[],
  memberCount: number,
  place: Place,
  problems: Problems,
): PathModel[][] {
  const within: PathModel = {
    oneWayUs: variateUs(network.withinCentre ?? ETCD_NETWORK_DEFAULTS.withinCentre),
    loss: 0,
  };
  const general = network.betweenCentres ?? {};
  const between = pathModel(general, {}, ["network", "betweenCentres"], place, problems);
  const operator = hosts.length - 1;
  const paths = hosts.map((from, f) =>
    hosts.map((to, t) => (from.centre === to.centre || f === operator || t === operator ? within : between)),
  );
  for (const [index, link] of (network.links ?? []).entries()) {
    const at = ["network", "links", index];
    const path = pathModel(link, general, at, place, problems);
    const ends = link.between ?? [link.link?.from ?? "", link.link?.to ?? ""];
    const [a, b] = ends.map((end, e) => {
      const key = link.between === undefined ? ["link", e === 0 ? "from" : "to"] : ["between", e];
      return hostsNamed(end, network.centres, hosts, memberCount, [...at, ...key], place, problems);
    });
    if (ends[0] === ends[1]) addProblem(place, at, { message: "expected two different ends" }, problems);
    for (const from of a ?? []) {
      for (const to of b ?? []) {
        const row = paths[from];
        const back = paths[to];
        if (row !== undefined) row[to] = path;
        if (link.between !== undefined && back !== undefined) back[from] = path;
      }
    }
  }
  return paths;
}

/** Hosts of a centre, or of one member; the operator's is nobody's. A problem where there is none of that name. */
export function hostsNamed(
  name: string,
  centres: readonly string[],
  hosts: readonly HostModel[],
  memberCount: number,
  at: readonly (string | number)[],
  place: Place,
  problems: Problems,
): number[] {
  const own = hosts.slice(0, -1);
  if (centres.includes(name)) return own.flatMap(({ centre }, host) => (centre === name ? [host] : []));
  const members = own.slice(0, memberCount).map((host) => host.name);
  const member = members.indexOf(name);
  if (member >= 0) return [member];
  addUnknown(
    place,
    at,
    { what: "a centre or member", value: name, known: [...centres, ...members] },
    problems,
  );
  return [];
}

function pathModel(
  line: Line,
  fallback: Line,
  at: readonly (string | number)[],
  place: Place,
  problems: Problems,
): PathModel {
  const oneWay = line.oneWay ?? fallback.oneWay ?? ETCD_NETWORK_DEFAULTS.oneWay;
  const jitterUs = durationUs(line.jitter ?? fallback.jitter ?? ETCD_NETWORK_DEFAULTS.jitter);
  const loss = shareOf(line.loss ?? fallback.loss ?? ETCD_NETWORK_DEFAULTS.loss);
  const base = variateUs(oneWay);
  if (jitterUs === 0) return { oneWayUs: base, loss };
  if (base.kind !== "constant") {
    const message = "expected no jitter beside a oneWay that is a distribution already";
    addProblem(place, [...at, line.jitter === undefined ? "oneWay" : "jitter"], { message }, problems);
    return { oneWayUs: base, loss };
  }
  const oneWayUs: Variate = { kind: "uniform", min: base.value, max: base.value + jitterUs };
  return { oneWayUs, loss };
}

function flagsOf({ etcd = {} }: EtcdCellWritten): Omit<EtcdModel, "hosts" | "paths" | "members" | "costs"> {
  const flags = withDefaults(ETCD_FLAG_DEFAULTS, etcd);
  return {
    heartbeatUs: durationUs(flags.heartbeatInterval),
    electionUs: durationUs(flags.electionTimeout),
    preVote: flags.preVote,
    checkQuorum: flags.checkQuorum,
    readOnlyOption: "safe",
    tickPhase: flags.tickPhase,
    snapshotCount: flags.snapshotCount,
    snapshotCatchUpEntries: flags.snapshotCatchUpEntries,
    quotaBytes: wholeValue(quantityOf(flags.quota)),
    strictReconfigCheck: flags.strictReconfigCheck,
    maxLearners: flags.maxLearners,
  };
}

function costsOf({ costs = {} }: EtcdCellWritten): EtcdCosts {
  const { request, fsync, apply, boot } = withDefaults(ETCD_COST_DEFAULTS, costs);
  return {
    requestUs: variateUs(request),
    fsyncUs: variateUs(fsync),
    applyUs: durationUs(apply),
    bootUs: variateUs(boot),
  };
}

function namesOf({ members }: EtcdCellWritten): string[] {
  if (Array.isArray(members)) return members.map(({ name }) => name);
  return Object.entries(members).flatMap(([centre, count]) =>
    numbered(centre, count).map(({ name }) => name),
  );
}

function unique(
  names: readonly string[],
  path: readonly (string | number)[],
  what: string,
  place: Place,
  problems: Problems,
): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) {
      addProblem(
        place,
        path,
        { message: `expected each ${what} to have a name of its own`, value: name },
        problems,
      );
    }
    seen.add(name);
  }
}
