/** One run: simulate(model, policy, seed) → Replication. A function of its arguments and of nothing else. */
import { RandomStreams } from "../engine/random.js";
import type { Replication } from "../metrics/replication.js";
import type { PluginFactory } from "../policies/framework/types.js";
import { shelfWith } from "../policies/shelf.js";
import { Cluster } from "./cluster.js";
import { Invariants } from "./invariants.js";
import type { Model, PolicyModel, RunOptions } from "./model.js";

/**
 * Simulates one replication of a model under one policy, to the horizon. `shelf` holds every plugin that the policy
 * names (default: the project's own). Throws an AssertionError for a bug of ours, a LivelockError or StepLimitError
 * where the run does not end.
 */
export function simulate(
  model: Model,
  policy: PolicyModel,
  replication: number,
  options: RunOptions = {},
  shelf: ReadonlyMap<string, PluginFactory> = shelfWith(),
): Replication {
  // The policy is not in the root: all policies of a replication meet the same arrivals and the same failures.
  const cluster = new Cluster(
    model,
    policy,
    shelf,
    new RandomStreams(`${model.seed}/${replication}`),
    options,
  );
  if (options.checkInvariants === true) {
    const invariants = new Invariants({
      model,
      store: cluster.store,
      etcd: cluster.etcd,
      elections: [cluster.controllerElection, cluster.schedulerElection],
    });
    cluster.sim.observe(() => invariants.check());
  }
  cluster.start();
  cluster.sim.run(model.horizonUs);
  const warnings = [...cluster.scheduler.warnings];
  return cluster.recorder.finish(policy.name, replication, model.seed, cluster.sim.steps, warnings);
}
