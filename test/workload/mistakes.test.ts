import { describe, expect, it } from "vitest";
import { loadManifests } from "../../src/workload/manifests.js";
import { formatProblem, Problems } from "../../src/workload/problems.js";
import { complaintsAbout, memorySource } from "./helpers.js";

/** A manifest as people write it, to plant mistakes in; the line of each part is in its comment. */
const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: frontend
  namespace: shop
spec:
  replicas: 3
  selector:
    matchLabels:
      app: frontend
  template:
    metadata:
      labels:
        app: frontend
    spec:
      containers:
        - name: web
          image: web:1
          ports:
            - containerPort: 8080
          resources:
            requests:
              cpu: 500m
              memory: 256Mi
      tolerations:
        - key: dedicated
          operator: Exists
          effect: NoSchedule
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: DoNotSchedule
`;

/** What is replaced by what, and what the user is told. */
const MISTAKES: readonly (readonly [what: string, from: string, to: string, told: readonly string[]])[] = [
  [
    "a negative number of replicas",
    "replicas: 3",
    "replicas: -1",
    ["f.yaml:7:13: spec.replicas: expected a whole number of at least 0, got -1"],
  ],
  [
    "replicas in quotes",
    "replicas: 3",
    'replicas: "3"',
    ['f.yaml:7:13: spec.replicas: expected a whole number of at least 0, got "3"'],
  ],
  [
    "half a replica",
    "replicas: 3",
    "replicas: 2.5",
    ["f.yaml:7:13: spec.replicas: expected a whole number of at least 0, got 2.5"],
  ],
  ["no name", "  name: frontend\n", "", ["f.yaml:3:1: metadata.name: expected a string, but it is missing"]],
  [
    "a name with capitals",
    "  name: frontend\n",
    "  name: Front_End\n",
    [
      "f.yaml:4:9: metadata.name: expected a name of lower-case letters, digits, '-' and '.', at most 253 long, got \"Front_End\"; did you mean \"front-end\"?",
    ],
  ],
  [
    "a number as name",
    "  name: frontend\n",
    "  name: 12\n",
    ["f.yaml:4:9: metadata.name: expected a string (a number must stand in quotes), got 12"],
  ],
  [
    "a label that YAML takes for a boolean",
    "      labels:\n        app: frontend",
    "      labels:\n        app: frontend\n        canary: yes",
    [
      "f.yaml:15:17: spec.template.metadata.labels.canary: expected a string (in quotes; YAML takes y, yes, on, n, no and off for booleans), got true",
    ],
  ],
  [
    "a quantity with a byte too many",
    "memory: 256Mi",
    "memory: 256MB",
    [
      'f.yaml:24:23: spec.template.spec.containers[0].resources.requests.memory: expected a Kubernetes quantity such as "500m", "2", "1Gi", "100M" or "1e3", got "256MB"; did you mean "256M"?',
    ],
  ],
  [
    "a negative quantity",
    "cpu: 500m",
    "cpu: -1",
    [
      "f.yaml:23:20: spec.template.spec.containers[0].resources.requests.cpu: expected a quantity of at least 0, got -1",
    ],
  ],
  [
    "an unknown effect",
    "effect: NoSchedule",
    "effect: NoScedule",
    [
      'f.yaml:28:19: spec.template.spec.tolerations[0].effect: expected NoSchedule, PreferNoSchedule or NoExecute, got "NoScedule"; did you mean "NoSchedule"?',
    ],
  ],
  [
    "an unknown operator",
    "operator: Exists",
    "operator: Exist",
    [
      'f.yaml:27:21: spec.template.spec.tolerations[0].operator: expected Exists or Equal, got "Exist"; did you mean "Exists"?',
    ],
  ],
  [
    "an unknown policy of spread",
    "whenUnsatisfiable: DoNotSchedule",
    "whenUnsatisfiable: Never",
    [
      'f.yaml:32:30: spec.template.spec.topologySpreadConstraints[0].whenUnsatisfiable: expected DoNotSchedule or ScheduleAnyway, got "Never"',
    ],
  ],
  [
    "a skew of 0",
    "maxSkew: 1",
    "maxSkew: 0",
    [
      "f.yaml:30:20: spec.template.spec.topologySpreadConstraints[0].maxSkew: expected a whole number of at least 1, got 0",
    ],
  ],
  [
    "a port that is none",
    "containerPort: 8080",
    "containerPort: 80800",
    [
      "f.yaml:20:30: spec.template.spec.containers[0].ports[0].containerPort: expected a whole number from 1 to 65535, got 80800",
    ],
  ],
  [
    "containers that are no list",
    "        - name: web\n          image: web:1\n",
    "          name: web\n          image: web:1\n",
    ["f.yaml:16:7: spec.template.spec.containers: expected a list, got a mapping with name, image, ports, …"],
  ],
  [
    "a selector for other pods",
    "      app: frontend\n  template",
    "      app: backend\n  template",
    [
      "f.yaml:8:3: spec.selector: expected a selector that matches its own template, whose labels are app=frontend",
    ],
  ],
  [
    "no selector",
    "  selector:\n    matchLabels:\n      app: frontend\n",
    "",
    ["f.yaml:6:1: spec.selector: expected a selector, but it is missing"],
  ],
  [
    "a misspelt key of YAML's grammar",
    "  replicas: 3\n",
    "  replicas: 3\n   x: 1\n",
    ["f.yaml:7:13: expected well-formed YAML:"],
  ],
  [
    "a key twice",
    "  replicas: 3\n",
    "  replicas: 3\n  replicas: 4\n",
    ['f.yaml:8:3: spec.replicas: expected each key once, "replicas" is here again'],
  ],
  [
    "a misspelt kind",
    "kind: Deployment",
    "kind: Deploymnet",
    [
      'f.yaml:2:7: warning: kind: Deploymnet shop/frontend is left out: Seatrial does not model this kind; did you mean "Deployment"?',
    ],
  ],
];

describe("A manifest's mistakes", () => {
  it.each(MISTAKES)("are told with line, path, value and expectation: %s", (_, from, to, told) => {
    expect(complaintsAbout(DEPLOYMENT)).toEqual([]);
    expect(DEPLOYMENT).toContain(from);
    const complaints = complaintsAbout(DEPLOYMENT.replace(from, to));
    expect(complaints.length).toBeGreaterThanOrEqual(told.length);
    for (const [index, line] of told.entries()) {
      if (line.endsWith(":")) expect(complaints[index]).toContain(line);
      else expect(complaints[index]).toBe(line);
    }
    if (!told.some((line) => line.endsWith(":"))) expect(complaints).toHaveLength(told.length);
  });

  it("are all told at once, in the order of the file", () => {
    const text = DEPLOYMENT.replace("replicas: 3", "replicas: -1")
      .replace("500m", "half")
      .replace("maxSkew: 1", "maxSkew: x");
    expect(complaintsAbout(text).map((line) => line.split(":")[1])).toEqual(["7", "23", "30"]);
  });

  it.each([
    ["kind: Pod\nmetadata: {name: p}\n", ["f.yaml:1:1: spec: expected a pod's spec, but it is missing"]],
    [
      "kind: Pod\nmetadata: {name: p}\nspec: {}\n",
      ["f.yaml:3:1: spec.containers: expected at least one container"],
    ],
    [
      "kind: Pod\nspec: {containers: [{name: c}]}\n",
      ["f.yaml:1:1: metadata: expected metadata with a name, but it is missing"],
    ],
    ["kind: Deployment\nmetadata: {name: d}\n", ["f.yaml:1:1: spec: expected a spec, but it is missing"]],
    [
      "kind: ReplicaSet\nmetadata: {name: d}\nspec: {selector: {matchLabels: {a: b}}}\n",
      ["f.yaml:3:1: spec.template: expected a pod template, but it is missing"],
    ],
    ["metadata: {name: p}\n", ["f.yaml:1:1: kind: expected a string, but it is missing"]],
    ["- a\n- b\n", ["f.yaml:1:1: expected a mapping, got a list of 2"]],
    [
      "kind: Node\nmetadata: {name: n1}\nspec: {taints: [{key: k}]}\n",
      [
        "f.yaml:3:17: spec.taints[0].effect: expected NoSchedule, PreferNoSchedule or NoExecute, but it is missing",
      ],
    ],
    [
      "kind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: c}]}}}\n",
      ["f.yaml:3:19: spec.template.spec.restartPolicy: expected OnFailure or Never in a Job's template"],
    ],
    [
      "kind: PodDisruptionBudget\nmetadata: {name: b}\nspec: {minAvailable: 1, maxUnavailable: 30}\n---\nkind: PodDisruptionBudget\nmetadata: {name: c}\nspec: {minAvailable: half}\n",
      [
        "f.yaml:3:41: spec.maxUnavailable: expected either minAvailable or maxUnavailable, not both",
        'f.yaml:7:22: spec.minAvailable: expected a whole number of at least 0 or a percentage such as "25%", got "half"',
      ],
    ],
    [
      "kind: PriorityClass\nmetadata: {name: p}\nvalue: 2000000000\n",
      ["f.yaml:3:8: value: expected a whole number from -2147483648 to 1000000000, got 2000000000"],
    ],
    [
      "kind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c}, {name: c}]\n  affinity:\n    nodeAffinity:\n      requiredDuringSchedulingIgnoredDuringExecution:\n        nodeSelectorTerms:\n        - matchExpressions: [{key: k, operator: In}, {key: k, operator: Exists, values: [a]}, {key: k, operator: Gt, values: [a]}]\n",
      [
        'f.yaml:4:34: spec.containers[1].name: expected each container name once, got "c"',
        "f.yaml:9:30: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: expected at least one value for the operator In",
        "f.yaml:9:81: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].values: expected no values for the operator Exists, got a list of 1",
        "f.yaml:9:118: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[2].values: expected exactly one whole number, in quotes, for the operator Gt, got a list of 1",
      ],
    ],
    [
      "kind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]\n",
      [
        "f.yaml:4:54: spec.containers[0].resources.requests.cpu: expected a request that is at most its limit, got 2",
      ],
    ],
    [
      "kind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: c}]\n  tolerations: [{value: x}, {key: k, effect: NoSchedule, tolerationSeconds: 5, operator: Exists}]\n",
      [
        "f.yaml:5:17: spec.tolerations[0].operator: expected the operator Exists for a toleration without a key",
        'f.yaml:5:46: spec.tolerations[1].effect: expected the effect NoExecute where tolerationSeconds is given, got "NoSchedule"',
      ],
    ],
    [
      "kind: Namespace\nmetadata: {name: a}\n---\nkind: Namespace\nmetadata:\n  name: a\n",
      ["f.yaml:6:9: metadata.name: expected each object once, Namespace a is already at f.yaml:2"],
    ],
    [
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\n---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: s}\n",
      [
        "f.yaml:2:7: warning: kind: ConfigMap shop/c is left out: Seatrial does not model this kind",
        "f.yaml:6:7: warning: kind: Service s is left out: Seatrial does not model this kind",
      ],
    ],
  ])("of %j are told", (text, told) => {
    expect(complaintsAbout(text)).toEqual(told);
  });
});

describe("Files of manifests", () => {
  const namespace = (name: string): string => `kind: Namespace\nmetadata: {name: ${name}}\n`;
  const files = {
    "m/b.yaml": namespace("b"),
    "m/a.yml": namespace("a"),
    "m/sub/c.json": '{"kind": "Namespace", "metadata": {"name": "c"}}',
    "m/sub/deep/d.yaml": namespace("d"),
    "m/notes.txt": "not a manifest",
    "m/.hidden.yaml": "a: [",
    "bad.yaml": "a: [",
    "empty/readme.md": "",
  };

  function load(...paths: string[]): { names: string[]; told: string[] } {
    const problems = new Problems();
    const objects = loadManifests(paths, memorySource(files), problems);
    return { names: objects.map(({ metadata }) => metadata.name), told: problems.list().map(formatProblem) };
  }

  it("are read from folders recursively, in bytewise order of their paths", () => {
    expect(load("m")).toEqual({ names: ["a", "b", "c", "d"], told: [] });
    expect(load("m/")).toEqual({ names: ["a", "b", "c", "d"], told: [] });
    expect(load("m/sub", "m/a.yml", "m/sub/c.json")).toEqual({ names: ["c", "d", "a"], told: [] });
  });

  it("are found by globs", () => {
    expect(load("m/*.yaml").names).toEqual(["b"]);
    expect(load("m/?.y*ml").names).toEqual(["a", "b"]);
    expect(load("m/**/*.yaml").names).toEqual(["b", "d"]);
    expect(load("m/**/d*").names).toEqual(["d"]);
    expect(load("*/sub/*").names).toEqual(["c"]);
  });

  it("are missed aloud", () => {
    expect(load("nowhere.yaml", "m/*.yam", "empty", "bad.yaml").told).toEqual([
      expect.stringContaining("bad.yaml:"),
      "empty: expected a folder with *.yaml, *.yml or *.json files",
      "m/*.yam: expected a pattern that matches a file, but nothing matches",
      "nowhere.yaml: expected a file or folder, but there is none",
    ]);
  });
});
