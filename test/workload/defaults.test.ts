import { describe, expect, it } from "vitest";
import type { Pod } from "../../src/api/objects.js";
import { parseQuantity, type Quantity } from "../../src/units/quantity.js";
import { objectOf, objectsOf } from "./helpers.js";

const TEMPLATE = "  template:\n    metadata: {labels: {app: a}}\n    spec: {containers: [{name: c}]}\n";
const OWNER = `metadata: {name: a}\nspec:\n  selector: {matchLabels: {app: a}}\n${TEMPLATE}`;

function pod(spec: string): Pod {
  return objectOf("Pod", `kind: Pod\nmetadata: {name: p}\nspec:\n${spec}`);
}

function q(text: string): Quantity {
  return parseQuantity(text) ?? -1n;
}

describe("Defaults of a pod", () => {
  it("are those of the API server where nothing is given", () => {
    expect(
      objectOf("Pod", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c}]}"),
    ).toEqual({
      kind: "Pod",
      metadata: {
        name: "p",
        namespace: "default",
        uid: "",
        labels: {},
        annotations: {},
        ownerReferences: [],
      },
      spec: {
        nodeSelector: {},
        tolerations: [],
        containers: [{ name: "c", image: "", resources: { requests: {}, limits: {} }, ports: [] }],
        initContainers: [],
        overhead: {},
        preemptionPolicy: "PreemptLowerPriority",
        schedulerName: "default-scheduler",
        schedulingGates: [],
        topologySpreadConstraints: [],
        hostNetwork: false,
        restartPolicy: "Always",
        terminationGracePeriodSeconds: 30,
        volumes: [],
      },
      status: { phase: "Pending", ready: false },
    });
  });

  it("take a missing request from the limit, of init containers too", () => {
    const { containers, initContainers } = pod(
      "  containers: [{name: c, resources: {limits: {cpu: 2, memory: 1Gi, example.com/x: 1}, requests: {cpu: 500m}}}]\n" +
        "  initContainers: [{name: i, restartPolicy: Always, resources: {limits: {cpu: 1}}}]\n",
    ).spec;
    expect(containers[0]?.resources.requests).toEqual({
      cpu: q("500m"),
      memory: q("1Gi"),
      "example.com/x": q("1"),
    });
    expect(initContainers[0]).toMatchObject({
      restartPolicy: "Always",
      resources: { requests: { cpu: q("1") } },
    });
  });

  it("make every port of a pod on the host's network a host port", () => {
    const port = { containerPort: 80, hostIP: "", protocol: "TCP", name: "" };
    const spec = "  containers: [{name: c, ports: [{containerPort: 80}]}]\n";
    expect(pod(spec).spec.containers[0]?.ports).toEqual([{ ...port, hostPort: 0 }]);
    expect(pod(`${spec}  hostNetwork: true\n`).spec.containers[0]?.ports).toEqual([
      { ...port, hostPort: 80 },
    ]);
  });

  it.each([
    // Limits of the pod alone: its requests are the limits.
    ["{limits: {cpu: 2}}", "{}", { cpu: "2" }],
    // Containers ask for something: their sum, only for cpu and memory.
    ["{limits: {cpu: 2}}", "{requests: {cpu: 250m, memory: 1Gi, x.io/y: 1}}", { cpu: "250m", memory: "1Gi" }],
    // A limit of a container is its request first.
    ["{limits: {cpu: 2}}", "{limits: {cpu: 500m}}", { cpu: "500m" }],
    // Without limits of the pod nothing is added.
    ["{requests: {cpu: 1}}", "{requests: {cpu: 250m, memory: 1Gi}}", { cpu: "1" }],
    ["{requests: {cpu: 1}, limits: {cpu: 2, memory: 2Gi}}", "{}", { cpu: "1", memory: "2Gi" }],
  ])("fill pod-level resources %s with containers %s", (resources, container, expected) => {
    const spec = pod(`  resources: ${resources}\n  containers: [{name: c, resources: ${container}}]\n`).spec;
    const amounts = Object.fromEntries(Object.entries(expected).map(([name, text]) => [name, q(text)]));
    expect(spec.resources?.requests).toEqual(amounts);
  });

  it("count an init container with the sidecars before it where that is more", () => {
    const spec = pod(
      "  resources: {limits: {cpu: 10}}\n" +
        "  containers: [{name: c, resources: {requests: {cpu: 1}}}]\n" +
        "  initContainers:\n" +
        "  - {name: s, restartPolicy: Always, resources: {requests: {cpu: 2}}}\n" +
        "  - {name: i, resources: {requests: {cpu: 3}}}\n",
    ).spec;
    // Sidecar 2 + init 3 while initialising, sidecar 2 + container 1 afterwards.
    expect(spec.resources?.requests).toEqual({ cpu: q("5") });
  });

  it("are filled in tolerations, spread constraints, affinity and probes", () => {
    const { spec } = pod(
      "  containers: [{name: c, readinessProbe: {initialDelaySeconds: 5, periodSeconds: 0}}]\n" +
        "  tolerations: [{key: a, value: b}, {operator: Exists}, {key: c, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]\n" +
        "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]\n" +
        "  affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: h, labelSelector: {}}]}}\n",
    );
    expect(spec.containers[0]?.readinessProbe).toEqual({
      initialDelaySeconds: 5,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
    expect(spec.tolerations).toEqual([
      { key: "a", operator: "Equal", value: "b", effect: "" },
      { key: "", operator: "Exists", value: "", effect: "" },
      { key: "c", operator: "Exists", value: "", effect: "NoExecute", tolerationSeconds: 5 },
    ]);
    expect(spec.topologySpreadConstraints).toEqual([
      {
        maxSkew: 1,
        topologyKey: "z",
        whenUnsatisfiable: "DoNotSchedule",
        nodeAffinityPolicy: "Honor",
        nodeTaintsPolicy: "Ignore",
        matchLabelKeys: [],
      },
    ]);
    expect(spec.affinity).toEqual({
      podAntiAffinity: {
        required: [
          {
            labelSelector: { matchLabels: {}, matchExpressions: [] },
            namespaces: [],
            topologyKey: "h",
            matchLabelKeys: [],
            mismatchLabelKeys: [],
          },
        ],
        preferred: [],
      },
    });
  });

  it("keep what a snapshot says of a bound pod", () => {
    const bound = objectOf(
      "Pod",
      "kind: Pod\nmetadata: {name: p, uid: u, deletionTimestamp: t}\nspec: {nodeName: n1, priority: 5, containers: [{name: c}]}\n" +
        'status: {phase: Running, startTime: s, conditions: [{type: Ready, status: "True"}, {type: DisruptionTarget, reason: r}]}\n',
    );
    expect(bound.spec).toMatchObject({ nodeName: "n1", priority: 5 });
    expect(bound.metadata.deletionTimestamp).toBe("t");
    expect(bound.status).toEqual({ phase: "Running", startTime: "s", disruptionReason: "r", ready: true });
  });
});

describe("Defaults of workloads", () => {
  it("are one replica, a quarter of surge and unavailability for a Deployment", () => {
    expect(objectOf("Deployment", `apiVersion: apps/v1\nkind: Deployment\n${OWNER}`)).toMatchObject({
      replicas: 1,
      minReadySeconds: 0,
      strategy: { type: "RollingUpdate", maxSurge: { percent: 25 }, maxUnavailable: { percent: 25 } },
      selector: { matchLabels: { app: "a" }, matchExpressions: [] },
      template: { labels: { app: "a" }, annotations: {}, spec: { restartPolicy: "Always" } },
    });
    const rolling = `kind: Deployment\n${OWNER}  replicas: 0\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0%}}\n`;
    expect(objectOf("Deployment", rolling)).toMatchObject({
      replicas: 0,
      strategy: { maxSurge: { absolute: 1 }, maxUnavailable: { percent: 0 } },
    });
    expect(
      objectOf("Deployment", `kind: Deployment\n${OWNER}  strategy: {type: Recreate}\n`).strategy,
    ).toEqual({
      type: "Recreate",
    });
  });

  it("are OrderedReady for a StatefulSet, one unavailable for a DaemonSet", () => {
    expect(objectOf("StatefulSet", `kind: StatefulSet\n${OWNER}  serviceName: s\n`)).toMatchObject({
      replicas: 1,
      serviceName: "s",
      podManagementPolicy: "OrderedReady",
      updateStrategy: "RollingUpdate",
    });
    expect(objectOf("DaemonSet", `kind: DaemonSet\n${OWNER}`)).toMatchObject({
      updateStrategy: "RollingUpdate",
      maxUnavailable: { absolute: 1 },
    });
    expect(objectOf("ReplicaSet", `kind: ReplicaSet\n${OWNER}  replicas: 3\n`).replicas).toBe(3);
  });

  it("take a ReplicationController's selector from its template", () => {
    const text = `kind: ReplicationController\nmetadata: {name: a}\nspec:\n${TEMPLATE}`;
    expect(objectOf("ReplicationController", text).selector).toEqual({
      matchLabels: { app: "a" },
      matchExpressions: [],
    });
  });

  it.each([
    ["", { parallelism: 1, completions: 1, backoffLimit: 6, podReplacementPolicy: "TerminatingOrFailed" }],
    ["  completions: 4\n", { parallelism: 1, completions: 4 }],
    [
      "  completions: 4\n  parallelism: 2\n  backoffLimit: 0\n",
      { parallelism: 2, completions: 4, backoffLimit: 0 },
    ],
    ["  podFailurePolicy: {rules: []}\n", { podReplacementPolicy: "Failed" }],
  ])("of a Job with %j", (spec, expected) => {
    const template = "  template: {spec: {restartPolicy: Never, containers: [{name: c}]}}\n";
    expect(objectOf("Job", `kind: Job\nmetadata: {name: j}\nspec:\n${template}${spec}`)).toMatchObject(
      expected,
    );
  });

  it("leave a Job with parallelism alone without completions: a work queue", () => {
    const text =
      "kind: Job\nmetadata: {name: j}\nspec:\n  parallelism: 3\n  template: {spec: {restartPolicy: OnFailure, containers: [{name: c}]}}\n";
    const job = objectOf("Job", text);
    expect(job.parallelism).toBe(3);
    expect("completions" in job).toBe(false);
  });
});

describe("Defaults of the other kinds", () => {
  it("are TCP and ClusterIP for a Service, which selects nothing without a selector", () => {
    expect(
      objectOf(
        "Service",
        "kind: Service\nmetadata: {name: s}\nspec: {selector: {app: a}, ports: [{port: 80}]}",
      ),
    ).toMatchObject({
      type: "ClusterIP",
      selector: { app: "a" },
      ports: [{ port: 80, protocol: "TCP" }],
    });
    expect("selector" in objectOf("Service", "kind: Service\nmetadata: {name: s}\nspec: {ports: []}")).toBe(
      false,
    );
  });

  it("let a Node be ready, with its capacity where allocatable is missing", () => {
    const text =
      "kind: Node\nmetadata: {name: n1, labels: {a: b}}\nstatus: {capacity: {cpu: 4, memory: 8Gi, pods: 110}}\n";
    expect(objectOf("Node", text)).toMatchObject({
      metadata: { namespace: "" },
      unschedulable: false,
      taints: [],
      ready: true,
      allocatable: { cpu: q("4"), memory: q("8Gi"), pods: q("110") },
    });
    const down = `${text.replace("status: {", "status: {conditions: [{type: Ready, status: Unknown}], ")}spec: {unschedulable: true, taints: [{key: k, effect: NoSchedule}]}\n`;
    expect(objectOf("Node", down)).toMatchObject({
      ready: false,
      unschedulable: true,
      taints: [{ key: "k", value: "", effect: "NoSchedule" }],
    });
  });

  it("of PriorityClass, PodDisruptionBudget and Namespace", () => {
    const text =
      "kind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n---\nkind: Namespace\nmetadata: {name: shop}\n---\n" +
      "kind: PodDisruptionBudget\nmetadata: {name: b, namespace: shop}\nspec: {minAvailable: 50%, selector: {}}\nstatus: {disruptionsAllowed: 2, disruptedPods: {p: t}}\n";
    expect(objectsOf(text)).toMatchObject([
      { kind: "PriorityClass", value: 1000, globalDefault: false, preemptionPolicy: "PreemptLowerPriority" },
      { kind: "Namespace", metadata: { name: "shop", namespace: "" } },
      {
        kind: "PodDisruptionBudget",
        metadata: { namespace: "shop" },
        minAvailable: { percent: 50 },
        selector: { matchLabels: {}, matchExpressions: [] },
        disruptionsAllowed: 2,
        disruptedPods: ["p"],
      },
    ]);
  });

  it("reach into Lists, lists of a kind, and lists in lists", () => {
    const text =
      "apiVersion: v1\nkind: List\nitems:\n- kind: Namespace\n  metadata: {name: a}\n- kind: List\n  items:\n  - kind: Namespace\n    metadata: {name: b}\n" +
      "---\napiVersion: v1\nkind: NodeList\nitems:\n- metadata: {name: c}\n- metadata: {name: d}\n";
    expect(objectsOf(text).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      "Namespace a",
      "Namespace b",
      "Node c",
      "Node d",
    ]);
  });
});
