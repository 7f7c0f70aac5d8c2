/** `seatrial explain` as a user meets it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Explanation } from "../../src/placement/explain.js";
import { ROOT, Workshop } from "./harness.js";

const CLUSTER = readFileSync(join(ROOT, "docs/examples/cluster.yaml"), "utf8");

const GATED = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "gated" },
  spec: {
    schedulingGates: [{ name: "example.com/quota" }],
    containers: [{ name: "main", image: "app:1", resources: { requests: { cpu: "100m" } } }],
  },
};

describe("seatrial explain", () => {
  let shop: Workshop;
  beforeAll(() => {
    shop = new Workshop();
    shop.write("cluster.yaml", CLUSTER);
  });
  afterAll(() => shop.remove());

  const json = async (...words: string[]): Promise<Explanation[]> => {
    const { code, stdout } = await shop.inProcess(
      "explain",
      "--snapshot",
      "cluster.yaml",
      "--json",
      ...words,
    );
    expect(code).toBe(0);
    return (JSON.parse(stdout) as { explanations: Explanation[] }).explanations;
  };

  it("explains every pending pod where none is named, and warns of nothing but what is left out", async () => {
    const { code, stdout, stderr } = await shop.seatrial("explain", "--snapshot", "cluster.yaml");
    expect(code).toBe(0);
    expect(stdout.match(/^shop\/.*$/gm)).toEqual([
      "shop/web-6b7f9-xxxxx: pending until another pod leaves",
      "shop/train-0: pending for ever: no pod that leaves would help; nodes, the pod or what it names must change",
      "shop/cache-0: pending for ever: no pod that leaves would help; nodes, the pod or what it names must change",
      "shop/small: fits now, best on one of dr-1, prod-1, prod-2, remote-1 (total 429)",
    ]);
    expect(stderr).toBe("left out, deciding nothing about placement: 1 ConfigMap\n");
    expect(stdout).toContain("  needs 200m more cpu on any of 4 nodes\n");
    expect(stdout).toContain("a toleration for dedicated=gpu:NoSchedule (opens gpu-1)\n");
  });

  it("prints everything as JSON", async () => {
    const [web] = await json("--pod", "shop/web-6b7f9-xxxxx");
    expect(web).toMatchObject({
      pod: "shop/web-6b7f9-xxxxx",
      pods: ["shop/web-6b7f9-xxxxx"],
      schedulerName: "default-scheduler",
      priority: 0,
      verdict: { kind: "untilPodLeaves", preemption: { kind: "doesNotHelp" } },
      event: { type: "Warning", reason: "FailedScheduling" },
    });
    expect(web?.message).toMatch(/^0\/5 nodes are available: .* preemption: 0\/5 nodes are available: /);
    expect(web?.nodes).toContainEqual({
      node: "prod-2",
      kind: "refused",
      plugin: "NodeResourcesFit",
      code: "Unschedulable",
      reasons: ["Insufficient cpu"],
      shortages: [{ resource: "cpu", requested: "1500m", by: "200m" }],
    });
    expect(web?.suggestions).toContainEqual({
      changes: [{ kind: "increaseAllocatable", node: "prod-1", resource: "cpu", by: "200m" }],
      nodes: ["prod-1"],
      text: "200m more cpu on node prod-1",
    });
  });

  it("shows scores, weights and totals where nodes take the pod", async () => {
    const [small] = await json("--pod", "shop/small", "--node", "prod-1");
    expect(small?.nodes).toHaveLength(1);
    const [node] = small?.nodes ?? [];
    if (node?.kind !== "feasible") throw new Error("prod-1 takes the pod");
    expect(node.scores.map(({ plugin, weight }) => `${plugin} ${weight}`)).toContain("TaintToleration 3");
    expect(node.total).toBe(
      node.scores.reduce((sum, { weight, normalized }) => sum + weight * normalized, 0),
    );
  });

  it("keeps to one node with --node, suggestions too", async () => {
    const [train] = await json("--pod", "shop/train-0", "--node", "gpu-1");
    expect(train?.nodes.map(({ node }) => node)).toEqual(["gpu-1"]);
    expect(train?.suggestions.map(({ nodes }) => nodes)).toEqual([["gpu-1"], ["gpu-1"]]);
  });

  it("says of a pod that has a node what the scheduler would say were it placed again", async () => {
    const [cart] = await json("--pod", "shop/cart-6b7f9-kkkkk");
    expect(cart).toMatchObject({ boundTo: "prod-1", verdict: { kind: "schedulable", best: ["prod-1"] } });
  });

  it("takes the profile of a configuration", async () => {
    shop.write(
      "scheduler.yaml",
      "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n  - schedulerName: other\n",
    );
    const [small] = await json("--pod", "shop/small", "--config", "scheduler.yaml");
    expect(small?.verdict).toEqual({ kind: "otherScheduler", schedulerName: "default-scheduler" });
  });

  it("reads a snapshot from the standard input", async () => {
    const { child, ended } = shop.start("explain", "--snapshot", "-", "--pod", "shop/small");
    child.stdin.end(CLUSTER);
    expect((await ended).stdout).toContain("shop/small: fits now");
  });

  it("reads a folder, and says where no pod is pending", async () => {
    shop.write(
      "folder/nodes.yaml",
      "apiVersion: v1\nkind: Node\nmetadata: { name: n1 }\nstatus: { allocatable: { cpu: 1, pods: 9 } }\n",
    );
    shop.write("folder/more/gates.json", JSON.stringify(GATED));
    const { stdout } = await shop.inProcess("explain", "--snapshot", "folder");
    expect(stdout).toContain("default/gated: waits for its scheduling gates (example.com/quota)\n");
    expect(stdout).toContain("waiting for scheduling gates: [example.com/quota]");
    expect(stdout).toContain("its scheduling gate removed (example.com/quota) (opens n1)");
    const one = await shop.inProcess("explain", "--snapshot", "folder/nodes.yaml");
    expect(one.stdout).toBe("no pod is pending\n");
  });

  it("groups pods that ask for the same", async () => {
    const twins = [1, 2, 3].map((number) => ({ ...GATED, metadata: { name: `twin-${number}` } }));
    shop.write("twins/pods.json", JSON.stringify({ apiVersion: "v1", kind: "PodList", items: twins }));
    shop.write("twins/nodes.yaml", "apiVersion: v1\nkind: Node\nmetadata: { name: n1 }\n");
    const { stdout } = await shop.inProcess("explain", "--snapshot", "twins");
    expect(stdout).toContain("default/twin-1, default/twin-2, default/twin-3: waits");
  });

  describe("names what decides about placement and is not modelled", () => {
    const claims = { ...GATED, spec: { ...GATED.spec, resourceClaims: [{ name: "gpu" }] } };
    const config =
      "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nextenders: [{ urlPrefix: http://x }]\nprofiles:\n  - plugins: { multiPoint: { enabled: [{ name: Coscheduling }] } }\n";
    const expected = [
      /devices\.json:1:\d+: (warning: )?spec\.resourceClaims: resourceClaims of a pod \(dynamic resource allocation\) decides/,
      /class\.yaml:2:7: (warning: )?kind: DeviceClass \(dynamic resource allocation\) decides/,
      /config\.yaml:3:1: (warning: )?extenders: extenders are called over the network/,
      /config\.yaml:5:\d+: (warning: )?profiles\[0\].*Coscheduling is a plugin of neither Kubernetes nor the shelf/,
    ];
    const words = [
      "explain",
      "--snapshot",
      "folder/nodes.yaml",
      "devices.json",
      "class.yaml",
      "--config",
      "config.yaml",
    ];

    beforeAll(() => {
      shop.write("devices.json", JSON.stringify(claims));
      shop.write(
        "class.yaml",
        "apiVersion: resource.k8s.io/v1\nkind: DeviceClass\nmetadata: { name: gpu }\n",
      );
      shop.write("config.yaml", config);
    });

    it("in warnings", async () => {
      const { code, stderr } = await shop.inProcess(...words);
      expect(code).toBe(0);
      for (const line of expected) expect(stderr).toMatch(line);
      expect(stderr.match(/warning: /g)).toHaveLength(4);
    });

    it("in errors with --strict", async () => {
      const { code, stdout, stderr } = await shop.inProcess(...words, "--strict");
      expect([code, stdout]).toEqual([2, ""]);
      for (const line of expected) expect(stderr).toMatch(line);
      expect(stderr).not.toContain("warning: ");
    });
  });

  it.each([
    ["no snapshot", [], /required option '--snapshot <path\.\.\.>' not specified/],
    [
      "a file that is not there",
      ["--snapshot", "no.yaml"],
      /no\.yaml: expected a file or folder, but there is none/,
    ],
    ["no node", ["--snapshot", "pod.yaml"], /expected Node objects/],
    ["broken YAML", ["--snapshot", "broken.yaml"], /broken\.yaml:4:1: expected well-formed YAML/],
    [
      "a broken object",
      ["--snapshot", "wrong.yaml"],
      /wrong\.yaml:5:\d+: status\.allocatable\.cpu: expected a Kubernetes quantity/,
    ],
    [
      "an object given twice",
      ["--snapshot", "cluster.yaml", "copy.yaml"],
      /copy\.yaml:\d+:\d+: .*expected each object once, .* is already at .*cluster\.yaml:\d+/,
    ],
    [
      "an unknown pod",
      ["--snapshot", "cluster.yaml", "--pod", "shop/smal"],
      /--pod: expected a pod of the snapshot as namespace\/name, got "shop\/smal"; did you mean "shop\/small"\?/,
    ],
    [
      "an unknown node",
      ["--snapshot", "cluster.yaml", "--node", "prod1"],
      /--node: expected a node of the snapshot, got "prod1"; did you mean "prod-1"\?/,
    ],
    [
      "a mistake in the configuration",
      ["--snapshot", "cluster.yaml", "--config", "slip.yaml"],
      /slip\.yaml:3:1: profile: unknown field; did you mean "profiles"\?/,
    ],
    [
      "a priority class that is not there",
      ["--snapshot", "cluster.yaml", "class-less.yaml"],
      /default\/urgent: spec\.priorityClassName: expected the name of a PriorityClass, got "importand"; did you mean "important"\?/,
    ],
  ])("ends with 2 and says what is wrong: %s", async (_what, words, expected) => {
    shop.write("pod.yaml", JSON.stringify(GATED));
    shop.write("broken.yaml", "apiVersion: v1\nkind: Node\nmetadata: { name: n1\nspec: {}\n");
    shop.write(
      "wrong.yaml",
      "apiVersion: v1\nkind: Node\nmetadata: { name: n1 }\nstatus:\n  allocatable: { cpu: 4 cores }\n",
    );
    shop.write("copy.yaml", CLUSTER);
    shop.write(
      "slip.yaml",
      "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofile: []\n",
    );
    shop.write(
      "class-less.yaml",
      "apiVersion: v1\nkind: Pod\nmetadata: { name: urgent }\nspec: { priorityClassName: importand, containers: [{ name: c, image: i }] }\n",
    );
    const { code, stdout, stderr } = await shop.inProcess("explain", ...words);
    expect(stderr).toMatch(expected);
    expect([code, stdout]).toEqual([2, ""]);
  });
});
