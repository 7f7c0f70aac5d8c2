/** The control plane's rates and take-overs against what a real one was measured to do (docs/MODEL.md, sections 4, 5 and 11). */
import { describe, expect, it } from "vitest";
import { SECOND } from "../../src/units/time.js";
import { clusterOf, studyOf, threeCentresStudy } from "./scenarios.js";

const AT = 180 * SECOND;

/** One centre of `nodes` large nodes with one member; `workload` goes below spec. */
function oneCentre(nodes: number, workload: string, horizon = "5m"): string {
  return `
apiVersion: seatrial.dev/v1alpha1
kind: Scenario
metadata: { name: one-centre }
spec:
  seed: "rates"
  warmUp: 10s
  horizon: ${horizon}
  topology:
    sites:
      - name: metro
        centres:
          - { name: alpha, racks: 1, nodePools: [{ name: web, count: ${nodes}, allocatable: { cpu: "8", memory: 32Gi, pods: 110 } }] }
  controlPlane: { etcd: { members: { alpha: 1 } }, apiServers: { alpha: 1 } }
${workload}
`;
}

function podYaml(cpu: string, more = ""): string {
  return `
apiVersion: v1
kind: Pod
metadata: { name: small, namespace: test }
spec:
  ${more}
  containers: [{ name: small, image: small, resources: { requests: { cpu: ${cpu} } } }]
`;
}

function burst(count: number, file = "pod.yaml", name = "burst", at = 60): string {
  const times = Array.from({ length: count }, () => `${at}s`).join(", ");
  return `      - { name: ${name}, pods: ${file}, process: { times: [${times}] } }`;
}

describe("the scheduler's client limit", () => {
  it("binds a burst of 500 in (500 − 100)/50 s (measured: 8.1 to 8.3 s)", () => {
    const study = studyOf(oneCentre(100, `  workload:\n    arrivals:\n${burst(500)}`), {
      "pod.yaml": podYaml("10m"),
    });
    const { cluster } = clusterOf(study);
    cluster.sim.run(study.model.horizonUs);
    const bound = cluster.store.pods.map((pod) => pod.boundUs).sort((a, b) => a - b);
    expect(bound).toHaveLength(500);
    const seconds = ((bound[499] ?? 0) - 60 * SECOND) / SECOND;
    expect(seconds).toBeGreaterThan(7.9);
    expect(seconds).toBeLessThan(8.6);
    const hundredth = ((bound[99] ?? 0) - 60 * SECOND) / SECOND;
    expect(hundredth).toBeLessThan(1);
  });

  it("stalls decisions behind the binds queued before an unschedulable pod's patch", () => {
    const workload = `  workload:\n    arrivals:\n${burst(400)}\n${burst(1, "big.yaml", "big")}\n${burst(1, "pod.yaml", "late", 61)}`;
    const study = studyOf(oneCentre(100, workload), {
      "pod.yaml": podYaml("10m"),
      "big.yaml": podYaml("64"),
    });
    const { cluster } = clusterOf(study);
    cluster.sim.run(study.model.horizonUs);
    const late = cluster.store.pods.find((pod) => pod.workload.includes("late"));
    // The patch waits behind about 300 binds at 50 a second; the pod created meanwhile waits with it.
    const waited = ((late?.boundUs ?? 0) - 61 * SECOND) / SECOND;
    expect(waited).toBeGreaterThan(3.5);
    expect(waited).toBeLessThan(8);
    const big = cluster.store.pods.find((pod) => pod.workload.includes("big"));
    expect(big?.boundUs).toBe(-1);
    expect(big?.message).toBe(
      "0/100 nodes are available: 100 Insufficient cpu. preemption: 0/100 nodes are available: 100 Preemption is not helpful for scheduling.",
    );
  });

  it("preempts: victims end, then the preemptor is bound to the nominated node", () => {
    const manifests = `
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: high }
value: 1000
`;
    const workload = `  workload:\n    manifests: [classes.yaml]\n    arrivals:\n${burst(8)}\n${burst(1, "high.yaml", "high", 90)}`;
    const study = studyOf(oneCentre(1, workload), {
      "classes.yaml": manifests,
      "pod.yaml": podYaml("1", "terminationGracePeriodSeconds: 30"),
      "high.yaml": podYaml("2", "priorityClassName: high"),
    });
    const { cluster } = clusterOf(study);
    cluster.sim.run(study.model.horizonUs);
    const high = cluster.store.pods.find((pod) => pod.workload.includes("high"));
    const victims = cluster.store.pods.filter((pod) => pod.disruptionReason === "PreemptionByScheduler");
    expect(victims).toHaveLength(2);
    expect(high?.node).toBe(0);
    for (const victim of victims) expect(high?.boundUs).toBeGreaterThan(victim.endedUs);
    expect((high?.boundUs ?? 0) - Math.max(...victims.map((pod) => pod.endedUs))).toBeLessThan(SECOND);
  });
});

describe("leader election", () => {
  it("takes over 13 to 24 s after a crash, about 17 in the middle", () => {
    const study = threeCentresStudy(
      "    - { kind: crash, scope: { controllerManager: production }, at: 3m }",
      {
        horizon: "4m",
      },
    );
    const waits: number[] = [];
    for (let replication = 0; replication < 30; replication++) {
      const { cluster } = clusterOf(study, replication, false);
      cluster.sim.run(AT + 60 * SECOND);
      const { events } = cluster.recorder.finish("default", replication, "test", 0, []);
      const next = events.find(
        (event) => event.atUs > AT && event.kind === "Leader" && event.subject === "kube-controller-manager",
      );
      waits.push(((next?.atUs ?? 0) - AT) / SECOND);
    }
    waits.sort((a, b) => a - b);
    expect(waits[0]).toBeGreaterThan(13);
    expect(waits[29]).toBeLessThan(24);
    expect(waits[15]).toBeGreaterThan(15.5);
    expect(waits[15]).toBeLessThan(18.7);
  });

  it("a leader whose writes fail gives up 10 to 12 s after its last renewal", () => {
    const study = threeCentresStudy("    - { kind: isolate, scope: { centre: production }, at: 3m }", {
      horizon: "4m",
    });
    const { cluster } = clusterOf(study);
    cluster.sim.run(AT + 9 * SECOND);
    expect(cluster.controllerElection.leaders()).toEqual([0]);
    cluster.sim.run(AT + 12.5 * SECOND);
    expect(cluster.controllerElection.leaders()).toEqual([]);
  });
});
