import { describe, expect, it } from "vitest";
import { loadScenario } from "../../src/scenario/compile.js";
import { formatProblem } from "../../src/workload/problems.js";
import { edited, memory, messages, SMALL_SCENARIO, WEB_MANIFEST } from "./support.js";

const OTHER_MANIFEST = WEB_MANIFEST.replaceAll("name: web\n", "name: api\n");

/** What the author did, the line as it was and as it is, what he reads ("…": and so on), other files. */
type Mistake = readonly [
  what: string,
  from: string,
  to: string,
  shown: readonly string[],
  files?: Readonly<Record<string, string>>,
];

const MISTAKES: readonly Mistake[] = [
  [
    "a field that does not exist",
    "horizon: 10m",
    "horizn: 10m",
    ['scenario.yaml:6:11: spec.horizn: unknown field; did you mean "horizon"?'],
  ],
  [
    "a duration in words",
    "horizon: 10m",
    "horizon: ten minutes",
    [
      'scenario.yaml:6:12: spec.horizon: expected a duration such as "15s", "5m", "1h30m", "250ms" or "2d", above 0, got "ten minutes"',
    ],
  ],
  [
    "a number where a duration is expected",
    "for: 1m",
    "for: 60",
    [
      'scenario.yaml:32:12: spec.failures[0].for: expected a duration such as "15s", "5m", "1h30m", "250ms" or "2d", or a distribution such as {uniform: {min: 1s, max: 3s}}, got 60',
    ],
  ],
  [
    "a warm-up as long as the run",
    "horizon: 10m",
    "horizon: 10m\n  warmUp: 10m",
    ['scenario.yaml:7:11: spec.warmUp: expected warmUp to be below the horizon of 10m, got "10m"'],
  ],
  [
    "another API version",
    "seatrial.dev/v1alpha1",
    "seatrial.dev/v1",
    ['scenario.yaml:1:13: apiVersion: expected seatrial.dev/v1alpha1, got "seatrial.dev/v1"'],
  ],
  [
    "another kind",
    "kind: Scenario",
    "kind: Scenarios",
    ['scenario.yaml:2:7: kind: expected Scenario, got "Scenarios"; did you mean "Scenario"?'],
  ],
  [
    "a missing name",
    "name: small",
    "nam: small",
    ['scenario.yaml:4:8: metadata.nam: unknown field; did you mean "name"?'],
  ],
  [
    "a negative count",
    "count: 3",
    "count: -1",
    [
      "scenario.yaml:15:24: spec.topology.sites[0].centres[0].nodePools[0].count: expected a whole number from 0 to 200000, got -1",
    ],
  ],
  [
    "text where a number is expected",
    "racks: 2",
    'racks: "2"',
    [
      'scenario.yaml:12:20: spec.topology.sites[0].centres[0].racks: expected a whole number from 0 to 100000, got "2"',
    ],
  ],
  [
    "a quantity with a unit too many",
    'cpu: "4", memory: 16Gi }\n          - name: local-dr',
    'cpu: "4", memory: 16GiB }\n          - name: local-dr',
    [
      'scenario.yaml:16:50: spec.topology.sites[0].centres[0].nodePools[0].allocatable.memory: expected a Kubernetes quantity such as "500m", "2", "1Gi", "100M" or "1e3", got "16GiB"',
    ],
  ],
  [
    "a name with capital letters",
    "name: metro",
    "name: Metro",
    [
      'scenario.yaml:9:15: spec.topology.sites[0].name: expected a name of lower-case letters, digits, "-" and ".", got "Metro"',
    ],
  ],
  [
    "two centres of one name",
    "- name: local-dr",
    "- name: production",
    [
      'scenario.yaml:17:19: spec.topology.sites[0].centres[1].name: expected each centre to have a name of its own, got "production"',
    ],
  ],
  [
    "etcd members in a centre that is not there",
    "production: 2, local-dr: 1",
    "prodution: 2, local-dr: 1",
    [
      'scenario.yaml:22:29: spec.controlPlane.etcd.members.prodution: expected a centre (production, local-dr), got "prodution"; did you mean "production"?',
    ],
  ],
  [
    "an even number of etcd members",
    "production: 2, local-dr: 1",
    "production: 2, local-dr: 2",
    [
      "scenario.yaml:22:7: warning: spec.controlPlane.etcd.members: 4 members survive no more losses than 3: an odd number is usual",
    ],
  ],
  [
    "no etcd member at all",
    "production: 2, local-dr: 1",
    "production: 0",
    ["scenario.yaml:22:7: spec.controlPlane.etcd.members: expected at least one etcd member"],
  ],
  [
    "an election timeout below five heartbeats",
    "      members: { production: 2, local-dr: 1 }",
    "      electionTimeout: 400ms",
    [
      'scenario.yaml:22:24: spec.controlPlane.etcd.electionTimeout: expected electionTimeout to be at least 5 × heartbeatInterval (100ms), as etcd does, got "400ms"',
    ],
  ],
  [
    "a renew deadline above the lease's duration",
    "  workload:",
    "    controllerManager:\n      leaderElection: { renewDeadline: 20s }\n  workload:",
    [
      'scenario.yaml:24:7: spec.controlPlane.controllerManager.leaderElection.leaseDuration: expected leaseDuration to be above renewDeadline (20s), got "15s"',
    ],
  ],
  [
    "traffic to a service that is not there",
    "service: web",
    "service: shop/web",
    [
      'scenario.yaml:26:18: spec.workload.traffic[0].service: expected a Service of the manifests (default/web), got "shop/web"',
      'scenario.yaml:35:11: spec.objectives[0].of: expected a Service with traffic (service/shop/web), got "service/default/web"',
    ],
  ],
  [
    "traffic from nowhere",
    "metro: 10/s",
    "metr: 10/s",
    [
      'scenario.yaml:27:23: spec.workload.traffic[0].from.metr: expected a centre or site (production, local-dr, metro), got "metr"; did you mean "metro"?',
    ],
  ],
  [
    "a rate without a unit",
    "metro: 10/s",
    "metro: 10",
    [
      'scenario.yaml:27:24: spec.workload.traffic[0].from.metro: expected a rate such as "300/s", "6/min" or "20/h", got 10',
    ],
  ],
  [
    "an unknown kind of failure",
    "kind: power",
    "kind: pwer",
    [
      'scenario.yaml:29:13: spec.failures[0].kind: expected power, isolate, crash or cut, got "pwer"; did you mean "power"?',
    ],
  ],
  [
    "a failure that cannot strike its scope",
    "kind: power",
    "kind: cut",
    [
      'scenario.yaml:30:7: spec.failures[0].scope: expected a scope that cut can strike: one of link, between, eachLink, got "centre"',
    ],
  ],
  [
    "a failure of an unknown centre",
    "scope: { centre: production }",
    "scope: { centre: remote-dr }",
    [
      'scenario.yaml:30:24: spec.failures[0].scope.centre: expected a centre (production, local-dr), got "remote-dr"',
    ],
  ],
  [
    "a failure of an unknown node",
    "scope: { centre: production }",
    "scope: { node: production-web-7 }",
    [
      'scenario.yaml:30:22: spec.failures[0].scope.node: expected a node (production-web-0, production-web-1, production-web-2, local-dr-web-0, local-dr-web-1), got "production-web-7"; did you mean "production-web-0"?',
    ],
  ],
  [
    "a failure of an unknown etcd member",
    "kind: power\n      scope: { centre: production }",
    "kind: crash\n      scope: { etcdMember: etcd-production-2 }",
    [
      'scenario.yaml:30:28: spec.failures[0].scope.etcdMember: expected an etcd member (etcd-production-0, etcd-production-1, etcd-local-dr-0), got "etcd-production-2"; did you mean "etcd-production-0"?',
    ],
  ],
  [
    "two scopes",
    "scope: { centre: production }",
    "scope: { centre: production, rack: production-r1 }",
    [
      "scenario.yaml:30:7: spec.failures[0].scope: expected exactly one of node, rack, centre, site, link, between, etcdMember, apiServer, controllerManager, scheduler, eachNode, eachRack, eachCentre, eachLink, eachEtcdMember, eachApiServer",
    ],
  ],
  [
    "a link from a centre to itself",
    "kind: power\n      scope: { centre: production }",
    "kind: cut\n      scope: { link: { from: production, to: production } }",
    ["scenario.yaml:30:7: spec.failures[0].scope: expected two different centres"],
  ],
  [
    "a failure after the horizon",
    "at: 2m",
    "at: 2h",
    [
      'scenario.yaml:31:11: warning: spec.failures[0].at: strikes not before the horizon of 10m: it has no effect, got "2h"',
    ],
  ],
  [
    "a failure without a time",
    "      at: 2m\n",
    "",
    ["scenario.yaml:29:7: spec.failures[0]: expected exactly one of at, every and timeToFailure"],
  ],
  [
    "every without count",
    "at: 2m",
    "every: 2m",
    ["scenario.yaml:29:7: spec.failures[0]: expected every and count together"],
  ],
  [
    "two ways to say when it is repaired",
    "for: 1m",
    "for: 1m\n      timeToRepair: 1m",
    ["scenario.yaml:29:7: spec.failures[0]: expected at most one of for and timeToRepair"],
  ],
  [
    "an unknown distribution",
    "for: 1m",
    "for: { unifrom: { min: 1s, max: 2s } }",
    ['scenario.yaml:32:14: spec.failures[0].for.unifrom: unknown field; did you mean "uniform"?'],
  ],
  [
    "a distribution upside down",
    "for: 1m",
    "for: { uniform: { min: 3s, max: 2s } }",
    ["scenario.yaml:32:14: spec.failures[0].for.uniform: expected min to be at most max"],
  ],
  [
    "half a distribution",
    "for: 1m",
    "for: { logNormal: { median: 1m } }",
    [
      "scenario.yaml:32:14: spec.failures[0].for.logNormal: expected median with one of p90, p99 and sigma, or mean with sd",
    ],
  ],
  [
    "a percentile below the median",
    "for: 1m",
    "for: { logNormal: { median: 1m, p99: 30s } }",
    [
      "scenario.yaml:32:14: spec.failures[0].for.logNormal: expected the percentile to be at least the median",
    ],
  ],
  [
    "an objective about an unknown metric",
    "metric: availability",
    "metric: avialability",
    [
      'scenario.yaml:34:15: spec.objectives[0].metric: expected a metric, got "avialability"; did you mean "availability"?',
    ],
  ],
  [
    "an objective about an unknown service",
    "of: service/default/web",
    "of: service/default/wep",
    [
      'scenario.yaml:35:11: spec.objectives[0].of: expected a Service with traffic (service/default/web), got "service/default/wep"; did you mean "service/default/web"?',
    ],
  ],
  [
    "an objective with both bounds",
    "atLeast: 0.9",
    "atLeast: 0.9\n      atMost: 1",
    ["scenario.yaml:34:7: spec.objectives[0]: expected exactly one of atLeast and atMost"],
  ],
  [
    "an objective in the wrong unit",
    "atLeast: 0.9",
    "atLeast: 90s",
    [
      'scenario.yaml:36:16: spec.objectives[0].atLeast: expected a share between 0 and 1, or a percentage such as "99.5%", got "90s"',
    ],
  ],
  [
    "a manifest that is not there",
    "manifests: [web.yaml]",
    "manifests: [web.yaml, api.yaml]",
    [
      'scenario.yaml:24:27: spec.workload.manifests[1]: expected a file or folder, but there is none, got "api.yaml"',
    ],
  ],
  [
    "a mistake in a manifest",
    "manifests: [web.yaml]",
    "manifests: [web.yaml, api.yaml]",
    ["api.yaml:6:13: spec.replicas: …"],
    { "api.yaml": OTHER_MANIFEST.replace("replicas: 2", "replicas: two") },
  ],
  [
    "an object given twice",
    "manifests: [web.yaml]",
    "manifests: [web.yaml, api.yaml]",
    ["api.yaml:4:9: metadata.name: …", "api.yaml:22:9: metadata.name: …"],
    { "api.yaml": WEB_MANIFEST },
  ],
  [
    "a kind that is not modelled",
    "manifests: [web.yaml]",
    "manifests: [web.yaml, map.yaml]",
    ["map.yaml:2:7: warning: kind: …"],
    { "map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\n" },
  ],
  [
    "a mistake in an inline object",
    "manifests: [web.yaml]",
    "manifests: [web.yaml]\n    objects:\n      - apiVersion: v1\n        kind: Namespace\n        metadata: { nme: x }",
    ["scenario.yaml:28:9: spec.workload.objects[0].metadata.name: …"],
  ],
  [
    "an unknown policy",
    "  workload:",
    "  policies: [default, BestFitt]\n  workload:",
    [
      'scenario.yaml:23:23: spec.policies[1]: expected a policy of the shelf, got "BestFitt"; did you mean "BestFit"?',
    ],
  ],
  [
    "two policies of one name",
    "  workload:",
    "  policies: [default, default]\n  workload:",
    ['scenario.yaml:23:23: spec.policies[1]: expected each policy to have a name of its own, got "default"'],
  ],
  [
    "a weight for a plugin that the profile has not",
    "  workload:",
    "  policies:\n    - name: spread\n      weights: { PodTopologySpred: 5 }\n  workload:",
    [
      'scenario.yaml:25:36: spec.policies[0].weights.PodTopologySpred: expected a plugin of this policy\'s profile; did you mean "PodTopologySpread"?',
    ],
  ],
  [
    "a mistake in a scheduler configuration",
    "  workload:",
    "  policies:\n    - { name: packing, configuration: packing.yaml }\n  workload:",
    [
      'packing.yaml:6:27: profiles[0].plugins.score.enabled[0].name: unknown plugin, got "NodeResorcesFit"; did you mean "NodeResourcesFit"?',
    ],
    {
      "packing.yaml":
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n  - plugins:\n      score:\n        enabled: [{ name: NodeResorcesFit }]\n",
    },
  ],
  [
    "a key written twice",
    "horizon: 10m",
    "horizon: 10m\n  horizon: 5m",
    ['scenario.yaml:7:3: spec.horizon: expected each key once, "horizon" is here again'],
  ],
  ["broken YAML", "horizon: 10m", "horizon: [10m", ["scenario.yaml:7:3: expected well-formed YAML: …"]],
  [
    "two documents",
    "kind: Scenario\n",
    "kind: Scenario\nmetadata: { name: x }\nspec: { horizon: 1m }\n---\n",
    ["scenario.yaml:6:1: expected one document: a scenario stands alone in its file"],
  ],
  [
    "failures in an ideal cluster",
    "    etcd:\n      members: { production: 2, local-dr: 1 }",
    "    mode: ideal",
    [
      "scenario.yaml:24:5: spec.workload.traffic: expected no traffic with controlPlane.mode: ideal",
      "scenario.yaml:27:3: spec.failures: expected no failures with controlPlane.mode: ideal",
    ],
  ],
  [
    "a roll-out of a Deployment that is not there",
    "    traffic:",
    "    rollouts:\n      - { at: 1m, deployment: default/wep, change: template }\n    traffic:",
    [
      'scenario.yaml:26:31: spec.workload.rollouts[0].deployment: expected a Deployment of the manifests (default/web), got "default/wep"; did you mean "default/web"?',
    ],
  ],
  [
    "arrivals of a file without a Job",
    "    traffic:",
    "    arrivals:\n      - { job: web.yaml, process: { poisson: 6/min } }\n    traffic:",
    ['scenario.yaml:26:16: spec.workload.arrivals[0].job: expected a file with one Job, got "web.yaml"'],
  ],
  [
    "a plan for a pool that is not there",
    "  workload:",
    "  plan: { pool: production/wep, min: 1, max: 3 }\n  workload:",
    [
      'scenario.yaml:23:17: spec.plan.pool: expected a node pool (production/web, local-dr/web), got "production/wep"; did you mean "production/web"?',
    ],
  ],
  [
    "a node of an unknown zone",
    "manifests: [web.yaml]",
    "manifests: [web.yaml, node.yaml]",
    [
      'scenario.yaml:8:5: spec.topology.sites: expected Node n1 to have the label topology.kubernetes.io/zone with a centre of this topology; it stands in "local-drr"; did you mean "local-dr"?',
    ],
    {
      "node.yaml":
        "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n  labels: { topology.kubernetes.io/zone: local-drr }\nstatus: { allocatable: { cpu: 1 } }\n",
    },
  ],
];

describe("a mistake in a scenario file", () => {
  for (const [what, from, to, shown, files = {}] of MISTAKES) {
    it(`${what} is shown with its place and what was expected`, () => {
      const compiled = edited(from, to, files);
      const found = messages(compiled).map((message, index) => {
        const expected = shown[index] ?? "";
        return expected.endsWith("…") && message.startsWith(expected.slice(0, -1)) ? expected : message;
      });
      expect(found).toEqual(shown);
      expect(compiled.study === undefined).toBe(compiled.problems.hasErrors);
    });
  }

  it("does not hide another: all are shown at once, in the order of the file", () => {
    const text = SMALL_SCENARIO.replace("horizon: 10m", "horizon: soon")
      .replace("racks: 2", "racks: -2")
      .replace("metro: 10/s", "metro: many")
      .replace("kind: power", "kind: lightning");
    const manifest = WEB_MANIFEST.replace("replicas: 2", "replicas: -2");
    const { problems } = loadScenario("s.yaml", memory({ "s.yaml": text, "web.yaml": manifest }));
    const places = problems.list().map(({ file, line, path }) => `${file}:${line} ${path}`);
    expect(places).toEqual([
      "s.yaml:6 spec.horizon",
      "s.yaml:12 spec.topology.sites[0].centres[0].racks",
      "s.yaml:27 spec.workload.traffic[0].from.metro",
      "s.yaml:29 spec.failures[0].kind",
      "web.yaml:6 spec.replicas",
    ]);
  });

  it("is a missing file: named, without a line", () => {
    const { problems } = loadScenario("nowhere.yaml", memory({}));
    expect(problems.list().map(formatProblem)).toEqual([
      "nowhere.yaml: expected a scenario file, but there is none that can be read",
    ]);
  });

  it("is an empty file", () => {
    const { problems } = loadScenario("empty.yaml", memory({ "empty.yaml": "# nothing\n" }));
    expect(problems.list().map(formatProblem)).toEqual([
      "empty.yaml: expected a scenario, but the file is empty",
    ]);
  });
});

describe("the small scenario of these tests", () => {
  it("has no mistake itself", () => {
    const compiled = edited("horizon: 10m", "horizon: 10m");
    expect(messages(compiled)).toEqual([]);
    expect(compiled.study?.model.topology.nodes).toHaveLength(5);
  });
});
