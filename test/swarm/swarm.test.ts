/** Random cluster lives: every invariant after every event, then heal and demand progress. */
import { describe, expect, it } from "vitest";
import type { Cluster } from "../../src/cluster/cluster.js";
import type { StudyModel } from "../../src/cluster/model.js";
import { simulate } from "../../src/cluster/simulate.js";
import { MINUTE } from "../../src/units/time.js";
import { clusterOf } from "../cluster/scenarios.js";
import { FAILURE_KINDS, kindOf, randomLife } from "./random-life.js";

const LIVES = 200;
const TIMES_MIN = 10;

describe("the swarm", () => {
  it(`keeps every invariant after every event of ${LIVES} random lives, and heals once failures stop`, () => {
    const struck = new Map<string, number>();
    let checks = 0;
    for (let seed = 0; seed < LIVES; seed++) {
      try {
        const study = randomLife(seed);
        const { cluster, invariants } = clusterOf(study);
        cluster.sim.run(study.model.horizonUs);
        checks += invariants.checks;
        expectHealed(cluster, study);
        for (const failure of study.model.failures) {
          struck.set(kindOf(failure), (struck.get(kindOf(failure)) ?? 0) + 1);
        }
      } catch (cause) {
        throw new Error(`life ${seed}: randomLife(${seed}) in test/swarm/random-life.ts`, { cause });
      }
    }
    const counts = FAILURE_KINDS.map((kind) => `${kind} ${struck.get(kind) ?? 0}`).join(", ");
    console.log(`swarm: ${LIVES} lives, ${checks} events checked; ${counts}`);
    for (const kind of FAILURE_KINDS) {
      expect(struck.get(kind) ?? 0, `${kind} occurred`).toBeGreaterThanOrEqual(TIMES_MIN);
    }
  }, 240_000);

  it("catches a scheduler that forgets to look at free resources", () => {
    expect(() => livesWithout("NodeResourcesFit")).toThrow(/requested \d+ ≤ allocatable/);
  });

  it("gives the same digest twice, and another for another seed", () => {
    const digest = (seed: number, replication: number): string => {
      const { model, policies } = randomLife(seed);
      const policy = policies[0];
      if (policy === undefined) throw new Error("a study has a policy");
      return simulate(model, policy, replication).digest;
    };
    expect(digest(7, 0)).toBe(digest(7, 0));
    expect(digest(7, 1)).not.toBe(digest(7, 0));
    expect(digest(8, 0)).not.toBe(digest(7, 0));
  });
});

/** After the last repair: a leader, nodes Ready and untainted, workloads whole where they fit, nothing stuck. */
function expectHealed(cluster: Cluster, { model }: StudyModel): void {
  const { store, etcd, api } = cluster;
  expect(etcd.leader(), "etcd has a leader").toBeGreaterThanOrEqual(0);
  expect(cluster.controllerElection.leaders(), "a controller manager leads").toHaveLength(1);
  expect(cluster.schedulerElection.leaders(), "a scheduler leads").toHaveLength(1);
  for (const centre of model.topology.centres)
    expect(api.writable(centre.id), `${centre.name} can write`).toBe(true);
  for (const node of store.nodes) {
    const name = model.topology.nodes[node.id]?.name;
    expect([name, node.ready, node.taints]).toEqual([name, "True", []]);
  }
  const stuck = [...store.livePods].filter(
    (pod) => pod.deletingUs >= 0 && cluster.sim.now - pod.deletingUs > 2 * MINUTE,
  );
  expect(stuck.map((pod) => pod.name)).toEqual([]);
  for (const deployment of store.deployments) {
    const ready = [...store.livePods].filter(
      (pod) => pod.workload === deployment.workload && pod.ready && pod.deletingUs < 0,
    );
    const pending = [...store.livePods].filter((pod) => pod.workload === deployment.workload && pod.node < 0);
    expect(ready.length + pending.length, `${deployment.workload} has its pods`).toBeGreaterThanOrEqual(
      deployment.replicas,
    );
    expect(
      pending.filter((pod) => pod.message === "").map((pod) => pod.name),
      "a pod that pends was told why",
    ).toEqual([]);
  }
  const serving = store.service(0).endpoints;
  const ready = [...store.livePods].filter(
    (pod) => pod.services.includes(0) && pod.ready && pod.deletingUs < 0,
  );
  expect([...serving].sort(), "endpoints are the ready pods").toEqual(ready.map((pod) => pod.id).sort());
}

function livesWithout(plugin: string): void {
  for (let seed = 0; seed < 20; seed++) {
    const study = randomLife(seed);
    const policies = study.policies.map((policy) => ({
      ...policy,
      profiles: policy.profiles.map((profile) => ({
        ...profile,
        plugins: profile.plugins.map((entry) =>
          entry.name === plugin ? { ...entry, filter: false } : entry,
        ),
      })),
    }));
    const { cluster } = clusterOf({ ...study, policies });
    cluster.sim.run(study.model.horizonUs);
  }
}
