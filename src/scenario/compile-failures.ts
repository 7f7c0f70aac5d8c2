/** Failures of a scenario: scopes turned into targets, `each...` scopes into one failure for each thing. */

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

/** A thing that a scope names, or one of all that it means. */
interface Named {
  readonly name: string;
  readonly target: FailureTarget;
}

/** Scopes that mean one thing by its name, or all things of a sort: the sort in words and its things. */
interface Sort {
  readonly what: string;
  readonly things: (topology: Topology, controlPlane: ControlPlaneModel) => readonly Named[];
}

const NODES: Sort = {
  what: "node",
  things: ({ nodes }) => nodes.map(({ name }, node) => ({ name, target: { kind: "node", node } })),
};
const RACKS: Sort = {
  what: "rack",
  things: ({ racks }) => racks.map(({ name }, rack) => ({ name, target: { kind: "rack", rack } })),
};
const CENTRES: Sort = {
  what: "centre",
  things: ({ centres }) => centres.map(({ name }, centre) => ({ name, target: { kind: "centre", centre } })),
};
const SITES: Sort = {
  what: "site",
  things: ({ sites }) => sites.map(({ name }, site) => ({ name, target: { kind: "site", site } })),
};
const ETCD_MEMBERS: Sort = {
  what: "etcd member",
  things: (_, { etcd }) =>
    etcd.members.map(({ name }, member) => ({ name, target: { kind: "etcdMember", member } })),
};
const API_SERVERS: Sort = {
  what: "API server",
  things: (_, { apiServers }) =>
    apiServers.instances.map(({ name }, instance) => ({ name, target: { kind: "apiServer", instance } })),
};
const CONTROLLER_MANAGERS: Sort = {
  what: "controller manager",
  things: ({ centres }, { controllerManager }) =>
    centres
      .filter(({ id }) => controllerManager.instances.includes(id))
      .map(({ name, id }) => ({ name, target: { kind: "controllerManager", centre: id } })),
};
const SCHEDULERS: Sort = {
  what: "scheduler",
  things: ({ centres }, { scheduler }) =>
    centres
      .filter(({ id }) => scheduler.instances.includes(id))
      .map(({ name, id }) => ({ name, target: { kind: "scheduler", centre: id } })),
};

type LinkScope = "link" | "between" | "eachLink";
type EachScope = "eachNode" | "eachRack" | "eachCentre" | "eachEtcdMember" | "eachApiServer";

const ONE: Readonly<Record<Exclude<keyof ScopeWritten, LinkScope | EachScope>, Sort>> = {
  node: NODES,
  rack: RACKS,
  centre: CENTRES,
  site: SITES,
  etcdMember: ETCD_MEMBERS,
  apiServer: API_SERVERS,
  controllerManager: CONTROLLER_MANAGERS,
  scheduler: SCHEDULERS,
};

const EACH: Readonly<Record<EachScope, Sort>> = {
  eachNode: NODES,
  eachRack: RACKS,
  eachCentre: CENTRES,
  eachEtcdMember: ETCD_MEMBERS,
  eachApiServer: API_SERVERS,
};

function struckBy(
  scope: ScopeWritten,
  topology: Topology,
  controlPlane: ControlPlaneModel,
  place: Place,
  problems: Problems,
): Struck[] {
  const key = keysGiven(scope)[0] as keyof ScopeWritten;
  const { centres } = topology;
  switch (key) {
    case "link":
    case "between": {
      const [[from = "", fromKey], [to = "", toKey]] =
        key === "link"
          ? ([
              [scope.link?.from, "from"],
              [scope.link?.to, "to"],
            ] as const)
          : ([
              [scope.between?.[0], 0],
              [scope.between?.[1], 1],
            ] as const);
      const a = find(centres, from, "centre", [key, fromKey], place, problems);
      const b = find(centres, to, "centre", [key, toKey], place, problems);
      if (a === undefined || b === undefined) return [];
      return linkStruck(a.id, b.id, key === "between", topology, place, problems);
    }
    case "eachLink":
      return centres.flatMap((from) =>
        centres
          .slice(from.id + 1)
          .flatMap((to) => linkStruck(from.id, to.id, true, topology, place, problems)),
      );
    case "eachNode":
    case "eachRack":
    case "eachCentre":
    case "eachEtcdMember":
    case "eachApiServer": {
      const { what, things } = EACH[key];
      return things(topology, controlPlane).map((thing) => struck(what, thing));
    }
    default: {
      const { what, things } = ONE[key];
      const found = find(things(topology, controlPlane), scope[key] ?? "", what, [key], place, problems);
      return found === undefined ? [] : [struck(what, found)];
    }
  }
}

function struck(what: string, { name, target }: Named): Struck {
  return { name: `${what.replaceAll(" ", "-")}-${name}`, targets: [target] };
}

/** The thing of that name; a problem where there is none. */
function find<Thing extends { readonly name: string }>(
  things: readonly Thing[],
  name: string,
  what: string,
  steps: readonly (string | number)[],
  place: Place,
  problems: Problems,
): Thing | undefined {
  const found = things.find((thing) => thing.name === name);
  if (found !== undefined) return found;
  const known = things.map((thing) => thing.name);
  addUnknown(place, steps, { what: `${article(what)} ${what}`, value: name, known }, problems);
  return undefined;
}

function article(word: string): string {
  return /^[aeioAEIO]/.test(word) ? "an" : "a";
}

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
