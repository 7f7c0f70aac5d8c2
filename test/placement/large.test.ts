/** 5,000 nodes and 50,000 pods: an answer in under two seconds of one core, once they are in the cache. */
import { describe, expect, it } from "vitest";
import type { KubernetesObject, Node, Pod } from "../../src/api/objects.js";
import { PlacementCluster } from "../../src/placement/cluster.js";
import { Explainer } from "../../src/placement/explain.js";
import { defaultProfile } from "../../src/policies/profiles.js";
import { nodeJson, objectsOf, podJson } from "./support.js";

const NODES = 5_000;
const PODS = 50_000;
const LIMIT_MS = 2_000;

describe("a large snapshot", () => {
  const cluster = PlacementCluster.of(snapshot(), { profiles: [defaultProfile()] });

  it.each(["wants-cpu", "wants-spread"])("is asked about %s in time", (name) => {
    const before = process.cpuUsage();
    const { message, suggestions, nodes } = new Explainer(cluster).explain(`default/${name}`);
    const { user } = process.cpuUsage(before);
    expect(message).toMatch(/^0\/5000 nodes are available: /);
    expect(nodes).toHaveLength(NODES);
    expect(suggestions.length).toBeGreaterThan(1);
    expect(user / 1000).toBeLessThan(LIMIT_MS);
  });
});

/** Nodes in three zones, nearly full of pods of 200 workloads; every tenth has rules about the others. */
function snapshot(): KubernetesObject[] {
  const ruled = (app: string) => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app } } },
        ],
      },
    },
    topologySpreadConstraints: [
      {
        topologyKey: "topology.kubernetes.io/zone",
        maxSkew: 1,
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { app } },
      },
    ],
  });
  const templates = Array.from({ length: 200 }, (_, app) =>
    podJson("template", {
      cpu: "1500m",
      memory: "5Gi",
      labels: { app: `app-${app}` },
      ...(app % 10 === 0 ? { spec: ruled(`app-${app}`) } : {}),
      namespace: `template-${app}`,
    }),
  );
  const [template] = objectsOf([nodeJson("template", { cpu: "16", memory: "64Gi" })]);
  const node = template as Node;
  const nodes = Array.from({ length: NODES }, (_, id): Node => {
    const name = `node-${id}`;
    const labels = { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": `zone-${id % 3}` };
    return { ...node, metadata: { ...node.metadata, name, labels } };
  });
  const read = objectsOf(templates) as Pod[];
  const pods = Array.from({ length: PODS }, (_, id): Pod => {
    const pod = read[id % read.length] as Pod;
    const metadata = { ...pod.metadata, name: `pod-${id}`, namespace: "default" };
    // A spec of its own for each pod, as from a file.
    return {
      ...pod,
      metadata,
      spec: { ...pod.spec, nodeName: `node-${id % NODES}` },
      status: { phase: "Running", ready: true },
    };
  });
  const pending = objectsOf([
    podJson("wants-cpu", { cpu: "2" }),
    podJson("wants-spread", { cpu: "2", labels: { app: "app-0" }, spec: ruled("app-0") }),
  ]);
  return [...nodes, ...pods, ...pending];
}
