/** Imports through the command line: what comes out is a scenario that validates and runs. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadScenario } from "../../src/scenario/compile.js";
import { fileSource } from "../../src/workload/files.js";
import { ROOT, Workshop } from "./harness.js";

const node = (name: string, zone: string) => `- apiVersion: v1
  kind: Node
  metadata:
    name: ${name}
    uid: 0e2f
    labels: { topology.kubernetes.io/zone: ${zone}, topology.kubernetes.io/region: metro }
  status:
    allocatable: { cpu: "4", memory: 8Gi, pods: "110" }
    conditions: [{ type: Ready, status: "True" }]
`;

/** As `kubectl get nodes,deployments,services,configmaps,pods -A -o yaml` writes it, shortened. */
const SNAPSHOT = `apiVersion: v1
kind: List
metadata: { resourceVersion: "" }
items:
${node("a", "east")}${node("b", "west")}- apiVersion: apps/v1
  kind: Deployment
  metadata: { name: web, namespace: shop, resourceVersion: "7", uid: d1 }
  spec:
    replicas: 3
    selector: { matchLabels: { app: web } }
    template:
      metadata: { labels: { app: web } }
      spec:
        containers: [{ name: main, image: "web:1", resources: { requests: { cpu: 500m } } }]
  status: { replicas: 3 }
- apiVersion: v1
  kind: Service
  metadata: { name: web, namespace: shop }
  spec: { selector: { app: web }, ports: [{ port: 80 }] }
- apiVersion: v1
  kind: ConfigMap
  metadata: { name: settings, namespace: shop }
`;

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
  workshop.write("cluster.yaml", SNAPSHOT);
});

afterAll(() => workshop.remove());

describe("import snapshot", () => {
  it("makes manifests and a scenario that validates and runs", async () => {
    const imported = await workshop.seatrial("import", "snapshot", "cluster.yaml", "--out", "mine");
    expect(imported.code).toBe(0);
    expect(imported.stderr).toMatch(
      /^cluster\.yaml:\d+:\d+: warning: .*1 object of kind ConfigMap is left out/m,
    );
    expect(workshop.list("mine")).toEqual(["manifests", "scenario.yaml"]);
    expect(workshop.list("mine/manifests")).toEqual(["deployments.yaml", "nodes.yaml", "services.yaml"]);
    expect(workshop.read("mine/scenario.yaml")).toContain("Regions and zones: metro (east, west)");
    expect(workshop.read("mine/scenario.yaml")).toContain("{ service: shop/web, from: { east: 10/s } }");
    const { study } = loadScenario("mine/scenario.yaml", fileSource(workshop.folder));
    expect(study?.model.topology.centres.map(({ name }) => name)).toEqual(["east", "west"]);
    const validated = await workshop.inProcess("validate", "mine/scenario.yaml");
    expect(validated.code).toBe(0);
    const run = await workshop.seatrial(
      ...[
        "run",
        "mine/scenario.yaml",
        "--horizon",
        "3m",
        "--replications",
        "1",
        "--out",
        "ran",
        "--workers",
        "0",
      ],
    );
    expect(run.code).toBe(0);
    const pods = workshop.read("ran/pods.csv").trim().split("\n").slice(1);
    expect(pods.filter((row) => row.includes("shop/web-") && row.includes(",Ready,"))).toHaveLength(3);
  });

  it("overwrites nothing unless told to", async () => {
    workshop.write("taken/scenario.yaml", "mine");
    const words = ["import", "snapshot", "cluster.yaml", "--out", "taken"];
    const refused = await workshop.inProcess(...words);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/taken\/scenario\.yaml: is there already; --force overwrites it$/m);
    expect(workshop.read("taken/scenario.yaml")).toBe("mine");
    expect(workshop.list("taken")).toEqual(["scenario.yaml"]);
    expect((await workshop.inProcess(...words, "--force")).code).toBe(0);
    expect(workshop.read("taken/scenario.yaml")).toContain("kind: Scenario");
  });

  it.each<[string, string, RegExp]>([
    ["that is not there", "", /nothing\.yaml: expected a file that can be read$/m],
    [
      "without nodes",
      SNAPSHOT.replace(/- apiVersion: v1\n {2}kind: Node[\s\S]*?(?=- apiVersion: apps)/, ""),
      /expected Node objects/,
    ],
    [
      "with a wrong quantity",
      SNAPSHOT.replace("cpu: 500m", "cpu: half"),
      /:\d+:\d+: .*expected a Kubernetes quantity.*"half"/,
    ],
  ])("refuses a snapshot %s, and writes nothing", async (_, text, expected) => {
    if (text !== "") workshop.write("nothing.yaml", text);
    const { code, stderr } = await workshop.inProcess("import", "snapshot", "nothing.yaml", "--out", "out");
    expect({ code, written: workshop.has("out") }).toEqual({ code: 2, written: false });
    expect(stderr).toMatch(expected);
  });
});

describe("import openb", () => {
  const nodes = join(ROOT, "scenarios/gpu-packing/trace/openb_node_list_all_node.csv");
  const pods = join(ROOT, "scenarios/gpu-packing/trace/openb_pod_list_default.csv");

  it("makes a scenario of the trace, one pod after the other, that validates and runs", async () => {
    const words = ["import", "openb", "--nodes", nodes, "--pods", pods, "--limit", "100", "--out", "gpu"];
    expect((await workshop.seatrial(...words)).code).toBe(0);
    const validated = await workshop.inProcess("validate", "gpu/scenario.yaml");
    expect({ code: validated.code, stderr: validated.stderr }).toEqual({ code: 0, stderr: "" });
    const run = await workshop.seatrial(
      ...["run", "gpu/scenario.yaml", "--replications", "1", "--json", "--workers", "0", "--out", "gpu-out"],
    );
    expect(run.code).toBe(0);
    const { summary } = JSON.parse(run.stdout);
    expect(summary.find((row: { metric: string }) => row.metric === "podsCreated").mean).toBe(100);
  });

  it("keeps the trace's own lifetimes on request", async () => {
    const words = ["import", "openb", "--nodes", nodes, "--pods", pods, "--lifetimes", "--out", "lives"];
    expect((await workshop.inProcess(...words)).code).toBe(0);
    expect(workshop.read("lives/scenario.yaml")).toContain("lifetimes: true");
    expect((await workshop.inProcess("validate", "lives/scenario.yaml")).stderr).toBe("");
  });

  it("names the line of a wrong row, and writes nothing", async () => {
    workshop.write("nodes.csv", "sn,cpu_milli,memory_mib,gpu,model\nn1,many,1,0,\n");
    const words = ["import", "openb", "--nodes", "nodes.csv", "--pods", pods, "--out", "out"];
    const { code, stderr } = await workshop.inProcess(...words);
    expect({ code, written: workshop.has("out") }).toEqual({ code: 2, written: false });
    expect(stderr).toMatch(/nodes\.csv:2: cpu_milli: expected a whole number of at least 0, got "many"$/m);
  });
});
