/**
 * A policy in one definition: what an author writes, made into a plugin for the shelf. `filter` and `score` get the
 * view, one pod and one node (dense id), and are asked for one node at a time.
 */
import type {
  DependsOn,
  Normalizer,
  Plugin,
  PluginContext,
  PluginFactory,
  PodInfo,
  SchedulerView,
} from "./framework/types.js";

/** The functions a policy may have. At least one of `filter` and `score` is there. */
export interface PolicyRules {
  /** A reason to refuse the node (`"Insufficient love"`), or undefined to take it. */
  filter?(view: SchedulerView, pod: PodInfo, node: number): string | undefined;
  /** Looks at all feasible nodes before the first `score`; what it returns is not kept. */
  preScore?(view: SchedulerView, pod: PodInfo, nodes: Int32Array): void;
  /** An integer, 0..100 unless a normalizer is declared; more is better. */
  score?(view: SchedulerView, pod: PodInfo, node: number): number;
  /** Own normalisation to integers 0..100, in place; `scores[i]` belongs to `nodes[i]`. */
  normalizeScore?(view: SchedulerView, pod: PodInfo, nodes: Int32Array, scores: Float64Array): void;
  /** The pod goes to the node: for policies that remember. */
  reserve?(view: SchedulerView, pod: PodInfo, node: number): void;
}

/** What {@link definePolicy} takes. */
export interface PolicyDefinition extends PolicyRules {
  /** As in profiles and tables: a letter, then letters, digits or `-`. */
  readonly name: string;
  /** The rule in one sentence. */
  readonly description?: string;
  readonly dependsOn: DependsOn;
  /** How raw scores become 0..100; "none" where nothing is said. */
  readonly normalizer?: Normalizer;
  /** Makes the rules anew for every run: for policies with a memory, arguments or random draws. */
  create?(context: PluginContext, args: unknown): PolicyRules;
}

const DEPENDS_ON: readonly DependsOn[] = ["facts", "node", "domain", "cluster"];
const NORMALIZERS: readonly Normalizer[] = ["none", "byMax", "byMaxReversed", "byMinMax"];
const NAME = /^[A-Za-z][A-Za-z0-9-]*$/;

/** A policy's definition that does not hold; the message says what was expected. */
export class PolicyDefinitionError extends Error {
  override readonly name = "PolicyDefinitionError";
}

/** Makes a plugin of a policy. Throws {@link PolicyDefinitionError} when the definition is not whole. */
export function definePolicy(definition: PolicyDefinition): PluginFactory {
  check(definition);
  const { name, description = "", dependsOn, normalizer = "none" } = definition;
  return {
    name,
    description,
    origin: "user",
    create: (args, context) => {
      const rules = definition.create?.(context, args) ?? definition;
      if (rules.filter === undefined && rules.score === undefined) {
        throw new PolicyDefinitionError(
          `policy ${name}: create() gave neither a filter nor a score function`,
        );
      }
      return { name, dependsOn, normalizer, ...extensionPoints(name, rules) };
    },
  };
}

/** A policy of the research shelf: the same, with its origin named. */
export function defineResearchPolicy(
  definition: PolicyDefinition & { readonly description: string },
): PluginFactory {
  return { ...definePolicy(definition), origin: "research" };
}

function extensionPoints(name: string, rules: PolicyRules): Partial<Plugin> {
  const points: { -readonly [K in keyof Plugin]?: Plugin[K] } = {};
  if (rules.filter !== undefined) points.filter = filterOf(name, rules);
  if (rules.preScore !== undefined) {
    points.preScore = (view, pod, nodes) => {
      rules.preScore?.(view, pod, nodes);
      return { kind: "state", state: undefined };
    };
  }
  if (rules.score !== undefined) points.score = (view, pod, node) => rules.score?.(view, pod, node) ?? 0;
  if (rules.normalizeScore !== undefined) {
    points.normalizeScore = (view, pod, nodes, scores) => rules.normalizeScore?.(view, pod, nodes, scores);
  }
  if (rules.reserve !== undefined) points.reserve = (view, pod, node) => rules.reserve?.(view, pod, node);
  return points;
}

/** Rejections are made once a reason. Another pod leaving may help, for all the framework knows. */
function filterOf(name: string, rules: PolicyRules): Plugin["filter"] & object {
  const rejections = new Map<string, { plugin: string; code: "Unschedulable"; reasons: readonly string[] }>();
  return (view, pod, node) => {
    const reason = rules.filter?.(view, pod, node);
    if (reason === undefined) return undefined;
    let rejection = rejections.get(reason);
    if (rejection === undefined) {
      rejection = { plugin: name, code: "Unschedulable", reasons: [reason] };
      rejections.set(reason, rejection);
    }
    return rejection;
  };
}

/** Authors may write plain JavaScript: what the types promise is checked. */
function check(definition: PolicyDefinition): void {
  const { name } = definition;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new PolicyDefinitionError(
      `policy name ${JSON.stringify(name)}: expected a letter, then letters, digits or "-"`,
    );
  }
  const { dependsOn, normalizer = "none" } = definition;
  if (!DEPENDS_ON.includes(dependsOn)) throw wrong(name, "dependsOn", dependsOn, DEPENDS_ON);
  if (!NORMALIZERS.includes(normalizer)) throw wrong(name, "normalizer", normalizer, NORMALIZERS);
  for (const key of ["filter", "preScore", "score", "normalizeScore", "reserve", "create"] as const) {
    const value: unknown = definition[key];
    if (value !== undefined && typeof value !== "function") {
      throw new PolicyDefinitionError(`policy ${name}: ${key} is ${typeof value}, expected a function`);
    }
  }
  if (definition.filter === undefined && definition.score === undefined && definition.create === undefined) {
    throw new PolicyDefinitionError(`policy ${name}: expected a filter, a score or a create function`);
  }
}

function wrong(
  policy: string,
  key: string,
  value: unknown,
  expected: readonly string[],
): PolicyDefinitionError {
  const list = expected.map((item) => `"${item}"`).join(", ");
  return new PolicyDefinitionError(
    `policy ${policy}: ${key} is ${JSON.stringify(value)}, expected one of ${list}`,
  );
}
