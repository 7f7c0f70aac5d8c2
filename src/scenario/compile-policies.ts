/** Policies of a scenario: each becomes a set of profiles, from the cluster's own configuration, a file or the shelf. */
import type { PolicyModel } from "../cluster/model.js";
import type { ProfileSpec } from "../policies/framework/types.js";
import { profileOf } from "../policies/profiles.js";
import type { FileSource } from "../workload/files.js";
import { closestOf, type Problems } from "../workload/problems.js";
import { readYaml } from "../workload/yaml.js";
import { pathBeside } from "./paths.js";
import { readSchedulerConfiguration, type SchedulerConfiguration } from "./scheduler-configuration.js";
import type { PolicyWritten } from "./schema.js";
import { addProblem, addUnknown, type Place, placeBelow } from "./shape.js";

/** The policy that is the cluster's own scheduler configuration. */
export const DEFAULT_POLICY = "default";

export interface PolicyContext {
  /** The scenario's file, to which paths are relative. */
  readonly file: string;
  readonly from: FileSource;
  readonly shelf: ReadonlySet<string>;
  readonly problems: Problems;
}

type ConfigurationWritten = string | Readonly<Record<string, unknown>>;

/** A configuration from a file beside the scenario or written inline at `place`. */
export function loadSchedulerConfiguration(
  written: ConfigurationWritten,
  place: Place,
  { file, from, shelf, problems }: PolicyContext,
): SchedulerConfiguration | undefined {
  if (typeof written !== "string") return readSchedulerConfiguration(written, place, shelf, problems);
  const path = pathBeside(file, written);
  const text = from.readFile(path);
  if (text === undefined) {
    addProblem(place, [], { message: "expected a file that can be read", value: written }, problems);
    return undefined;
  }
  const [document] = readYaml(text, path, problems);
  if (document === undefined) return undefined;
  return readSchedulerConfiguration(document.data, { document, at: [] }, shelf, problems);
}

/** `place` is the scenario's document at `spec`; `own` is what `default` stands for. */
export function compilePolicies(
  written: readonly PolicyWritten[],
  own: SchedulerConfiguration,
  place: Place,
  context: PolicyContext,
): PolicyModel[] {
  return written.flatMap((policy, index) => {
    const at = placeBelow(place, "policies", index);
    return typeof policy === "string"
      ? namedPolicy(policy, own, at, context)
      : writtenPolicy(policy, own, at, context);
  });
}

function namedPolicy(
  name: string,
  own: SchedulerConfiguration,
  at: Place,
  context: PolicyContext,
): PolicyModel[] {
  if (name === DEFAULT_POLICY) return [{ name, profiles: own.profiles }];
  if (!context.shelf.has(name)) {
    unknownPolicy(at, name, context);
    return [];
  }
  return [{ name, profiles: scoringBy(name, own) }];
}

function unknownPolicy(at: Place, value: string, { shelf, problems }: PolicyContext): void {
  addUnknown(at, [], { what: "a policy of the shelf", value, known: [DEFAULT_POLICY, ...shelf] }, problems);
}

/** One profile for each scheduler name of the cluster, so that every pod finds its scheduler. */
function scoringBy(plugin: string, own: SchedulerConfiguration): ProfileSpec[] {
  return own.profiles.map(({ schedulerName }) => profileOf(plugin, schedulerName));
}

function writtenPolicy(
  policy: Exclude<PolicyWritten, string>,
  own: SchedulerConfiguration,
  at: Place,
  context: PolicyContext,
): PolicyModel[] {
  const profiles = profilesOf(policy, own, at, context);
  if (profiles === undefined) return [];
  const { weights = {}, tieBreak, percentageOfNodesToScore } = policy;
  checkWeights(weights, profiles, at, context);
  const tuned = profiles.map((profile) => ({
    ...profile,
    plugins: profile.plugins.map((plugin) => ({
      ...plugin,
      scoreWeight: weights[plugin.name] ?? plugin.scoreWeight,
    })),
    tieBreak: tieBreak ?? profile.tieBreak,
    percentageOfNodesToScore: percentageOfNodesToScore ?? profile.percentageOfNodesToScore,
  }));
  const file = policy.file === undefined ? {} : { file: pathBeside(context.file, policy.file) };
  return [{ name: policy.name, profiles: tuned, ...file }];
}

function profilesOf(
  { name, configuration, plugin, file }: Exclude<PolicyWritten, string>,
  own: SchedulerConfiguration,
  at: Place,
  context: PolicyContext,
): readonly ProfileSpec[] | undefined {
  if (configuration !== undefined) {
    return loadSchedulerConfiguration(configuration, placeBelow(at, "configuration"), context)?.profiles;
  }
  if (file !== undefined) {
    const path = pathBeside(context.file, file);
    if (context.from.readFile(path) === undefined) {
      addProblem(
        at,
        ["file"],
        { message: "expected a file that can be read", value: file },
        context.problems,
      );
      return undefined;
    }
    return scoringBy(plugin ?? name, own);
  }
  if (plugin === undefined && !context.shelf.has(name)) return own.profiles;
  const chosen = plugin ?? name;
  if (context.shelf.has(chosen)) return scoringBy(chosen, own);
  unknownPolicy(placeBelow(at, "plugin"), chosen, context);
  return undefined;
}

function checkWeights(
  weights: Readonly<Record<string, number>>,
  profiles: readonly ProfileSpec[],
  at: Place,
  { problems }: PolicyContext,
): void {
  const names = new Set(profiles.flatMap(({ plugins }) => plugins.map(({ name }) => name)));
  for (const plugin of Object.keys(weights)) {
    if (names.has(plugin)) continue;
    const suggestion = closestOf(plugin, names);
    addProblem(
      at,
      ["weights", plugin],
      { message: "expected a plugin of this policy's profile", suggestion },
      problems,
    );
  }
}
