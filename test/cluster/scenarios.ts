/** Small scenarios, written as a user writes them, for tests that run the whole cluster. */
import { Cluster } from "../../src/cluster/cluster.js";
import { Invariants } from "../../src/cluster/invariants.js";
import type { StudyModel } from "../../src/cluster/model.js";
import { RandomStreams } from "../../src/engine/random.js";
import { shelfWith } from "../../src/policies/shelf.js";
import { compile } from "../../src/scenario/compile.js";
import { parseScenario } from "../../src/scenario/scenario.js";
import { formatProblem } from "../../src/workload/problems.js";

/** Compiles a scenario text; `files` are the other files it names. Throws with every problem. */
export function studyOf(text: string, files: Readonly<Record<string, string>> = {}): StudyModel {
  const all: Readonly<Record<string, string>> = { ...files, "scenario.yaml": text };
  const from = { readFile: (path: string) => all[path], list: () => undefined };
  const parsed = parseScenario("scenario.yaml", from);
  const complain = (): never => {
    throw new Error(parsed.problems.list().map(formatProblem).join("\n"));
  };
  if (parsed.scenario === undefined) return complain();
  const compiled = compile(parsed.scenario, from);
  if (compiled.study === undefined) {
    throw new Error(compiled.problems.list().map(formatProblem).join("\n"));
  }
  return compiled.study;
}

/** A started cluster with every invariant checked after every event, unless `check` is false. */
export function clusterOf(
  study: StudyModel,
  replication = 0,
  check = true,
): { cluster: Cluster; invariants: Invariants } {
  const policy = study.policies[0];
  if (policy === undefined) throw new Error("a study has a policy");
  const streams = new RandomStreams(`${study.model.seed}/${replication}`);
  const cluster = new Cluster(study.model, policy, shelfWith(), streams, { events: true });
  const invariants = new Invariants({
    model: study.model,
    store: cluster.store,
    etcd: cluster.etcd,
    elections: [cluster.controllerElection, cluster.schedulerElection],
  });
  if (check) cluster.sim.observe(() => invariants.check());
  cluster.start();
  return { cluster, invariants };
}

/** Three centres of `nodes` nodes each over two sites, members 2+2+1, a Deployment spread over zones with users everywhere. */
export function threeCentres(
  failures: string,
  { nodes = 4, replicas = 9, tolerationSeconds = 30, horizon = "10m" } = {},
): string {
  return `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: three-centres }
spec:
  seed: "test"
  replications: 1
  warmUp: 1m
  horizon: ${horizon}
  topology:
    sites:
      - name: metro
        centres:
          - { name: production, racks: 2, nodePools: [{ name: web, count: ${nodes}, allocatable: { cpu: "8", memory: 32Gi, pods: 110 } }] }
          - { name: local-dr, racks: 2, nodePools: [{ name: web, count: ${nodes}, allocatable: { cpu: "8", memory: 32Gi, pods: 110 } }] }
      - name: away
        centres:
          - { name: remote-dr, racks: 1, nodePools: [{ name: web, count: ${nodes}, allocatable: { cpu: "8", memory: 32Gi, pods: 110 } }] }
    links:
      - { between: [production, local-dr], oneWay: 1ms }
      - { between: [production, remote-dr], oneWay: 15ms }
      - { between: [local-dr, remote-dr], oneWay: 15ms }
  controlPlane:
    etcd: { members: { production: 2, local-dr: 2, remote-dr: 1 } }
    apiServers: { production: 1, local-dr: 1, remote-dr: 1 }
    controllerManager: { instances: [production, local-dr] }
    scheduler: { instances: [production, local-dr] }
  workload:
    manifests: [web.yaml]
    traffic:
      - { service: shop/web, from: { production: 100/s, local-dr: 100/s, remote-dr: 100/s } }
  failures:
${failures}
---FILE---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: web } } }
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: web } } }
      tolerations:
        - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: ${tolerationSeconds} }
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: ${tolerationSeconds} }
      containers: [{ name: web, image: web, resources: { requests: { cpu: 500m, memory: 512Mi } } }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
`;
}

/** The study of {@link threeCentres}. */
export function threeCentresStudy(
  failures: string,
  options: Parameters<typeof threeCentres>[1] = {},
): StudyModel {
  const [scenario = "", manifests = ""] = threeCentres(failures, options).split("---FILE---\n");
  return studyOf(scenario, { "web.yaml": manifests });
}
