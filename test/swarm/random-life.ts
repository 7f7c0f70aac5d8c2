/** Random small clusters with random failures, for the swarm. A life is a function of its seed. */
import type { FailureModel, StudyModel } from "../../src/cluster/model.js";
import { RandomStreams } from "../../src/engine/random.js";
import { studyOf } from "../cluster/scenarios.js";

/** Every failure has struck and been repaired by then; what is left of the run is for healing. */
export const FAILURES_END_MINUTES = 8;
export const HORIZON_MINUTES = 14;

/** The kinds of failure that the swarm throws, by kind and target. */
export const FAILURE_KINDS = [
  "power/node",
  "power/rack",
  "power/centre",
  "power/site",
  "isolate/node",
  "isolate/rack",
  "isolate/centre",
  "isolate/site",
  "cut/link",
  "cut/between",
  "crash/etcdMember",
  "crash/apiServer",
  "crash/controllerManager",
  "crash/scheduler",
] as const;

export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Which of {@link FAILURE_KINDS} a compiled failure is. */
export function kindOf(failure: FailureModel): string {
  const target = failure.targets[0]?.kind ?? "none";
  return `${failure.kind}/${failure.kind === "cut" && failure.targets.length > 1 ? "between" : target}`;
}

/** The study of one seed. */
export function randomLife(seed: number): StudyModel {
  const draws = new RandomStreams("swarm").stream(String(seed));
  const pick = <T>(values: readonly T[]): T => values[draws.below(values.length)] as T;
  const centres = ["alpha", "beta", "gamma"];
  const nodesPerCentre = 1 + draws.below(3);
  const cpus = pick([2, 4, 8]);
  const members = pick([
    { alpha: 1, beta: 1, gamma: 1 },
    { alpha: 2, beta: 2, gamma: 1 },
    { alpha: 3 },
    { alpha: 1 },
  ]);
  const apiServers = pick([{ alpha: 1, beta: 1, gamma: 1 }, { alpha: 2, beta: 1 }, { alpha: 1 }]);
  const instances = pick([["alpha", "beta"], ["alpha"], ["gamma", "alpha", "beta"]]);
  const memberNames = Object.entries(members).flatMap(([centre, count]) =>
    Array.from({ length: count }, (_, i) => `etcd-${centre}-${i}`),
  );
  const serverNames = Object.entries(apiServers).flatMap(([centre, count]) =>
    Array.from({ length: count }, (_, i) => `kube-apiserver-${centre}-${i}`),
  );
  const failures = Array.from({ length: 3 + draws.below(4) }, () => {
    const [kind = "", target = ""] = pick(FAILURE_KINDS).split("/");
    const centre = pick(centres);
    const other = pick(centres.filter((name) => name !== centre));
    const scopes: Readonly<Record<string, string>> = {
      node: `node: ${centre}-web-${draws.below(nodesPerCentre)}`,
      rack: `rack: ${centre}-r1`,
      centre: `centre: ${centre}`,
      site: `site: ${pick(["metro", "away"])}`,
      link: `link: { from: ${centre}, to: ${other} }`,
      between: `between: [${centre}, ${other}]`,
      etcdMember: `etcdMember: ${pick(memberNames)}`,
      apiServer: `apiServer: ${pick(serverNames)}`,
      controllerManager: `controllerManager: ${pick(instances)}`,
      scheduler: `scheduler: ${pick(instances)}`,
    };
    const at = 60 + draws.below(240);
    const length = 5 + draws.below(60 * FAILURES_END_MINUTES - at - 5);
    return `    - { kind: ${kind}, scope: { ${scopes[target]} }, at: ${at}s, for: ${length}s }`;
  });
  const toleration = pick([5, 30]);
  return studyOf(
    `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: swarm-${seed} }
spec:
  seed: "swarm-${seed}"
  replications: 1
  warmUp: 30s
  horizon: ${HORIZON_MINUTES}m
  topology:
    sites:
      - name: metro
        centres:
${["alpha", "beta"].map((name) => pool(name, nodesPerCentre, cpus)).join("\n")}
      - name: away
        centres:
${pool("gamma", nodesPerCentre, cpus)}
    links:
      - { between: [alpha, beta], oneWay: { logNormal: { median: 1ms, p99: 3ms } }, loss: ${pick(["0", "0.001"])} }
  controlPlane:
    etcd: { members: ${JSON.stringify(members)}, tickPhase: ${pick(["together", "drawn"])}, preVote: ${pick(["true", "false"])} }
    apiServers: ${JSON.stringify(apiServers)}
    controllerManager: { instances: ${JSON.stringify(instances)}, nodeMonitorGracePeriod: ${pick(["20s", "50s"])} }
    scheduler: { instances: ${JSON.stringify(instances)} }
  workload:
    manifests: [objects.yaml]
    arrivals:
      - { name: batch, job: batch.yaml, process: { poisson: ${2 + draws.below(8)}/min }, duration: { exponential: { mean: 40s } }, end: ${FAILURES_END_MINUTES}m }
    traffic: [{ service: shop/web, from: { metro: 50/s, away: 10/s } }]
    rollouts: [{ at: ${120 + draws.below(120)}s, deployment: shop/web, change: ${pick(["template", "{ replicas: 5 }", "{ replicas: 1 }"])} }]
  failures:
${failures.join("\n")}
`,
    { "objects.yaml": objects(1 + draws.below(2 * nodesPerCentre), cpus, toleration), "batch.yaml": BATCH },
  );
}

function pool(name: string, count: number, cpus: number): string {
  return `          - { name: ${name}, racks: 1, nodePools: [{ name: web, count: ${count}, allocatable: { cpu: "${cpus}", memory: 8Gi, pods: 12 } }] }`;
}

function objects(replicas: number, cpus: number, toleration: number): string {
  const tolerations = ["not-ready", "unreachable"]
    .map(
      (key) =>
        `{ key: node.kubernetes.io/${key}, operator: Exists, effect: NoExecute, tolerationSeconds: ${toleration} }`,
    )
    .join(", ");
  return `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: high }
value: 1000
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      priorityClassName: high
      tolerations: [${tolerations}]
      terminationGracePeriodSeconds: 5
      containers: [{ name: web, image: web, resources: { requests: { cpu: ${cpus * 300}m, memory: 256Mi } } }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db, namespace: shop }
spec:
  replicas: 2
  serviceName: db
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      tolerations: [${tolerations}]
      containers: [{ name: db, image: db, resources: { requests: { cpu: 100m, memory: 256Mi } } }]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent, namespace: shop }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      containers: [{ name: agent, image: agent, resources: { requests: { cpu: 50m, memory: 64Mi } } }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web, namespace: shop }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
`;
}

const BATCH = `
apiVersion: batch/v1
kind: Job
metadata: { name: batch, namespace: shop }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: batch, image: batch, resources: { requests: { cpu: 500m, memory: 256Mi } } }]
`;
