/** The measured group of a file, and the model that is simulated for it. */
import {
  ETCD_MODEL_DEFAULTS,
  type EtcdCosts,
  type EtcdModel,
  type HostModel,
  type MemberModel,
  type PathModel,
} from "../../../etcd/model.js";
import { MILLISECOND, type Micros } from "../../../units/time.js";
import { COSTS, overheadUs } from "./constants.js";
import type { Fields } from "./fields.js";

export interface MeasuredMember {
  readonly name: string;
  readonly centre: string;
  /** Of its ticks against the first member's, where it was seen; undefined: unknown. */
  readonly phaseUs: Micros | undefined;
}

/** Plain data: it is sent to worker threads. */
export interface Setup {
  readonly members: readonly MeasuredMember[];
  /** Of members, in order of appearance. */
  readonly centres: readonly string[];
  /** One-way delay from centre to centre, µs, by place in `centres`: measured or nominal with overhead. */
  readonly oneWayUs: readonly (readonly Micros[])[];
  readonly heartbeatUs: Micros;
  readonly electionUs: Micros;
  readonly preVote: boolean;
  /** Every follower is restarted at a moment of its own before each trial. */
  readonly randomPhases: boolean;
  readonly snapshotCount: number;
}

/** A client as files name it: `P->m1`. */
export interface MeasuredClient {
  readonly name: string;
  readonly centre: string;
  readonly member: number;
}

/** Reads what all files have. */
export function readSetup(fields: Fields): Setup {
  const named = fields.each("members", (member) => ({
    name: member.text("name"),
    centre: member.text("dc"),
  }));
  const phases = phasesOf(
    fields,
    named.map(({ name }) => name),
  );
  const members = named.map((member, index) => ({ ...member, phaseUs: phases[index] }));
  const centres = [...new Set(named.map(({ centre }) => centre))];
  const heartbeatMs = fields.positive("heartbeat_ms");
  const electionMs = fields.positive("election_ms");
  if (electionMs < heartbeatMs) fields.mistake("election_ms", "expected at least one heartbeat");
  const options = optionsOf(fields);
  return {
    members,
    centres,
    oneWayUs: delaysOf(fields, centres),
    heartbeatUs: Math.round(heartbeatMs * MILLISECOND),
    electionUs: Math.round(electionMs * MILLISECOND),
    preVote: fields.flagOr("pre_vote", options.get("pre-vote") !== "false"),
    randomPhases: /random/i.test(fields.textOr("tick_phases", "")),
    snapshotCount: Number(options.get("snapshot-count") ?? ETCD_MODEL_DEFAULTS.snapshotCount),
  };
}

/** Options of etcd: "--name=value", or "--name" and "value". */
function optionsOf(fields: Fields): Map<string, string> {
  const options = new Map<string, string>();
  if (!fields.has("options")) return options;
  const words = fields.texts("options");
  for (const [index, word] of words.entries()) {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
    if (name !== undefined) options.set(name, value ?? words[index + 1] ?? "true");
  }
  return options;
}

/** "P->m1"; a mistake is noted at `key`. */
export function clientOf(name: string, setup: Setup, fields: Fields, key: string): MeasuredClient {
  const [, centre, memberName] = /^(.+)->(.+)$/.exec(name) ?? [];
  const member = setup.members.findIndex((one) => one.name === memberName);
  if (centre === undefined || member < 0 || !setup.centres.includes(centre)) {
    fields.mistake(key, `expected clients like "${setup.centres[0]}->${setup.members[0]?.name}"`);
    return { name, centre: setup.centres[0] ?? "", member: 0 };
  }
  return { name, centre, member };
}

/** Place of the member of this name; a mistake is noted at `key`. */
export function memberOf(name: string, setup: Setup, fields: Fields, key: string): number {
  const member = setup.members.findIndex((one) => one.name === name);
  if (member < 0)
    fields.mistake(key, `expected a member, one of ${setup.members.map((one) => one.name).join(", ")}`);
  return Math.max(0, member);
}

/** Members of this name, or of the centre of this name. */
export function membersAt(name: string, setup: Setup): number[] {
  return [...setup.members.keys()].filter((index) => {
    const member = setup.members[index];
    return member?.name === name || member?.centre === name;
  });
}

/**
 * Delays by centre: half the median of the round trips that the file measured, else the nominal delay and what the
 * emulator and two kernels add to it.
 */
function delaysOf(fields: Fields, centres: readonly string[]): Micros[][] {
  const nominal = fields.fields("one_way_ms");
  const measured = fields.isNothing("rtt_ms") ? undefined : roundTripsOf(fields.fields("rtt_ms"));
  return centres.map((from) =>
    centres.map((to) => {
      const seen = [measured?.get(`${from}>${to}`), measured?.get(`${to}>${from}`)]
        .flat()
        .filter((one) => one !== undefined);
      if (seen.length > 0)
        return Math.round((seen.reduce((a, b) => a + b, 0) / seen.length / 2) * MILLISECOND);
      const ms = nominalMs(nominal, from, to);
      return Math.round(ms * MILLISECOND + overheadUs(ms));
    }),
  );
}

/** Medians of round trips by "from>to", centres; keys of the file are `P->m1(P)`. */
function roundTripsOf(fields: Fields): Map<string, number[]> {
  const trips = new Map<string, number[]>();
  for (const key of fields.keys()) {
    const [, from, to] = /^(.+)->.+\((.+)\)$/.exec(key) ?? [];
    if (from === undefined || to === undefined) continue;
    const medians = trips.get(`${from}>${to}`) ?? [];
    medians.push(fields.fields(key).positive("median"));
    trips.set(`${from}>${to}`, medians);
  }
  return trips;
}

function nominalMs(nominal: Fields, from: string, to: string): number {
  if (from === to) return nominal.numberOr("intra", 0);
  for (const key of [`${from}${to}`, `${from}-${to}`, `${from}->${to}`, `${to}${from}`, `${to}-${from}`]) {
    if (nominal.has(key)) return nominal.number(key);
  }
  nominal.mistake(`${from}${to}`, "expected the one-way delay in ms");
  return 1;
}

/**
 * Offsets of the members' ticks against the first one for which something is known, by the medians of the recorded
 * differences ("m1-m2": how much later m2 ticks than m1, modulo a tick).
 */
function phasesOf(fields: Fields, names: readonly string[]): (Micros | undefined)[] {
  const phases: (Micros | undefined)[] = names.map(() => undefined);
  if (fields.isNothing("tick_phase_difference_ms") || /random/i.test(fields.textOr("tick_phases", "")))
    return phases;
  const differences = fields.fields("tick_phase_difference_ms");
  const edges = differences.keys().flatMap((key) => {
    const from = names.findIndex((name) => key.startsWith(`${name}-`));
    const to = names.indexOf(key.slice((names[from]?.length ?? 0) + 1));
    const sorted = differences.numbers(key).sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    return from < 0 || to < 0 || median === undefined
      ? []
      : [{ from, to, us: Math.round(median * MILLISECOND) }];
  });
  if (edges[0] === undefined) return phases;
  phases[edges[0].from] = 0;
  // As many rounds as there are members reach whoever is linked to the first.
  for (const _ of names) {
    for (const { from, to, us } of edges) {
      const [a, b] = [phases[from], phases[to]];
      if (a !== undefined && b === undefined) phases[to] = a + us;
      else if (b !== undefined && a === undefined) phases[from] = b - us;
    }
  }
  const tickUs = Math.round(fields.positive("heartbeat_ms") * MILLISECOND);
  return phases.map((phase) => (phase === undefined ? undefined : ((phase % tickUs) + tickUs) % tickUs));
}

/** Hosts of a model: members first, then one of clients per centre. */
export function clientHostOf(setup: Setup, centre: string): number {
  return setup.members.length + Math.max(0, setup.centres.indexOf(centre));
}

/** The model that is simulated. */
export function modelOf(setup: Setup, costs: EtcdCosts = COSTS): EtcdModel {
  const hosts: HostModel[] = [
    ...setup.members.map(({ name, centre }) => ({ name, centre })),
    ...setup.centres.map((centre) => ({ name: `clients-${centre}`, centre })),
  ];
  const place = hosts.map(({ centre }) => setup.centres.indexOf(centre));
  const paths = place.map((from) => place.map((to): PathModel => pathOf(setup.oneWayUs[from]?.[to] ?? 0)));
  return {
    ...ETCD_MODEL_DEFAULTS,
    hosts,
    paths,
    members: setup.members.map(
      ({ name, phaseUs }, host): MemberModel =>
        phaseUs === undefined ? { name, host } : { name, host, firstTickOffsetUs: phaseUs },
    ),
    heartbeatUs: setup.heartbeatUs,
    electionUs: setup.electionUs,
    preVote: setup.preVote,
    tickPhase: "together",
    costs,
    snapshotCount: setup.snapshotCount,
  };
}

/** Whole µs. */
export function toUs(ms: number): Micros {
  return Math.round(ms * MILLISECOND);
}

export function pathOf(oneWayUs: Micros, loss = 0): PathModel {
  return { oneWayUs: { kind: "constant", value: oneWayUs }, loss };
}
