/**
 * Reads a KubeSchedulerConfiguration as kube-scheduler reads it: the default profile merged with what the file enables
 * and disables, MultiPoint expanded over the extension points, weights and arguments defaulted and validated.
 *
 * Rules: pkg/scheduler/apis/config/v1/default_plugins.go (mergePluginSet), pkg/scheduler/framework/runtime
 * (expandMultiPointPlugins, getScoreWeights), pkg/scheduler/apis/config/validation, v1.34. One simplification: a
 * profile has one plugin order, so a plugin enabled at MultiPoint and again at one point keeps its MultiPoint place.
 */
import type { ProfileSpec } from "../policies/framework/types.js";
import { DEFAULT_SCHEDULER_NAME, UNMODELLED_PLUGINS } from "../policies/profiles.js";
import type { Micros } from "../units/time.js";
import { SECOND } from "../units/time.js";
import { closestOf, type Problems, type Severity } from "../workload/problems.js";
import { LEADER_ELECTION_DEFAULTS, SCHEDULER_DEFAULTS } from "./defaults.js";
import { pluginArgs } from "./plugin-args.js";
import { actsAt, IN_TREE_PLUGINS, inTreePlugin } from "./plugin-points.js";
import { durationUs } from "./scalars.js";
import {
  EXTENSION_POINTS,
  type ExtensionPoint,
  type PluginSetWritten,
  type ProfileWritten,
  type SchedulerConfigurationWritten,
  schedulerConfigurationSchema,
} from "./scheduler-schema.js";
import { addProblem, checkShape, type Place, placeBelow } from "./shape.js";

/** What a configuration says, with Kubernetes' defaults. */
export interface SchedulerConfiguration {
  readonly profiles: readonly ProfileSpec[];
  readonly leaderElection: {
    readonly leaseDurationUs: Micros;
    readonly renewDeadlineUs: Micros;
    readonly retryPeriodUs: Micros;
  };
  readonly clientConnection: { readonly qps: number; readonly burst: number };
  readonly podInitialBackoffUs: Micros;
  readonly podMaxBackoffUs: Micros;
}

export interface ReadConfigurationOptions {
  /**
   * What becomes of parts that Seatrial does not simulate (extenders, plugins of neither Kubernetes nor the shelf):
   * named in a warning, the default, or refused.
   */
  readonly unmodelled?: Severity;
}

/**
 * Reads the configuration that stands at `place`; `shelf` names all plugins there are. Undefined, with everything
 * wrong added to `problems`, where it cannot be used.
 */
export function readSchedulerConfiguration(
  data: unknown,
  place: Place,
  shelf: ReadonlySet<string>,
  problems: Problems,
  { unmodelled = "warning" }: ReadConfigurationOptions = {},
): SchedulerConfiguration | undefined {
  const written = checkShape(schedulerConfigurationSchema, data, place, problems);
  if (written === undefined) return undefined;
  const before = problems.errorCount;
  const { profiles: given = [] } = written;
  // No profiles, an empty list too, are the default one (SetDefaults_KubeSchedulerConfiguration).
  const profilesWritten = given.length === 0 ? [{}] : given;
  const profiles = profilesWritten.map((profile, index) =>
    readProfile(profile, written, placeBelow(place, "profiles", index), { shelf, problems, unmodelled }),
  );
  checkSchedulerNames(profilesWritten, place, problems);
  if ((written.extenders ?? []).length > 0) {
    const message = "extenders are called over the network and are not simulated; this has no effect";
    addProblem(place, ["extenders"], { message, severity: unmodelled }, problems);
  }
  const configuration = { profiles, ...timing(written) };
  if (configuration.podMaxBackoffUs < configuration.podInitialBackoffUs) {
    const message = "expected podMaxBackoffSeconds to be at least podInitialBackoffSeconds";
    addProblem(place, ["podMaxBackoffSeconds"], { message, value: written.podMaxBackoffSeconds }, problems);
  }
  return problems.errorCount > before ? undefined : configuration;
}

/** kube-scheduler without a configuration file. */
export function defaultSchedulerConfiguration(profile: ProfileSpec): SchedulerConfiguration {
  return { profiles: [profile], ...timing({}) };
}

type TimingWritten = Pick<
  SchedulerConfigurationWritten,
  "leaderElection" | "clientConnection" | "podInitialBackoffSeconds" | "podMaxBackoffSeconds"
>;

function timing(written: TimingWritten): Omit<SchedulerConfiguration, "profiles"> {
  const { leaderElection = {}, clientConnection = {} } = written;
  return {
    leaderElection: {
      leaseDurationUs: durationUs(leaderElection.leaseDuration ?? LEADER_ELECTION_DEFAULTS.leaseDuration),
      renewDeadlineUs: durationUs(leaderElection.renewDeadline ?? LEADER_ELECTION_DEFAULTS.renewDeadline),
      retryPeriodUs: durationUs(leaderElection.retryPeriod ?? LEADER_ELECTION_DEFAULTS.retryPeriod),
    },
    clientConnection: {
      // 0 stands for the default (SetDefaults_KubeSchedulerConfiguration).
      qps: clientConnection.qps || SCHEDULER_DEFAULTS.qps,
      burst: clientConnection.burst || SCHEDULER_DEFAULTS.burst,
    },
    podInitialBackoffUs:
      (written.podInitialBackoffSeconds ?? SCHEDULER_DEFAULTS.podInitialBackoffSeconds) * SECOND,
    podMaxBackoffUs: (written.podMaxBackoffSeconds ?? SCHEDULER_DEFAULTS.podMaxBackoffSeconds) * SECOND,
  };
}

/** Only a profile that is the only one gets the default name. */
function checkSchedulerNames(profiles: readonly ProfileWritten[], place: Place, problems: Problems): void {
  const seen = new Set<string>();
  for (const [index, { schedulerName }] of profiles.entries()) {
    if (schedulerName === undefined && profiles.length > 1) {
      const message = "expected a schedulerName, as there are several profiles";
      addProblem(place, ["profiles", index, "schedulerName"], { message }, problems);
    }
    const name = schedulerName ?? DEFAULT_SCHEDULER_NAME;
    if (seen.has(name) && schedulerName !== undefined) {
      const message = "expected each profile to have a schedulerName of its own";
      addProblem(place, ["profiles", index, "schedulerName"], { message, value: name }, problems);
    }
    seen.add(name);
  }
}

/** What all parts of a profile are read with. */
interface Reading {
  readonly shelf: ReadonlySet<string>;
  readonly problems: Problems;
  readonly unmodelled: Severity;
}

function readProfile(
  written: ProfileWritten,
  whole: SchedulerConfigurationWritten,
  place: Place,
  reading: Reading,
): ProfileSpec {
  const { shelf, problems } = reading;
  const sets = written.plugins ?? {};
  checkPluginNames(sets, place, reading);
  const enabled = expandMultiPoint(sets);
  if (enabled.at.queueSort.length !== 1) {
    const message = "expected exactly one queueSort plugin; PrioritySort is the one there is";
    addProblem(place, ["plugins"], { message }, problems);
  }
  if (enabled.at.bind.length === 0) {
    addProblem(place, ["plugins"], { message: "expected a bind plugin, such as DefaultBinder" }, problems);
  }
  const plugins = enabled.order.map((name) => ({
    name,
    scoreWeight: enabled.at.score.includes(name) ? (enabled.weights.get(name) ?? 1) : 0,
    // What a plugin has not got cannot be switched off.
    filter: enabled.at.filter.includes(name) || !actsAt(name, "filter"),
    postFilter: enabled.at.postFilter.includes(name) || !actsAt(name, "postFilter"),
  }));
  return {
    schedulerName: written.schedulerName ?? DEFAULT_SCHEDULER_NAME,
    plugins: plugins.filter(({ name }) => shelf.has(name)),
    args: readArgs(written, place, reading),
    percentageOfNodesToScore: written.percentageOfNodesToScore ?? whole.percentageOfNodesToScore ?? 0,
    tieBreak: "random",
  };
}

type Sets = NonNullable<ProfileWritten["plugins"]>;

/** Unknown plugins, and plugins enabled at a point at which they do nothing. */
function checkPluginNames(sets: Sets, place: Place, reading: Reading): void {
  const { shelf, problems } = reading;
  for (const point of ["multiPoint", ...EXTENSION_POINTS] as const) {
    const set = sets[point];
    const seen = new Set<string>();
    for (const [index, { name }] of (set?.enabled ?? []).entries()) {
      const below = ["plugins", point, "enabled", index, "name"] as const;
      if (!isKnown(name, shelf)) addUnknownPlugin(place, below, name, reading);
      else if (point !== "multiPoint" && !actsAt(name, point)) {
        addProblem(
          place,
          below,
          { message: `expected a plugin that acts at ${point}`, value: name },
          problems,
        );
      }
      if (seen.has(name))
        addProblem(place, below, { message: "expected each plugin once", value: name }, problems);
      seen.add(name);
    }
    for (const [index, { name }] of (set?.disabled ?? []).entries()) {
      if (name === "*" || isKnown(name, shelf)) continue;
      addUnknownPlugin(place, ["plugins", point, "disabled", index, "name"], name, reading);
    }
  }
}

function isKnown(name: string, shelf: ReadonlySet<string>): boolean {
  return shelf.has(name) || inTreePlugin(name) !== undefined;
}

/** A name that is near to a known one is a slip of the pen; any other is a plugin of somebody's own scheduler. */
function addUnknownPlugin(
  place: Place,
  below: readonly (string | number)[],
  value: string,
  { shelf, problems, unmodelled }: Reading,
): void {
  const known = [...shelf, ...IN_TREE_PLUGINS.map(({ name }) => name)];
  const suggestion = closestOf(value, known);
  if (suggestion !== undefined) {
    addProblem(place, below, { message: "unknown plugin", value, suggestion }, problems);
    return;
  }
  const message = `${value} is a plugin of neither Kubernetes nor the shelf and is not simulated; it has no effect`;
  addProblem(place, below, { message, severity: unmodelled }, problems);
}

interface EnabledPlugins {
  /** MultiPoint order, then those of single points. */
  readonly order: readonly string[];
  readonly at: Readonly<Record<ExtensionPoint, readonly string[]>>;
  readonly weights: ReadonlyMap<string, number>;
}

function expandMultiPoint(sets: Sets): EnabledPlugins {
  const multiPoint = mergeWithDefaults(sets.multiPoint);
  const at = Object.fromEntries(
    EXTENSION_POINTS.map((point) => {
      const set = sets[point];
      const own = (set?.enabled ?? []).map(({ name }) => name);
      const disabled = new Set((set?.disabled ?? []).map(({ name }) => name));
      const inherited = multiPoint
        .map(({ name }) => name)
        .filter(
          (name) => actsAt(name, point) && !own.includes(name) && !disabled.has("*") && !disabled.has(name),
        );
      return [point, [...inherited, ...own]];
    }),
  ) as Record<ExtensionPoint, string[]>;
  const weights = new Map<string, number>();
  // What stands at score wins over MultiPoint, its missing weight too; 0 or none is 1 (getScoreWeights).
  for (const { name, weight } of [...(sets.score?.enabled ?? []), ...multiPoint]) {
    if (!weights.has(name)) weights.set(name, weight || 1);
  }
  const acting = new Set(EXTENSION_POINTS.flatMap((point) => at[point]));
  const everything = [
    ...multiPoint.map(({ name }) => name),
    ...EXTENSION_POINTS.flatMap((point) => at[point]),
  ];
  return { order: [...new Set(everything)].filter((name) => acting.has(name)), at, weights };
}

interface Enabled {
  readonly name: string;
  readonly weight?: number | undefined;
}

/** mergePluginSet: what the file enables replaces a default of the same name in its place, or comes after all. */
function mergeWithDefaults(set: PluginSetWritten | undefined): Enabled[] {
  const own = set?.enabled ?? [];
  const disabled = new Set((set?.disabled ?? []).map(({ name }) => name));
  const replaced = new Set<string>();
  const merged: Enabled[] = [];
  if (!disabled.has("*")) {
    for (const plugin of IN_TREE_PLUGINS) {
      if (disabled.has(plugin.name)) continue;
      const custom = own.find(({ name }) => name === plugin.name);
      if (custom !== undefined) replaced.add(plugin.name);
      merged.push(custom ?? { name: plugin.name, weight: plugin.scoreWeight });
    }
  }
  return [...merged, ...own.filter(({ name }) => !replaced.has(name))];
}

function readArgs(written: ProfileWritten, place: Place, reading: Reading): Record<string, unknown> {
  const { shelf, problems, unmodelled } = reading;
  const args: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const [index, { name, args: own }] of (written.pluginConfig ?? []).entries()) {
    const at = placeBelow(place, "pluginConfig", index);
    if (!isKnown(name, shelf)) {
      addUnknownPlugin(at, ["name"], name, reading);
      continue;
    }
    if (seen.has(name)) {
      addProblem(
        at,
        ["name"],
        { message: "expected the arguments of each plugin once", value: name },
        problems,
      );
    }
    seen.add(name);
    if (UNMODELLED_PLUGINS.includes(name)) {
      const message = `${name} is not simulated; its arguments have no effect`;
      addProblem(at, [], { message, severity: unmodelled }, problems);
    }
    const read = pluginArgs(name, own ?? {}, placeBelow(at, "args"), problems);
    if (read !== undefined) args[name] = read;
  }
  return args;
}
