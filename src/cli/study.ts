/** From a scenario file and a command's options to a study that can run; every mistake stops it before it does. */
import type { StudyModel } from "../cluster/model.js";
import { type CompiledScenario, compile, loadScenario } from "../scenario/compile.js";
import type { NodePoolCount } from "../scenario/compile-topology.js";
import { parseScenario, type ScenarioFile } from "../scenario/scenario.js";
import { formatDuration } from "../units/time.js";
import { type FileSource, fileSource } from "../workload/files.js";
import { closestOf, formatProblem, Problems } from "../workload/problems.js";
import { BadInput, stopOnErrors } from "./exit.js";
import { refuseOtherKind } from "./file-kind.js";
import type { RunOptions, StudyOptions } from "./options.js";
import { type ChosenPolicy, checkPolicyFiles, choosePolicies, policyNames } from "./policy-choice.js";

/** A scenario that was opened with a command's options. */
export interface OpenedScenario {
  /** As the user named it. */
  readonly file: string;
  readonly parsed: ScenarioFile;
  readonly policies: readonly ChosenPolicy[];
  readonly options: StudyOptions;
  readonly from: FileSource;
}

export interface CompiledStudy {
  readonly study: StudyModel;
  readonly objectives: CompiledScenario["objectives"];
  readonly plan: CompiledScenario["plan"];
  /** Warnings as lines. */
  readonly warnings: readonly string[];
}

/**
 * Reads the scenario and chooses its policies: those asked for, else all of them or the `first`. Throws
 * {@link BadInput} with every mistake.
 */
export async function openScenario(
  file: string,
  options: StudyOptions,
  which: "first" | "all",
): Promise<OpenedScenario> {
  const from = fileSource();
  refuseOtherKind(file, from, "Scenario");
  const { scenario } = parseScenario(file, from);
  if (scenario === undefined) {
    // Once more, with the manifests that it names: all mistakes of one pass.
    stopOnErrors(loadScenario(file, from).problems);
    throw new BadInput([`${file}: expected a scenario`]);
  }
  const problems = new Problems();
  const asked =
    options.policy ?? (which === "all" ? policyNames(scenario) : policyNames(scenario).slice(0, 1));
  const policies = await choosePolicies(asked, scenario, from, problems);
  if (problems.hasErrors) {
    const { problems: further } = compile(scenario, from, overridesOf(options));
    throw new BadInput([...problems.list(), ...further.list()].map(formatProblem));
  }
  return { file, parsed: scenario, policies, options, from };
}

/** Compiles an opened scenario, with another node count of a pool where one is given. */
export async function compileStudy(
  { parsed, policies, options, from }: OpenedScenario,
  nodePoolCount?: NodePoolCount,
): Promise<CompiledStudy> {
  const { scenario } = parsed;
  const own = scenario.spec.policies ?? ["default"];
  const added = policies.flatMap(({ written }) => (written === undefined ? [] : [written]));
  // Appended, so that the scenario's own keep their places in messages.
  const widened = { ...parsed, scenario: withPolicies(scenario, [...own, ...added]) };
  const overrides = overridesOf(options);
  const compiled = compile(
    widened,
    from,
    nodePoolCount === undefined ? overrides : { ...overrides, nodePoolCount },
  );
  const { problems } = compiled;
  if (nodePoolCount !== undefined) checkPool(parsed, nodePoolCount.pool, "--nodes", problems);
  if (compiled.study !== undefined) checkTimes(compiled.study, problems);
  if (compiled.study !== undefined) await checkPolicyFiles(compiled.study, problems);
  stopOnErrors(problems);
  if (compiled.study === undefined) throw new BadInput([`${parsed.file}: expected a scenario that compiles`]);
  const chosen = policies.flatMap(
    ({ name }) => compiled.study?.policies.filter((policy) => policy.name === name) ?? [],
  );
  return {
    study: { ...compiled.study, policies: chosen },
    objectives: compiled.objectives,
    plan: compiled.plan,
    warnings: problems.list().map(formatProblem),
  };
}

function withPolicies(
  scenario: ScenarioFile["scenario"],
  policies: NonNullable<ScenarioFile["scenario"]["spec"]["policies"]>,
): ScenarioFile["scenario"] {
  return { ...scenario, spec: { ...scenario.spec, policies } };
}

function overridesOf(options: StudyOptions) {
  return {
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.replications === undefined ? {} : { replications: options.replications }),
    ...(options.horizon === undefined ? {} : { horizonUs: options.horizon }),
    ...(options.warmUp === undefined ? {} : { warmUpUs: options.warmUp }),
    ...(options.traces === undefined ? {} : { tracesFolder: options.traces }),
    options: options.check === true ? { checkInvariants: true } : {},
  };
}

/** Whether the topology has the pool, `centre/pool`; `option` is who asked. */
export function checkPool(parsed: ScenarioFile, pool: string, option: string, problems: Problems): void {
  const pools = (parsed.scenario.spec.topology?.sites ?? []).flatMap((site) =>
    site.centres.flatMap((centre) => (centre.nodePools ?? []).map(({ name }) => `${centre.name}/${name}`)),
  );
  if (pools.includes(pool)) return;
  const suggestion = closestOf(pool, pools);
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  const known = pools.length === 0 ? "it has no node pools" : `it has ${pools.join(", ")}`;
  problems.addFileError(option, `expected "centre/pool" of ${parsed.file} (${known}), got "${pool}"${hint}`);
}

/** What the options have made of the spans. */
function checkTimes({ model }: StudyModel, problems: Problems): void {
  if (model.warmUpUs < model.horizonUs) return;
  const message = `expected more than the warm-up of ${formatDuration(model.warmUpUs)} (--warm-up makes it shorter), got ${formatDuration(model.horizonUs)}`;
  problems.addFileError("--horizon", message);
}

/** The command that repeats one cell, as exactly as the options can say it. */
export function repeatCommand(
  { file, policies, options }: OpenedScenario,
  cell: { readonly policy: string; readonly replication: number; readonly seed: string },
  nodes?: NodePoolCount,
): string {
  const argument = policies.find(({ name }) => name === cell.policy)?.argument ?? cell.policy;
  const { horizon, warmUp, traces, check } = options;
  const words = [
    ...["npx", "seatrial", "run", file, "--policy", argument, "--seed", cell.seed],
    ...["--replication", String(cell.replication)],
    ...(horizon === undefined ? [] : ["--horizon", formatDuration(horizon)]),
    ...(warmUp === undefined ? [] : ["--warm-up", formatDuration(warmUp)]),
    ...(traces === undefined ? [] : ["--traces", traces]),
    ...(nodes === undefined ? [] : ["--nodes", `${nodes.pool}=${nodes.count}`]),
    ...(check === true ? ["--check"] : []),
    ...["--workers", "0"],
  ];
  return words.map(quoted).join(" ");
}

/** As a POSIX shell reads it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Folder of the results where none is named. */
export function resultsFolder({ out }: Pick<RunOptions, "out">, name: string, suffix = ""): string {
  return out ?? `results/${name}${suffix}`;
}
