/**
 * The scenario file, as it is written: only shapes are held here, everything that
 * needs a second place of the file to be judged is in checks.ts. Descriptions, units and defaults go into the JSON
 * Schema and into docs/SCENARIO.md.
 */
import { z } from "zod";
import { configuration, controlPlane, kubelet, network } from "./control-plane-schema.js";
import { METRICS_DEFAULTS, STUDY_DEFAULTS } from "./defaults.js";
import { exactlyOne, oneOf, optional, trueOnly, withExactlyOneOf } from "./fields.js";
import { distribution, duration, name, path, positiveDuration, share, wholeNumber } from "./scalars.js";
import { linkEnds, topology } from "./topology-schema.js";
import { workload } from "./workload-schema.js";

export const SCENARIO_API_VERSION = "seatrial.dev/v1alpha1";

const policy = z.union(
  [
    z.string().min(1),
    z.strictObject({
      name: name.describe("Unique; its name in results."),
      configuration: optional(configuration, "A KubeSchedulerConfiguration (file or inline)."),
      plugin: optional(
        z.string().min(1),
        "The one scoring plugin, from the shelf (seatrial policies) or from `file`.",
      ),
      file: optional(
        path,
        "A .ts or .js file that exports a policy of your own; its name is `plugin`, else `name`.",
      ),
      weights: optional(
        z.record(z.string(), wholeNumber(0, 100)),
        "Score weights by plugin, in place of the profile's own; 0 switches a score off.",
      ),
      tieBreak: optional(
        oneOf(["random", "first", "name"]),
        "Among equally good nodes: drawn, the first in node order, or the lowest name.",
        "random",
      ),
      percentageOfNodesToScore: optional(
        wholeNumber(0, 100),
        "0: adaptive, as kube-scheduler; overrides the profile.",
      ),
    }),
  ],
  { error: "expected a policy's name, or {name, configuration | plugin | file, ...}" },
);

const scope = exactlyOne({
  node: name.describe("A node.").optional(),
  rack: name.describe("A rack, <centre>-r<ordinal from 1>.").optional(),
  centre: name.describe("A centre.").optional(),
  site: name.describe("A site.").optional(),
  link: z
    .strictObject({ from: linkEnds.from, to: linkEnds.to })
    .describe("One direction between centres.")
    .optional(),
  between: linkEnds.between.optional(),
  etcdMember: name.describe("etcd-<centre>-<ordinal from 0>.").optional(),
  apiServer: name.describe("kube-apiserver-<centre>-<ordinal from 0>.").optional(),
  controllerManager: name.describe("The controller manager of a centre.").optional(),
  scheduler: name.describe("The scheduler of a centre.").optional(),
  eachNode: trueOnly.describe("Each node by itself.").optional(),
  eachRack: trueOnly.describe("Each rack by itself.").optional(),
  eachCentre: trueOnly.describe("Each centre by itself.").optional(),
  eachLink: trueOnly.describe("Each pair of centres by itself, both directions at once.").optional(),
  eachEtcdMember: trueOnly.describe("Each etcd member by itself.").optional(),
  eachApiServer: trueOnly.describe("Each API server by itself.").optional(),
});

const failure = withExactlyOneOf(
  z.strictObject({
    name: optional(name, "Unique; default: <kind>-<target>."),
    kind: oneOf(["power", "isolate", "crash", "cut"]).describe(
      "power: everything in a node, rack, centre or site stops at once. isolate: it is cut off from the rest and goes on inside. crash: a process is killed (on a node: the node stops). cut: a link drops everything.",
    ),
    scope: scope.describe("What is struck."),
    at: optional(
      z.union([duration, z.array(duration).min(1)], { error: "expected a duration, or a list of them" }),
      "When it strikes.",
    ),
    every: optional(positiveDuration, "It strikes again and again, this far apart, with `count`."),
    count: optional(wholeNumber(1, 10_000), "How often, with `every`."),
    start: optional(duration, "First strike, with `every`; default: after one interval."),
    timeToFailure: optional(
      distribution,
      "Drawn time until it strikes, counted from `notBefore` and from each repair.",
    ),
    notBefore: optional(duration, "With timeToFailure: the first one is counted from this moment.", "0s"),
    for: optional(distribution, "Repaired after this."),
    timeToRepair: optional(distribution, "The same as `for`. Neither: never repaired."),
  }),
  ["at", "every", "timeToFailure"],
)
  .refine((value) => (value.every === undefined) === (value.count === undefined), {
    error: "expected every and count together",
  })
  .refine((value) => value.for === undefined || value.timeToRepair === undefined, {
    error: "expected at most one of for and timeToRepair",
  })
  .meta({
    dependentRequired: { every: ["count"], count: ["every"] },
    not: { required: ["for", "timeToRepair"] },
  });

const bound = z.union([z.number(), z.string().min(1)], {
  error: "expected a number, a percentage or a duration",
});

const objective = withExactlyOneOf(
  z.strictObject({
    metric: z
      .string()
      .min(1)
      .describe("A metric of summary.csv, such as availability, rto or podsPendingAtEnd."),
    of: optional(
      z.string().min(1),
      "Of what: service/<namespace>/<name>, deployment/<namespace>/<name> (any kind of workload), resource/<name> or cluster; * stands for any characters.",
      "cluster",
    ),
    atLeast: optional(bound, "Missed below this."),
    atMost: optional(bound, "Missed above this."),
  }),
  ["atLeast", "atMost"],
);

const metrics = z.strictObject({
  seriesInterval: optional(positiveDuration, "Grid of timeseries.csv.", METRICS_DEFAULTS.seriesInterval),
  recoveryShare: optional(
    share,
    "A workload has recovered once its success share stayed at or above so much of the pre-fault level ...",
    METRICS_DEFAULTS.recoveryShare,
  ),
  recoveryHold: optional(duration, "... for so long.", METRICS_DEFAULTS.recoveryHold),
});

const plan = z.strictObject({
  pool: z
    .string()
    .regex(/^[^/]+\/[^/]+$/, { error: 'expected "centre/pool"' })
    .describe("centre/pool whose node count is searched."),
  min: wholeNumber(0).describe("Fewest nodes tried."),
  max: wholeNumber(1).describe("Most nodes tried."),
});

const spec = z.strictObject({
  seed: optional(
    z.union([z.string(), z.int()], { error: "expected text or a whole number" }),
    "Root of all draws: the same file and seed give the same bytes.",
    STUDY_DEFAULTS.seed,
  ),
  replications: optional(wholeNumber(1, 100_000), "Runs of each policy.", STUDY_DEFAULTS.replications),
  warmUp: optional(duration, "Left out of results, at the start of the horizon.", STUDY_DEFAULTS.warmUp),
  horizon: positiveDuration.describe("End of a run, warm-up included."),
  topology: optional(topology, "The still world."),
  controlPlane: optional(controlPlane, "etcd, API servers, controllers, scheduler."),
  kubelet: optional(kubelet, "What all kubelets have in common."),
  network: optional(network, "Service network and user entry."),
  workload: optional(workload, "What runs."),
  policies: optional(
    z.array(policy).min(1),
    "Compared on the same arrivals and failures. `default` is the cluster's own scheduler configuration; other words are plugins from the shelf.",
    ["default"],
  ),
  failures: optional(z.array(failure), "What goes wrong.", []),
  objectives: optional(z.array(objective), "Promises; a missed one makes the exit code 1.", []),
  metrics: optional(metrics, "How results are measured."),
  plan: optional(plan, "What `seatrial plan` searches."),
});

export const scenarioSchema = z
  .strictObject({
    apiVersion: z
      .literal(SCENARIO_API_VERSION, { error: `expected ${SCENARIO_API_VERSION}` })
      .describe(`${SCENARIO_API_VERSION}.`),
    kind: z.literal("Scenario", { error: "expected Scenario" }).describe("Scenario."),
    metadata: z
      .strictObject({ name: name.describe("Names the folder of results.") })
      .describe("Who the scenario is."),
    spec: spec.describe("What is simulated."),
  })
  .describe("A Seatrial scenario.");

/** What the author wrote, checked for shape. */
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioSpec = Scenario["spec"];
export type PolicyWritten = z.infer<typeof policy>;
export type FailureWritten = z.infer<typeof failure>;
export type ScopeWritten = z.infer<typeof scope>;
export type ObjectiveWritten = z.infer<typeof objective>;
