/** Chance has an address: what one policy does more shifts no draw of another's. */
import { describe, expect, it } from "vitest";
import { Noise } from "../../src/cluster/core.js";
import { RandomStreams } from "../../src/engine/random.js";
import { SECOND } from "../../src/units/time.js";
import { clusterOf, studyOf, threeCentresStudy } from "./scenarios.js";

describe("noise", () => {
  it("is counted by purpose: a draw more for one purpose leaves the others as they were", () => {
    const noise = (): Noise => new Noise(new RandomStreams("seed/0"), () => 5 * SECOND);
    const plain = noise();
    const disturbed = noise();
    const expected = [plain.uniform("watch"), plain.uniform("watch")];
    disturbed.uniform("fsync");
    const first = disturbed.uniform("watch");
    disturbed.uniform("fsync");
    expect([first, disturbed.uniform("watch")]).toEqual(expected);
    expect(expected[0]).not.toBe(expected[1]);
  });
});

describe("starts of pods", () => {
  it("are drawn anew for each revision of a Deployment", () => {
    const study = threeCentresStudy("    - { kind: crash, scope: { scheduler: local-dr }, at: 9m }");
    const rollouts = [
      {
        atUs: 120 * SECOND,
        kind: "Deployment" as const,
        namespace: "shop",
        name: "web",
        change: { kind: "template" as const },
      },
    ];
    const { cluster } = clusterOf({ ...study, model: { ...study.model, rollouts } });
    cluster.sim.run(300 * SECOND);
    const took = (revision: number): number[] =>
      cluster.store.pods
        .filter((pod) => pod.revision === revision)
        .sort((a, b) => a.ordinal - b.ordinal)
        .map((pod) => Math.round((pod.readyUs - pod.boundUs) / SECOND));
    expect(took(2)).toHaveLength(9);
    expect(took(2)).not.toEqual(took(1));
  });
});

describe("a node that was without power for a moment", () => {
  it("reports its pods not ready when it is back, before they are again", () => {
    const { model, ...study } = threeCentresStudy(
      "    - { kind: power, scope: { node: remote-dr-web-1 }, at: 3m, for: 2s }",
    );
    // Back before anybody has missed it.
    const kubelet = { ...model.kubelet, bootUs: { kind: "constant" as const, value: 5 * SECOND } };
    const { cluster } = clusterOf({ ...study, model: { ...model, kubelet } });
    const { sim, store } = cluster;
    sim.run(179 * SECOND);
    const pod = [...store.livePods].find((one) => model.topology.nodes[one.node]?.name === "remote-dr-web-1");
    expect(pod?.ready).toBe(true);
    const seen: boolean[] = [];
    store.listen((change) => {
      if (change.type === "podStatus" && change.pod === pod) seen.push(change.pod.ready);
    });
    sim.run(model.horizonUs);
    expect(seen).toEqual([false, true]);
  });
});

describe("volumes", () => {
  it("pin a workload to the centre where its volume was made, even when that centre is lost", () => {
    const scenario = `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: pinned }
spec:
  seed: "volumes"
  warmUp: 1m
  horizon: 10m
  topology:
    sites:
      - name: metro
        centres:
          - { name: alpha, racks: 1, nodePools: [{ name: web, count: 2, allocatable: { cpu: "4", memory: 8Gi, pods: 20 } }] }
          - { name: beta, racks: 1, nodePools: [{ name: web, count: 2, allocatable: { cpu: "4", memory: 8Gi, pods: 20 } }] }
          - { name: gamma, racks: 1, nodePools: [{ name: web, count: 2, allocatable: { cpu: "4", memory: 8Gi, pods: 20 } }] }
  controlPlane: { etcd: { members: { alpha: 1, beta: 1, gamma: 1 } }, apiServers: { alpha: 1, beta: 1, gamma: 1 } }
  workload: { manifests: [db.yaml] }
  failures: [{ kind: power, scope: { centre: gamma }, at: 3m }]
`;
    const manifests = (more: string): string => `
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: zonal }
provisioner: disks.example.com
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data, namespace: shop }
spec: { storageClassName: zonal, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: db, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - { weight: 100, preference: { matchExpressions: [{ key: topology.kubernetes.io/zone, operator: In, values: [gamma] }] } }
      tolerations:
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 30 }
        - { key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 30 }
      containers: [{ name: db, image: db, resources: { requests: { cpu: 500m } } }]
      ${more}
`;
    const outcome = (more: string): { zone: string | undefined; message: string } => {
      const study = studyOf(scenario, { "db.yaml": manifests(more) });
      const { cluster } = clusterOf(study);
      cluster.sim.run(study.model.horizonUs);
      const [first, replacement] = cluster.store.pods;
      const centre = (node: number): string | undefined =>
        study.model.topology.centres[study.model.topology.nodes[node]?.centre ?? -1]?.name;
      expect(centre(first?.node ?? -1)).toBe("gamma");
      return { zone: centre(replacement?.node ?? -1), message: replacement?.message ?? "" };
    };
    const pinned = outcome("volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]");
    expect(pinned.zone).toBeUndefined();
    expect(pinned.message).toContain("node(s) had volume node affinity conflict");
    expect(["alpha", "beta"]).toContain(outcome("volumes: []").zone);
  });
});
