import type { Model, StudyModel } from "../../src/cluster/model.js";
import type { Replication } from "../../src/metrics/replication.js";

/** A study whose model has a head and nothing else: for tests that run a task of their own. */
export function studyOf(policies: readonly string[], replications: number, seed = "test"): StudyModel {
  const head: Partial<Model> = { name: "a study", seed, warmUpUs: 60_000_000, horizonUs: 3_600_000_000 };
  return {
    model: head as Model,
    policies: policies.map((name) => ({ name, profiles: [] })),
    replications,
    options: {},
  };
}

/** A replication with the given parts, the rest empty. */
export function replicationOf(
  parts: Partial<Replication> & Pick<Replication, "policy" | "replication">,
): Replication {
  return {
    seed: "test",
    metrics: [],
    failures: [],
    pods: [],
    series: { intervalUs: 1_000_000, columns: [], rows: [] },
    events: [],
    digest: "0123456789abcdef",
    steps: 10,
    warnings: [],
    ...parts,
  };
}

/** The stand-in for the simulation, see there. */
export const TASK = new URL("./fixtures/task.mjs", import.meta.url).href;
