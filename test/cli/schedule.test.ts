/** `seatrial schedule` as a user meets it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { type Json, nodeJson, podJson } from "../placement/support.js";
import { ROOT, Workshop } from "./harness.js";

const EXAMPLE = readFileSync(join(ROOT, "docs/examples/cluster.yaml"), "utf8");

interface Report {
  readonly placements: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly origin: string;
    readonly outcome: string;
    readonly node?: string;
    readonly zone?: string;
    readonly from?: string;
    readonly evicted: readonly string[];
    readonly message?: string;
  }[];
  readonly evicted: Readonly<Record<string, string>>;
  readonly lost: Readonly<Record<string, string>>;
  readonly utilisation: {
    readonly after: readonly { readonly zone: string; readonly resources: Json; readonly nodes: number }[];
  };
}

describe("seatrial schedule", () => {
  let shop: Workshop;
  beforeAll(() => {
    shop = new Workshop();
    shop.write("example.yaml", EXAMPLE);
  });
  afterAll(() => shop.remove());

  const snapshot = (name: string, ...items: Json[]): string =>
    shop.write(name, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const report = async (...words: string[]): Promise<Report> => {
    const { code, stdout, stderr } = await shop.inProcess(
      "schedule",
      "-o",
      "json",
      "--tie-break",
      "name",
      ...words,
    );
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Report;
  };
  /** `name → node`, in order; `name: message` where there is none. */
  const where = ({ placements }: Report): string[] =>
    placements.map(({ name, node, outcome }) => `${name} → ${node ?? outcome}`);

  it("takes pods in the queue's order: priority, then creation, then the order of the file", async () => {
    snapshot(
      "queue.json",
      nodeJson("n1", { cpu: "8" }),
      podJson("late", { cpu: "1", created: "2025-01-01T00:00:09Z" }),
      podJson("early", { cpu: "1", created: "2025-01-01T00:00:01Z" }),
      podJson("undated", { cpu: "1" }),
      podJson("important", { cpu: "1", priority: 10, created: "2025-01-01T00:00:20Z" }),
    );
    const { placements } = await report("--snapshot", "queue.json");
    expect(placements.map(({ name }) => name)).toEqual(["important", "early", "late", "undated"]);
  });

  it("expands workloads as their controllers would", async () => {
    snapshot(
      "empty.json",
      nodeJson("n1", { zone: "a" }),
      nodeJson("n2", { zone: "b" }),
      nodeJson("n3", { zone: "b", taints: [{ key: "dedicated", value: "db", effect: "NoSchedule" }] }),
      nodeJson("n4", { zone: "c", unschedulable: true, labels: { role: "edge" } }),
    );
    const template = (app: string, spec: Json = {}) => ({
      metadata: { labels: { app } },
      spec: { containers: [{ name: "main", image: "i", resources: { requests: { cpu: "100m" } } }], ...spec },
    });
    const workload = (kind: string, name: string, spec: Json, more: Json = {}) => ({
      apiVersion: kind === "Job" ? "batch/v1" : "apps/v1",
      kind,
      metadata: { name },
      spec: { selector: { matchLabels: { app: name } }, template: template(name, more), ...spec },
    });
    snapshot(
      "workloads.json",
      workload("Deployment", "web", { replicas: 2 }),
      workload("StatefulSet", "db", { replicas: 2, serviceName: "db" }),
      workload("DaemonSet", "agent", {}),
      workload("DaemonSet", "edge", {}, { nodeSelector: { role: "edge" } }),
      {
        ...workload("Job", "batch", { parallelism: 3, completions: 2, selector: undefined }),
        spec: { parallelism: 3, completions: 2, template: template("batch", { restartPolicy: "Never" }) },
      },
      podJson("single", { cpu: "100m" }),
    );
    const result = await report("--snapshot", "empty.json", "--add", "workloads.json");
    const names = result.placements.map(({ name }) => name.replace(/^web-[a-z0-9]{6}/, "web-HASH")).sort();
    // Not on n3, whose taint it does not tolerate; n4 is cordoned, which DaemonSets do not mind.
    const agents = ["agent-n1", "agent-n2", "agent-n4"];
    const jobs = ["batch-1", "batch-2"];
    expect(names).toEqual([
      ...agents,
      ...jobs,
      "db-0",
      "db-1",
      "edge-n4",
      "single",
      "web-HASH-1",
      "web-HASH-2",
    ]);
    const daemons = result.placements.filter(({ name }) => /^(agent|edge)-/.test(name));
    expect(daemons.map(({ name, node }) => name.endsWith(`-${node}`))).toEqual([true, true, true, true]);
    expect(result.placements.every(({ origin, node }) => origin === "added" && node !== undefined)).toBe(
      true,
    );
  });

  it("gives a workload that is there already the pods that it lacks", async () => {
    const deployment = (replicas: number) => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
    });
    const owned = (name: string) =>
      podJson(name, { node: "n1", labels: { app: "web" }, owner: { kind: "ReplicaSet", name: "web-abc" } });
    const replicaSet = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: "web-abc",
        labels: { "pod-template-hash": "abc" },
        ownerReferences: [{ kind: "Deployment", name: "web", controller: true }],
      },
      spec: { ...deployment(2).spec },
    };
    snapshot("web.json", nodeJson("n1"), deployment(2), replicaSet, owned("web-abc-1"), owned("web-abc-x"));
    snapshot("more.json", deployment(4));
    snapshot("less.json", deployment(1));
    expect(where(await report("--snapshot", "web.json", "--add", "more.json"))).toEqual([
      "web-abc-2 → n1",
      "web-abc-3 → n1",
    ]);
    const { code, stderr } = await shop.inProcess("schedule", "--snapshot", "web.json", "--add", "less.json");
    expect(code).toBe(0);
    expect(stderr).toContain(
      "warning: Deployment default/web has 1 pods more than replicas; none is removed",
    );
  });

  it("drains a node: DaemonSets and static pods stay, others move or are gone for good", async () => {
    snapshot(
      "drain.json",
      nodeJson("n1"),
      nodeJson("n2"),
      podJson("agent", { node: "n1", owner: { kind: "DaemonSet", name: "agent" } }),
      {
        ...podJson("static", { node: "n1" }),
        metadata: { name: "static", annotations: { "kubernetes.io/config.mirror": "x" } },
      },
      podJson("web", { node: "n1", cpu: "1", owner: { kind: "ReplicaSet", name: "web" } }),
      podJson("bare", { node: "n1", cpu: "1" }),
    );
    const result = await report("--snapshot", "drain.json", "--drain", "n1");
    expect(result.placements).toMatchObject([{ name: "web", origin: "moved", from: "n1", node: "n2" }]);
    expect(result.lost).toEqual({ "default/bare": "n1" });
    const { stdout } = await shop.inProcess("schedule", "--snapshot", "drain.json", "--drain", "n1");
    expect(stdout).toContain("Gone for good, no controller makes them again:\n  default/bare (from n1)\n");
    expect(stdout).toContain("1 pod: 1 placed, 0 pending, 1 gone for good\n");
  });

  it("adds nodes like another, with its DaemonSets' pods", async () => {
    const result = await report("--snapshot", "example.yaml", "--add-nodes", "2", "--like", "gpu-1");
    const { nodes } = result.utilisation.after.find(({ zone }) => zone === "production") ?? { nodes: 0 };
    expect(nodes).toBe(5);
    expect(where(result).filter((line) => line.startsWith("agent"))).toEqual([
      "agent-ggggg-1 → gpu-1-1",
      "agent-ggggg-2 → gpu-1-2",
    ]);
  });

  it("loses a centre: its nodes and DaemonSet pods are gone, what controllers own is made again", async () => {
    const result = await report("--snapshot", "example.yaml", "--without-centre", "dr");
    const moved = result.placements.filter(({ origin }) => origin === "moved");
    expect(moved.map(({ name, from, zone = "none" }) => [name, from, zone])).toEqual([
      ["search-6b7f9-nnnnn", "dr-1", "none"],
      ["web-6b7f9-qqqqq", "dr-1", "production"],
    ]);
    expect(result.utilisation.after.map(({ zone }) => zone)).toEqual(["production", "remote"]);
    expect(result.lost).toEqual({});
  });

  it("a volume that only the lost centre reaches pins its pod there", async () => {
    const pin = { key: "topology.kubernetes.io/zone", operator: "In", values: ["a"] };
    const claim = {
      name: "data",
      namespace: "default",
      annotations: { "pv.kubernetes.io/bind-completed": "yes" },
    };
    snapshot(
      "volumes.json",
      nodeJson("n1", { zone: "a" }),
      nodeJson("n2", { zone: "b" }),
      {
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name: "disk" },
        spec: {
          capacity: { storage: "1Gi" },
          accessModes: ["ReadWriteOnce"],
          claimRef: { namespace: "default", name: "data" },
          csi: { driver: "d", volumeHandle: "h" },
          nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [pin] }] } },
        },
        status: { phase: "Bound" },
      },
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: claim,
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: "1Gi" } },
          volumeName: "disk",
        },
        status: { phase: "Bound" },
      },
      podJson("db", {
        node: "n1",
        owner: { kind: "StatefulSet", name: "db" },
        spec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
      }),
    );
    const { placements } = await report("--snapshot", "volumes.json", "--without-centre", "a");
    expect(placements).toMatchObject([
      { name: "db", outcome: "pending", message: expect.stringContaining("volume node affinity conflict") },
    ]);
  });

  it("evicts for a pod of higher priority, whose victims come back as new pods", async () => {
    snapshot(
      "full.json",
      nodeJson("n1", { cpu: "2" }),
      nodeJson("n2", { cpu: "1" }),
      podJson("low", { node: "n1", cpu: "1", owner: { kind: "ReplicaSet", name: "low" } }),
      podJson("bare", { node: "n1", cpu: "1" }),
      podJson("high", { cpu: "2", priority: 100 }),
    );
    const result = await report("--snapshot", "full.json");
    expect(where(result)).toEqual(["high → n1", "low → n2"]);
    expect(result.placements[0]?.evicted).toEqual(["default/low", "default/bare"]);
    expect(result.evicted).toEqual({ "default/low": "n1", "default/bare": "n1" });
    expect(result.lost).toEqual({ "default/bare": "n1" });
    const peaceful = await report("--snapshot", "full.json", "--no-preemption");
    expect(where(peaceful)).toEqual(["high → pending"]);
    expect(peaceful.placements[0]?.message).toBe("0/2 nodes are available: 2 Insufficient cpu.");
  });

  it("tries pods again that wait for one placed later", async () => {
    const near = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "db" } } };
    snapshot(
      "friends.json",
      nodeJson("n1"),
      podJson("web", {
        priority: 5,
        spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near] } } },
      }),
      podJson("db", { labels: { app: "db" } }),
    );
    expect(where(await report("--snapshot", "friends.json"))).toEqual(["web → n1", "db → n1"]);
  });

  it("draws among equal nodes by the seed, and otherwise goes by rule", async () => {
    const nodes = ["c", "a", "d", "b"].map((name) => nodeJson(name));
    snapshot("ties.json", ...nodes, podJson("p1", { cpu: "1" }));
    const chosen = async (...words: string[]) => {
      const { stdout } = await shop.inProcess("schedule", "--snapshot", "ties.json", "-o", "csv", ...words);
      return stdout.split("\n")[1]?.split(",")[6];
    };
    expect(await chosen("--tie-break", "name")).toBe("a");
    expect(await chosen("--tie-break", "first")).toBe("c");
    expect(await chosen("--seed", "7")).toBe(await chosen("--seed", "7"));
    const draws = await Promise.all(
      ["1", "2", "3", "4", "5", "6", "7", "8"].map((seed) => chosen("--seed", seed)),
    );
    expect(new Set(draws).size).toBeGreaterThan(1);
  });

  it("prints the placed pods as manifests, which come out as they were placed when read again", async () => {
    shop.write("mail.yaml", readFileSync(join(ROOT, "docs/examples/shop.yaml"), "utf8"));
    const words = ["schedule", "--snapshot", "example.yaml", "--add", "mail.yaml", "--tie-break", "name"];
    const { stdout } = await shop.inProcess(...words, "-o", "yaml");
    const list = parseDocument(stdout).toJS() as {
      readonly items: readonly { readonly metadata: { readonly name: string }; readonly spec: Json }[];
    };
    const placed = (await report(...words.slice(1))).placements.filter(({ node }) => node !== undefined);
    expect(list.items.map(({ metadata, spec }) => [metadata.name, spec.nodeName])).toEqual(
      placed.map(({ name, node }) => [name, node]),
    );
    const mail = list.items.find(({ metadata }) => metadata.name.startsWith("mail-"));
    expect(mail?.spec).toMatchObject({
      priorityClassName: "important",
      containers: [{ name: "mail", image: "registry.example/mail:2.0" }],
    });
    // Nodes and the pods just placed: nothing is left to place.
    shop.write("placed.yaml", stdout);
    snapshot("nodes.json", nodeJson("prod-1"), nodeJson("prod-2"), nodeJson("dr-1"), nodeJson("remote-1"));
    const again = await shop.inProcess("explain", "--snapshot", "nodes.json", "placed.yaml");
    expect([again.code, again.stdout]).toEqual([2, ""]);
    expect(again.stderr).toContain("expected the name of a PriorityClass");
  });

  it("gives the same bytes twice, as a process of its own", async () => {
    const words = ["schedule", "--snapshot", "example.yaml", "--without-centre", "dr", "-o", "csv"];
    const [first, second] = await Promise.all([shop.seatrial(...words), shop.inProcess(...words)]);
    expect(first.code).toBe(0);
    expect(first.stdout).toBe(second.stdout);
    expect(first.stdout.split("\n")[0]).toBe(
      "namespace,name,priority,origin,from,outcome,node,zone,evicted,message",
    );
  });

  it("ends with 1 where a pod is left pending and --require-all asks for all", async () => {
    const words = ["schedule", "--snapshot", "example.yaml", "--quiet"];
    expect((await shop.inProcess(...words)).code).toBe(0);
    const { code, stderr } = await shop.inProcess(...words, "--require-all");
    expect([code, stderr]).toEqual([1, ""]);
  });

  it.each([
    [
      "a zone that no node has",
      ["--without-centre", "pro"],
      /--without-centre: expected a zone of the nodes \(production, dr, remote\), got "pro"/,
    ],
    [
      "a node to drain",
      ["--drain", "prod1"],
      /--drain: expected a node of the snapshot, got "prod1"; did you mean "prod-1"\?/,
    ],
    [
      "a node to be like",
      ["--add-nodes", "1", "--like", "gpu"],
      /--like: expected a node of the snapshot, got "gpu"/,
    ],
    ["nodes like none", ["--add-nodes", "1"], /--add-nodes: expected both --add-nodes N and --like NODE/],
    ["no number", ["--add-nodes", "many", "--like", "gpu-1"], /Expected a whole number of at least 1/],
    ["an output format", ["-o", "xml"], /Expected table, yaml, csv, json/],
    ["a tie rule", ["--tie-break", "last"], /Allowed choices are random, first, name/],
    ["manifests that are not there", ["--add", "none.yaml"], /none\.yaml: expected a file or folder/],
    [
      "a pod that is there already",
      ["--add", "small.json"],
      /--add: expected a new pod, shop\/small is in the snapshot already/,
    ],
    [
      "a class of the manifests",
      ["--add", "classless.json"],
      /Pod default\/p: spec\.priorityClassName: expected the name of a PriorityClass, got "nobody"/,
    ],
  ])("ends with 2 and says what is wrong: %s", async (_what, words, expected) => {
    snapshot("small.json", podJson("small", { namespace: "shop" }));
    snapshot("classless.json", podJson("p", { spec: { priorityClassName: "nobody" } }));
    const { code, stdout, stderr } = await shop.inProcess("schedule", "--snapshot", "example.yaml", ...words);
    expect(stderr).toMatch(expected);
    expect([code, stdout]).toEqual([2, ""]);
  });
});
