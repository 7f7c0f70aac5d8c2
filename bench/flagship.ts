/** One replication of the flagship scenario for each of its policies: events a second, and times as fast as real time. */
import { fileURLToPath } from "node:url";
import { built, cpuSeconds, figure } from "./built.js";

const { loadScenario } = await built<typeof import("../src/scenario/compile.js")>("scenario/compile");
const { fileSource } = await built<typeof import("../src/workload/files.js")>("workload/files");
const { simulate } = await built<typeof import("../src/cluster/simulate.js")>("cluster/simulate");

const file = fileURLToPath(new URL("../scenarios/production-centre-lost/scenario.yaml", import.meta.url));
const { study } = loadScenario(file, fileSource());
if (study === undefined) throw new Error("the flagship scenario compiles");
const { model, policies } = study;
for (const policy of policies) {
  let steps = 0;
  const seconds = cpuSeconds(() => {
    steps = simulate(model, policy, 0, {}).steps;
  });
  console.log(
    `${policy.name.padEnd(14)} ${seconds.toFixed(2)} CPU s for ${figure(steps)} events, ` +
      `${figure(steps / seconds)} a second, ${figure(model.horizonUs / 1e6 / seconds)} times as fast as real time`,
  );
}
