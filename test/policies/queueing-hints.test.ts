/** What each plugin of the default profile hopes for: isSchedulableAfter… of v1.34, one row a case. */
import { describe, expect, it } from "vitest";
import type { Taint } from "../../src/api/objects.js";
import { type CompiledNode, compileNode } from "../../src/policies/framework/node.js";
import { ResourceTable } from "../../src/policies/framework/resources.js";
import type { ClusterEvent, PodInfo, QueueEvent } from "../../src/policies/framework/types.js";
import { affinity, type PodText, SmallCluster, selector, spreadOver, term } from "./small-cluster.js";
import { Small } from "./small-framework.js";

const small = new Small({ a: "1" });
const framework = small.framework();
const pods = new SmallCluster([]);
const resources = new ResourceTable();

interface NodeWords {
  readonly cpu?: bigint;
  readonly pods?: bigint;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
}

/** A node object; quantities in the API's nano units. */
function node(words: NodeWords = {}): CompiledNode {
  const { cpu = 8n, pods = 110n, labels = {}, taints = [], unschedulable = false } = words;
  const nano = 1_000_000_000n;
  return compileNode(
    {
      name: "n",
      labels,
      taints,
      unschedulable,
      images: [],
      allocatable: { cpu: cpu * nano, pods: pods * nano },
    },
    0,
    resources,
  );
}

const taint = (key: string, effect: Taint["effect"] = "NoSchedule"): Taint => ({ key, value: "", effect });
const added = (words: NodeWords = {}): QueueEvent => ({ kind: "NodeAdd", node: node(words) });
const changed = (
  kind: "NodeAllocatableUpdate" | "NodeLabelUpdate" | "NodeTaintUpdate",
  before: NodeWords,
  now: NodeWords,
): QueueEvent => ({ kind, before: node(before), node: node(now) });
const gone = (text: PodText = {}): QueueEvent => ({ kind: "AssignedPodDelete", pod: pods.pod(text) });
const bound = (text: PodText = {}): QueueEvent => ({ kind: "AssignedPodAdd", pod: pods.pod(text) });
const zone = (value: string) => ({ labels: { zone: value } });
const tolerating: PodText = { tolerations: [{ key: "gpu", operator: "Exists", value: "", effect: "" }] };
const spread: PodText = { labels: { app: "a" }, spread: [spreadOver("zone")] };
const soft: PodText = { spread: [spreadOver("zone", { whenUnsatisfiable: "ScheduleAnyway" })] };
const near: PodText = { affinity: affinity({ required: [term("zone", selector({ app: "a" }))] }) };
const nearBoth: PodText = {
  affinity: affinity({
    required: [term("zone", selector({ app: "a" })), term("zone", selector({ tier: "db" }))],
  }),
};
const away: PodText = { affinity: affinity({ requiredAnti: [term("zone", selector({ app: "a" }))] }) };

type Row = readonly [string, PodText, string, QueueEvent, boolean];

const ROWS: readonly Row[] = [
  ["NodeResourcesFit", { cpu: "9" }, "a node with room", added({ cpu: 9n }), true],
  ["NodeResourcesFit", { cpu: "9" }, "a node too small even when empty", added({ cpu: 8n }), false],
  ["NodeResourcesFit", { cpu: "9" }, "a node that takes no pods", added({ cpu: 9n, pods: 0n }), false],
  [
    "NodeResourcesFit",
    { cpu: "2" },
    "more cpu on a node",
    changed("NodeAllocatableUpdate", { cpu: 4n }, { cpu: 5n }),
    true,
  ],
  [
    "NodeResourcesFit",
    { cpu: "2" },
    "less cpu on a node",
    changed("NodeAllocatableUpdate", { cpu: 5n }, { cpu: 4n }),
    false,
  ],
  [
    "NodeResourcesFit",
    {},
    "more cpu, of which it asks nothing",
    changed("NodeAllocatableUpdate", { cpu: 4n }, { cpu: 5n }),
    false,
  ],
  [
    "NodeResourcesFit",
    {},
    "room for more pods",
    changed("NodeAllocatableUpdate", { pods: 10n }, { pods: 11n }),
    true,
  ],
  ["NodeResourcesFit", { cpu: "2" }, "any pod of a node deleted", gone(), true],
  ["NodeResourcesFit", { cpu: "2" }, "a pod bound", bound(), false],
  [
    "NodeResourcesFit",
    { cpu: "90" },
    "any change of taints (registered for NodeAdd, issue 109437)",
    changed("NodeTaintUpdate", {}, { taints: [taint("x")] }),
    true,
  ],
  ["TaintToleration", {}, "a node without taints", added(), true],
  ["TaintToleration", {}, "a tainted node", added({ taints: [taint("gpu")] }), false],
  ["TaintToleration", tolerating, "a node whose taint it tolerates", added({ taints: [taint("gpu")] }), true],
  [
    "TaintToleration",
    {},
    "PreferNoSchedule alone",
    added({ taints: [taint("gpu", "PreferNoSchedule")] }),
    true,
  ],
  [
    "TaintToleration",
    {},
    "the last of its taints gone",
    changed("NodeTaintUpdate", { taints: [taint("x")] }, {}),
    true,
  ],
  [
    "TaintToleration",
    {},
    "one of two taints gone",
    changed("NodeTaintUpdate", { taints: [taint("x"), taint("y")] }, { taints: [taint("x")] }),
    false,
  ],
  [
    "TaintToleration",
    tolerating,
    "nothing that kept it away before",
    changed("NodeTaintUpdate", { taints: [taint("gpu")] }, {}),
    false,
  ],
  ["TaintToleration", {}, "a pod deleted", gone(), false],
  ["NodeUnschedulable", {}, "a node", added(), true],
  ["NodeUnschedulable", {}, "a cordoned node", added({ unschedulable: true }), false],
  ["NodeUnschedulable", {}, "uncordoned", changed("NodeTaintUpdate", { unschedulable: true }, {}), true],
  ["NodeUnschedulable", {}, "cordoned", changed("NodeTaintUpdate", {}, { unschedulable: true }), false],
  ["NodeAffinity", { nodeSelector: { zone: "z1" } }, "a node that it selects", added(zone("z1")), true],
  ["NodeAffinity", { nodeSelector: { zone: "z1" } }, "another node", added(zone("z2")), false],
  [
    "NodeAffinity",
    { nodeSelector: { zone: "z1" } },
    "labels that begin to match",
    changed("NodeLabelUpdate", zone("z2"), zone("z1")),
    true,
  ],
  [
    "NodeAffinity",
    { nodeSelector: { zone: "z1" } },
    "labels that matched already",
    changed("NodeLabelUpdate", zone("z1"), zone("z1")),
    false,
  ],
  ["NodeAffinity", {}, "a change of taints", changed("NodeTaintUpdate", {}, {}), true],
  ["NodeName", {}, "any node", added({ cpu: 0n }), true],
  ["NodeName", {}, "a pod deleted", gone(), false],
  ["NodePorts", { hostPort: 80 }, "a pod with that port deleted", gone({ hostPort: 80 }), true],
  ["NodePorts", { hostPort: 80 }, "a pod with another port deleted", gone({ hostPort: 81 }), false],
  ["NodePorts", { hostPort: 80 }, "a pod without ports deleted", gone(), false],
  ["NodePorts", { hostPort: 80 }, "any node", added(), true],
  ["PodTopologySpread", spread, "a counted pod deleted", gone({ labels: { app: "a" } }), true],
  ["PodTopologySpread", spread, "a counted pod bound", bound({ labels: { app: "a" } }), true],
  ["PodTopologySpread", spread, "another pod deleted", gone({ labels: { app: "b" } }), false],
  [
    "PodTopologySpread",
    spread,
    "a pod of another namespace",
    gone({ namespace: "other", labels: { app: "a" } }),
    false,
  ],
  [
    "PodTopologySpread",
    soft,
    "a pod that only soft constraints count",
    gone({ labels: { app: "a" } }),
    false,
  ],
  ["PodTopologySpread", spread, "a node with the key", added(zone("z1")), true],
  ["PodTopologySpread", spread, "a node without it", added(), false],
  [
    "PodTopologySpread",
    spread,
    "a node with the key gone",
    { kind: "NodeDelete", before: node(zone("z")) },
    true,
  ],
  ["PodTopologySpread", spread, "a node that gets the key", changed("NodeLabelUpdate", {}, zone("z1")), true],
  [
    "PodTopologySpread",
    spread,
    "other labels of a node",
    changed("NodeLabelUpdate", zone("z1"), { labels: { zone: "z1", x: "y" } }),
    false,
  ],
  [
    "PodTopologySpread",
    spread,
    "other taints on a node with the key",
    changed("NodeTaintUpdate", zone("z1"), { ...zone("z1"), taints: [taint("x")] }),
    true,
  ],
  [
    "PodTopologySpread",
    spread,
    "other taints on a node without it",
    changed("NodeTaintUpdate", {}, { taints: [taint("x")] }),
    false,
  ],
  ["InterPodAffinity", near, "a pod bound that it wants to be near", bound({ labels: { app: "a" } }), true],
  ["InterPodAffinity", near, "another pod bound", bound({ labels: { app: "b" } }), false],
  ["InterPodAffinity", nearBoth, "a pod that meets one of two terms", bound({ labels: { app: "a" } }), false],
  ["InterPodAffinity", nearBoth, "a pod that meets both", bound({ labels: { app: "a", tier: "db" } }), true],
  [
    "InterPodAffinity",
    near,
    "a pod deleted that it wanted to be near",
    gone({ labels: { app: "a" } }),
    false,
  ],
  ["InterPodAffinity", away, "a pod deleted that it kept away from", gone({ labels: { app: "a" } }), true],
  ["InterPodAffinity", away, "another pod deleted", gone({ labels: { app: "b" } }), false],
  ["InterPodAffinity", {}, "the pod deleted that kept it away by its own terms", gone(away), false],
  ["InterPodAffinity", near, "a node with the key", added(zone("z1")), true],
  ["InterPodAffinity", near, "a node without it", added(), false],
  ["InterPodAffinity", near, "a node that gets the key", changed("NodeLabelUpdate", {}, zone("z1")), true],
  ["InterPodAffinity", near, "a node that loses it", changed("NodeLabelUpdate", zone("z1"), {}), false],
  ["InterPodAffinity", away, "a node that loses it", changed("NodeLabelUpdate", zone("z1"), {}), true],
  ["InterPodAffinity", away, "a node that gets it", changed("NodeLabelUpdate", {}, zone("z1")), false],
  ["SchedulingGates", {}, "a node", added(), false],
];

describe("queueing hints of v1.34", () => {
  it.each(ROWS)("%s, pod %j: %s", (plugin, text, _, event, hopes) => {
    const pod: PodInfo = pods.pod(text);
    expect(framework.mayRequeue(pod, [plugin], event)).toBe(hopes);
    // What no object could make helpful is never asked.
    if (hopes) expect(framework.listens([plugin], event.kind)).toBe(true);
  });

  it("one plugin's hope is enough", () => {
    const pod = pods.pod({ cpu: "9" });
    const event = added({ cpu: 9n, taints: [taint("x")] });
    expect(framework.mayRequeue(pod, ["TaintToleration"], event)).toBe(false);
    expect(framework.mayRequeue(pod, ["TaintToleration", "NodeResourcesFit"], event)).toBe(true);
  });

  it("nobody hopes for a pod that is merely being deleted", () => {
    const kind: ClusterEvent = "AssignedPodUpdate";
    const names = framework.profile.plugins
      .map(({ name }) => name)
      .filter((name) => !name.includes("Volume"));
    for (const name of names.filter(
      (one) =>
        !["ImageLocality", "NodeResourcesBalancedAllocation", "PrioritySort", "DynamicResources"].includes(
          one,
        ),
    )) {
      expect([name, framework.listens([name], kind)]).toEqual([name, false]);
    }
  });
});
