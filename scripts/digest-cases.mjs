/**
 * What the determinism promise is held by: every shipped scenario with every one of its policies, every shipped study of
 * etcd with every cell, one replication, to a shortened horizon. Used by scripts/digests.mjs (built files, several versions of Node.js) and by test/digests.test.ts
 * (sources, the Node.js at hand), so that both mean the same runs.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

/** Simulated after the first thing that the author has happen: room for detection, 300 s of toleration and a start. */
const AFTER_FIRST_US = 420 * 1_000_000;

/** Simulated of a study of etcd: all shipped ones strike before. */
const STUDY_HORIZON_US = 26 * 1_000_000;

/** Names of the shipped scenarios, in bytewise order. `root` is the project's folder, with a slash at its end. */
export function shippedScenarios(root) {
  return shippedOf(root, "Scenario");
}

/** The same of studies of etcd. */
export function shippedStudies(root) {
  return shippedOf(root, "EtcdStudy");
}

function shippedOf(root, kind) {
  return readdirSync(`${root}scenarios`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => {
      const text = readFileSync(`${root}scenarios/${name}/scenario.yaml`, "utf8");
      return new RegExp(`^kind: ${kind}$`, "m").test(text);
    })
    .sort();
}

/**
 * One row for each policy of a scenario: the run's digest (observable transitions) and a hash over all its tables (every
 * figure, to the last bit). `library` has `loadScenario`, `fileSource` and `simulate`.
 */
export function digestRows(library, root, scenario) {
  const file = `${root}scenarios/${scenario}/scenario.yaml`;
  const whole = load(library, file, {});
  const horizonUs = shortHorizonUs(whole.model);
  const { model, policies } = load(library, file, { horizonUs });
  return policies.map((policy) => {
    const run = library.simulate(model, policy, 0, {});
    const { digest, steps, ...tables } = run;
    return { scenario, policy: policy.name, digest, steps, tables: hash(JSON.stringify(tables)) };
  });
}

/** One row for each cell of a study of etcd. `library` has `loadEtcdStudy`, `fileSource` and `playCell`. */
export function studyDigestRows(library, root, name) {
  const file = `${root}scenarios/${name}/scenario.yaml`;
  const { study, problems } = library.loadEtcdStudy(file, library.fileSource(), {
    horizonUs: STUDY_HORIZON_US,
  });
  if (study === undefined) throw new Error(`${file}: ${JSON.stringify(problems.list(), null, 2)}`);
  return study.cells.map((cell, index) => {
    const { digest, steps, ...tables } = library.playCell(study, index, 0);
    return { scenario: name, policy: cell.name, digest, steps, tables: hash(JSON.stringify(tables)) };
  });
}

function load(library, file, overrides) {
  const { study, problems } = library.loadScenario(file, library.fileSource(), overrides);
  if (study === undefined) throw new Error(`${file}: ${JSON.stringify(problems.list(), null, 2)}`);
  return study;
}

/** A little beyond the first failure or roll-out; half the run where neither is written. */
function shortHorizonUs(model) {
  const moments = [
    ...model.rollouts.map((rollout) => rollout.atUs),
    ...model.failures.flatMap(({ occurrence }) => (occurrence.kind === "at" ? occurrence.timesUs : [])),
  ];
  const wanted = moments.length > 0 ? Math.min(...moments) + AFTER_FIRST_US : Math.ceil(model.horizonUs / 2);
  return Math.min(model.horizonUs, Math.max(wanted, model.warmUpUs + AFTER_FIRST_US));
}

function hash(text) {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
