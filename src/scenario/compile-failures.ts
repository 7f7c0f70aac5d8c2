/** Failures of a scenario: scopes turned into targets, `each...` scopes into one failure for each thing. */

import { unreachable } from "../assert.js";
import type { ControlPlaneModel, FailureModel, FailureTarget } from "../cluster/model.js";
import type { Topology } from "../topology/topology.js";
import type { Problems } from "../workload/problems.js";
import { keysGiven } from "./fields.js";
import { durationUs, variateUs } from "./scalars.js";
import type { FailureWritten, ScopeWritten } from "./schema.js";
import { addProblem, addUnknown, type Place, placeBelow } from "./shape.js";

/** What is struck together, and its name. */
interface Struck {
  readonly name: string;
  readonly targets: readonly FailureTarget[];
}

/** `place` is the scenario's document at `spec`. */
export function compileFailures(
  written: readonly FailureWritten[],
  topology: Topology,
  controlPlane: ControlPlaneModel,
  place: Place,
  problems: Problems,
): FailureModel[] {
  const names = new Set(written.flatMap(({ name }) => (name === undefined ? [] : [name])));
  return written.flatMap((failure, index) => {
    const at = placeBelow(place, "failures", index, "scope");
    const each = keysGiven(failure.scope).some((key) => key.startsWith("each"));
    return struckBy(failure.scope, topology, controlPlane, at, problems).map((struck) => {
      const base = failure.name ?? `${failure.kind}-${struck.name}`;
      const whole = each && failure.name !== undefined ? `${base}/${struck.name}` : base;
      const name = failure.name !== undefined && !each ? whole : freeName(whole, names);
      names.add(name);
      return { ...failureModel(failure, struck), name };
    });
  });
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let ordinal = 2; ; ordinal++) {
    if (!taken.has(`${wanted}-${ordinal}`)) return `${wanted}-${ordinal}`;
  }
}

function failureModel(failure: FailureWritten, struck: Struck): Omit<FailureModel, "name"> {
  const repair = failure.for ?? failure.timeToRepair;
  return {
    kind: kindOn(failure.kind, struck.targets[0]),
    targets: struck.targets,
    occurrence: occurrenceOf(failure),
    ...(repair === undefined ? {} : { repairUs: variateUs(repair) }),
  };
}

/** A machine that crashes stops with everything on it, which is what losing its power does. */
function kindOn(kind: FailureWritten["kind"], target: FailureTarget | undefined): FailureModel["kind"] {
  const machine = ["node", "rack", "centre", "site"].includes(target?.kind ?? "");
  return kind === "crash" && machine ? "power" : kind;
}

function occurrenceOf(failure: FailureWritten): FailureModel["occurrence"] {
  const { at, every, count = 1, start, timeToFailure, notBefore } = failure;
  if (timeToFailure !== undefined) {
    return {
      kind: "drawn",
      timeToFailureUs: variateUs(timeToFailure),
      notBeforeUs: durationUs(notBefore ?? "0"),
    };
  }
  if (every !== undefined) {
    const firstUs = durationUs(start ?? every);
    const timesUs = Array.from({ length: count }, (_, strike) => firstUs + strike * durationUs(every));
    return { kind: "at", timesUs };
  }
  const moments = typeof at === "string" ? [at] : (at ?? []);
  return { kind: "at", timesUs: moments.map(durationUs).sort((a, b) => a - b) };
}

function struckBy(
  scope: ScopeWritten,
  topology: Topology,
  controlPlane: ControlPlaneModel,
  place: Place,
  problems: Problems,
): Struck[] {
  const { centres } = topology;
  const find = <Thing extends { readonly name: string }>(
    things: readonly Thing[],
    name: string,
    what: string,
    steps: readonly (string | number)[],
  ): number | undefined => {
    const index = things.findIndex((thing) => thing.name === name);
    if (index >= 0) return index;
    const known = things.map((thing) => thing.name);
    addUnknown(place, steps, { what: `${article(what)} ${what}`, value: name, known }, problems);
    return undefined;
  };
  const one = <Thing extends { readonly name: string }>(
    things: readonly Thing[],
    name: string | undefined,
    what: string,
    key: string,
    target: (index: number) => FailureTarget,
  ): Struck[] => {
    const index = name === undefined ? undefined : find(things, name, what, [key]);
    return index === undefined
      ? []
      : [{ name: `${what.replaceAll(" ", "-")}-${name}`, targets: [target(index)] }];
  };
  const all = (
    things: readonly { readonly name: string }[],
    what: string,
    target: (index: number) => FailureTarget,
  ) => things.map(({ name }, index): Struck => ({ name: `${what}-${name}`, targets: [target(index)] }));

  const key = keysGiven(scope)[0] as keyof ScopeWritten;
  switch (key) {
    case "node":
      return one(topology.nodes, scope.node, "node", key, nodeTarget);
    case "rack":
      return one(topology.racks, scope.rack, "rack", key, rackTarget);
    case "centre":
      return one(centres, scope.centre, "centre", key, centreTarget);
    case "site":
      return one(topology.sites, scope.site, "site", key, (site) => ({ kind: "site", site }));
    case "etcdMember":
      return one(controlPlane.etcd.members, scope.etcdMember, "etcd member", key, memberTarget);
    case "apiServer":
      return one(controlPlane.apiServers.instances, scope.apiServer, "API server", key, apiServerTarget);
    case "controllerManager": {
      const running = centres.filter(({ id }) => controlPlane.controllerManager.instances.includes(id));
      const target = (index: number): FailureTarget => ({ kind: key, centre: running[index]?.id ?? 0 });
      return one(running, scope.controllerManager, "controller manager", key, target);
    }
    case "scheduler": {
      const running = centres.filter(({ id }) => controlPlane.scheduler.instances.includes(id));
      return one(running, scope.scheduler, "scheduler", key, (index) => ({
        kind: key,
        centre: running[index]?.id ?? 0,
      }));
    }
    case "link": {
      const from = find(centres, scope.link?.from ?? "", "centre", ["link", "from"]);
      const to = find(centres, scope.link?.to ?? "", "centre", ["link", "to"]);
      if (from === undefined || to === undefined) return [];
      return linkStruck(from, to, false, topology, place, problems);
    }
    case "between": {
      const from = find(centres, scope.between?.[0] ?? "", "centre", ["between", 0]);
      const to = find(centres, scope.between?.[1] ?? "", "centre", ["between", 1]);
      if (from === undefined || to === undefined) return [];
      return linkStruck(from, to, true, topology, place, problems);
    }
    case "eachNode":
      return all(topology.nodes, "node", nodeTarget);
    case "eachRack":
      return all(topology.racks, "rack", rackTarget);
    case "eachCentre":
      return all(centres, "centre", centreTarget);
    case "eachEtcdMember":
      return all(controlPlane.etcd.members, "etcd-member", memberTarget);
    case "eachApiServer":
      return all(controlPlane.apiServers.instances, "API-server", apiServerTarget);
    case "eachLink":
      return centres.flatMap((from) =>
        centres
          .slice(from.id + 1)
          .flatMap((to) => linkStruck(from.id, to.id, true, topology, place, problems)),
      );
    default:
      return unreachable(key);
  }
}

function article(word: string): string {
  return /^[aeioAEIO]/.test(word) ? "an" : "a";
}

const nodeTarget = (node: number): FailureTarget => ({ kind: "node", node });
const rackTarget = (rack: number): FailureTarget => ({ kind: "rack", rack });
const centreTarget = (centre: number): FailureTarget => ({ kind: "centre", centre });
const memberTarget = (member: number): FailureTarget => ({ kind: "etcdMember", member });
const apiServerTarget = (instance: number): FailureTarget => ({ kind: "apiServer", instance });

function linkStruck(
  from: number,
  to: number,
  both: boolean,
  { centres }: Topology,
  place: Place,
  problems: Problems,
): Struck[] {
  if (from === to) {
    addProblem(place, [], { message: "expected two different centres" }, problems);
    return [];
  }
  const [a, b] = [centres[from]?.name, centres[to]?.name];
  const there: FailureTarget = { kind: "link", from, to };
  if (!both) return [{ name: `link-${a}-to-${b}`, targets: [there] }];
  return [{ name: `link-${a}-${b}`, targets: [there, { kind: "link", from: to, to: from }] }];
}
