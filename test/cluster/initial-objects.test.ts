import { describe, expect, it } from "vitest";
import type { KubernetesObject, PodPhase } from "../../src/api/objects.js";
import { Arrivals } from "../../src/cluster/arrivals.js";
import { isActive } from "../../src/cluster/controllers/pods.js";
import type { ArrivalModel } from "../../src/cluster/model.js";
import { Rollouts } from "../../src/cluster/rollouts.js";
import { MINUTE, SECOND } from "../../src/units/time.js";
import {
  daemonSet,
  deployment,
  Harness,
  job,
  metadata,
  podTemplate,
  replicaSet,
  service,
  statefulSet,
} from "./workload-harness.js";

function owned(kind: string, name: string) {
  return { ownerReferences: [{ apiVersion: "apps/v1", kind, name, uid: "", controller: true }] };
}

function pod(name: string, owner: object, nodeName?: string, phase: PodPhase = "Running"): KubernetesObject {
  const { labels, spec } = podTemplate(name.replace(/-.*/, ""));
  return {
    kind: "Pod",
    metadata: metadata(name, { ...owner, labels }),
    spec: nodeName === undefined ? spec : { ...spec, nodeName },
    status: { phase, ready: phase === "Running" },
  };
}

describe("initial objects", () => {
  it("become records under the names that results use, whatever their order in the files", () => {
    const harness = new Harness({
      objects: [
        pod("lone", {}),
        job("report"),
        statefulSet("db", 1),
        daemonSet("agent"),
        deployment("web", 1),
      ],
    });
    const { store } = harness;
    expect(store.deployments[0]?.workload).toBe("deployment/shop/web");
    expect(store.statefulSets[0]?.workload).toBe("statefulset/shop/db");
    expect(store.daemonSets[0]?.workload).toBe("daemonset/shop/agent");
    expect(store.jobs[0]).toMatchObject({ workload: "job/shop/report", durationUs: 20 * SECOND });
    expect(store.pods[0]).toMatchObject({ workload: "pod/shop/lone", phase: "Pending", node: -1 });
    expect(store.nodes).toHaveLength(4);
  });

  it("give DaemonSet pods the tolerations of their controller, so that no failed node evicts them", () => {
    const harness = new Harness({ objects: [daemonSet("agent")] });
    const tolerations = harness.store.daemonSets[0]?.template.spec.tolerations ?? [];
    const unreachable = tolerations.filter(({ key }) => key === "node.kubernetes.io/unreachable");
    expect(unreachable).toEqual([
      { key: "node.kubernetes.io/unreachable", operator: "Exists", value: "", effect: "NoExecute" },
    ]);
  });

  it("of a snapshot stay where they are: nothing is created, deleted or moved", () => {
    const objects = [
      pod("web-a", owned("ReplicaSet", "web-2"), "production-0"),
      pod("web-b", owned("ReplicaSet", "web-2"), "production-1"),
      pod("db-0", owned("StatefulSet", "db"), "production-2"),
      pod("agent-x", owned("DaemonSet", "agent"), "production-0"),
      pod("agent-y", owned("DaemonSet", "agent"), "production-1"),
      pod("lone-1", {}, "production-1"),
      replicaSet("web-2", 2, { metadata: metadata("web-2", owned("Deployment", "web")) }),
      replicaSet("web-1", 0, { metadata: metadata("web-1", owned("Deployment", "web")) }),
      service("web"),
      deployment("web", 2),
      statefulSet("db", 1),
      daemonSet("agent"),
    ];
    const harness = new Harness({ objects, nodes: [2, 1] }).start();
    const two = harness.model.topology.nodes.map(({ name }) => name);
    expect(two).toEqual(["production-0", "production-1", "recovery-0"]);
    const { store } = harness;
    expect(store.service(0).endpoints).toEqual([0, 1]);
    harness.runFor(MINUTE);
    const born = store.pods.slice(6);
    // The harness has a third node, without its daemon; production-2 does not exist, so db-0 waits for a node.
    expect(born.map(({ workload, node }) => [workload, node])).toEqual([["daemonset/shop/agent", 2]]);
    expect(store.pods.slice(0, 6).every((one) => !one.removed && one.deletingUs < 0)).toBe(true);
    expect(store.pods.slice(0, 2).map(({ owner, node }) => [owner.kind, node])).toEqual([
      ["ReplicaSet", 0],
      ["ReplicaSet", 1],
    ]);
    expect(store.deployment(0)).toMatchObject({ revision: 2, replicas: 2 });
    expect(store.replicaSets.find(({ revision }) => revision === 2)?.name).toBe("web-2");
  });

  it("of a snapshot that ended stay ended, and count for their Job", () => {
    const ended = [
      pod("report-a", owned("Job", "report"), "production-0", "Succeeded"),
      pod("report-b", owned("Job", "report"), "production-0", "Failed"),
    ];
    const harness = new Harness({ objects: [...ended, job("report", { completions: 2 })] });
    expect(harness.store.job(0)).toMatchObject({ succeeded: 1, failed: 1, made: 2 });
    harness.start();
    harness.runFor(2 * MINUTE);
    expect(harness.store.job(0)).toMatchObject({ succeeded: 2, finished: "Complete" });
  });
});

describe("arrivals", () => {
  const batch: ArrivalModel = {
    name: "batch",
    process: { kind: "deterministic", intervalUs: 10 * SECOND },
    startUs: 5 * SECOND,
    endUs: 60 * SECOND,
    order: "sequence",
    classes: [
      {
        name: "short",
        weight: 1,
        namespace: "jobs",
        template: podTemplate("short"),
        durationUs: { kind: "constant", value: SECOND },
      },
      { name: "long", weight: 1, namespace: "jobs", template: podTemplate("long") },
    ],
  };

  it("are bare pods made at their times, with their durations", () => {
    const harness = new Harness({ arrivals: [batch] });
    const arrivals = new Arrivals(harness);
    harness.start([arrivals.handlers]);
    arrivals.start();
    harness.runFor(MINUTE);
    const pods = harness.store.pods;
    expect(pods.map(({ createdUs }) => Math.floor(createdUs / SECOND))).toEqual([5, 15, 25, 35, 45, 55]);
    expect(pods.map(({ name }) => name).slice(0, 2)).toEqual(["batch-0", "batch-1"]);
    expect(pods.map(({ durationUs }) => durationUs / SECOND).slice(0, 2)).toEqual([
      1,
      Number.POSITIVE_INFINITY,
    ]);
    expect(pods[0]).toMatchObject({ workload: "arrival/batch", namespace: "jobs", phase: "Succeeded" });
    expect(pods.filter(isActive).map(({ template }) => template.labels.app)).toContain("long");
  });

  it("come later, none lost and none twice, when the API does not answer", () => {
    const harness = new Harness({ arrivals: [batch], errorShare: 0.6 });
    const arrivals = new Arrivals(harness);
    harness.start([arrivals.handlers]);
    arrivals.start();
    harness.apiUp = false;
    harness.runFor(30 * SECOND);
    expect(harness.store.pods).toHaveLength(0);
    harness.apiUp = true;
    harness.runFor(2 * MINUTE);
    expect(harness.store.pods.map(({ ordinal }) => ordinal).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("roll-outs", () => {
  it("scale and renew workloads at their times, once each, also when an answer is lost", () => {
    for (let seed = 0; seed < 20; seed++) {
      const place = { namespace: "shop", name: "web" };
      const harness = new Harness({
        objects: [deployment("web", 2)],
        seed: String(seed),
        errorShare: 0.3,
        rollouts: [
          { atUs: 20 * SECOND, kind: "Deployment", ...place, change: { kind: "template" } },
          { atUs: 80 * SECOND, kind: "Deployment", ...place, change: { kind: "scale", replicas: 5 } },
        ],
      });
      const rollouts = new Rollouts(harness);
      harness.start([rollouts.handlers]);
      rollouts.start();
      harness.runFor(19 * SECOND);
      expect(harness.store.deployment(0)).toMatchObject({ revision: 1, replicas: 2 });
      harness.runFor(30 * SECOND);
      expect(harness.store.deployment(0), `seed ${seed}`).toMatchObject({ revision: 2, replicas: 2 });
      harness.runFor(120 * SECOND);
      expect(harness.store.deployment(0)).toMatchObject({ revision: 2, replicas: 5 });
    }
  });
});
