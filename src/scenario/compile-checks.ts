/** What can be judged of a scenario only when it has been compiled: schedulers asked for, subjects of objectives. */
import type { Model, StudyModel } from "../cluster/model.js";
import type { Problems } from "../workload/problems.js";
import { objectiveMetric } from "./objectives.js";
import type { ScenarioFile } from "./scenario.js";
import type { Scenario } from "./schema.js";
import { addProblem, addUnknown, type Place } from "./shape.js";

/** A pod whose scheduler no profile serves waits for ever, in Kubernetes and here: worth a word. */
export function checkSchedulerNames(
  model: Model | undefined,
  policies: StudyModel["policies"],
  place: Place,
  problems: Problems,
): void {
  if (model === undefined) return;
  const asked = new Map<string, string>();
  for (const object of model.objects) {
    const spec =
      object.kind === "Pod" ? object.spec : "template" in object ? object.template.spec : undefined;
    if (spec === undefined || asked.has(spec.schedulerName)) continue;
    asked.set(spec.schedulerName, `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`);
  }
  for (const { name, classes } of model.arrivals) {
    for (const { template } of classes) {
      if (!asked.has(template.spec.schedulerName)) asked.set(template.spec.schedulerName, `arrivals ${name}`);
    }
  }
  for (const [index, policy] of policies.entries()) {
    for (const [schedulerName, who] of asked) {
      if (policy.profiles.some((profile) => profile.schedulerName === schedulerName)) continue;
      const message = `${who} asks for the scheduler "${schedulerName}", for which policy ${policy.name} has no profile: it stays pending`;
      addProblem(place, ["policies", index], { message, severity: "warning" }, problems);
    }
  }
}

/** Objectives of things that are not there. */
export function checkObjectives(
  { scenario }: ScenarioFile,
  model: Model | undefined,
  place: Place,
  problems: Problems,
): void {
  if (model === undefined) return;
  for (const [index, { metric, of = "cluster" }] of (scenario.spec.objectives ?? []).entries()) {
    if (of === "cluster" || objectiveMetric(metric) === undefined) continue;
    const [known, what] = subjectsOf(of, scenario, model);
    const shape = namePattern(of);
    // Nothing is known where a manifest cannot be read, which is said elsewhere.
    if (known.some((name) => shape.test(name)) || (known.length === 0 && problems.hasErrors)) continue;
    addUnknown(place, ["objectives", index, "of"], { what, value: of, known }, problems);
  }
}

/** Names of results of the same kind as `of`, and what they are names of. */
function subjectsOf(
  of: string,
  { spec }: Scenario,
  model: Model,
): readonly [names: readonly string[], what: string] {
  const kind = of.split("/")[0];
  if (kind === "service") {
    const services = (spec.workload?.traffic ?? []).map(({ service }) =>
      service.includes("/") ? service : `default/${service}`,
    );
    return [services.map((service) => `service/${service}`), "a Service with traffic"];
  }
  if (kind === "resource") {
    const resources = new Set(model.topology.nodes.flatMap(({ allocatable }) => Object.keys(allocatable)));
    return [[...resources].map((name) => `resource/${name}`), "a resource of the nodes"];
  }
  const names = model.objects.map(
    ({ kind: own, metadata }) => `${own.toLowerCase()}/${metadata.namespace}/${metadata.name}`,
  );
  return [names.filter((name) => name.startsWith(`${kind}/`)), `a ${kind} of the manifests`];
}

/** A pattern for names of results: `*` stands for any characters. */
function namePattern(of: string): RegExp {
  const parts = of.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}

export function checkPool({ scenario }: ScenarioFile, pool: string, place: Place, problems: Problems): void {
  const known = (scenario.spec.topology?.sites ?? []).flatMap((site) =>
    site.centres.flatMap((centre) => (centre.nodePools ?? []).map(({ name }) => `${centre.name}/${name}`)),
  );
  if (!known.includes(pool)) addUnknown(place, [], { what: "a node pool", value: pool, known }, problems);
}
