/** `plan` finds what trying every count finds, and its proof holds when it is run again. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  compile,
  evaluateObjectives,
  fileSource,
  findCapacity,
  parseScenario,
  runExperiment,
} from "../../src/index.js";
import { deployment, PLACEMENT, Workshop } from "./harness.js";

interface Case {
  readonly replicas: number;
  readonly cpu: string;
  readonly objective: string;
  /** The control plane in full, and what fails. */
  readonly failure?: string;
  readonly policy?: string;
}

const PENDING = "{ metric: podsPendingAtEnd, atMost: 0 }";

const CASES: Readonly<Record<string, Case>> = {
  "one pod": { replicas: 1, cpu: "1", objective: PENDING },
  "pods that fill nodes exactly": { replicas: 12, cpu: "1", objective: PENDING },
  "one pod too many for three nodes": { replicas: 13, cpu: "1", objective: PENDING },
  "pods of which two share a node": { replicas: 7, cpu: "1500m", objective: PENDING },
  "pods of which one fills a node": { replicas: 5, cpu: "3", objective: PENDING },
  "pods that wait allowed": { replicas: 14, cpu: "1", objective: "{ metric: podsPendingAtEnd, atMost: 3 }" },
  "a ceiling on utilisation": {
    replicas: 6,
    cpu: "1",
    objective: "{ metric: utilisationMax, of: resource/cpu, atMost: 50% }",
  },
  "a floor on what is placed": {
    replicas: 20,
    cpu: "1",
    objective: "{ metric: podsPlaced, atLeast: 17 }",
    policy: "BestFit",
  },
  "more than the largest count can hold": { replicas: 25, cpu: "1", objective: PENDING },
  "a node lost under load": {
    replicas: 9,
    cpu: "1",
    objective: PENDING,
    failure: "{ kind: power, scope: { node: one-web-0 }, at: 20s }",
  },
};

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
});

afterAll(() => workshop.remove());

/** Deletes pods of a lost node after 5 s, so that the run may be short. */
const IMPATIENT = `
      tolerations:
        - { key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 5 }
`;

function writeCase(folder: string, { replicas, cpu, objective, failure }: Case): string {
  const full = failure === undefined ? "" : `\n  failures:\n    - ${failure}`;
  const scenario = PLACEMENT.replace(PENDING, objective).replace("\n  objectives:", `${full}\n  objectives:`);
  const text =
    failure === undefined
      ? scenario
      : scenario
          .replace("controlPlane: { mode: ideal }", "controlPlane: {}")
          .replace("horizon: 1m", "horizon: 2m");
  workshop.write(
    `${folder}/pods.yaml`,
    deployment(replicas, cpu) + (failure === undefined ? "" : IMPATIENT.slice(1)),
  );
  return workshop.write(`${folder}/scenario.yaml`, text);
}

/** Every count from 1 to 6, in this process. */
async function bruteForce(file: string, policyName = "default"): Promise<boolean[]> {
  const files = fileSource(workshop.folder);
  const { scenario } = parseScenario(file, files);
  if (scenario === undefined) throw new Error(`${file} does not parse`);
  const { spec } = scenario.scenario;
  const chosen = {
    ...scenario,
    scenario: { ...scenario.scenario, spec: { ...spec, policies: [policyName] } },
  };
  const met: boolean[] = [];
  for (let count = 1; count <= 6; count++) {
    const { study, objectives } = compile(chosen, files, { nodePoolCount: { pool: "one/web", count } });
    if (study === undefined) throw new Error(`${file} does not compile`);
    const { summary } = await runExperiment(study, { workers: 0 });
    met.push(evaluateObjectives(objectives, [policyName], summary).every((verdict) => verdict.met));
  }
  return met;
}

describe("plan", () => {
  it.each(Object.entries(CASES))("finds the fewest nodes as brute force does: %s", async (title, one) => {
    const folder = title.replaceAll(" ", "-");
    const file = writeCase(folder, one);
    const met = await bruteForce(file, one.policy);
    const fewest = met.indexOf(true) + 1;
    const words = one.policy === undefined ? [] : ["--policy", one.policy];
    const out = `${folder}/out`;
    const { code, stdout } = await workshop.seatrial(
      "plan",
      file,
      ...words,
      "--workers",
      "0",
      "--json",
      "--out",
      out,
    );
    const found = JSON.parse(stdout);
    expect(JSON.parse(workshop.read(`${out}/plan.json`))).toEqual(found);
    for (const { count, met: kept } of found.evaluations) expect(kept).toBe(met[count - 1]);
    if (fewest === 0) {
      expect({ code, count: found.count }).toEqual({ code: 1, count: null });
      return;
    }
    expect({ code, count: found.count }).toEqual({ code: 0, count: fewest });
    expect(found.enough).toMatchObject({ count: fewest, met: true });
    expect(workshop.has(`${out}/nodes-${fewest}/summary.csv`)).toBe(true);
    if (fewest === 1) expect(found.tooFew).toBeNull();
    else expect(found.tooFew).toMatchObject({ count: fewest - 1, met: false });
  });

  it("prints its proof as commands, which say the same when they are run", async () => {
    const file = writeCase("proof", { replicas: 13, cpu: "1", objective: PENDING });
    const { code, stdout } = await workshop.seatrial("plan", file, "--workers", "0", "--replications", "1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^4 nodes of one\/web are enough, 3 are not\.$/m);
    const commands = stdout.match(/^ +npx seatrial run .*$/gm) ?? [];
    const codes = [];
    for (const command of commands) {
      codes.push((await workshop.printed(`${command} --quiet --workers 0`)).code);
    }
    expect(codes).toEqual([0, 1]);
    // The replay writes what the search wrote.
    expect(workshop.read("results/placement/summary.csv")).toEqual(
      workshop.read("results/placement-plan/nodes-3/summary.csv"),
    );
  });

  it("needs objectives to look for", async () => {
    const text = PLACEMENT.replace(/ {2}objectives:\n.*\n/, "");
    workshop.write("aimless/pods.yaml", deployment(1));
    const file = workshop.write("aimless/scenario.yaml", text);
    const { code, stderr } = await workshop.inProcess("plan", file, "--out", "out");
    expect({ code, written: workshop.has("out") }).toEqual({ code: 2, written: false });
    expect(stderr).toMatch(/expected spec\.objectives/);
  });

  it("is bisection: far fewer counts are run than there are", async () => {
    let asked = 0;
    const { count } = await findCapacity({
      min: 1,
      max: 1_000,
      evaluate: async (nodes) => {
        asked++;
        return { met: nodes >= 617, detail: "" };
      },
    });
    expect(count).toBe(617);
    expect(asked).toBeLessThan(20);
  });
});
