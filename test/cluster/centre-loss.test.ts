/** A centre lost with etcd members 2+2+1, against what a real one was measured to do (docs/MODEL.md, sections 3 to 7). */
import { describe, expect, it } from "vitest";
import { SECOND } from "../../src/units/time.js";
import { clusterOf, threeCentresStudy } from "./scenarios.js";

const PRODUCTION = 0;
const LOCAL_DR = 1;
const REMOTE_DR = 2;
const AT = 180 * SECOND;

describe("a centre lost with members 2+2+1", () => {
  it("moves etcd's leader when it was there, then the controllers, and marks the centre's nodes and no other", () => {
    const study = threeCentresStudy("    - { kind: power, scope: { centre: production }, at: 3m }");
    const { cluster, invariants } = clusterOf(study);
    const { sim, etcd, store } = cluster;
    sim.run(AT - SECOND);
    expect(etcd.memberCentre(etcd.leader())).toBe(PRODUCTION);
    expect(cluster.controllerElection.leaders()).toEqual([PRODUCTION]);
    expect(store.service(0).endpoints).toHaveLength(9);

    sim.run(AT + 900_000);
    expect(etcd.leader()).toBe(-1);
    sim.run(AT + 4 * SECOND);
    expect([LOCAL_DR, REMOTE_DR]).toContain(etcd.memberCentre(etcd.leader()));
    expect(cluster.api.writable(LOCAL_DR)).toBe(true);
    expect(cluster.controllerElection.leaders()).toEqual([]);

    sim.run(AT + 26 * SECOND);
    expect(cluster.controllerElection.leaders()).toEqual([LOCAL_DR]);
    expect(cluster.schedulerElection.leaders()).toEqual([LOCAL_DR]);
    expect(store.nodes.every((node) => node.ready === "True")).toBe(true);

    sim.run(AT + 90 * SECOND);
    for (const node of study.model.topology.nodes) {
      expect(store.node(node.id).ready, node.name).toBe(node.centre === PRODUCTION ? "Unknown" : "True");
    }
    expect(store.service(0).endpoints).toHaveLength(6);
    expect(cluster.traffic.share(0)).toBeCloseTo(1, 6);

    sim.run(study.model.horizonUs);
    expect(store.service(0).endpoints).toHaveLength(9);
    expect(invariants.checks).toBe(sim.steps);
    const { failures } = cluster.recorder.finish("default", 0, "test", sim.steps, []);
    const web = failures.find((row) => row.workload === "deployment/shop/web");
    expect(web?.rtoUs).toBeGreaterThan(60 * SECOND);
    expect(web?.rtoUs).toBeLessThan(76 * SECOND);
    expect(web?.minShare).toBeLessThan(0.7);
  });

  it("loses no write when the centre held followers only", () => {
    const { cluster } = clusterOf(
      threeCentresStudy("    - { kind: power, scope: { centre: local-dr }, at: 3m }"),
    );
    const { sim, etcd } = cluster;
    sim.run(AT - 1);
    const leader = etcd.leader();
    for (let ms = 0; ms < 5_000; ms += 50) {
      sim.run(AT + ms * 1_000);
      expect(etcd.leader()).toBe(leader);
      expect(cluster.api.writable(PRODUCTION)).toBe(true);
      expect(cluster.api.writable(REMOTE_DR)).toBe(true);
    }
    expect(cluster.controllerElection.leaders()).toEqual([PRODUCTION]);
  });

  it("with the majority lost: writes stop, running services go on, nothing is marked or evicted", () => {
    const failures = `
    - { kind: power, scope: { centre: production }, at: 3m, for: 5m }
    - { kind: power, scope: { centre: local-dr }, at: 3m, for: 5m }`;
    const study = threeCentresStudy(failures, { horizon: "15m" });
    const { cluster } = clusterOf(study);
    const { sim, etcd, store } = cluster;
    sim.run(AT + 3 * SECOND);
    expect(etcd.leader()).toBe(-1);
    expect(cluster.api.writable(REMOTE_DR)).toBe(false);
    const revision = store.revision;

    sim.run(AT + 290 * SECOND);
    expect(store.revision).toBe(revision);
    expect(store.nodes.every((node) => node.ready === "True" && node.taints.length === 0)).toBe(true);
    // Users in the remote centre are still answered by its own third of the endpoints, and only by it.
    expect(cluster.traffic.shareAt(0, REMOTE_DR)).toBeCloseTo(1 / 3, 6);
    const remote = [...store.livePods].filter(
      (pod) => study.model.topology.nodes[pod.node]?.centre === REMOTE_DR,
    );
    expect(remote).toHaveLength(3);
    expect(remote.every((pod) => cluster.kubelets.isServing(pod))).toBe(true);

    // The centres come back: a leader, the API, the controllers, all endpoints.
    sim.run(study.model.horizonUs);
    expect(etcd.leader()).toBeGreaterThanOrEqual(0);
    expect(store.service(0).endpoints).toHaveLength(9);
    expect(cluster.traffic.share(0)).toBeCloseTo(1, 6);
  });

  it("with the quorum's processes lost and nodes well: no node, taint, pod or endpoint changes, nor afterwards", () => {
    // True of every outage of 5 to 120 s that was measured.
    const members = ["production-0", "production-1", "local-dr-0"];
    const failures = members
      .map((name) => `    - { kind: crash, scope: { etcdMember: etcd-${name} }, at: 3m, for: 2m }`)
      .join("\n");
    const study = threeCentresStudy(failures);
    const { cluster } = clusterOf(study);
    const { sim, store } = cluster;
    sim.run(AT - SECOND);
    const before = store.changes.length;
    sim.run(AT + 119 * SECOND);
    expect(cluster.api.writable(PRODUCTION)).toBe(false);
    expect(cluster.controllerElection.leaders()).toEqual([]);
    sim.run(study.model.horizonUs);
    expect(cluster.api.writable(PRODUCTION)).toBe(true);
    expect(cluster.controllerElection.leaders()).toHaveLength(1);
    expect(store.changes.slice(before).map((change) => change.type)).toEqual([]);
  });

  it("cut off instead of dark: its pods go on, its users reach what is inside, and the rest takes over", () => {
    const study = threeCentresStudy(
      "    - { kind: isolate, scope: { centre: production }, at: 3m, for: 4m }",
      {
        horizon: "12m",
      },
    );
    const { cluster } = clusterOf(study);
    const { sim, store, etcd } = cluster;
    sim.run(AT + 120 * SECOND);
    expect([LOCAL_DR, REMOTE_DR]).toContain(etcd.memberCentre(etcd.leader()));
    expect(cluster.api.writable(PRODUCTION)).toBe(false);
    expect(cluster.api.writable(LOCAL_DR)).toBe(true);
    // Inside nothing is heard of the outside: its proxies still send to all nine, and reach three.
    expect(cluster.traffic.shareAt(0, PRODUCTION)).toBeCloseTo(1 / 3, 6);
    expect(cluster.traffic.shareAt(0, REMOTE_DR)).toBeCloseTo(1, 6);

    sim.run(study.model.horizonUs);
    expect(cluster.traffic.share(0)).toBeCloseTo(1, 6);
    expect(store.service(0).endpoints).toHaveLength(9);
    expect(store.nodes.every((node) => node.ready === "True" && node.taints.length === 0)).toBe(true);
    // Deleted pods that went on running in the cut-off centre have ended.
    expect([...store.livePods].filter((pod) => pod.deletingUs >= 0)).toEqual([]);
  });
});
