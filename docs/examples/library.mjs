// Seatrial as a library. Run it in the project's folder: node docs/examples/library.mjs
import { fileURLToPath } from "node:url";
import {
  compile,
  definePolicy,
  evaluateObjectives,
  fileSource,
  formatProblem,
  freeShareAfter,
  parseScenario,
  runExperiment,
  shelfWith,
  simulate,
} from "seatrial";

// 1. A scenario file → what its author wrote, checked. Mistakes come as data, all at once.
const file = fileURLToPath(new URL("../../scenarios/node-failure-defaults/scenario.yaml", import.meta.url));
const files = fileSource();
const parsed = parseScenario(file, files);
if (parsed.scenario === undefined) {
  for (const problem of parsed.problems.list()) console.error(formatProblem(problem));
  process.exit(2);
}

// 2. → a model (plain data: dense ids, whole µs), the policies to compare, the promises to keep.
const { study, objectives, problems } = compile(parsed.scenario, files, {
  seed: "library-example",
  replications: 3,
});
if (study === undefined) {
  for (const problem of problems.list()) console.error(formatProblem(problem));
  process.exit(2);
}
console.log(`${study.model.name}: ${study.model.topology.nodes.length} nodes`);

// 3. One run: simulate(model, policy, replication) → tables. The same arguments give the same tables.
const run = simulate(study.model, study.policies[0], 0, { events: true });
console.log(`digest ${run.digest}, ${run.steps} events, ${run.pods.length} pods`);
for (const failure of run.failures) {
  if (failure.rtoUs === null) continue;
  console.log(`${failure.failure}: ${failure.workload} served again after ${failure.rtoUs / 1e6} s`);
}
console.log(`first transition: ${run.events[0]?.kind} of ${run.events[0]?.subject}`);

// 4. A policy of one's own, in code: put it on the shelf and into a profile.
const fullest = definePolicy({
  name: "Fullest",
  dependsOn: "node",
  score: (view, pod, node) => 100 - Math.floor(100 * freeShareAfter(view, pod, node)),
});
const [base] = study.policies[0].profiles;
const profile = {
  ...base,
  plugins: [
    ...base.plugins.map((plugin) => ({ ...plugin, scoreWeight: 0 })),
    { name: fullest.name, scoreWeight: 1, filter: true, postFilter: true },
  ],
};
const policy = { name: fullest.name, profiles: [profile] };
const other = simulate(study.model, policy, 0, {}, shelfWith([fullest]));
console.log(`${fullest.name}: digest ${other.digest}`);

// 5. A whole study over worker threads: every policy × replication, with 95 % intervals and verdicts.
const result = await runExperiment(study, { workers: 2 });
for (const { policy, met, detail } of evaluateObjectives(objectives, result.study.policies, result.summary)) {
  console.log(`${met ? "met" : "missed"}, ${policy}: ${detail}`);
}
