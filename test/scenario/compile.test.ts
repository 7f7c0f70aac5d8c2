import { describe, expect, it } from "vitest";
import type { Model, StudyModel } from "../../src/cluster/model.js";
import { defaultProfile, profileOf } from "../../src/policies/profiles.js";
import { type CompileOverrides, loadScenario } from "../../src/scenario/compile.js";
import { LABEL_RACK, LABEL_REGION, LABEL_ZONE } from "../../src/topology/topology.js";
import { formatQuantity } from "../../src/units/quantity.js";
import { MILLISECOND, MINUTE, SECOND } from "../../src/units/time.js";
import { fileSource } from "../../src/workload/files.js";
import { formatProblem } from "../../src/workload/problems.js";
import { edited, memory, messages, WEB_MANIFEST } from "./support.js";

function study(
  from: string,
  to: string,
  files: Readonly<Record<string, string>> = {},
  overrides: CompileOverrides = {},
): StudyModel {
  const compiled = edited(from, to, files, overrides);
  if (compiled.study === undefined) throw new Error(messages(compiled).join("\n"));
  return compiled.study;
}

function model(...args: Parameters<typeof study>): Model {
  return study(...args).model;
}

const UNCHANGED = ["horizon: 10m", "horizon: 10m"] as const;

describe("a compiled scenario", () => {
  it("has Kubernetes' and etcd's defaults where nothing is said", () => {
    const { controlPlane, kubelet, metrics } = model(...UNCHANGED);
    expect(controlPlane).toMatchObject({
      mode: "full",
      etcd: {
        heartbeatIntervalUs: 100 * MILLISECOND,
        electionTimeoutUs: SECOND,
        preVote: true,
        checkQuorum: true,
      },
      controllerManager: {
        nodeMonitorPeriodUs: 5 * SECOND,
        nodeMonitorGracePeriodUs: 50 * SECOND,
        nodeEvictionRate: 0.1,
        secondaryNodeEvictionRate: 0.01,
        unhealthyZoneThreshold: 0.55,
        largeClusterSizeThreshold: 50,
        clientQps: 20,
        clientBurst: 30,
        leaderElection: { leaseDurationUs: 15 * SECOND, releaseOnCancel: false },
      },
      scheduler: {
        clientQps: 50,
        clientBurst: 100,
        backoffInitialUs: SECOND,
        backoffMaxUs: 10 * SECOND,
        unschedulableTimeoutUs: 5 * MINUTE,
        leaderElection: { renewDeadlineUs: 10 * SECOND, retryPeriodUs: 2 * SECOND, releaseOnCancel: true },
      },
    });
    expect(kubelet).toMatchObject({
      leaseRenewUs: 10 * SECOND,
      leaseJitter: 0.04,
      clientQps: 50,
      clientBurst: 100,
    });
    expect(metrics).toEqual({
      seriesIntervalUs: 10 * SECOND,
      recoveryShare: 0.99,
      recoveryHoldUs: 30 * SECOND,
    });
  });

  it("takes seed, replications, horizon, warm-up and a pool's node count from the command", () => {
    const compiled = study(
      ...UNCHANGED,
      {},
      {
        seed: "other",
        replications: 3,
        horizonUs: MINUTE,
        warmUpUs: SECOND,
        nodePoolCount: { pool: "production/web", count: 7 },
        options: { events: true },
      },
    );
    expect(compiled.model).toMatchObject({ seed: "other", horizonUs: MINUTE, warmUpUs: SECOND });
    expect(compiled.replications).toBe(3);
    expect(compiled.options).toEqual({ events: true });
    expect(compiled.model.topology.nodes.filter(({ centre }) => centre === 0)).toHaveLength(7);
    expect(compiled.model.topology.nodes.filter(({ centre }) => centre === 1)).toHaveLength(2);
  });

  it("keeps a seed that looks like a number as it was written", () => {
    expect(model("horizon: 10m", "seed: 2026\n  horizon: 10m").seed).toBe("2026");
  });

  it("lays nodes out by centre, pool and rack, with room for 110 pods each", () => {
    const { nodes } = model(...UNCHANGED).topology;
    expect(
      nodes.map(({ name, labels }) => `${name} ${labels[LABEL_RACK] ?? "-"} ${labels[LABEL_REGION]}`),
    ).toEqual([
      "production-web-0 production-r1 metro",
      "production-web-1 production-r2 metro",
      "production-web-2 production-r1 metro",
      "local-dr-web-0 - metro",
      "local-dr-web-1 - metro",
    ]);
    const allocatable = Object.entries(nodes[0]?.allocatable ?? {}).map(([name, amount]) => [
      name,
      formatQuantity(amount),
    ]);
    expect(Object.fromEntries(allocatable)).toEqual({ cpu: "4", memory: "16Gi", pods: "110" });
  });

  it.each([
    [
      "a link both ways",
      "- { between: [production, local-dr], oneWay: 3ms, loss: 1% }",
      [3000, 3000],
      [0.01, 0.01],
    ],
    [
      "one direction, with its site's latency",
      "- { from: local-dr, to: production, loss: 0.5 }",
      [undefined, undefined],
      [0, 0.5],
    ],
  ])("has %s", (_what, link, latencies, losses) => {
    const { links } = model("  topology:\n", `  topology:\n    links:\n      ${link}\n`).topology;
    expect(links.map(({ loss }) => loss)).toEqual(losses);
    const constants = links.map(({ oneWayUs }) =>
      oneWayUs.kind === "constant" ? oneWayUs.value : undefined,
    );
    expect(constants).toEqual(latencies);
  });

  it("splits a site's traffic evenly over its centres and adds a centre's own", () => {
    const { traffic } = model("from: { metro: 10/s }", "from: { metro: 10/s, local-dr: 120/min }");
    expect(traffic).toEqual([{ namespace: "default", service: "web", ratePerSecond: [5, 7] }]);
  });

  it.each([
    [1, ["etcd-a-0", "etcd-a-1", "etcd-a-2"]],
    [2, ["etcd-a-0", "etcd-a-1", "etcd-b-0"]],
    [4, ["etcd-a-0", "etcd-b-0", "etcd-c-0"]],
  ])("spreads three etcd members over %d centres, an API server beside each", (count, members) => {
    const centres = ["a", "b", "c", "d"]
      .slice(0, count)
      .map((name) => `{ name: ${name}, nodePools: [{ name: p, count: 1, allocatable: { cpu: 1 } }] }`);
    const text = `apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: members }
spec: { horizon: 1m, topology: { sites: [{ name: s, centres: [${centres.join(", ")}] }] } }
`;
    const { study: compiled } = loadScenario("s.yaml", memory({ "s.yaml": text }));
    const { etcd, apiServers, controllerManager, scheduler } = compiled?.model.controlPlane ?? {};
    expect(etcd?.members.map(({ name }) => name)).toEqual(members);
    const centresWithServers = apiServers?.instances.map(({ centre }) => centre);
    expect(centresWithServers).toEqual([...new Set(etcd?.members.map(({ centre }) => centre))]);
    expect(controllerManager?.instances).toEqual(centresWithServers);
    expect(scheduler?.instances).toEqual(centresWithServers);
  });

  it("takes centres, sites and racks from the labels of nodes where it has no topology of its own", () => {
    const node = (name: string, zone: string, rack: string) => `apiVersion: v1
kind: Node
metadata:
  name: ${name}
  labels: { ${LABEL_ZONE}: ${zone}, ${LABEL_REGION}: eu, ${LABEL_RACK}: ${rack} }
status: { allocatable: { cpu: "8", memory: 32Gi, pods: 250 } }
---
`;
    const files = {
      "nodes.yaml": node("n1", "eu-b", "left") + node("n2", "eu-a", "x") + node("n3", "eu-b", "right"),
      "s.yaml":
        "apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: { name: nodes }\nspec: { horizon: 1m, workload: { manifests: [nodes.yaml] } }\n",
    };
    const { study: compiled, problems } = loadScenario("s.yaml", memory(files));
    expect(problems.list().map(formatProblem)).toEqual([]);
    const { topology, objects } = compiled?.model ?? {};
    expect(topology?.centres.map(({ name }) => name)).toEqual(["eu-b", "eu-a"]);
    expect(topology?.sites.map(({ name }) => name)).toEqual(["eu"]);
    expect(topology?.nodes.map(({ name, centre, rack }) => [name, centre, rack])).toEqual([
      ["n1", 0, 0],
      ["n2", 1, 2],
      ["n3", 0, 1],
    ]);
    expect(objects).toEqual([]);
  });
});

describe("a compiled workload", () => {
  it("holds manifests and inline objects, through admission, in order", () => {
    const inline = `manifests: [web.yaml]
    objects:
      - { apiVersion: v1, kind: Namespace, metadata: { name: extra } }`;
    const { objects } = model("manifests: [web.yaml]", inline);
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "Deployment web",
      "Service web",
      "Namespace extra",
    ]);
    const [deployment] = objects;
    expect(
      deployment?.kind === "Deployment" &&
        deployment.template.spec.tolerations.map((t) => t.tolerationSeconds),
    ).toEqual([300, 300]);
  });

  const JOB = `apiVersion: batch/v1
kind: Job
metadata: { name: report, namespace: batch }
spec:
  template:
    spec:
      restartPolicy: Never
      priorityClassName: low
      containers: [{ name: a, image: b }]
`;
  const PODS = ["small", "large"]
    .map(
      (name) =>
        `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name} }\nspec: { containers: [{ name: a, image: b }] }\n`,
    )
    .join("---\n");
  const LOW =
    "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: { name: low }\nvalue: -5\npreemptionPolicy: Never\n";
  const FILES = { "job.yaml": JOB, "pods.yaml": PODS, "low.yaml": LOW };

  it("has arrivals of a Job's pod, with the scenario's priority classes", () => {
    const { arrivals } = model(
      "manifests: [web.yaml]",
      "manifests: [web.yaml, low.yaml]\n    arrivals:\n      - { name: reports, job: job.yaml, process: { poisson: 6/min }, duration: 4m, start: 1m, count: 9 }",
      FILES,
    );
    expect(arrivals).toMatchObject([
      {
        name: "reports",
        process: { kind: "poisson", ratePerSecond: 0.1 },
        startUs: MINUTE,
        endUs: 10 * MINUTE,
        count: 9,
        order: "weighted",
        classes: [
          {
            name: "report",
            weight: 1,
            namespace: "batch",
            template: { spec: { priority: -5, preemptionPolicy: "Never" } },
            durationUs: { kind: "constant", value: 4 * MINUTE },
          },
        ],
      },
    ]);
  });

  it("has classes by weight; the pods of a file share theirs", () => {
    const { arrivals } = model(
      "manifests: [web.yaml]",
      `manifests: [web.yaml, low.yaml]
    arrivals:
      - process: { every: 10s }
        end: 5m
        duration: 1m
        classes:
          - { job: job.yaml, weight: 3, name: renamed, duration: 2m }
          - { pods: pods.yaml }`,
      FILES,
    );
    expect(arrivals[0]).toMatchObject({
      name: "arrivals-0",
      process: { kind: "deterministic", intervalUs: 10 * SECOND },
    });
    expect(arrivals[0]?.endUs).toBe(5 * MINUTE);
    expect(arrivals[0]?.classes.map(({ name, weight, durationUs }) => [name, weight, durationUs])).toEqual([
      ["renamed", 3, { kind: "constant", value: 2 * MINUTE }],
      ["small", 0.5, { kind: "constant", value: MINUTE }],
      ["large", 0.5, { kind: "constant", value: MINUTE }],
    ]);
  });

  it("refuses a Job of several pods as an arrival", () => {
    const several = { ...FILES, "job.yaml": JOB.replace("spec:\n", "spec:\n  completions: 3\n") };
    const arrival =
      "manifests: [low.yaml, web.yaml]\n    arrivals:\n      - { job: job.yaml, process: { times: [1m] } }";
    expect(messages(edited("manifests: [web.yaml]", arrival, several))).toEqual([
      "scenario.yaml:26:16: spec.workload.arrivals[0].job: expected a Job with parallelism 1 and completions 1: each arrival is one pod",
    ]);
  });

  it("has a trace's nodes and pods in its own order, at a fixed spacing or by their lifetimes", () => {
    const files = {
      "nodes.csv": "sn,cpu_milli,memory_mib,gpu,model\nn1,8000,16384,2,T4\n",
      "pods.csv":
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n" +
        "p1,1000,1024,1,500,,LS,Running,30,90,40\np2,1000,1024,0,0,,LS,Running,5,15,5\n",
    };
    const trace = (how: string) =>
      model(
        "manifests: [web.yaml]",
        `manifests: [web.yaml]\n    traces: [{ openb: { nodes: nodes.csv, pods: pods.csv, ${how} } }]`,
        { ...files, "nodes.csv": files["nodes.csv"] },
      );
    expect(() => trace("spacing: 2s")).toThrow(
      "expected Node n1 to have the label topology.kubernetes.io/zone",
    );
    const alone = (how: string) => {
      const text = `apiVersion: seatrial.dev/v1alpha1\nkind: Scenario\nmetadata: { name: trace }\nspec: { horizon: 1h, controlPlane: { mode: ideal }, workload: { traces: [{ openb: { nodes: nodes.csv, pods: pods.csv, ${how} } }] } }\n`;
      return loadScenario("s.yaml", memory({ ...files, "s.yaml": text })).study?.model;
    };
    const spaced = alone("spacing: 2s")?.arrivals[0];
    expect(spaced?.order).toBe("sequence");
    expect(spaced?.process).toEqual({ kind: "times", atUs: [0, 2 * SECOND] });
    expect(spaced?.classes.map(({ name, durationUs }) => [name, durationUs])).toEqual([
      ["p1", undefined],
      ["p2", undefined],
    ]);
    const lived = alone("lifetimes: true")?.arrivals[0];
    expect(lived?.process).toEqual({ kind: "times", atUs: [5 * SECOND, 30 * SECOND] });
    expect(lived?.classes.map(({ name, durationUs }) => [name, durationUs])).toEqual([
      ["p2", { kind: "constant", value: 10 * SECOND }],
      ["p1", { kind: "constant", value: 50 * SECOND }],
    ]);
    expect(alone("spacing: 2s, limit: 1")?.arrivals[0]?.classes).toHaveLength(1);
    expect(alone("spacing: 2s")?.topology.nodes.map(({ name }) => name)).toEqual(["n1"]);
  });

  it("has roll-outs of the objects they name", () => {
    const { rollouts } = model(
      "    traffic:",
      "    rollouts:\n      - { at: 1m, deployment: web, change: template }\n      - { at: 2m, deployment: default/web, change: { replicas: 7 } }\n    traffic:",
    );
    expect(rollouts).toEqual([
      { atUs: MINUTE, kind: "Deployment", namespace: "default", name: "web", change: { kind: "template" } },
      {
        atUs: 2 * MINUTE,
        kind: "Deployment",
        namespace: "default",
        name: "web",
        change: { kind: "scale", replicas: 7 },
      },
    ]);
  });
});

describe("compiled failures", () => {
  const FAILURE = "- kind: power\n      scope: { centre: production }\n      at: 2m\n      for: 1m";

  function failures(written: string): Model["failures"] {
    return model(FAILURE, written).failures;
  }

  it.each([
    [
      "{ kind: power, scope: { node: local-dr-web-1 }, at: 1m }",
      "power-node-local-dr-web-1",
      [{ kind: "node", node: 4 }],
    ],
    [
      "{ kind: isolate, scope: { rack: production-r2 }, at: 1m }",
      "isolate-rack-production-r2",
      [{ kind: "rack", rack: 1 }],
    ],
    ["{ kind: power, scope: { site: metro }, at: 1m }", "power-site-metro", [{ kind: "site", site: 0 }]],
    [
      "{ kind: cut, scope: { link: { from: local-dr, to: production } }, at: 1m }",
      "cut-link-local-dr-to-production",
      [{ kind: "link", from: 1, to: 0 }],
    ],
    [
      "{ kind: cut, scope: { between: [production, local-dr] }, at: 1m }",
      "cut-link-production-local-dr",
      [
        { kind: "link", from: 0, to: 1 },
        { kind: "link", from: 1, to: 0 },
      ],
    ],
    [
      "{ kind: crash, scope: { etcdMember: etcd-local-dr-0 }, at: 1m }",
      "crash-etcd-member-etcd-local-dr-0",
      [{ kind: "etcdMember", member: 2 }],
    ],
    [
      "{ kind: crash, scope: { apiServer: kube-apiserver-local-dr-0 }, at: 1m }",
      "crash-API-server-kube-apiserver-local-dr-0",
      [{ kind: "apiServer", instance: 1 }],
    ],
    [
      "{ kind: crash, scope: { controllerManager: production }, at: 1m }",
      "crash-controller-manager-production",
      [{ kind: "controllerManager", centre: 0 }],
    ],
    [
      "{ kind: crash, scope: { scheduler: local-dr }, at: 1m }",
      "crash-scheduler-local-dr",
      [{ kind: "scheduler", centre: 1 }],
    ],
  ])("of %s strike %s", (written, name, targets) => {
    expect(failures(`- ${written}`)).toMatchObject([{ name, targets }]);
  });

  it("of each node are one failure a node, and a node that crashes has lost its power", () => {
    const found = failures(
      "- kind: crash\n      scope: { eachNode: true }\n      timeToFailure: { exponential: { mean: 900d } }\n      timeToRepair: { logNormal: { median: 5m, p90: 15m } }",
    );
    expect(found.map(({ name, kind, targets }) => [name, kind, targets])).toEqual(
      [0, 1, 2, 3, 4].map((node) => [
        `crash-node-${["production-web-0", "production-web-1", "production-web-2", "local-dr-web-0", "local-dr-web-1"][node]}`,
        "power",
        [{ kind: "node", node }],
      ]),
    );
    expect(found[0]?.occurrence).toEqual({
      kind: "drawn",
      timeToFailureUs: { kind: "exponential", mean: 900 * 86_400 * SECOND },
      notBeforeUs: 0,
    });
    expect(found[0]?.repairUs).toMatchObject({ kind: "logNormal", mu: Math.log(300 * SECOND) });
  });

  it("carry the author's name before the thing's where they strike each by itself", () => {
    const found = failures("- { name: wear, kind: power, scope: { eachRack: true }, at: 1m }");
    expect(found.map(({ name }) => name)).toEqual(["wear/rack-production-r1", "wear/rack-production-r2"]);
  });

  it("have names of their own even when the same thing is struck twice", () => {
    const found = failures(
      "- { kind: power, scope: { centre: production }, at: 1m }\n    - { kind: power, scope: { centre: production }, at: 3m }",
    );
    expect(found.map(({ name }) => name)).toEqual(["power-centre-production", "power-centre-production-2"]);
  });

  it.each([
    ["at: 2m", [120]],
    ["at: [3m, 1m]", [60, 180]],
    ["every: 2m\n      count: 3", [120, 240, 360]],
    ["every: 1m\n      count: 2\n      start: 30s", [30, 90]],
  ])("strike at the moments of %j", (when, seconds) => {
    const found = failures(`- kind: power\n      scope: { centre: production }\n      ${when}`);
    expect(found[0]?.occurrence).toEqual({ kind: "at", timesUs: seconds.map((second) => second * SECOND) });
    expect(found[0]).not.toHaveProperty("repairUs");
  });
});

describe("compiled policies", () => {
  const CONFIGURATION = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
percentageOfNodesToScore: 30
podMaxBackoffSeconds: 20
clientConnection: { qps: 500 }
profiles:
  - schedulerName: default-scheduler
  - schedulerName: second
`;

  it("are the one default profile where the scenario says nothing", () => {
    expect(study(...UNCHANGED).policies).toEqual([{ name: "default", profiles: [defaultProfile()] }]);
  });

  it("called default are the cluster's own configuration, whose timing goes into the model", () => {
    const { policies, model: compiled } = study(
      "  workload:",
      "    scheduler: { configuration: scheduler.yaml }\n  policies: [default, BestFit]\n  workload:",
      { "scheduler.yaml": CONFIGURATION },
    );
    expect(policies[0]?.profiles).toEqual(
      ["default-scheduler", "second"].map((name) => ({
        ...defaultProfile(name),
        percentageOfNodesToScore: 30,
      })),
    );
    // Every pod finds its scheduler under a policy of the shelf, too.
    expect(policies[1]).toEqual({
      name: "BestFit",
      profiles: [profileOf("BestFit"), profileOf("BestFit", "second")],
    });
    expect(compiled.controlPlane.scheduler).toMatchObject({
      backoffMaxUs: 20 * SECOND,
      clientQps: 500,
      clientBurst: 100,
    });
  });

  it("may change weights, ties and sampling of what they stand on", () => {
    const { policies } = study(
      "  workload:",
      "  policies:\n    - { name: tuned, weights: { NodeResourcesFit: 9, ImageLocality: 0 }, tieBreak: name, percentageOfNodesToScore: 100 }\n  workload:",
    );
    const profile = policies[0]?.profiles[0];
    expect(profile).toMatchObject({ tieBreak: "name", percentageOfNodesToScore: 100 });
    const weights = new Map(profile?.plugins.map(({ name, scoreWeight }) => [name, scoreWeight]));
    expect([
      weights.get("NodeResourcesFit"),
      weights.get("ImageLocality"),
      weights.get("TaintToleration"),
    ]).toEqual([9, 0, 3]);
  });

  it("of a file of the user's name the file and the plugin in it", () => {
    const text = "  policies:\n    - { name: mine, file: policies/mine.ts, plugin: Mine }\n  workload:";
    const { policies } = study("  workload:", text, { "policies/mine.ts": "export default 1" });
    expect(policies).toEqual([{ name: "mine", file: "policies/mine.ts", profiles: [profileOf("Mine")] }]);
  });

  it("may be plugins that the command has put on the shelf", () => {
    const { policies } = study(
      "  workload:",
      "  policies: [Mine]\n  workload:",
      {},
      { ownPlugins: ["Mine"] },
    );
    expect(policies[0]?.profiles).toEqual([profileOf("Mine")]);
  });

  it("warn of pods whose scheduler they do not have", () => {
    const manifest = WEB_MANIFEST.replace(
      "      containers:",
      "      schedulerName: gang\n      containers:",
    );
    const compiled = edited(...UNCHANGED, { "web.yaml": manifest });
    expect(messages(compiled)).toEqual([
      'scenario.yaml:5:1: warning: spec.policies[0]: Deployment default/web asks for the scheduler "gang", for which policy default has no profile: it stays pending',
    ]);
    expect(compiled.study).toBeDefined();
  });
});

describe("compiled objectives", () => {
  it("are in the results' own units", () => {
    const compiled = edited(
      "- metric: availability\n      of: service/default/web\n      atLeast: 0.9",
      '- { metric: availability, of: service/default/*, atLeast: "99.5%" }\n    - { metric: rto, of: deployment/default/web, atMost: 1m30s }\n    - { metric: podsPendingAtEnd, atMost: 0 }\n    - { metric: utilisation, of: resource/cpu, atLeast: 50% }',
    );
    expect(messages(compiled)).toEqual([]);
    expect(compiled.objectives).toEqual([
      { metric: "availability", of: "service/default/*", atLeast: 0.995 },
      { metric: "rto", of: "deployment/default/web", atMost: 90 },
      { metric: "podsPendingAtEnd", of: "cluster", atMost: 0 },
      { metric: "utilisation", of: "resource/cpu", atLeast: 0.5 },
    ]);
  });
});

describe("the sketch of the format that the project began with", () => {
  const sketch = fileSource().readFile("../shared/design/scenario-sketch.yaml");
  it.skipIf(sketch === undefined)(
    sketch === undefined ? "still compiles (skipped: ../shared is not there)" : "still compiles",
    () => {
      const named = (text: string, name: string) =>
        text
          .replaceAll(/name: web$/gm, `name: ${name}`)
          .replaceAll(`name: ${name}\nspec`, `name: ${name}\n  namespace: shop\nspec`);
      const configuration = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
      const files = {
        "s.yaml": sketch ?? "",
        "manifests/shop/frontend.yaml": named(WEB_MANIFEST, "frontend"),
        "manifests/batch/report.yaml":
          "apiVersion: batch/v1\nkind: Job\nmetadata: { name: report }\nspec: { template: { spec: { restartPolicy: Never, containers: [{ name: a, image: b }] } } }\n",
        "profiles/default.yaml": configuration,
        "profiles/most-allocated.yaml": configuration,
      };
      const { study: compiled, problems } = loadScenario("s.yaml", memory(files));
      expect(problems.list().map(formatProblem)).toEqual([]);
      expect(compiled?.policies.map(({ name }) => name)).toEqual(["default", "bin-packing", "best-fit"]);
      expect(compiled?.model.topology.nodes).toHaveLength(106);
      expect(compiled?.model.failures).toHaveLength(107);
    },
  );
});
