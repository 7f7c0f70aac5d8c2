/** One cell of a study, simulated. Loaded by path in worker threads, so that they load nothing else. */
import { assert, present } from "../assert.js";
import type { StudyModel } from "../cluster/model.js";
import { simulate } from "../cluster/simulate.js";
import type { Replication } from "../metrics/replication.js";
import { loadPolicy } from "../policies/load.js";
import { shelfWith } from "../policies/shelf.js";
import type { Cell } from "./plan.js";

/** Loads the policy's own file where it has one, and simulates. */
export async function runCell(study: StudyModel, cell: Cell): Promise<Replication> {
  const policy = present(study.policies[cell.policyIndex], `policy ${cell.policyIndex} is in the study`);
  const own = policy.file === undefined ? [] : [await loadPolicy(policy.file)];
  const options = cell.replication === study.eventsOf ? { ...study.options, events: true } : study.options;
  const run = simulate(study.model, policy, cell.replication, options, shelfWith(own));
  // A figure that is none is a bug of this cell; found here, it costs the study one cell and not all its files.
  for (const { metric, of, value } of run.metrics) {
    assert(Number.isFinite(value), `metric ${metric} of ${of} is ${value}`);
  }
  return run;
}
