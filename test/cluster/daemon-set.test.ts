import { describe, expect, it } from "vitest";
import type { Taint } from "../../src/api/objects.js";
import { MINUTE, SECOND } from "../../src/units/time.js";
import { daemonSet, Harness, podTemplate } from "./workload-harness.js";

const taint = (key: string, effect: Taint["effect"]): Taint => ({ key, value: "", effect });
const UNREACHABLE = "node.kubernetes.io/unreachable";

function nodes(harness: Harness): number[] {
  return [...harness.store.daemonSet(0).pods].map(({ node }) => node).sort((a, b) => a - b);
}

describe("the DaemonSet controller", () => {
  it("puts one pod on each node that its selector and tolerations allow, cordoned nodes included", () => {
    const nodeSpec = (name: string) => ({
      labels: { disk: name === "production-0" ? "hdd" : "ssd" },
      taints: name === "production-1" ? [taint("dedicated", "NoSchedule")] : [],
      unschedulable: name === "production-2",
    });
    const template = podTemplate("agent", { nodeSelector: { disk: "ssd" } });
    const harness = new Harness({
      objects: [daemonSet("agent", { template })],
      nodes: [5],
      nodeSpec,
    }).start();
    harness.runFor(MINUTE);
    expect(nodes(harness)).toEqual([2, 3, 4]);
    expect(harness.store.node(2).taints).toEqual([taint("node.kubernetes.io/unschedulable", "NoSchedule")]);
  });

  it("keeps the pod of a node that is unreachable, and makes none on such a node", () => {
    const harness = new Harness({ objects: [daemonSet("agent")], nodes: [2] }).start();
    harness.runFor(MINUTE);
    const add = [taint(UNREACHABLE, "NoSchedule"), taint(UNREACHABLE, "NoExecute")];
    harness.write({ type: "nodeTaints", node: 0, add, remove: [] });
    harness.runFor(MINUTE);
    expect(nodes(harness)).toEqual([0, 1]);
    harness.write({ type: "removePod", pod: 0 });
    harness.runFor(MINUTE);
    expect(nodes(harness)).toEqual([1]);
    harness.write({ type: "nodeTaints", node: 0, add: [], remove: add });
    harness.runFor(MINUTE);
    expect(nodes(harness)).toEqual([0, 1]);
  });

  it("takes its pod off a node with a NoExecute taint that it does not tolerate", () => {
    const harness = new Harness({ objects: [daemonSet("agent")], nodes: [2] }).start();
    harness.runFor(MINUTE);
    const add = [taint("node.kubernetes.io/out-of-service", "NoExecute")];
    harness.write({ type: "nodeTaints", node: 1, add, remove: [] });
    harness.runFor(MINUTE);
    expect(nodes(harness)).toEqual([0]);
  });

  it("replaces a failed pod at once: an ended pod that is deleted has nothing to wait for", () => {
    const harness = new Harness({
      objects: [daemonSet("agent")],
      nodes: [1],
      terminationUs: 9 * SECOND,
    }).start();
    harness.runFor(MINUTE);
    harness.write({ type: "podStatus", pod: 0, phase: "Failed" });
    harness.runFor(8 * SECOND);
    expect(harness.store.pods).toHaveLength(2);
    expect(harness.store.pod(0).removed).toBe(true);
    harness.runFor(MINUTE);
    expect(harness.store.pods[1]).toMatchObject({ node: 0, ordinal: 0, incarnation: 1, ready: true });
  });

  it("updates at most maxUnavailable pods at a time", () => {
    const object = daemonSet("agent", { maxUnavailable: { percent: 30 } });
    const harness = new Harness({ objects: [object], nodes: [6] }).start();
    harness.runFor(MINUTE);
    let readyMin = 6;
    harness.store.listen(() => {
      const pods = [...harness.store.daemonSet(0).pods];
      readyMin = Math.min(readyMin, pods.filter((pod) => pod.ready && pod.deletingUs < 0).length);
    });
    harness.write({ type: "newRevision", kind: "DaemonSet", id: 0 });
    harness.runFor(MINUTE);
    const pods = [...harness.store.daemonSet(0).pods];
    expect(pods.map(({ revision, ready }) => [revision, ready])).toEqual(pods.map(() => [2, true]));
    expect(pods).toHaveLength(6);
    // ⌈30 % of 6⌉ = 2.
    expect(readyMin).toBe(4);
  });
});
