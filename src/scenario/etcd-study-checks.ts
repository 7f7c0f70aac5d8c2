/** What a cell of a study must hold beyond its shape and names: times, timers, and what events can do. */
import { SECOND } from "../units/time.js";
import type { Problems } from "../workload/problems.js";
import type { YamlPath } from "../workload/yaml.js";
import { ETCD_CLIENT_DEFAULTS, ETCD_FLAG_DEFAULTS, ETCD_STUDY_DEFAULTS } from "./etcd-study-defaults.js";
import type { EtcdCellWritten, EtcdEventWritten } from "./etcd-study-schema.js";
import { keysGiven } from "./fields.js";
import { durationUs } from "./scalars.js";
import { addProblem, type Place } from "./shape.js";

type Report = (path: YamlPath, message: string, more?: { value?: unknown; severity?: "warning" }) => void;

/** `place` is the cell's document at `spec`. */
export function checkEtcdCell(spec: EtcdCellWritten, place: Place, problems: Problems): void {
  const report: Report = (path, message, more = {}) =>
    addProblem(place, path, { message, ...more }, problems);
  checkTimers(spec, report);
  checkTimes(spec, report);
  checkClients(spec, report);
  for (const [index, event] of (spec.events ?? []).entries()) {
    checkScope(event, ["events", index], report);
    checkFields(event, ["events", index], report);
  }
}

/** etcd's own limits (server/embed/config.go). */
const ELECTION_TICKS_MIN = 5;
const ELECTION_TIMEOUT_MAX_US = 50 * SECOND;

function checkTimers({ etcd = {} }: EtcdCellWritten, report: Report): void {
  const electionTimeout = etcd.electionTimeout ?? ETCD_FLAG_DEFAULTS.electionTimeout;
  const heartbeatInterval = etcd.heartbeatInterval ?? ETCD_FLAG_DEFAULTS.heartbeatInterval;
  const path = ["etcd", etcd.electionTimeout === undefined ? "heartbeatInterval" : "electionTimeout"];
  if (durationUs(electionTimeout) < ELECTION_TICKS_MIN * durationUs(heartbeatInterval)) {
    const message = `expected electionTimeout to be at least ${ELECTION_TICKS_MIN} × heartbeatInterval (${heartbeatInterval}), as etcd does`;
    report(path, message, { value: electionTimeout });
  } else if (durationUs(electionTimeout) > ELECTION_TIMEOUT_MAX_US) {
    report(path, "expected electionTimeout to be at most 50s, as etcd does", { value: electionTimeout });
  }
}

function checkTimes(spec: EtcdCellWritten, report: Report): void {
  const { horizon, warmUp = ETCD_STUDY_DEFAULTS.warmUp, events = [] } = spec;
  const [horizonUs, warmUpUs] = [durationUs(horizon), durationUs(warmUp)];
  if (warmUpUs >= horizonUs) {
    report(["warmUp"], `expected warmUp to be below the horizon of ${horizon}`, { value: warmUp });
  }
  const check = (path: YamlPath, written: string, kind: EtcdEventWritten["kind"]): void => {
    const atUs = durationUs(written);
    const problem =
      atUs >= horizonUs
        ? `not before the horizon of ${horizon}: it has no effect`
        : atUs < warmUpUs && ENDING.includes(kind)
          ? `within the warm-up of ${warmUp}: its effect is left out of some results`
          : undefined;
    if (problem !== undefined) report(path, problem, { value: written, severity: "warning" });
  };
  for (const [index, { at, start, kind }] of events.entries()) {
    const path = ["events", index];
    if (typeof at === "string") check([...path, "at"], at, kind);
    else for (const [i, moment] of (at ?? []).entries()) check([...path, "at", i], moment, kind);
    if (start !== undefined) check([...path, "start"], start, kind);
  }
}

function checkClients({ clients = [], metrics = {} }: EtcdCellWritten, report: Report): void {
  const outageGap = metrics.outageGap ?? ETCD_STUDY_DEFAULTS.outageGap;
  for (const [index, client] of clients.entries()) {
    const key = client.every === undefined ? "pause" : "every";
    const written = client.every ?? client.pause ?? ETCD_CLIENT_DEFAULTS.pause;
    if (typeof written === "string" && durationUs(written) >= durationUs(outageGap)) {
      const message = `expected less than metrics.outageGap (${outageGap}): a client that rests for longer would seem to be without service`;
      report(["clients", index, key], message, { value: written });
    }
    if (client.op === undefined || client.op === "put") continue;
    if (client.valueSize !== undefined)
      report(["clients", index, "valueSize"], "expected no valueSize: it writes nothing");
  }
}

const ON_MEMBERS = ["member", "members", "centre", "leader", "leaderCentre", "eachMember", "eachCentre"];
const ON_LINKS = ["between", "link"];

/** Scopes that a kind of event can have. */
const SCOPES: Readonly<Record<EtcdEventWritten["kind"], readonly string[]>> = {
  kill: ON_MEMBERS,
  powerOff: ON_MEMBERS,
  isolate: ON_MEMBERS,
  slowDisk: ON_MEMBERS,
  start: ["member", "members", "centre", "eachMember"],
  cut: ON_LINKS,
  degrade: ON_LINKS,
  moveLeader: ["member"],
  addMember: ["member"],
  promote: ["member"],
  removeMember: ["member"],
  forceNewCluster: ["member"],
  backup: ["member"],
  restore: ["member", "members"],
};

function checkScope({ kind, scope }: EtcdEventWritten, path: YamlPath, report: Report): void {
  const [given] = keysGiven(scope);
  if (given === undefined || SCOPES[kind].includes(given)) return;
  const message = `expected a scope that ${kind} can have: one of ${SCOPES[kind].join(", ")}`;
  report([...path, "scope"], message, { value: given });
}

/** Kinds that end, and are undone then. */
const ENDING: readonly EtcdEventWritten["kind"][] = [
  "kill",
  "powerOff",
  "isolate",
  "cut",
  "degrade",
  "slowDisk",
];

/** Fields that only one kind has. */
const OWN_FIELDS = {
  direction: "isolate",
  oneWay: "degrade",
  loss: "degrade",
  fsync: "slowDisk",
  from: "restore",
} as const;

function checkFields(event: EtcdEventWritten, path: YamlPath, report: Report): void {
  const { kind } = event;
  for (const [field, owner] of Object.entries(OWN_FIELDS)) {
    if (event[field as keyof typeof OWN_FIELDS] === undefined || owner === kind) continue;
    report([...path, field], `expected ${field} with kind: ${owner} only`);
  }
  if (event.for !== undefined && !ENDING.includes(kind)) {
    report([...path, "for"], `expected for with a kind that ends: one of ${ENDING.join(", ")}`);
  }
  if (kind === "degrade" && event.oneWay === undefined && event.loss === undefined) {
    report(path, "expected oneWay, loss or both with kind: degrade");
  }
  if (kind === "slowDisk" && event.fsync === undefined) report(path, "expected fsync with kind: slowDisk");
  if (kind === "restore" && event.from === undefined) report(path, "expected from with kind: restore");
  if (event.count !== undefined && event.every === undefined)
    report([...path, "count"], "expected count with every only");
  if (event.start !== undefined && event.every === undefined && event.timeToFailure === undefined) {
    report([...path, "start"], "expected start with every or timeToFailure only");
  }
}
