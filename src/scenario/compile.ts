/** From a checked scenario to what the machine runs: one model, the policies to compare, and the promises to keep. */
import type { Model, RunOptions, StudyModel } from "../cluster/model.js";
import { defaultProfile } from "../policies/profiles.js";
import { SHELF } from "../policies/shelf.js";
import type { Micros } from "../units/time.js";
import type { FileSource } from "../workload/files.js";
import { type Problem, Problems } from "../workload/problems.js";
import { checkObjectives, checkPool, checkSchedulerNames } from "./compile-checks.js";
import {
  compileControlPlane,
  compileKubelet,
  compileMetrics,
  compileNetwork,
} from "./compile-control-plane.js";
import { compileFailures } from "./compile-failures.js";
import { compileArrivals, compileObjects, type ObjectContext } from "./compile-objects.js";
import {
  compilePolicies,
  DEFAULT_POLICY,
  loadSchedulerConfiguration,
  type PolicyContext,
} from "./compile-policies.js";
import { compileTopology, type NodePoolCount } from "./compile-topology.js";
import { compileRollouts, compileTraces, compileTraffic } from "./compile-workload.js";
import { STUDY_DEFAULTS } from "./defaults.js";
import { compileObjectives, type Objective } from "./objectives.js";
import { durationUs } from "./scalars.js";
import { parseScenario, type ScenarioFile } from "./scenario.js";
import { defaultSchedulerConfiguration, type SchedulerConfiguration } from "./scheduler-configuration.js";
import { type Place, placeBelow } from "./shape.js";

/** What a command may say instead of the file. */
export interface CompileOverrides {
  readonly seed?: string;
  readonly replications?: number;
  readonly horizonUs?: Micros;
  readonly warmUpUs?: Micros;
  readonly nodePoolCount?: NodePoolCount;
  /** Folder with the files that the scenario's traces name. */
  readonly tracesFolder?: string;
  /** Names of plugins that a user's own policy files put on the shelf. */
  readonly ownPlugins?: readonly string[];
  readonly options?: RunOptions;
}

/** What `plan` searches: the node count of a pool, `<centre>/<pool>`. */
export interface PlanRange {
  readonly pool: string;
  readonly min: number;
  readonly max: number;
}

export interface CompiledScenario {
  /** Undefined where a problem is an error. */
  readonly study?: StudyModel;
  readonly objectives: readonly Objective[];
  readonly plan?: PlanRange;
  /** Errors and warnings of this step. */
  readonly problems: Problems;
}

/** Compiles a parsed scenario; files that it names are read through `from`. */
export function compile(
  parsed: ScenarioFile,
  from: FileSource,
  overrides: CompileOverrides = {},
): CompiledScenario {
  const { file, document, scenario } = parsed;
  const { spec } = scenario;
  const problems = new Problems();
  const place: Place = { document, at: ["spec"] };
  const shelf = new Set([...SHELF.map(({ name }) => name), ...(overrides.ownPlugins ?? [])]);
  const policyContext: PolicyContext = { file, from, shelf, problems };
  const own = ownConfiguration(parsed, policyContext);
  const policies = compilePolicies(spec.policies ?? [DEFAULT_POLICY], own, place, policyContext);
  const model = compileModel(parsed, own, overrides, { file, from, place, problems });
  checkSchedulerNames(model, policies, place, problems);
  const objectives = compileObjectives(spec.objectives ?? []);
  checkObjectives(parsed, model, place, problems);
  if (spec.plan !== undefined) checkPool(parsed, spec.plan.pool, placeBelow(place, "plan", "pool"), problems);
  const plan = spec.plan === undefined ? {} : { plan: spec.plan };
  if (problems.hasErrors || model === undefined) return { objectives, ...plan, problems };
  const replications = overrides.replications ?? spec.replications ?? STUDY_DEFAULTS.replications;
  const study = { model, policies, replications, options: overrides.options ?? {} };
  return { study, objectives, ...plan, problems };
}

/** `parseScenario` and `compile` in one, with the problems of both. Where the scenario itself is wrong, the manifests
 * it names are still looked at, so that one pass shows everything. */
export function loadScenario(
  file: string,
  from: FileSource,
  overrides: CompileOverrides = {},
): CompiledScenario & { readonly scenario?: ScenarioFile } {
  const parsed = parseScenario(file, from);
  const problems = new Problems();
  for (const problem of parsed.problems.list()) problems.add(problem);
  if (parsed.scenario === undefined) {
    for (const problem of manifestProblems(parsed.document, file, from)) problems.add(problem);
    return { objectives: [], problems };
  }
  const compiled = compile(parsed.scenario, from, overrides);
  for (const problem of compiled.problems.list()) problems.add(problem);
  return { ...compiled, problems, scenario: parsed.scenario };
}

function manifestProblems(
  document: ScenarioFile["document"] | undefined,
  file: string,
  from: FileSource,
): readonly Problem[] {
  if (document === undefined) return [];
  const problems = new Problems();
  let manifests = document.data;
  for (const step of ["spec", "workload", "manifests"]) {
    if (typeof manifests !== "object" || manifests === null) return [];
    manifests = (manifests as Readonly<Record<string, unknown>>)[step];
  }
  if (!Array.isArray(manifests) || !manifests.every((path) => typeof path === "string" && path !== ""))
    return [];
  compileObjects(manifests, [], { file, from, place: { document, at: ["spec"] }, problems });
  return problems.list();
}

function ownConfiguration(
  { document, scenario }: ScenarioFile,
  context: PolicyContext,
): SchedulerConfiguration {
  const fallback = defaultSchedulerConfiguration(defaultProfile());
  const written = scenario.spec.controlPlane?.scheduler?.configuration;
  if (written === undefined) return fallback;
  const place = { document, at: ["spec", "controlPlane", "scheduler", "configuration"] };
  return loadSchedulerConfiguration(written, place, context) ?? fallback;
}

function compileModel(
  { scenario }: ScenarioFile,
  own: SchedulerConfiguration,
  overrides: CompileOverrides,
  context: ObjectContext,
): Model | undefined {
  const { metadata, spec } = scenario;
  const { place, problems } = context;
  const { workload = {} } = spec;
  const horizonUs = overrides.horizonUs ?? durationUs(spec.horizon);
  const read = compileObjects(workload.manifests ?? [], workload.objects ?? [], context);
  const { objects, nodes } = read;
  const traces = compileTraces(workload.traces ?? [], overrides.tracesFolder, horizonUs, context);
  const arrivals = compileArrivals(workload.arrivals ?? [], objects, horizonUs, context);
  const rollouts = compileRollouts(workload.rollouts ?? [], read, place, problems);
  const allNodes = [...nodes, ...traces.nodes];
  const topology = compileTopology(spec.topology ?? {}, allNodes, overrides.nodePoolCount, place, problems);
  if (topology === undefined) return undefined;
  const controlPlane = compileControlPlane(spec.controlPlane ?? {}, topology, own, place, problems);
  return {
    name: metadata.name,
    seed: overrides.seed ?? String(spec.seed ?? STUDY_DEFAULTS.seed),
    warmUpUs: Math.min(overrides.warmUpUs ?? durationUs(spec.warmUp ?? STUDY_DEFAULTS.warmUp), horizonUs),
    horizonUs,
    topology,
    controlPlane,
    kubelet: compileKubelet(spec.kubelet ?? {}),
    network: compileNetwork(spec.network ?? {}),
    objects,
    arrivals: [...arrivals, ...traces.arrivals],
    rollouts,
    traffic: compileTraffic(workload.traffic ?? [], read, topology, place, problems),
    failures: compileFailures(spec.failures ?? [], topology, controlPlane, place, problems),
    metrics: compileMetrics(spec.metrics ?? {}),
  };
}
