/** Traces, roll-outs and traffic of a scenario, with their references to objects and centres resolved. */
import type { KubernetesObject, Node } from "../api/objects.js";
import type { ArrivalModel, RolloutModel, TrafficModel } from "../cluster/model.js";
import type { Topology } from "../topology/topology.js";
import { type Micros, SECOND } from "../units/time.js";
import { openbArrivals, openbNodeObjects, readOpenbNodes, readOpenbPods } from "../workload/openb.js";
import type { Problems } from "../workload/problems.js";
import type { ObjectContext, ScenarioObjects } from "./compile-objects.js";
import { pathBeside, pathInFolder } from "./paths.js";
import { durationUs, ratePerSecond } from "./scalars.js";
import { addProblem, addUnknown, type Place, placeBelow } from "./shape.js";
import type { WorkloadWritten } from "./workload-schema.js";

export interface CompiledTraces {
  readonly nodes: readonly Node[];
  readonly arrivals: readonly ArrivalModel[];
}

/** `folder`: where the trace files are instead of beside the scenario, under the same names. */
export function compileTraces(
  written: NonNullable<WorkloadWritten["traces"]>,
  folder: string | undefined,
  horizonUs: Micros,
  { file, from, place, problems }: ObjectContext,
): CompiledTraces {
  const nodes: Node[] = [];
  const arrivals: ArrivalModel[] = [];
  for (const [index, { openb }] of written.entries()) {
    const at = placeBelow(place, "workload", "traces", index, "openb");
    const read = (key: "nodes" | "pods"): readonly [text: string, path: string] | undefined => {
      const path = folder === undefined ? pathBeside(file, openb[key]) : pathInFolder(folder, openb[key]);
      const text = from.readFile(path);
      if (text !== undefined) return [text, path];
      const where = folder === undefined ? "" : ` in ${folder}`;
      addProblem(
        at,
        [key],
        { message: `expected a file that can be read${where}`, value: openb[key] },
        problems,
      );
      return undefined;
    };
    const nodeList = read("nodes");
    const podList = read("pods");
    if (nodeList === undefined || podList === undefined) continue;
    nodes.push(...openbNodeObjects(readOpenbNodes(...nodeList, problems)));
    const pods = readOpenbPods(...podList, problems).slice(0, openb.limit);
    const spacingUs = openb.spacing === undefined ? undefined : durationUs(openb.spacing);
    const how =
      spacingUs === undefined
        ? ({ kind: "lifetimes" } as const)
        : ({ kind: "arrivalsOnly", spacingUs } as const);
    const arriving = openbArrivals(`openb-${index}`, pods, how);
    warnOfLatePods(arriving, horizonUs, at, problems);
    arrivals.push({ ...arriving, endUs: Math.min(arriving.endUs, horizonUs) });
  }
  return { nodes, arrivals };
}

function warnOfLatePods(arriving: ArrivalModel, horizonUs: Micros, at: Place, problems: Problems): void {
  if (arriving.process.kind !== "times") return;
  const { atUs } = arriving.process;
  const late = atUs.filter((moment) => moment >= horizonUs).length;
  if (late === 0) return;
  const lastSeconds = Math.ceil((atUs.at(-1) ?? 0) / SECOND);
  const message = `${late} of ${atUs.length} pods arrive after the horizon and are left out; the last comes at ${lastSeconds}s`;
  addProblem(at, [], { message, severity: "warning" }, problems);
}

const ROLLOUT_KINDS = {
  deployment: "Deployment",
  statefulSet: "StatefulSet",
  daemonSet: "DaemonSet",
  replicaSet: "ReplicaSet",
} as const;

/** `place` is the scenario's document at `spec`. */
export function compileRollouts(
  written: NonNullable<WorkloadWritten["rollouts"]>,
  { objects, complete }: ScenarioObjects,
  place: Place,
  problems: Problems,
): RolloutModel[] {
  return written.flatMap((rollout, index) => {
    const at = placeBelow(place, "workload", "rollouts", index);
    const key = (["deployment", "statefulSet", "daemonSet", "replicaSet"] as const).find(
      (candidate) => rollout[candidate] !== undefined,
    );
    if (key === undefined) return [];
    const kind = ROLLOUT_KINDS[key];
    const found = findObject(rollout[key] ?? "", kind, { objects, complete }, placeBelow(at, key), problems);
    if (found === undefined) return [];
    if (kind === "DaemonSet" && rollout.change !== "template") {
      addProblem(at, ["change"], { message: "expected template: a DaemonSet has no replicas" }, problems);
    }
    const { namespace, name } = found.metadata;
    const change =
      rollout.change === "template"
        ? ({ kind: "template" } as const)
        : ({ kind: "scale", replicas: rollout.change.replicas } as const);
    return [{ atUs: durationUs(rollout.at), kind, namespace, name, change }];
  });
}

/** `place` is the scenario's document at `spec`. */
export function compileTraffic(
  written: NonNullable<WorkloadWritten["traffic"]>,
  { objects, complete }: ScenarioObjects,
  topology: Topology,
  place: Place,
  problems: Problems,
): TrafficModel[] {
  const seen = new Set<string>();
  return written.flatMap(({ service, from }, index) => {
    const at = placeBelow(place, "workload", "traffic", index);
    const rates = ratesByCentre(from, topology, placeBelow(at, "from"), problems);
    const found = findObject(service, "Service", { objects, complete }, placeBelow(at, "service"), problems);
    if (found === undefined) return [];
    const { namespace, name } = found.metadata;
    if (seen.has(`${namespace}/${name}`)) {
      addProblem(
        at,
        ["service"],
        { message: "expected the traffic of each service once", value: service },
        problems,
      );
    }
    seen.add(`${namespace}/${name}`);
    if (found.kind === "Service" && found.selector === undefined) {
      const message = "this Service selects no pods: nobody will answer";
      addProblem(at, ["service"], { message, severity: "warning" }, problems);
    }
    return [{ namespace, service: name, ratePerSecond: rates }];
  });
}

/** By centre id; a site's rate is split evenly over its centres. */
function ratesByCentre(
  from: Readonly<Record<string, string>>,
  { centres, sites }: Topology,
  place: Place,
  problems: Problems,
): number[] {
  const rates = centres.map(() => 0);
  for (const [name, written] of Object.entries(from)) {
    const site = sites.find((candidate) => candidate.name === name);
    const centre = centres.find((candidate) => candidate.name === name);
    const entering =
      centre === undefined ? centres.filter((candidate) => candidate.site === site?.id) : [centre];
    if (entering.length === 0) {
      const known = [...centres, ...sites].map((candidate) => candidate.name);
      addUnknown(place, [name], { what: "a centre or site", value: name, known }, problems);
    }
    for (const { id } of entering) rates[id] = (rates[id] ?? 0) + ratePerSecond(written) / entering.length;
  }
  return rates;
}

/** The object that `namespace/name` (or a name in `default`) means. */
function findObject(
  reference: string,
  kind: KubernetesObject["kind"],
  { objects, complete }: ScenarioObjects,
  place: Place,
  problems: Problems,
): KubernetesObject | undefined {
  const [namespace, name] = reference.includes("/") ? reference.split("/") : ["default", reference];
  const found = objects.find(
    (object) =>
      object.kind === kind && object.metadata.name === name && object.metadata.namespace === namespace,
  );
  if (found !== undefined) return found;
  const known = objects
    .filter((object) => object.kind === kind)
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  if (complete)
    addUnknown(place, [], { what: `a ${kind} of the manifests`, value: reference, known }, problems);
  return undefined;
}
