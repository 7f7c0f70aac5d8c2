import { describe, expect, it } from "vitest";
import { defaultProfile } from "../../src/policies/profiles.js";
import { SHELF } from "../../src/policies/shelf.js";
import {
  readSchedulerConfiguration,
  type SchedulerConfiguration,
} from "../../src/scenario/scheduler-configuration.js";
import { SECOND } from "../../src/units/time.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { readYaml } from "../../src/workload/yaml.js";

const HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
const SHELF_NAMES = new Set(SHELF.map(({ name }) => name));

function read(body: string): { configuration: SchedulerConfiguration | undefined; shown: string[] } {
  const problems = new Problems();
  const [document] = readYaml(HEAD + body, "scheduler.yaml", problems);
  if (document === undefined) throw new Error("the test's YAML has a document");
  const configuration = readSchedulerConfiguration(
    document.data,
    { document, at: [] },
    SHELF_NAMES,
    problems,
  );
  return { configuration, shown: problems.list().map(formatProblem) };
}

/** Name, weight and, where its filter is off, a minus: `NodeResourcesFit 1`. */
function shape(body: string): string[] {
  const { configuration, shown } = read(body);
  expect(shown).toEqual([]);
  return (configuration?.profiles[0]?.plugins ?? []).map(
    ({ name, scoreWeight, filter, postFilter }) =>
      `${name} ${scoreWeight}${filter ? "" : " -filter"}${postFilter ? "" : " -postFilter"}`,
  );
}

const DEFAULTS = [
  "SchedulingGates 0",
  "PrioritySort 0",
  "NodeUnschedulable 0",
  "NodeName 0",
  "TaintToleration 3",
  "NodeAffinity 2",
  "NodePorts 0",
  "NodeResourcesFit 1",
  "VolumeRestrictions 0",
  "NodeVolumeLimits 0",
  // It has a weight and, with the default feature gates, no score.
  "VolumeBinding 1",
  "VolumeZone 0",
  "PodTopologySpread 2",
  "InterPodAffinity 2",
  "DefaultPreemption 0",
  "NodeResourcesBalancedAllocation 1",
  "ImageLocality 1",
];

function defaultsWith(changes: Readonly<Record<string, string | undefined>>, ...more: string[]): string[] {
  const kept = DEFAULTS.flatMap((line) => {
    const name = line.split(" ")[0] ?? "";
    if (!(name in changes)) return [line];
    const change = changes[name];
    return change === undefined ? [] : [`${name} ${change}`];
  });
  return [...kept, ...more];
}

describe("a KubeSchedulerConfiguration's plugins", () => {
  it("are kube-scheduler's default profile where it says nothing", () => {
    expect(read("").configuration?.profiles).toEqual([defaultProfile()]);
  });

  it("are so where its list of profiles is empty", () => {
    expect(read("profiles: []\n").configuration?.profiles).toEqual([defaultProfile()]);
  });

  const TABLE: readonly (readonly [what: string, plugins: string, expected: readonly string[]])[] = [
    [
      "a weight at multiPoint replaces the default in its place",
      "multiPoint: { enabled: [{ name: NodeResourcesFit, weight: 5 }] }",
      defaultsWith({ NodeResourcesFit: "5" }),
    ],
    [
      "enabled at multiPoint without a weight counts 1",
      "multiPoint: { enabled: [{ name: TaintToleration }] }",
      defaultsWith({ TaintToleration: "1" }),
    ],
    [
      "a weight at score wins over multiPoint's",
      "multiPoint: { enabled: [{ name: NodeResourcesFit, weight: 5 }] }\n      score: { enabled: [{ name: NodeResourcesFit, weight: 7 }] }",
      defaultsWith({ NodeResourcesFit: "7" }),
    ],
    [
      "no weight at score is 1, whatever multiPoint says",
      "score: { enabled: [{ name: TaintToleration }] }",
      defaultsWith({ TaintToleration: "1" }),
    ],
    [
      "disabled at score still filters",
      "score: { disabled: [{ name: NodeResourcesFit }] }",
      defaultsWith({ NodeResourcesFit: "0" }),
    ],
    [
      "disabled at filter still scores",
      "filter: { disabled: [{ name: TaintToleration }] }",
      defaultsWith({ TaintToleration: "3 -filter" }),
    ],
    [
      "disabled at multiPoint is gone",
      "multiPoint: { disabled: [{ name: ImageLocality }] }",
      defaultsWith({ ImageLocality: undefined }),
    ],
    [
      "all scores disabled, one enabled again",
      'score: { disabled: [{ name: "*" }], enabled: [{ name: NodeResourcesFit, weight: 2 }] }',
      defaultsWith({
        TaintToleration: "0",
        NodeAffinity: "0",
        NodeResourcesFit: "2",
        VolumeBinding: "0",
        PodTopologySpread: "0",
        InterPodAffinity: "0",
        // Nothing is left of the two that only score.
        NodeResourcesBalancedAllocation: "0",
        ImageLocality: undefined,
      }),
    ],
    [
      "no preemption",
      "postFilter: { disabled: [{ name: DefaultPreemption }] }",
      defaultsWith({ DefaultPreemption: "0 -postFilter" }),
    ],
    [
      "a policy of the shelf comes after kube-scheduler's",
      "multiPoint: { enabled: [{ name: BestFit, weight: 4 }] }",
      defaultsWith({}, "BestFit 4"),
    ],
    [
      "enabled at one point only",
      "score: { enabled: [{ name: BestFit, weight: 4 }] }",
      defaultsWith({}, "BestFit 4 -filter"),
    ],
    [
      "everything disabled, only what is needed enabled",
      'multiPoint: { disabled: [{ name: "*" }], enabled: [{ name: PrioritySort }, { name: DefaultBinder }, { name: NodeResourcesFit, weight: 3 }] }',
      ["PrioritySort 0", "NodeResourcesFit 3"],
    ],
  ];

  it.each(TABLE)("%s", (_what, plugins, expected) => {
    expect(shape(`profiles:\n  - plugins:\n      ${plugins}\n`)).toEqual(expected);
  });
});

describe("a KubeSchedulerConfiguration's arguments", () => {
  function args(plugin: string, written: string): unknown {
    const { configuration, shown } = read(
      `profiles:\n  - pluginConfig:\n      - name: ${plugin}\n        args: ${written}\n`,
    );
    expect(shown).toEqual([]);
    return configuration?.profiles[0]?.args[plugin];
  }

  const CPU_AND_MEMORY = [
    { name: "cpu", weight: 1 },
    { name: "memory", weight: 1 },
  ];

  it.each([
    [
      "NodeResourcesFit",
      "{}",
      {
        ignoredResources: [],
        ignoredResourceGroups: [],
        scoringStrategy: { type: "LeastAllocated", resources: CPU_AND_MEMORY },
      },
    ],
    [
      "NodeResourcesFit",
      "{ ignoredResources: [example.com/foo], scoringStrategy: { type: MostAllocated, resources: [{ name: cpu, weight: 3 }, { name: example.com/gpu }] } }",
      {
        ignoredResources: ["example.com/foo"],
        ignoredResourceGroups: [],
        scoringStrategy: {
          type: "MostAllocated",
          resources: [
            { name: "cpu", weight: 3 },
            { name: "example.com/gpu", weight: 1 },
          ],
        },
      },
    ],
    [
      "NodeResourcesFit",
      "{ scoringStrategy: { type: RequestedToCapacityRatio, requestedToCapacityRatio: { shape: [{ utilization: 0 }, { utilization: 100, score: 10 }] } } }",
      {
        ignoredResources: [],
        ignoredResourceGroups: [],
        scoringStrategy: {
          type: "RequestedToCapacityRatio",
          resources: CPU_AND_MEMORY,
          shape: [
            { utilization: 0, score: 0 },
            { utilization: 100, score: 10 },
          ],
        },
      },
    ],
    ["NodeResourcesBalancedAllocation", "{}", { resources: CPU_AND_MEMORY }],
    ["InterPodAffinity", "{}", { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false }],
    [
      "InterPodAffinity",
      "{ hardPodAffinityWeight: 0, ignorePreferredTermsOfExistingPods: true }",
      { hardPodAffinityWeight: 0, ignorePreferredTermsOfExistingPods: true },
    ],
    ["DefaultPreemption", "{}", { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 }],
    [
      "PodTopologySpread",
      "{ defaultingType: List, defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }] }",
      {
        defaultingType: "List",
        defaultConstraints: [
          {
            maxSkew: 1,
            topologyKey: "zone",
            whenUnsatisfiable: "ScheduleAnyway",
            nodeAffinityPolicy: "Honor",
            nodeTaintsPolicy: "Ignore",
            matchLabelKeys: [],
          },
        ],
      },
    ],
    [
      "PodTopologySpread",
      "{ defaultingType: List, defaultConstraints: [{ maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, nodeAffinityPolicy: Ignore, nodeTaintsPolicy: Honor, matchLabelKeys: [a] }] }",
      {
        defaultingType: "List",
        defaultConstraints: [
          {
            maxSkew: 2,
            topologyKey: "zone",
            whenUnsatisfiable: "DoNotSchedule",
            nodeAffinityPolicy: "Ignore",
            nodeTaintsPolicy: "Honor",
            matchLabelKeys: [],
          },
        ],
      },
    ],
    ["PodTopologySpread", "{}", { defaultingType: "System", defaultConstraints: [] }],
    [
      "NodeAffinity",
      "{ addedAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: a, operator: Exists }] }] } } }",
      {
        addedAffinity: {
          required: [{ matchExpressions: [{ key: "a", operator: "Exists", values: [] }], matchFields: [] }],
          preferred: [],
        },
      },
    ],
    ["BestFit", "{ anything: 1 }", { anything: 1 }],
  ])("of %s: %s", (plugin, written, expected) => {
    expect(args(plugin, written)).toEqual(expected);
  });
});

describe("a KubeSchedulerConfiguration's other fields", () => {
  it("are the defaults of kube-scheduler where they are left out, or 0 for the client's limits", () => {
    const { configuration } = read("clientConnection: { qps: 0, burst: 0 }\n");
    expect(configuration).toMatchObject({
      clientConnection: { qps: 50, burst: 100 },
      podInitialBackoffUs: SECOND,
      podMaxBackoffUs: 10 * SECOND,
      leaderElection: {
        leaseDurationUs: 15 * SECOND,
        renewDeadlineUs: 10 * SECOND,
        retryPeriodUs: 2 * SECOND,
      },
    });
  });

  it("are read; a profile's percentageOfNodesToScore wins over that of all", () => {
    const { configuration, shown } = read(`
percentageOfNodesToScore: 40
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 30
clientConnection: { qps: 200, burst: 400 }
leaderElection: { leaderElect: true, leaseDuration: 30s, renewDeadline: 20s, retryPeriod: 4s }
profiles:
  - schedulerName: default-scheduler
  - { schedulerName: careful, percentageOfNodesToScore: 100 }
`);
    expect(shown).toEqual([]);
    expect(
      configuration?.profiles.map((profile) => [profile.schedulerName, profile.percentageOfNodesToScore]),
    ).toEqual([
      ["default-scheduler", 40],
      ["careful", 100],
    ]);
    expect(configuration).toMatchObject({
      clientConnection: { qps: 200, burst: 400 },
      podInitialBackoffUs: 2 * SECOND,
      podMaxBackoffUs: 30 * SECOND,
      leaderElection: { leaseDurationUs: 30 * SECOND },
    });
  });
});

describe("a mistake in a KubeSchedulerConfiguration", () => {
  it.each([
    [
      "an unknown plugin, enabled and disabled",
      "profiles:\n  - plugins:\n      score: { enabled: [{ name: NodeResourceFit }], disabled: [{ name: TaintTolerations }] }\n",
      [
        'scheduler.yaml:5:34: profiles[0].plugins.score.enabled[0].name: unknown plugin, got "NodeResourceFit"; did you mean "NodeResourcesFit"?',
        'scheduler.yaml:5:73: profiles[0].plugins.score.disabled[0].name: unknown plugin, got "TaintTolerations"; did you mean "TaintToleration"?',
      ],
    ],
    [
      "a plugin at a point where it does nothing",
      "profiles:\n  - plugins:\n      score: { enabled: [{ name: NodeName }] }\n",
      [
        'scheduler.yaml:5:34: profiles[0].plugins.score.enabled[0].name: expected a plugin that acts at score, got "NodeName"',
      ],
    ],
    [
      "an unknown extension point",
      "profiles:\n  - plugins:\n      scores: {}\n",
      ['scheduler.yaml:5:7: profiles[0].plugins.scores: unknown field; did you mean "score"?'],
    ],
    [
      "no queueSort and no bind plugin left",
      'profiles:\n  - plugins:\n      multiPoint: { disabled: [{ name: "*" }] }\n',
      [
        "scheduler.yaml:4:5: profiles[0].plugins: expected exactly one queueSort plugin; PrioritySort is the one there is",
        "scheduler.yaml:4:5: profiles[0].plugins: expected a bind plugin, such as DefaultBinder",
      ],
    ],
    [
      "two profiles for one scheduler",
      "profiles:\n  - schedulerName: a\n  - schedulerName: a\n",
      [
        'scheduler.yaml:5:20: profiles[1].schedulerName: expected each profile to have a schedulerName of its own, got "a"',
      ],
    ],
    [
      "a profile without a name among several",
      "profiles:\n  - schedulerName: a\n  - {}\n",
      [
        "scheduler.yaml:5:5: profiles[1].schedulerName: expected a schedulerName, as there are several profiles",
      ],
    ],
    [
      "an unknown argument",
      "profiles:\n  - pluginConfig:\n      - name: InterPodAffinity\n        args: { hardPodAffinityWeigth: 5 }\n",
      [
        'scheduler.yaml:6:40: profiles[0].pluginConfig[0].args.hardPodAffinityWeigth: unknown field; did you mean "hardPodAffinityWeight"?',
      ],
    ],
    [
      "an argument out of bounds",
      "profiles:\n  - pluginConfig:\n      - name: InterPodAffinity\n        args: { hardPodAffinityWeight: 101 }\n",
      [
        "scheduler.yaml:6:40: profiles[0].pluginConfig[0].args.hardPodAffinityWeight: expected a whole number from 0 to 100, got 101",
      ],
    ],
    [
      "arguments for a plugin that takes none",
      "profiles:\n  - pluginConfig:\n      - name: NodeName\n        args: { strict: true }\n",
      [
        "scheduler.yaml:6:25: profiles[0].pluginConfig[0].args.strict: expected no arguments: NodeName takes none",
      ],
    ],
    [
      "a shape that goes back",
      "profiles:\n  - pluginConfig:\n      - name: NodeResourcesFit\n        args: { scoringStrategy: { type: RequestedToCapacityRatio, requestedToCapacityRatio: { shape: [{ utilization: 50, score: 1 }, { utilization: 20, score: 2 }] } } }\n",
      [
        "scheduler.yaml:6:96: profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio.shape: expected every utilization to be above the one before it",
      ],
    ],
    [
      "a strategy without its shape",
      "profiles:\n  - pluginConfig:\n      - name: NodeResourcesFit\n        args: { scoringStrategy: { type: RequestedToCapacityRatio } }\n",
      [
        "scheduler.yaml:6:17: profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio: expected requestedToCapacityRatio with a shape, but it is missing",
      ],
    ],
    [
      "default constraints beside the system's",
      "profiles:\n  - pluginConfig:\n      - name: PodTopologySpread\n        args: { defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }] }\n",
      [
        "scheduler.yaml:6:17: profiles[0].pluginConfig[0].args.defaultConstraints: expected no defaultConstraints with defaultingType System",
      ],
    ],
    [
      "an affinity that is none, deep inside",
      "profiles:\n  - pluginConfig:\n      - name: NodeAffinity\n        args:\n          addedAffinity:\n            requiredDuringSchedulingIgnoredDuringExecution:\n              nodeSelectorTerms:\n                - matchExpressions: [{ key: a, operator: In }]\n",
      [
        "scheduler.yaml:10:38: profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: expected at least one value for the operator In",
      ],
    ],
    [
      "an unknown field of an affinity, on top and deep inside",
      "profiles:\n  - pluginConfig:\n      - name: NodeAffinity\n        args:\n          addedAffinity:\n            requiredDuringSchedulingIgnoredDuringExecutoin: {}\n            preferredDuringSchedulingIgnoredDuringExecution:\n              - { weight: 1, preference: { matchExpression: [] } }\n",
      [
        'scheduler.yaml:8:13: profiles[0].pluginConfig[0].args.addedAffinity.requiredDuringSchedulingIgnoredDuringExecutoin: unknown field; did you mean "requiredDuringSchedulingIgnoredDuringExecution"?',
        'scheduler.yaml:10:44: profiles[0].pluginConfig[0].args.addedAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpression: unknown field; did you mean "matchExpressions"?',
      ],
    ],
    [
      "two default constraints over one key",
      "profiles:\n  - pluginConfig:\n      - name: PodTopologySpread\n        args: { defaultingType: List, defaultConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }, { maxSkew: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway }] }\n",
      [
        "scheduler.yaml:6:39: profiles[0].pluginConfig[0].args.defaultConstraints: expected each pair of topologyKey and whenUnsatisfiable once",
      ],
    ],
    [
      "no parallelism at all",
      "parallelism: 0\n",
      ["scheduler.yaml:3:14: parallelism: expected a whole number of at least 1, got 0"],
    ],
    [
      "a back-off upside down",
      "podInitialBackoffSeconds: 20\n",
      [
        "scheduler.yaml:1:1: podMaxBackoffSeconds: expected podMaxBackoffSeconds to be at least podInitialBackoffSeconds",
      ],
    ],
    [
      "extenders and device claims, which are not simulated",
      "extenders: [{ urlPrefix: http://x }]\nprofiles:\n  - pluginConfig: [{ name: DynamicResources, args: { filterTimeout: 10s } }]\n",
      [
        "scheduler.yaml:3:1: warning: extenders: extenders are called over the network and are not simulated; this has no effect",
        "scheduler.yaml:5:20: warning: profiles[0].pluginConfig[0]: DynamicResources is not simulated; its arguments have no effect",
      ],
    ],
    [
      "a plugin of somebody's own scheduler",
      "profiles:\n  - plugins:\n      multiPoint: { enabled: [{ name: Coscheduling }] }\n    pluginConfig: [{ name: Coscheduling, args: { permitWaitingTimeSeconds: 10 } }]\n",
      [
        "scheduler.yaml:5:39: warning: profiles[0].plugins.multiPoint.enabled[0].name: Coscheduling is a plugin of neither Kubernetes nor the shelf and is not simulated; it has no effect",
        "scheduler.yaml:6:28: warning: profiles[0].pluginConfig[0].name: Coscheduling is a plugin of neither Kubernetes nor the shelf and is not simulated; it has no effect",
      ],
    ],
  ])("%s", (_what, body, expected) => {
    expect(read(body).shown).toEqual(expected);
  });
});
