/** What a scenario file must hold beyond its shape and can be judged by the file alone. */
import { SECOND } from "../units/time.js";
import { closestOf, type Problems } from "../workload/problems.js";
import type { YamlPath } from "../workload/yaml.js";
import { ETCD_DEFAULTS, LEADER_ELECTION_DEFAULTS, STUDY_DEFAULTS } from "./defaults.js";
import { keysGiven } from "./fields.js";
import { boundExpected, boundValue, OBJECTIVE_METRICS, objectiveMetric } from "./objectives.js";
import { durationUs } from "./scalars.js";
import type { ScenarioFile } from "./scenario.js";
import type { FailureWritten, ScenarioSpec } from "./schema.js";
import { addProblem } from "./shape.js";

type Report = (
  path: YamlPath,
  message: string,
  more?: { value?: unknown; suggestion?: string | undefined; severity?: "warning" },
) => void;

/** Adds what is wrong with the scenario's own statements to `problems`. */
export function checkScenario({ document, scenario }: ScenarioFile, problems: Problems): void {
  const { spec } = scenario;
  const report: Report = (path, message, more = {}) =>
    addProblem({ document, at: ["spec"] }, path, { message, ...more }, problems);
  checkNames(spec, report);
  checkTimes(spec, report);
  checkEtcd(spec, report);
  checkLeaderElection(spec, report);
  checkIdeal(spec, report);
  for (const [index, failure] of (spec.failures ?? []).entries()) checkFailure(failure, index, spec, report);
  checkObjectives(spec, report);
  checkPolicies(spec, report);
  const { plan } = spec;
  if (plan !== undefined && plan.min > plan.max)
    report(["plan", "min"], "expected min to be at most max", { value: plan.min });
}

function checkNames(spec: ScenarioSpec, report: Report): void {
  const sites = spec.topology?.sites ?? [];
  const centres = sites.flatMap((site, s) =>
    site.centres.map((centre, c) => ({ ...centre, path: ["topology", "sites", s, "centres", c] })),
  );
  unique(
    sites.map(({ name }, s) => ({ name, path: ["topology", "sites", s, "name"] })),
    "site",
    report,
  );
  unique(
    centres.map(({ name, path }) => ({ name, path: [...path, "name"] })),
    "centre",
    report,
  );
  for (const { nodePools = [], path } of centres) {
    unique(
      nodePools.map(({ name }, p) => ({ name, path: [...path, "nodePools", p, "name"] })),
      "pool",
      report,
    );
  }
  const named = (
    list: readonly { readonly name?: string | undefined }[],
    path: YamlPath,
    what: string,
  ): void => {
    const given = list.flatMap(({ name }, index) =>
      name === undefined ? [] : [{ name, path: [...path, index, "name"] }],
    );
    unique(given, what, report);
  };
  named(spec.workload?.arrivals ?? [], ["workload", "arrivals"], "arrival stream");
  named(spec.failures ?? [], ["failures"], "failure");
  const policies = (spec.policies ?? []).map((policy, index) =>
    typeof policy === "string"
      ? { name: policy, path: ["policies", index] }
      : { name: policy.name, path: ["policies", index, "name"] },
  );
  unique(policies, "policy", report);
}

function unique(
  items: readonly { readonly name: string; readonly path: YamlPath }[],
  what: string,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const { name, path } of items) {
    if (seen.has(name)) report(path, `expected each ${what} to have a name of its own`, { value: name });
    seen.add(name);
  }
}

function checkTimes(spec: ScenarioSpec, report: Report): void {
  const horizonUs = durationUs(spec.horizon);
  const warmUp = spec.warmUp ?? STUDY_DEFAULTS.warmUp;
  if (durationUs(warmUp) >= horizonUs)
    report(["warmUp"], `expected warmUp to be below the horizon of ${spec.horizon}`, { value: warmUp });
  const late = (path: YamlPath, written: string | undefined, what: string): void => {
    if (written === undefined || durationUs(written) < horizonUs) return;
    report(path, `${what} not before the horizon of ${spec.horizon}: it has no effect`, {
      value: written,
      severity: "warning",
    });
  };
  for (const [index, arrival] of (spec.workload?.arrivals ?? []).entries()) {
    const path = ["workload", "arrivals", index];
    late([...path, "start"], arrival.start, "starts");
    const startUs = durationUs(arrival.start ?? "0");
    if (arrival.end !== undefined && durationUs(arrival.end) <= startUs) {
      report([...path, "end"], "expected end to be after start", { value: arrival.end });
    }
  }
  for (const [index, rollout] of (spec.workload?.rollouts ?? []).entries()) {
    late(["workload", "rollouts", index, "at"], rollout.at, "happens");
  }
  for (const [index, failure] of (spec.failures ?? []).entries()) {
    const { at, start, every } = failure;
    if (typeof at === "string") late(["failures", index, "at"], at, "strikes");
    else
      for (const [i, moment] of (at ?? []).entries()) late(["failures", index, "at", i], moment, "strikes");
    if (start !== undefined) late(["failures", index, "start"], start, "strikes");
    else late(["failures", index, "every"], every, "strikes");
  }
}

/** etcd's own limits (server/embed/config.go). */
const ELECTION_TICKS_MIN = 5;
const ELECTION_TIMEOUT_MAX_US = 50 * SECOND;

function checkEtcd(spec: ScenarioSpec, report: Report): void {
  const etcd = spec.controlPlane?.etcd ?? {};
  const electionTimeout = etcd.electionTimeout ?? ETCD_DEFAULTS.electionTimeout;
  const heartbeatInterval = etcd.heartbeatInterval ?? ETCD_DEFAULTS.heartbeatInterval;
  const path = [
    "controlPlane",
    "etcd",
    etcd.electionTimeout === undefined ? "heartbeatInterval" : "electionTimeout",
  ];
  if (durationUs(electionTimeout) < ELECTION_TICKS_MIN * durationUs(heartbeatInterval)) {
    const message = `expected electionTimeout to be at least ${ELECTION_TICKS_MIN} × heartbeatInterval (${heartbeatInterval}), as etcd does`;
    report(path, message, { value: electionTimeout });
  } else if (durationUs(electionTimeout) > ELECTION_TIMEOUT_MAX_US) {
    report(path, "expected electionTimeout to be at most 50s, as etcd does", { value: electionTimeout });
  }
  if (etcd.members === undefined) return;
  const count = Object.values(etcd.members).reduce((sum, members) => sum + members, 0);
  const members = ["controlPlane", "etcd", "members"];
  if (count === 0) report(members, "expected at least one etcd member");
  else if (count % 2 === 0) {
    const message = `${count} members survive no more losses than ${count - 1}: an odd number is usual`;
    report(members, message, { severity: "warning" });
  }
}

/** client-go refuses leader election outside of these (tools/leaderelection). */
const JITTER_FACTOR = 1.2;

function checkLeaderElection(spec: ScenarioSpec, report: Report): void {
  const written = spec.controlPlane?.controllerManager?.leaderElection;
  if (written === undefined) return;
  const leaseDuration = written.leaseDuration ?? LEADER_ELECTION_DEFAULTS.leaseDuration;
  const renewDeadline = written.renewDeadline ?? LEADER_ELECTION_DEFAULTS.renewDeadline;
  const retryPeriod = written.retryPeriod ?? LEADER_ELECTION_DEFAULTS.retryPeriod;
  const path = ["controlPlane", "controllerManager", "leaderElection"];
  if (durationUs(leaseDuration) <= durationUs(renewDeadline)) {
    report(
      [...path, "leaseDuration"],
      `expected leaseDuration to be above renewDeadline (${renewDeadline})`,
      { value: leaseDuration },
    );
  }
  if (durationUs(renewDeadline) <= JITTER_FACTOR * durationUs(retryPeriod)) {
    report(
      [...path, "renewDeadline"],
      `expected renewDeadline to be above ${JITTER_FACTOR} × retryPeriod (${retryPeriod})`,
      { value: renewDeadline },
    );
  }
}

function checkIdeal(spec: ScenarioSpec, report: Report): void {
  if (spec.controlPlane?.mode !== "ideal") return;
  if ((spec.failures ?? []).length > 0)
    report(["failures"], "expected no failures with controlPlane.mode: ideal");
  if ((spec.workload?.traffic ?? []).length > 0) {
    report(["workload", "traffic"], "expected no traffic with controlPlane.mode: ideal");
  }
}

const MACHINES = ["node", "rack", "centre", "site", "eachNode", "eachRack", "eachCentre"];
const LINKS = ["link", "between", "eachLink"];
const PROCESSES = [
  "etcdMember",
  "apiServer",
  "controllerManager",
  "scheduler",
  "eachEtcdMember",
  "eachApiServer",
];

/** Scopes that a kind of failure can strike. A machine that crashes has lost its power, as far as others can see. */
const SCOPES: Readonly<Record<FailureWritten["kind"], readonly string[]>> = {
  power: MACHINES,
  isolate: MACHINES,
  crash: [...PROCESSES, ...MACHINES],
  cut: LINKS,
};

function checkFailure(failure: FailureWritten, index: number, spec: ScenarioSpec, report: Report): void {
  const [scope] = keysGiven(failure.scope);
  if (scope !== undefined && !SCOPES[failure.kind].includes(scope)) {
    const message = `expected a scope that ${failure.kind} can strike: one of ${SCOPES[failure.kind].join(", ")}`;
    report(["failures", index, "scope"], message, { value: scope });
  }
  const last =
    failure.every === undefined ? undefined : lastStrikeUs(failure.every, failure.count ?? 1, failure.start);
  if (last !== undefined && last >= durationUs(spec.horizon)) {
    const message = `the last of ${failure.count} strikes is not before the horizon of ${spec.horizon}`;
    report(["failures", index, "count"], message, { value: failure.count, severity: "warning" });
  }
}

function lastStrikeUs(every: string, count: number, start: string | undefined): number {
  return durationUs(start ?? every) + (count - 1) * durationUs(every);
}

function checkObjectives(spec: ScenarioSpec, report: Report): void {
  for (const [index, objective] of (spec.objectives ?? []).entries()) {
    const path = ["objectives", index];
    const metric = objectiveMetric(objective.metric);
    if (metric === undefined) {
      const names = OBJECTIVE_METRICS.map(({ name }) => name);
      const suggestion = closestOf(objective.metric, names);
      const message =
        suggestion === undefined ? `expected a metric: ${names.join(", ")}` : "expected a metric";
      report([...path, "metric"], message, { value: objective.metric, suggestion });
      continue;
    }
    const field = objective.atLeast === undefined ? "atMost" : "atLeast";
    const bound = objective.atLeast ?? objective.atMost;
    if (bound !== undefined && boundValue(metric.unit, bound) === undefined) {
      report([...path, field], boundExpected(metric.unit), { value: bound });
    }
    const kind = (objective.of ?? "cluster").split("/")[0] ?? "";
    if (!metric.of.includes(kind)) {
      const message = `expected ${metric.name} of one of ${metric.of.join(", ")}`;
      report([...path, "of"], message, { value: objective.of, suggestion: closestOf(kind, metric.of) });
    }
  }
}

function checkPolicies(spec: ScenarioSpec, report: Report): void {
  for (const [index, policy] of (spec.policies ?? []).entries()) {
    if (typeof policy === "string" || policy.configuration === undefined) continue;
    if (policy.plugin === undefined && policy.file === undefined) continue;
    report(["policies", index], "expected either configuration or plugin and file, not both");
  }
}
